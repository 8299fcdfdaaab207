"""The runs there have been for one thing, told by their tag, and why they failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import RUN_KEY_TAG
from dagster_shared.error import SerializableErrorInfo

from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.orchestration.decisions import LONGEST_REST, Tries, rest_after
from advisory_perf.orchestration.outages import chain_of, is_outage, names_of
from advisory_perf.storage.saying import plain

SUBJECT_TAG = "advisory_perf/subject"
CAUSE_TAG, OUTAGE, OWN = "advisory_perf/cause", "outage", "own"
_EXPIRY = timedelta(days=1)
FINISHED_BADLY = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
FINISHED = (*FINISHED_BADLY, dg.DagsterRunStatus.SUCCESS)


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """One run that did not succeed."""

    run_id: str
    ended_at: str
    reason: str


def tries_for(instance: dg.DagsterInstance, subject: str, *, now: datetime, longest_rest: timedelta = LONGEST_REST) -> Tries:
    """The runs that carry the subject's tag. Failures use up attempts for a day; those that an outage caused, or a lost worker, never.

    Why a run failed is read from its events once, and kept as its tag.
    """
    records = instance.get_run_records(dg.RunsFilter(tags={SUBJECT_TAG: subject}))
    finished = [record for record in records if record.dagster_run.status in FINISHED]
    own = [record.dagster_run.status in FINISHED_BADLY and not _is_outage(instance, record.dagster_run) for record in finished]
    in_a_row = next((place for place, failed in enumerate(own) if failed), len(own))
    return Tries(
        failed=sum(failed and now - _ended(record, now) < _EXPIRY for failed, record in zip(own, finished, strict=True)),
        in_flight=len(finished) < len(records),
        others=len(own) - sum(own),
        is_resting=in_a_row > 0 and now - _ended(finished[0], now) < rest_after(in_a_row, longest_rest),
        last_attempt=max((_attempt(record.dagster_run) for record in records), default=0),
    )


def _ended(record: dg.RunRecord, now: datetime) -> datetime:
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else now


def _attempt(run: dg.DagsterRun) -> int:
    number = run.tags.get(RUN_KEY_TAG, "").rpartition(":")[2]
    return int(number) if number.isdecimal() else 0


def _is_outage(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a failed run failed for what nothing that it worked on is to blame for.

    One that somebody stopped, or that was ended since it took too long, did not: it would be launched, and hang, for ever.
    """
    if run.status is not dg.DagsterRunStatus.FAILURE:
        return False
    if CAUSE_TAG not in run.tags:
        was_ended = bool(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_CANCELING))
        failures = [entry.dagster_event for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)]
        cause = OUTAGE if not was_ended and all(is_outage(chain_of(event)) for event in failures if event) else OWN
        instance.add_run_tags(run.run_id, {CAUSE_TAG: cause})
        return cause == OUTAGE
    return run.tags[CAUSE_TAG] == OUTAGE


def failed_attempts(instance: dg.DagsterInstance, subject: str) -> list[FailedAttempt]:
    """The subject's runs that did not succeed, the first one first."""
    records = instance.get_run_records(dg.RunsFilter(tags={SUBJECT_TAG: subject}, statuses=list(FINISHED_BADLY)), ascending=True)
    return [
        FailedAttempt(
            record.dagster_run.run_id,
            datetime.fromtimestamp(record.end_time, UTC).isoformat(timespec="seconds") if record.end_time else "",
            _reason_of_run(instance, record.dagster_run.run_id),
        )
        for record in records
    ]


def _reason_of_run(instance: dg.DagsterInstance, run_id: str) -> str:
    if instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_CANCELING):
        return "it was ended, by somebody or since it took longer than a run may take (max_runtime_seconds in dagster.yaml)"
    failures = [entry.dagster_event for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)]
    return next((reason_of(event) for event in failures if event), "its process was lost, or somebody stopped it")


def reason_of(event: dg.DagsterEvent) -> str:
    """Why a step failed: our own sentence where there is one, else the first cause's."""
    return told_by(chain_of(event))[1]


def told_by(chain: Sequence[SerializableErrorInfo]) -> tuple[str, str]:
    """The class and the words of the error that tells most: the first of our own, else the first cause."""
    ours = names_of(AdvisoryPerfError)
    told = next((error for error in chain if error.cls_name in ours), chain[-1] if chain else None)
    if told is None:
        return "", "no reason was given"
    own = " ".join(told.message.split()).removeprefix(f"{AdvisoryPerfError.__module__}.{told.cls_name}: ")
    return told.cls_name or "", own if told.cls_name in ours else plain(told.message)
