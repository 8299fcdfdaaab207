"""What is tried again and again without an end: an outage uses up no attempt, so that no other alert tells of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from advisory_perf.alerts.model import TRIED_FOR_LONG, Alert
from advisory_perf.monitoring.attempts import Tries

LONG = timedelta(hours=1)
_LEAST = 3


@dataclass(frozen=True, slots=True)
class LongTry:
    """A file or a pipeline of a feed, as a person calls it, and the subject of its runs."""

    feed: str
    name: str
    subject: str
    since: datetime


def long_tries(things: Sequence[tuple[str, str, str]], tries: dict[str, Tries], *, attempts: int, now: datetime) -> list[LongTry]:
    """Of the things, each its feed, name and subject, those of which no run has ended well for an hour; the longest first.

    Those whose attempts are used up are reported by other alerts.
    """
    found = [
        LongTry(feed, name, subject, one.in_vain_since)
        for feed, name, subject in things
        for one in [tries[subject]]
        if one.in_vain >= _LEAST and one.in_vain_since and now - one.in_vain_since >= LONG and not one.are_used_up(attempts)
    ]
    return sorted(found, key=lambda one: one.since)


def long_try_alert(found: Sequence[LongTry], vendor: str, why: str) -> Alert:
    """The alert about what is tried in vain of one feed of the vendor, the longest first, and why the last run for that one ended."""
    first, others = found[0], len(found) - 1
    what = f"{first.name} and {others:,} more" if others else first.name
    incident = f"{TRIED_FOR_LONG.name} {first.feed}"
    return Alert(
        key=incident,
        code=TRIED_FOR_LONG.name,
        severity=TRIED_FOR_LONG.severity,
        feed=first.feed,
        vendor=vendor,
        since=first.since,
        subject=incident,
        message=f"{vendor}: no run for {what} has ended well since {first.since:%Y-%m-%d %H:%M} UTC, the last because: {why}; "
        "nothing is lost, and it is tried again by itself every few minutes; fix the reason",
    )
