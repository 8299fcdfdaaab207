"""Rows of one feed are taken over into an empty warehouse, and nothing else; the source is only read."""

from datetime import UTC, date, datetime

import polars as pl
import psycopg
import pytest
from psycopg import sql

from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.errors import WarehouseError
from advisory_perf.positions.accounts_store import insert_missing_accounts
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import copy_frame
from advisory_perf.warehouse.roles import Role
from advisory_perf.warehouse.taking_over import reading, take_over
from advisory_perf_tests.warehouse.scenarios import four_valuations, put

pytestmark = pytest.mark.slow


def claimed(ledger: Ledger, feed: str, number: int) -> None:
    name = f"{feed}-{number}"
    ledger.claim(
        delivery_id=name,
        file_name=f"{name}.csv",
        file_path=f"incoming/{feed}/{name}.csv",
        feed=feed,
        vendor=feed,
        sha256=f"{number:064}",
        size_bytes=1,
        received_at=datetime(2025, 4, number, tzinfo=UTC),
        run_id="run",
    )


def rejected(ledger: Ledger, feed: str, number: int) -> None:
    claimed(ledger, feed, number)
    ledger.rejected(f"{feed}-{number}", code="E_EMPTY", sentence="it is empty")


def rows(warehouse: Warehouse, table: str) -> set[str]:
    return set(warehouse.query(sql.SQL("SELECT t::text AS row FROM {} AS t").format(sql.Identifier(table)))["row"])


def test_the_rows_of_a_feed_and_no_others_and_numbers_go_on_behind_them(
    warehouse: Warehouse, warehouse_url: str, second_warehouse_url: str
) -> None:
    ledger, target = Ledger(warehouse), Warehouse(second_warehouse_url)
    for number in (1, 2):
        rejected(ledger, "other", number)
        rejected(ledger, "acme", number)
    before = {table: rows(warehouse, table) for table in ("etl_processing_log", "alerts")}
    with reading(Warehouse(warehouse_url, Role.WRITER)) as source, target.connect() as connection:
        taken = take_over(source, connection, feed="acme", vendor="acme")
    assert {"etl_processing_log", "alerts", "performance_data", "reconciliation_breaks", "break_sign_offs", "data_quality_issues"} <= {
        *taken
    }
    assert {"locks", "lake_writes", "ingestion_writes", "sql_functions"}.isdisjoint(taken)
    for table, known in before.items():
        assert rows(warehouse, table) == known
        assert rows(target, table) == {row for row in known if "acme" in row}
        assert len(rows(target, table)) == 2
    rejected(Ledger(target), "acme", 3)
    last = Ledger(target).entries("acme")[-1]
    assert last.id > max(entry.id for entry in ledger.entries("acme"))
    assert last.ingestion_no > max(entry.ingestion_no for entry in ledger.entries("acme"))


def test_months_get_their_partitions_and_the_totals_their_days(warehouse: Warehouse, second_warehouse_url: str) -> None:
    target = Warehouse(second_warehouse_url)
    put(warehouse, four_valuations())
    others = four_valuations().with_columns(pl.lit("beta").alias("data_source"))
    with warehouse.connect() as connection:
        copy_accounts_and_rows(connection, others)
    with reading(warehouse) as source, target.connect() as connection:
        take_over(source, connection, feed="alpha", vendor="alpha")
    assert len(rows(target, "performance_data")) == 4
    assert rows(target, "performance_data") == {row for row in rows(warehouse, "performance_data") if "beta" not in row}
    totals = target.query("SELECT data_source, as_of_date FROM daily_vendor_totals ORDER BY as_of_date")
    assert totals.rows() == [("alpha", date(2024, 1, 31)), ("alpha", date(2024, 2, 1))]


def copy_accounts_and_rows(connection: psycopg.Connection, frame: pl.DataFrame) -> None:
    insert_missing_accounts(connection, frame)
    copy_frame(connection, "performance_data", frame)


def test_a_connection_that_reads_may_not_write(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="read-only transaction"), reading(warehouse) as source:
        source.execute("DELETE FROM etl_processing_log")
