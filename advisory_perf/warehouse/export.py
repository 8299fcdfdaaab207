"""Tables and views of the warehouse as files: CSV, NDJSON or Parquet.

PostgreSQL writes the text itself, by COPY, so that a numeric leaves with the digits it is stored with and no value
passes through Python one by one. CSV is that text; NDJSON is its ``row_to_json``; Parquet is the CSV read by Arrow, a
batch of rows at a time, with the types of the columns. An export is one snapshot in a read-only transaction of the reader.

COPY is one statement of the extended protocol and has no text of an operator's in it, but it takes no parameters. The values of a
condition are therefore bound to a query before it, as settings of the transaction, which COPY's SELECT reads. Batches of a cursor with
parameters would have done too, at several times the time: Python would have built every line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import IO, LiteralString

import psycopg
import pyarrow as pa
from psycopg import sql

from advisory_perf.contracts.tables import PUBLISHED
from advisory_perf.errors import ExportRefusedError, WarehouseError
from advisory_perf.warehouse.as_reported import rows_as_reported, why_nobody_knows
from advisory_perf.warehouse.commits import first_line
from advisory_perf.warehouse.conditions import EVERY_ROW, Condition, Joined, Parameters, parsed, rendered
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.export_forms import (
    ARROW_BY_OID,
    NUMERIC,
    OneStatement,
    Rows,
    arrow_type,
    as_csv,
    as_json,
    write_parquet,
    write_text,
)
from advisory_perf.warehouse.filters import Filters

_OWN_TABLES = ("_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock", "sql_functions", "data_versions")

_RELATIONS: LiteralString = """
    SELECT relation.relname
    FROM pg_class AS relation
    JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    WHERE namespace.nspname = 'public' AND relation.relkind IN ('r', 'p', 'v', 'm')
        AND NOT relation.relispartition AND relation.relname <> ALL (%s) AND has_table_privilege(relation.oid, 'SELECT')
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
    """Names of the tables and views of schema ``public`` that the role may read, sorted; no partitions, none of the migration tool."""
    with warehouse.connect() as connection:
        return [name for (name,) in connection.execute(_RELATIONS, [list(_OWN_TABLES)])]


def export_relation(  # noqa: PLR0913 - what an export may be given
    warehouse: Warehouse,
    relation: str,
    *,
    form: ExportFormat,
    target: IO[bytes],
    where: str | Condition | None = None,
    filters: Filters | None = None,
    as_reported: datetime | None = None,
    for_spreadsheets: bool = False,
) -> int:
    """Streams a table or view into ``target`` and returns the number of rows; memory is bounded by one batch.

    Rows come in the order of the primary key, or of the columns from the first on where there is none. Null is an
    empty cell in CSV (an empty text is a quoted one) and null elsewhere; instants are in UTC; numerics keep their exact
    digits. ``where`` is a condition on the relation's columns, as ``conditions`` reads it. ``for_spreadsheets`` puts an apostrophe before
    the texts of a CSV that a spreadsheet would take for a formula.

    ``as_reported`` gives performance_data as it stood at that instant (see ``as_reported``), with the ids and times it had then.

    Raises ``WarehouseError`` for an unknown relation and a condition that cannot be read, and ``ExportRefusedError`` for one whose
    superseded rows are not kept, an instant to come, and a filter, value or form that the relation cannot have. What has been written until
    an error is no export: the caller throws it away.
    """
    given = parsed(where) if isinstance(where, str) else where or EVERY_ROW
    known = exportable_relations(warehouse)
    if relation not in known:
        raise WarehouseError(_unknown(relation, known))
    with_history = [one.name for one in PUBLISHED if one.history is not None]
    if as_reported is not None and relation not in with_history:
        raise ExportRefusedError(
            f"{relation} keeps no superseded rows, so only {' and '.join(with_history)} can be exported as it was reported"
        )
    wanted = _Wanted(relation, given, filters or Filters(), as_reported)
    with warehouse.connect() as connection:
        try:
            return _stream(connection, wanted, form=form, target=target, for_spreadsheets=for_spreadsheets)
        except pa.ArrowInvalid as error:
            found = str(error).splitlines()[0]
            raise ExportRefusedError(f"{relation} has a value Parquet cannot hold ({found}); use csv") from error
        except psycopg.DataError as error:
            raise ExportRefusedError(f"the condition on {relation} has a value that its column cannot be ({first_line(error)})") from error


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is exported."""

    relation: str
    where: Condition
    filters: Filters
    as_reported: datetime | None


def _stream(connection: psycopg.Connection, wanted: _Wanted, *, form: ExportFormat, target: IO[bytes], for_spreadsheets: bool) -> int:
    for setting in _SESSION:
        connection.execute(setting)
    relation, parameters = wanted.relation, Parameters(for_copy=True)
    source = sql.Identifier("public", relation)
    columns = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(source)).description or []
    filtered = wanted.filters.condition(relation, [column.name for column in columns])
    condition = rendered(Joined("AND", (filtered, wanted.where)), relation, columns, parameters)
    given: sql.Composable = sql.SQL("")
    if wanted.as_reported is not None:
        given = _as_reported(connection, relation, columns, wanted.as_reported, parameters)
        source = sql.Identifier(relation)
    rows = Rows(given, sql.SQL("FROM {} WHERE {}").format(source, condition), _order(connection, relation, columns))
    parameters.bind(connection)
    cursor = OneStatement(connection)
    match form:
        case ExportFormat.CSV:
            write_text(cursor, as_csv(columns, rows, with_header=True, for_spreadsheets=for_spreadsheets), target)
        case ExportFormat.NDJSON:
            write_text(cursor, as_json(columns, rows), target)
        case ExportFormat.PARQUET:
            schema = pa.schema([(column.name, arrow_type(cursor, column, rows)) for column in columns])
            write_parquet(cursor, as_csv(columns, rows, with_header=False), target, schema)
    return cursor.rowcount


def _as_reported(
    connection: psycopg.Connection, relation: str, columns: Sequence[psycopg.Column], instant: datetime, parameters: Parameters
) -> sql.Composable:
    (now,) = connection.execute("SELECT now()").fetchone() or (instant,)
    if (why := why_nobody_knows(instant, now)) is not None:
        raise ExportRefusedError(why)
    return rows_as_reported(relation, [column.name for column in columns], parameters.place(instant.isoformat(), "timestamptz"))


def _unknown(relation: str, known: Sequence[str]) -> str:
    if not known:
        return f"there is no table or view {relation!r}, for the warehouse has none; run `advisory-perf migrate`"
    close = get_close_matches(relation.lower(), known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"there is no table or view {relation!r} to export; {hint}choose one of {', '.join(known)}"


def _order(connection: psycopg.Connection, relation: str, columns: Sequence[psycopg.Column]) -> sql.Composable:
    place = sql.Identifier("public", relation).as_string(connection)
    key = [name for (name,) in connection.execute(_PRIMARY_KEY, [place])]
    sortable = {*ARROW_BY_OID, NUMERIC}
    names = key or [column.name for column in columns if column.type_code in sortable]
    if not names:
        return sql.SQL("")
    return sql.SQL("ORDER BY {}").format(sql.SQL(", ").join(sql.Identifier(relation, name) for name in names))
