"""The alert about a lock that a process has had for very long. Pure.

A run that is stopped, or hangs, keeps its lock: nobody else may write what it might write when it goes on.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from advisory_perf.alerts.model import TURN_HELD, Alert
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.registry import vendor_of
from advisory_perf.warehouse.locks import HeldLock

LONG = timedelta(hours=1)


def held_lock_alert(lock: HeldLock, feeds: Mapping[str, Feed]) -> Alert:
    """The alert about the lock, since it was taken."""
    _, feed, *_ = [*lock.subject.split(" "), ""]
    return Alert(
        key=_key(lock),
        code=TURN_HELD.name,
        severity=TURN_HELD.severity,
        feed=feed,
        vendor=vendor_of(feeds, feed),
        since=lock.taken_at,
        subject=f"{TURN_HELD.name} {lock.subject}",
        message=f"{lock.subject}: the process {lock.holder} (host and number) has had this lock since {lock.taken_at:%Y-%m-%d %H:%M} UTC, "
        "and no other run does this work meanwhile; let it go on if it works, else end the process: the work is launched again by itself",
    )


def no_longer_held(open_keys: Sequence[str], held: Sequence[HeldLock]) -> list[str]:
    """The keys of the open alerts whose locks have come free."""
    there = {_key(lock) for lock in held}
    return [key for key in open_keys if key not in there]


def _key(lock: HeldLock) -> str:
    return f"{TURN_HELD.name} {lock.subject} {lock.taken_at.isoformat()}"
