"""A return in words: the formula, evaluated, is the return; and the return is the one that is published, to the last bit."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.enums import WITH_RETURN, FeeBasis, FlowTiming, ReturnStatus
from advisory_perf.performance.explained import WHY_NO_RETURN, explained_return
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf_tests.performance.exact import Conventions, exact_return
from advisory_perf_tests.performance.scenarios import positions

GAIN = "ending_market_value - beginning_market_value - (contributions - distributions)"
CENT = Decimal("0.0001")
money = st.one_of(st.just(Decimal(0)), st.integers(-(10**9), 10**15).map(lambda units: units * CENT))
flows = st.one_of(st.just(Decimal(0)), st.integers(0, 10**12).map(lambda units: units * CENT))
ROW = ("beginning_market_value", "contributions", "distributions", "ending_market_value", "fees")
rows = st.tuples(st.one_of(st.none(), money), flows, flows, st.one_of(st.none(), money), flows).map(
    lambda row: dict(zip(ROW, row, strict=True))
)
conventions = st.builds(
    lambda timing, fee_basis, weight, minimum, residual, large: {
        "timing": timing,
        "fee_basis": fee_basis,
        "weight": weight if timing is FlowTiming.WEIGHTED else None,
        "minimum_base": minimum,
        "residual_base": residual,
        "large_flow": large,
    },
    st.sampled_from(FlowTiming),
    st.sampled_from(FeeBasis),
    st.sampled_from([Decimal("0.3"), Decimal("0.25"), Decimal("0.1234567891"), Decimal(0), Decimal(1)]),
    st.sampled_from([None, Decimal(100)]),
    st.sampled_from([None, Decimal("0.001")]),
    st.sampled_from([None, Decimal("0.1")]),
)


def evaluated(text: str) -> tuple[Fraction, Fraction]:
    """Numerator and base of a formula into which amounts were put."""
    numerator, base = re.sub(r"[0-9]+(?:\.[0-9]+)?", r"Fraction('\g<0>')", text).split(" / (", 1)
    return eval(numerator), eval("(" + base)  # noqa: S307 - of amounts, signs and parentheses


def a_row(*amounts: Any) -> dict[str, Any]:
    return {name: None if amount is None else Decimal(str(amount)) for name, amount in zip(ROW, amounts, strict=True)}


@settings(max_examples=300, deadline=None)
@given(rows, conventions)
@example(a_row(1000, 200, 40, 1180, 8), {"timing": FlowTiming.WEIGHTED, "fee_basis": FeeBasis.GROSS, "weight": Decimal("0.3")})
@example(a_row(0, 50, 0, 51, 0), {"timing": FlowTiming.MID_DAY, "fee_basis": FeeBasis.NET})
@example(a_row(100, 0, 101, 0, 0), {"timing": FlowTiming.START_OF_DAY, "fee_basis": FeeBasis.NET})
@example(a_row(100, 0, 0, 0, 0), {"timing": FlowTiming.END_OF_DAY, "fee_basis": FeeBasis.NET})
@example(a_row(100, 0, 0, -1, 0), {"timing": FlowTiming.END_OF_DAY, "fee_basis": FeeBasis.NET})
def test_the_formula_gives_the_published_return(row: dict[str, Any], agreed: dict[str, Any]) -> None:
    ((published, status),) = sub_period_returns(positions(row), **agreed).select("calculated_twrr", "return_status").rows()
    found = explained_return(row, **agreed)
    assert (found.result, found.status) == (published, status)
    assert (found.result is None) == (found.status in WHY_NO_RETURN) == (found.status not in WITH_RETURN)
    assert (found.put_in is None) == (None in found.inputs.values()) == (found.numerator is None)
    exact, exact_status = exact_return(row, Conventions(**{**agreed, "residual_base": agreed.get("residual_base") or Decimal(0)}))
    assert exact_status == status
    if found.put_in is not None and found.numerator is not None and found.base is not None:
        assert evaluated(found.put_in) == (Fraction(found.numerator), Fraction(found.base))
        if found.result is not None:
            assert Fraction(found.numerator) / Fraction(found.base) == exact
            assert found.result == pytest.approx(float(found.numerator) / float(found.base), rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("row", "agreed", "formula", "put_in"),
    [
        (
            a_row(1000, 200, 40, 1180, 8),
            {"timing": FlowTiming.MID_DAY, "fee_basis": FeeBasis.NET},
            f"({GAIN}) / (beginning_market_value + (contributions - distributions) / 2)",
            "(1180 - 1000 - (200 - 40)) / (1000 + (200 - 40) / 2)",
        ),
        (
            a_row(-1000, 2000, 40, 1180, 8),
            {"timing": FlowTiming.INFLOW_START_OUTFLOW_END, "fee_basis": FeeBasis.GROSS},
            f"({GAIN.replace(' - beg', ' + fees - beg')}) / (beginning_market_value + contributions)",
            "(1180 + 8 - (-1000) - (2000 - 40)) / ((-1000) + 2000)",
        ),
        (
            a_row(0, 50, 0, 51, 0),
            {"timing": FlowTiming.END_OF_DAY, "fee_basis": FeeBasis.NET},
            f"({GAIN}) / (beginning_market_value + (contributions - distributions))",
            "(51 - 0 - (50 - 0)) / (0 + (50 - 0))",
        ),
    ],
)
def test_formulas_as_they_are_read(row: dict[str, Any], agreed: dict[str, Any], formula: str, put_in: str) -> None:
    found = explained_return(row, **agreed)
    assert (found.formula, found.put_in) == (formula, put_in)


@pytest.mark.parametrize("status", [ReturnStatus.CLOSED, ReturnStatus.CURRENCY_CHANGE])
def test_what_the_valuations_before_take_away_is_no_return(status: ReturnStatus) -> None:
    found = explained_return(a_row(100, 0, 0, 101, 0), timing=FlowTiming.MID_DAY, fee_basis=FeeBasis.NET, of_history=status)
    assert (found.result, found.status) == (None, status)
