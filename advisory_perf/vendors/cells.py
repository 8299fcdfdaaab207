"""Text cells to values: money, returns, dates and identifiers, as the feed says they are written.

Each field has a *value* expression, null wherever the text is not exactly what the feed allows, and a *code* expression
that says why. Codes are only evaluated on the few rows that have no value, so that good rows cost one pass. Nothing is
guessed: notation that the feed does not switch on is E_NUMBER.
"""

import re
from dataclasses import dataclass
from datetime import date

import polars as pl

from advisory_perf.contracts.columns import DELIVERED_INTEGER_DIGITS, LARGEST_RETURN, MONEY, MONEY_SCALE
from advisory_perf.vendors.feed import MONEY_FIELDS, REQUIRED_FIELDS, RETURN_FIELDS, Feed, Numbers, Source
from advisory_perf.vendors.raw import cell

_EXACT_MONEY = rf"^[+-]?([0-9]{{1,{DELIVERED_INTEGER_DIGITS}}}(\.[0-9]{{0,{MONEY_SCALE}}}0*)?|\.[0-9]{{1,{MONEY_SCALE}}}0*)$"
_DECIMAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$"
_SCIENTIFIC = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_INFINITE = r"(?i)^[+-]?inf(inity)?$"
_CELL_ERROR = r"^#(N/A|REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!|GETTING_DATA|ERROR|[A-Z][A-Za-z]+)$"
_SCIENTIFIC_ID = r"^[0-9]+(\.[0-9]+)?[eE]\+?[0-9]+$"
_BLANKS = ("", "-", "--", "n/a", "N/A")
_NON_NEGATIVE = ("contributions", "distributions")


@dataclass(frozen=True, slots=True)
class Field:
    """How one field of a position is made from its cell."""

    name: str
    text: pl.Expr
    value: pl.Expr
    may_be_null: bool
    code: pl.Expr


def fields(feed: Feed, cells: list[str], *, received: date) -> list[Field]:
    """The fields that the feed maps, for a file that has the raw columns ``cells``.

    ``received`` is the day of arrival; no as-of date may lie after it.
    """
    made = []
    for name, source in feed.columns.items():
        present = cell(source.from_) in cells
        text = pl.col(cell(source.from_)).str.strip_chars() if present else pl.lit("", pl.String())
        blank_means_zero = source.blank == "zero" or not present
        may_be_null = source.blank != "reject" and name not in REQUIRED_FIELDS and name != "currency"
        if name in MONEY_FIELDS:
            made.append(_money(name, source, text, feed.numbers, may_be_null=may_be_null, blank_means_zero=blank_means_zero))
        elif name in RETURN_FIELDS:
            made.append(_return(name, source, text, feed.numbers, may_be_null=may_be_null))
        elif name == "as_of_date":
            made.append(_date(name, source, text, first=feed.first_window, last=received))
        else:
            made.append(_text(name, source, text, may_be_null=may_be_null))
    return made


def _is_blank(text: pl.Expr) -> pl.Expr:
    return text.is_null() | text.is_in(_BLANKS)


def _plain(text: pl.Expr, numbers: Numbers) -> pl.Expr:
    """The number in plain notation (digits and one point), null where the feed's notation does not hold."""
    if numbers.parentheses_negative:
        text = text.str.replace(r"^\((.+)\)$", "-$1")
    for sign in numbers.currency_signs:
        text = text.str.replace(rf"^(-?){re.escape(sign)} ?", "$1")
    if numbers.grouping or numbers.decimal_mark != ".":
        mark = re.escape(numbers.decimal_mark)
        whole = rf"([0-9]+|[0-9]{{1,3}}(?:{re.escape(numbers.grouping)}[0-9]{{3}})+)" if numbers.grouping else r"[0-9]+"
        allowed = text.str.contains(rf"^[+-]?{whole}(?:{mark}[0-9]*)?([eE][+-]?[0-9]{{1,3}})?$")
        bare = text.str.replace_all(numbers.grouping, "", literal=True) if numbers.grouping else text
        text = pl.when(allowed).then(bare.str.replace(numbers.decimal_mark, ".", literal=True))
    return text


def _number_code(text: pl.Expr, plain: pl.Expr, *, may_be_null: bool) -> pl.Expr:
    return (
        pl.when(_is_blank(text))
        .then(pl.lit(None if may_be_null else "E_REQUIRED", pl.String()))
        .when(text.str.contains(_CELL_ERROR))
        .then(pl.lit("E_CELL_ERROR"))
        .when(text.str.contains(_INFINITE))
        .then(pl.lit("E_NOT_FINITE"))
        .when(plain.str.contains(_DECIMAL))
        .then(pl.lit("E_PRECISION"))
        .otherwise(pl.lit("E_NUMBER"))
    )


def _money(name: str, source: Source, text: pl.Expr, numbers: Numbers, *, may_be_null: bool, blank_means_zero: bool) -> Field:
    plain = _plain(text, numbers)
    exact = pl.when(plain.str.contains(_EXACT_MONEY)).then(plain).cast(MONEY, strict=False)
    value = -exact if source.sign == -1 else exact
    code = _number_code(text, plain, may_be_null=may_be_null)
    if name in _NON_NEGATIVE:
        code = pl.when(value < 0).then(pl.lit("E_SIGN")).otherwise(code)
        value = pl.when(value >= 0).then(value)
    if blank_means_zero:
        value = pl.when(_is_blank(text)).then(pl.lit(0, MONEY)).otherwise(value)
    return Field(name, text, value.alias(name), may_be_null, code)


def _return(name: str, source: Source, text: pl.Expr, numbers: Numbers, *, may_be_null: bool) -> Field:
    plain = _plain(text, numbers)
    number = pl.when(plain.str.contains(_SCIENTIFIC)).then(plain).cast(pl.Float64(), strict=False)
    finite = pl.when(number.is_finite() & (number.abs() <= LARGEST_RETURN)).then(number)
    value = finite * source.sign / (100 if source.scale == "percent" else 1)
    if source.blank == "zero":
        value = pl.when(_is_blank(text)).then(pl.lit(0.0)).otherwise(value)
    code = (
        pl.when(plain.str.contains(_SCIENTIFIC)).then(pl.lit("E_NOT_FINITE")).otherwise(_number_code(text, plain, may_be_null=may_be_null))
    )
    return Field(name, text, value.alias(name), may_be_null, code)


def _date(name: str, source: Source, text: pl.Expr, *, first: date, last: date) -> Field:
    day = pl.coalesce(text.str.to_date(form, strict=False, exact=True) for form in source.formats)
    in_range = day.is_between(first, last)
    code = (
        pl.when(_is_blank(text))
        .then(pl.lit("E_REQUIRED"))
        .when(text.str.contains(_CELL_ERROR))
        .then(pl.lit("E_CELL_ERROR"))
        .when(day.is_null())
        .then(pl.lit("E_DATE"))
        .otherwise(pl.lit("E_DATE_RANGE"))
    )
    return Field(name, text, pl.when(in_range).then(day).alias(name), may_be_null=False, code=code)


def _text(name: str, source: Source, text: pl.Expr, *, may_be_null: bool) -> Field:
    blank = text.is_null() | (text == "")
    value = pl.when(~blank).then(text)
    code = pl.lit(None, pl.String())
    if name == "account_id":
        value = pl.when(text.str.contains(source.pattern) & ~text.str.contains(_SCIENTIFIC_ID)).then(text)
        code = pl.lit("E_ID")
    if name == "currency":
        value = pl.when(text.str.contains(r"^[A-Z]{3}$")).then(text)
        code = pl.lit("E_CURRENCY")
    is_error = text.str.contains(_CELL_ERROR)
    code = pl.when(blank & (not may_be_null)).then(pl.lit("E_REQUIRED")).when(is_error).then(pl.lit("E_CELL_ERROR")).otherwise(code)
    return Field(name, text, pl.when(~is_error).then(value).alias(name), may_be_null, code)


def printed_decimals(text: pl.Expr, numbers: Numbers) -> pl.Expr:
    """The most decimals that any cell of the column prints; null without any.

    A lone zero is none: formats with binary numbers print it behind every whole one.
    """
    decimals = text.str.extract(rf"{re.escape(numbers.decimal_mark)}(\d+)\D*$")
    return decimals.filter(decimals != "0").str.len_chars().max()
