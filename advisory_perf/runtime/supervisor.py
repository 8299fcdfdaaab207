"""Keeps the parts of a running platform alive: starts each again when it dies or falls silent, backs off, abandons in the end.

``decide`` is pure and says what to do with one part; ``Supervisor`` is the shell around it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from advisory_perf.errors import AdvisoryPerfError


class SupervisionError(AdvisoryPerfError):
    """A part that keeps dying."""

    code = "SUPERVISION"


class Step(StrEnum):
    """What to do with a part now."""

    KEEP = "keep"
    REPLACE = "replace"
    START = "start"
    WAIT = "wait"
    ABANDON = "abandon"


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a part may take to answer first, and how often it may die within a time; all in seconds.

    A death within ``excuse`` of the incident of a part that it needs does not count.
    """

    starting: float = 120
    window: float = 600
    deaths: int = 7
    longest_wait: float = 60
    between_questions: float = 3
    excuse: float = 15


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a part: when it was started, when it last answered since, when it died, and how long it may be silent.

    ``own`` are the deaths that no incident of another part excuses.
    """

    is_alive: bool
    started: float
    answered: float | None
    deaths: Sequence[float]
    own: Sequence[float]
    silence: float


def decide(seen: Seen, now: float, policy: Policy) -> Step:
    """A dead part starts at once, then after 1, 2, 4 … seconds; one that is silent for too long is replaced."""
    if seen.is_alive:
        silent = now - (seen.started if seen.answered is None else seen.answered)
        return Step.REPLACE if silent > (policy.starting if seen.answered is None else seen.silence) else Step.KEEP
    if len(_recent(seen.own, now, policy)) >= policy.deaths:
        return Step.ABANDON
    recent = _recent(seen.deaths, now, policy)
    if not recent:
        return Step.START
    return Step.START if now - recent[-1] >= wait_after(len(recent), policy) else Step.WAIT


def _recent(deaths: Sequence[float], now: float, policy: Policy) -> list[float]:
    return [death for death in deaths if now - death <= policy.window]


def wait_after(deaths: int, policy: Policy) -> float:
    """Seconds between the last of so many deaths and the next start."""
    return 0 if deaths <= 1 else min(2.0 ** (deaths - 2), policy.longest_wait)


class Part(Protocol):
    """Something that runs beside this process."""

    @property
    def name(self) -> str:
        """As a person calls it."""

    @property
    def log(self) -> str:
        """Where what it said lies."""

    @property
    def silence(self) -> float:
        """Seconds in which it may give no answer once it has given one."""

    @property
    def is_needed(self) -> bool:
        """Whether the parts after it can do nothing without it."""

    def start(self) -> None:
        """Start it, or raise AdvisoryPerfError."""

    def is_alive(self) -> bool:
        """Whether it runs."""

    def answers(self) -> bool:
        """Whether it does its work, asked with a time-out of a few seconds."""

    def kill(self) -> None:
        """End it at once."""


@dataclass(slots=True)
class _Watched:
    part: Part
    started: float = 0
    answered: float | None = None
    asked: float = float("-inf")
    excused: float = float("-inf")
    deaths: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    was_alive: bool = False

    @property
    def is_well(self) -> bool:
        """Whether it runs and answered when it was last asked."""
        return self.was_alive and self.answered is not None and self.answered >= self.asked


class Supervisor:
    """Watches parts in their order; ``say`` gets one line for each start that was not the first."""

    def __init__(
        self, parts: Sequence[Part], say: Callable[[str], None], policy: Policy | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Keep the parts; none is started yet."""
        self._say, self._policy, self._clock = say, policy or Policy(), clock
        self._watched = [_Watched(part, started=clock()) for part in parts]

    def look(self) -> None:
        """Look at every part once and do what has to be done; SupervisionError when one keeps dying.

        A part waits for those before it that it needs: it is started when they answer, and what it does while one of them does not,
        and shortly after, is not held against it.
        """
        for place, watched in enumerate(self._watched):
            self._look_at(watched)
            if watched.part.is_needed and not watched.is_well:
                for later in self._watched[place + 1 :]:
                    later.excused = self._clock()
                return

    def _look_at(self, watched: _Watched) -> None:
        part, now = watched.part, self._clock()
        is_alive = part.is_alive()
        if is_alive and now - watched.asked >= self._policy.between_questions:
            watched.asked = now
            if part.answers():
                watched.answered = now = self._clock()
        if watched.was_alive and not is_alive:
            self._died(watched, now)
        watched.was_alive = is_alive
        answered = None if watched.answered is None else max(watched.answered, watched.excused)
        seen = Seen(is_alive, max(watched.started, watched.excused), answered, watched.deaths, watched.own, part.silence)
        step = decide(seen, now, self._policy)
        if step is Step.REPLACE:
            part.kill()
            watched.was_alive = False
            self._died(watched, now)
        elif step is Step.START:
            self._start(watched)
        elif step is Step.ABANDON:
            raise SupervisionError(
                f"the {part.name} ended {len(watched.own)} times within {self._policy.window / 60:.0f} minutes; "
                f"read {part.log}, fix the reason and start again"
            )

    def _died(self, watched: _Watched, now: float) -> None:
        watched.answered = None
        watched.deaths = [*_recent(watched.deaths, now, self._policy), now]
        if now - watched.excused > self._policy.excuse:
            watched.own = [*_recent(watched.own, now, self._policy), now]

    def _start(self, watched: _Watched) -> None:
        part = watched.part
        if watched.deaths:
            self._say(f"the {part.name} has ended or does not answer, and is started again (see {part.log})")
        try:
            part.start()
        except AdvisoryPerfError as error:
            self._say(str(error))
            self._died(watched, self._clock())
            return
        watched.started, watched.answered, watched.asked, watched.was_alive = self._clock(), None, float("-inf"), True
