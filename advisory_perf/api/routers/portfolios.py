"""`/api/portfolios`: portfolios and clients, which accounts are rolled up to, and what each contributes to their returns."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.account_series import few
from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.models.periods import returns_of
from advisory_perf.api.models.portfolios import (
    Contribution,
    ContributionsQuery,
    GroupDay,
    GroupPoint,
    Member,
    PortfolioDetails,
    PortfolioInList,
    PortfolioQuery,
    PortfoliosQuery,
)
from advisory_perf.api.models.rows import columns_of, only
from advisory_perf.api.parameters import PathName, ends_of
from advisory_perf.api.responses import error_responses
from advisory_perf.errors import NotFoundError
from advisory_perf.warehouse.reading.paging import PageFound
from advisory_perf.warehouse.reading.portfolios import GroupsWanted, contributions_to, group_days, groups_of, members_of
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

router = APIRouter(prefix="/api/portfolios", tags=["portfolios"])


@router.get("")
def portfolios(answering: ForReaders, query: Annotated[PortfoliosQuery, InQuery()]) -> Envelope[list[PortfolioInList]]:
    """Portfolios and clients that accounts belong to, by id, each with its latest day."""
    asked, wanted = GroupsWanted(part=query.q, vendor=query.vendor, level=query.level), answering.wanted(query)
    found: PageFound = answering.read(lambda snapshot: groups_of(snapshot, asked, wanted))
    return answering.listed(found, query)


@router.get("/{vendor}/{portfolio_id}", responses=error_responses(HTTPStatus.NOT_FOUND))
def portfolio_details(
    answering: ForReaders, vendor: PathName, portfolio_id: PathName, query: Annotated[PortfolioQuery, InQuery()]
) -> Envelope[PortfolioDetails]:
    """A portfolio or client with its latest day, returns by period, series, and the accounts that are valued on that day."""
    first, last = ends_of(query.date_range)

    def reading(snapshot: Snapshot) -> Row:
        days = group_days(snapshot, vendor, query.level, portfolio_id)
        if not days:
            what = query.level.value.lower()
            raise NotFoundError(f"vendor {vendor} has no {what} {portfolio_id}; /api/portfolios lists portfolios and clients")
        asked = [day for day in days if (first or day["as_of_date"]) <= day["as_of_date"] <= (last or day["as_of_date"])]
        latest = asked[-1] if asked else None
        members = [] if latest is None else members_of(snapshot, vendor, query.level.column, portfolio_id, latest["as_of_date"])
        return {
            "data_source": vendor,
            "level": query.level,
            "group_id": portfolio_id,
            "latest": None if latest is None else only(columns_of(GroupDay), [latest])[0],
            "returns": returns_of(latest),
            "series": few(only(columns_of(GroupPoint), asked), "portfolio_performance"),
            "members": only(columns_of(Member), members),
        }

    return answering.one(answering.read(reading))


@router.get("/{vendor}/{portfolio_id}/contributions", responses=error_responses(HTTPStatus.NOT_FOUND))
def portfolio_contributions(
    answering: ForReaders, vendor: PathName, portfolio_id: PathName, query: Annotated[ContributionsQuery, InQuery()]
) -> Envelope[list[Contribution]]:  # type: ignore[valid-type]
    """What each account contributed to the returns of a portfolio or client to date, at each month end, the latest month first."""
    wanted = answering.wanted(query)

    def reading(snapshot: Snapshot) -> PageFound:
        found = contributions_to(snapshot, (vendor, query.level, portfolio_id), columns_of(Contribution), wanted, ends_of(query.date_range))
        if found is None:
            what = query.level.value.lower()
            raise NotFoundError(f"vendor {vendor} has no contributions to a {what} {portfolio_id}; /api/portfolios lists both")
        return found

    return answering.listed(answering.read(reading), query)
