"""`/api/changes`: what publications changed of what was published before."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.models.changes import ChangedRows, ChangedRowsQuery, Changes, ChangesQuery, Since
from advisory_perf.warehouse.reading.changes import Between, changed_rows, changes_between, last_publication
from advisory_perf.warehouse.reading.paging import PageFound
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

router = APIRouter(prefix="/api/changes", tags=["changes"])
_NOTHING = "nothing was ever superseded"


@router.get("")
def changes(answering: ForReaders, query: Annotated[ChangesQuery, InQuery()]) -> Envelope[Changes]:
    """What changed since then of figures that were published, by vendor and the file that changed it.

    Nothing more will be superseded before until: whoever asks for what comes next asks since= that.
    """
    settled = answering.settled_until()

    def reading(snapshot: Snapshot) -> tuple[Between | None, list[Row]]:
        asked = _asked(snapshot, query, settled)
        return asked, [] if asked is None else changes_between(snapshot, asked)

    asked, rows = answering.read(reading, is_kept=False)
    data = {**_instants(asked, settled), "changes": rows}
    return answering.all_of(rows, data=data, message=_NOTHING if asked is None else f"since {Since(asked.since)}")


@router.get("/rows")
def rows_changed(answering: ForReaders, query: Annotated[ChangedRowsQuery, InQuery()]) -> Envelope[ChangedRows]:
    """The rows themselves, old and new, in the order in which they were superseded, up to an instant that stays: until.

    Nothing more will be superseded before it, so that a poller leaves out nothing and gets nothing twice that asks since=until next.
    """
    wanted, settled = answering.wanted(query), answering.settled_until()
    if wanted.after is not None:  # the cursor has the first page's
        first, *after = wanted.after
        settled, wanted = datetime.fromisoformat(first), replace(wanted, after=tuple(after))

    def reading(snapshot: Snapshot) -> tuple[Between | None, PageFound]:
        asked = _asked(snapshot, query, settled)
        return asked, PageFound([], 0) if asked is None else changed_rows(snapshot, asked, wanted)

    asked, found = answering.read(reading, is_kept=False)
    since = Since(None if asked is None else asked.since)
    if found.last is not None:
        found = replace(found, last=(settled.isoformat(), *found.last))
    return answering.listed(
        found,
        query.model_copy(update={"since": since}),
        data={**_instants(asked, settled), "rows": found.rows},
        message=_NOTHING if asked is None else "",
        meant={"since": str(since)},
    )


def _asked(snapshot: Snapshot, query: ChangesQuery | ChangedRowsQuery, settled: datetime) -> Between | None:
    """What is asked for, once it is known which publication is the last one; None where there is none."""
    since = query.since.instant or last_publication(snapshot, settled, query.vendor)
    return None if since is None else Between(since, max(since, settled), query.vendor)


def _instants(asked: Between | None, settled: datetime) -> dict[str, datetime | None]:
    return {"since": None, "until": settled} if asked is None else {"since": asked.since, "until": asked.until}
