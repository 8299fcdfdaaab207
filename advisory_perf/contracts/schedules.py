"""When accounts are due a valuation: a feed's cadence and its calendar, and which days are month ends by it.

Nothing is assumed of a calendar that is not given: a holiday that is not listed is a day on which a valuation is due.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from advisory_perf.contracts.enums import DAYS_TO_MONTH_END, Cadence

_SATURDAY = 5
_LONGEST_BREAK = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Cadence and calendar: a daily feed values on weekdays, with ``weekends`` on every day, and never on a holiday."""

    cadence: Cadence
    holidays: frozenset[date]
    weekends: bool

    @property
    def is_monthly(self) -> bool:
        """Whether a window is a month."""
        return self.cadence is Cadence.MONTHLY

    def expects(self, window: date) -> bool:
        """Whether valuations are due in the window at all."""
        return self.is_monthly or (window not in self.holidays and (self.weekends or window.weekday() < _SATURDAY))

    def days(self, first: date, last: date) -> pl.DataFrame:
        """Every day from first to last: day, is_due, due_days, previous_close, is_month_end, is_near_month_end.

        due_days counts the due days up to the day, from some day before the first. previous_close is the due day before it, or the
        day before where the day itself is not due. is_month_end: it is the month's last day, or no due day of its month comes later.
        is_near_month_end: it is one of the last days that may be one by a calendar that is not listed whole.
        """
        day, month = pl.col("day"), pl.col("day").dt.month_start()
        begin = max(first, date.min + _LONGEST_BREAK) - _LONGEST_BREAK
        end = pl.select(pl.lit(last).dt.month_end()).item()
        is_due = day.is_in(sorted(self.holidays)).not_() & (pl.lit(self.weekends) | (day.dt.weekday() - 1 < _SATURDAY))
        due_before = pl.when("is_due").then(day).forward_fill().shift(1)
        is_last_due = (pl.col("due_days") == pl.col("due_days").last().over(month)) & pl.col("is_due").any().over(month)
        return (
            pl.DataFrame({"day": pl.date_range(begin, end, eager=True)})
            .with_columns(is_due=is_due)
            .with_columns(
                due_days=pl.col("is_due").cast(pl.Int64()).cum_sum(),
                previous_close=pl.when("is_due").then(due_before).fill_null(day.dt.offset_by("-1d")),
            )
            .with_columns(
                is_month_end=(day == day.dt.month_end()) | is_last_due,
                is_near_month_end=day >= day.dt.month_end().dt.offset_by(f"-{DAYS_TO_MONTH_END}d"),
            )
            .filter(day.is_between(first, last))
        )
