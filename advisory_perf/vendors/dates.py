"""Days as text: strftime formats, Excel's serial numbers, and which of several formats a cell is in.

A format reads a cell whole or not at all. A year of two digits has to lie near the delivery's arrival, since the century
is otherwise a guess. Which of two formats holds, where both read the same cells, is told in ``telling``.
"""

import re
from datetime import UTC, date, datetime

import polars as pl

EXCEL_SERIAL = "excel_serial"
"""The format of days that are counted since the end of 1899, as workbooks store them."""

_SERIAL = r"^([0-9]{5})(?:\.[0-9]+)?$"
"""Five digits: from May 1927 on, beyond the leap day of 1900 that Excel counts and the calendar does not have; the rest is time."""
_SERIAL_START = date(1899, 12, 30)
_MONTH, _MONTHS = r"^\S+(?: \S+)*$", {"%Y%m": r"^[0-9]{6}$", "%m%Y": r"^[0-9]{6}$"}
"""What a month looks like: chrono would read spaces and single digits anywhere."""
_YEARS_AROUND_ARRIVAL = 5
_DAYS = ("%d", "%e", "%j", "%D", "%F", "%v", "%x", "%a", "%A", "%u", "%w", "%s")
_TIMES = ("%H", "%I", "%T", "%R")
_EXAMPLE = datetime(2024, 5, 31, 16, 45, 30, tzinfo=UTC)
_LEAST_YEAR = 1900
"""A format with four digits also takes two, as a year of antiquity."""


def parsed(text: pl.Expr, form: str, zone: str | None) -> pl.Expr:
    """The cells that the one format reads, as days.

    A format with a time zone (%z, which ``Z`` is one of) reads an instant, which is the day it fell on in ``zone``; a time without one
    is dropped.
    A format of months, such as %b %Y, reads their last day.
    """
    if form == EXCEL_SERIAL:
        serial = text.str.extract(_SERIAL).cast(pl.Int64(), strict=False)
        return pl.lit(_SERIAL_START) + pl.duration(days=serial)
    if tells_months(form):
        first = pl.when(text.str.contains(_MONTHS.get(form, _MONTH))).then(text + " 01").str.to_date(f"{form} %d", strict=False)
        return _of_our_time(first.dt.month_end(), form)
    if has_time_zone(form):
        instant = text.str.replace("[Zz]$", "+00:00").str.to_datetime(form, strict=False, exact=True, time_unit="us", time_zone="UTC")
        return instant.dt.convert_time_zone(zone or "UTC").dt.date()
    has_time = any(directive in form for directive in _TIMES)
    day = text.str.to_datetime(form, strict=False, time_unit="us").dt.date() if has_time else text.str.to_date(form, strict=False)
    return _of_our_time(day, form)


def _of_our_time(day: pl.Expr, form: str) -> pl.Expr:
    return day if has_two_digit_year(form) else pl.when(day.dt.year() >= _LEAST_YEAR).then(day)


def first_of(text: pl.Expr, formats: tuple[str, ...], zone: str | None) -> pl.Expr:
    """The day by the first format that reads the cell."""
    return pl.coalesce(parsed(text, form, zone) for form in formats)


def has_time_zone(form: str) -> bool:
    """Whether the format reads an instant, which is a day only somewhere."""
    return "%z" in form


def has_two_digit_year(form: str) -> bool:
    """Whether the format leaves the century open."""
    return "%y" in form


def within_reach(text: pl.Expr, day: pl.Expr, formats: tuple[str, ...], *, zone: str | None, received: date) -> pl.Expr:
    """Whether a day whose year was printed with two digits lies near the arrival; days of other formats always do."""
    if not any(map(has_two_digit_year, formats)):
        return pl.lit(value=True)
    whole = [form for form in formats if not has_two_digit_year(form)]
    is_whole = first_of(text, tuple(whole), zone).is_not_null() if whole else pl.lit(value=False)
    return is_whole | ((day.dt.year() - received.year).abs() <= _YEARS_AROUND_ARRIVAL)


def tells_days(form: str) -> bool:
    """Whether the format reads what it prints of a day, and that day only; one of months reads the last day of one."""
    if form == EXCEL_SERIAL:
        return True
    try:
        day: date | None = pl.select(parsed(pl.lit(_EXAMPLE.strftime(form)), form, "UTC")).item()
    except pl.exceptions.PolarsError:
        return False
    return day == _EXAMPLE.date()


def tells_months(form: str) -> bool:
    """Whether the format says a month and no day of it."""
    directives = re.sub("%[-_0]", "%", form)
    return form != EXCEL_SERIAL and not any(directive in directives for directive in _DAYS)
