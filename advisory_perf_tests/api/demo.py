"""The demonstration's deliveries, run through once for a session, and the API over what came out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from starlette.testclient import TestClient

from advisory_perf.api.app import create_app
from advisory_perf.api.service import Service, open_service
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.platform import open_platform
from advisory_perf.runtime.demo import write_demo_composite, write_demo_deliveries
from advisory_perf.runtime.hosts import Hosts
from advisory_perf.runtime.in_process import LocalRuns, run_files
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.warehouse.roles import Role
from advisory_perf_tests.instances import forgetful

TODAY = date(2025, 4, 10)
NOW = datetime(2025, 4, 10, 12, tzinfo=UTC)
STATEMENT_SECONDS = 5
"""After which a statement of an answer is cancelled, whatever it waits for: what takes less was not waited for to the end."""


@dataclass(frozen=True, slots=True)
class Demo:
    """An installation with the demonstration in it, and a client of its API as anybody on loopback."""

    settings: Settings
    service: Service
    client: TestClient

    def get(self, path: str, **params: Any) -> Any:
        """The envelope of an answer that is a success."""
        answer = self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, statement: str, params: Any = None) -> list[dict[str, Any]]:
        """What a statement gives to the owner of the database, whom the API is not."""
        return Warehouse(str(self.settings.owner_url)).query(statement, params).to_dicts()


def settings_of(server: EmbeddedPostgres, database: str, home: Path, **changes: Any) -> Settings:
    """Addresses of each role."""
    of_roles = {
        "warehouse_url": server.url(database, user=Role.WRITER),
        "owner_url": server.url(database),
        "reader_url": server.url(database, user=Role.READER),
        "desk_url": server.url(database, user=Role.DESK),
    }
    return Settings(home=home, **{**of_roles, **changes})


def make_demo(settings: Settings, folder: Path) -> None:
    """Runs the demonstration's deliveries through, the correction once the rest is published, and computes what is above the account."""
    files = write_demo_deliveries(folder, today=TODAY)
    write_demo_composite(settings, today=TODAY)
    platform = open_platform(settings)
    with forgetful() as instance:
        runs = LocalRuns(platform, build_definitions(settings), instance)
        corrected = [file for file in files if "_v2" in file.name]
        for part in ([file for file in files if file not in corrected], corrected):
            outcome = run_files(runs, part, None, ingested=lambda _: None, pipeline_done=lambda _name, _of: None)
            assert not outcome.failures, outcome.failures
        runs.run_firm_performance()


@contextmanager
def a_demo(settings: Settings, **of_client: Any) -> Iterator[Demo]:
    """The API over it; nothing of the warehouse is open afterwards."""
    service = open_service(open_platform(settings, clock=lambda: NOW))
    with TestClient(create_app(service, has_origin=Hosts.of(()).has_origin), raise_server_exceptions=False, **of_client) as client:
        yield Demo(settings, service, client)


def copy_database(server: EmbeddedPostgres, source: str, target: str) -> None:
    """A database like another, to which nobody may be connected."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [source])
        making = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        connection.execute(making.format(sql.Identifier(target), sql.Identifier(source)))
