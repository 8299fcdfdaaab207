"""How files are handed to a command: in order, one's incident is its own, and what lies in incoming/ already is not written over."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import dagster as dg
import pytest

from advisory_perf.errors import AdvisoryPerfError, DeliveryRejectedError, LakeOutageError, WarehouseError
from advisory_perf.processes import own_identity
from advisory_perf.runtime.in_process import BY_COMMAND, Handed, LocalRuns, Outcome, _Failure, release_dead_runs, replay, run_files
from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, World, a_world, an_entry, csv, days, noted_waits

pytestmark = pytest.mark.slow

FIRST, SECOND, TORN = csv(A_THIRD), csv(B_THIRD), "no,header\n1,2\n"
(THIRD,) = days(3)
PROCESS = "advisory_perf/process"


# order ----------------------------------------------------------------------------------------------------------------


class Heard:
    """Runs of a journal: ingestions and pipelines end as it says."""

    def __init__(self, *, pending: tuple[str, ...] = ("a", "b"), **incident: Exception) -> None:
        """Keep which feeds' pipelines wait, and what raises what."""
        self.journal: list[str] = []
        self.pending, self.incident, self.in_doubt = pending, incident, list[Any]()

    def _do(self, what: str) -> None:
        self.journal.append(what)
        if what in self.incident:
            raise self.incident[what]

    def ingest(self, path: Path, feed: str | None) -> Handed:
        self._do(path.name)
        return self._handed(feed or path.name[0], path.name)

    def ingest_again(self, entry: Any) -> Handed:
        self._do(f"again_{entry.file_name}")
        return self._handed(entry.feed, entry.file_name)

    def _handed(self, feed: str, name: str) -> Handed:
        return Handed(name, cast("Any", SimpleNamespace(feed=feed, status="PROCESSING", delivery_id=name)), is_repeated=False)

    def unfinished(self) -> list[Any]:
        return self.in_doubt

    def has_pending(self, feed: str) -> bool:
        return feed in self.pending

    def run_pipeline(self, feed: str) -> None:
        self._do(f"pipeline_{feed}")

    def again(self, one: Handed) -> Handed:
        return Handed(one.name, cast("Any", SimpleNamespace(status="COMPLETED")), one.is_repeated)


def handed_over(heard: Heard, *names: str, feed: str | None = None) -> tuple[Outcome, list[str]]:
    reported: list[str] = []
    reports: dict[str, Callable[..., None]] = {
        "ingested": lambda one: reported.append(f"{one.name} {one.status}"),
        "pipeline_done": lambda name, of: reported.append(f"{name} of {of}"),
    }
    return run_files(cast("Any", heard), [Path(name) for name in names], feed, **reports), reported


def test_files_are_ingested_in_order_and_then_each_pipeline_that_waits_runs_once() -> None:
    heard = Heard(pending=("b", "a", "c"))
    outcome, reported = handed_over(heard, "b1", "a1", "b2", "d1")
    assert heard.journal == ["b1", "a1", "b2", "d1", "pipeline_b", "pipeline_a"]
    assert reported == ["b1 PROCESSING", "a1 PROCESSING", "b2 PROCESSING", "d1 PROCESSING", "b of 2", "a of 2"]
    assert ([one.status for one in outcome.handed], outcome.failures) == (["COMPLETED"] * 4, [])


def test_what_no_feed_claims_has_no_pipeline() -> None:
    heard = Heard(pending=("unknown", "a"))
    handed_over(heard, "x", "a1", feed="unknown")
    assert heard.journal == ["x", "a1"]


def test_the_incident_of_one_delivery_or_pipeline_is_reported_and_keeps_no_other_from_going_on() -> None:
    heard = Heard(a1=DeliveryRejectedError("E_TOO_LARGE", "a1 is large"), pipeline_b=AdvisoryPerfError("b: the pipeline failed"))
    outcome, reported = handed_over(heard, "a1", "b1", "a2")
    assert heard.journal == ["a1", "b1", "a2", "pipeline_b", "pipeline_a"]
    assert reported == ["b1 PROCESSING", "a2 PROCESSING", "a of 2"]
    assert ([one.name for one in outcome.handed], outcome.failures) == (
        ["b1", "a2"],
        ["E_TOO_LARGE: a1 is large", "b: the pipeline failed"],
    )


@pytest.mark.parametrize("error", [LakeOutageError("the lake is gone"), WarehouseError("the warehouse is gone")])
def test_a_store_that_does_not_answer_stops_everything(error: AdvisoryPerfError) -> None:
    heard = Heard(a1=error)
    with pytest.raises(type(error), match="is gone"):
        handed_over(heard, "a1", "b1")
    assert heard.journal == ["a1"]


def test_what_an_earlier_run_left_in_doubt_is_ingested_first() -> None:
    heard = Heard()
    heard.in_doubt = [SimpleNamespace(feed="a", file_name="a0")]
    outcome, _ = handed_over(heard, "b1")
    assert heard.journal == ["again_a0", "b1", "pipeline_a", "pipeline_b"]
    assert [one.name for one in outcome.handed] == ["a0", "b1"]


def test_a_replay_ingests_again_and_runs_the_pipelines_that_it_was_asked_for_first() -> None:
    heard = Heard(pending=("a", "b", "c"))
    entries = [cast("Any", SimpleNamespace(feed="b", file_name="b1"))]
    outcome = replay(cast("Any", heard), entries, ["c", "b"], ingested=lambda _: None, pipeline_done=lambda _name, _of: None)
    assert (heard.journal, outcome.failures) == (["again_b1", "pipeline_c", "pipeline_b"], [])


# one file -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """An installation that knows acme; nothing has been delivered."""
    with a_world(tmp_path, warehouse_url, max_bytes=2_000) as made:
        yield made


def runs_of(world: World) -> LocalRuns:
    return LocalRuns(world.platform, world.definitions, world.instance)


def a_file(folder: Path, content: str, name: str = "acme_1.csv") -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def zones(world: World) -> list[tuple[str, str]]:
    files = [file for zone in ("incoming", "archive", "error") for file in world.platform.lake.files(f"{zone}/")]
    return sorted(
        (file.path.split("/")[0], world.platform.lake.read(file.path).decode()) for file in files if not file.name.endswith(".reason.json")
    )


def test_a_file_that_waits_under_that_name_is_ingested_before_it_and_one_that_was_handed_over_already_is_known(
    world: World, tmp_path: Path
) -> None:
    world.put("acme_1.csv", FIRST)
    handed = runs_of(world).ingest(a_file(tmp_path, SECOND), None)
    assert (handed.status, handed.is_repeated) == ("PROCESSING", False)
    assert [entry.status for entry in world.platform.ledger.entries("acme")] == ["PROCESSING"] * 2
    assert zones(world) == [("archive", FIRST), ("archive", SECOND)]
    world.put("acme_1.csv", SECOND)  # a command was cut short
    again = runs_of(world).ingest(tmp_path / "acme_1.csv", None)
    assert (again.status, again.is_repeated, again.entry.delivery_id) == ("DUPLICATE", True, handed.entry.delivery_id)
    assert zones(world) == [("archive", FIRST), ("archive", SECOND)]
    world.put("acme_2.csv", csv(A_FIFTH))
    cut_short = runs_of(world).ingest(a_file(tmp_path, csv(A_FIFTH), "acme_2.csv"), None)
    assert (cut_short.status, cut_short.is_repeated) == ("PROCESSING", False), "it lies there, and has not been ingested"
    assert len(zones(world)) == 3


def test_a_file_that_waits_and_is_not_ingested_is_not_written_over(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("acme_1.csv", FIRST)
    monkeypatch.setattr(LocalRuns, "_run", lambda *_, **__: _Failure("no room", is_by_check=False))
    with pytest.raises(
        AdvisoryPerfError, match=r"acme, acme_1\.csv: another file of that name waits .* is not ingested \(no room\); let it"
    ):
        runs_of(world).ingest(a_file(tmp_path, SECOND), None)
    assert zones(world) == [("incoming", FIRST)]
    monkeypatch.setattr(LocalRuns, "_run", lambda *_, **__: None)
    with pytest.raises(AdvisoryPerfError, match=r"waits in incoming/ and is not ingested; let it be ingested or take it away first"):
        runs_of(world).ingest(tmp_path / "acme_1.csv", None)


def test_a_rejected_file_is_tried_again_and_is_no_repetition(world: World, tmp_path: Path) -> None:
    for _ in range(2):
        handed = runs_of(world).ingest(a_file(tmp_path, TORN), None)
        assert (handed.status, handed.is_repeated, handed.entry.error_code) == ("FAILED", False, "E_HEADER_MISSING")
    assert len(world.platform.ledger.entries("acme")) == 1
    assert zones(world) == [("error", TORN)]


def test_what_no_feed_claims_is_rejected_by_the_command_with_the_registrys_sentence(world: World, tmp_path: Path) -> None:
    handed = runs_of(world).ingest(a_file(tmp_path, "x", "who.csv"), None)
    assert (handed.status, handed.entry.vendor, handed.entry.error_code) == ("FAILED", "unknown", "E_UNKNOWN_VENDOR")
    assert (handed.entry.run_id, BY_COMMAND) == ("advisory-perf run",) * 2
    assert (handed.entry.error_message or "").startswith("who.csv: no feed claims this name; say --feed, or add a feed (known: acme_*, ")
    named = runs_of(world).ingest(a_file(tmp_path, FIRST, "who.csv"), "acme")
    assert (named.status, named.entry.vendor) == ("PROCESSING", "acme")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("a\nb.csv", "x", r"a\\nb\.csv: .*; give it a plain name"), ("acme_1.csv", "x" * 2_001, r"E_TOO_LARGE: .*2,001 bytes")],
    ids=["odd", "large"],
)
def test_a_file_of_an_odd_name_or_of_too_many_bytes_is_refused_before_it_is_put_anywhere(
    world: World, tmp_path: Path, name: str, content: str, says: str
) -> None:
    with pytest.raises(AdvisoryPerfError, match=says):
        runs_of(world).ingest(a_file(tmp_path, content, name), "acme")
    assert (zones(world), world.platform.ledger.entries()) == ([], [])
    if name == "acme_1.csv":
        fits = a_file(tmp_path, (FIRST + "\n" * 2_000)[:2_000])
        assert runs_of(world).ingest(fits, None).status == "PROCESSING", "just as many as may be"


def test_an_ingestion_that_ended_without_a_word_is_another_processs(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalRuns, "_run", lambda *_, **__: None)
    with pytest.raises(AdvisoryPerfError, match=r"acme, acme_1\.csv: another process ingests it now; look at the ledger when it has ended"):
        runs_of(world).ingest(a_file(tmp_path, FIRST), None)


def test_two_commands_with_files_of_one_name_take_locks(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = noted_waits(monkeypatch)
    monkeypatch.setattr(LocalRuns, "_run", lambda *_, **__: _Failure("x", is_by_check=False))
    with pytest.raises(AdvisoryPerfError, match="the ingestion failed: x"):
        runs_of(world).ingest(a_file(tmp_path, FIRST), None)
    assert waited == ["handing acme acme_1.csv"]


def test_a_pipeline_runs_for_what_is_pending_and_says_of_which_days_it_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Mock(return_value=None)
    monkeypatch.setattr(LocalRuns, "_run", asked)
    runs = runs_of(world)
    assert (runs.has_pending("acme"), runs.run_pipeline("acme"), asked.call_count) == (False, False, 0)
    monkeypatch.setattr(type(world.platform.ledger), "pending", lambda _ledger, feed: [an_entry("d", THIRD)] if feed == "acme" else [])
    monkeypatch.setattr(type(world.platform.ledger), "latest_as_of_date", lambda _ledger, _feed: days(5)[0])
    assert (runs.has_pending("acme"), runs.has_pending("vendor_d"), runs.run_pipeline("acme")) == (True, False, True)
    span = {"dagster/asset_partition_range_start": "2025-03-03", "dagster/asset_partition_range_end": "2025-03-05"}
    assert (asked.call_args.args, asked.call_args.kwargs) == (("acme_pipeline",), {"tags": span})
    asked.return_value = _Failure("no room", is_by_check=False)
    with pytest.raises(AdvisoryPerfError, match=r"^acme: the pipeline from 2025-03-03 to 2025-03-05 failed: no room$"):
        runs.run_pipeline("acme")


def test_a_run_of_a_command_carries_its_process_and_tells_its_first_failed_step(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    @dg.op
    def work() -> None:
        raise LakeOutageError("no room")

    @dg.job
    def failing() -> None:
        work()

    jobs = Mock(resolve_job_def=Mock(return_value=failing))
    monkeypatch.setattr("advisory_perf.runtime.in_process.printing", lambda _level: {})
    runs = LocalRuns(world.platform, jobs, world.instance)
    assert runs._run("failing", tags={"a": "b"}) == _Failure("no room", is_by_check=False)  # noqa: SLF001 - the lowest place
    (run,) = world.instance.get_runs()
    assert (run.tags["a"], run.tags[PROCESS], run.status) == ("b", own_identity(), dg.DagsterRunStatus.FAILURE)


# runs of killed commands ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "status", "is_ended"),
    [
        ({PROCESS: "1/0"}, "STARTED", True),
        ({PROCESS: "1/0"}, "STARTING", True),
        ({PROCESS: "1/0"}, "NOT_STARTED", False),
        ({PROCESS: "own"}, "STARTED", False),
        ({}, "STARTED", False),
        ({PROCESS: "1/0", "dagster/parent_run_id": "another"}, "STARTED", False),
    ],
    ids=["killed", "killed early", "not begun", "runs", "the daemon's", "repeated from the page"],
)
def test_only_the_begun_runs_of_commands_that_are_gone_are_ended(
    monkeypatch: pytest.MonkeyPatch, tags: dict[str, str], status: str, *, is_ended: bool
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        given = {name: own_identity() if value == "own" else value for name, value in tags.items()}
        run = instance.add_run(dg.DagsterRun(job_name="job", run_id="r", tags=given, status=dg.DagsterRunStatus(status)))
        freed: list[str] = []
        monkeypatch.setattr(type(instance.event_log_storage), "free_concurrency_slots_for_run", lambda _self, run_id: freed.append(run_id))
        release_dead_runs(instance)
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
        assert (found.status is dg.DagsterRunStatus.FAILURE, freed) == (is_ended, ["r"] if is_ended else [])
