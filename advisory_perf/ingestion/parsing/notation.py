"""What a whole column of a delivery tells about how its cells are written, where the feed leaves it open.

Two things are inferred from a column and never from a cell: the decimal mark (``decimal_mark: auto``) and which of two date formats
holds that read the same cells differently. A column that does not tell rejects the delivery, with both readings.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import combinations

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.date_formats import (
    AS_WRITTEN,
    EXCEL_SERIAL,
    are_days,
    first_of,
    has_time_zone,
    has_two_digit_year,
    parsed,
    written_instants,
)
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.sources import Numbers
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.parsing import numbers as notation
from advisory_perf.ingestion.parsing.binary_floats import meant, surely
from advisory_perf.ingestion.raw_frame import bare, cell
from advisory_perf.showing import quoted

_CORE = r"([0-9.,]*[0-9][0-9.,]*)"
_BY_POINT = r"^(?:[0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.[0-9]*)?$"
_BY_COMMA = r"^(?:[0-9]*|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,[0-9]*)?$"
_OTHER = {".": ",", ",": "."}
_DAY_IN_NAME = r"(?<![0-9])(20[0-9]{2})[-_]?([0-9]{2})[-_]?([0-9]{2})(?![0-9])"


@dataclass(frozen=True, slots=True)
class InferredNumbers:
    """The notation of one column, with nothing left open; ``mixed`` where some of its cells are in another one."""

    numbers: Numbers
    mixed: bool = False

    def usual(self, text: pl.Expr) -> pl.Expr:
        """The cell with a decimal point, for the first look: no grouping, no sign but a minus or plus in front."""
        if self.numbers.decimal_mark == ".":
            number = text
        else:
            number = pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))
        return pl.when(~_reads_both_ways(text)).then(number) if self.mixed else number

    def plain(self, text: pl.Expr, *, percent: bool) -> pl.Expr:
        """The cell in plain notation, by everything that the feed allows."""
        number = notation.plain(text, self.numbers, percent=percent)
        return pl.when(~_reads_both_ways(text)).then(number) if self.mixed else number

    def amount(self, text: pl.Expr, *, shift: int) -> pl.Expr:
        """The cell as a plain amount, by everything that the feed allows, and says of scientific notation and binary floats."""
        number = self.plain(surely(text, self.numbers), percent=False)
        return meant(notation.expanded(number, self.numbers), self.numbers, shift=shift)

    def is_ambiguous(self, text: pl.Expr) -> pl.Expr:
        """Whether the cell is in the other notation, or in either, of a column that uses both."""
        if not self.mixed:
            return pl.lit(value=False)
        core = _core(text)
        other = _BY_COMMA if self.numbers.decimal_mark == "." else _BY_POINT
        return core.str.contains("[.,]") & core.str.contains(other)


@dataclass(frozen=True, slots=True)
class Inferred:
    """What the columns of a delivery tell: numbers by field, the formats of its days, and what a person should know.

    ``zone`` is where an instant is a day: where the vendor's day is, or as written for a column of midnights.
    """

    numbers: dict[str, InferredNumbers]
    formats: tuple[str, ...]
    notices: tuple[Notice, ...] = ()
    zone: str | None = None


def inferred(rows: pl.DataFrame, feed: Feed, file_name: str) -> Inferred:
    """What the rows' columns tell; DeliveryRejectedError E_NUMBER_AMBIGUOUS or E_DATE_AMBIGUOUS where they do not."""
    formats, notices = _formats(rows, feed, file_name)
    zone, of_midnights = _zone(rows, feed, formats, file_name)
    return Inferred(_numbers(rows, feed, file_name), formats, (*notices, *of_midnights), zone)


def _numbers(rows: pl.DataFrame, feed: Feed, file_name: str) -> dict[str, InferredNumbers]:
    names = [name for name in feed.columns if name in feed.contract.numbers]
    if feed.numbers.decimal_mark != "auto":
        return {name: InferredNumbers(_of_field(name, feed)) for name in names}
    evidence = {name: _evidence(rows, cell(feed.columns[name].from_)) for name in names}
    marks = {name: found.mark for name, found in evidence.items()}
    of_others = {mark for mark in marks.values() if mark}
    open_ones = [name for name, found in evidence.items() if found.mark is None and found.either]
    if open_ones and len(of_others) != 1:
        name = open_ones[0]
        raise DeliveryRejectedError(
            "E_NUMBER_AMBIGUOUS",
            f"{feed.vendor}, {file_name}: the column {feed.columns[name].from_} {evidence[name].why_open};"
            " say numbers: decimal_mark in the feed",
        )
    usual = next(iter(of_others)) if len(of_others) == 1 else "."
    return {
        name: InferredNumbers(_with_mark(_of_field(name, feed), marks[name] or usual), mixed=found.mixed)
        for name, found in evidence.items()
    }


def _of_field(name: str, feed: Feed) -> Numbers:
    """The notation of a field's cells: returns are in no currency."""
    return feed.numbers.model_copy(update={"currency_signs": ()}) if name in feed.contract.returns else feed.numbers


def _with_mark(numbers: Numbers, mark: str) -> Numbers:
    return numbers.model_copy(update={"decimal_mark": mark, "grouping": numbers.grouping or _OTHER[mark]})


@dataclass(frozen=True, slots=True)
class _Evidence:
    """How many cells of a column can only be read with a point, only with a comma, or both ways."""

    by_point: int
    by_comma: int
    either: int
    example: str

    @property
    def mixed(self) -> bool:
        return self.by_point > 0 and self.by_comma > 0

    @property
    def mark(self) -> str | None:
        if self.by_point == self.by_comma:
            return None
        return "." if self.by_point > self.by_comma else ","

    @property
    def why_open(self) -> str:
        if self.mixed:
            return f"holds as many numbers with a decimal point as with a decimal comma (such as {self.example})"
        point, comma = (self.example.replace(_OTHER[mark], "").replace(mark, ".") for mark in ".,")
        return (
            f"can be read in two ways, {self.example} as {point} with a decimal point or as {comma} with a decimal comma,"
            " and no cell of it tells which"
        )


def _evidence(rows: pl.DataFrame, column: str) -> _Evidence:
    if column not in rows.columns:
        return _Evidence(0, 0, 0, "")
    core = rows.select(core=_core(pl.col(column)))
    point, comma = pl.col("core").str.contains(_BY_POINT), pl.col("core").str.contains(_BY_COMMA)
    has_mark = pl.col("core").str.contains("[.,]")
    found = core.select(
        by_point=(point & ~comma).sum(),
        by_comma=(comma & ~point).sum(),
        either=(point & comma & has_mark).sum(),
        example=pl.col("core").filter(point & comma & has_mark).first(),
        both=pl.col("core").filter(has_mark & (point | comma)).first(),
    ).row(0, named=True)
    example = found["example"] or found["both"] or ""
    undecided = found["by_point"] if found["by_point"] == found["by_comma"] else 0
    return _Evidence(found["by_point"], found["by_comma"], found["either"] + undecided, example)


def _core(text: pl.Expr) -> pl.Expr:
    """The digits and marks of the number in a cell; apostrophes and spaces only group, and the point of Fr. is none of them."""
    return text.str.replace_all(r"['\u2019\s]|\pL[.,]", "").str.extract(_CORE)


def _reads_both_ways(text: pl.Expr) -> pl.Expr:
    core = _core(text)
    return (core.str.contains("[.,]") & core.str.contains(_BY_POINT) & core.str.contains(_BY_COMMA)).fill_null(value=False)


def _formats(rows: pl.DataFrame, feed: Feed, file_name: str) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    source = feed.day_source
    formats = source.formats
    if (len(formats) == 1 and not has_two_digit_year(formats[0])) or cell(source.from_) not in rows.columns:
        return formats, ()
    texts = rows.select(text=bare(pl.col(cell(source.from_)))).unique()
    days = texts.with_columns(parsed(pl.col("text"), form, feed.files.time_zone).alias(form) for form in formats)
    kept = list(formats)
    for one, other in combinations(formats, 2):
        if one in kept and other in kept:
            dropped = _ruled_out(days, one, other, feed, file_name)
            kept = [form for form in kept if form != dropped]
    return tuple(kept), tuple(_date_notices(days, kept, f"{feed.vendor}, {file_name}: the column {source.from_}"))


def _ruled_out(days: pl.DataFrame, one: str, other: str, feed: Feed, file_name: str) -> str | None:
    """The format that does not hold, where both read the same cells as different days; None where they never do."""
    conflicts = days.filter(pl.col(one) != pl.col(other))
    if conflicts.is_empty():
        return None
    only_one = days.filter(pl.col(one).is_not_null() & pl.col(other).is_null()).height
    only_other = days.filter(pl.col(other).is_not_null() & pl.col(one).is_null()).height
    if (only_one > 0) != (only_other > 0):
        return other if only_one else one
    if not only_one:
        named = _day_in_name(file_name)
        latest = {form: days[form].max() for form in (one, other)}
        agreeing = [form for form in (one, other) if named is not None and latest[form] == named]
        if len(agreeing) == 1:
            return other if agreeing == [one] else one
    text, first, second = conflicts.sort("text").select("text", one, other).row(0)
    raise DeliveryRejectedError(
        "E_DATE_AMBIGUOUS",
        f"{feed.vendor}, {file_name}: in the column {feed.day_source.from_}, {quoted(text)} is {first} by {one}"
        f" and {second} by {other},"
        f" and {'some days can only be read by the one and some by the other' if only_one else 'no day tells which'};"
        " leave one of the two formats in the feed",
    )


def _day_in_name(file_name: str) -> date | None:
    found = re.search(_DAY_IN_NAME, file_name)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _date_notices(days: pl.DataFrame, formats: Iterable[str], where: str) -> list[Notice]:
    counts = {form: days[form].is_not_null().sum() for form in formats}
    notices = []
    usual = next(iter(counts))
    now = next((form for form, count in counts.items() if count and not counts[usual]), None)
    if now is not None:
        inferred_as = "Excel's serial numbers" if now == EXCEL_SERIAL else now
        notices.append(Notice("W_LAYOUT_CHANGED", f"{where} holds days as {inferred_as} and none as {usual}, the feed's first format"))
    short = [form for form, count in counts.items() if count and has_two_digit_year(form)]
    if short:
        notices.append(Notice("W_TWO_DIGIT_YEAR", f"{where} prints years with two digits ({', '.join(short)})"))
    return notices


def _zone(rows: pl.DataFrame, feed: Feed, formats: tuple[str, ...], file_name: str) -> tuple[str | None, tuple[Notice, ...]]:
    """Where the instants of a delivery are days: as they are written where all are midnights and fall on other days at the vendor's."""
    zone, source = feed.files.time_zone, feed.day_source
    instants = tuple(filter(has_time_zone, formats))
    if zone is None or not instants or cell(source.from_) not in rows.columns:
        return zone, ()
    texts = rows.select(text=bare(pl.col(cell(source.from_)))).unique()
    days = texts.select(written=written_instants(pl.col("text"), instants), there=first_of(pl.col("text"), instants, zone)).drop_nulls()
    moved = days.filter(pl.col("written").dt.date() != pl.col("there")).sort("written")
    if moved.is_empty() or not are_days(days["written"]):
        return zone, ()
    return AS_WRITTEN, (midnight_notice(moved["written"].dt.date()[0], f"{feed.vendor}, {file_name}: the column {source.from_}", zone),)


def midnight_notice(day: date, where: str, zone: str) -> Notice:
    """What a person should know of a column of midnights that are days in another place than the vendor's."""
    return Notice(
        "W_MIDNIGHT_UTC",
        f"{where} holds midnights only, so that they are days, such as {day}, and not the day before or after that they fall on in {zone}",
    )
