"""Chosen rows of a table made those of a frame, within a connection's transaction: what is equal is not written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.warehouse.copy import assignments, copy_frame, names


@dataclass(frozen=True, slots=True)
class RowChange:
    """What a write did, in rows."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __add__(self, other: "RowChange") -> "RowChange":
        """Both together."""
        return RowChange(self.inserted + other.inserted, self.updated + other.updated, self.deleted + other.deleted)


def replace_rows(
    connection: psycopg.Connection,
    table: str,
    rows: pl.DataFrame,
    *,
    key: Sequence[str],
    chosen: LiteralString | sql.Composable,
    place: Mapping[str, Any],
    is_timed: bool,
) -> RowChange:
    """Makes the rows of the table for which ``chosen`` holds, a condition on ``stored`` with the values of ``place``, those of the frame.

    ``key`` is never null and tells any two rows apart; the frame's other columns are compared and written, and where the table ``is_timed``
    its ``updated_at`` is when a row was written last. Columns that the frame has not are left to the table.
    """
    values = [name for name in rows.columns if name not in key]
    parts = {
        "table": sql.Identifier(table),
        "all": names(rows.columns),
        "key": names(key),
        "chosen": sql.SQL(chosen) if isinstance(chosen, str) else chosen,
        "assignments": assignments(values, "incoming"),
        "time": sql.SQL(", updated_at = now()" if is_timed else ""),
        "same": sql.SQL(" AND ").join(sql.SQL("stored.{0} = incoming.{0}").format(sql.Identifier(name)) for name in key),
        "stored": names(values, "stored"),
        "incoming": names(values, "incoming"),
    }

    def run(statement: LiteralString) -> int:
        return connection.execute(sql.SQL(statement).format(**parts), place).rowcount

    run("CREATE TEMP TABLE incoming_rows ON COMMIT DROP AS SELECT {all} FROM {table} LIMIT 0")
    copy_frame(connection, "incoming_rows", rows)
    run("ANALYZE incoming_rows ({key})")
    deleted = run("DELETE FROM {table} AS stored WHERE {chosen} AND NOT EXISTS (SELECT FROM incoming_rows AS incoming WHERE {same})")
    updated = run(
        "UPDATE {table} AS stored SET {assignments}{time} FROM incoming_rows AS incoming WHERE {same}"
        " AND ({stored}) IS DISTINCT FROM ({incoming})"
    )
    inserted = run("INSERT INTO {table} ({all}) SELECT {all} FROM incoming_rows ORDER BY {key} ON CONFLICT DO NOTHING")
    run("DROP TABLE incoming_rows")
    return RowChange(inserted, updated, deleted)
