"""Ingestions and pipelines in this process, without a daemon: what the sensors would launch, one after another.

The runs go through the same jobs and the same Dagster storage, so the UI shows them; what is to run is decided by the functions
that the sensors use.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dagster as dg
from dagster._core.storage.tags import PARENT_RUN_ID_TAG

from advisory_perf.contracts.enums import DeliveryStatus
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.ingestion_writes import ingestions_in_doubt
from advisory_perf.deliveries.zones import UNKNOWN_FEED, delivery_id_of, sha256_of
from advisory_perf.errors import AdvisoryPerfError, DeliveryRejectedError, LakeError, WarehouseError
from advisory_perf.feeds.registry import feed_for, vendor_of
from advisory_perf.lake.objects import LakeFile, oddity_of
from advisory_perf.lake.store import INCOMING
from advisory_perf.monitoring.unread_files import refuse_larger
from advisory_perf.orchestration.assets.above_the_account import JOB_NAME as FIRM_JOB
from advisory_perf.orchestration.assets.ingestion import ingestion_job_name
from advisory_perf.orchestration.assets.pipeline import pipeline_job_name
from advisory_perf.orchestration.jobs.reject_unknown import reject_unclaimed
from advisory_perf.orchestration.outages import chain_of
from advisory_perf.orchestration.partitions import delivery_partitions, tags_of
from advisory_perf.orchestration.planning import windows_touched
from advisory_perf.orchestration.run_config import PATH_TAG, printing
from advisory_perf.orchestration.run_history import reason_of
from advisory_perf.orchestration.sensors.firm import pending_subject
from advisory_perf.orchestration.unfinished import doubt_unfinished_ingestions, doubt_unfinished_writes
from advisory_perf.platform import Platform
from advisory_perf.processes import is_running, own_identity
from advisory_perf.warehouse.locks import Locks

BY_COMMAND = "advisory-perf run"
_NOTHING = "CRITICAL"
_PROCESS_TAG = "advisory_perf/process"


@dataclass(frozen=True, slots=True)
class Handed:
    """One file that was handed to the command, and its place in the ledger."""

    name: str
    entry: LedgerEntry
    is_repeated: bool

    @property
    def status(self) -> str:
        """What became of the file this time."""
        return DeliveryStatus.DUPLICATE if self.is_repeated else str(self.entry.status)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a run failed; by a check it refused what it worked on, otherwise it could not work."""

    sentence: str
    is_by_check: bool


class LocalRuns:
    """Runs jobs of the given definitions in this process."""

    def __init__(self, platform: Platform, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._platform = platform
        self._definitions = definitions
        self._instance = instance

    def _vendor_of(self, feed: str) -> str:
        return vendor_of(self._platform.feeds, feed)

    def ingest(self, path: Path, feed: str | None) -> Handed:
        """Puts the file into incoming and ingests it; a file whose bytes and name the ledger knows changes nothing.

        Of two commands that are handed files of the same name one works, and the other waits; of the same file it then finds it known.
        Another file of that name that waits in incoming/ is ingested first, so that it is not written over.
        """
        name = path.name
        if oddity_of(name) is not None:
            raise AdvisoryPerfError(f"{name}: {oddity_of(name)}; give it a plain name")
        refuse_larger(self._platform, name, path.stat().st_size)
        content = path.read_bytes()
        why = None
        if feed is None:
            try:
                feed = feed_for(self._platform.feeds, name).name
            except DeliveryRejectedError as error:
                feed, why = UNKNOWN_FEED, error.sentence
        with Locks(self._platform.warehouse) as locks:
            locks.wait(f"handing {feed} {name}")
            lake, incoming = self._platform.lake, f"{INCOMING}/{feed}/{name}"
            there = lake.head(incoming) if lake.exists(incoming) else None
            lies_there = there is not None and lake.read_listed(there) == content  # a command was cut short
            if there is not None and not lies_there:
                self._ingest_waiting(feed, there, why)
            known = self._platform.ledger.find(feed, name, sha256_of(content))
            if known is not None and known.status not in {DeliveryStatus.FAILED, DeliveryStatus.RECEIVED}:
                if there is not None and lies_there:
                    lake.delete_listed(there)
                return Handed(name, known, is_repeated=True)
            if not lies_there:
                lake.write(incoming, content)
            failure = self._take_in(feed, lake.head(incoming), why)
            return self._handed(feed, name, sha256_of(content), failure)

    def _ingest_waiting(self, feed: str, file: LakeFile, why: str | None) -> None:
        failure = self._take_in(feed, file, why)
        if self._platform.lake.exists(file.path):
            because = f" ({failure.sentence})" if failure else ""
            raise AdvisoryPerfError(
                f"{self._vendor_of(feed)}, {file.name}: another file of that name waits in incoming/ and is not ingested{because}; let it "
                "be ingested or take it away first"
            )

    def _take_in(self, feed: str, file: LakeFile, why: str | None) -> _Failure | None:
        """Ingests the file, or rejects it where no feed claims it: ``why``."""
        if feed == UNKNOWN_FEED:
            reject_unclaimed(self._platform, file, run_id=BY_COMMAND, why=why)
            return None
        return self._run_ingestion(feed, delivery_id_of(file), tags={PATH_TAG: file.path})

    def ingest_again(self, entry: LedgerEntry) -> Handed:
        """Ingests a delivery that the lake keeps once more, under its own id and with the present feed."""
        failure = self._run_ingestion(entry.feed, entry.delivery_id)
        return self._handed(entry.feed, entry.file_name, entry.sha256, failure)

    def _run_ingestion(self, feed: str, delivery_id: str, *, tags: dict[str, str] | None = None) -> _Failure | None:
        self._instance.add_dynamic_partitions(delivery_partitions(self._platform.feeds[feed]).name or "", [delivery_id])
        return self._run(ingestion_job_name(feed), partition_key=delivery_id, tags=tags)

    def _handed(self, feed: str, name: str, sha256: str, failure: _Failure | None) -> Handed:
        entry = self._platform.ledger.find(feed, name, sha256)
        is_rejection = failure is not None and failure.is_by_check and entry is not None and entry.status == DeliveryStatus.FAILED
        if failure and not is_rejection:
            raise AdvisoryPerfError(f"{self._vendor_of(feed)}, {name}: the ingestion failed: {failure.sentence}")
        if entry is None or entry.status == DeliveryStatus.RECEIVED:
            raise AdvisoryPerfError(
                f"{self._vendor_of(feed)}, {name}: another process ingests it now; look at the ledger when it has ended"
            )
        return Handed(name, entry, is_repeated=False)

    def again(self, one: Handed) -> Handed:
        """The same file with its present place in the ledger."""
        entry = self._platform.ledger.entry(one.entry.delivery_id)
        return Handed(one.name, entry or one.entry, one.is_repeated)

    def has_pending(self, feed: str) -> bool:
        """Whether ingested deliveries of the feed wait for its pipeline, of this command or of an earlier one that was cut short."""
        return bool(self._platform.ledger.pending(feed))

    def unfinished(self) -> list[LedgerEntry]:
        """The deliveries to ingest again, since runs that ended did not write them to the end; of pipelines that is noted as pending."""
        doubt_unfinished_writes(self._platform, self._instance)
        doubt_unfinished_ingestions(self._platform, self._instance)
        found = [one for one in ingestions_in_doubt(self._platform.warehouse) if one.feed in self._platform.feeds]
        return [entry for one in found if (entry := self._platform.ledger.entry(one.delivery_id))]

    def run_pipeline(self, feed: str) -> bool:
        """Runs the feed's pipeline for what its ingested deliveries touch; false where nothing is pending."""
        ledger = self._platform.ledger
        pending = ledger.pending(feed)
        windows = pending and windows_touched(self._platform.feeds[feed], pending, ledger.latest_as_of_date(feed))
        if not windows:
            return False
        failure = self._run(pipeline_job_name(feed), tags=tags_of(windows))
        if failure:
            raise AdvisoryPerfError(
                f"{self._vendor_of(feed)}: the pipeline from {windows.first} to {windows.last_day} failed: {failure.sentence}"
            )
        return True

    def run_firm_performance(self) -> bool:
        """Brings statistics, contributions and composites up to date with what is published; false where nothing has changed since.

        Of two commands one computes, and the other waits; what a daemon has computed meanwhile is no failure of this one.
        """
        with Locks(self._platform.warehouse) as locks:
            locks.wait("computing all")
            if pending_subject(self._platform, self._instance) is None:
                return False
            failure = self._run(FIRM_JOB)
            if failure and pending_subject(self._platform, self._instance) is not None:
                raise AdvisoryPerfError(f"statistics, contributions and composites: the job {FIRM_JOB} failed: {failure.sentence}")
        return True

    def _run(self, job_name: str, *, partition_key: str | None = None, tags: dict[str, str] | None = None) -> _Failure | None:
        """Runs a job; gives why it failed: its first failing check, else its first failing step. One that is interrupted interrupts all."""
        result = self._definitions.resolve_job_def(job_name).execute_in_process(
            run_config=printing(_NOTHING),
            instance=self._instance,
            partition_key=partition_key,
            tags={**(tags or {}), _PROCESS_TAG: own_identity()},
            raise_on_error=False,
        )
        if result.success:
            return None
        failed_checks = [_check_sentence(found) for found in result.get_asset_check_evaluations() if found.blocking and not found.passed]
        if failed_checks:
            return _Failure(failed_checks[0], is_by_check=True)
        steps = [event for event in result.all_events if event.is_step_failure]
        if any(map(_is_interruption, steps)):
            raise KeyboardInterrupt(f"{job_name} was interrupted")
        failures = [reason_of(event) for event in steps]
        return _Failure(next(iter(failures), "the run was stopped"), is_by_check=False)


def _is_interruption(event: dg.DagsterEvent) -> bool:
    """Whether a step failed by Ctrl-C or SIGTERM, which Dagster makes a failure like any other."""
    return any(error.cls_name == dg.DagsterExecutionInterruptedError.__name__ for error in chain_of(event))


def _check_sentence(found: dg.AssetCheckEvaluation) -> str:
    check = f"the check {found.check_name} of {found.asset_key.to_user_string()}"
    cases = found.metadata.get("failure_cases")
    if not isinstance(cases, dg.TableMetadataValue) or not cases.records:
        return f"{check} does not hold"
    first = ", ".join(f"{name} {value}" for name, value in cases.records[0].data.items())
    return f"{check} does not hold for {found.metadata['failed'].value} rows, the first with {first}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the files, and what failed on the way, in sentences."""

    handed: list[Handed]
    failures: list[str]


def run_files(
    runs: LocalRuns,
    files: Sequence[Path],
    feed: str | None,
    *,
    ingested: Callable[[Handed], None],
    pipeline_done: Callable[[str, int], None],
) -> Outcome:
    """Ingests the files in order, then runs the pipelines that they touched; reports each step as it is done."""
    return _run_all(runs, [partial(runs.ingest, path, feed) for path in files], [], ingested=ingested, pipeline_done=pipeline_done)


def replay(
    runs: LocalRuns,
    entries: Sequence[LedgerEntry],
    feeds: Sequence[str],
    *,
    ingested: Callable[[Handed], None],
    pipeline_done: Callable[[str, int], None],
) -> Outcome:
    """Ingests the deliveries again, then runs the feeds' pipelines where anything is pending; reports each step as it is done.

    A replay that was cut short may have been ingested everything, so that only the pipelines are left.
    """
    return _run_all(runs, [partial(runs.ingest_again, entry) for entry in entries], feeds, ingested=ingested, pipeline_done=pipeline_done)


def _run_all(
    runs: LocalRuns,
    ingestions: Sequence[Callable[[], Handed]],
    feeds: Sequence[str],
    *,
    ingested: Callable[[Handed], None],
    pipeline_done: Callable[[str, int], None],
) -> Outcome:
    """One delivery's or one feed's incident does not keep the others from going on."""
    handed: list[Handed] = []
    failures: list[str] = []
    unfinished: list[Callable[[], Handed]] = [partial(runs.ingest_again, entry) for entry in runs.unfinished()]
    for ingest in (*unfinished, *ingestions):
        try:
            handed.append(ingest())
        except (LakeError, WarehouseError):  # nothing else would go better
            raise
        except AdvisoryPerfError as error:
            failures.append(str(error))
        else:
            ingested(handed[-1])
    touched = dict.fromkeys([*feeds, *(one.entry.feed for one in handed if one.entry.feed != UNKNOWN_FEED)])
    pipelines = [name for name in touched if runs.has_pending(name)]
    for name in pipelines:
        try:
            runs.run_pipeline(name)
        except AdvisoryPerfError as error:
            failures.append(str(error))
        else:
            pipeline_done(name, len(pipelines))
    return Outcome([runs.again(one) for one in handed], failures)


def release_dead_runs(instance: dg.DagsterInstance) -> None:
    """Fails the runs of commands that were killed, so that they hold no place at the warehouse any more."""
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])):
        owner = run.tags.get(_PROCESS_TAG)
        is_repeated = PARENT_RUN_ID_TAG in run.tags  # from the page, with the tags of a command's run
        if owner is not None and not is_repeated and not is_running(owner):
            instance.report_run_failed(run, "the command that ran it was killed")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
