"""Accounts as they are served: a list with each one's latest valuation, and one account with its series, breaks and statistics."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import LiteralString

from psycopg import sql

from advisory_perf.contracts.tables import PERFORMANCE_DATA, PUBLISHED_PERFORMANCE
from advisory_perf.warehouse.as_reported import rows_as_reported, why_nobody_knows
from advisory_perf.warehouse.copy import names
from advisory_perf.warehouse.reading.paging import PageFound, PageWanted, SortKey, Where, page_of
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

_LISTED: LiteralString = """
    SELECT account.*, latest.ending_market_value, latest.net_flow, latest.calculated_twrr, latest.return_status, latest.cumulative_twrr,
        latest.twrr_mtd, latest.twrr_qtd, latest.twrr_ytd, latest.twrr_1y, latest.twrr_3y, latest.twrr_5y, latest.linked_over_gap,
        latest.linked_over_missing, latest.reconciliation_status, coalesce(broken.open_breaks, 0) AS open_breaks, {keys}
    FROM accounts AS account
    LEFT JOIN LATERAL (
        SELECT * FROM performance_data AS p
        WHERE p.data_source = account.data_source AND p.account_id = account.account_id AND p.as_of_date = account.last_as_of_date
            AND p.as_of_date BETWEEN %(first_)s::date AND %(last_)s::date
        LIMIT 1
    ) AS latest ON true
    LEFT JOIN (
        SELECT b.data_source, b.account_id, count(*) AS open_breaks FROM reconciliation_breaks AS b
        WHERE b.status = 'OPEN' AND b.account_id IS NOT NULL GROUP BY b.data_source, b.account_id
    ) AS broken ON broken.data_source = account.data_source AND broken.account_id = account.account_id
    WHERE {where} {page}
"""
_HAS_BREAKS: LiteralString = (
    "EXISTS (SELECT FROM reconciliation_breaks AS b WHERE b.data_source = account.data_source"
    " AND b.account_id = account.account_id AND b.status = 'OPEN') = %(has_breaks)s"
)
_KEY = (SortKey("account.account_id", "text"), SortKey("account.data_source", "text"))
ORDERS: dict[str, tuple[SortKey, ...]] = {
    "account": _KEY,
    "emv": (SortKey("coalesce(latest.ending_market_value, '-infinity')", "numeric", descending=True), *_KEY),
    "ytd": (SortKey("coalesce(latest.twrr_ytd, '-infinity')", "double precision", descending=True), *_KEY),
    "breaks": (SortKey("coalesce(broken.open_breaks, 0)", "bigint", descending=True), *_KEY),
}
"""How accounts may be sorted: by id, or the largest value, return of the year or number of open breaks first."""


@dataclass(frozen=True, slots=True)
class AccountsWanted:
    """Which accounts; None is all."""

    part: str | None = None
    vendor: str | None = None
    portfolio_id: str | None = None
    client_id: str | None = None
    statuses: Sequence[str] = ()
    has_breaks: bool | None = None
    sort: str = "account"


def accounts_of(snapshot: Snapshot, asked: AccountsWanted, wanted: PageWanted) -> PageFound:
    """A page of accounts, each with its latest valuation."""
    where = Where()
    if asked.part is not None:
        where.add(
            "strpos(lower(account.account_id), lower(%(part)s)) > 0"
            " OR strpos(lower(coalesce(account.account_name, '')), lower(%(part)s)) > 0",
            part=asked.part,
        )
    where.equal(
        vendor=("account.data_source", asked.vendor),
        portfolio_id=("account.portfolio_id", asked.portfolio_id),
        client_id=("account.client_id", asked.client_id),
    )
    if asked.statuses:
        where.add("account.status = ANY(%(statuses)s)", statuses=list(asked.statuses))
    if asked.has_breaks is not None:
        where.add(_HAS_BREAKS, has_breaks=asked.has_breaks)
    statement = sql.SQL(
        "SELECT count(*) AS total, min(account.last_as_of_date) AS first_, max(account.last_as_of_date) AS last_"
        " FROM accounts AS account WHERE {}"
    )
    counted = snapshot.row(statement.format(where.clause), where.params) or {}
    where.params |= {"first_": counted["first_"], "last_": counted["last_"]}
    return page_of(snapshot, _LISTED, keys=ORDERS[asked.sort], where=where, wanted=wanted, total=counted["total"])


def accounts_named(snapshot: Snapshot, account_id: str, vendor: str | None = None) -> list[Row]:
    """The accounts that have the id, of one vendor or of each, by vendor: an id is unique within a vendor's accounts alone."""
    return snapshot.rows(
        "SELECT * FROM accounts WHERE account_id = %(account)s AND (%(vendor)s::text IS NULL OR data_source = %(vendor)s)"
        " ORDER BY data_source",
        {"account": account_id, "vendor": vendor},
    )


@dataclass(frozen=True, slots=True)
class AccountDays:
    """An account's valuations from ``first`` to ``last``, both included: as they are published, or as they were reported at an instant."""

    vendor: str
    account_id: str
    first: date
    last: date
    as_reported: datetime | None = None

    def until(self, last: date | None) -> "AccountDays":
        """Those up to a day."""
        return self if last is None else replace(self, last=min(self.last, last))

    def valuations(self, snapshot: Snapshot, names: Sequence[str]) -> list[Row]:
        """``names`` of each, by day."""
        return snapshot.rows(self._selected(names, sql.SQL("ORDER BY as_of_date")), self._params)

    def latest(self, snapshot: Snapshot, names: Sequence[str]) -> Row | None:
        """``names`` of the last of them."""
        return snapshot.row(self._selected(names, sql.SQL("ORDER BY as_of_date DESC LIMIT 1")), self._params)

    @property
    def _params(self) -> dict[str, object]:
        return {
            "vendor": self.vendor,
            "account": self.account_id,
            "first": self.first,
            "last": self.last,
            "as_reported": self.as_reported,
        }

    def _selected(self, names: Sequence[str], rest: sql.Composable) -> sql.Composed:
        given: sql.Composable = sql.SQL("")
        if self.as_reported is not None:
            kept = dict.fromkeys(["data_source", "account_id", "as_of_date", *names])
            given = rows_as_reported(PERFORMANCE_DATA.name, list(kept), sql.SQL("%(as_reported)s::timestamptz"))
        return sql.SQL(
            "{given} SELECT {names} FROM performance_data WHERE data_source = %(vendor)s AND account_id = %(account)s"
            " AND as_of_date BETWEEN %(first)s AND %(last)s {rest}"
        ).format(given=given, names=sql.SQL(", ").join(sql.Identifier(name) for name in names), rest=rest)


def days_of_account(snapshot: Snapshot, account: Row, as_reported: datetime | None = None) -> AccountDays:
    """All valuations of an account; of one that was reported once also those that were withdrawn since."""
    key = {"vendor": account["data_source"], "account": account["account_id"]}
    first, last = account["first_as_of_date"], account["last_as_of_date"]
    if as_reported is not None:
        before = snapshot.row(
            "SELECT min(as_of_date) AS first, max(as_of_date) AS last FROM performance_data_history"
            " WHERE data_source = %(vendor)s AND account_id = %(account)s",
            key,
        )
        known = [day for day in (first, last, *(before or {}).values()) if day is not None]
        first, last = min(known, default=None), max(known, default=None)
    return AccountDays(account["data_source"], account["account_id"], first or date.max, last or date.min, as_reported)


def why_not_reported(snapshot: Snapshot, instant: datetime) -> str | None:
    """A sentence where the instant is to come by the warehouse's clock."""
    return why_nobody_knows(instant, snapshot.value("SELECT now()"))


def open_breaks_of(snapshot: Snapshot, account: Row) -> list[Row]:
    """The account's open breaks, by first day."""
    return snapshot.rows(
        "SELECT break_id, field_name, first_as_of_date, last_as_of_date, likely_cause FROM reconciliation_breaks"
        " WHERE data_source = %(data_source)s AND account_id = %(account_id)s AND status = 'OPEN' ORDER BY first_as_of_date, break_id",
        account,
    )


_RESTATED: LiteralString = """
    WITH history AS (
        SELECT as_of_date, delivery_id, superseded_by_delivery_id, {figures} FROM performance_data_history
        WHERE data_source = %(data_source)s AND account_id = %(account_id)s AND superseded_by_delivery_id IS NOT NULL
    ),
    delivered AS (
        SELECT as_of_date, delivery_id, {figures} FROM performance_data
        WHERE data_source = %(data_source)s AND account_id = %(account_id)s
            AND as_of_date BETWEEN %(first_as_of_date)s AND %(last_as_of_date)s AND EXISTS (SELECT FROM history)
        UNION ALL
        SELECT as_of_date, delivery_id, {figures} FROM history
    )
    SELECT count(DISTINCT (p.as_of_date, p.delivery_id))
    FROM delivered AS p JOIN history AS h ON h.as_of_date = p.as_of_date AND h.superseded_by_delivery_id = p.delivery_id
    WHERE ({new}) IS DISTINCT FROM ({old})
"""


def restatements_of(snapshot: Snapshot, account: Row) -> int:
    """How often another delivery gave other figures of a published valuation, as the ledger counts records_restated."""
    statement = sql.SQL(_RESTATED).format(
        figures=names(PUBLISHED_PERFORMANCE.delivered),
        new=names(PUBLISHED_PERFORMANCE.delivered, "p"),
        old=names(PUBLISHED_PERFORMANCE.delivered, "h"),
    )
    return int(snapshot.value(statement, account))


_STATISTICS: LiteralString = "SELECT *, {keys} FROM account_statistics WHERE {where} {page}"
_BY_MONTH = (SortKey("month", "date", descending=True),)


def statistics_of(snapshot: Snapshot, account: Row, wanted: PageWanted, first: date | None, last: date | None) -> PageFound:
    """A page of the account's statistics, the latest month first."""
    where = Where().add("data_source = %(vendor)s", vendor=account["data_source"])
    where.add("account_id = %(account)s", account=account["account_id"])
    if first is not None:
        where.add("month >= %(first)s", first=first)
    if last is not None:
        where.add("month <= %(last)s", last=last)
    total = snapshot.value(sql.SQL("SELECT count(*) FROM account_statistics WHERE {}").format(where.clause), where.params)
    return page_of(snapshot, _STATISTICS, keys=_BY_MONTH, where=where, wanted=wanted, total=total)


def statistics_at(snapshot: Snapshot, account: Row, day: date) -> Row | None:
    """The account's statistics of the latest month whose last valuation is not after the day."""
    return snapshot.row(
        "SELECT * FROM account_statistics WHERE data_source = %s AND account_id = %s AND as_of_date <= %s ORDER BY month DESC LIMIT 1",
        [account["data_source"], account["account_id"], day],
    )
