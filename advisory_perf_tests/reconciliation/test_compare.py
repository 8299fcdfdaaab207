from collections.abc import Mapping
from decimal import Decimal
from itertools import product
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReconciledField
from advisory_perf.contracts.schemas import schema_failures
from advisory_perf.contracts.tables import RECONCILIATION_RESULTS
from advisory_perf.contracts.tolerance import Allowance
from advisory_perf.performance.net_flow import net_flows
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.reconciliation.compare import NOT_COMPARED, NOTHING_INVESTED, published, reconcile
from advisory_perf_tests.performance.scenarios import DAY, positions

EMV, NET_FLOW, TWRR = ReconciledField
CENT = Allowance(Decimal("0.01"), Decimal(0))
POINT = Allowance(Decimal("0.0001"), Decimal(0))
ALL = {EMV: CENT, NET_FLOW: CENT, TWRR: POINT}
QUIET = {"vendor_net_flow": None, "vendor_twrr": None, "vendor_value_half_unit": "0.005", "vendor_twrr_half_unit": None}


def figures(*rows: Mapping[str, Any], timing: FlowTiming = FlowTiming.END_OF_DAY, fee_basis: FeeBasis = FeeBasis.NET) -> pl.DataFrame:
    """Positions with their flows and returns, as a pipeline computes them."""
    given_rows = positions(*({**QUIET, **row} for row in rows)).with_columns(
        pl.col("vendor_twrr", "vendor_twrr_half_unit").cast(pl.Float64())
    )
    weight = Decimal("0.25") if timing is FlowTiming.WEIGHTED else None
    return sub_period_returns(net_flows(given_rows), timing=timing, fee_basis=fee_basis, weight=weight)


def results(frame: pl.DataFrame, allowances: Mapping[ReconciledField, Allowance] = ALL, **conventions: Any) -> pl.DataFrame:
    found = reconcile(frame, allowances, **{"timing": FlowTiming.END_OF_DAY, **conventions})
    assert schema_failures(found, RECONCILIATION_RESULTS).height == 0
    return found


def outcome(field: ReconciledField, allowance: Allowance, **row: Any) -> dict[str, Any]:
    return results(figures(row), {field: allowance}).row(0, named=True)


def cause(row: Mapping[str, Any], *, timing: FlowTiming = FlowTiming.END_OF_DAY, fee_basis: FeeBasis = FeeBasis.NET) -> str | None:
    weight = Decimal("0.25") if timing is FlowTiming.WEIGHTED else None
    frame = figures(row, timing=timing, fee_basis=fee_basis)
    found = results(frame, {TWRR: POINT}, timing=timing, fee_basis=fee_basis, weight=weight).row(0, named=True)
    assert found["within_tolerance"] == (found["likely_cause"] is None)
    likely: str | None = found["likely_cause"]
    return likely


def test_every_figure_is_compared_for_every_account_and_day() -> None:
    rows: list[dict[str, Any]] = [
        {"vendor_net_flow": 0, "vendor_twrr": 0.0},
        {"account_id": "A2", "vendor_net_flow": 0, "vendor_twrr": 0.0},
    ]
    found = results(figures(*rows))
    assert found.select("field_name", "account_id").rows() == [
        (field.value, account) for field in ReconciledField for account in ("A1", "A2")
    ]
    assert found["within_tolerance"].all()
    assert found["as_of_date"].unique().to_list() == [DAY]


@pytest.mark.parametrize(("share", "expected"), [(None, "FLOW_TIMING"), (Decimal("0.001"), "UNEXPLAINED")])
def test_a_return_on_a_residual_is_tried_with_the_share_that_counts_as_nothing(share: Decimal | None, expected: str) -> None:
    """99,900 % from a cent is what another timing gives only where the cent counts as a base."""
    row = {"beginning_market_value": "0.01", "contributions": "1000", "ending_market_value": "1010", "vendor_twrr": 999.0}
    frame = figures(row, timing=FlowTiming.START_OF_DAY)
    found = results(frame, {TWRR: POINT}, timing=FlowTiming.START_OF_DAY, residual_base=share)
    assert found["likely_cause"].to_list() == [expected]


def test_a_variance_exactly_at_the_tolerance_passes_and_the_least_beyond_it_breaks() -> None:
    at = outcome(EMV, CENT, appreciation="0.01", ending_market_value="100")
    assert (at["variance"], at["tolerance_threshold"], at["within_tolerance"], at["likely_cause"]) == (
        Decimal("0.01"),
        Decimal("0.01"),
        True,
        None,
    )
    for beyond, variance in {"0.0101": "0.0101", "0.02": "0.02", "-0.02": "-0.02"}.items():
        found = outcome(EMV, CENT, appreciation=beyond, ending_market_value="100")
        assert (found["variance"], found["within_tolerance"]) == (Decimal(variance), False)


def test_large_amounts_are_compared_to_the_cent() -> None:
    huge = {"beginning_market_value": "12345678901234567890.12", "ending_market_value": "12345678901234567890.12"}
    assert outcome(EMV, CENT, **huge, appreciation="0.01")["within_tolerance"]
    assert not outcome(EMV, CENT, **huge, appreciation="0.02")["within_tolerance"]


@pytest.mark.parametrize(("net_flow", "passes"), [("9.99", True), ("10.01", True), ("9.98", False), ("10.02", False), ("-10", False)])
def test_net_flows_are_compared(net_flow: str, *, passes: bool) -> None:
    assert outcome(NET_FLOW, CENT, contributions=10, vendor_net_flow=net_flow)["within_tolerance"] is passes


@pytest.mark.parametrize(("twrr", "passes"), [(0.0101, True), (0.0099, True), (0.01011, False), (0.0098, False)])
def test_a_return_may_differ_by_a_basis_point(twrr: float, *, passes: bool) -> None:
    assert outcome(TWRR, POINT, ending_market_value=101, vendor_twrr=twrr)["within_tolerance"] is passes


def test_half_a_unit_of_the_vendors_last_digit_always_passes() -> None:
    whole_dollars = {"appreciation": "0.5", "ending_market_value": "100", "vendor_value_half_unit": "0.5"}
    assert outcome(EMV, CENT, **whole_dollars)["within_tolerance"]
    assert not outcome(EMV, CENT, **{**whole_dollars, "appreciation": "0.51"})["within_tolerance"]
    whole_percents = {"ending_market_value": "101.5", "vendor_twrr": 0.01, "vendor_twrr_half_unit": 0.005}
    assert outcome(TWRR, POINT, **whole_percents)["within_tolerance"]
    assert not outcome(TWRR, POINT, **{**whole_percents, "ending_market_value": "101.51"})["within_tolerance"]


def test_a_relative_tolerance_is_a_fraction_of_the_larger_figure_either_way_round() -> None:
    thousandth = Allowance(Decimal("0.01"), Decimal("0.001"))
    for ours, theirs in (("1000", "999"), ("999", "1000")):
        found = outcome(EMV, thousandth, beginning_market_value=ours, ending_market_value=theirs)
        assert (found["tolerance_threshold"], found["within_tolerance"]) == (Decimal(1), True)
    assert not outcome(EMV, thousandth, beginning_market_value="1000", ending_market_value="998.99")["within_tolerance"]
    assert outcome(EMV, thousandth, beginning_market_value="-1000", ending_market_value="-999")["within_tolerance"]
    assert outcome(EMV, thousandth, beginning_market_value="1", ending_market_value="1.01")["tolerance_threshold"] == Decimal("0.01")


def test_a_figure_that_the_vendor_does_not_give_is_not_compared() -> None:
    found = results(figures({}), {NET_FLOW: CENT, TWRR: POINT})
    assert found["within_tolerance"].to_list() == [None, None]
    assert found["notes"].to_list() == [NOT_COMPARED] * 2
    assert found["likely_cause"].null_count() == 2


def test_our_null_against_a_return_of_theirs_is_a_break_of_an_undefined_base() -> None:
    found = outcome(TWRR, POINT, beginning_market_value=0, ending_market_value=0, vendor_twrr=0.01)
    assert (found["calculated_value"], found["within_tolerance"], found["likely_cause"]) == (None, False, "UNDEFINED_BASE")


@pytest.mark.parametrize("timing", FlowTiming)
def test_nothing_earned_on_nothing_is_no_break_and_anything_else_is(timing: FlowTiming) -> None:
    """Of beginning, inflow, outflow and ending: without money, or where it only passed through, a vendor's 0 says the same as our null."""
    returns = (0.0, -0.0, 0.000001, 0.01, -1.0, None)
    given_rows = [
        {
            "account_id": f"A{place:02}",
            "beginning_market_value": begin,
            "contributions": inflow,
            "distributions": outflow,
            "ending_market_value": end,
            "vendor_twrr": vendor_twrr,
        }
        for place, (*(begin, inflow, outflow, end), vendor_twrr) in enumerate(product(*[(0, 100)] * 4, returns))
    ]
    frame = figures(*given_rows, timing=timing)
    found = results(frame, {TWRR: POINT}, timing=timing, weight=Decimal("0.25") if timing is FlowTiming.WEIGHTED else None)
    assert found["account_id"].to_list() == [row["account_id"] for row in given_rows]
    for given_row, ours, row in zip(given_rows, frame["calculated_twrr"], found.iter_rows(named=True), strict=True):
        begin, inflow, outflow, end, vendor_twrr = list(given_row.values())[1:]
        expected: tuple[bool | None, str | None]
        if vendor_twrr is None:
            expected = (None, NOT_COMPARED)
        elif ours is None and begin == end == 0 and inflow == outflow and vendor_twrr == 0:
            expected = (None, NOTHING_INVESTED)
        else:
            expected = (ours is not None and abs(ours - vendor_twrr) <= 0.0001, None)
        assert (row["within_tolerance"], row["notes"]) == expected, given_row
        if ours is None:
            assert row["likely_cause"] == ("UNDEFINED_BASE" if row["within_tolerance"] is False else None), given_row


def test_a_null_on_both_sides_is_not_compared() -> None:
    assert outcome(TWRR, POINT, beginning_market_value=0, ending_market_value=0)["within_tolerance"] is None


def test_a_value_that_cannot_be_calculated_is_a_break() -> None:
    found = outcome(EMV, CENT, income=None)
    assert (found["within_tolerance"], found["likely_cause"]) == (False, "UNEXPLAINED")


FLOW_DAY = {"beginning_market_value": 1000, "contributions": 200, "distributions": 40, "ending_market_value": 1180, "fees": 8}


@pytest.mark.parametrize("ours", list(FlowTiming))
@pytest.mark.parametrize(
    ("theirs", "value"),
    [
        (FlowTiming.START_OF_DAY, 20 / 1160),
        (FlowTiming.END_OF_DAY, 20 / 1000),
        (FlowTiming.MID_DAY, 20 / 1080),
        (FlowTiming.INFLOW_START_OUTFLOW_END, 20 / 1200),
    ],
)
def test_a_return_by_another_flow_timing_is_reported(ours: FlowTiming, theirs: FlowTiming, value: float) -> None:
    assert cause({**FLOW_DAY, "vendor_twrr": value}, timing=ours) == (None if ours is theirs else "FLOW_TIMING")


@pytest.mark.parametrize("timing", list(FlowTiming))
def test_a_return_by_the_other_fee_basis_is_reported(timing: FlowTiming) -> None:
    gross = figures(FLOW_DAY, timing=timing, fee_basis=FeeBasis.GROSS)["calculated_twrr"].item()
    net = figures(FLOW_DAY, timing=timing)["calculated_twrr"].item()
    assert cause({**FLOW_DAY, "vendor_twrr": gross}, timing=timing) == "FEE_BASIS"
    assert cause({**FLOW_DAY, "vendor_twrr": net}, timing=timing, fee_basis=FeeBasis.GROSS) == "FEE_BASIS"


def test_a_gross_return_by_another_flow_timing_is_reported() -> None:
    assert cause({**FLOW_DAY, "vendor_twrr": 28 / 1160}, fee_basis=FeeBasis.GROSS) == "FLOW_TIMING"


def test_a_weighted_feed_whose_weight_is_not_said_can_still_have_breaks() -> None:
    frame = figures({**FLOW_DAY, "vendor_twrr": 0.5}, timing=FlowTiming.WEIGHTED)
    assert results(frame, {TWRR: POINT}, timing=FlowTiming.WEIGHTED)["likely_cause"].to_list() == ["UNEXPLAINED"]


@pytest.mark.parametrize(
    ("vendor_twrr", "expected"),
    [(0.02, None), (0.0202, "ROUNDING"), (2.0, "PERCENT_SCALE"), (1.995, "PERCENT_SCALE"), (-0.02, "SIGN"), (0.07, "UNEXPLAINED")],
)
def test_other_causes_of_a_return_that_breaks(vendor_twrr: float, expected: str | None) -> None:
    assert cause({"ending_market_value": 102, "vendor_twrr": vendor_twrr}) == expected


@pytest.mark.parametrize(
    ("vendor_net_flow", "contributions", "expected"),
    [
        ("500", "0", "MISSING_FLOW"),
        ("-500", "500", "SIGN"),
        ("500.02", "500", "ROUNDING"),
        ("400", "500", "UNEXPLAINED"),
        ("250", "500", "UNEXPLAINED"),  # off by as much as it is, but there is one
    ],
)
def test_causes_of_a_net_flow_that_breaks(vendor_net_flow: str, contributions: str, expected: str) -> None:
    assert outcome(NET_FLOW, CENT, contributions=contributions, vendor_net_flow=vendor_net_flow)["likely_cause"] == expected


def test_a_cause_belongs_to_its_own_account_day_and_field() -> None:
    rows = [
        {"account_id": "A1", **FLOW_DAY, "vendor_twrr": 20 / 1160},
        {"account_id": "A2", "ending_market_value": 102, "appreciation": 2, "vendor_twrr": 2.0},
        {"account_id": "A3", "ending_market_value": 102, "appreciation": 2, "vendor_twrr": 0.02},
    ]
    found = results(figures(*rows), {EMV: CENT, TWRR: POINT})
    assert found.select("field_name", "account_id", "likely_cause").rows() == [
        ("ending_market_value", "A1", "UNEXPLAINED"),
        ("ending_market_value", "A2", None),
        ("ending_market_value", "A3", None),
        ("twrr", "A1", "FLOW_TIMING"),
        ("twrr", "A2", "PERCENT_SCALE"),
        ("twrr", "A3", None),
    ]


def test_without_rows_or_without_fields_there_are_no_results() -> None:
    assert results(figures({}).clear()).height == 0
    assert results(figures({}), {}).height == 0


cents = st.integers(-(10**12), 10**12).map(lambda units: Decimal(units).scaleb(-4))
tolerances = st.integers(0, 10**6).map(lambda units: Decimal(units).scaleb(-4))


@pytest.mark.slow
@settings(max_examples=20)
@given(st.lists(st.tuples(cents, cents), min_size=1, max_size=20), tolerances)
def test_money_is_compared_exactly_and_symmetrically(pairs: list[tuple[Decimal, Decimal]], tolerance: Decimal) -> None:
    allowance = {EMV: Allowance(tolerance, Decimal(0))}

    def passes(ours: Decimal, theirs: Decimal, place: int) -> dict[str, Any]:
        row = {"account_id": f"A{place:02}", "beginning_market_value": ours, "ending_market_value": theirs, "vendor_value_half_unit": 0}
        return {**row, "contributions": 0}

    there = results(figures(*(passes(a, b, i) for i, (a, b) in enumerate(pairs))), allowance)
    back = results(figures(*(passes(b, a, i) for i, (a, b) in enumerate(pairs))), allowance)
    assert there["within_tolerance"].to_list() == [abs(a - b) <= tolerance for a, b in pairs]
    assert back["within_tolerance"].equals(there["within_tolerance"])
    assert [-value for value in back["variance"]] == there["variance"].to_list()


def test_what_is_published_says_how_the_comparison_ended() -> None:
    frame = figures(
        {"account_id": "A1", "ending_market_value": 101, "appreciation": 1, "vendor_twrr": 0.01},
        {"account_id": "A2", "ending_market_value": 101, "appreciation": 1, "vendor_twrr": 0.03},
        {"account_id": "A3", "ending_market_value": 101, "appreciation": 0, "vendor_twrr": 0.01},
        {"account_id": "A4", "ending_market_value": 101, "appreciation": 1},
    )
    rows = published(frame, results(frame))
    assert rows["reconciliation_status"].to_list() == ["COMPLETED", "COMPLETED_WITH_ISSUES", "COMPLETED_WITH_ISSUES", "COMPLETED"]
    assert rows["twrr_tolerance_check"].to_list() == [True, False, True, None]
    assert rows["twrr_variance"].to_list() == [0.0, pytest.approx(-0.02), 0.0, None]
    assert rows.select(frame.columns).equals(frame)


def test_what_is_published_without_any_comparison_stays_pending() -> None:
    frame = figures({})
    row = published(frame, results(frame, {})).row(0, named=True)
    assert (row["reconciliation_status"], row["twrr_tolerance_check"], row["twrr_variance"]) == ("PENDING", None, None)


def test_a_row_of_which_nothing_compares_stays_pending_beside_others() -> None:
    frame = figures({"account_id": "A1", "ending_market_value": 101, "appreciation": 1, "vendor_twrr": 0.01}, {"account_id": "A2"})
    rows = published(frame, results(frame, {TWRR: POINT}))
    assert rows["reconciliation_status"].to_list() == ["COMPLETED", "PENDING"]
