"""Days as text: strftime formats, Excel's serial numbers, and which of several formats a cell is in.

A format reads a cell whole or not at all. A year of two digits has to lie near the delivery's arrival, since the century
is otherwise a guess. Which of two formats holds, where both read the same cells, is inferred in ``ingestion.parsing.notation``.
"""

import re
from datetime import UTC, date, datetime

import polars as pl

EXCEL_SERIAL = "excel_serial"
"""The format of days that are counted since the end of 1899, as workbooks store them."""
EPOCHS = {"epoch_seconds": r"^-?[0-9]{9,10}(?:\.[0-9]{1,6})?$", "epoch_milliseconds": r"^-?[0-9]{12,13}(?:\.[0-9]{1,3})?$"}
"""The formats of instants that are counted since the beginning of 1970 UTC, and how they look: from 1973 on, so that none is a day's."""

_SERIAL = r"^([0-9]{5})(?:\.[0-9]+)?$"
"""Five digits: from May 1927 on, beyond the leap day of 1900 that Excel counts and the calendar does not have; the rest is time."""
_SERIAL_START = date(1899, 12, 30)
_MONTH, _MONTHS = r"^\S+(?: \S+)*$", {"%Y%m": r"^[0-9]{6}$", "%m%Y": r"^[0-9]{6}$"}
"""What a month looks like: chrono would read spaces and single digits anywhere."""
_YEARS_AROUND_ARRIVAL = 5
_DAYS = ("%d", "%e", "%j", "%D", "%F", "%v", "%x", "%a", "%A", "%u", "%w", "%s")
_TIMES = ("%H", "%I", "%T", "%R")
_OFFSET = r"%(?::{1,3}|#)?z"
"""An offset from UTC, however the format asks for it: chrono reads them all alike."""
_WRITTEN_OFFSET = r"\s?(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)$"
_FRACTION = re.compile(r"%(\.?)([369]?)f")
_FRACTIONS = ("%6f", "%3f", "%9f")
"""A fraction of a second without its point; chrono wants to know how many digits it has."""
AS_WRITTEN = "as written"
"""In the place of a time zone: an instant is the day that it is written with, whatever its offset."""
_EXAMPLE = datetime(2024, 5, 31, 16, 45, 30, tzinfo=UTC)
_LEAST_YEAR = 1900
"""A format with four digits also takes two, as a year of antiquity."""


def parsed(text: pl.Expr, form: str, zone: str | None) -> pl.Expr:
    """The cells that the one format reads, as days.

    A format with a time zone (%z, which ``Z`` is one of), or of an epoch, reads an instant, which is the day it fell on in ``zone``; a
    time without one is dropped. Fractions of seconds may be asked for in Python's way (.%f) or chrono's (%.f).
    A format of months, such as %b %Y, reads their last day.
    """
    return pl.coalesce(_parsed(text, chrono, zone) for chrono in _chrono_forms(form))


def _chrono_forms(form: str) -> tuple[str, ...]:
    """The format in the directives that Polars parses without a warning; several where it leaves the number of digits open."""
    chrono = re.sub(_OFFSET, "%z", form.replace(".%f", "%.f"))
    return tuple(chrono.replace("%f", digits) for digits in _FRACTIONS) if "%f" in chrono else (chrono,)


def _parsed(text: pl.Expr, form: str, zone: str | None) -> pl.Expr:
    if form == EXCEL_SERIAL:
        serial = text.str.extract(_SERIAL).cast(pl.Int64(), strict=False)
        return pl.lit(_SERIAL_START) + pl.duration(days=serial)
    if form in EPOCHS:
        return epoch_instant(text, form).dt.convert_time_zone("UTC" if zone in {None, AS_WRITTEN} else zone).dt.date()
    if tells_months(form):
        first = pl.when(text.str.contains(_MONTHS.get(form, _MONTH))).then(text + " 01").str.to_date(f"{form} %d", strict=False)
        return _of_our_time(first.dt.month_end(), form)
    if has_time_zone(form):
        if zone == AS_WRITTEN:
            return _instant(text.str.replace(_WRITTEN_OFFSET, "+00:00"), form).dt.date()
        return _instant(text, form).dt.convert_time_zone(zone or "UTC").dt.date()
    has_time = any(directive in form for directive in _TIMES)
    day = text.str.to_datetime(form, strict=False, time_unit="us").dt.date() if has_time else text.str.to_date(form, strict=False)
    return _of_our_time(day, form)


def _instant(text: pl.Expr, form: str) -> pl.Expr:
    utc = text.str.replace("[Zz]$", "+00:00")
    return utc.str.to_datetime(form, strict=False, exact=True, time_unit="us", time_zone="UTC")


def written_instants(text: pl.Expr, formats: tuple[str, ...]) -> pl.Expr:
    """The cells that a format with a time zone reads, as date and time as they are written, their offset left aside."""
    local = text.str.replace(_WRITTEN_OFFSET, "+00:00")
    forms = [chrono for form in formats if has_time_zone(form) for chrono in _chrono_forms(form)]
    instants = (epoch_instant(text, form) if form in EPOCHS else _instant(local, form) for form in forms)
    return pl.coalesce(pl.lit(None, pl.Datetime("us", "UTC")), *instants)


def are_days(written: pl.Series) -> bool:
    """Whether instants tell days and no times: every one, of at least one, is midnight as it is written."""
    instants = written.drop_nulls()
    return instants.len() > 0 and bool((instants.dt.truncate("1d") == instants).all())


def epoch_instant(text: pl.Expr, form: str) -> pl.Expr:
    """The instant that a count since the beginning of 1970 is, in UTC."""
    whole = pl.when(text.str.contains(EPOCHS[form])).then(text.str.extract(r"^(-?[0-9]+)")).cast(pl.Int64(), strict=False)
    return pl.from_epoch(whole, time_unit="s" if form == "epoch_seconds" else "ms").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _of_our_time(day: pl.Expr, form: str) -> pl.Expr:
    return day if has_two_digit_year(form) else pl.when(day.dt.year() >= _LEAST_YEAR).then(day)


def first_of(text: pl.Expr, formats: tuple[str, ...], zone: str | None) -> pl.Expr:
    """The day by the first format that reads the cell."""
    return pl.coalesce(parsed(text, form, zone) for form in formats)


def has_time_zone(form: str) -> bool:
    """Whether the format reads an instant, which is a day only somewhere."""
    return form in EPOCHS or re.search(_OFFSET, form) is not None


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
    if form == EXCEL_SERIAL or form in EPOCHS:
        return True
    try:
        day: date | None = pl.select(parsed(pl.lit(_example(form)), form, "UTC")).item()
    except pl.exceptions.PolarsError:
        return False
    return day == _EXAMPLE.date()


def _example(form: str) -> str:
    """The example as the format prints it; a fraction of a second by hand, since Python knows only one of its directives."""
    chrono = _FRACTION.sub(lambda found: found[1] + "123456000"[: int(found[2] or 6)], _chrono_forms(form)[0])
    return _EXAMPLE.strftime(chrono)


def tells_months(form: str) -> bool:
    """Whether the format says a month and no day of it."""
    directives = re.sub("%[-_0]", "%", form)
    return form != EXCEL_SERIAL and form not in EPOCHS and not any(directive in directives for directive in _DAYS)
