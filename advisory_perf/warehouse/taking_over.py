"""Rows of one feed and its vendor taken over from one warehouse into another of the same schema, which is empty: for a preview.

Which tables there are is asked of the schema, so that a new one is taken over without a word here. The source is only read, as of one
moment; in the target triggers and foreign keys rest meanwhile, which takes its superuser.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from advisory_perf.warehouse.connection import Warehouse

_OF_RUNS = frozenset({"locks", "lake_writes", "ingestion_writes"})
"""What runs that are under way note for each other; none is under way in the target."""

_WHOSE: Mapping[str, LiteralString] = {
    "feed": "feed = %(feed)s",
    "data_source": "data_source = %(vendor)s",
    "etl_log_id": "etl_log_id IN (SELECT id FROM etl_processing_log WHERE feed = %(feed)s)",
    "break_id": "break_id IN (SELECT break_id FROM reconciliation_breaks WHERE data_source = %(vendor)s)",
}
"""By which column, the first that a table has, its rows are the feed's or the vendor's. A table with none of them stays empty."""

_TABLES: LiteralString = """
    SELECT c.relname, c.relkind = 'p', array_agg(a.attname ORDER BY a.attnum),
        array_remove(array_agg(CASE WHEN a.attidentity <> '' THEN a.attname END), NULL)
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    GROUP BY c.oid, c.relname, c.relkind ORDER BY c.relname
"""


@contextmanager
def reading(warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    """A connection that sees the warehouse as of one moment, may only read, and may take its time."""
    with warehouse.connect("nothing was changed, so try again") as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute("SET LOCAL statement_timeout = 0")
        yield connection


def take_over(source: psycopg.Connection, target: psycopg.Connection, *, feed: str, vendor: str) -> list[str]:
    """Copies the rows of the feed and its vendor; gives the names of their tables. Ids and numbers go on behind those taken over."""
    place = {"feed": feed, "vendor": vendor}
    taken = []
    target.execute("SET LOCAL session_replication_role = replica")
    for name, is_partitioned, columns, identities in target.execute(_TABLES).fetchall():
        whose = next((condition for column, condition in _WHOSE.items() if column in columns), None)
        if whose is None or name in _OF_RUNS:
            continue
        chosen = sql.SQL("FROM {} WHERE {}").format(sql.Identifier(name), sql.SQL(whose))
        if is_partitioned:
            _make_partitions(source, target, name, chosen, place)
        _copy(source, target, name, columns, chosen, place)
        for column in identities:
            target.execute(
                sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {} HAVING max({}) IS NOT NULL").format(
                    sql.Literal(name), sql.Literal(column), sql.Identifier(column), sql.Identifier(name), sql.Identifier(column)
                )
            )
        taken.append(name)
    target.execute("SELECT setval('ingestion_numbers', max(ingestion_no)) FROM etl_processing_log HAVING max(ingestion_no) > 0")
    target.execute("SET LOCAL session_replication_role = DEFAULT")
    target.execute("ANALYZE")
    target.execute("SELECT refresh_daily_vendor_totals()")
    return taken


def _make_partitions(
    source: psycopg.Connection, target: psycopg.Connection, name: str, chosen: sql.Composed, place: Mapping[str, Any]
) -> None:
    months = source.execute(sql.SQL("SELECT DISTINCT date_trunc('month', as_of_date)::date {}").format(chosen), place).fetchall()
    target.execute(
        "SELECT create_monthly_partition(%s::regclass, month) FROM unnest(%s::date[]) AS month", [name, [month for (month,) in months]]
    )


def _copy(
    source: psycopg.Connection,
    target: psycopg.Connection,
    name: str,
    columns: list[str],
    chosen: sql.Composed,
    place: Mapping[str, Any],
) -> None:
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    reading_them = sql.SQL("COPY (SELECT {} {}) TO STDOUT (FORMAT BINARY)").format(listed, chosen)
    writing_them = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(name), listed)
    with source.cursor().copy(reading_them, place) as rows, target.cursor().copy(writing_them) as copy:
        for data in rows:
            copy.write(data)
