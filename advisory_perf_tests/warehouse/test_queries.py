"""What a person is reported of deliveries, vendors and their largest breaks."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.contracts.tables import ACCOUNTS, PERFORMANCE_DATA, QUARANTINED_ROWS, RECONCILIATION_RESULTS
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.positions.accounts_store import upsert_accounts
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.queries import largest_breaks, pass_rates, vendor_overview
from advisory_perf_tests.deliveries.test_ledger import identity, ingest, january, publish
from advisory_perf_tests.warehouse.scenarios import JANUARY, put, put_totals, replace_slice, rows_of, valuation

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


def test_a_deliverys_pass_rate_is_that_of_its_figures_that_were_compared(warehouse: Warehouse) -> None:
    put_totals(warehouse, "first", JANUARY, compared=3, breaks=1)
    put_totals(warehouse, "first", SECOND, compared=1, breaks=0)
    put_totals(warehouse, "uncompared", date(2024, 1, 3), compared=0, breaks=0)
    put_totals(warehouse, "not asked for", date(2024, 1, 4), compared=1, breaks=1)
    assert pass_rates(warehouse, ["first", "uncompared", "none"]) == {"first": 0.75, "uncompared": None}


def test_each_vendor_has_its_accounts_rows_latest_day_and_breaks(warehouse: Warehouse) -> None:
    put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A", JANUARY), valuation("A", SECOND), valuation("B", JANUARY)))
    other = rows_of(PERFORMANCE_DATA, valuation("A", JANUARY, data_source="beta"))
    replace_slice(warehouse, PERFORMANCE_DATA, other, vendor="beta", first=JANUARY, last=SECOND)
    put_totals(warehouse, "first", JANUARY, compared=2, breaks=1)
    days = {"first_as_of_date": JANUARY, "currency": "USD", "is_open": True, "status": "ACTIVE"}
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


def test_the_dashboard_counts_deliveries_rows_and_issues(warehouse: Warehouse, ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(9), quarantined=2)
    ingest(ledger, "two", january(1), january(9))
    publish(ledger, january(1), january(31))
    ledger.claim(**identity("three", sha256="bytes of two"))
    (row,) = warehouse.query("SELECT * FROM data_quality_dashboard").to_dicts()
    assert (row["vendor"], row["deliveries"], row["deliveries_duplicate"]) == ("alpha", 3, 1)
    assert (row["deliveries_completed"], row["deliveries_completed_with_issues"]) == (1, 1)
    assert (row["rows_read"], row["rows_accepted"], row["rows_quarantined"], row["rows_footer"]) == (20, 16, 2, 2)
    assert (row["latest_as_of_date"], row["issues_high"], row["reconciliation_pass_rate"]) == (january(9), 0, None)


def test_the_dashboards_pass_rate_is_that_of_the_figures_that_were_compared(warehouse: Warehouse, ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(9))
    put_totals(warehouse, "one", january(1), compared=2, breaks=1)
    shown = warehouse.query("SELECT figures_compared, breaks, reconciliation_pass_rate FROM data_quality_dashboard")
    assert shown.rows() == [(2, 1, 0.5)]


def test_a_row_in_quarantine_is_published_where_its_own_vendor_has_another_row_of_its_key(warehouse: Warehouse, ledger: Ledger) -> None:
    row = {"delivery_id": "one", "line_number": 3, "code": "E_NUMBER", "severity": "MEDIUM", "account_id": "A-1", "as_of_date": january(1)}
    issues = rows_of(QUARANTINED_ROWS, {**row, "reason": "no number", "raw_row": "A-1,many"})
    ledger.claim(**identity("one"))
    days = [january(1)]
    ledger.mark_ingested("one", read=2, accepted=1, quarantined=1, duplicate=0, footer=0, as_of_dates=days, issues=issues)
    for vendor, is_published in (("beta", False), ("alpha", True)):
        published = rows_of(PERFORMANCE_DATA, valuation("A-1", january(1), data_source=vendor))
        replace_slice(warehouse, PERFORMANCE_DATA, published, vendor=vendor, first=january(1), last=january(1))
        assert warehouse.query("SELECT is_published FROM quarantine").rows() == [(is_published,)]
