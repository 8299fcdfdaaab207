"""An installation on this machine: where the embedded server runs, what processes started from here have to know.

Opening one starts the embedded PostgreSQL where no warehouse is set, brings its schema up to date, and gives Dagster its home.
An external warehouse is never migrated by surprise: that is `advisory-perf migrate`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster_postgres.utils import DagsterPostgresException
from filelock import FileLock
from sqlalchemy.exc import SQLAlchemyError

from advisory_perf.definitions import build_definitions, open_platform
from advisory_perf.errors import SettingsError, WarehouseError
from advisory_perf.orchestration.platform import Platform
from advisory_perf.settings import Settings
from advisory_perf.storage.embedded import EmbeddedPostgres
from advisory_perf.storage.schema import migrate, pending_migrations

ROOT = Path(__file__).parents[2]
"""Where dagster.yaml and workspace.yaml lie."""

EVENT_BATCH = "1000"
"""Dagster writes events of partitions in batches of this size; one by one they would take longer than the figures."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings with every address filled in, and Dagster's home."""

    settings: Settings
    dagster_home: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the processes that Dagster starts."""
        own = {"DAGSTER_HOME": str(self.dagster_home), "DAGSTER_EVENT_BATCH_SIZE": EVENT_BATCH, "DAGSTER_DISABLE_TELEMETRY": "1"}
        return {**os.environ, **self.settings.as_environment(), **own}

    def platform(self) -> Platform:
        """Feeds and stores."""
        return open_platform(self.settings)

    def definitions(self) -> dg.Definitions:
        """Everything that Dagster runs here."""
        return build_definitions(self.settings)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Dagster's own storage, the one that the UI shows. dagster.yaml reads the environment, which is as before afterwards."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            with self._own_storage() as instance:
                yield instance
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _own_storage(self) -> dg.DagsterInstance:
        try:
            # One at a time, since two that find no tables would both make them.
            with FileLock(self.settings.home / ".dagster.lock"):
                return dg.DagsterInstance.from_config(str(self.dagster_home))
        except (DagsterPostgresException, SQLAlchemyError) as error:
            raise SettingsError(
                f"Dagster's own storage cannot be opened ({str(error).splitlines()[0]}); "
                "set ADVISORY_PERF_DAGSTER_URL to postgresql+psycopg2://… of a server that answers, or unset it"
            ) from error


@contextmanager
def open_installation(settings: Settings, *, migrating: bool = True) -> Iterator[Installation]:
    """The installation with its servers up; an embedded one stops again when nobody uses it any more."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"the home {settings.home} cannot be made a folder ({error.strerror}); choose another with --home") from error
    if not settings.is_embedded and settings.dagster_url is not None:
        yield _opened(settings, checking=migrating)
        return
    with EmbeddedPostgres(settings.home) as server:
        dagster_url = server.url("dagster").replace("postgresql://", "postgresql+psycopg2://", 1)
        filled = settings.model_copy(
            update={
                "warehouse_url": settings.warehouse_url or server.url("advisory_perf"),
                "dagster_url": settings.dagster_url or dagster_url,
            }
        )
        if settings.is_embedded and migrating:
            migrate(str(filled.warehouse_url))
        yield _opened(filled, checking=migrating and not settings.is_embedded)


def _opened(settings: Settings, *, checking: bool) -> Installation:
    pending = pending_migrations(str(settings.warehouse_url)) if checking else []
    if pending:
        raise WarehouseError(f"the warehouse lacks the migrations {', '.join(pending)}; run `advisory-perf migrate`")
    dagster_home = settings.home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "dagster.yaml", dagster_home / "dagster.yaml")
    return Installation(settings, dagster_home)
