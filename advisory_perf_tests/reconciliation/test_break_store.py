"""How breaks are read, and how the table came to be filled."""

from typing import Any

import polars as pl
import psycopg
import pytest

from advisory_perf.reconciliation import break_store
from advisory_perf.reconciliation.breaks import bring_breaks_up_to_date
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import copied
from advisory_perf.warehouse.migrations import migrate
from advisory_perf_tests.reconciliation.breaking import AUGUST, JULY, JUNE, MAY, Vendor

pytestmark = pytest.mark.slow


@pytest.fixture
def vendor(warehouse: Warehouse) -> Vendor:
    """A vendor that has delivered nothing."""
    return Vendor(warehouse)


def test_breaks_are_read_without_compiling_and_what_comes_after_them_is_as_before(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor.deliver({MAY: "7"})
    seen = []

    def reading(connection: psycopg.Connection, *others: Any) -> pl.DataFrame:
        seen.append(setting(connection, "jit"))
        return copied(connection, *others)

    monkeypatch.setattr(break_store, "copied", reading)
    with vendor.warehouse.connect() as connection:
        before = [setting(connection, name) for name in ("jit", "datestyle")]
        bring_breaks_up_to_date(connection, vendor.name, first=MAY, last=MAY)
        assert [setting(connection, name) for name in ("jit", "datestyle")] == before
    assert set(seen) == {"off"}


def setting(connection: psycopg.Connection, name: str) -> str:
    return str(connection.execute("SELECT current_setting(%s)", [name]).fetchall()[0][0])


def test_breaks_of_before_there_was_the_table_are_taken_up_by_its_migration(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7", JUNE: "7", JULY: "0", AUGUST: "7"})
    columns = (
        "break_id",
        "first_as_of_date",
        "last_as_of_date",
        "valuations",
        "resolved_on",
        "variance",
        "status",
        "resolved_by_delivery_id",
    )
    before = vendor.breaks(*columns)
    with vendor.warehouse.connect() as connection:
        connection.execute("DROP TABLE reconciliation_breaks, delivery_factors, break_sign_offs CASCADE")
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id ~ '^00(08|10|29)'")
        connection.execute("ALTER TABLE reconciliation_results DROP CONSTRAINT reconciliation_results_cause")
        connection.execute(
            "ALTER TABLE reconciliation_results_2024_05 DROP CONSTRAINT IF EXISTS reconciliation_results_cause,"
            " ADD CONSTRAINT reconciliation_results_cause CHECK (likely_cause = 'UNEXPLAINED')"
        )
    migrate(vendor.warehouse.url)
    assert vendor.breaks(*columns) == before
    vendor.factors = {MAY: "1.08"}
    vendor.publish(MAY, MAY)
    assert vendor.breaks("account_id", "first_as_of_date")[0] == (None, MAY), "partitions know the new cause too"
