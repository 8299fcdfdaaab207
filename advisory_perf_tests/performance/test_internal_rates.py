import itertools
import math
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
import pyxirr
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.enums import DayCount, RateStatus, ReturnStatus
from advisory_perf.errors import UndefinedReturnError
from advisory_perf.performance.measures import Number, annual_rate
from advisory_perf.performance.money_weighted import internal_rate_of_return
from advisory_perf_tests.performance.test_money_weighted import EXACT, START, Flow, about, every, yearly

pytestmark = pytest.mark.slow


def test_a_gain_of_ten_percent_in_a_year() -> None:
    assert yearly(-100, 110) == about(0.10)
    assert yearly(100, -110) == about(0.10)
    assert yearly(Decimal(-100), Fraction(90)) == about(-0.10)
    assert yearly(-100, 100) == 0.0
    assert yearly(-3, 1, 1, 1) == 0.0


def test_flows_over_two_years_by_hand() -> None:
    # 500 (1 + r)² + 55 (1 + r) = 630
    assert yearly(-500, -55, 630) == about((-55 + math.sqrt(55**2 + 4 * 500 * 630)) / 1000 - 1)


def test_the_day_count_decides_how_long_a_year_is() -> None:
    flows = every(365, -100, 110)
    assert internal_rate_of_return(flows, day_count=DayCount.ACTUAL_365_25) == about(1.1 ** (365.25 / 365) - 1)
    as_text: Any = "actual/365"
    assert internal_rate_of_return(flows, day_count=as_text) == about(0.10)
    unknown: Any = "actual/360"
    with pytest.raises(ValueError, match="is no day count"):
        internal_rate_of_return(flows, day_count=unknown)


def test_dated_flows_may_come_in_any_order_as_pairs_or_frame() -> None:
    flows = [*every(365, -60, -21, 110), (START, -40)]
    expected = yearly(-100, -21, 110)
    assert internal_rate_of_return(iter(reversed(flows)), day_count=EXACT) == expected
    frame = pl.DataFrame({"as_of_date": [day for day, _ in flows], "amount": [amount for _, amount in flows]})
    assert internal_rate_of_return(frame, day_count=EXACT) == expected
    assert internal_rate_of_return(frame.lazy(), day_count=EXACT) == expected
    with pytest.raises(ValueError, match="needs the column amount"):
        internal_rate_of_return(frame.drop("amount"), day_count=EXACT)


@pytest.mark.parametrize("amounts", [(), (0, 0), (-100,), (-100, -5), (-100, 0), (7, 0, 8)])
def test_money_that_goes_one_way_only_has_no_rate(amounts: Sequence[int]) -> None:
    with pytest.raises(UndefinedReturnError, match="no rate above -1 solves the flows: money goes one way only, if at all") as raised:
        yearly(*amounts)
    assert raised.value.status is RateStatus.NO_RATE


def test_two_ways_may_have_no_rate_either() -> None:
    with pytest.raises(UndefinedReturnError, match="no rate above -1 solves the flows: their present value is never zero") as raised:
        yearly(100, -200, 101)
    assert raised.value.status is RateStatus.NO_RATE


@pytest.mark.parametrize(
    ("amounts", "listed"),
    [
        ((-100, 230, -132), ["0.1", "0.2"]),  # -(1.1 - w)(1.2 - w), w = 1 + r
        ((-1000, 6000, -11000, 6000), ["0", "1", "2"]),
        ((100, -100, Decimal("18.75")), ["-0.75", "-0.25"]),
    ],
)
def test_several_rates_are_all_reported_and_none_is_chosen(amounts: Sequence[Number], listed: list[str]) -> None:
    with pytest.raises(UndefinedReturnError, match=f"{len(listed)} rates solve the flows, and none of them is the return: ") as raised:
        yearly(*amounts)
    assert raised.value.status is RateStatus.SEVERAL_RATES
    reported = str(raised.value).rpartition(": ")[2].split(", ")
    assert [float(each) for each in reported] == [about(float(each)) for each in listed]


def test_rates_that_fall_together_are_one() -> None:
    for growth in (Fraction(percent, 100) for percent in range(30, 300, 7)):
        rate = float(growth - 1)
        assert yearly(*times([Fraction(1), -growth], [Fraction(1), -growth])) == about(rate)
        # rounding moves a root of higher order
        assert yearly(*times([Fraction(1), -growth], [Fraction(1), -2 * growth, growth**2])) == pytest.approx(rate, abs=1e-4)
        assert rates_of(times([Fraction(1), -2 * growth, growth**2], [Fraction(1), -2 * growth, growth**2])) == [
            pytest.approx(rate, abs=1e-3)
        ]
    # two double roots 0.006 % apart: their sum locks three times, each time within rounding of zero
    near = [times([Fraction(1), -growth], [Fraction(1), -growth]) for growth in (Fraction("1.1"), Fraction("1.10006"))]
    assert yearly(*times(*near)) == pytest.approx(0.10, abs=1e-4)
    with pytest.raises(UndefinedReturnError, match="2 rates"):
        yearly(100, Decimal("-220.000001"), 121)
    with pytest.raises(UndefinedReturnError, match="never zero"):
        yearly(100, Decimal("-219.999999"), 121)


def test_changes_of_sign_alone_do_not_make_several_rates() -> None:
    flows = every(365, -100, 20, -30, 15, -10, 140)
    theirs = pyxirr.xirr([(day, float(amount)) for day, amount in flows])
    assert internal_rate_of_return(flows, day_count=EXACT) == pytest.approx(theirs)


def test_a_rate_that_no_float_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="the rate that solves the flows is no finite number"):
        internal_rate_of_return(every(1, -1, 10**10), day_count=EXACT)
    with pytest.raises(ValueError, match="the smallest flow is nothing beside the largest"):
        internal_rate_of_return(every(365, -1e-300, 1e300), day_count=EXACT)


def test_a_loss_of_nearly_everything_within_a_day_rounds_to_minus_one() -> None:
    assert internal_rate_of_return(every(1, -100, Decimal("0.01")), day_count=EXACT) == -1.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_amount_has_no_rate(value: float) -> None:
    with pytest.raises(ValueError, match="is no finite number"):
        yearly(-100, value, 110)


def test_a_missing_amount_is_reported() -> None:
    missing: Any = None
    with pytest.raises(UndefinedReturnError, match=f"the flow of {START + timedelta(days=365)} is missing") as raised:
        yearly(-100, missing, 110)
    assert raised.value.status is ReturnStatus.MISSING_VALUE


paid_in = st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 10**8)), min_size=1, max_size=12)


paid_out = st.lists(st.tuples(st.integers(1600, 3000), st.integers(1, 10**8)), min_size=1, max_size=12)


@st.composite
def single_rate_flows(draw: st.DrawFn) -> list[Flow]:
    flows = [(day, -units) for day, units in draw(paid_in)] + [(day, units) for day, units in draw(paid_out)]
    return [(START + timedelta(days=day), Decimal(units).scaleb(-2)) for day, units in flows]


@given(single_rate_flows())
def test_a_single_rate_is_the_one_that_pyxirr_finds(flows: list[Flow]) -> None:
    theirs = pyxirr.xirr([(day, float(amount)) for day, amount in flows], silent=True)
    ours = internal_rate_of_return(flows, day_count=EXACT)
    assume(theirs is not None)
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-6)


def test_dated_flows_have_no_whole_months() -> None:
    flows = [(date(2020, 12, 31), -100), (date(2021, 12, 31), 110)]
    with pytest.raises(ValueError, match=r"months/12 counts whole months and no days; choose actual/365\.25 or actual/365"):
        internal_rate_of_return(flows, day_count=DayCount.MONTHS_12)


@given(single_rate_flows(), st.sampled_from([DayCount.ACTUAL_365, DayCount.ACTUAL_365_25]))
def test_at_the_rate_the_flows_are_worth_nothing(flows: list[Flow], convention: DayCount) -> None:
    rate = internal_rate_of_return(flows, day_count=convention)
    assume(rate > -0.99)  # nearer to -1, 1 + rate has too few digits left for this test
    values = [float(amount) * (1 + rate) ** -convention.years(START, day) for day, amount in flows]
    assert abs(math.fsum(values)) <= 1e-11 * math.fsum(abs(value) for value in values)


@given(single_rate_flows(), st.integers(-10_000, 10_000), st.fractions(Fraction(1, 1000), 1000))
def test_other_units_and_other_dates_change_nothing(flows: list[Flow], days: int, unit: Fraction) -> None:
    expected = internal_rate_of_return(flows, day_count=EXACT)
    moved = [(day + timedelta(days=days), amount) for day, amount in flows]
    assert internal_rate_of_return(moved, day_count=EXACT) == expected
    other = [(day, -unit * Fraction(amount)) for day, amount in flows]
    assert internal_rate_of_return(other, day_count=EXACT) == pytest.approx(expected, rel=1e-11, abs=1e-12)


def times(one: Sequence[Fraction], other: Sequence[Fraction]) -> list[Fraction]:
    """The product of two polynomials, by rising power."""
    product = [Fraction(0)] * (len(one) + len(other) - 1)
    for (i, left), (j, right) in itertools.product(enumerate(one), enumerate(other)):
        product[i + j] += left * right
    return product


def rates_of(flows: Sequence[Number]) -> list[float]:
    try:
        return [yearly(*flows)]
    except UndefinedReturnError as error:
        return [] if error.status is RateStatus.NO_RATE else [float(rate) for rate in error.sentence.rpartition(": ")[2].split(", ")]


@given(
    st.lists(st.integers(-18, 40), max_size=5, unique=True).map(sorted),
    st.lists(st.tuples(st.integers(-15, 15), st.integers(4, 20)), max_size=3),
)
@example([-18, 0, 1, 2, 40], [(15, 8), (15, 8)])
def test_no_rate_is_lost_and_none_is_made_up(twentieths: list[int], elsewhere: list[tuple[int, int]]) -> None:
    """Flows made of factors 1 + r - w, with rates in steps of 5 %, and (w - a)² + b², which are never zero; w is a year's growth."""
    flows = [Fraction(1)]
    for each in twentieths:
        flows = times(flows, [Fraction(1), -1 - Fraction(each, 20)])
    for a, b in elsewhere:
        flows = times(flows, [Fraction(1), Fraction(-2 * a, 10), Fraction(a * a + b * b, 100)])
    assert rates_of(flows) == [pytest.approx(each / 20, abs=1e-6) for each in twentieths]


def sturm_count(flows: Sequence[int]) -> int:
    """How many different rates there are, by Sturm's theorem in exact arithmetic."""
    first = next(place for place, amount in enumerate(flows) if amount)
    chain = [without_zeros([Fraction(amount) for amount in flows[first:]])]
    chain.append([power * factor for power, factor in enumerate(chain[0])][1:])
    while chain[-1]:
        chain.append([-factor for factor in remainder(chain[-2], chain[-1])])
    chain.pop()
    at_zero = [each[0] > 0 for each in chain if each[0]]
    at_infinity = [each[-1] > 0 for each in chain]
    return changes(at_zero) - changes(at_infinity)


def without_zeros(polynomial: list[Fraction]) -> list[Fraction]:
    """Without the highest powers that do not occur."""
    while polynomial and not polynomial[-1]:
        polynomial = polynomial[:-1]
    return polynomial


def remainder(dividend: list[Fraction], divisor: list[Fraction]) -> list[Fraction]:
    while len(dividend) >= len(divisor):
        shifted = [Fraction(0)] * (len(dividend) - len(divisor)) + divisor
        times = dividend[-1] / divisor[-1]
        dividend = without_zeros([one - times * other for one, other in zip(dividend, shifted, strict=True)][:-1])
    return dividend


def changes(signs: Sequence[bool]) -> int:
    return sum(one != other for one, other in itertools.pairwise(signs))


@settings(max_examples=60)
@given(st.lists(st.integers(-9, 9), min_size=2, max_size=20).filter(any))
def test_there_are_as_many_rates_as_sturms_theorem_counts(amounts: list[int]) -> None:
    assert len(rates_of(amounts)) == sturm_count(amounts)


def test_many_flows_that_change_direction_have_their_rate() -> None:
    # an account of 1000 at 7 % a year, from which 10 are taken every second week and to which 9 are added every other
    week, weeks, balance = 1.07 ** (7 / 365), 1000, 1000.0
    amounts: list[Number] = [-balance]
    for number in range(1, weeks):
        amounts.append(10.0 if number % 2 else -9.0)
        balance = balance * week - float(amounts[-1])
    amounts.append(balance * week)
    assert internal_rate_of_return(every(7, *amounts), day_count=EXACT) == about(0.07)


def test_the_rate_of_a_short_period_is_a_yearly_one() -> None:
    rate = internal_rate_of_return(every(73, -100, 102), day_count=EXACT)
    assert rate == about(1.02**5 - 1)
    assert annual_rate(rate, years=5) == about(0.02)
