"""Text cells to values: money, returns, dates and identifiers, as the feed says they are written.

Each field has a *first* look, null wherever the cell is not what most cells look like, spaces around it included. Rows with
such a cell are looked at a second time: ``plain`` reads every notation that the feed allows, ``second`` makes the value of
it, and ``code`` says why there is none. Good rows cost one pass. Nothing is guessed: what can be read in two ways has no value.
"""

import re
from dataclasses import dataclass
from datetime import date

import polars as pl

from advisory_perf.contracts.columns import LARGEST_RETURN, MONEY
from advisory_perf.contracts.currencies import MINOR_DIGITS
from advisory_perf.feeds.date_formats import first_of, within_reach
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.names import INVISIBLE
from advisory_perf.feeds.sources import INDIAN, Source
from advisory_perf.ingestion.parsing import denominations
from advisory_perf.ingestion.parsing import numbers as notation
from advisory_perf.ingestion.parsing.binary_floats import APPROXIMATE, plainly_meant
from advisory_perf.ingestion.parsing.notation import Inferred, InferredNumbers
from advisory_perf.ingestion.parsing.numbers import DECIMAL, INFINITE, SCIENTIFIC, is_blank
from advisory_perf.ingestion.raw_frame import bare, cell

CELL_ERROR = r"^#(N/A|\u00a1?[^\W\d_]+(?:/0)?[!?]|GETTING_DATA|[A-Z][A-Za-z]+)$"
"""An error of a spreadsheet, in any of its languages: #REF!, #\u00a1VALOR!, #SPILL!, #NV."""
_SCIENTIFIC_ID = r"^[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+$"
_FLOAT_ID = r"^[0-9]+\.0+$"
_NO_VALUE = r"nan|nat|none|null|nil|undefined"
_NO_VALUE_ID = (
    rf"(?i:^(?:{_NO_VALUE}|true|false|-?1\.#[a-z]+|#n/?a(?: n/a)?|\\n)$"
    rf"|^[(\[<{{](?:{_NO_VALUE}|n/?a|empty|blank)[)\]>}}]$|^(?:[\"\u2033\u3003]|''|-[\"\u2033]-|ditto)$)"
)
"""What programs print where they have no identifier, and what people write for the one above."""
_MASKED_ID = r"\.\.|[\u2026*\u2022]|(?i:x{3,})[ -]?[0-9]+$"
_DAMAGED_ID = f"{_SCIENTIFIC_ID}|{_FLOAT_ID}|{_NO_VALUE_ID}|^{APPROXIMATE}"
_UNUSUAL_ID = rf"{_DAMAGED_ID}|{CELL_ERROR}|^=|^[{INVISIBLE}]|[{INVISIBLE}]$"
_USUAL_TEXT = rf"^[^#={INVISIBLE}](?:.*[^{INVISIBLE}])?$"
_USUAL_RETURN = r"^[+-]?(?:[0-9]{1,6}(?:\.[0-9]*)?|\.[0-9]+)$"
"""A return without an exponent; a larger one than ``LARGEST_RETURN`` has more digits in front."""
_INDIAN_GROUPS = r"(?:^|[^0-9,])[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?:[^0-9,]|$)"
_SAY_INDIAN = "the number is grouped by lakhs and crores; set `numbers: grouping: indian` if the vendor writes so"
_TOO_LARGE = 1e18
_FLOAT_TEXT = 16
"""Fifteen digits and their point; a longer number is a float's, whose last digits are noise."""


@dataclass(frozen=True, slots=True)
class Field:
    """How one field of a position is made from its cell.

    ``cell`` is the raw cell, ``text`` the same without what only surrounds its value. ``plain`` is what the second look adds to the
    row first, under the name ``plain_name``; None for fields that are no numbers. ``sentence`` says more than the code's own where it
    is not null.
    """

    name: str
    cell: pl.Expr
    first: pl.Expr
    second: pl.Expr
    may_be_null: bool
    code: pl.Expr
    plain: pl.Expr | None = None
    sentence: pl.Expr | None = None

    @property
    def text(self) -> pl.Expr:
        """The cell without what only surrounds its value."""
        return bare(self.cell)

    @property
    def plain_name(self) -> str:
        """The column of the second look that holds the cell in plain notation."""
        return _plain_name(self.name)

    @property
    def is_doubtful(self) -> pl.Expr:
        """Without a value at the first look, although it may not be null or its cell holds something."""
        no_value = pl.col(self.name).is_null()
        return no_value & (self.cell.str.len_bytes() > 0).fill_null(value=False) if self.may_be_null else no_value

    @property
    def is_missing(self) -> pl.Expr:
        """Without a value at the second look, although it may not be null or its cell is not empty."""
        no_value = pl.col(self.name).is_null()
        return no_value & (self.text.fill_null("") != "") if self.may_be_null else no_value


def fields(feed: Feed, cells: list[str], inferred: Inferred, *, received: date) -> list[Field]:
    """The fields that the feed maps, for a file that has the raw columns ``cells``.

    ``inferred`` is what the delivery's columns say of their notation. ``received`` is the day of arrival; no as-of date may
    lie after it.
    """
    made = []
    for name, source in feed.columns.items():
        present = cell(source.from_) in cells
        raw = pl.col(cell(source.from_)) if present else pl.lit("", pl.String())
        blank_means_zero = source.blank == "zero" or (not present and source.absent == "zero")
        may_be_null = source.blank != "reject" and name not in feed.contract.never_null
        if name in feed.contract.money:
            made.append(_money(name, source, raw, inferred.numbers[name], feed, may_be_null=may_be_null, blank_means_zero=blank_means_zero))
        elif name in feed.contract.rates:
            made.append(_rate(name, raw, inferred.numbers[name]))
        elif name in feed.contract.returns:
            made.append(_return(name, source, raw, inferred.numbers[name], may_be_null=may_be_null))
        elif name == feed.contract.day:
            made.append(_date(raw, inferred, feed, received=received))
        elif name == "currency":
            made.append(_currency(raw, inferred, feed))
        else:
            made.append(_text(name, source, raw, feed, may_be_null=may_be_null))
    return made


def in_case(identifier: pl.Expr, source: Source) -> pl.Expr:
    """An identifier in the case that the feed says."""
    if source.case == "upper":
        return identifier.str.to_uppercase()
    return identifier.str.to_lowercase() if source.case == "lower" else identifier


def stripped(source: Source) -> pl.Expr:
    """The source's cells without what only surrounds their values."""
    return bare(pl.col(cell(source.from_)))


def _plain_name(name: str) -> str:
    return f"plain:{name}"


def _number_code(text: pl.Expr, plain: pl.Expr, inferred: InferredNumbers, *, may_be_null: bool) -> pl.Expr:
    """Why a cell is no number, most telling reason first; null where it is blank and may be."""
    too_large = plain.str.contains(SCIENTIFIC) & ~plain.str.contains(DECIMAL) & (plain.cast(pl.Float64(), strict=False).abs() >= _TOO_LARGE)
    return (
        pl.when(is_blank(text, inferred.numbers))
        .then(pl.lit(None if may_be_null else "E_REQUIRED", pl.String()))
        .when(text.str.contains(CELL_ERROR))
        .then(pl.lit("E_CELL_ERROR"))
        .when(text.str.contains(INFINITE) | too_large)
        .then(pl.lit("E_NOT_FINITE"))
        .when(inferred.is_ambiguous(text))
        .then(pl.lit("E_NUMBER_AMBIGUOUS"))
        .when(plain.str.contains(SCIENTIFIC) | text.str.starts_with(APPROXIMATE) | plain.str.starts_with(APPROXIMATE))
        .then(pl.lit("E_PRECISION"))
        .otherwise(pl.lit("E_NUMBER"))
    )


def _money(
    name: str, source: Source, raw: pl.Expr, inferred: InferredNumbers, feed: Feed, *, may_be_null: bool, blank_means_zero: bool
) -> Field:
    numbers, plain, text = inferred.numbers, pl.col(_plain_name(name)), bare(raw)
    is_unsigned = name in feed.contract.unsigned

    def or_zero(amount: pl.Expr, printed: pl.Expr) -> pl.Expr:
        return pl.when(is_blank(printed, numbers)).then(pl.lit(0, MONEY)).otherwise(amount) if blank_means_zero else amount

    # Where an amount has no sign of its own, any minus waits for the second look, so that good amounts need not be compared.
    signs = "+" if is_unsigned and source.sign == 1 else "+-"
    usual = plainly_meant(inferred.usual(raw), numbers, shift=source.shift)
    first = notation.exact_money(usual, shift=source.shift, signs=signs)
    second = notation.exact_money(plain, shift=source.shift)
    if denominations.converts_rows(feed):
        first, second = pl.when(denominations.is_in_major_units(feed)).then(first), _converted(second, plain, source, feed)
    if source.sign == -1:
        first, second = -first, -second
    code = _number_code(text, plain, inferred, may_be_null=may_be_null)
    if is_unsigned and source.sign == -1:
        first = pl.when(first >= 0).then(first)
    if name in feed.refused_below_zero:
        code = pl.when(second.is_not_null()).then(pl.lit("E_SIGN")).otherwise(code)
        second = pl.when(second >= 0).then(second)
    sentence: pl.Expr = pl.when(text.str.contains(_INDIAN_GROUPS) & (numbers.grouping != INDIAN)).then(pl.lit(_SAY_INDIAN))
    if numbers.currency_signs:
        mark = notation.currency_mark(text, numbers)
        is_foreign = plain.is_not_null() & denominations.is_foreign(mark, source, feed)
        second, code = pl.when(~is_foreign).then(second), pl.when(is_foreign).then(pl.lit("E_CURRENCY")).otherwise(code)
        sentence = pl.when(is_foreign).then(denominations.why_foreign(mark, feed)).otherwise(sentence)
    return Field(
        name,
        raw,
        or_zero(first, raw).alias(name),
        or_zero(second, text).alias(name),
        may_be_null,
        code,
        plain=inferred.amount(text, shift=source.shift).alias(_plain_name(name)),
        sentence=sentence,
    )


def _converted(amount: pl.Expr, plain: pl.Expr, source: Source, feed: Feed) -> pl.Expr:
    """The amount, with the point moved further where its row is in a minor unit."""
    for digits in MINOR_DIGITS:
        moved = notation.exact_money(plain, shift=source.shift - digits)
        amount = pl.when(denominations.minor_digits(feed) == digits).then(moved).otherwise(amount)
    return amount


def _return(name: str, source: Source, raw: pl.Expr, inferred: InferredNumbers, *, may_be_null: bool) -> Field:
    plain, text = pl.col(_plain_name(name)), bare(raw)
    by_sign = text.str.ends_with("%") | text.str.ends_with("%)")
    digits = source.return_digits

    def or_zero(value: pl.Expr, printed: pl.Expr) -> pl.Expr:
        return pl.when(is_blank(printed, inferred.numbers)).then(pl.lit(0.0)).otherwise(value) if source.blank == "zero" else value

    usual = inferred.usual(raw)
    first = _fraction(pl.when(usual.str.contains(_USUAL_RETURN)).then(usual), digits) * source.sign
    printed = pl.when(plain.str.contains(SCIENTIFIC)).then(plain).cast(pl.Float64(), strict=False)
    whole = pl.when(by_sign).then(_fraction(plain, 2)).otherwise(_fraction(plain, digits))
    value = pl.when(plain.str.contains(DECIMAL)).then(whole).otherwise(printed / pl.when(by_sign).then(100).otherwise(10**digits))
    second = pl.when(printed.is_finite() & (printed.abs() <= LARGEST_RETURN)).then(value) * source.sign
    allows_percent = inferred.numbers.percent_sign and source.scale != "basis_points"
    code = (
        pl.when(plain.str.contains(SCIENTIFIC) & ~inferred.is_ambiguous(text))
        .then(pl.lit("E_NOT_FINITE"))
        .otherwise(_number_code(text, plain, inferred, may_be_null=may_be_null))
    )
    return Field(
        name,
        raw,
        or_zero(first, raw).alias(name),
        or_zero(second, text).alias(name),
        may_be_null,
        code,
        plain=inferred.plain(text, percent=allows_percent).alias(_plain_name(name)),
    )


def _rate(name: str, raw: pl.Expr, inferred: InferredNumbers) -> Field:
    plain, text = pl.col(_plain_name(name)), bare(raw)
    first, second = (notation.exact_rate(number) for number in (plainly_meant(inferred.usual(raw), inferred.numbers, shift=0), plain))
    code = pl.when(second.is_not_null()).then(pl.lit("E_RATE")).otherwise(_number_code(text, plain, inferred, may_be_null=False))
    return Field(
        name,
        raw,
        pl.when(first > 0).then(first).alias(name),
        pl.when(second > 0).then(second).alias(name),
        may_be_null=False,
        code=code,
        plain=inferred.amount(text, shift=0).alias(_plain_name(name)),
    )


def _fraction(number: pl.Expr, digits: int) -> pl.Expr:
    """Plain numbers as floats with the point moved in the text, so that each is the nearest to what is printed: 70 % is 0.7."""
    return (number + f"e-{digits}" if digits else number).cast(pl.Float64(), strict=False)


def _date(raw: pl.Expr, inferred: Inferred, feed: Feed, *, received: date) -> Field:
    formats, zone, text = inferred.formats, inferred.zone, bare(raw)

    def in_range(printed: pl.Expr) -> pl.Expr:
        day = first_of(printed, formats, zone)
        near = within_reach(printed, day, formats, zone=zone, received=received)
        return pl.when(day.is_between(feed.first_window, received) & near).then(day).alias(feed.contract.day)

    code = (
        pl.when(is_blank(text, feed.numbers))
        .then(pl.lit("E_REQUIRED"))
        .when(text.str.contains(CELL_ERROR))
        .then(pl.lit("E_CELL_ERROR"))
        .when(first_of(text, formats, zone).is_null())
        .then(pl.lit("E_DATE"))
        .otherwise(pl.lit("E_DATE_RANGE"))
    )
    return Field(feed.contract.day, raw, in_range(raw), in_range(text), may_be_null=False, code=code)


def _currency(raw: pl.Expr, inferred: Inferred, feed: Feed) -> Field:
    text = bare(raw)
    day = first_of(stripped(feed.day_source), inferred.formats, inferred.zone)
    code = (
        pl.when(is_blank(text, feed.numbers))
        .then(pl.lit("E_REQUIRED"))
        .when(text.str.contains(CELL_ERROR))
        .then(pl.lit("E_CELL_ERROR"))
        .otherwise(pl.lit("E_CURRENCY"))
    )
    first = pl.when(denominations.is_active(raw)).then(raw)
    second = denominations.currency_of(text, day, accepts_minor_units=feed.minor_units == "accept")
    sentence = pl.when(code == "E_CURRENCY").then(denominations.why_no_currency(text))
    return Field("currency", raw, first.alias("currency"), second.alias("currency"), may_be_null=False, code=code, sentence=sentence)


def _text(name: str, source: Source, raw: pl.Expr, feed: Feed, *, may_be_null: bool) -> Field:
    text = bare(raw)
    blank, is_error = is_blank(text, feed.numbers), text.str.contains(CELL_ERROR)
    usual = raw.str.contains(_USUAL_TEXT) & ~raw.is_in(feed.numbers.blanks)
    first, second = pl.when(usual).then(raw), pl.when(~blank & ~is_error).then(text)
    code = pl.lit(None, pl.String())
    if name in feed.contract.identifiers:
        usual &= ~raw.str.contains(_UNUSUAL_ID)
        fits = ~text.str.contains(_DAMAGED_ID)
        is_error &= ~text.str.contains(_NO_VALUE_ID)
        if name == feed.contract.account:
            usual &= raw.str.contains(source.pattern) & ~raw.str.contains(_MASKED_ID)
            fits &= text.str.contains(source.pattern) & ~text.str.contains(_MASKED_ID)
        first, second = pl.when(usual).then(raw), pl.when(fits & ~is_error & ~blank).then(text)
        code = pl.lit("E_ID")
    looks = in_case(first, source), in_case(second, source)
    of_blank = pl.lit(None if may_be_null else "E_REQUIRED", pl.String())
    code = pl.when(blank).then(of_blank).when(is_error).then(pl.lit("E_CELL_ERROR")).otherwise(code)
    return Field(name, raw, looks[0].alias(name), looks[1].alias(name), may_be_null, code)


def half_unit(rows: pl.DataFrame, field: Field, source: Source, inferred: InferredNumbers, *, is_money: bool) -> float | None:
    """Half a unit of the last digit that the column prints, as money or as a fraction; None where no cell prints decimals.

    A lone zero is no decimal: formats with binary numbers print it behind every whole one.
    """
    mark = re.escape(inferred.numbers.decimal_mark)
    is_usual = field.cell.str.contains(rf"^[+-]?[0-9]*{mark}(?:[1-9]|[0-9]{{2,}})$")
    behind_mark = field.cell.str.len_bytes().cast(pl.Int64()) - field.cell.str.find(inferred.numbers.decimal_mark, literal=True) - 1
    noisy = inferred.numbers.binary_floats is not None and is_money
    printed = rows.filter(field.cell.str.len_bytes() <= _FLOAT_TEXT) if noisy else rows
    cells = printed.select(field.cell.alias("cell"), is_usual.alias("is_usual"), behind_mark.alias("digits"))
    others = cells.filter(~pl.col("is_usual") & pl.col("digits").is_not_null())
    decimals = pl.col("cell").str.extract(rf"{mark}(\d+)[^\d]*$")
    by_sign = pl.when(pl.col("cell").str.contains("%", literal=True)).then(2 - source.return_digits).otherwise(0)
    further = pl.when(decimals != "0").then(decimals.str.len_chars().cast(pl.Int64()) + by_sign)
    most = [cells.filter("is_usual").select(pl.col("digits").max()).item(), others.select(further.max()).item() if others.height else None]
    digits: int | None = max((one for one in most if one is not None), default=None)
    if digits is not None and inferred.numbers.round_to is not None and is_money:
        digits = min(digits, inferred.numbers.round_to + source.shift)
    return None if digits is None else float(0.5 * 10.0 ** -(digits + source.return_digits - source.shift))
