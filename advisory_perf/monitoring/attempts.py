"""The runs there have been for one thing, how long it rests after those without an effect, and why one of them failed. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Tries:
    """The runs there have been for one thing.

    Only ``failed`` ones use up attempts. ``others`` ended without an effect: they found another process at it, or a store that did not
    answer, or were lost; while it rests after such a run, nothing is launched for it. The latest ``in_vain`` ended badly, for whatever
    reason, the first of them at ``in_vain_since``.
    """

    failed: int = 0
    in_flight: bool = False
    others: int = 0
    is_resting: bool = False
    last_attempt: int = 0
    in_vain: int = 0
    in_vain_since: datetime | None = None

    @property
    def next_attempt(self) -> int:
        """The number of the next run; one that was there already would never be launched again."""
        return max(self.failed + self.others, self.last_attempt) + 1

    def are_used_up(self, attempts: int) -> bool:
        """Whether it failed as often as agreed and nothing tries it now."""
        return self.failed >= attempts and not self.in_flight

    def may_be_launched(self, attempts: int) -> bool:
        """Whether a run may be launched for it now."""
        return self.failed < attempts and not self.in_flight and not self.is_resting


FIRST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=5)


def rest_after(runs: int, longest: timedelta = LONGEST_REST) -> timedelta:
    """How long to wait after so many runs in a row without an effect: twice as long each time, with a longest."""
    return min(FIRST_REST * 2 ** min(runs - 1, 10), longest) if runs > 0 else timedelta()


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """One run that used up an attempt."""

    run_id: str
    ended_at: str
    reason: str


def abandoning_subject(delivery_id: str) -> str:
    """The name under which the runs that give the delivery up are counted."""
    return f"abandon {delivery_id}"
