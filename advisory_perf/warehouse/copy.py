"""How frames get into PostgreSQL and back, within a connection's transaction.

Frames travel as CSV through COPY: an unquoted blank is null, a quoted one is an empty text, and the shortest decimal form of a
float reads back to the same bits.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import islice
from typing import Any, LiteralString

import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql
from psycopg.copy import QueuedLibpqWriter

from advisory_perf.contracts.tables import Table
from advisory_perf.errors import WarehouseError

COPY_ROWS = 10_000
"""Rows that are CSV at a time, while a thread sends those before, or the server those after; bounds the memory."""

_POLARS_BY_OID: dict[int, pl.DataType] = {
    16: pl.Boolean(),
    19: pl.String(),
    20: pl.Int64(),
    21: pl.Int64(),
    23: pl.Int64(),
    25: pl.String(),
    700: pl.Float64(),
    701: pl.Float64(),
    1043: pl.String(),
    1082: pl.Date(),
    1114: pl.Datetime("us"),
    1184: pl.Datetime("us", "UTC"),
}
_NUMERIC_OID = 1700


def queried(
    connection: psycopg.Connection,
    statement: LiteralString | sql.SQL | sql.Composed,
    params: Sequence[Any] | Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Give the result of a query in the connection's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement) if isinstance(statement, str) else statement, params)
        if cursor.description is None:
            return pl.DataFrame()
        rows = cursor.fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * len(cursor.description)
        return pl.DataFrame(
            [
                pl.Series(column.name, values, dtype=_polars_type(column, values))
                for column, values in zip(cursor.description, columns, strict=True)
            ]
        )


def copied(
    connection: psycopg.Connection,
    statement: LiteralString | sql.Composed,
    schema: pl.Schema,
    params: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Give the result of a large query in the connection's transaction, whose columns come in the order and types of the schema.

    ``queried`` makes a Python object of every cell first, which takes several times as long.
    """
    select = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')").format(
        sql.SQL(statement) if isinstance(statement, str) else statement
    )
    parts = [schema.to_frame()]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL datestyle = 'ISO, YMD'")
        with cursor.copy(select, params) as copy:
            rows = iter(copy)
            while batch := b"".join(islice(rows, COPY_ROWS)):
                parts.append(_from_csv(batch, schema))
        cursor.execute("SET LOCAL datestyle = DEFAULT")
    return pl.concat(parts)


def copy_frame(connection: psycopg.Connection, table_name: str, frame: pl.DataFrame) -> None:
    """Append the frame's rows to the table's columns of the same names by COPY, ``COPY_ROWS`` at a time."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(sql.Identifier(table_name), names(frame.columns))
    with connection.cursor() as cursor, cursor.copy(statement, writer=QueuedLibpqWriter(cursor)) as copy:
        for part in frame.iter_slices(COPY_ROWS):
            buffer = BytesIO()
            part.write_csv(buffer, include_header=False)
            copy.write(buffer.getbuffer())


def copy_to_temporary(connection: psycopg.Connection, name: str, table: Table, rows: pl.DataFrame) -> None:
    """Put the rows into a temporary table with the columns of the table; it goes with the transaction."""
    connection.execute(
        sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0").format(
            sql.Identifier(name), names(table.column_names), sql.Identifier(table.name)
        )
    )
    copy_frame(connection, name, rows)
    connection.execute(sql.SQL("ANALYZE {} ({})").format(sql.Identifier(name), names(table.key)))


def with_the_columns_of(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the table's order of columns; ``WarehouseError`` where names or types are not the table's."""
    expected = table.polars_schema
    wrong = sorted(name for name in expected.keys() | frame.schema.keys() if expected.get(name) != frame.schema.get(name))
    if wrong:
        raise WarehouseError(
            f"the frame is not one of {table.name}: {', '.join(wrong)} missing, unknown or of another type; "
            "give exactly the columns of the data dictionary"
        )
    return frame.select(table.column_names)


def names(columns: Sequence[str], qualifier: str | None = None) -> sql.Composed:
    """The columns with commas between, each behind the qualifier if there is one."""
    return sql.SQL(", ").join(sql.Identifier(name) if qualifier is None else sql.Identifier(qualifier, name) for name in columns)


def assignments(columns: Sequence[str], source: str) -> sql.Composed:
    """Each column set to the source's."""
    return sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Identifier(source, name)) for name in columns)


def _from_csv(batch: bytes, schema: pl.Schema) -> pl.DataFrame:
    table = pa.csv.read_csv(
        BytesIO(batch),
        read_options=pa.csv.ReadOptions(column_names=schema.names(), block_size=len(batch) + 1),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa.csv.ConvertOptions(
            column_types=schema.to_frame().to_arrow().schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    return pl.DataFrame(table, schema=schema)


def _polars_type(column: psycopg.Column, values: Sequence[Any]) -> pl.DataType | None:
    if column.type_code != _NUMERIC_OID:
        return _POLARS_BY_OID.get(column.type_code)
    if column.scale is not None:
        return pl.Decimal(38, column.scale)
    digits = [value.as_tuple().exponent for value in values if value is not None]
    return pl.Decimal(38, max((-exponent for exponent in digits if isinstance(exponent, int)), default=0))
