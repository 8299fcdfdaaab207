"""Connections that are kept open between two transactions, so that a run opens one or two and not one for each look."""

import os
import select
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import psycopg
from sqlalchemy import event, exc
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from advisory_perf.errors import WarehouseOutageError

_KEPT, _AT_MOST = 2, 10
_RENEWED_AFTER_SECONDS = 600
"""What an administrator changes for a role, its time-outs say, holds from a login on."""
_PATIENCE_SECONDS = 60


class Connections:
    """Two are kept, and ten are lent at most; who needs one more waits a minute for it. They are closed with their owner."""

    def __init__(self, opened: Callable[[], psycopg.Connection]) -> None:
        """Open nothing yet; errors of ``opened`` reach those who asked for the connection."""
        self._pool = QueuePool(
            opened,  # type: ignore[arg-type]
            pool_size=_KEPT,
            max_overflow=_AT_MOST - _KEPT,
            timeout=_PATIENCE_SECONDS,
            recycle=_RENEWED_AFTER_SECONDS,
        )
        event.listen(self._pool, "connect", _noted)
        event.listen(self._pool, "checkout", _refused_if_lost)
        weakref.finalize(self, self._pool.dispose)

    @contextmanager
    def lent(self) -> Iterator[psycopg.Connection]:
        """Give one that nobody else has meanwhile, outside of any transaction; it is closed if the block fails or has lost it."""
        try:
            lent = self._pool.connect()
        except exc.TimeoutError as error:
            raise WarehouseOutageError(f"all {_AT_MOST} connections to the warehouse are in use; try again once less is done") from error
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
