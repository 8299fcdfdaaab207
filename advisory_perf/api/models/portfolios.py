"""Portfolios, clients and composites."""

from datetime import date
from typing import Any

from pydantic import Field

from advisory_perf.api.envelope import Body, Instant, Money
from advisory_perf.api.models.periods import Returns
from advisory_perf.api.models.rows import row_model
from advisory_perf.api.parameters import DateRange, Name, Paged, Query
from advisory_perf.contracts.enums import GroupLevel
from advisory_perf.contracts.firm_tables import COMPOSITE_MEMBERS, COMPOSITE_PERFORMANCE, COMPOSITE_REPORT, PORTFOLIO_CONTRIBUTIONS
from advisory_perf.contracts.tables import PUBLISHED_PORTFOLIOS

_UPDATED: dict[str, tuple[Any, str]] = {"updated_at": (Instant, "when it changed last")}


class PortfoliosQuery(Paged):
    """Which portfolios and clients."""

    q: Name | None = Field(default=None, description="what its id contains, in either case of letters")
    vendor: Name | None = None
    level: GroupLevel | None = None


class PortfolioQuery(Query):
    """Which of the two, and over which days."""

    level: GroupLevel = Field(default=GroupLevel.PORTFOLIO, description="whether the id is a portfolio's or a client's")
    date_range: DateRange | None = Field(default=None, description="as-of dates of the series; FROM/TO, `..` open, or a day")


class ContributionsQuery(Paged):
    """Which of the two, and which months."""

    level: GroupLevel = Field(default=GroupLevel.PORTFOLIO, description="whether the id is a portfolio's or a client's")
    date_range: DateRange | None = Field(default=None, description="last days of months; FROM/TO, `..` open, or a day")


Contribution = row_model("Contribution", PORTFOLIO_CONTRIBUTIONS, more=_UPDATED)


class PortfolioInList(Body):
    """A portfolio or client with its latest day."""

    data_source: str
    level: GroupLevel
    group_id: str
    accounts: int = Field(description="that belong to it by their latest positions")
    open_accounts: int = Field(description="of these, those that hold assets")
    as_of_date: date | None = Field(description="its latest day; null, with all that follows, before one is published")
    currency: str | None
    ending_market_value: Money | None
    members: int | None = Field(description="accounts that are valued on the day")
    missing_members: int | None
    roll_up_status: str | None
    return_status: str | None
    cumulative_twrr: float | None
    twrr_mtd: float | None
    twrr_qtd: float | None
    twrr_ytd: float | None
    twrr_1y: float | None
    twrr_3y: float | None
    twrr_5y: float | None


GroupDay = row_model("GroupDay", PUBLISHED_PORTFOLIOS.table, more=_UPDATED)


class GroupPoint(Body):
    """One day of the series."""

    as_of_date: date
    ending_market_value: Money | None
    net_flow: Money | None
    members: int
    missing_members: int
    roll_up_status: str
    calculated_twrr: float | None
    return_status: str
    cumulative_twrr: float | None = Field(description="since inception of its episode")


class Member(Body):
    """An account of the group on its latest day."""

    account_id: str
    account_name: str | None
    currency: str
    ending_market_value: Money
    net_flow: Money
    calculated_twrr: float | None
    return_status: str
    cumulative_twrr: float | None
    twrr_mtd: float | None
    twrr_qtd: float | None
    twrr_ytd: float | None


class PortfolioDetails(Body):
    """A portfolio or client with its latest day, returns, series and accounts."""

    data_source: str
    level: GroupLevel
    group_id: str
    latest: GroupDay | None = Field(description="the latest of the days asked for; null without any")  # type: ignore[valid-type]
    returns: Returns
    series: list[GroupPoint]
    members: list[Member] = Field(description="accounts that are valued on that day")


CompositeMonth = row_model("CompositeMonth", COMPOSITE_PERFORMANCE, more=_UPDATED)
CompositeYear = row_model("CompositeYear", COMPOSITE_REPORT, more=_UPDATED)
CompositeMember = row_model("CompositeMember", COMPOSITE_MEMBERS, more=_UPDATED)
CompositeInList = row_model(
    "CompositeInList", COMPOSITE_PERFORMANCE, more={**_UPDATED, "first_month": (date, "the last day of its first month")}
)


class CompositeDetails(Body):
    """A composite with its yearly report, its months and its present members."""

    composite: str
    report: list[CompositeYear] = Field(description="by year and fee basis")  # type: ignore[valid-type]
    performance: list[CompositeMonth] = Field(description="by month")  # type: ignore[valid-type]
    members: list[CompositeMember] = Field(description="of the latest month")  # type: ignore[valid-type]
