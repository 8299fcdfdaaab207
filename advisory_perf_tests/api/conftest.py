"""The demonstration once a session, to read; and copies of it for tests that write."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf_tests.api.demo import Demo, a_demo, copy_database, make_demo, settings_of

_NUMBERS = count(1)
_TEMPLATE = "demo_template"


@pytest.fixture(scope="session")
def demo_home(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home, lake included; its database is the template that nobody is connected to."""
    folder = tmp_path_factory.mktemp("demo")
    copy_database(postgres, "advisory_perf", _TEMPLATE)
    make_demo(settings_of(postgres, _TEMPLATE, folder / "home"), folder)
    return folder / "home"


@pytest.fixture(scope="session")
def demo(postgres: EmbeddedPostgres, demo_home: Path) -> Iterator[Demo]:
    """To be read only."""
    copy_database(postgres, _TEMPLATE, "demo_to_read")
    with a_demo(settings_of(postgres, "demo_to_read", demo_home)) as demo:
        yield demo


@contextmanager
def a_copy(postgres: EmbeddedPostgres, demo_home: Path) -> Iterator[Demo]:
    """A copy of its database, to be written to; the lake is shared, and only read."""
    name = f"demo_{next(_NUMBERS)}"
    copy_database(postgres, _TEMPLATE, name)
    with a_demo(settings_of(postgres, name, demo_home)) as demo:
        yield demo
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def own_demo(postgres: EmbeddedPostgres, demo_home: Path) -> Iterator[Demo]:
    """One of its own for a test."""
    with a_copy(postgres, demo_home) as demo:
        yield demo
