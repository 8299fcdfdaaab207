"""A break beside what is published of another vendor, whose accounts may have the same names."""

from datetime import date
from decimal import Decimal

import pytest

from advisory_perf.reconciliation.break_work import sign_off
from advisory_perf.reconciliation.breaks import bring_breaks_up_to_date
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.reconciliation.breaking import AUGUST, JULY, JUNE, MAY, Vendor

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("factors", [{}, dict.fromkeys((MAY, JUNE, JULY), "1.08")], ids=["account", "whole delivery"])
def test_a_good_valuation_of_another_vendor_neither_ends_a_break_nor_parts_it(warehouse: Warehouse, factors: dict[date, str]) -> None:
    Vendor(warehouse, "beta").deliver({date(2024, 6, 10): "0"})
    vendor = Vendor(warehouse, factors=factors)
    for day in (MAY, JUNE, JULY):
        vendor.deliver({day: "7"})
    vendor.deliver({JUNE: "8"})
    assert vendor.breaks("first_as_of_date", "last_as_of_date", "valuations", "status") == [(MAY, JULY, 3, "OPEN")]


def test_the_factors_of_another_vendor_on_the_same_days_stay(warehouse: Warehouse) -> None:
    for name in ("beta", "alpha"):
        Vendor(warehouse, name, factors={MAY: "1.08"}).deliver({MAY: "8"})
    factors = "SELECT data_source, factor FROM delivery_factors ORDER BY data_source"
    assert warehouse.query(factors).rows() == [("alpha", Decimal("1.08")), ("beta", Decimal("1.08"))]
    assert Vendor(warehouse, "beta").breaks("factor", "status") == [(Decimal("1.08"), "OPEN")]


def test_of_the_factors_of_one_day_that_of_most_accounts_is_reported_with_the_accounts_of_all(warehouse: Warehouse) -> None:
    vendor = Vendor(warehouse, factors={MAY: "1.08"})
    vendor.deliver({MAY: "8"}, "of most")
    with warehouse.connect() as connection:
        connection.execute(
            "INSERT INTO delivery_factors (data_source, delivery_id, as_of_date, field_name, factor, accounts, accounts_compared)"
            " SELECT data_source, 'of few', as_of_date, field_name, 2, 10, 10 FROM delivery_factors"
        )
        bring_breaks_up_to_date(connection, "alpha", first=MAY, last=MAY)
    assert vendor.breaks("factor", "accounts", "delivery_id") == [(Decimal("1.08"), 5010, "of most")]


def test_a_sign_off_holds_for_its_figure_and_for_no_other_of_the_same_amount(warehouse: Warehouse) -> None:
    vendor = Vendor(warehouse, figures=("ending_market_value", "net_flow"))
    vendor.deliver({MAY: "7"})
    (accepted,) = (name for name, figure in vendor.breaks("break_id", "field_name") if figure == "net_flow")
    sign_off(warehouse, [accepted], by="desk", reason="known")
    vendor.deliver({JUNE: "7"})
    assert set(vendor.breaks("field_name", "status", "valuations")) == {("ending_market_value", "OPEN", 2), ("net_flow", "SIGNED_OFF", 2)}
    vendor.deliver({JULY: "0"})
    vendor.deliver({AUGUST: "7"})
    assert set(vendor.breaks("field_name", "status", "first_as_of_date")) >= {
        ("ending_market_value", "OPEN", AUGUST),
        ("net_flow", "SIGNED_OFF", AUGUST),
    }


def test_the_next_day_that_ends_a_whole_deliverys_break_is_in_the_delivery_of_most_accounts(warehouse: Warehouse) -> None:
    vendor = Vendor(warehouse, factors={MAY: "1.08"}, others=3)
    vendor.deliver({MAY: "8"})
    vendor.deliver({JUNE: "0"}, "a delivery of one account")
    assert vendor.breaks("status", "resolved_on", "resolved_by_delivery_id") == [("RESOLVED", JUNE, "of the others")]
