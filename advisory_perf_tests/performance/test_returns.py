from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import FeeBasis, FlowTiming
from advisory_perf.performance import sub_period_returns
from advisory_perf.performance.returns import with_gain_and_base
from advisory_perf_tests.performance.exact import LIMIT, Conventions, exact_return
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
@pytest.mark.parametrize("fee_basis", list(FeeBasis))
def test_gain_and_base_are_what_the_return_divides_and_are_there_without_one_too(timing: FlowTiming, fee_basis: FeeBasis) -> None:
    amounts = [(1000, 200, 40, 1180), (0, 50, 0, 51), (100, 0, 101, 0), (100, 0, 40, 61), (-20, 5, 0, -16), (0, 0, 0, 0)]
    rows = positions(*({**dict(zip(list(NAMES.values())[:4], each, strict=True)), "fees": 2} for each in amounts))
    agreed: dict[str, Any] = {"timing": timing, "fee_basis": fee_basis, "weight": QUARTER if timing is FlowTiming.WEIGHTED else None}
    found = sub_period_returns(with_gain_and_base(rows, **agreed), **agreed)
    assert found.select("gain", "base").null_count().row(0) == (0, 0)
    known = found.filter(pl.col("calculated_twrr").is_not_null())
    assert known.height >= 4
    assert known["calculated_twrr"].to_list() == pytest.approx((known["gain"] / known["base"]).to_list(), rel=1e-12)
    assert found.filter(return_status="UNDEFINED_BASE").select((pl.col("base") <= 0).all()).item()


@EVERY_TIMING
def test_a_flow_alone_earns_nothing(timing: FlowTiming) -> None:
    assert twrr(timing, bmv=100, inflow=50, emv=150) == (0.0, "OK")
    assert twrr(timing, bmv=100, outflow=30, emv=70) == (0.0, "OK")


@EVERY_TIMING
def test_on_a_funding_day_the_flow_works_from_the_start(timing: FlowTiming) -> None:
    assert twrr(timing, bmv=0, inflow=200, emv=202) == (0.01, "OK")
    outflow_at_the_end = timing is FlowTiming.INFLOW_START_OUTFLOW_END
    assert twrr(timing, bmv=0, inflow=250, outflow=50, emv=202) == (0.008 if outflow_at_the_end else 0.01, "OK")


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
    assert twrr(FlowTiming.START_OF_DAY, bmv=-100, inflow=100, emv=0) == (None, "UNDEFINED_BASE")
    assert twrr(FlowTiming.START_OF_DAY, bmv=100, outflow=120, emv=5) == (None, "UNDEFINED_BASE")
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


def test_the_rows_stay_and_three_columns_come() -> None:
    rows = positions({"account_id": "A2"}, {"account_id": "A1"})
    result = sub_period_returns(rows, timing=FlowTiming.MID_DAY, fee_basis=FeeBasis.NET)
    assert result.drop("calculated_twrr", "growth_factor", "return_status").equals(rows)


def test_a_loss_of_nearly_everything_keeps_its_digits() -> None:
    rows = positions({"beginning_market_value": "47060000", "ending_market_value": "0.01"})
    result = sub_period_returns(rows, timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.NET)
    assert result["growth_factor"].item() == pytest.approx(0.01 / 47060000, rel=1e-15, abs=0)
    assert 1 + result["calculated_twrr"].item() != pytest.approx(0.01 / 47060000, rel=1e-9, abs=0)


def own_timing(**row: Any) -> tuple[float | None, str]:
    """A row that says itself what crossed at the start and at the end of the day."""
    names = {"bmv": "beginning_market_value", "emv": "ending_market_value", "bod": "bod_flow", "eod": "eod_flow"}
    frame = pl.DataFrame({names[name]: [None if value is None else Decimal(value)] for name, value in row.items()}).cast(MONEY)
    results = {
        timing: sub_period_returns(frame, timing=timing, fee_basis=FeeBasis.NET).select("calculated_twrr", "return_status").row(0)
        for timing in FlowTiming
    }
    assert len(set(results.values())) == 1
    return next(iter(results.values()))


def test_a_row_may_say_itself_what_crossed_at_the_start_and_what_at_the_end() -> None:
    assert own_timing(bmv=1000, bod=200, eod=-40, emv=1180) == (20 / 1200, "OK")
    assert own_timing(bmv=0, bod=0, eod=100, emv=101) == (0.01, "OK")
    assert own_timing(bmv=0, bod=300, eod=-100, emv=203) == (0.01, "OK")
    assert own_timing(bmv=0, bod=-50, eod=250, emv=202) == (0.01, "OK")
    assert own_timing(bmv=100, bod=-100, eod=0, emv=0) == (0.0, "OK")
    assert own_timing(bmv=100, bod=-100, eod=100, emv=101) == (0.01, "OK")
    assert own_timing(bmv=-100, bod=100, eod=0, emv=0) == (None, "UNDEFINED_BASE")
    assert own_timing(bmv=100, bod=None, eod=0, emv=100) == (None, "MISSING_VALUE")


@EVERY_TIMING
def test_floats_are_taken_as_they_are_and_nan_and_infinity_as_missing(timing: FlowTiming) -> None:
    rows = positions(*({"ending_market_value": 101} for _ in range(4))).cast({MONEY: pl.Float64()})
    rows = rows.with_columns(beginning_market_value=pl.Series([100.0, float("nan"), float("inf"), 1e-320]))
    result = sub_period_returns(rows, timing=timing, fee_basis=FeeBasis.NET, weight=QUARTER)
    assert result["return_status"].to_list() == ["OK", "MISSING_VALUE", "MISSING_VALUE", "UNDEFINED_BASE"]
    assert result["calculated_twrr"].to_list() == [0.01, None, None, None]


@pytest.mark.parametrize("weight", [Decimal("-0.1"), Decimal("1.01"), Decimal("NaN"), float("inf"), Fraction(1, 10**10 + 1)])
def test_a_weight_is_a_number_from_nought_to_one_of_few_digits(weight: Any) -> None:
    with pytest.raises(ValueError, match="has to be a number from 0 to 1"):
        sub_period_returns(positions({}), timing=FlowTiming.WEIGHTED, fee_basis=FeeBasis.NET, weight=weight)


def test_a_weight_may_be_a_decimal_a_fraction_or_a_float() -> None:
    rows = positions({"beginning_market_value": 1000, "contributions": 160, "ending_market_value": 1180})
    results = [
        sub_period_returns(rows, timing=FlowTiming.WEIGHTED, fee_basis=FeeBasis.NET, weight=weight)
        for weight in (Decimal("0.3"), Fraction(3, 10), 0.3)
    ]
    assert results[0]["calculated_twrr"].item() == pytest.approx(20 / 1048, abs=1e-16)
    assert results[0].equals(results[1])
    assert results[0].equals(results[2])


def test_a_convention_may_be_given_as_its_text_and_an_unknown_one_is_refused() -> None:
    rows = positions({"ending_market_value": 101})
    assert sub_period_returns(rows, timing="end_of_day", fee_basis="net")["calculated_twrr"].item() == 0.01  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'noon' is no flow timing"):
        sub_period_returns(rows, timing="noon", fee_basis=FeeBasis.NET)  # type: ignore[arg-type]


def test_a_missing_column_is_named() -> None:
    rows = positions({}).drop("fees")
    assert sub_period_returns(rows, timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.NET).height == 1
    with pytest.raises(ValueError, match="a gross return needs the column fees; the frame has account_id"):
        sub_period_returns(rows, timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.GROSS)


def in_cents(least: int, most: int) -> st.SearchStrategy[Decimal]:
    return st.integers(least * 100, most * 100).map(lambda units: Decimal(units).scaleb(-2))


flows = st.one_of(st.just(Decimal(0)), in_cents(1, 10**9))
money_rows = st.fixed_dictionaries(
    {
        "bmv": st.one_of(st.just(Decimal(0)), in_cents(-1, 10), in_cents(1, 10**9)),
        "inflow": flows,
        "outflow": flows,
        "fees": in_cents(0, 1000),
        "emv": st.one_of(in_cents(-1, 10), in_cents(-(10**4), 10**9)),
    }
)
weights = st.integers(0, 10000).map(lambda units: Decimal(units).scaleb(-4))
shares = st.sampled_from([(Decimal(0), None), (Decimal("0.001"), Decimal("0.1")), (Decimal("0.1"), Decimal(1))])


@settings(max_examples=60)
@given(st.lists(money_rows, min_size=1, max_size=20), st.sampled_from(FlowTiming), st.sampled_from(FeeBasis), weights, shares)
def test_returns_are_within_one_in_a_million_million_of_exact_arithmetic(
    rows: list[dict[str, Decimal]], timing: FlowTiming, fee_basis: FeeBasis, weight: Decimal, share: tuple[Decimal, Decimal | None]
) -> None:
    """Beyond a return of 1 it is one in a million million of the return, since a float has no more digits."""
    found = sub_period_returns(
        positions(*({NAMES[name]: value for name, value in row.items()} for row in rows)),
        timing=timing,
        fee_basis=fee_basis,
        weight=weight if timing is FlowTiming.WEIGHTED else None,
        residual_base=share[0],
        large_flow=share[1],
    )
    conventions = Conventions(timing, fee_basis, weight, residual_base=share[0], large_flow=share[1])
    for row, (value, factor, status) in zip(rows, found.select("calculated_twrr", "growth_factor", "return_status").rows(), strict=True):
        expected, why = exact_return({NAMES[name]: amount for name, amount in row.items()}, conventions)
        assert status == why
        assert (value is None) == (factor is None) == (expected is None)
        if expected is not None:
            assert abs(Fraction(value) - expected) <= LIMIT * max(Fraction(1), abs(expected))
            assert abs(Fraction(factor) - (1 + expected)) <= Fraction(1, 10**15) * (1 + expected)


@EVERY_TIMING
def test_whole_numbers_do_not_wrap_around_and_a_column_of_nulls_is_missing(timing: FlowTiming) -> None:
    rows = positions({"beginning_market_value": 100, "contributions": 100, "ending_market_value": 120})
    exactly = sub_period_returns(rows, timing=timing, fee_basis=FeeBasis.NET, weight=QUARTER)["calculated_twrr"].item()
    for dtype in (pl.Int8(), pl.UInt8(), pl.Float32()):
        found = sub_period_returns(rows.cast({MONEY: dtype}), timing=timing, fee_basis=FeeBasis.NET, weight=QUARTER)
        assert found["calculated_twrr"].item() == pytest.approx(exactly, abs=1e-15)
    unknown = sub_period_returns(rows.with_columns(contributions=None), timing=timing, fee_basis=FeeBasis.NET, weight=QUARTER)
    assert unknown["return_status"].item() == "MISSING_VALUE"


def test_a_total_loss_in_floats_is_one() -> None:
    rows = (
        positions({})
        .cast({MONEY: pl.Float64()})
        .with_columns(
            beginning_market_value=464405.84, contributions=75709.88, distributions=43837.24, ending_market_value=75709.88 - 43837.24
        )
    )
    found = sub_period_returns(rows, timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.NET)
    assert found.select("calculated_twrr", "growth_factor", "return_status").row(0) == (-1.0, 0.0, "OK")


@pytest.mark.parametrize("minimum_base", [Decimal("NaN"), Decimal("Infinity"), Decimal(-1)])
def test_a_minimum_base_is_an_amount(minimum_base: Decimal) -> None:
    with pytest.raises(ValueError, match="it has to be an amount of zero or more"):
        twrr(FlowTiming.END_OF_DAY, bmv=100, emv=101, minimum_base=minimum_base)
