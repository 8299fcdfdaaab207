"""The parts of a running platform as the supervisor knows them: child processes, each in a session of its own, and the embedded server.

What a child starts stays in its session (runs outlive a code server that is killed), so that in the end all of it can be found.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import psycopg

from advisory_perf.errors import WarehouseError
from advisory_perf.processes import alive_in, identity_of
from advisory_perf.warehouse.embedded import EmbeddedPostgres

_CONNECT_SECONDS = 3
_TERMINATED_SECONDS = 5


class Patient:
    """A question that is abandoned after some seconds, and not asked again while it hangs: nobody who asks hangs with it."""

    def __init__(self, question: Callable[[], bool], seconds: float) -> None:
        """Keep the question."""
        self._question, self._seconds = question, seconds
        self._asking: Thread | None = None
        self._answers: list[bool] = []

    def __call__(self) -> bool:
        """The answer; no where there is none in time."""
        if self._asking is None or not self._asking.is_alive():
            self._answers = answers = []
            self._asking = Thread(target=lambda: answers.append(self._question()), daemon=True)
            self._asking.start()
        self._asking.join(self._seconds)
        return self._answers == [True]


@dataclass(slots=True)
class Child:
    """A child process; ``log_file`` None leaves its output where ours goes; those after one that is needed wait for it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log_file: Path | None
    answers: Callable[[], bool]
    silence: float = 12
    is_needed: bool = False
    sessions: set[str] = field(default_factory=set)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """Where its output lies."""
        return str(self.log_file) if self.log_file is not None else "its output above"

    def start(self) -> None:
        """Start it, tied to this process; sessions in which nothing runs any more are forgotten."""
        self.sessions = {session for session in self.sessions if alive_in({session})}
        tied = [sys.executable, "-P", "-m", "advisory_perf.runtime.tied_process", str(os.getpid())]
        output = None if self.log_file is None else self.log_file.open("ab")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*tied, *self.command],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            if output is not None:
                output.close()
        self.sessions.add(identity_of(self._process.pid) or str(self._process.pid))

    def is_alive(self) -> bool:
        """Whether the process itself runs, paused or not."""
        return self._process is not None and self._process.poll() is None

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the process itself; one that is paused wakes up for it."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process itself at once; runs that it has started go on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@dataclass(slots=True)
class EmbeddedServer:
    """The embedded PostgreSQL: it is alive while it takes connections, or says why not."""

    server: EmbeddedPostgres
    name: str = "embedded PostgreSQL"
    silence: float = 12
    is_needed: bool = True
    _is_up: bool = True

    @property
    def log(self) -> str:
        """Where the server's log lies."""
        return str(self.server.home / "postgres" / "log")

    def start(self) -> None:
        """Let go of what has died and start again."""
        with suppress(WarehouseError, OSError, RuntimeError, AssertionError, subprocess.SubprocessError, psycopg.Error):
            self.server.stop()
        self.server.start()
        self._is_up = True

    def is_alive(self) -> bool:
        """Whether its process runs, and was not abandoned."""
        return self._is_up and self.server.is_alive

    def answers(self) -> bool:
        """Whether somebody listens: a refusal in the server's own words (too many clients, starting up) is an answer too."""
        try:
            psycopg.connect(self.server.url(), connect_timeout=_CONNECT_SECONDS).close()
        except psycopg.errors.ConnectionTimeout:
            return False
        except (WarehouseError, psycopg.OperationalError) as error:
            return "FATAL" in str(error)
        return True

    def kill(self) -> None:
        """Nothing is left to end; it is started again next."""
        self._is_up = False


def end(children: Sequence[Child], patience: float, *, is_hurried: Callable[[], bool]) -> None:
    """Ends the children and whatever is left in their sessions: asked first, terminated after ``patience`` seconds, then killed."""
    for child in reversed(children):
        child.tell(signal.SIGTERM)
    _wait(lambda: not any(child.is_alive() for child in children), patience, is_hurried)
    sessions = {session for child in children for session in child.sessions}
    for number in (signal.SIGTERM, signal.SIGKILL):
        _send(number, alive_in(sessions))
        _wait(lambda: not any(child.is_alive() for child in children) and not alive_in(sessions), _TERMINATED_SECONDS, is_hurried)


def _wait(is_over: Callable[[], bool], seconds: float, is_hurried: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not is_over() and time.monotonic() < deadline and not is_hurried():
        time.sleep(0.1)


def _send(number: signal.Signals, processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)
