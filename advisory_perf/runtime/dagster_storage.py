"""Dagster's own storage in PostgreSQL, over connections that are kept, with the events that a run plans stored at once.

Dagster's class opens a connection for each statement, and stores the planned events of a run one by one: a run of a year of days waited
longer for them than for its figures. What is stored, and what the UI shows of it, is the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import dagster as dg
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres.auth import PgTokenProvider
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config

_KEPT, _RENEWED_SECONDS = 2, 600
_LENT = 20
"""Connections beyond the kept ones, which close when they are given back: a sensor daemon asks from several threads."""
_PLANNED = frozenset({dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED})


class BatchedEvents(PostgresEventLogStorage):
    """Dagster's event log, which takes planned events by the batch as it takes materialisations."""

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store the events; all planned ones by one statement, and each asset's entry once, by the last event of its own."""
        if not events or not {event.dagster_event_type for event in events} <= _PLANNED:
            super().store_event_batch(events)
            return
        statement = self.prepare_insert_event_batch(events)
        with self._connect() as connection:
            rows = connection.execute(statement.returning(SqlEventLogStorageTable.c.id)).fetchall()
        stored = [(event, cast("int", number)) for event, (number,) in zip(events, rows, strict=True)]
        of_assets = [one for one in stored if one[0].get_dagster_event().is_asset_materialization_planned]
        latest = {event.get_dagster_event().asset_key: (event, number) for event, number in of_assets}
        with self.index_transaction() as connection:
            for event, number in latest.values():
                self._store_asset_event(connection, event, number)
        for event, number in stored:
            self.store_asset_check_event(event, number)

    def dispose(self) -> None:
        """End what Dagster's own does, and the connections."""
        super().dispose()
        self._engine.dispose()


class KeptStorage(DagsterPostgresStorage):
    """Dagster's storage of runs, events and schedules, whose three parts share their connections."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,  # noqa: FBT001, FBT002 - Dagster's
        inst_data: ConfigurableClassData | None = None,
        token_provider: PgTokenProvider | None = None,
    ) -> None:
        # past its own class, whose parts would look for their tables a second time
        super(DagsterPostgresStorage, self).__init__()  # type: ignore[no-untyped-call]
        self.postgres_url, self.should_autocreate_tables, self._inst_data = postgres_url, should_autocreate_tables, inst_data
        self._run_storage = PostgresRunStorage(postgres_url, should_autocreate_tables, token_provider=token_provider)
        self._event_log_storage = BatchedEvents(postgres_url, should_autocreate_tables, token_provider=token_provider)
        self._schedule_storage = PostgresScheduleStorage(postgres_url, should_autocreate_tables, token_provider=token_provider)
        engine = create_pg_engine(
            postgres_url,
            token_provider,
            isolation_level="AUTOCOMMIT",
            pool_size=_KEPT,
            max_overflow=_LENT,
            pool_recycle=_RENEWED_SECONDS,
            pool_pre_ping=True,
        )
        for part in (self._run_storage, self._event_log_storage, self._schedule_storage):
            part._engine = engine  # noqa: SLF001 - where Dagster's own pool for its web page goes too

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """As Dagster's own."""
        return cls(
            pg_url_from_config(config_value),
            config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
            token_provider=get_token_provider_from_config(config_value),
        )
