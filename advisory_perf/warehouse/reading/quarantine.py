"""The rows in quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import LiteralString

from psycopg import sql

from advisory_perf.warehouse.reading.paging import PageFound, PageWanted, SortKey, Where, counted, page_of
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

# The rows of the view of this name, which does not say which issue each is; nor with its is_published, which would look into every
# partition: it is found for a page's rows, between their days.
_SOURCE: LiteralString = """(
    SELECT log.vendor, log.delivery_id, log.file_name, issue.line_number, issue.issue_type AS code, issue.field_name,
        issue.issue_description AS reason, issue.severity, issue.account_id, issue.as_of_date, issue.raw_row,
        issue.created_at AS quarantined_at, issue.id AS issue_id
    FROM data_quality_issues AS issue JOIN etl_processing_log AS log ON log.id = issue.etl_log_id
    WHERE issue.line_number IS NOT NULL
) AS q"""
_PAGED: LiteralString = (
    "SELECT q.vendor, q.delivery_id, q.file_name, q.line_number, q.code, q.field_name, q.reason, q.severity, q.account_id, q.as_of_date,"
    " q.raw_row, q.quarantined_at, {keys} FROM {source} WHERE {where} {page}"
)
# One line of a file gives several rows where it has several figures.
_KEYS = (SortKey("q.delivery_id", "text"), SortKey("q.line_number", "bigint"), SortKey("q.issue_id", "bigint"))
_PUBLISHED: LiteralString = """
    SELECT DISTINCT p.data_source, p.account_id, p.as_of_date
    FROM unnest(%(vendors)s::text[], %(accounts)s::text[], %(days)s::date[]) AS q (data_source, account_id, as_of_date)
    JOIN performance_data AS p ON p.data_source = q.data_source AND p.account_id = q.account_id AND p.as_of_date = q.as_of_date
    WHERE p.as_of_date BETWEEN %(first)s AND %(last)s
"""


@dataclass(frozen=True, slots=True)
class QuarantineWanted:
    """Which rows; ``first`` to ``last`` are as-of dates, which leave out rows whose day cannot be read."""

    vendor: str | None = None
    file_id: str | None = None
    code: str | None = None
    severities: Sequence[str] = ()
    account_id: str | None = None
    first: date | None = None
    last: date | None = None


def quarantined_rows(snapshot: Snapshot, asked: QuarantineWanted, wanted: PageWanted) -> PageFound:
    """A page of the rows in quarantine, by file and line."""
    where = Where()
    where.equal(vendor=("q.vendor", asked.vendor), file=("q.delivery_id", asked.file_id), code=("q.code", asked.code))
    if asked.severities:
        where.add("q.severity = ANY(%(severities)s)", severities=list(asked.severities))
    where.equal(account=("q.account_id", asked.account_id))
    if asked.first is not None:
        where.add("q.as_of_date >= %(first)s", first=asked.first)
    if asked.last is not None:
        where.add("q.as_of_date <= %(last)s", last=asked.last)
    total = counted(snapshot, _SOURCE, where)
    found = page_of(snapshot, _PAGED, keys=_KEYS, where=where, wanted=wanted, total=total, parts={"source": sql.SQL(_SOURCE)})
    published = _published(snapshot, [row for row in found.rows if row["account_id"] is not None and row["as_of_date"] is not None])
    for row in found.rows:
        row["is_published"] = (row["vendor"], row["account_id"], row["as_of_date"]) in published
    return found


def _published(snapshot: Snapshot, rows: Sequence[Row]) -> set[tuple[object, ...]]:
    """Of the rows' vendors, accounts and days those that are published all the same."""
    if not rows:
        return set()
    days = [row["as_of_date"] for row in rows]
    place = {
        "vendors": [row["vendor"] for row in rows],
        "accounts": [row["account_id"] for row in rows],
        "days": days,
        "first": min(days),
        "last": max(days),
    }
    return {tuple(row.values()) for row in snapshot.rows(_PUBLISHED, place)}
