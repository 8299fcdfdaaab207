"""What a run looks back on: the states and values of accounts before its windows, read from the lake.

Only some windows before the range are read, never all: the latest one, and those that a rule names by its days.
"""

from datetime import date, timedelta

import polars as pl

from advisory_perf.contracts.columns import TRAILING_YEARS
from advisory_perf.contracts.tables import NORMALIZED_POSITIONS, TWRR_SERIES, WHO_AND_WHEN
from advisory_perf.contracts.windows import window_of
from advisory_perf.orchestration.partitions import WindowRange
from advisory_perf.orchestration.platform import Platform
from advisory_perf.performance.cross_sections import latest_states
from advisory_perf.vendors.feed import Feed

_VALUE = (*WHO_AND_WHEN, "ending_market_value")
_FLOWS = ("contributions", "distributions")


def opening_states(platform: Platform, feed: Feed, windows: WindowRange) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """The closing cross-section before the windows, and with it those that trailing periods start from.

    For each trailing period the windows in which the range's anniversaries lie are read, with the one before them.
    """
    stored = _stored_before(platform, feed, windows, TWRR_SERIES.name)
    if not stored:
        return None, None
    wanted = {stored[-1]}
    for years in TRAILING_YEARS:
        first, last = (_years_before(day, years, feed) for day in (windows.first_day, windows.last_day))
        wanted |= {key for key in stored if first <= key <= last}
        wanted |= set([key for key in stored if key < first][-1:])
    keys = [key.isoformat() for key in sorted(wanted)]
    rows = platform.lake.read_partitions(TWRR_SERIES.name, feed.vendor, "window", keys)
    return latest_states(rows.filter(pl.col("window") == stored[-1])), rows.unique(["account_id", "as_of_date"], keep="any")


def values_before(platform: Platform, feed: Feed, windows: WindowRange) -> pl.DataFrame | None:
    """Each account's last valuation before the windows, and all of twice the days after which a value that does not change is stale.

    Twice, so that the stretch of such a value is seen to its beginning where valuations lie up to those days apart. Of an
    account's last valuation alone, before those days, flows are null.
    """
    stored = _stored_before(platform, feed, windows, TWRR_SERIES.name)
    if not stored:
        return None
    closing = platform.lake.read_partitions(TWRR_SERIES.name, feed.vendor, "window", [stored[-1].isoformat()], columns=_VALUE)
    last = latest_states(closing)
    earliest = window_of(windows.first_day - timedelta(days=2 * (feed.stale_days or 0)), feed.cadence)
    known = [key for key in _stored_before(platform, feed, windows, NORMALIZED_POSITIONS.name) if key >= earliest]
    if feed.stale_days is None or not known:
        return last
    keys = [key.isoformat() for key in known]
    latest = platform.lake.read_partitions(NORMALIZED_POSITIONS.name, feed.vendor, "window", keys, columns=[*_VALUE, *_FLOWS])
    return pl.concat([latest, last.join(latest, on=WHO_AND_WHEN, how="anti")], how="diagonal")


def _stored_before(platform: Platform, feed: Feed, windows: WindowRange, stage: str) -> list[date]:
    keys = map(date.fromisoformat, platform.lake.partition_keys(stage, feed.vendor, "window"))
    return [key for key in keys if key < windows.first]


def _years_before(day: date, years: int, feed: Feed) -> date:
    leap_day = day.month == 2 and day.day == 29  # noqa: PLR2004 - the 29th of February
    return window_of(day.replace(year=day.year - years, day=28 if leap_day else day.day), feed.cadence)
