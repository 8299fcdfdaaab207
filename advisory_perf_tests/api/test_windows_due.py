"""Which windows count as due among the days that a dashboard shows."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from advisory_perf.api.dashboards import _windows
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.warehouse.reading.dashboard import Shown
from advisory_perf_tests.orchestration.scenarios import acme_as_data

DEADLINE = {"days": 1, "business_days": True, "time": "18:00", "time_zone": "UTC"}
THURSDAY = datetime(2025, 7, 10, 12, tzinfo=UTC)
"""Before the deadline of Wednesday, the 9th."""


@pytest.mark.parametrize(
    ("feed", "shown", "days", "expected"),
    [
        ({"cadence": "monthly", "deadline": DEADLINE}, (date(2025, 6, 11), date(2025, 7, 10)), [date(2025, 6, 30)], (1, 1)),
        ({"cadence": "monthly"}, (date(2025, 5, 1), date(2025, 7, 10)), [date(2025, 6, 30)], (1, 2)),
        ({"deadline": DEADLINE}, (date(2025, 7, 7), date(2025, 7, 10)), [date(2025, 7, 7), date(2025, 7, 8)], (2, 2)),
        ({"deadline": DEADLINE}, (date(2025, 7, 7), date(2025, 7, 10)), [date(2025, 7, 7)], (1, 2)),
        ({}, (date(2025, 7, 4), date(2025, 7, 10)), [date(2025, 7, 4), date(2025, 7, 8)], (2, 3)),
    ],
)
def test_only_windows_that_are_over_are_due(
    feed: dict[str, Any], shown: tuple[date, date], days: list[date], expected: tuple[int, int]
) -> None:
    acme = PositionsFeed.model_validate(acme_as_data(**feed))
    first = min(shown[0], *days)
    assert _windows({"acme": acme}, {"acme": (first, max(days), days)}, Shown(*shown), THURSDAY) == expected
