"""What publications changed of figures that were published before: counted by the file that did it, and row by row, old and new."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import sql

from advisory_perf.contracts.tables import PUBLISHED_PERFORMANCE
from advisory_perf.warehouse.reading.paging import PageFound, PageWanted, SortKey, Where, counted, page_of
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

VERSION = ("delivery_id", "file_name", "line_number", *PUBLISHED_PERFORMANCE.restated, "return_status", "updated_at")
"""What is shown of the row that was and of the one that is."""

# Two passes with few groups each, and none that sorts the rows as a count of distinct values would.
_COUNTED: LiteralString = """
    WITH of_accounts AS (
        SELECT h.data_source, h.superseded_by_delivery_id AS superseded_by, count(*) AS rows, min(h.as_of_date) AS first_day,
            max(h.as_of_date) AS last_day, min(h.superseded_at) AS first_at, max(h.superseded_at) AS last_at
        FROM performance_data_history AS h WHERE {where} GROUP BY h.data_source, h.superseded_by_delivery_id, h.account_id
    ),
    of_days AS (
        SELECT h.data_source, h.superseded_by_delivery_id AS superseded_by
        FROM performance_data_history AS h WHERE {where} GROUP BY h.data_source, h.superseded_by_delivery_id, h.as_of_date
    )
    SELECT a.data_source, a.superseded_by, sum(a.rows)::bigint AS rows, d.days, count(*) AS accounts, min(a.first_day) AS first_as_of_date,
        max(a.last_day) AS last_as_of_date, min(a.first_at) AS first_superseded_at, max(a.last_at) AS last_superseded_at
    FROM of_accounts AS a
    JOIN (SELECT data_source, superseded_by, count(*) AS days FROM of_days GROUP BY data_source, superseded_by) AS d
        ON d.data_source = a.data_source AND d.superseded_by IS NOT DISTINCT FROM a.superseded_by
    GROUP BY a.data_source, a.superseded_by, d.days
    ORDER BY a.data_source, a.superseded_by NULLS LAST
"""
_RESTATED: LiteralString = """
    SELECT DISTINCT ON (data_source, delivery_id, field_name) data_source, delivery_id AS superseded_by, field_name,
        largest_change AS change, largest_account_id AS account_id, largest_as_of_date AS as_of_date,
        sum(changed) OVER (PARTITION BY data_source, delivery_id, field_name)::bigint AS changed
    FROM restatements
    WHERE published_at >= %(since)s AND published_at < %(until)s
        AND field_name IN ('ending_market_value', 'calculated_twrr', 'withdrawn')
    ORDER BY data_source, delivery_id, field_name, abs(largest_change) DESC NULLS FIRST, largest_as_of_date, largest_account_id
"""
_PAGED: LiteralString = (
    "SELECT h.data_source, h.account_id, h.as_of_date, h.superseded_at, h.superseded_by_delivery_id AS superseded_by, {columns}, {keys}"
    " FROM performance_data_history AS h WHERE {where} {page}"
)
# The row that took another's place was written by the transaction that superseded it.
_NEW: LiteralString = """
    WITH old AS (
        SELECT * FROM unnest(%(vendors)s::text[], %(accounts)s::text[], %(days)s::date[], %(instants)s::timestamptz[])
            AS o (data_source, account_id, as_of_date, superseded_at)
    )
    SELECT o.data_source, o.account_id, o.as_of_date, o.superseded_at, {columns}
    FROM old AS o JOIN performance_data AS p ON p.data_source = o.data_source AND p.account_id = o.account_id
        AND p.as_of_date = o.as_of_date AND p.updated_at = o.superseded_at
    WHERE p.as_of_date BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT o.data_source, o.account_id, o.as_of_date, o.superseded_at, {columns}
    FROM old AS o JOIN performance_data_history AS p ON p.data_source = o.data_source AND p.account_id = o.account_id
        AND p.as_of_date = o.as_of_date AND p.updated_at = o.superseded_at AND p.superseded_at > o.superseded_at
"""
_KEYS = (
    SortKey("h.superseded_at", "timestamptz"),
    SortKey("h.data_source", "text"),
    SortKey("h.account_id", "text"),
    SortKey("h.as_of_date", "date"),
)
_KEY = ("data_source", "account_id", "as_of_date", "superseded_at")


@dataclass(frozen=True, slots=True)
class Between:
    """Which changes: those from ``since`` on and before ``until``, of one vendor or of all.

    Before ``warehouse.beginnings.settled_until`` nothing more is ever superseded, so that such a list stays as it is.
    """

    since: datetime
    until: datetime
    vendor: str | None = None

    @property
    def where(self) -> Where:
        """Of rows ``h`` of the history."""
        where = Where().add("h.superseded_at >= %(since)s AND h.superseded_at < %(until)s", since=self.since, until=self.until)
        return where if self.vendor is None else where.add("h.data_source = %(vendor)s", vendor=self.vendor)


def last_publication(snapshot: Snapshot, until: datetime, vendor: str | None) -> datetime | None:
    """When the latest publication before ``until`` that changed something was made; None where none did."""
    where = Where().add("h.superseded_at < %(until)s", until=until)
    if vendor is not None:
        where.add("h.data_source = %(vendor)s", vendor=vendor)
    statement: LiteralString = "SELECT max(h.superseded_at) FROM performance_data_history AS h WHERE {where}"
    found: datetime | None = snapshot.value(sql.SQL(statement).format(where=where.clause), where.params)
    return found


def changes_between(snapshot: Snapshot, asked: Between) -> list[Row]:
    """By vendor and superseding file: rows, days and accounts that changed, rows that went, and the largest change of value and return.

    Without a file: rows that went, or were computed anew because of an earlier day.
    """
    where = asked.where
    counts = snapshot.rows(sql.SQL(_COUNTED).format(where=where.clause), where.params)
    restated = {(row["data_source"], row["superseded_by"], row["field_name"]): row for row in snapshot.rows(_RESTATED, where.params)}

    def of(row: Row, field: str) -> Row | None:
        return restated.get((row["data_source"], row["superseded_by"], field))

    return [
        {
            **row,
            "withdrawn": (of(row, "withdrawn") or {"changed": 0})["changed"],
            "largest_ending_market_value": _change(of(row, "ending_market_value")),
            "largest_return": _change(of(row, "calculated_twrr")),
        }
        for row in counts
    ]


def changed_rows(snapshot: Snapshot, asked: Between, wanted: PageWanted) -> PageFound:
    """A page of the rows that were superseded then, in that order: key, ``old``, and ``new``, which is None where the row went."""
    where = asked.where
    total = counted(snapshot, "performance_data_history AS h", where)
    page = page_of(snapshot, _PAGED, keys=_KEYS, where=where, wanted=wanted, total=total, parts={"columns": _version("h")})
    new = _new_versions(snapshot, page.rows)
    rows = [
        {
            **{name: row[name] for name in (*_KEY, "superseded_by")},
            "old": {name: row[name] for name in VERSION},
            "new": new.get(tuple(row[name] for name in _KEY)),
        }
        for row in page.rows
    ]
    return PageFound(rows, page.total, page.last)


def _new_versions(snapshot: Snapshot, old: Sequence[Row]) -> dict[tuple[object, ...], Row]:
    """By key and instant the version that took the place of each; the page's first and last day bound what is looked at."""
    if not old:
        return {}
    days = [row["as_of_date"] for row in old]
    place = {
        "vendors": [row["data_source"] for row in old],
        "accounts": [row["account_id"] for row in old],
        "days": days,
        "instants": [row["superseded_at"] for row in old],
        "first": min(days),
        "last": max(days),
    }
    rows = snapshot.rows(sql.SQL(_NEW).format(columns=_version("p")), place)
    return {tuple(row[name] for name in _KEY): {name: row[name] for name in VERSION} for row in rows}


def _version(table: str) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(table, name) for name in VERSION)


def _change(restated: Row | None) -> Row | None:
    return None if restated is None else {name: restated[name] for name in ("change", "account_id", "as_of_date", "changed")}
