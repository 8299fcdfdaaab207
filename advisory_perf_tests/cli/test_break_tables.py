"""Breaks as the command prints them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from rich.table import Table

from advisory_perf.cli.break_tables import accepted, break_page, breaks_table
from advisory_perf.cli.tables import vendors_table
from advisory_perf.contracts.materiality import Materiality
from advisory_perf.errors import WarehouseError
from advisory_perf.reconciliation.break_measures import Measuring
from advisory_perf.reconciliation.break_work import assign, comment, sign_off
from advisory_perf.warehouse.conditions import condition
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.reconciliation.breaking import AUGUST, JULY, JUNE, MAY, Vendor

pytestmark = pytest.mark.slow

SEEN = Measuring({}, Materiality(Decimal(1000), Decimal("0.001")), datetime(2024, 9, 2, 12, tzinfo=UTC))
"""A Monday, by the calendar of no feed."""


@pytest.fixture
def vendor(warehouse: Warehouse) -> Vendor:
    """An account that broke in May, a whole delivery in June, and the account again since July."""
    made = Vendor(warehouse, factors={JUNE: "1.0837"})
    for day, variance in {MAY: "7", JUNE: "8", JULY: "-1250.5"}.items():
        made.deliver({day: variance})
    return made


def lines(table: Table) -> list[list[str]]:
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def shown(vendor: Vendor, status: str | None = None) -> list[list[str]]:
    return lines(breaks_table(vendor.warehouse, condition({"data_source": "alpha", "status": status}), SEEN))


def test_whole_deliveries_come_first_and_each_line_says_since_when_and_how_it_stands(vendor: Vendor) -> None:
    of_delivery, of_account = shown(vendor)
    assert of_delivery[2:] == [
        *("5,000 accounts", "ending_market_value", str(JUNE), "22", "! times 1.0837", "SYSTEMATIC"),
        f"RESOLVED on {JULY} by file of {JULY}",
    ]
    assert of_account[2:] == ["A", "ending_market_value", f"{MAY}\nto {JULY}", "66", "! -1,250.50", "UNEXPLAINED", "OPEN"]
    assert [row[2] for row in shown(vendor, "OPEN")] == ["A"]


def test_a_sign_off_is_said_and_seen_and_so_is_its_end(vendor: Vendor) -> None:
    name = shown(vendor, "OPEN")[0][0]
    says = accepted(*sign_off(vendor.warehouse, [name], by="Ann", reason="known"))
    assert says == f"{name} (alpha, A, ending_market_value, {JULY}) is SIGNED_OFF at -1,250.50"
    assert shown(vendor, "SIGNED_OFF")[0][-1] == "SIGNED_OFF by Ann: known"
    vendor.deliver({AUGUST: "9"})
    assert shown(vendor, "OPEN")[0][-1] == "OPEN again: Ann accepted another amount"


def test_a_break_whose_valuation_was_withdrawn_says_so(vendor: Vendor) -> None:
    vendor.deliver({AUGUST: "0"})
    vendor.deliver({date(2024, 9, 30): "9"})
    vendor.withdraw(date(2024, 9, 30))
    assert shown(vendor, "RESOLVED_BY_RESTATEMENT")[0][-1] == "RESOLVED_BY_RESTATEMENT on 2024-09-30 by a withdrawal"


def test_the_largest_breaks_of_a_vendor_have_one_line_for_a_whole_delivery(vendor: Vendor) -> None:
    vendor.warehouse.query("UPDATE accounts SET last_as_of_date = %s", [JULY])
    largest = lines(vendors_table(vendor.warehouse))[0][-1].splitlines()
    assert largest == [
        f"5,000 accounts {JUNE} ending_market_value times 1.0837 (SYSTEMATIC)",
        f"A {JULY} ending_market_value -1,250.50 (UNEXPLAINED)",
        f"A {MAY} ending_market_value +7.00 (UNEXPLAINED)",
    ]


def test_a_break_is_shown_with_its_amounts_its_cause_and_what_was_done(vendor: Vendor) -> None:
    name = shown(vendor, "OPEN")[0][0]
    assign(vendor.warehouse, [name], owner="Ann", by="Bob")
    comment(vendor.warehouse, [name], by="Ann", words="asked the vendor")
    about, events = (lines(part) for part in break_page(vendor.warehouse, name, SEEN).renderables if isinstance(part, Table))
    facts = dict(about)
    assert (facts["account"], facts["owner"], facts["since"]) == ("A", "Ann", f"{MAY}, 66 business days, 2 valuations")
    assert (facts["amount"], facts["allowed"], facts["likely cause"]) == ("-1,250.50, material", "0.0100", "UNEXPLAINED")
    assert [row[1:] for row in events] == [
        ["FOUND", "a publication", ""],
        ["ASSIGNED", "Bob", "to Ann"],
        ["COMMENTED", "Ann", "asked the vendor"],
    ]
    assert shown(vendor, "OPEN")[0][-1] == "OPEN\nAnn has it"


def test_a_break_that_is_not_there_is_refused_with_a_sentence(vendor: Vendor) -> None:
    with pytest.raises(WarehouseError, match="there is no break B-none; `advisory-perf breaks list` names them"):
        break_page(vendor.warehouse, "B-none", SEEN)
