"""The audit log as it is served."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from advisory_perf.warehouse.reading.paging import PageFound, PageWanted, SortKey, Where, counted, page_of
from advisory_perf.warehouse.reading.snapshot import Snapshot

_LISTED: LiteralString = "SELECT l.*, {keys} FROM audit_log AS l WHERE {where} {page}"
_LATEST_FIRST = (SortKey("l.id", "bigint", descending=True),)


@dataclass(frozen=True, slots=True)
class ActionsWanted:
    """Which actions: by whom, of which kind, at that instant or later."""

    principal: str | None = None
    action: str | None = None
    since: datetime | None = None


def actions_of(snapshot: Snapshot, asked: ActionsWanted, wanted: PageWanted) -> PageFound:
    """A page of the audit log, the latest first."""
    where = Where()
    where.equal(principal=("l.principal", asked.principal), action=("l.action", asked.action))
    if asked.since is not None:
        where.add("l.at >= %(since)s", since=asked.since)
    total = counted(snapshot, "audit_log AS l", where)
    return page_of(snapshot, _LISTED, keys=_LATEST_FIRST, where=where, wanted=wanted, total=total)
