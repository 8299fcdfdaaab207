"""Windows: the days or months of as-of dates that partition a pipeline.

A window is named by its first day. Its number counts days or months, so that ranges of windows are arithmetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from advisory_perf.contracts.enums import Cadence

_EPOCH = date(1970, 1, 1)


def window_of(day: date, cadence: Cadence) -> date:
    """The first day of the window that holds the day."""
    return day.replace(day=1) if cadence is Cadence.MONTHLY else day


def last_day_of(window: date, cadence: Cadence) -> date:
    """The last day of the window that begins on ``window``."""
    return next_window(window, cadence) - timedelta(days=1)


def next_window(window: date, cadence: Cadence) -> date:
    """The window after this one."""
    if cadence is Cadence.DAILY:
        return window + timedelta(days=1)
    return (window.replace(day=28) + timedelta(days=4)).replace(day=1)


def window_number(window: date, cadence: Cadence) -> int:
    """Windows since January 1970."""
    if cadence is Cadence.DAILY:
        return (window - _EPOCH).days
    return (window.year - _EPOCH.year) * 12 + window.month - 1


def window_expr(day: pl.Expr, cadence: Cadence) -> pl.Expr:
    """``window_of`` as an expression."""
    return day.dt.month_start() if cadence is Cadence.MONTHLY else day


def number_expr(window: pl.Expr, cadence: Cadence) -> pl.Expr:
    """``window_number`` as an Int32 expression."""
    if cadence is Cadence.DAILY:
        return window.to_physical()
    return (window.dt.year() - _EPOCH.year) * 12 + window.dt.month().cast(pl.Int32()) - 1


def window_of_number(number: pl.Expr, cadence: Cadence) -> pl.Expr:
    """The window with a number, as a Date expression."""
    if cadence is Cadence.DAILY:
        return number.cast(pl.Int32()).cast(pl.Date())
    return pl.date(number // 12 + _EPOCH.year, number % 12 + 1, 1)


def ordinal_expr(window: pl.Expr, numbers: Mapping[date, int]) -> pl.Expr:
    """The number that each window has, as an Int64 expression; null where there are none."""
    # of an empty mapping Polars would keep the type of the windows
    return window.replace_strict(numbers, return_dtype=pl.Int64()) if numbers else pl.lit(None, pl.Int64())


@dataclass(frozen=True, slots=True)
class WindowRange:
    """A run's windows, first and last included."""

    first: date
    last: date
    cadence: Cadence

    @property
    def first_day(self) -> date:
        """The first as-of date in the range."""
        return self.first

    @property
    def last_day(self) -> date:
        """The last as-of date in the range."""
        return last_day_of(self.last, self.cadence)
