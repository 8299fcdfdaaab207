"""Portfolios and clients as they are served: a list of them, one with its series, and the accounts that it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import LiteralString

from psycopg import sql

from advisory_perf.warehouse.copy import names
from advisory_perf.warehouse.reading.paging import PageFound, PageWanted, SortKey, Where, counted, page_of
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

_LISTED: LiteralString = """
    SELECT grouped.data_source, grouped.level, grouped.group_id, grouped.accounts, grouped.open_accounts,
        latest.as_of_date, latest.currency, latest.ending_market_value, latest.members, latest.missing_members, latest.roll_up_status,
        latest.return_status, latest.cumulative_twrr, latest.twrr_mtd, latest.twrr_qtd, latest.twrr_ytd, latest.twrr_1y, latest.twrr_3y,
        latest.twrr_5y, {keys}
    FROM account_groups AS grouped
    LEFT JOIN LATERAL (
        SELECT * FROM portfolio_performance AS p
        WHERE p.data_source = grouped.data_source AND p.level = grouped.level AND p.group_id = grouped.group_id
            AND p.as_of_date BETWEEN %(first_)s::date AND %(last_)s::date
        ORDER BY p.as_of_date DESC LIMIT 1
    ) AS latest ON true
    WHERE {where} {page}
"""
_BY_NAME = (SortKey("grouped.group_id", "text"), SortKey("grouped.data_source", "text"), SortKey("grouped.level", "text"))

_MEMBERS: LiteralString = """
    SELECT p.account_id, p.account_name, p.currency, p.ending_market_value, p.net_flow, p.calculated_twrr, p.return_status,
        p.cumulative_twrr, p.twrr_mtd, p.twrr_qtd, p.twrr_ytd
    FROM performance_data AS p
    WHERE p.data_source = %(vendor)s AND p.as_of_date = %(day)s AND {member} = %(group)s
    ORDER BY p.account_id
"""


_CONTRIBUTIONS: LiteralString = "SELECT {columns}, {keys} FROM portfolio_contributions AS c WHERE {where} {page}"
_BY_MONTH = (SortKey("c.month", "date", descending=True), SortKey("c.account_id", "text"))


@dataclass(frozen=True, slots=True)
class GroupsWanted:
    """Which portfolios and clients; None is all."""

    part: str | None = None
    vendor: str | None = None
    level: str | None = None


def groups_of(snapshot: Snapshot, asked: GroupsWanted, wanted: PageWanted) -> PageFound:
    """A page of the groups that accounts belong to now, each with its latest day."""
    where = Where()
    if asked.part is not None:
        where.add("strpos(lower(grouped.group_id), lower(%(part)s)) > 0", part=asked.part)
    where.equal(vendor=("grouped.data_source", asked.vendor), level=("grouped.level", asked.level))
    statement = sql.SQL(
        "SELECT count(*) AS total, min(grouped.first_as_of_date) AS first_, max(grouped.last_as_of_date) AS last_"
        " FROM account_groups AS grouped WHERE {}"
    )
    counted = snapshot.row(statement.format(where.clause), where.params) or {}
    where.params |= {"first_": counted["first_"], "last_": counted["last_"]}
    return page_of(snapshot, _LISTED, keys=_BY_NAME, where=where, wanted=wanted, total=counted["total"])


def group_days(snapshot: Snapshot, vendor: str, level: str, group_id: str) -> list[Row]:
    """Every published row of a portfolio or client, by day; none of one that is not there."""
    bounds = snapshot.row(
        "SELECT min(first_as_of_date) AS first, max(last_as_of_date) AS last FROM accounts WHERE data_source = %s", [vendor]
    )
    return snapshot.rows(
        "SELECT * FROM portfolio_performance WHERE data_source = %(vendor)s AND level = %(level)s AND group_id = %(group)s"
        " AND as_of_date BETWEEN %(first)s::date AND %(last)s::date ORDER BY as_of_date",
        {"vendor": vendor, "level": level, "group": group_id, **(bounds or {})},
    )


def members_of(snapshot: Snapshot, vendor: str, column: str, group_id: str, day: date) -> list[Row]:
    """The accounts that are valued on the day and name the group in ``column``, by id."""
    statement = sql.SQL(_MEMBERS).format(member=sql.Identifier("p", column))
    return snapshot.rows(statement, {"vendor": vendor, "day": day, "group": group_id})


def contributions_to(
    snapshot: Snapshot,
    group: tuple[str, str, str],
    columns: Sequence[str],
    wanted: PageWanted,
    months: tuple[date | None, date | None],
) -> PageFound | None:
    """A page of what accounts contributed to a group (vendor, level, id), the latest month first; None where there is nothing of it."""
    of_group = Where().add(
        "c.data_source = %(vendor)s AND c.level = %(level)s AND c.group_id = %(group)s", vendor=group[0], level=group[1], group=group[2]
    )
    is_there = sql.SQL("SELECT EXISTS (SELECT FROM portfolio_contributions AS c WHERE {})").format(of_group.clause)
    if not snapshot.value(is_there, of_group.params):
        return None
    first, last = months
    if first is not None:
        of_group.add("c.month >= %(first)s", first=first)
    if last is not None:
        of_group.add("c.month <= %(last)s", last=last)
    total = counted(snapshot, "portfolio_contributions AS c", of_group)
    parts = {"columns": names(columns, "c")}
    return page_of(snapshot, _CONTRIBUTIONS, keys=_BY_MONTH, where=of_group, wanted=wanted, total=total, parts=parts)
