"""Partitions: deliveries by name as they come, windows by the feed's cadence.

A window's partition key is the ISO date of its first day, for days and months alike. Windows reach to the present one, since
deliveries come for days and months that are not over.
"""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.windows import WindowRange, window_of
from advisory_perf.feeds.feed import Feed


def delivery_partitions(feed: Feed) -> dg.DynamicPartitionsDefinition:
    """One partition a delivery of the feed."""
    return dg.DynamicPartitionsDefinition(name=f"{feed.name}_deliveries")


def window_partitions(feed: Feed) -> dg.TimeWindowPartitionsDefinition:
    """One partition a window of the feed, from its first to the present one."""
    if feed.cadence is Cadence.DAILY:
        return dg.DailyPartitionsDefinition(start_date=feed.first_window.isoformat(), end_offset=1)
    return dg.MonthlyPartitionsDefinition(start_date=feed.first_window.isoformat(), end_offset=1)


def range_of_keys(keys: Sequence[str], feed: Feed) -> WindowRange:
    """The windows that a run's partition keys span."""
    days = sorted(map(date.fromisoformat, keys))
    return WindowRange(days[0], days[-1], feed.cadence)


def range_of_days(first: date, last: date, feed: Feed) -> WindowRange:
    """The windows that hold the days from first to last."""
    return WindowRange(window_of(first, feed.cadence), window_of(last, feed.cadence), feed.cadence)


def tags_of(windows: WindowRange) -> dict[str, str]:
    """The run tags that make Dagster run the whole range in one pass."""
    return {
        "dagster/asset_partition_range_start": windows.first.isoformat(),
        "dagster/asset_partition_range_end": windows.last.isoformat(),
    }
