"""Ingestions that are killed or cut off on their way: no row that the ledger does not know is published, and no file is lost."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from advisory_perf.deliveries.ingestion_writes import being_ingested, noted_ingestions
from advisory_perf.deliveries.zones import delivery_id_of, keep_in_error
from advisory_perf.lake.store import Lake
from advisory_perf.orchestration.assets import ingestion
from advisory_perf.orchestration.io_managers import AccountsIOManager
from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, World, a_world, csv, days
from advisory_perf_tests.orchestration.test_lost_locks import KilledError, cut_all, cut_everything, once, why

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

THIRD, FOURTH = days(3, 4)
IN_APRIL = date(2025, 4, 3)
OLD = csv(A_THIRD, B_THIRD)
RENAMED = OLD.replace("emv", "closing")
AMBIGUOUS = OLD.replace("2025-03-03", "03/04/2025")
"""The 4th of March, or the 3rd of April."""
A_THIRD_FILE = csv("C,04/03/2025,100.00,0.00,0.00,10.00,110.00,0.10000")


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    with a_world(tmp_path, warehouse_url) as world:
        yield world


def files(world: World) -> list[str]:
    return [file.path.split("/")[0] for zone in ("incoming/", "archive/", "error/") for file in world.platform.lake.files(zone)]


def published(world: World, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(world.rows("performance_data").select(*columns).iter_rows())


def arrivals(world: World) -> list[dg.RunRequest]:
    requests: list[dg.RunRequest] = world.tick("arrivals").run_requests
    return requests


def killed(*_: Any, **__: Any) -> None:
    raise KilledError


@pytest.mark.parametrize("at", ["before the rows are counted", "between positions and quarantined rows"])
def test_a_replay_that_is_killed_is_ingested_again_before_any_pipeline_reads_its_rows(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """A fixed feed reads other days; the ledger still has the old ones when the run dies."""
    first = world.with_feed(tmp_path / "one", columns={"as_of_date": {"from": "day", "formats": ["%m/%d/%Y"]}})
    fixed = world.with_feed(tmp_path / "two", columns={"as_of_date": {"from": "day", "formats": ["%d/%m/%Y"]}})
    assert first.ingest("acme_1.csv", AMBIGUOUS).success
    first.run_pending_pipeline()
    assert published(first, "account_id", "as_of_date") == [("A", FOURTH), ("B", FOURTH)]
    (entry,) = first.platform.ledger.entries("acme")
    with monkeypatch.context() as patched:
        if at == "before the rows are counted":
            patched.setattr(ingestion, "ingested", killed)
        else:
            overtaken = once(killed, Lake.write_partitions, lambda _, stage, *__: stage == "quarantined_rows")
            patched.setattr(Lake, "write_partitions", overtaken)
        assert not fixed.ingest_again(entry.delivery_id).success
    assert fixed.ingest("acme_2.csv", A_THIRD_FILE).success
    pipeline = fixed.run_pipeline(FOURTH, FOURTH)
    assert "is ingested again" in why(pipeline)
    assert published(first, "account_id", "as_of_date") == [("A", FOURTH), ("B", FOURTH)], "nothing of it was read"
    (request,) = arrivals(fixed)
    assert request.partition_key == entry.delivery_id
    assert fixed.run_request(request).success
    assert arrivals(fixed) == []
    fixed.run_pending_pipeline()
    assert published(fixed, "account_id", "as_of_date") == [("A", IN_APRIL), ("B", IN_APRIL), ("C", FOURTH)]
    assert {entry.status for entry in fixed.platform.ledger.entries("acme")} == {"COMPLETED"}


def test_what_an_ingestion_that_was_cut_off_wrote_over_a_newer_one_is_ingested_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other ingestion knows a fixed feed, and was published, when the first goes on with what it read by the old one."""
    fixed = world.with_feed(tmp_path / "fixed", columns={"appreciation": None, "income": "gain"})
    delivery_id = delivery_id_of(world.put("acme_1.csv", OLD))

    def ingest_elsewhere() -> None:
        cut_everything(world)
        assert fixed.ingest_again(delivery_id).success
        with fixed.administrator.connect() as connection:  # while the first goes on, a pipeline would wait
            held = connection.execute("SELECT count(*) FROM ingestion_writes").fetchone()
        assert held == (1,)

    with monkeypatch.context() as patched:
        overtaken = once(ingest_elsewhere, Lake.write_partitions, lambda _, stage, *__: stage == "delivered_positions")
        patched.setattr(Lake, "write_partitions", overtaken)
        assert not world.ingest_again(delivery_id).success
    delivered = fixed.platform.lake.read_partitions("delivered_positions", "acme", "delivery", [delivery_id])
    assert set(delivered["income"].cast(pl.String())) == {"0.0000"}, "what the test is about"
    (request,) = arrivals(fixed)
    assert fixed.run_request(request).success
    fixed.run_pending_pipeline()
    assert {str(income) for _, income in published(fixed, "account_id", "income")} == {"10.0000", "5.0000"}
    assert arrivals(fixed) == []


def test_a_first_ingestion_that_dies_leaves_nothing_in_doubt(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file is still in incoming/ and is ingested anyway; the ledger counts none of its rows."""
    with monkeypatch.context() as patched:
        patched.setattr(ingestion, "ingested", killed)
        assert not world.ingest("acme_1.csv", OLD).success
    assert len(noted_ingestions(world.platform.warehouse)) == 2
    (request,) = arrivals(world)
    assert world.run_request(request).success
    assert arrivals(world) == []
    assert being_ingested(world.platform.warehouse, [request.partition_key or ""]) == []


def test_a_run_that_was_cut_off_takes_no_file_of_what_another_has_published(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rejected file comes again; while its run clears what the first one left, the first is ingested by a fixed feed."""
    fixed = world.with_feed(tmp_path / "fixed", columns={"ending_market_value": "closing"})
    assert not world.ingest("acme_1.csv", RENAMED).success
    (first,) = world.platform.ledger.entries("acme")
    second = delivery_id_of(world.put("acme_1.csv", RENAMED))

    def ingest_elsewhere() -> None:
        cut_all(world)
        assert fixed.ingest_again(first.delivery_id).success
        fixed.run_pending_pipeline()

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "delete", once(ingest_elsewhere, Lake.delete))
        assert not world.ingest_again(second).success
    assert files(world) == ["incoming", "archive"]
    assert fixed.ingest_again(second).success
    assert files(world) == ["archive"]
    assert fixed.ingest_again(first.delivery_id).success


def test_a_rejection_that_was_cut_off_leaves_the_published_file_where_it_is(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed = world.with_feed(tmp_path / "fixed", columns={"ending_market_value": "closing"})
    delivery_id = delivery_id_of(world.put("acme_1.csv", RENAMED))

    def ingest_elsewhere() -> None:
        cut_all(world)
        assert fixed.ingest_again(delivery_id).success
        fixed.run_pending_pipeline()

    with monkeypatch.context() as patched:
        patched.setattr(ingestion, "keep_in_error", once(ingest_elsewhere, keep_in_error))
        assert not world.ingest_again(delivery_id).success
    assert files(world) == ["archive"]


def test_what_is_known_is_given_the_copy_that_has_gone(world: World) -> None:
    assert world.ingest("acme_1.csv", OLD).success
    world.platform.lake.delete(file.path for file in world.platform.lake.files("archive/"))
    assert world.ingest("acme_1.csv", OLD).success
    assert files(world) == ["archive"]
    (entry,) = world.platform.ledger.entries("acme")
    assert world.ingest_again(entry.delivery_id).success


def test_the_register_says_what_is_published_when_it_is_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run publishes that the account is closed, between reading the register and writing it."""
    assert world.ingest("acme_1.csv", csv(A_THIRD)).success

    def publish_elsewhere() -> None:
        cut_all(world)
        assert world.ingest("acme_2.csv", csv("A,2025-03-04,110.00,0.00,110.00,0.00,0.00,0.00000")).success
        world.run_pending_pipeline()

    with monkeypatch.context() as patched:
        patched.setattr(AccountsIOManager, "handle_output", once(publish_elsewhere, AccountsIOManager.handle_output))
        world.run_pipeline(THIRD, THIRD)
    register = world.platform.warehouse.query("SELECT account_id, is_open, last_as_of_date FROM accounts")
    assert register.rows() == [("A", False, FOURTH)]


def test_another_installations_run_is_not_taken_for_one_that_has_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its runs are in another Dagster storage; what it writes to the lake is noted in the warehouse that both have."""
    left: list[int] = []
    with dg.DagsterInstance.ephemeral() as other:
        neighbour = World(world.platform, world.definitions, other)

        def look() -> None:
            neighbour.tick("pipelines")
            with world.administrator.connect() as connection:
                left.extend(
                    connection.execute("SELECT count(*) FROM lake_writes UNION ALL SELECT count(*) FROM ingestion_writes").fetchone() or ()
                )

        assert world.ingest("acme_1.csv", csv(A_THIRD, A_FIFTH)).success
        with monkeypatch.context() as patched:
            patched.setattr(Lake, "write_partitions", once(look, Lake.write_partitions, lambda _, stage, *__: stage == "twrr_series"))
            world.run_pending_pipeline()
    assert left[0] == 1
    assert {entry.status for entry in world.platform.ledger.entries("acme")} == {"COMPLETED"}
