"""Which kept deliveries are ingested again after their feed was changed. Pure."""

from collections.abc import Iterable
from datetime import date

from advisory_perf.contracts.enums import DeliveryStatus
from advisory_perf.deliveries.entries import LedgerEntry


def kept_since(entries: Iterable[LedgerEntry], since: date | None) -> list[LedgerEntry]:
    """The deliveries that a changed feed may read otherwise, in the order of the ledger: all, or those that may touch the day or later.

    One that repeats another's bytes is left out. A refused one has no days; it may touch the day if it did not come before it.
    """
    return [entry for entry in entries if entry.status != DeliveryStatus.DUPLICATE and (since is None or _latest(entry) >= since)]


def _latest(entry: LedgerEntry) -> date:
    return entry.last_as_of_date or entry.received_at.date()
