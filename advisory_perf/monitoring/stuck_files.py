"""Files that stay in incoming/ although their ingestion, and moving them to error/, failed as often as agreed. Pure.

No ledger entry tells of them: what keeps a file from being read keeps it from being abandoned as well. Where the entry was written and
only the file could not be moved, the alert about the rejection tells it all.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from advisory_perf.alerts.model import STUCK_FILE, Alert
from advisory_perf.deliveries.zones import UNKNOWN_FEED, delivery_id_of
from advisory_perf.lake.objects import LakeFile
from advisory_perf.monitoring.attempts import FailedAttempt, Tries, abandoning_subject


@dataclass(frozen=True, slots=True)
class StuckFile:
    """A file that no sensor will try again, and the subject of the runs that were the last to fail with it."""

    feed: str
    file: LakeFile
    subject: str


def stuck_files(feed: str, waiting: Iterable[LakeFile], tries_of: Callable[[str], Tries], *, attempts: int) -> list[StuckFile]:
    """The feed's files in incoming/ whose attempts are all used up, with none under way.

    For a file of a feed those are its ingestions and then its abandoning, for one that no feed claims its rejection.
    """
    found = []
    for file in waiting:
        delivery_id = delivery_id_of(file)
        subject = delivery_id if feed == UNKNOWN_FEED else abandoning_subject(delivery_id)
        if all(tries_of(one).are_used_up(attempts) for one in (delivery_id, subject)):
            found.append(StuckFile(feed, file, subject))
    return found


def stuck_key(stuck: StuckFile) -> str:
    """The key of the alert about the file."""
    return _key(delivery_id_of(stuck.file))


def stuck_alert(stuck: StuckFile, vendor: str, attempts: Sequence[FailedAttempt]) -> Alert:
    """The alert about the file of the vendor, with why the last of the attempts failed; since the file came."""
    name, delivery_id = stuck.file.name, delivery_id_of(stuck.file)
    why = attempts[-1].reason if attempts else "no reason was given"
    what = "moving it to error/" if stuck.feed == UNKNOWN_FEED else "its ingestion and then moving it to error/"
    return Alert(
        key=stuck_key(stuck),
        code=STUCK_FILE.name,
        severity=STUCK_FILE.severity,
        feed=stuck.feed,
        vendor=vendor,
        since=stuck.file.modified,
        subject=f"{STUCK_FILE.name} {stuck.feed}: {name}",
        message=f"{vendor}, {name}: {what} failed as often as agreed, the last time because: {why}; it stays as "
        f"{stuck.file.path}; fix the reason, and it is tried again a day after it failed, or at once if you put the file there again; "
        "or take it away",
        delivery_id=delivery_id,
    )


def no_longer_stuck(open_keys: Iterable[str], listing: Iterable[LakeFile]) -> list[str]:
    """The keys of the open alerts whose files have left incoming/."""
    there = {_key(delivery_id_of(file)) for file in listing}
    return [key for key in open_keys if key not in there]


def _key(delivery_id: str) -> str:
    """Of whichever feed: one that is added or taken away makes the file another's."""
    return f"{STUCK_FILE.name} {delivery_id}"
