"""What a column's texts say of themselves: notation of numbers, formats of dates, and their values.

A notation or format counts as inferred only where every other one that explains the texts gives the same values. Values are
made by the functions that the ingestion uses, so that detection reads a cell as the ingestion will: columns of plain numbers in
one pass, others by their whole notation.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from advisory_perf.feeds.date_formats import EPOCHS, EXCEL_SERIAL, are_days, parsed, written_instants
from advisory_perf.feeds.sources import INDIAN, Numbers
from advisory_perf.ingestion.parsing.binary_floats import meant
from advisory_perf.ingestion.parsing.numbers import DASHES, SCIENTIFIC, exact_money, expanded, is_blank, plain
from advisory_perf.ingestion.raw_frame import cell

_MOSTLY = 0.9
_COMMON = 0.2
"""More cells than leave out a trailing zero by chance."""
_SIGN = r"(?:[$€£¥₹]|Rs\.?|Fr\.|kr\.?)"
_NUMBER = (
    rf"^\(?[+-]?\s?{_SIGN}?\s?[+-]?[\d.,' ]*\d[\d.,' ]*([eE][+-]?\d+)?"
    rf"(?:(?:[.,][{DASHES}]{{1,2}})?|\s?(%|-|CR|DR)?)\s?{_SIGN}?\)?$"
)
_NOTATIONS = ((".", ""), (".", ","), (".", "'"), (".", " "), (".", INDIAN), (",", ""), (",", "."), (",", " "), (",", "'"))
_BY_POINT = tuple(way for way in _NOTATIONS if way[0] == ".")
_INDIAN_ONLY = r"^\d{1,2}(?:,\d{2})+,\d{3}"
_NOISE, _FLOAT_DIGITS = r"\.[0-9]*(?:0{5,}|9{5,})[0-9]{1,3}$", 16
"""How the end of a binary float looks that is not the decimal it stands for, and the fewest digits of one."""
_FORMATS = (
    "%Y-%m-%d",
    "%Y%m%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%m.%d.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%Y/%m/%d",
    "%m%d%Y",
    "%d%m%Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    EXCEL_SERIAL,
)
_INSTANTS = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%.f%z", *EPOCHS)
_OF_UTC = r"(?:[Zz]|[+-]00:?(?:00)?|^-?[0-9.]+)$"
_EARLIEST, _LATEST = date(1980, 1, 1), date(2079, 12, 31)


@dataclass(frozen=True, slots=True)
class Notation:
    """The feed's ``numbers`` as far as they are inferred; ``candidates`` where the marks can be read in several ways."""

    inferred: dict[str, Any]
    candidates: tuple[str, ...] = ()

    @property
    def numbers(self) -> Numbers:
        """The model that reads the cells."""
        return Numbers.model_validate(self.inferred)


@dataclass(frozen=True, slots=True)
class DayFormats:
    """The formats of a column of dates, the commonest first, and the rivals of each shape that has several."""

    formats: tuple[str, ...]
    rivals: tuple[tuple[str, ...], ...]


def held(texts: pl.Series) -> pl.Series:
    """The texts that hold anything, without spaces around them."""
    bare = texts.str.strip_chars()
    return bare.filter(pl.select(~is_blank(pl.lit(bare), Numbers())).to_series())


def share(flags: pl.Series) -> float:
    """The part of the flags that is true; 0 of none."""
    return float(flags.fill_null(value=False).sum() / flags.len()) if flags.len() else 0.0


def looks_numeric(texts: pl.Series) -> bool:
    """Whether nearly all texts of a column could be numbers in some notation; blank columns are."""
    found = held(texts)
    return found.is_empty() or share(found.str.contains(_NUMBER)) >= _MOSTLY


def notation(columns: Iterable[pl.Series], *, is_text: bool) -> Notation:
    """The one notation that all the numbers of a file are in; ``is_text`` where the format itself has no numbers."""
    texts = pl.concat([pl.Series("text", [], pl.String()), *(held(column).alias("text") for column in columns)]).unique()
    texts = texts.filter(texts.str.contains(_NUMBER) & ~texts.str.contains("[eE]"))
    signs = sorted(texts.str.extract(f"({_SIGN})").drop_nulls().unique().to_list())
    further: dict[str, Any] = {
        **({"currency_signs": signs} if signs else {}),
        **({"credit_debit": True} if texts.str.contains("(CR|DR)").any() else {}),
        **({"binary_floats": "15_digits"} if (texts.str.contains(_NOISE) & (texts.str.len_bytes() > _FLOAT_DIGITS)).any() else {}),
    }
    bodies = texts.str.replace_all(_SIGN, "").str.replace_all(rf"[{DASHES}()+%CRD]", "").str.strip_chars()
    ways_to_read = _NOTATIONS if bodies.str.contains(_INDIAN_ONLY).any() else [way for way in _NOTATIONS if way[1] != INDIAN]
    explained = _explained(bodies, ways_to_read)
    if not is_text:
        # Numbers of the format's own have a decimal point, and any of them may look like groups.
        by_point = _explained(bodies, [way for way in ways_to_read if way in _BY_POINT])
        explained = by_point if max(by_point.values()) == max(explained.values()) else explained
    most = max(explained.values())
    ways = [way for way, count in explained.items() if count == most]
    if len(ways) > 1:
        return Notation(further, tuple(f"{{decimal_mark: {mark or '.'!r}, grouping: {grouping!r}}}" for mark, grouping in ways))
    mark, grouping = ways[0]
    mark = mark or ("," if grouping == "." else ".")
    return Notation({**({"decimal_mark": mark} if mark != "." else {}), **({"grouping": grouping} if grouping else {}), **further})


def _explained(bodies: pl.Series, ways: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """How many of the numbers each notation explains, by the marks of it that they use."""
    explained: dict[tuple[str, str], int] = {}
    for mark, grouping in ways:
        separator, groups = (",", r"\d{1,2}(?:,\d{2})*,\d{3}") if grouping == INDIAN else (grouping, "")
        groups = groups or rf"[1-9]\d{{0,2}}(?:{re.escape(grouping)}\d{{3}})+"
        whole = rf"(\d+|{groups})" if grouping else r"\d+"
        fitting = bodies.filter(bodies.str.contains(rf"^{whole}?(?:{re.escape(mark)}\d*)?$"))
        uses_grouping = bool(grouping) and fitting.str.contains(separator, literal=True).any()
        used = (mark if fitting.str.contains(mark, literal=True).any() else "", grouping if uses_grouping else "")
        explained[used] = max(explained.get(used, 0), fitting.len())
    return explained


def day_formats(texts: pl.Series) -> DayFormats:
    """The formats that read the texts.

    Texts are sorted by shape (which characters are digits, which letters); a shape's formats are those that read all of its
    texts, and they are rivals where they read them differently. A shape that none reads is no date and left out.
    """
    found = held(texts).alias("text")
    shapes = found.str.replace_all(r"\d", "9").str.replace_all(r"\b9\b", "99").str.replace_all(r"[A-Za-z]+", "a").alias("shape")
    counts: dict[str, int] = {}
    rivals: list[tuple[str, ...]] = []
    for _, of_shape in pl.DataFrame([found, shapes]).group_by("shape", maintain_order=True):
        unique = of_shape.select(pl.col("text").unique(maintain_order=True))
        days = unique.select(parsed(pl.col("text"), form, None).alias(form) for form in _FORMATS)
        reading = {form: days[form] for form in _FORMATS if bool(days[form].is_between(_EARLIEST, _LATEST).fill_null(value=False).all())}
        if any(not each.equals(next(iter(reading.values()))) for each in reading.values()):
            rivals.append(tuple(reading))
        elif reading:
            form = next(iter(reading))
            counts[form] = counts.get(form, 0) + of_shape.height
    return DayFormats(tuple(sorted(counts, key=lambda form: -counts[form])), tuple(rivals))


def instant_format(texts: pl.Series) -> str | None:
    """The format that reads all the texts as instants, which are days only somewhere; None where they are not."""
    found = held(texts).unique().alias("text").to_frame()
    readable = (
        found.select(parsed(pl.col("text"), form, "UTC").is_between(_EARLIEST, _LATEST).fill_null(value=False)) for form in _INSTANTS
    )
    reading = (form for form, is_read in zip(_INSTANTS, readable, strict=True) if is_read.to_series().all())
    return next(reading, None) if found.height else None


def are_midnights_of_utc(texts: pl.Series, form: str) -> bool:
    """Whether instants are days all the same: of several, every one is a midnight of UTC as it is written."""
    found = held(texts).unique().alias("text")
    written = found.to_frame().select(written_instants(pl.col("text"), (form,))).to_series()
    return found.len() > 1 and are_days(written) and bool(found.str.contains(_OF_UTC).all())


def days(raw: pl.DataFrame, column: str, formats: Sequence[str]) -> pl.Series:
    """The dates of a column, null where a text is none of them."""
    read = pl.coalesce(parsed(_text(column), form, None) for form in formats) if formats else pl.lit(None, pl.Date())
    return raw.select(read.alias(column)).to_series()


def money(raw: pl.DataFrame, column: str, numbers: Numbers, shift: int) -> pl.Series:
    """The amounts of a column; zero where it is blank, as ``blank: zero`` has it, and null where it is no exact amount."""

    def amount(number: pl.Expr) -> pl.Series:
        exact = exact_money(number, shift=shift)
        return raw.select(pl.when(is_blank(_text(column), numbers)).then(0).otherwise(exact).alias(column)).to_series()

    usual = amount(_text(column))
    is_usual = numbers.decimal_mark == "." and usual.null_count() == 0
    return usual if is_usual else amount(meant(expanded(plain(_text(column), numbers, percent=False), numbers), numbers, shift=shift))


def returns(raw: pl.DataFrame, column: str, numbers: Numbers) -> pl.Series:
    """The returns of a column as they are printed, a percent sign divided out; null where it is blank or no number."""

    def value(number: pl.Expr) -> pl.Series:
        parsed = pl.when(number.str.contains(SCIENTIFIC)).then(number).cast(pl.Float64(), strict=False)
        return raw.select((parsed / pl.when(_text(column).str.ends_with("%")).then(100).otherwise(1)).alias(column)).to_series()

    usual = value(_text(column))
    is_usual = numbers.decimal_mark == "." and bool((usual.is_not_null() | blanks(raw, column, numbers)).all())
    return usual if is_usual else value(plain(_text(column), numbers, percent=True))


def blanks(raw: pl.DataFrame, column: str, numbers: Numbers) -> pl.Series:
    """Where a column holds nothing."""
    return raw.select(is_blank(_text(column), numbers).alias(column)).to_series()


def printed_digits(raw: pl.DataFrame, column: str, numbers: Numbers) -> pl.Series:
    """How many decimals each cell was rounded to; two more before a percent sign.

    Trailing zeros are left out or filled in by formats, so a cell's decimals without them are a lower bound: it was rounded
    to the fewest decimals that are common in the column and not fewer than its own.
    """
    decimals = _text(column).str.extract(rf"{re.escape(numbers.decimal_mark)}(\d+)\D*$")
    own = decimals.str.strip_chars_end("0").str.len_chars().fill_null(0).cast(pl.Int64())
    signed = pl.when(_text(column).str.contains("%", literal=True)).then(2).otherwise(0)
    digits = raw.select((own + signed).alias(column)).to_series()
    filled = digits.filter(~blanks(raw, column, numbers))
    counts = filled.value_counts()
    common = counts.filter(pl.col("count") >= _COMMON * filled.len())[column].to_list() or [0]
    most = max(int(filled.max() or 0), *common)  # type: ignore[arg-type]
    rounded = pl.coalesce(pl.when(pl.col(column) <= one).then(one) for one in sorted({*common, most}))
    return digits.to_frame().select(rounded.alias(column)).to_series()


def _text(column: str) -> pl.Expr:
    return pl.col(cell(column)).str.strip_chars()
