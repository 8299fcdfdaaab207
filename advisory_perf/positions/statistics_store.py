"""Writes what is computed above the account: rows that are equal stay as they are, and what is noted goes in the same transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.contracts.firm_tables import ACCOUNT_STATISTICS
from advisory_perf.contracts.tables import Table
from advisory_perf.positions.composites import ComputedComposites
from advisory_perf.positions.statistics import ChangedStatistics
from advisory_perf.positions.statistics_notes import COMPOSITES, computed_now, of_accounts, strike_off_changes
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import assignments, copy_frame, copy_to_temporary, names, with_the_columns_of

Confirm = Callable[[psycopg.Connection], object]


@dataclass(frozen=True, slots=True)
class RowChange:
    """What a write did, in rows."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __add__(self, other: "RowChange") -> "RowChange":
        """Both together."""
        return RowChange(self.inserted + other.inserted, self.updated + other.updated, self.deleted + other.deleted)


def publish_statistics(warehouse: Warehouse, changed: ChangedStatistics, *, confirm: Confirm) -> RowChange:
    """In one transaction, in which ``confirm`` is asked first: the accounts' rows from their months on, and the end of their notes."""
    with warehouse.connect() as connection:
        confirm(connection)
        connection.execute("CREATE TEMP TABLE scope (account_id text PRIMARY KEY, from_month date NOT NULL) ON COMMIT DROP")
        copy_frame(connection, "scope", changed.scope.select("account_id", "from_month"))
        in_scope = sql.SQL(
            "stored.data_source = %(vendor)s AND EXISTS (SELECT FROM scope WHERE scope.account_id = stored.account_id"
            " AND stored.month >= scope.from_month)"
        )
        done = _replace(connection, ACCOUNT_STATISTICS, changed.rows, in_scope, {"vendor": changed.vendor})
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
        done = {table.name: _replace(connection, table, frame, sql.SQL("true"), {}) for table, frame in computed.tables.items()}
        computed_now(connection, COMPOSITES, computed.basis, computed.number)
    return done


def _replace(
    connection: psycopg.Connection, table: Table, frame: pl.DataFrame, in_scope: sql.Composable, place: dict[str, Any]
) -> RowChange:
    """Makes the rows in scope exactly those of the frame; equal ones keep their time."""
    rows = with_the_columns_of(table, frame)
    copy_to_temporary(connection, "incoming", table, rows)
    values = [name for name in table.column_names if name not in table.key]
    same_key = sql.SQL(" AND ").join(sql.SQL("stored.{0} = incoming.{0}").format(sql.Identifier(name)) for name in table.key)
    parts = {
        "table": sql.Identifier(table.name),
        "all": names(table.column_names),
        "key": names(table.key),
        "same_key": same_key,
        "in_scope": in_scope,
        "stored": names(values, "stored"),
        "incoming": names(values, "incoming"),
        "assignments": assignments(values, "incoming"),
    }

    def run(statement: LiteralString) -> int:
        return connection.execute(sql.SQL(statement).format(**parts), place).rowcount

    deleted = run("DELETE FROM {table} AS stored WHERE {in_scope} AND NOT EXISTS (SELECT FROM incoming WHERE {same_key})")
    updated = run(
        "UPDATE {table} AS stored SET {assignments}, updated_at = now() FROM incoming WHERE {same_key}"
        " AND ({stored}) IS DISTINCT FROM ({incoming})"
    )
    inserted = run("INSERT INTO {table} ({all}) SELECT {all} FROM incoming ORDER BY {key} ON CONFLICT DO NOTHING")
    connection.execute("DROP TABLE incoming")
    return RowChange(inserted, updated, deleted)
