"""The register of accounts in the warehouse: what its newest published row says of each, within a connection's transaction."""

from typing import LiteralString

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.contracts.tables import ACCOUNTS
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import assignments, copy_frame, copy_to_temporary, names, queried, with_the_columns_of

_TEXTS = ("account_name", "account_type", "portfolio_id", "client_id", "currency")

_LATEST_POSITIONS: LiteralString = """
    SELECT account.data_source, account.account_id, latest.account_name, latest.account_type, latest.portfolio_id,
           latest.client_id, latest.currency, latest.is_closed,
           earliest.as_of_date AS first_as_of_date, latest.as_of_date AS last_as_of_date,
           latest.as_of_date IS DISTINCT FROM without_assets.last_day AS is_open,
           funded.as_of_date AS inception_date, since.as_of_date AS status_date
    FROM accounts AS account
    LEFT JOIN (
        SELECT p.data_source, p.account_id, max(p.as_of_date) AS last_day
        FROM performance_data AS p
        WHERE (p.ending_market_value = 0 OR p.is_closed) AND (%(vendor)s::text IS NULL OR p.data_source = %(vendor)s)
        GROUP BY p.data_source, p.account_id
    ) AS without_assets USING (data_source, account_id)
    CROSS JOIN LATERAL (
        SELECT * FROM performance_data AS p
        WHERE p.data_source = account.data_source AND p.account_id = account.account_id
        ORDER BY p.as_of_date DESC LIMIT 1
    ) AS latest
    CROSS JOIN LATERAL (
        SELECT p.as_of_date FROM performance_data AS p
        WHERE p.data_source = account.data_source AND p.account_id = account.account_id
        ORDER BY p.as_of_date LIMIT 1
    ) AS earliest
    LEFT JOIN LATERAL (
        SELECT p.as_of_date FROM performance_data AS p
        WHERE p.data_source = account.data_source AND p.account_id = account.account_id
            AND (p.beginning_market_value <> 0 OR p.contributions <> 0 OR p.ending_market_value <> 0)
        ORDER BY p.as_of_date LIMIT 1
    ) AS funded ON true
    LEFT JOIN LATERAL (
        SELECT p.as_of_date FROM performance_data AS p
        WHERE latest.as_of_date = without_assets.last_day
            AND p.data_source = account.data_source AND p.account_id = account.account_id
            AND (p.ending_market_value = 0 OR p.is_closed) IS NOT TRUE
        ORDER BY p.as_of_date DESC LIMIT 1
    ) AS with_assets ON true
    CROSS JOIN LATERAL (
        SELECT p.as_of_date FROM performance_data AS p
        WHERE p.data_source = account.data_source AND p.account_id = account.account_id AND p.as_of_date > coalesce(
            CASE WHEN latest.as_of_date = without_assets.last_day THEN with_assets.as_of_date ELSE without_assets.last_day END, '-infinity'
        )
        ORDER BY p.as_of_date LIMIT 1
    ) AS since
    WHERE %(vendor)s::text IS NULL OR account.data_source = %(vendor)s
    ORDER BY account.data_source, account.account_id
"""


def registered_accounts(warehouse: Warehouse, vendor: str | None = None) -> pl.DataFrame:
    """ACCOUNTS as the warehouse has it, all of it or a vendor's, by vendor and account."""
    statement = "SELECT * FROM accounts WHERE %(vendor)s::text IS NULL OR data_source = %(vendor)s ORDER BY data_source, account_id"
    return warehouse.query(statement, {"vendor": vendor})


def latest_positions(connection: psycopg.Connection, vendor: str | None = None) -> pl.DataFrame:
    """Every account with published rows, or those of a vendor: names and currency of its newest row, first and last day, what follows.

    is_open: it holds assets at its newest valuation, which are not nothing and not a residual that its owner has left; status_date: the
    valuation since which it does, or does not; inception_date: the first with money in it, null without one. A few index look-ups an
    account, however long the history is, and one for each valuation since an account was emptied.
    """
    return queried(connection, _LATEST_POSITIONS, {"vendor": vendor})


def upsert_accounts(connection: psycopg.Connection, frame: pl.DataFrame) -> int:
    """Insert the accounts, or update those that differ; returns how many rows changed. Others stay as they are."""
    rows = with_the_columns_of(ACCOUNTS, frame)
    copy_to_temporary(connection, "incoming_accounts", ACCOUNTS, rows)
    values = [name for name in ACCOUNTS.column_names if name not in ACCOUNTS.key]
    cursor = connection.execute(
        sql.SQL(
            "INSERT INTO accounts AS known ({all}) SELECT {all} FROM incoming_accounts ORDER BY {key} "
            "ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE ({known}) IS DISTINCT FROM ({excluded})"
        ).format(
            all=names(ACCOUNTS.column_names),
            key=names(ACCOUNTS.key),
            assignments=assignments(values, "excluded"),
            known=names(values, "known"),
            excluded=names(values, "excluded"),
        )
    )
    connection.execute("DROP TABLE incoming_accounts")
    return cursor.rowcount


def insert_missing_accounts(connection: psycopg.Connection, rows: pl.DataFrame) -> None:
    """Insert the accounts of the rows that are not known yet, each as its newest row has it."""
    known = [name for name in _TEXTS if name in rows.columns]
    latest = pl.col("as_of_date").arg_max()
    accounts = rows.group_by(ACCOUNTS.key).agg(pl.col(known).get(latest)).sort(ACCOUNTS.key)
    parts = {"all": names(accounts.columns), "key": names(ACCOUNTS.key)}
    connection.execute(sql.SQL("CREATE TEMP TABLE incoming_accounts ON COMMIT DROP AS SELECT {all} FROM accounts LIMIT 0").format(**parts))
    copy_frame(connection, "incoming_accounts", accounts)
    connection.execute(
        sql.SQL(
            "INSERT INTO accounts ({all}) SELECT {all} FROM incoming_accounts AS incoming "
            "WHERE NOT EXISTS (SELECT FROM accounts AS known WHERE known.data_source = incoming.data_source "
            "AND known.account_id = incoming.account_id) ORDER BY {key} ON CONFLICT DO NOTHING"
        ).format(**parts)
    )
    connection.execute("DROP TABLE incoming_accounts")
