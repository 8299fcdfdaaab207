"""What the sensors decide, as pure functions of a listing, the ledger and the runs. The sensors are their shells.

Discovery is listing minus ledger, never a cursor. An attempt is part of what is requested, so a failed run can be tried
again, and no oftener than agreed.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from advisory_perf.contracts.windows import WindowRange
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.ingestion_writes import IngestionInDoubt
from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.feeds.feed import Feed
from advisory_perf.lake.objects import LakeFile
from advisory_perf.lake.store import INCOMING
from advisory_perf.monitoring.attempts import Tries, abandoning_subject
from advisory_perf.orchestration.partitions import range_of_days


@dataclass(frozen=True, slots=True)
class IngestionRequest:
    """One delivery to ingest."""

    feed: str
    delivery_id: str
    path: str
    attempt: int


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """A feed's pipeline to run for a range of windows, for the set of ingestions that ``subject`` names."""

    feed: str
    windows: WindowRange
    subject: str
    attempt: int


@dataclass(frozen=True, slots=True)
class FirmRequest:
    """A run of what is above the account, for the changes that ``subject`` names."""

    subject: str
    attempt: int


def waiting_by_feed(listing: Iterable[LakeFile], feeds: Iterable[str]) -> tuple[dict[str, list[LakeFile]], list[LakeFile]]:
    """The files in incoming by feed, oldest first, and those that lie in no known feed's folder."""
    waiting: dict[str, list[LakeFile]] = {feed: [] for feed in feeds}
    unclaimed = []
    for file in sorted(listing, key=lambda file: (file.modified, file.path)):
        folder, _, rest = file.path.removeprefix(f"{INCOMING}/").partition("/")
        if folder in waiting and rest:
            waiting[folder].append(file)
        else:
            unclaimed.append(file)
    return waiting, unclaimed


def ingestions_to_request(
    feed: str, waiting: Iterable[LakeFile], tries_of: Callable[[str], Tries], *, attempts: int, at_most: int
) -> list[IngestionRequest]:
    """The files of one feed to ingest now: those without a run under way whose attempts are not used up.

    With these, at most ``at_most`` ingestions are under way. Files whose attempts are used up do not keep the others waiting.
    """
    requests: list[IngestionRequest] = []
    under_way = 0
    for file in waiting:
        if under_way + len(requests) == at_most:
            break
        delivery_id = delivery_id_of(file)
        tried = tries_of(delivery_id)
        if tried.in_flight:
            under_way += 1
        elif tried.may_be_launched(attempts):
            requests.append(IngestionRequest(feed, delivery_id, file.path, tried.next_attempt))
    return requests


def ingestions_to_repeat(in_doubt: Iterable[IngestionInDoubt], tries: Mapping[str, Tries], *, attempts: int) -> list[IngestionRequest]:
    """The ingested deliveries to ingest again now: those without a run under way whose attempts are not used up."""
    return [
        IngestionRequest(one.feed, one.delivery_id, "", tries[one.delivery_id].next_attempt)
        for one in in_doubt
        if not tries[one.delivery_id].in_flight and tries[one.delivery_id].may_be_launched(attempts)
    ]


def deliveries_to_abandon(
    feed: str, waiting: Iterable[LakeFile], tries_of: Callable[[str], Tries], *, attempts: int
) -> list[IngestionRequest]:
    """The files of one feed whose attempts are used up, and which nothing has moved to error/ yet. That too is tried so often."""
    requests = []
    for file in waiting:
        delivery_id = delivery_id_of(file)
        if not tries_of(delivery_id).are_used_up(attempts):
            continue
        tried = tries_of(abandoning_subject(delivery_id))
        if tried.may_be_launched(attempts):
            requests.append(IngestionRequest(feed, delivery_id, file.path, tried.next_attempt))
    return requests


def pipeline_to_request(
    feed: Feed, pending: Sequence[LedgerEntry], latest: date | None, *, waiting: bool, tries: Tries, attempts: int
) -> PipelineRequest | None:
    """The pipeline run that the ingested deliveries ask for, if any.

    From the first day that a pending delivery touches to the pipeline's latest day, so that a late or restated day recomputes what
    follows. While ingestions of the feed are under way, the pipeline waits for them and then runs once.
    ``tries`` are those for this very set of deliveries.
    """
    if not pending or waiting or not tries.may_be_launched(attempts):
        return None
    windows = windows_touched(feed, pending, latest)
    if windows is None:
        return None
    return PipelineRequest(feed.name, windows, pipeline_subject(feed.name, pending), tries.next_attempt)


MOST_PENDING, LONGEST_WAIT = 500, timedelta(minutes=3)


def waits_for_ingestions(pending: Sequence[LedgerEntry], ingestions: Iterable[Tries], *, attempts: int, now: datetime) -> bool:
    """Whether a pipeline had better wait, since more ingestions are under way or will be launched at once.

    Not for more than ``MOST_PENDING`` deliveries or ``LONGEST_WAIT`` since the first of them ingested: files may keep coming.
    """
    since = min((entry.processing_start_time for entry in pending if entry.processing_start_time), default=now)
    if len(pending) >= MOST_PENDING or now - since >= LONGEST_WAIT:
        return False
    return any(tries.in_flight or tries.may_be_launched(attempts) for tries in ingestions)


def pipeline_subject(feed: str, pending: Sequence[LedgerEntry]) -> str:
    """A name for this set of ingestions; one that was ingested again makes another set, so its pipeline can run again."""
    ingestions = "|".join(map(str, sorted(entry.ingestion_no for entry in pending)))
    return f"{feed}:{hashlib.sha256(ingestions.encode()).hexdigest()[:16]}"


def windows_touched(feed: Feed, pending: Sequence[LedgerEntry], latest: date | None) -> WindowRange | None:
    """From the first window that the deliveries touch, or touched at an earlier ingestion, to the pipeline's latest one."""
    firsts = [entry.pending_first_date for entry in pending if entry.pending_first_date is not None]
    lasts = [entry.pending_last_date for entry in pending if entry.pending_last_date is not None]
    if not firsts:
        return None
    return range_of_days(min(firsts), max([*lasts, *([latest] if latest else [])]), feed)


def firm_subject(pending: Mapping[str, str], busy: Collection[str], composites: str | None) -> str | None:
    """A name for what is to be computed above the account now; None where nothing is.

    ``pending`` says of each vendor whose accounts changed by what that is known; those that are ``busy``, since their pipeline runs or
    deliveries wait for it, are left for later. ``composites`` says the same of composites, None where they are as they should be.
    """
    ready = sorted((vendor, why) for vendor, why in pending.items() if vendor not in busy)
    if not ready and composites is None:
        return None
    return f"firm_performance:{hashlib.sha256(repr((ready, composites)).encode()).hexdigest()[:16]}"


def firm_run_to_request(subject: str | None, tries: Tries, *, attempts: int, in_flight: bool) -> FirmRequest | None:
    """The run to launch for the subject, if any; one at a time, and no oftener than agreed for the same changes."""
    if subject is None or in_flight or not tries.may_be_launched(attempts):
        return None
    return FirmRequest(subject, tries.next_attempt)
