"""What Dagster keeps and nobody needs any more: runs with their events, and the partitions of deliveries. Removed once a day.

A run's events go before the run, and one run after the other, so that a pass that is cut short has left nothing half removed that the
next one does not find. Ledger, alerts, rows and files are no part of this: they are kept.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from advisory_perf.contracts.enums import DeliveryStatus
from advisory_perf.contracts.firm_tables import FIRM_TABLES
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.lake.store import INCOMING
from advisory_perf.monitoring.attempts import abandoning_subject
from advisory_perf.orchestration.assets.accounts import ACCOUNTS_KEY
from advisory_perf.orchestration.partitions import delivery_partitions
from advisory_perf.orchestration.pipelines.model import Pipelines
from advisory_perf.orchestration.pipelines.registry import PIPELINES
from advisory_perf.orchestration.planning import pipeline_subject
from advisory_perf.orchestration.run_config import printing
from advisory_perf.orchestration.run_history import FINISHED, SUBJECT_TAG, histories_of
from advisory_perf.platform import Platform
from advisory_perf.warehouse.locks import sweep_locks

JOB_NAME = "upkeep"
_PAGE = 100
_AT_MOST = 5_000
"""Runs that one pass removes; the next pass goes on."""
_STAGED_FOR = timedelta(days=1)
"""Longer than any run takes to promote what it has staged."""
_UNDER_WAY = {DeliveryStatus.RECEIVED, DeliveryStatus.PROCESSING}
_MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION


@dataclass(frozen=True, slots=True)
class Removed:
    """What one pass removed, and how many old runs it kept since they are what the page shows of a window."""

    runs: int
    kept: int
    partitions: int
    is_complete: bool


def run_may_go(subject: str | None, ended: datetime | None, *, before: datetime, needed: Collection[str]) -> bool:
    """Whether a finished run is old enough, and counts for nothing that is still to be done."""
    return ended is not None and ended < before and subject not in needed


def needed_subjects(waiting: Iterable[str], pending: Iterable[tuple[str, Sequence[LedgerEntry]]]) -> set[str]:
    """What attempts count for still: deliveries in incoming/ and under way, their abandoning, and pipelines that something waits for."""
    needed: set[str] = set()
    for delivery_id in waiting:
        needed |= {delivery_id, abandoning_subject(delivery_id)}
    for feed, entries in pending:
        if entries:
            needed |= {pipeline_subject(feed, entries), *(entry.delivery_id for entry in entries)}
    return needed


def partitions_to_remove(
    keys: Iterable[str],
    entries: Iterable[LedgerEntry],
    *,
    before: datetime,
    needed: Collection[str],
) -> list[str]:
    """Of the feed's partitions those that are not needed and whose deliveries, as far as the ledger knows them, ended before.

    One that it does not know, such as that of a file which was taken away before it ingested, is needed until its runs have gone.
    """
    known = {entry.delivery_id: entry for entry in entries}
    return [key for key in keys if key not in needed and (key not in known or _is_over(known[key], before))]


def _is_over(entry: LedgerEntry, before: datetime) -> bool:
    ended = entry.processing_end_time or entry.processing_start_time or entry.received_at
    return entry.status not in _UNDER_WAY and entry.pending_first_date is None and ended < before


def keep_up(
    platform: Platform, instance: dg.DagsterInstance, *, now: datetime, pipelines: Pipelines = PIPELINES, at_most: int = _AT_MOST
) -> Removed:
    """Removes what is older than agreed, at most so many runs; the same again changes nothing."""
    before = now - timedelta(days=platform.settings.run_days)
    needed = needed_subjects(
        [delivery_id_of(file) for file in platform.lake.files(f"{INCOMING}/")],
        [(feed, platform.ledger.pending(feed)) for feed in platform.feeds],
    )
    sweep_locks(platform.warehouse, now)
    platform.lake.sweep_staging(now - _STAGED_FOR)
    shown = _latest_of_windows(platform, pipelines, instance)
    runs, kept, is_complete = _remove_runs(instance, before, needed, shown, at_most)
    return Removed(runs, kept, _remove_partitions(platform, instance, before, needed), is_complete)


def _remove_runs(instance: dg.DagsterInstance, before: datetime, needed: set[str], latest: set[int], at_most: int) -> tuple[int, int, bool]:
    old = instance.get_run_ids(dg.RunsFilter(statuses=list(FINISHED), updated_before=before))[::-1]
    removed = kept = 0
    for start in range(0, len(old), _PAGE):
        for record in instance.get_run_records(dg.RunsFilter(run_ids=old[start : start + _PAGE])):
            run, ended = record.dagster_run, datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp
            if not run_may_go(run.tags.get(SUBJECT_TAG), ended, before=before, needed=needed):
                continue
            if latest & _materializations(instance, run.run_id):
                kept += 1
                continue
            if removed == at_most:
                return removed, kept, False
            instance.event_log_storage.delete_events(run.run_id)
            instance.delete_run(run.run_id)
            removed += 1
    return removed, kept, True


def _latest_of_windows(platform: Platform, pipelines: Pipelines, instance: dg.DagsterInstance) -> set[int]:
    """The events by which the page shows each window, and each asset across feeds, as materialised."""
    latest: set[int] = set()
    for name, feed in platform.feeds.items():
        for stage in pipelines[feed.dataset].stages:
            latest |= set(instance.get_latest_storage_id_by_partition(dg.AssetKey([name, stage.table.name]), _MATERIALIZED).values())
    across = [ACCOUNTS_KEY, *(dg.AssetKey(table.name) for table in FIRM_TABLES)]
    return latest | {record.storage_id for key in across for record in instance.fetch_materializations(key, limit=1).records}


def _materializations(instance: dg.DagsterInstance, run_id: str) -> set[int]:
    found: set[int] = set()
    cursor, has_more = None, True
    while has_more:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=_MATERIALIZED, limit=1_000)
        found |= {record.storage_id for record in page.records}
        cursor, has_more = page.cursor, page.has_more
    return found


def _remove_partitions(platform: Platform, instance: dg.DagsterInstance, before: datetime, needed: set[str]) -> int:
    entries, removed = platform.ledger.entries(), 0
    known = {entry.delivery_id for entry in entries}
    for feed in platform.feeds.values():
        name = delivery_partitions(feed).name or ""
        keys = instance.get_dynamic_partitions(name)
        runs = histories_of(instance, [key for key in keys if key not in known])
        with_runs = [key for key, records in runs.items() if records]
        for key in partitions_to_remove(keys, entries, before=before, needed={*needed, *with_runs}):
            instance.delete_dynamic_partition(name, key)
            removed += 1
    return removed


def says_what_went(removed: Removed, *, days: int) -> str:
    """One sentence about a pass."""
    kept = f"; {removed.kept:,} older runs stay, since the page shows windows by them" if removed.kept else ""
    left = "" if removed.is_complete else "; more is left, which the next pass removes"
    return (
        f"removed {removed.runs:,} runs that ended more than {days} days ago, with their events, and {removed.partitions:,} partitions of "
        f"deliveries{kept}{left}"
    )


def upkeep_job(platform: Platform, pipelines: Pipelines) -> dg.JobDefinition:
    """The job that removes what Dagster keeps and nobody needs."""

    @dg.op(name="keep_up", description="removes old runs, their events and the partitions of old deliveries")
    def keep_up_op(context: dg.OpExecutionContext) -> None:
        removed = keep_up(platform, context.instance, now=platform.clock(), pipelines=pipelines)
        context.log.info(says_what_went(removed, days=platform.settings.run_days))

    @dg.job(name=JOB_NAME, description=f"removes what Dagster has kept for more than {platform.settings.run_days} days")
    def job() -> None:
        keep_up_op()

    return job


def upkeep_schedule(platform: Platform, job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Every night."""
    return dg.ScheduleDefinition(
        name="upkeep_every_night",
        job=job,
        cron_schedule="17 3 * * *",
        execution_timezone="UTC",
        run_config=printing(platform.settings.log_level),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="removes old runs, their events and the partitions of old deliveries",
    )
