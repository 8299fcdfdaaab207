"""Portfolios and clients of a feed: its accounts' money rolled up day by day, and linked on from the windows before.

What is computed is pure (``analytics.portfolios``); here it is given what it has to know, and brought into the layout of the lake.
"""

from collections.abc import Iterator, Sequence

import polars as pl

from advisory_perf.analytics.portfolios import group_series
from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import GroupLevel, RollUpStatus
from advisory_perf.contracts.tables import NORMALIZED_POSITIONS, PORTFOLIO_PERFORMANCE, PUBLISHED_PORTFOLIOS, TWRR_SERIES, WHO_AND_WHEN
from advisory_perf.contracts.windows import WindowRange, number_expr, window_expr, window_number, window_of_number
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.orchestration.asset_checks import Finding, Rule
from advisory_perf.orchestration.pipelines.model import Computed, Inputs
from advisory_perf.platform import Platform
from advisory_perf.positions.closing_states import with_carried_states
from advisory_perf.positions.conventions import conventions_of
from advisory_perf.positions.group_openings import GroupOpening, opening_groups

PORTFOLIOS_HAVE_SUMS = Rule("portfolios_have_sums", "each day of a portfolio or client has the sum of all its accounts", hard=False)

_GROUP = ("level", "group_id")
_KEY = pl.format("{}:{}", *_GROUP).alias("account_id")
"""Names a group as the linking names an account; a level has no colon in it."""

_OF_VALUATION = tuple(name for name in PORTFOLIO_PERFORMANCE.column_names if name not in {"window", "is_valuation"})


def portfolios(platform: Platform, feed: PositionsFeed, windows: WindowRange, inputs: Inputs) -> Computed:
    """The windows' rows of each portfolio and client, and their closing cross-sections; none where the feed's files name neither."""
    opening = opening_groups(platform, feed, windows) if feed.group_levels else None
    rows = portfolio_rows(feed, windows, _with_closed(inputs), opening)
    valued = rows.filter("is_valuation")
    without = valued.filter(pl.col("roll_up_status") != RollUpStatus.OK.value)
    shown = without.select(*_GROUP, "as_of_date", "roll_up_status", "members", "missing_members").sort("as_of_date", *_GROUP)
    return Computed(rows, [Finding(PORTFOLIOS_HAVE_SUMS, shown, valued.height)], numbers=_numbers(valued))


def portfolio_rows(feed: PositionsFeed, windows: WindowRange, positions: pl.DataFrame, opening: GroupOpening | None) -> pl.DataFrame:
    """PORTFOLIO_PERFORMANCE of the windows, by its key, of their NORMALIZED_POSITIONS with is_closed, and what is known before."""
    if not feed.group_levels:
        return PORTFOLIO_PERFORMANCE.empty()
    series, leavers = (pl.concat(parts) for parts in zip(*_of_levels(feed, positions, opening), strict=True))
    closing = None if opening is None else opening.closing.with_columns(_KEY)
    carried = with_carried_states(series, closing, cadence=windows.cadence, first=windows.first, last=windows.last)
    waiting = _waiting(leavers, windows)
    rows = carried.join(waiting, on=["account_id", "window"], how="left", maintain_order="left")
    return (
        rows.with_columns(waiting_left_value=pl.when("_is_waiting").then("_waiting").otherwise(pl.lit(0, MONEY)))
        .select(PORTFOLIO_PERFORMANCE.column_names)
        .sort(PORTFOLIO_PERFORMANCE.key)
    )


def published(rows: pl.DataFrame) -> pl.DataFrame:
    """What of them the warehouse has: the days, without what only the windows to come have to know."""
    return rows.filter("is_valuation").select(PUBLISHED_PORTFOLIOS.table.column_names)


def _with_closed(inputs: Inputs) -> pl.DataFrame:
    """The positions, each with is_closed: its owner has emptied the account, whatever cent is left in it."""
    positions, series = inputs[NORMALIZED_POSITIONS.name], inputs[TWRR_SERIES.name]
    closed = series.filter("is_valuation", "is_closed").select(*WHO_AND_WHEN, is_closed=pl.lit(value=True))
    if closed.is_empty():
        return positions.with_columns(is_closed=pl.lit(value=False))
    return positions.join(closed, on=WHO_AND_WHEN, how="left", maintain_order="left").with_columns(
        pl.col("is_closed").fill_null(value=False)
    )


def _of_levels(feed: PositionsFeed, positions: pl.DataFrame, opening: GroupOpening | None) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Series and leavers of each level."""
    conventions = conventions_of(feed)
    for level in feed.group_levels:
        known = None if opening is None else opening.of_levels[level]
        found = group_series(
            positions,
            group=level.column,
            conventions=conventions,
            transfers=feed.transfers,
            departures=_departures(feed, level.column, [positions, *([] if known is None else [known.members])]),
            before=known,
        )
        constants = {"data_source": pl.lit(feed.vendor), "level": pl.lit(level.value), "waiting_left_value": pl.lit(0, MONEY)}
        series, leavers = (part.rename({level.column: "group_id"}).with_columns(**constants).with_columns(_KEY) for part in found)
        yield series.select("account_id", *_OF_VALUATION), leavers.select("account_id", "known_on", "taken_on", "ending_market_value")


def _departures(feed: PositionsFeed, group: str, rows: Sequence[pl.DataFrame]) -> pl.DataFrame | None:
    """The rows after which the feed says that their account leaves its group."""
    if not feed.departures:
        return None
    schema = {"account_id": pl.String(), "as_of_date": pl.Date()}
    declared = pl.DataFrame({"account_id": list(feed.departures), "as_of_date": list(feed.departures.values())}, schema=schema)
    known = pl.concat(frame.select("account_id", group, "as_of_date") for frame in rows)
    return known.filter(pl.col(group).is_not_null()).join(declared, on=["account_id", "as_of_date"], how="semi")


def _waiting(leavers: pl.DataFrame, windows: WindowRange) -> pl.DataFrame:
    """By group and window what of ``leavers`` is known at the window's end to have left, and counts only from a later window on.

    Null where a value that left is: no position has none, so that the schema of PORTFOLIO_PERFORMANCE then keeps the window back.
    """

    def number(day: str) -> pl.Expr:
        return number_expr(window_expr(pl.col(day), windows.cadence), windows.cadence)

    value = pl.col("ending_market_value")
    first, last = (window_number(window, windows.cadence) for window in (windows.first, windows.last))
    known, taken = number("known_on").clip(lower_bound=first), number("taken_on").fill_null(last + 1)
    return (
        leavers.filter(known < taken)
        .with_columns(numbers=pl.int_ranges(known, taken))
        .explode("numbers")
        .with_columns(window=window_of_number(pl.col("numbers"), windows.cadence))
        .group_by("account_id", "window")
        .agg(pl.when(value.null_count() == 0).then(value.sum()).alias("_waiting"), pl.lit(value=True).alias("_is_waiting"))
    )


def _numbers(valued: pl.DataFrame) -> pl.DataFrame:
    """How many portfolios and clients each window has, how many of their days lack a sum, and how many transfers are in doubt."""
    of_level = ((pl.col("level") == level.value).sum().alias(f"{level.value.lower()}s") for level in GroupLevel)
    return valued.group_by("window").agg(
        *of_level,
        (pl.col("roll_up_status") != RollUpStatus.OK.value).sum().alias("without_sum"),
        pl.col("ambiguous_transfers").sum(),
    )
