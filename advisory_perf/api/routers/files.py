"""`/api/files/{file_id}/…`: one delivery, by the name the documents have for it."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.known import known_entry
from advisory_perf.api.models.file_rows import FileRow, FileRowsQuery, RowState
from advisory_perf.api.models.files import FileDetails, FileEntry, FileIssue, IssuesQuery
from advisory_perf.api.models.rows import columns_of
from advisory_perf.api.parameters import PathName, Query, ends_of
from advisory_perf.api.responses import NOT_FOUND
from advisory_perf.contracts.datasets import POSITIONS
from advisory_perf.contracts.enums import DeliveryStatus
from advisory_perf.warehouse.reading.file_rows import FileRowsWanted, rows_of_file
from advisory_perf.warehouse.reading.files import (
    days_of_file,
    factors_of_file,
    issue_rows_of_file,
    issues_of_file,
    relatives_of_file,
    standing_of_file,
)
from advisory_perf.warehouse.reading.paging import PageFound
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

router = APIRouter(prefix="/api/files", tags=["files"], responses=NOT_FOUND)


@router.get("/{file_id}/details")
def file_details(answering: ForReaders, file_id: PathName, _query: Annotated[Query, InQuery()]) -> Envelope[FileDetails]:
    """All that is known of a file: what became of its rows, its issues, days, profile, and the files with which it exchanged rows."""

    def reading(snapshot: Snapshot) -> Row:
        entry = known_entry(snapshot, file_id)
        return {
            **{name: entry[name] for name in columns_of(FileEntry)},
            "file_id": file_id,
            "zone": entry["file_path"].partition("/")[0],
            "latency_seconds": entry["latency_seconds"],
            "conservation": _conservation(entry),
            "issues": issues_of_file(snapshot, entry["id"]),
            "factors": factors_of_file(snapshot, entry),
            "days": days_of_file(snapshot, entry),
            **relatives_of_file(snapshot, entry),
            **standing_of_file(snapshot, entry),
            "links": _links(file_id, entry),
        }

    return answering.one(answering.read(reading))


@router.get("/{file_id}/data")
def file_data(answering: ForReaders, file_id: PathName, query: Annotated[FileRowsQuery, InQuery()]) -> Envelope[list[FileRow]]:  # type: ignore[valid-type]
    """The rows that are published of a file, by account and day; with state=superseded those of which another row took the place."""
    first, last = ends_of(query.date_range)
    states = [RowState.STANDING, RowState.SUPERSEDED] if RowState.ALL in query.state else query.state
    asked = FileRowsWanted(first=first, last=last, account_id=query.account_id, statuses=query.status, states=states)
    wanted = answering.wanted(query)

    def reading(snapshot: Snapshot) -> tuple[Row, PageFound]:
        entry = known_entry(snapshot, file_id)
        return entry, rows_of_file(snapshot, entry, asked, wanted)

    entry, found = answering.read(reading)
    feed = answering.service.feeds.get(entry["feed"])
    dataset = POSITIONS.name if feed is None else feed.dataset
    is_whole = query.account_id is None and query.date_range is None and not query.status and states == [RowState.STANDING]
    return answering.listed(found, query, message="" if found.total or not is_whole else why_no_rows(entry, dataset))


@router.get("/{file_id}/issues")
def file_issues(answering: ForReaders, file_id: PathName, query: Annotated[IssuesQuery, InQuery()]) -> Envelope[list[FileIssue]]:  # type: ignore[valid-type]
    """What is wrong in a file, issue by issue: rows in quarantine by line, whole, and then what its pipeline has found in the others."""
    wanted = answering.wanted(query)

    def reading(snapshot: Snapshot) -> PageFound:
        entry = known_entry(snapshot, file_id)
        return issue_rows_of_file(snapshot, entry["id"], wanted, code=query.code, severities=query.severity)

    return answering.listed(answering.read(reading), query)


def why_no_rows(entry: Row, dataset: str) -> str:
    """Why nothing is published of a file, as a sentence."""
    match entry["status"]:
        case DeliveryStatus.FAILED:
            return f"the file was rejected ({entry['error_code']}: {entry['error_message']}), so that nothing of it is published"
        case DeliveryStatus.DUPLICATE:
            return "the file has the bytes of another one, which details name under same_bytes; its rows are published of that one"
        case DeliveryStatus.RECEIVED | DeliveryStatus.PROCESSING:
            return "the file is not published yet"
        case _ if dataset != POSITIONS.name:
            return f"the file's rows are {dataset}, which /api/exports/exchange_rates gives whole"
        case _:
            return (
                "no row of the file is published: state=superseded gives those whose place others took, /api/quarantine those in quarantine"
            )


def _conservation(entry: Row) -> dict[str, Any]:
    parts = {name: entry[f"records_{of}"] for name, of in _PARTS.items()}
    return {"read": entry["records_read"], **parts, "holds": entry["records_read"] == sum(parts.values())}


_PARTS = {"accepted": "processed", "quarantined": "failed", "duplicate": "duplicate", "footer": "footer"}


def _links(file_id: str, entry: Row) -> dict[str, str | None]:
    own = quote(file_id, safe="")
    return {
        "data": f"/api/files/{own}/data",
        "issues": f"/api/files/{own}/issues",
        "reconciliation": f"/api/reconciliation/{own}",
        "run": entry["run_id"] and f"/runs/{entry['run_id']}",
    }
