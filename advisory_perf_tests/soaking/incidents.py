"""What befalls a running platform by chance: signals to its processes, and its server killed, cut or read-only."""

import os
import random
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from advisory_perf_tests.soaking.lakes import Heal
from advisory_perf_tests.soaking.running import PARTS, Running

_WAREHOUSE, _DAGSTER = "advisory_perf", "dagster"
_HEAL_SECONDS = 300
_AGAIN_SECONDS = 0.5
_WINDOW, _DEATHS = 600, 2
"""No part is killed oftener within that time, or the supervisor would abandon, rightly: each death may cost the others one as well."""

_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


@dataclass
class Going:
    """An incident that goes on, and what ends it when."""

    name: str
    ends: float
    heal: Heal


@dataclass
class Incidents:
    """Begins incidents by chance, at most two at a time, and ends them; ``say`` gets a line for each."""

    running: Running
    chance: random.Random
    say: Callable[[str], None]
    going: list[Going] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    _next: float = 0
    _deaths: dict[str, deque[float]] = field(default_factory=dict)

    def look(self) -> None:
        """Ends what is over, and begins what is due."""
        now = time.monotonic()
        for one in [one for one in self.going if one.ends <= now]:
            self._end(one)
        if now < self._next or len(self.going) > 1:
            return
        name, begin = self.chance.choice([(name, begin) for name, begin in self._all().items() if self._may_begin(name)])
        heal = self._begun(begin)
        self._next = now + (self.chance.uniform(4, 12) if heal is not None else _AGAIN_SECONDS)
        if heal is None:
            return
        self.counts[name] = self.counts.get(name, 0) + 1
        if heal is _over:
            self.say(name)
            return
        lasting = self.chance.uniform(5, 35)
        self.say(f"{name} for {lasting:.0f} s")
        self.going.append(Going(name, now + lasting, heal))

    def end_all(self) -> None:
        """Heals everything."""
        for one in list(self.going):
            self._end(one)

    def _may_begin(self, name: str) -> bool:
        """Two incidents of one lake, or one server, would heal each other too early."""
        kinds = [set(self.running.lake.incidents), {"the warehouse is read-only", "the server is read-only"}]
        going = {one.name for one in self.going}
        return name not in going and not any(name in kind and kind & going for kind in kinds)

    def _begun(self, begin: Callable[[], Heal | None]) -> Heal | None:
        with suppress(psycopg.Error, ProcessLookupError, ValueError):  # the server is down, or the process has gone
            return begin()
        return None

    def _end(self, one: Going) -> None:
        deadline = time.monotonic() + _HEAL_SECONDS
        while True:
            try:
                one.heal()
            except psycopg.Error:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                break
        self.going.remove(one)
        self.say(f"over: {one.name}")

    def _all(self) -> dict[str, Callable[[], Heal | None]]:
        return {
            "a run is killed": lambda: self._signal(self.running.workers(), signal.SIGKILL),
            "two runs are killed": lambda: self._signal(self.running.workers(), signal.SIGKILL, 2),
            "a run is stopped": lambda: self._signal(self.running.workers(), signal.SIGSTOP),
            **{f"the {part} is killed": self._killing(part) for part in PARTS},
            "the code server is stopped": lambda: self._strike("code server", signal.SIGSTOP),
            "the daemon is stopped": lambda: self._signal(self.running.processes(PARTS["daemon"]), signal.SIGSTOP),
            "the code server and its runs are killed": self._code_server_and_runs,
            "the postmaster is killed": self._postmaster,
            "the warehouse's connections are cut": lambda: self._cut(_WAREHOUSE),
            "Dagster's connections are cut": lambda: self._cut(_DAGSTER),
            "the warehouse is read-only": self._read_only_warehouse,
            "the server is read-only": self._read_only_server,
            **self.running.lake.incidents,
        }

    def _signal(self, processes: list[int], number: signal.Signals, most: int = 1) -> Heal | None:
        chosen = self.chance.sample(processes, min(most, len(processes)))
        if not chosen:
            return None
        for process in chosen:
            os.kill(process, number)
        return _over if number is signal.SIGKILL else lambda: _go_on(chosen)

    def _killing(self, part: str) -> Callable[[], Heal | None]:
        return lambda: self._strike(part, signal.SIGKILL)

    def _strike(self, part: str, number: signal.Signals) -> Heal | None:
        """A signal to a part that the supervisor then replaces."""
        found = self.running.processes(PARTS[part])
        if not found or not self._may_die(part):
            return None
        return _over if self._signal(found, number) else None

    def _code_server_and_runs(self) -> Heal | None:
        """The code server first, so that nobody is left who would tell of its runs."""
        workers = self.running.workers()
        if not workers or self._strike("code server", signal.SIGKILL) is None:
            return None
        return self._signal(workers, signal.SIGKILL, len(workers))

    def _postmaster(self) -> Heal | None:
        found = self.running.postmaster()
        if found is None or not self._may_die("postmaster"):
            return None
        return self._signal([found], signal.SIGKILL)

    def _cut(self, database: str) -> Heal | None:
        if database == _DAGSTER and not self._may_die("Dagster's connections"):
            return None
        self.running.query(database, _CUT, [database])
        return _over

    def _read_only_warehouse(self) -> Heal:
        self.running.query(_DAGSTER, "ALTER DATABASE advisory_perf SET default_transaction_read_only = on")
        self.running.query(_DAGSTER, _CUT, [_WAREHOUSE])
        return lambda: self.running.query(_DAGSTER, "ALTER DATABASE advisory_perf RESET default_transaction_read_only")

    def _read_only_server(self) -> Heal | None:
        if not self._may_die("a server that may be written to"):
            return None
        self.running.query(_DAGSTER, "ALTER SYSTEM SET default_transaction_read_only = on")
        self.running.query(_DAGSTER, "SELECT pg_reload_conf()")

        def heal() -> None:
            self.running.query(_DAGSTER, "ALTER SYSTEM RESET default_transaction_read_only")
            self.running.query(_DAGSTER, "SELECT pg_reload_conf()")

        return heal

    def _may_die(self, part: str) -> bool:
        deaths = self._deaths.setdefault(part, deque(maxlen=_DEATHS))
        if len(deaths) == _DEATHS and time.monotonic() - deaths[0] < _WINDOW:
            return False
        deaths.append(time.monotonic())
        return True


def _over() -> None:
    """The heal of what is over at once."""


def _go_on(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)
