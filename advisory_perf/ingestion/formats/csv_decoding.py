"""Bytes of a CSV file to UTF-8 text without a byte order mark, and the bounds that hold before it is tokenised."""

import codecs
import io
import re
import struct

import polars as pl
import pyarrow as pa

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.file_layout import Csv
from advisory_perf.ingestion.raw_frame import DEEPEST_HEADER, Reading
from advisory_perf.showing import quoted

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""The longer marks first: that of UTF-16 is how that of UTF-32 begins."""
_MARK = codecs.BOM_UTF8
_MARKED_LINE = re.compile(rb"(?<=[\r\n])(?:\xef\xbb\xbf)+")
_END_OF_FILE = re.compile(rb"\x1a[\x1a\r\n\t ]*\Z")
"""How DOS and the systems after it end a text."""
_CONTROLS = re.compile("[\x80-\x84\x86-\x9f]")
"""Characters that no text holds; of bytes in a Windows encoding, ISO 8859 makes them."""
_OF_SEVERAL_BYTES = {
    codecs.lookup(name).name for name in ("gbk", "gb2312", "gb18030", "big5", "shift_jis", "cp932", "euc_jp", "euc_kr", "cp949")
}
_LEAST_BY_CHANCE = 3
"""Text in an encoding of several bytes may be UTF-8 by chance for a character or two."""
_PIECE = 1 << 22


class Blocks(io.RawIOBase):
    """A text for Arrow's reader, in blocks that no CR LF lies across: of such a one within quotes Arrow drops the LF."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self._text, self._at = memoryview(text), 0

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> memoryview:
        """The next block, without a copy."""
        begin, end = self._at, len(self._text) if size < 0 else min(self._at + size, len(self._text))
        if begin + 1 < end < len(self._text) and bytes(self._text[end - 1 : end + 1]) == b"\r\n":
            end -= 1
        self._at = end
        return self._text[begin:end]


def text_of(content: bytes, reading: Reading) -> bytes:
    """The text as UTF-8, by its byte order mark or else the feed's encoding.

    DeliveryRejectedError: E_ENCODING with the line, for bytes that are no such text or hold NULs.
    """
    mark, encoding = next(
        ((mark, name) for mark, name in _BOMS if content.startswith(mark)), (b"", codecs.lookup(reading.feed.files.csv.encoding).name)
    )
    content = content[len(mark) :] if mark else content
    if encoding in {"utf-8", "ascii"} and _is_utf8(content) and (encoding == "utf-8" or content.isascii()):
        text = content
    else:
        _refuse_utf8(content, encoding, reading)
        text = _transcoded(content, encoding, reading)
    while text.startswith(_MARK):  # of files that were joined, or saved twice
        text = text.removeprefix(_MARK)
    text = _END_OF_FILE.sub(b"\n", text) if b"\x1a" in text[-_PIECE:] else text
    if _MARK in text:
        text = _MARKED_LINE.sub(b"", text)
    if b"\0" in text:
        raise reading.refused("E_ENCODING", f"holds NUL characters, so it is not {encoding} text; send it as {encoding}")
    return text


def count_of(byte: bytes, text: bytes) -> int:
    """How often the byte stands in the text, several times as fast as ``bytes.count`` where it is in every line."""
    values = pl.Series(pa.Array.from_buffers(pa.uint8(), len(text), [None, pa.py_buffer(text)]))
    return int((values == byte[0]).sum())


def has_lone_returns(text: bytes) -> bool:
    """Whether a CR stands somewhere that no LF follows, so that line ends of two kinds may be in the text."""
    returns = count_of(b"\r", text)
    return returns > 0 and returns != text.count(b"\r\n")


def _is_utf8(content: bytes) -> bool:
    """Without making a string of it, which would take up to four times the memory."""
    offsets = pa.py_buffer(struct.pack("<qq", 0, len(content)))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(content)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _refuse_utf8(content: bytes, encoding: str, reading: Reading) -> None:
    """E_ENCODING where the bytes are valid UTF-8 with characters of several bytes, which text in another encoding is not."""
    if encoding.startswith("utf") or content.isascii() or not _is_utf8(content):
        return
    text = content.decode()
    characters = re.findall(r"[^\x00-\x7f]", text)
    if encoding in _OF_SEVERAL_BYTES and len(set(characters)) < _LEAST_BY_CHANCE:
        return
    line = text.count("\n", 0, text.index(characters[0])) + 1
    raise reading.refused(
        "E_ENCODING",
        f"is UTF-8 and not {encoding}, as {quoted(characters[0])} in line {line} shows;"
        f" set `csv: encoding: utf-8` in the feed, or send it in {encoding}",
    )


def _transcoded(content: bytes, encoding: str, reading: Reading) -> bytes:
    decoder = codecs.getincrementaldecoder(encoding)()
    text, lines = io.BytesIO(), 1
    for start in range(0, len(content) or 1, _PIECE):
        piece = content[start : start + _PIECE]
        try:
            decoded = decoder.decode(piece, start + _PIECE >= len(content))
        except UnicodeDecodeError as error:
            raise _undecodable(error, encoding, lines, reading) from error
        control = _CONTROLS.search(decoded) if encoding != "utf-8" else None
        if control is not None:
            line = lines + decoded.count("\n", 0, control.start())
            raise reading.refused(
                "E_ENCODING",
                f"holds a control character in line {line}, so it is not {encoding} text but perhaps cp1252;"
                " set `csv: encoding` in the feed to what the vendor writes",
            )
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


def fewest_misfits(text: bytes, lines: int, width: int, layout: Csv) -> int:
    """How many of the lines cannot be rows of ``width`` cells, since the text has no delimiters for more; 0 where lines may not be rows."""
    quote = b"" if layout.quote == "none" else layout.quote.encode()
    if width == 1 or layout.escape == "backslash" or (quote and quote in text):
        return 0
    return max(0, lines - count_of(layout.delimiter.encode(), text) // (width - 1))


def refuse_too_large(text: bytes, reading: Reading) -> None:
    """E_TOO_LARGE where a text of plain line ends and a delimiter of one byte has more lines or columns than are ever allowed.

    Titles, notes and a header may stand above the rows, which are counted once they are known.
    """
    rows = max(count_of(b"\n", text), count_of(b"\r", text))
    if rows > reading.bounds.rows + DEEPEST_HEADER:
        raise reading.too_large(f"has {rows:,} lines", "ROWS")
    delimiter, start = reading.feed.files.csv.delimiter.encode(), 0
    for line in range(1, DEEPEST_HEADER + 1):
        end = text.find(b"\n", start)
        cells = text.count(delimiter, start, end if end != -1 else len(text)) + 1
        if cells > reading.bounds.columns:
            raise reading.too_large(f"has {cells:,} columns in line {line}", "COLUMNS")
        if end == -1:
            return
        start = end + 1
