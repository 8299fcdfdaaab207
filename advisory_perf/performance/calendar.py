"""Returns by calendar year and month, as people read them: a matrix of months with the year's total, beside the benchmark.

Linked of the sub-period returns that were published. What a cell says agrees with twrr_mtd and twrr_ytd of its last valuation, and how
whole a month is with ``monthly_returns``.
"""

import polars as pl

from advisory_perf.contracts.enums import ReturnStatus
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.performance.ordering import begins_account, finite_or_null, in_order, require
from advisory_perf.performance.risk import begins_month, linked_rows, returns_of_months

NEEDED = (
    "account_id",
    "as_of_date",
    "beginning_market_value",
    "ending_market_value",
    "calculated_twrr",
    "return_status",
    "benchmark_return",
    "cumulative_twrr",
    "twrr_mtd",
    "inception_date",
    "performance_start_date",
    "starts_within_window",
    "windows_missing",
    "is_closed",
)
"""The columns of a series that ``calendar_returns`` is made of."""

_MONTHS_OF_A_YEAR = 12


def calendar_returns(series: pl.DataFrame, *, schedule: Schedule) -> pl.DataFrame:
    """One row for each account, year and month with a valuation, and one for the year (month null); sorted, the total after its months.

    ``series`` holds all valuations of each account, with NEEDED as ``twrr_series`` and the warehouse have them. Returns are fractions
    (0.01 is 1 %):

    - linked_return: (1 + r1) · (1 + r2) · … - 1 of the sub-periods in the episode of the last valuation; one that is undefined is linked
      as 0. Null where the account waits for new funding at the end;
    - over_gap: one of them is undefined; over_missing: valuations are missing within, or right before;
    - is_partial: the valuations, or the episode, are of less than the whole month; of a year: of less than its twelve months;
    - benchmark_return: the benchmark linked over the very sub-periods. Null where it lacks one, which is no 0, and where it covers more of
      a month than the account lived through;
    - excess_return: linked_return - benchmark_return.

    All but the key are null, or false, where linked_return is null. Errors as in ``excess_returns``. Sources: GIPS Standards 2020, section
    2.A (geometric linking); Bacon, Practical Portfolio Performance Measurement and Attribution, ch. 3 (arithmetic excess return).
    """
    require(series, "a calendar of returns", *NEEDED)
    rows = in_order(series.select(NEEDED))
    linked, begins = linked_rows(rows, schedule), begins_month(rows)
    cut_short = returns_of_months(rows, linked, begins, schedule)["is_cut_short"]
    is_closed = pl.col("is_closed").fill_null(value=False)
    was_closed = is_closed.shift(1, fill_value=False) & ~begins_account()
    is_quiet = pl.col("return_status") == ReturnStatus.CLOSED.value
    is_idle = is_closed & (was_closed | is_quiet) | (pl.col("cumulative_twrr") == -1).fill_null(value=False)
    marked = rows.hstack(linked).select(
        "account_id",
        pl.col("as_of_date").dt.year().cast(pl.Int64()).alias("year"),
        pl.col("as_of_date").dt.month().cast(pl.Int64()).alias("month"),
        "_episode",
        "account_factor",
        "benchmark_factor",
        _waits=is_idle & ~pl.col("is_linked"),
        _gap=~pl.col("is_linked") & ~is_quiet,
        _idle=~pl.col("is_linked") & is_quiet,
        _missing=(pl.col("windows_missing") > 0).fill_null(value=False),
        _no_benchmark=pl.col("benchmark_is_missing") | pl.col("is_lived_in_part"),
    )
    months = _linked(marked, ["account_id", "year", "month"]).with_columns(is_partial=pl.col("is_partial") | cut_short)
    whole = (pl.len() == _MONTHS_OF_A_YEAR) & ~pl.col("is_partial").any()
    of_years = months.group_by("account_id", "year", maintain_order=True).agg(is_partial=~whole)["is_partial"]
    years = _linked(marked, ["account_id", "year"]).with_columns(is_partial=pl.col("is_partial") | of_years, month=pl.lit(None, pl.Int64()))
    found = pl.concat([months, years.select(months.columns)]).sort("account_id", "year", "month", nulls_last=True)
    return found.with_columns(
        pl.col("over_gap", "over_missing", "is_partial") & pl.col("linked_return").is_not_null(),
        excess_return=finite_or_null(pl.col("linked_return") - pl.col("benchmark_return")),
    )


def _linked(marked: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The rows of each key linked, in their order, within the episode of the last of them."""
    is_of_last = pl.col("_episode") == pl.col("_episode").last()
    return (
        marked.group_by(key, maintain_order=True)
        .agg(
            pl.col("account_factor", "benchmark_factor").filter(is_of_last).product(),
            pl.col("_waits").last(),
            pl.col("_gap", "_missing", "_no_benchmark").filter(is_of_last).any(),
            is_partial=(pl.col("_idle") | ~is_of_last).any(),
        )
        .select(
            *key,
            finite_or_null(pl.when(~pl.col("_waits")).then(pl.col("account_factor") - 1)).alias("linked_return"),
            pl.col("_gap").alias("over_gap"),
            pl.col("_missing").alias("over_missing"),
            "is_partial",
            finite_or_null(pl.when(~pl.col("_waits") & ~pl.col("_no_benchmark")).then(pl.col("benchmark_factor") - 1)).alias(
                "benchmark_return"
            ),
        )
    )
