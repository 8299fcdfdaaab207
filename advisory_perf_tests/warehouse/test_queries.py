"""What a person is told of deliveries, vendors and their largest breaks."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.contracts.tables import ACCOUNTS, PERFORMANCE_DATA, RECONCILIATION_RESULTS
from advisory_perf.positions.accounts_store import upsert_accounts
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.queries import largest_breaks, pass_rates, vendor_overview
from advisory_perf_tests.warehouse.scenarios import JANUARY, put, replace_slice, rows_of, valuation

pytestmark = pytest.mark.slow

SECOND = date(2024, 1, 2)


def result(account: str, variance: str | None, *, tolerance: str = "1", **others: Any) -> dict[str, Any]:
    """One comparison of vendor alpha; without a variance nothing was compared."""
    return {
        "data_source": "alpha",
        "account_id": account,
        "as_of_date": JANUARY,
        "field_name": "net_flow",
        "variance": None if variance is None else Decimal(variance),
        "tolerance_threshold": Decimal(tolerance),
        "within_tolerance": None if variance is None else abs(Decimal(variance)) <= Decimal(tolerance),
        "likely_cause": None,
        **others,
    }


def results(warehouse: Warehouse, *rows: dict[str, Any], vendor: str = "alpha") -> None:
    frame = rows_of(RECONCILIATION_RESULTS, *({**row, "data_source": vendor} for row in rows))
    replace_slice(warehouse, RECONCILIATION_RESULTS, frame, vendor=vendor, first=JANUARY, last=SECOND)


def test_a_deliverys_pass_rate_is_that_of_its_rows_that_were_compared(warehouse: Warehouse) -> None:
    states = ("COMPLETED", "COMPLETED", "COMPLETED", "COMPLETED_WITH_ISSUES", "PENDING")
    rows = [valuation(f"A-{number}", JANUARY, reconciliation_status=state) for number, state in enumerate(states)]
    uncompared = valuation("B", JANUARY, delivery_id="uncompared", reconciliation_status="PENDING")
    put(warehouse, rows_of(PERFORMANCE_DATA, *rows, uncompared, valuation("C", JANUARY, delivery_id="not asked for")))
    assert pass_rates(warehouse, ["first", "uncompared", "none"]) == {"first": 0.75, "uncompared": None}


def test_each_vendor_has_its_accounts_rows_latest_day_and_breaks(warehouse: Warehouse) -> None:
    put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A", JANUARY), valuation("A", SECOND), valuation("B", JANUARY)))
    other = rows_of(PERFORMANCE_DATA, valuation("A", JANUARY, data_source="beta"))
    replace_slice(warehouse, PERFORMANCE_DATA, other, vendor="beta", first=JANUARY, last=SECOND)
    results(warehouse, result("A", "5"), result("B", "0"), result("B", None, as_of_date=SECOND))
    days = {"first_as_of_date": JANUARY, "currency": "USD", "is_open": True}
    accounts = [("alpha", "A", SECOND), ("alpha", "B", JANUARY), ("beta", "A", JANUARY)]
    with warehouse.connect() as connection:
        known = [{"data_source": vendor, "account_id": account, "last_as_of_date": day, **days} for vendor, account, day in accounts]
        upsert_accounts(connection, rows_of(ACCOUNTS, *known))
    found = vendor_overview(warehouse).select("data_source", "accounts", "rows", "latest", "breaks")
    assert found.rows() == [("alpha", 2, 3, SECOND, 1), ("beta", 1, 1, JANUARY, 0)]


def test_the_largest_breaks_are_those_of_most_tolerances_after_whole_deliveries(warehouse: Warehouse) -> None:
    results(
        warehouse,
        result("three", "-3"),
        result("two", "2"),
        result("four", "0.04", tolerance="0.01"),
        result("without tolerance", "0.0001", tolerance="0"),
        result("good", "1"),
        result("not compared", None),
        result("of the delivery", "9", likely_cause="SYSTEMATIC"),
    )
    results(warehouse, result("beta's", "99"), vendor="beta")
    with warehouse.connect() as connection:
        for vendor, day, accounts in (("alpha", JANUARY, 5), ("alpha", SECOND, 7), ("beta", JANUARY, 9)):
            connection.execute(
                "INSERT INTO delivery_factors (data_source, delivery_id, as_of_date, field_name, factor, accounts, accounts_compared)"
                " VALUES (%s, 'first', %s, 'ending_market_value', 1.08, %s, 9)",
                [vendor, day, accounts],
            )
    found = largest_breaks(warehouse, "alpha", 10).select("account_id", "accounts", "factor")
    factor = Decimal("1.08")
    order = [("without tolerance", None, None), ("four", None, None), ("three", None, None), ("two", None, None)]
    assert found.rows() == [(None, 7, factor), (None, 5, factor), *order]
    assert largest_breaks(warehouse, "alpha", 3).equals(largest_breaks(warehouse, "alpha", 10).head(3))
    assert largest_breaks(warehouse, "gamma", 3).height == 0
