"""What of Dagster's own storage goes when it is old, and what stays."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.errors import LakeOutageError
from advisory_perf.lake.store import Lake
from advisory_perf.monitoring.attempts import abandoning_subject
from advisory_perf.orchestration.jobs.upkeep import (
    JOB_NAME,
    Removed,
    keep_up,
    needed_subjects,
    partitions_to_remove,
    run_may_go,
    says_what_went,
)
from advisory_perf.orchestration.planning import pipeline_subject
from advisory_perf.orchestration.run_history import SUBJECT_TAG, tries_for
from advisory_perf_tests.orchestration.scenarios import A_THIRD, World, a_world, an_entry, csv, days

NOW = datetime(2025, 7, 1, tzinfo=UTC)
BEFORE = NOW - timedelta(days=90)
(THIRD,) = days(3)
WINDOWS_OF_ACME = dg.AssetKey(["acme", "performance_data"])


@pytest.mark.parametrize(
    ("subject", "age", "goes"),
    [
        ("over", 91, True),
        (None, 91, True),
        ("over", 89, False),
        ("needed", 91, False),
    ],
)
def test_a_run_goes_when_it_is_old_and_nothing_counts_it(subject: str | None, age: int, *, goes: bool) -> None:
    assert run_may_go(subject, NOW - timedelta(days=age), before=BEFORE, needed={"needed"}) is goes


def test_a_run_of_which_nobody_knows_when_it_ended_stays() -> None:
    assert not run_may_go("over", None, before=BEFORE, needed=set())


def test_what_waits_needs_its_attempts() -> None:
    pending = [an_entry("ingested", THIRD)]
    assert needed_subjects(["waiting"], [("acme", pending), ("alpha", [])]) == {
        "waiting",
        abandoning_subject("waiting"),
        pipeline_subject("acme", pending),
        "ingested",
    }


def test_partitions_go_of_deliveries_that_ended_long_ago_and_of_files_that_nobody_knows() -> None:
    def ended(name: str, status: str, at: datetime, *, pending: bool = False) -> LedgerEntry:
        return replace(
            an_entry(name, THIRD if pending else None), status=status, processing_start_time=at, processing_end_time=at, received_at=at
        )

    old, young = BEFORE - timedelta(days=1), BEFORE + timedelta(days=1)
    entries = [
        ended("done", "COMPLETED", old),
        ended("issues", "COMPLETED_WITH_ISSUES", old),
        ended("rejected", "FAILED", old),
        ended("young", "COMPLETED", young),
        ended("ingestion", "RECEIVED", old),
        ended("ingested", "PROCESSING", old),
        ended("rejected later", "FAILED", old, pending=True),
        ended("there again", "FAILED", old),
    ]
    keys = [entry.delivery_id for entry in entries] + ["taken away", "taken away lately"]
    gone = partitions_to_remove(keys, entries, before=BEFORE, needed={"there again", "taken away lately"})
    assert gone == ["done", "issues", "rejected", "taken away"]


def later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """One whose instance records what the page shows."""
    with a_world(tmp_path, warehouse_url, recording=True) as made:
        yield made


def events(world: World) -> int:
    return sum(len(world.instance.all_logs(run.run_id)) for run in world.instance.get_runs())


def test_old_runs_and_partitions_go_and_what_the_page_shows_of_windows_stays(world: World) -> None:
    for restated in ("110.00,0.10000", "110.00,0.10000\n"):
        name = f"acme_{len(restated)}.csv"
        assert world.ingest(name, csv(A_THIRD.rsplit(",", 2)[0] + "," + restated)).success
        world.run_pending_pipeline() if world.platform.ledger.pending("acme") else None
    first, last = THIRD, THIRD
    assert world.run_pipeline(first, last).success
    shown = world.instance.get_latest_storage_id_by_partition(WINDOWS_OF_ACME, dg.DagsterEventType.ASSET_MATERIALIZATION)
    runs = {run.run_id: run.job_name for run in world.instance.get_runs()}
    assert keep_up(world.platform, world.instance, now=later(89)) == Removed(0, 0, 0, is_complete=True)
    assert {run.run_id for run in world.instance.get_runs()} == set(runs)

    removed = keep_up(world.platform, world.instance, now=later(91))
    assert (removed.runs, removed.kept, removed.is_complete) == (len(runs) - 1, 1, True)
    assert removed.partitions == len({entry.delivery_id for entry in world.platform.ledger.entries()})
    (left,) = world.instance.get_runs()
    assert left.job_name == "acme_pipeline"
    assert world.instance.get_latest_storage_id_by_partition(WINDOWS_OF_ACME, dg.DagsterEventType.ASSET_MATERIALIZATION) == shown
    assert world.instance.get_dynamic_partitions("acme_deliveries") == []
    assert keep_up(world.platform, world.instance, now=later(91)) == Removed(0, 1, 0, is_complete=True)


def failed_run(world: World, subject: str) -> str:
    run = world.instance.create_run_for_job(dg.GraphDefinition(name="nothing").to_job(), tags={SUBJECT_TAG: subject})
    world.instance.report_run_failed(run)
    return run.run_id


def test_a_pass_removes_no_more_than_agreed_and_the_next_one_goes_on(world: World) -> None:
    for number in range(5):
        failed_run(world, f"d{number}")
    assert keep_up(world.platform, world.instance, now=later(91), at_most=3) == Removed(3, 0, 0, is_complete=False)
    assert keep_up(world.platform, world.instance, now=later(91), at_most=3) == Removed(2, 0, 0, is_complete=True)


def test_a_run_that_was_half_removed_is_removed_by_the_next_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = failed_run(world, "d")

    def killed(_instance: dg.DagsterInstance, run_id: str) -> None:
        raise KeyboardInterrupt(run_id)

    with monkeypatch.context() as patched:
        patched.setattr(dg.DagsterInstance, "delete_run", killed)
        with pytest.raises(KeyboardInterrupt, match=run_id):
            keep_up(world.platform, world.instance, now=later(91))
    assert world.instance.all_logs(run_id) == []
    assert keep_up(world.platform, world.instance, now=later(91)).runs == 1
    assert world.instance.get_runs() == []


def test_attempts_of_a_file_that_still_waits_are_kept(world: World) -> None:
    waiting = delivery_id_of(world.put("acme_1.csv", csv(A_THIRD)))
    failed_run(world, waiting)
    failed_run(world, "gone")
    assert keep_up(world.platform, world.instance, now=later(91)).runs == 1
    assert tries_for(world.instance, waiting, now=later(0)).others == 1


def test_what_a_lost_run_staged_goes_after_a_day(world: World) -> None:
    staged = "_staging/net_flows/acme/2025-03-03.parquet"
    world.platform.lake.write(staged, b"half")
    keep_up(world.platform, world.instance, now=later(0.9))
    assert world.platform.lake.exists(staged)
    keep_up(world.platform, world.instance, now=later(1.1))
    assert not world.platform.lake.exists(staged)


def test_while_the_lake_cannot_be_listed_nothing_goes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_lake: Lake, _prefix: str) -> list[object]:
        raise LakeOutageError("the lake does not answer")

    failed_run(world, "d")
    monkeypatch.setattr(Lake, "files", unreachable)
    with pytest.raises(LakeOutageError, match="the lake does not answer"):
        keep_up(world.platform, world.instance, now=later(91))
    assert len(world.instance.get_runs()) == 1


def test_the_job_runs_every_night_and_says_what_went(world: World) -> None:
    (schedule,) = world.definitions.get_repository_def().schedule_defs
    assert (schedule.job_name, schedule.cron_schedule, schedule.default_status) == (
        JOB_NAME,
        "17 3 * * *",
        dg.DefaultScheduleStatus.RUNNING,
    )
    assert world.definitions.resolve_job_def(JOB_NAME).execute_in_process(instance=world.instance).success
    assert says_what_went(Removed(1200, 3, 40, is_complete=False), days=90) == (
        "removed 1,200 runs that ended more than 90 days ago, with their events, and 40 partitions of deliveries; 3 older runs stay, since "
        "the page shows windows by them; more is left, which the next pass removes"
    )
