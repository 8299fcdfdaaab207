"""Reads what is known and published of a feed, as ``reconciliation.state_changes`` compares it."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import LiteralString

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.contracts.tables import QUARANTINED_ROWS
from advisory_perf.deliveries.delivered_days import INGESTED
from advisory_perf.feeds.feed import Feed
from advisory_perf.lake.store import Lake
from advisory_perf.reconciliation.state_changes import BREAK_STATES, DELIVERIES, ISSUES_FOUND, LINES, ComparedTable, Slices, State
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import copied, names

_ISSUES: LiteralString = """
    SELECT {columns} FROM data_quality_issues AS issue JOIN etl_processing_log AS log ON log.id = issue.etl_log_id
    WHERE log.feed = %(feed)s AND issue.line_number IS NULL
"""


def state_of(warehouse: Warehouse, lake: Lake, feed: Feed, *, renamed: Mapping[str, str] | None = None) -> State:
    """Deliveries, their lines, issues and breaks of the feed and its vendor; ``renamed`` are the names of deliveries to go by."""
    place = {"feed": feed.name, "vendor": feed.vendor}
    of_issues = sql.SQL(", ").join(sql.Identifier("log" if name == "delivery_id" else "issue", name) for name in ISSUES_FOUND.names())
    with warehouse.connect() as connection:
        deliveries = _selected(connection, "etl_processing_log", DELIVERIES, "feed = %(feed)s", place)
        issues = copied(connection, sql.SQL(_ISSUES).format(columns=of_issues), ISSUES_FOUND, place)
        breaks = _selected(connection, "reconciliation_breaks", BREAK_STATES, "data_source = %(vendor)s", place)
    ingested = set(deliveries.filter(pl.col("status").is_in([status.value for status in INGESTED]))["delivery_id"])
    frames = (deliveries, lines_of(lake, feed, ingested), issues, breaks)
    return State(*(with_names(frame, renamed or {}) for frame in frames))


def lines_of(lake: Lake, feed: Feed, deliveries: Collection[str]) -> pl.DataFrame:
    """LINES of the deliveries, as the lake has them."""
    contract = feed.contract
    of_accepted = {"account_id": contract.account, "as_of_date": contract.day, "code": None, "reason": None}
    parts = [LINES.to_frame()]
    for stage, stands_in in ((contract.delivered.name, of_accepted), (QUARANTINED_ROWS.name, {})):
        keys = [key for key in lake.partition_keys(stage, feed.name, "delivery") if key in deliveries]
        columns = {name: stands_in.get(name, name) for name in LINES.names()}
        if keys:
            there = [column for column in columns.values() if column is not None]
            rows = lake.read_partitions(stage, feed.name, "delivery", keys, columns=there)
            filled = [pl.lit(None, LINES[name]) if column is None else pl.col(column).cast(LINES[name]) for name, column in columns.items()]
            parts.append(rows.select(value.alias(name) for value, name in zip(filled, columns, strict=True)))
    return pl.concat(parts)


def with_names(frame: pl.DataFrame, renamed: Mapping[str, str]) -> pl.DataFrame:
    """The frame with other names of deliveries in every column that names one."""
    columns = [name for name in frame.columns if name.endswith("delivery_id")] if renamed else []
    return frame.with_columns(pl.col(columns).replace(dict(renamed))) if columns else frame


def rows_by_month(warehouse: Warehouse, table: ComparedTable, feed: Feed) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows of the feed or its vendor, a month of as-of dates at a time; at once where the table has none."""
    place = {"whose": feed.vendor if table.whose == "data_source" else feed.name}
    is_its_own = sql.SQL("{} = %(whose)s").format(sql.Identifier(table.whose))
    with warehouse.connect() as connection:
        if "as_of_date" not in table.schema:
            yield "all", _selected(connection, table.name, table.schema, is_its_own, place)
            return
        months = connection.execute(
            sql.SQL("SELECT DISTINCT date_trunc('month', as_of_date)::date AS month FROM {} WHERE {} ORDER BY month").format(
                sql.Identifier(table.name), is_its_own
            ),
            place,
        ).fetchall()
        within = sql.SQL("{} AND as_of_date >= %(month)s AND as_of_date < (%(month)s::date + interval '1 month')").format(is_its_own)
        for (month,) in months:
            yield f"{month:%Y-%m}", _selected(connection, table.name, table.schema, within, {**place, "month": month})


def keep_rows(warehouse: Warehouse, table: ComparedTable, feed: Feed, folder: Path) -> None:
    """Notes the table's rows as they are, for ``slices_since``."""
    (folder / table.name).mkdir(parents=True)
    for month, rows in rows_by_month(warehouse, table, feed):
        rows.write_parquet(folder / table.name / f"{month}.parquet")


def slices_since(warehouse: Warehouse, table: ComparedTable, feed: Feed, folder: Path, renamed: Mapping[str, str]) -> Slices:
    """The table's rows as ``keep_rows`` noted them, and as they are."""
    noted = {path.stem: path for path in sorted((folder / table.name).iterdir())}
    empty = table.schema.to_frame()
    for month, rows in rows_by_month(warehouse, table, feed):
        path = noted.pop(month, None)
        yield empty if path is None else pl.read_parquet(path), with_names(rows, renamed)
    for path in noted.values():
        yield pl.read_parquet(path), empty


def _selected(
    connection: psycopg.Connection,
    table: str,
    schema: pl.Schema,
    where: LiteralString | sql.Composed,
    place: Mapping[str, object],
) -> pl.DataFrame:
    condition = sql.SQL(where) if isinstance(where, str) else where
    statement = sql.SQL("SELECT {} FROM {} WHERE {}").format(names(schema.names()), sql.Identifier(table), condition)
    return copied(connection, statement, schema, place)
