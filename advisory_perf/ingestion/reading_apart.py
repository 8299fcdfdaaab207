"""Reads each delivery in a process of its own, under limits of memory and processor time: whatever a file does costs that file only.

Parsers in native code abort on some bytes and go on without end on others, which no ``except`` of this process would meet. The
process is kept for the next file, since starting one takes about a second; it holds nothing of the files before, and ends with the
process that started it. What ends it from outside says nothing of the file: the file is then read once more.
"""

import atexit
import contextlib
import fcntl
import io
import json
import os
import pickle
import select
import signal as signals
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from advisory_perf.errors import AdvisoryPerfError, DeliveryRejectedError, ReaderLostError
from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.limits import Bounds, Limits
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.reader_process import LENGTHS, READY

PROGRAM = "advisory_perf.ingestion.reader_process"
_FROM_OUTSIDE = frozenset({signals.SIGKILL, signals.SIGTERM, signals.SIGINT, signals.SIGHUP, signals.SIGIO})
_START_SECONDS, _WALL_TIMES, _GRACE_SECONDS = 120, 10, 60
_KEPT_AFTER = 256 << 20
"""A process that read more bytes than this is not kept: what it took, it may not give back."""
_CHUNK = 1 << 20
_MEMORY = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Arrow's own pool reserves a gibibyte at once, which a limit would count."""
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONHOME", "POLARS_MAX_THREADS")
"""All of the environment that the program is given: the rest, addresses and keys among it, is no business of what reads a file."""
_idle: list["_Reader"] = []
_lock = threading.Lock()


class _AnswerTooLongError(Exception):
    """The reader would answer more than is taken."""


class ReaderFaultError(AdvisoryPerfError):
    """The reader has a mistake; the message is its traceback."""

    code = "READER_FAULT"


@dataclass(frozen=True, slots=True)
class Death:
    """How a process that read a file ended: by which signal or code, for want of memory, or because it stood still or made too much."""

    signal: signals.Signals | None = None
    code: int = 0
    lacks_memory: bool = False
    stood_still: bool = False
    made_too_much: bool = False

    @property
    def is_of_the_file(self) -> bool:
        """Whether the file caused it: no other process sends such a signal, and standing still uses no processor."""
        return self.lacks_memory or self.made_too_much or not (self.stood_still or self.signal in _FROM_OUTSIDE)

    def error(self, vendor: str, file_name: str, limits: Limits) -> AdvisoryPerfError:
        """What is said of it: a rejection of the file where it is the file's, else that the reader was lost."""
        if self.stood_still:
            return ReaderLostError(f"{vendor}, {file_name}: reading it stood still, and was abandoned; it is tried again")
        if not self.is_of_the_file and self.signal is not None:
            said = f"the process that reads it was ended from outside twice ({self.signal.name})"
            return ReaderLostError(f"{vendor}, {file_name}: {said}; it is tried again, see whether the machine lacks memory")
        if self.made_too_much:
            what = f"makes a table of more than half of ADVISORY_PERF_READ_MEMORY_BYTES ({limits.memory_bytes:,})"
            return DeliveryRejectedError("E_TOO_LARGE", f"{vendor}, {file_name}: {what}; send it in parts, or raise that setting")
        memory = f"ADVISORY_PERF_READ_MEMORY_BYTES ({limits.memory_bytes:,})"
        if self.lacks_memory:
            what = f"takes more memory to read than {memory}; send it in parts, or raise that setting"
        elif self.signal is signals.SIGXCPU:
            seconds = f"ADVISORY_PERF_READ_SECONDS ({limits.seconds:,})"
            what = f"takes more seconds of the processor to read than {seconds}; send it in parts, or raise that setting"
        else:
            ended = self.signal.name if self.signal is not None else f"code {self.code}"
            what = f"ended the process that read it ({ended}), mostly for want of memory; send it again or in parts, or raise {memory}"
        return DeliveryRejectedError("E_RESOURCES", f"{vendor}, {file_name}: {what}")


def read_apart(
    content: bytes,
    feed: Feed,
    file_name: str,
    *,
    bounds: Bounds,
    limits: Limits,
    notices: list[Notice] | None = None,
    path: str = "",
) -> pl.DataFrame:
    """What ``read_raw_rows`` makes of the delivery, or its DeliveryRejectedError, read in another process.

    DeliveryRejectedError E_TOO_LARGE where it makes a larger table than the limits allow, E_RESOURCES where the file takes more memory
    or processor time than they do, or ends the process; ReaderLostError where that has nothing to do with the file.
    """
    bounds = replace(bounds, table_bytes=min(bounds.table_bytes, limits.table_bytes))
    job = pickle.dumps({"feed": feed, "file_name": file_name, "bounds": bounds, "path": path, "limits": limits})
    inferred = _asked(job, content, limits)
    if isinstance(inferred, Death) and not inferred.is_of_the_file:
        inferred = _asked(job, content, limits)
    if isinstance(inferred, Death):
        raise inferred.error(feed.vendor, file_name, limits)
    header, body = inferred
    if "fault" in header:
        raise ReaderFaultError(f"{feed.vendor}, {file_name}: the reader failed; report this:\n{header['fault']}")
    if "rejected" in header:
        raise DeliveryRejectedError(*header["rejected"])
    if notices is not None:
        notices += [Notice(code, sentence) for code, sentence in header["notices"]]
    return pl.read_ipc(io.BytesIO(body))


def _asked(job: bytes, content: bytes, limits: Limits) -> tuple[dict[str, Any], bytes] | Death:
    reader = _taken()
    try:
        header, body = reader.ask(job, content, limits.seconds * _WALL_TIMES + _GRACE_SECONDS, limits.table_bytes)
    except (EOFError, BrokenPipeError):
        return reader.ended()
    except TimeoutError:
        reader.end()
        return Death(stood_still=True)
    except _AnswerTooLongError:
        reader.end()
        return Death(made_too_much=True)
    except BaseException:
        reader.end()
        raise
    inferred: dict[str, Any] = json.loads(header)
    if "lacks" in inferred:
        reader.end()
        return Death(lacks_memory=True)
    _kept(reader) if len(content) + len(body) <= _KEPT_AFTER else reader.end()
    return inferred, body


def _taken() -> "_Reader":
    """A process that waits, or a new one; those of a process that this one was forked from are not ours."""
    with _lock:
        while _idle:
            reader = _idle.pop()
            if reader.is_ours_and_alive():
                return reader
    return _Reader()


def _kept(reader: "_Reader") -> None:
    with _lock:
        _idle.append(reader)


@atexit.register
def end_idle_readers() -> None:
    """Ends the processes that wait for a next file."""
    with _lock:
        while _idle:
            reader = _idle.pop()
            if reader.is_ours_and_alive():
                reader.end()


class _Reader:
    """One process and its three pipes."""

    def __init__(self) -> None:
        inferred, self._tell = os.pipe()
        self._hear, answers = os.pipe()
        life, self._life = os.pipe()
        self._owner = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", "-m", PROGRAM, *map(str, (inferred, answers, life))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(inferred, answers, life),
            start_new_session=True,
            env=_environment(),
        )
        for theirs in (inferred, answers, life):
            os.close(theirs)
        for ours in (self._tell, self._hear):
            with contextlib.suppress(PermissionError):  # where other programs took all that a user may have
                fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _CHUNK)
        os.set_blocking(self._tell, False)
        try:
            self._read(len(READY), time.monotonic() + _START_SECONDS)
        except (EOFError, TimeoutError) as error:
            self.end()
            raise ReaderLostError("the process that reads deliveries cannot be started; see whether the machine lacks memory") from error

    def is_ours_and_alive(self) -> bool:
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, job: bytes, content: bytes, seconds: float, most: int) -> tuple[bytes, bytes]:
        """The two parts of its answer; EOFError or BrokenPipeError where it died, TimeoutError after so many seconds of the clock.

        _AnswerTooLongError where it would answer more than ``most`` bytes, of which none is then read.
        """
        deadline = time.monotonic() + seconds
        for part in (LENGTHS.pack(len(job), len(content)), job, content):
            self._write(part, deadline)
        header, body = LENGTHS.unpack(self._read(LENGTHS.size, deadline))
        if header + body > most:
            raise _AnswerTooLongError
        return self._read(header, deadline), self._read(body, deadline)

    def ended(self) -> Death:
        """How it ended, once it did."""
        self._close()
        code = self._process.wait()
        return Death(signals.Signals(-code)) if code < 0 else Death(code=code)

    def end(self) -> None:
        """Ends it, whatever it does."""
        self._close()
        self._process.kill()
        self._process.wait()

    def _close(self) -> None:
        for ours in (self._tell, self._hear, self._life):
            with contextlib.suppress(OSError):
                os.close(ours)

    def _write(self, part: bytes, deadline: float) -> None:
        rest = memoryview(part)
        while rest:
            _wait(self._tell, select.POLLOUT, deadline)
            rest = rest[os.write(self._tell, rest[:_CHUNK]) :]

    def _read(self, size: int, deadline: float) -> bytes:
        pieces, missing = [], size
        while missing:
            _wait(self._hear, select.POLLIN, deadline)
            piece = os.read(self._hear, min(missing, _CHUNK))
            if not piece:
                raise EOFError
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)


def _environment() -> dict[str, str]:
    """What the program needs: where our own modules are, as this process knows it, and little else."""
    modules = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _MEMORY | {"PYTHONPATH": modules}


def _wait(descriptor: int, event: int, deadline: float) -> None:
    waiting = select.poll()
    waiting.register(descriptor, event)
    if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError
