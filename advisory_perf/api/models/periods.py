"""Returns by period, as they are published, each with where it starts and what it is linked over."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any

import polars as pl
from pydantic import Field, create_model

from advisory_perf.analytics.annualised import years_between
from advisory_perf.api.envelope import Body
from advisory_perf.contracts.columns import PERIODS, TRAILING_PERIODS
from advisory_perf.contracts.enums import DayCount, FeeBasis


class WhyNull(StrEnum):
    """Why a period has no return."""

    NOTHING_PUBLISHED = "NOTHING_PUBLISHED"
    WITHOUT_MONEY = "WITHOUT_MONEY"
    NO_VALUATION_TO_START_FROM = "NO_VALUATION_TO_START_FROM"
    NO_FEED = "NO_FEED"
    NOT_KEPT_AS_REPORTED = "NOT_KEPT_AS_REPORTED"
    NOT_COMPUTED_YET = "NOT_COMPUTED_YET"
    NOT_LONGER_THAN_A_YEAR = "NOT_LONGER_THAN_A_YEAR"
    NOT_WHOLE = "NOT_WHOLE"


class PeriodReturn(Body):
    """The return of a period (0.01 is 1 %)."""

    value: float | None
    starts: date | None = Field(alias="from", description="the close that it starts from")
    over_gap: bool | None = Field(description="a sub-period without a return was linked as 0; null without a return, or where unknown")
    over_missing: bool | None = Field(description="valuations are missing within; null without a return, or where unknown")
    why_null: WhyNull | None = Field(
        description="WITHOUT_MONEY: the account waits for new money; NOT_KEPT_AS_REPORTED: statistics are kept as they are now alone;"
        " NOT_COMPUTED_YET: no statistics of it so far; NOT_WHOLE: one of its months has no return, or its beginning is not known"
    )


ANNUALISED = ("3y_annualised", "5y_annualised", "since_inception_annualised")
SINCE_INCEPTION = "since_inception"


def _returns(name: str, doc: str, *names: str) -> Any:
    fields: dict[str, Any] = {f"of_{each}": (PeriodReturn, Field(alias=each)) for each in names}
    return create_model(name, __base__=Body, __doc__=doc, **fields)


Returns = _returns("Returns", "Returns by period; since inception of the present episode.", *PERIODS, SINCE_INCEPTION)
AllReturns = _returns(
    "AllReturns",
    "Returns by period; the annualised ones at the latest month end that has statistics, by the feed's fee basis.",
    *PERIODS,
    SINCE_INCEPTION,
    *ANNUALISED,
)


def returns_of(row: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Returns of a published row of PERFORMANCE_DATA or PORTFOLIO_PERFORMANCE; without one all are null."""
    if row is None:
        return {name: _nothing(WhyNull.NOTHING_PUBLISHED) for name in (*PERIODS, SINCE_INCEPTION)}
    found = {
        period: _figure(row, f"twrr_{period}", f"twrr_{period}_from", f"twrr_{period}_over_gap", f"twrr_{period}_over_missing")
        for period in PERIODS
    }
    whole = ("cumulative_twrr", "performance_start_date", "linked_over_gap", "linked_over_missing")
    return {**found, SINCE_INCEPTION: _figure(row, *whole)}


def annualised_of(
    statistics: Mapping[str, Any] | None, row: Mapping[str, Any] | None, basis: FeeBasis, day_count: DayCount
) -> dict[str, dict[str, Any]]:
    """ANNUALISED of a row of ACCOUNT_STATISTICS, for the valuation ``row``."""
    if row is None or statistics is None:
        return no_annualised(WhyNull.NOTHING_PUBLISHED if row is None else WhyNull.NOT_COMPUTED_YET)
    start: date | None = row["performance_start_date"]
    found = {}
    for name, period in zip(ANNUALISED, (*TRAILING_PERIODS[1:], "si"), strict=True):
        value = statistics[f"{basis}_{period}"]
        if value is None:
            is_short = period == "si" and start is not None and _years(start, statistics["as_of_date"], day_count) is None
            found[name] = _nothing(WhyNull.NOT_LONGER_THAN_A_YEAR if is_short else WhyNull.NOT_WHOLE)
            continue
        begins = start if period == "si" else _months_before(statistics["month"], 12 * int(period[:-1]))
        over = statistics["linked_over_gap"] if period == "si" else False
        found[name] = {"value": value, "from": begins, "over_gap": over, "over_missing": over, "why_null": None}
    return found


def no_annualised(why: WhyNull) -> dict[str, dict[str, Any]]:
    """ANNUALISED, all null for one reason."""
    return {name: _nothing(why) for name in ANNUALISED}


def _figure(row: Mapping[str, Any], value: str, start: str, gap: str, missing: str) -> dict[str, Any]:
    if row[value] is None:
        waits = row["is_closed"] or row["cumulative_twrr"] == -1
        return _nothing(WhyNull.WITHOUT_MONEY if waits else WhyNull.NO_VALUATION_TO_START_FROM)
    return {"value": row[value], "from": row[start], "over_gap": row[gap], "over_missing": row[missing], "why_null": None}


def _nothing(why: WhyNull) -> dict[str, Any]:
    return {"value": None, "from": None, "over_gap": None, "over_missing": None, "why_null": why}


def _years(start: date, end: date, day_count: DayCount) -> float | None:
    return pl.select(years_between(pl.lit(start), pl.lit(end), day_count)).item()  # type: ignore[no-any-return]


def _months_before(month_end: date, months: int) -> date:
    return pl.select(pl.lit(month_end).dt.offset_by(f"-{months}mo").dt.month_end()).item()  # type: ignore[no-any-return]
