"""Some of the places at which `python -m advisory_perf_tests.faults` disturbs a run; the program tries them all."""

import os
import subprocess
import sys

import pytest

from advisory_perf_tests.vendors.cases import case

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("scenario", "first", "every"),
    [
        ("delivery", 2, 9),
        ("restatement", 5, 16),
        ("backfill", 1, 17),
        ("full delivery that withdraws", 9, 19),
        ("rejection", 6, 6),
        ("replay", 3, 13),
        ("replay of a rejection", 9, 8),
    ],
)
@case("ev-012", "ev-013")
def test_a_run_that_is_killed_at_a_write_ends_after_the_next_as_if_nothing_had_happened(scenario: str, first: int, every: int) -> None:
    _try(scenario, "kill", first, every)


@pytest.mark.parametrize(
    ("how", "scenario", "first", "every"),
    [
        ("cut", "restatement", 57, 37),
        ("full", "delivery", 4, 7),
        ("short", "delivery", 1, 1),
        ("stop", "backfill", 8, 13),
        ("stop before a restatement", "replay", 5, 12),
    ],
)
def test_so_does_one_that_is_cut_off_or_stopped_or_finds_no_room_or_half_a_body(how: str, scenario: str, first: int, every: int) -> None:
    _try(scenario, how, first, every, "--most", "1")


def _try(scenario: str, how: str, first: int, every: int, *others: str) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "advisory_perf_tests.faults", scenario, "--how", how]
    command += ["--first", str(first), "--every", str(every), *others]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ADVISORY_PERF_", "DAGSTER_"))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 ended otherwise" in done.stdout
