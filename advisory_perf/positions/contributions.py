"""Contributions of accounts to the portfolios and clients whose published rows have changed, from the rows in the lake.

Of a group everything is read since the year of the first changed day began, since no figure reaches further back: a year at a time, and of
many groups a part at a time, so that memory stays small.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from advisory_perf.analytics.contribution import OF_ACCOUNT, OF_GROUP, contributions_to_date
from advisory_perf.contracts.enums import Cadence, GroupLevel
from advisory_perf.contracts.firm_tables import PORTFOLIO_CONTRIBUTIONS
from advisory_perf.contracts.tables import PERFORMANCE_DATA, PORTFOLIO_PERFORMANCE, Table
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.platform import Platform
from advisory_perf.positions.changed import ChangedFigures, Figures, changed_figures, positions_feeds
from advisory_perf.positions.conventions import conventions_of
from advisory_perf.positions.openings import EVER, stored_before
from advisory_perf.positions.statistics_notes import GROUPS
from advisory_perf.positions.unreadable import Reads

_VERSION = 1
"""Raised where the same rows give other figures than before."""
_ROWS_AT_ONCE = 4_000_000
_DAYS_OF_A_YEAR, _MONTHS_OF_A_YEAR = 366, 12
_OF_DAYS = ("group_id", "as_of_date", "members", *OF_GROUP)
_OF_ACCOUNTS = ("account_id", "as_of_date", *OF_ACCOUNT)


def bases_of_contributions(platform: Platform) -> dict[str, str]:
    """By vendor everything but the rows that contributions depend on, as text."""
    return {vendor: _basis_of(feed) for vendor, feed in positions_feeds(platform).items()}


def _basis_of(feed: PositionsFeed) -> str:
    said = conventions_of(feed)
    return json.dumps([_VERSION, said.timing, said.fee_basis, said.weight, said.residual_base], default=str)


def changed_contributions(platform: Platform) -> tuple[list[ChangedFigures], dict[str, str]]:
    """Of each vendor with portfolios or clients that changed, the contributions to them; what is left out as of ``changed_figures``."""
    figures = Figures(PORTFOLIO_CONTRIBUTIONS, GROUPS, _contributions_of, _reads)
    return changed_figures(platform, figures, bases_of_contributions(platform))


def contribution_rows(feed: PositionsFeed, level: GroupLevel, accounts: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """PORTFOLIO_CONTRIBUTIONS of published rows of a level's groups and of their accounts, whole years of them. Pure."""
    named = accounts.rename({level.column: "group_id"})
    found = contributions_to_date(named, days, group="group_id", conventions=conventions_of(feed))
    constants = {"data_source": pl.lit(feed.vendor), "level": pl.lit(level.value)}
    return found.with_columns(**constants).select(PORTFOLIO_CONTRIBUTIONS.column_names)


def _contributions_of(platform: Platform, feed: PositionsFeed, noted: pl.DataFrame, *, is_anew: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    changed = noted.select(*GROUPS.key, "first_date")
    if is_anew:
        everyone = pl.concat([_known_groups(platform, feed), changed.select(GROUPS.key)])
        changed = everyone.unique().sort(GROUPS.key).with_columns(first_date=date.min)
    scope = changed.select(*GROUPS.key, from_month=pl.col("first_date").dt.month_end())
    rows = pl.concat([PORTFOLIO_CONTRIBUTIONS.empty(), *_computed(platform, feed, changed)])
    in_scope = rows.join(scope, on=GROUPS.key, how="left", maintain_order="left").filter(pl.col("month") >= pl.col("from_month"))
    return scope, in_scope.drop("from_month")


def _known_groups(platform: Platform, feed: PositionsFeed) -> pl.DataFrame:
    """Every group of the vendor that has rows, or contributions."""
    statement = (
        "SELECT level, group_id FROM portfolio_performance WHERE data_source = %(vendor)s"
        " UNION SELECT level, group_id FROM portfolio_contributions WHERE data_source = %(vendor)s"
    )
    return platform.warehouse.query(statement, {"vendor": feed.vendor})


def _computed(platform: Platform, feed: PositionsFeed, changed: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """PORTFOLIO_CONTRIBUTIONS of the changed groups since the year of their first changed day began."""
    first_year = changed["first_date"].dt.year().min()
    if not isinstance(first_year, int):
        return
    windows = _windows_since(platform, feed, first_year)
    for year in sorted({key.year for key in windows}):
        keys = [key.isoformat() for key in windows if key.year == year]
        begun = changed.filter(pl.col("first_date").dt.year() <= year)
        for (level,), groups in sorted(begun.partition_by("level", as_dict=True).items()):
            for names in _so_many(groups["group_id"].sort(), feed):
                yield from _of_groups(platform, feed, keys, GroupLevel(level), names)


def _windows_since(platform: Platform, feed: PositionsFeed, year: int) -> list[date]:
    return [key for key in stored_before(platform, feed, PERFORMANCE_DATA, EVER) if key.year >= year]


def _reads(platform: Platform, feed: PositionsFeed, first: date) -> Reads:
    """What is read of the feed where a day of its groups has changed, ``first`` being the first one."""
    columns = {
        PORTFOLIO_PERFORMANCE: ("level", "is_valuation", *_OF_DAYS),
        PERFORMANCE_DATA: (*(level.column for level in feed.group_levels), *_OF_ACCOUNTS),
    }
    return Reads(columns, [key.isoformat() for key in _windows_since(platform, feed, first.year)])


def _so_many(groups: pl.Series, feed: PositionsFeed) -> Iterator[list[str]]:
    """The groups, as many at a time as may have so many days in a year."""
    days = _MONTHS_OF_A_YEAR if feed.has_one_valuation_a_window and feed.cadence is Cadence.MONTHLY else _DAYS_OF_A_YEAR
    at_once = _ROWS_AT_ONCE // days
    for place in range(0, len(groups), at_once):
        yield groups[place : place + at_once].to_list()


def _of_groups(
    platform: Platform, feed: PositionsFeed, windows: Sequence[str], level: GroupLevel, groups: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """A year's rows of the groups, as many at a time as have so many rows of accounts."""

    def read(table: Table, where: pl.Expr, columns: Sequence[str]) -> pl.DataFrame:
        return platform.lake.read_partitions(table.name, feed.name, "window", windows, where=where, columns=columns)

    is_one = (pl.col("level") == level.value) & pl.col("group_id").is_in(list(groups)) & pl.col("is_valuation")
    days = read(PORTFOLIO_PERFORMANCE, is_one, _OF_DAYS)
    of_accounts = days.group_by("group_id").agg(pl.col("members").sum()).sort("group_id")
    parts = of_accounts.with_columns(part=(pl.col("members").cum_sum() - 1) // _ROWS_AT_ONCE).partition_by("part", maintain_order=True)
    for part in parts:
        names = part["group_id"].to_list()
        accounts = read(PERFORMANCE_DATA, pl.col(level.column).is_in(names), (level.column, *_OF_ACCOUNTS))
        yield contribution_rows(feed, level, accounts, days.filter(pl.col("group_id").is_in(names)))
