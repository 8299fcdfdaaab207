"""Parquet bytes to raw rows: typed cells become their exact text again, so that every format is validated alike.

What the footer promises is held against the bounds before a page is decoded, and only columns that matter are decoded: those that the
feed ignores may be of any type. A mapped column needs a form as text (``arrow_text``); of one that nobody maps, a cell without it is
kept as the name of its type. A column within a structure is read where the feed maps its dotted name.
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl
import pyarrow as pa
import pyarrow.compute as arrow_compute
import pyarrow.parquet as arrow_parquet

from advisory_perf.feeds.names import folded, folded_path
from advisory_perf.ingestion.file_constants import with_stated
from advisory_perf.ingestion.formats.arrow_text import days_as_text, has_text, texts_of, type_name
from advisory_perf.ingestion.limits import cells_allowed
from advisory_perf.ingestion.parsing.numbers import of_numbers
from advisory_perf.ingestion.pivot import are_among
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, MISFIT, Reading, cell, column_names, missing_columns, without_blank_lines
from advisory_perf.showing import quoted

_CELLS_A_BYTE = 32
"""Equal cells are stored once, so a file may hold many in a byte; a column of one value does not make a table."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the raw rows: its name and type, and by which places it is found: of a column of the file, and of parts within."""

    name: str
    dtype: pa.DataType
    places: tuple[int, ...]


def read_parquet(content: bytes, reading: Reading) -> pl.DataFrame:
    """Raw rows of a Parquet file; ``line_number`` is the row's ordinal, from 1."""
    if not content.endswith(b"PAR1"):
        raise reading.refused("E_TORN", "ends without Parquet's closing mark, so it was cut short; send it again")
    # Instants of 96 bits, as Spark wrote them, would wrap around in the nanoseconds that Arrow takes them for.
    file = arrow_parquet.ParquetFile(pa.BufferReader(content), coerce_int96_timestamp_unit="us")
    _refuse_too_large(file, len(content), reading)
    columns = _columns(_schema_of(file), reading)
    names = column_names([folded(column.name) for column in columns], [column.name for column in columns], reading)
    missing = [name for name in reading.feed.source_names if name not in names]
    if missing:
        raise missing_columns(reading, missing, where="the file", names=names)
    _refuse_repeated_texts(content, file, columns, reading)
    values = _values(file, columns)
    cells = [_cells(column, name, values[column.places[0]], reading) for column, name in zip(columns, names, strict=True)]
    raw = pl.DataFrame(cells)
    pivot = reading.feed.files.pivot
    if pivot is not None:
        place = names.index(pivot.values)
        lines = _of_lines(columns[place], values[columns[place].places[0]], raw[cell(pivot.names)], reading)
        raw = raw.with_columns(lines.alias(cell(pivot.values)))
    raw = raw.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64()).alias(LINE_NUMBER),
        *(pl.lit(None, pl.String()).alias(name) for name in (MISFIT, MARK)),
        pl.all(),
    )
    return with_stated(without_blank_lines(raw), reading)


def _refuse_too_large(file: arrow_parquet.ParquetFile, size: int, reading: Reading) -> None:
    rows, columns = file.metadata.num_rows, file.metadata.num_columns
    expanded = sum(file.metadata.row_group(group).total_byte_size for group in range(file.metadata.num_row_groups))
    if rows > reading.bounds.rows:
        raise reading.too_large(f"has {rows:,} rows", "ROWS")
    if columns > reading.bounds.columns:
        raise reading.too_large(f"has {columns:,} columns", "COLUMNS")
    if expanded > reading.bounds.expanded_bytes:
        raise reading.too_large(f"would unpack to {expanded:,} bytes", "EXPANDED_BYTES")
    if rows * columns > cells_allowed(size, _CELLS_A_BYTE):
        raise reading.refused("E_TOO_LARGE", f"promises {rows:,} rows in {size:,} bytes, which no table of figures packs to; send it again")
    names = file.schema_arrow.names
    column_names([folded(name) for name in names], names, reading)


def _schema_of(file: arrow_parquet.ParquetFile) -> pa.Schema:
    """The columns as they are read, but for types that their writer says and Arrow forgets: durations of a dictionary become integers."""
    schema, said = file.schema_arrow, (file.metadata.metadata or {}).get(b"ARROW:schema")
    try:
        written = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(said or b"")))
    except (pa.ArrowException, OSError, ValueError):
        return schema
    if written.names != schema.names:
        return schema
    return pa.schema([field if has_text(one.type) else one for one, field in zip(written, schema, strict=True)])


def _columns(schema: pa.Schema, reading: Reading) -> list[_Column]:
    """The columns that are read: those with a form as text, mapped parts of structures, and what nobody knows.

    E_TYPE where the feed maps one that has no form as text.
    """
    feed = reading.feed
    mapped, ignored = {folded_path(source.from_): source.from_ for source in feed.columns.values()}, set(map(folded, feed.ignored))
    columns = []
    for place, field in enumerate(schema):
        whole = _Column(field.name, field.type, (place,))
        parts = [replace(part, name=mapped[folded_path(part.name)]) for part in _parts(whole) if folded_path(part.name) in mapped]
        is_mapped, is_ignored = folded_path(field.name) in mapped, folded(field.name) in ignored
        for column in [*parts, *([whole] if is_mapped else [])]:
            if not has_text(column.dtype):
                raise _without_text(column, reading)
        columns += parts or ([] if is_ignored and not is_mapped and not has_text(field.type) else [whole])
    return columns


def _refuse_repeated_texts(content: bytes, file: arrow_parquet.ParquetFile, columns: list[_Column], reading: Reading) -> None:
    """E_TOO_LARGE where texts that the file holds once for many cells make too large a table, before each cell gets its own copy.

    Of each group of rows the longest text is asked first, for which its first row is enough; cells are counted only where all of them
    might show it.
    """
    names, groups = _read_names(file, columns), range(file.metadata.num_row_groups)
    leaves = [file.schema.column(place) for place in range(file.metadata.num_columns)]
    texts = [leaf.path for leaf in leaves if leaf.logical_type.type == "STRING" and not leaf.max_repetition_level]
    file = arrow_parquet.ParquetFile(pa.BufferReader(content), read_dictionary=texts)
    most = 0
    for group in groups:
        first = next(file.iter_batches(batch_size=1, row_groups=[group], columns=names), None)
        longest = [arrow_compute.max(_lengths(kept.dictionary)).as_py() or 0 for kept in _kept_once(first.columns if first else ())]
        most += sum(longest) * file.metadata.row_group(group).num_rows
    if most > reading.bounds.table_bytes:
        chunks = (chunk for group in groups for column in file.read_row_group(group, columns=names).columns for chunk in column.chunks)
        shown = (arrow_compute.sum(_lengths(kept.dictionary).take(kept.indices)).as_py() or 0 for kept in _kept_once(chunks))
        reading.refuse_large_table(sum(shown))


def _kept_once(arrays: Iterable[pa.Array]) -> Iterator[pa.DictionaryArray]:
    """Those of which equal texts are kept once, parts of structures too."""
    for array in arrays:
        if pa.types.is_struct(array.type):
            yield from _kept_once(array.flatten())
        elif pa.types.is_dictionary(array.type) and pa.types.is_string(array.type.value_type):
            yield array


def _lengths(texts: pa.Array) -> pa.Array:
    return arrow_compute.binary_length(texts).cast(pa.int64())


def _read_names(file: arrow_parquet.ParquetFile, columns: list[_Column]) -> list[str] | None:
    """The columns of the file that are read; None for all of them, where a name stands twice and so says no place."""
    names = file.schema_arrow.names
    return None if len(set(names)) < len(names) else [names[place] for place in sorted({column.places[0] for column in columns})]


def _values(file: arrow_parquet.ParquetFile, columns: list[_Column]) -> dict[int, pa.ChunkedArray]:
    """What the columns are found in, by its place in the file."""
    names = _read_names(file, columns)
    table = file.read(columns=names)
    return dict(enumerate(table.columns)) if names is None else {file.schema_arrow.names.index(name): table.column(name) for name in names}


def _parts(column: _Column) -> list[_Column]:
    """Every part of a structure, at any depth, by its dotted name."""
    if not pa.types.is_struct(column.dtype):
        return []
    parts = []
    for place, field in enumerate(column.dtype.fields):
        part = _Column(f"{column.name}.{field.name}", field.type, (*column.places, place))
        parts += [part, *_parts(part)]
    return parts


def _without_text(column: _Column, reading: Reading) -> Exception:
    dtype = type_name(column.dtype)
    if pa.types.is_nested(column.dtype):
        what = f"is nested ({dtype}); send it as plain columns, or map its parts"
    else:
        what = f"has the type {dtype}, which has no form as text; send it as text, numbers or dates, or take it out of columns"
    return reading.refused("E_TYPE", f"the column {quoted(column.name)} {what}")


def _part_of(values: pa.ChunkedArray, column: _Column) -> pa.ChunkedArray:
    return arrow_compute.struct_field(values, list(column.places[1:])) if len(column.places) > 1 else values


def _of_lines(column: _Column, values: pa.ChunkedArray, names: pl.Series, reading: Reading) -> pl.Series:
    """The values of lines of a name and a value, as the field that each line's name is for has them."""
    feed, known, values = reading.feed, reading.feed.contract, _part_of(values, column)
    texts = pl.DataFrame({meant: texts_of(values, meant) for meant in ("amounts", "identifiers")} | {"others": texts_of(values, None)})
    of_fields = {
        meant: are_among(names, (source.from_ for name, source in feed.columns.items() if name in fields))
        for meant, fields in (("amounts", known.money), ("identifiers", known.identifiers), ("returns", known.returns))
    }
    chosen = pl.when(of_fields["amounts"]).then("amounts").when(of_fields["identifiers"]).then("identifiers").otherwise("others")
    if _has_point(column.dtype) and feed.numbers.decimal_mark != ".":
        chosen = pl.when(of_fields["amounts"] | of_fields["returns"]).then(of_numbers(chosen, feed.numbers)).otherwise(chosen)
    return texts.select(chosen.alias("text")).to_series()


def _has_point(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_floating(dtype) or pa.types.is_decimal(dtype))


def _cells(column: _Column, name: str, values: pa.ChunkedArray, reading: Reading) -> pl.Series:
    values = _part_of(values, column)
    fields = {source.from_: field for field, source in reading.feed.columns.items()}
    field, zone, known = fields.get(name), reading.feed.files.time_zone, reading.feed.contract
    if field == known.day and zone is not None and pa.types.is_timestamp(column.dtype) and column.dtype.tz is not None:
        return days_as_text(values, zone, reading, name).alias(cell(name))
    text = texts_of(values, "amounts" if field in known.money else "identifiers" if field in known.identifiers else None).alias(cell(name))
    if _has_point(column.dtype) and name in reading.feed.number_columns and reading.feed.numbers.decimal_mark != ".":
        return text.to_frame().select(of_numbers(pl.col(text.name), reading.feed.numbers)).to_series()
    return text
