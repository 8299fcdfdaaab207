"""The warehouse: connections to it, and what goes wrong on them in one sentence. What is kept in it belongs to the rooms that keep it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.errors import WarehouseError, WarehouseOutageError
from advisory_perf.warehouse.addresses import OF_POSTGRESQL, parts_of
from advisory_perf.warehouse.commits import commit, first_line
from advisory_perf.warehouse.copy import queried
from advisory_perf.warehouse.pool import OF_A_RUN, Connections, PoolSize
from advisory_perf.warehouse.roles import Role, act_as

NETWORK_OF_A_RUN: Mapping[str, int] = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""Parameters of libpq by which a run notices within a minute that the server's machine is gone."""


class Warehouse:
    """A PostgreSQL warehouse by its URL, and the role that connections act as; connects only when asked to do something."""

    def __init__(
        self,
        url: str,
        role: Role | None = None,
        *,
        size: PoolSize = OF_A_RUN,
        session: Mapping[str, str] | None = None,
        network: Mapping[str, int] = NETWORK_OF_A_RUN,
    ) -> None:
        """Keep the URL; libpq's forms all do, Unix sockets included. Without a role, the login acts as itself.

        ``session`` are settings of PostgreSQL that its connections have besides those of the role, and ``network`` parameters of libpq that
        they have unless the URL has them.
        """
        self.url = url
        self.role = role
        self._only_reads = (session or {}).get("default_transaction_read_only") == "on"
        self._opened = partial(_opened, url, role, dict(session or {}), network)
        self._connections = Connections(self._opened, size)

    @property
    def connections_in_use(self) -> int:
        """How many connections are lent at the moment."""
        return self._connections.lent_now

    @contextmanager
    def connect(self, after: str = "nothing was written, so try again") -> Iterator[psycopg.Connection]:
        """Give a connection whose block is one transaction, in UTC; it is kept for the next block if all goes well.

        Raises ``WarehouseError`` when the warehouse cannot be reached, breaks off, or refuses a statement; ``after`` says
        what one that breaks off leaves to be done.
        """
        with self.telling(after), self._connections.lent() as connection:
            yield connection
            if self._only_reads:  # nothing was written, so that nothing is to be found out where the answer is lost
                connection.commit()
            else:
                commit(connection, self.open)

    def open(self, *, autocommit: bool = False) -> psycopg.Connection:
        """Open a connection, in UTC, that the caller closes; raises ``WarehouseError`` when the warehouse cannot be reached."""
        connection = self._opened()
        connection.autocommit = autocommit
        return connection

    def reach(self) -> None:
        """Raise ``WarehouseError`` when the warehouse does not answer."""
        with self.connect() as connection:
            connection.execute("SELECT 1")

    @contextmanager
    def telling(self, after: str = "try again") -> Iterator[None]:
        """Makes what goes wrong on an open connection a ``WarehouseError``, and what no row is to blame for into an outage.

        ``after`` says what a connection that breaks off leaves to be done.
        """
        try:
            yield
        except (
            psycopg.errors.UndefinedTable,
            psycopg.errors.UndefinedColumn,
            psycopg.errors.UndefinedFunction,
        ) as error:
            raise WarehouseOutageError(
                f"the schema of the warehouse at {self.place} is not the one this code was written for "
                f"({first_line(error)}); run `advisory-perf migrate`"
            ) from error
        except psycopg.OperationalError as error:
            raise WarehouseOutageError(f"the warehouse at {self.place} broke off ({first_line(error)}); {after}") from error
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise WarehouseError(f"the warehouse at {self.place} refused: {first_line(error)}") from error
        except psycopg.Error as error:  # read-only, without a right, out of place: nothing that other rows would change
            raise WarehouseOutageError(f"the warehouse at {self.place} refused: {first_line(error)}") from error

    @property
    def place(self) -> str:
        """Host and database, without user and password, for messages."""
        return _place(self.url)

    def query(
        self, statement: LiteralString | sql.SQL | sql.Composed, params: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> pl.DataFrame:
        """Give the result of a query that fits in memory; numeric stays Decimal, also an empty result is typed."""
        with self.connect() as connection:
            return queried(connection, statement, params)


def _place(url: str) -> str:
    parts = parts_of(url)
    return "an unreadable URL" if parts is None else f"{parts.get('host', 'localhost')}/{parts.get('dbname', '')}"


def _opened(url: str, role: Role | None, session: Mapping[str, str], network: Mapping[str, int]) -> psycopg.Connection:
    """A connection in UTC that acts as the role, with the settings; ``WarehouseError`` where there is none to be had."""
    parts = parts_of(url)
    if parts is None:
        raise WarehouseError(f"the warehouse's address cannot be read; set ADVISORY_PERF_WAREHOUSE_URL to {OF_POSTGRESQL}")
    patience: dict[str, Any] = {name: value for name, value in network.items() if name not in parts}
    connection: psycopg.Connection | None = None
    try:
        connection = psycopg.connect(url, autocommit=True, **patience)
        if role is not None:
            act_as(connection, role)
        connection.execute("SET TIME ZONE 'UTC'")
        for name, value in session.items():
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        connection.autocommit = False
    except (psycopg.Error, WarehouseError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, WarehouseError):
            raise
        raise WarehouseOutageError(
            f"the warehouse at {_place(url)} cannot be reached ({first_line(error)}); start it, or set its URL to one that answers"
        ) from error
    return connection
