"""`/api/files/{file_id}/…`: one delivery, by the name the documents have for it."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.models.files import FileDetails, FileEntry
from advisory_perf.api.models.rows import columns_of
from advisory_perf.api.parameters import PathName, Query
from advisory_perf.api.responses import NOT_FOUND
from advisory_perf.errors import NotFoundError
from advisory_perf.warehouse.reading.files import (
    days_of_file,
    factors_of_file,
    file_entry,
    issues_of_file,
    relatives_of_file,
    standing_of_file,
)
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
            "latency_seconds": _latency(entry),
            "conservation": _conservation(entry),
            "issues": issues_of_file(snapshot, entry["id"]),
            "factors": factors_of_file(snapshot, entry),
            "days": days_of_file(snapshot, entry),
            **relatives_of_file(snapshot, entry),
            **standing_of_file(snapshot, entry),
            "links": _links(file_id, entry),
        }

    return answering.one(answering.read(reading))


def known_entry(snapshot: Snapshot, file_id: str) -> Row:
    """The ledger's row; NotFoundError without one."""
    entry = file_entry(snapshot, file_id)
    if entry is None:
        raise NotFoundError(f"there is no file {file_id}; /api/vendors/VENDOR/files lists those of a vendor by their file_id")
    return entry


def _latency(entry: Row) -> float | None:
    end: datetime | None = entry["processing_end_time"]
    return None if end is None else (end - (entry["first_received_at"] or entry["received_at"])).total_seconds()


def _conservation(entry: Row) -> dict[str, Any]:
    parts = {name: entry[f"records_{of}"] for name, of in _PARTS.items()}
    return {"read": entry["records_read"], **parts, "holds": entry["records_read"] == sum(parts.values())}


_PARTS = {"accepted": "processed", "quarantined": "failed", "duplicate": "duplicate", "footer": "footer"}


def _links(file_id: str, entry: Row) -> dict[str, str | None]:
    own = quote(file_id, safe="")
    return {
        "data": f"/api/files/{own}/data",
        "reconciliation": f"/api/reconciliation/{own}",
        "run": entry["run_id"] and f"/runs/{entry['run_id']}",
    }
