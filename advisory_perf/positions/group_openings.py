"""What a run looks back on of portfolios and clients: their members and their own states before its windows, read from the lake.

The members stand in the closing cross-section of the accounts, the groups in that of portfolio_performance. Both have to be of one window:
what is rolled up from two different ones would look right.
"""

from datetime import date
from typing import NamedTuple

import polars as pl

from advisory_perf.analytics.members import GroupsBefore
from advisory_perf.contracts.enums import GroupLevel
from advisory_perf.contracts.tables import PORTFOLIO_PERFORMANCE, TWRR_SERIES, Table
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.errors import LakeError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.performance.linking import STATE
from advisory_perf.platform import Platform
from advisory_perf.positions.closing_states import latest_states
from advisory_perf.positions.openings import linking_windows, stored_before

_GROUP = ("level", "group_id")
_STATE = (*_GROUP, *(name for name in STATE if name != "account_id"))


class GroupOpening(NamedTuple):
    """What is known before the windows: the closing cross-section in the lake's layout, and of each level what rolling up has to know."""

    closing: pl.DataFrame
    of_levels: dict[GroupLevel, GroupsBefore]


def opening_groups(platform: Platform, feed: PositionsFeed, windows: WindowRange) -> GroupOpening | None:
    """What is known of the groups of the feed's levels before the windows; None where there are no windows before.

    A column that a window was stored without is null there. LakeError where the lake's latest windows of accounts and of groups are not the
    same, or were stored without what has to be known.
    """
    stored, accounts = (stored_before(platform, feed, table, windows) for table in (PORTFOLIO_PERFORMANCE, TWRR_SERIES))
    if stored[-1:] != accounts[-1:]:
        raise LakeError(
            f"the lake has {TWRR_SERIES.name} of {feed.name} up to {_last(accounts)} and {PORTFOLIO_PERFORMANCE.name} up to "
            f"{_last(stored)}; materialise the feed's pipeline once from its first window to the latest"
        )
    if not stored:
        return None

    def closing(table: Table, needed: list[str]) -> pl.DataFrame:
        rows = platform.lake.read_partitions(table.name, feed.name, "window", [stored[-1].isoformat()])
        unknown = [name for name in needed if name not in rows.columns]
        if unknown:
            raise LakeError(
                f"{table.name} of {feed.name} was stored up to {stored[-1]} before {unknown[0]} was kept; materialise the feed's pipeline "
                f"once from its first window, {stored[0]}, to the latest"
            )
        missing = [column for column in table.columns if column.name not in rows.columns]
        return rows.with_columns(pl.lit(None, column.kind.polars).alias(column.name) for column in missing)

    groups = closing(PORTFOLIO_PERFORMANCE, [*_STATE, "last_currency", "waiting_left_value"])
    members = latest_states(closing(TWRR_SERIES, [*(level.column for level in feed.group_levels), "ending_market_value", "is_closed"]))
    keys = linking_windows(stored, feed, windows)
    states = platform.lake.read_partitions(PORTFOLIO_PERFORMANCE.name, feed.name, "window", keys, columns=_STATE)
    states = states.unique([*_GROUP, "as_of_date"], keep="any")
    latest = groups.sort("as_of_date").unique(_GROUP, keep="last", maintain_order=True)
    return GroupOpening(latest, {level: _of_level(level, members, latest, states) for level in feed.group_levels})


def _of_level(level: GroupLevel, members: pl.DataFrame, latest: pl.DataFrame, states: pl.DataFrame) -> GroupsBefore:
    is_of_level, named = pl.col("level") == level.value, pl.col("group_id").alias(level.column)
    return GroupsBefore(
        members.select("account_id", level.column, "as_of_date", "ending_market_value", "is_closed"),
        latest.filter(is_of_level).select(named, "as_of_date", "last_currency", "waiting_left_value"),
        states.filter(is_of_level).select(named, pl.all().exclude(_GROUP)),
    )


def _last(stored: list[date]) -> str:
    return str(stored[-1]) if stored else "no window"
