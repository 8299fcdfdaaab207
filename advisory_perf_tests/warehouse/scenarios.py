"""Published rows of a made-up vendor."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from advisory_perf.contracts.columns import Kind
from advisory_perf.contracts.tables import PERFORMANCE_DATA, PUBLISHED, RECONCILIATION_TOTALS, Table
from advisory_perf.positions.publication import SliceChange, publish_slices
from advisory_perf.reconciliation.totals import publish_totals
from advisory_perf.warehouse.connection import Warehouse

JANUARY = date(2024, 1, 1)
FEBRUARY = date(2024, 2, 29)

_BY_KIND: dict[Kind, Any] = {
    Kind.TEXT: None,
    Kind.MONEY: Decimal(0),
    Kind.RATE: Decimal(1),
    Kind.RETURN: 0.0,
    Kind.FIGURE: Decimal(0),
    Kind.FLAG: True,
    Kind.COUNT: 1,
    Kind.DATE: JANUARY,
}


def rows_of(table: Table, *rows: dict[str, Any]) -> pl.DataFrame:
    """Rows of a table where every column that is not named is zero, true or, as text, null."""
    blank = {column.name: _BY_KIND[column.kind] for column in table.columns}
    return pl.DataFrame([{**blank, **row} for row in rows], schema=table.polars_schema)


def valuation(account: str, day: date, value: int = 100, **others: Any) -> dict[str, Any]:
    """One published row of vendor alpha."""
    return {
        "data_source": "alpha",
        "account_id": account,
        "account_name": f"Account {account}",
        "as_of_date": day,
        "ending_market_value": Decimal(value),
        "currency": "USD",
        "file_name": "alpha.csv",
        "delivery_id": "first",
        "return_status": "OK",
        "reconciliation_status": "COMPLETED",
        **others,
    }


def four_valuations() -> pl.DataFrame:
    """Two accounts on two days of two months."""
    return rows_of(
        PERFORMANCE_DATA,
        *(valuation(account, day) for account in ("A-1", "A-2") for day in (date(2024, 1, 31), date(2024, 2, 1))),
    )


def put(warehouse: Warehouse, frame: pl.DataFrame, table: Table = PERFORMANCE_DATA) -> SliceChange:
    """Replaces January and February of the vendor."""
    return replace_slice(warehouse, table, frame, vendor="alpha", first=JANUARY, last=FEBRUARY)


def replace_slice(warehouse: Warehouse, table: Table, frame: pl.DataFrame, *, vendor: str, first: date, last: date) -> SliceChange:
    """Publishes one table alone."""
    (published,) = (one for one in PUBLISHED if one.table is table)
    return publish_slices(warehouse, [(published, frame)], vendor=vendor, first=first, last=last)[table.name]


def put_totals(warehouse: Warehouse, delivery_id: str, day: date, *, compared: int, breaks: int, vendor: str = "alpha") -> None:
    """So many of the delivery's returns of the day were compared, and break, in place of what there was of the day."""
    key = {"data_source": vendor, "as_of_date": day, "field_name": "twrr", "delivery_id": delivery_id}
    rows = rows_of(RECONCILIATION_TOTALS, {**key, "results": compared, "compared": compared, "breaks": breaks})
    with warehouse.connect() as connection:
        publish_totals(connection, vendor, rows, first=day, last=day)


def everything(warehouse: Warehouse, relation: str = "performance_data") -> list[dict[str, Any]]:
    """All columns of a relation, by natural key."""
    return warehouse.query(f"SELECT * FROM {relation} ORDER BY data_source, account_id, as_of_date").to_dicts()
