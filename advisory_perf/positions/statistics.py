"""Statistics of the accounts whose published rows have changed, from the rows in the lake.

Whole histories are read, since everything here is linked since inception; of many accounts a part at a time, so that memory stays small.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from datetime import date
from functools import partial
from itertools import pairwise

import polars as pl

from advisory_perf.analytics.statistics import account_statistics
from advisory_perf.contracts.enums import Cadence, DayCount, Deviation
from advisory_perf.contracts.firm_tables import ACCOUNT_STATISTICS
from advisory_perf.contracts.tables import PERFORMANCE_DATA
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.errors import LakeError, LakeOutageError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.performance.ordering import begins_account, in_order
from advisory_perf.platform import Platform, pipeline_lock
from advisory_perf.positions.accounts_store import registered_accounts
from advisory_perf.positions.conventions import conventions_of
from advisory_perf.positions.openings import stored_before
from advisory_perf.positions.statistics_notes import PENDING, Known, known, noted_changes, of_accounts
from advisory_perf.settings import Settings
from advisory_perf.warehouse.locks import Locks

_VERSION = 1
"""Raised where the same rows give other figures than before."""
_ROWS_AT_ONCE = 4_000_000
_DAYS_OF_A_MONTH = 31
_ROWS_OF_ONE_PART, _PARTS = 100_000, 4
EVER = WindowRange(date.max, date.max, Cadence.DAILY)
"""Every stored window is before it."""

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


@dataclass(frozen=True, slots=True)
class ChangedStatistics:
    """Statistics of a vendor's accounts that were to be computed again.

    ``rows`` are ACCOUNT_STATISTICS from each account's ``from_month`` on, in which alone they may differ from what is stored; ``scope``
    has account_id and from_month, also of accounts without rows; ``noted`` is what is over once they are written, ``basis`` by what they
    were computed.
    """

    vendor: str
    basis: str
    noted: pl.DataFrame
    scope: pl.DataFrame
    rows: pl.DataFrame


def positions_feeds(platform: Platform) -> dict[str, PositionsFeed]:
    """The feeds of positions by their vendor, of which none has two."""
    return {feed.vendor: feed for feed in platform.feeds.values() if isinstance(feed, PositionsFeed)}


def basis_of(feed: PositionsFeed, settings: Settings) -> str:
    """Everything but the rows that the statistics of a feed's accounts depend on, as text."""
    *said, (cadence, holidays, weekends) = astuple(conventions_of(feed))
    return json.dumps([_VERSION, settings.deviation, settings.day_count, *said, cadence, weekends, *sorted(holidays)], default=str)


def pending_vendors(platform: Platform, noted: Known) -> dict[str, str]:
    """The vendors whose accounts are to be computed, each with what that is known by: the highest note, or another basis than before."""
    found = {}
    for vendor, feed in positions_feeds(platform).items():
        before, basis = noted.computed.get(of_accounts(vendor)), basis_of(feed, platform.settings)
        is_anew = before is not None and before.basis != basis
        if is_anew or vendor in noted.pending:
            found[vendor] = f"{noted.pending.get(vendor, 0)} {basis if is_anew else ''}"
    return found


def changed_statistics(platform: Platform) -> tuple[list[ChangedStatistics], list[LakeError]]:
    """Of each vendor with accounts that changed, their statistics, by vendor; and why those of others cannot be computed.

    Accounts of a feed whose pipeline runs now are left for the next time. A window that is not there, or was stored before a column was
    kept that statistics need, keeps only its own vendor's from being computed; LakeOutageError where the lake does not answer.
    """
    found: list[ChangedStatistics] = []
    failed: list[LakeError] = []
    feeds, noted = positions_feeds(platform), known(platform.warehouse)
    for vendor in sorted(pending_vendors(platform, noted)):
        before = noted.computed.get(of_accounts(vendor))
        is_anew = before is not None and before.basis != basis_of(feeds[vendor], platform.settings)
        try:
            with Locks(platform.warehouse) as locks:
                if locks.take(pipeline_lock(feeds[vendor].name)):
                    found.append(_statistics_of(platform, feeds[vendor], is_anew=is_anew))
        except LakeOutageError:
            raise
        except LakeError as error:
            failed.append(error)
    return found, failed


def _statistics_of(platform: Platform, feed: PositionsFeed, *, is_anew: bool) -> ChangedStatistics:
    """Under the lock of the feed's pipeline, so that the lake has what is published and no more notes come."""
    with platform.warehouse.connect() as connection:
        noted = noted_changes(connection, feed.vendor)
    changed = noted.select("account_id", "first_date")
    if is_anew:
        accounts = registered_accounts(platform.warehouse, feed.vendor)["account_id"]
        changed = pl.DataFrame({"account_id": pl.concat([accounts, noted["account_id"]]).unique().sort()}).with_columns(first_date=date.min)
    parts = [_in_scope(rows, changed) for rows in _computed(platform, feed, changed["account_id"].to_list())]
    rows = pl.concat([ACCOUNT_STATISTICS.empty(), *(kept for kept, _ in parts)])
    froms = pl.concat([_FROM.to_frame(), *(of_accounts for _, of_accounts in parts)])
    scope = changed.join(froms, on="account_id", how="left", maintain_order="left")
    return ChangedStatistics(
        feed.vendor,
        basis_of(feed, platform.settings),
        noted.select(PENDING.names()),
        scope.select("account_id", pl.col("from_month").fill_null(date.min)),
        rows,
    )


def _computed(platform: Platform, feed: PositionsFeed, accounts: Sequence[str]) -> Iterator[pl.DataFrame]:
    """ACCOUNT_STATISTICS of the accounts, some at a time, in their order."""
    windows = [key.isoformat() for key in stored_before(platform, feed, PERFORMANCE_DATA, EVER)]
    if not windows:
        return
    of_a_window = 1 if feed.cadence is Cadence.DAILY or feed.has_one_valuation_a_window else _DAYS_OF_A_MONTH
    at_once = max(1, _ROWS_AT_ONCE // (len(windows) * of_a_window))
    for place in range(0, len(accounts), at_once):
        rows = days_of(platform, feed, windows, accounts[place : place + at_once])
        yield statistics_rows(rows, feed, platform.settings)


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
