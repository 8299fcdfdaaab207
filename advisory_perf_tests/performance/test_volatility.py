import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.enums import Deviation
from advisory_perf.performance.risk import tracking_error, volatility
from advisory_perf_tests.performance.test_risk import DEVIATIONS, MONTHLY, about, column, month_ends, monthly_returns, months


def a_wave(length: int) -> list[tuple[float, float]]:
    """Monthly returns that vary, the benchmark's by its own rhythm."""
    return [(0.01 + 0.03 * math.sin(place), 0.005 + 0.02 * math.cos(1.7 * place)) for place in range(length)]


@pytest.mark.parametrize("deviation", list(Deviation))
def test_the_figures_of_36_months_against_statistics(deviation: Deviation) -> None:
    values = a_wave(40)
    found = tracking_error(volatility(months(*values), deviation=deviation), deviation=deviation)
    calculate = DEVIATIONS[deviation]

    def expected(series: Sequence[float]) -> list[Any]:
        return about(*[None] * 35, *(calculate(series[end - 36 : end]) * math.sqrt(12) for end in range(36, 41)))

    assert column(found, "volatility") == expected([one for one, _ in values])
    assert column(found, "benchmark_volatility") == expected([other for _, other in values])
    assert column(found, "tracking_error") == expected([one - other for one, other in values])


def test_a_hand_worked_volatility() -> None:
    # 36 returns of 3 % and 1 % by locks: a mean of 2 %, each 1 % away from it
    values = [(0.03, 0.03), (0.01, 0.01)] * 18
    found = volatility(months(*values), deviation=Deviation.POPULATION)
    assert column(found, "volatility")[-1] == pytest.approx(0.01 * math.sqrt(12))
    found = tracking_error(volatility(months(*values), deviation=Deviation.SAMPLE), deviation=Deviation.SAMPLE)
    assert column(found, "volatility")[-1] == pytest.approx(0.01 * math.sqrt(36 / 35) * math.sqrt(12))
    assert column(found, "tracking_error")[-1] == 0.0


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_a_month_without_a_return_leaves_36_months_without_a_figure(missing: float | None) -> None:
    values: list[tuple[float | None, float | None]] = [*a_wave(80)]
    values[40] = (missing, 0.01)
    values[1] = (0.01, missing)
    found = tracking_error(volatility(months(*values), deviation=Deviation.SAMPLE), deviation=Deviation.SAMPLE)
    places = range(80)
    has_volatility = [place in range(35, 40) or place in range(76, 80) for place in places]
    has_benchmark = [place in range(37, 80) for place in places]
    assert found["volatility"].is_not_null().to_list() == has_volatility
    assert found["benchmark_volatility"].is_not_null().to_list() == has_benchmark
    assert found["tracking_error"].is_not_null().to_list() == [a and b for a, b in zip(has_volatility, has_benchmark, strict=True)]
    assert not found["volatility"].is_nan().any()


def test_a_month_that_is_not_there_at_all_breaks_the_36_as_well() -> None:
    whole = months(*a_wave(73))
    found = volatility(whole.filter(pl.int_range(pl.len()) != 36), deviation=Deviation.SAMPLE)
    assert found["volatility"].is_not_null().to_list() == [place in {35, 71} for place in range(72)]


def test_months_of_two_accounts_make_no_36() -> None:
    place = pl.int_range(pl.len())
    split = months(*a_wave(60)).with_columns(account_id=pl.when(place < 20).then(pl.lit("A1")).otherwise(pl.lit("A2")))
    found = volatility(split, deviation=Deviation.SAMPLE)
    assert found["volatility"].is_not_null().to_list() == [row >= 20 + 35 for row in range(60)]


def test_an_outlier_leaves_no_trace_once_it_is_out() -> None:
    values = [(1e6, 0.0), *[(0.01, 0.0), (-0.01, 0.0)] * 18]
    found = volatility(months(*values), deviation=Deviation.POPULATION)
    assert column(found, "volatility")[-1] == pytest.approx(0.01 * math.sqrt(12), rel=1e-12)


def test_a_deviation_that_no_float_holds_is_none() -> None:
    found = volatility(months(*[(1e300, 0.0), (0.0, 0.0)] * 18), deviation=Deviation.SAMPLE)
    assert column(found, "volatility") == [None] * 36


def test_the_rows_of_monthly_returns_stay_in_their_order() -> None:
    rows = pl.concat([months(*a_wave(37)), months(*reversed(a_wave(40)), account="A2")])
    shuffled = rows.sample(fraction=1, shuffle=True, seed=5)
    found = tracking_error(volatility(shuffled, deviation=Deviation.SAMPLE), deviation=Deviation.SAMPLE)
    assert found.select(rows.columns).equals(shuffled)
    expected = tracking_error(volatility(rows, deviation=Deviation.SAMPLE), deviation=Deviation.SAMPLE)
    assert found.sort("account_id", "month").equals(expected)
    assert expected["volatility"].is_not_null().sum() == 2 + 5


@pytest.mark.parametrize("function", [volatility, tracking_error])
def test_the_divisor_may_be_given_as_its_text_frames_lazily_and_nothing_else(function: Callable[..., Any]) -> None:
    rows = months(*a_wave(37))
    lazy = function(rows.lazy(), deviation="population")
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(function(rows, deviation=Deviation.POPULATION))
    with pytest.raises(ValueError, match="'n' is no deviation: choose one of sample, population"):
        function(rows, deviation="n")
    with pytest.raises(ValueError, match="needs the column month"):
        function(rows.drop("month"), deviation=Deviation.SAMPLE)
    with pytest.raises(ValueError, match="needs one row for each account and month"):
        function(pl.concat([rows, rows.tail(1)]), deviation=Deviation.SAMPLE)


def test_of_a_monthly_feed_36_months_give_the_first_volatility() -> None:
    values = a_wave(36)
    monthly = monthly_returns(month_ends(*values, schedule=MONTHLY), schedule=MONTHLY)
    expected = statistics.stdev([one for one, _ in values]) * math.sqrt(12)
    assert column(volatility(monthly, deviation=Deviation.SAMPLE), "volatility") == about(*[None] * 35, expected)


def test_37_month_ends_give_the_first_volatility_of_an_account() -> None:
    values = a_wave(37)
    found = volatility(monthly_returns(month_ends(*values)), deviation=Deviation.SAMPLE)
    expected = statistics.stdev([one for one, _ in values[1:]]) * math.sqrt(12)
    assert column(found, "volatility") == about(*[None] * 36, expected)
