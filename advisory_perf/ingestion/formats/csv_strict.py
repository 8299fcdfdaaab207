"""Records of a CSV text that are not quoted as the feed says, found before the lenient tokeniser sees them.

Arrow takes a quote that opens in one row and closes rows later for one cell, and glues text behind a closing quote to it, without a
word. Here a record is read by the strict grammar: a cell is quoted from end to end or holds no quote sign at all. Only lines that hold
the sign are looked at, first by one expression for all of them; what it leaves (cells of several lines, broken records) is read record
by record. A cell with line ends in it and the delimiters of the rows that it would have taken in is no cell: a lost quote joined them.

After a broken record the next line that is in order by itself begins a record again. That is safe, since a line that only lies within
a cell either has another number of cells than a row or makes that cell one that holds rows.
"""

import re
from dataclasses import dataclass
from itertools import islice

import polars as pl
import pyarrow as pa

from advisory_perf.feeds.file_layout import Csv
from advisory_perf.ingestion.raw_frame import Header, Reading

BROKEN = "E_QUOTE"
_ANY_LINE_END = re.compile(rb"\r\n|\r|\n")
_PLACEHOLDER = b"\0%d"
"""Stands where a broken record stood while the others are tokenised; a row has more cells than one, and a text no NUL."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Lines that hold a broken record: where they begin and end in the text, and whether a quote opens in them that nothing closes."""

    start: int
    end: int
    is_open: bool

    def of(self, text: bytes) -> str:
        """The lines themselves, without the line end behind them."""
        return text[self.start : self.end].decode("utf-8").rstrip("\r\n")


@dataclass(frozen=True, slots=True)
class _Record:
    """One record as far as it is in order: how many cells it has, where it ends or breaks."""

    cells: int
    end: int
    is_whole: bool
    is_open: bool = False


def pattern_of(sign: str) -> str:
    """The sign in a regular expression, of Python's or Rust's."""
    return f"\\x{ord(sign):02x}"


class Grammar:
    """What a cell looks like in a feed's layout, strictly: quoted from end to end, or without any quote sign.

    A cell like ``="00123"``, by which spreadsheets keep text, counts as one without. Behind a backslash that escapes stands only what
    would otherwise mean something; before anything else the tokeniser would drop it.
    """

    def __init__(self, layout: Csv) -> None:
        self._quote, self._delimiter = layout.quote.encode(), layout.delimiter.encode()
        self._unknown_escape: re.Pattern[bytes] | None = None
        quote, delimiter = pattern_of(layout.quote), pattern_of(layout.delimiter)
        kept_as_text = rf'[ \t]*="[^"{delimiter}\r\n]*"[ \t]*'
        if layout.escape == "backslash":
            self.signs, escaped = [layout.quote, "\\"], rf"[\\{quote}{delimiter}'\"]"
            quoted, bare = rf"{quote}(?:[^{quote}\\]|\\(?:{escaped}|[\r\n]))*{quote}", rf"(?:[^{quote}{delimiter}\\\r\n]|\\{escaped})*"
            read = rf"{quote}(?:[^{quote}\\]++|\\.)*+{quote}|{kept_as_text}|(?:[^{quote}{delimiter}\\\r\n]++|\\[^\r\n])*+"
            self._unknown_escape = re.compile(rf"(?:[^\\]|^)(?:\\\\)*+\\(?!{escaped}|[\r\n])".encode(), re.DOTALL)
        else:
            self.signs = [layout.quote]
            quoted, bare = rf"{quote}(?:[^{quote}]|{quote}{quote})*{quote}", rf"[^{quote}{delimiter}\r\n]*"
            read = rf"{quote}(?:[^{quote}]++|{quote}{quote})*+{quote}|{kept_as_text}|[^{quote}{delimiter}\r\n]*+"
        cell = f"{quoted}|{kept_as_text}|{bare}"
        self.line = rf"^(?:{cell})(?:[{delimiter}\r](?:{cell}))*\n?$"
        """A line, or several that a carriage return alone divides, each a whole record."""
        self._cell = re.compile(read.encode(), re.DOTALL)
        """Possessive, or an open quote would cost the square of what follows it."""

    def record(self, text: bytes, start: int, width: int) -> _Record:
        """The record that begins at ``start``, of a table of ``width`` columns."""
        position, cells = start, 0
        while True:
            found = self._cell.match(text, position)
            end = position if found is None else found.end()
            if end == position and text.startswith(self._quote, position):
                return _Record(cells, len(text), is_whole=False, is_open=True)
            cells += 1
            cell = text[position:end]
            if self._takes_rows_in(cell, cells - 1, width) or (self._unknown_escape is not None and self._unknown_escape.search(cell)):
                return _Record(cells, end, is_whole=False)
            if end == len(text) or text[end : end + 1] in b"\r\n":
                return _Record(cells, end, is_whole=True)
            if not text.startswith(self._delimiter, end):
                return _Record(cells, end, is_whole=False)
            position = end + 1

    def _takes_rows_in(self, cell: bytes, column: int, width: int) -> bool:
        """Whether a cell begins as the rest of a row does from the column on, and ends as another row does up to there."""
        pieces = _ANY_LINE_END.split(cell) if b"\n" in cell or b"\r" in cell else []
        delimiter = self._delimiter
        return len(pieces) > 1 and pieces[0].count(delimiter) >= width - 1 - column and pieces[-1].count(delimiter) >= column


def _holds_rows(cell: bytes, delimiter: bytes, width: int) -> bool:
    """Whether a cell has a line end in it and as many delimiters as a row of ``width`` columns."""
    return (b"\n" in cell or b"\r" in cell) and cell.count(delimiter) >= width - 1


def end_of_lines(text: bytes, count: int) -> int:
    """Where the line after the first ``count`` ones begins."""
    return max((found.end() for found in islice(_ANY_LINE_END.finditer(text), count)), default=0)


def broken_records(text: bytes, layout: Csv, *, start: int, width: int) -> list[Broken]:
    """The lines from ``start`` on that hold records which are broken, in the text's order."""
    if layout.quote == "none":
        return []
    grammar = Grammar(layout)
    if not any(text.find(sign.encode(), start) != -1 for sign in grammar.signs):
        return []
    line_end = b"\n" if text.find(b"\n", start) != -1 else b"\r"
    begins = _line_begins(text, start, line_end)
    suspects = _suspects(text, begins, grammar)
    broken: list[Broken] = []
    free = start
    for begin, next_line in suspects:
        if begin < free:
            continue
        record = grammar.record(text, begin, width)
        while line_end == b"\n" and record.is_whole and _ends_by_a_return_alone(text, record.end):
            record = grammar.record(text, record.end + 1, width)
        follows_a_broken_one = bool(broken) and broken[-1].end == begin
        if record.is_whole and (record.cells == width or not follows_a_broken_one):
            free = record.end
            continue
        end = next_line if record.end < next_line else _end_of_line(text, record.end, line_end)
        broken.append(Broken(begin, end, record.is_open))
        free = end
    return broken


def _ends_by_a_return_alone(text: bytes, end: int) -> bool:
    """Whether a record ends within a physical line, of which the rest is to be looked at too."""
    return text[end : end + 1] == b"\r" and end + 1 < len(text) and text[end + 1 : end + 2] != b"\n"


def without(text: bytes, broken: list[Broken]) -> bytes:
    """The text with a line that is no row in the place of each broken record (``replaced`` reads it back)."""
    pieces, position = [], 0
    for number, one in enumerate(broken):
        ended = text[one.end - 1 : one.end] in (b"\n", b"\r")
        pieces += [text[position : one.start], _PLACEHOLDER % number, b"\n" if ended else b""]
        position = one.end
    return b"".join([*pieces, text[position:]])


def replaced(line: str, broken: list[Broken]) -> Broken | None:
    """The broken record in whose place the line stands."""
    return broken[int(line[1:])] if line.startswith("\0") else None


def refuse_a_broken_header(text: bytes, header: Header, reading: Reading, *, start: int, end: int) -> None:
    """E_FORMAT where a quote takes rows into the header, which stands from ``start`` to ``end``, or into a line above it."""
    layout, width = reading.feed.files.csv, len(header.names)
    if layout.quote == "none":
        return
    broken = broken_records(text[:end], layout, start=start, width=width)
    hides = any(_holds_rows(cell.encode(), layout.delimiter.encode(), width) for row in header.above for cell in row)
    if broken or hides:
        line = len(_ANY_LINE_END.findall(text, 0, start)) + 1
        raise reading.refused(
            "E_FORMAT",
            f"a quote of the header in line {line} or above is broken, so that rows may hide in a cell there;"
            " send it quoted as the feed says",
        )


def _line_begins(text: bytes, start: int, line_end: bytes) -> pl.Series:
    """Where each line begins, and the text's end."""
    after = pl.Series(pa.Array.from_buffers(pa.uint8(), len(text) - start, [None, pa.py_buffer(text)], offset=start))
    begins = (after == line_end[0]).arg_true().cast(pl.Int64()) + start + 1
    last = [] if begins.len() and begins[-1] == len(text) else [len(text)]
    return pl.concat([pl.Series([start], dtype=pl.Int64()), begins, pl.Series(last, dtype=pl.Int64())], rechunk=True)


def _suspects(text: bytes, begins: pl.Series, grammar: Grammar) -> list[tuple[int, int]]:
    """Begin and end of the lines that hold a quote sign and are no whole records by themselves."""
    lines = pa.Array.from_buffers(pa.large_string(), begins.len() - 1, [None, begins.to_arrow().buffers()[1], pa.py_buffer(text)])
    frame = pl.DataFrame({"text": pl.Series(lines), "begin": begins.head(-1), "end": begins.slice(1)})
    with_sign = pl.any_horizontal(pl.col("text").str.contains(sign, literal=True) for sign in grammar.signs)
    in_order = pl.col("text").str.contains(grammar.line)
    return frame.lazy().filter(with_sign).filter(~in_order).select("begin", "end").collect(engine="in-memory").rows()


def _end_of_line(text: bytes, position: int, line_end: bytes) -> int:
    """Where the line after the one at ``position`` begins."""
    found = text.find(line_end, position)
    return len(text) if found == -1 else found + 1
