"""Deliveries as they are served: a vendor's files, one file with all that is known of it, and the rows that are published of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import LiteralString

from psycopg import sql

from advisory_perf.warehouse.reading.fragments import LATENCY
from advisory_perf.warehouse.reading.paging import PageFound, PageWanted, SortKey, Where, counted, page_of
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

# The rate is looked up for the rows of the page alone: the limit keeps the view from being counted for all.
_LISTED: LiteralString = """
    SELECT log.delivery_id AS file_id, log.file_name, log.feed, log.vendor, log.status, log.first_as_of_date, log.last_as_of_date,
        log.records_read, log.records_processed, log.records_inserted, log.records_updated, log.records_restated, log.records_failed,
        log.records_duplicate, log.records_footer, log.error_code, log.error_message, log.received_at, log.processing_start_time,
        log.processing_end_time,
        {latency} AS latency_seconds,
        rate.pass_rate, coalesce(rate.breaks, 0) AS breaks, {keys}
    FROM etl_processing_log AS log
    LEFT JOIN LATERAL (
        SELECT t.pass_rate, t.breaks FROM delivery_pass_rates AS t
        WHERE t.data_source = log.vendor AND t.delivery_id = log.delivery_id LIMIT 1
    ) AS rate ON true
    WHERE {where} {page}
"""

_ISSUES: LiteralString = "SELECT issue.*, {keys} FROM data_quality_issues AS issue WHERE {where} {page}"
_BY_LINE = (SortKey("coalesce(issue.line_number, 9223372036854775807)", "bigint"), SortKey("issue.id", "bigint"))

ORDERS: dict[str, tuple[SortKey, ...]] = {
    "received_at": (SortKey("log.received_at", "timestamptz", descending=True), SortKey("log.id", "bigint", descending=True)),
    "last_as_of_date": (
        SortKey("coalesce(log.last_as_of_date, '-infinity')", "date", descending=True),
        SortKey("log.id", "bigint", descending=True),
    ),
    "records_failed": (SortKey("log.records_failed", "bigint", descending=True), SortKey("log.id", "bigint", descending=True)),
}
"""How files may be sorted: the latest first, or those with most quarantined rows."""


@dataclass(frozen=True, slots=True)
class FilesWanted:
    """Which files of a vendor: ``first`` to ``last`` are as-of dates (a file without any counts by the day it was received)."""

    vendor: str
    statuses: Sequence[str] = ()
    first: date | None = None
    last: date | None = None
    received_first: date | None = None
    received_last: date | None = None
    name_contains: str | None = None
    sort: str = "received_at"


def is_vendor(snapshot: Snapshot, vendor: str) -> bool:
    """Whether the ledger has a delivery of that vendor."""
    return snapshot.value("SELECT EXISTS (SELECT FROM etl_processing_log WHERE vendor = %s)", [vendor]) is True


def files_of(snapshot: Snapshot, asked: FilesWanted, wanted: PageWanted) -> PageFound:
    """A page of a vendor's files."""
    where = Where().add("log.vendor = %(vendor)s", vendor=asked.vendor)
    if asked.statuses:
        where.add("log.status = ANY(%(statuses)s)", statuses=list(asked.statuses))
    if asked.first is not None:
        where.add("coalesce(log.last_as_of_date, log.received_at::date) >= %(first)s", first=asked.first)
    if asked.last is not None:
        where.add("coalesce(log.first_as_of_date, log.received_at::date) <= %(last)s", last=asked.last)
    if asked.received_first is not None:
        where.add("log.received_at >= %(received_first)s::date", received_first=asked.received_first)
    if asked.received_last is not None:
        where.add("log.received_at < %(received_last)s::date + 1", received_last=asked.received_last)
    if asked.name_contains is not None:
        where.add("strpos(lower(log.file_name), lower(%(part)s)) > 0", part=asked.name_contains)
    total = counted(snapshot, "etl_processing_log AS log", where)
    return page_of(snapshot, _LISTED, keys=ORDERS[asked.sort], where=where, wanted=wanted, total=total, parts={"latency": sql.SQL(LATENCY)})


def file_entry(snapshot: Snapshot, file_id: str) -> Row | None:
    """The ledger's row of a file, with its id and its latency_seconds."""
    statement: LiteralString = "SELECT *, {latency} AS latency_seconds FROM etl_processing_log WHERE delivery_id = %s"
    return snapshot.row(sql.SQL(statement).format(latency=sql.SQL(LATENCY)), [file_id])


def issues_of_file(snapshot: Snapshot, etl_log_id: int) -> list[Row]:
    """Its issues by code: how many, how severe, and the first line."""
    return snapshot.rows(
        "SELECT issue_type, severity, count(*) AS count, min(line_number) AS first_line,"
        " (array_agg(issue_description ORDER BY line_number NULLS LAST, id))[1] AS first_description"
        " FROM data_quality_issues WHERE etl_log_id = %s GROUP BY issue_type, severity ORDER BY count(*) DESC, issue_type, severity",
        [etl_log_id],
    )


def issue_rows_of_file(
    snapshot: Snapshot, etl_log_id: int, wanted: PageWanted, *, code: str | None = None, severities: Sequence[str] = ()
) -> PageFound:
    """A page of its issues, every column: by line, those that a pipeline found last. Every row is one of that file, by an index."""
    where = Where().add("issue.etl_log_id = %(file)s", file=etl_log_id)
    if code is not None:
        where.add("issue.issue_type = %(code)s", code=code)
    if severities:
        where.add("issue.severity = ANY(%(severities)s)", severities=list(severities))
    total = counted(snapshot, "data_quality_issues AS issue", where)
    return page_of(snapshot, _ISSUES, keys=_BY_LINE, where=where, wanted=wanted, total=total)


def days_of_file(snapshot: Snapshot, entry: Row) -> list[Row]:
    """Its days: how many rows are published of each, and how many figures break."""
    return snapshot.rows(
        "SELECT day.as_of_date, coalesce(max(t.results), 0) AS rows, coalesce(sum(t.breaks), 0)::bigint AS breaks"
        " FROM delivered_days AS day LEFT JOIN reconciliation_totals AS t"
        " ON t.delivery_id = %(file)s AND t.data_source = %(vendor)s AND t.as_of_date = day.as_of_date"
        " WHERE day.etl_log_id = %(id)s GROUP BY day.as_of_date ORDER BY day.as_of_date",
        {"file": entry["delivery_id"], "vendor": entry["vendor"], "id": entry["id"]},
    )


def relatives_of_file(snapshot: Snapshot, entry: Row) -> dict[str, list[Row]]:
    """Deliveries whose rows took the place of its own, those whose place its own took, and those with the same bytes."""
    place = {"file": entry["delivery_id"], "sha256": entry["sha256"]}
    return {
        "superseded_by": snapshot.rows(
            "SELECT superseded_by_delivery_id AS file_id, count(*) AS rows FROM performance_data_history WHERE delivery_id = %(file)s"
            " AND superseded_by_delivery_id <> %(file)s GROUP BY 1 ORDER BY 1",
            place,
        ),
        "supersedes": snapshot.rows(
            "SELECT delivery_id AS file_id, count(*) AS rows FROM performance_data_history WHERE superseded_by_delivery_id = %(file)s"
            " AND delivery_id <> %(file)s GROUP BY 1 ORDER BY 1",
            place,
        ),
        "same_bytes": snapshot.rows(
            "SELECT delivery_id AS file_id, file_name, status, received_at FROM etl_processing_log"
            " WHERE sha256 = %(sha256)s AND delivery_id <> %(file)s ORDER BY id",
            place,
        ),
    }


def factors_of_file(snapshot: Snapshot, entry: Row) -> list[Row]:
    """The factors by which the whole delivery is off, by day and figure."""
    of_file = Where().add("data_source = %(vendor)s AND delivery_id = %(file)s", vendor=entry["vendor"], file=entry["delivery_id"])
    return _factors(snapshot, of_file)


def factors_of_break(snapshot: Snapshot, found: Row) -> list[Row]:
    """Of a break of a whole delivery the factor by which the figure was off, by day and delivery; none for a break of an account."""
    if found["account_id"] is not None:
        return []
    of_break = Where(dict(found)).add("data_source = %(data_source)s AND field_name = %(field_name)s")
    return _factors(snapshot, of_break.add("as_of_date BETWEEN %(first_as_of_date)s AND %(last_as_of_date)s"))


def _factors(snapshot: Snapshot, where: Where) -> list[Row]:
    statement: LiteralString = (
        "SELECT as_of_date, field_name, delivery_id, factor, accounts, accounts_compared FROM delivery_factors"
        " WHERE {where} ORDER BY as_of_date, field_name, delivery_id"
    )
    return snapshot.rows(sql.SQL(statement).format(where=where.clause), where.params)


def standing_of_file(snapshot: Snapshot, entry: Row) -> Row:
    """Its pass_rate, breaks, profile and open_alerts."""
    return (
        snapshot.row(
            "SELECT rate.pass_rate, coalesce(rate.breaks, 0) AS breaks, profile.profile,"
            " (SELECT count(*) FROM alerts WHERE etl_log_id = %(id)s AND resolved_at IS NULL) AS open_alerts"
            " FROM (VALUES (%(id)s::bigint)) AS file (etl_log_id)"
            " LEFT JOIN delivery_pass_rates AS rate ON rate.data_source = %(vendor)s AND rate.delivery_id = %(file)s"
            " LEFT JOIN delivery_profiles AS profile ON profile.etl_log_id = %(id)s",
            {"vendor": entry["vendor"], "file": entry["delivery_id"], "id": entry["id"]},
        )
        or {}
    )
