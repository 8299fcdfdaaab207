"""What the ledger counts of deliveries of rates, and what is kept of a rate that another has taken the place of."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import AssetKey

from advisory_perf.contracts.tables import PUBLISHED_ROWS
from advisory_perf.operations.health import ledger_health, partition_health
from advisory_perf.orchestration.pipelines import rates
from advisory_perf.orchestration.pipelines.registry import PIPELINES
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.orchestration.scenarios import World
from advisory_perf_tests.orchestration.test_rates import FEED, FOURTH, HEADER, THIRD, a_world, load

pytestmark = pytest.mark.slow


def counts(world: World) -> list[tuple[str, int, int, int]]:
    """File, and rows inserted, updated and restated, by arrival."""
    entries = "SELECT file_name, records_inserted, records_updated, records_restated FROM etl_processing_log ORDER BY id"
    return world.platform.warehouse.query(entries).rows()


def history(world: World) -> list[tuple[Any, ...]]:
    return world.platform.warehouse.query(
        "SELECT base_currency, quote_currency, as_of_date, rate, h.file_name, log.file_name AS by FROM exchange_rates_history AS h"
        " LEFT JOIN etl_processing_log AS log ON log.delivery_id = h.superseded_by_delivery_id ORDER BY superseded_at, 1, 2"
    ).rows()


def test_the_ledger_counts_rates_and_a_restated_one_is_kept(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        load(world, "fx_1.csv", "EUR,USD,2025-03-03,1.08", "EUR,CHF,2025-03-03,0.94")
        assert (counts(world), history(world)) == ([("fx_1.csv", 2, 0, 0)], [])
        load(world, "fx_2.csv", "EUR,USD,2025-03-03,1.09", "EUR,CHF,2025-03-03,0.94", "GBP,USD,2025-03-04,1.29")
        assert counts(world) == [("fx_1.csv", 2, 0, 0), ("fx_2.csv", 1, 2, 1)]
        kept = [
            ("EUR", "CHF", THIRD, Decimal("0.94"), "fx_1.csv", "fx_2.csv"),
            ("EUR", "USD", THIRD, Decimal("1.08"), "fx_1.csv", "fx_2.csv"),
        ]
        assert history(world) == kept
        result = world.run_pipeline(THIRD, FOURTH, FEED)
        assert result.success
        assert (counts(world)[1], history(world)) == (("fx_2.csv", 1, 2, 1), kept), "a rerun changes nothing"
        load(world, "fx_3.csv", "EUR,USD,2025-03-03,1.10")
        assert counts(world) == [("fx_1.csv", 2, 0, 0), ("fx_2.csv", 1, 2, 1), ("fx_3.csv", 0, 1, 1)]
        assert history(world) == [*kept, ("EUR", "USD", THIRD, Decimal("1.09"), "fx_2.csv", "fx_3.csv")]
        assert world.platform.warehouse.query("SELECT * FROM restatements").is_empty(), "those are of accounts"


def test_a_run_counts_the_rates_that_it_restates(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        load(world, "fx_1.csv", "EUR,USD,2025-03-03,1.08", "EUR,CHF,2025-03-03,0.94")
        assert world.ingest("fx_2.csv", HEADER + "EUR,USD,2025-03-03,1.09\nEUR,CHF,2025-03-03,0.94\n", FEED).success
        result = world.run_pipeline(THIRD, THIRD, FEED)
        (published,) = (
            event for event in result.get_asset_materialization_events() if event.asset_key == AssetKey([FEED, "exchange_rates"])
        )
        said = published.step_materialization_data.materialization.metadata
        assert [said[f"{name}_by_run"].value for name in ("inserted", "updated", "restated")] == [0, 2, 1]


def test_a_publication_that_is_cut_short_keeps_no_history_and_the_next_keeps_it_once(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        load(world, "fx_1.csv", "EUR,USD,2025-03-03,1.08")
        assert world.ingest("fx_2.csv", HEADER + "EUR,USD,2025-03-03,1.09\n", FEED).success

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("the process ends here")

        with monkeypatch.context() as patched:
            patched.setattr(rates, "close_publication", broken)
            assert not world.run_pipeline(THIRD, THIRD, FEED).success
        assert (history(world), counts(world)[1]) == ([], ("fx_2.csv", 0, 0, 0))
        world.run_pending_pipeline(FEED)
        assert (len(history(world)), counts(world)[1]) == (1, ("fx_2.csv", 0, 1, 1))


def test_health_knows_the_deliveries_of_rates(tmp_path: Path, warehouse_url: str) -> None:
    """Their months need no partition of positions, and a published rate has to be of a delivery that the ledger knows."""
    with a_world(tmp_path, warehouse_url) as world:
        load(world, "fx_1.csv", "EUR,USD,2025-03-03,1.08")
        load(world, "fx_2.csv", "EUR,USD,2025-03-03,1.09")
        warehouse = Warehouse(warehouse_url)
        assert [
            one.says for one in (*partition_health(warehouse), *ledger_health(warehouse, world.platform.ledger)) if not one.is_good
        ] == []
        with psycopg.connect(warehouse_url) as connection:
            connection.execute("DELETE FROM etl_processing_log WHERE file_name = 'fx_2.csv'")
        (finding,) = (one for one in ledger_health(warehouse, world.platform.ledger) if not one.is_good)
        assert finding.says.startswith("1 published rows are of deliveries that the ledger does not know (acme ")


def test_every_dataset_that_publishes_has_one_table_whose_rows_are_of_deliveries() -> None:
    for pipeline in PIPELINES.values():
        tables = {stage.table.name for stage in pipeline.stages if stage.is_published}
        (rows,) = (one for one in PUBLISHED_ROWS if one.name in tables)
        assert rows.history is not None
        assert {*rows.delivered, "delivery_id"} <= {*rows.table.column_names}
        assert {*rows.delivered} <= {*pipeline.dataset.delivered.column_names}
