"""Only a whole file is ever taken, and it is taken once: short bodies, writers at work, times in the future, and what comes again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from advisory_perf.alerts.outbox import Outbox
from advisory_perf.deliveries.claims import ClaimOutcome
from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.errors import LakeError, WarehouseError
from advisory_perf.lake.store import Lake
from advisory_perf.monitoring.attempts import FailedAttempt
from advisory_perf.orchestration.assets.ingestion import arrival_of
from advisory_perf.orchestration.jobs.abandon_delivery import abandon
from advisory_perf.orchestration.outages import chain_of, is_outage
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.orchestration.scenarios import A_THIRD, B_THIRD, DELIVERY, VENDOR, World, a_world, csv, days, value
from advisory_perf_tests.proxies import Faults, S3Proxy, an_s3_proxy

pytestmark = pytest.mark.slow

THIRD, FIFTH = days(3, 5)
ABANDONED = [FailedAttempt("run", "", "the worker was lost")]


@contextmanager
def behind_a_proxy(folder: Path, warehouse_url: str, s3: str) -> Iterator[tuple[World, S3Proxy]]:
    with an_s3_proxy(s3) as proxy, a_world(folder, warehouse_url, lake_url="s3://lake/x", s3_endpoint_url=proxy.url) as world:
        yield world, proxy


def statuses(world: World) -> list[tuple[str, str]]:
    return [(entry.file_name, entry.status) for entry in world.platform.ledger.entries(VENDOR)]


def published(world: World) -> list[tuple[object, ...]]:
    return world.platform.warehouse.query("SELECT account_id, as_of_date FROM performance_data ORDER BY 1, 2").rows()


def abandoned(world: World, delivery_id: str) -> None:
    with Locks(world.platform.warehouse) as locks:
        abandon(world.platform, VENDOR, delivery_id, ABANDONED, locks=locks, run_id="abandoning")


# whole bodies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["incoming", "archive"])
def test_a_body_that_ends_early_decides_nothing_and_the_whole_file_is_ingested_later(
    tmp_path: Path, warehouse_url: str, s3: str, where: str
) -> None:
    """Cut at the end of a line, with a Content-Length that fits: nothing in the answer tells."""
    with behind_a_proxy(tmp_path, warehouse_url, s3) as (world, proxy):
        file = world.put("acme_1.csv", DELIVERY)
        (request,) = world.tick("arrivals").run_requests
        proxy.faults = Faults(short_bodies=1, of=lambda path: f"/x/{where}/" in path)
        assert not world.run_request(request).success
        assert proxy.met == {"short_bodies": 1}
        assert [entry.records_read for entry in world.platform.ledger.entries(VENDOR)] in ([], [0])
        assert world.platform.lake.head(file.path) == file, "the original is where it was"
        assert world.platform.lake.files("error/") == []
        proxy.faults = Faults()
        assert world.run_request(request).success
        (entry,) = world.platform.ledger.entries(VENDOR)
        assert (entry.status, entry.records_read) == ("PROCESSING", 3)
        assert world.platform.lake.files("incoming/") == []


def test_a_pipeline_whose_partitions_come_short_is_tried_again_and_uses_up_no_attempt(tmp_path: Path, warehouse_url: str, s3: str) -> None:
    with behind_a_proxy(tmp_path, warehouse_url, s3) as (world, proxy):
        assert world.ingest("acme_1.csv", DELIVERY).success
        (request,) = world.tick("pipelines").run_requests
        proxy.faults = Faults(short_bodies=1, of=lambda path: path.partition("?")[0].endswith(".parquet"))
        result = world.run_request(request)
        assert not result.success
        assert proxy.met["short_bodies"] >= 1
        chain = [chain_of(event) for event in result.all_events if event.is_step_failure]
        assert [is_outage(one) for one in chain] == [True] * len(chain)
        proxy.faults = Faults()
        world.run_pending_pipeline()
        assert len(published(world)) == 3


def test_a_rejected_file_is_kept_whole_or_not_at_all(tmp_path: Path, warehouse_url: str, s3: str) -> None:
    with behind_a_proxy(tmp_path, warehouse_url, s3) as (world, proxy):
        file = world.put("acme_1.csv", "no,header\n1,2\n")
        (request,) = world.tick("arrivals").run_requests
        proxy.faults = Faults(short_bodies=1, of=lambda path: "/x/error/" in path)
        assert not world.run_request(request).success
        assert proxy.met == {"short_bodies": 1}
        assert world.platform.lake.exists(file.path)


# writers at work ------------------------------------------------------------------------------------------------------


def test_a_file_is_not_taken_while_its_writer_pauses(world: World) -> None:
    world.put("acme_0.csv", csv(B_THIRD))
    path = Path(world.platform.lake.address) / "incoming/acme/acme_1.csv"
    with path.open("w") as writer:
        writer.write(csv(A_THIRD))
        writer.flush()
        os.utime(path, (0, 0))  # a pause of any length
        assert len(world.tick("arrivals").run_requests) == 1, "the other file"
        delivery_id = delivery_id_of(world.platform.lake.head("incoming/acme/acme_1.csv"))
        world.instance.add_dynamic_partitions("acme_deliveries", [delivery_id])
        job = world.definitions.resolve_job_def("acme_ingestion")
        assert not job.execute_in_process(instance=world.instance, partition_key=delivery_id, raise_on_error=False).success
        writer.write(f"{B_THIRD}\n")
    assert statuses(world) == []
    (request,) = [one for one in world.tick("arrivals").run_requests if "acme_1" in str(one.partition_key)]
    assert world.run_request(request).success
    (entry,) = world.platform.ledger.entries(VENDOR)
    assert entry.records_read == 2


def test_what_is_written_on_while_it_is_ingested_stays_and_is_taken_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = world.put("acme_1.csv", csv(A_THIRD))
    (request,) = world.tick("arrivals").run_requests
    read = Lake.read_listed

    def and_then_more(lake: Lake, listed: object) -> bytes:
        content = read(lake, listed)  # type: ignore[arg-type]
        with (Path(lake.address) / file.path).open("a") as writer:
            writer.write(f"{B_THIRD}\n")
        return content

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "read_listed", and_then_more)
        assert world.run_request(request).success
    assert world.platform.lake.read(file.path) == csv(A_THIRD, B_THIRD).encode()
    (again,) = world.tick("arrivals").run_requests
    assert world.run_request(again).success
    assert [entry.records_read for entry in world.platform.ledger.entries(VENDOR)] == [1, 2]


# times ----------------------------------------------------------------------------------------------------------------


def test_a_file_with_a_time_in_the_future_is_ingested_with_a_notice_and_counts_as_come_now(world: World) -> None:
    file = world.put("acme_1.csv", csv(A_THIRD))
    ahead = datetime.now(UTC) + timedelta(days=400)
    os.utime(Path(world.platform.lake.address) / file.path, (0, ahead.timestamp()))
    (request,) = world.tick("arrivals").run_requests
    result = world.run_request(request)
    assert result.success
    assert "W_FUTURE_TIME" in [
        value(found.metadata, "codes") for found in result.get_asset_check_evaluations() if "codes" in found.metadata
    ]
    (entry,) = world.platform.ledger.entries(VENDOR)
    assert entry.received_at <= datetime.now(UTC)
    assert world.platform.lake.files("incoming/") == []


def test_a_file_that_has_not_settled_holds_up_no_pipeline(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, settle_seconds=3600) as world:
        assert world.ingest("acme_1.csv", DELIVERY).success
        world.put("acme_grows.csv", csv(A_THIRD))
        assert world.tick("arrivals").run_requests == []
        assert len(world.tick("pipelines").run_requests) == 1


# what comes again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["acme_1.csv", "acme_copy.csv"])
def test_abandoning_what_comes_again_changes_nothing_that_is_published(loaded: tuple[World, object], name: str) -> None:
    world, _ = loaded
    before, rows = world.platform.ledger.entries(VENDOR), published(world)
    again = world.put(name, DELIVERY)
    abandoned(world, delivery_id_of(again))
    assert world.platform.ledger.entries(VENDOR)[:1] == before
    assert [status for _, status in statuses(world)[1:]] == (["DUPLICATE"] if name == "acme_copy.csv" else [])
    assert world.platform.lake.files("incoming/") == []
    assert world.platform.lake.files("error/") == []
    assert world.run_pipeline(THIRD, FIFTH).success
    assert published(world) == rows
    codes = [alert.code for alert in Outbox(world.platform.warehouse).alerts(only_open=True)]
    assert codes == ["LOW_QUALITY"], "B is missing on the last day, and nothing else is wrong"


def dies(*_: object, **__: object) -> None:
    raise MemoryError


def test_a_first_name_that_died_after_its_claim_is_a_duplicate_once_its_copy_has_been_ingested(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("advisory_perf.orchestration.assets.ingestion.raw_rows", dies)
        assert not world.ingest("acme_1.csv", DELIVERY).success
    assert world.ingest("acme_copy.csv", DELIVERY).success
    assert statuses(world) == [("acme_1.csv", "RECEIVED"), ("acme_copy.csv", "PROCESSING")]
    (request,) = world.tick("arrivals").run_requests
    assert world.run_request(request).success
    assert statuses(world) == [("acme_1.csv", "DUPLICATE"), ("acme_copy.csv", "PROCESSING")]
    assert world.platform.lake.files("incoming/") == []
    assert len(world.platform.lake.files("archive/")) == 2


def test_a_first_name_whose_validation_runs_again_after_its_copy_has_been_ingested_is_a_duplicate(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step by itself, as from the web page."""
    with monkeypatch.context() as patched:
        patched.setattr("advisory_perf.orchestration.assets.ingestion.validate", dies)
        assert not world.ingest("acme_1.csv", DELIVERY).success
    assert world.ingest("acme_copy.csv", DELIVERY).success
    (first, _) = world.platform.ledger.entries(VENDOR)
    job = world.definitions.resolve_job_def("acme_ingestion")
    keys = [dg.AssetKey([VENDOR, name]) for name in ("delivered_positions", "quarantined_rows")]
    assert job.execute_in_process(instance=world.instance, partition_key=first.delivery_id, asset_selection=keys).success
    assert statuses(world) == [("acme_1.csv", "DUPLICATE"), ("acme_copy.csv", "PROCESSING")]
    assert world.platform.lake.files("incoming/") == []


def test_a_file_that_has_the_id_of_another_delivery_is_never_cleared_as_that_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.ingest("acme_1.csv", DELIVERY).success
    (entry,) = world.platform.ledger.entries(VENDOR)
    file = world.put("acme_2.csv", csv(A_THIRD))
    monkeypatch.setattr("advisory_perf.deliveries.zones.delivery_id_of", lambda _: entry.delivery_id)
    with pytest.raises(
        WarehouseError, match=r"acme, acme_2\.csv: .* is the id of another delivery, acme_1\.csv of acme; put the file into"
    ):
        abandoned(world, entry.delivery_id)
    assert world.platform.lake.head(file.path) == file
    assert world.platform.ledger.entries(VENDOR) == [entry]


def test_a_failed_name_that_is_replayed_after_its_bytes_were_ingested_under_another_is_a_duplicate(world: World) -> None:
    file = world.put("acme_1.csv", DELIVERY)
    abandoned(world, delivery_id_of(file))
    assert world.ingest("acme_copy.csv", DELIVERY).success
    (failed, _) = world.platform.ledger.entries(VENDOR)
    assert failed.status == "FAILED"
    job = world.definitions.resolve_job_def("acme_ingestion")
    world.instance.add_dynamic_partitions("acme_deliveries", [failed.delivery_id])
    assert job.execute_in_process(instance=world.instance, partition_key=failed.delivery_id).success
    assert statuses(world) == [("acme_1.csv", "DUPLICATE"), ("acme_copy.csv", "PROCESSING")]
    assert world.platform.lake.files("error/") == []
    assert world.run_pipeline(THIRD, FIFTH).success
    assert len(published(world)) == 3


def test_a_file_that_is_called_as_our_reasons_are_is_found_again(world: World) -> None:
    assert world.ingest("acme_1.csv.reason.json", DELIVERY).success
    (entry,) = world.platform.ledger.entries(VENDOR)
    assert arrival_of(world.platform, world.platform.feeds[VENDOR], entry.delivery_id).name == "acme_1.csv.reason.json"


def test_no_rejection_is_recorded_over_what_has_been_ingested(loaded: tuple[World, object]) -> None:
    world, _ = loaded
    (entry,) = world.platform.ledger.entries(VENDOR)
    for delivery_id in (entry.delivery_id, "another"):
        claim = world.platform.ledger.record_rejection(
            delivery_id=delivery_id,
            file_name=entry.file_name,
            file_path="incoming/acme/acme_1.csv",
            feed=VENDOR,
            vendor=VENDOR,
            sha256=entry.sha256,
            size_bytes=entry.size_bytes,
            received_at=entry.received_at,
            run_id="run",
            code="E_POISONED",
            sentence="x",
        )
        assert (claim.outcome, claim.entry) == (ClaimOutcome.KNOWN, entry)
    assert world.platform.ledger.entries(VENDOR) == [entry]


def test_a_file_that_another_takes_the_place_of_is_read_by_nobody(world: World) -> None:
    file = world.put("acme_1.csv", csv(A_THIRD))
    world.put("acme_1.csv", csv(B_THIRD))
    with pytest.raises(LakeError, match="has changed since it was listed"):
        world.platform.lake.read_listed(file)
