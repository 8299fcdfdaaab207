"""Annual rates of a whole column: ``performance.measures`` has the same of one figure, and is the reference of the tests."""

import polars as pl

from advisory_perf.contracts.enums import DAYS_TO_MONTH_END, DayCount
from advisory_perf.performance.ordering import finite_or_null

_FEBRUARY, _LEAP_DAY = 2, 29


def annualised(total: pl.Expr, years: pl.Expr) -> pl.Expr:
    """(1 + total)^(1 / years) - 1 as Float64 (0.01 is 1 %); of one year the return itself.

    Null where either is null, years are not above zero, the total is below -1, or the rate is no finite number. Source: GIPS Standards
    2020, provision 2.A.12; Bacon, Practical Portfolio Performance Measurement and Attribution, ch. 2.
    """
    rate = pl.when(years == 1).then(total).otherwise((1 + total).pow(1 / years) - 1)
    return finite_or_null(pl.when((years > 0) & (total >= -1)).then(rate))


def years_between(start: pl.Expr, end: pl.Expr, day_count: DayCount) -> pl.Expr:
    """The years from the end of ``start`` to the end of ``end`` as Float64, null for a period of a calendar year or less.

    By months/12 both have to be month ends (at most four days before the month's last), else null, and twelve months are a year. The rule
    of ``annualised_return``: what is not longer than a year is not annualised (GIPS Standards 2020, provision 2.A.12).
    """
    if day_count is DayCount.MONTHS_12:
        months = (end.dt.year() - start.dt.year()) * 12 + end.dt.month().cast(pl.Int32()) - start.dt.month().cast(pl.Int32())
        are_ends = pl.all_horizontal(day.dt.offset_by(f"{DAYS_TO_MONTH_END + 1}d").dt.month() != day.dt.month() for day in (start, end))
        return pl.when(are_ends & (months > 12)).then(months / 12)  # noqa: PLR2004 - months of a year
    first = start.dt.offset_by("1d")
    is_leap_day = (first.dt.month() == _FEBRUARY) & (first.dt.day() == _LEAP_DAY)
    # a year from 29 February on ends before 1 March; a shift by a year would stop at the 28th
    anniversary = pl.when(is_leap_day).then(first.dt.offset_by("1d").dt.offset_by("1y")).otherwise(first.dt.offset_by("1y"))
    is_longer = end > anniversary.dt.offset_by("-1d")
    return pl.when(is_longer).then((end - start).dt.total_days() / day_count.days_a_year)
