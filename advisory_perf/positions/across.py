"""What rules across accounts look at: the rows of a run, and of some windows of the feed before them.

Windows are counted by the ledger, as those in which the feed has delivered positions, so that a rule sees the same however windows are put
into runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from advisory_perf.contracts.tables import WHO_AND_WHEN
from advisory_perf.contracts.windows import WindowRange, ordinal_expr, window_expr
from advisory_perf.deliveries.issues import quarantined_keys
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.platform import Platform
from advisory_perf.positions.looked_back import LookedBack
from advisory_perf.positions.openings import opening_states
from advisory_perf.quality.across_accounts import ROWS

BESIDE = 3
"""So many windows of the feed before the run are looked at with their rows: as many as the sides of a transfer may lie apart."""
_RETURNS = ("account_id", "portfolio_id", "as_of_date", "window", "ordinal", "is_own", "delivery_id", "calculated_twrr")


@dataclass(frozen=True, slots=True)
class Across:
    """``rows`` has ROWS of the run and of the BESIDE windows before, ``returns`` its returns and all that were looked back on.

    ``known`` has each account_id from before the run, None where nothing was; ``quarantined`` account_id and
    window of the run's rows in quarantine, ``last_days`` the last_as_of_date of each delivery_id of several days that touches the run.
    """

    rows: pl.DataFrame
    returns: pl.DataFrame
    known: pl.DataFrame | None
    quarantined: pl.DataFrame
    last_days: pl.DataFrame


def across_accounts(platform: Platform, feed: PositionsFeed, windows: WindowRange, full: pl.DataFrame, looked: LookedBack) -> Across:
    """What to look at of a run whose positions, flows and returns ``full`` has in one frame, and of what lies before it."""
    opening = opening_states(platform, feed, windows)
    numbers = {window: number for number, window in enumerate(sorted({*looked.delivered, *_windows_of(full, windows)}))}
    own = _numbered(full.with_columns(is_emptied=pl.col("emptied_by").is_not_null()), windows, numbers)
    rows, returns = own.select(ROWS), own.select(_RETURNS)
    if looked.windows:
        before, returns_before = _before(looked, windows, numbers)
        rows, returns = pl.concat([before.select(ROWS), rows]), pl.concat([returns_before.select(_RETURNS), returns])
    slot = pl.col("window") if feed.has_one_valuation_a_window else pl.col("as_of_date")
    return Across(
        rows,
        returns.with_columns(slot=slot),
        None if opening is None else opening.select("account_id"),
        _quarantined(platform, feed, windows),
        _last_days(platform, feed, windows),
    )


def _before(looked: LookedBack, windows: WindowRange, numbers: Mapping[date, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Positions of the BESIDE windows before the run, and the returns that were looked back on."""
    states = _numbered(looked.series, windows, numbers)
    near = _numbered(looked.positions, windows, numbers).filter(pl.col("window").is_in(looked.windows[-BESIDE:]))
    emptied = states.select(*WHO_AND_WHEN, is_emptied=pl.col("emptied_by").is_not_null())
    rows = near.join(emptied, on=WHO_AND_WHEN, how="left").with_columns(pl.col("is_emptied").fill_null(value=False))
    return rows, states.with_columns(pl.lit(None, pl.String()).alias(name) for name in ("portfolio_id", "delivery_id"))


def _numbered(rows: pl.DataFrame, windows: WindowRange, numbers: Mapping[date, int]) -> pl.DataFrame:
    """With window, its ordinal, and is_own."""
    window = window_expr(pl.col("as_of_date"), windows.cadence).alias("window")
    ordinal = ordinal_expr(pl.col("window"), numbers)
    return rows.with_columns(window).with_columns(ordinal=ordinal, is_own=pl.col("window") >= windows.first)


def _windows_of(rows: pl.DataFrame, windows: WindowRange) -> list[date]:
    return rows.select(window_expr(pl.col("as_of_date").unique(), windows.cadence).unique()).to_series().to_list()


def _quarantined(platform: Platform, feed: PositionsFeed, windows: WindowRange) -> pl.DataFrame:
    keys = quarantined_keys(platform.warehouse, feed.name, windows.first_day, windows.last_day)
    window = window_expr(pl.col("as_of_date"), feed.cadence).alias("window")
    return keys.drop_nulls(WHO_AND_WHEN).select("account_id", window).unique()


def _last_days(platform: Platform, feed: PositionsFeed, windows: WindowRange) -> pl.DataFrame:
    touching = platform.ledger.touching(feed.name, windows.first_day, windows.last_day)
    entries = [entry for entry in touching if entry.first_as_of_date != entry.last_as_of_date]
    days = {"delivery_id": [entry.delivery_id for entry in entries], "last_as_of_date": [entry.last_as_of_date for entry in entries]}
    return pl.DataFrame(days, schema={"delivery_id": pl.String(), "last_as_of_date": pl.Date()})
