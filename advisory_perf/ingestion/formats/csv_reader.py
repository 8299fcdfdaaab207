"""CSV bytes to raw rows.

pyarrow tokenises: it reports a row with too many or too few cells instead of filling or cutting it, keeps quoted line
ends, and never infers a type here. Polars' own reader pads short rows with nulls, so it cannot be used for this. Records
whose quotes are broken, which pyarrow would read all the same, are found and set aside before (``csv_strict``); rows that
are in order by themselves, and in doubt by what stands around them, after (``csv_doubts``).
"""

import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from advisory_perf.feeds.file_layout import Csv
from advisory_perf.ingestion.file_constants import with_stated
from advisory_perf.ingestion.formats.csv_decoding import Blocks, count_of, fewest_misfits, has_lone_returns, refuse_too_large, text_of
from advisory_perf.ingestion.formats.csv_dialects import Dialect, dialect_of
from advisory_perf.ingestion.formats.csv_doubts import in_doubt, says_its_end
from advisory_perf.ingestion.formats.csv_strict import (
    BROKEN,
    Broken,
    broken_records,
    end_of_lines,
    refuse_a_broken_header,
    replaced,
    without,
)
from advisory_perf.ingestion.formats.csv_tables import (
    MOST_SUSPECTS,
    csv_dialect,
    line_cells,
    of_one_kind,
    refuse_a_second_table,
    up_to_a_blank_line,
)
from advisory_perf.ingestion.headers import named_header, notice_units_above, other_width, refuse_a_header, refuse_rows_above
from advisory_perf.ingestion.limits import cells_allowed
from advisory_perf.ingestion.raw_frame import (
    DEEPEST_HEADER,
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
from advisory_perf.ingestion.sections import with_titles

_BLOCK_BYTES = 1 << 22
_LARGEST_BLOCK = (1 << 31) - 1
_MOST_MISFITS = 500_000
"""Lines of too many or too few cells are each kept; a file of more is no table."""
_CELLS_A_BYTE = 2
"""A row takes a byte for each of its cells, but a blank line takes one for them all."""
_SURPLUS = ""
"""The column behind the last delimiter of a row, where the header has none; no column of a header is without a name."""
_INDEX = " "
"""The column before the first one of the header, likewise."""
_UNREADABLE = "holds lines that do not divide into rows, or too many that are no rows; send it again as the feed says"


def read_csv(content: bytes, reading: Reading, *, block_bytes: int = _BLOCK_BYTES) -> pl.DataFrame:
    """Raw rows of a CSV file; ``line_number`` is the physical line on which the row begins.

    How many bytes are tokenised at a time changes nothing in them.
    """
    dialect = dialect_of(text_of(content, reading), reading)
    refuse_too_large(dialect.text, dialect.reading)
    raw, header = _read(dialect.text, dialect.reading, block_bytes=block_bytes)
    if raw.height > reading.bounds.rows:
        raise reading.too_large(f"has {raw.height:,} rows", "ROWS")
    raw = in_doubt(_titled(raw, header, dialect), dialect.text, dialect.reading.feed)
    above = [[*map(dialect.restored, row)] for row in header.above]
    notice_units_above(above, reading)
    return with_stated(dialect.restored_rows(raw), reading, above=above)


def _titled(raw: pl.DataFrame, header: Header, dialect: Dialect) -> pl.DataFrame:
    layout = dialect.reading.feed.files.csv
    return with_titles(
        raw, dialect.reading, above=header.above, split=lambda text: line_cells(text, layout) or [text], separator=layout.delimiter
    )


def _read(text: bytes, reading: Reading, *, block_bytes: int) -> tuple[pl.DataFrame, Header]:
    """The raw rows of a text in the dialect that the feed of ``reading`` describes, and its header."""
    layout = reading.feed.files.csv
    if layout.final_newline == "required" and not _ends(text):
        raise reading.refused("E_TORN", "ends without a line end, which its feed requires, so it was cut short; send it again")
    header, header_lines = _header(text, reading)
    begin = end_of_lines(text, header_lines)
    broken = broken_records(text, layout, start=begin, width=len(header.names) + layout.index_column)
    header = replace(header, names=[*[_INDEX] * layout.index_column, *header.names, *[_SURPLUS] * layout.trailing_delimiter])
    line_ends = count_of(b"\n", text)
    lines = line_ends or count_of(b"\r", text)
    if lines * len(header.names) > cells_allowed(len(text), _CELLS_A_BYTE):
        raise reading.refused("E_TOO_LARGE", f"has {lines:,} lines, nearly all of them blank; send it without those")
    if fewest_misfits(text, lines - header_lines, len(header.names), layout) > _MOST_MISFITS:
        raise reading.refused("E_FORMAT", _UNREADABLE)
    orderly = without(text, broken) if broken else text
    try:
        cells, misfits = _tokenised(orderly, header.names, layout, skip=header_lines, block_bytes=block_bytes)
    except pa.ArrowInvalid as error:
        raise reading.refused("E_FORMAT", _UNREADABLE) from error
    is_plain = line_ends + (not text.endswith(b"\n")) == header_lines + cells.height + len(misfits) and not has_lone_returns(text)
    raw = _in_order(cells, misfits, broken, text, header_lines, is_plain=is_plain)
    return _of_the_table(_closed(raw, text, header, reading), header, reading)


def _of_the_table(raw: pl.DataFrame, header: Header, reading: Reading) -> tuple[pl.DataFrame, Header]:
    """The raw rows without the cells and lines that only frame the table, and its header likewise."""
    layout = reading.feed.files.csv
    if layout.trailing_delimiter:
        raw = _without_surplus(raw, layout)
    if layout.index_column:
        raw = _without_index(raw, reading)
        header = replace(header, names=header.names[1:])
    if layout.block is not None:
        raw = up_to_a_blank_line(raw)
    raw = without_blank_lines(raw)
    if layout.record_prefix is not None:
        raw = of_one_kind(raw, layout.record_prefix, layout.delimiter)
    if reading.feed.files.header is not None:
        _refuse_another_layout(raw, reading)
    raw = without_repeated_headers(raw, header, reading.feed, separator=layout.delimiter)
    if layout.block is None:
        refuse_a_second_table(raw, reading)
    return raw, header


def _ends(text: bytes) -> bool:
    return text.endswith((b"\n", b"\r"))


def _header(text: bytes, reading: Reading) -> tuple[Header, int]:
    """The header, and how many physical lines of the file it ends after."""
    layout = reading.feed.files.csv
    begin = _block_begin(text, layout.block, reading)
    if reading.feed.files.header is not None:
        return named_header(reading), text.count(b"\n", 0, begin)
    last_lines: list[int] = []
    lines = io.TextIOWrapper(io.BytesIO(text), encoding="utf-8", newline="")
    lines.seek(begin)
    reader = csv.reader(lines, **csv_dialect(layout))

    def rows() -> Iterator[list[str]]:
        for row in itertools.islice(reader, DEEPEST_HEADER):
            last_lines.append(reader.line_num)
            yield row

    before = text.count(b"\n", 0, begin)
    try:
        header = find_header(rows(), reading)
    except csv.Error as error:  # the only thing that Python's reader refuses while it is lenient
        line = before + (last_lines[-1] if last_lines else 0) + 1
        raise reading.refused(
            "E_TOO_LARGE",
            f"a cell above the header, in or after line {line}, holds more than {csv.field_size_limit():,} characters;"
            " see whether a quote is left open there, or send the file without that cell",
        ) from error
    refuse_rows_above(header, reading)
    ends = before + last_lines[header.index]
    above = before + (last_lines[header.index - len(header.rows)] if header.index >= len(header.rows) else 0)
    refuse_a_broken_header(text, header, reading, start=end_of_lines(text, above), end=end_of_lines(text, ends))
    return header, ends


def _block_begin(text: bytes, title: str | None, reading: Reading) -> int:
    """Where the line after the block's title begins; the file's beginning without one."""
    if not title:
        return 0
    wanted = title.encode()
    begin = 0 if text.startswith(wanted) else text.find(b"\n" + wanted) + 1
    if begin == 0 and not text.startswith(wanted):
        raise reading.refused("E_HEADER_MISSING", f"no line starts with {title!r}, which csv: block in the feed names; fix one of them")
    end = text.find(b"\n", begin)
    return len(text) if end == -1 else end + 1


def _tokenised(text: bytes, names: list[str], layout: Csv, *, skip: int, block_bytes: int) -> tuple[pl.DataFrame, dict[int, str]]:
    """The rows that fit, and the text of the others by their place after the ``skip`` first lines, from 1.

    A row that is longer than a block is no less a row, and takes a block as large as the text.
    """
    misfits: dict[int, str] = {}
    try:
        return _tokenised_in_blocks(text, names, layout, misfits, skip=skip, block_bytes=block_bytes), misfits
    except pa.ArrowInvalid:
        if block_bytes > len(text) or len(misfits) >= _MOST_MISFITS:
            raise
    misfits.clear()
    whole = min(len(text) + 2, _LARGEST_BLOCK)
    return _tokenised_in_blocks(text, names, layout, misfits, skip=skip, block_bytes=whole), misfits


def _tokenised_in_blocks(
    text: bytes, names: list[str], layout: Csv, misfits: dict[int, str], *, skip: int, block_bytes: int
) -> pl.DataFrame:
    """The rows that fit; the others go to ``misfits``."""

    def keep_aside(row: arrow_csv.InvalidRow) -> Literal["skip", "error"]:
        if row.number is None:
            raise TypeError("Arrow numbers the rows that it reads in one thread")
        if len(misfits) >= _MOST_MISFITS:
            return "error"
        misfits[row.number - skip] = row.text
        return "skip"

    columns = [cell(name) for name in names]
    if not _ends(text) and text.count(b"\n") < DEEPEST_HEADER:
        text += b"\n"  # Arrow refuses to skip a header that no line end follows
    opened = arrow_csv.open_csv(
        pa.PythonFile(Blocks(text), mode="r"),
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=block_bytes, skip_rows=skip, column_names=columns),
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
    return cells


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow batch becomes a frame")
    return frame


def _in_order(
    cells: pl.DataFrame, misfits: dict[int, str], broken: list[Broken], text: bytes, header_lines: int, *, is_plain: bool
) -> pl.DataFrame:
    """Cells and misfits in the file's order, with physical line numbers; ``is_plain`` where every row is one line.

    ``misfits`` is keyed by the row's place after the header, from 1, and ``broken`` stands for some of them. A quoted line end makes a
    row longer than a line, so the lines that earlier rows took more are added.
    """
    stood = [(line, replaced(line, broken)) for line in misfits.values()]
    marks = {
        "row": list(misfits),
        MISFIT: [line if one is None else one.of(text) for line, one in stood],
        MARK: ["E_FIELDS" if one is None or one.is_open else BROKEN for _, one in stood],
    }
    aside = pl.DataFrame(marks, schema={"row": pl.Int64(), MISFIT: pl.String(), MARK: pl.String()})
    height = cells.height + len(misfits)
    places = pl.int_range(1, height + 1, dtype=pl.Int64(), eager=True)
    fitting = places.filter(~places.is_in(aside["row"].implode())) if misfits else places
    frame = cells.select(fitting.alias("row"), *(pl.lit(None, pl.String()).alias(name) for name in (MISFIT, MARK)), pl.all())
    if misfits:
        frame = pl.concat([frame, aside], how="diagonal").sort("row")
    if is_plain:
        return frame.select((pl.col("row") + header_lines).alias(LINE_NUMBER), pl.exclude("row"))
    further_lines = pl.sum_horizontal(pl.col(name).str.count_matches("\n", literal=True) for name in [MISFIT, *cells.columns])
    lines_before = further_lines.cast(pl.Int64()).cum_sum().shift(1, fill_value=0)
    return frame.select((pl.col("row") + header_lines + lines_before).alias(LINE_NUMBER), pl.exclude("row"))


def _closed(raw: pl.DataFrame, text: bytes, header: Header, reading: Reading) -> pl.DataFrame:
    """The raw rows with the last one validated by how the file ends.

    Where no line end closes the file, it is torn if that last row lacks cells or has a quote that nothing closes; else the row is only
    marked, unless it says itself that it is whole: its last cell may be half a number.
    """
    layout = reading.feed.files.csv
    if _ends(text) or raw.is_empty():
        return raw
    misfit = raw[MISFIT][-1]
    if misfit is None:
        if layout.final_newline == "never" or says_its_end(text, raw, reading.feed):
            return raw
        is_last = pl.int_range(pl.len()) == pl.len() - 1
        return raw.with_columns(pl.when(is_last).then(pl.lit("E_TORN")).otherwise(MARK).alias(MARK))
    footers = tuple(start for rule in reading.feed.footer for start in rule.starts_with)
    has_less = raw[MARK][-1] != BROKEN and len(line_cells(misfit, layout)) < len(header.names)
    if misfit.strip() and has_less and not misfit.strip(" \"'").startswith(footers):
        line = raw[LINE_NUMBER][-1]
        raise reading.refused("E_TORN", f"ends within line {line}, which lacks cells and a line end, so it was cut short; send it again")
    return raw


def _without_surplus(raw: pl.DataFrame, layout: Csv) -> pl.DataFrame:
    """The raw rows without the cell behind their last delimiter; where it holds something, the row has a cell too many.

    Rows without that delimiter, such as a line of totals, are misfits so far and get their cells.
    """
    names = cell_columns(raw)[:-1]
    raw = set_aside(raw, pl.col(cell(_SURPLUS)).str.strip_chars() != "", separator=layout.delimiter, mark="E_FIELDS").drop(cell(_SURPLUS))
    texts = raw.filter(pl.col(MARK) == "E_FIELDS").select(LINE_NUMBER, MISFIT).rows()
    whole = [[line, *cells] for line, text in texts if len(cells := line_cells(text, layout)) == len(names)]
    if not whole:
        return raw
    rows = pl.DataFrame(whole, schema={LINE_NUMBER: pl.Int64(), **dict.fromkeys(names, pl.String())}, orient="row")
    return pl.concat([raw.filter(~pl.col(LINE_NUMBER).is_in(rows[LINE_NUMBER].implode())), rows], how="diagonal").sort(LINE_NUMBER)


def _without_index(raw: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """The raw rows without the number that they begin with; a row without a number is a misfit.

    DeliveryRejectedError E_DRIFT where more rows have no cell before those that the header names: the vendor names every column now.
    """
    layout, number = reading.feed.files.csv, cell(_INDEX)
    width = len(cell_columns(raw)) - 1 - layout.trailing_delimiter
    texts = raw.filter(pl.col(MARK) == "E_FIELDS")[MISFIT].head(MOST_SUSPECTS)
    if sum(len(line_cells(text, layout)) == width for text in texts) > raw[MISFIT].null_count():
        raise reading.refused(
            "E_DRIFT", "has no more cells in its rows than names in its header; take csv: index_column out of the feed if that is right"
        )
    is_number = pl.col(number).str.contains(r"^\s*[0-9]+\s*$")
    return set_aside(raw, pl.col(MISFIT).is_null() & ~is_number, separator=layout.delimiter, mark="E_FIELDS").drop(number)


def _refuse_another_layout(raw: pl.DataFrame, reading: Reading) -> None:
    """E_DRIFT where a file that is said to have no header has one, or no row of as many cells as its feed has names."""
    whole = raw.filter(pl.col(MISFIT).is_null()).head(1)
    if whole.height:
        refuse_a_header(whole.select(cell_columns(raw)).row(0), whole[LINE_NUMBER].item(), reading)
    elif raw.height:
        line, text = raw.select(LINE_NUMBER, MISFIT).row(0)
        raise other_width(len(line_cells(text or "", reading.feed.files.csv)), line, reading)
