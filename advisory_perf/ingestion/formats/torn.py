"""Whether the last cell of a row that no line end closes is whole, by how it and the other cells of its column are written.

What cannot be shown is not taken for whole: an account number may be the beginning of a longer one, whatever the others look like.
"""

import re
from datetime import date

import polars as pl

from advisory_perf.feeds.date_formats import EXCEL_SERIAL
from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.raw_frame import MARK, bare, cell, cell_columns

TORN = "E_TORN"
"""The mark of a last row that no line end closes."""
_SERIAL_DIGITS = 5
_MANY = 20
"""So many numbers with as many decimals each, of which none ends in a zero, print them all."""


def last_field(rows: pl.DataFrame, feed: Feed) -> str | None:
    """The field that the file's last column fills."""
    files = feed.files
    made = {*files.stated, *(files.unpivot.period_columns if files.unpivot else ())}
    last = [name for name in cell_columns(rows) if name not in map(cell, made)][-1]
    return next((name for name, source in feed.columns.items() if cell(source.from_) == last), None)


def is_whole(good: pl.DataFrame, field: str, feed: Feed) -> bool:
    """Whether the torn row's cell of the field cannot be the beginning of a longer one."""
    rows = good.select(MARK, feed.contract.day, text=bare(pl.col(cell(feed.columns[field].from_))))
    is_torn = (pl.col(MARK) == TORN).fill_null(value=False)
    text, day = rows.filter(is_torn).select("text", feed.contract.day).row(0)
    others = rows.filter(~is_torn)["text"].fill_null("")
    if not text:
        return others.len() > 0 and bool((others == "").all())
    if field == feed.contract.day:
        return _is_printed_in_full(text, day, feed.columns[field].formats)
    if field in feed.contract.numbers:
        return _has_all_decimals(text, others.filter(others != ""), feed)
    return field == "currency"


def _is_printed_in_full(text: str, day: date, formats: tuple[str, ...]) -> bool:
    """Whether the day in one of the formats, with all zeros, is the text; a part of such a text never is."""
    return any(text.isdecimal() and len(text) == _SERIAL_DIGITS if form == EXCEL_SERIAL else day.strftime(form) == text for form in formats)


def _has_all_decimals(text: str, others: pl.Series, feed: Feed) -> bool:
    """Whether the column prints a fixed number of decimals, which the cell has, and puts signs in front."""
    numbers = feed.numbers
    mark = r"[.,]" if numbers.decimal_mark == "auto" else re.escape(numbers.decimal_mark)
    form = rf"{mark}([0-9]+)([^0-9]*)$"
    found = re.search(form, text)
    if found is None or others.is_empty() or (numbers.decimal_mark == "auto" and len(found[1]) == 3):  # noqa: PLR2004 - thousands
        return False
    parts = others.to_frame("text").select(decimals=pl.col("text").str.extract(form, 1), suffix=pl.col("text").str.extract(form, 2))
    is_alike = (pl.col("decimals").str.len_chars() == len(found[1])) & (pl.col("suffix") == found[2])
    may_lack_a_sign = (numbers.trailing_minus and not others.str.contains(r"^[-\u2212(]").any()) or numbers.credit_debit
    fixed = others.len() >= _MANY or bool(parts["decimals"].str.ends_with("0").any())
    return fixed and not may_lack_a_sign and bool(parts.select(is_alike.fill_null(value=False).all()).item())
