"""What the sensors decide, as pure functions of a listing, the ledger and the runs. The sensors are their shells.

Discovery is listing minus ledger, never a cursor. An attempt is part of what is requested, so a failed run can be tried
again, and no oftener than agreed.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from advisory_perf.orchestration.partitions import WindowRange, range_of_days
from advisory_perf.storage.lake import INCOMING, LakeFile
from advisory_perf.storage.ledger import LedgerEntry
from advisory_perf.storage.receiving import delivery_id_of
from advisory_perf.vendors.feed import Feed


@dataclass(frozen=True, slots=True)
class Tries:
    """The runs there have been for one thing.

    ``idle`` ones succeeded and left it as it was, since another process was at it; they use up no attempt.
    """

    failed: int = 0
    in_flight: bool = False
    idle: int = 0

    @property
    def next_attempt(self) -> int:
        """The number of the next run; one that was there already would never be launched again."""
        return self.failed + self.idle + 1

    def are_used_up(self, attempts: int) -> bool:
        """Whether it failed as often as agreed and nothing tries it now."""
        return self.failed >= attempts and not self.in_flight


@dataclass(frozen=True, slots=True)
class LandingRequest:
    """One delivery to land."""

    vendor: str
    delivery_id: str
    path: str
    attempt: int


@dataclass(frozen=True, slots=True)
class LaneRequest:
    """A vendor's lane to run for a range of windows, for the set of landings that ``subject`` names."""

    vendor: str
    windows: WindowRange
    subject: str
    attempt: int


def waiting_by_vendor(listing: Iterable[LakeFile], vendors: Iterable[str]) -> tuple[dict[str, list[LakeFile]], list[LakeFile]]:
    """The files in incoming by vendor, oldest first, and those that lie in no known vendor's folder."""
    waiting: dict[str, list[LakeFile]] = {vendor: [] for vendor in vendors}
    unclaimed = []
    for file in sorted(listing, key=lambda file: (file.modified, file.path)):
        folder, _, rest = file.path.removeprefix(f"{INCOMING}/").partition("/")
        if folder in waiting and rest:
            waiting[folder].append(file)
        else:
            unclaimed.append(file)
    return waiting, unclaimed


def settled(listing: Iterable[LakeFile], *, now: datetime, seconds: float) -> list[LakeFile]:
    """The files that have not changed for so many seconds; a younger one may still be growing."""
    return [file for file in listing if (now - file.modified).total_seconds() >= seconds]


def landings_to_request(
    vendor: str, waiting: Iterable[LakeFile], tries_of: Callable[[str], Tries], *, attempts: int, at_most: int
) -> list[LandingRequest]:
    """The files of one vendor to land now: those without a run under way whose attempts are not used up.

    With these, at most ``at_most`` landings are under way. Files whose attempts are used up do not keep the others waiting.
    """
    requests: list[LandingRequest] = []
    under_way = 0
    for file in waiting:
        if under_way + len(requests) == at_most:
            break
        delivery_id = delivery_id_of(file)
        tried = tries_of(delivery_id)
        if tried.in_flight:
            under_way += 1
        elif tried.failed < attempts:
            requests.append(LandingRequest(vendor, delivery_id, file.path, tried.next_attempt))
    return requests


def deliveries_to_give_up(
    vendor: str, waiting: Iterable[LakeFile], tries_of: Callable[[str], Tries], *, attempts: int
) -> list[LandingRequest]:
    """The files of one vendor whose attempts are used up, and which nothing has moved to error/ yet. That too is tried so often."""
    requests = []
    for file in waiting:
        delivery_id = delivery_id_of(file)
        if not tries_of(delivery_id).are_used_up(attempts):
            continue
        tried = tries_of(giving_up_subject(delivery_id))
        if tried.failed < attempts and not tried.in_flight:
            requests.append(LandingRequest(vendor, delivery_id, file.path, tried.next_attempt))
    return requests


def giving_up_subject(delivery_id: str) -> str:
    """The name under which the runs that give the delivery up are counted."""
    return f"give up {delivery_id}"


def lane_to_request(
    feed: Feed, pending: Sequence[LedgerEntry], latest: date | None, *, waiting: int, tries: Tries, attempts: int
) -> LaneRequest | None:
    """The lane run that the landed deliveries ask for, if any.

    From the first day that a pending delivery touches to the lane's latest day, so that a late or restated day recomputes what
    follows. While files of the vendor still wait to be landed, the lane waits for them and then runs once.
    ``tries`` are those for this very set of deliveries.
    """
    if not pending or waiting or tries.in_flight or tries.failed >= attempts:
        return None
    windows = windows_touched(feed, pending, latest)
    if windows is None:
        return None
    return LaneRequest(feed.vendor, windows, lane_subject(feed.vendor, pending), tries.next_attempt)


def lane_subject(vendor: str, pending: Sequence[LedgerEntry]) -> str:
    """A name for this set of landings; one that landed again makes another set, so its lane can run again."""
    landings = "|".join(sorted(f"{entry.delivery_id}:{entry.run_id}" for entry in pending))
    return f"{vendor}:{hashlib.sha256(landings.encode()).hexdigest()[:16]}"


def windows_touched(feed: Feed, pending: Sequence[LedgerEntry], latest: date | None) -> WindowRange | None:
    """From the first window that the deliveries touch, or touched at an earlier landing, to the lane's latest one."""
    firsts = [entry.pending_first_date for entry in pending if entry.pending_first_date is not None]
    lasts = [entry.pending_last_date for entry in pending if entry.pending_last_date is not None]
    if not firsts:
        return None
    return range_of_days(min(firsts), max([*lasts, *([latest] if latest else [])]), feed)


def by_precedence(feed: Feed, entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """The deliveries in the order in which they count, the last one most.

    By arrival; but of one file's versions the higher counts, so a version that comes after a higher one lifts that one to
    its own arrival. A version says nothing about files of another name.
    """
    versions: dict[str, list[tuple[int, datetime]]] = {}
    for entry in entries:
        name = feed.unversioned(entry.file_name)
        versions.setdefault(name, []).append((feed.version_of(entry.file_name), entry.received_at))

    def order(entry: LedgerEntry) -> tuple[datetime, int, int]:
        own = feed.version_of(entry.file_name)
        of_file = versions[feed.unversioned(entry.file_name)]
        return max(arrival for version, arrival in of_file if version <= own), own, entry.id

    return sorted(entries, key=order)
