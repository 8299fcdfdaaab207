"""What is wrong in a delivery, beside its entry in the ledger: its quarantined rows, and what its vendor's lane has found.

The former have a line number and belong to the landing, the latter have none and belong to the publication; neither touches the
other's. What stays the same keeps its id, so that one can see since when.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import LiteralString

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.contracts.codes import STALE_VALUE, SYSTEMATIC_BREAK
from advisory_perf.storage.frames import copy_frame, names

_OF_LINES: LiteralString = "etl_log_id = %(etl_log_id)s AND line_number IS NOT NULL"
_OF_DAYS: LiteralString = (
    "line_number IS NULL AND issue_type = %(code)s AND as_of_date BETWEEN %(first)s AND %(last)s"
    " AND etl_log_id IN (SELECT id FROM etl_processing_log WHERE vendor = %(vendor)s)"
)

_FACTORS: LiteralString = """
    SELECT DISTINCT ON (delivery_id, field_name) delivery_id, max(as_of_date) OVER whole AS as_of_date, field_name, factor,
        max(accounts) OVER whole AS accounts, count(*) OVER whole AS days
    FROM delivery_factors
    WHERE data_source = %(vendor)s
    WINDOW whole AS (PARTITION BY delivery_id, field_name)
    ORDER BY delivery_id, field_name, delivery_factors.as_of_date DESC
"""


def replace_issues(connection: psycopg.Connection, quarantined: pl.DataFrame, *, etl_log_id: int) -> None:
    """Makes the entry's quarantined rows those of the frame."""
    issues = quarantined.select(
        pl.lit(etl_log_id).alias("etl_log_id"),
        "account_id",
        "as_of_date",
        pl.col("code").alias("issue_type"),
        pl.col("reason").alias("issue_description"),
        "field_name",
        "severity",
        "line_number",
        "raw_row",
    )
    _replace(connection, issues, _OF_LINES, {"etl_log_id": etl_log_id}, key=["line_number"])


def publish_found(connection: psycopg.Connection, vendor: str, stale: pl.DataFrame, *, first: date, last: date) -> None:
    """Makes the issues of the vendor's lane those of its publication: stale values of the days, and whole deliveries that are off.

    ``stale`` is ``stale_values``. The deliveries are those of ``delivery_factors``: one issue for each figure of a delivery, however
    many accounts and days it puts off.
    """
    place = {"vendor": vendor, "first": first, "last": last}
    old = _with_ledger(connection, _stale_issues(stale))
    _replace(connection, old, _OF_DAYS, {**place, "code": STALE_VALUE.name}, key=["as_of_date", "account_id"])
    factors = pl.DataFrame(connection.execute(_FACTORS, place).fetchall(), schema=_FACTOR_COLUMNS, orient="row")
    whole = {**place, "first": date.min, "last": date.max, "code": SYSTEMATIC_BREAK.name}
    _replace(connection, _with_ledger(connection, _factor_issues(factors)), _OF_DAYS, whole, key=["etl_log_id", "field_name"])


_FACTOR_COLUMNS = {
    "delivery_id": pl.String(),
    "as_of_date": pl.Date(),
    "field_name": pl.String(),
    "factor": pl.Decimal(38, 12),
    "accounts": pl.Int64(),
    "days": pl.Int64(),
}


def _stale_issues(stale: pl.DataFrame) -> pl.DataFrame:
    value = pl.col("ending_market_value").cast(pl.String())
    since = pl.col("value_unchanged_since").cast(pl.String())
    return stale.select(
        "delivery_id",
        "account_id",
        "as_of_date",
        pl.lit(STALE_VALUE.name).alias("issue_type"),
        pl.format(
            "{}: {} since {}; ask the vendor when it was priced, or say stale_after in the feed", pl.lit(STALE_VALUE.sentence), value, since
        ).alias("issue_description"),
        pl.lit("ending_market_value").alias("field_name"),
        value.alias("actual_value"),
        pl.lit(STALE_VALUE.severity.value).alias("severity"),
    )


def _factor_issues(factors: pl.DataFrame) -> pl.DataFrame:
    return factors.select(
        "delivery_id",
        pl.lit(None, pl.String()).alias("account_id"),
        "as_of_date",
        pl.lit(SYSTEMATIC_BREAK.name).alias("issue_type"),
        pl.format(
            "{}: {} is {} times ours in {} accounts, on {} days; ask the vendor for the file in its own currency and unit",
            pl.lit(SYSTEMATIC_BREAK.sentence),
            "field_name",
            pl.col("factor").cast(pl.String()).str.strip_chars_end("0").str.strip_chars_end("."),
            "accounts",
            "days",
        ).alias("issue_description"),
        "field_name",
        pl.col("factor").cast(pl.String()).alias("actual_value"),
        pl.lit(SYSTEMATIC_BREAK.severity.value).alias("severity"),
    )


def _with_ledger(connection: psycopg.Connection, issues: pl.DataFrame) -> pl.DataFrame:
    """The issues by the id of their delivery's entry."""
    deliveries = issues["delivery_id"].unique().to_list()
    known = connection.execute("SELECT delivery_id, id FROM etl_processing_log WHERE delivery_id = ANY(%s)", [deliveries]).fetchall()
    ids = pl.DataFrame(known, schema={"delivery_id": pl.String(), "etl_log_id": pl.Int64()}, orient="row")
    return issues.join(ids, on="delivery_id").drop("delivery_id")


def _replace(
    connection: psycopg.Connection, issues: pl.DataFrame, chosen: LiteralString, place: Mapping[str, object], *, key: Sequence[str]
) -> None:
    """Makes the chosen issues those of the frame; ``key`` is never null and tells most of them apart, so that they are found by it."""
    by_key = [sql.SQL("stored.{0} = incoming.{0}").format(sql.Identifier(name)) for name in key]
    all_equal = sql.SQL("({}) IS NOT DISTINCT FROM ({})").format(names(issues.columns, "stored"), names(issues.columns, "incoming"))
    parts = {
        "all": names(issues.columns),
        "order": names(key),
        "chosen": sql.SQL(chosen),
        "same": sql.SQL(" AND ").join([*by_key, all_equal]),
    }

    def run(statement: LiteralString) -> None:
        connection.execute(sql.SQL(statement).format(**parts), place)

    run("CREATE TEMP TABLE incoming_issues ON COMMIT DROP AS SELECT {all} FROM data_quality_issues LIMIT 0")
    copy_frame(connection, "incoming_issues", issues)
    connection.execute("ANALYZE incoming_issues")
    run("DELETE FROM data_quality_issues AS stored WHERE {chosen} AND NOT EXISTS (SELECT FROM incoming_issues AS incoming WHERE {same})")
    run(
        "INSERT INTO data_quality_issues ({all}) SELECT {all} FROM incoming_issues AS incoming WHERE NOT EXISTS"
        " (SELECT FROM data_quality_issues AS stored WHERE {chosen} AND {same}) ORDER BY {order}"
    )
    connection.execute("DROP TABLE incoming_issues")
