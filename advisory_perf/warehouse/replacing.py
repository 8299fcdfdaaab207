"""Chosen rows of a table made those of a frame, within a connection's transaction: what is equal is not written."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.warehouse.copy import assignments, copy_frame, names


def replace_rows(
    connection: psycopg.Connection, table: str, rows: pl.DataFrame, *, key: Sequence[str], chosen: LiteralString, place: Mapping[str, Any]
) -> None:
    """Makes the rows of the table for which ``chosen`` holds, a condition on ``stored`` with the values of ``place``, those of the frame.

    ``key`` is never null and tells any two rows apart; the frame's other columns are compared and written, and where the table has
    ``updated_at`` that is when a row was written last. Columns that the frame has not are left to the table.
    """
    values = [name for name in rows.columns if name not in key]
    parts = {
        "table": sql.Identifier(table),
        "all": names(rows.columns),
        "key": names(key),
        "chosen": sql.SQL(chosen),
        "assignments": assignments([*values, *_times(connection, table)], "excluded"),
        "same": sql.SQL(" AND ").join(sql.SQL("stored.{0} = incoming.{0}").format(sql.Identifier(name)) for name in key),
        "stored": names(values, "stored"),
        "excluded": names(values, "excluded"),
    }

    def run(statement: LiteralString) -> None:
        connection.execute(sql.SQL(statement).format(**parts), place)

    run("CREATE TEMP TABLE incoming_rows ON COMMIT DROP AS SELECT {all} FROM {table} LIMIT 0")
    copy_frame(connection, "incoming_rows", rows)
    run("ANALYZE incoming_rows")
    run("DELETE FROM {table} AS stored WHERE {chosen} AND NOT EXISTS (SELECT FROM incoming_rows AS incoming WHERE {same})")
    run(
        "INSERT INTO {table} AS stored ({all}) SELECT {all} FROM incoming_rows ORDER BY {key} ON CONFLICT ({key}) DO UPDATE"
        " SET {assignments} WHERE ({stored}) IS DISTINCT FROM ({excluded})"
    )
    run("DROP TABLE incoming_rows")


def _times(connection: psycopg.Connection, table: str) -> list[str]:
    has = connection.execute("SELECT FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'updated_at'", [table]).fetchone()
    return [] if has is None else ["updated_at"]
