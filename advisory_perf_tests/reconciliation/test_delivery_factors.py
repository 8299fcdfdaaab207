"""Breaks of a whole delivery: when one factor is the cause, and when it only seems so."""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReconciledField
from advisory_perf.contracts.tolerance import Allowance
from advisory_perf.performance.net_flow import net_flows
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.quality.rules import breaks, rolled_forward
from advisory_perf.reconciliation.compare import reconcile
from advisory_perf.reconciliation.delivery_factors import common_factors, comparisons, gathered, roll_forwards
from advisory_perf_tests.performance.scenarios import DAY, positions

CENT = Decimal("0.01")
EMV, NET_FLOW, TWRR = ReconciledField
ALLOWANCES = {EMV: Allowance(CENT, Decimal(0)), NET_FLOW: Allowance(CENT, Decimal(0)), TWRR: Allowance(Decimal("0.0001"), Decimal(0))}


def times(amount: str | Decimal, factor: str) -> Decimal:
    """The amount as the vendor prints it, to the cent."""
    return (Decimal(amount) * Decimal(factor)).quantize(CENT, ROUND_HALF_UP)


def account(number: int, factor: str = "1", **others: Any) -> dict[str, Any]:
    """An account that gained one percent, of which the vendor's ending value is off by a factor."""
    begin = Decimal(1000 * (number + 1)) + Decimal(number) / 100
    gain = times(begin, "0.01")
    return {
        "account_id": f"A{number:04}",
        "beginning_market_value": begin,
        "appreciation": gain,
        "ending_market_value": times(begin + gain, factor),
        "vendor_net_flow": None,
        "vendor_twrr": float(gain / begin),
        "vendor_value_half_unit": "0.005",
        "vendor_twrr_half_unit": None,
        **others,
    }


def figures(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    frame = net_flows(positions(*rows).with_columns(pl.col("vendor_twrr", "vendor_twrr_half_unit").cast(pl.Float64())))
    return sub_period_returns(frame, timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.NET)


def reconciled(rows: Sequence[dict[str, Any]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Results and factors of the accounts."""
    full = figures(rows)
    results = reconcile(full, ALLOWANCES, timing=FlowTiming.END_OF_DAY)
    return results, common_factors(comparisons(results, full))


def causes(results: pl.DataFrame, field: ReconciledField = EMV) -> list[str | None]:
    return results.filter(field_name=field.value)["likely_cause"].to_list()


def factors_of(rows: Sequence[dict[str, Any]]) -> list[tuple[str, float, int, int]]:
    _, factors = reconciled(rows)
    return [
        (field, round(float(factor), 6), accounts, compared)
        for field, factor, accounts, compared in factors.select("field_name", "factor", "accounts", "accounts_compared").rows()
    ]


def test_a_file_in_another_currency_has_one_factor_and_its_rows_stay_honest() -> None:
    rows = [account(number, "1.0837") for number in range(12)]
    results, factors = reconciled(rows)
    assert factors_of(rows) == [("ending_market_value", 1.0837, 12, 12)]
    assert causes(results) == ["SYSTEMATIC"] * 12
    assert not results.filter(field_name="ending_market_value")["within_tolerance"].any()
    assert factors.row(0, named=True)["delivery_id"] == "d1"


def test_the_returns_that_agree_with_our_ending_values_are_scaled_by_the_same() -> None:
    results, _ = reconciled([account(number, "1.0837") for number in range(12)])
    assert causes(results, TWRR) == ["SYSTEMATIC"] * 12
    other = reconciled([*(account(number, "1.0837") for number in range(11)), account(11, "1.0837", vendor_twrr=0.5)])[0]
    assert causes(other, TWRR) == ["SYSTEMATIC"] * 11 + ["UNEXPLAINED"]


@pytest.mark.parametrize(("factor", "is_one"), [("1000", True), ("0.01", True), ("-1", True), ("1.00002", True), ("1.000005", False)])
def test_units_signs_and_the_smallest_factor(factor: str, *, is_one: bool) -> None:
    found = factors_of([account(number * 100, factor) for number in range(20)])
    assert [row[1] for row in found] == ([float(factor)] if is_one else [])


@pytest.mark.parametrize(("off", "is_one"), [("0.4", True), ("3", False)])
@pytest.mark.parametrize("factor", ["100", "-100"])
def test_our_figure_may_be_off_by_the_tolerance_before_it_is_multiplied(factor: str, off: str, *, is_one: bool) -> None:
    """A cent of ours is one whole unit of a vendor's figure that is a hundred times as large, whatever its sign."""
    rows = [account(number, factor) for number in range(20)]
    rows = [{**row, "ending_market_value": row["ending_market_value"] + Decimal(off) * (-1) ** n} for n, row in enumerate(rows)]
    assert [accounts for _, _, accounts, _ in factors_of(rows)] == ([20] if is_one else [])


def test_fewer_than_ten_accounts_keep_their_own_causes() -> None:
    assert len(factors_of([account(number, "1.1") for number in range(10)])) == 1
    nine = [account(number, "1.1") for number in range(9)]
    assert factors_of(nine) == []
    assert causes(reconciled(nine)[0]) == ["UNEXPLAINED"] * 9


def test_one_account_in_twenty_may_break_for_a_reason_of_its_own_and_keeps_it() -> None:
    rows = [account(number, "1.1") for number in range(19)]
    one_off = [*rows, account(19, "1.3")]
    assert factors_of(one_off) == [("ending_market_value", 1.1, 19, 20)]
    assert causes(reconciled(one_off)[0]) == ["SYSTEMATIC"] * 19 + ["UNEXPLAINED"]
    assert factors_of([*one_off, account(20, "1.4")]) == [], "19 of 21 are fewer than 95 in 100"


def test_half_a_file_that_is_off_is_not_the_file() -> None:
    assert factors_of([account(number, "1.1" if number % 2 else "1") for number in range(60)]) == []


def test_breaks_of_the_same_amount_are_no_factor() -> None:
    rows = [account(number) for number in range(20)]
    assert factors_of([{**row, "ending_market_value": row["ending_market_value"] + 5} for row in rows]) == []


def test_accounts_without_a_value_say_nothing_of_a_factor() -> None:
    empty: dict[str, Any] = {"beginning_market_value": 0, "appreciation": 0, "ending_market_value": 0, "vendor_twrr": None}
    rows = [*(account(number, "1.1") for number in range(10)), *(account(number, **empty) for number in range(10, 40))]
    assert factors_of(rows) == [("ending_market_value", 1.1, 10, 10)]


def test_the_largest_account_may_be_off_for_a_reason_of_its_own() -> None:
    rows = [account(number, "1.1") for number in range(19)]
    largest = account(500, "1.1")
    off = {**largest, "ending_market_value": largest["ending_market_value"] + 30000}
    assert factors_of([*rows, off]) == [("ending_market_value", 1.1, 19, 20)], "30,000 of 556,600 keep it from being near"


def test_each_delivery_has_its_own_factor() -> None:
    rows = [*(account(number, "1.1") for number in range(10)), *(account(number, "1.2", delivery_id="d2") for number in range(10, 20))]
    _, factors = reconciled([*rows, *(account(number, delivery_id="d3") for number in range(20, 40))])
    assert [(delivery, round(float(factor), 6)) for delivery, factor in factors.select("delivery_id", "factor").rows()] == [
        ("d1", 1.1),
        ("d2", 1.2),
    ]


def test_net_flows_have_factors_too_and_accounts_without_flows_no_say() -> None:
    flows = [account(number, contributions=(number + 1) * 100, vendor_net_flow=(number + 1) * 110) for number in range(10)]
    quiet = [account(number, vendor_net_flow=0) for number in range(10, 40)]
    found = [row for row in factors_of([*flows, *quiet]) if row[0] == "net_flow"]
    assert found == [("net_flow", 1.1, 10, 10)]


def test_a_whole_file_in_another_currency_is_seen_by_its_beginnings() -> None:
    """Within a row everything agrees: only the ending values before it, in the account's currency, tell."""
    before = positions(
        *({"account_id": f"A{n:04}", "as_of_date": date(2024, 5, 31), "ending_market_value": 1000 * (n + 1)} for n in range(12))
    )
    rows = [account(n, beginning_market_value=times(Decimal(1000 * (n + 1)), "1.0837")) for n in range(12)]
    (found,) = common_factors(roll_forwards(rolled_forward(positions(*rows), before))).rows(named=True)
    assert (found["field_name"], round(float(found["factor"]), 6), found["accounts"]) == ("beginning_market_value", 1.0837, 12)
    quiet = positions(*(account(n, beginning_market_value=1000 * (n + 1)) for n in range(12)))
    assert common_factors(roll_forwards(rolled_forward(quiet, before))).is_empty()


def test_a_list_for_people_has_one_row_for_the_delivery_and_the_accounts_own_below() -> None:
    results, factors = reconciled([*(account(number, "1.1") for number in range(19)), account(19, "1.3")])
    own = breaks(results).filter(pl.col("likely_cause") != "SYSTEMATIC")
    rows = gathered(own, factors).select("account_id", "field_name", "accounts", "likely_cause").rows()
    assert rows == [
        (None, "ending_market_value", 19, "SYSTEMATIC"),
        ("A0019", "ending_market_value", None, "UNEXPLAINED"),
        ("A0019", "twrr", None, "UNEXPLAINED"),
    ]


def test_nothing_compared_has_no_factor() -> None:
    results, factors = reconciled([account(0)])
    assert factors.is_empty()
    assert common_factors(comparisons(results.clear(), figures([account(0)]))).is_empty()


amounts = st.lists(st.integers(10_000, 10**11), min_size=10, max_size=60, unique=True)


@settings(deadline=None, max_examples=30)
@given(amounts, st.integers(100, 99_999).filter(lambda digits: abs(digits - 10_000) > 10))
def test_every_factor_that_is_rounded_to_the_cent_is_found(cents: list[int], digits: int) -> None:
    factor = Decimal(digits) / 10_000
    ours = [Decimal(amount) / 100 for amount in cents]
    compared = pl.DataFrame(
        {
            "data_source": "acme",
            "delivery_id": "d1",
            "as_of_date": DAY,
            "field_name": "net_flow",
            "account_id": [str(place) for place in range(len(ours))],
            "calculated_value": ours,
            "vendor_value": [times(amount, str(factor)) for amount in ours],
            "tolerance_threshold": CENT,
            "is_break": True,
        }
    )
    (found,) = common_factors(compared).rows(named=True)
    assert abs(found["factor"] - factor) <= Decimal("0.005") / min(map(abs, ours))
    assert found["accounts"] == len(ours)
