"""Writes to the lake that a run did not bring to the end before it ended: what they touched is computed, or landed, again."""

from collections.abc import Mapping

import dagster as dg

from advisory_perf.deliveries.ingestion_writes import doubt_landing, noted_landings
from advisory_perf.orchestration.run_history import FINISHED
from advisory_perf.platform import Platform, landing_turn, lane_turn
from advisory_perf.warehouse.lake_writes import noted_writes
from advisory_perf.warehouse.locks import is_free


def doubt_unfinished_writes(platform: Platform, instance: dg.DagsterInstance) -> None:
    """Has the lane compute again what a run that has ended did not write to the lake to the end, as far as it knew."""
    writes = noted_writes(platform.warehouse)
    ended = _ended(platform, instance, {write.run_id: lane_turn(write.vendor) for write in writes})
    for write in writes:
        if write.run_id in ended:
            platform.ledger.recompute(write)


def doubt_unfinished_landings(platform: Platform, instance: dg.DagsterInstance) -> None:
    """Puts in doubt what a run that has ended wrote of a delivery without the ledger's knowing."""
    writes = noted_landings(platform.warehouse)
    ended = _ended(platform, instance, {write.run_id: landing_turn(write.vendor, write.delivery_id) for write in writes})
    for write in writes:
        if write.run_id in ended:
            doubt_landing(platform.warehouse, write)


def _ended(platform: Platform, instance: dg.DagsterInstance, turn_of: Mapping[str, str]) -> set[str]:
    """The runs that have ended, of those that write under the turns.

    By Dagster's word; of a run of another installation on this warehouse by whether anybody has its turn.
    """
    runs = instance.get_runs(dg.RunsFilter(run_ids=list(turn_of))) if turn_of else []
    status_of = {run.run_id: run.status for run in runs}
    strangers = {run_id for run_id, turn in turn_of.items() if run_id not in status_of and is_free(platform.warehouse, turn)}
    return strangers | {run_id for run_id, status in status_of.items() if status in FINISHED}
