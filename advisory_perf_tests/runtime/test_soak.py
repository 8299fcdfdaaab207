"""Half a minute of `python -m advisory_perf_tests.soak`, which runs longer by hand, and that its yardstick is one."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from advisory_perf_tests.environment import without_settings
from advisory_perf_tests.soaking.deliveries import Deliveries, write_feeds
from advisory_perf_tests.soaking.undisturbed import undisturbed
from advisory_perf_tests.states import differences

pytestmark = pytest.mark.slow


def test_random_deliveries_under_random_incident_end_as_if_nothing_had_happened() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "advisory_perf_tests.soak", "--minutes", "0.5", "--lake", "bucket"]
    done = subprocess.run(command, capture_output=True, text=True, env=without_settings(), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ended as if nothing had happened" in done.stdout


def test_what_is_compared_does_not_depend_on_how_many_deliveries_a_pipeline_run_has(server_home: Path) -> None:
    deliveries = Deliveries(random.Random(2883))
    for _ in range(8):
        names = [one.name for one in deliveries.sent]
        deliveries.sent.append(deliveries.next(names, names))
    feeds = write_feeds(server_home / "feeds")
    at_once = undisturbed(server_home / "at_once", feeds, deliveries.sent)
    assert differences(at_once, undisturbed(server_home / "one_by_one", feeds, deliveries.sent, one_by_one=True)) == []
    assert {"new", "restated", "late", "copy", "again", "unreadable", "a bad row"} == {one.kind for one in deliveries.sent}
    assert len(at_once["performance_data"]) > 8
