"""Runs whose connection is cut, or that are stopped, while another run does their work: they write nothing any more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import psycopg
import pytest

from advisory_perf.errors import LakeError
from advisory_perf.ingestion.reading_apart import read_apart
from advisory_perf.ingestion.validation.rows import validate
from advisory_perf.lake.store import Lake
from advisory_perf.orchestration import io_managers
from advisory_perf.orchestration.assets import ingestion
from advisory_perf.orchestration.run_history import reason_of
from advisory_perf.positions.publication import publish_slices
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, World, a_world, csv, days

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

THIRD, FIFTH = days(3, 5)
OLD, NEW = csv(A_THIRD, B_THIRD), csv(A_THIRD.replace("10.00,110.00,0.10000", "12.00,112.00,0.12000"), B_THIRD)


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    with a_world(tmp_path, warehouse_url) as world:
        yield world


def cut_all(world: World) -> None:
    """Ends every session that holds a lock, as an administrator."""
    with world.administrator.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()")


def cut_everything(world: World) -> None:
    """Ends every session of the warehouse."""
    with world.administrator.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def once(before: Callable[[], None], function: Callable[..., Any], when: Callable[..., bool] = lambda *_, **__: True) -> Callable[..., Any]:
    """The function, with something happening right before the first call that ``when`` picks."""
    left = [before]

    def calling(*arguments: Any, **others: Any) -> Any:
        if left and when(*arguments, **others):
            left.pop()()
        return function(*arguments, **others)

    return calling


def restate(world: World) -> None:
    """Another run takes over: the corrected file is ingested and is published."""
    cut_all(world)
    assert world.ingest("acme_2.csv", NEW).success
    world.run_pending_pipeline()


def published_values(world: World) -> dict[str, str]:
    rows = world.rows("performance_data").filter(pl.col("as_of_date") == THIRD)
    return {account: str(value) for account, value in rows.select("account_id", "ending_market_value").iter_rows()}


def why(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    return reason_of(failure)


def values_in_the_lake(world: World, stage: str) -> set[str]:
    frame = world.platform.lake.read_partitions(stage, "acme", "window", ["2025-03-03"])
    return set(frame["ending_market_value"].cast(pl.String()))


def test_a_run_that_was_cut_off_does_not_publish_old_figures_over_new_ones(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.ingest("acme_1.csv", OLD).success
    with monkeypatch.context() as patched:
        patched.setattr(io_managers, "publish_slices", once(lambda: restate(world), publish_slices))
        result = world.run_pipeline(THIRD, THIRD)
    assert not result.success
    assert "took over pipeline acme" in why(result)
    assert published_values(world) == {"A": "112.0000", "B": "255.0000"}
    assert {entry.status for entry in world.platform.ledger.entries("acme")} <= {"COMPLETED", "COMPLETED_WITH_ISSUES"}


@pytest.mark.parametrize("after", [None, "reconciliation_results"])
def test_nor_does_it_put_them_into_the_lake(world: World, monkeypatch: pytest.MonkeyPatch, after: str | None) -> None:
    assert world.ingest("acme_1.csv", OLD).success
    with monkeypatch.context() as patched:
        patched.setattr(Locks, "kept", once(lambda: restate(world), Locks.kept, lambda _: after is None or world.windows(after) != []))
        result = world.run_pipeline(THIRD, THIRD)
    assert not result.success
    assert "took over pipeline acme" in why(result)
    for stage in ("normalized_positions", "twrr_series", "performance_data"):
        assert values_in_the_lake(world, stage) == {"112.0000", "255.0000"}
    assert published_values(world) == {"A": "112.0000", "B": "255.0000"}


def test_what_it_wrote_between_the_others_writes_is_computed_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other run does not see that its partition is overwritten; the run that did it says so when it learns of the other."""
    assert world.ingest("acme_1.csv", OLD).success
    with monkeypatch.context() as patched:
        overtaken = once(lambda: restate(world), Lake.write_partitions, lambda _, stage, *__: stage == "normalized_positions")
        patched.setattr(Lake, "write_partitions", overtaken)
        patched.setattr(Locks, "kept", lambda locks: _unguarded(world, locks))
        result = world.run_pipeline(THIRD, THIRD)
    assert not result.success
    assert values_in_the_lake(world, "normalized_positions") == {"110.0000", "255.0000"}, "what the test is about"
    (request,) = world.tick("pipelines").run_requests
    assert world.run_request(request).success
    assert values_in_the_lake(world, "normalized_positions") == {"112.0000", "255.0000"}
    assert world.platform.ledger.pending("acme") == []


class KilledError(BaseException):
    """Stands for the end of a process, which asks nobody for anything any more."""


@pytest.mark.parametrize(
    "end", [LakeError("the staged file is not there"), ArithmeticError(), KilledError()], ids=lambda end: type(end).__name__
)
def test_so_is_what_it_wrote_before_it_failed(world: World, monkeypatch: pytest.MonkeyPatch, end: BaseException) -> None:
    """Such as where the other has promoted what this one had staged, so that it fails for want of it, half done."""
    assert world.ingest("acme_1.csv", OLD).success
    write_partitions, left = Lake.write_partitions, [True]

    def overtaken(lake: Lake, stage: str, *others: Any) -> None:
        if stage != "normalized_positions" or not left:
            write_partitions(lake, stage, *others)
            return
        left.clear()
        cut_everything(world)
        restate(world)
        write_partitions(lake, stage, *others)
        raise end

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "write_partitions", overtaken)
        result = world.run_pipeline(THIRD, THIRD)
    assert not result.success
    assert isinstance(end, KilledError) or "took over pipeline acme" in why(result)
    assert values_in_the_lake(world, "normalized_positions") == {"110.0000", "255.0000"}, "what the test is about"
    (request,) = world.tick("pipelines").run_requests
    assert world.run_request(request).success
    assert values_in_the_lake(world, "normalized_positions") == {"112.0000", "255.0000"}


@contextmanager
def _unguarded(world: World, locks: Locks) -> Iterator[psycopg.Connection]:
    """As where both the run and its keeping connection are cut: the tokens are compared afterwards only."""
    with world.platform.warehouse.connect() as connection:
        yield connection
        locks.confirm(connection)


def test_an_ingestion_that_was_stopped_does_not_overwrite_what_another_ingested(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other knows a fixed feed; what the first has validated by the old one comes too late."""
    fixed = world.with_feed(tmp_path / "fixed", columns={"appreciation": None, "income": "gain"})

    def ingest_elsewhere() -> None:
        cut_all(world)
        assert fixed.ingest("acme_1.csv", OLD).success

    with monkeypatch.context() as patched:
        patched.setattr(ingestion, "validate", once(ingest_elsewhere, validate))
        result = world.ingest("acme_1.csv", OLD)
    assert not result.success
    assert "took over" in why(result)
    (entry,) = world.platform.ledger.entries("acme")
    delivered = world.platform.lake.read_partitions("delivered_positions", "acme", "delivery", [entry.delivery_id])
    assert set(delivered["income"].cast(pl.String())) == {"10.0000", "5.0000"}
    assert entry.records_processed == 2


def test_an_ingestion_that_was_stopped_does_not_reject_what_another_ingested(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = csv(A_THIRD, A_FIFTH).replace("emv", "closing")
    fixed = world.with_feed(tmp_path / "fixed", columns={"ending_market_value": "closing"})

    def ingest_elsewhere() -> None:
        cut_all(world)
        assert fixed.ingest("acme_1.csv", renamed).success

    with monkeypatch.context() as patched:
        patched.setattr(ingestion, "read_apart", once(ingest_elsewhere, read_apart))
        result = world.ingest("acme_1.csv", renamed)
    assert not result.success
    assert [entry.status for entry in world.platform.ledger.entries("acme")] == ["PROCESSING"]
    assert world.platform.lake.files("error/") == []


def test_the_last_stage_alone_closes_nothing_that_its_inputs_lack(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline ends between two stages; then a person has only performance_data computed, as from the web page."""
    assert world.ingest("acme_1.csv", OLD).success
    world.run_pending_pipeline()
    assert world.ingest("acme_2.csv", NEW).success
    with monkeypatch.context() as patched:
        write_partitions, failing = Lake.write_partitions, LakeError("the lake is full")

        def full(lake: Lake, stage: str, *others: Any) -> None:
            if stage == "net_flows":
                raise failing
            write_partitions(lake, stage, *others)

        patched.setattr(Lake, "write_partitions", full)
        assert not world.run_pipeline(THIRD, THIRD).success
    world.materialise("performance_data", THIRD, THIRD)
    (waiting,) = world.platform.ledger.pending("acme")
    assert waiting.file_name == "acme_2.csv"
    for stage in ("net_flows", "twrr_series", "reconciliation_results", "portfolio_performance", "performance_data"):
        assert world.materialise(stage, THIRD, THIRD).success
    assert world.platform.ledger.pending("acme") == []
    assert published_values(world) == {"A": "112.0000", "B": "255.0000"}


def test_a_stage_reads_nothing_of_a_pipeline_that_another_run_has(world: World) -> None:
    """What it read before the other wrote would be published over what the other publishes."""
    assert world.ingest("acme_1.csv", OLD).success
    world.run_pending_pipeline()
    with Locks(world.platform.warehouse) as other:
        assert other.take("pipeline acme")
        result = world.materialise("performance_data", THIRD, THIRD)
    assert not result.success
    assert "another run of acme's pipeline is under way" in why(result)
    assert not [event for event in result.all_events if event.event_type is dg.DagsterEventType.LOADED_INPUT]
