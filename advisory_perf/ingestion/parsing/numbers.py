"""Numbers as text, in every notation that a feed may switch on, to plain notation and to exact money.

*Plain* is digits with one point, an optional minus in front, and perhaps an exponent. What a cell's text does not say in
exactly one way is null here; ``fields`` asks for the reason. Which mark a column of a delivery uses, where its feed leaves
that to the column, is inferred in ``notation``.
"""

import re
from decimal import Decimal

import polars as pl

from advisory_perf.contracts.columns import DELIVERED_INTEGER_DIGITS, MONEY, MONEY_SCALE, RATE, RATE_INTEGER_DIGITS, RATE_SCALE
from advisory_perf.feeds.sources import INDIAN, Numbers
from advisory_perf.ingestion.parsing.binary_floats import meant, surely
from advisory_perf.ingestion.raw_frame import bare

CENTS = 2
INFINITE = r"(?i)^[+-]?inf(inity)?$"
DECIMAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$"
SCIENTIFIC = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_MARKED = ("first", "second", "third")
"""Where a currency sign may stand."""
_NOTHING = r"[^\s\S]"
"""Matches no character, for notation that is switched off."""
_MINUS = "[-\u2212]"
"""The hyphen that stands for it, and the typographic one."""
_GROUPS = {" ": " \u00a0\u2009\u202f", "'": "'\u2019", INDIAN: ","}
"""The characters that are printed for one and the same grouping mark."""
DASHES = "\u002d\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
"""Every dash that is printed for the cents of a whole amount: 1'000.-, 1.000,\u2013"""
_LIKE_GROUPS = r"\.[0-9]{3}$"
_OTHER_MARK = {".": ",", ",": "."}


def is_blank(text: pl.Expr, numbers: Numbers) -> pl.Expr:
    """Whether a cell has no value: null, empty, or one of the feed's texts for it."""
    return text.is_null() | text.is_in(["", *numbers.blanks])


def plain(text: pl.Expr, numbers: Numbers, *, percent: bool) -> pl.Expr:
    """The number in plain notation, null where it is not written as the feed's numbers are.

    ``percent``: a percent sign behind the number is allowed, and stays to be counted by the caller.
    """
    groups = text.str.extract_groups(_grammar(numbers, percent=percent))
    present = {name: groups.struct.field(name).is_not_null() for name in ("open", "before", "between", "tail", "close", "whole")}
    signs = pl.sum_horizontal(present[name].cast(pl.Int8()) for name in ("open", "before", "between", "tail"))
    currencies = pl.sum_horizontal(groups.struct.field(name).is_not_null().cast(pl.Int8()) for name in _MARKED)
    minus = (
        present["open"]
        | groups.struct.field("before").str.contains(_MINUS)
        | groups.struct.field("between").str.contains(_MINUS)
        | groups.struct.field("tail").str.to_uppercase().is_in(["-", "DR"])
    )
    marks = "".join(_GROUPS.get(mark, mark) for mark in _groupings(numbers))
    body = pl.coalesce(groups.struct.field("body"), groups.struct.field("whole"))
    bare = body.str.replace_all(f"[{re.escape(marks)}]", "").str.replace(numbers.decimal_mark, ".", literal=True)
    fits = bare.is_not_null() & (signs <= 1) & (currencies <= 1) & (present["open"] == present["close"])
    # A minus is one only behind a digit: behind the decimal mark it is a dash in the place of the cents, and elsewhere it may be one.
    stands_behind_none = present["whole"] | groups.struct.field("third").is_not_null()
    fits &= ~(stands_behind_none & groups.struct.field("tail").str.starts_with("-").fill_null(value=False))
    if any(sign[-1].isalpha() for sign in numbers.currency_signs):
        # kr.50 is fifty, or half of one: the point may belong to the sign.
        mark = re.escape(numbers.decimal_mark)
        fits &= ~(bare.str.starts_with(".") & text.str.contains(rf"\pL{mark}[0-9]"))
    return pl.when(fits).then(pl.when(minus.fill_null(value=False)).then(pl.lit("-") + bare).otherwise(bare))


def currency_mark(text: pl.Expr, numbers: Numbers) -> pl.Expr:
    """The currency sign or code beside a number, null where none stands there."""
    groups = text.str.extract_groups(_grammar(numbers, percent=True))
    return pl.coalesce(groups.struct.field(name) for name in _MARKED)


def figure(text: str, numbers: Numbers, *, shift: int = 0) -> Decimal | None:
    """A control figure as an exact amount, None where it is none.

    The mark that is not the decimal one groups it, also where the feed's cells have no groups.
    """
    notation = numbers.model_copy(update={"grouping": numbers.grouping or _OTHER_MARK[numbers.decimal_mark]})
    printed = pl.select(text=bare(pl.lit(text)))
    number = expanded(plain(surely(pl.col("text"), notation), notation, percent=False), notation)
    number = meant(number, notation, shift=shift)
    amount: Decimal | None = printed.select(exact_money(number, shift=shift)).item()
    return amount


def _groupings(numbers: Numbers) -> tuple[str, ...]:
    """The feed's grouping mark, and the apostrophe, which is no other mark anywhere."""
    return tuple(dict.fromkeys(mark for mark in (numbers.grouping, "'") if mark))


def _grouped(grouping: str) -> str:
    """Digits in groups: of three, or as in India of two before the last three (10,00,000)."""
    marks = f"[{re.escape(_GROUPS.get(grouping, grouping))}]"
    return rf"[0-9]{{1,2}}(?:{marks}[0-9]{{2}})*{marks}[0-9]{{3}}" if grouping == INDIAN else rf"[0-9]{{1,3}}(?:{marks}[0-9]{{3}})+"


def _grammar(numbers: Numbers, *, percent: bool) -> str:
    """A cell's whole text; its digits are in the group ``body``, or in ``whole`` where nothing but dashes follows the decimal mark."""
    mark, exponent = re.escape(numbers.decimal_mark), "[eE][+-]?[0-9]{1,3}"
    integer = f"(?:{'|'.join(map(_grouped, _groupings(numbers)))}|[0-9]+)"
    digits = (
        rf"(?:(?P<body>(?:{integer}(?:{mark}[0-9]*)?|{mark}[0-9]+){exponent}|{integer}(?:{mark}[0-9]+)?|{mark}[0-9]+)"
        rf"|(?P<whole>{integer}{mark})[{DASHES}]{{0,2}})"
    )
    signs = "|".join(re.escape(sign) for sign in sorted(numbers.currency_signs, key=len, reverse=True)) or _NOTHING
    tails = [*("-" if numbers.trailing_minus else ()), *(("(?i:CR|DR)",) if numbers.credit_debit else ())]
    tail = "|".join(tails) or _NOTHING
    opening, closing = (r"\(", r"\)") if numbers.parentheses_negative else (_NOTHING, _NOTHING)
    percent_sign = r"(?:\s?%)?" if percent else ""
    return (
        rf"^(?:(?P<first>{signs})\s?)?(?P<open>{opening})?(?P<before>[+\-\u2212]\s?)?(?:(?P<second>{signs})\s?)?(?P<between>[+\-\u2212]\s?)?{digits}"
        rf"{percent_sign}(?:\s?(?P<third>{signs}))?(?P<close>{closing})?(?:\s?(?P<tail>{tail}))?$"
    )


def of_number(number: str, numbers: Numbers) -> str:
    """A number of a file's own, which has a decimal point, as the feed's texts are written; with ``auto`` so that no point groups."""
    if numbers.decimal_mark == "auto":
        return f"{number}0" if re.search(_LIKE_GROUPS, number) else number
    return number.replace(".", numbers.decimal_mark)


def of_numbers(number: pl.Expr, numbers: Numbers) -> pl.Expr:
    """The same for a column of numbers."""
    if numbers.decimal_mark == "auto":
        return pl.when(number.str.contains(_LIKE_GROUPS)).then(number + "0").otherwise(number)
    return number.str.replace(".", numbers.decimal_mark, literal=True)


def exact_money(number: pl.Expr, *, shift: int, signs: str = "+-") -> pl.Expr:
    """Plain numbers as money, null where money cannot carry every digit; ``shift`` moves the point to the right.

    ``signs`` are those that may stand in front of a number.
    """
    whole, decimals = DELIVERED_INTEGER_DIGITS, MONEY_SCALE
    fits = rf"^[{signs}]?([0-9]{{1,{whole}}}(\.[0-9]{{0,{decimals}}}0*)?|\.[0-9]{{1,{decimals}}}0*)$"
    shifted = pl.when(number.str.contains(DECIMAL)).then(_shifted(number, shift)) if shift else number
    return pl.when(shifted.str.contains(fits)).then(shifted).cast(MONEY, strict=False)


def exact_rate(number: pl.Expr) -> pl.Expr:
    """Plain numbers as exchange rates, null where a rate cannot carry every digit."""
    whole, decimals = RATE_INTEGER_DIGITS, RATE_SCALE
    fits = rf"^[+-]?([0-9]{{1,{whole}}}(\.[0-9]{{0,{decimals}}}0*)?|\.[0-9]{{1,{decimals}}}0*)$"
    return pl.when(number.str.contains(fits)).then(number).cast(RATE, strict=False)


def _shifted(number: pl.Expr, shift: int) -> pl.Expr:
    """The point moved by so many digits, in text, so that nothing is ever rounded."""
    parts = number.str.extract_groups(r"^(?P<sign>[+-]?)(?P<whole>[0-9]*)\.?(?P<decimals>[0-9]*)$")
    sign, whole, decimals = (parts.struct.field(name) for name in ("sign", "whole", "decimals"))
    if shift > 0:
        left, right = whole + decimals.str.pad_end(shift, "0").str.slice(0, shift), decimals.str.slice(shift)
    else:
        padded = whole.str.pad_start(1 - shift, "0")
        left, right = padded.str.head(shift), padded.str.tail(-shift) + decimals
    return sign + left.str.strip_chars_start("0").str.pad_start(1, "0") + "." + right


def expanded(number: pl.Expr, numbers: Numbers) -> pl.Expr:
    """Scientific notation written out, where the mantissa shows the cents or the feed says that it is whole."""

    def written_out(given: pl.Series) -> pl.Series:
        if not given.str.contains("[eE]").any():
            return given
        return pl.Series(given.name, [_written_out(text, whole=numbers.scientific) for text in given], pl.String())

    return number.map_batches(written_out, return_dtype=pl.String(), is_elementwise=True)


def _written_out(text: str | None, *, whole: bool) -> str | None:
    if text is None or "e" not in text.lower():
        return text
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    fits = isinstance(exponent, int) and value.adjusted() < DELIVERED_INTEGER_DIGITS and (whole or exponent <= -CENTS)
    return f"{value:f}" if fits else text
