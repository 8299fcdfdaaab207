"""What a publication notes of the rows that it changes: of which accounts, portfolios and clients, and from which day on.

A portfolio's contributions change with its own rows and with those of its accounts. A new row of an account changes one of its portfolio,
which has a member more by it. One that is another, or gone, may leave all sums of its portfolio as they were, so that it is noted besides.
"""

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.contracts.tables import PublishedTable
from advisory_perf.positions.statistics_notes import ACCOUNTS, GROUPS, Notes, note_changes
from advisory_perf.warehouse.copy import names, queried

_FIRST_DAYS = sql.SQL("SELECT {key}, min(as_of_date) AS first_date FROM {rows} GROUP BY {key}")
_OF_LEVEL = sql.SQL(
    "(SELECT {level}::text AS level, named.group_id, as_of_date FROM difference"
    " CROSS JOIN LATERAL (VALUES ({old}), ({new})) AS named (group_id)"
    " WHERE difference.change <> 'inserted' AND named.group_id IS NOT NULL) AS changed"
)
_OLD_AND_NEW = sql.SQL(", stored.{column} AS {old}, incoming.{column} AS {new}")


def note_inserted(connection: psycopg.Connection, published: PublishedTable, vendor: str, rows: pl.DataFrame) -> None:
    """Of a slice that was empty, of which ``rows`` are all."""
    if published.is_noted:
        notes = _notes_of(published)
        note_changes(connection, notes, vendor, rows.group_by(notes.key).agg(first_date=pl.col("as_of_date").min()))


def note_difference(connection: psycopg.Connection, published: PublishedTable, vendor: str) -> None:
    """Of a slice whose ``difference`` stands in the table of that name, with ``old_and_new_groups``."""
    if not published.is_noted:
        return
    notes = _notes_of(published)
    of_rows = _FIRST_DAYS.format(key=names(notes.key), rows=sql.Identifier("difference"))
    note_changes(connection, notes, vendor, queried(connection, of_rows))
    for level, column in published.group_columns:
        rows = _OF_LEVEL.format(level=sql.Literal(level), **_names_of(column))
        groups = _FIRST_DAYS.format(key=names(GROUPS.key), rows=rows)
        note_changes(connection, GROUPS, vendor, queried(connection, groups))


def old_and_new_groups(published: PublishedTable) -> sql.Composed:
    """The columns of ``difference`` that say to which groups a row belonged and belongs now."""
    columns = [column for _, column in published.group_columns]
    return sql.SQL("").join(_OLD_AND_NEW.format(column=sql.Identifier(column), **_names_of(column)) for column in columns)


def _notes_of(published: PublishedTable) -> Notes:
    return next(notes for notes in (ACCOUNTS, GROUPS) if set(notes.key) <= set(published.table.key))


def _names_of(column: str) -> dict[str, sql.Identifier]:
    return {age: sql.Identifier(f"{age}_{column}") for age in ("old", "new")}
