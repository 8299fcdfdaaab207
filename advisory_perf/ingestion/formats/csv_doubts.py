"""Rows of a CSV file that are in order by themselves, and doubtful by what stands in or around them.

An unquoted line end within a row's first or last cell leaves a row of the right number of cells and a line of one cell beside it,
which is a piece of that cell. Marks of another way to quote or to escape stay in a text, where no number and no pattern refuses
them. Whether a row without a line end is whole is asked here too, of its last cell alone;
its figures are asked in ``plausibility``.
"""

import polars as pl

from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.formats.csv_strict import BROKEN
from advisory_perf.ingestion.raw_frame import CELL, MARK, MISFIT, cell, cell_columns, set_aside
from advisory_perf.ingestion.validation.control_totals import is_footer

_QUOTES = {
    '"': '".*"',
    "'": "'.*'",
    "`": "`.*[`\u00b4]",
    "\u2018\u2019": "[\u2018\u201a\u201b].*[\u2018\u2019]",
    "\u201c\u201d": "[\u201c-\u201f].*[\u201c\u201d]",
}
"""Signs that vendors quote with, each with how a cell looks that it is around."""
_ESCAPED_OTHERWISE = r"""(?:^|["'])\\|\\(?:[^0-9A-Za-z]|$)"""
"""A backslash before what is no letter, behind a quote, or where a cell begins or ends; DOMAIN\\user has it between letters."""
_PIECE_OF_A_NUMBER = r"""^[\s"'\u20190-9.,()%+\-eE]*(?:CR?|DR?|R)?$"""


def in_doubt(raw: pl.DataFrame, text: bytes, feed: Feed) -> pl.DataFrame:
    """The raw rows with those set aside that stand beside a piece of a row (E_FRAGMENT) or hold foreign quotes or escapes (E_QUOTE)."""
    layout = feed.files.csv
    raw = _without_foreign_quotes(raw, text, feed)
    if raw[MISFIT].null_count() == raw.height:
        return raw
    is_broken = (pl.col(MARK).is_in(["E_FIELDS", BROKEN]) & ~is_footer(raw, feed)).fill_null(value=False)
    broken = raw.select(line=pl.when(is_broken).then(MISFIT))["line"]
    lines = pl.lit(broken).str.split("\n")
    names = [name for name in cell_columns(raw) if name.removeprefix(CELL) not in feed.files.made_columns]
    ends_in_it = _may_be_part(_piece(lines.list.first(), layout.delimiter).shift(-1), names[-1], feed)
    begins_in_it = _may_be_part(_piece(lines.list.last(), layout.delimiter).shift(1), names[0], feed)
    is_doubtful = (ends_in_it | begins_in_it).fill_null(value=False) & pl.col(MISFIT).is_null()
    return set_aside(raw, is_doubtful, separator=layout.delimiter, mark="E_FRAGMENT")


def says_its_end(text: bytes, raw: pl.DataFrame, feed: Feed) -> bool:
    """Whether the last row shows that its last cell is whole, or has nothing in it that the feed reads.

    A closing quote shows it, but not in a free text, whose own quote signs are written twice.
    """
    last, quote = cell_columns(raw)[-1], feed.files.csv.quote
    if last == cell("") or not _is_read(last, feed):
        return True
    names = {name for name, source in feed.columns.items() if cell(source.from_) == last}
    return quote != "none" and text.endswith(quote.encode()) and names.isdisjoint(feed.contract.free_texts)


def _without_foreign_quotes(raw: pl.DataFrame, text: bytes, feed: Feed) -> pl.DataFrame:
    """The raw rows without those of which a text is quoted, or something in it escaped, in a way that is not the feed's."""
    layout = feed.files.csv
    is_ascii = text.isascii()  # which is inferred sooner than that a sign of several bytes is nowhere
    signs = {sign: form for sign, form in _QUOTES.items() if sign != layout.quote and not (is_ascii and not sign.isascii())}
    quoted = [form for sign, form in signs.items() if any(one.encode() in text for one in sign)]
    patterns = [rf"(?s)^\s*(?:{'|'.join(quoted)})\s*$"] if quoted else []
    if layout.escape == "doubled" and b"\\" in text:
        patterns.append(_ESCAPED_OTHERWISE)
    no_texts = {*feed.contract.numbers, feed.contract.day}
    texts = {cell(source.from_) for name, source in feed.columns.items() if name not in no_texts} & {*cell_columns(raw)}
    tests = [pl.col(name).str.contains(pattern) for name in sorted(texts) for pattern in patterns]
    if not tests:
        return raw
    is_foreign = raw.select(pl.any_horizontal(tests).fill_null(value=False).alias("is_foreign"))["is_foreign"]
    return set_aside(raw, pl.lit(is_foreign), separator=layout.delimiter, mark=BROKEN) if is_foreign.any() else raw


def _piece(line: pl.Expr, delimiter: str) -> pl.Expr:
    """The line where it has one cell, or blank ones behind it; null else."""
    return pl.when(~line.str.strip_chars_end(f" \t\r{delimiter}").str.contains(delimiter, literal=True)).then(line)


def _may_be_part(piece: pl.Expr, column: str, feed: Feed) -> pl.Expr:
    """Whether a line of one cell may have been torn off from a cell of the column; nothing is lost in one that is not read."""
    if not _is_read(column, feed):
        return pl.lit(value=False)
    is_number = any(name in feed.contract.numbers for name, source in feed.columns.items() if cell(source.from_) == column)
    return piece.str.contains(_PIECE_OF_A_NUMBER) if is_number else piece.is_not_null()


def _is_read(column: str, feed: Feed) -> bool:
    unpivot = feed.files.unpivot
    name = column.removeprefix(CELL)
    return any(source.from_ == name for source in feed.columns.values()) or (unpivot is not None and unpivot.found_in(name)[0] is not None)
