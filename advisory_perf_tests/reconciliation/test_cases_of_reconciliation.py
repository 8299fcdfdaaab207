"""The cases of reconciliation that the figures of a pipeline already answer."""

from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.contracts.enums import Cause, FeeBasis, FlowTiming, ReconciledField, ReturnStatus
from advisory_perf.contracts.tolerance import Allowance
from advisory_perf.performance.net_flow import net_flows
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.quality.rules import roll_forward_failures
from advisory_perf.reconciliation.compare import reconcile
from advisory_perf_tests.ingestion.cases import case
from advisory_perf_tests.performance.scenarios import DAY, positions

EMV, TWRR = ReconciledField.ENDING_MARKET_VALUE, ReconciledField.TWRR
ALLOWANCES = {EMV: Allowance(Decimal("0.01"), Decimal(0)), TWRR: Allowance(Decimal("0.0001"), Decimal(0))}
BASE = {
    "beginning_market_value": "1000000.00",
    "contributions": "50000.00",
    "distributions": "20000.00",
    "income": "3000.00",
    "appreciation": "7500.00",
    "fees": "500.00",
    "ending_market_value": "1040000.00",
    "vendor_twrr": 0.0098522167,  # (1040000 - 1000000 - 30000) / (1000000 + 30000 / 2)
    "vendor_value_half_unit": "0.005",
    "vendor_twrr_half_unit": None,
}


def result(
    field: ReconciledField, *, timing: FlowTiming = FlowTiming.MID_DAY, fee_basis: FeeBasis = FeeBasis.NET, **row: Any
) -> dict[str, Any]:
    """The comparison of one figure of the base row, with other values."""
    frame = sub_period_returns(net_flows(positions({**BASE, **row})), timing=timing, fee_basis=fee_basis)
    return reconcile(frame, {field: ALLOWANCES[field]}, timing=timing, fee_basis=fee_basis).row(0, named=True)


def test_the_base_row_agrees() -> None:
    assert result(EMV)["within_tolerance"]
    assert result(TWRR)["within_tolerance"]


@case("rec-001")
def test_a_cent_is_within_tolerance_and_no_break() -> None:
    """A variance that passes has no cause; ROUNDING is said of one that is a little larger than what passes."""
    found = result(EMV, ending_market_value="1040000.01")
    assert (found["variance"], found["within_tolerance"], found["likely_cause"]) == (Decimal("-0.01"), True, None)
    assert result(EMV, ending_market_value="1040000.02")["likely_cause"] == Cause.ROUNDING


@case("rec-003")
def test_a_beginning_that_is_not_the_last_ending_is_found_with_both_values() -> None:
    """It is a failing check of the window, with the account and the two values; it does not keep the row from being published."""
    before = positions({"as_of_date": DAY.replace(day=1), "ending_market_value": "1000000.00"})
    found = roll_forward_failures(positions({**BASE, "beginning_market_value": "999000.00"}), before).row(0, named=True)
    assert found["beginning_market_value"] - found["previous_ending_market_value"] == Decimal(-1000)
    assert roll_forward_failures(positions(BASE), before).is_empty()


@case("rec-006")
def test_a_return_that_differs_by_the_fees_is_classified_so() -> None:
    gross = (1_040_500 - 1_000_000 - 30_000) / 1_015_000
    found = result(TWRR, vendor_twrr=gross)
    assert (found["within_tolerance"], found["likely_cause"]) == (False, Cause.FEE_BASIS)


@case("rec-007")
def test_a_return_under_another_flow_timing_is_classified_so_and_agrees_under_it() -> None:
    flows: dict[str, Any] = {"contributions": "400000", "distributions": "300000", "ending_market_value": "1130000"}
    theirs = (1_130_000 + 300_000) / (1_000_000 + 400_000) - 1  # 2.14 %; with both at the start 1130000 / 1100000 - 1 = 2.73 %
    found = result(TWRR, vendor_twrr=theirs, timing=FlowTiming.START_OF_DAY, **flows)
    assert (found["within_tolerance"], found["likely_cause"]) == (False, Cause.FLOW_TIMING)
    assert result(TWRR, vendor_twrr=theirs, timing=FlowTiming.INFLOW_START_OUTFLOW_END, **flows)["within_tolerance"]


@pytest.mark.parametrize("timing", [timing for timing in FlowTiming if timing is not FlowTiming.WEIGHTED])
@case("rec-008")
def test_an_account_that_is_funded_from_nothing_has_the_return_on_its_funding(timing: FlowTiming) -> None:
    funded = {"beginning_market_value": "0", "contributions": "1000000", "distributions": "0", "ending_market_value": "1010000"}
    row = sub_period_returns(net_flows(positions({**BASE, **funded})), timing=timing, fee_basis=FeeBasis.NET).row(0, named=True)
    assert (row["calculated_twrr"], row["return_status"]) == (pytest.approx(0.01, abs=1e-12), ReturnStatus.OK)
    nothing = {**funded, "contributions": "0"}
    empty = sub_period_returns(net_flows(positions({**BASE, **nothing})), timing=timing, fee_basis=FeeBasis.NET).row(0, named=True)
    assert (empty["calculated_twrr"], empty["return_status"]) == (None, ReturnStatus.UNDEFINED_BASE)
