"""What the sensors, jobs and the schedule are put together of: intervals, run keys, tags, configs, cursors; and runs to a fixed second."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.monitoring.attempts import abandoning_subject
from advisory_perf.orchestration import run_history
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.orchestration.run_config import PATH_TAG, printing
from advisory_perf.orchestration.run_history import (
    CAUSE_TAG,
    OUTAGE,
    OWN,
    SUBJECT_TAG,
    failed_attempts,
    histories_of,
    latest_failure,
    tries_for,
)
from advisory_perf_tests.orchestration.scenarios import A_THIRD, NOWHERE, World, a_world, csv, settings_with_acme

pytestmark = pytest.mark.slow

NOON = datetime(2025, 4, 1, 12, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """What an installation defines whose runs print errors only."""
    return build_definitions(settings_with_acme(tmp_path_factory.mktemp("loud"), NOWHERE, log_level="ERROR"))


def test_how_often_each_sensor_looks(loud: dg.Definitions) -> None:
    found = {sensor.name: sensor.minimum_interval_seconds for sensor in loud.get_repository_def().sensor_defs}
    assert found == {"arrivals": 5, "pipelines": 5, "watch": 30, "alerts": 15, "pulse": 30, "firm_performance": 30}


def test_every_job_and_the_schedule_print_what_the_installation_says(loud: dg.Definitions) -> None:
    configs = {job.name: getattr(job, "config", None) for job in loud.jobs or []}
    assert {name for name, config in configs.items() if config == printing("ERROR")} == {
        f"{vendor}_{kind}" for vendor in ("acme", "vendor_a", "vendor_b", "vendor_c", "vendor_d") for kind in ("ingestion", "pipeline")
    } | {"firm_performance"}
    (schedule,) = loud.get_repository_def().schedule_defs
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("17 3 * * *", "UTC")
    with dg.build_schedule_context(scheduled_execution_time=NOON) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.run_config == printing("ERROR")


def test_everything_runs_in_one_process_and_reads_what_it_reads_of_every_partition(loud: dg.Definitions) -> None:
    assert loud.resolve_job_def("acme_pipeline").executor_def.name == dg.in_process_executor.name
    specs = {spec.key.to_user_string(): spec for spec in loud.resolve_all_asset_specs()}
    for asset in ("acme/normalized_positions", "accounts"):
        assert {type(dep.partition_mapping) for dep in specs[asset].deps} == {dg.AllPartitionMapping}, asset
    (before,) = [dep.partition_mapping for dep in specs["acme/twrr_series"].deps if dep.asset_key.path[-1] == "twrr_series"]
    assert isinstance(before, dg.TimeWindowPartitionMapping)
    assert (before.start_offset, before.end_offset, before.allow_nonexistent_upstream_partitions) == (-1, -1, True)


# requests -------------------------------------------------------------------------------------------------------------


def test_each_request_names_its_subject_and_prints_what_the_installation_says(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        file, strange = world.put("acme_1.csv", csv(A_THIRD)), world.put("x.csv", "x", folder="nobody")
        delivery_id = delivery_id_of(file)
        ingestion, rejection = world.tick("arrivals").run_requests
        tags = {SUBJECT_TAG: delivery_id, PATH_TAG: file.path}
        assert (ingestion.run_key, ingestion.tags, ingestion.job_name) == (f"{delivery_id}:1", tags, "acme_ingestion")
        subject = delivery_id_of(strange)
        assert (rejection.run_key, rejection.tags, rejection.job_name) == (f"{subject}:1", {SUBJECT_TAG: subject}, "reject_unclaimed")
        reported = {"config": {"path": "incoming/nobody/x.csv"}}
        assert rejection.run_config == {"ops": {"reject_unclaimed_file": reported}, **printing("CRITICAL")}
        for hours in (3, 2, 1):
            ran(world.instance, delivery_id, datetime.now(UTC) - hours * HOUR, OWN)
        abandoned = next(one for one in world.tick("arrivals").run_requests if one.job_name == "abandon_delivery")
        subject = abandoning_subject(delivery_id)
        assert (abandoned.run_key, abandoned.tags, abandoned.partition_key) == (f"{subject}:1", {SUBJECT_TAG: subject}, None)
        reported = {"config": {"feed": "acme", "delivery_id": delivery_id}}
        assert abandoned.run_config == {"ops": {"abandon": reported}, **printing("CRITICAL")}
        world.platform.lake.delete([file.path, strange.path])
        assert world.ingest("acme_1.csv", csv(A_THIRD)).success
        (pipeline,) = world.tick("pipelines").run_requests
        assert (pipeline.run_key, pipeline.run_config) == (f"{pipeline.tags[SUBJECT_TAG]}:1", printing("CRITICAL"))
        span = {f"dagster/asset_partition_range_{end}": "2025-03-03" for end in ("start", "end")}
        assert pipeline.tags == {SUBJECT_TAG: pipeline.tags[SUBJECT_TAG], **span}


def test_no_more_than_fifty_ingestions_of_a_feed_are_asked_for_at_once(world: World) -> None:
    for number in range(52):
        world.put(f"acme_{number}.csv", csv(A_THIRD))
    asked = world.tick("arrivals")
    assert len(asked.run_requests) == 50
    (partitions,) = asked.dynamic_partitions_requests
    assert set(partitions.partition_keys) == {request.partition_key for request in asked.run_requests}


@pytest.mark.parametrize("sensor", ["arrivals", "pipelines"])
def test_a_file_whose_time_lies_ahead_is_remembered_by_the_cursor_and_taken_when_it_has_settled(
    tmp_path: Path, warehouse_url: str, sensor: str
) -> None:
    began = datetime.now(UTC)
    with a_world(tmp_path, warehouse_url, settle_seconds=60) as world:
        file = world.put("acme_1.csv", csv(A_THIRD))
        ahead = (began + DAY).timestamp()
        os.utime(Path(world.platform.lake.address) / file.path, (ahead, ahead))
        delivery_id = delivery_id_of(world.platform.lake.head(file.path))
        repository = world.definitions.get_repository_def()
        definition = next(one for one in repository.sensor_defs if one.name == sensor)
        cursor = None
        for seconds, asked in ((0, 0), (59, 0), (60, 1)):
            with dg.build_sensor_context(instance=world.instance, repository_def=repository, cursor=cursor) as context:
                world.clock.now = began + seconds * SECOND
                result = definition(context)
            assert isinstance(result, dg.SensorResult)
            cursor = result.cursor or ""
            assert list(json.loads(cursor)) == [delivery_id]
            assert json.loads(cursor)[delivery_id] == began.isoformat()
            assert len(result.run_requests or []) == (asked if sensor == "arrivals" else 0)


def test_a_file_that_is_being_written_is_not_taken(world: World) -> None:
    file = world.put("acme_1.csv", csv(A_THIRD))
    with (Path(world.platform.lake.address) / file.path).open("a"):
        assert world.tick("arrivals").run_requests == []
    assert len(world.tick("arrivals").run_requests) == 1


# runs -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def ran(instance: dg.DagsterInstance, subject: str, ended: datetime, cause: str | None) -> str:
    """A run of the subject that ended then, badly for the cause or well."""
    run_id = str(uuid4())
    tags = {SUBJECT_TAG: subject, **({CAUSE_TAG: f"{cause} {run_id}"} if cause else {})}
    instance.add_run(dg.DagsterRun(job_name="job", run_id=run_id, tags=tags, status=dg.DagsterRunStatus.STARTED))
    kind = dg.DagsterEventType.PIPELINE_FAILURE if cause else dg.DagsterEventType.PIPELINE_SUCCESS
    instance.run_storage.handle_run_event(run_id, dg.DagsterEvent(kind.value, "job"), ended)
    return run_id


def test_a_failure_counts_for_a_day_to_the_second(instance: dg.DagsterInstance) -> None:
    ran(instance, "d", NOON, OWN)
    counted = [tries_for(instance, "d", now=NOON + DAY + more).failed for more in (-SECOND, 0 * SECOND)]
    stories = [len(failed_attempts(instance, "d", now=NOON + DAY + more)) for more in (-SECOND, 0 * SECOND)]
    assert (counted, stories) == ([1, 0], [1, 0])


def test_a_rest_ends_to_the_second_and_is_as_long_as_agreed(instance: dg.DagsterInstance) -> None:
    ran(instance, "d", NOON - HOUR, OUTAGE)
    ran(instance, "d", NOON, OUTAGE)
    resting = [tries_for(instance, "d", now=NOON + after * SECOND).is_resting for after in (0, 9.5, 10)]
    assert resting == [True, True, False]
    assert not tries_for(instance, "d", now=NOON + 3 * SECOND, longest_rest=3 * SECOND).is_resting


def test_what_is_tried_in_vain_is_so_since_the_first_run_after_the_last_that_ended_well(instance: dg.DagsterInstance) -> None:
    for minutes, cause in ((50, OUTAGE), (40, None), (30, OUTAGE), (20, OWN), (10, OUTAGE)):
        ran(instance, "d", NOON - timedelta(minutes=minutes), cause)
    found = tries_for(instance, "d", now=NOON)
    assert (found.in_vain, found.in_vain_since) == (3, NOON - timedelta(minutes=30))
    assert (found.failed, found.others) == (1, 4)


def test_subjects_and_runs_are_asked_for_in_pages_and_none_is_lost(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {subject: [ran(instance, subject, NOON, OUTAGE) for _ in range(5)] for subject in ("a", "b", "c")}
    for subjects, runs in ((1, 2), (2, 3), (500, 1000), (2, 5)):
        monkeypatch.setattr(run_history, "_SUBJECTS_A_PAGE", subjects)
        monkeypatch.setattr(run_history, "_RUNS_A_PAGE", runs)
        found = histories_of(instance, ["a", "b", "c", "none"])
        assert {name: [one.dagster_run.run_id for one in records] for name, records in found.items()} == {
            **{name: runs_of[::-1] for name, runs_of in made.items()},
            "none": [],
        }, (subjects, runs)


def test_of_many_failures_the_newest_are_reported_the_first_of_them_first(instance: dg.DagsterInstance) -> None:
    runs = [ran(instance, "d", NOON - hours * HOUR, cause) for hours, cause in ((30, OWN), (3, OWN), (2, OUTAGE), (1, OWN), (0, OWN))]
    reported = [one.run_id for one in failed_attempts(instance, "d", now=NOON + SECOND)]
    assert reported == [runs[1], runs[3], runs[4]], "an outage uses up none, and what failed yesterday counts no more"
    assert [one.run_id for one in failed_attempts(instance, "d", now=NOON + SECOND, latest=2)] == [runs[3], runs[4]]
    assert failed_attempts(instance, "d", now=NOON + SECOND, latest=1)[0].ended_at == NOON.isoformat(timespec="seconds")


def test_the_latest_failure_is_that_of_the_latest_run_that_ended_badly(instance: dg.DagsterInstance) -> None:
    assert latest_failure(instance, "d") == ("", "no reason was given")
    ran(instance, "d", NOON - HOUR, OWN)
    assert latest_failure(instance, "d") == ("", "its process was lost, or somebody stopped it")
    stopped(instance)
    ran(instance, "d", NOON, None)
    assert latest_failure(instance, "d")[1].startswith("it was ended, by somebody")


def stopped(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(dg.GraphDefinition(name="nothing").to_job(), tags={SUBJECT_TAG: "d"})
    instance.report_run_canceling(run)
    instance.report_run_failed(run)


def test_who_stopped_a_run_is_reported_and_that_uses_up_an_attempt(instance: dg.DagsterInstance) -> None:
    stopped(instance)
    now = datetime.now(UTC) + SECOND
    assert tries_for(instance, "d", now=now).failed == 1
    (reported,) = failed_attempts(instance, "d", now=now)
    assert reported.reason.startswith("it was ended, by somebody or since it took longer than a run may take")
