"""The command `feeds detect`: what is on stdout and stderr, exit codes, and that `feeds check` takes or refuses the outcome."""

import sys
from pathlib import Path

import pytest

from advisory_perf.cli.main import main
from advisory_perf_tests.feed_detection.scenarios import FILE_NAME, NAMES, a_file, cells, positions

pytestmark = pytest.mark.slow


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Runs the command in this process, and gives its exit code."""
    monkeypatch.setattr(sys, "argv", ["advisory-perf", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    """A file that tells everything."""
    path = tmp_path / FILE_NAME
    path.write_bytes(a_file([cells(row) for row in positions()]))
    return path


def test_a_complete_proposal_is_printed_and_passes_the_check(
    delivery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "feeds", "detect", delivery, "--vendor", "acme_custody") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "vendor: acme_custody" in printed.out
    target = tmp_path / "acme.yaml"
    assert command(monkeypatch, "feeds", "detect", delivery, "--vendor", "acme_custody", "-o", target) == 0
    assert capsys.readouterr().out == ""
    assert target.read_text() == printed.out
    assert command(monkeypatch, "feeds", "check", target) == 0
    assert "ok  acme_custody: monthly, csv, acme_performance_*.csv; end_of_day, net of fees" in capsys.readouterr().out


def test_what_is_open_ends_with_3_and_is_named_and_the_check_refuses_the_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    delivery, target = tmp_path / FILE_NAME, tmp_path / "acme.yaml"
    delivery.write_bytes(a_file([cells(row) for row in positions()], {field: name for field, name in NAMES.items() if field != "currency"}))
    assert command(monkeypatch, "feeds", "detect", delivery, "-o", target) == 3
    assert capsys.readouterr().err == "to be decided: currency\n"
    assert command(monkeypatch, "feeds", "check", target) == 1
    assert "currency" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_ends_with_1_and_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    delivery = tmp_path / FILE_NAME
    delivery.write_bytes(b"<html></html>")
    assert command(monkeypatch, "feeds", "detect", delivery) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("advisory-perf: E_HEADER_MISSING")
    assert printed.err.count("\n") == 1
