"""One snapshot of the warehouse for one answer: what is read in it agrees, whatever is published meanwhile."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Row = dict[str, Any]
Params = Mapping[str, Any] | Sequence[Any] | None
Statement = LiteralString | sql.SQL | sql.Composed

SESSION = {
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "statement_timeout": "5s",
    "lock_timeout": "1500ms",
    "jit": "off",
}
"""Of connections for answers: every transaction is one snapshot, writes nothing, and nobody waits long for it."""


class Snapshot:
    """Reads in one transaction; its isolation is the connection's (``SESSION``)."""

    def __init__(self, connection: psycopg.Connection) -> None:
        """Keep the connection, which is the caller's to give back."""
        self._connection = connection

    def rows(self, statement: Statement, params: Params = None) -> list[Row]:
        """All rows of a query, by column name; numeric stays Decimal."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_composed(statement), params).fetchall()

    def row(self, statement: Statement, params: Params = None) -> Row | None:
        """The first row, if there is one."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_composed(statement), params).fetchone()

    def value(self, statement: Statement, params: Params = None) -> Any:
        """The first column of the first row; None without a row."""
        found = self._connection.execute(_composed(statement), params).fetchone()
        return None if found is None else found[0]

    def version(self) -> int:
        """The number of the data that this snapshot sees: another one as soon as a transaction has changed what is served."""
        return int(self.value("SELECT sum(version) FROM data_versions"))


def _composed(statement: Statement) -> sql.SQL | sql.Composed:
    return sql.SQL(statement) if isinstance(statement, str) else statement
