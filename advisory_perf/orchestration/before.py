"""What a run looks back on: the states of accounts before its windows, read from the lake.

Only some windows before the range are read, never all: the latest one, which knows every account, and those that a rule names by its days.
"""

from datetime import date

import polars as pl

from advisory_perf.contracts.columns import TRAILING_YEARS
from advisory_perf.contracts.tables import TWRR_SERIES
from advisory_perf.contracts.windows import window_of
from advisory_perf.orchestration.partitions import WindowRange
from advisory_perf.orchestration.platform import Platform
from advisory_perf.performance.cross_sections import latest_states
from advisory_perf.performance.linking import STATE
from advisory_perf.vendors.feed import Feed

_SINCE = "value_unchanged_since"


def opening_states(platform: Platform, feed: Feed, windows: WindowRange) -> pl.DataFrame | None:
    """The closing cross-section before the windows; None where there is none.

    value_unchanged_since is null in a window that was stored before that column was kept.
    """
    stored = _stored_before(platform, feed, windows)
    if not stored:
        return None
    rows = platform.lake.read_partitions(TWRR_SERIES.name, feed.vendor, "window", [stored[-1].isoformat()])
    return latest_states(rows if _SINCE in rows.columns else rows.with_columns(pl.lit(None, pl.Date()).alias(_SINCE)))


def linking_states(platform: Platform, feed: Feed, windows: WindowRange, opening: pl.DataFrame | None) -> pl.DataFrame | None:
    """STATE of the opening cross-section, and of the valuations that trailing periods start from.

    For each trailing period the windows in which the range's anniversaries lie are read, with the one before them.
    """
    if opening is None:
        return None
    stored = _stored_before(platform, feed, windows)
    wanted = {stored[-1]}
    for years in TRAILING_YEARS:
        first, last = (_years_before(day, years, feed) for day in (windows.first_day, windows.last_day))
        wanted |= {key for key in stored if first <= key <= last}
        wanted |= set([key for key in stored if key < first][-1:])
    keys = [key.isoformat() for key in sorted(wanted)]
    rows = platform.lake.read_partitions(TWRR_SERIES.name, feed.vendor, "window", keys, columns=STATE)
    return rows.unique(["account_id", "as_of_date"], keep="any")


def _stored_before(platform: Platform, feed: Feed, windows: WindowRange) -> list[date]:
    keys = map(date.fromisoformat, platform.lake.partition_keys(TWRR_SERIES.name, feed.vendor, "window"))
    return [key for key in keys if key < windows.first]


def _years_before(day: date, years: int, feed: Feed) -> date:
    leap_day = day.month == 2 and day.day == 29  # noqa: PLR2004 - the 29th of February
    return window_of(day.replace(year=day.year - years, day=28 if leap_day else day.day), feed.cadence)
