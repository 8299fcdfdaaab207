"""Hooks in this very process that count its places and disturb it at the N-th of them; for the children of ``faults``.

A place is a write (an object that is put, renamed or deleted in the lake, a transaction that wrote and commits), a statement of a
publication, or a read of the lake, as the way of disturbing has it. Who hooks a process does not use it for anything else afterwards.
"""

import errno
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Self

import psycopg

from advisory_perf.lake import folders
from advisory_perf.lake.buckets import Bucket
from advisory_perf.lake.folders import Folder
from advisory_perf.orchestration import io_managers
from advisory_perf.positions.publication import publish_slices

WAYS = ("kill", "cut", "full", "short", "stop", "stop before a restatement")
_WRITES = ("write", "rename", "delete", "delete_listed")
_FILLING = ("write", "rename")
_READER = "_content"


class UnnoticedError(Exception):
    """A body came short and was taken for the whole one."""


class _Places:
    """Counts, from whichever thread; does something at the N-th place and at no other."""

    def __init__(self, number: int | None, strike: Callable[[], object]) -> None:
        self._number, self._strike, self._lock = number, strike, threading.Lock()
        self.count = 0
        self.is_past = False

    def reached(self) -> bool:
        with self._lock:
            self.count += 1
            is_it = self.count == self._number
            self.is_past = self.is_past or is_it
        if is_it:
            self._strike()
        return is_it


def disturb(how: str, number: int | None, cut: Callable[[], object]) -> Callable[[], int]:
    """Disturbs this process at its N-th place (None: only counts); ``cut`` ends all sessions of the warehouse.

    Gives how many places it has counted.
    """
    match how:
        case "kill":
            places = _Places(number, lambda: os.kill(os.getpid(), signal.SIGKILL))
            _hook_lake_writes(_WRITES, after=places.reached)
            _hook_commits(after=places.reached)
        case "cut":
            places = _Places(number, cut)
            _hook_lake_writes(_WRITES, before=places.reached)
            _hook_commits(before=places.reached)
            _hook_publications(places.reached)
        case "full":
            places = _Places(number, lambda: None)
            _fill(places)
        case "short":
            places = _Places(number, lambda: None)
            _shorten(places)
        case _:
            places = _Places(number, lambda: os.kill(os.getpid(), signal.SIGSTOP))
            _hook_lake_writes(_WRITES, before=places.reached)
            _hook_commits(before=places.reached)
    return lambda: places.count


def _nothing() -> None:
    return None


def _wrap(owner: Any, name: str, before: Callable[[], object] = _nothing, after: Callable[[], object] = _nothing) -> None:
    function = getattr(owner, name)

    def calling(*arguments: Any, **others: Any) -> Any:
        before()
        result = function(*arguments, **others)
        after()
        return result

    setattr(owner, name, calling)


def _hook_lake_writes(names: tuple[str, ...], **hooks: Callable[[], object]) -> None:
    for store in (Folder, Bucket):
        for name in names:
            _wrap(store, name, **hooks)


def _hook_commits(before: Callable[[], object] = _nothing, after: Callable[[], object] = _nothing) -> None:
    committed = psycopg.Connection.commit

    def commit(connection: psycopg.Connection) -> None:
        has_written = False
        if connection.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS:
            with suppress(psycopg.OperationalError):  # it is cut already, and says so below
                has_written = connection.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL").fetchone() == (True,)
        if has_written:
            before()
        committed(connection)
        if has_written:
            after()

    psycopg.Connection.commit = commit  # type: ignore[method-assign, assignment]


def _hook_publications(before: Callable[[], object]) -> None:
    """Before each statement of a publication, also those by which it commits."""
    within = threading.local()
    published = publish_slices

    def publish(*arguments: Any, **others: Any) -> Any:
        within.is_on = True
        try:
            return published(*arguments, **others)
        finally:
            within.is_on = False

    def asked() -> None:
        if getattr(within, "is_on", False):
            within.is_on = False  # what cuts has statements too
            try:
                before()
            finally:
                within.is_on = True

    io_managers.publish_slices = publish  # type: ignore[attr-defined]
    for name in ("execute", "copy"):
        _wrap(psycopg.Cursor, name, before=asked)


def _fill(places: _Places) -> None:
    """From the N-th write on the disk has no room: half a file is written, and no name is made. What is deleted goes."""
    within = threading.local()
    opened = os.fdopen

    def no_room() -> OSError:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fdopen(descriptor: int, mode: str = "r", *arguments: Any, **others: Any) -> Any:
        file = opened(descriptor, mode, *arguments, **others)
        return _FullFile(file, no_room) if getattr(within, "is_on", False) and mode == "wb" else file

    def filling(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def calling(*arguments: Any, **others: Any) -> Any:
            places.reached()
            if not places.is_past:
                return function(*arguments, **others)
            if name == "rename":
                raise no_room()
            within.is_on = True
            try:
                return function(*arguments, **others)
            finally:
                within.is_on = False

        return calling

    os.fdopen = fdopen  # type: ignore[assignment]
    for name in _FILLING:
        setattr(Folder, name, filling(name, getattr(Folder, name)))


class _FullFile:
    """A file on a disk that takes half of what is written."""

    def __init__(self, file: IO[Any], error: Callable[[], OSError]) -> None:
        self._file, self._error = file, error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> int:
        self._file.write(content[: len(content) // 2])
        self._file.flush()
        raise self._error()


def _shorten(places: _Places) -> None:
    """The N-th body that is read ends early; a reader who takes it for the whole one is distinguished."""
    content, read, short = getattr(folders, _READER), Folder.read, threading.local()

    def shortened(descriptor: int, size: int) -> bytes:
        whole: bytes = content(descriptor, size)
        if not places.reached() or not whole:
            return whole
        short.is_on = True
        return whole[: whole.rfind(b"\n", 0, -1) + 1] or whole[: len(whole) // 2]

    def reading(*arguments: Any, **others: Any) -> bytes:
        short.is_on = False
        found = read(*arguments, **others)
        if short.is_on:
            raise UnnoticedError("a body that came short was taken for the whole one")
        return found

    setattr(folders, _READER, shortened)
    Folder.read = reading  # type: ignore[method-assign]
