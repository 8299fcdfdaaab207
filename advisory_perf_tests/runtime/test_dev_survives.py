"""`advisory-perf dev` whose parts are killed and paused, and that is reported to end: what comes back, and that nothing stays."""

import os
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from advisory_perf.runtime.alive import silent_parts
from advisory_perf.settings import Settings
from advisory_perf_tests.ports import free_ports
from advisory_perf_tests.runtime.test_dev import processes_of_home, wait_for

pytestmark = pytest.mark.slow

MARKS = {"code server": b"\0api\0grpc\0", "daemon": b"\0dagster._daemon\0", "web page": b"\0advisory_perf\0page\0"}


@dataclass(frozen=True)
class Running:
    """The command in a process of its own."""

    home: Path
    process: subprocess.Popen[bytes]
    port: int

    def part(self, name: str) -> int:
        """The number of the process that is a part of it."""
        (found,) = [number for number, line in self.processes().items() if MARKS[name] in line]
        return found

    def processes(self) -> dict[int, bytes]:
        """Number and command line of everything that runs for this home but the command itself."""
        return {number: line for number, line in processes_of_home(self.home).items() if number != self.process.pid}

    def back(self, name: str, before: int) -> Callable[[], bool]:
        """Whether another process has taken the part's place, and all parts answer."""

        def is_back() -> bool:
            found = [number for number, line in self.processes().items() if MARKS[name] in line]
            return found not in ([before], []) and not silent_parts(Settings(home=self.home), host="127.0.0.1", port=self.port)

        return is_back

    @property
    def is_up(self) -> bool:
        """Whether all parts answer."""
        return (
            all(any(mark in line for line in self.processes().values()) for mark in MARKS.values())
            and urllib.request.urlopen(f"http://127.0.0.1:{self.port}/server_info", timeout=30).status == 200
        )


@contextmanager
def running(home: Path) -> Iterator[Running]:
    port, api_port = free_ports(2)
    command = [sys.executable, "-P", "-m", "advisory_perf", "--home", str(home), "dev", "--port", str(port), "--api-port", str(api_port)]
    with (home.parent / "dev.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    one = Running(home, process, port)
    try:
        wait_for(lambda: one.is_up, f"the page; see {home.parent}/dev.log")
        yield one
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def home(server_home: Path) -> Path:
    return server_home / "home"


def test_parts_that_die_or_are_paused_come_back_and_nothing_is_left_when_it_is_asked_to_end(home: Path) -> None:
    with running(home) as dev:
        (folder,) = {
            Path(os.fsdecode(word)).parent for word in dev.processes()[dev.part("code server")].split(b"\0") if b"code.sock" in word
        }
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        _strike(dev, {"code server": signal.SIGKILL, "daemon": signal.SIGKILL, "web page": signal.SIGKILL})
        _strike(dev, {"code server": signal.SIGSTOP, "web page": signal.SIGSTOP})
        before = _postmaster(home)
        assert before is not None
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: _postmaster(home) not in {before, None} and dev.is_up, "the server to be back")
        said = (home.parent / "dev.log").read_text(encoding="utf-8")
        assert said.count("the code server has ended or does not answer, and is started again (see ") == 2
        assert "the embedded PostgreSQL has ended or does not answer" in said
        assert str(home / "logs" / "code_server.log") in said
        os.kill(dev.part("code server"), signal.SIGSTOP)
        dev.process.send_signal(signal.SIGTERM)
        assert dev.process.wait(60) == 0
        assert dev.processes() == {}
        assert not folder.exists()
        assert _postmaster(home) is None


def _strike(dev: Running, signals: dict[str, signal.Signals]) -> None:
    """Sends the signals to the parts at once, and waits for others in their places."""
    before = {name: dev.part(name) for name in signals}
    for name, number in signals.items():
        os.kill(before[name], number)
    for name, process in before.items():
        wait_for(dev.back(name, process), f"the {name} to be back")
        assert process not in dev.processes()


def _postmaster(home: Path) -> int | None:
    file = home / "postgres" / "postmaster.pid"
    try:
        return int(file.read_text(encoding="utf-8").split()[0])
    except (FileNotFoundError, IndexError):
        return None
