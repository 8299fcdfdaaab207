"""The runs there have been for a thing, known by their tag, and why they failed.

A sensor asks for all of its subjects at once: a question to Dagster's storage takes longer than anything else in a tick, and files may
wait by the thousand. Of each subject only the newest runs are looked at.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, takewhile

import dagster as dg
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, RUN_KEY_TAG
from dagster_shared.error import SerializableErrorInfo

from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.library_errors import plain
from advisory_perf.monitoring.attempts import LONGEST_REST, FailedAttempt, Tries, rest_after
from advisory_perf.orchestration.outages import chain_of, is_outage, names_of

SUBJECT_TAG = "advisory_perf/subject"
CAUSE_TAG, OUTAGE, LOST, OWN = "advisory_perf/cause", "outage", "lost", "own"
NEWEST = 50
LOST_IN_A_ROW = 5
"""So many workers in a row are not lost by chance: what they worked on needs more memory than there is, or ends them otherwise."""
_EXPIRY = timedelta(days=1)
_SUBJECTS_A_PAGE, _RUNS_A_PAGE = 500, 1_000
FINISHED_BADLY = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
FINISHED = (*FINISHED_BADLY, dg.DagsterRunStatus.SUCCESS)


def tries_for(instance: dg.DagsterInstance, subject: str, *, now: datetime, longest_rest: timedelta = LONGEST_REST) -> Tries:
    """What ``tries_of_all`` says of one subject."""
    return tries_of_all(instance, [subject], now=now, longest_rest=longest_rest)[subject]


def tries_of_all(
    instance: dg.DagsterInstance, subjects: Iterable[str], *, now: datetime, longest_rest: timedelta = LONGEST_REST
) -> dict[str, Tries]:
    """For each subject the runs that carry its tag.

    Failures use up attempts for a day; those that an outage caused never, and lost workers only where ``LOST_IN_A_ROW`` are. Why a run
    failed is read from its events once, and kept as its tag.
    """
    histories = histories_of(instance, subjects)
    return {subject: _tries(instance, records, now, longest_rest) for subject, records in histories.items()}


def histories_of(instance: dg.DagsterInstance, subjects: Iterable[str]) -> dict[str, list[dg.RunRecord]]:
    """Of each subject its newest runs, ``NEWEST`` at most, the newest first."""
    found: dict[str, list[dg.RunRecord]] = {subject: [] for subject in subjects}
    names = list(found)
    for start in range(0, len(names), _SUBJECTS_A_PAGE):
        cursor, wanted = None, names[start : start + _SUBJECTS_A_PAGE]
        while wanted:
            page = instance.get_run_records(dg.RunsFilter(tags={SUBJECT_TAG: wanted}), limit=_RUNS_A_PAGE, cursor=cursor)
            for record in page:
                found[record.dagster_run.tags[SUBJECT_TAG]].append(record)
            is_all = len(page) < _RUNS_A_PAGE
            wanted = [] if is_all else [subject for subject in wanted if len(found[subject]) < NEWEST]
            cursor = page[-1].dagster_run.run_id if page else None
    return {subject: records[:NEWEST] for subject, records in found.items()}


def _tries(instance: dg.DagsterInstance, records: Sequence[dg.RunRecord], now: datetime, longest_rest: timedelta) -> Tries:
    finished = [record for record in records if record.dagster_run.status in FINISHED]
    own = _are_own_failures(instance, finished)
    in_a_row = next((place for place, failed in enumerate(own) if failed), len(own))
    in_vain = list(takewhile(lambda record: record.dagster_run.status in FINISHED_BADLY, finished))
    return Tries(
        failed=sum(failed and _is_recent(record, now) for failed, record in zip(own, finished, strict=True)),
        in_flight=len(finished) < len(records),
        others=len(own) - sum(own),
        is_resting=in_a_row > 0 and now - _ended(finished[0], now) < rest_after(in_a_row, longest_rest),
        last_attempt=max((_attempt(record.dagster_run) for record in records), default=0),
        in_vain=len(in_vain),
        in_vain_since=_ended(in_vain[-1], now) if in_vain else None,
    )


def _are_own_failures(instance: dg.DagsterInstance, finished: Sequence[dg.RunRecord]) -> list[bool]:
    """Of each run whether it failed for what it worked on."""
    causes = [_cause(instance, record) for record in finished]
    own: list[bool] = []
    for cause, equal in groupby(causes):
        number = len(list(equal))
        own += [cause == OWN or (cause == LOST and number >= LOST_IN_A_ROW)] * number
    return own


def _is_recent(record: dg.RunRecord, now: datetime) -> bool:
    """Whether a failure still counts."""
    return now - _ended(record, now) < _EXPIRY


def _ended(record: dg.RunRecord, now: datetime) -> datetime:
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else now


def _attempt(run: dg.DagsterRun) -> int:
    number = run.tags.get(RUN_KEY_TAG, "").rpartition(":")[2]
    return int(number) if number.isdecimal() else 0


def _cause(instance: dg.DagsterInstance, record: dg.RunRecord) -> str | None:
    """Why a run ended badly: for what nothing that it worked on is to blame for, for the loss of its worker, or for its own; else None.

    One that somebody stopped, or that was ended since it took too long, failed for its own: it would be launched, and hang, for ever.
    """
    run = record.dagster_run
    if run.status is not dg.DagsterRunStatus.FAILURE:
        return OWN if run.status in FINISHED_BADLY else None
    cause = _kept_cause(run)
    if cause is None:
        was_ended = bool(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_CANCELING))
        events = [entry.dagster_event for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)]
        failures = [event for event in events if event]
        if was_ended or not all(is_outage(chain_of(event)) for event in failures):
            cause = OWN
        else:
            cause = OUTAGE if failures or record.start_time is None else LOST
        instance.add_run_tags(run.run_id, {CAUSE_TAG: f"{cause} {run.run_id}"})
    return cause


def _kept_cause(run: dg.DagsterRun) -> str | None:
    """Why the run failed as its tag says; None where it says nothing, or what became of the run whose tags this one was launched with."""
    cause, _, run_id = run.tags.get(CAUSE_TAG, "").partition(" ")
    is_its_own = run_id == run.run_id if run_id else PARENT_RUN_ID_TAG not in run.tags
    return cause if cause and is_its_own else None


def failed_attempts(instance: dg.DagsterInstance, subject: str, *, now: datetime, latest: int = NEWEST) -> list[FailedAttempt]:
    """The runs that ``tries_for`` counts as failed, the first one first; of more than so many the ``latest``."""
    finished = [record for record in histories_of(instance, [subject])[subject] if record.dagster_run.status in FINISHED]
    own = _are_own_failures(instance, finished)
    counted = [record for record, failed in zip(finished, own, strict=True) if failed and _is_recent(record, now)]
    return [
        FailedAttempt(
            record.dagster_run.run_id,
            datetime.fromtimestamp(record.end_time, UTC).isoformat(timespec="seconds") if record.end_time else "",
            _reason_of_run(instance, record.dagster_run.run_id),
        )
        for record in reversed(counted[:latest])
    ]


def latest_failure(instance: dg.DagsterInstance, subject: str) -> tuple[str, str]:
    """Error class and reason of the subject's latest run that ended badly, whatever the cause."""
    for record in histories_of(instance, [subject])[subject]:
        if record.dagster_run.status in FINISHED_BADLY:
            run_id = record.dagster_run.run_id
            events = [entry.dagster_event for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)]
            return next((reported_by(chain_of(event)) for event in events if event), ("", _reason_of_run(instance, run_id)))
    return "", "no reason was given"


def _reason_of_run(instance: dg.DagsterInstance, run_id: str) -> str:
    if instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_CANCELING):
        return "it was ended, by somebody or since it took longer than a run may take (max_runtime_seconds in dagster.yaml)"
    failures = [entry.dagster_event for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)]
    return next((reason_of(event) for event in failures if event), "its process was lost, or somebody stopped it")


def reason_of(event: dg.DagsterEvent) -> str:
    """Why a step failed: our own sentence where there is one, else the first cause's."""
    return reported_by(chain_of(event))[1]


def reported_by(chain: Sequence[SerializableErrorInfo]) -> tuple[str, str]:
    """The class and the words of the error that tells most: the first of our own, else the first cause."""
    ours = names_of(AdvisoryPerfError)
    reported = next((error for error in chain if error.cls_name in ours), chain[-1] if chain else None)
    if reported is None:
        return "", "no reason was given"
    own = " ".join(reported.message.split()).removeprefix(f"{AdvisoryPerfError.__module__}.{reported.cls_name}: ")
    return reported.cls_name or "", own if reported.cls_name in ours else plain(reported.message)
