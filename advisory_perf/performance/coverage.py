"""What the sub-period of a valuation covers: the close that it starts from, the windows without a valuation in it, its month's end.

All follows from days that are over when the valuation is made, so that no later one changes what was published. The one exception is
within a month's window, which a monthly feed gives whole.
"""

from datetime import date

import polars as pl

from advisory_perf.contracts.schedules import Schedule
from advisory_perf.performance.ordering import begins_account

_DAY = pl.col("as_of_date")


def month_number(day: pl.Expr) -> pl.Expr:
    """Months since the year 0."""
    return day.dt.year() * 12 + day.dt.month() - 1


def month_numbers(days: pl.Series) -> pl.Series:
    """``month_number`` of each day, looked up instead of computed, which is faster for many rows of few days."""
    if not len(days):
        return pl.Series(days.name, [], pl.Int32())
    first = days.min()
    known = pl.DataFrame({"day": pl.date_range(pl.lit(first), pl.lit(days.max()), eager=True)})
    return known.select(month_number(pl.col("day"))).to_series().gather(days.to_physical() - pl.Series([first]).to_physical()[0])


def with_coverage(rows: pl.DataFrame, schedule: Schedule) -> pl.DataFrame:
    """Adds month, previous_close, windows_missing, is_month_end and is_near_month_end to rows by account and day.

    - previous_close: the end of the window before. Of a monthly feed the last day of the month before; of a daily one the day before
      on which a valuation is due, or the day before where none is due on the row's own day.
    - windows_missing: the windows between the account's valuation before and this one, or the days on which one is due. 0 for the
      first, and where the one before left nothing in the account or closed it, since such an account has no valuation due.
    - is_month_end: the last calendar day, or one after which none of its month is due, or the only valuation of a month's window.
    """
    days = due_days(rows, schedule)
    previous, following = month_number(_DAY.shift(1)), month_number(_DAY.shift(-1))
    month, begins = pl.col("month"), begins_account()
    if schedule.is_monthly:
        is_alone = (begins | (month != previous)) & (begins.shift(-1, fill_value=True) | (month != following))
        between, close, is_month_end = month - previous - 1, _DAY.dt.month_start().dt.offset_by("-1d"), pl.col("is_month_end") | is_alone
    else:
        due = pl.col("due_days")
        between, close, is_month_end = due - pl.col("is_due") - due.shift(1), pl.col("previous_close"), pl.col("is_month_end")
    is_empty = pl.col("ending_market_value") == 0
    if "is_closed" in rows.columns:
        is_empty |= pl.col("is_closed")
    holds_value = ~is_empty.shift(1).fill_null(value=False)
    return (
        rows.hstack(days)
        .with_columns(month=month_number(_DAY))
        .with_columns(
            previous_close=close,
            windows_missing=pl.when(~begins & holds_value).then(between).otherwise(0).clip(lower_bound=0).cast(pl.Int64()),
            is_month_end=is_month_end,
        )
        .drop("is_due", "due_days")
    )


def due_days(rows: pl.DataFrame, schedule: Schedule) -> pl.DataFrame:
    """What the schedule says of each row's day."""
    if not rows.height:
        return schedule.days(date(1970, 1, 1), date(1970, 1, 1)).drop("day").clear()
    first, last = rows.select(_DAY.min().alias("first"), _DAY.max().alias("last")).row(0)
    place = rows.select((_DAY - first).dt.total_days()).to_series()
    return schedule.days(first, last).drop("day").select(pl.all().gather(place))


def stands_for_month_end() -> pl.Expr:
    """Whether a trailing period may start from a row as from the end of its month.

    A month end does, and a valuation up to four days before one where the account's next lies in the next month.
    """
    is_last = (pl.col("month").shift(-1) == pl.col("month") + 1) & ~begins_account().shift(-1, fill_value=True)
    return pl.col("is_month_end") | (pl.col("is_near_month_end") & is_last)
