"""Kills a process at its N-th write, N = 1, 2, … until it ends undisturbed; the next run has to end as if nothing had happened.

``python -m advisory_perf_tests.faults`` tries every write of every scenario; the tests try some. A write is an object that is put,
renamed or deleted in the lake, or a transaction that wrote and commits; the process kills itself right after it. Nothing lasting
happens between one write and the next, so that this is also right before each. The hooks wrap obstore and psycopg in a process that
is forked for each N from this one, which has imported everything and opened nothing.
"""

import argparse
import difflib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import dagster as dg
import obstore
import polars as pl
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from advisory_perf.definitions import build_definitions, open_platform
from advisory_perf.local.quarantine import to_replay
from advisory_perf.local.runs import LocalRuns, Outcome, replay, run_files
from advisory_perf.orchestration.platform import Platform
from advisory_perf.settings import Settings
from advisory_perf.storage.embedded import EmbeddedPostgres
from advisory_perf.storage.schema import migrate
from advisory_perf.storage.warehouse import Warehouse
from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, acme_as_data, add_feed, csv

DATABASE = "faults"
_PATIENCE_SECONDS = 120
B_FIFTH_UNREADABLE = "B,05.03.2025,255.00,0.00,0.00,0.00,255.00,0.00000"
TABLES = {
    "performance_data": "id,created_at,updated_at",
    "performance_data_history": "id,created_at,updated_at,superseded_at",
    "reconciliation_results": "id,created_at,updated_at,reconciliation_date",
    "accounts": "created_at,updated_at",
    "etl_processing_log": "id,created_at,received_at,first_received_at,processing_start_time,processing_end_time,run_id,normalized_run_id",
    "data_quality_issues": "id,etl_log_id,created_at",
    "reconciliation_breaks": "created_at,updated_at",
    "delivery_factors": "",
    "delivered_days": "etl_log_id",
    "alerts": "id,etl_log_id,since,created_at,resolved_at,next_attempt_at",
    "open_alerts": "id,since,created_at",
    "daily_vendor_totals": "",
}
"""What is compared, and in each the columns that rightly differ from run to run."""


@dataclass(frozen=True)
class Scenario:
    """Deliveries that are there before, and those during which the process is killed; ``replayed`` lands the former again instead."""

    before: Sequence[str]
    killed: Sequence[str] = ()
    replayed: bool = False
    feed: dict[str, Any] = field(default_factory=dict)


TWO_FORMATS = {"columns": {**acme_as_data()["columns"], "as_of_date": {"from": "day", "formats": ["%Y-%m-%d", "%d.%m.%Y"]}}}
RENAMED = csv(A_THIRD).replace("emv", "closing")
RENAMED_IN = {"columns": {**acme_as_data()["columns"], "ending_market_value": "closing"}}
LOADED = csv(A_THIRD, B_THIRD, B_FIFTH_UNREADABLE)
SCENARIOS = {
    "delivery": Scenario([], [csv(A_THIRD, B_THIRD, B_FIFTH_UNREADABLE)]),
    "restatement": Scenario([LOADED], [csv(A_THIRD.replace("10.00,110.00,0.10000", "12.00,112.00,0.12000"))]),
    "backfill": Scenario([csv(A_FIFTH)], [csv(A_THIRD, "A,2025-03-04,110.00,0.00,0.00,0.00,110.00,0.00000")]),
    "full delivery that withdraws": Scenario([LOADED], [csv(B_THIRD)], feed={"delivers": "full"}),
    "rejection": Scenario([LOADED], ["no,header\n1,2\n"]),
    "replay": Scenario([LOADED], replayed=True, feed=TWO_FORMATS),
    "replay of a rejection": Scenario([RENAMED], replayed=True, feed=RENAMED_IN),
}


def kill_at(number: int | None) -> Callable[[], int]:
    """Hooks every write; the process dies right after the N-th. Gives a function that counts them."""
    lock = threading.Lock()
    written = 0

    def wrote() -> None:
        nonlocal written
        with lock:
            written += 1
            if written == number:
                os.kill(os.getpid(), signal.SIGKILL)

    def hooked(function: Callable[..., Any]) -> Callable[..., Any]:
        def calling(*arguments: Any, **others: Any) -> Any:
            result = function(*arguments, **others)
            wrote()
            return result

        return calling

    def commit(connection: psycopg.Connection) -> None:
        has_written = False
        if connection.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS:
            has_written = connection.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL").fetchone() == (True,)
        committed(connection)
        if has_written:
            wrote()

    committed = psycopg.Connection.commit
    psycopg.Connection.commit = commit  # type: ignore[method-assign, assignment]
    for name in ("put", "rename", "delete"):
        setattr(obstore, name, hooked(getattr(obstore, name)))
    return lambda: written


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

    def in_a_process(self, work: Callable[[], Any]) -> Any:
        """What the work gives, done by a child of this process; None where it was killed."""
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
        with os.fdopen(reading, encoding="utf-8") as pipe:
            told = pipe.read()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return None
        if status != 0:
            raise RuntimeError(f"a child of the harness failed with status {status}")
        return json.loads(told)

    def hand_over(self, contents: Sequence[str], first_number: int) -> None:
        """`advisory-perf run` of the deliveries, in this process."""
        paths = [self.folder / f"acme_{first_number + place}.csv" for place in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_text(content, encoding="utf-8")
        with dg.DagsterInstance.ephemeral() as instance:
            runs = LocalRuns(self.platform, self.definitions, instance)
            _check(run_files(runs, paths, None, landed=lambda _: None, lane_done=lambda _name, _of: None))

    def replay(self) -> None:
        """`advisory-perf quarantine replay`, in this process."""
        entries = to_replay(self.platform.ledger.entries(), list(self.platform.feeds), vendor="acme", delivery_id=None)
        with dg.DagsterInstance.ephemeral() as instance:
            runs = LocalRuns(self.platform, self.definitions, instance)
            _check(replay(runs, entries, ["acme"], landed=lambda _: None, lane_done=lambda _name, _of: None))

    def keep(self, name: str) -> None:
        """Keeps lake and warehouse under a name."""
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

    def state(self) -> dict[str, list[str]]:
        """Warehouse, ledger and lake as lines of text, without ids and times; a delivery is told by its file's name."""
        found = {name: _rows(self.platform.warehouse, name, without) for name, without in TABLES.items()}
        lake = self.platform.lake
        found["lake"] = [f"{file.path} {_content(file.path, lake.read(file.path))}" for file in lake.files("")]
        return {name: sorted(re.sub(r"(acme_\d+)-[0-9a-f]{8}", r"\1", line) for line in lines) for name, lines in found.items()}


def _check(outcome: Outcome) -> None:
    if outcome.failures:
        raise RuntimeError("; ".join(outcome.failures))


def _rows(warehouse: Warehouse, table: str, without: str) -> list[str]:
    statement = sql.SQL("SELECT (to_jsonb(t) - {}::text[])::text FROM {} AS t").format(
        sql.Literal("{" + without + "}"), sql.Identifier(table)
    )
    with warehouse.connect() as connection:
        return [line for (line,) in connection.execute(statement).fetchall()]


def _content(path: str, content: bytes) -> str:
    if path.endswith(".parquet"):
        frame = pl.read_parquet(BytesIO(content))
        return json.dumps([str(frame.schema), sorted(map(str, frame.rows()))])
    if path.endswith(".reason.json"):
        return json.dumps({name: value for name, value in json.loads(content).items() if name != "received_at"})
    return sha256(content).hexdigest()


@contextmanager
def installed() -> Iterator[Callable[[dict[str, Any]], Installation]]:
    """A server and a folder; gives installations on them, each with acme's feed as it is told."""
    with tempfile.TemporaryDirectory(prefix="advisory_perf_", ignore_cleanup_errors=True) as name, EmbeddedPostgres(Path(name)) as server:
        folder = Path(name)
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        url = make_conninfo(server.url("postgres"), dbname=DATABASE)
        migrate(url)

        def with_feed(changes: dict[str, Any]) -> Installation:
            feeds = add_feed(Path(tempfile.mkdtemp(dir=folder)), **changes)
            settings = Settings(home=folder / "home", feeds_dir=feeds, warehouse_url=url, log_level="CRITICAL")
            return Installation(folder, server, settings)

        (folder / "home" / "lake").mkdir(parents=True)
        yield with_feed


def try_all(name: str, scenario: Scenario, with_feed: Callable[[dict[str, Any]], Installation], *, first: int, every: int) -> int:
    """Kills at the writes ``first``, ``first + every``, … and prints what differs; gives how many of them ended otherwise."""
    started = time.monotonic()
    before = with_feed({} if scenario.replayed else scenario.feed)
    before.put_back("empty")
    before.in_a_process(lambda: before.hand_over(scenario.before, 1))
    before.keep(kept := name.replace(" ", "_"))
    place = with_feed(scenario.feed)

    def work() -> None:
        if scenario.replayed:
            place.replay()
        else:
            place.hand_over(scenario.killed, 1 + len(scenario.before))

    def counted(number: int | None) -> int:
        writes = kill_at(number)
        work()
        return writes()

    def ended() -> Any:
        work()
        return place.state()

    place.put_back(kept)
    writes = place.in_a_process(lambda: counted(None))
    expected = place.in_a_process(place.state)
    wrong = 0
    tried = range(first, writes + 1, every)
    for number in tried:
        place.put_back(kept)
        if place.in_a_process(lambda: counted(number)) is not None:  # noqa: B023 - called at once
            raise RuntimeError(f"{name}: the run ended before its write {number} of {writes}")
        found = place.in_a_process(ended)
        if found != expected:
            wrong += 1
            _say(f"{name}, killed at write {number} of {writes}:", *_difference(expected, found))
    _say(f"{name}: {writes} writes, killed at {len(tried)} of them, {wrong} ended otherwise, {time.monotonic() - started:.0f} s")
    return wrong


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201 - a program


def _difference(expected: dict[str, list[str]], found: dict[str, list[str]]) -> list[str]:
    lines = [
        f"  {name}: {line[:300]}"
        for name in expected
        for line in difflib.unified_diff(expected[name], found[name], "undisturbed", "killed", n=0, lineterm="")
        if not line.startswith(("---", "+++", "@@"))
    ]
    return lines[:40]


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries the scenarios; 1 where any run ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], help="by default all")
    parser.add_argument("--first", type=int, default=1, help="the first write to kill at")
    parser.add_argument("--every", type=int, default=1, help="and then each so many")
    chosen = parser.parse_args(arguments)
    with installed() as with_feed:
        with_feed({}).keep("empty")
        wrong = [
            try_all(name, SCENARIOS[name], with_feed, first=chosen.first, every=chosen.every) for name in chosen.scenarios or SCENARIOS
        ]
    return int(any(wrong))


if __name__ == "__main__":
    sys.exit(main())
