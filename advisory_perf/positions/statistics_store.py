"""Writes what is computed above the account: rows that are equal stay as they are, and what is noted goes in the same transaction."""

from collections.abc import Callable
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.contracts.tables import Table
from advisory_perf.positions.changed import ChangedFigures
from advisory_perf.positions.composites import ComputedComposites
from advisory_perf.positions.statistics_notes import COMPOSITES, computed_now, strike_off_changes
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import copy_frame, names, with_the_columns_of
from advisory_perf.warehouse.replacing import RowChange, replace_rows

Confirm = Callable[[psycopg.Connection], object]
_IN_SCOPE = sql.SQL(
    "stored.data_source = %(vendor)s AND EXISTS (SELECT FROM scope WHERE ({of_scope}) = ({of_stored}) AND stored.month >= scope.from_month)"
)
_NOT_WAITING = sql.SQL("stored.composite <> ALL(%(waiting)s)")


def publish_changed(warehouse: Warehouse, changed: ChangedFigures, *, confirm: Confirm) -> RowChange:
    """In one transaction, in which ``confirm`` is asked first: the rows in scope from their months on, and the end of their notes."""
    key = changed.notes.key
    in_scope = _IN_SCOPE.format(of_scope=names(key, "scope"), of_stored=names(key, "stored"))
    with warehouse.connect() as connection:
        confirm(connection)
        columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in key)
        connection.execute(
            sql.SQL("CREATE TEMP TABLE scope ({}, from_month date NOT NULL, PRIMARY KEY ({})) ON COMMIT DROP").format(columns, names(key))
        )
        copy_frame(connection, "scope", changed.scope.select(*key, "from_month"))
        done = _replace(connection, changed.table, changed.rows, in_scope, {"vendor": changed.vendor})
        strike_off_changes(connection, changed.notes, changed.vendor, changed.noted)
        computed_now(connection, changed.notes.of(changed.vendor), changed.basis)
        connection.execute("DROP TABLE scope")
    return done


def publish_composites(warehouse: Warehouse, computed: ComputedComposites, *, confirm: Confirm) -> dict[str, RowChange]:
    """Likewise all composites, whole, but for those that wait; by table what changed. Where nothing was computed, nothing is written."""
    if computed.is_unchanged:
        return {}
    with warehouse.connect() as connection:
        confirm(connection)
        place = {"waiting": list(computed.waiting)}
        done = {table.name: _replace(connection, table, frame, _NOT_WAITING, place) for table, frame in computed.tables.items()}
        computed_now(connection, COMPOSITES, computed.basis, computed.number)
    return done


def _replace(
    connection: psycopg.Connection, table: Table, frame: pl.DataFrame, in_scope: sql.Composable, place: dict[str, Any]
) -> RowChange:
    """Makes the rows in scope exactly those of the frame; equal ones keep their time."""
    rows = with_the_columns_of(table, frame)
    return replace_rows(connection, table.name, rows, key=table.key, chosen=in_scope, place=place, is_timed=True)
