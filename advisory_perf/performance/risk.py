"""Account against benchmark: excess return, monthly returns, and how far both vary.

The benchmark is linked over exactly the sub-periods over which the account is, so that both cover the same time. That needs every
valuation of an account since its inception: figures of rows that do not link up to the account's own are null, never approximate.
Frames go in with one row an account and day, in any order; a lazy frame is collected, since linking needs all rows of an account,
and comes out lazy again. NaN and infinite values count as missing, and none comes out.
"""

import functools
import operator

import polars as pl

from advisory_perf.contracts.conventions import Deviation, ReturnStatus
from advisory_perf.performance.frames import Frame, finite_or_null, in_order, is_return, require

MONTHS = 36
"""The monthly returns that a standard deviation is made of."""

DAYS_TO_MONTH_END = 4
"""How far a valuation may lie before the month's last day and still stand for it: a weekend with a holiday on either side."""

_EPISODE = ("account_id", "inception_date")
_SAME = 1e-9
"""Relative difference of two growth indices that were multiplied in different order, with room to spare."""


def excess_returns(series: Frame) -> Frame:
    """Adds benchmark_cumulative_return, benchmark_linked_over_gap and excess_return; rows stay, in their order.

    ``series`` holds all valuations of each account: account_id, as_of_date, calculated_twrr, return_status, cumulative_twrr,
    inception_date and benchmark_return, the benchmark's return over the row's sub-period. Returns are fractions (0.01 is 1 %).

    - benchmark_cumulative_return: product of (1 + benchmark return) - 1 since the inception of the account's episode. A sub-period
      without a return of the account is not linked for the benchmark either.
    - excess_return: cumulative_twrr - benchmark_cumulative_return, the arithmetic excess.
    - benchmark_linked_over_gap: a benchmark return was missing (null, NaN, infinite, below -1) on a linked sub-period of the episode
      up to here, or valuations are missing in ``series``, as far as the account's own cumulative return tells. The other two are
      then null from there on.

    Raises ValueError where a column is missing or an account has two rows on a day. Source: Bacon, Practical Portfolio
    Performance Measurement and Attribution, ch. 3 (arithmetic excess return).
    """
    require(series, "an excess return", *_EPISODE, "as_of_date", "calculated_twrr", "return_status", "cumulative_twrr", "benchmark_return")
    rows = in_order(series.lazy().collect().with_row_index("_place")).with_columns(_linked_returns())
    index = 1 + pl.col("cumulative_twrr")
    account, benchmark = (pl.col(name).cum_prod().over(_EPISODE) for name in ("account_factor", "benchmark_factor"))
    begins_later = pl.col("as_of_date").first().over(_EPISODE) != pl.col("inception_date")
    is_gap = pl.col("benchmark_is_missing").cum_max().over(_EPISODE)
    found = rows.with_columns(
        (is_gap | begins_later | ~_is_same(account, index)).fill_null(value=True).alias("benchmark_linked_over_gap"), _linked=benchmark
    ).with_columns(
        finite_or_null(pl.when(~pl.col("benchmark_linked_over_gap")).then(pl.col("_linked") - 1)).alias("benchmark_cumulative_return")
    )
    excess = finite_or_null(pl.col("cumulative_twrr") - pl.col("benchmark_cumulative_return")).alias("excess_return")
    scratch = ("_place", "_linked", "is_linked", "account_factor", "benchmark_factor", "benchmark_is_missing")
    return _like(series, found.with_columns(excess).sort("_place").drop(scratch))


def monthly_returns(series: Frame) -> Frame:
    """One row for each account and calendar month with a valuation: account_id, month (its last day) and two returns; sorted.

    ``series`` is as for ``excess_returns``, with twrr_mtd in place of cumulative_twrr. monthly_return is the twrr_mtd of the month's
    last valuation; benchmark_monthly_return the benchmark linked over the same valuations. Both are fractions (0.01 is 1 %), and null

    - where a sub-period of the month has no return, or valuations are missing in ``series``; the benchmark's also where it lacks one;
    - where the month is cut short: it has to begin with a valuation at the end of the month before, in the same episode, and to end
      with one. The first month of an episode is therefore null: when its first sub-period began is not known. A valuation stands
      for the month's end on the last weekday or later, and up to four days before the end where a later one shows that it was the last.

    Errors as in ``excess_returns``. Source: GIPS Standards 2020, section 2.A (valuation as of calendar month end or the last
    business day of the month).
    """
    require(series, "a monthly return", *_EPISODE, "as_of_date", "calculated_twrr", "return_status", "twrr_mtd", "benchmark_return")
    rows = in_order(series.lazy().collect()).with_columns(_linked_returns())
    day, month = pl.col("as_of_date"), pl.col("as_of_date").dt.month_end()
    is_latest = pl.col("account_id").ne_missing(pl.col("account_id").shift(-1))
    at_month_end = (day >= month.dt.add_business_days(0, roll="backward")) | (
        ~is_latest & (day >= month.dt.offset_by(f"-{DAYS_TO_MONTH_END}d"))
    )
    rows = rows.with_columns(month=month, is_end=at_month_end)
    follows = pl.col("is_end").shift(1) & (pl.col("month").shift(1) == month.dt.month_start().dt.offset_by("-1d"))
    same_episode = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in _EPISODE)
    by_month = (
        rows.with_columns(is_whole=follows & same_episode)
        .group_by("account_id", "month", maintain_order=True)
        .agg(
            pl.col("is_whole").first() & pl.col("is_end").last() & pl.col("is_linked").all(),
            pl.col("account_factor", "benchmark_factor").product(),
            pl.col("benchmark_is_missing").any(),
            pl.col("twrr_mtd").last(),
        )
    )
    is_known = pl.col("is_whole") & _is_same(pl.col("account_factor"), 1 + pl.col("twrr_mtd"))
    benchmark = pl.when(is_known & ~pl.col("benchmark_is_missing")).then(pl.col("benchmark_factor") - 1)
    return _like(
        series,
        by_month.select(
            "account_id",
            "month",
            pl.when(is_known).then("twrr_mtd").alias("monthly_return"),
            finite_or_null(benchmark).alias("benchmark_monthly_return"),
        ),
    )


def volatility(monthly: Frame, *, deviation: Deviation) -> Frame:
    """Adds volatility and benchmark_volatility: standard deviation of the latest 36 monthly returns · √12; rows stay, in their order.

    ``monthly`` is as ``monthly_returns`` gives it. Figures are fractions (0.01 is 1 %), of account and benchmark by the same
    formula; ``deviation`` chooses the divisor, 35 or 36, which GIPS leaves open. Null where any of the 36 calendar months up to the
    row's has no return. Raises ValueError where a column is missing or an account has two rows for a month. Source: GIPS Standards
    2020, provision 4.A.1.j (three-year annualised ex post standard deviation).
    """
    returns = {"volatility": pl.col("monthly_return"), "benchmark_volatility": pl.col("benchmark_monthly_return")}
    return _with_deviations(monthly, "a volatility", returns, Deviation(deviation))


def tracking_error(monthly: Frame, *, deviation: Deviation) -> Frame:
    """Adds tracking_error: standard deviation of the latest 36 monthly excess returns · √12; rows stay, in their order.

    A month's excess return is monthly_return - benchmark_monthly_return. Shapes, units, nulls and errors as in ``volatility``.
    Source: Bacon, Practical Portfolio Performance Measurement and Attribution, ch. 4 (tracking error from arithmetic excess returns).
    """
    excess = pl.col("monthly_return") - pl.col("benchmark_monthly_return")
    return _with_deviations(monthly, "a tracking error", {"tracking_error": excess}, Deviation(deviation))


def _linked_returns() -> list[pl.Expr]:
    """Whether a row is linked, what it multiplies account and benchmark by (1 where not), and whether the benchmark's is missing."""
    account, benchmark = (pl.col(name).cast(pl.Float64()) for name in ("calculated_twrr", "benchmark_return"))
    is_linked = (pl.col("return_status") == ReturnStatus.OK.value) & is_return(account)
    has_benchmark = is_return(benchmark)
    return [
        is_linked.alias("is_linked"),
        pl.when(is_linked).then(1 + account).otherwise(1.0).alias("account_factor"),
        pl.when(is_linked & has_benchmark).then(1 + benchmark).otherwise(1.0).alias("benchmark_factor"),
        (is_linked & ~has_benchmark).alias("benchmark_is_missing"),
    ]


def _with_deviations(monthly: Frame, what: str, returns: dict[str, pl.Expr], deviation: Deviation) -> Frame:
    require(monthly, what, "account_id", "month", "monthly_return", "benchmark_monthly_return")
    rows = monthly.lazy().collect().with_row_index("_place").sort("account_id", "month")
    if rows.select(pl.struct("account_id", pl.col("month").dt.month_end()).is_duplicated().any()).item():
        raise ValueError(f"{what} needs one row for each account and month; the frame has more for some")
    deviations = [_standard_deviation(rows.select(each).to_series(), deviation).alias(name) for name, each in returns.items()]
    number, earlier = pl.col("month").dt.year() * 12 + pl.col("month").dt.month(), MONTHS - 1
    # sorted rows of one account whose months are 35 apart have every month between them, each once
    are_consecutive = (pl.col("account_id") == pl.col("account_id").shift(earlier)) & (number - number.shift(earlier) == earlier)
    figures = [finite_or_null(pl.when(are_consecutive).then(pl.col(name) * 12**0.5)).alias(name) for name in returns]
    return _like(monthly, rows.with_columns(deviations).with_columns(figures).sort("_place").drop("_place"))


def _standard_deviation(value: pl.Series, deviation: Deviation) -> pl.Series:
    """Of each row and the 35 before it, null where one of them is.

    In two passes, which no earlier value can disturb, and one addition after the other: a parallel sum would differ from run to run.
    """
    window = [value.shift(back) for back in range(MONTHS)]
    mean = functools.reduce(operator.add, window) / MONTHS
    squares = functools.reduce(operator.add, ((each - mean) ** 2 for each in window))
    return (squares / (MONTHS - deviation.lost_degrees)).sqrt()


def _is_same(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return other.is_finite() & ((one - other).abs() <= _SAME * pl.max_horizontal(other.abs(), pl.lit(1.0)))


def _like(given: Frame, found: pl.DataFrame) -> Frame:
    return found.lazy() if isinstance(given, pl.LazyFrame) else found
