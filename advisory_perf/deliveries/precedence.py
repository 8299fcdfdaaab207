"""Which of several deliveries counts: by arrival, and of one file's versions the higher. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.feeds.feed import Feed


def by_precedence(feed: Feed, entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """The deliveries in the order in which they count, the last one most.

    By arrival; but of one file's versions the higher counts, so a version that comes after a higher one lifts that one to
    its own arrival. A version says nothing about files of another name, and a name that comes again with the same version, or in a
    feed without any, lifts nothing: what came in between still counts more than the earlier one.
    """
    versions: dict[str, list[tuple[int, datetime]]] = {}
    for entry in entries:
        name = feed.unversioned(entry.file_name)
        versions.setdefault(name, []).append((feed.version_of(entry.file_name), entry.received_at))

    def order(entry: LedgerEntry) -> tuple[datetime, int, datetime, int]:
        own = feed.version_of(entry.file_name)
        lower = [arrival for version, arrival in versions[feed.unversioned(entry.file_name)] if version < own]
        return max([entry.received_at, *lower]), own, entry.received_at, entry.id

    return sorted(entries, key=order)


def replacing(feed: Feed, entries: Sequence[LedgerEntry]) -> dict[str, tuple[str, int, bool]]:
    """Of each delivery with a position its file, version, and whether the file's name holds its day; none where no version replaces."""
    if feed.files.version is None or feed.files.versions == "changes":
        return {}
    return {
        entry.delivery_id: (feed.unversioned(entry.file_name), feed.version_of(entry.file_name), feed.files.names_its_day(entry.file_name))
        for entry in entries
        if entry.first_as_of_date is not None
    }


def versions_of_the_same(feed: Feed, entries: Sequence[LedgerEntry], file_names: Iterable[str]) -> list[LedgerEntry]:
    """The versions of the named files whose names hold their day, which replace each other on all days that any of them has."""
    files = {feed.unversioned(name) for name in file_names if feed.files.names_its_day(name)}
    known = replacing(feed, entries) if files else {}
    return [entry for entry in entries if entry.delivery_id in known and known[entry.delivery_id][0] in files]
