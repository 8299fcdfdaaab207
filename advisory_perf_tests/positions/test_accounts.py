"""Inception, status and the day since when: by published rows alone, whatever the order they came in."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.tables import PERFORMANCE_DATA
from advisory_perf.positions.accounts import account_register
from advisory_perf.positions.accounts_store import latest_positions, upsert_accounts
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.migrations import migrate
from advisory_perf_tests.warehouse.scenarios import replace_slice, rows_of, valuation

FIRST, LAST = date(2024, 1, 30), date(2024, 2, 8)
ASSETS, EMPTIED, RESIDUAL, NOTHING, UNKNOWN = "assets", "emptied", "residual", "nothing", "unknown"
ROWS: dict[str, dict[str, Any]] = {
    ASSETS: {"ending_market_value": Decimal(100), "beginning_market_value": Decimal(90), "is_closed": False},
    EMPTIED: {"ending_market_value": Decimal(0), "beginning_market_value": Decimal(100), "is_closed": True},
    RESIDUAL: {"ending_market_value": Decimal("0.01"), "beginning_market_value": Decimal(100), "is_closed": True},
    NOTHING: {"ending_market_value": Decimal(0), "beginning_market_value": Decimal(0), "is_closed": True},
    UNKNOWN: {"ending_market_value": Decimal(0), "beginning_market_value": Decimal(0), "is_closed": None},
}


CASES = [
    ([ASSETS], (True, "ACTIVE", 0, 0)),
    ([NOTHING, NOTHING], (False, "EMPTY", 0, None)),
    ([NOTHING, NOTHING, ASSETS, ASSETS], (True, "ACTIVE", 2, 2)),
    ([ASSETS, EMPTIED, NOTHING], (False, "CLOSED", 1, 0)),
    ([ASSETS, RESIDUAL], (False, "CLOSED", 1, 0)),
    ([ASSETS, EMPTIED, ASSETS, ASSETS], (True, "ACTIVE", 2, 0)),
    ([ASSETS, EMPTIED, ASSETS, EMPTIED], (False, "CLOSED", 3, 0)),
    ([ASSETS, UNKNOWN, UNKNOWN], (False, "EMPTY", 1, 0)),
]
"""Kinds of rows by day; whether it is open, its status, and the days of status and inception."""


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def published(kinds: Sequence[str]) -> pl.DataFrame:
    return rows_of(PERFORMANCE_DATA, *({**valuation("A-1", day(number)), **ROWS[kind]} for number, kind in enumerate(kinds)))


def put(warehouse: Warehouse, rows: pl.DataFrame, first: date = FIRST, last: date = LAST) -> None:
    replace_slice(warehouse, PERFORMANCE_DATA, rows, vendor="alpha", first=first, last=last)


def register(warehouse: Warehouse) -> pl.DataFrame:
    with warehouse.connect() as connection:
        return account_register(latest_positions(connection))


def standing(warehouse: Warehouse) -> tuple[Any, ...]:
    return register(warehouse).select("is_open", "status", "status_date", "inception_date").row(0)


@pytest.mark.parametrize(("kinds", "expected"), CASES)
def test_an_account_says_whether_it_holds_assets_and_since_when(
    warehouse: Warehouse, kinds: list[str], expected: tuple[bool, str, int, int | None]
) -> None:
    put(warehouse, published(kinds))
    is_open, status, since, inception = expected
    assert standing(warehouse) == (is_open, status, day(since), None if inception is None else day(inception))


@pytest.mark.parametrize(("kinds", "expected"), CASES)
def test_accounts_that_were_published_before_are_looked_through_once(
    warehouse: Warehouse, warehouse_url: str, kinds: list[str], expected: tuple[bool, str, int, int | None]
) -> None:
    put(warehouse, published(kinds))
    with psycopg.connect(warehouse_url, autocommit=True) as connection:
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0040_accounts_looked_through'")
    assert migrate(warehouse_url) == ["0040_accounts_looked_through"]
    _, status, since, inception = expected
    found = warehouse.query("SELECT status, status_date, inception_date FROM accounts")
    assert found.row(0) == (status, day(since), None if inception is None else day(inception))


def test_money_that_came_and_went_within_one_valuation_is_an_inception(warehouse: Warehouse) -> None:
    through = {"contributions": Decimal(5), "distributions": Decimal(5), "is_closed": True}
    put(warehouse, rows_of(PERFORMANCE_DATA, {**valuation("A-1", FIRST, 0), **through}))
    assert standing(warehouse) == (False, "CLOSED", FIRST, FIRST)


def expected_of(kinds: Sequence[str]) -> tuple[Any, ...]:
    """By looking at every row."""
    is_open = [kind == ASSETS for kind in kinds]
    since = max((number for number, one in enumerate(is_open) if one != is_open[-1]), default=-1) + 1
    funded = [number for number, kind in enumerate(kinds) if kind not in {NOTHING, UNKNOWN}]
    status = "ACTIVE" if is_open[-1] else "CLOSED" if kinds[-1] != UNKNOWN and funded else "EMPTY"
    return is_open[-1], status, day(since), day(funded[0]) if funded else None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(sorted(ROWS)), min_size=1, max_size=7), data=st.data())
def test_the_order_of_arrival_and_restatements_make_no_difference(warehouse: Warehouse, kinds: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(kinds))))
    before = data.draw(st.lists(st.sampled_from(sorted(ROWS)), min_size=len(kinds), max_size=len(kinds)))
    put(warehouse, published([]))
    for rows in (published(before), published(kinds)):
        for number in order:
            of_day = rows.filter(pl.col("as_of_date") == day(number))
            put(warehouse, of_day, day(number), day(number))
            with warehouse.connect() as connection:
                upsert_accounts(connection, account_register(latest_positions(connection)))
    assert standing(warehouse) == expected_of(kinds)
    with warehouse.connect() as connection:
        assert upsert_accounts(connection, account_register(latest_positions(connection))) == 0
    stored = warehouse.query("SELECT is_open, status, status_date, inception_date FROM accounts")
    assert stored.row(0) == expected_of(kinds)
