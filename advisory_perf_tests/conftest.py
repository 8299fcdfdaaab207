"""One embedded PostgreSQL for the session; a database of its own, with the whole schema, for each test that asks."""

import gc
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from hypothesis import settings
from moto.server import ThreadedMotoServer
from psycopg import sql

from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.warehouse.migrations import migrate
from advisory_perf.warehouse.roles import Role
from advisory_perf_tests.environment import folder_of_servers

_NUMBERS = count(1)

settings.register_profile("untimed", deadline=None)
settings.register_profile("few", deadline=None, max_examples=20)
settings.load_profile("untimed")


_GARBAGE_AFTER = 20_000
"""Objects made and not freed before cycles are looked for; by default 700, most of which are Dagster's and live on."""

gc.disable()  # while modules are imported and tests collected: next to nothing of that is garbage


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is there before the first test stays: no look for cycles goes through it again, which took a tenth of all tests' time."""
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER, 20, 20)
    gc.enable()


_FAST = "not slow and not table"
_NEVER_FAST = re.compile(r"^pytestmark = .*\bpytest\.mark\.(slow|table)\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`make test-fast` does not import modules of which it would take no test; that is half of its collection."""
    if config.option.markexpr != _FAST or collection_path.suffix != ".py":
        return None
    return _NEVER_FAST.search(collection_path.read_text(encoding="utf-8")) is not None or None


_OF_STORES = {"postgres", "server_home", "s3"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a database, a server or a bucket is slow, wherever it stands."""
    for item in items:
        if isinstance(item, pytest.Function) and not _OF_STORES.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.slow)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes are named by their number: an archive's bytes hold its time, and differ between two workers that collect."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


@contextmanager
def _home() -> Iterator[Path]:
    """Not pytest's own: root's server runs as another user, whom the next session of pytest would shut out of its folder."""
    with TemporaryDirectory(prefix="advisory_perf_", dir=folder_of_servers(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _database(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        making = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        connection.execute(making.format(sql.Identifier(name), sql.Identifier(template)))
        if template != "template0":  # a copy has the template's rows and not its rights
            connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
            roles = sql.SQL(", ").join(map(sql.Identifier, (Role.OWNER, Role.WRITER)))
            connection.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(sql.Identifier(name), roles))
        try:
            yield server.url(name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A running server whose database `advisory_perf` is migrated and empty: the template of all others."""
    with _home() as home, EmbeddedPostgres(home) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET autovacuum = off")
            connection.execute("SELECT pg_reload_conf()")
        migrate(server.url())
        yield server


@pytest.fixture
def server_home() -> Iterator[Path]:
    """A folder in which a test may run an embedded server of its own."""
    with _home() as home:
        yield home


@pytest.fixture
def empty_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A fresh database without any schema."""
    with _database(postgres, "template0") as url:
        yield url


@pytest.fixture
def warehouse_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A fresh database with the schema and no rows."""
    with _database(postgres, "advisory_perf") as url:
        yield url


@pytest.fixture
def second_warehouse_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Another one, to compare with."""
    with _database(postgres, "advisory_perf") as url:
        yield url


@pytest.fixture
def warehouse(warehouse_url: str) -> Warehouse:
    """A warehouse with the schema and no rows."""
    return Warehouse(warehouse_url)


@pytest.fixture
def ledger(warehouse: Warehouse) -> Ledger:
    """The ledger of such a warehouse."""
    return Ledger(warehouse)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server, for the session."""
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an S3 server with an empty bucket ``lake`` and nothing else, which its clients may use."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with closing(HTTPConnection(s3_server.removeprefix("http://"))) as connection:
        for method, path in (("POST", "/moto-api/reset"), ("PUT", "/lake")):
            connection.request(method, path)
            response = connection.getresponse()
            response.read()
            assert response.status == HTTPStatus.OK
    return s3_server


@pytest.fixture(scope="session")
def shared_warehouse(postgres: EmbeddedPostgres) -> Iterator[Warehouse]:
    """The same without a database for each test, for those that only read the schema or compute."""
    with _database(postgres, "advisory_perf") as url:
        yield Warehouse(url)
