"""Flows beside which the base, or what is left, is nothing; and flows so large that the day on which they crossed decides."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from advisory_perf.contracts.enums import FeeBasis, FlowTiming
from advisory_perf.performance import sub_period_returns
from advisory_perf_tests.performance.scenarios import positions

pytestmark = pytest.mark.table

SHARE, LARGE = Decimal("0.001"), Decimal("0.1")
NETTED = [timing for timing in FlowTiming if timing is not FlowTiming.INFLOW_START_OUTFLOW_END]
CENT = Decimal("0.01")
EVERY_TIMING = pytest.mark.parametrize("timing", list(FlowTiming))

Found = tuple[float | None, str]


def found(timing: FlowTiming, *rows: dict[str, Any], residual: Decimal | None = SHARE, fee_basis: FeeBasis = FeeBasis.NET) -> list[Found]:
    """Return and status of rows of bmv, inflow, outflow, emv (and fees), under the shares that a feed has unless it says otherwise."""
    names = {
        "bmv": "beginning_market_value",
        "inflow": "contributions",
        "outflow": "distributions",
        "emv": "ending_market_value",
        "fees": "fees",
    }
    frame = positions(*({names[name]: amount for name, amount in row.items()} for row in rows))
    weight = Decimal("0.3") if timing is FlowTiming.WEIGHTED else None
    result = sub_period_returns(frame, timing=timing, fee_basis=fee_basis, weight=weight, residual_base=residual, large_flow=LARGE)
    return result.select("calculated_twrr", "return_status").rows()


def is_(value: Fraction, status: str = "OK") -> tuple[Any, str]:
    return pytest.approx(float(value), abs=1e-15), status


@EVERY_TIMING
@pytest.mark.parametrize(
    ("bmv", "inflow", "emv"),
    [("0", "1000", "1010"), ("0.01", "1000", "1010"), ("-0.01", "1000", "1010"), ("20", "20000", "13013"), ("-1", "1000", "999")],
)
def test_a_residual_beside_an_inflow_is_a_funding_day(timing: FlowTiming, bmv: str, inflow: str, emv: str) -> None:
    """0.01 left and 1,000 in was 99,900 % at the end of day; 20 left and 20,000 in at mid day doubled a fall of 35 %."""
    assert found(timing, {"bmv": bmv, "inflow": inflow, "emv": emv}) == [is_(Fraction(emv) / (Fraction(bmv) + Fraction(inflow)) - 1)]


@EVERY_TIMING
@pytest.mark.parametrize(
    ("bmv", "outflow", "emv"),
    [("1000", "1010", "0"), ("1000", "990", "0"), ("1000", "1000", "0.37"), ("1000", "999.99", "0.05"), ("1000", "1000", "-0.01")],
)
def test_a_residual_behind_an_outflow_is_a_closing_day(timing: FlowTiming, bmv: str, outflow: str, emv: str) -> None:
    """999.99 out at the start of day and 0.05 left was 400 %; everything out with its gain had no base; 990 out, 0 left was -100 %."""
    assert found(timing, {"bmv": bmv, "outflow": outflow, "emv": emv}) == [is_((Fraction(emv) + Fraction(outflow)) / Fraction(bmv) - 1)]


@EVERY_TIMING
def test_the_share_itself_counts_as_nothing_and_a_hundredth_of_a_cent_more_does_not(timing: FlowTiming) -> None:
    at, beyond = ({"bmv": bmv, "inflow": 20000, "emv": 20000} for bmv in ("20", "20.0001"))
    ((_, status), (value, status_beyond)) = found(timing, at, beyond)
    assert (status, status_beyond) == ("OK", "LARGE_FLOW")
    assert value is not None
    at, beyond = ({"bmv": 20000, "outflow": 20000, "emv": emv} for emv in ("20", "20.0001"))
    ((_, status), (value, status_beyond)) = found(timing, at, beyond)
    assert status == "OK"
    assert status_beyond == "LARGE_FLOW"
    assert value is not None


def test_an_outflow_that_takes_the_base_away_counts_at_the_end_though_something_is_left() -> None:
    """All of it out at the start and a dividend of 1 % left: a base of a cent would make 100,000 % of it."""
    expected = [is_(Fraction(10, 1000), "LARGE_FLOW"), is_((10 + Fraction("999.99")) / 1000 - 1, "LARGE_FLOW")]
    rows = [{"bmv": 1000, "outflow": outflow, "emv": 10} for outflow in ("1000", "999.99")]
    assert found(FlowTiming.START_OF_DAY, *rows) == expected
    assert found(FlowTiming.START_OF_DAY, {"bmv": 1000, "outflow": "1999.99", "emv": -990}) == [(None, "UNDEFINED_BASE")]


@EVERY_TIMING
def test_a_base_that_is_nothing_beside_a_flow_that_neither_funds_nor_closes_is_undefined(timing: FlowTiming) -> None:
    """A debit that is paid back to the cent, and a payment out of nothing."""
    at_start = timing in {FlowTiming.START_OF_DAY, FlowTiming.INFLOW_START_OUTFLOW_END}
    debit = {"bmv": "-1000", "inflow": "1000.01", "emv": 1} if at_start else {"bmv": "0.5", "outflow": 1000, "emv": 3}
    assert found(timing, debit, {"bmv": "0.5", "outflow": 1000, "emv": 0}) == [(None, "UNDEFINED_BASE")] * 2


@EVERY_TIMING
def test_a_flow_beyond_the_share_of_the_base_says_so_and_has_its_return(timing: FlowTiming) -> None:
    base = {
        FlowTiming.START_OF_DAY: Fraction(112),
        FlowTiming.END_OF_DAY: Fraction(100),
        FlowTiming.MID_DAY: Fraction(106),
        FlowTiming.INFLOW_START_OUTFLOW_END: Fraction(112),
        FlowTiming.WEIGHTED: Fraction("103.6"),
    }[timing]
    assert found(timing, {"bmv": 100, "inflow": 12, "emv": 113}) == [is_(1 / base, "LARGE_FLOW")]
    assert found(timing, {"bmv": 100, "inflow": 5, "emv": 106}, {"bmv": 100, "outflow": 5, "emv": 96})[0][1] == "OK"


def test_a_flow_of_exactly_the_share_does_not_pass_it() -> None:
    at, beyond = ({"bmv": 100, "inflow": inflow, "emv": 111} for inflow in ("10", "10.0001"))
    assert [status for _, status in found(FlowTiming.END_OF_DAY, at, beyond)] == ["OK", "LARGE_FLOW"]


@EVERY_TIMING
def test_flows_that_cancel_out_are_large_each_by_itself(timing: FlowTiming) -> None:
    assert found(timing, {"bmv": 100, "inflow": 50, "outflow": 50, "emv": 101})[0][1] == "LARGE_FLOW"


@EVERY_TIMING
def test_only_the_flow_that_funds_or_closes_needs_no_valuation(timing: FlowTiming) -> None:
    rows = [
        {"bmv": 0, "inflow": 1000, "emv": 1010},
        {"bmv": 0, "inflow": 1000, "outflow": 500, "emv": 510},
        {"bmv": 1000, "outflow": 1010, "emv": 0},
        {"bmv": 1000, "inflow": 500, "outflow": 1510, "emv": 0},
    ]
    assert [status for _, status in found(timing, *rows)] == ["OK", "LARGE_FLOW", "OK", "LARGE_FLOW"]


@EVERY_TIMING
def test_a_total_loss_by_the_market_stays_one(timing: FlowTiming) -> None:
    assert found(timing, {"bmv": 1000, "emv": 0}, {"bmv": 0, "inflow": 1000, "emv": 0}) == [(-1.0, "OK")] * 2


@EVERY_TIMING
def test_fees_of_the_closing_day_come_back_before_fees(timing: FlowTiming) -> None:
    row = {"bmv": 1000, "outflow": 992, "fees": 8, "emv": 0}
    assert found(timing, row) == [is_(Fraction(-8, 1000))]
    assert found(timing, row, fee_basis=FeeBasis.GROSS) == [is_(Fraction(0))]


@EVERY_TIMING
def test_without_a_share_only_zero_counts_as_nothing(timing: FlowTiming) -> None:
    rows = [{"bmv": 0, "inflow": 1000, "emv": 1010}, {"bmv": 1000, "outflow": 1010, "emv": 0}]
    assert found(timing, *rows, residual=None) == [is_(Fraction(1, 100))] * 2
    ((value, _),) = found(FlowTiming.END_OF_DAY, {"bmv": "0.01", "inflow": 1000, "emv": 1010}, residual=None)
    assert value == pytest.approx(999, abs=1e-9)


@pytest.mark.parametrize("shares", [{"residual_base": "0.2"}, {"residual_base": "-0.1"}, {"large_flow": "0"}, {"large_flow": "0.00005"}])
def test_a_share_beyond_its_bounds_is_refused(shares: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"has to be a share from 0.* of at most four decimal places"):
        sub_period_returns(
            positions({}),
            timing=FlowTiming.END_OF_DAY,
            fee_basis=FeeBasis.NET,
            **{name: Decimal(share) for name, share in shares.items()},
        )


residuals = st.integers(-100, 100).map(lambda units: units * CENT)
large_flows = st.integers(100_000, 10**11).map(lambda units: units * CENT)
moves = st.integers(-9_999, 20_000).map(lambda units: Fraction(units, 10_000))
timings = st.sampled_from(FlowTiming)


@given(timings, residuals, large_flows, moves)
def test_whatever_is_left_beside_a_large_flow_the_return_is_the_market_s(
    timing: FlowTiming, residual: Decimal, flow: Decimal, move: Fraction
) -> None:
    """Funded and closed with up to a unit of residual on either side, under every timing: off by rounding to the cent only."""

    def cents(amount: Fraction) -> Decimal:
        return Decimal(round(amount * 100)) * CENT

    funded = {"bmv": residual, "inflow": flow, "emv": cents((Fraction(residual) + Fraction(flow)) * (1 + move))}
    paid = cents(Fraction(flow) * (1 + move)) - residual
    assume(abs(residual) <= SHARE * paid)
    closed = {"bmv": flow, "outflow": paid, "emv": residual}
    slack = float(CENT / (flow - 1))
    for value, status in found(timing, funded, closed):
        assert status == "OK"
        assert value == pytest.approx(float(move), abs=slack)


@given(st.sampled_from(NETTED), residuals, large_flows, st.integers(1, 10**11).map(lambda units: units * CENT))
def test_a_closing_is_a_funding_read_backwards(timing: FlowTiming, residual: Decimal, flow: Decimal, value: Decimal) -> None:
    (funding, funding_status), (closing, closing_status) = found(
        timing, {"bmv": residual, "inflow": flow, "emv": value}, {"bmv": value, "outflow": flow, "emv": residual}
    )
    assume(value > SHARE * flow)
    assert (funding_status, closing_status) == ("OK", "OK")
    assert funding is not None
    assert closing is not None
    assert (1 + funding) * (1 + closing) == pytest.approx(1, abs=1e-9)


@given(timings, st.integers(-(10**6), 10**11), st.integers(0, 10**11), st.integers(0, 10**11))
def test_flows_alone_earn_nothing_or_have_no_return(timing: FlowTiming, begin: int, inflow: int, outflow: int) -> None:
    assume(begin + inflow - outflow >= 0)
    row = {"bmv": begin * CENT, "inflow": inflow * CENT, "outflow": outflow * CENT, "emv": (begin + inflow - outflow) * CENT}
    ((value, status),) = found(timing, row)
    assert (value, status) in {(0.0, "OK"), (0.0, "LARGE_FLOW"), (None, "UNDEFINED_BASE")}
