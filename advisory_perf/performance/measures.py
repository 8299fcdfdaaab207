"""Figures made of returns alone: linked over several periods, grown into wealth, brought to a year.

Scalars in, scalars out, as a person checks a single figure; frames of many accounts are handed on to ``growth``. Every return is a
fraction (0.01 is 1 %). What cannot be a return at all (NaN, infinite, below -1) is refused, and so is a result that a float cannot
hold: nothing but finite numbers leaves. What is merely unknown stays unknown.
"""

import itertools
import math
import operator
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import overload

import polars as pl

from advisory_perf.contracts.enums import DayCount, ReturnStatus
from advisory_perf.errors import UndefinedReturnError
from advisory_perf.performance.growth import growth_of_accounts, linked_by_account
from advisory_perf.performance.ordering import Frame

Number = int | float | Decimal | Fraction


@overload
def link_returns(returns: Frame) -> Frame: ...
@overload
def link_returns(returns: Iterable[Number | None]) -> float | None: ...
def link_returns(returns: pl.DataFrame | pl.LazyFrame | Iterable[Number | None]) -> pl.DataFrame | pl.LazyFrame | float | None:
    """The return over all of these consecutive periods: (1 + r1) · (1 + r2) · … - 1.

    Of an iterable or a series one number; of a frame one row an account, with its linked_return (see growth.linked_by_account).

    Returns are fractions, and so is the result. Null where any return is null, since a return over an unknown one is unknown, and
    where there is none at all. After a return of -1 it stays -1.

    Raises ValueError for a return that is NaN, infinite or below -1, and for a result beyond a float. Sources: GIPS Standards
    2020, section 2.A (geometric linking); Bacon, Practical Portfolio Performance Measurement and Attribution, ch. 2.
    """
    if isinstance(returns, pl.DataFrame):
        return linked_by_account(returns)
    if isinstance(returns, pl.LazyFrame):
        return linked_by_account(returns)
    factors = _factors(returns)
    known = [factor for factor in factors if factor is not None]
    if not known or len(known) < len(factors):
        return None
    # a product that has overflown on the way could not be brought to zero any more
    wealth = 0.0 if 0.0 in known else float(number(math.prod(known), "the linked wealth"))
    return wealth - 1.0


@overload
def growth_of(amount: Number, returns: Frame) -> Frame: ...
@overload
def growth_of(amount: Number, returns: Iterable[Number | None]) -> pl.Series: ...
def growth_of(amount: Number, returns: pl.DataFrame | pl.LazyFrame | Iterable[Number | None]) -> pl.DataFrame | pl.LazyFrame | pl.Series:
    """What ``amount`` has become after each return: amount · (1 + r1) · … · (1 + rt), in the unit of ``amount``.

    A Float64 series with one value a return, without the amount itself; of a frame the same frame, with a column ``growth`` that
    runs through each account's returns by day (see growth.growth_of_accounts). Null from the first null return on. Raises ValueError
    where the amount is not positive, and where ``link_returns`` does. Source: as there; shown as "growth of 10,000" in reports.
    """
    start = float(number(amount, "the amount"))
    if start <= 0:
        raise ValueError(f"the amount is {amount}; only a positive one can grow")
    if isinstance(returns, pl.DataFrame):
        return growth_of_accounts(start, returns)
    if isinstance(returns, pl.LazyFrame):
        return growth_of_accounts(start, returns)
    factors = _factors(returns)
    known = itertools.takewhile(lambda factor: factor is not None, factors)
    wealth = list(itertools.accumulate(known, operator.mul, initial=start))[1:]
    grown = [float(number(value, "the wealth")) for value in wealth]
    return pl.Series("growth", [*grown, *itertools.repeat(None, len(factors) - len(grown))], pl.Float64())


def annual_rate(total: Number | None, *, years: Number) -> float:
    """The yearly return that gives ``total`` when it is earned for ``years`` years: (1 + total)^(1 / years) - 1.

    The formula alone, for a positive time of any length; what may be shown to a client is for ``annualised_return`` to say. Both
    are fractions; a total of -1 gives -1. Raises UndefinedReturnError where the total is null, ValueError where it is NaN, infinite
    or below -1, where the time is not positive, and where the rate is beyond a float. Source: Bacon (as above), ch. 2.
    """
    length = float(number(years, "the number of years"))
    if length <= 0:
        raise ValueError(f"the time is {years} years; a rate needs a positive one")
    value = _return(number(total, "the total return"), "the total return")
    return -1.0 if value == -1 else float(number(rate_of(math.log1p(value) / length), "the annual rate"))


def annualised_return(total: Number | None, start: date, end: date, *, day_count: DayCount) -> float:
    """The yearly return of a period longer than a year: (1 + total)^(1 / years) - 1, years by ``day_count``.

    ``start`` is the day at whose end the first value holds, ``end`` that of the last, so the period's first day is the one after
    ``start``. A period of a calendar year or less is refused with a ValueError: GIPS Standards 2020, provision 2.A.12, has no
    return of less than a year annualised, and that of a year is its own. ``months/12`` counts whole months between month ends (see
    DayCount.years), so that three years of business month ends are three years; by it twelve months are a year. Units, null rule and
    other errors as in ``annual_rate``.
    """
    convention = DayCount(day_count)
    years, first_year = convention.years(start, end), _end_of_first_year(start)
    is_longer = years > 1 if convention is DayCount.MONTHS_12 else end > first_year
    if not is_longer:
        raise ValueError(f"the period from {start} to {end} is no longer than a year (to {first_year}); its return is not annualised")
    return annual_rate(total, years=years)


def number(value: Number | None, what: str) -> Number:
    """``value`` where it is a finite number; null is an undefined return, anything else no number."""
    if value is None:
        raise UndefinedReturnError(ReturnStatus.MISSING_VALUE, f"{what} is missing")
    if not isinstance(value, Number) or isinstance(value, bool):
        raise TypeError(f"{what} is {value!r}, which is no number")
    try:
        is_finite = math.isfinite(value)
    except (OverflowError, ValueError):  # more than a float holds; a signalling NaN
        is_finite = False
    if not is_finite:
        raise ValueError(f"{what} is no finite number that a float can hold")
    return value


def rate_of(log_wealth: float) -> float:
    """exp(log_wealth) - 1 with all its digits; infinite where a float cannot hold it."""
    try:
        return math.expm1(log_wealth)
    except OverflowError:
        return math.inf


def _factors(returns: Iterable[Number | None] | pl.Series) -> list[float | None]:
    return [None if value is None else 1.0 + _return(value, f"return {place}") for place, value in enumerate(returns, start=1)]


def _return(value: Number, what: str) -> float:
    if number(value, what) < -1:
        raise ValueError(f"{what} is {value}; no more than everything can be lost, which is -1")
    return float(value)


def _end_of_first_year(start: date) -> date:
    """The last of the year that begins on the day after ``start``."""
    first = start + timedelta(days=1)
    is_leap_day = (first.month, first.day) == (2, 29)
    anniversary = date(first.year + 1, 3, 1) if is_leap_day else first.replace(year=first.year + 1)
    return anniversary - timedelta(days=1)
