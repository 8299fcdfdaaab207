import json
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.errors import LakeError, LakeOutageError, WarehouseError
from advisory_perf.ingestion.validation.rows import Validated
from advisory_perf.lake.objects import LakeFile
from advisory_perf.lake.store import Lake
from advisory_perf.orchestration.run_history import CAUSE_TAG, OWN, reason_of
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, NOWHERE, World, a_world, csv, days

pytestmark = pytest.mark.slow

SUBJECT = "advisory_perf/subject"
THIRD, FOURTH, FIFTH = days(3, 4, 5)


def tick(world: World, sensor: str) -> dg.SensorResult:
    """What the sensor says now."""
    result = world.tick(sensor)
    assert isinstance(result, dg.SensorResult)
    return result


def asked(world: World, sensor: str) -> list[dg.RunRequest]:
    return list(tick(world, sensor).run_requests or [])


def ingestions(world: World) -> list[dg.RunRequest]:
    """The ingestions that are asked for now."""
    return [request for request in asked(world, "arrivals") if request.job_name == "acme_ingestion"]


def launched(world: World, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
    """A run that the request led to, as the daemon makes it; one that failed by itself."""
    tags = {**request.tags, **({CAUSE_TAG: OWN} if status is dg.DagsterRunStatus.FAILURE else {})}
    partition = {"dagster/partition": request.partition_key} if request.partition_key else {}
    run = world.instance.create_run_for_job(
        world.definitions.resolve_job_def(request.job_name or ""), run_config=request.run_config, tags={**tags, **partition}
    )
    reported = {
        dg.DagsterRunStatus.FAILURE: world.instance.report_run_failed,
        dg.DagsterRunStatus.CANCELED: world.instance.report_run_canceled,
    }
    if status in reported:
        reported[status](run)


# arrivals -------------------------------------------------------------------------------------------------------------


def test_a_new_file_asks_for_its_ingestion_and_its_partition(world: World) -> None:
    delivery_id = delivery_id_of(world.put("acme_1.csv", csv(A_THIRD)))
    result = tick(world, "arrivals")
    (request,) = result.run_requests or []
    assert request.job_name == "acme_ingestion"
    assert request.partition_key == delivery_id
    assert request.run_key == f"{delivery_id}:1"
    assert request.tags[SUBJECT] == delivery_id
    (partitions,) = result.dynamic_partitions_requests or []
    assert isinstance(partitions, dg.AddDynamicPartitionsRequest)
    assert (partitions.partitions_def_name, list(partitions.partition_keys)) == ("acme_deliveries", [delivery_id])


def test_an_empty_incoming_asks_for_nothing(world: World) -> None:
    result = tick(world, "arrivals")
    assert (result.run_requests, result.dynamic_partitions_requests) == ([], [])


def test_every_vendor_is_asked_for_at_once(world: World) -> None:
    world.put("acme_1.csv", csv(A_THIRD))
    world.put("acme_2.csv", csv(B_THIRD))
    world.put("vendor_d_20250303.parquet", b"PAR1", folder="vendor_d")
    result = tick(world, "arrivals")
    assert [request.job_name for request in result.run_requests or []] == ["acme_ingestion", "acme_ingestion", "vendor_d_ingestion"]
    names = [request.partitions_def_name for request in result.dynamic_partitions_requests or []]
    assert names == ["acme_deliveries", "vendor_d_deliveries"]


def test_a_file_whose_run_is_under_way_is_not_asked_for_again(world: World) -> None:
    world.put("acme_1.csv", csv(A_THIRD))
    (request,) = asked(world, "arrivals")
    launched(world, request, dg.DagsterRunStatus.NOT_STARTED)
    assert asked(world, "arrivals") == []


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
def test_a_failed_ingestion_is_asked_for_again_until_its_attempts_are_used_up(world: World, status: dg.DagsterRunStatus) -> None:
    delivery_id = delivery_id_of(world.put("acme_1.csv", csv(A_THIRD)))
    keys = []
    while requests := ingestions(world):
        launched(world, requests[0], status)
        keys.append(requests[0].run_key)
    assert keys == [f"{delivery_id}:1", f"{delivery_id}:2", f"{delivery_id}:3"]


def test_a_file_that_comes_again_after_all_attempts_is_a_new_arrival(world: World) -> None:
    world.put("acme_1.csv", csv(A_THIRD))
    while requests := ingestions(world):
        launched(world, requests[0], dg.DagsterRunStatus.FAILURE)
    again = delivery_id_of(world.put("acme_1.csv", csv(A_THIRD, B_THIRD)))
    assert [request.run_key for request in asked(world, "arrivals")] == [f"{again}:1"]


def test_a_delivery_whose_attempts_are_used_up_goes_to_error_with_its_story_and_the_others_are_ingested(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(raw: pl.DataFrame, *_: object) -> Validated:
        raise MemoryError(f"no room for {raw.height} rows")

    poisoned = world.put("acme_1.csv", csv(A_THIRD))
    with monkeypatch.context() as patched:
        patched.setattr("advisory_perf.orchestration.assets.ingestion.validate", crash)
        while requests := ingestions(world):
            assert not world.run_request(requests[0]).success
    world.put("acme_2.csv", csv(B_THIRD))
    ingestion, abandoning = asked(world, "arrivals")
    assert (ingestion.job_name, abandoning.job_name) == ("acme_ingestion", "abandon_delivery")
    assert world.run_request(ingestion).success
    assert len(asked(world, "pipelines")) == 1, "no pipeline waits for it"
    assert world.run_request(abandoning).success
    assert asked(world, "arrivals") == []
    failed, ingested = world.platform.ledger.entries("acme")
    assert (failed.status, failed.error_code, ingested.status) == ("FAILED", "E_POISONED", "PROCESSING")
    assert failed.error_message == (
        "acme, acme_1.csv: its ingestion failed 3 times, the last time because: MemoryError: no room for 1 rows; when that is fixed, "
        f"run `advisory-perf quarantine replay --delivery {delivery_id_of(poisoned)}` or put the file into incoming/ again"
    )
    kept = {file.name: file for file in world.platform.lake.files("error/acme/")}
    assert sorted(kept) == ["acme_1.csv", "acme_1.csv.reason.json"]
    story = json.loads(world.platform.lake.read(kept["acme_1.csv.reason.json"].path))
    assert (story["error_code"], story["error_message"]) == (failed.error_code, failed.error_message)
    assert [attempt["reason"] for attempt in story["attempts"]] == ["MemoryError: no room for 1 rows"] * 3
    assert len({attempt["run_id"] for attempt in story["attempts"]}) == 3


def test_a_delivery_that_was_abandoned_is_ingested_when_it_comes_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    test_a_delivery_whose_attempts_are_used_up_goes_to_error_with_its_story_and_the_others_are_ingested(world, monkeypatch)
    again = world.put("acme_1.csv", csv(A_THIRD))
    (request,) = asked(world, "arrivals")
    assert request.run_key == f"{delivery_id_of(again)}:1"
    assert world.run_request(request).success
    assert [entry.status for entry in world.platform.ledger.entries("acme")] == ["PROCESSING", "PROCESSING"]
    assert world.platform.lake.files("error/") == [], "what was kept of the first arrival makes room for the second"


def test_while_the_warehouse_does_not_answer_no_ingestion_is_asked_for_and_no_attempt_used_up(tmp_path: Path) -> None:
    with a_world(tmp_path, NOWHERE) as world:
        world.put("acme_1.csv", csv(A_THIRD))
        with pytest.raises(WarehouseError, match="cannot be reached"):
            tick(world, "arrivals")


def test_an_ingestion_that_fails_for_the_lake_says_so_and_the_delivery_is_picked_up_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often that is: no attempt is used up, and nothing is abandoned."""

    def full(lake: Lake, *_: object) -> None:
        raise LakeOutageError(f"the lake {lake.address} fails at writing (no room); check its address and rights")

    world.put("acme_1.csv", csv(A_THIRD))
    with monkeypatch.context() as patched:
        patched.setattr(Lake, "write_partitions", full)
        for number in range(5):
            (request,) = asked(world, "arrivals")
            assert (request.job_name, (request.run_key or "")[-2:]) == ("acme_ingestion", f":{number + 1}")
            result = world.run_request(request)
            assert number or asked(world, "arrivals") == [], "it rests"
            world.clock.ahead = timedelta(minutes=6 * (number + 1))
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert reason_of(failure).endswith("fails at writing (no room); check its address and rights")
    (last,) = asked(world, "arrivals")
    assert world.run_request(last).success
    assert [entry.status for entry in world.platform.ledger.entries("acme")] == ["PROCESSING"]


def test_a_file_whose_ingestion_runs_elsewhere_is_left_to_it(world: World) -> None:
    file = world.put("acme_1.csv", csv(A_THIRD))
    (request,) = asked(world, "arrivals")
    with Locks(world.platform.warehouse) as elsewhere:
        assert elsewhere.take(f"ingestion acme {delivery_id_of(file)}")
        assert world.run_request(request).success
        assert world.platform.ledger.entries("acme") == []
    assert asked(world, "arrivals") == [], "not at every tick"
    world.clock.ahead = timedelta(minutes=0.1)
    assert len(asked(world, "arrivals")) == 1, "it is asked for again if the other was killed"


def test_a_pipeline_that_runs_elsewhere_is_not_joined_in_the_middle(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, _ = loaded
    with Locks(world.platform.warehouse) as elsewhere:
        assert elsewhere.take("pipeline acme")
        result = world.materialise("net_flows", THIRD, FIFTH)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert reason_of(failure) == "another run of acme's pipeline is under way; launch this one again when that has ended"


def test_a_file_that_was_ingested_is_gone_and_not_asked_for(world: World) -> None:
    world.ingest("acme_1.csv", csv(A_THIRD))
    assert asked(world, "arrivals") == []


@pytest.mark.parametrize(("folder", "place"), [("nobody", "the folder nobody/ is no feed's"), ("", "it lies in no feed's folder")])
def test_a_file_in_no_vendors_folder_asks_for_its_rejection_and_gets_a_reason(world: World, folder: str, place: str) -> None:
    file = world.put("who.csv", "a,b\n", folder=folder)
    result = tick(world, "arrivals")
    (request,) = result.run_requests or []
    assert (request.job_name, request.partition_key) == ("reject_unclaimed", None)
    assert request.run_key == f"{delivery_id_of(file)}:1"
    assert result.dynamic_partitions_requests == []
    assert world.reject_unclaimed(dict(request.run_config)).success
    (entry,) = world.platform.ledger.entries()
    assert (entry.vendor, entry.status, entry.error_code) == ("unknown", "FAILED", "E_UNKNOWN_VENDOR")
    known = "incoming/acme/, incoming/vendor_a/, incoming/vendor_b/, incoming/vendor_c/, incoming/vendor_d/"
    assert entry.error_message == f"who.csv: {place}; put it into one of {known}, or add a feed"
    moved = [file.name for file in world.platform.lake.files("error/unknown/")]
    assert sorted(moved) == ["who.csv", "who.csv.reason.json"]
    assert asked(world, "arrivals") == []


def test_a_rejection_that_failed_is_tried_again_as_an_ingestion_is(world: World) -> None:
    world.put("who.csv", "a,b\n", folder="nobody")
    (first,) = asked(world, "arrivals")
    launched(world, first, dg.DagsterRunStatus.FAILURE)
    (second,) = asked(world, "arrivals")
    assert (second.run_key or "").endswith(":2")
    launched(world, second, dg.DagsterRunStatus.NOT_STARTED)
    assert asked(world, "arrivals") == []


def test_a_rejection_of_a_file_that_is_gone_does_nothing(world: World) -> None:
    world.put("who.csv", "a,b\n", folder="nobody")
    (request,) = asked(world, "arrivals")
    world.platform.lake.delete(["incoming/nobody/who.csv"])
    assert world.reject_unclaimed(dict(request.run_config)).success
    assert world.platform.ledger.entries() == []


def test_a_listing_that_fails_is_an_error_and_no_empty_incoming(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_lake: Lake, prefix: str) -> list[LakeFile]:
        raise LakeError(f"the lake fails at listing {prefix}")

    world.ingest("acme_1.csv", csv(A_THIRD))
    monkeypatch.setattr(Lake, "files", unreachable)
    for sensor in ("arrivals", "pipelines"):
        with pytest.raises(LakeError, match="listing incoming/"):
            tick(world, sensor)


def test_a_warehouse_that_does_not_answer_is_an_error_and_no_empty_ledger(tmp_path: Path) -> None:
    with a_world(tmp_path, NOWHERE) as world, pytest.raises(WarehouseError, match="cannot be reached"):
        tick(world, "pipelines")


# pipelines ----------------------------------------------------------------------------------------------------------------


def test_an_ingested_delivery_asks_for_its_pipeline_from_its_first_day_to_its_last(world: World) -> None:
    world.ingest("acme_1.csv", csv(A_THIRD, A_FIFTH))
    (request,) = asked(world, "pipelines")
    assert request.job_name == "acme_pipeline"
    assert request.partition_key is None
    assert request.tags["dagster/asset_partition_range_start"] == "2025-03-03"
    assert request.tags["dagster/asset_partition_range_end"] == "2025-03-05"
    assert request.run_key == f"{request.tags[SUBJECT]}:1"


def test_nothing_ingested_asks_for_no_pipeline(world: World) -> None:
    assert asked(world, "pipelines") == []


def test_a_late_day_asks_for_everything_up_to_the_latest(world: World) -> None:
    world.ingest("acme_2.csv", csv(A_FIFTH))
    assert world.run_pipeline(FIFTH, FIFTH).success
    assert asked(world, "pipelines") == []
    world.ingest("acme_1.csv", csv(A_THIRD))
    (request,) = asked(world, "pipelines")
    assert request.tags["dagster/asset_partition_range_start"] == "2025-03-03"
    assert request.tags["dagster/asset_partition_range_end"] == "2025-03-05"


def test_a_months_feed_asks_for_months(world: World) -> None:
    cells = ["acct_id,acct_name,port_id,report_date,beginning_mv,deposits,withdrawals,dividend,unrealized_gl,management_fee"]
    cells[0] += ",adjustments,ending_mv,bmk_return,twr"
    rows = [f"A,Alice,P,{day},100.00,0.00,0.00,0.00,0.00,0.00,0.00,100.00,0.0,0.0" for day in ("2025-01-31", "2025-03-31")]
    assert world.ingest("vendor_a_performance_20250331.csv", "\n".join([*cells, *rows, ""]), vendor="vendor_a").success
    (request,) = asked(world, "pipelines")
    assert request.job_name == "vendor_a_pipeline"
    assert request.tags["dagster/asset_partition_range_start"] == "2025-01-01"
    assert request.tags["dagster/asset_partition_range_end"] == "2025-03-01"


def test_a_pipeline_waits_for_files_of_its_vendor_and_for_no_others(world: World) -> None:
    world.ingest("acme_1.csv", csv(A_THIRD))
    world.put("vendor_d_20250303.parquet", b"PAR1", folder="vendor_d")
    assert len(asked(world, "pipelines")) == 1
    world.put("acme_2.csv", csv(A_FIFTH))
    assert asked(world, "pipelines") == []


def test_a_pipeline_does_not_wait_for_a_file_whose_attempts_are_used_up(world: World) -> None:
    world.ingest("acme_1.csv", csv(A_THIRD))
    world.put("acme_2.csv", csv(A_FIFTH))
    while requests := ingestions(world):
        assert asked(world, "pipelines") == []
        launched(world, requests[0], dg.DagsterRunStatus.FAILURE)
    assert len(asked(world, "pipelines")) == 1


def test_a_pipeline_that_is_under_way_is_not_asked_for_again(world: World) -> None:
    world.ingest("acme_1.csv", csv(A_THIRD))
    (request,) = asked(world, "pipelines")
    launched(world, request, dg.DagsterRunStatus.NOT_STARTED)
    assert asked(world, "pipelines") == []
    world.ingest("acme_2.csv", csv(A_FIFTH))
    assert asked(world, "pipelines") == [], "one more delivery waits until the vendor's pipeline is free"


def test_a_failed_pipeline_is_asked_for_again_until_its_attempts_are_used_up(world: World) -> None:
    world.ingest("acme_1.csv", csv(A_THIRD))
    attempts = []
    while requests := asked(world, "pipelines"):
        launched(world, requests[0], dg.DagsterRunStatus.FAILURE)
        attempts.append((requests[0].run_key or "").rsplit(":", 1)[-1])
    assert attempts == ["1", "2", "3"]


def test_a_new_delivery_gives_a_pipeline_whose_attempts_are_used_up_another_chance(world: World) -> None:
    world.ingest("acme_1.csv", csv(A_THIRD))
    while requests := asked(world, "pipelines"):
        launched(world, requests[0], dg.DagsterRunStatus.FAILURE)
    world.ingest("acme_2.csv", csv(A_FIFTH))
    (request,) = asked(world, "pipelines")
    assert (request.run_key or "").endswith(":1")


def test_what_the_sensors_ask_for_can_be_run_to_the_end(world: World) -> None:
    file = world.put("acme_1.csv", csv(A_THIRD, A_FIFTH))
    (ingestion,) = asked(world, "arrivals")
    assert ingestion.partition_key == delivery_id_of(file)
    assert world.run_request(ingestion).success
    (pipeline,) = asked(world, "pipelines")
    assert world.run_request(pipeline).success
    assert (asked(world, "arrivals"), asked(world, "pipelines")) == ([], [])
    assert world.platform.ledger.latest_as_of_date("acme") == date(2025, 3, 5)
    assert [entry.status for entry in world.platform.ledger.entries()] == ["COMPLETED"]
