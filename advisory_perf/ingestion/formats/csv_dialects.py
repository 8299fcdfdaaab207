"""Delimiters and line ends of several characters, put into the dialect that the tokenisers read, and back.

A tokeniser takes one byte for a delimiter and CR or LF for a line end. A longer mark becomes a byte that the text does not hold, and
what the text held of CR and LF, where other line ends are declared, another one; whatever of these is left in a cell, because it was
quoted, is put back afterwards. So every other reader of CSV text knows one dialect only.
"""

from dataclasses import dataclass, replace

import polars as pl

from advisory_perf.feeds.file_layout import Csv
from advisory_perf.ingestion.raw_frame import MISFIT, Reading, cell, cell_columns, set_aside

_STAND_INS = (*range(0x01, 0x09), *range(0x0E, 0x1A))
"""Control characters that neither Python nor Polars strips as spaces."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A text in the dialect of the tokenisers, with the feed that says so, and what its stand-ins stand for."""

    text: bytes
    reading: Reading
    originals: tuple[tuple[str, str], ...] = ()
    doubted: tuple[str, ...] = ()

    def restored(self, text: str) -> str:
        """The text as it was delivered."""
        for stand_in, original in self.originals:
            text = text.replace(stand_in, original)
        return text

    def restored_rows(self, raw: pl.DataFrame) -> pl.DataFrame:
        """The raw rows as they were delivered; a row in which the place of a delimiter is ambiguous is a misfit."""
        if self.doubted:
            begins = [pl.col(name).str.starts_with(rest) for name in cell_columns(raw)[1:] for rest in self.doubted]
            is_doubtful = pl.any_horizontal(pl.lit(value=False), *begins).fill_null(value=False)
            raw = set_aside(raw, is_doubtful, separator=self.reading.feed.files.csv.delimiter, mark="E_FIELDS")
        if not self.originals:
            return raw
        texts = [pl.col(name) for name in (MISFIT, *cell_columns(raw))]
        for stand_in, original in self.originals:
            texts = [text.str.replace_all(stand_in, original, literal=True) for text in texts]
        return raw.with_columns(texts).rename({name: cell(self.restored(name.removeprefix(cell("")))) for name in cell_columns(raw)})


def dialect_of(text: bytes, reading: Reading) -> Dialect:
    """The text with one-byte delimiters and plain line ends. DeliveryRejectedError: E_FORMAT where no byte is left to stand in."""
    layout = reading.feed.files.csv
    marks = f"{layout.delimiter}{layout.line_end or ''}"
    spare = (chr(byte) for byte in _STAND_INS if bytes([byte]) not in text and chr(byte) not in marks)
    originals: list[tuple[str, str]] = []

    def unused() -> str:
        found = next(spare, None)
        if found is None:
            raise reading.refused("E_FORMAT", "holds every control character, so it is no text; send it as the feed says")
        return found

    def stand_in(original: str) -> str:
        originals.append((unused(), original))
        return originals[-1][0]

    if layout.line_end is not None and layout.line_end != "\n":
        text = _without_empty_end(text, layout.line_end.encode())
        end = unused()
        text = text.replace(layout.line_end.encode(), end.encode())
        for mark in "\r\n":
            if mark.encode() in text:
                text = text.replace(mark.encode(), stand_in(mark).encode())
        text = text.replace(end.encode(), b"\n")
        originals.insert(0, ("\n", layout.line_end))
    elif layout.line_end == "\n" and b"\r" in text:
        text = text.replace(b"\r", stand_in("\r").encode())
    doubted: tuple[str, ...] = ()
    if len(layout.delimiter.encode()) > 1:
        delimiter = stand_in(layout.delimiter)
        text = text.replace(layout.delimiter.encode(), delimiter.encode())
        doubted = tuple(rest for rest in layout.ambiguous_after_delimiter if (delimiter + rest).encode() in text)
        reading = _of_feed(reading, layout.model_copy(update={"delimiter": delimiter, "line_end": None}))
    return Dialect(text, reading, tuple(originals), doubted)


def _without_empty_end(text: bytes, end: bytes) -> bytes:
    """The text without CR and LF behind its last line end, as editors put them there."""
    closed, found, rest = text.rpartition(end)
    return closed + found if found and not rest.strip(b"\r\n") else text


def _of_feed(reading: Reading, layout: Csv) -> Reading:
    """The reading by a feed with another layout of its text; what it notices is kept in the same place."""
    files = reading.feed.files.model_copy(update={"csv": layout})
    return replace(reading, feed=reading.feed.model_copy(update={"files": files}))
