"""Writes to the lake that a run did not bring to the end before it ended: what they touched is computed, or landed, again."""

import dagster as dg

from advisory_perf.orchestration.attempts import FINISHED
from advisory_perf.orchestration.platform import Platform, landing_turn, lane_turn
from advisory_perf.storage.lake_writes import noted_writes
from advisory_perf.storage.landing_writes import doubt_landing, noted_landings
from advisory_perf.storage.turns import is_free


def doubt_unfinished_writes(platform: Platform, instance: dg.DagsterInstance) -> None:
    """Has the lane compute again what a run that has ended did not write to the lake to the end, as far as it knew."""
    for write in noted_writes(platform.warehouse):
        if _has_ended(platform, instance, write.run_id, lane_turn(write.vendor)):
            platform.ledger.recompute(write)


def doubt_unfinished_landings(platform: Platform, instance: dg.DagsterInstance) -> None:
    """Puts in doubt what a run that has ended wrote of a delivery without the ledger's knowing."""
    for write in noted_landings(platform.warehouse):
        if write.run_id is not None and _has_ended(platform, instance, write.run_id, landing_turn(write.vendor, write.delivery_id)):
            doubt_landing(platform.warehouse, write)


def _has_ended(platform: Platform, instance: dg.DagsterInstance, run_id: str, turn: str) -> bool:
    """By Dagster's word; of a run of another installation on this warehouse by whether anybody has the turn that it wrote under."""
    run = instance.get_run_by_id(run_id)
    return is_free(platform.warehouse, turn) if run is None else run.status in FINISHED
