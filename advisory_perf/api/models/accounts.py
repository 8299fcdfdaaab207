"""Accounts: one in a list, one whole, its calendar of returns and its statistics."""

from datetime import date
from enum import StrEnum

from pydantic import Field

from advisory_perf.api.envelope import Body, Instant, Money
from advisory_perf.api.models.periods import AllReturns
from advisory_perf.api.models.rows import row_model
from advisory_perf.api.parameters import AsReported, DateRange, Name, Paged, Query
from advisory_perf.contracts.columns import COLUMNS
from advisory_perf.contracts.enums import AccountStatus
from advisory_perf.contracts.firm_tables import ACCOUNT_STATISTICS
from advisory_perf.contracts.tables import ACCOUNTS, PERFORMANCE_DATA

_WHEN = {"created_at": (Instant, "when the row was published"), "updated_at": (Instant, "when it changed last")}
_OF_LATEST = ("ending_market_value", "net_flow", "calculated_twrr", "return_status", "cumulative_twrr", "reconciliation_status")
_PERIODS = ("twrr_mtd", "twrr_qtd", "twrr_ytd", "twrr_1y", "twrr_3y", "twrr_5y")
_MONEY = {"ending_market_value", "net_flow"}
_TEXTS = {"return_status", "reconciliation_status"}


class AccountSort(StrEnum):
    """By id; or the largest value, return of the year, or number of open breaks first."""

    ACCOUNT = "account"
    EMV = "emv"
    YTD = "ytd"
    BREAKS = "breaks"


class AccountsQuery(Paged):
    """Which accounts."""

    q: Name | None = Field(default=None, description="what its id or name contains, in either case of letters")
    vendor: Name | None = None
    portfolio_id: Name | None = None
    client_id: Name | None = None
    status: list[AccountStatus] = Field(default=[], description="one or more")
    has_breaks: bool | None = Field(default=None, description="whether it has open breaks")
    sort: AccountSort = AccountSort.ACCOUNT


class OfOneVendor(Query):
    """Which account, where several vendors have one of that id."""

    vendor: Name | None = Field(default=None, description="needed where several vendors have an account of that id")


class AccountQuery(OfOneVendor):
    """Which account, over which days, and as it was reported when."""

    date_range: DateRange | None = Field(default=None, description="as-of dates of the series; FROM/TO, `..` open, or a day")
    as_reported: AsReported | None = Field(
        default=None, description="as it was known at an instant with its offset, or at the end of a day in UTC"
    )


class StatisticsQuery(Paged):
    """Which months."""

    vendor: Name | None = Field(default=None, description="needed where several vendors have an account of that id")
    date_range: DateRange | None = Field(default=None, description="month ends; FROM/TO, `..` open, or a day")


Account = row_model("Account", ACCOUNTS, more=_WHEN)
AccountInList = row_model(
    "AccountInList",
    ACCOUNTS,
    more={
        **_WHEN,
        **{
            name: (
                (Money if name in _MONEY else str if name in _TEXTS else float) | None,
                f"{COLUMNS[name].meaning}; of its latest valuation",
            )
            for name in (*_OF_LATEST, *_PERIODS)
        },
        "linked_over_gap": (bool | None, COLUMNS["linked_over_gap"].meaning),
        "linked_over_missing": (bool | None, COLUMNS["linked_over_missing"].meaning),
        "open_breaks": (int, "its breaks that are open"),
    },
)
Valuation = row_model("Valuation", PERFORMANCE_DATA, more={**_WHEN, "processed_by": (str, "the role that wrote the row")})
MonthStatistics = row_model("MonthStatistics", ACCOUNT_STATISTICS, more={"updated_at": (Instant, "when it changed last")})


class Point(Body):
    """One valuation of the series."""

    as_of_date: date
    ending_market_value: Money
    net_flow: Money
    calculated_twrr: float | None
    return_status: str
    cumulative_twrr: float | None = Field(description="since inception of its episode")
    benchmark_return: float | None
    cumulative_benchmark: float | None = Field(
        description="the benchmark linked over the very sub-periods of cumulative_twrr, from the same base; null from a missing one on"
    )
    benchmark_over_gap: bool | None = Field(description="a return of the benchmark is missing since the base; null without a feed")
    benchmark_covers_more: bool | None = Field(
        description="since the base the benchmark covers more of a month than the account lived through; null without a feed"
    )
    vendor_twrr: float | None
    delivery_id: str
    line_number: int


class OpenBreak(Body):
    """A figure that is off since a day."""

    break_id: str
    field_name: str
    first_as_of_date: date
    last_as_of_date: date
    likely_cause: str | None


class AccountDetails(Body):
    """An account with its latest valuation, its returns and its series."""

    account: Account  # type: ignore[valid-type]
    latest: Valuation | None = Field(description="the latest valuation of the days asked for; null without any")  # type: ignore[valid-type]
    returns: AllReturns
    series: list[Point]
    open_breaks: int
    breaks: list[OpenBreak] = Field(description="those that are open now")
    restatements: int = Field(description="how often another delivery gave other figures of a published valuation")


class MonthReturn(Body):
    """The return of a month or year (0.01 is 1 %)."""

    value: float | None = Field(description="null where the account waits for new money at its end, or has no valuation in it")
    over_gap: bool = Field(description="a sub-period without a return was linked as 0")
    over_missing: bool = Field(description="valuations are missing within")
    partial: bool = Field(description="it is of less than the whole month, or of less than twelve whole months")
    benchmark: float | None = Field(description="the benchmark over the very sub-periods; null where it lacks one, or covers more")
    excess: float | None = Field(description="value - benchmark")


class CalendarYear(Body):
    """A year of returns by month."""

    year: int
    months: list[MonthReturn | None] = Field(description="January to December; null without a valuation", min_length=12, max_length=12)
    total: MonthReturn


class ReturnsCalendar(Body):
    """Returns by calendar month and year, linked of the published sub-period returns."""

    data_source: str
    account_id: str
    years: list[CalendarYear]
