"""What a publication changes, in every table of the warehouse, and that it changes nothing of another vendor's."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import dagster as dg
import polars as pl
import pytest
from dagster import AssetKey
from psycopg import sql

from advisory_perf.contracts.tables import DELIVERED_POSITIONS, PERFORMANCE_DATA, QUARANTINED_ROWS, RECONCILIATION_RESULTS
from advisory_perf.deliveries.zones import Arrival
from advisory_perf.ingestion.profile import profile_of
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Delivery, validate
from advisory_perf.lake.objects import LakeFile
from advisory_perf.lake.store import ARCHIVE
from advisory_perf.orchestration.asset_checks import Finding, Rule
from advisory_perf.orchestration.assets.ingestion import claimed, ingested
from advisory_perf.orchestration.assets.pipeline import taken_up
from advisory_perf.orchestration.io_managers import AccountsIOManager, PublishingIOManager
from advisory_perf.orchestration.partitions import delivery_partitions, range_of_days, window_partitions
from advisory_perf.orchestration.pipelines.positions import POSITIONS_PIPELINE
from advisory_perf.platform import Platform, open_platform, pipeline_lock
from advisory_perf.positions.publication import lock_publication
from advisory_perf.reconciliation.break_work import sign_off
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import names
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.feeds.known import of_positions
from advisory_perf_tests.orchestration.expected_tables import after_the_first, after_the_second
from advisory_perf_tests.orchestration.scenarios import acme_as_data, csv, days, settings_with_acme
from advisory_perf_tests.warehouse.waiting import until_blocked

pytestmark = pytest.mark.slow

THIRD, FIFTH = days(3, 5)
CAME = datetime(2025, 3, 6, 6, tzinfo=UTC)

BOTH_BREAK = csv(
    "A,2025-03-03,100.00,0.00,0.00,10.00,110.00,0.20000",
    "B,2025-03-03,200.00,0.00,0.00,5.00,205.00,0.30000",
    "A,2025-03-05,110.00,90.00,0.00,11.00,211.00,0.10000",
)
"""Two accounts whose returns are 0.10 and 0.025, and a flow of more than half of the base."""
UNREADABLE = "C,2025-03-03,x,0.00,0.00,5.00,205.00,0.02500\n"
FIXED = csv(
    "A,2025-03-03,100.00,0.00,0.00,10.00,110.00,0.10000",
    "B,2025-03-03,200.00,0.00,0.00,5.00,205.00,0.02500",
    "B,2025-03-05,205.00,0.00,0.00,0.00,205.00,0.00000",
)
"""The returns as they ought to be, and the day on which one account was missing."""


HARD = Rule("hard", "a rule that blocks what breaks it", hard=True)


@dataclass
class Output:
    """What an IO manager is reported of an asset's output."""

    asset_key: AssetKey
    asset_partitions_def: dg.PartitionsDefinition
    asset_partition_keys: list[str]
    run_id: str = "run"
    metadata: dict[str, Any] = field(default_factory=dict)

    def add_output_metadata(self, metadata: dict[str, Any]) -> None:
        """What is reported of the run."""
        self.metadata |= metadata


@dataclass(frozen=True)
class Published:
    """What a pipeline has computed, and how many rows its publication inserted, updated, deleted and left."""

    stages: dict[str, pl.DataFrame]
    rows: list[int]


def ingest(platform: Platform, vendor: str, name: str, content: str, *, later: int = 0) -> None:
    """As an ingestion does it."""
    feed, came = of_positions(platform.feeds[vendor]), CAME + timedelta(hours=later)
    arrival = Arrival(name, feed.name, feed.vendor, LakeFile(f"{ARCHIVE}/{vendor}/{name}/{vendor}_{name}.csv", 1, came, "tag"), came)
    claimed(platform, arrival, f"bytes of {name}", "run")
    raw = read_raw_rows(content.encode(), feed, f"{name}.csv")
    validated = validate(raw, feed, Delivery(name, f"{vendor}_{name}.csv", came), POSITION_RULES)
    for table, frame in ((DELIVERED_POSITIONS, validated.accepted), (QUARANTINED_ROWS, validated.quarantined)):
        output = Output(AssetKey([vendor, table.name]), delivery_partitions(feed), [name])
        PublishingIOManager(platform, Locks(platform.warehouse)).handle_output(cast("dg.OutputContext", output), frame)
    ingested(platform, arrival, validated, profile_of(raw, validated, feed))


def publish(platform: Platform, vendor: str, first: date, last: date, *, blocked: str | None = None) -> Published:
    """As a pipeline does it, from the first stage to the publication; a rule blocks what one of them has computed."""
    feed = of_positions(platform.feeds[vendor])
    windows = range_of_days(first, last, feed)
    keys = [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
    made: dict[str, pl.DataFrame] = {}
    changes: dict[str, Any] = {}
    with Locks(platform.warehouse) as locks:
        locks.wait(pipeline_lock(vendor))
        for stage in POSITIONS_PIPELINE.stages:
            name, pending = stage.table.name, platform.ledger.pending(vendor)
            computed = stage.compute(platform, feed, windows, {table.name: made[table.name] for table in stage.inputs})
            output = Output(AssetKey([vendor, name]), window_partitions(feed), keys)
            PublishingIOManager(platform, locks).handle_output(cast("dg.OutputContext", output), computed)
            made[name], changes = computed.rows, output.metadata
            findings = [*computed.findings, *([Finding(HARD, pl.DataFrame(), checked=1, passed=False)] if name == blocked else [])]
            taken_up(platform.ledger.under(locks), pending, stage, windows, findings)
    return Published(made, [changes[f"{name}_by_run"] for name in ("inserted", "updated", "deleted", "unchanged")])


@pytest.fixture
def platform(tmp_path: Path, warehouse_url: str) -> Platform:
    """Of acme and of beta, which have accounts of the same names."""
    settings = settings_with_acme(tmp_path, warehouse_url)
    beta = acme_as_data(vendor="beta", title="Beta", files={"patterns": ["beta_*"], "format": "csv"})
    (tmp_path / "feeds" / "beta.yaml").write_text(json.dumps(beta), encoding="utf-8")
    return open_platform(settings)


OWNER = {
    "etl_processing_log": "vendor",
    "alerts": "vendor",
    "lake_writes": "feed",
    "ingestion_writes": "feed",
    "data_quality_scores": "feed",
    "delivery_quality_shares": "feed",
    "delivery_quality_scores": "feed",
}
OF_THE_FIRM = ("composite_performance", "composite_report")
OF_ENTRIES = ("data_quality_issues", "delivered_days", "delivery_profiles", "delivery_day_counts")


def tables(warehouse: Warehouse) -> list[str]:
    """Every table, and every view that keeps rows; no partitions and none of the migrations."""
    found = warehouse.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm') AND NOT relispartition"
        " AND relname NOT LIKE '%%yoyo%%' AND relname NOT IN ('audit_log', 'data_versions', 'sql_functions') ORDER BY 1",
        [],
    )
    return found["relname"].to_list()


def of_vendor(warehouse: Warehouse, vendor: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that is the vendor's, with all its columns."""
    found = {}
    for table in tables(warehouse):
        if table in {"locks", "computed_from"}:
            where = "subject LIKE '%%' || %s"
        elif table in OF_THE_FIRM:
            where = "composite = %s"
        elif table in OF_ENTRIES:
            where = "etl_log_id IN (SELECT id FROM etl_processing_log WHERE vendor = %s)"
        else:
            where = f"{OWNER.get(table, 'data_source')} = %s"
        rows = warehouse.query(f"SELECT to_jsonb(t)::text AS row FROM {table} AS t WHERE {where}", [vendor])["row"].to_list()
        found[table] = sorted((json.loads(row, parse_float=str) for row in rows), key=str)
    return found


SHOWN = {
    "account_statistics": ("account_id", "month"),
    "accounts": ("account_id", "currency", "first_as_of_date", "last_as_of_date", "is_open"),
    "alerts": ("code", "severity", "delivery_id", "is_over", "sent_at"),
    "break_events": ("account_id", "event", "owner"),
    "break_sign_offs": ("account_id", "field_name", "variance", "signed_off_by"),
    "composite_members": ("composite", "account_id", "month"),
    "composite_performance": ("composite", "month"),
    "composite_report": ("composite", "fee_basis", "year"),
    "computed_from": ("subject", "basis"),
    "daily_vendor_totals": (
        *("as_of_date", "currency", "accounts", "accounts_with_breaks"),
        *("beginning_market_value", "ending_market_value", "net_flow"),
    ),
    "currency_returns": ("account_id", "as_of_date", "reporting_return", "conversion_status"),
    "data_quality_issues": ("delivery_id", "account_id", "as_of_date", "issue_type", "line_number"),
    "delivered_days": ("delivery_id", "as_of_date"),
    "delivery_factors": ("delivery_id", "as_of_date", "field_name", "factor"),
    "delivery_profiles": ("delivery_id",),
    "delivery_day_counts": ("delivery_id", "as_of_date", "accepted", "quarantined", "conflicting", "duplicate"),
    "data_quality_scores": ("as_of_date", "dimension", "numerator", "denominator"),
    "delivery_quality_scores": ("delivery_id", "dimension", "numerator", "denominator"),
    "delivery_quality_shares": ("as_of_date", "delivery_id", "dimension", "numerator", "denominator"),
    "etl_processing_log": (
        *("delivery_id", "status", "records_read", "records_processed", "records_failed", "records_inserted", "records_updated"),
        "records_restated",
        *("pending_first_date", "pending_last_date"),
    ),
    "exchange_rates_history": ("base_currency", "quote_currency", "as_of_date", "rate", "delivery_id", "superseded_by_delivery_id"),
    "exchange_rates": ("base_currency", "quote_currency", "as_of_date", "rate", "delivery_id"),
    "lake_writes": ("run_id",),
    "ingestion_writes": ("run_id",),
    "performance_data": ("account_id", "as_of_date", "delivery_id", "reconciliation_status"),
    "performance_data_history": ("account_id", "as_of_date", "delivery_id", "superseded_by_delivery_id", "reconciliation_status"),
    "portfolio_contributions": ("level", "group_id", "month", "account_id"),
    "portfolio_performance": ("level", "group_id", "as_of_date"),
    "portfolio_performance_history": ("level", "group_id", "as_of_date"),
    "reconciliation_breaks": (
        *("account_id", "field_name", "first_as_of_date", "last_as_of_date", "status", "resolved_on", "resolved_by_delivery_id"),
        *("variance", "signed_off_by"),
    ),
    "reconciliation_results": ("account_id", "as_of_date", "field_name", "within_tolerance"),
    "reconciliation_totals": ("as_of_date", "field_name", "delivery_id", "results", "compared", "breaks"),
    "restatements": ("delivery_id", "field_name", "first_as_of_date", "last_as_of_date", "changed", "accounts", "largest_change"),
    "locks": ("subject",),
    "statistics_pending": ("account_id", "first_date"),
    "contributions_pending": ("level", "group_id", "first_date"),
}
"""Every table; those that are published have all their columns compared besides."""


def shown(warehouse: Warehouse, vendor: str) -> dict[str, list[tuple[Any, ...]]]:
    """The vendor's rows without what differs from run to run; no table that is empty."""
    found = of_vendor(warehouse, vendor)
    assert set(found) == set(SHOWN)
    names = {row["id"]: row["delivery_id"] for row in found["etl_processing_log"]}
    for table in OF_ENTRIES:
        found[table] = [{**row, "delivery_id": names[row["etl_log_id"]]} for row in found[table]]
    found["alerts"] = [{**row, "is_over": row["resolved_at"] is not None} for row in found["alerts"]]
    return {
        table: sorted((tuple(row[column] for column in SHOWN[table]) for row in rows), key=str) for table, rows in found.items() if rows
    }


def stands_as_computed(warehouse: Warehouse, vendor: str, made: Published) -> bool:
    """Whether both published tables hold every column of every row as the pipeline has computed it, and no other row."""
    rows = sql.SQL("SELECT {} FROM {} WHERE data_source = %s ORDER BY {}")
    return all(
        warehouse.query(rows.format(names(table.column_names), names([table.name]), names(table.key)), [vendor]).equals(
            made.stages[table.name].select(table.column_names).sort(table.key)
        )
        for table in (PERFORMANCE_DATA, RECONCILIATION_RESULTS)
    )


def test_a_publication_changes_all_that_is_its_vendors_and_nothing_else(platform: Platform) -> None:
    warehouse = Warehouse(platform.warehouse.url)

    def neighbour_under_way() -> dict[str, list[dict[str, Any]]]:
        """What another pipeline is about to publish, or has published since: nobody else may fix it."""
        with warehouse.connect() as connection:
            connection.execute("UPDATE accounts SET last_as_of_date = '2025-03-04' WHERE data_source = 'beta' AND account_id = 'A'")
            connection.execute(
                "INSERT INTO delivery_factors (data_source, delivery_id, as_of_date, field_name, factor, accounts, accounts_compared)"
                " SELECT 'beta', 'b1', '2025-03-03', 'ending_market_value', 2, 9, 9 FROM accounts WHERE data_source = 'beta' LIMIT 1"
            )
        return of_vendor(warehouse, "beta")

    ingest(platform, "acme", "a1", BOTH_BREAK)
    ingest(platform, "beta", "b1", BOTH_BREAK + UNREADABLE)
    ingested = neighbour_under_way()
    first = publish(platform, "acme", THIRD, FIFTH)
    assert of_vendor(warehouse, "beta") == ingested
    assert shown(warehouse, "acme") == after_the_first("a1")
    assert stands_as_computed(warehouse, "acme", first)
    assert first.rows == [3, 0, 0, 0]

    published = of_vendor(warehouse, "acme")
    assert publish(platform, "beta", THIRD, FIFTH).rows == [3, 0, 0, 0]
    assert of_vendor(warehouse, "acme") == published
    assert shown(warehouse, "beta") == after_the_first("b1", quarantined=1)
    (break_id,) = warehouse.query("SELECT break_id FROM reconciliation_breaks WHERE data_source = 'beta' AND account_id = 'B'").row(0)
    sign_off(warehouse, [break_id], by="Ann", reason="known")
    assert of_vendor(warehouse, "acme") == published
    assert shown(warehouse, "beta") == after_the_first("b1", quarantined=1, signed="Ann")

    ingest(platform, "acme", "a2", FIXED, later=1)
    signed = neighbour_under_way()
    second = publish(platform, "acme", THIRD, FIFTH, blocked="twrr_series")
    assert shown(warehouse, "acme") == after_the_second("PROCESSING", 0, 0, 0, "2025-03-03", "2025-03-05")
    assert stands_as_computed(warehouse, "acme", second)
    assert second.rows == [1, 2, 0, 1]
    assert publish(platform, "acme", THIRD, FIFTH).rows == [0, 0, 0, 4]
    assert shown(warehouse, "acme") == after_the_second("COMPLETED", 1, 2, 2, None, None)
    assert of_vendor(warehouse, "beta") == signed


def test_the_register_waits_for_a_publication_and_then_says_what_that_has_published(platform: Platform) -> None:
    ingest(platform, "acme", "a1", BOTH_BREAK)
    publish(platform, "acme", THIRD, FIFTH)
    warehouse, output = Warehouse(platform.warehouse.url), Output(AssetKey(["accounts"]), window_partitions(platform.feeds["acme"]), [])
    with ThreadPoolExecutor(1) as pool, warehouse.connect() as publication:
        lock_publication(publication, "acme")
        publication.execute("DELETE FROM reconciliation_results WHERE as_of_date = %s", [FIFTH])
        publication.execute("DELETE FROM performance_data WHERE as_of_date = %s", [FIFTH])
        register = pool.submit(AccountsIOManager(platform).handle_output, cast("dg.OutputContext", output), pl.DataFrame())
        until_blocked(warehouse, register)
        publication.commit()
        register.result()
    assert output.metadata == {"changed": 1}
    assert shown(warehouse, "acme")["accounts"] == [(account, "USD", "2025-03-03", "2025-03-03", True) for account in "AB"]
