"""What is wrong in a delivery, beside its entry in the ledger: its quarantined rows, and what its feed's pipeline has found.

The former have a line number and belong to the ingestion, the latter have none and belong to the publication; neither touches the
other's. What stays the same keeps its id, so that one can see since when.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import LiteralString

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.contracts.issue_codes import CURRENCY_CHANGE, LARGE_FLOW, STALE_VALUE, SYSTEMATIC_BREAK, VALUE_JUMP, Code
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import copy_frame, names

_OF_LINES: LiteralString = "etl_log_id = %(etl_log_id)s AND line_number IS NOT NULL"
OF_CODES: LiteralString = (
    "line_number IS NULL AND issue_type = ANY(%(codes)s) AND as_of_date BETWEEN %(first)s AND %(last)s"
    " AND etl_log_id IN (SELECT id FROM etl_processing_log WHERE feed = %(feed)s)"
)
"""What a feed's pipeline has found under some codes on some days."""
_OF_DAYS: LiteralString = (
    "line_number IS NULL AND issue_type = %(code)s AND as_of_date BETWEEN %(first)s AND %(last)s"
    " AND etl_log_id IN (SELECT id FROM etl_processing_log WHERE feed = %(feed)s)"
)

_FACTORS: LiteralString = """
    SELECT DISTINCT ON (delivery_id, field_name) delivery_id, max(as_of_date) OVER whole AS as_of_date, field_name, factor,
        max(accounts) OVER whole AS accounts, count(*) OVER whole AS days
    FROM delivery_factors JOIN etl_processing_log AS log USING (delivery_id)
    WHERE log.feed = %(feed)s AND delivery_factors.data_source = log.vendor
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
    replace_chosen(connection, issues, _OF_LINES, {"etl_log_id": etl_log_id}, key=["line_number"])


def publish_found(
    connection: psycopg.Connection, feed: str, of_valuations: Mapping[Code, pl.DataFrame], *, first: date, last: date
) -> None:
    """Makes the issues of the feed's pipeline those of its publication: of single valuations of the days, and of whole deliveries.

    ``of_valuations`` has the valuations for each code: ``stale_values``, ``large_flows`` with their flows, ``currency_changes``,
    ``value_jumps``, each with its delivery_id. The deliveries are those of ``delivery_factors``: one issue for each figure of a
    delivery, however many accounts and days it puts off.
    """
    place = {"feed": feed, "first": first, "last": last}
    for code, rows in of_valuations.items():
        issues = with_ledger(connection, _issues_of_valuations(code, rows))
        replace_chosen(connection, issues, _OF_DAYS, {**place, "code": code.name}, key=["as_of_date", "account_id"])
    factors = pl.DataFrame(connection.execute(_FACTORS, place).fetchall(), schema=_FACTOR_COLUMNS, orient="row")
    whole = {**place, "first": date.min, "last": date.max, "code": SYSTEMATIC_BREAK.name}
    replace_chosen(connection, with_ledger(connection, _factor_issues(factors)), _OF_DAYS, whole, key=["etl_log_id", "field_name"])


_FACTOR_COLUMNS = {
    "delivery_id": pl.String(),
    "as_of_date": pl.Date(),
    "field_name": pl.String(),
    "factor": pl.Decimal(38, 12),
    "accounts": pl.Int64(),
    "days": pl.Int64(),
}


def quarantined_keys(warehouse: Warehouse, feed: str, first: date, last: date) -> pl.DataFrame:
    """Account and day of each quarantined row of the feed from first to last, null where they cannot be read.

    Of a row whose day cannot be read first_as_of_date and last_as_of_date say which days its delivery has.
    """
    return warehouse.query(
        "SELECT issue.account_id, issue.as_of_date, log.first_as_of_date, log.last_as_of_date FROM data_quality_issues AS issue"
        " JOIN etl_processing_log AS log ON log.id = issue.etl_log_id WHERE log.feed = %(feed)s AND issue.line_number IS NOT NULL"
        " AND (issue.as_of_date BETWEEN %(first)s AND %(last)s"
        " OR issue.as_of_date IS NULL AND log.first_as_of_date <= %(last)s AND log.last_as_of_date >= %(first)s)",
        {"feed": feed, "first": first, "last": last},
    )


def _issues_of_valuations(code: Code, rows: pl.DataFrame) -> pl.DataFrame:
    """One issue a valuation: the field, what it is, and the sentence with both."""
    field, value, expected, what_to_do = _DETAILS[code]
    return rows.select(
        "delivery_id",
        "account_id",
        "as_of_date",
        pl.lit(code.name).alias("issue_type"),
        pl.format("{}: {}", pl.lit(code.sentence), what_to_do).alias("issue_description"),
        field.alias("field_name"),
        value.alias("actual_value"),
        expected.alias("expected_value"),
        pl.lit(code.severity.value).alias("severity"),
    )


def _text(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String())


_DETAILS: Mapping[Code, tuple[pl.Expr, pl.Expr, pl.Expr, pl.Expr]] = {
    STALE_VALUE: (
        pl.lit("ending_market_value"),
        _text("ending_market_value"),
        pl.lit(None, pl.String()),
        pl.format(
            "{} since {}; ask the vendor when it was priced, or say stale_after in the feed",
            _text("ending_market_value"),
            _text("value_unchanged_since"),
        ),
    ),
    LARGE_FLOW: (
        pl.lit("net_flow"),
        (pl.col("contributions") - pl.col("distributions")).cast(pl.String()),
        pl.lit(None, pl.String()),
        pl.format(
            "{} came in and {} went out, {} at the beginning; ask the vendor for a valuation on the day, or set conventions: large_flow",
            _text("contributions"),
            _text("distributions"),
            _text("beginning_market_value"),
        ),
    ),
    CURRENCY_CHANGE: (
        pl.lit("currency"),
        _text("currency"),
        _text("previous_currency"),
        pl.format("{} after {}; ask the vendor for the history in one currency", _text("currency"), _text("previous_currency")),
    ),
    VALUE_JUMP: (
        pl.col("field_name"),
        _text("value"),
        pl.lit(None, pl.String()),
        pl.format("{} after {}; ask the vendor for the unit, or for the flow that is missing", _text("value"), _text("previous_value")),
    ),
}
"""For each code the field, its value, what it was expected to be, and the rest of the sentence."""


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


def with_ledger(connection: psycopg.Connection, issues: pl.DataFrame) -> pl.DataFrame:
    """The issues by the id of their delivery's entry."""
    deliveries = issues["delivery_id"].unique().to_list()
    known = connection.execute("SELECT delivery_id, id FROM etl_processing_log WHERE delivery_id = ANY(%s)", [deliveries]).fetchall()
    ids = pl.DataFrame(known, schema={"delivery_id": pl.String(), "etl_log_id": pl.Int64()}, orient="row")
    return issues.join(ids, on="delivery_id").drop("delivery_id")


def replace_chosen(
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
