from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.conventions import FeeBasis, FlowTiming
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf_tests.performance.scenarios import positions

EVERY_TIMING = pytest.mark.parametrize("timing", list(FlowTiming))
QUARTER = Decimal("0.25")
NAMES = {
    "bmv": "beginning_market_value",
    "inflow": "contributions",
    "outflow": "distributions",
    "emv": "ending_market_value",
    "fees": "fees",
}


def twrr(
    timing: FlowTiming, fee_basis: FeeBasis = FeeBasis.NET, *, minimum_base: Decimal | None = None, **row: Any
) -> tuple[float | None, str]:
    """Return and status of one sub-period."""
    weight = QUARTER if timing is FlowTiming.WEIGHTED else None
    position = positions({NAMES[name]: value for name, value in row.items()})
    result = sub_period_returns(position, timing=timing, fee_basis=fee_basis, weight=weight, minimum_base=minimum_base)
    (found,) = result.select("calculated_twrr", "return_status").rows()
    return found


@pytest.mark.parametrize(
    ("timing", "net", "gross"),
    [
        # BMV 1000, 200 in, 40 out (NF 160), fees 8, EMV 1180: gain 20 net, 28 gross
        (FlowTiming.START_OF_DAY, Fraction(20, 1160), Fraction(28, 1160)),
        (FlowTiming.END_OF_DAY, Fraction(20, 1000), Fraction(28, 1000)),
        (FlowTiming.MID_DAY, Fraction(20, 1080), Fraction(28, 1080)),
        (FlowTiming.INFLOW_START_OUTFLOW_END, Fraction(20, 1200), Fraction(28, 1200)),
        (FlowTiming.WEIGHTED, Fraction(20, 1040), Fraction(28, 1040)),
    ],
)
def test_the_return_of_each_timing_and_fee_basis_by_hand(timing: FlowTiming, net: Fraction, gross: Fraction) -> None:
    row: dict[str, Any] = {"bmv": 1000, "inflow": 200, "outflow": 40, "fees": 8, "emv": 1180}
    assert twrr(timing, FeeBasis.NET, **row) == (float(net), "OK")
    assert twrr(timing, FeeBasis.GROSS, **row) == (float(gross), "OK")


@EVERY_TIMING
def test_without_flows_every_timing_gives_the_same_return(timing: FlowTiming) -> None:
    assert twrr(timing, bmv=100, emv=101) == (0.01, "OK")


@EVERY_TIMING
def test_a_flow_alone_earns_nothing(timing: FlowTiming) -> None:
    assert twrr(timing, bmv=100, inflow=50, emv=150) == (0.0, "OK")
    assert twrr(timing, bmv=100, outflow=30, emv=70) == (0.0, "OK")


@EVERY_TIMING
def test_on_a_funding_day_the_flow_works_from_the_start(timing: FlowTiming) -> None:
    assert twrr(timing, bmv=0, inflow=200, emv=202) == (0.01, "OK")
    assert twrr(timing, bmv=0, inflow=250, outflow=50, emv=202) == (0.01, "OK")


@EVERY_TIMING
def test_on_a_funding_day_the_minimum_base_is_held_against_the_flow(timing: FlowTiming) -> None:
    assert twrr(timing, bmv=0, inflow=200, emv=202, minimum_base=Decimal(200)) == (0.01, "OK")
    assert twrr(timing, bmv=0, inflow=199, emv=202, minimum_base=Decimal(200)) == (None, "BELOW_MINIMUM_BASE")


@EVERY_TIMING
def test_a_base_of_zero_or_less_gives_no_return_and_says_why(timing: FlowTiming) -> None:
    assert twrr(timing, bmv=0, emv=0) == (None, "UNDEFINED_BASE")
    assert twrr(timing, bmv=0, emv=10) == (None, "UNDEFINED_BASE")
    assert twrr(timing, bmv=-100, emv=-90) == (None, "UNDEFINED_BASE")
    assert twrr(timing, bmv=0, outflow=10, emv=-10) == (None, "UNDEFINED_BASE")


def test_a_flow_can_take_the_base_away_or_bring_it() -> None:
    assert twrr(FlowTiming.START_OF_DAY, bmv=100, outflow=100, emv=0) == (None, "UNDEFINED_BASE")
    assert twrr(FlowTiming.END_OF_DAY, bmv=100, outflow=100, emv=0) == (0.0, "OK")
    assert twrr(FlowTiming.MID_DAY, bmv=100, outflow=200, emv=-95) == (None, "UNDEFINED_BASE")
    assert twrr(FlowTiming.INFLOW_START_OUTFLOW_END, bmv=-50, inflow=150, emv=101) == (0.01, "OK")


def test_the_minimum_base_itself_is_enough() -> None:
    least = Decimal("100.00")
    cases: dict[FlowTiming, dict[str, Any]] = {
        FlowTiming.END_OF_DAY: {"bmv": "100"},
        FlowTiming.START_OF_DAY: {"bmv": "60", "inflow": "40"},
        FlowTiming.MID_DAY: {"bmv": "80", "inflow": "40"},
        FlowTiming.WEIGHTED: {"bmv": "90", "inflow": "40"},
    }
    for timing, row in cases.items():
        assert twrr(timing, emv="120", minimum_base=least, **row)[1] == "OK", timing
        short = {**row, "bmv": Decimal(row["bmv"]) - Decimal("0.0001")}
        assert twrr(timing, emv="120", minimum_base=least, **short) == (None, "BELOW_MINIMUM_BASE"), timing


@EVERY_TIMING
def test_a_total_loss_is_exactly_minus_one(timing: FlowTiming) -> None:
    assert twrr(timing, bmv="333.3333", emv=0) == (-1.0, "OK")


@EVERY_TIMING
def test_more_than_everything_cannot_be_lost(timing: FlowTiming) -> None:
    assert twrr(timing, bmv=100, emv="-0.0001") == (None, "BEYOND_TOTAL_LOSS")


@EVERY_TIMING
def test_without_fees_there_is_no_gross_return_but_a_net_one(timing: FlowTiming) -> None:
    assert twrr(timing, FeeBasis.GROSS, bmv=100, emv=101, fees=None) == (None, "MISSING_VALUE")
    assert twrr(timing, FeeBasis.NET, bmv=100, emv=101, fees=None) == (0.01, "OK")


@EVERY_TIMING
@pytest.mark.parametrize("name", ["bmv", "inflow", "outflow", "emv"])
def test_a_missing_value_gives_no_return(timing: FlowTiming, name: str) -> None:
    row: dict[str, Any] = {"bmv": 100, "inflow": 1, "outflow": 1, "emv": 101, name: None}
    assert twrr(timing, **row) == (None, "MISSING_VALUE")


def test_the_weighted_timing_needs_a_weight() -> None:
    with pytest.raises(ValueError, match="needs a weight between 0 and 1"):
        sub_period_returns(positions({}), timing=FlowTiming.WEIGHTED, fee_basis=FeeBasis.NET)


def test_weights_of_nought_half_and_one_are_the_other_timings() -> None:
    rows = positions({"beginning_market_value": 1000, "contributions": 160, "ending_market_value": 1180})
    for weight, timing in {"0": FlowTiming.END_OF_DAY, "0.5": FlowTiming.MID_DAY, "1": FlowTiming.START_OF_DAY}.items():
        weighted = sub_period_returns(rows, timing=FlowTiming.WEIGHTED, fee_basis=FeeBasis.NET, weight=Decimal(weight))
        assert weighted.equals(sub_period_returns(rows, timing=timing, fee_basis=FeeBasis.NET))


def test_the_rows_stay_and_two_columns_come() -> None:
    rows = positions({"account_id": "A2"}, {"account_id": "A1"})
    result = sub_period_returns(rows, timing=FlowTiming.MID_DAY, fee_basis=FeeBasis.NET)
    assert result.drop("calculated_twrr", "return_status").equals(rows)


def exact(timing: FlowTiming, fee_basis: FeeBasis, weight: Decimal, row: dict[str, Decimal]) -> Fraction | None:
    """The documented formulas in rational arithmetic; None where the base is not positive or more than all is lost."""
    begin, inflow, outflow = (Fraction(row[name]) for name in ("bmv", "inflow", "outflow"))
    end = Fraction(row["emv"]) + (Fraction(row["fees"]) if fee_basis is FeeBasis.GROSS else 0)
    flow = inflow - outflow
    if begin == 0 and flow > 0:
        timing = FlowTiming.START_OF_DAY
    base, wealth = {
        FlowTiming.START_OF_DAY: (begin + flow, end),
        FlowTiming.END_OF_DAY: (begin, end - flow),
        FlowTiming.MID_DAY: (begin + flow / 2, end - flow / 2),
        FlowTiming.INFLOW_START_OUTFLOW_END: (begin + inflow, end + outflow),
        FlowTiming.WEIGHTED: (begin + Fraction(weight) * flow, end - (1 - Fraction(weight)) * flow),
    }[timing]
    return wealth / base - 1 if base > 0 and wealth >= 0 else None


def in_cents(least: int, most: int) -> st.SearchStrategy[Decimal]:
    return st.integers(least * 100, most * 100).map(lambda units: Decimal(units).scaleb(-2))


flows = st.one_of(st.just(Decimal(0)), in_cents(1, 10**9))
money_rows = st.fixed_dictionaries(
    {
        "bmv": st.one_of(st.just(Decimal(0)), in_cents(1, 10**9)),
        "inflow": flows,
        "outflow": flows,
        "fees": in_cents(0, 1000),
        "emv": in_cents(-(10**4), 10**9),
    }
)
weights = st.integers(0, 10000).map(lambda units: Decimal(units).scaleb(-4))


@settings(deadline=None, max_examples=60)
@given(st.lists(money_rows, min_size=1, max_size=20), st.sampled_from(FlowTiming), st.sampled_from(FeeBasis), weights)
def test_returns_are_within_one_in_a_million_million_of_exact_arithmetic(
    rows: list[dict[str, Decimal]], timing: FlowTiming, fee_basis: FeeBasis, weight: Decimal
) -> None:
    """Beyond a return of 1 it is one in a million million of the return, since a float has no more digits."""
    found = sub_period_returns(
        positions(*({NAMES[name]: value for name, value in row.items()} for row in rows)),
        timing=timing,
        fee_basis=fee_basis,
        weight=weight if timing is FlowTiming.WEIGHTED else None,
    )
    for row, value in zip(rows, found["calculated_twrr"], strict=True):
        expected = exact(timing, fee_basis, weight, row)
        assert (value is None) == (expected is None)
        if expected is not None:
            assert abs(Fraction(value) - expected) <= Fraction(1, 10**12) * max(Fraction(1), abs(expected))
