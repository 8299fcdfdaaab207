"""The day that a file says it is of, against the days of its rows.

What the feed points at (``files.day_must_match``) has to agree. Otherwise the days in the file's name are looked for, and a notice
says where all rows lie in another window. A name may hold what is no such day: a version, a number, the day on which the file was
made, which comes soon after its window. Only what reads as a day or a month of the feed's time in one way counts.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.windows import last_day_of, window_expr, window_of
from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.date_formats import first_of
from advisory_perf.feeds.expressions import without
from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.raw_frame import bare, cell
from advisory_perf.showing import quoted

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_YEAR = "(?P<y>(?:19|20)[0-9]{2})"
_NAMED_DAY, _NAMED_MONTH = "(?P<d>[0-9]{1,2})", "(?P<m>[0-9]{2})"
_FORMS = tuple(
    re.compile(rf"(?<![0-9]){form}(?![0-9])")
    for form in (
        rf"{_YEAR}(?P<s>[-_.]?){_NAMED_MONTH}(?P=s)(?P<d>[0-9]{{2}})(?:[-_T]?[0-9]{{4}}(?:[0-9]{{2}})?)?",
        rf"{_NAMED_DAY}\.(?P<m>[0-9]{{1,2}})\.{_YEAR}",
        rf"(?P<d>[0-9]{{2}})(?P<s>[-_]){_NAMED_MONTH}(?P=s){_YEAR}",
        rf"{_NAMED_MONTH}(?P<s>[-_])(?P<d>[0-9]{{2}})(?P=s){_YEAR}",
        rf"{_NAMED_DAY}[-_. ]?(?<![a-z]){_MONTH}[-_. ]?{_YEAR}",
        rf"(?<![a-z]){_MONTH}[-_. ]?{_NAMED_DAY}[-_., ]+{_YEAR}",
        rf"{_YEAR}[-_. ]?{_MONTH}(?![a-z])",
        rf"(?<![a-z]){_MONTH}[-_. ]?{_YEAR}",
        rf"{_YEAR}[-_.]?{_NAMED_MONTH}",
    )
)
_MADE_WITHIN = {Cadence.DAILY: 5, Cadence.MONTHLY: 20}
"""So many days after its last window a file is made: over a long weekend, or within the month that follows."""


@dataclass(frozen=True, slots=True)
class Named:
    """A day, or the first and last of a month, that a name holds."""

    first: date
    last: date

    @property
    def is_day(self) -> bool:
        """Whether a day is named, and no month."""
        return self.first == self.last


def days_in_name(name: str) -> list[Named]:
    """Every day and month that a name holds; one that reads as two days, such as 03-04-2025, counts as both."""
    found: list[Named] = []
    taken: list[tuple[int, int]] = []
    for form in _FORMS:
        for match in form.finditer(name.lower()):
            begin, end = match.span()
            overlaps = any(first < end and begin < last and (first, last) != (begin, end) for first, last in taken)
            named = None if overlaps else _named(match)
            if named is not None:
                found.append(named)
                taken.append((begin, end))
    return found


def _named(match: re.Match[str]) -> Named | None:
    parts = match.groupdict()
    month = _MONTHS.index(parts["name"]) + 1 if parts.get("name") else int(parts["m"])
    try:
        if parts.get("d") is not None:
            day = date(int(parts["y"]), month, int(parts["d"]))
            return Named(day, day)
        first = date(int(parts["y"]), month, 1)
    except ValueError:
        return None
    return Named(first, last_day_of(first, Cadence.MONTHLY))


def day_notices(raw: pl.DataFrame, good: pl.DataFrame, feed: Feed, file_name: str, *, received: date) -> list[Notice]:
    """What is said of the file's own day; DeliveryRejectedError E_FILE_DAY where the feed asks for it and it differs."""
    if good.is_empty():
        return []
    if feed.files.day_must_match is not None:
        return _asked(raw, good, feed, file_name)
    stem = feed.files.stem(file_name)
    named = days_in_name(without(feed.files.version, stem, " ") if feed.files.version else stem)
    named = [one for one in named if feed.first_window <= one.last and one.first <= received + timedelta(days=31)]
    if not named:
        return []
    windows = good.select(window_expr(pl.col(feed.contract.day), feed.cadence).unique().alias("window"))["window"].sort().to_list()
    last = last_day_of(windows[-1], feed.cadence)
    if any(_holds(one, windows, feed.cadence) or _is_of_making(one, last, feed.cadence) for one in named):
        return []
    spans = min(one.first for one in named), max(one.last for one in named)
    if len(named) > 1 and spans[0] <= windows[0] and last <= spans[1]:
        return []
    says = " and ".join(dict.fromkeys(str(one.first) if one.is_day else f"{one.first:%Y-%m}" for one in named))
    between = " to ".join(map(str, good.select(pl.col(feed.contract.day).min(), pl.col(feed.contract.day).max().alias("last")).row(0)))
    return [
        Notice(
            "W_FILE_DAY",
            f"{feed.vendor}, {file_name}: its name says {says}, and all rows are of {between}; see whether it is the right file, or say in"
            " files: day_must_match where its day stands",
        )
    ]


def _holds(named: Named, windows: list[date], cadence: Cadence) -> bool:
    return any(window_of(named.first, cadence) <= window <= named.last for window in windows)


def _is_of_making(named: Named, last: date, cadence: Cadence) -> bool:
    """Whether the named day is one on which a file of the window that ends on ``last`` is made."""
    return named.is_day and timedelta(0) < named.first - last <= timedelta(days=_MADE_WITHIN[cadence])


def _asked(raw: pl.DataFrame, good: pl.DataFrame, feed: Feed, file_name: str) -> list[Notice]:
    asked = feed.files.day_must_match
    if asked is None or cell(asked.stated) not in raw.columns:
        return []
    text = raw[cell(asked.stated)].drop_nulls().first()
    where = f"{feed.vendor}, {file_name}"
    day: date | None = pl.select(first_of(bare(pl.lit(text)), asked.formats, feed.files.time_zone)).item()
    if day is None:
        raise DeliveryRejectedError(
            "E_FILE_DAY", f"{where}: {quoted(str(text))}, stated as {asked.stated}, is no day by {', '.join(asked.formats)}"
        )
    others = good.filter(~_agrees(day, asked.rows, feed)).sort(feed.contract.day)
    if others.is_empty():
        return []
    line, other = others.select("line_number", feed.contract.day).row(0)
    sentence = f"{where}: the file is of {day} by {asked.stated}, and {others.height} rows are not, such as line {line} of {other}"
    if asked.on_difference == "reject":
        raise DeliveryRejectedError("E_FILE_DAY", f"{sentence}; send the right file, or change files: day_must_match in the feed")
    return [Notice("W_FILE_DAY", sentence)]


def _agrees(day: date, rows: str, feed: Feed) -> pl.Expr:
    column, cadence = pl.col(feed.contract.day), feed.cadence
    return {
        "day": column == day,
        "window": window_expr(column, cadence) == window_of(day, cadence),
        "until": column <= day,
    }[rows]
