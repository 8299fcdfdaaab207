"""Amounts and identifiers that a file holds as binary floats: which of them can only be the decimal that was meant.

A float of 64 bits keeps fifteen significant digits, one of 32 bits seven, and neither keeps a cent where its neighbours lie a
cent or more apart. Whatever has more digits than that is written with ``APPROXIMATE`` before it by a reader that knows its type,
so that ``fields`` takes it for no amount and no identifier. Where a feed says that a vendor computes in binary floats, the noise
behind the fifteenth digit is taken away here (``binary_floats``), or amounts are rounded to the decimals that it states (``round_to``).
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

import polars as pl

from advisory_perf.contracts.columns import DELIVERED_INTEGER_DIGITS, MONEY_SCALE
from advisory_perf.feeds.sources import Numbers

APPROXIMATE: Final = "\u2248"
"""Stands before a number whose last digits are those of a binary float, and not of any decimal that was meant."""
_DIGITS = 15
_NOISE_OF_ZERO = Decimal("5e-10")
"""What is less is the rest of a subtraction; spreadsheets show it as zero too."""
_EXACT = Context(prec=400)


@dataclass(frozen=True, slots=True)
class _Precision:
    """How many significant digits a type of float keeps, and the amount from which on it does not keep a cent."""

    digits: int
    cents_below: float


_PRECISION: dict[pl.DataType, _Precision] = {
    pl.Float64(): _Precision(_DIGITS, 2.0**46),
    pl.Float32(): _Precision(7, 2.0**17),
    pl.Float16(): _Precision(3, 2.0**3),
}


def amounts_as_text(values: pl.Series) -> pl.Series:
    """Floats as text, with ``APPROXIMATE`` before those that are not the only amount they can stand for."""
    kept, text, size = _PRECISION[values.dtype], values.cast(pl.String()), values.abs().cast(pl.Float64())
    lengths = text.str.len_bytes()
    if not (lengths > kept.digits).any() and not (size >= kept.cents_below).any():
        return text
    figures = text.str.replace_all(r"[-.]", "").str.strip_chars_start("0").str.strip_chars_end("0").str.len_bytes()
    decimals = lengths.cast(pl.Int64()) - text.str.find(".", literal=True).cast(pl.Int64()) - 1
    has_more = (figures > kept.digits) & (decimals <= MONEY_SCALE)
    return _marked(text, values.is_finite() & ((size >= kept.cents_below) | has_more.fill_null(value=False)))


def identifiers_as_text(values: pl.Series) -> pl.Series:
    """Floats as whole numbers in text, with ``APPROXIMATE`` before those that are no whole number of as many digits as they keep."""
    kept, size = _PRECISION[values.dtype], values.cast(pl.Float64())
    is_whole = (size.abs() < 10.0**kept.digits) & (size == size.round())
    whole = size.set(~is_whole.fill_null(value=False), None).cast(pl.Int64()).cast(pl.String())
    return whole.zip_with(is_whole.fill_null(value=False), _marked(values.cast(pl.String()), values.is_not_null()))


def _marked(text: pl.Series, is_approximate: pl.Series) -> pl.Series:
    return (APPROXIMATE + text).zip_with(is_approximate.fill_null(value=False), text)


def approximate(value: float) -> str | None:
    """The float as text with ``APPROXIMATE`` before it, where it is an amount that nothing but its noise tells from others; else null."""
    number = Decimal(repr(value))
    meant = _without_noise(number) if number.is_finite() else number
    return None if meant is not None else f"{APPROXIMATE}{number:f}"


def is_beyond_cents(number: pl.Expr) -> pl.Expr:
    """Whether a plain number is so large that a float of 64 bits does not keep its cents."""
    return number.cast(pl.Float64(), strict=False).abs() >= _PRECISION[pl.Float64()].cents_below


def surely(text: pl.Expr, numbers: Numbers) -> pl.Expr:
    """Cells without ``APPROXIMATE`` where the feed has amounts rounded, so that nothing needs to be sure of their last digits."""
    return text if numbers.round_to is None else text.str.strip_prefix(APPROXIMATE)


def plainly_meant(number: pl.Expr, numbers: Numbers, *, shift: int) -> pl.Expr:
    """Plain numbers that need no look at their digits, whatever the feed says of binary floats; the others are null."""
    if numbers.binary_floats is not None:
        number = pl.when(number.str.len_bytes() < _DIGITS - 1).then(number)
    if numbers.round_to is not None:
        most = numbers.round_to + shift
        number = pl.when(~number.str.contains(rf"\.[0-9]{{{most + 1},}}") if most >= 0 else pl.lit(value=False)).then(number)
    return number


def meant(number: pl.Expr, numbers: Numbers, *, shift: int) -> pl.Expr:
    """Plain numbers as the amounts that the feed says they stand for; where the noise is ambiguous, with ``APPROXIMATE`` before them.

    ``shift`` is how far the decimal point of the amount lies to the right of the number's, so that decimals are those of the amount.
    """
    if numbers.binary_floats is None and numbers.round_to is None:
        return number

    def each(given: pl.Series) -> pl.Series:
        return pl.Series(given.name, [_meant(text, numbers, shift) for text in given], pl.String())

    return number.map_batches(each, return_dtype=pl.String(), is_elementwise=True)


def _meant(text: str | None, numbers: Numbers, shift: int) -> str | None:
    if text is None:
        return None
    printed = Decimal(text)
    if printed.adjusted() >= (0 if "e" in text.lower() else DELIVERED_INTEGER_DIGITS):
        return text
    number = printed if numbers.binary_floats is None else _without_noise(printed)
    if numbers.round_to is not None:
        unit = Decimal(1).scaleb(-(numbers.round_to + shift))
        return f"{(printed if number is None else number).quantize(unit, ROUND_HALF_EVEN, _EXACT):f}"
    return f"{APPROXIMATE}{text}" if number is None else f"{number:f}"


def _without_noise(number: Decimal) -> Decimal | None:
    """The decimal of at most fifteen digits that a float's digits stand for; null where they may as well stand for another.

    A number with more digits than that, all within the decimals of money, may be an amount that a float cannot hold. One with digits
    behind those is an amount with noise if the last of its fifteen digits is a zero.
    """
    if abs(number) < _NOISE_OF_ZERO:
        return Decimal(0)
    if abs(number) >= _PRECISION[pl.Float64()].cents_below:
        return None
    figures = number.normalize(_EXACT)
    if len(figures.as_tuple().digits) <= _DIGITS:
        return figures
    rounded = Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN).plus(number).normalize(_EXACT)
    is_sure = _decimals(figures) > MONEY_SCALE and len(rounded.as_tuple().digits) < _DIGITS
    return rounded if is_sure or _decimals(rounded) > MONEY_SCALE else None


def _decimals(number: Decimal) -> int:
    return -int(number.as_tuple().exponent)
