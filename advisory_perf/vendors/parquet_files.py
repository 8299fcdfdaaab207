"""Parquet bytes to raw rows: typed cells become their exact text again, so that every format is judged alike.

What the footer promises is held against the bounds before a page is decoded. A column within a structure is read where the
feed maps its dotted name; other nested columns are refused unless the feed ignores them.
"""

import io

import polars as pl
import pyarrow as pa
import pyarrow.parquet as arrow_parquet

from advisory_perf.vendors.bounds import cells_allowed
from advisory_perf.vendors.raw import LINE_NUMBER, MARK, MISFIT, Reading, cell, column_names, folded, missing_columns, without_blank_lines
from advisory_perf.vendors.stating import with_stated

_MIDNIGHT = r"^(\d{4}-\d\d-\d\d) 00:00:00(?:\.0+)?$"
"""A day that was written as an instant, as pandas does; one with a time zone or another hour is no day."""
_CELLS_A_BYTE = 32
"""Equal cells are stored once, so a file may hold many in a byte; a column of one value does not make a table."""


def read_parquet(content: bytes, reading: Reading) -> pl.DataFrame:
    """Raw rows of a Parquet file; ``line_number`` is the row's ordinal, from 1."""
    if not content.endswith(b"PAR1"):
        raise reading.refused("E_TORN", "ends without Parquet's closing mark, so it was cut short; send it again")
    try:
        _refuse_too_large(content, reading)
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, OSError, MemoryError) as error:
        raise reading.refused("E_FORMAT", f"cannot be read as Parquet ({' '.join(str(error).split())[:160]}); send it again") from error
    frame = _plain_columns(frame, reading)
    names = column_names([folded(name) for name in frame.columns], frame.columns, reading)
    missing = [name for name in reading.feed.source_names if name not in names]
    if missing:
        raise missing_columns(reading, missing, where="the file", names=names)
    raw = frame.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64()).alias(LINE_NUMBER),
        *(pl.lit(None, pl.String()).alias(name) for name in (MISFIT, MARK)),
        *(_text(old, new, frame.schema[old], reading) for old, new in zip(frame.columns, names, strict=True)),
    )
    return with_stated(without_blank_lines(raw), reading)


def _refuse_too_large(content: bytes, reading: Reading) -> None:
    footer = arrow_parquet.ParquetFile(pa.BufferReader(content))
    rows, columns = footer.metadata.num_rows, footer.metadata.num_columns
    expanded = sum(footer.metadata.row_group(group).total_byte_size for group in range(footer.metadata.num_row_groups))
    if rows > reading.bounds.rows:
        raise reading.too_large(f"has {rows:,} rows", "ROWS")
    if columns > reading.bounds.columns:
        raise reading.too_large(f"has {columns:,} columns", "COLUMNS")
    if expanded > reading.bounds.expanded_bytes:
        raise reading.too_large(f"would unpack to {expanded:,} bytes", "EXPANDED_BYTES")
    if rows * columns > cells_allowed(len(content), _CELLS_A_BYTE):
        raise reading.refused(
            "E_TOO_LARGE", f"promises {rows:,} rows in {len(content):,} bytes, which no table of figures packs to; send it again"
        )
    names = footer.schema_arrow.names
    column_names([folded(name) for name in names], names, reading)


def _plain_columns(frame: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """The frame with the parts of structures that the feed maps as columns of their own, and nothing nested."""
    mapped = {source.from_ for source in reading.feed.columns.values()}
    parts = []
    for name, dtype in frame.schema.items():
        if not dtype.is_nested() and dtype != pl.Binary():
            parts.append(pl.col(name))
            continue
        inner = [(path, field, kind) for path, field, kind in _parts(name, pl.col(name), dtype) if path in mapped]
        wrong = (
            [name]
            if not inner and name not in reading.feed.ignored
            else [path for path, _, kind in inner if kind.is_nested() or kind == pl.Binary()]
        )
        if wrong:
            raise reading.refused(
                "E_TYPE", f"the column {', '.join(wrong)} is nested or binary; send it as plain columns, or map its parts"
            )
        parts += [field.alias(path) for path, field, _ in inner]
    return frame.select(parts)


def _parts(path: str, column: pl.Expr, dtype: pl.DataType) -> list[tuple[str, pl.Expr, pl.DataType]]:
    """Every part of a structure, at any depth, by its dotted name."""
    if not isinstance(dtype, pl.Struct):
        return []
    parts = []
    for field in dtype.fields:
        name, kind = f"{path}.{field.name}", field.dtype if isinstance(field.dtype, pl.DataType) else field.dtype()
        inner = column.struct.field(field.name)
        parts += [(name, inner, kind), *_parts(name, inner, kind)]
    return parts


def _text(old: str, new: str, dtype: pl.DataType, reading: Reading) -> pl.Expr:
    column, zone = pl.col(old), reading.feed.files.time_zone
    if (
        isinstance(dtype, pl.Datetime)
        and dtype.time_zone is not None
        and zone is not None
        and new == reading.feed.columns["as_of_date"].from_
    ):
        column = column.dt.convert_time_zone(zone).dt.date()
    text = column.cast(pl.String())
    return (text.str.replace(_MIDNIGHT, "$1") if isinstance(dtype, pl.Datetime) else text).alias(cell(new))
