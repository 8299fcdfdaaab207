"""Locks that a run holds in the warehouse until it ends, and the tokens that prove it to each write.

The locks belong to a connection of their own, so that a process that is killed gives its locks back at once. A process whose
connection is cut, or that was stopped for a while, does not notice that its lock has gone to another. Each taking therefore raises a
token, and whatever is written under a lock confirms the token in its own transaction: a lock that somebody else took meanwhile ends
the write. A pooler in front of the warehouse has to leave a session its connection.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import LiteralString, Self

import psycopg
from psycopg import sql

from advisory_perf.errors import LockHeldError, LostLockError
from advisory_perf.warehouse.connection import Warehouse

WAIT_SECONDS = 600
"""As long a lock is waited for; then its run fails, and is launched again later."""
_KEEPALIVE: LiteralString = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
"""By which the server notices that the holder's machine is gone, and gives its locks to others."""
_RAISE: LiteralString = """
    INSERT INTO locks (subject, token, holder) VALUES (%(subject)s, nextval('lock_tokens'), %(holder)s)
    ON CONFLICT (subject) DO UPDATE SET token = excluded.token, holder = excluded.holder, taken_at = now()
    RETURNING token
"""


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock that somebody has, and since when."""

    subject: str
    holder: str
    taken_at: datetime


class Locks:
    """The locks of one run. Taking one again that is held is no wait."""

    def __init__(self, warehouse: Warehouse, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._warehouse = warehouse
        self._wait_seconds = wait_seconds
        self._connection: psycopg.Connection | None = None
        self._held: dict[str, int] = {}

    def take(self, subject: str) -> bool:
        """Takes the lock if nobody else has it; says whether it is held now."""
        return self._ask(subject, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))")

    def wait(self, subject: str) -> None:
        """Takes the lock when whoever has it gives it back; LockHeldError where that takes too long."""
        self._ask(subject, "SELECT pg_advisory_lock(hashtextextended(%s, 0)) IS NOT NULL")

    def confirm(self, connection: psycopg.Connection) -> None:
        """Raises LostLockError where another process took a lock that is held here, and lets none take one until the transaction ends."""
        if not self._held:
            return
        rows = connection.execute("SELECT subject, token FROM locks WHERE subject = ANY(%s) FOR SHARE", [list(self._held)])
        found: dict[str, int] = dict(rows.fetchall())
        lost = [subject for subject, token in self._held.items() if found.get(subject) != token]
        if lost:
            raise LostLockError(
                f"another process took over {' and '.join(lost)} while this one was cut off or stopped, so nothing more of this run is "
                "written; run it again if anything is left to do"
            )

    @contextmanager
    def kept(self) -> Iterator[psycopg.Connection]:
        """Keeps every lock that is held while the block writes where no transaction reaches, such as to the lake.

        LostLockError before the block where one is lost already, and after a block that failed, whatever failed it, where somebody took
        over meanwhile. Gives the connection of the transaction that keeps them: what the block does in it stands only if nobody can have
        taken over.
        """
        try:
            with self._warehouse.connect("what was being written to the lake is written again") as connection:
                # A process that is stopped within the block keeps the others waiting: nothing could hold up what it writes when it goes on.
                connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                self.confirm(connection)
                yield connection
        except Exception:
            with self._warehouse.connect() as connection:
                self.confirm(connection)
            raise

    def __enter__(self) -> Self:
        """Nothing is taken yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Gives every lock back."""
        self.give_back()

    def give_back(self) -> None:
        """Gives every lock back."""
        held, self._held = self._held, {}
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(psycopg.Error):
                connection.execute("DELETE FROM locks WHERE token = ANY(%s)", [list(held.values())])
                # Before the connection is closed, which the server may notice only later.
                connection.execute("SELECT pg_advisory_unlock_all()")
            with suppress(psycopg.Error):
                connection.close()

    @property
    def session(self) -> int | None:
        """The number of the session that holds them, as pg_stat_activity has it."""
        return self._connection.info.backend_pid if self._connection else None

    def _ask(self, subject: str, question: LiteralString) -> bool:
        if subject in self._held:
            return True
        connection = self._connection = self._connection or self._opened()
        with self._warehouse.telling():
            try:
                (is_held,) = connection.execute(question, [subject]).fetchone() or (False,)
                if is_held:
                    (token,) = connection.execute(
                        _RAISE, {"subject": subject, "holder": f"{socket.gethostname()} {os.getpid()}"}
                    ).fetchone() or (0,)
                    self._held[subject] = token
            except psycopg.errors.LockNotAvailable as error:
                known = connection.execute("SELECT holder, taken_at FROM locks WHERE subject = %s", [subject]).fetchone()
                since = f", which process {known[0]} took at {known[1]:%Y-%m-%d %H:%M}" if known else ""
                raise LockHeldError(f"the lock {subject}{since}, did not come free; it is tried again by itself") from error
        return bool(is_held)

    def _opened(self) -> psycopg.Connection:
        connection = self._warehouse.open(autocommit=True)
        with self._warehouse.telling():
            connection.execute(_KEEPALIVE)
            connection.execute(
                sql.SQL("SET statement_timeout = 0; SET lock_timeout = {}").format(sql.Literal(int(self._wait_seconds * 1000)))
            )
        return connection


def is_free(warehouse: Warehouse, subject: str) -> bool:
    """Whether nobody has the lock now."""
    with warehouse.connect() as connection:
        return connection.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [subject]).fetchone() == (True,)


def sweep_locks(warehouse: Warehouse, before: datetime) -> list[HeldLock]:
    """Removes what killed processes left of the locks that they took before; gives those taken before that are held still."""
    with warehouse.connect() as connection:
        rows = connection.execute("SELECT subject, holder, taken_at FROM locks WHERE taken_at < %s ORDER BY taken_at", [before]).fetchall()
        free = [
            subject
            for subject, _, _ in rows
            if connection.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [subject]).fetchone() == (True,)
        ]
        connection.execute("DELETE FROM locks WHERE subject = ANY(%s) AND taken_at < %s", [free, before])
    return [HeldLock(*row) for row in rows if row[0] not in free]
