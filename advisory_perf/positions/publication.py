"""The one write of a pipeline: slices, the rows of a vendor between two days, are replaced in one transaction.

A rerun with the same rows touches nothing. What a delivery is and where it stands belongs to ``deliveries.ledger``, the accounts to
``accounts_store``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.contracts.tables import ACCOUNTS, PublishedTable, Table
from advisory_perf.errors import WarehouseError
from advisory_perf.positions.accounts_store import insert_missing_accounts
from advisory_perf.positions.noting import note_difference, note_inserted, old_and_new_groups
from advisory_perf.positions.restatements import record_restatements
from advisory_perf.warehouse.beginnings import begin_announced
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import assignments, copy_frame, copy_to_temporary, names, with_the_columns_of

_WAREHOUSE_COLUMNS = ("id", "created_at", "updated_at", "processed_by")


@dataclass(frozen=True, slots=True)
class SliceChange:
    """What the replacement of a slice did, in rows; ``restated`` are those of the updated rows that have another figure."""

    inserted: int
    updated: int
    deleted: int
    unchanged: int
    restated: int = 0


def publish_slices(
    warehouse: Warehouse,
    slices: Sequence[tuple[PublishedTable, pl.DataFrame]],
    *,
    vendor: str,
    first: date,
    last: date,
    confirm: Callable[[psycopg.Connection], object] | None = None,
    along: Callable[[psycopg.Connection], object] | None = None,
) -> dict[str, SliceChange]:
    """Make the vendor's rows from ``first`` to ``last`` (both included) of each table exactly those of its frame.

    One transaction, in which ``confirm`` asks first whether it is still this run's lock, and ``along`` does what belongs to it
    afterwards: rows that are gone are deleted, rows that differ updated, new rows inserted; equal rows keep their id and times. Of
    a table with a history the replaced rows go there. Months without a partition get one beforehand, in a
    transaction of its own, so that no reader waits for the load. That it is running is announced (``warehouse.beginnings``), since what it
    supersedes bears the instant of its beginning.

    Raises ``WarehouseError`` for a frame of another vendor or time, and for rows that a check refuses.
    """
    checked = [(table, _checked_slice(table.table, frame, vendor=vendor, first=first, last=last)) for table, frame in slices]
    place = {"vendor": vendor, "first": first, "last": last}
    with warehouse.connect() as connection:
        for table, rows in ((table, rows) for table, rows in checked if table.by_month):
            connection.execute(
                "SELECT create_monthly_partition(%s::regclass, month) FROM unnest(%s::date[]) AS month",
                [table.name, _months(rows)],
            )
        connection.commit()
        begin_announced(connection)
        lock_publication(connection, vendor)
        if confirm is not None:
            confirm(connection)
        changes = {table.name: replace_slice(connection, table, rows, place) for table, rows in checked}
        if along is not None:
            along(connection)
        return changes


def lock_publication(connection: psycopg.Connection, vendor: str) -> None:
    """Until the transaction ends nobody else changes what is published of the vendor."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"publish {vendor}"])


def refresh_daily_totals(connection: psycopg.Connection) -> None:
    """Bring ``daily_vendor_totals`` up to date with the transaction; readers see the old totals until it ends.

    One at a time from before the view's query sees the tables, or the second would undo the first.
    """
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('refresh daily_vendor_totals', 0))")
    connection.execute("SELECT refresh_daily_vendor_totals()")


def _months(rows: pl.DataFrame) -> list[date]:
    return rows["as_of_date"].dt.truncate("1mo").unique().sort().to_list()


def replace_slice(connection: psycopg.Connection, published: PublishedTable, rows: pl.DataFrame, place: Mapping[str, Any]) -> SliceChange:
    """Within a transaction: the table's rows of the vendor from first to last, all in ``place``, become those of the frame."""
    table = published.table
    if set(ACCOUNTS.key) <= set(table.key):
        insert_missing_accounts(connection, rows)
    if _slice_holds_rows(connection, table, place):
        return _apply_difference(connection, published, rows, place)
    for month in _months(rows):
        of_month = rows.filter(pl.col("as_of_date").dt.truncate("1mo") == month)
        # In the order of the key, so that the index of each partition grows at its end.
        copy_frame(connection, table.name, of_month.sort(table.key))
    note_inserted(connection, published, place["vendor"], rows)
    return SliceChange(rows.height, 0, 0, 0)


def _apply_difference(
    connection: psycopg.Connection, published: PublishedTable, rows: pl.DataFrame, place: Mapping[str, Any]
) -> SliceChange:
    table = published.table
    has_delivery = "delivery_id" in table.column_names
    values = [name for name in table.column_names if name not in table.key]
    parts: dict[str, sql.Composable] = {
        "table": sql.Identifier(table.name),
        "slice": sql.SQL("stored.data_source = %(vendor)s AND stored.as_of_date BETWEEN %(first)s AND %(last)s"),
        "key": names(table.key),
        "key_of_stored": names(table.key, "stored"),
        "all": names(table.column_names),
        "all_of_incoming": names(table.column_names, "incoming"),
        "kept": names((*table.column_names, *_WAREHOUSE_COLUMNS)),
        "kept_of_stored": names((*table.column_names, *_WAREHOUSE_COLUMNS), "stored"),
        "delivery": sql.SQL("incoming.delivery_id" if has_delivery else "NULL::text"),
        "superseding": sql.SQL("nullif(difference.delivery_id, stored.delivery_id)" if has_delivery else "NULL"),
        "incoming": names(values, "incoming"),
        "stored": names(values, "stored"),
        "assignments": assignments(values, "incoming"),
        "again": sql.SQL(", {} = DEFAULT").format(sql.Identifier(published.renewed)) if published.renewed else sql.SQL(""),
        "history": sql.Identifier(published.history or table.name),
        "groups": old_and_new_groups(published),
        "same_row": sql.SQL(" AND ").join(sql.SQL("stored.{0} = difference.{0}").format(sql.Identifier(name)) for name in table.key),
    }

    def run(statement: LiteralString) -> psycopg.Cursor:
        return connection.execute(sql.SQL(statement).format(**parts), place)

    copy_to_temporary(connection, "incoming", table, rows)
    run(
        "CREATE TEMP TABLE difference ON COMMIT DROP AS "
        "SELECT {key}, {delivery} AS delivery_id, "
        "CASE WHEN stored.id IS NULL THEN 'inserted' WHEN incoming.is_incoming IS NULL THEN 'deleted' ELSE 'updated' END "
        "AS change{groups} "
        "FROM (SELECT *, true AS is_incoming FROM incoming) AS incoming "
        "FULL JOIN (SELECT * FROM {table} AS stored WHERE {slice}) AS stored USING ({key}) "
        "WHERE stored.id IS NULL OR incoming.is_incoming IS NULL OR ({incoming}) IS DISTINCT FROM ({stored})"
    )
    connection.execute("ANALYZE difference")
    counts: dict[str, int] = {"inserted": 0, "updated": 0, "deleted": 0}
    counts |= dict(run("SELECT change, count(*) FROM difference GROUP BY change").fetchall())
    has_changed = counts["updated"] or counts["deleted"]
    restated = record_restatements(connection, published, parts, place) if published.restated and has_changed else 0
    if published.history is not None:
        run(
            "INSERT INTO {history} ({kept}, superseded_by_delivery_id) "
            "SELECT {kept_of_stored}, {superseding} "
            "FROM {table} AS stored JOIN difference ON {same_row} WHERE {slice} AND difference.change <> 'inserted'"
        )
    run("DELETE FROM {table} AS stored USING difference WHERE {same_row} AND {slice} AND difference.change = 'deleted'")
    run(
        "UPDATE {table} AS stored SET {assignments}{again} FROM difference JOIN incoming USING ({key}) "
        "WHERE {same_row} AND {slice} AND difference.change = 'updated'"
    )
    run(
        "INSERT INTO {table} ({all}) SELECT {all_of_incoming} FROM incoming JOIN difference USING ({key}) "
        "WHERE difference.change = 'inserted'"
    )
    note_difference(connection, published, place["vendor"])
    connection.execute("DROP TABLE incoming, difference")
    unchanged = rows.height - counts["inserted"] - counts["updated"]
    return SliceChange(counts["inserted"], counts["updated"], counts["deleted"], unchanged, restated)


def _slice_holds_rows(connection: psycopg.Connection, table: Table, place: Mapping[str, Any]) -> bool:
    found = connection.execute(
        sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE data_source = %(vendor)s AND as_of_date BETWEEN %(first)s AND %(last)s)").format(
            sql.Identifier(table.name)
        ),
        place,
    ).fetchone()
    return found is not None and bool(found[0])


def _checked_slice(table: Table, frame: pl.DataFrame, *, vendor: str, first: date, last: date) -> pl.DataFrame:
    rows = with_the_columns_of(table, frame)
    belongs = (pl.col("data_source") == vendor) & pl.col("as_of_date").is_between(first, last)
    strangers = rows.height - rows.select(belongs.fill_null(value=False).sum()).item()
    if strangers:
        raise WarehouseError(
            f"{strangers} of {rows.height} rows for {table.name} are not of vendor {vendor} from {first} to {last}; "
            "give the slice its own rows only"
        )
    return rows
