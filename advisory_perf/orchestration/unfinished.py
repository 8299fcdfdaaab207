"""Writes to the lake that a run did not bring to the end before it ended: what they touched is computed, or ingested, again."""

from collections.abc import Mapping

import dagster as dg

from advisory_perf.deliveries.ingestion_writes import doubt_ingestion, noted_ingestions
from advisory_perf.orchestration.run_history import FINISHED
from advisory_perf.platform import Platform, ingestion_lock, pipeline_lock
from advisory_perf.warehouse.lake_writes import noted_writes
from advisory_perf.warehouse.locks import is_free


def doubt_unfinished_writes(platform: Platform, instance: dg.DagsterInstance) -> None:
    """Has the pipeline compute again what a run that has ended did not write to the lake to the end, as far as it knew."""
    writes = noted_writes(platform.warehouse)
    ended = _ended(platform, instance, {write.run_id: pipeline_lock(write.feed) for write in writes})
    for write in writes:
        if write.run_id in ended:
            platform.ledger.recompute(write)


def doubt_unfinished_ingestions(platform: Platform, instance: dg.DagsterInstance) -> None:
    """Puts in doubt what a run that has ended wrote of a delivery without the ledger's knowing."""
    writes = noted_ingestions(platform.warehouse)
    ended = _ended(platform, instance, {write.run_id: ingestion_lock(write.feed, write.delivery_id) for write in writes})
    for write in writes:
        if write.run_id in ended:
            doubt_ingestion(platform.warehouse, write)


def _ended(platform: Platform, instance: dg.DagsterInstance, lock_of: Mapping[str, str]) -> set[str]:
    """The runs that have ended, of those that write under the locks.

    By Dagster's word; of a run of another installation on this warehouse by whether anybody has its lock.
    """
    runs = instance.get_runs(dg.RunsFilter(run_ids=list(lock_of))) if lock_of else []
    status_of = {run.run_id: run.status for run in runs}
    strangers = {run_id for run_id, lock in lock_of.items() if run_id not in status_of and is_free(platform.warehouse, lock)}
    return strangers | {run_id for run_id, status in status_of.items() if status in FINISHED}
