"""Detection takes time in proportion to the file, whatever stands in it."""

import sys
import time
from contextlib import suppress
from types import FrameType

import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf_tests.feed_detection.growing import KINDS
from advisory_perf_tests.feed_detection.scenarios import proposed

pytestmark = pytest.mark.slow

TIMES = 4
SIZE = 5
"""So large that what does not grow with the file is a small part of the whole."""


def detect(content: bytes, name: str) -> None:
    with suppress(DeliveryRejectedError):  # that too takes its time
        proposed(content, file_name=name)


def file_name(kind: str) -> str:
    return "acme_20250331.json" if "document" in kind else "acme_20250331.csv"


def steps_and_seconds(content: bytes, name: str) -> tuple[int, float]:
    """How many functions are called from Python, its own and libraries', and the time that this process takes for them."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    begin = time.process_time()
    sys.setprofile(counted)
    try:
        detect(content, name)
    finally:
        sys.setprofile(None)
    return count, time.process_time() - begin


@pytest.mark.parametrize("kind", KINDS)
def test_four_times_the_file_takes_about_four_times_the_steps_and_the_time_at_most(kind: str) -> None:
    """The steps are the same on every machine; the time, of which libraries take most, is given twice of what it may be."""
    small, large = (KINDS[kind](size) for size in (SIZE, SIZE * TIMES))
    (steps, seconds), (more_steps, more_seconds) = (steps_and_seconds(content, file_name(kind)) for content in (small, large))
    assert more_steps <= 1.2 * TIMES * steps
    assert more_seconds <= 2 * TIMES * seconds + 0.2
