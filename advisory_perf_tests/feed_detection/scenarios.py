"""Files of a vendor that nobody knows, made from account histories whose every column is known."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from random import Random

import polars as pl
import yaml
from polars.testing import assert_frame_equal

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import Cadence, FlowTiming
from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.proposal import Proposal, propose
from advisory_perf.feed_detection.yaml import as_yaml
from advisory_perf.feeds.fields import MONEY_FIELDS, RETURN_FIELDS
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Delivery, Validated, validate
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.samples.market import Book, Position, account_histories, dollars, month_ends, with_vendor_return

NAMES = {
    "account_id": "Account Number",
    "as_of_date": "As Of Date",
    "beginning_market_value": "Beginning Market Value",
    "contributions": "Contributions",
    "distributions": "Withdrawals",
    "income": "Income",
    "appreciation": "Capital Appreciation",
    "fees": "Management Fees",
    "other_adjustments": "Adjustments",
    "ending_market_value": "Ending Market Value",
    "vendor_twrr": "TWR",
    "benchmark_return": "Benchmark Return",
    "currency": "Currency",
}
"""Field to header, all exact names."""

FIGURES = tuple(NAMES)[2:12]
FILE_NAME = "acme_performance_20250331.csv"


@cache
def positions(
    *, timing: FlowTiming = FlowTiming.END_OF_DAY, digits: int = 8, accounts: int = 12, months: int = 8, seed: int = 11
) -> tuple[Position, ...]:
    """Month ends of so many accounts, with the vendor's returns under the timing, rounded to so many digits of a fraction."""
    book = Book(accounts=accounts, cadence=Cadence.MONTHLY, account_prefix="AC", portfolio_prefix="P")
    histories = account_histories(Random(seed), month_ends(date(2025, 3, 31), months), book)
    return tuple(with_vendor_return(position, timing, digits) for history in histories for position in history)


def gross_of_fees(given: Sequence[Position], timing: FlowTiming, digits: int = 8) -> tuple[Position, ...]:
    """The positions with returns before fees: as if each ending still had its fees."""
    return tuple(
        replace(row, vendor_twrr=with_vendor_return(replace(row, ending=row.ending + row.fees), timing, digits).vendor_twrr)
        for row in given
    )


def without_flows(given: Sequence[Position], timing: FlowTiming) -> tuple[Position, ...]:
    """The positions as if nothing ever crossed the accounts' boundary; values no longer roll."""
    still = [replace(row, contributions=0, distributions=0, ending=row.ending - row.net_flow) for row in given]
    return tuple(with_vendor_return(row, timing, 8) for row in still)


def cells(row: Position) -> dict[str, str]:
    """One position as text, by field; money with two decimals, returns as fractions."""
    money = {
        "beginning_market_value": row.beginning,
        "contributions": row.contributions,
        "distributions": row.distributions,
        "income": row.income,
        "appreciation": row.appreciation,
        "fees": row.fees,
        "other_adjustments": row.adjustments,
        "ending_market_value": row.ending,
    }
    return {
        "account_id": row.account.account_id,
        "as_of_date": row.as_of_date.isoformat(),
        **{field: str(dollars(cents)) for field, cents in money.items()},
        "vendor_twrr": "" if row.vendor_twrr is None else f"{row.vendor_twrr:f}",
        "benchmark_return": f"{row.benchmark_return:f}",
        "currency": "USD",
    }


def scaled(text: str, factor: int) -> str:
    """A number times a factor, as text."""
    return text and f"{Decimal(text) * factor:f}"


def a_file(rows: Sequence[Mapping[str, str]], names: Mapping[str, str] = NAMES, *, above: Sequence[str] = ()) -> bytes:
    """A CSV file with the columns of ``names``, in its order, and lines of text above the header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([[line] for line in above])
    writer.writerow(names.values())
    writer.writerows([row[field] for field in names] for row in rows)
    return text.getvalue().encode()


def proposed(content: bytes, *, file_name: str = FILE_NAME) -> Proposal:
    """What is proposed for one file."""
    return propose([(file_name, content)], compute=sub_period_returns)


@cache
def _proposed_once(content: bytes) -> Proposal:
    return proposed(content)


def proposed_of(given: Sequence[Position], names: Mapping[str, str] = NAMES) -> Proposal:
    """What is proposed for positions under the names; worked out once for equal files."""
    return _proposed_once(a_file([cells(row) for row in given], names))


def renamed(**names: str) -> dict[str, str]:
    """The exact names, but for some."""
    return {**NAMES, **names}


def finding(proposal: Proposal, key: str) -> KeyFinding:
    """The one finding of a key."""
    (found,) = [one for one in proposal.findings if one.key == key]
    return found


def inferred(proposal: Proposal) -> dict[str, object]:
    """Key to value of everything that is filled in."""
    return {one.key: one.value for one in proposal.findings if one.is_settled}


def columns(proposal: Proposal) -> dict[str, str]:
    """Field to column of everything that is mapped."""
    return {
        key.removeprefix("columns."): str(value["from"]) if isinstance(value, Mapping) else str(value)
        for key, value in inferred(proposal).items()
        if key.startswith("columns.")
    }


def confirmed(proposal: Proposal) -> dict[str, str]:
    """Field to column of everything that is mapped and called confirmed."""
    return {
        field: column for field, column in columns(proposal).items() if finding(proposal, f"columns.{field}").status is Status.CONFIRMED
    }


def ingested(proposal: Proposal, content: bytes, *, said: Mapping[str, object] | None = None) -> Validated:
    """What becomes of the file by the proposed feed, with what a person says besides."""
    feed = PositionsFeed.model_validate({**yaml.safe_load(as_yaml(proposal)), **(said or {})})
    return validate(
        read_raw_rows(content, feed, FILE_NAME), feed, Delivery("d1", FILE_NAME, datetime(2025, 4, 2, tzinfo=UTC)), POSITION_RULES
    )


def is_ingested_as_it_is(proposal: Proposal, content: bytes, rows: Sequence[Mapping[str, str]], fields: Sequence[str]) -> None:
    """Asserts that by the proposed feed every row is ingested, with these values of the fields."""
    result = ingested(proposal, content)
    assert result.quarantined.is_empty(), result.quarantined["reason"].to_list()[:3]
    money, returned = ([field for field in fields if field in group] for group in (MONEY_FIELDS, RETURN_FIELDS))
    texts = [field for field in fields if field not in {*money, *returned}]
    true = pl.DataFrame(rows).select("account_id", *texts, pl.col(money).cast(MONEY), pl.col(returned).cast(pl.Float64()))
    assert_frame_equal(result.accepted.select(true.columns), true, abs_tol=1e-15)
