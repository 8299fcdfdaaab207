"""Account against benchmark: excess return, monthly returns, and how far both vary.

The benchmark is linked over exactly the sub-periods over which the account is, so that both cover the same time. That needs every
valuation of an account since its inception: figures of rows that do not link up to the account's own are null, never approximate.
Frames go in with one row an account and day, in any order; a lazy frame is collected, since linking needs all rows of an account,
and comes out lazy again. NaN and infinite values count as missing, and none comes out.
"""

import functools
import operator

import polars as pl

from advisory_perf.contracts.enums import Deviation
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.performance.coverage import due_days, month_number, month_numbers
from advisory_perf.performance.ordering import Frame, begins_account, finite_or_null, has_return, in_order, is_return, require

MONTHS = 36
"""The monthly returns that a standard deviation is made of."""

_EPISODE = ("account_id", "inception_date")
_VALUES = ("beginning_market_value", "ending_market_value")
_PARTS = ("starts_within_window", "is_closed")
_OF_BEGIN = ("inception_date", "starts_within_window")
_NEEDED = (*_EPISODE, "as_of_date", *_VALUES, "calculated_twrr", "return_status", "benchmark_return", *_PARTS)
_OF_MONTHS = (*_NEEDED, "twrr_mtd", "performance_start_date")
_VOLATILITY = {"volatility": pl.col("monthly_return"), "benchmark_volatility": pl.col("benchmark_monthly_return")}
_TRACKING = {"tracking_error": pl.col("monthly_return") - pl.col("benchmark_monthly_return")}
_SAME = 1e-9
"""Relative difference of two growth indices that were multiplied in different order, with room to spare."""


def excess_returns(series: Frame, *, schedule: Schedule) -> Frame:
    """Adds benchmark_cumulative_return, benchmark_linked_over_gap, benchmark_covers_more and excess_return; rows stay, in their order.

    ``series`` holds all valuations of each account: account_id, as_of_date, beginning_market_value, ending_market_value,
    calculated_twrr, return_status, cumulative_twrr, inception_date, starts_within_window and is_closed, as ``twrr_series`` gives them,
    and benchmark_return, the benchmark's return over the row's sub-period. Returns are fractions (0.01 is 1 %).

    - benchmark_cumulative_return: product of (1 + benchmark return) - 1 since the inception of the account's episode. A sub-period
      without a return of the account is not linked for the benchmark either.
    - excess_return: cumulative_twrr - benchmark_cumulative_return, the arithmetic excess.
    - benchmark_linked_over_gap: a benchmark return was missing (null, NaN, infinite, below -1) on a linked sub-period of the episode
      up to here, or valuations are missing in ``series``, as far as the account's own cumulative return tells.
    - benchmark_covers_more: up to here there is a month that the account lived through only in part, being funded from nothing, emptied
      or opened again within it, a residual counting as nothing, while the benchmark's return is of the whole month. On a day of a daily
      feed flows have their timing.

    Where either flag is set, the returns of benchmark and excess are null from there on.

    Raises ValueError where a column is missing or an account has two rows on a day. Source: Bacon, Practical Portfolio
    Performance Measurement and Attribution, ch. 3 (arithmetic excess return).
    """
    require(series, "an excess return", *_NEEDED, "cumulative_twrr")
    rows = in_order(series.lazy().collect().with_row_index("_place"))
    found = rows.hstack(benchmark_since_inception(linked_rows(rows, schedule), rows["cumulative_twrr"]))
    excess = finite_or_null(pl.col("cumulative_twrr") - pl.col("benchmark_cumulative_return")).alias("excess_return")
    return _like(series, found.with_columns(excess).sort("_place").drop("_place"))


def _so_far(linked: pl.DataFrame, name: str) -> pl.Expr:
    """Whether the flag stands at any row of the episode up to here; mostly it stands nowhere, and nothing is to be looked for."""
    return pl.col(name).cum_max().over("_episode") if linked[name].any() else pl.repeat(value=False, n=pl.len(), dtype=pl.Boolean())


def linked_rows(rows: pl.DataFrame, schedule: Schedule) -> pl.DataFrame:
    """What each of the rows, in order, multiplies account and benchmark by, with the number of its episode."""
    return rows.select(*_linked_returns(schedule), _episode=_episode_number())


def benchmark_since_inception(linked: pl.DataFrame, cumulative_twrr: pl.Series) -> pl.DataFrame:
    """benchmark_linked_over_gap, benchmark_covers_more and benchmark_cumulative_return of ``excess_returns``, of ``linked_rows``."""
    index = 1 + pl.col("cumulative_twrr")
    account, benchmark = (pl.col(name).cum_prod().over("_episode") for name in ("account_factor", "benchmark_factor"))
    begins_later = pl.col("begins_later").first().over("_episode")
    is_gap, covers_more = (_so_far(linked, name) for name in ("benchmark_is_missing", "is_lived_in_part"))
    return (
        linked.hstack([cumulative_twrr.alias("cumulative_twrr")])
        .select(
            (is_gap | begins_later | ~_is_same(account, index)).fill_null(value=True).alias("benchmark_linked_over_gap"),
            benchmark_covers_more=covers_more,
            _linked=benchmark,
        )
        .select(
            "benchmark_linked_over_gap",
            "benchmark_covers_more",
            finite_or_null(
                pl.when(~pl.col("benchmark_linked_over_gap") & ~pl.col("benchmark_covers_more")).then(pl.col("_linked") - 1)
            ).alias("benchmark_cumulative_return"),
        )
    )


def monthly_returns(series: Frame, *, schedule: Schedule) -> Frame:
    """One row for each account and calendar month with a valuation: account_id, month (its last day) and two returns; sorted.

    ``series`` is as for ``excess_returns``, with twrr_mtd, performance_start_date and starts_within_window in place of cumulative_twrr,
    as ``twrr_series`` gives them by the same schedule. monthly_return is the twrr_mtd of the month's
    last valuation; benchmark_monthly_return the benchmark linked over the same valuations. Both are fractions (0.01 is 1 %), and null

    - where a sub-period of the month has no return, or valuations are missing in ``series``; the benchmark's also where it lacks one,
      or covers more of the month than the account lived through;
    - where the month is cut short: it has to begin with a valuation at the end of the month before, in the same episode, and to end
      with one. An episode begins with one where performance_start_date lies in the month before and money was there. A valuation
      stands for the month's end where ``with_coverage`` has it as one: the last day on which one is due or later, or the only one of a
      monthly feed's month; and up to four days before the end where a later one shows that it was the last.

    Errors as in ``excess_returns``. Source: GIPS Standards 2020, section 2.A (valuation as of calendar month end or the last
    business day of the month).
    """
    require(series, "a monthly return", *_OF_MONTHS)
    rows = in_order(series.lazy().collect().select(_OF_MONTHS))
    return _like(series, returns_of_months(rows, linked_rows(rows, schedule), begins_month(rows), schedule).drop("is_cut_short"))


def begins_month(rows: pl.DataFrame) -> pl.Series:
    """Which of the rows, in order, are the first of a calendar month of their account."""
    return rows.select(begins_account()).to_series() | _differs(month_numbers(rows["as_of_date"]))


def returns_of_months(rows: pl.DataFrame, linked: pl.DataFrame, begins: pl.Series, schedule: Schedule) -> pl.DataFrame:
    """``monthly_returns`` of rows in order and their ``linked_rows``; ``begins`` says which rows are the first of a month.

    With ``is_cut_short``, whether the valuations are of less than the whole month.

    A month is one run of rows. What its ends say is asked of its first and last row alone; all others are only linked.
    """
    is_last = begins.shift(-1, fill_value=True)
    linked_by_month = (
        linked.select(
            "is_linked", "account_factor", "benchmark_factor", "benchmark_is_missing", "is_lived_in_part", _run=run_number(begins)
        )
        .group_by("_run", maintain_order=True)
        .agg(
            pl.col("is_linked").all(),
            pl.col("account_factor", "benchmark_factor").product(),
            (pl.col("benchmark_is_missing") | pl.col("is_lived_in_part")).any().alias("is_without_benchmark"),
            pl.len().alias("_rows"),
        )
    )
    firsts = rows.select("account_id", "performance_start_date", *_OF_BEGIN, _first_date="as_of_date").filter(begins)
    lasts = rows.select("as_of_date", "twrr_mtd").filter(is_last)
    episodes = linked["_episode"].filter(begins).alias("_first_episode"), linked["_episode"].filter(is_last).alias("_last_episode")
    number, same_account = pl.col("month"), pl.col("account_id") == pl.col("account_id").shift(1)
    is_latest = pl.col("account_id").ne_missing(pl.col("account_id").shift(-1))
    is_alone = (pl.col("_rows") == 1) if schedule.is_monthly else pl.lit(value=False)
    by_month = (
        firsts.hstack(lasts)
        .hstack(linked_by_month)
        .hstack(list(episodes))
        .hstack(due_days(lasts, schedule).select("is_month_end", "is_near_month_end"))
        .with_columns(month=month_number(pl.col("as_of_date")))
        .with_columns(is_end=pl.col("is_month_end") | is_alone | (~is_latest & pl.col("is_near_month_end")))
        .with_columns(
            follows=pl.col("is_end").shift(1)
            & (number.shift(1) == number - 1)
            & same_account
            & (pl.col("_last_episode").shift(1) == pl.col("_first_episode")),
            begins=(pl.col("_first_date") == pl.col("inception_date")) & ~pl.col("starts_within_window"),
        )
        .with_columns(
            pl.col("follows").fill_null(value=False),
            begins_at_month_end=pl.col("begins") & (month_number(pl.col("performance_start_date")) == number - 1),
        )
        .with_columns(
            is_cut_short=~((pl.col("follows") | pl.col("begins_at_month_end")) & pl.col("is_end")).fill_null(value=False),
            month=pl.col("as_of_date").dt.month_end(),
        )
        .with_columns(is_whole=~pl.col("is_cut_short") & pl.col("is_linked"))
    )
    is_known = pl.col("is_whole") & _is_same(pl.col("account_factor"), 1 + pl.col("twrr_mtd"))
    benchmark = pl.when(is_known & ~pl.col("is_without_benchmark")).then(pl.col("benchmark_factor") - 1)
    return by_month.select(
        "account_id",
        "month",
        pl.when(is_known).then("twrr_mtd").alias("monthly_return"),
        finite_or_null(benchmark).alias("benchmark_monthly_return"),
        "is_cut_short",
    )


def volatility(monthly: Frame, *, deviation: Deviation) -> Frame:
    """Adds volatility and benchmark_volatility: standard deviation of the latest 36 monthly returns · √12; rows stay, in their order.

    ``monthly`` is as ``monthly_returns`` gives it. Figures are fractions (0.01 is 1 %), of account and benchmark by the same
    formula; ``deviation`` chooses the divisor, 35 or 36, which GIPS leaves open. Null where any of the 36 calendar months up to the
    row's has no return. Raises ValueError where a column is missing or an account has two rows for a month. Source: GIPS Standards
    2020, provision 4.A.1.j (three-year annualised ex post standard deviation).
    """
    return _with_deviations(monthly, "a volatility", _VOLATILITY, Deviation(deviation))


def tracking_error(monthly: Frame, *, deviation: Deviation) -> Frame:
    """Adds tracking_error: standard deviation of the latest 36 monthly excess returns · √12; rows stay, in their order.

    A month's excess return is monthly_return - benchmark_monthly_return. Shapes, units, nulls and errors as in ``volatility``.
    Source: Bacon, Practical Portfolio Performance Measurement and Attribution, ch. 4 (tracking error from arithmetic excess returns).
    """
    return _with_deviations(monthly, "a tracking error", _TRACKING, Deviation(deviation))


def deviations(monthly: Frame, *, deviation: Deviation) -> Frame:
    """Adds what ``volatility`` and ``tracking_error`` add, in one pass."""
    return _with_deviations(monthly, "a deviation", _VOLATILITY | _TRACKING, Deviation(deviation))


def _linked_returns(schedule: Schedule) -> list[pl.Expr]:
    """Whether a row is linked, and what it multiplies account and benchmark by (1 where not).

    And whether the benchmark's is missing, or of a month that the account lived through only in part: it began with nothing in the
    account (or with no more than a residual, being the first of an episode or the first after the account was closed), or its flows left
    nothing but that.
    """
    begin, end = (pl.col(name) for name in _VALUES)
    account, benchmark = (pl.col(name).cast(pl.Float64()) for name in ("calculated_twrr", "benchmark_return"))
    is_linked = has_return(pl.col("return_status")) & is_return(account)
    has_benchmark = is_return(benchmark)
    is_same_account = pl.col("account_id") == pl.col("account_id").shift(1)
    begins_empty = (pl.col("as_of_date") == pl.col("inception_date")) & pl.col("starts_within_window")
    reopens = is_same_account & pl.col("is_closed").shift(1)
    ends_empty = pl.col("is_closed") | ((end == 0) & (account > -1))
    in_part = pl.any_horizontal(part.fill_null(value=False) for part in (begin.is_null() | (begin <= 0), begins_empty, reopens, ends_empty))
    return [
        is_linked.alias("is_linked"),
        pl.when(is_linked).then(1 + account).otherwise(1.0).alias("account_factor"),
        pl.when(is_linked & has_benchmark).then(1 + benchmark).otherwise(1.0).alias("benchmark_factor"),
        (is_linked & ~has_benchmark).alias("benchmark_is_missing"),
        (is_linked & schedule.is_monthly & in_part).alias("is_lived_in_part"),
        (pl.col("as_of_date") != pl.col("inception_date")).alias("begins_later"),
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


def run_number(begins: pl.Series) -> pl.Series:
    """Numbers the runs of sorted rows: a single sorted number is grouped faster than what it stands for."""
    return begins.cast(pl.UInt32()).cum_sum().set_sorted()


def _differs(value: pl.Series) -> pl.Series:
    return value.ne_missing(value.shift(1))


def _episode_number() -> pl.Expr:
    begins = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in _EPISODE)
    return begins.cast(pl.UInt32()).cum_sum().set_sorted()


def _is_same(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return other.is_finite() & ((one - other).abs() <= _SAME * pl.max_horizontal(other.abs(), pl.lit(1.0)))


def _like(given: Frame, found: pl.DataFrame) -> Frame:
    return found.lazy() if isinstance(given, pl.LazyFrame) else found
