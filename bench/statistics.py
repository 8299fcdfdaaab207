"""Statistics of accounts beside reading their rows: 2,000 accounts, 10 years of business days, 10,000 with ``--accounts 10000``.

Then contributions of 10,000 accounts on 100 days to their 2,500 portfolios beside the linking of these accounts.

The rows lie in a lake, a Parquet file a day, as a pipeline leaves them. Reading takes the columns that statistics need, of some accounts at
a time; what is computed of them begins with bringing the days together by account. Both are timed in this one run, part by part, so that
their ratio holds on a noisy machine.
"""

import argparse
import resource
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from advisory_perf.analytics.contribution import OF_ACCOUNT, contributions_to_date
from advisory_perf.analytics.portfolios import portfolio_returns
from advisory_perf.contracts.enums import ReturnStatus, TransferNetting
from advisory_perf.contracts.tables import PERFORMANCE_DATA
from advisory_perf.feeds.registry import read_feed
from advisory_perf.lake.store import Lake
from advisory_perf.positions.conventions import conventions_of
from advisory_perf.positions.statistics import READ, statistics_rows
from advisory_perf.settings import Settings

FEED = Path(__file__).parent / "feeds" / "bulk.yaml"
ACCOUNTS, YEARS, AT_ONCE = 2_000, 10, 1_000
AIM, FLOWS = 3.0, 0.02
GROUPED, DAYS, PORTFOLIOS = 10_000, 100, 2_500
WHAT = ("account_id", "as_of_date", "currency", *OF_ACCOUNT)
_FIRST_YEAR = 2015


@dataclass
class Timed:
    """Seconds of the clock and of the processor's cores together, over all blocks."""

    seconds: float = 0.0
    processor: float = 0.0
    _begun: tuple[float, float] = (0.0, 0.0)

    def __enter__(self) -> None:
        """A block begins."""
        self._begun = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        """It ends."""
        self.seconds += time.perf_counter() - self._begun[0]
        self.processor += time.process_time() - self._begun[1]


def made(first: int, accounts: int, days: pl.Series) -> pl.DataFrame:
    """Published rows by account and day: fees at each month's end, a flow on one day in fifty, a benchmark, all drawn by the account."""
    draw = np.random.default_rng(first)
    count, size = accounts * len(days), len(days)
    number = np.repeat(np.arange(first, first + accounts), size)
    money = pl.Decimal(38, 4)
    rows = pl.DataFrame(
        {
            "account_id": pl.Series([f"ACC{each:06d}" for each in range(first, first + accounts)]).gather(number - first),
            "as_of_date": days.gather(np.tile(np.arange(size), accounts)),
            "calculated_twrr": draw.normal(0.0003, 0.008, count),
            "benchmark_return": draw.normal(0.0003, 0.007, count),
            "_flow": np.where(draw.random(count) < FLOWS, draw.integers(-50, 50, count), 0),
        }
    )
    month, account = pl.col("as_of_date").dt.month_start(), "account_id"
    grown = (1 + pl.col("calculated_twrr")).cum_prod()
    is_month_end = month.ne_missing(month.shift(-1).over(account))
    value = (pl.col("growth_index") * 1_000_000).cast(money)
    return (
        rows.with_columns(
            growth_index=grown.over(account),
            twrr_mtd=grown.over(account, month) - 1,
            fees=pl.when(is_month_end).then(100).otherwise(0).cast(money),
        )
        .with_columns(
            currency=pl.lit("EUR"),
            ending_market_value=value,
            beginning_market_value=value.shift(1).over(account).fill_null(1_000_000),
            contributions=pl.col("_flow").clip(lower_bound=0).cast(money),
            distributions=(-pl.col("_flow")).clip(lower_bound=0).cast(money),
            return_status=pl.lit(ReturnStatus.OK.value),
            cumulative_twrr=pl.col("growth_index") - 1,
            linked_over_gap=pl.lit(value=False),
            linked_over_missing=pl.lit(value=False),
            inception_date=pl.lit(days[0]),
            performance_start_date=pl.lit(date(_FIRST_YEAR - 1, 12, 31)),
            starts_within_window=pl.lit(value=False),
            is_closed=pl.lit(value=False),
        )
        .select(READ)
    )


def business_days(years: int) -> pl.Series:
    """The weekdays of so many years."""
    days = pl.date_range(date(_FIRST_YEAR, 1, 1), date(_FIRST_YEAR + years - 1, 12, 31), eager=True)
    return days.filter(days.dt.weekday() <= 5)  # noqa: PLR2004 - Friday


def compare(accounts: int, years: int) -> float:
    """Prints seconds and peak memory, and gives the ratio of computing to reading."""
    feed, settings, days = read_feed(FEED), Settings(), business_days(years)
    reading, computing = Timed(), Timed()
    figures = 0
    for first in range(0, accounts, AT_ONCE):
        with tempfile.TemporaryDirectory() as folder:
            lake, made_rows = Lake(folder), made(first, min(AT_ONCE, accounts - first), days)
            windows = {str(day): part for (day,), part in made_rows.partition_by("as_of_date", as_dict=True).items()}
            lake.write_partitions(PERFORMANCE_DATA.name, feed.name, "window", windows)
            keys = list(windows)
            del made_rows, windows
            lake.read_partitions(PERFORMANCE_DATA.name, feed.name, "window", keys)  # so that the files are in memory when it counts
            with reading:
                rows = lake.read_partitions(PERFORMANCE_DATA.name, feed.name, "window", keys, columns=READ)
            with computing:
                found = statistics_rows(rows, feed, settings)  # type: ignore[arg-type]
            figures += found.height
    ratio, of_processor = computing.seconds / reading.seconds, computing.processor / reading.processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{accounts * len(days):,} rows of {accounts:,} accounts, {figures:,} rows of statistics; peak memory {peak:,.0f} MB")
    print(f"{'':<32}{'seconds':>9}{'of all cores':>14}")
    for name, one in (("reading from Parquet", reading), ("account_statistics", computing)):
        print(f"{name:<32}{one.seconds:>9.2f}{one.processor:>14.2f}")
    print(f"\nratio {ratio:.2f}, of all cores {of_processor:.2f}   (aim {AIM:g})")
    return ratio


def compare_contributions() -> float:
    """Prints seconds of contributions to date of published rows and of ``twrr_series`` of the same, and gives their ratio."""
    conventions, rows = conventions_of(read_feed(FEED)), made(0, GROUPED, business_days(1)[:DAYS])  # type: ignore[arg-type]
    number = pl.col("account_id").str.slice(3).cast(pl.Int64()) % PORTFOLIOS
    positions = rows.select(WHAT).with_columns(portfolio_id=pl.format("P{}", number)).sort("as_of_date", "account_id")
    days = portfolio_returns(positions, group="portfolio_id", conventions=conventions, transfers=TransferNetting.MATCHED, departures=None)
    linking, contributing = Timed(), Timed()
    with linking:
        conventions.linked(conventions.returns(positions))
    with contributing:
        found = contributions_to_date(positions, days, group="portfolio_id", conventions=conventions)
    ratio = contributing.seconds / linking.seconds
    print(f"\n{positions.height:,} rows of {GROUPED:,} accounts in {PORTFOLIOS:,} portfolios, {found.height:,} rows of contributions")
    for name, one in (("twrr_series of the accounts", linking), ("contributions_to_date", contributing)):
        print(f"{name:<32}{one.seconds:>9.2f}{one.processor:>14.2f}")
    print(f"\nratio {ratio:.2f}, of all cores {contributing.processor / linking.processor:.2f}")
    return ratio


def main() -> None:
    """Parses the arguments."""
    parser = argparse.ArgumentParser(prog="bench.statistics", description=__doc__)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--years", type=int, default=YEARS)
    arguments = parser.parse_args()
    compare(arguments.accounts, arguments.years)
    compare_contributions()


if __name__ == "__main__":
    main()
