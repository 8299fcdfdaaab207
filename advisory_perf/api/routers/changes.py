"""`/api/changes`: what publications changed of what was published before."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.models.changes import Change, ChangedRow, ChangedRowsQuery, ChangesQuery
from advisory_perf.warehouse.reading.changes import changed_rows, changes_since, last_publication
from advisory_perf.warehouse.reading.paging import PageFound
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

router = APIRouter(prefix="/api/changes", tags=["changes"])


@router.get("")
def changes(answering: ForReaders, query: Annotated[ChangesQuery, InQuery()]) -> Envelope[list[Change]]:
    """What changed since then of figures that were published, by vendor and the file that changed it."""

    def reading(snapshot: Snapshot) -> tuple[datetime | None, list[Row]]:
        since = query.since.instant or last_publication(snapshot, query.vendor)
        return since, [] if since is None else changes_since(snapshot, since, query.vendor)

    since, rows = answering.read(reading)
    return answering.all_of(rows, message="nothing was ever superseded" if since is None else f"since {since:%Y-%m-%dT%H:%M:%S.%fZ}")


@router.get("/rows")
def rows_changed(answering: ForReaders, query: Annotated[ChangedRowsQuery, InQuery()]) -> Envelope[list[ChangedRow]]:
    """The rows themselves, old and new, in the order in which they were superseded."""
    wanted = answering.wanted(query)

    def reading(snapshot: Snapshot) -> PageFound:
        since = query.since.instant or last_publication(snapshot, query.vendor)
        return PageFound([], 0) if since is None else changed_rows(snapshot, since, query.vendor, wanted)

    return answering.listed(answering.read(reading), query)
