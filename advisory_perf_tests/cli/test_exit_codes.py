"""The exit code of every command: 0 done, 1 one sentence, 2 wrong usage, 3 done with issues. The commands are the real ones.

What a command calls below itself is left to its own tests: pipelines end here as a case says, by the function that runs a job.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import dagster as dg
import pytest
from dagster_postgres.utils import DagsterPostgresException

from advisory_perf.alerts.outbox import Outbox
from advisory_perf.errors import ChannelError
from advisory_perf.operations.health import HealthFinding
from advisory_perf.orchestration.jobs.upkeep import Removed
from advisory_perf.runtime.in_process import LocalRuns, _Failure
from advisory_perf.runtime.installation import Installation
from advisory_perf.warehouse.auditing import this_login
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.roles import Role
from advisory_perf_tests.cli.commands import Outcome, line_with
from advisory_perf_tests.cli.in_process import OPENING, done_by, in_process, opened
from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, World, a_world, acme_as_data, csv
from advisory_perf_tests.orchestration.scenarios import VENDOR as ACME

pytestmark = pytest.mark.slow

IN_QUARANTINE = "C,2025-03-05,12x,0.00,0.00,0.00,255.00,0.00000"
ELSEWHERE = {"ADVISORY_PERF_WAREHOUSE_URL": "postgresql://nobody@127.0.0.1:1/x"}
AWAY = {**ELSEWHERE, "ADVISORY_PERF_DAGSTER_URL": "postgresql+psycopg2://nobody@127.0.0.1:1/x"}


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """An installation that knows acme; nothing has been delivered."""
    with a_world(tmp_path, warehouse_url) as made:
        yield made


def a_file(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def pipelines_end(monkeypatch: pytest.MonkeyPatch, failure: _Failure | None) -> list[str]:
    """Every pipeline ends so, without having run; ingestions are ingestions. Gives the names of the pipelines, as they come."""
    run: Callable[..., _Failure | None] = LocalRuns._run  # noqa: SLF001 - the lowest place where a pipeline ends
    asked: list[str] = []

    def run_it(runs: LocalRuns, job_name: str, **chosen: Any) -> _Failure | None:
        if not job_name.endswith("_pipeline"):
            return run(runs, job_name, **chosen)
        asked.append(job_name)
        return failure

    monkeypatch.setattr(LocalRuns, "_run", run_it)
    return asked


BROKEN = _Failure("the disk is full", is_by_check=False)
BROKEN_PIPELINE = "acme: the pipeline from 2025-03-03 to 2025-03-05 failed: the disk is full"


# pipelines ------------------------------------------------------------------------------------------------------------


def test_run_and_replay_end_with_0_where_everything_is_published(world: World, tmp_path: Path) -> None:
    outcome, done = done_by(world, "run", a_file(tmp_path, "acme_1.csv", csv(A_THIRD, A_FIFTH)))
    assert (outcome.code, [one.status for one in done.handed], done.failures) == (0, ["COMPLETED"], [])
    assert line_with("acme_1.csv", outcome.out) == "acme_1.csv acme COMPLETED 2 2 0 0 0 100.00%"
    outcome, done = done_by(world, "quarantine", "replay")
    assert (outcome.code, done.handed, outcome.err) == (0, [], "")
    assert outcome.out == "nothing to replay: no delivery failed, and no row is in quarantine\n"


def test_a_pipeline_that_fails_ends_run_and_replay_with_1_also_where_nothing_had_to_be_ingested_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = pipelines_end(monkeypatch, BROKEN)
    file = a_file(tmp_path, "acme_1.csv", csv(A_THIRD, A_FIFTH))
    replay = ("quarantine", "replay")
    cases: list[tuple[tuple[str | Path, ...], int]] = [(("run", file), 1), (replay, 0), ((*replay, "--vendor", ACME), 0)]
    for count, (arguments, ingested) in enumerate(cases, 1):
        outcome, done = done_by(world, *arguments)
        assert (outcome.code, len(done.handed), done.failures, len(asked)) == (1, ingested, [BROKEN_PIPELINE], count), arguments
        assert outcome.err.splitlines()[-1] == f"advisory-perf: {BROKEN_PIPELINE}"
        assert "nothing to replay" not in outcome.out
        assert [one.status for one in done.handed] == ["PROCESSING"] * ingested
    (entry,) = world.platform.ledger.entries(ACME)
    outcome, done = done_by(world, *replay, "--delivery", entry.delivery_id)
    assert (outcome.code, len(done.handed), done.failures) == (1, 1, [BROKEN_PIPELINE])
    assert line_with("acme_1.csv", outcome.out).startswith("acme_1.csv acme PROCESSING 2 2 0 ")
    logged = world.platform.warehouse.query("SELECT principal, action, subject, origin, before::text FROM audit_log")
    status = f'{{"deliveries": {{"{entry.delivery_id}": "PROCESSING"}}}}'
    assert logged.rows() == [(this_login(), "REPLAYED", "1 of acme", "replay", status)], "what was replayed, and not what came first"


def test_a_delivery_that_stays_processing_ends_run_and_replay_with_3(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipelines_end(monkeypatch, None)
    for arguments in (("run", a_file(tmp_path, "acme_1.csv", csv(A_THIRD, IN_QUARANTINE))), ("quarantine", "replay")):
        outcome, done = done_by(world, *arguments)
        assert (outcome.code, [one.status for one in done.handed]) == (3, ["PROCESSING"]), arguments
        assert line_with("acme_1.csv", outcome.out).startswith("acme_1.csv acme PROCESSING 2 1 1 ")


def test_a_rejected_delivery_and_one_with_issues_end_run_and_replay_with_3(world: World, tmp_path: Path) -> None:
    rejected, with_issues = a_file(tmp_path, "acme_1.csv", "no,header\n"), a_file(tmp_path, "acme_2.csv", csv(A_THIRD, IN_QUARANTINE))
    outcome, done = done_by(world, "run", rejected)
    assert (outcome.code, [one.status for one in done.handed]) == (3, ["FAILED"])
    again, done = done_by(world, "quarantine", "replay", "--delivery", done.handed[0].entry.delivery_id)
    assert (again.code, [one.status for one in done.handed]) == (3, ["FAILED"])
    outcome, done = done_by(world, "run", with_issues)
    assert (outcome.code, [one.status for one in done.handed]) == (3, ["COMPLETED_WITH_ISSUES"])
    outcome, done = done_by(world, "run", with_issues)
    assert (outcome.code, [one.status for one in done.handed]) == (0, ["DUPLICATE"])


def test_run_computes_statistics_and_ends_with_1_where_a_composite_is_wrong(world: World, tmp_path: Path) -> None:
    counted = "SELECT count(*) FROM account_statistics"
    done_by(world, "run", a_file(tmp_path, "acme_1.csv", csv(A_THIRD)))
    assert world.platform.warehouse.query(counted).item() == 1
    folder = world.platform.settings.home / "composites"
    folder.mkdir()
    wrong = a_file(folder, "one.yaml", "composite: One\n")
    outcome, done = done_by(world, "run", a_file(tmp_path, "acme_2.csv", csv(B_THIRD)))
    assert (outcome.code, [one.status for one in done.handed]) == (1, ["COMPLETED"])
    says = f"advisory-perf: statistics, contributions and composites: the job firm_performance failed: {wrong}: description: Field required"
    assert outcome.err.splitlines()[-1].startswith(says)
    assert world.platform.warehouse.query(counted).item() == 2


def test_an_ingestion_that_cannot_work_ends_run_and_replay_with_1(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalRuns, "_run", lambda *_, **__: BROKEN)
    outcome, done = done_by(world, "run", a_file(tmp_path, "acme_1.csv", csv(A_THIRD)))
    assert (outcome.code, done.handed, outcome.sentence) == (1, [], "acme, acme_1.csv: the ingestion failed: the disk is full")


def test_the_demonstration_ends_with_0_though_its_deliveries_have_issues_with_3_where_one_is_left_and_with_1_where_a_pipeline_fails(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def write(folder: Path) -> list[Path]:
        made.append(a_file(folder, f"acme_{len(made)}.csv", csv(A_THIRD, A_FIFTH, f"{IN_QUARANTINE}{len(made)}")))
        return made[-1:]

    monkeypatch.setattr("advisory_perf.runtime.demo.write_demo_deliveries", write)
    outcome, done = done_by(world, "demo")
    assert (outcome.code, [one.status for one in done.handed]) == (0, ["COMPLETED_WITH_ISSUES"])
    assert outcome.out.startswith(f"1 deliveries of four vendors, into {world.platform.settings.home}\n")
    assert f"--home {world.platform.settings.home} export performance_data -o performance_data.csv" in " ".join(outcome.out.split())
    pipelines_end(monkeypatch, None)
    outcome, done = done_by(world, "demo")
    assert (outcome.code, [one.status for one in done.handed]) == (3, ["PROCESSING"])
    pipelines_end(monkeypatch, BROKEN)
    outcome, done = done_by(world, "demo")
    assert (outcome.code, done.failures) == (1, [BROKEN_PIPELINE])
    assert "Take the figures with you" not in outcome.out
    assert not made[0].exists(), "nothing of it is left but what was ingested"


# what asks the warehouse ----------------------------------------------------------------------------------------------


def test_what_only_asks_the_warehouse_ends_with_0(world: World) -> None:
    for *arguments, says in (
        ("quarantine", "list", "Quarantine: 0 rows"),
        ("breaks", "list", "Breaks: 0"),
        ("breaks", "list", "--status", "ALL", "Breaks: 0"),
        ("alerts", "list", "Alerts: 0"),
        ("alerts", "list", "--all", "Alerts: 0"),
        ("export", "accounts", "data_source,account_id"),
        ("migrate", "the schema is up to date"),
        ("upkeep", "removed 0 runs that ended more than 90 days ago, with their events, and 0 partitions of deliveries"),
    ):
        outcome = in_process(*arguments, world=world)
        assert (outcome.code, outcome.err) == (0, ""), arguments
        assert says in outcome.out, arguments


def test_what_the_warehouse_does_not_know_ends_with_1_and_a_sentence(world: World) -> None:
    for *arguments, says in (
        ("breaks", "sign-off", "B-1", "--by", "Ann", "--reason", "known", "B-1"),
        ("alerts", "resolve", "7", "8", "there is no alert 7; `advisory-perf alerts list` names those that are open; there is no alert 8"),
        ("export", "nonsense", "there is no table or view 'nonsense' to export"),
        ("quarantine", "replay", "--delivery", "x", "the ledger has no delivery x"),
    ):
        outcome = in_process(*arguments, world=world)
        assert (outcome.code, outcome.out) == (1, ""), arguments
        assert says in outcome.sentence, arguments


def test_of_several_alerts_those_that_are_open_are_resolved_and_the_others_named(world: World) -> None:
    assert not world.ingest("acme_1.csv", "no,header\n1,2\n").success
    outbox = Outbox(world.platform.warehouse)
    (alert,) = outbox.alerts(only_open=True)
    listed = in_process("alerts", "list", world=world)
    assert line_with("CRITICAL", listed.out).startswith(f"{alert.id} CRITICAL E_HEADER_MISSING acme ")
    outcome = in_process("alerts", "resolve", str(alert.id + 1), str(alert.id), world=world)
    assert (outcome.code, outcome.sentence.partition(";")[0]) == (1, f"there is no alert {alert.id + 1}")
    assert outbox.alerts(only_open=True) == []
    assert "Alerts: 0" in in_process("alerts", "list", world=world).out
    assert "Alerts: 1" in in_process("alerts", "list", "--all", world=world).out


COMMANDS_OF_THE_WAREHOUSE = [
    ["demo"],
    ["run", "acme_1.csv"],
    ["dev"],
    ["platform"],
    ["page"],
    ["health"],
    ["migrate"],
    ["quarantine", "list"],
    ["quarantine", "replay"],
    ["breaks", "list"],
    ["breaks", "sign-off", "B-1", "--by", "Ann", "--reason", "known"],
    ["alerts", "list"],
    ["alerts", "resolve", "1"],
    ["tokens", "new", "job"],
    ["export", "accounts"],
    ["upkeep"],
]


@pytest.mark.parametrize("arguments", COMMANDS_OF_THE_WAREHOUSE, ids=" ".join)
def test_a_warehouse_that_does_not_answer_ends_each_command_with_1_and_one_sentence(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "advisory_perf.runtime.demo.write_demo_deliveries", lambda folder: [a_file(folder, "vendor_a_performance_1.csv", "x")]
    )
    refused = Mock(side_effect=DagsterPostgresException("too many retries for DB connection"))  # Dagster itself would try for minutes
    monkeypatch.setattr(dg.DagsterInstance, "from_config", refused)
    given = [str(a_file(tmp_path, one, "x")) if one.endswith(".csv") else one for one in arguments]
    outcome = in_process(*given, world=None, ADVISORY_PERF_HOME=tmp_path / "home", **AWAY)
    assert outcome.code == 1
    assert outcome.sentence
    assert "Traceback" not in outcome.err


def test_the_doctor_ends_with_1_where_anything_is_wrong_and_with_0_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for goods, code in (([True, True], 0), ([True, False], 1), ([False, True], 1)):
        findings = [HealthFinding(f"part {place}", is_good=is_good, says="so it is") for place, is_good in enumerate(goods)]
        monkeypatch.setattr("advisory_perf.operations.doctor.examine", lambda _settings, findings=findings: findings)
        outcome = in_process("doctor")
        assert (outcome.code, outcome.err, outcome.out.count("WRONG")) == (code, "", code)
        assert [line_with(f"part {place}", outcome.out).endswith("so it is") for place in (0, 1)] == [True, True]


def test_migrating_opens_without_migrating_and_acts_as_the_owner(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    migrating = Mock(return_value=["001_a", "002_b"])
    settings = world.platform.settings.model_copy(update={"owner_url": "postgresql://owner@nowhere/x"})
    opening = Mock()
    opening.return_value.__enter__ = Mock(return_value=type(opened(world))(settings, settings.home))
    opening.return_value.__exit__ = Mock(return_value=None)
    monkeypatch.setattr("advisory_perf.warehouse.migrations.migrate", migrating)
    with patch(OPENING, opening):
        outcome = in_process("migrate")
    assert (outcome.code, outcome.out) == (0, "applied 001_a, 002_b\n")
    assert migrating.call_args.args == ("postgresql://owner@nowhere/x",)
    assert opening.call_args.kwargs == {"migrating": False}


def test_each_command_asks_the_warehouse_as_the_role_that_its_work_needs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Role] = []
    warehouse = type(opened(world)).warehouse

    def noted(own: Installation, role: Role) -> Warehouse:
        asked.append(role)
        return warehouse(own, role)

    monkeypatch.setattr(type(opened(world)), "warehouse", noted)
    for arguments, role in (
        (["quarantine", "list"], Role.READER),
        (["breaks", "list"], Role.READER),
        (["breaks", "list", "--format", "csv"], Role.READER),
        (["alerts", "list"], Role.READER),
        (["export", "accounts"], Role.READER),
        (["breaks", "sign-off", "B-1", "--by", "Ann", "--reason", "known"], Role.DESK),
    ):
        asked.clear()
        in_process(*arguments, world=world)
        assert asked == [role], arguments


# channel, upkeep, feeds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("", Outcome(0, "a channel took a test message\n", "")),
        (None, Outcome(0, "a channel took a test message\n", "")),
        (
            "it refused Ann",
            Outcome(1, "", "advisory-perf: it refused Ann; take those who cannot be reached out of ADVISORY_PERF_ALERTS_URL, "),
        ),
        (ChannelError("it answered 500"), Outcome(1, "", "advisory-perf: it answered 500\n")),
    ],
    ids=["takes it", "takes it and says nothing", "refuses one", "fails"],
)
def test_a_test_of_the_channel_ends_as_the_channel_does(answer: object, outcome: Outcome) -> None:
    channel = Mock(place="a channel")
    channel.send = Mock(side_effect=[answer])
    with patch("advisory_perf.alerts.channels.channel_of", return_value=channel) as chosen:
        found = in_process("alerts", "test", ADVISORY_PERF_ALERTS_URL="https://hooks.example.com/x")
    assert (found.code, found.out, found.err[: len(outcome.err)]) == (outcome.code, outcome.out, outcome.err)
    assert chosen.call_args.args == ("https://hooks.example.com/x",)
    unset = in_process("alerts", "test")
    assert (unset.code, unset.sentence.partition(";")[0]) == (1, "no channel is set")


def test_the_upkeep_says_what_went_and_of_how_many_days(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Mock(return_value=Removed(5, 2, 3, is_complete=False))
    monkeypatch.setattr("advisory_perf.orchestration.jobs.upkeep.keep_up", kept)
    outcome = in_process("upkeep", world=world, ADVISORY_PERF_RUN_DAYS="30")
    assert outcome == Outcome(
        0,
        "removed 5 runs that ended more than 30 days ago, with their events, and 3 partitions of deliveries; 2 older runs stay, since the "
        "page shows windows by them; more is left, which the next pass removes\n",
        "",
    )
    assert kept.call_args.args[1] is world.instance


def test_feeds_are_checked_one_or_all(world: World, tmp_path: Path) -> None:
    (feed,) = Path(str(world.platform.settings.feeds_dir)).iterdir()
    one = in_process("feeds", "check", feed, world=world)
    assert (one.code, one.out.startswith("ok  acme: daily, csv, "), one.out.count("\n")) == (0, True, 1)
    assert in_process("feeds", "check", world=world).out.count("ok  ") == 5
    named = in_process("feeds", "check", a_file(tmp_path, "named.yaml", json.dumps(acme_as_data(name="acme_daily"))))
    assert (named.code, named.out.startswith("ok  acme_daily of acme: daily, csv, ")) == (0, True)
    broken = in_process("feeds", "check", a_file(tmp_path, "x.yaml", "vendor: x\n"))
    assert (broken.code, broken.out, f"{tmp_path / 'x.yaml'}: " in broken.sentence) == (1, "", True)
