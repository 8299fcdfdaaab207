"""`advisory-perf dev` of a soak: its processes, its databases, and whether everything in it has settled."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from advisory_perf.platform import Platform, open_platform
from advisory_perf.positions.statistics import pending_vendors
from advisory_perf.positions.statistics_notes import known
from advisory_perf.settings import Settings
from advisory_perf_tests.environment import without_settings
from advisory_perf_tests.ports import free_ports
from advisory_perf_tests.runtime.test_dev import processes_of_home
from advisory_perf_tests.soaking.deliveries import VENDORS
from advisory_perf_tests.soaking.lakes import SoakedLake

PARTS = {"code server": b"\0api\0grpc\0", "daemon": b"\0dagster._daemon\0", "web page": b"\0advisory_perf\0page\0"}
_WORKER = b"spawn_main"
_FINAL = ("COMPLETED", "COMPLETED_WITH_ISSUES", "DUPLICATE", "FAILED")
_OVER = ("SUCCESS", "FAILURE", "CANCELED")
_IN_INCIDENT = ("STUCK_FILE", "LANE_FAILED", "TURN_HELD", "TRIED_FOR_LONG", "ODD_NAME", "E_POISONED")
_START_SECONDS = 180


@dataclass(frozen=True)
class Running:
    """The command in a process of its own, and its lake."""

    home: Path
    feeds: Path
    lake: SoakedLake
    process: subprocess.Popen[bytes]

    def processes(self, mark: bytes) -> list[int]:
        """The processes of this home with the mark in their command line, without the command itself."""
        return [number for number, line in processes_of_home(self.home).items() if mark in line and number != self.process.pid]

    def workers(self) -> list[int]:
        """The processes in which runs run."""
        return self.processes(_WORKER)

    def postmaster(self) -> int | None:
        """The server's first process."""
        with suppress(FileNotFoundError, IndexError, ValueError):
            return int((self.home / "postgres" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        return None

    def address(self, database: str) -> str:
        """Of the server, as its first user; kept, since the parts that tell it may be down."""
        kept = self.home / "soaked_address"
        if not kept.exists():
            wait_for(self._addresses, _START_SECONDS, "a daemon that tells the server's address")
            (reported,) = self._addresses()
            kept.write_text(reported, encoding="utf-8")
        return f"postgresql://postgres@/{database}?{kept.read_text(encoding='utf-8')}"

    def _addresses(self) -> set[str]:
        """What the daemon has in its environment; nothing while it becomes another program."""
        return {
            line.partition(b"?")[2].decode()
            for number in self.processes(PARTS["daemon"])
            for line in Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
            if line.startswith(b"ADVISORY_PERF_WAREHOUSE_URL=")
        }

    def query(self, database: str, statement: LiteralString, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a statement that may write, whatever the server is set to."""
        with psycopg.connect(self.address(database), autocommit=True, connect_timeout=5) as connection:
            connection.execute("SET default_transaction_read_only = off")
            cursor = connection.execute(statement, params or None)
            return cursor.fetchall() if cursor.description else []

    def statuses(self) -> dict[str, str]:
        """The ledger's status of each file, by name; empty while it cannot be asked."""
        with suppress(psycopg.Error):
            return dict(self.query("advisory_perf", "SELECT file_name, status FROM etl_processing_log"))
        return {}

    @property
    def platform(self) -> Platform:
        """Its stores, the lake without what is between."""
        direct = self.lake.direct
        endpoint = getattr(self.lake, "server", None)
        address = self.address("advisory_perf")
        settings = Settings(home=self.home, feeds_dir=self.feeds, warehouse_url=address, lake_url=direct.address, s3_endpoint_url=endpoint)
        return open_platform(settings)

    def last_words(self) -> list[str]:
        """The ends of what the command and the server have said."""
        logs = (self.home.parent / "dev.log", self.home / "postgres" / "log")
        return [line for log in logs for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]]

    def unsettled(self, expected: int) -> list[str]:
        """What has still to come to its end; ``expected`` is how many files the ledger has to know."""
        if self.process.poll() is not None:
            return [f"advisory-perf dev has ended with {self.process.returncode}", *self.last_words()]
        try:
            platform = self.platform
            found = [f"{file.path} lies in incoming/" for file in platform.lake.files("incoming/")]
            entries = self.query("advisory_perf", "SELECT file_name, status, coalesce(error_code, '') FROM etl_processing_log ORDER BY id")
            pending = {vendor: len(platform.ledger.pending(vendor)) for vendor in VENDORS}
            statistics = pending_vendors(platform, known(platform.warehouse))
            runs = self.query(
                "dagster", "SELECT status, pipeline_name, run_id FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
            )
            alerts = self.query(
                "advisory_perf", "SELECT code, subject, message FROM open_alerts WHERE code = ANY(%s)", [list(_IN_INCIDENT)]
            )
        except psycopg.Error as error:
            return [str(error).strip()]
        found += [f"{name} is {status}" for name, status, _ in entries if status not in _FINAL]
        found += [f"{name} was abandoned" for name, _, code in entries if code == "E_POISONED"]
        found += [f"{count} deliveries of {vendor} wait for their pipeline" for vendor, count in pending.items() if count]
        found += [f"statistics of {vendor} wait for their run" for vendor in statistics]
        found += [f"{job} is {status} (run {run})" for status, job, run in runs]
        found += [f"alert {subject}: {message}" for _, subject, message in alerts]
        if len(entries) != expected:
            found.append(f"the ledger knows {len(entries)} of {expected} files")
        return found


@contextmanager
def running(folder: Path, feeds: Path, lake: SoakedLake, environment: Mapping[str, str]) -> Iterator[Running]:
    """The command, until the block ends."""
    home = folder / "home"
    port, api_port = free_ports(2)
    own = without_settings()
    command = [sys.executable, "-P", "-m", "advisory_perf", "--home", str(home), "dev", "--port", str(port), "--api-port", str(api_port)]
    with (folder / "dev.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**own, **lake.environment, "ADVISORY_PERF_FEEDS_DIR": str(feeds), **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    one = Running(home, feeds, lake, process)
    try:
        wait_for(lambda: all(one.processes(mark) for mark in PARTS.values()), _START_SECONDS, "all parts")
        one.query("advisory_perf", "SELECT 1")
        yield one
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Until it holds; TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.5)
