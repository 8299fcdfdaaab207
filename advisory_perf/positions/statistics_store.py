"""Writes what is computed above the account: rows that are equal stay as they are, and what is noted goes in the same transaction."""

from collections.abc import Callable
from typing import Any, LiteralString

import polars as pl
import psycopg

from advisory_perf.contracts.firm_tables import ACCOUNT_STATISTICS
from advisory_perf.contracts.tables import Table
from advisory_perf.positions.composites import ComputedComposites
from advisory_perf.positions.statistics import ChangedStatistics
from advisory_perf.positions.statistics_notes import COMPOSITES, computed_now, of_accounts, strike_off_changes
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import copy_frame, with_the_columns_of
from advisory_perf.warehouse.replacing import RowChange, replace_rows

Confirm = Callable[[psycopg.Connection], object]
_IN_SCOPE: LiteralString = (
    "stored.data_source = %(vendor)s AND EXISTS (SELECT FROM scope WHERE scope.account_id = stored.account_id"
    " AND stored.month >= scope.from_month)"
)


def publish_statistics(warehouse: Warehouse, changed: ChangedStatistics, *, confirm: Confirm) -> RowChange:
    """In one transaction, in which ``confirm`` is asked first: the accounts' rows from their months on, and the end of their notes."""
    with warehouse.connect() as connection:
        confirm(connection)
        connection.execute("CREATE TEMP TABLE scope (account_id text PRIMARY KEY, from_month date NOT NULL) ON COMMIT DROP")
        copy_frame(connection, "scope", changed.scope.select("account_id", "from_month"))
        done = _replace(connection, ACCOUNT_STATISTICS, changed.rows, _IN_SCOPE, {"vendor": changed.vendor})
        strike_off_changes(connection, changed.vendor, changed.noted)
        computed_now(connection, of_accounts(changed.vendor), changed.basis)
        connection.execute("DROP TABLE scope")
    return done


def publish_composites(warehouse: Warehouse, computed: ComputedComposites, *, confirm: Confirm) -> dict[str, RowChange]:
    """Likewise all composites, whole; by table what changed. Where nothing was computed, nothing is written."""
    if computed.is_unchanged:
        return {}
    with warehouse.connect() as connection:
        confirm(connection)
        done = {table.name: _replace(connection, table, frame, "true", {}) for table, frame in computed.tables.items()}
        computed_now(connection, COMPOSITES, computed.basis, computed.number)
    return done


def _replace(
    connection: psycopg.Connection, table: Table, frame: pl.DataFrame, in_scope: LiteralString, place: dict[str, Any]
) -> RowChange:
    """Makes the rows in scope exactly those of the frame; equal ones keep their time."""
    rows = with_the_columns_of(table, frame)
    return replace_rows(connection, table.name, rows, key=table.key, chosen=in_scope, place=place, is_timed=True)
