import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.contracts.enums import DayCount, FeeBasis, FlowTiming, ReturnStatus
from advisory_perf.errors import UndefinedReturnError
from advisory_perf.performance.measures import Number
from advisory_perf.performance.money_weighted import internal_rate_of_return, modified_dietz
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf_tests.performance.scenarios import positions

pytestmark = pytest.mark.slow

START, END = date(2024, 5, 31), date(2024, 6, 30)  # 30 days
WEIGHTED_TIMINGS = (FlowTiming.START_OF_DAY, FlowTiming.MID_DAY, FlowTiming.END_OF_DAY)
EXACT = DayCount.ACTUAL_365
Flow = tuple[date, Number]


def about(value: float) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def dietz(bmv: Number, emv: Number, *flows: Flow, flow_day: FlowTiming = FlowTiming.END_OF_DAY) -> float:
    return modified_dietz(bmv, emv, flows, START, END, flow_day=flow_day)


def every(days: int, *amounts: Number) -> list[Flow]:
    """Amounts so many days apart."""
    return [(START + timedelta(days=days * place), amount) for place, amount in enumerate(amounts)]


def yearly(*amounts: Number) -> float:
    """The rate of amounts that are years of 365 days apart."""
    return internal_rate_of_return(every(365, *amounts), day_count=EXACT)


# modified Dietz


@pytest.mark.parametrize(
    ("flow_day", "weight"),
    [(FlowTiming.START_OF_DAY, Fraction(21, 30)), (FlowTiming.MID_DAY, Fraction(41, 60)), (FlowTiming.END_OF_DAY, Fraction(20, 30))],
)
def test_a_flow_works_for_its_part_of_the_period(flow_day: FlowTiming, weight: Fraction) -> None:
    # 300 come in on the tenth of thirty days; of 1000 there are 1330 in the end, so 30 were earned
    assert dietz(1000, 1330, (date(2024, 6, 10), 300), flow_day=flow_day) == float(30 / (1000 + 300 * weight))


def test_money_that_goes_out_works_for_less() -> None:
    assert dietz(1000, 710, (date(2024, 6, 15), -300)) == float(Fraction(10) / (1000 - 150))


def test_flows_of_one_day_add_up_in_any_order() -> None:
    one = dietz(1000, 1130, (date(2024, 6, 20), 60), (date(2024, 6, 5), 20), (date(2024, 6, 20), 40))
    assert one == dietz(1000, 1130, (date(2024, 6, 5), 20), (date(2024, 6, 20), 100))


def test_amounts_are_read_exactly() -> None:
    assert dietz(Decimal("0.1"), Decimal("0.3"), (END, Decimal("0.2"))) == 0.0
    assert dietz(Decimal("1234567890123456.01"), Decimal("1234567890123456.02")) == float(Fraction(1, 123456789012345601))


def test_flows_may_come_as_a_frame() -> None:
    flows = pl.DataFrame({"as_of_date": [date(2024, 6, 10), date(2024, 6, 20)], "net_flow": [Decimal("300.0000"), Decimal("-50.0000")]})
    expected = dietz(1000, 1280, (date(2024, 6, 10), 300), (date(2024, 6, 20), -50))
    for frame in (flows, flows.lazy()):
        assert modified_dietz(1000, 1280, frame, START, END, flow_day=FlowTiming.END_OF_DAY) == expected
    with pytest.raises(ValueError, match="needs the column net_flow"):
        modified_dietz(1000, 1280, flows.rename({"net_flow": "flow"}), START, END, flow_day=FlowTiming.END_OF_DAY)


@pytest.mark.parametrize("flow_day", [FlowTiming.INFLOW_START_OUTFLOW_END, FlowTiming.WEIGHTED])
def test_a_flow_day_without_a_weight_is_refused(flow_day: FlowTiming) -> None:
    with pytest.raises(ValueError, match="choose one of start_of_day, mid_day, end_of_day"):
        dietz(1000, 1010, flow_day=flow_day)


def test_the_flow_day_may_be_given_as_its_text() -> None:
    as_text: Any = "start_of_day"
    flow = (date(2024, 6, 10), 300)
    assert dietz(1000, 1330, flow, flow_day=as_text) == dietz(1000, 1330, flow, flow_day=FlowTiming.START_OF_DAY)
    unknown: Any = "noon"
    with pytest.raises(ValueError, match="'noon' is no flow timing"):
        dietz(1000, 1330, flow, flow_day=unknown)


@pytest.mark.parametrize("day", [START, date(2024, 7, 1)])
def test_a_flow_outside_the_period_is_named(day: date) -> None:
    with pytest.raises(ValueError, match=f"the flow of {day} lies outside the period"):
        dietz(1000, 1010, (day, 10))


def test_a_flow_on_the_last_day_is_inside() -> None:
    assert dietz(1000, 1110, (END, 100)) == 0.01
    assert dietz(1000, 1110, (END, 100), flow_day=FlowTiming.START_OF_DAY) == float(10 / (1000 + Fraction(100, 30)))


@pytest.mark.parametrize("end", [START, START - timedelta(days=1)])
def test_a_period_without_a_day_is_refused(end: date) -> None:
    with pytest.raises(ValueError, match="has no day"):
        modified_dietz(1000, 1010, [], START, end, flow_day=FlowTiming.END_OF_DAY)


@pytest.mark.parametrize(
    ("bmv", "emv", "flows", "status"),
    [
        (0, 0, [], ReturnStatus.UNDEFINED_BASE),
        (0, 101, [(END, 100)], ReturnStatus.UNDEFINED_BASE),
        (100, -60, [(date(2024, 6, 1), -150)], ReturnStatus.UNDEFINED_BASE),
        (100, -1, [], ReturnStatus.BEYOND_TOTAL_LOSS),
        (None, 100, [], ReturnStatus.MISSING_VALUE),
        (100, None, [], ReturnStatus.MISSING_VALUE),
        (100, 100, [(END, None)], ReturnStatus.MISSING_VALUE),
    ],
)
def test_an_undefined_return_says_why(bmv: Any, emv: Any, flows: Any, status: ReturnStatus) -> None:
    with pytest.raises(UndefinedReturnError) as raised:
        dietz(bmv, emv, *flows)
    assert raised.value.status is status
    assert str(raised.value) == f"{status}: {raised.value.sentence}"


def test_a_total_loss_is_minus_one() -> None:
    assert dietz(100, 0) == -1.0


def test_a_return_that_no_float_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="the modified Dietz return is no finite number"):
        dietz(1e-300, 1e300)


@pytest.mark.parametrize("value", [math.nan, math.inf, Decimal("NaN")])
def test_what_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"the flow of 2024-06-10 is no finite number"):
        dietz(1000, 1010, (date(2024, 6, 10), value))
    with pytest.raises(ValueError, match=r"the beginning market value is no finite number"):
        dietz(value, 1010)


@pytest.mark.parametrize("day", [datetime(2024, 6, 10, 12), "2024-06-10", None])  # noqa: DTZ001  a time of day is what is refused
def test_a_day_is_a_date_and_nothing_else(day: Any) -> None:
    with pytest.raises(TypeError, match="is no date"):
        dietz(1000, 1010, (day, 10))


cents = st.integers(1, 10**12).map(lambda units: Decimal(units).scaleb(-2))


@given(cents, cents, st.sampled_from(WEIGHTED_TIMINGS))
def test_without_flows_it_is_the_change_in_value(bmv: Decimal, emv: Decimal, flow_day: FlowTiming) -> None:
    assert dietz(bmv, emv, flow_day=flow_day) == float(Fraction(emv) / Fraction(bmv) - 1)


@given(cents, cents, cents, cents, st.sampled_from(WEIGHTED_TIMINGS))
def test_over_one_day_it_is_the_sub_period_return(
    bmv: Decimal, emv: Decimal, inflow: Decimal, outflow: Decimal, timing: FlowTiming
) -> None:
    row = {"beginning_market_value": bmv, "contributions": inflow, "distributions": outflow, "ending_market_value": emv}
    period = sub_period_returns(positions(row), timing=timing, fee_basis=FeeBasis.NET).row(0, named=True)
    try:
        found, status = modified_dietz(bmv, emv, [(END, inflow), (END, -outflow)], END - timedelta(days=1), END, flow_day=timing), "OK"
    except UndefinedReturnError as error:
        found, status = None, str(error.status)
    assert status == period["return_status"]
    assert period["calculated_twrr"] == (None if found is None else about(found))


# internal rate of return


# an account: money goes in on several days and comes back once, or in several parts at the end, which is one change of sign
