"""Some of the places at which `python -m advisory_perf_tests.faults` disturbs a run; the program tries them all."""

import re
import subprocess
import sys

import pytest

from advisory_perf_tests.disturbances import WAYS
from advisory_perf_tests.environment import without_settings
from advisory_perf_tests.faults import SAMPLE, SCENARIOS
from advisory_perf_tests.ingestion.cases import case

pytestmark = pytest.mark.slow


def test_the_sample_kills_every_kind_of_run_and_disturbs_in_every_way() -> None:
    assert {one.name for one in SAMPLE if one.how == "kill"} == SCENARIOS.keys()
    assert {one.how for one in SAMPLE} == set(WAYS)


@case("ev-012", "ev-013")
def test_a_run_that_is_disturbed_ends_after_the_next_as_if_nothing_had_happened() -> None:
    """Killed at a write, cut off, stopped, without room, or with half a body."""
    command = [sys.executable, "-W", "ignore", "-m", "advisory_perf_tests.faults", "--sample"]
    done = subprocess.run(command, capture_output=True, text=True, env=without_settings(), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tried = re.findall(r"^(.+), (.+): \d+ places, ([1-9]\d*) tried, 0 ended otherwise", done.stdout, re.MULTILINE)
    assert [(name, how) for name, how, _ in tried] == [(one.name, one.how) for one in SAMPLE]
