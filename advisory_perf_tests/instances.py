"""Instances of Dagster for tests that look at what runs do to lake and warehouse, and not at what Dagster records of them.

Recording is two thirds of the time of a run of many windows: an event for each asset and window, each with its metadata and columns.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.instance.types import InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.event_log.base import AssetRecord
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import TemporaryLocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage

_STEPS_OF_WHAT_GOES_WELL = {
    dg.DagsterEventType.STEP_INPUT,
    dg.DagsterEventType.STEP_OUTPUT,
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.LOADED_INPUT,
    dg.DagsterEventType.HANDLED_OUTPUT,
    dg.DagsterEventType.RESOURCE_INIT_STARTED,
    dg.DagsterEventType.RESOURCE_INIT_SUCCESS,
    dg.DagsterEventType.LOGS_CAPTURED,
}
_NOT_KEPT = frozenset({*_STEPS_OF_WHAT_GOES_WELL, *ASSET_EVENTS, *ASSET_CHECK_EVENTS})


class EventsOfRuns(InMemoryEventLogStorage):
    """Keeps how runs begin, end and fail, and nothing of assets, checks and steps that go well."""

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store the event if it is kept at all."""
        if event.dagster_event_type not in _NOT_KEPT:
            super().store_event(event)  # type: ignore[no-untyped-call]

    def get_asset_records(self, asset_keys: Sequence[dg.AssetKey] | None = None) -> Sequence[AssetRecord]:  # noqa: ARG002
        """None, without a look."""
        return []

    def _get_event_records(
        self,
        event_records_filter: dg.EventRecordsFilter,
        limit: int | None = None,
        ascending: bool = False,  # noqa: FBT002
    ) -> Sequence[dg.EventLogRecord]:
        if event_records_filter.event_type in _NOT_KEPT:
            return []
        return super()._get_event_records(event_records_filter, limit, ascending)


@contextmanager
def forgetful() -> Iterator[dg.DagsterInstance]:
    """An instance in memory that remembers its runs and why they failed, and no materialisation."""
    with dg.DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=TemporaryLocalArtifactStorage(),  # type: ignore[no-untyped-call]
        run_storage=InMemoryRunStorage(),
        event_storage=EventsOfRuns(),
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=DefaultRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
    ) as instance:
        yield instance
