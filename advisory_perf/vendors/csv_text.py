"""Bytes of a CSV file to UTF-8 text without a byte order mark, and the bounds that hold before it is tokenised."""

import codecs
import io
import struct

import polars as pl
import pyarrow as pa

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.raw import HEADER_SEARCH_ROWS, Reading

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""The longer marks first: that of UTF-16 is how that of UTF-32 begins."""
_PIECE = 1 << 22


def text_of(content: bytes, reading: Reading) -> bytes:
    """The text as UTF-8, by its byte order mark or else the feed's encoding.

    DeliveryRejectedError: E_ENCODING with the line, for bytes that are no such text or hold NULs; E_TOO_LARGE.
    """
    mark, encoding = next(
        ((mark, name) for mark, name in _BOMS if content.startswith(mark)), (b"", codecs.lookup(reading.feed.files.csv.encoding).name)
    )
    content = content[len(mark) :] if mark else content
    if encoding in {"utf-8", "ascii"} and _is_utf8(content) and (encoding == "utf-8" or content.isascii()):
        text = content
    else:
        text = _transcoded(content, encoding, reading)
    if b"\0" in text:
        raise reading.refused("E_ENCODING", f"holds NUL characters, so it is not {encoding} text; send it as {encoding}")
    _refuse_too_large(text, reading)
    return text


def count_of(byte: bytes, text: bytes) -> int:
    """How often the byte stands in the text, several times as fast as ``bytes.count`` where it is in every line."""
    values = pl.Series(pa.Array.from_buffers(pa.uint8(), len(text), [None, pa.py_buffer(text)]))
    return int((values == byte[0]).sum())


def _is_utf8(content: bytes) -> bool:
    """Without making a string of it, which would take up to four times the memory."""
    offsets = pa.py_buffer(struct.pack("<qq", 0, len(content)))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(content)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _transcoded(content: bytes, encoding: str, reading: Reading) -> bytes:
    decoder = codecs.getincrementaldecoder(encoding)()
    text, lines = io.BytesIO(), 1
    for start in range(0, len(content) or 1, _PIECE):
        piece = content[start : start + _PIECE]
        try:
            decoded = decoder.decode(piece, start + _PIECE >= len(content))
        except UnicodeDecodeError as error:
            raise _undecodable(error, encoding, lines, reading) from error
        lines += decoded.count("\n")
        try:
            text.write(decoded.encode())
        except UnicodeEncodeError as error:
            raise reading.refused("E_ENCODING", f"holds half of a character in or after line {lines}; send it as {encoding}") from error
    return text.getvalue()


def _undecodable(error: UnicodeDecodeError, encoding: str, lines: int, reading: Reading) -> DeliveryRejectedError:
    before = error.object[: error.start].decode(encoding, errors="replace").count("\n")
    return reading.refused(
        "E_ENCODING",
        f"is not {encoding} text in line {lines + before}; send it in that encoding or say csv: encoding in the feed",
    )


def _refuse_too_large(text: bytes, reading: Reading) -> None:
    rows = max(count_of(b"\n", text), count_of(b"\r", text))
    if rows > reading.bounds.rows + HEADER_SEARCH_ROWS:
        raise reading.too_large(f"has {rows:,} lines", "ROWS")
    delimiter, start = reading.feed.files.csv.delimiter.encode(), 0
    for line in range(1, HEADER_SEARCH_ROWS + 1):
        end = text.find(b"\n", start)
        cells = text.count(delimiter, start, end if end != -1 else len(text)) + 1
        if cells > reading.bounds.columns:
            raise reading.too_large(f"has {cells:,} columns in line {line}", "COLUMNS")
        if end == -1:
            return
        start = end + 1
