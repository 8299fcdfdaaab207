"""Breaks as they are served: the queue, one break with its valuations and what was done, and what else breaks like it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString

import polars as pl
from psycopg import sql

from advisory_perf.warehouse.reading.paging import PageFound, PageWanted, SortKey, Where, page_of
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

_SPAN: LiteralString = (
    "b.data_source, b.first_as_of_date AS first,"
    " CASE WHEN b.status IN ('RESOLVED', 'RESOLVED_BY_RESTATEMENT') THEN coalesce(b.resolved_on, b.last_as_of_date)"
    " ELSE %(today)s END AS last"
)
"""Whose calendar, and the days from and up to which a break is counted, as ``break_measures`` has it."""
# break_work without what it has of the partitioned tables, which PostgreSQL 15 would open each of, also where nothing of them is asked for.
_WORK: LiteralString = """(
    SELECT found.*,
        (
            SELECT e.owner FROM break_events AS e WHERE e.break_id = found.break_id AND e.event = 'ASSIGNED' ORDER BY e.id DESC LIMIT 1
        ) AS owner,
        (SELECT count(*) FROM break_events AS e WHERE e.break_id = found.break_id AND e.event = 'COMMENTED') AS comments,
        (
            SELECT e.comment FROM break_events AS e WHERE e.break_id = found.break_id AND e.event = 'COMMENTED' ORDER BY e.id DESC LIMIT 1
        ) AS latest_comment
    FROM reconciliation_breaks AS found
) AS b"""
_SPANS: LiteralString = "SELECT DISTINCT {span} FROM {work} WHERE {where}"
_LONG: LiteralString = """
    EXISTS (
        SELECT FROM (SELECT {span}) AS s
        JOIN unnest(%(long_vendors)s::text[], %(long_firsts)s::date[], %(long_lasts)s::date[]) AS long (data_source, first, last)
        USING (data_source, first, last)
    )
"""
_LISTED: LiteralString = """
    SELECT b.break_id, b.data_source, b.account_id, b.field_name, b.status, b.first_as_of_date, b.last_as_of_date, b.valuations, b.age_days,
        b.calculated_value, b.vendor_value, b.variance, b.first_variance, b.tolerance_threshold, b.factor, b.accounts, b.likely_cause,
        b.delivery_id, b.resolved_on, b.resolved_by_delivery_id, b.signed_off_break_id, b.signed_off_by, b.signed_off_at,
        b.signed_off_variance, b.signed_off_reason, b.named_on, b.created_at, b.updated_at, b.closed_at, b.owner, b.comments,
        b.latest_comment, {keys}
    FROM {work} WHERE {where} {page}
"""
_EXPLAINED: LiteralString = (
    "SELECT b.break_id, r.explained_value, r.explained_by, r.other_causes FROM reconciliation_breaks AS b"
    " JOIN reconciliation_results AS r ON r.data_source = b.data_source AND r.account_id = b.account_id AND r.field_name = b.field_name"
    " AND r.as_of_date = b.last_as_of_date AND r.as_of_date BETWEEN %(first)s AND %(last)s"
    " WHERE b.break_id = ANY(%(names)s)"
)
_CURRENCIES: LiteralString = (
    "SELECT b.break_id, p.currency FROM reconciliation_breaks AS b"
    " JOIN performance_data AS p ON p.data_source = b.data_source AND p.account_id = b.account_id"
    " AND p.as_of_date = b.last_as_of_date AND p.as_of_date BETWEEN %(first)s AND %(last)s"
    " WHERE b.break_id = ANY(%(names)s)"
)
_EXPLAINS = ("explained_value", "explained_by", "other_causes", "currency")

ORDERS: dict[str, tuple[SortKey, ...]] = {
    "age": (SortKey("b.account_id IS NOT NULL", "boolean"), SortKey("b.first_as_of_date", "date"), SortKey("b.break_id", "text")),
    "amount": (
        SortKey("coalesce(abs(b.variance), 'Infinity')", "numeric", descending=True),
        SortKey("b.break_id", "text", descending=True),
    ),
    "tolerance": (
        SortKey("coalesce(abs(b.variance) / nullif(b.tolerance_threshold, 0), 'Infinity')", "numeric", descending=True),
        SortKey("b.break_id", "text", descending=True),
    ),
}
"""How breaks may be sorted: whole deliveries and the oldest first; or the largest first, where one without a size is larger than any."""


@dataclass(frozen=True, slots=True)
class BreaksWanted:
    """Which breaks; ``age_min`` are business days up to ``today``, as ``ages`` counts them.

    ``ages`` gives the business days (Int64) of a frame of data_source, first and last.
    """

    ages: Callable[[pl.DataFrame], pl.Series]
    today: date
    statuses: Sequence[str] = ()
    vendor: str | None = None
    account_id: str | None = None
    file_id: str | None = None
    field: str | None = None
    cause: str | None = None
    owner: str | None = None
    age_min: int | None = None
    new_since: datetime | None = None
    sort: str = "age"


def breaks_of(snapshot: Snapshot, asked: BreaksWanted, wanted: PageWanted) -> tuple[PageFound, dict[str, int]]:
    """A page of the breaks, rows of break_work, and how many there are by status whatever statuses are asked for."""
    where = _where(snapshot, asked)
    by_status = sql.SQL("SELECT b.status, count(*) AS breaks FROM {} WHERE {} GROUP BY b.status").format(sql.SQL(_WORK), where.clause)
    counts = {row["status"]: row["breaks"] for row in snapshot.rows(by_status, where.params)}
    if asked.statuses:
        where.add("b.status = ANY(%(statuses)s)", statuses=list(asked.statuses))
    total = sum(count for status, count in counts.items() if not asked.statuses or status in asked.statuses)
    found = page_of(snapshot, _LISTED, keys=ORDERS[asked.sort], where=where, wanted=wanted, total=total, parts={"work": sql.SQL(_WORK)})
    return PageFound(_explained(snapshot, found.rows), found.total, found.last), counts


def _where(snapshot: Snapshot, asked: BreaksWanted) -> Where:
    """What is asked for but the statuses."""
    where = Where()
    where.equal(
        vendor=("b.data_source", asked.vendor),
        account_id=("b.account_id", asked.account_id),
        file_id=("b.delivery_id", asked.file_id),
        field=("b.field_name", asked.field),
        cause=("b.likely_cause", asked.cause),
        owner=("b.owner", asked.owner),
    )
    if asked.new_since is not None:
        where.add("b.created_at >= %(new_since)s", new_since=asked.new_since)
    if asked.age_min is not None:
        _add_age(snapshot, where, asked, asked.age_min)
    return where


def _add_age(snapshot: Snapshot, where: Where, asked: BreaksWanted, age_min: int) -> None:
    """Calendars are no matter of SQL: of the spans of days that breaks have, those that are long enough are named."""
    spans_of = sql.SQL(_SPANS).format(span=sql.SQL(_SPAN), work=sql.SQL(_WORK), where=where.clause)
    schema = pl.Schema({"data_source": pl.String(), "first": pl.Date(), "last": pl.Date()})
    spans = pl.DataFrame(snapshot.rows(spans_of, {**where.params, "today": asked.today}), schema=schema)
    long = spans.filter(asked.ages(spans) >= age_min)
    where.add(
        _LONG.replace("{span}", _SPAN),
        today=asked.today,
        long_vendors=long["data_source"].to_list(),
        long_firsts=long["first"].to_list(),
        long_lasts=long["last"].to_list(),
    )


def _explained(snapshot: Snapshot, rows: list[Row]) -> list[Row]:
    """The rows with what break_work has of the partitioned tables, which are asked for the days of these rows alone."""
    if not rows:
        return []
    days = [row["last_as_of_date"] for row in rows]
    place = {"names": [row["break_id"] for row in rows], "first": min(days), "last": max(days)}
    known = {row["break_id"]: row for row in rows}
    for statement in (_EXPLAINED, _CURRENCIES):
        for more in snapshot.rows(statement, place):
            known[more["break_id"]] = {**known[more["break_id"]], **more}
    return [{**dict.fromkeys(_EXPLAINS), **row} for row in known.values()]


def break_of(snapshot: Snapshot, break_id: str) -> Row | None:
    """The row of break_work; with its latest day, by which one partition is looked at and not all."""
    day = snapshot.value("SELECT last_as_of_date FROM reconciliation_breaks WHERE break_id = %s", [break_id])
    return snapshot.row("SELECT * FROM break_work WHERE break_id = %s AND last_as_of_date = %s", [break_id, day])


def vendors_of_breaks(snapshot: Snapshot, break_ids: Sequence[str]) -> dict[str, str]:
    """Whose each break is; those that there are not are left out."""
    rows = snapshot.rows("SELECT break_id, data_source FROM reconciliation_breaks WHERE break_id = ANY(%s)", [list(break_ids)])
    return {row["break_id"]: row["data_source"] for row in rows}


def valuations_of(snapshot: Snapshot, found: Row) -> list[Row]:
    """The figure's comparisons from the break's first day to its last; none for a whole delivery."""
    return snapshot.rows(
        "SELECT as_of_date, calculated_value, vendor_value, variance, tolerance_threshold, within_tolerance, likely_cause, explained_value,"
        " explained_by FROM reconciliation_results WHERE data_source = %(data_source)s AND account_id = %(account_id)s"
        " AND field_name = %(field_name)s AND as_of_date BETWEEN %(first_as_of_date)s AND %(last_as_of_date)s ORDER BY as_of_date",
        found,
    )


def events_of(snapshot: Snapshot, break_id: str) -> list[Row]:
    """What happened to it, the oldest first."""
    return snapshot.rows(
        "SELECT made_at, event, made_by, owner, comment FROM break_history WHERE break_id = %s ORDER BY made_at, event", [break_id]
    )


def others_like(snapshot: Snapshot, found: Row) -> Row:
    """How many other breaks the vendor has with the same cause at the same latest valuation, and how many of these are open."""
    return (
        snapshot.row(
            "SELECT count(*) AS breaks, count(*) FILTER (WHERE status = 'OPEN') AS open FROM reconciliation_breaks"
            " WHERE data_source = %(data_source)s AND likely_cause IS NOT DISTINCT FROM %(likely_cause)s"
            " AND last_as_of_date = %(last_as_of_date)s AND break_id <> %(break_id)s",
            found,
        )
        or {}
    )
