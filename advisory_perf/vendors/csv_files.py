"""CSV bytes to raw rows.

pyarrow tokenises: it reports a row with too many or too few cells instead of filling or cutting it, keeps quoted line
ends, and never infers a type here. Polars' own reader pads short rows with nulls, so it cannot be used for this.
"""

import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.bounds import cells_allowed
from advisory_perf.vendors.csv_text import count_of, text_of
from advisory_perf.vendors.layouts import Csv
from advisory_perf.vendors.raw import (
    HEADER_SEARCH_ROWS,
    LINE_NUMBER,
    MARK,
    MISFIT,
    Header,
    Reading,
    cell,
    cell_columns,
    find_header,
    set_aside,
    without_blank_lines,
    without_repeated_headers,
)
from advisory_perf.vendors.stating import with_stated

_BLOCK_BYTES = 1 << 22
_MOST_MISFITS = 500_000
"""Lines of too many or too few cells are each kept; a file of more is no table."""
_CELLS_A_BYTE = 2
"""A row takes a byte for each of its cells, but a blank line takes one for them all."""
_SURPLUS = ""
"""The column behind the last delimiter of a row, where the header has none; no column of a header is without a name."""
_HAS_DIGIT = r"[0-9]"
_FEWEST_COLUMNS, _MOST_SUSPECTS = 3, 1_000
"""A line of fewer words is a remark, not the header of a further table; where more lines are suspect, no line is in order."""


def read_csv(content: bytes, reading: Reading) -> pl.DataFrame:
    """Raw rows of a CSV file; ``line_number`` is the physical line on which the row begins."""
    layout = reading.feed.files.csv
    text = text_of(content, reading)
    if layout.final_newline == "required" and not _ends(text):
        raise reading.refused("E_TORN", "ends without a line end, which its feed requires, so it was cut short; send it again")
    header, header_lines = _header(text, reading)
    if layout.trailing_delimiter:
        header = replace(header, names=[*header.names, _SURPLUS])
    line_ends = count_of(b"\n", text)
    lines = line_ends or count_of(b"\r", text)
    if lines * len(header.names) > cells_allowed(len(text), _CELLS_A_BYTE):
        raise reading.refused("E_TOO_LARGE", f"has {lines:,} lines, nearly all of them blank; send it without those")
    try:
        cells, misfits = _tokenised(text, header.names, layout, skip=header_lines)
        raw = _in_order(cells, misfits, header_lines, lines=line_ends + (not text.endswith(b"\n")))
        raw = _closed(raw, text, header, reading)
    except pa.ArrowInvalid as error:
        raise _unreadable(reading, error) from error
    if layout.trailing_delimiter:
        raw = _without_surplus(raw, layout)
    if layout.block is not None:
        raw = _up_to_a_blank_line(raw)
    raw = without_blank_lines(raw)
    if layout.record_prefix is not None:
        raw = _of_one_kind(raw, layout.record_prefix, layout.delimiter)
    raw = without_repeated_headers(raw, header, reading.feed, separator=layout.delimiter)
    if layout.block is None:
        _refuse_a_second_table(raw, reading)
    return with_stated(raw, reading, above=header.above)


def _ends(text: bytes) -> bool:
    return text.endswith((b"\n", b"\r"))


def _dialect(layout: Csv) -> dict[str, Any]:
    """The feed's layout in the words of Python's own reader, which reads headers and single lines."""
    return {
        "delimiter": layout.delimiter,
        "doublequote": layout.escape == "doubled",
        "escapechar": "\\" if layout.escape == "backslash" else None,
        **({"quoting": csv.QUOTE_NONE} if layout.quote == "none" else {"quotechar": layout.quote}),
    }


def _header(text: bytes, reading: Reading) -> tuple[Header, int]:
    """The header, and how many physical lines of the file it ends after."""
    layout = reading.feed.files.csv
    begin = _block_begin(text, layout.block, reading)
    last_lines: list[int] = []
    lines = io.TextIOWrapper(io.BytesIO(text), encoding="utf-8", newline="")
    lines.seek(begin)
    reader = csv.reader(lines, **_dialect(layout))

    def rows() -> Iterator[list[str]]:
        for row in itertools.islice(reader, HEADER_SEARCH_ROWS):
            last_lines.append(reader.line_num)
            yield row

    try:
        header = find_header(rows(), reading)
    except csv.Error as error:
        raise _unreadable(reading, error) from error
    return header, text.count(b"\n", 0, begin) + last_lines[header.index]


def _block_begin(text: bytes, title: str | None, reading: Reading) -> int:
    """Where the line after the block's title begins; the file's beginning without one."""
    if not title:
        return 0
    wanted = title.encode()
    begin = 0 if text.startswith(wanted) else text.find(b"\n" + wanted) + 1
    if begin == 0 and not text.startswith(wanted):
        raise reading.refused("E_HEADER_MISSING", f"no line starts with {title!r}, which csv: block in the feed names; mend one of them")
    end = text.find(b"\n", begin)
    return len(text) if end == -1 else end + 1


def _tokenised(text: bytes, names: list[str], layout: Csv, *, skip: int) -> tuple[pl.DataFrame, dict[int, str]]:
    """The rows that fit, and the text of the others by their place after the ``skip`` first lines, from 1."""
    misfits: dict[int, str] = {}

    def keep_aside(row: arrow_csv.InvalidRow) -> Literal["skip", "error"]:
        if row.number is None:
            raise TypeError("Arrow numbers the rows that it reads in one thread")
        if len(misfits) >= _MOST_MISFITS:
            return "error"
        misfits[row.number - skip] = row.text
        return "skip"

    columns = [cell(name) for name in names]
    if not _ends(text) and text.count(b"\n") < HEADER_SEARCH_ROWS:
        text += b"\n"  # Arrow refuses to skip a header that no line end follows
    opened = arrow_csv.open_csv(
        pa.BufferReader(text),  # the stubs forget Arrow's own buffers
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, skip_rows=skip, column_names=columns),
        parse_options=arrow_csv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char=False if layout.quote == "none" else layout.quote,
            double_quote=layout.escape == "doubled",
            escape_char="\\" if layout.escape == "backslash" else False,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=keep_aside,
        ),
        convert_options=arrow_csv.ConvertOptions(
            check_utf8=False, column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
        ),
    )
    empty = pl.DataFrame(schema=dict.fromkeys(columns, pl.String()))
    # A batch at a time, so that the text is never held as Arrow's cells and as Polars' at once. Closed also where a row ends the
    # reading: Arrow reads ahead, and a reader that is only dropped may abort the process at its end.
    with opened as batches:
        cells = pl.concat([empty, *map(_frame, batches)], rechunk=False)
    pa.default_memory_pool().release_unused()
    return cells, misfits


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow batch becomes a frame")
    return frame


def _in_order(cells: pl.DataFrame, misfits: dict[int, str], header_lines: int, *, lines: int) -> pl.DataFrame:
    """Cells and misfits in the file's order, with physical line numbers, of which the file has ``lines``.

    ``misfits`` is keyed by the row's place after the header, from 1. A quoted line end makes a row longer than a line,
    so the lines that earlier rows took more are added.
    """
    marks = {"row": list(misfits), MISFIT: list(misfits.values()), MARK: ["E_FIELDS"] * len(misfits)}
    aside = pl.DataFrame(marks, schema={"row": pl.Int64(), MISFIT: pl.String(), MARK: pl.String()})
    height = cells.height + len(misfits)
    places = pl.int_range(1, height + 1, dtype=pl.Int64(), eager=True)
    fitting = places.filter(~places.is_in(aside["row"].implode())) if misfits else places
    frame = cells.select(fitting.alias("row"), *(pl.lit(None, pl.String()).alias(name) for name in (MISFIT, MARK)), pl.all())
    if misfits:
        frame = pl.concat([frame, aside], how="diagonal").sort("row")
    if lines == header_lines + height:
        return frame.select((pl.col("row") + header_lines).alias(LINE_NUMBER), pl.exclude("row"))
    further_lines = pl.sum_horizontal(pl.col(name).str.count_matches("\n", literal=True) for name in [MISFIT, *cells.columns])
    lines_before = further_lines.cast(pl.Int64()).cum_sum().shift(1, fill_value=0)
    return frame.select((pl.col("row") + header_lines + lines_before).alias(LINE_NUMBER), pl.exclude("row"))


def _closed(raw: pl.DataFrame, text: bytes, header: Header, reading: Reading) -> pl.DataFrame:
    """The raw rows with the last one judged by how the file ends.

    An open quote takes all later rows into its cell, which makes them one misfit. Where no line end closes the file, it is torn
    if that last row lacks cells, else the row is only marked: its last cell may be half a number.
    """
    layout = reading.feed.files.csv
    rest = _open_ended(text, raw, header.names, layout)
    if rest is not None:
        last = raw.tail(1).with_columns(
            pl.lit(rest).alias(MISFIT), pl.lit("E_FIELDS").alias(MARK), *(pl.lit(None, pl.String()).alias(n) for n in cell_columns(raw))
        )
        raw = pl.concat([raw.head(-1), last])
    if _ends(text) or raw.is_empty():
        return raw
    misfit = raw[MISFIT][-1]
    if misfit is None:
        is_last = pl.int_range(pl.len()) == pl.len() - 1
        return raw.with_columns(pl.when(is_last).then(pl.lit("E_TORN")).otherwise(MARK).alias(MARK))
    footers = tuple(start for rule in reading.feed.footer for start in rule.starts_with)
    has_less = rest is not None or len(_cells(misfit, layout)) < len(header.names)
    if misfit.strip() and has_less and not misfit.strip(" \"'").startswith(footers):
        line = raw[LINE_NUMBER][-1]
        raise reading.refused("E_TORN", f"ends within line {line}, which lacks cells and a line end, so it was cut short; send it again")
    return raw


def _open_ended(text: bytes, raw: pl.DataFrame, names: list[str], layout: Csv) -> str | None:
    """The text of the last row where a quote opens in it that nothing closes; such a cell takes all later rows into it.

    Only a last row of several lines, or one that no line end closes, can be one. It is read again with a line after it,
    which an open quote takes in too.
    """
    several_lines = pl.any_horizontal(pl.col(name).str.contains("[\r\n]") for name in cell_columns(raw)).fill_null(value=False)
    last = raw.tail(1).filter(several_lines if _ends(text) else pl.lit(value=True))
    if last.is_empty() or last[MISFIT].item() is not None:
        return None
    rest = _from_line(text, last[LINE_NUMBER].item())
    _, further = _tokenised(rest + b"\nend\n", names, layout, skip=0)
    return None if further else rest.decode("utf-8").rstrip("\r\n")


def _from_line(text: bytes, line: int) -> bytes:
    """The text from a physical line on, which is near the end."""
    if b"\n" not in text:
        return b"".join(text.splitlines(keepends=True)[line - 1 :])
    start = len(text)
    for _ in range(text.count(b"\n") - line + 2):
        start = text.rfind(b"\n", 0, start)
    return text[start + 1 :]


def _cells(line: str, layout: Csv) -> list[str]:
    """The cells of one line that does not fit; none where it cannot be told."""
    try:
        return next(csv.reader(io.StringIO(line, newline=""), **_dialect(layout)), [])
    except csv.Error:
        return []


def _without_surplus(raw: pl.DataFrame, layout: Csv) -> pl.DataFrame:
    """The raw rows without the cell behind their last delimiter; where it holds something, the row has a cell too many.

    Rows without that delimiter, such as a line of totals, are misfits so far and get their cells.
    """
    names = cell_columns(raw)[:-1]
    raw = set_aside(raw, pl.col(cell(_SURPLUS)).str.strip_chars() != "", separator=layout.delimiter, mark="E_FIELDS").drop(cell(_SURPLUS))
    texts = raw.drop_nulls(MISFIT).select(LINE_NUMBER, MISFIT).rows()
    whole = [[line, *cells] for line, text in texts if len(cells := _cells(text, layout)) == len(names)]
    if not whole:
        return raw
    rows = pl.DataFrame(whole, schema={LINE_NUMBER: pl.Int64(), **dict.fromkeys(names, pl.String())}, orient="row")
    return pl.concat([raw.filter(~pl.col(LINE_NUMBER).is_in(rows[LINE_NUMBER].implode())), rows], how="diagonal").sort(LINE_NUMBER)


def _up_to_a_blank_line(raw: pl.DataFrame) -> pl.DataFrame:
    blank = pl.all_horizontal(pl.col(name).fill_null("").str.strip_chars() == "" for name in [MISFIT, *cell_columns(raw)])
    return raw.filter(~blank.cum_max())


def _of_one_kind(raw: pl.DataFrame, prefix: str, delimiter: str) -> pl.DataFrame:
    """The raw rows without the column that says the kind of each line; lines of another kind are footers."""
    kind = cell_columns(raw)[0]
    raw = set_aside(raw, pl.col(MISFIT).is_null() & (pl.col(kind).str.strip_chars() != prefix), separator=delimiter)
    is_row = pl.col(MISFIT).str.starts_with(prefix + delimiter)
    return raw.with_columns(pl.when(is_row | pl.col(MISFIT).is_null()).then(MARK).alias(MARK)).drop(kind)


def _refuse_a_second_table(raw: pl.DataFrame, reading: Reading) -> None:
    """E_MULTI_TABLE where a line of words only is followed by a line of as many cells with figures in them."""
    layout = reading.feed.files.csv
    day = cell(reading.feed.columns["as_of_date"].from_)
    if day not in raw.columns:
        return
    told = pl.coalesce(MISFIT, day)
    numbered = raw.with_row_index("place")
    suspects = numbered.filter((told != "") & ~told.str.contains(_HAS_DIGIT) & pl.col(MARK).is_not_null().or_(pl.col(MISFIT).is_null()))
    for place, line in suspects.select("place", LINE_NUMBER).head(_MOST_SUSPECTS).iter_rows():
        words, following = (_row_cells(raw, at, layout) for at in (place, place + 1))
        named = [word for word in words if word]
        is_header = len(named) >= _FEWEST_COLUMNS and len(set(named)) == len(named) and not any(map(_has_digit, named))
        if is_header and len(following) == len(words) and any(map(_has_digit, following)):
            raise reading.refused(
                "E_MULTI_TABLE",
                f"a second table begins in line {line} ({', '.join(named[:4])}, …); say in the feed with csv: block which one is meant",
            )


def _row_cells(raw: pl.DataFrame, place: int, layout: Csv) -> list[str]:
    if place >= raw.height:
        return []
    row = raw.row(place, named=True)
    values = _cells(row[MISFIT], layout) if row[MISFIT] is not None else [row[name] for name in cell_columns(raw)]
    return [(value or "").strip() for value in values]


def _has_digit(text: str) -> bool:
    return any(character.isdecimal() for character in text)


def _unreadable(reading: Reading, error: Exception) -> DeliveryRejectedError:
    return reading.refused("E_FORMAT", f"cannot be read as CSV ({error}); send it again as the feed says")
