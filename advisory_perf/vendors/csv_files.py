"""CSV bytes to raw rows.

pyarrow tokenises: it reports a row with too many or too few cells instead of filling or cutting it, keeps quoted line
ends, and never infers a type here. Polars' own reader pads short rows with nulls, so it cannot be used for this.
"""

import codecs
import csv
import io
import itertools
from collections.abc import Iterator
from typing import Literal

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.feed import Feed
from advisory_perf.vendors.raw import HEADER_SEARCH_ROWS, LINE_NUMBER, MISFIT, cell, cell_columns, find_header, without_blank_lines

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_BLOCK_BYTES = 1 << 26


def read_csv(content: bytes, feed: Feed, file_name: str) -> pl.DataFrame:
    """Raw rows of a CSV file; ``line_number`` is the physical line on which the row begins."""
    text = _utf8(content, feed, file_name)
    header_lines, names = _header(text, feed, file_name)
    try:
        cells, misfits = _tokenised(text, names, feed, skip=header_lines)
        raw = _in_order(cells, misfits, header_lines)
        open_ended = _open_ended(text, raw, names, feed)
    except pa.ArrowInvalid as error:
        raise _unreadable(feed, file_name, error) from error
    if open_ended is not None:
        nulls = [pl.lit(None, pl.String()).alias(name) for name in cell_columns(raw)]
        last = raw.tail(1).with_columns(pl.lit(open_ended).alias(MISFIT), *nulls)
        raw = pl.concat([raw.head(-1), last])
    return without_blank_lines(raw)


def _tokenised(text: bytes, names: list[str], feed: Feed, *, skip: int) -> tuple[pl.DataFrame, dict[int, str]]:
    """The rows that fit, and the text of the others by their place after the ``skip`` first lines, from 1."""
    misfits: dict[int, str] = {}

    def keep_aside(row: arrow_csv.InvalidRow) -> Literal["skip"]:
        if row.number is None:
            raise TypeError("Arrow numbers the rows that it reads in one thread")
        misfits[row.number - skip] = row.text
        return "skip"

    columns = [cell(name) for name in names]
    if not text.endswith((b"\n", b"\r")) and text.count(b"\n") < HEADER_SEARCH_ROWS:
        text += b"\n"  # Arrow refuses to skip a header that no line end follows
    table = arrow_csv.read_csv(
        pa.BufferReader(text),  # the stubs forget Arrow's own buffers
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, skip_rows=skip, column_names=columns),
        parse_options=arrow_csv.ParseOptions(
            delimiter=feed.files.csv.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=keep_aside,
        ),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False),
    )
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow table becomes a frame")
    return frame.cast(pl.String()), misfits


def _open_ended(text: bytes, raw: pl.DataFrame, names: list[str], feed: Feed) -> str | None:
    """The text of the last row where a quote opens in it that nothing closes; such a cell takes all later rows into it.

    Only a last row of several lines can be one. It is read again with a line after it, which an open quote takes in too.
    """
    several_lines = pl.any_horizontal(pl.col(name).str.contains("[\r\n]") for name in cell_columns(raw))
    last = raw.tail(1).filter(several_lines.fill_null(value=False))
    if last.is_empty():
        return None
    rest = b"".join(text.splitlines(keepends=True)[last[LINE_NUMBER].item() - 1 :])
    _, further = _tokenised(rest + b"\nend\n", names, feed, skip=0)
    return None if further else rest.decode("utf-8").rstrip("\r\n")


def _utf8(content: bytes, feed: Feed, file_name: str) -> bytes:
    """The text as UTF-8 without a byte order mark."""
    encoding = next((name for mark, name in _BOMS if content.startswith(mark)), feed.files.csv.encoding)
    try:
        text = content.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        where = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise DeliveryRejectedError(
            "E_ENCODING",
            f"{feed.vendor}, {file_name}: is not {encoding} text{where}; send it in that encoding or say files: csv: encoding in the feed",
        ) from error
    if "\0" in text:
        raise DeliveryRejectedError(
            "E_ENCODING", f"{feed.vendor}, {file_name}: holds NUL characters, so it is not {encoding} text; send it as {encoding}"
        )
    plain = encoding.lower().replace("_", "-") in {"utf-8", "utf8", "ascii"}
    return content if plain else text.encode("utf-8")


def _header(text: bytes, feed: Feed, file_name: str) -> tuple[int, list[str]]:
    """How many physical lines the header ends after, and its column names."""
    lines = io.TextIOWrapper(io.BytesIO(text), encoding="utf-8", newline="")
    reader = csv.reader(lines, delimiter=feed.files.csv.delimiter)
    last_lines: list[int] = []

    def rows() -> Iterator[list[str]]:
        for row in itertools.islice(reader, HEADER_SEARCH_ROWS):
            last_lines.append(reader.line_num)
            yield row

    try:
        index, names = find_header(rows(), feed, file_name)
    except csv.Error as error:
        raise _unreadable(feed, file_name, error) from error
    return last_lines[index], names


def _unreadable(feed: Feed, file_name: str, error: Exception) -> DeliveryRejectedError:
    return DeliveryRejectedError("E_FORMAT", f"{feed.vendor}, {file_name}: cannot be read as CSV ({error}); send it again as the feed says")


def _in_order(cells: pl.DataFrame, misfits: dict[int, str], header_lines: int) -> pl.DataFrame:
    """Cells and misfits in the file's order, with physical line numbers.

    ``misfits`` is keyed by the row's place after the header, from 1. A quoted line end makes a row longer than a line,
    so the lines that earlier rows took more are added.
    """
    aside = pl.DataFrame({"row": list(misfits), MISFIT: list(misfits.values())}, schema={"row": pl.Int64(), MISFIT: pl.String()})
    places = pl.int_range(1, cells.height + len(misfits) + 1, dtype=pl.Int64(), eager=True)
    fitting = places.filter(~places.is_in(aside["row"].implode())) if misfits else places
    frame = cells.select(fitting.alias("row"), pl.lit(None, pl.String()).alias(MISFIT), pl.all())
    if misfits:
        frame = pl.concat([frame, aside], how="diagonal").sort("row")
    further_lines = pl.sum_horizontal(pl.col(name).str.count_matches("\n", literal=True) for name in [MISFIT, *cells.columns])
    lines_before = further_lines.cast(pl.Int64()).cum_sum().shift(1, fill_value=0)
    return frame.select((pl.col("row") + header_lines + lines_before).alias(LINE_NUMBER), pl.exclude("row"))
