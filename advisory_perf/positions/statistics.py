"""Statistics of the accounts whose published rows have changed, from the rows in the lake.

Whole histories are read, since everything here is linked since inception; of many accounts a part at a time, so that memory stays small.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from datetime import date
from functools import partial
from itertools import pairwise

import polars as pl

from advisory_perf.analytics.statistics import account_statistics
from advisory_perf.contracts.enums import Cadence, DayCount, Deviation
from advisory_perf.contracts.firm_tables import ACCOUNT_STATISTICS
from advisory_perf.contracts.tables import PERFORMANCE_DATA
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.performance.ordering import begins_account, in_order
from advisory_perf.platform import Platform
from advisory_perf.positions.accounts_store import registered_accounts
from advisory_perf.positions.changed import ChangedFigures, Figures, changed_figures, positions_feeds
from advisory_perf.positions.contributions import bases_of_contributions
from advisory_perf.positions.conventions import conventions_of
from advisory_perf.positions.openings import EVER, stored_before
from advisory_perf.positions.statistics_notes import ACCOUNTS, GROUPS, Known
from advisory_perf.positions.unreadable import Reads
from advisory_perf.settings import Settings

_VERSION = 1
"""Raised where the same rows give other figures than before."""
_ROWS_AT_ONCE = 4_000_000
_DAYS_OF_A_MONTH = 31
_ROWS_OF_ONE_PART, _PARTS = 100_000, 4

READ = (
    "account_id",
    "as_of_date",
    "currency",
    "beginning_market_value",
    "contributions",
    "distributions",
    "fees",
    "ending_market_value",
    "benchmark_return",
    "calculated_twrr",
    "return_status",
    "cumulative_twrr",
    "twrr_mtd",
    "linked_over_gap",
    "linked_over_missing",
    "inception_date",
    "performance_start_date",
    "starts_within_window",
    "is_closed",
)
"""The columns of PERFORMANCE_DATA that statistics are made of."""


def basis_of(feed: PositionsFeed, settings: Settings) -> str:
    """Everything but the rows that the statistics of a feed's accounts depend on, as text."""
    *said, (cadence, holidays, weekends) = astuple(conventions_of(feed))
    return json.dumps([_VERSION, settings.deviation, settings.day_count, *said, cadence, weekends, *sorted(holidays)], default=str)


def pending_vendors(platform: Platform, noted: Known) -> dict[str, str]:
    """The vendors of whom anything is to be computed above the account, each with what that is known by."""
    waiting = [noted.waiting(ACCOUNTS, _bases(platform)), noted.waiting(GROUPS, bases_of_contributions(platform))]
    return {vendor: " ".join(each.get(vendor, "") for each in waiting) for vendor in sorted(set().union(*waiting))}


def changed_statistics(platform: Platform) -> tuple[list[ChangedFigures], dict[str, str]]:
    """Of each vendor with accounts that changed, their statistics; what is left out, and why, as of ``changed_figures``."""
    statistics = Figures(ACCOUNT_STATISTICS, ACCOUNTS, _statistics_of, days_are_read)
    return changed_figures(platform, statistics, _bases(platform))


def _bases(platform: Platform) -> dict[str, str]:
    return {vendor: basis_of(feed, platform.settings) for vendor, feed in positions_feeds(platform).items()}


def _statistics_of(platform: Platform, feed: PositionsFeed, noted: pl.DataFrame, *, is_anew: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    changed = noted.select("account_id", "first_date")
    if is_anew:
        accounts = registered_accounts(platform.warehouse, feed.vendor)["account_id"]
        changed = pl.DataFrame({"account_id": pl.concat([accounts, noted["account_id"]]).unique().sort()}).with_columns(first_date=date.min)
    parts = [_in_scope(rows, changed) for rows in _computed(platform, feed, changed["account_id"].to_list())]
    rows = pl.concat([ACCOUNT_STATISTICS.empty(), *(kept for kept, _ in parts)])
    froms = pl.concat([_FROM.to_frame(), *(of_accounts for _, of_accounts in parts)])
    scope = changed.join(froms, on="account_id", how="left", maintain_order="left")
    return scope.select("account_id", pl.col("from_month").fill_null(date.min)), rows


def _computed(platform: Platform, feed: PositionsFeed, accounts: Sequence[str]) -> Iterator[pl.DataFrame]:
    """ACCOUNT_STATISTICS of the accounts, some at a time, in their order."""
    windows = windows_of(platform, feed)
    if not windows:
        return
    of_a_window = 1 if feed.cadence is Cadence.DAILY or feed.has_one_valuation_a_window else _DAYS_OF_A_MONTH
    at_once = max(1, _ROWS_AT_ONCE // (len(windows) * of_a_window))
    for place in range(0, len(accounts), at_once):
        rows = days_of(platform, feed, windows, accounts[place : place + at_once])
        yield statistics_rows(rows, feed, platform.settings)


def windows_of(platform: Platform, feed: PositionsFeed) -> list[str]:
    """The keys of all windows of the feed's published rows."""
    return [key.isoformat() for key in stored_before(platform, feed, PERFORMANCE_DATA, EVER)]


def days_are_read(platform: Platform, feed: PositionsFeed, _first: date = date.min) -> Reads:
    """What ``days_of`` reads of whole histories, whatever the first day that changed."""
    return Reads({PERFORMANCE_DATA: READ}, windows_of(platform, feed))


def days_of(platform: Platform, feed: PositionsFeed, windows: Sequence[str], accounts: Sequence[str]) -> pl.DataFrame:
    """The published rows of some accounts in the windows, as far as figures above the account need them."""
    is_one = pl.col("account_id").is_in(list(accounts))
    return platform.lake.read_partitions(PERFORMANCE_DATA.name, feed.name, "window", windows, where=is_one, columns=READ)


def statistics_rows(rows: pl.DataFrame, feed: PositionsFeed, settings: Settings) -> pl.DataFrame:
    """ACCOUNT_STATISTICS of published rows that are whole histories of accounts of the feed. Pure.

    Many accounts are computed in parts at once, since much of it is one thing after another for a core.
    """
    if not rows.height:
        return ACCOUNT_STATISTICS.empty()
    compute = partial(
        account_statistics,
        conventions=conventions_of(feed),
        deviation=Deviation(settings.deviation),
        day_count=DayCount(settings.day_count),
    )
    series = in_order(rows.with_columns(growth_index=1 + pl.col("cumulative_twrr")))
    with ThreadPoolExecutor(_PARTS) as pool:
        found = pl.concat(pool.map(compute, _parts(series)))
    return found.with_columns(data_source=pl.lit(feed.vendor)).select(ACCOUNT_STATISTICS.column_names)


def _parts(ordered: pl.DataFrame) -> list[pl.DataFrame]:
    """The rows of some accounts after those of others, about as many in each part."""
    if ordered.height < _ROWS_OF_ONE_PART:
        return [ordered]
    begins = ordered.select(pl.arg_where(begins_account())).to_series()
    wanted = [ordered.height * part // _PARTS for part in range(1, _PARTS)]
    edges = [
        0,
        *(begins[place] for place in begins.search_sorted(pl.Series(wanted, dtype=begins.dtype)) if place < len(begins)),
        ordered.height,
    ]
    return [ordered.slice(first, last - first) for first, last in pairwise(edges) if last > first]


_FROM = pl.Schema({"account_id": pl.String(), "from_month": pl.Date()})


def _in_scope(rows: pl.DataFrame, changed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """From the month before the first changed day's on, which may become whole by it; an earlier month is what it was.

    The rows of these months, and _FROM by account: null where no month is there before, so that whatever is stored of earlier ones goes.
    """
    month = pl.col("month")
    known = rows.join(changed, on="account_id", how="left", maintain_order="left")
    before = month.filter(month < pl.col("first_date").dt.month_end()).max()
    kept = known.filter(month >= before.over("account_id").fill_null(date.min)).drop("first_date")
    return kept, known.group_by("account_id").agg(from_month=before).select(_FROM.names())
