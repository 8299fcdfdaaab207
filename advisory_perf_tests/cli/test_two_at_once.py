"""Two commands at once, each a process of its own: what one works at, the other leaves alone."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from advisory_perf.samples.deliveries import make_samples
from advisory_perf_tests.cli.commands import Outcome, command

pytestmark = pytest.mark.slow

FILE = next(
    file for file in make_samples(seed=3, accounts=6, last_month=date(2025, 3, 31), months=4, days=4).files if file.vendor == "vendor_a"
)


def exported(table: str, home: Path) -> list[dict[str, str]]:
    done = command("export", table, home=home)
    assert (done.code, done.err) == (0, "")
    return list(csv.DictReader(io.StringIO(done.out)))


def at_once(home: Path, file: Path, *, times: int) -> list[Outcome]:
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(lambda _: command("run", file, home=home), range(times)))


def test_one_of_two_commands_ingests_the_file_and_both_end_well(server_home: Path) -> None:
    file = server_home / FILE.name
    file.write_bytes(FILE.content)
    outcomes = at_once(server_home / "both", file, times=2)
    assert {outcome.code for outcome in outcomes} <= {0, 3}, [outcome.err for outcome in outcomes]
    (entry,) = exported("etl_processing_log", server_home / "both")
    alone = command("run", file, home=server_home / "one")
    (expected,) = exported("etl_processing_log", server_home / "one")
    assert (alone.code, entry["status"]) == (3, expected["status"])
    counts = [name for name in expected if name.startswith("records_")]
    assert {name: entry[name] for name in counts} == {name: expected[name] for name in counts}
    keys = ("account_id", "as_of_date", "cumulative_twrr", "reconciliation_status")
    ours, theirs = (
        sorted(tuple(row[key] for key in keys) for row in exported("performance_data", server_home / name)) for name in ("both", "one")
    )
    assert ours == theirs
    assert len(ours) == int(expected["records_processed"])


def test_a_file_of_that_name_that_waits_in_incoming_is_ingested_and_not_written_over(server_home: Path) -> None:
    """As where a vendor has put one there, and a person hands over its correction."""
    home = server_home / "waiting"
    waiting = home / "lake" / "incoming" / "vendor_a" / FILE.name
    waiting.parent.mkdir(parents=True)
    waiting.write_bytes(FILE.content)
    corrected = server_home / FILE.name
    corrected.write_bytes(FILE.content + b"\n")
    done = command("run", corrected, home=home)
    assert done.code == 3, done.err
    entries = exported("etl_processing_log", home)
    assert [entry["file_name"] for entry in entries] == [FILE.name] * 2
    assert not waiting.exists()
