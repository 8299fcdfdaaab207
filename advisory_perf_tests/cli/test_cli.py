"""The command as a person runs it: exit codes, what is on stdout and what on stderr. One home serves the whole module."""

import csv
import io
import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from advisory_perf.samples.deliveries import make_samples
from advisory_perf_tests.cli.commands import Outcome, command, line_with

pytestmark = pytest.mark.slow

SAMPLES = make_samples(seed=7, accounts=5, last_month=date(2025, 3, 31), months=3, days=4)
BROKEN_FEED = "vendor: acme\ntitle: Acme\ncadence: hourly\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sample deliveries by name, and files that are wrong."""
    folder = tmp_path_factory.mktemp("files")
    paths = {file.name: folder / file.name for file in SAMPLES.files}
    for file in SAMPLES.files:
        paths[file.name].write_bytes(file.content)
    for name, content in {"vendor_b_performance_20250131.xlsx": b"<html></html>", "who.csv": b"a,b\n"}.items():
        paths[name] = folder / name
        paths[name].write_bytes(content)
    return paths


@pytest.fixture(scope="module")
def of_a(files: dict[str, Path]) -> Path:
    """Vendor A's delivery, which has quarantined rows."""
    return files["vendor_a_performance_20250331.csv"]


@pytest.fixture(scope="module")
def of_d(files: dict[str, Path]) -> list[Path]:
    """Vendor D's deliveries in order of arrival: the resent one among them, the restated day last."""
    return [files[file.name] for file in SAMPLES.files if file.vendor == "vendor_d"]


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory, of_a: Path, of_d: list[Path]) -> tuple[Path, Outcome]:
    """A home into which two vendors' deliveries were run, and what the command said."""
    home = tmp_path_factory.mktemp("cli") / "home"
    return home, command("run", of_a, *of_d, home=home)


@pytest.fixture(scope="module")
def home(first_run: tuple[Path, Outcome]) -> Path:
    """A home with two vendors' deliveries."""
    return first_run[0]


# help and usage -------------------------------------------------------------------------------------------------------


def test_a_name_of_no_feed_is_wrong_usage_and_starts_nothing(tmp_path: Path, of_a: Path) -> None:
    outcome = command("run", of_a, "--feed", "nobody", home=tmp_path / "home")
    assert (outcome.code, outcome.out) == (2, "")
    assert "nobody is no feed; the feeds are vendor_a, vendor_b, vendor_c, vendor_d" in " ".join(outcome.err.split())
    assert not (tmp_path / "home").exists()


# run ------------------------------------------------------------------------------------------------------------------


def test_a_run_with_issues_ends_with_3_and_shows_every_count(first_run: tuple[Path, Outcome], of_a: Path) -> None:
    _, outcome = first_run
    truth = SAMPLES.truth["vendor_a"].files[of_a.name]
    quarantined = sum(truth.quarantined.values())
    assert quarantined > 0
    assert outcome.code == 3
    counts = f"{truth.read} {truth.accepted} {quarantined} {truth.duplicates} {truth.footers}"
    assert line_with(of_a.name, outcome.out).startswith(f"{of_a.name} vendor_a COMPLETED_WITH_ISSUES {counts} ")
    assert line_with("vendor_d_20250326.parquet", outcome.out) == "vendor_d_20250326.parquet vendor_d COMPLETED 5 5 0 0 0 100.00%"
    assert line_with("_resend", outcome.out) == "vendor_d_20250328_resend.parquet vendor_d DUPLICATE"


def test_a_run_shows_what_each_vendor_has_and_its_largest_breaks(first_run: tuple[Path, Outcome]) -> None:
    _, outcome = first_run
    assert line_with("vendor_d ", outcome.out.partition("Vendors")[2]) == "vendor_d 5 20 2025-03-31 0 none"
    truth = SAMPLES.truth["vendor_a"]
    shown = line_with("vendor_a ", outcome.out.partition("Vendors")[2])
    assert shown.startswith(f"vendor_a {len(truth.accounts)} {sum(account.rows for account in truth.accounts.values())} 2025-03-31 ")


def test_progress_goes_to_stderr_a_line_a_step_and_nothing_of_dagsters(
    first_run: tuple[Path, Outcome], of_a: Path, of_d: list[Path]
) -> None:
    _, outcome = first_run
    steps = outcome.err.splitlines()
    assert len(steps) == len(of_d) + 3
    assert steps[0] == f"ingested {of_a.name}: PROCESSING"
    assert steps[1] == f"ingested {of_d[0].name}: PROCESSING"
    assert steps[-2:] == ["ran the pipeline of vendor_a", "ran the pipeline of vendor_d"]


def test_the_same_files_again_end_with_0_and_change_nothing(home: Path, of_a: Path, of_d: list[Path]) -> None:
    before = command("export", "performance_data", home=home).out
    outcome = command("run", of_a, *of_d, home=home)
    assert outcome.code == 0
    for path in (of_a, *of_d):
        assert line_with(path.name, outcome.out).split()[2:] == ["DUPLICATE"]
    assert outcome.err.splitlines() == [f"ingested {path.name}: DUPLICATE" for path in (of_a, *of_d)]
    assert command("export", "performance_data", home=home).out == before


def test_a_rejected_file_ends_with_3_and_its_reason_is_on_stdout(home: Path, files: dict[str, Path]) -> None:
    outcome = command("run", files["vendor_b_performance_20250131.xlsx"], files["who.csv"], home=home)
    assert outcome.code == 3
    said = " ".join(outcome.out.split())
    assert "vendor_b_performance_20250131.xlsx │ vendor_b │ FAILED" in said
    assert "rejected: E_FORMAT: vendor_b, vendor_b_performance_20250131.xlsx: the feed promises excel, but the bytes are" in said
    assert "who.csv │ unknown │ FAILED" in said
    assert "rejected: E_UNKNOWN_VENDOR: who.csv: no feed claims this name; say --feed, or add a feed" in said
    assert "Traceback" not in outcome.err


def test_a_named_vendor_takes_files_of_any_name(tmp_path: Path, home: Path, of_d: list[Path]) -> None:
    renamed = tmp_path / "whatever.bin"
    renamed.write_bytes(of_d[0].read_bytes())
    outcome = command("run", renamed, "--feed", "vendor_d", home=home)
    assert outcome.code == 0
    assert line_with("whatever.bin", outcome.out).split() == ["whatever.bin", "vendor_d", "DUPLICATE"]


# export ---------------------------------------------------------------------------------------------------------------


def test_export_streams_csv_to_stdout(home: Path) -> None:
    outcome = command("export", "performance_data", "--where", "data_source = 'vendor_d'", home=home)
    assert (outcome.code, outcome.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert len(rows) == 20
    assert {row["data_source"] for row in rows} == {"vendor_d"}
    one = min(rows, key=lambda row: (row["account_id"], row["as_of_date"]))
    assert (one["as_of_date"], one["currency"]) == ("2025-03-26", "USD")


def test_export_gives_a_json_object_a_line(home: Path) -> None:
    outcome = command("export", "accounts", "--format", "ndjson", home=home)
    assert (outcome.code, outcome.err) == (0, "")
    accounts = [json.loads(line) for line in outcome.out.splitlines()]
    assert sum(account["data_source"] == "vendor_d" for account in accounts) == 5


def test_export_writes_a_whole_parquet_file_and_says_so_on_stderr(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    account = min(
        row["account_id"] for row in csv.DictReader(io.StringIO(command("export", "accounts", "--vendor", "vendor_d", home=home).out))
    )
    outcome = command("export", "performance_data", "--format", "parquet", "--account", account, "-o", target, home=home)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == f"4 rows of performance_data in {target}\n"
    frame = pl.read_parquet(target)
    assert frame.height == 4
    assert isinstance(frame.schema["ending_market_value"], pl.Decimal)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "there is no table or view 'nonsense' to export; choose one of account_groups, account_statistics, accounts, "),
        (
            ["performance_data", "--where", "account_id = "],
            "the condition 'account_id = ' cannot be read at its end; a condition has",
        ),
        (
            ["delivery_factors", "--status", "open"],
            "delivery_factors cannot be narrowed by status: it has no column status or",
        ),
        (
            ["performance_data", "--where", "nonsense > 1"],
            "names nonsense, which performance_data has no column for; it has id, account_id",
        ),
    ],
)
def test_an_export_that_cannot_be_done_is_one_sentence(home: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
    to_stdout = command("export", *arguments, home=home)
    assert (to_stdout.code, to_stdout.out) == (1, "")
    assert says in to_stdout.sentence
    to_file = command("export", *arguments, "-o", tmp_path / "out.csv", home=home)
    assert to_file.code == 1
    assert list(tmp_path.iterdir()) == [], "neither the file nor a part of it"


def test_an_export_into_no_folder_is_one_sentence(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "missing" / "out.csv"
    outcome = command("export", "accounts", "-o", target, home=home)
    assert outcome.code == 1
    assert outcome.sentence == f"{target} cannot be written (No such file or directory); choose a folder that exists and takes files"


def test_an_export_as_reported_gives_the_rows_of_that_day_in_every_format(home: Path, tmp_path: Path) -> None:
    chosen = ["performance_data", "--where", "data_source = 'vendor_d'"]
    today = datetime.now(UTC).date()
    assert command("export", *chosen, "--as-reported", str(today), home=home).out == command("export", *chosen, home=home).out
    target = tmp_path / "before.parquet"
    before = command("export", *chosen, "--format", "parquet", "--as-reported", "2025-03-31", "-o", target, home=home)
    assert (before.code, before.err) == (0, f"0 rows of performance_data in {target}\n"), "nothing had been published by then"
    assert "ending_market_value" in pl.read_parquet(target).columns


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["performance_data", "--as-reported", "yesterday"], "'yesterday' is neither a day nor an instant; write 2025-03-31 for"),
        (["performance_data", "--as-reported", "2999-12-31"], "what will be reported by 2999-12-31 nobody knows yet"),
        (
            ["accounts", "--as-reported", "2025-03-31"],
            "accounts keeps no superseded rows, so only portfolio_performance and performance_data can be",
        ),
    ],
)
def test_what_cannot_be_exported_as_reported_is_one_sentence(home: Path, arguments: list[str], says: str) -> None:
    outcome = command("export", *arguments, home=home)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.sentence.startswith(says)


# breaks ---------------------------------------------------------------------------------------------------------------


def test_a_break_is_listed_signed_off_and_exported(home: Path) -> None:
    rows = [json.loads(line) for line in command("breaks", "list", "--format", "ndjson", home=home).out.splitlines()]
    assert {row["status"] for row in rows} == {"OPEN"}
    name = rows[0]["break_id"]
    done = command("breaks", "sign-off", name, "--by", "Ann", "--reason", "known to the vendor", home=home)
    assert (done.code, name in done.out, "is SIGNED_OFF at" in done.out) == (0, True, True)
    signed = command("breaks", "list", "--status", "signed_off", home=home).out
    assert (name in signed, "SIGNED_OFF by Ann" in signed) == (True, True)
    exported = command("export", "reconciliation_breaks", "--where", "status = 'SIGNED_OFF'", home=home)
    assert [row["signed_off_by"] for row in csv.DictReader(io.StringIO(exported.out))] == ["Ann"]
    again = command("breaks", "sign-off", name, "--by", "Bob", "--reason", "me too", home=home)
    assert again.code == 1
    assert again.sentence == f"{name} is signed off by Ann at this amount; nothing was changed"


# quarantine -----------------------------------------------------------------------------------------------------------


def test_the_quarantine_is_listed_with_its_rows_as_they_came(home: Path, of_a: Path) -> None:
    quarantined = SAMPLES.truth["vendor_a"].files[of_a.name].quarantined
    listed = command("quarantine", "list", "--vendor", "vendor_a", "--format", "ndjson", home=home)
    rows = [json.loads(line) for line in listed.out.splitlines()]
    assert dict(Counter(row["code"] for row in rows)) == quarantined
    assert all(json.loads(row["raw_row"])["acct_id"] is not None for row in rows if row["account_id"])
    code = rows[0]["code"]
    table = command("quarantine", "list", "--code", code, home=home)
    assert (table.code, table.err) == (0, "")
    assert f"Quarantine: {quarantined[code]:,} rows" in table.out
    assert "vendor_a" in table.out


def test_a_replay_without_a_fixed_feed_ends_with_3_and_changes_nothing(home: Path, of_a: Path) -> None:
    before = command("export", "performance_data", home=home).out
    outcome = command("quarantine", "replay", "--feed", "vendor_a", home=home)
    assert outcome.code == 3
    assert line_with(of_a.name, outcome.out).startswith(f"{of_a.name} vendor_a COMPLETED_WITH_ISSUES ")
    assert command("export", "performance_data", home=home).out == before
    nothing = command("quarantine", "replay", "--vendor", "vendor_d", home=home)
    assert (nothing.code, nothing.out) == (0, "nothing to replay: no delivery failed, and no row is in quarantine\n")
    unknown = command("quarantine", "replay", "--delivery", "nothing", home=home)
    assert unknown.code == 1
    assert unknown.sentence.startswith("the ledger has no delivery nothing; ")


# alerts ---------------------------------------------------------------------------------------------------------------


def no_alert(alert_id: int) -> str:
    return f"there is no alert {alert_id}; `advisory-perf alerts list` names those that are open"


def test_alerts_are_listed_until_a_person_says_that_they_are_over(files: dict[str, Path], tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert command("run", files["who.csv"], home=home).code == 3
    listed = command("alerts", "list", home=home)
    assert (listed.code, listed.err) == (0, "")
    assert line_with("CRITICAL", listed.out).startswith("1 CRITICAL E_UNKNOWN_VENDOR unknown ")
    assert command("alerts", "resolve", "1", home=home) == Outcome(0, "", "")
    again = command("alerts", "resolve", "1", "2", home=home)
    assert (again.code, again.sentence) == (1, f"alert 1 is over already; nothing was changed; {no_alert(2)}")
    assert "Alerts: 0" in command("alerts", "list", home=home).out
    assert "(over since " in " ".join(command("alerts", "list", "--all", home=home).out.split())
    exported = command("export", "alerts", "--where", "resolved_at IS NOT NULL", home=home)
    assert [row["code"] for row in csv.DictReader(io.StringIO(exported.out))] == ["E_UNKNOWN_VENDOR"]


# migrate, doctor, feeds -----------------------------------------------------------------------------------------------


def test_a_schema_that_is_up_to_date_stays_as_it_is(home: Path) -> None:
    assert command("migrate", home=home) == Outcome(0, "the schema is up to date\n", "")


def test_a_healthy_home_is_found_healthy(home: Path) -> None:
    outcome = command("doctor", home=home)
    assert (outcome.code, outcome.err) == (0, "")
    assert "WRONG" not in outcome.out
    assert line_with(" feeds ", outcome.out) == "ok feeds 4 valid: vendor_a, vendor_b, vendor_c, vendor_d"
    for subject in ("lake: write", "warehouse: schema", "partitions: performance_data", "ledger: rows", "alerts: channel"):
        assert line_with(subject, outcome.out).startswith(f"ok {subject}")


def test_the_doctor_goes_on_after_a_broken_feed_and_ends_with_1(home: Path, tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(BROKEN_FEED, encoding="utf-8")
    outcome = command("doctor", home=home, ADVISORY_PERF_FEEDS_DIR=tmp_path)
    assert (outcome.code, outcome.err) == (1, "")
    assert line_with("WRONG", outcome.out).startswith("WRONG feeds ")
    assert line_with("warehouse: schema", outcome.out).startswith("ok ")


def test_the_doctor_names_a_warehouse_that_does_not_answer(home: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/x"
    outcome = command("doctor", home=home, ADVISORY_PERF_WAREHOUSE_URL=nowhere)
    assert outcome.code == 1
    assert line_with("WRONG", outcome.out).startswith("WRONG warehouse ")
    assert line_with(" feeds ", outcome.out).startswith("ok ")
    assert "Traceback" not in outcome.err


def test_every_known_feed_is_checked_and_shown(tmp_path: Path) -> None:
    outcome = command("feeds", "check", home=tmp_path / "home")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "ok  vendor_a: monthly, csv, vendor_a_performance_*.csv; mid_day, net of fees; 14 columns",
        "ok  vendor_b: monthly, excel, vendor_b_performance_*.xlsx; start_of_day, net of fees; 14 columns",
        "ok  vendor_c: monthly, json, vendor_c_performance_*.json; end_of_day, net of fees; 14 columns",
        "ok  vendor_d: daily, parquet, vendor_d_*.parquet; inflow_start_outflow_end, net of fees; 14 columns",
    ]
    assert not (tmp_path / "home").exists()


def test_a_broken_feed_file_is_one_sentence_that_names_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(BROKEN_FEED, encoding="utf-8")
    for outcome in (command("feeds", "check", path), command("feeds", "check", ADVISORY_PERF_FEEDS_DIR=tmp_path)):
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.sentence.startswith(f"{path}: cadence: Input should be 'daily' or 'monthly'; first_window: Field required; ")


# where things are -----------------------------------------------------------------------------------------------------


def test_the_home_may_be_said_before_the_command_after_it_or_in_the_environment(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    arguments = ["export", "etl_processing_log", "--where", "vendor = 'vendor_a'"]
    said = [
        command(*arguments, home=home),
        command("--home", home, *arguments),
        command(*arguments, "--home", home),
        command("--home", home, *arguments, home=elsewhere),
        command("--home", elsewhere, *arguments, "--home", home),
    ]
    assert [outcome.code for outcome in said] == [0] * 5
    assert len({outcome.out for outcome in said}) == 1
    assert "vendor_a_performance_20250331.csv" in said[0].out
    assert not elsewhere.exists()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert command("--home", path, "migrate").code == 2
    outcome = command("migrate", home=path)
    assert outcome.code == 1
    assert outcome.sentence == f"the home {path} cannot be made a folder (File exists); choose another with --home"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ADVISORY_PERF_PASS_RATE": "7"}, "ADVISORY_PERF_PASS_RATE: Input should be less than or equal to 1"),
        ({"ADVISORY_PERF_ATTEMPTS": "many"}, "ADVISORY_PERF_ATTEMPTS: Input should be a valid integer"),
        ({"ADVISORY_PERF_LOG_LEVEL": "LOUD"}, "ADVISORY_PERF_LOG_LEVEL: String should match pattern"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_sentence(tmp_path: Path, settings: dict[str, str], says: str) -> None:
    outcome = command("doctor", home=tmp_path / "home", **settings)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.sentence.startswith(f"a setting cannot be used ({says}")
    assert outcome.sentence.endswith("); fix it in the environment")
    assert not (tmp_path / "home").exists()


def test_a_folder_of_feeds_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    outcome = command("feeds", "check", ADVISORY_PERF_FEEDS_DIR=tmp_path / "missing")
    assert outcome.code == 1
    assert outcome.sentence == (
        f"{tmp_path / 'missing'}: the folder of further feeds does not exist; create it or unset ADVISORY_PERF_FEEDS_DIR"
    )
