"""In which currency, and in which part of it, the amounts of a row are: codes, minor units, and the marks beside amounts.

A feed has one currency, or a column of codes. A minor unit in the place of a code (GBX) is refused, or converted exactly where the
feed accepts it. A sign or code beside an amount has to be that of the row's currency; one that no table has counts as the feed's
own, where it has but one currency.
"""

from functools import cache

import polars as pl

from advisory_perf.contracts.currencies import ACTIVE, MINOR_DIGITS, MINOR_UNITS, WITHDRAWN, meant_by, why_none
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.sources import Source
from advisory_perf.ingestion.raw_frame import bare, cell

_SENTENCES = {code: why_none(code) for code in (*MINOR_UNITS, *WITHDRAWN)}
_DIGITS = {code: unit.digits for code, unit in MINOR_UNITS.items()}
_MAJORS = {code: unit.major for code, unit in MINOR_UNITS.items()}
_LAST_DAYS = {code: old.until for code, old in WITHDRAWN.items()}


def is_active(code: pl.Expr) -> pl.Expr:
    """Whether a text is an active code as it stands."""
    return code.is_in(sorted(ACTIVE))


def currency_of(text: pl.Expr, day: pl.Expr, *, accepts_minor_units: bool) -> pl.Expr:
    """The row's code, null where the text is none: an active one, one that still was on that day, or an accepted unit's major one."""
    last_day = text.replace_strict(_LAST_DAYS, default=None, return_dtype=pl.Date())
    code = pl.when(is_active(text) | (day <= last_day)).then(text)
    return pl.coalesce(code, text.replace_strict(_MAJORS, default=None, return_dtype=pl.String())) if accepts_minor_units else code


def why_no_currency(text: pl.Expr) -> pl.Expr:
    """What is to be said of a minor unit or a withdrawn code, null for any other text."""
    return text.replace_strict(_SENTENCES, default=None, return_dtype=pl.String())


def converts_rows(feed: Feed) -> bool:
    """Whether the rows of a delivery may be in different parts of a currency."""
    return feed.minor_units == "accept" and "currency" in feed.columns


def minor_digits(feed: Feed) -> pl.Expr:
    """By how many digits a row's amounts are smaller than its currency; only for feeds that convert rows."""
    return _printed_code(feed).replace_strict(_DIGITS, default=0, return_dtype=pl.Int64())


def is_in_major_units(feed: Feed) -> pl.Expr:
    """Whether a row surely is in no minor unit, as the first look can see."""
    return is_active(pl.col(cell(feed.columns["currency"].from_)))


def as_printed(amount: pl.Expr, feed: Feed) -> pl.Expr:
    """Converted amounts in the units in which the vendor printed and summed them."""
    if not converts_rows(feed):
        return amount
    return amount * minor_digits(feed).replace_strict({digits: 10**digits for digits in (0, *MINOR_DIGITS)}, return_dtype=pl.Int64())


def in_major_units(unit: pl.Expr, feed: Feed) -> pl.Expr:
    """A unit of what the vendor prints, in the currency of each row."""
    return unit * pl.lit(10.0).pow(-minor_digits(feed)) if converts_rows(feed) else unit


def is_foreign(mark: pl.Expr, source: Source, feed: Feed) -> pl.Expr:
    """Whether the mark beside an amount is not that of the row's currency, in the unit in which the feed reads the amount."""
    signs = feed.numbers.currency_signs
    if feed.currency is not None:
        foreign = [sign for sign in signs if not _fits(sign, feed.currency, source.shift)]
        return mark.is_in(foreign).fill_null(value=False)
    code = _printed_code(feed)
    fitting = [(mark == sign) & code.is_in(_fitting(sign, source.shift)) for sign in signs]
    return mark.is_not_null() & ~pl.any_horizontal(*fitting, pl.lit(value=False)).fill_null(value=False)


def why_foreign(mark: pl.Expr, feed: Feed) -> pl.Expr:
    """What is to be said of such an amount."""
    code = pl.lit(feed.currency) if feed.currency is not None else _printed_code(feed).fill_null("blank")
    return pl.format(
        "the amount is marked {}, and the row's currency is {}; send it in the account's currency, or map the column that holds its own",
        mark,
        code,
    )


def _printed_code(feed: Feed) -> pl.Expr:
    return bare(pl.col(cell(feed.columns["currency"].from_)))


@cache
def _fitting(sign: str, shift: int) -> list[str]:
    """The texts of a column of currencies beside which the sign may stand."""
    return [code for code in (*sorted(ACTIVE), *WITHDRAWN, *MINOR_UNITS) if _fits(sign, code, shift)]


def _fits(sign: str, code: str, shift: int) -> bool:
    """Whether the sign may stand beside amounts of a currency, or minor unit, that the feed moves by ``shift`` digits."""
    meaning = meant_by(sign)
    if meaning is None:
        return True
    unit = MINOR_UNITS.get(code)
    major, digits = (unit.major, unit.digits) if unit is not None else (code, 0)
    of_amounts = digits - min(shift, 0)
    return major in meaning.codes and (meaning.digits == of_amounts or (meaning.digits == digits == 0))
