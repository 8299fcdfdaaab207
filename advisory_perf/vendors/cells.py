"""Text cells to values: money, returns, dates and identifiers, as the feed says they are written.

Each field has a *value* expression, null wherever the text is not what most cells look like. Rows with such a cell are
looked at a second time: ``plain`` reads every notation that the feed allows, ``second`` makes the value of it, and ``code``
says why there is none. Good rows cost one pass. Nothing is guessed: what can be read in two ways has no value.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from advisory_perf.contracts.columns import LARGEST_RETURN, MONEY
from advisory_perf.vendors import numbers as notation
from advisory_perf.vendors.dates import first_of, within_reach
from advisory_perf.vendors.feed import FLOWS, MONEY_FIELDS, NET_FLOW, NEVER_NULL, RETURN_FIELDS, Feed, Source
from advisory_perf.vendors.numbers import DECIMAL, INFINITE, SCIENTIFIC, is_blank
from advisory_perf.vendors.raw import cell
from advisory_perf.vendors.telling import Told, ToldNumbers

CELL_ERROR = r"^#(N/A|REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!|GETTING_DATA|ERROR|[A-Z][A-Za-z]+)$"
_SCIENTIFIC_ID = r"^[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+$"
_MASKED_ID = r"\.\.|[\u2026*\u2022]|(?i:x{3,})[ -]?[0-9]+$"
_TOO_LARGE = 1e18


@dataclass(frozen=True, slots=True)
class Field:
    """How one field of a position is made from its cell.

    ``plain`` is what the second look adds to the row first, under the name ``plain_name``; null where there is none.
    """

    name: str
    text: pl.Expr
    value: pl.Expr
    may_be_null: bool
    code: pl.Expr
    plain: pl.Expr | None = None
    second: pl.Expr | None = None

    @property
    def plain_name(self) -> str:
        """The column of the second look that holds the cell in plain notation."""
        return _plain_name(self.name)

    @property
    def is_missing(self) -> pl.Expr:
        """Without a value, although it may not be null or its cell is not empty."""
        no_value = pl.col(self.name).is_null()
        return no_value & (self.text.fill_null("") != "") if self.may_be_null else no_value


def fields(feed: Feed, cells: list[str], told: Told, *, received: date) -> list[Field]:
    """The fields that the feed maps, for a file that has the raw columns ``cells``.

    ``told`` is what the delivery's columns say of their notation. ``received`` is the day of arrival; no as-of date may
    lie after it.
    """
    made = []
    for name, source in feed.columns.items():
        present = cell(source.from_) in cells
        text = stripped(source) if present else pl.lit("", pl.String())
        blank_means_zero = source.blank == "zero" or (not present and source.absent == "zero")
        may_be_null = source.blank != "reject" and name not in NEVER_NULL and name != "currency"
        if name in MONEY_FIELDS:
            made.append(_money(name, source, text, told.numbers[name], may_be_null=may_be_null, blank_means_zero=blank_means_zero))
        elif name in RETURN_FIELDS:
            made.append(_return(name, source, text, told.numbers[name], may_be_null=may_be_null))
        elif name == "as_of_date":
            made.append(_date(text, told.formats, feed, received=received))
        else:
            made.append(_text(name, source, text, may_be_null=may_be_null))
    return made


def split_flows() -> list[pl.Expr]:
    """Both flows of rows that have the net flow: what comes in where it is positive, what goes out where it is negative."""
    net = pl.col(NET_FLOW)
    return [pl.when(part > 0).then(part).when(part <= 0).then(0).alias(flow) for flow, part in zip(FLOWS, (net, -net), strict=True)]


def stripped(source: Source) -> pl.Expr:
    """The source's cells without the spaces around them."""
    return pl.col(cell(source.from_)).str.strip_chars()


def _plain_name(name: str) -> str:
    return f"plain:{name}"


def _number_code(text: pl.Expr, plain: pl.Expr, told: ToldNumbers, *, may_be_null: bool) -> pl.Expr:
    """Why a cell is no number, most telling reason first; null where it is blank and may be."""
    too_large = plain.str.contains(SCIENTIFIC) & ~plain.str.contains(DECIMAL) & (plain.cast(pl.Float64(), strict=False).abs() >= _TOO_LARGE)
    return (
        pl.when(is_blank(text, told.numbers))
        .then(pl.lit(None if may_be_null else "E_REQUIRED", pl.String()))
        .when(text.str.contains(CELL_ERROR))
        .then(pl.lit("E_CELL_ERROR"))
        .when(text.str.contains(INFINITE) | too_large)
        .then(pl.lit("E_NOT_FINITE"))
        .when(told.is_ambiguous(text))
        .then(pl.lit("E_NUMBER_AMBIGUOUS"))
        .when(plain.str.contains(SCIENTIFIC))
        .then(pl.lit("E_PRECISION"))
        .otherwise(pl.lit("E_NUMBER"))
    )


def _money(name: str, source: Source, text: pl.Expr, told: ToldNumbers, *, may_be_null: bool, blank_means_zero: bool) -> Field:
    numbers, plain = told.numbers, pl.col(_plain_name(name))

    def value(number: pl.Expr) -> pl.Expr:
        exact = notation.exact_money(number, shift=source.shift)
        signed = -exact if source.sign == -1 else exact
        fitting = pl.when(signed >= 0).then(signed) if name in FLOWS else signed
        return pl.when(is_blank(text, numbers)).then(pl.lit(0, MONEY)).otherwise(fitting) if blank_means_zero else fitting

    code = _number_code(text, plain, told, may_be_null=may_be_null)
    if name in FLOWS:
        code = pl.when(notation.exact_money(plain, shift=source.shift).is_not_null()).then(pl.lit("E_SIGN")).otherwise(code)
    return Field(
        name,
        text,
        value(told.usual(text)).alias(name),
        may_be_null,
        code,
        plain=notation.expanded(told.plain(text, percent=False), numbers).alias(_plain_name(name)),
        second=value(plain).alias(name),
    )


def _return(name: str, source: Source, text: pl.Expr, told: ToldNumbers, *, may_be_null: bool) -> Field:
    plain = pl.col(_plain_name(name))
    by_sign = text.str.ends_with("%") | text.str.ends_with("%)")

    def value(number: pl.Expr, divisor: pl.Expr | int) -> pl.Expr:
        parsed = pl.when(number.str.contains(SCIENTIFIC)).then(number).cast(pl.Float64(), strict=False)
        finite = pl.when(parsed.is_finite() & (parsed.abs() <= LARGEST_RETURN)).then(parsed)
        fraction = finite * source.sign / divisor
        return pl.when(is_blank(text, told.numbers)).then(pl.lit(0.0)).otherwise(fraction) if source.blank == "zero" else fraction

    divisor = 10**source.return_digits
    allows_percent = told.numbers.percent_sign and source.scale != "basis_points"
    code = (
        pl.when(plain.str.contains(SCIENTIFIC) & ~told.is_ambiguous(text))
        .then(pl.lit("E_NOT_FINITE"))
        .otherwise(_number_code(text, plain, told, may_be_null=may_be_null))
    )
    return Field(
        name,
        text,
        value(told.usual(text), divisor).alias(name),
        may_be_null,
        code,
        plain=told.plain(text, percent=allows_percent).alias(_plain_name(name)),
        second=value(plain, pl.when(by_sign).then(100).otherwise(divisor)).alias(name),
    )


def _date(text: pl.Expr, formats: tuple[str, ...], feed: Feed, *, received: date) -> Field:
    day = first_of(text, formats, feed.files.time_zone)
    near = within_reach(text, day, formats, zone=feed.files.time_zone, received=received)
    in_range = day.is_between(feed.first_window, received) & near
    code = (
        pl.when(is_blank(text, feed.numbers))
        .then(pl.lit("E_REQUIRED"))
        .when(text.str.contains(CELL_ERROR))
        .then(pl.lit("E_CELL_ERROR"))
        .when(day.is_null())
        .then(pl.lit("E_DATE"))
        .otherwise(pl.lit("E_DATE_RANGE"))
    )
    return Field("as_of_date", text, pl.when(in_range).then(day).alias("as_of_date"), may_be_null=False, code=code)


def _text(name: str, source: Source, text: pl.Expr, *, may_be_null: bool) -> Field:
    blank = text.is_null() | (text == "")
    value = pl.when(~blank).then(text)
    code = pl.lit(None, pl.String())
    if name == "account_id":
        damaged = text.str.contains(_SCIENTIFIC_ID) | text.str.contains(_MASKED_ID)
        value = pl.when(text.str.contains(source.pattern) & ~damaged).then(text)
        code = pl.lit("E_ID")
    if name == "currency":
        value = pl.when(text.str.contains(r"^[A-Z]{3}$")).then(text)
        code = pl.lit("E_CURRENCY")
    is_error = text.str.contains(CELL_ERROR)
    code = pl.when(blank & (not may_be_null)).then(pl.lit("E_REQUIRED")).when(is_error).then(pl.lit("E_CELL_ERROR")).otherwise(code)
    return Field(name, text, pl.when(~is_error).then(value).alias(name), may_be_null, code)


def half_unit(field: Field, source: Source, told: ToldNumbers) -> pl.Expr:
    """Half a unit of the last digit that the column prints, as money or as a fraction; null where no cell prints decimals.

    A lone zero is no decimal: formats with binary numbers print it behind every whole one.
    """
    decimals = field.text.str.extract(rf"{'[.]' if told.numbers.decimal_mark == '.' else ','}(\d+)[^\d]*$")
    by_sign = pl.when(field.text.str.contains("%", literal=True)).then(2 - source.return_digits).otherwise(0)
    digits = pl.when(decimals != "0").then(decimals.str.len_chars().cast(pl.Int64()) + (by_sign if field.name in RETURN_FIELDS else 0))
    return 0.5 * pl.lit(0.1).pow(digits.max() + source.return_digits - source.shift)
