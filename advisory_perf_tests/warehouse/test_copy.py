"""Frames into tables and back, cell for cell."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import COPY_ROWS, copied, copy_frame

pytestmark = pytest.mark.slow

CELLS = pl.DataFrame(
    {
        "name": ["", None, "null", 'a "b"', "c,\r\nd\n", "\\N", " e ", "Ä\t€"],
        "amount": [
            Decimal(text) for text in ("0.000000000001", "-0.000000000001", "99999999999999999999999999.999999999999", "7", "0", "-1.5")
        ]
        + [None, Decimal(1)],
        "number": [2**63 - 1, -(2**63), 0, 1, 2, 3, 4, None],
        "flag": [True, False, None, True, False, None, True, False],
        "day": [date(1, 1, 1), date(9999, 12, 31), None, *[date(2024, 3, 4)] * 5],
        "instant": [
            datetime(2024, 3, 4, 5, 6, 7, 123456, UTC),
            datetime(2024, 3, 4, tzinfo=UTC),
            None,
            *[datetime(1969, 1, 1, tzinfo=UTC)] * 5,
        ],
    },
    schema_overrides={"amount": pl.Decimal(38, 12), "instant": pl.Datetime("us", "UTC")},
)
COLUMNS = "name text, amount numeric(38, 12), number bigint, flag boolean, day date, instant timestamptz"


@pytest.mark.parametrize("datestyle", ["ISO, MDY", "SQL, DMY", "German"])
def test_what_is_copied_out_is_what_was_copied_in(shared_warehouse: Warehouse, datestyle: str) -> None:
    with shared_warehouse.connect() as connection:
        connection.execute(f"CREATE TEMP TABLE cells ({COLUMNS}) ON COMMIT DROP".encode())
        connection.execute("SELECT set_config('datestyle', %s, true)", [datestyle])
        copy_frame(connection, "cells", CELLS)
        found = copied(connection, "SELECT * FROM cells WHERE number IS DISTINCT FROM %(not)s", CELLS.schema, {"not": 3})
    expected = CELLS.filter(pl.col("number").ne_missing(3))
    assert found.equals(expected)
    assert found.schema == expected.schema


def test_rows_come_in_their_order_over_several_batches(shared_warehouse: Warehouse) -> None:
    with shared_warehouse.connect() as connection:
        found = copied(
            connection,
            "SELECT number, 'line' || chr(10) || number FROM generate_series(1, %(rows)s) AS number",
            pl.Schema({"number": pl.Int64(), "name": pl.String()}),
            {"rows": 2 * COPY_ROWS + 1},
        )
    numbers = range(1, 2 * COPY_ROWS + 2)
    assert found.rows() == [(number, f"line\n{number}") for number in numbers]


def test_a_query_without_rows_gives_a_frame_of_its_types(shared_warehouse: Warehouse) -> None:
    with shared_warehouse.connect() as connection:
        schema = CELLS.schema
        found = copied(connection, "SELECT '', 1.0::numeric, 1, true, now()::date, now() WHERE false", schema)
    assert (found.height, found.schema) == (0, schema)
