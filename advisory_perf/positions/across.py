"""What rules across accounts look at: the rows of a run, and of some windows of the feed before them.

So many windows are read as the rules look back, so that a day costs some days and never a history. Windows are counted by the ledger, as
those in which the feed has delivered positions, so that a rule sees the same however windows are put into runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from advisory_perf.contracts.tables import NORMALIZED_POSITIONS, TWRR_SERIES, WHO_AND_WHEN
from advisory_perf.contracts.windows import WindowRange, window_expr, window_number
from advisory_perf.deliveries.delivered_days import windows_before
from advisory_perf.deliveries.issues import quarantined_keys
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.platform import Platform
from advisory_perf.positions.openings import opening_states, stored_before
from advisory_perf.quality.across_accounts import ROWS
from advisory_perf.quality.outliers import WITHIN

BESIDE = 3
"""So many windows of the feed before the run are looked at with their rows: as many as the sides of a transfer may lie apart."""
_RETURNS = ("account_id", "portfolio_id", "as_of_date", "window", "ordinal", "is_own", "delivery_id", "calculated_twrr")
_STATES = (*WHO_AND_WHEN, "is_valuation", "calculated_twrr", "emptied_by")


@dataclass(frozen=True, slots=True)
class Across:
    """``rows`` has ROWS of the run and of the BESIDE windows before, ``returns`` its returns and those of WITHIN windows before.

    ``known`` has each account_id from before the run, None where nothing was; ``quarantined`` account_id and
    window of the run's rows in quarantine, ``last_days`` the last_as_of_date of each delivery_id of several days that touches the run.
    """

    rows: pl.DataFrame
    returns: pl.DataFrame
    known: pl.DataFrame | None
    quarantined: pl.DataFrame
    last_days: pl.DataFrame


def across_accounts(platform: Platform, feed: PositionsFeed, windows: WindowRange, full: pl.DataFrame) -> Across:
    """What to look at of a run whose positions, flows and returns ``full`` has in one frame."""
    opening = opening_states(platform, feed, windows)
    count = window_number(windows.last, feed.cadence) - window_number(windows.first, feed.cadence) + 1
    delivered = windows_before(platform.warehouse, feed.name, windows.last_day + timedelta(days=1), feed.cadence, count + WITHIN)
    numbers = {window: number for number, window in enumerate(sorted({*delivered, *_windows_of(full, windows)}))}
    stored = set(stored_before(platform, feed, NORMALIZED_POSITIONS, windows)) if opening is not None else set()
    earlier = sorted(window for window in delivered if window in stored)
    own = _numbered(full.with_columns(is_emptied=pl.col("emptied_by").is_not_null()), windows, numbers)
    before, returns = _before(platform, feed, earlier)
    rows, chosen = own.select(ROWS), own.select(_RETURNS)
    if before.height:
        rows = pl.concat([_numbered(before, windows, numbers).select(ROWS), rows])
    if returns.height:
        chosen = pl.concat([_numbered(returns, windows, numbers).select(_RETURNS), chosen])
    slot = pl.col("window") if feed.has_one_valuation_a_window else pl.col("as_of_date")
    return Across(
        rows,
        chosen.with_columns(slot=slot),
        None if opening is None else opening.select("account_id"),
        _quarantined(platform, feed, windows),
        _last_days(platform, feed, windows),
    )


def _numbered(rows: pl.DataFrame, windows: WindowRange, numbers: Mapping[date, int]) -> pl.DataFrame:
    """With window, its ordinal, and is_own."""
    window = window_expr(pl.col("as_of_date"), windows.cadence).alias("window")
    ordinal = pl.col("window").replace_strict(numbers, return_dtype=pl.Int64())
    return rows.with_columns(window).with_columns(ordinal=ordinal, is_own=pl.col("window") >= windows.first)


def _windows_of(rows: pl.DataFrame, windows: WindowRange) -> list[date]:
    return rows.select(window_expr(pl.col("as_of_date").unique(), windows.cadence).unique()).to_series().to_list()


def _before(platform: Platform, feed: PositionsFeed, earlier: Sequence[date]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of the delivered windows before the run the latest positions, and returns over more of them."""
    keys = [window.isoformat() for window in earlier[-WITHIN:]]
    if not keys:
        return pl.DataFrame(), pl.DataFrame()
    names = [name for name in ROWS if name in NORMALIZED_POSITIONS.column_names]
    states = platform.lake.read_partitions(TWRR_SERIES.name, feed.name, "window", keys, where=pl.col("is_valuation"), columns=_STATES)
    rows = platform.lake.read_partitions(NORMALIZED_POSITIONS.name, feed.name, "window", keys[-BESIDE:], columns=names)
    emptied = states.select(*WHO_AND_WHEN, is_emptied=pl.col("emptied_by").is_not_null())
    nowhere = {"portfolio_id": pl.lit(None, pl.String()), "delivery_id": pl.lit(None, pl.String())}
    with_ends = rows.join(emptied, on=WHO_AND_WHEN, how="left").with_columns(pl.col("is_emptied").fill_null(value=False))
    return with_ends, states.with_columns(**nowhere)


def _quarantined(platform: Platform, feed: PositionsFeed, windows: WindowRange) -> pl.DataFrame:
    keys = quarantined_keys(platform.warehouse, feed.name, windows.first_day, windows.last_day)
    window = window_expr(pl.col("as_of_date"), feed.cadence).alias("window")
    return keys.drop_nulls(WHO_AND_WHEN).select("account_id", window).unique()


def _last_days(platform: Platform, feed: PositionsFeed, windows: WindowRange) -> pl.DataFrame:
    touching = platform.ledger.touching(feed.name, windows.first_day, windows.last_day)
    entries = [entry for entry in touching if entry.first_as_of_date != entry.last_as_of_date]
    days = {"delivery_id": [entry.delivery_id for entry in entries], "last_as_of_date": [entry.last_as_of_date for entry in entries]}
    return pl.DataFrame(days, schema={"delivery_id": pl.String(), "last_as_of_date": pl.Date()})
