"""What a run looks back on: the states of accounts before its windows, read from the lake.

Only some windows before the range are read, never all: the latest one, which knows every account, and those that a rule names by its days.
"""

from datetime import date, timedelta
from typing import LiteralString

import polars as pl

from advisory_perf.contracts.columns import TRAILING_YEARS
from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.tables import NET_FLOWS, TWRR_SERIES, WHO_AND_WHEN, Table
from advisory_perf.contracts.windows import WindowRange, last_day_of, next_window, window_of
from advisory_perf.errors import LakeError, LakeOutageError
from advisory_perf.feeds.feed import Feed
from advisory_perf.performance.linking import STATE
from advisory_perf.platform import Platform
from advisory_perf.positions.closing_states import latest_states

EVER = WindowRange(date.max, date.max, Cadence.DAILY)
"""Every stored window is before it."""
_DAY = timedelta(days=1)
_LOOKED_BACK = 5
"""Windows that are read at once to find the last one with rows: a long weekend."""
_PUBLISHED_BEFORE: LiteralString = "SELECT DISTINCT as_of_date FROM daily_vendor_totals WHERE data_source = %s AND as_of_date < %s"


def opening_states(platform: Platform, feed: Feed, windows: WindowRange) -> pl.DataFrame | None:
    """The closing cross-section before the windows; None where there is none.

    A column that the window was stored without is null there. LakeError where what linking has to know was not kept yet.
    """
    stored = stored_before(platform, feed, TWRR_SERIES, windows)
    if not stored:
        return None
    rows = platform.lake.read_partitions(TWRR_SERIES.name, feed.name, "window", [stored[-1].isoformat()])
    unknown = [name for name in STATE if name not in rows.columns]
    if unknown:
        raise LakeError(
            f"twrr_series of {feed.name} was stored up to {stored[-1]} before {unknown[0]} was kept; materialise the feed's pipeline "
            f"once from its first window, {stored[0]}, to the latest"
        )
    missing = [column for column in TWRR_SERIES.columns if column.name not in rows.columns]
    return latest_states(rows.with_columns(pl.lit(None, column.kind.polars).alias(column.name) for column in missing))


def flows_before(platform: Platform, feed: Feed, windows: WindowRange) -> pl.DataFrame | None:
    """NET_FLOWS of the last day before the windows on which the feed has any row; None where there is none."""
    stored = stored_before(platform, feed, NET_FLOWS, windows)
    for last in range(len(stored), 0, -_LOOKED_BACK):
        keys = [key.isoformat() for key in stored[max(0, last - _LOOKED_BACK) : last]]
        rows = platform.lake.read_partitions(NET_FLOWS.name, feed.name, "window", keys)
        if rows.height:
            return rows.filter(pl.col("as_of_date") == pl.col("as_of_date").max())
    return None


def linking_states(platform: Platform, feed: Feed, windows: WindowRange, opening: pl.DataFrame | None) -> pl.DataFrame | None:
    """STATE of the opening cross-section, and of the valuations that trailing periods start from."""
    if opening is None:
        return None
    keys = linking_windows(stored_before(platform, feed, TWRR_SERIES, windows), feed, windows)
    rows = platform.lake.read_partitions(TWRR_SERIES.name, feed.name, "window", keys, columns=STATE)
    return rows.unique(WHO_AND_WHEN, keep="any")


def linking_windows(stored: list[date], feed: Feed, windows: WindowRange) -> list[str]:
    """Of the windows before the range those whose states linking has to know, in order: the latest one, and for trailing periods some more.

    For each trailing period the windows in which the range's anniversaries lie are read, with the one before them. What an account was
    at the end of the last anniversary's month, and of the month after, which shows that its valuation was the month's last, stands in
    the latest windows up to there.
    """
    wanted = {stored[-1]}
    for years in TRAILING_YEARS:
        first, last = (_years_before(day, years, feed) for day in (windows.first_day, windows.last_day))
        wanted |= {key for key in stored if first <= key <= last}
        wanted |= {latest for until in (first - _DAY, *_ends_of_months(last)) if (latest := _latest(stored, until)) is not None}
    return [key.isoformat() for key in sorted(wanted)]


def _ends_of_months(window: date) -> tuple[date, date]:
    """The last day of the window's month, and of the month after."""
    following = next_window(window.replace(day=1), Cadence.MONTHLY)
    return following - _DAY, last_day_of(following, Cadence.MONTHLY)


def _latest(stored: list[date], until: date) -> date | None:
    return max((key for key in stored if key <= until), default=None)


def stored_before(platform: Platform, feed: Feed, stage: Table, windows: WindowRange) -> list[date]:
    """The stage's windows before the range that the lake lists, in order.

    LakeOutageError where one is not listed that is published, and so was stored: what is computed without it would look right.
    """
    keys = map(date.fromisoformat, platform.lake.partition_keys(stage.name, feed.name, "window"))
    stored = [key for key in keys if key < windows.first]
    published = platform.warehouse.query(_PUBLISHED_BEFORE, [feed.vendor, windows.first_day])["as_of_date"]
    lacking = {window_of(day, feed.cadence) for day in published}.difference(stored)
    if lacking:
        raise LakeOutageError(
            f"the lake's listing of {stage.name} of {feed.name} lacks {min(lacking)}, which is published; once it is listed, the "
            "pipeline is tried again by itself; if it was removed, materialise the pipeline from there"
        )
    return stored


def _years_before(day: date, years: int, feed: Feed) -> date:
    leap_day = day.month == 2 and day.day == 29  # noqa: PLR2004 - the 29th of February
    return window_of(day.replace(year=day.year - years, day=28 if leap_day else day.day), feed.cadence)
