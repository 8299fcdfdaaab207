"""`/api/accounts`: a list, one account with its series, its calendar of returns and its statistics."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.account_series import OF_CALENDAR, OF_POINTS, few, points, years
from advisory_perf.api.answering import Answering, ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.models.accounts import (
    Account,
    AccountDetails,
    AccountInList,
    AccountQuery,
    AccountsQuery,
    MonthStatistics,
    OfOneVendor,
    ReturnsCalendar,
    StatisticsQuery,
    Valuation,
)
from advisory_perf.api.models.periods import WhyNull, annualised_of, no_annualised, returns_of
from advisory_perf.api.models.rows import columns_of, only
from advisory_perf.api.parameters import PathName, ends_of
from advisory_perf.api.responses import error_responses
from advisory_perf.contracts.enums import DayCount
from advisory_perf.errors import ConflictError, NotFoundError, RequestError
from advisory_perf.warehouse.reading.accounts import (
    AccountsWanted,
    accounts_named,
    accounts_of,
    days_of_account,
    open_breaks_of,
    restatements_of,
    statistics_at,
    statistics_of,
    why_not_reported,
)
from advisory_perf.warehouse.reading.paging import PageFound
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

router = APIRouter(prefix="/api/accounts", tags=["accounts"])
_OF_ONE = error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


@router.get("")
def accounts(answering: ForReaders, query: Annotated[AccountsQuery, InQuery()]) -> Envelope[list[AccountInList]]:  # type: ignore[valid-type]
    """Accounts, each with its latest valuation: by id, or the largest value, return of the year or number of open breaks first."""
    asked = AccountsWanted(
        part=query.q,
        vendor=query.vendor,
        portfolio_id=query.portfolio_id,
        client_id=query.client_id,
        statuses=query.status,
        has_breaks=query.has_breaks,
        sort=query.sort,
    )
    wanted = answering.wanted(query)
    found: PageFound = answering.read(lambda snapshot: accounts_of(snapshot, asked, wanted))
    return answering.listed(found, query, data=only(columns_of(AccountInList), found.rows))


@router.get("/{account_id}", responses=_OF_ONE)
def account_details(answering: ForReaders, account_id: PathName, query: Annotated[AccountQuery, InQuery()]) -> Envelope[AccountDetails]:
    """An account with its latest valuation, returns by period, and its series beside the benchmark.

    With as_reported, valuation, returns and series are those of that instant; the account, its breaks and restatements are those of now.
    """
    first, last = ends_of(query.date_range)

    def reading(snapshot: Snapshot) -> Row:
        if query.as_reported is not None and (why := why_not_reported(snapshot, query.as_reported)) is not None:
            raise RequestError(why)
        account = known_account(snapshot, account_id, query.vendor)
        feed = answering.service.positions_feed(account["data_source"])
        days = days_of_account(snapshot, account, query.as_reported).until(last)
        latest = days.latest(snapshot, columns_of(Valuation))
        if latest is not None and first is not None and latest["as_of_date"] < first:
            latest = None
        series = points(days.valuations(snapshot, OF_POINTS), None if feed is None else feed.schedule)
        shown = [point for point in series if first is None or point["as_of_date"] >= first]
        breaks = open_breaks_of(snapshot, account)
        return {
            "account": only(columns_of(Account), [account])[0],
            "latest": latest,
            "returns": {**returns_of(latest), **_annualised(answering, snapshot, account, latest, query)},
            "series": few(shown, "performance_data"),
            "open_breaks": len(breaks),
            "breaks": breaks,
            "restatements": restatements_of(snapshot, account),
        }

    return answering.one(answering.read(reading), _said_of(query))


@router.get("/{account_id}/returns", responses=_OF_ONE)
def account_returns(answering: ForReaders, account_id: PathName, query: Annotated[OfOneVendor, InQuery()]) -> Envelope[ReturnsCalendar]:
    """Returns by calendar month and year beside the benchmark, linked of the published sub-period returns."""

    def reading(snapshot: Snapshot) -> Row:
        account = known_account(snapshot, account_id, query.vendor)
        vendor = account["data_source"]
        feed = answering.service.positions_feed(vendor)
        if feed is None:
            raise RequestError(f"vendor {vendor} has no feed, so nobody knows when its months end; add its feed to the feeds directory")
        rows = days_of_account(snapshot, account).valuations(snapshot, OF_CALENDAR)
        return {"data_source": vendor, "account_id": account_id, "years": years(rows, feed.schedule)}

    return answering.one(answering.read(reading))


@router.get("/{account_id}/statistics", responses=_OF_ONE)
def account_statistics(
    answering: ForReaders, account_id: PathName, query: Annotated[StatisticsQuery, InQuery()]
) -> Envelope[list[MonthStatistics]]:  # type: ignore[valid-type]
    """An account's statistics by month, the latest first: annualised returns, volatility, tracking error, drawdown."""
    wanted = answering.wanted(query)

    def reading(snapshot: Snapshot) -> PageFound:
        return statistics_of(snapshot, known_account(snapshot, account_id, query.vendor), wanted, *ends_of(query.date_range))

    return answering.listed(answering.read(reading), query)


def known_account(snapshot: Snapshot, account_id: str, vendor: str | None) -> Row:
    """The account; NotFoundError without one, ConflictError where several vendors have one of that id and none of them is named."""
    found = accounts_named(snapshot, account_id, vendor)
    if not found:
        whose = "there is no account" if vendor is None else f"vendor {vendor} has no account"
        raise NotFoundError(f"{whose} {account_id}; /api/accounts lists them")
    if len(found) > 1:
        vendors = [row["data_source"] for row in found]
        raise ConflictError(
            f"{len(found)} vendors have an account {account_id}: {', '.join(vendors)}; name one by vendor", {"vendors": vendors}
        )
    return found[0]


def _annualised(answering: Answering, snapshot: Snapshot, account: Row, latest: Row | None, query: AccountQuery) -> dict[str, Any]:
    feed = answering.service.positions_feed(account["data_source"])
    if feed is None or query.as_reported is not None:
        return no_annualised(WhyNull.NO_FEED if feed is None else WhyNull.NOT_KEPT_AS_REPORTED)
    statistics = None if latest is None else statistics_at(snapshot, account, latest["as_of_date"])
    return annualised_of(statistics, latest, feed.conventions.fee_basis, DayCount(answering.service.settings.day_count))


def _said_of(query: AccountQuery) -> str:
    if query.as_reported is None:
        return ""
    return f"as it was reported by {query.as_reported.isoformat()}; account, breaks and restatements are as they are now"
