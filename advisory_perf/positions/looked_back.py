"""The latest windows before a run, read once for all rules that hold the run's rows against them.

So many are read as a rule looks back, and of them the columns that rules ask for, so that a day costs some days and never a history.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from advisory_perf.contracts.tables import NORMALIZED_POSITIONS, TWRR_SERIES, WHO_AND_WHEN
from advisory_perf.contracts.windows import WindowRange, window_number
from advisory_perf.deliveries.delivered_days import windows_before
from advisory_perf.feeds.feed import Feed
from advisory_perf.performance.completeness import LOOKED_BACK
from advisory_perf.platform import Platform
from advisory_perf.positions.openings import stored_before
from advisory_perf.quality.outliers import WITHIN

POSITIONS_BACK, RETURNS_BACK = LOOKED_BACK + 1, WITHIN
"""So many windows are read with their positions, and with their returns."""

_POSITION = (
    *WHO_AND_WHEN,
    "account_name",
    "portfolio_id",
    "client_id",
    "currency",
    "beginning_market_value",
    "contributions",
    "distributions",
    "ending_market_value",
    "vendor_value_half_unit",
    "delivery_id",
    "file_name",
)
_STATE = (*WHO_AND_WHEN, "is_valuation", "calculated_twrr", "emptied_by")


@dataclass(frozen=True, slots=True)
class LookedBack:
    """``delivered`` are the windows in which the feed has delivered positions, the run's and those before it, in order.

    ``windows`` are those before the run that the lake has, ``positions`` the columns of NORMALIZED_POSITIONS of the latest POSITIONS_BACK
    of them, and ``series`` those of TWRR_SERIES of the latest RETURNS_BACK, valuations only.
    """

    delivered: Sequence[date]
    windows: Sequence[date]
    positions: pl.DataFrame
    series: pl.DataFrame


def look_back(platform: Platform, feed: Feed, windows: WindowRange) -> LookedBack:
    """What lies before the run's windows."""
    count = window_number(windows.last, feed.cadence) - window_number(windows.first, feed.cadence) + 1
    after = windows.last_day + timedelta(days=1)
    delivered = sorted(windows_before(platform.warehouse, feed.name, after, feed.cadence, count + RETURNS_BACK))
    stored = set(stored_before(platform, feed, NORMALIZED_POSITIONS, windows))
    before = [window for window in delivered if window in stored]
    if not before:
        return LookedBack(delivered, before, NORMALIZED_POSITIONS.empty().select(_POSITION), TWRR_SERIES.empty().select(_STATE))
    keys = [window.isoformat() for window in before[-RETURNS_BACK:]]
    positions = platform.lake.read_partitions(NORMALIZED_POSITIONS.name, feed.name, "window", keys[-POSITIONS_BACK:], columns=_POSITION)
    series = platform.lake.read_partitions(TWRR_SERIES.name, feed.name, "window", keys, where=pl.col("is_valuation"), columns=_STATE)
    return LookedBack(delivered, before, positions, series)
