"""The runs of many subjects are asked for at once: with the same answers as one by one, and without a question more a file."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisory_perf.alerts.outbox import Outbox
from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.monitoring.attempts import Tries, abandoning_subject, rest_after
from advisory_perf.orchestration import run_history
from advisory_perf.orchestration.planning import pipeline_subject
from advisory_perf.orchestration.run_history import CAUSE_TAG, SUBJECT_TAG, failed_attempts, tries_for, tries_of_all
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.orchestration.scenarios import A_THIRD, World, a_world, csv

pytestmark = pytest.mark.slow

NOW = datetime(2025, 4, 1, 12, 0, tzinfo=UTC)
FAILURE, CANCELED, SUCCESS, STARTED = (
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.STARTED,
)
EVENTS = {FAILURE: "PIPELINE_FAILURE", CANCELED: "PIPELINE_CANCELED", SUCCESS: "PIPELINE_SUCCESS", STARTED: "PIPELINE_START"}


@dataclass(frozen=True)
class Past:
    """A run as it is known afterwards."""

    subject: str
    status: dg.DagsterRunStatus = FAILURE
    cause: str = "own"
    hours_ago: float = 1
    number: int = 1
    run_id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def is_bad(self) -> bool:
        """Whether it ended badly."""
        return self.status in {FAILURE, CANCELED}

    @property
    def is_lost(self) -> bool:
        """Whether its worker was lost."""
        return self.status is FAILURE and self.cause == "lost"

    def add(self, instance: dg.DagsterInstance) -> None:
        """Into the storage of runs."""
        cause = {CAUSE_TAG: f"{self.cause} {self.run_id}"} if self.status is FAILURE else {}
        tags = {SUBJECT_TAG: self.subject, "dagster/run_key": f"{self.subject}:{self.number}", **cause}
        instance.add_run(dg.DagsterRun(job_name="job", run_id=self.run_id, tags=tags, status=dg.DagsterRunStatus.NOT_STARTED))
        event = dg.DagsterEvent(EVENTS[self.status], "job")
        instance.run_storage.handle_run_event(self.run_id, event, NOW - timedelta(hours=self.hours_ago))


def counting(past: list[Past]) -> list[Past]:
    """Those of the runs of one subject, the latest first, that used up an attempt at any time; lost ones where five in a row were lost."""
    finished = [run for run in past if run.status is not STARTED]
    found = []
    for place, run in enumerate(finished):
        first = next((one for one in range(place, -1, -1) if not finished[one].is_lost), -1) + 1
        last = next((one for one in range(place, len(finished)) if not finished[one].is_lost), len(finished))
        if run.status is CANCELED or (run.status is FAILURE and run.cause == "own") or last - first >= 5:
            found.append(run)
    return found


def tries_one_by_one(past: list[Past]) -> Tries:
    """Of the runs of one subject, the latest first."""
    finished, counted = [run for run in past if run.status is not STARTED], counting(past)
    in_a_row = next((place for place, run in enumerate(finished) if run in counted), len(finished))
    in_vain = next((place for place, run in enumerate(finished) if not run.is_bad), len(finished))
    return Tries(
        failed=sum(run.hours_ago < 24 for run in counted),
        in_flight=len(finished) < len(past),
        others=len(finished) - len(counted),
        is_resting=in_a_row > 0 and timedelta(hours=finished[0].hours_ago) < rest_after(in_a_row),
        last_attempt=max((run.number for run in past), default=0),
        in_vain=in_vain,
        in_vain_since=NOW - timedelta(hours=finished[in_vain - 1].hours_ago) if in_vain else None,
    )


SUBJECTS = ("a", "b", "c")
RUNS = st.lists(
    st.builds(
        Past,
        st.sampled_from(SUBJECTS),
        st.sampled_from([FAILURE, FAILURE, CANCELED, SUCCESS, STARTED]),
        st.sampled_from(["own", "outage", "lost", "lost", "lost"]),
        st.sampled_from([0.001, 0.01, 1, 23, 25]),
        st.integers(1, 9),
    ),
    min_size=4,
    max_size=25,
)


@pytest.mark.slow
@accepts_at_least(0.3)
@settings(derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(past=RUNS, page=st.integers(1, 7), runs=st.integers(1, 7), newest=st.integers(1, 9))
def test_all_at_once_are_answered_as_one_by_one(
    monkeypatch: pytest.MonkeyPatch, past: list[Past], page: int, runs: int, newest: int
) -> None:
    with dg.DagsterInstance.ephemeral() as instance, monkeypatch.context() as patched:
        for name, number in (("_SUBJECTS_A_PAGE", page), ("_RUNS_A_PAGE", runs), ("NEWEST", newest)):
            patched.setattr(run_history, name, number)
        for run in past:
            run.add(instance)
        newest_of = {subject: [run for run in past[::-1] if run.subject == subject][:newest] for subject in SUBJECTS}
        expected = {subject: tries_one_by_one(of_subject) for subject, of_subject in newest_of.items()}
        assert tries_of_all(instance, SUBJECTS, now=NOW) == expected
        for subject, of_subject in newest_of.items():
            assert tries_for(instance, subject, now=NOW) == expected[subject]
            failed = counting(of_subject)
            counted("subjects with an attempt that counts", bool(failed))
            of_a_day = [run.run_id for run in failed[::-1] if run.hours_ago < 24]
            assert [one.run_id for one in failed_attempts(instance, subject, now=NOW)] == of_a_day


def test_of_a_subject_that_was_tried_for_weeks_the_newest_runs_count() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for number in range(120):
            Past("a", cause="outage", number=number, hours_ago=120 - number).add(instance)
        Past("b").add(instance)
        assert tries_of_all(instance, ["a", "b"], now=NOW) == {
            "a": Tries(others=50, last_attempt=119, in_vain=50, in_vain_since=NOW - timedelta(hours=50)),
            "b": Tries(failed=1, last_attempt=1, in_vain=1, in_vain_since=NOW - timedelta(hours=1)),
        }


@pytest.mark.parametrize(("lost", "failed"), [(4, 0), (5, 5), (6, 6)])
def test_workers_that_are_lost_again_and_again_are_lost_to_what_they_work_on(lost: int, failed: int) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for number in range(lost):
            instance.add_run(dg.DagsterRun(job_name="job", run_id=f"run {number}", tags={SUBJECT_TAG: "a"}))
            for kind in ("PIPELINE_START", "PIPELINE_FAILURE"):
                instance.run_storage.handle_run_event(f"run {number}", dg.DagsterEvent(kind, "job"), NOW)
        assert tries_for(instance, "a", now=NOW).failed == failed


# questions to the storage ---------------------------------------------------------------------------------------------


@contextmanager
def counted_questions() -> Iterator[list[str]]:
    """What is asked of the runs and events in Dagster's storage within the block; the warehouse is asked by another driver."""
    questions: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if re.search(r"FROM (runs|event_logs)\b", statement):
            questions.append(statement)

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", note)
    try:
        yield questions
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", note)


def wait_with_runs(world: World, files: int, runs: int) -> None:
    """So many files wait, each with some ingestions that failed by its own fault, and as many runs that were to give it up."""
    folder = Path(world.platform.lake.address) / "incoming/acme"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        (folder / f"acme_{number}.csv").write_text(csv(A_THIRD), encoding="utf-8")
    for file in world.platform.lake.files("incoming/acme/") if runs else []:
        for subject in (delivery_id_of(file), abandoning_subject(delivery_id_of(file))):
            for number in range(runs):
                ended = (datetime.now(UTC) - NOW).total_seconds() / 3600
                Past(subject, number=number + 1, hours_ago=-ended).add(world.instance)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sensor", "few", "many", "runs", "requests"),
    [
        ("arrivals", 1, 1_000, 0, (1, 50)),
        ("arrivals", 1, 200, 2, (1, 50)),
        ("arrivals", 1, 200, 3, (0, 0)),
        ("pipelines", 1, 200, 3, (1, 1)),
        ("watch", 1, 1_000, 0, (0, 0)),
        ("watch", 30, 200, 3, (0, 0)),
    ],
)
def test_more_waiting_files_ask_dagsters_storage_no_oftener(
    tmp_path: Path, warehouse_url: str, sensor: str, few: int, many: int, runs: int, requests: tuple[int, int]
) -> None:
    """But for one question for each 500 files, and for each 1,000 runs."""
    asked = []
    for files, expected in zip((few, many), requests, strict=True):
        (tmp_path / str(files)).mkdir()
        with a_world(tmp_path / str(files), warehouse_url) as world:
            assert world.ingest("acme.csv", csv(A_THIRD)).success
            wait_with_runs(world, files, runs)
            with counted_questions() as questions:
                result = world.tick(sensor)
            asked.append(len(questions))
            assert len(getattr(result, "run_requests", None) or []) == expected
    assert asked[0] > 0
    assert asked[1] - asked[0] <= many // 500 + 2 * many * runs // 1_000


@pytest.mark.parametrize("stuck", [1, 30])
def test_what_is_stuck_is_reported_by_and_by(tmp_path: Path, warehouse_url: str, stuck: int) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        world.put("acme_0.csv", csv(A_THIRD))
        wait_with_runs(world, stuck, 3)
        reported = [world.tick("watch").skip_message.count("failed as often as agreed") for _ in range(3)]
    assert reported == [min(stuck, 20), max(stuck - 20, 0), 0]


# what a retry inherits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inherited", ["outage", "outage {parent}", "own", "own {parent}"])
def test_a_run_with_the_tags_of_the_one_that_it_repeats_has_a_cause_of_its_own(inherited: str) -> None:
    @dg.op
    def work() -> None:
        raise KeyError("a mistake of the code")

    @dg.job
    def job() -> None:
        work()

    with dg.DagsterInstance.ephemeral() as instance:
        parent = str(uuid4())
        tags = {
            SUBJECT_TAG: "d",
            CAUSE_TAG: inherited.format(parent=parent),
            "dagster/parent_run_id": parent,
            "dagster/root_run_id": parent,
        }
        Past("d", cause="outage", run_id=parent).add(instance)
        failed = job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
        assert not failed.success
        found = tries_for(instance, "d", now=datetime.now(UTC))
        assert (found.failed, found.others) == (1, 1)


# what is counted ------------------------------------------------------------------------------------------------------


def three_failures_among_outages(world: World, subject: str) -> None:
    """And one of the day before, which counts no longer."""
    since = (NOW - datetime.now(UTC)) / timedelta(hours=1)
    for hours, cause in ((30, "own"), (5, "own"), (4, "outage"), (3, "own"), (2, "own"), (1, "outage")):
        Past(subject, cause=cause, hours_ago=since + hours).add(world.instance)


def test_the_alert_about_a_pipeline_counts_what_its_limit_counts(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        assert world.ingest("acme_1.csv", csv(A_THIRD)).success
        three_failures_among_outages(world, pipeline_subject("acme", world.platform.ledger.pending("acme")))
        world.tick("watch")
        (alert,) = Outbox(world.platform.warehouse).alerts(only_open=True)
        assert alert.message.startswith("acme: its pipeline failed 3 times, ")


def test_the_story_of_a_delivery_that_is_abandoned_counts_what_its_limit_counts(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        three_failures_among_outages(world, delivery_id_of(world.put("acme_1.csv", csv(A_THIRD))))
        (abandoning,) = world.tick("arrivals").run_requests
        assert world.run_request(abandoning).success
        (entry,) = world.platform.ledger.entries("acme")
        assert str(entry.error_message).startswith("acme, acme_1.csv: its ingestion failed 3 times, ")
        (story,) = [file.path for file in world.platform.lake.files("error/acme/") if file.name.endswith(".reason.json")]
        assert len(json.loads(world.platform.lake.read(story))["attempts"]) == 3
