"""Disturbs a process at its N-th place, N = 1, 2, … until it ends undisturbed; the next run has to end as if nothing had happened.

``python -m advisory_perf_tests.faults`` tries every place of every scenario in every way; the tests try some. The ways:

kill: the process kills itself right after its N-th write; nothing lasting happens between one write and the next, so that this is also
right before each. cut: all sessions of the warehouse are ended right before the N-th write, or statement of a publication. full: the
N-th write into the lake and all later ones find no room. short: the N-th body that is read from the lake ends early. stop: the process
is stopped right before its N-th write, its sessions are ended as by every time-out, another process does the same work, and hands over
a restatement besides where the way says so; then the first goes on and may change nothing that is published.

Each N has a child of its own, forked from this process, which has imported everything and opened nothing; see ``disturbances``.
"""

import argparse
import gc
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from advisory_perf.cli.quarantine_tables import to_replay
from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.platform import Platform, open_platform
from advisory_perf.runtime.in_process import LocalRuns, Outcome, replay, run_files
from advisory_perf.settings import Settings
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.warehouse.migrations import migrate
from advisory_perf_tests.disturbances import WAYS, disturb
from advisory_perf_tests.environment import folder_of_servers
from advisory_perf_tests.instances import forgetful
from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, acme_as_data, add_feed, csv, csv_of_portfolio
from advisory_perf_tests.states import State, differences, state_of, without_staged

DATABASE = "faults"
_PATIENCE_SECONDS = 900
COMPOSITE = """composite: both
description: both accounts
currency: USD
benchmark: null
weighting: beginning_value
created: 2025-03-01
inception: 2025-03-01
members: [{account: A, from: 2025-03-01, reason: r}, {account: B, from: 2025-03-01, reason: r}]
"""
B_FIFTH_UNREADABLE = "B,05.03.2025,255.00,0.00,0.00,0.00,255.00,0.00000"


class RunFailedError(Exception):
    """A run ended with failures, in sentences."""


@dataclass(frozen=True)
class Scenario:
    """Deliveries that are there before, and those during which the process is disturbed; ``replayed`` ingests the former again instead.

    ``newer`` is what another process hands over while this one is stopped.
    """

    before: Sequence[str]
    disturbed: Sequence[str] = ()
    replayed: bool = False
    feed: dict[str, Any] = field(default_factory=dict)
    newer: str = csv(A_THIRD.replace("10.00,110.00,0.10000", "13.00,113.00,0.13000"))


TWO_FORMATS = {"columns": {**acme_as_data()["columns"], "as_of_date": {"from": "day", "formats": ["%Y-%m-%d", "%d.%m.%Y"]}}}
RENAMED = csv(A_THIRD).replace("emv", "closing")
RENAMED_IN = {"columns": {**acme_as_data()["columns"], "ending_market_value": "closing"}}
LOADED = csv(A_THIRD, B_THIRD, B_FIFTH_UNREADABLE)
SCENARIOS = {
    "delivery": Scenario([], [csv(A_THIRD, B_THIRD, B_FIFTH_UNREADABLE)]),
    "restatement": Scenario(
        [csv_of_portfolio(A_THIRD, B_THIRD, B_FIFTH_UNREADABLE)],
        [csv_of_portfolio(A_THIRD.replace("10.00,110.00,0.10000", "12.00,112.00,0.12000"))],
        feed={"columns": {"portfolio_id": "port"}},
        newer=csv_of_portfolio(A_THIRD.replace("10.00,110.00,0.10000", "13.00,113.00,0.13000")),
    ),
    "backfill": Scenario([csv(A_FIFTH)], [csv(A_THIRD, "A,2025-03-04,110.00,0.00,0.00,0.00,110.00,0.00000")]),
    "full delivery that withdraws": Scenario([LOADED], [csv(B_THIRD)], feed={"delivers": "full"}),
    "rejection": Scenario([LOADED], ["no,header\n1,2\n"]),
    "replay": Scenario([LOADED], replayed=True, feed=TWO_FORMATS),
    "replay of a rejection": Scenario([RENAMED], replayed=True, feed=RENAMED_IN, newer=Scenario.newer.replace("emv", "closing")),
}


@dataclass(frozen=True)
class Installation:
    """One lake and one warehouse, whose contents are kept and put back between the runs."""

    folder: Path
    server: EmbeddedPostgres
    settings: Settings

    @property
    def platform(self) -> Platform:
        """Feeds and stores, opened by the child that asks: threads that this process started would not be in its children."""
        return open_platform(self.settings)

    @property
    def definitions(self) -> dg.Definitions:
        """Likewise."""
        return build_definitions(self.settings)

    def in_a_process(self, work: Callable[[], Any], meanwhile: Callable[[], object] | None = None) -> Any:
        """What the work gives, done by a child of this process; None where it was killed. ``meanwhile`` is done while it is stopped."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            signal.alarm(_PATIENCE_SECONDS)
            try:
                os.close(reading)
                with os.fdopen(writing, "w", encoding="utf-8") as pipe:
                    json.dump(work(), pipe)
                os._exit(0)
            except BaseException as error:  # noqa: BLE001 - it ends here, and says why
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                os._exit(1)
        os.close(writing)
        if meanwhile is not None:
            os.waitid(os.P_PID, child, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            meanwhile()
            os.kill(child, signal.SIGCONT)
        with os.fdopen(reading, encoding="utf-8") as pipe:
            reported = pipe.read()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return None
        if status != 0:
            raise RuntimeError(f"a child of the harness failed with status {status}")
        return json.loads(reported)

    def hand_over(self, contents: Sequence[str], first_number: int) -> None:
        """`advisory-perf run` of the deliveries, in this process."""
        paths = [self.folder / f"acme_{first_number + place}.csv" for place in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_text(content, encoding="utf-8")
        with forgetful() as instance:
            runs = LocalRuns(self.platform, self.definitions, instance)
            _check(run_files(runs, paths, None, ingested=lambda _: None, pipeline_done=lambda _name, _of: None))
            runs.run_firm_performance()

    def replay(self) -> None:
        """`advisory-perf quarantine replay`, in this process."""
        entries = to_replay(self.platform.ledger.entries(), list(self.platform.feeds), feed="acme", delivery_id=None)
        with forgetful() as instance:
            runs = LocalRuns(self.platform, self.definitions, instance)
            _check(replay(runs, entries, ["acme"], ingested=lambda _: None, pipeline_done=lambda _name, _of: None))
            runs.run_firm_performance()

    def keep(self, name: str) -> None:
        """Keeps lake and warehouse under a name."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        shutil.copytree(self.folder / "home" / "lake", self.folder / name)
        self._copy_database(DATABASE, f"{DATABASE}_{name}")

    def put_back(self, name: str) -> None:
        """Makes lake and warehouse what they were."""
        shutil.rmtree(self.folder / "home" / "lake", ignore_errors=True)
        shutil.copytree(self.folder / name, self.folder / "home" / "lake")
        self._copy_database(f"{DATABASE}_{name}", DATABASE)

    def _copy_database(self, source: str, target: str) -> None:
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(target)))
            connection.execute(
                sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}").format(sql.Literal(source))
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(target), sql.Identifier(source))
            )

    def cut(self) -> None:
        """Ends all sessions of the warehouse, and waits until they have ended."""
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [DATABASE])

    def state(self) -> State:
        """Warehouse, ledger and lake as lines of text, without ids and times; a delivery is reported by its file's name."""
        return state_of(self.platform)


def _check(outcome: Outcome) -> None:
    if outcome.failures:
        raise RunFailedError("; ".join(outcome.failures))


@contextmanager
def installed() -> Iterator[Callable[[dict[str, Any]], Installation]]:
    """A server and a folder; gives installations on them, each with acme's feed as it is reported."""
    place = tempfile.TemporaryDirectory(prefix="advisory_perf_", dir=folder_of_servers(), ignore_cleanup_errors=True)
    with place as name, EmbeddedPostgres(Path(name)) as server:
        folder = Path(name)
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET autovacuum = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        url = make_conninfo(server.url("postgres"), dbname=DATABASE)
        migrate(url)

        def with_feed(changes: dict[str, Any]) -> Installation:
            feeds = add_feed(Path(tempfile.mkdtemp(dir=folder)), **changes)
            settings = Settings(home=folder / "home", feeds_dir=feeds, warehouse_url=url, log_level="CRITICAL")
            return Installation(folder, server, settings)

        (folder / "home" / "lake").mkdir(parents=True)
        (folder / "home" / "composites").mkdir()
        (folder / "home" / "composites" / "both.yaml").write_text(COMPOSITE, encoding="utf-8")
        yield with_feed


@dataclass(frozen=True)
class Trial:
    """One scenario that is disturbed in one way, on an installation that is put back before each place."""

    name: str
    scenario: Scenario
    how: str
    place: Installation
    kept: str

    def work(self) -> None:
        """What is disturbed, and what the next run does."""
        if self.scenario.replayed:
            self.place.replay()
        else:
            self.place.hand_over(self.scenario.disturbed, 1 + len(self.scenario.before))

    def _newer(self) -> None:
        if self.how == WAYS[-1]:
            self.place.hand_over([self.scenario.newer], 1 + len(self.scenario.before) + len(self.scenario.disturbed))

    def disturbed(self, number: int) -> dict[str, Any]:
        """In a child: the work, disturbed; how it failed."""
        disturb(self.how, number, self.place.cut)
        why = None
        try:
            self.work()
        except (AdvisoryPerfError, RunFailedError) as error:
            why = str(error)
        return {"failed": why}

    def expected(self) -> tuple[int, State]:
        """How many places there are, and how everything ends undisturbed."""
        self.place.put_back(self.kept)
        places, state = self.place.in_a_process(self._undisturbed)
        return places, state

    def _undisturbed(self) -> tuple[int, State]:
        places = disturb(self.how, None, self.place.cut)
        self.work()
        count = places()
        self._newer()
        return count, self.place.state()

    def _ended(self) -> State:
        self.work()
        self._newer()
        return self.place.state()

    def at(self, number: int, expected: State) -> list[str]:
        """What ended otherwise after it was disturbed there and run again."""
        self.place.put_back(self.kept)
        wrong: list[str] = []
        states: list[State] = []

        def meanwhile() -> None:
            self.place.cut()
            states.append(self.place.in_a_process(self._ended))

        reported = self.place.in_a_process(lambda: self.disturbed(number), meanwhile if self.how.startswith("stop") else None)
        if self.how == "kill" and reported is not None:
            wrong.append(f"  the run ended before its write {number}")
        if reported and reported["failed"] and "taken for the whole one" in reported["failed"]:
            wrong.append(f"  {reported['failed']}")
        if self.how in {"full", "short"} and reported["failed"] is None:
            wrong.append("  the run says nothing of it")
        if states:
            after = self.place.in_a_process(self.place.state)
            wrong += [f"  when it went on:{line}" for line in differences(_published(states[0]), _published(after))]
        ended = self.place.in_a_process(self._ended)
        return wrong + differences(expected, without_staged(ended) if states else ended)


def _published(state: State) -> State:
    """What a process that is behind may not touch; what it wrote into the lake is computed again by the next run."""
    return {name: lines for name, lines in state.items() if name not in {"lake", "etl_processing_log"}}


@dataclass(frozen=True)
class Places:
    """The places ``first``, ``first + every``, … of a scenario, ``most`` of them at most, and how each is disturbed."""

    name: str
    how: str
    first: int = 1
    every: int = 1
    most: int | None = None


SAMPLE = (
    Places("delivery", "kill", 2, 31),
    Places("delivery", "kill", 53),
    Places("restatement", "kill", 31, most=1),
    Places("backfill", "kill", 42, most=1),
    Places("full delivery that withdraws", "kill", 40, most=1),
    Places("rejection", "kill", 6, 9),
    Places("replay", "kill", 40, most=1),
    Places("replay of a rejection", "kill", 9, most=1),
    Places("restatement", "cut", 57, most=1),
    Places("delivery", "full", 4, most=1),
    Places("delivery", "short", most=1),
    Places("backfill", "stop", 8, most=1),
    Places("replay", "stop before a restatement", 5, most=1),
)
"""What the tests try."""


def try_all(chosen: Places, with_feed: Callable[[dict[str, Any]], Installation]) -> tuple[int, int]:
    """Disturbs at the places and prints what differs; gives how many were tried, and ended otherwise."""
    name, how = chosen.name, chosen.how
    started, scenario = time.monotonic(), SCENARIOS[name]
    before = with_feed({} if scenario.replayed else scenario.feed)
    kept = name.replace(" ", "_")
    if not (before.folder / kept).exists():
        before.put_back("empty")
        before.in_a_process(lambda: before.hand_over(scenario.before, 1))
        before.keep(kept)
    trial = Trial(name, scenario, how, with_feed(scenario.feed), kept)
    places, expected = trial.expected()
    wrong, tried = 0, range(chosen.first, places + 1, chosen.every)[: chosen.most]
    for number in tried:
        found = trial.at(number, expected)
        if found:
            wrong += 1
            _say(f"{name}, {how} at place {number} of {places}:", *found)
    took = time.monotonic() - started
    _say(f"{name}, {how}: {places} places, {len(tried)} tried, {wrong} ended otherwise, {took:.0f} s")
    return len(tried), wrong


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201 - a program


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries the scenarios; 1 where any run ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], help="by default all")
    parser.add_argument("--how", action="append", choices=WAYS, help="by default in every way")
    parser.add_argument("--first", type=int, default=1, help="the first place to disturb at")
    parser.add_argument("--every", type=int, default=1, help="and then each so many")
    parser.add_argument("--most", type=int, help="at most so many places of each")
    parser.add_argument("--sample", action="store_true", help="what the tests try, and nothing else")
    chosen = parser.parse_args(arguments)
    asked = [
        Places(name, how, chosen.first, chosen.every, chosen.most) for how in chosen.how or WAYS for name in chosen.scenarios or SCENARIOS
    ]
    gc.freeze()  # what is imported, no child looks through for garbage
    with installed() as with_feed:
        with_feed({}).keep("empty")
        ended = [try_all(places, with_feed) for places in (SAMPLE if chosen.sample else asked)]
    tried, wrong = (sum(numbers) for numbers in zip(*ended, strict=True))
    _say(f"{tried - wrong} of {tried} places ended as if nothing had happened")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
