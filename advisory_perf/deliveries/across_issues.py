"""What accounts, or rates, of a feed tell of each other, as issues of the deliveries that it is seen in.

They belong to the publication as those in ``issues`` do; one is of an account and a day, of the total of a portfolio or currency, or of a
rate.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import polars as pl
import psycopg

from advisory_perf.contracts.issue_codes import (
    NEW_ACCOUNT,
    PORTFOLIO_DAYS,
    RATE_INVERSE,
    RATE_JUMP,
    RENUMBERED,
    RETURN_OUTLIER,
    TOTAL_BREAK,
    TOTAL_MOVE,
    TRANSFER_APART,
    Code,
)
from advisory_perf.deliveries.issues import OF_CODES, replace_chosen, with_ledger
from advisory_perf.warehouse.connection import Warehouse

_PRINTED = 6
"""Decimals of a return in a sentence."""


def publish_across(connection: psycopg.Connection, feed: str, found: Mapping[Code, pl.DataFrame], *, first: date, last: date) -> None:
    """Makes the feed's issues of these codes from first to last those that were found: by code, as ``quality`` gives them."""
    issues = pl.concat([_issues(code, rows) for code, rows in found.items()])
    place = {"feed": feed, "first": first, "last": last, "codes": [code.name for code in found]}
    replace_chosen(connection, with_ledger(connection, issues), OF_CODES, place, key=["etl_log_id", "issue_type", "as_of_date"])


def first_quarantined(warehouse: Warehouse, feed: str, accounts: Sequence[str]) -> pl.DataFrame:
    """Of those of the accounts that have a row of the feed in quarantine, the first day of one: account_id and first_quarantined."""
    return warehouse.query(
        "SELECT issue.account_id, min(issue.as_of_date) AS first_quarantined FROM data_quality_issues AS issue"
        " JOIN etl_processing_log AS log ON log.id = issue.etl_log_id WHERE issue.account_id = ANY(%(accounts)s)"
        " AND log.feed = %(feed)s AND issue.line_number IS NOT NULL AND issue.as_of_date IS NOT NULL GROUP BY issue.account_id",
        {"feed": feed, "accounts": list(accounts)},
    )


def _issues(code: Code, rows: pl.DataFrame) -> pl.DataFrame:
    said = _SAID[code]
    return rows.select(
        "delivery_id",
        pl.col("account_id") if "account_id" in rows.columns else pl.lit(None, pl.String()).alias("account_id"),
        "as_of_date",
        pl.lit(code.name).alias("issue_type"),
        pl.format("{}: {}", pl.lit(code.sentence), said.sentence).alias("issue_description"),
        said.field.alias("field_name"),
        said.actual.alias("actual_value"),
        said.expected.alias("expected_value"),
        pl.lit(code.severity.value).alias("severity"),
    )


class _Said(NamedTuple):
    """The field, its value, what it was expected to be, and the rest of the sentence."""

    field: pl.Expr
    actual: pl.Expr
    expected: pl.Expr
    sentence: pl.Expr


def _text(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String())


def _figure(name: str, decimals: int = _PRINTED) -> pl.Expr:
    return pl.col(name).round(decimals).cast(pl.String())


_NOTHING = pl.lit(None, pl.String())
_TOTAL = pl.format(
    "{} in {}",
    pl.when(pl.col("portfolio_id").is_null()).then(pl.lit("all accounts")).otherwise(pl.format("portfolio {}", "portfolio_id")),
    pl.col("currency").fill_null("no currency"),
)
_SAID: Mapping[Code, _Said] = {
    TOTAL_BREAK: _Said(
        pl.lit("beginning_market_value"),
        _text("total"),
        _text("expected_total"),
        pl.format(
            "{} begins with {}; it ended with {} before, {} joined and {} left; see roll_forward for the accounts, and ask the vendor",
            _TOTAL,
            _text("total"),
            _text("previous_total"),
            _text("joined"),
            _text("left"),
        ),
    ),
    TOTAL_MOVE: _Said(
        pl.lit("ending_market_value"),
        _text("total"),
        _text("previous_total"),
        pl.format(
            "{} moved by {} of its value, from {} to {} with a net flow of {}; ask the vendor, or set plausibility: total_move in the feed",
            _TOTAL,
            _figure("move", 4),
            _text("previous_total"),
            _text("total"),
            _text("net_flow"),
        ),
    ),
    NEW_ACCOUNT: _Said(
        pl.lit("account_id"),
        _text("account_id"),
        _NOTHING,
        pl.format("it begins with {}; nothing is to be done where it was opened then", _text("beginning_market_value")),
    ),
    RENUMBERED: _Said(
        pl.lit("account_id"),
        _text("account_id"),
        _text("other_account_id"),
        pl.format(
            "{} seems to be {} since {}: it ended with {} on {}, and is gone{}; ask the vendor, nothing is linked",
            _text("other_account_id"),
            _text("account_id"),
            _text("as_of_date"),
            _text("beginning_market_value"),
            _text("other_as_of_date"),
            pl.when(pl.col("kept") == "").then(pl.lit("")).otherwise(pl.format(" (the same {})", "kept")),
        ),
    ),
    PORTFOLIO_DAYS: _Said(
        pl.lit("as_of_date"),
        _text("own_date"),
        _text("usual_date"),
        pl.format(
            "{} where portfolio {} has {}; ask the vendor for its valuation of that day",
            _text("own_date"),
            "portfolio_id",
            _text("usual_date"),
        ),
    ),
    TRANSFER_APART: _Said(
        pl.col("field_name"),
        _text("amount"),
        _text("other_amount"),
        pl.format(
            "{} beside {} of account {} on {}; ask the vendor for one day and amount of both",
            _text("amount"),
            _text("other_amount"),
            _text("other_account_id"),
            _text("other_as_of_date"),
        ),
    ),
    RATE_JUMP: _Said(
        pl.lit("rate"),
        _text("rate"),
        _text("previous_rate"),
        pl.format(
            "{}/{} at {} after {} on {}; ask the vendor, or set rate_jump in the feed",
            "base_currency",
            "quote_currency",
            _text("rate"),
            _text("previous_rate"),
            _text("previous_date"),
        ),
    ),
    RATE_INVERSE: _Said(
        pl.lit("rate"),
        _text("rate"),
        _text("inverse_rate"),
        pl.format(
            "{}/{} at {}, and the other way round at {}, whose product is not 1; ask the vendor which of them is right",
            "base_currency",
            "quote_currency",
            _text("rate"),
            _text("inverse_rate"),
        ),
    ),
    RETURN_OUTLIER: _Said(
        pl.lit("calculated_twrr"),
        _figure("calculated_twrr"),
        _figure("usual"),
        pl.format(
            "{} where {} is the median of {}, {} robust deviations away; see its value and flows, or set plausibility: outlier in the feed",
            _figure("calculated_twrr"),
            _figure("usual"),
            pl.when(pl.col("against") == "PORTFOLIO").then(pl.format("portfolio {}", "portfolio_id")).otherwise(pl.lit("its own returns")),
            _figure("score", 1),
        ),
    ),
}
