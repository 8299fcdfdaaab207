"""Alerts as they are served."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from advisory_perf.warehouse.reading.paging import PageFound, PageWanted, SortKey, Where, counted, page_of
from advisory_perf.warehouse.reading.snapshot import Snapshot

_LISTED: LiteralString = "SELECT a.*, {keys} FROM alerts AS a WHERE {where} {page}"
_LATEST_FIRST = (SortKey("a.id", "bigint", descending=True),)


@dataclass(frozen=True, slots=True)
class AlertsWanted:
    """Which alerts: ``is_open`` those that are not over, those that are (False), or both (None); ``since`` that instant or later."""

    is_open: bool | None = True
    severities: Sequence[str] = ()
    vendor: str | None = None
    code: str | None = None
    since: datetime | None = None


def alerts_of(snapshot: Snapshot, asked: AlertsWanted, wanted: PageWanted) -> PageFound:
    """A page of the alerts, the latest first."""
    where = Where()
    if asked.is_open is not None:
        where.add("(a.resolved_at IS NULL) = %(is_open)s", is_open=asked.is_open)
    if asked.severities:
        where.add("a.severity = ANY(%(severities)s)", severities=list(asked.severities))
    where.equal(vendor=("a.vendor", asked.vendor), code=("a.code", asked.code))
    if asked.since is not None:
        where.add("a.since >= %(since)s", since=asked.since)
    total = counted(snapshot, "alerts AS a", where)
    return page_of(snapshot, _LISTED, keys=_LATEST_FIRST, where=where, wanted=wanted, total=total)
