"""Connections that are kept open between two transactions, so that a run opens one or two and not one for each look."""

import os
import select
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import cast

import psycopg
from sqlalchemy import event, exc
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from advisory_perf.errors import WarehouseOutageError

_RENEWED_AFTER_SECONDS = 600
"""What an administrator changes for a role, its time-outs say, holds from a login on."""


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How many connections are kept, how many are lent at most, and how many seconds somebody waits for one more."""

    kept: int = 2
    at_most: int = 10
    patience: float = 60


OF_A_RUN = PoolSize()


class Connections:
    """Some are kept and some more lent, as the size says. They are closed with their owner."""

    def __init__(self, opened: Callable[[], psycopg.Connection], size: PoolSize = OF_A_RUN) -> None:
        """Open nothing yet; errors of ``opened`` reach those who asked for the connection."""
        self._at_most = size.at_most
        self._pool = QueuePool(
            opened,  # type: ignore[arg-type]
            pool_size=size.kept,
            max_overflow=size.at_most - size.kept,
            timeout=size.patience,
            recycle=_RENEWED_AFTER_SECONDS,
        )
        event.listen(self._pool, "connect", _noted)
        event.listen(self._pool, "checkout", _refused_if_lost)
        weakref.finalize(self, self._pool.dispose)

    @property
    def lent_now(self) -> int:
        """How many are lent at the moment."""
        return self._pool.checkedout()

    @contextmanager
    def lent(self) -> Iterator[psycopg.Connection]:
        """Give one that nobody else has meanwhile, outside of any transaction; it is closed if the block fails or has lost it."""
        try:
            lent = self._pool.connect()
        except exc.TimeoutError as error:
            raise WarehouseOutageError(
                f"all {self._at_most} connections to the warehouse are in use; try again once less is done"
            ) from error
        connection = cast("psycopg.Connection", lent.dbapi_connection)
        try:
            yield connection
        except BaseException:
            with suppress(psycopg.Error):
                connection.rollback()
            lent.invalidate()
            raise
        lent.invalidate() if connection.closed else lent.close()


def _noted(_connection: object, entry: ConnectionPoolEntry) -> None:
    entry.info["process"] = os.getpid()


def _refused_if_lost(connection: psycopg.Connection, entry: ConnectionPoolEntry, _lent: object) -> None:
    """The pool opens another in place of one that the server has ended, or that a parent of this process opened.

    Between two transactions a server says nothing but that it ends the connection.
    """
    if entry.info["process"] != os.getpid():
        entry.dbapi_connection = None  # type: ignore[misc] # closing it would end the parent's
        raise exc.DisconnectionError("was opened by another process")
    answers = select.poll()
    answers.register(connection, select.POLLIN)
    if answers.poll(0):
        raise exc.DisconnectionError("has been ended by the server")
