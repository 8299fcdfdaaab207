"""The warehouse: how frames get into PostgreSQL and back.

The one write of a lane is the replacement of a slice, the rows of a vendor between two days, in one transaction; a
rerun with the same rows touches nothing. What a delivery is and where it stands belongs to ``ledger``, the schema to
``schema``. Frames travel as CSV through COPY: an unquoted blank is null, a quoted one is an empty text, and the
shortest decimal form of a float reads back to the same bits.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.copy import QueuedLibpqWriter

from advisory_perf.contracts.tables import ACCOUNTS, PERFORMANCE_DATA, RECONCILIATION_RESULTS, Table
from advisory_perf.errors import WarehouseError

COPY_ROWS = 10_000
"""Rows that are turned into CSV at a time, while a thread sends those before; bounds the memory of a load."""

CONNECT_SECONDS = 10

_ACCOUNT_TEXTS = ("account_name", "portfolio_id", "client_id", "currency")
_WAREHOUSE_COLUMNS = ("id", "created_at", "updated_at", "processed_by")
_SLICED_TABLES = (PERFORMANCE_DATA.name, RECONCILIATION_RESULTS.name)

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

_LATEST_POSITIONS: LiteralString = """
    SELECT account.data_source, account.account_id, latest.account_name, latest.portfolio_id, latest.client_id,
           latest.currency, latest.ending_market_value, earliest.as_of_date AS first_as_of_date,
           latest.as_of_date AS last_as_of_date
    FROM accounts AS account
    CROSS JOIN LATERAL (
        SELECT * FROM performance_data AS p
        WHERE p.data_source = account.data_source AND p.account_id = account.account_id
        ORDER BY p.as_of_date DESC LIMIT 1
    ) AS latest
    CROSS JOIN LATERAL (
        SELECT p.as_of_date FROM performance_data AS p
        WHERE p.data_source = account.data_source AND p.account_id = account.account_id
        ORDER BY p.as_of_date LIMIT 1
    ) AS earliest
    ORDER BY account.data_source, account.account_id
"""


@dataclass(frozen=True, slots=True)
class SliceChange:
    """What the replacement of a slice did, in rows; ``by_delivery`` holds (inserted, updated) per delivery id."""

    inserted: int
    updated: int
    deleted: int
    unchanged: int
    by_delivery: dict[str, tuple[int, int]] = field(default_factory=dict)


class Warehouse:
    """A PostgreSQL warehouse by its URL; connects only when asked to do something."""

    def __init__(self, url: str) -> None:
        """Keep the URL; libpq's forms all do, Unix sockets included."""
        self.url = url

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """Give a connection whose block is one transaction, in UTC.

        Raises ``WarehouseError`` when the warehouse cannot be reached, breaks off, or refuses a statement.
        """
        try:
            connection = psycopg.connect(self.url, **self._timeout())
        except psycopg.Error as error:
            raise WarehouseError(
                f"the warehouse at {self.place} cannot be reached ({_first_line(error)}); start it, or set its URL to one that answers"
            ) from error
        try:
            with connection:
                connection.execute("SET TIME ZONE 'UTC'")
                yield connection
        except (
            psycopg.errors.UndefinedTable,
            psycopg.errors.UndefinedColumn,
            psycopg.errors.UndefinedFunction,
        ) as error:
            raise WarehouseError(
                f"the schema of the warehouse at {self.place} is not the one this code was written for "
                f"({_first_line(error)}); run `advisory-perf migrate`"
            ) from error
        except psycopg.OperationalError as error:
            raise WarehouseError(
                f"the warehouse at {self.place} broke off ({_first_line(error)}); nothing was written, so try again"
            ) from error
        except psycopg.Error as error:
            raise WarehouseError(f"the warehouse at {self.place} refused: {_first_line(error)}") from error

    @property
    def place(self) -> str:
        """Host and database, without user and password, for messages."""
        try:
            parts = conninfo_to_dict(self.url)
        except psycopg.Error:
            return "an unreadable URL"
        return f"{parts.get('host', 'localhost')}/{parts.get('dbname', '')}"

    def replace_slice(self, table: Table, frame: pl.DataFrame, *, vendor: str, first: date, last: date) -> SliceChange:
        """Make the vendor's rows from ``first`` to ``last`` (both included) of ``table`` exactly those of ``frame``.

        One transaction: rows that are gone are deleted, rows that differ updated, new rows inserted; equal rows keep
        their id and timestamps. Of performance_data the replaced rows go to performance_data_history. Months without
        a partition get one beforehand, in a transaction of its own, so that no reader waits for the load.

        Raises ``WarehouseError`` for a frame of another table, vendor or time, and for rows that a check refuses.
        """
        rows = _checked_slice(table, frame, vendor=vendor, first=first, last=last)
        with self.connect() as connection:
            months = rows["as_of_date"].dt.truncate("1mo").unique().sort().to_list()
            connection.execute(
                "SELECT create_monthly_partition(%s::regclass, month) FROM unnest(%s::date[]) AS month",
                [table.name, months],
            )
            connection.commit()
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"replace_slice {table.name} {vendor}"])
            _insert_missing_accounts(connection, rows)
            place = {"vendor": vendor, "first": first, "last": last}
            if not _slice_holds_rows(connection, table, place):
                for month in months:
                    of_month = rows.filter(pl.col("as_of_date").dt.truncate("1mo") == month)
                    # In the order of the key, so that the index of each partition grows at its end.
                    copy_frame(connection, table.name, of_month.sort(table.key))
                return SliceChange(rows.height, 0, 0, 0, _inserted_by_delivery(rows))
            return _apply_difference(connection, table, rows, place)

    def upsert_accounts(self, frame: pl.DataFrame) -> int:
        """Insert the accounts, or update those that differ; returns how many rows changed. Others stay as they are."""
        rows = _with_the_columns_of(ACCOUNTS, frame)
        with self.connect() as connection:
            _copy_to_temporary(connection, "incoming_accounts", ACCOUNTS, rows)
            values = [name for name in ACCOUNTS.column_names if name not in ACCOUNTS.key]
            cursor = connection.execute(
                sql.SQL(
                    "INSERT INTO accounts AS known ({all}) SELECT {all} FROM incoming_accounts ORDER BY {key} "
                    "ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE ({known}) IS DISTINCT FROM ({excluded})"
                ).format(
                    all=_names(ACCOUNTS.column_names),
                    key=_names(ACCOUNTS.key),
                    assignments=_assignments(values, "excluded"),
                    known=_names(values, "known"),
                    excluded=_names(values, "excluded"),
                )
            )
            return cursor.rowcount

    def latest_positions(self) -> pl.DataFrame:
        """Every account with published rows: names, currency and value of its newest row, its first and last day.

        Two index look-ups an account, however long the history is.
        """
        return self.query(_LATEST_POSITIONS)

    def refresh_daily_totals(self) -> None:
        """Bring ``daily_vendor_totals`` up to date; readers see the old totals until it is done."""
        with self.connect() as connection:
            connection.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY daily_vendor_totals")

    def query(
        self, statement: LiteralString | sql.SQL | sql.Composed, params: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> pl.DataFrame:
        """Give the result of a query that fits in memory; numeric stays Decimal, also an empty result is typed."""
        text = sql.SQL(statement) if isinstance(statement, str) else statement
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(text, params)
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

    def _timeout(self) -> dict[str, Any]:
        return {} if "connect_timeout" in self.url else {"connect_timeout": CONNECT_SECONDS}


def copy_frame(connection: psycopg.Connection, table_name: str, frame: pl.DataFrame) -> None:
    """Append the frame's rows to the table's columns of the same names by COPY, ``COPY_ROWS`` at a time."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(sql.Identifier(table_name), _names(frame.columns))
    with connection.cursor() as cursor, cursor.copy(statement, writer=QueuedLibpqWriter(cursor)) as copy:
        for part in frame.iter_slices(COPY_ROWS):
            buffer = BytesIO()
            part.write_csv(buffer, include_header=False)
            copy.write(buffer.getbuffer())


def _apply_difference(connection: psycopg.Connection, table: Table, rows: pl.DataFrame, place: Mapping[str, Any]) -> SliceChange:
    has_delivery = "delivery_id" in table.column_names
    values = [name for name in table.column_names if name not in table.key]
    parts = {
        "table": sql.Identifier(table.name),
        "slice": sql.SQL("stored.data_source = %(vendor)s AND stored.as_of_date BETWEEN %(first)s AND %(last)s"),
        "key": _names(table.key),
        "all": _names(table.column_names),
        "all_of_incoming": _names(table.column_names, "incoming"),
        "kept": _names((*table.column_names, *_WAREHOUSE_COLUMNS)),
        "kept_of_stored": _names((*table.column_names, *_WAREHOUSE_COLUMNS), "stored"),
        "delivery": sql.SQL("incoming.delivery_id" if has_delivery else "NULL::text"),
        "incoming": _names(values, "incoming"),
        "stored": _names(values, "stored"),
        "assignments": _assignments(values, "incoming"),
        "again": sql.SQL(", reconciliation_date = DEFAULT" if table.name == RECONCILIATION_RESULTS.name else ""),
        "same_row": sql.SQL(" AND ").join(sql.SQL("stored.{0} = difference.{0}").format(sql.Identifier(name)) for name in table.key),
    }

    def run(statement: LiteralString) -> psycopg.Cursor:
        return connection.execute(sql.SQL(statement).format(**parts), place)

    _copy_to_temporary(connection, "incoming", table, rows)
    run(
        "CREATE TEMP TABLE difference ON COMMIT DROP AS "
        "SELECT {key}, {delivery} AS delivery_id, "
        "CASE WHEN stored.id IS NULL THEN 'inserted' WHEN incoming.is_incoming IS NULL THEN 'deleted' ELSE 'updated' END "
        "AS change "
        "FROM (SELECT *, true AS is_incoming FROM incoming) AS incoming "
        "FULL JOIN (SELECT * FROM {table} AS stored WHERE {slice}) AS stored USING ({key}) "
        "WHERE stored.id IS NULL OR incoming.is_incoming IS NULL OR ({incoming}) IS DISTINCT FROM ({stored})"
    )
    connection.execute("ANALYZE difference")
    if table.name == PERFORMANCE_DATA.name:
        run(
            "INSERT INTO performance_data_history ({kept}, superseded_by_delivery_id) "
            "SELECT {kept_of_stored}, nullif(difference.delivery_id, stored.delivery_id) "
            "FROM {table} AS stored JOIN difference ON {same_row} WHERE {slice} AND difference.change <> 'inserted'"
        )
    run("DELETE FROM {table} AS stored USING difference WHERE {same_row} AND {slice} AND difference.change = 'deleted'")
    run(
        "UPDATE {table} AS stored SET {assignments}{again} FROM difference JOIN incoming USING ({key}) "
        "WHERE {same_row} AND {slice} AND difference.change = 'updated'"
    )
    run(
        "INSERT INTO {table} ({all}) SELECT {all_of_incoming} FROM incoming JOIN difference USING ({key}) "
        "WHERE difference.change = 'inserted'"
    )
    counts: dict[str, int] = {"inserted": 0, "updated": 0, "deleted": 0}
    by_delivery: dict[str, tuple[int, int]] = {}
    for delivery_id, change, count in run("SELECT delivery_id, change, count(*) FROM difference GROUP BY delivery_id, change").fetchall():
        counts[change] += count
        if delivery_id is not None:
            inserted, updated = by_delivery.get(delivery_id, (0, 0))
            by_delivery[delivery_id] = (inserted + count, updated) if change == "inserted" else (inserted, updated + count)
    unchanged = rows.height - counts["inserted"] - counts["updated"]
    return SliceChange(counts["inserted"], counts["updated"], counts["deleted"], unchanged, by_delivery)


def _slice_holds_rows(connection: psycopg.Connection, table: Table, place: Mapping[str, Any]) -> bool:
    found = connection.execute(
        sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE data_source = %(vendor)s AND as_of_date BETWEEN %(first)s AND %(last)s)").format(
            sql.Identifier(table.name)
        ),
        place,
    ).fetchone()
    return found is not None and bool(found[0])


def _insert_missing_accounts(connection: psycopg.Connection, rows: pl.DataFrame) -> None:
    known = [name for name in _ACCOUNT_TEXTS if name in rows.columns]
    latest = pl.col("as_of_date").arg_max()
    accounts = rows.group_by(ACCOUNTS.key).agg(pl.col(known).get(latest)).sort(ACCOUNTS.key)
    parts = {"all": _names(accounts.columns), "key": _names(ACCOUNTS.key)}
    connection.execute(sql.SQL("CREATE TEMP TABLE incoming_accounts ON COMMIT DROP AS SELECT {all} FROM accounts LIMIT 0").format(**parts))
    copy_frame(connection, "incoming_accounts", accounts)
    connection.execute(
        sql.SQL(
            "INSERT INTO accounts ({all}) SELECT {all} FROM incoming_accounts AS incoming "
            "WHERE NOT EXISTS (SELECT FROM accounts AS known WHERE known.data_source = incoming.data_source "
            "AND known.account_id = incoming.account_id) ORDER BY {key} ON CONFLICT DO NOTHING"
        ).format(**parts)
    )


def _copy_to_temporary(connection: psycopg.Connection, name: str, table: Table, rows: pl.DataFrame) -> None:
    connection.execute(
        sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0").format(
            sql.Identifier(name), _names(table.column_names), sql.Identifier(table.name)
        )
    )
    copy_frame(connection, name, rows)
    connection.execute(sql.SQL("ANALYZE {} ({})").format(sql.Identifier(name), _names(table.key)))


def _with_the_columns_of(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    expected = table.polars_schema
    wrong = sorted(name for name in expected.keys() | frame.schema.keys() if expected.get(name) != frame.schema.get(name))
    if wrong:
        raise WarehouseError(
            f"the frame is not one of {table.name}: {', '.join(wrong)} missing, unknown or of another type; "
            "give exactly the columns of the data dictionary"
        )
    return frame.select(table.column_names)


def _checked_slice(table: Table, frame: pl.DataFrame, *, vendor: str, first: date, last: date) -> pl.DataFrame:
    if table.name not in _SLICED_TABLES:
        raise WarehouseError(f"{table.name} is not kept in slices; only {' and '.join(_SLICED_TABLES)} are")
    rows = _with_the_columns_of(table, frame)
    belongs = (pl.col("data_source") == vendor) & pl.col("as_of_date").is_between(first, last)
    strangers = rows.height - rows.select(belongs.fill_null(value=False).sum()).item()
    if strangers:
        raise WarehouseError(
            f"{strangers} of {rows.height} rows for {table.name} are not of vendor {vendor} from {first} to {last}; "
            "give the slice its own rows only"
        )
    return rows


def _inserted_by_delivery(rows: pl.DataFrame) -> dict[str, tuple[int, int]]:
    if "delivery_id" not in rows.columns:
        return {}
    return {delivery_id: (count, 0) for delivery_id, count in rows["delivery_id"].value_counts().iter_rows()}


def _names(names: Sequence[str], qualifier: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) if qualifier is None else sql.Identifier(qualifier, name) for name in names)


def _assignments(names: Sequence[str], source: str) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Identifier(source, name)) for name in names)


def _polars_type(column: psycopg.Column, values: Sequence[Any]) -> pl.DataType | None:
    if column.type_code != _NUMERIC_OID:
        return _POLARS_BY_OID.get(column.type_code)
    if column.scale is not None:
        return pl.Decimal(38, column.scale)
    digits = [value.as_tuple().exponent for value in values if value is not None]
    return pl.Decimal(38, max((-exponent for exponent in digits if isinstance(exponent, int)), default=0))


def _first_line(error: psycopg.Error) -> str:
    text = error.diag.message_primary or str(error).strip().split("\n")[0] or type(error).__name__
    detail = error.diag.message_detail
    return f"{text} ({detail[:200]})" if detail else text
