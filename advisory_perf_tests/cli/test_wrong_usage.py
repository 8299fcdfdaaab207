import os
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import Mock, patch

import pytest

from advisory_perf_tests.cli.in_process import OPENING, in_process
from advisory_perf_tests.cli.test_exit_codes import a_file

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "No such command"),
        (["demo", "x"], "unexpected extra argument"),
        (["run"], "Missing argument"),
        (["run", "none.csv"], "does not exist"),
        (["run", "{file}", "--feed", "nobody"], "nobody is no feed; the feeds are vendor_a, "),
        (["run", "{file}", "--vendor", "nobody"], "nobody is no feed; the feeds are vendor_a, "),
        (["dev", "--port", "x"], "Invalid value"),
        (["platform", "--nonsense"], "No such option"),
        (["page", "--port", "x"], "Invalid value"),
        (["health", "--port", "x"], "Invalid value"),
        (["migrate", "x"], "unexpected extra argument"),
        (["doctor", "x"], "unexpected extra argument"),
        (["feeds", "check", "none.yaml"], "does not exist"),
        (["feeds", "detect"], "Missing argument"),
        (["feeds", "preview", "none.yaml"], "does not exist"),
        (["feeds", "preview", "{file}", "--format", "csv"], "csv is not one of table, ndjson"),
        (["feeds", "preview", "{file}", "--from", "yesterday"], "yesterday is no day; write it as 2025-03-31"),
        (["quarantine", "replay", "--all"], "say whose deliveries with --feed"),
        (["quarantine", "replay", "--feed", "vendor_a", "--from", "2025-03-31"], "it is for --all"),
        (["quarantine", "replay", "--feed", "vendor_a", "--all", "--from", "31.3.2025"], "31.3.2025 is no day; write it as 2025-03-31"),
        (["quarantine", "list", "--format", "xml"], "xml is not one of table, csv, ndjson, parquet"),
        (["quarantine", "replay", "--feed", "nobody"], "nobody is no feed"),
        (["quarantine", "replay", "--vendor", "vendor_a", "--delivery", "x"], "give one of --feed and --delivery"),
        (["breaks", "list", "--status", "shut"], "shut is not one of open, "),
        (["breaks", "list", "--format", "xml"], "xml is not one of table, csv, ndjson, parquet"),
        (["breaks", "sign-off", "B-1", "--by", "Ann"], "Missing option"),
        (["alerts", "list", "x"], "unexpected extra argument"),
        (["alerts", "resolve", "x"], "Invalid value"),
        (["alerts", "test", "x"], "unexpected extra argument"),
        (["export", "accounts", "--format", "xml"], "xml is not one of csv, ndjson, parquet"),
        (["export", "accounts", "--format", "ndjson", "--for-spreadsheets"], "only a csv is made for spreadsheets; ndjson keeps"),
        (["upkeep", "x"], "unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_ends_each_command_with_2_before_anything_is_opened(arguments: Sequence[str], says: str, tmp_path: Path) -> None:
    file = a_file(tmp_path, "vendor_a_performance_1.csv", "x")
    with patch(OPENING, Mock(side_effect=AssertionError("it was opened"))):
        outcome = in_process(*(one.format(file=file) for one in arguments), ADVISORY_PERF_HOME=tmp_path / "home")
    assert (outcome.code, outcome.out) == (2, "")
    assert says in " ".join(outcome.err.replace("│", " ").split())
    assert os.listdir(tmp_path) == [file.name]  # noqa: PTH208 - its home is not made
