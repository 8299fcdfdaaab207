"""What a publication changes of figures that were published before: counted by delivery and field, in its transaction.

A row that comes again with equal figures, in another file or line, is no restatement. Returns that differ behind the twelfth place are
equal.
"""

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from advisory_perf.contracts.columns import Kind
from advisory_perf.contracts.tables import ACCOUNTS, PublishedTable

_CHANGED: LiteralString = """
    CREATE TEMP TABLE changed_figures ON COMMIT DROP AS
    SELECT nullif(incoming.delivery_id, stored.delivery_id) AS delivery_id, {key_of_stored}, figure.field_name, figure.change
    FROM difference JOIN incoming USING ({key}) JOIN {table} AS stored ON {same_row} AND {slice}
    CROSS JOIN LATERAL (VALUES {figures}) AS figure (field_name, differs, change)
    WHERE difference.change = 'updated' AND figure.differs
"""
_WITHDRAWN: LiteralString = """
    INSERT INTO changed_figures
    SELECT NULL, {key}, 'withdrawn', NULL FROM difference WHERE difference.change = 'deleted'
"""
_RECORD: LiteralString = """
    INSERT INTO restatements (
        data_source, delivery_id, field_name, first_as_of_date, last_as_of_date, changed, accounts, largest_change, largest_account_id,
        largest_as_of_date
    )
    SELECT %(vendor)s, counted.delivery_id, counted.field_name, first_day, last_day, changed, accounts, change, account_id, as_of_date
    FROM (
        SELECT delivery_id, field_name, min(as_of_date) AS first_day, max(as_of_date) AS last_day, count(*) AS changed,
            count(DISTINCT account_id) AS accounts
        FROM changed_figures GROUP BY delivery_id, field_name
    ) AS counted
    JOIN (
        SELECT DISTINCT ON (delivery_id, field_name) delivery_id, field_name, change, account_id, as_of_date
        FROM changed_figures ORDER BY delivery_id, field_name, abs(change) DESC NULLS FIRST, as_of_date, account_id
    ) AS largest ON largest.delivery_id IS NOT DISTINCT FROM counted.delivery_id AND largest.field_name = counted.field_name
    ORDER BY counted.delivery_id, counted.field_name
"""


def record_restatements(
    connection: psycopg.Connection, published: PublishedTable, parts: Mapping[str, sql.Composable], place: Mapping[str, Any]
) -> int:
    """Adds what the rows of ``difference`` change of the table's restated columns; gives how many rows differ in one of them.

    A change without a size, such as to null, stands before any that has one. Rows that are published no more count as ``withdrawn``.
    Of a table whose rows are of no account nothing is added: its history has them.

    ``parts`` name the table, its slice and how a stored row is found, as where the difference is applied; it has not been applied yet.
    """
    figures = sql.SQL(", ").join(_figure(name, published.table.dictionary[name].kind) for name in published.restated)
    connection.execute(sql.SQL(_CHANGED).format(**parts, figures=figures), place)
    counted = sql.SQL("SELECT count(*) FROM (SELECT DISTINCT {key} FROM changed_figures) AS rows").format(**parts)
    ((count,),) = connection.execute(counted).fetchall()
    if set(ACCOUNTS.key) <= set(published.table.key):
        connection.execute(sql.SQL(_WITHDRAWN).format(**parts))
        connection.execute(_RECORD, place)
    connection.execute("DROP TABLE changed_figures")
    return int(count)


def _figure(name: str, kind: Kind) -> sql.Composed:
    """Name, whether the values differ, and new value less old one, of a column; a change that numeric(38, 12) cannot hold is null."""
    parts = {"name": sql.Literal(name), "new": sql.Identifier("incoming", name), "old": sql.Identifier("stored", name)}
    if kind is Kind.MONEY:
        differs: LiteralString = "{new} IS DISTINCT FROM {old}"
    elif kind is Kind.RETURN:
        differs = "({new} IS NULL) <> ({old} IS NULL) OR coalesce(abs({new} - {old}) > 1e-12, false)"
    else:
        return sql.SQL("({name}, {new} IS DISTINCT FROM {old}, NULL::numeric)").format(**parts)
    change: LiteralString = "CASE WHEN abs({new}::float8 - {old}::float8) < 1e25 THEN round({new}::numeric - {old}::numeric, 12) END"
    return sql.SQL("({name}, " + differs + ", " + change + ")").format(**parts)
