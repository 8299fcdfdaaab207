"""Which runs use up attempts, and how long a subject rests after runs that did not."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.errors import AdvisoryPerfError, LakeError, LakeOutageError, LockHeldError, LostLockError, WarehouseError
from advisory_perf.monitoring.attempts import LONGEST_REST, Tries, rest_after
from advisory_perf.orchestration.planning import LONGEST_WAIT, MOST_PENDING, waits_for_ingestions
from advisory_perf.orchestration.run_history import CAUSE_TAG, SUBJECT_TAG, tries_for
from advisory_perf_tests.orchestration.scenarios import a_world, an_entry, days

pytestmark = pytest.mark.slow

NOW = datetime(2025, 4, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run_that_raises(
    instance: dg.DagsterInstance, error: BaseException | None, cause: BaseException | None = None, *, subject: str = "d"
) -> dg.DagsterRun:
    @dg.op
    def work() -> None:
        if error is not None:
            raise error from cause

    @dg.job
    def job() -> None:
        work()

    tags = {SUBJECT_TAG: subject, "dagster/run_key": f"{subject}:{len(instance.get_runs()) + 1}"}
    return job.execute_in_process(instance=instance, raise_on_error=False, tags=tags).dagster_run


def tries(instance: dg.DagsterInstance, *, after: timedelta = timedelta(minutes=10)) -> Tries:
    """Without those in vain, which a property of histories tells."""
    return replace(tries_for(instance, "d", now=datetime.now(UTC) + after), in_vain=0, in_vain_since=None)


class OperationalError(Exception):
    """Called as those of psycopg and SQLAlchemy are."""


@pytest.mark.parametrize(
    ("error", "cause", "is_own"),
    [
        (KeyError("a mistake of the code"), None, True),
        (LakeError("rows of other windows"), None, True),
        (WarehouseError("refused: a check"), OperationalError("the first of our own errors decides"), True),
        (AdvisoryPerfError("a sentence"), None, True),
        (LakeOutageError("no room"), None, False),
        (LockHeldError("held"), None, False),
        (LostLockError("lost"), None, False),
        (RuntimeError("wrapped"), LakeOutageError("no room"), False),
        (OperationalError("could not connect"), None, False),
        (RuntimeError("wrapped"), OperationalError("could not connect"), False),
        (ConnectionResetError("[Errno 104] Connection reset by peer"), None, False),
        (OSError(28, "No space left on device"), None, False),
        (OSError(30, "Read-only file system"), None, False),
        (OSError(2, "No such file"), None, True),
    ],
)
def test_only_what_the_work_itself_causes_uses_up_an_attempt(
    instance: dg.DagsterInstance, error: BaseException, cause: BaseException | None, *, is_own: bool
) -> None:
    run_that_raises(instance, error, cause)
    assert tries(instance) == Tries(failed=int(is_own), others=int(not is_own), last_attempt=1)


def test_a_run_that_never_started_or_lost_its_worker_uses_up_nothing(instance: dg.DagsterInstance) -> None:
    for number in range(5):
        run = instance.create_run_for_job(
            dg.GraphDefinition(name="nothing").to_job(), tags={SUBJECT_TAG: "d", "dagster/run_key": f"d:{number}"}
        )
        instance.report_run_failed(run, "its worker was lost")
    assert tries(instance) == Tries(others=5, last_attempt=4)


def test_a_run_that_somebody_stopped_is_not_launched_for_ever(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(dg.GraphDefinition(name="nothing").to_job(), tags={SUBJECT_TAG: "d"})
    instance.report_run_canceled(run)
    assert tries(instance).failed == 1


def test_why_a_run_failed_is_read_once_and_shown_as_its_tag(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    outage = run_that_raises(instance, LakeOutageError("no room"))
    own = run_that_raises(instance, KeyError("x"))
    first = tries(instance)
    monkeypatch.setattr(dg.DagsterInstance, "all_logs", lambda *_, **__: pytest.fail("read again"))
    assert tries(instance) == first
    assert [instance.get_run_by_id(run.run_id).tags[CAUSE_TAG] for run in (outage, own)] == [f"outage {outage.run_id}", f"own {own.run_id}"]  # type: ignore[union-attr]


def test_attempts_expire_after_a_day(instance: dg.DagsterInstance) -> None:
    for _ in range(3):
        run_that_raises(instance, KeyError("x"))
    assert tries(instance).are_used_up(3)
    assert tries(instance, after=timedelta(hours=25)) == Tries(failed=0, last_attempt=3)


def test_a_subject_rests_after_runs_without_an_effect_and_not_after_its_own_failure(instance: dg.DagsterInstance) -> None:
    at_once = timedelta()
    run_that_raises(instance, None)
    assert tries(instance, after=at_once).is_resting
    assert not tries(instance, after=timedelta(seconds=6)).is_resting
    run_that_raises(instance, LakeOutageError("no room"))
    assert tries(instance, after=timedelta(seconds=6)).is_resting
    assert not tries(instance, after=timedelta(seconds=11)).is_resting
    run_that_raises(instance, KeyError("x"))
    assert not tries(instance, after=at_once).is_resting


def test_rests_grow_twofold_up_to_the_longest() -> None:
    assert [rest_after(runs).total_seconds() for runs in range(9)] == [0, 5, 10, 20, 40, 80, 160, 300, 300]
    assert rest_after(10**6) == LONGEST_REST
    assert rest_after(10**6, timedelta(seconds=7)) == timedelta(seconds=7)


def test_the_longest_rest_is_a_setting(tmp_path: Path, warehouse_url: str) -> None:
    """Ten ingestions met an outage, the last one half a minute ago."""
    with a_world(tmp_path, warehouse_url, longest_rest_seconds=20) as world:
        delivery_id = delivery_id_of(world.put("acme_1.csv", "x"))
        for _ in range(10):
            run_that_raises(world.instance, LakeOutageError("no room"), subject=delivery_id)
        assert not world.tick("arrivals").run_requests
        world.clock.ahead = timedelta(seconds=30)
        assert [request.partition_key for request in world.tick("arrivals").run_requests] == [delivery_id]


# waiting for ingestions -------------------------------------------------------------------------------------------------


def waits(ingestions: list[Tries], *, pending: int = 1, since: timedelta = timedelta(seconds=10)) -> bool:
    entries = [an_entry(f"d{number}", days(4)[0], started=NOW - since) for number in range(pending)]
    return waits_for_ingestions(entries, ingestions, attempts=3, now=NOW)


@pytest.mark.parametrize(
    ("ingestion", "expected"),
    [
        (Tries(in_flight=True), True),
        (Tries(), True),
        (Tries(failed=2), True),
        (Tries(failed=3), False),
        (Tries(others=4, is_resting=True), False),
    ],
)
def test_a_pipeline_waits_for_ingestions_that_run_or_are_about_to(ingestion: Tries, *, expected: bool) -> None:
    assert waits([Tries(failed=3), ingestion]) is expected


def test_a_pipeline_waits_for_no_file_that_nothing_ingests() -> None:
    assert not waits([])


def test_a_pipeline_does_not_wait_for_ever_while_files_keep_coming() -> None:
    assert waits([Tries()], since=LONGEST_WAIT - timedelta(seconds=1))
    assert not waits([Tries()], since=LONGEST_WAIT)
    assert not waits([Tries()], pending=MOST_PENDING)
