"""Whose turn it is: locks that a run holds in the warehouse until it ends.

They belong to a connection of their own, so that a process that is killed gives its turns back at once. A pooler in front of the
warehouse has to leave a session its connection.
"""

from contextlib import suppress
from types import TracebackType
from typing import LiteralString, Self

import psycopg

from advisory_perf.storage.warehouse import Warehouse


class Turns:
    """The turns of one run. Taking one again that is held is no wait."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._connection: psycopg.Connection | None = None
        self._held: set[str] = set()

    def take(self, subject: str) -> bool:
        """Takes the turn if nobody else has it; says whether it is held now."""
        return self._ask(subject, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))")

    def wait(self, subject: str) -> None:
        """Takes the turn when whoever has it gives it back."""
        self._ask(subject, "SELECT pg_advisory_lock(hashtextextended(%s, 0)) IS NOT NULL")

    def __enter__(self) -> Self:
        """Nothing is taken yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Gives every turn back."""
        self.give_back()

    def give_back(self) -> None:
        """Gives every turn back."""
        self._held.clear()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(psycopg.Error):
                # Before the connection is closed, which the server may notice only later.
                connection.execute("SELECT pg_advisory_unlock_all()")
            with suppress(psycopg.Error):
                connection.close()

    def _ask(self, subject: str, question: LiteralString) -> bool:
        if subject in self._held:
            return True
        if self._connection is None:
            self._connection = self._warehouse.open(autocommit=True)
        with self._warehouse.telling():
            (is_held,) = self._connection.execute(question, [subject]).fetchone() or (False,)
        if is_held:
            self._held.add(subject)
        return bool(is_held)
