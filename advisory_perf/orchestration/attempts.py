"""The runs there have been for one thing, told by their tag, and why they failed."""

from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.orchestration.decisions import Tries

SUBJECT_TAG = "advisory_perf/subject"
FINISHED_BADLY = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
FINISHED = (*FINISHED_BADLY, dg.DagsterRunStatus.SUCCESS)
_OUR_ERRORS = {error.__name__ for error in AdvisoryPerfError.__subclasses__()}


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """One run that did not succeed."""

    run_id: str
    ended_at: str
    reason: str


def tries_for(instance: dg.DagsterInstance, subject: str) -> Tries:
    """The runs that carry the subject's tag."""
    runs = instance.get_runs(dg.RunsFilter(tags={SUBJECT_TAG: subject}))
    return Tries(
        failed=sum(run.status in FINISHED_BADLY for run in runs),
        in_flight=any(run.status not in FINISHED for run in runs),
        idle=sum(run.status is dg.DagsterRunStatus.SUCCESS for run in runs),
    )


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
    failures = [entry.dagster_event for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)]
    return next((reason_of(event) for event in failures if event), "its process was lost, or somebody stopped it")


def reason_of(event: dg.DagsterEvent) -> str:
    """Why a step failed: our own sentence where there is one, else the first cause's."""
    chain = []
    error = event.step_failure_data.error
    while error is not None:
        chain.append(error)
        error = error.cause
    told = next((error for error in chain if error.cls_name in _OUR_ERRORS), chain[-1] if chain else None)
    if told is None:
        return "no reason was given"
    return " ".join(told.message.split()).removeprefix(f"{AdvisoryPerfError.__module__}.{told.cls_name}: ")
