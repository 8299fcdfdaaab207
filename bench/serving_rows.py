"""Published rows by the million for the benchmark of the API, made by the server itself, with all that is kept of them."""

from collections.abc import Sequence
from typing import LiteralString

import psycopg
from psycopg import sql

MONTHS, FIRST = 120, "2015-01-01"

_ACCOUNTS: LiteralString = """
    INSERT INTO accounts (data_source, account_id, account_name, currency, first_as_of_date, last_as_of_date)
    SELECT %(vendor)s, 'A' || to_char(n, 'FM000000'), 'Account ' || n, 'USD', '2015-01-31', '2024-12-31'
    FROM generate_series(1, %(accounts)s) AS n
"""
_LEDGER: LiteralString = """
    INSERT INTO etl_processing_log (
        delivery_id, file_name, file_path, feed, vendor, sha256, size_bytes, status, first_as_of_date, last_as_of_date, records_read,
        records_processed, records_inserted, received_at, processing_start_time, processing_end_time
    )
    SELECT delivery, delivery || '.csv', 'archive/' || %(vendor)s || '/' || delivery || '.csv', %(vendor)s, %(vendor)s,
        encode(sha256(delivery::bytea), 'hex'), 1000, 'COMPLETED', min(day), max(day), count(*) * %(accounts)s,
        count(*) * %(accounts)s, count(*) * %(accounts)s, max(day)::timestamptz, max(day)::timestamptz,
        max(day)::timestamptz + interval '1 min'
    FROM bench_days GROUP BY delivery
"""
_GENERATED: dict[str, LiteralString] = {
    "account_id": "'A' || to_char(n, 'FM000000')",
    "as_of_date": "d.day",
    "beginning_market_value": "1000 + n",
    "ending_market_value": "1010 + n",
    "contributions": "0",
    "distributions": "0",
    "net_flow": "0",
    "currency": "'USD'",
    "data_source": "%(vendor)s",
    "file_name": "d.delivery || '.csv'",
    "delivery_id": "d.delivery",
    "line_number": "n",
    "calculated_twrr": "10.0 / (1000 + n)",
    "vendor_twrr": "10.0 / (1000 + n)",
    "cumulative_twrr": "0.1",
    "return_status": "'OK'",
    "reconciliation_status": "'COMPLETED'",
    "inception_date": "'2015-01-31'",
}
_RESULTS: dict[str, LiteralString] = {
    "account_id": "'A' || to_char(n, 'FM000000')",
    "as_of_date": "d.day",
    "data_source": "%(vendor)s",
    "field_name": "f.field_name",
    "calculated_value": "1010 + n",
    "vendor_value": "CASE WHEN n = 7 THEN 1000 ELSE 1010 + n END",
    "variance": "CASE WHEN n = 7 THEN 17 ELSE 0 END",
    "tolerance_threshold": "0.01",
    "within_tolerance": "n <> 7",
    "likely_cause": "CASE WHEN n = 7 THEN 'UNEXPLAINED' END",
}
_TOTALS: LiteralString = """
    INSERT INTO reconciliation_totals (data_source, as_of_date, field_name, delivery_id, results, compared, breaks)
    SELECT %(vendor)s, day, field_name, delivery, %(accounts)s, %(accounts)s, 1
    FROM bench_days CROSS JOIN (VALUES ('ending_market_value'), ('twrr')) AS f (field_name)
"""
_BREAKS: LiteralString = """
    INSERT INTO reconciliation_breaks (
        break_id, data_source, account_id, field_name, status, first_as_of_date, last_as_of_date, valuations, calculated_value,
        vendor_value, variance, first_variance, tolerance_threshold, likely_cause, named_on
    )
    SELECT 'B-' || left(encode(sha256((%(vendor)s || n)::bytea), 'hex'), 16), %(vendor)s, 'A' || to_char(n, 'FM000000'),
        'ending_market_value', 'OPEN', '2024-11-30', '2024-12-31', 2, 1010, 1000, 10 + n, 10, 0.01, 'UNEXPLAINED', '2024-11-30'
    FROM generate_series(1, 2000) AS n
"""
_SHARES: LiteralString = """
    INSERT INTO delivery_quality_shares (feed, as_of_date, delivery_id, dimension, numerator, denominator)
    SELECT %(vendor)s, day, delivery, dimension, %(accounts)s - 1, %(accounts)s
    FROM bench_days CROSS JOIN unnest(ARRAY['COMPLETENESS', 'VALIDITY', 'UNIQUENESS', 'CONSISTENCY', 'ACCURACY']) AS dimension
"""


def make_vendor(url: str, vendor: str, accounts: int) -> None:
    """A vendor with so many accounts, each valued at every month end; of the vendor `one` in one file, of others a file a month."""
    place = {"vendor": vendor, "accounts": accounts, "is_one": vendor == "one", "first": FIRST, "months": MONTHS}
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "CREATE TEMP TABLE bench_days ON COMMIT DROP AS"
            " SELECT day, CASE WHEN %(is_one)s THEN %(vendor)s::text ELSE %(vendor)s || '-' || day END AS delivery"
            " FROM (SELECT (%(first)s::date + make_interval(months => n + 1) - interval '1 day')::date AS day"
            " FROM generate_series(0, %(months)s - 1) AS n) AS days",
            place,
        )
        for table in ("performance_data", "reconciliation_results"):
            connection.execute(sql.SQL("SELECT create_monthly_partition({}::regclass, day) FROM bench_days").format(sql.Literal(table)))
        for statement in (_ACCOUNTS, _LEDGER, _TOTALS, _BREAKS, _SHARES):
            connection.execute(statement, place)
        connection.execute(_insert(connection, "performance_data", _GENERATED, "bench_days AS d CROSS JOIN"), place)
        if vendor in {"one", "many"}:
            fields: LiteralString = "bench_days AS d CROSS JOIN (VALUES ('ending_market_value'), ('twrr')) AS f (field_name) CROSS JOIN"
            connection.execute(_insert(connection, "reconciliation_results", _RESULTS, fields), place)
        connection.execute(
            "INSERT INTO delivered_days SELECT log.id, d.day FROM bench_days AS d"
            " JOIN etl_processing_log AS log ON log.delivery_id = d.delivery"
        )
        connection.execute("REFRESH MATERIALIZED VIEW daily_vendor_totals")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _insert(connection: psycopg.Connection, table: str, generated: dict[str, LiteralString], source: LiteralString) -> sql.Composed:
    """An INSERT that generates the columns named, and fills the others that may not be null."""
    needed: Sequence[tuple[str, str]] = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef AND attidentity = ''",
        [table],
    ).fetchall()
    fill: dict[str, LiteralString] = {"text": "''", "date": "d.day", "boolean": "false"}
    values = {**{name: fill.get(kind, "0") for name, kind in needed}, **generated}
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} generate_series(1, %(accounts)s) AS n").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.SQL, values.values())),
        sql.SQL(source),
    )
