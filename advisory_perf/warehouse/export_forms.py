"""An export's rows as text and as Parquet: how each column leaves, and how rows are taken from COPY a batch at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any

import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from psycopg import sql

BATCH_ROWS = 50_000
"""Rows that are held in memory at a time, and the rows of a Parquet row group."""

BATCH_BYTES = 32 * 1024 * 1024
"""Text after which a batch of Parquet ends before it has ``BATCH_ROWS``."""

TEXT_BYTES = 256 * 1024
"""Text that is held in memory at a time where it leaves as it is."""

_DECIMAL_DIGITS = 38
_BOOLEAN, _JSON, _TIMESTAMP, _INSTANT, NUMERIC = 16, 114, 1114, 1184, 1700
ARROW_BY_OID: dict[int, pa.DataType] = {
    _BOOLEAN: pa.bool_(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    25: pa.string(),
    700: pa.float64(),
    701: pa.float64(),
    1043: pa.string(),
    1082: pa.date32(),
    _TIMESTAMP: pa.timestamp("us"),
    _INSTANT: pa.timestamp("us", tz="UTC"),
}
"""The types with an order and an Arrow type; numeric stands apart, and any other leaves as PostgreSQL's text."""

_INDENTED = "^(?=[\t\r\n])"
_FORMULA = "((^|[;|\t\r\n])[[:space:]]*)(?=[=+@\uff1d\uff0b\uff0d\uff20-])"
"""How a cell begins that a spreadsheet takes for a formula, also where it cuts one at ; | a tab or a line's end; wide ones are Asian."""


class OneStatement(psycopg.Cursor[Any]):
    """A cursor whose COPY, too, goes by the extended protocol, which takes one statement and no second."""

    def _execute_send(self, query: Any, **others: Any) -> None:
        super()._execute_send(query, **{**others, "force_extended": True})


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows are exported: a WITH clause or nothing, FROM and WHERE, ORDER BY or nothing."""

    given: sql.Composable
    chosen: sql.Composable
    order: sql.Composable


def as_csv(columns: Sequence[psycopg.Column], rows: Rows, *, with_header: bool, for_spreadsheets: bool = False) -> sql.Composed:
    """COPY as CSV; for spreadsheets with an apostrophe before what they would take for a formula."""
    texts = sql.SQL(", ").join(_as_text(column, for_spreadsheets=for_spreadsheets) for column in columns)
    header = sql.SQL("true" if with_header else "false")
    return sql.SQL("COPY ({} SELECT {} {} {}) TO STDOUT (FORMAT csv, HEADER {}, ENCODING 'UTF8')").format(
        rows.given, texts, rows.chosen, rows.order, header
    )


def _as_text(column: psycopg.Column, *, for_spreadsheets: bool) -> sql.Composable:
    """COPY alone would write booleans as t and f, and instants with a blank in the middle."""
    name = sql.Identifier(column.name)
    if column.type_code == _BOOLEAN:
        return sql.SQL("{0}::text AS {0}").format(name)
    if column.type_code in {_TIMESTAMP, _INSTANT}:
        return sql.SQL("to_json({0}) #>> '{{}}' AS {0}").format(name)
    if for_spreadsheets and ARROW_BY_OID.get(column.type_code, pa.string()) == pa.string() and column.type_code != NUMERIC:
        return sql.SQL("regexp_replace(regexp_replace({0}::text, {1}, {2}), {3}, {4}, 'g') AS {0}").format(
            name, *map(sql.Literal, (_INDENTED, "'", _FORMULA, "\\1'"))
        )
    return name


def as_json(columns: Sequence[psycopg.Column], rows: Rows) -> sql.Composed:
    """JSON has no raw control characters, so that with two of them for quote and delimiter COPY leaves a line as it is.

    Only a column of type json could hold a line break between its tokens; jsonb has none.
    """
    as_jsonb, as_is = sql.SQL("{0}::jsonb AS {0}"), sql.SQL("{}")
    forms = [as_jsonb if column.type_code == _JSON else as_is for column in columns]
    names = [form.format(sql.Identifier(column.name)) for form, column in zip(forms, columns, strict=True)]
    return sql.SQL(
        "COPY ({} SELECT row_to_json(chosen) FROM (SELECT {} {} {}) AS chosen) "
        "TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02', ENCODING 'UTF8')"
    ).format(rows.given, sql.SQL(", ").join(names), rows.chosen, rows.order)


def write_text(cursor: OneStatement, statement: sql.Composed, target: IO[bytes]) -> None:
    """The text as COPY gives it."""
    with cursor.copy(statement) as copy:
        for batch in _batches(copy, TEXT_BYTES):
            target.write(batch)


def write_parquet(cursor: OneStatement, statement: sql.Composed, target: IO[bytes], schema: pa.Schema) -> None:
    """A row group a batch."""
    with cursor.copy(statement) as copy, pa.parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in _batches(copy, BATCH_BYTES):
            writer.write_table(_read_csv(batch, schema))


def _batches(copy: psycopg.Copy, most_bytes: int) -> Iterator[bytes]:
    """The text of whole rows, a batch at a time; the server hands them over one by one."""
    rows: list[bytes] = []
    size = 0
    for row in copy:
        rows.append(bytes(row))
        size += len(row)
        if len(rows) >= BATCH_ROWS or size >= most_bytes:
            yield b"".join(rows)
            rows, size = [], 0
    if rows:
        yield b"".join(rows)


def _read_csv(batch: bytes, schema: pa.Schema) -> pa.Table:
    return pa.csv.read_csv(
        BytesIO(batch),
        read_options=pa.csv.ReadOptions(column_names=schema.names, block_size=len(batch) + 1),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa.csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )


def arrow_type(cursor: OneStatement, column: psycopg.Column, rows: Rows) -> pa.DataType:
    """A numeric without a declared scale, such as a view's sum, gets the largest scale that its values have."""
    if column.type_code != NUMERIC:
        return ARROW_BY_OID.get(column.type_code, pa.string())
    scale = column.scale
    if scale is None:
        largest = sql.SQL("{} SELECT max(scale({})) {}").format(rows.given, sql.Identifier(column.name), rows.chosen)
        found = cursor.execute(largest).fetchone()
        scale = (found and found[0]) or 0
    return pa.decimal128(_DECIMAL_DIGITS, min(max(scale, 0), _DECIMAL_DIGITS))
