"""What is not known stays unknown: each null rule that a docstring of this room states, by its name."""

import math
from datetime import date
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.enums import Cadence, Deviation, ReconciledField
from advisory_perf.performance import growth_of, link_returns
from advisory_perf.performance.closing import with_closures
from advisory_perf.performance.currencies import currency_changes, with_previous_currency, without_changed_currencies
from advisory_perf.performance.net_flow import net_flows
from advisory_perf.performance.ordering import finite, finite_or_null, is_return
from advisory_perf.performance.risk import excess_returns, monthly_returns, tracking_error, volatility
from advisory_perf.performance.shares import Share
from advisory_perf.quality.rules import roll_forward_failures, stale_values, value_jumps, with_unchanged_since
from advisory_perf_tests.performance.scenarios import a_schedule, positions
from advisory_perf_tests.performance.test_risk import WEEKDAYS, june, month_ends, months
from advisory_perf_tests.reconciliation.test_compare import CENT, NET_FLOW, POINT, TWRR, outcome

FIRST, SECOND, THIRD = (date(2024, 6, day) for day in (3, 4, 5))
UNDEFINED = (None, math.nan, math.inf, -math.inf, -1.0000001)


def sub_periods(*values: float | None) -> pl.DataFrame:
    days = [date(2024, 6, day) for day in range(1, len(values) + 1)]
    return pl.DataFrame({"account_id": "A1", "as_of_date": days, "calculated_twrr": pl.Series(values, dtype=pl.Float64())})


# linked by account and grown: growth


@pytest.mark.parametrize("unknown", UNDEFINED)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_total_loss_beside_an_undefined_return_gives_an_account_no_linked_return(unknown: float | None, place: int) -> None:
    """Neither before nor behind it: what is unknown may be anything, also beside a product of zero."""
    values = [-1.0, 0.1]
    rows = sub_periods(*values[:place], unknown, *values[place:])
    for frame in (rows, rows.lazy()):
        assert link_returns(frame).lazy().collect()["linked_return"].to_list() == [None]


@pytest.mark.parametrize("unknown", UNDEFINED)
def test_an_undefined_return_gives_an_account_no_linked_return(unknown: float | None) -> None:
    assert link_returns(sub_periods(0.1, unknown, 0.2))["linked_return"].to_list() == [None]
    assert link_returns(sub_periods(unknown))["linked_return"].to_list() == [None]


@pytest.mark.parametrize("unknown", UNDEFINED)
def test_growth_is_null_from_the_undefined_return_on_also_after_a_total_loss(unknown: float | None) -> None:
    for frame in (sub_periods(0.5, -1.0, unknown, 0.5), sub_periods(0.5, -1.0, unknown, 0.5).lazy()):
        assert growth_of(100, frame).lazy().collect()["growth"].to_list() == [150.0, 0.0, None, None]


def test_growth_and_linked_return_that_no_float_holds_are_null() -> None:
    rows = sub_periods(1e200, 1e200, 0.0)
    assert growth_of(1, rows)["growth"].to_list() == [1e200, None, None]
    assert link_returns(rows)["linked_return"].to_list() == [None]


# linked scalars: measures


@pytest.mark.parametrize("returns", [[None, -1.0], [-1.0, None], [0.1, None, -1.0], [None], []])
def test_a_total_loss_beside_an_unknown_return_has_no_linked_return(returns: list[float | None]) -> None:
    assert link_returns(returns) is None


def test_a_wealth_that_is_lost_is_unknown_behind_an_unknown_return() -> None:
    assert growth_of(100, [-1.0, None, 0.5]).to_list() == [0.0, None, None]


# numbers at all: frames


@pytest.mark.parametrize(
    ("value", "is_one"),
    [(-1.0, True), (-1.0000001, False), (0.0, True), (1e300, True), (None, False), (math.nan, False), (math.inf, False)],
)
def test_whether_a_value_can_be_a_return_is_never_null(value: float | None, *, is_one: bool) -> None:
    assert pl.select(is_return(pl.lit(value, pl.Float64()))).item() is is_one


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_a_float_that_is_no_finite_number_is_null(value: float | None) -> None:
    frame = pl.DataFrame({"x": pl.Series([value], dtype=pl.Float64())})
    assert frame.select(finite("x", frame)).item() is None
    assert frame.select(finite_or_null(pl.col("x"))).item() is None


# what crossed the boundary: flows


@pytest.mark.parametrize("side", ["contributions", "distributions"])
def test_a_flow_of_which_one_side_is_unknown_is_unknown(side: str) -> None:
    row = net_flows(positions({"contributions": 5, "distributions": 3, side: None})).row(0, named=True)
    assert (row["net_flow"], row["calculated_ending_market_value"]) == (None, None)


# closed accounts: closing


def closed(**row: Any) -> tuple[bool, Any]:
    values: dict[str, Any] = {
        "account_id": "A1",
        "as_of_date": FIRST,
        "beginning_market_value": 100.0,
        "ending_market_value": 0.0,
        "flow": -100.0,
        "factor": 1.0,
        "is_ok": True,
        "is_state": False,
    }
    types = dict.fromkeys(("beginning_market_value", "ending_market_value", "flow", "factor"), pl.Float64())
    rows = pl.DataFrame([values | row], schema_overrides=types)
    found = with_closures(rows, Share.residual(None), episodes=True).row(0, named=True)
    return found["is_closed"], found["emptied_by"]


def test_an_amount_that_is_unknown_does_not_count_as_nothing() -> None:
    assert closed() == (True, 100.0)
    assert closed(factor=0.0) == (False, None), "everything was lost to the market"
    assert closed(ending_market_value=None) == (False, None)
    assert closed(flow=None) == (False, None)
    nothing_at_all = {"beginning_market_value": 0.0, "flow": 0.0}
    assert closed(**nothing_at_all) == (True, 0.0)
    for name in ("beginning_market_value", "ending_market_value", "flow"):
        assert closed(**(nothing_at_all | {name: None})) == (False, None)


# currencies


def in_currencies(*codes: str | None) -> pl.DataFrame:
    days = [date(2024, 6, day) for day in range(1, len(codes) + 1)]
    return pl.DataFrame({"account_id": "A1", "as_of_date": days, "delivery_id": "d", "currency": pl.Series(codes, dtype=pl.String())})


def test_a_currency_that_is_not_known_before_is_no_other_one() -> None:
    before = in_currencies(None).select("account_id", "currency")
    for earlier in (None, before):
        rows = with_previous_currency(in_currencies("USD", "USD", "EUR"), earlier)
        assert rows["previous_currency"].to_list() == [None, "USD", "USD"]
        assert currency_changes(rows)["currency"].to_list() == ["EUR"]
        returns = rows.with_columns(calculated_twrr=0.1, growth_factor=1.1, return_status=pl.lit("OK"))
        found = without_changed_currencies(returns)
        assert found["return_status"].to_list() == ["OK", "OK", "CURRENCY_CHANGE"]
        assert found["calculated_twrr"].to_list() == [0.1, 0.1, None]
        assert found["growth_factor"].to_list() == [1.1, 1.1, None]


# what deserves a look: quality


def test_a_value_before_that_is_unknown_is_nothing_to_roll_from_or_to_jump_from() -> None:
    rows = positions({"as_of_date": FIRST, "ending_market_value": None}, {"as_of_date": SECOND, "beginning_market_value": 10**6})
    assert roll_forward_failures(rows, None).height == 0
    assert value_jumps(rows.filter(as_of_date=SECOND), rows.filter(as_of_date=FIRST), factor=1000)["field_name"].to_list() == [
        "ending_market_value"
    ]


def test_a_value_that_is_unknown_or_zero_is_always_a_new_one() -> None:
    values = (None, None, "0", "0", "7", "7")
    days = [date(2024, 6, day) for day in range(1, 7)]
    rows = positions(*({"as_of_date": day, "ending_market_value": value} for day, value in zip(days, values, strict=True)))
    since = with_unchanged_since(rows, None)
    assert since["value_unchanged_since"].to_list() == [*days[:5], days[4]]
    assert stale_values(since, after_days=1)["as_of_date"].to_list() == [days[5]]


def test_where_it_is_not_known_since_when_a_value_stands_it_is_that_valuation() -> None:
    before = positions({"as_of_date": FIRST}).with_columns(value_unchanged_since=pl.lit(None, pl.Date()))
    rows = with_unchanged_since(positions({"as_of_date": SECOND}), before)
    assert rows["value_unchanged_since"].to_list() == [FIRST]


def test_a_value_after_an_unknown_flow_is_a_new_one() -> None:
    rows = positions({"as_of_date": FIRST}, {"as_of_date": SECOND, "contributions": 5})
    assert with_unchanged_since(rows, None)["value_unchanged_since"].to_list() == [FIRST, SECOND]


# against the vendor: reconciliation


@pytest.mark.parametrize("field", [ReconciledField.ENDING_MARKET_VALUE, ReconciledField.NET_FLOW])
def test_money_of_ours_that_is_unknown_is_a_break_and_never_passes(field: ReconciledField) -> None:
    row = {"contributions": None, "vendor_net_flow": 0}
    found = outcome(field, CENT, **row)
    assert (found["calculated_value"], found["variance"], found["within_tolerance"]) == (None, None, False)
    assert found["likely_cause"] == "UNEXPLAINED"


@pytest.mark.parametrize("theirs", ["-500.02", "-600", "-1000000", "499.97", "-499.98"])
def test_an_amount_that_is_not_ours_with_the_sign_turned_has_not_the_cause_sign(theirs: str) -> None:
    """However far below ours with the sign turned it lies: what counts is how far away, not on which side."""
    assert outcome(NET_FLOW, CENT, contributions=500, vendor_net_flow=theirs)["likely_cause"] == "UNEXPLAINED"


@pytest.mark.parametrize(("theirs", "expected"), [("-500.01", "SIGN"), ("-499.99", "SIGN")])
def test_ours_with_the_sign_turned_to_the_tolerance_has_the_cause_sign(theirs: str, expected: str) -> None:
    assert outcome(NET_FLOW, CENT, contributions=500, vendor_net_flow=theirs)["likely_cause"] == expected


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [(-0.0202, "UNEXPLAINED"), (-0.0198, "UNEXPLAINED"), (-0.0201, "SIGN"), (-0.0199, "SIGN"), (-0.9, "UNEXPLAINED")],
)
def test_a_return_has_the_cause_sign_only_where_it_is_ours_turned(theirs: float, expected: str) -> None:
    assert outcome(TWRR, POINT, ending_market_value=102, vendor_twrr=theirs)["likely_cause"] == expected


@pytest.mark.parametrize(
    ("theirs", "expected"), [(2.01, "PERCENT_SCALE"), (1.99, "PERCENT_SCALE"), (2.0101, "UNEXPLAINED"), (1.9899, "UNEXPLAINED")]
)
def test_a_return_has_the_cause_percent_only_within_the_tolerance_of_a_hundred_times_ours(theirs: float, expected: str) -> None:
    assert outcome(TWRR, POINT, ending_market_value=102, vendor_twrr=theirs)["likely_cause"] == expected


@pytest.mark.parametrize(("theirs", "expected"), [("500.02", "ROUNDING"), ("499.98", "ROUNDING"), ("500.0201", "UNEXPLAINED")])
def test_twice_the_tolerance_is_rounding_and_no_more(theirs: str, expected: str) -> None:
    assert outcome(NET_FLOW, CENT, contributions=500, vendor_net_flow=theirs)["likely_cause"] == expected


# account against benchmark: risk

MONTHLY = a_schedule(Cadence.MONTHLY)
TWO_MONTHS = ((0.0, 0.0), (0.01, 0.02), (0.03, 0.04))


def months_of(*values: tuple[float | None, float | None]) -> list[tuple[Any, Any]]:
    """Monthly returns of account and benchmark after a first month end."""
    found = monthly_returns(month_ends(*values), schedule=WEEKDAYS)
    return found.select("monthly_return", "benchmark_monthly_return").rows()


@pytest.mark.parametrize("unknown", [None, math.nan, math.inf, -1.5])
def test_a_month_with_an_undefined_sub_period_has_no_return(unknown: float | None) -> None:
    """Also where the month's own figure is at hand: linked over a gap it is not the month's."""
    rows = month_ends(*TWO_MONTHS)
    second = pl.col("as_of_date") == rows["as_of_date"][1]
    gap = rows.with_columns(
        calculated_twrr=pl.when(second).then(pl.lit(unknown, pl.Float64())).otherwise("calculated_twrr"),
        twrr_mtd=pl.when(second).then(0.0).otherwise("twrr_mtd"),
    )
    assert monthly_returns(gap, schedule=WEEKDAYS)["monthly_return"].to_list()[1] is None
    without_return = rows.with_columns(return_status=pl.when(second).then(pl.lit("UNDEFINED_BASE")).otherwise("return_status"))
    assert monthly_returns(without_return, schedule=WEEKDAYS)["monthly_return"].to_list()[1] is None


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_month_with_one_undefined_day_of_several_has_no_return(place: int) -> None:
    days = [(date(2024, 5, 31), 0.0), (date(2024, 6, 10), 0.0), (date(2024, 6, 20), 0.0), (date(2024, 6, 28), 0.0)]
    rows = pl.concat([june((0.0, 0.0))] * 4).with_columns(
        as_of_date=pl.Series([day for day, _ in days]), inception_date=pl.lit(date(2024, 5, 31)), twrr_mtd=pl.lit(0.0)
    )
    assert monthly_returns(rows, schedule=WEEKDAYS)["monthly_return"].to_list()[1] == 0.0
    undefined = pl.int_range(pl.len()) == place
    gap = rows.with_columns(calculated_twrr=pl.when(~undefined).then("calculated_twrr"))
    assert monthly_returns(gap, schedule=WEEKDAYS)["monthly_return"].to_list()[1] is None
    of_benchmark = rows.with_columns(benchmark_return=pl.when(~undefined).then("benchmark_return"))
    found = monthly_returns(of_benchmark, schedule=WEEKDAYS).row(1)
    assert found[-2:] == (0.0, None)


@pytest.mark.parametrize("unknown", [None, math.nan, math.inf, -1.5])
def test_a_month_without_a_benchmark_has_a_return_and_no_benchmark(unknown: float | None) -> None:
    (_, second, third) = months_of((0.0, 0.0), (0.01, unknown), (0.03, 0.04))
    assert second == (pytest.approx(0.01), None)
    assert third == (pytest.approx(0.03), pytest.approx(0.04))


def test_a_month_that_begins_with_an_unknown_value_may_be_lived_through_in_part() -> None:
    rows = month_ends(*TWO_MONTHS, schedule=MONTHLY).with_columns(beginning_market_value=pl.Series([100.0, 100.0, None]))
    found = excess_returns(rows, schedule=MONTHLY)
    assert found["benchmark_covers_more"].to_list() == [False, False, True]
    assert found["excess_return"].is_null().to_list() == [False, False, True]


@pytest.mark.parametrize("figure", [volatility, tracking_error])
@pytest.mark.parametrize("place", [0, 17, 35])
@pytest.mark.parametrize("unknown", [None, math.nan, math.inf])
def test_one_unknown_of_36_months_leaves_no_deviation(figure: Any, place: int, unknown: float | None) -> None:
    values: list[tuple[float | None, float | None]] = [(0.01 * (month % 3), 0.02 * (month % 2)) for month in range(37)]
    known = figure(months(*values), deviation=Deviation.SAMPLE)
    assert known[known.columns[-1]].is_null().to_list() == [*[True] * 35, False, False]
    values[place] = (values[place][0], unknown) if figure is tracking_error else (unknown, values[place][1])
    found = figure(months(*values), deviation=Deviation.SAMPLE)
    name = "tracking_error" if figure is tracking_error else "volatility"
    assert found[name].is_null().to_list() == [*[True] * 35, True, place != 0]


def test_the_excess_return_is_unknown_where_either_side_is() -> None:
    rows = june((0.1, 0.05), (0.1, 0.05))
    unknown = rows.with_columns(cumulative_twrr=pl.lit(None, pl.Float64()))
    assert excess_returns(unknown, schedule=WEEKDAYS)["excess_return"].to_list() == [None, None]
    assert excess_returns(unknown, schedule=WEEKDAYS)["benchmark_linked_over_gap"].to_list() == [True, True]


def test_two_figures_count_as_the_same_to_their_rounding_and_no_more() -> None:
    for beside, is_same in ((0.9e-9, True), (1.1e-9, False)):
        rows = june((0.0, 0.05)).with_columns(cumulative_twrr=pl.lit(beside))
        assert excess_returns(rows, schedule=WEEKDAYS)["benchmark_linked_over_gap"].to_list() == [not is_same]
