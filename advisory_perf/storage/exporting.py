"""Tables and views of the warehouse as files: CSV, NDJSON or Parquet.

PostgreSQL writes the text itself, by COPY, so that a numeric leaves with the digits it is stored with and no value
passes through Python one by one. CSV is that text; NDJSON is its ``row_to_json``; Parquet is the CSV read by Arrow, a
batch of rows at a time, with the types of the columns. An export is one snapshot in a read-only transaction, so that
an operator's own condition can change nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from enum import StrEnum
from io import BytesIO
from typing import IO, LiteralString

import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from psycopg import sql

from advisory_perf.contracts.tables import PERFORMANCE_DATA
from advisory_perf.errors import AdvisoryPerfError, WarehouseError
from advisory_perf.storage.warehouse import Warehouse

BATCH_ROWS = 50_000
"""Rows that are held in memory at a time, and the rows of a Parquet row group."""

BATCH_BYTES = 32 * 1024 * 1024
"""Text after which a batch ends before it has ``BATCH_ROWS``."""

_MIGRATION_TABLES = ("_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock")

_DATE_DIGITS = len("2025-03-31")
_DECIMAL_DIGITS = 38
_BOOLEAN, _JSON, _TIMESTAMP, _INSTANT, _NUMERIC = 16, 114, 1114, 1184, 1700
_ARROW_BY_OID: dict[int, pa.DataType] = {
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

_BEFORE_A_WORD = r"(?<![A-Za-z0-9_$\x80-\U0010ffff])"
_QUOTED_OR_COMMENT = re.compile(
    rf"{_BEFORE_A_WORD}[eE]'(?:[^'\\]|\\.|'')*'"
    r"|'(?:[^']|'')*'"
    r'|"(?:[^"]|"")*"'
    rf"|{_BEFORE_A_WORD}\$(?P<tag>[A-Za-z_][A-Za-z0-9_]*)?\$.*?\$(?(tag)(?P=tag))\$"
    r"|--[^\n\r]*"
    r"|/\*.*?\*/",
    re.DOTALL,
)

_RELATIONS: LiteralString = """
    SELECT relation.relname
    FROM pg_class AS relation
    JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    WHERE namespace.nspname = 'public' AND relation.relkind IN ('r', 'p', 'v', 'm')
        AND NOT relation.relispartition AND relation.relname <> ALL (%s)
    ORDER BY relation.relname
"""

_PRIMARY_KEY: LiteralString = """
    SELECT attribute.attname
    FROM pg_index AS key
    CROSS JOIN LATERAL unnest(key.indkey::smallint[]) WITH ORDINALITY AS part (number, place)
    JOIN pg_attribute AS attribute ON attribute.attrelid = key.indrelid AND attribute.attnum = part.number
    WHERE key.indrelid = %s::regclass AND key.indisprimary
    ORDER BY part.place
"""

_SESSION: tuple[LiteralString, ...] = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL client_encoding = 'UTF8'",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL standard_conforming_strings = on",
)


class ExportFormat(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


def exportable_relations(warehouse: Warehouse) -> list[str]:
    """Names of the tables and views of schema ``public``, sorted; no partitions, no tables of the migration tool."""
    with warehouse.connect() as connection:
        return [name for (name,) in connection.execute(_RELATIONS, [list(_MIGRATION_TABLES)])]


def condition(chosen: Mapping[str, str | None]) -> sql.Composed:
    """An SQL condition on the columns that a value is given for."""
    tests = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in chosen.items() if value is not None]
    return sql.SQL(" AND ").join([sql.SQL("true"), *tests])


def instant_of(text: str) -> datetime:
    """The instant that a person means by a day, whose last microsecond in UTC it is, or by an ISO 8601 instant with its offset."""
    try:
        if len(text) == _DATE_DIGITS:
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise AdvisoryPerfError(
            f"{text!r} is neither a day nor an instant; write 2025-03-31 for the end of that day in UTC, or 2025-03-31T17:00:00+00:00"
        ) from error
    if instant.tzinfo is None:
        raise AdvisoryPerfError(f"{text!r} is an instant in no time zone; write its offset, such as {text}+00:00")
    return instant


def export_relation(
    warehouse: Warehouse,
    relation: str,
    *,
    form: ExportFormat,
    target: IO[bytes],
    where: str | sql.Composable | None = None,
    as_reported: datetime | None = None,
) -> int:
    """Streams a table or view into ``target`` and returns the number of rows; memory is bounded by one batch.

    Rows come in the order of the primary key, or of the columns from the first on where there is none. Null is an
    empty cell in CSV (an empty text is a quoted one) and null elsewhere; instants are in UTC; numerics keep their exact
    digits. ``where`` is an SQL condition on the relation's columns.

    ``as_reported`` gives performance_data as it stood at that instant, with the ids and times it had then: a row stands from the
    beginning of the transaction that published it to the beginning of the one that superseded or withdrew it.

    Raises ``WarehouseError`` for an unknown relation, for one whose superseded rows are not kept, for an instant to come and for a
    condition that PostgreSQL refuses. What has been written until an error is no export: the caller throws it away.
    """
    chosen = where if isinstance(where, sql.Composable) else _checked_condition(where)
    known = exportable_relations(warehouse)
    if relation not in known:
        raise WarehouseError(_unknown(relation, known))
    if as_reported is not None and relation != PERFORMANCE_DATA.name:
        raise WarehouseError(f"{relation} keeps no superseded rows, so only {PERFORMANCE_DATA.name} can be exported as it was reported")
    with warehouse.connect() as connection:
        try:
            return _stream(connection, relation, chosen, form=form, target=target, as_reported=as_reported)
        except pa.ArrowInvalid as error:
            found = str(error).splitlines()[0]
            raise WarehouseError(f"{relation} has a value Parquet cannot hold ({found}); use csv") from error
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            if where is None:
                raise
            raise WarehouseError(
                f"PostgreSQL refuses the condition {where!r} on {relation} ({_first_line(error)}); "
                "give an SQL condition on its columns, such as account_id = 'A-1'"
            ) from error


def _stream(
    connection: psycopg.Connection,
    relation: str,
    condition: sql.Composable,
    *,
    form: ExportFormat,
    target: IO[bytes],
    as_reported: datetime | None,
) -> int:
    for setting in _SESSION:
        connection.execute(setting)
    source = sql.Identifier("public", relation)
    columns = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(source)).description or []
    rows = _Rows(sql.SQL(""), sql.SQL("FROM {} WHERE {}").format(source, condition), _order(connection, relation, columns))
    if as_reported is not None:
        reported = _as_reported(connection, relation, columns, as_reported)
        rows = _Rows(reported, sql.SQL("FROM {} WHERE {}").format(sql.Identifier(relation), condition), rows.order)
    cursor = connection.cursor()
    match form:
        case ExportFormat.CSV:
            _write_text(cursor, _as_csv(columns, rows, with_header=True), target)
        case ExportFormat.NDJSON:
            _write_text(cursor, _as_json(columns, rows), target)
        case ExportFormat.PARQUET:
            schema = pa.schema([(column.name, _arrow_type(cursor, column, rows)) for column in columns])
            _write_parquet(cursor, _as_csv(columns, rows, with_header=False), target, schema)
    return cursor.rowcount


@dataclass(frozen=True, slots=True)
class _Rows:
    """Which rows are exported: a WITH clause or nothing, FROM and WHERE, ORDER BY or nothing."""

    given: sql.Composable
    chosen: sql.Composable
    order: sql.Composable


def _as_reported(connection: psycopg.Connection, relation: str, columns: Sequence[psycopg.Column], instant: datetime) -> sql.Composable:
    """A WITH clause under the relation's own name, so that a condition with a query of its own sees the same rows.

    The day of ``now()`` may be asked for: it gives what stands so far.
    """
    (now,) = connection.execute("SELECT now()").fetchone() or (instant,)
    if instant > max(now, datetime.combine(now.date(), time.max, UTC)):
        raise WarehouseError(f"what will be reported by {instant:%Y-%m-%d} nobody knows yet; name a day that has come")
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    return sql.SQL(
        "WITH {relation} AS NOT MATERIALIZED (SELECT {names} FROM {table} WHERE updated_at <= {instant} UNION ALL "
        "SELECT {names} FROM {history} WHERE updated_at <= {instant} AND superseded_at > {instant})"
    ).format(
        relation=sql.Identifier(relation),
        names=names,
        table=sql.Identifier("public", relation),
        history=sql.Identifier("public", f"{relation}_history"),
        instant=sql.Literal(instant),
    )


def _checked_condition(where: str | None) -> sql.Composable:
    """The condition in parentheses it cannot leave: one statement, with every parenthesis in it closed."""
    if where is None:
        return sql.SQL("true")
    bare = _QUOTED_OR_COMMENT.sub(" ", where)
    if ";" in bare:
        raise WarehouseError(f"the condition {where!r} has a semicolon outside quotes; give one SQL condition only")
    depth = 0
    for character in re.findall(r"[()]", bare):
        depth += 1 if character == "(" else -1
        if depth < 0:
            break
    if not bare.strip():
        raise WarehouseError(f"the condition {where!r} is blank; leave it out to export every row")
    if depth or set("'\"\0") & set(bare):
        raise WarehouseError(f"quotes or parentheses in the condition {where!r} do not match; give a whole one")
    return sql.Composed([sql.SQL("(\n"), sql.SQL(where), sql.SQL("\n)")])


def _unknown(relation: str, known: Sequence[str]) -> str:
    if not known:
        return f"there is no table or view {relation!r}, for the warehouse has none; run `advisory-perf migrate`"
    close = get_close_matches(relation.lower(), known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"there is no table or view {relation!r} to export; {hint}choose one of {', '.join(known)}"


def _order(connection: psycopg.Connection, relation: str, columns: Sequence[psycopg.Column]) -> sql.Composable:
    place = sql.Identifier("public", relation).as_string(connection)
    key = [name for (name,) in connection.execute(_PRIMARY_KEY, [place])]
    sortable = {*_ARROW_BY_OID, _NUMERIC}
    names = key or [column.name for column in columns if column.type_code in sortable]
    if not names:
        return sql.SQL("")
    return sql.SQL("ORDER BY {}").format(sql.SQL(", ").join(sql.Identifier(relation, name) for name in names))


def _as_csv(columns: Sequence[psycopg.Column], rows: _Rows, *, with_header: bool) -> sql.Composed:
    texts = sql.SQL(", ").join(_as_text(column) for column in columns)
    header = sql.SQL("true" if with_header else "false")
    return sql.SQL("COPY ({} SELECT {} {} {}) TO STDOUT (FORMAT csv, HEADER {}, ENCODING 'UTF8')").format(
        rows.given, texts, rows.chosen, rows.order, header
    )


def _as_text(column: psycopg.Column) -> sql.Composable:
    """COPY alone would write booleans as t and f, and instants with a blank in the middle."""
    name = sql.Identifier(column.name)
    if column.type_code == _BOOLEAN:
        return sql.SQL("{0}::text AS {0}").format(name)
    if column.type_code in {_TIMESTAMP, _INSTANT}:
        return sql.SQL("to_json({0}) #>> '{{}}' AS {0}").format(name)
    return name


def _as_json(columns: Sequence[psycopg.Column], rows: _Rows) -> sql.Composed:
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


def _write_text(cursor: psycopg.Cursor, statement: sql.Composed, target: IO[bytes]) -> None:
    with cursor.copy(statement) as copy:
        for batch in _batches(copy):
            target.write(batch)


def _write_parquet(cursor: psycopg.Cursor, statement: sql.Composed, target: IO[bytes], schema: pa.Schema) -> None:
    with cursor.copy(statement) as copy, pa.parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in _batches(copy):
            writer.write_table(_read_csv(batch, schema))


def _batches(copy: psycopg.Copy) -> Iterator[bytes]:
    """The text of whole rows, a batch at a time; the server hands them over one by one."""
    rows: list[bytes] = []
    size = 0
    for row in copy:
        rows.append(bytes(row))
        size += len(row)
        if len(rows) >= BATCH_ROWS or size >= BATCH_BYTES:
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


def _arrow_type(cursor: psycopg.Cursor, column: psycopg.Column, rows: _Rows) -> pa.DataType:
    """A numeric without a declared scale, such as a view's sum, gets the largest scale that its values have."""
    if column.type_code != _NUMERIC:
        return _ARROW_BY_OID.get(column.type_code, pa.string())
    scale = column.scale
    if scale is None:
        largest = sql.SQL("{} SELECT max(scale({})) {}").format(rows.given, sql.Identifier(column.name), rows.chosen)
        found = cursor.execute(largest).fetchone()
        scale = (found and found[0]) or 0
    return pa.decimal128(_DECIMAL_DIGITS, min(max(scale, 0), _DECIMAL_DIGITS))


def _first_line(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip().split("\n")[0]
