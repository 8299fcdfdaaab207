"""The rows of one file: those that are published of it, and those of which another row took the place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import LiteralString

from psycopg import sql

from advisory_perf.contracts.tables import PERFORMANCE_DATA
from advisory_perf.warehouse.reading.paging import PageFound, PageWanted, SortKey, Where, counted, page_of
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

STANDING, SUPERSEDED = "standing", "superseded"

_PARTS = {
    "columns": sql.SQL(", ").join(sql.Identifier(name) for name in (*PERFORMANCE_DATA.column_names, "created_at", "updated_at")),
    "standing": sql.SQL("'standing' AS state, NULL::timestamptz AS superseded_at, NULL::text AS superseded_by"),
    "superseded": sql.SQL("'superseded' AS state, superseded_at, superseded_by_delivery_id AS superseded_by"),
}
_KEY = (SortKey("account_id", "text"), SortKey("as_of_date", "date"))
_SELECTS: dict[tuple[bool, bool], tuple[LiteralString, tuple[SortKey, ...]]] = {
    (True, False): ("SELECT {columns}, {standing}, {keys} FROM performance_data WHERE {where} {page}", _KEY),
    (False, True): (
        "SELECT {columns}, {superseded}, {keys} FROM performance_data_history WHERE {where} {page}",
        (*_KEY, SortKey("superseded_at", "timestamptz"), SortKey("id", "bigint")),
    ),
    (True, True): (
        """SELECT {columns}, state, superseded_at, superseded_by, {keys} FROM (SELECT {columns}, id, {standing} FROM performance_data
        UNION ALL SELECT {columns}, id, {superseded} FROM performance_data_history) AS found WHERE {where} {page}""",
        (*_KEY, SortKey("coalesce(superseded_at, 'infinity')", "timestamptz"), SortKey("id", "bigint")),
    ),
}
"""Statement and order, by whether standing and superseded rows are asked for."""


@dataclass(frozen=True, slots=True)
class FileRowsWanted:
    """Which rows of a file: of which days, account and reconciliation_status; standing, superseded or both."""

    first: date | None = None
    last: date | None = None
    account_id: str | None = None
    statuses: Sequence[str] = ()
    states: Sequence[str] = (STANDING,)


def rows_of_file(snapshot: Snapshot, entry: Row, asked: FileRowsWanted, wanted: PageWanted) -> PageFound:
    """A page of the file's rows by account_id and as_of_date; of one account-date the superseded ones first, by superseded_at."""
    days = days_within(entry, asked.first, asked.last)
    if days is None:
        return PageFound([], 0)
    where = of_file(entry, days)
    where.equal(account_id=("account_id", asked.account_id))
    if asked.statuses:
        where.add("reconciliation_status = ANY(%(statuses)s)", statuses=list(asked.statuses))
    is_whole = asked.account_id is None and not asked.statuses
    has_standing, has_superseded = (state in asked.states for state in (STANDING, SUPERSEDED))
    total = 0
    if has_standing:
        total += published_rows(snapshot, entry, days) if is_whole else counted(snapshot, "performance_data", where)
    if has_superseded:
        total += counted(snapshot, "performance_data_history", where)
    select, keys = _SELECTS[has_standing, has_superseded]
    return page_of(snapshot, select, keys=keys, where=where, wanted=wanted, total=total, parts=_PARTS)


def versions_of(snapshot: Snapshot, vendor: str, account_id: str, day: date) -> list[Row]:
    """What stood for an account-date before, the earliest first: the columns of a superseded row of a file."""
    statement: LiteralString = (
        "SELECT {columns}, {superseded} FROM performance_data_history"
        " WHERE data_source = %s AND account_id = %s AND as_of_date = %s ORDER BY superseded_at, id"
    )
    return snapshot.rows(sql.SQL(statement).format(**_PARTS), [vendor, account_id, day])


def published_row(snapshot: Snapshot, vendor: str, account_id: str, day: date) -> Row | None:
    """What stands for an account-date: the columns of a standing row of a file."""
    statement: LiteralString = (
        "SELECT {columns}, {standing} FROM performance_data WHERE data_source = %s AND account_id = %s AND as_of_date = %s"
    )
    return snapshot.row(sql.SQL(statement).format(**_PARTS), [vendor, account_id, day])


def days_within(entry: Row, first: date | None, last: date | None) -> tuple[date, date] | None:
    """The first and last day of the file that lie in the range; None where it has none."""
    if entry["first_as_of_date"] is None:
        return None
    within = max(entry["first_as_of_date"], first or date.min), min(entry["last_as_of_date"], last or date.max)
    return within if within[0] <= within[1] else None


def of_file(entry: Row, days: tuple[date, date]) -> Where:
    """The condition that rows are of the file and lie between the days."""
    place = dict(zip(("first", "last"), days, strict=True))
    return (
        Where()
        .add("delivery_id = %(file)s", file=entry["delivery_id"])
        .add("data_source = %(vendor)s", vendor=entry["vendor"])
        .add("as_of_date BETWEEN %(first)s AND %(last)s", **place)
    )


def published_rows(snapshot: Snapshot, entry: Row, days: tuple[date, date]) -> int:
    """How many rows of the days are published of the file, from the totals: every published row has a result of each figure compared."""
    return int(
        snapshot.value(
            "SELECT coalesce(sum(day.rows), 0)::bigint FROM (SELECT max(results) AS rows FROM reconciliation_totals"
            " WHERE delivery_id = %s AND data_source = %s AND as_of_date BETWEEN %s AND %s GROUP BY as_of_date) AS day",
            [entry["delivery_id"], entry["vendor"], *days],
        )
    )
