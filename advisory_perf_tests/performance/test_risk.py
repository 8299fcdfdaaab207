import math
import statistics
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from functools import partial
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.enums import Cadence, Deviation
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.performance import risk, twrr_series
from advisory_perf_tests.performance.scenarios import a_return, a_schedule, returns

WEEKDAYS, MONTHLY = a_schedule(), a_schedule(Cadence.MONTHLY)
excess_returns = partial(risk.excess_returns, schedule=WEEKDAYS)
monthly_returns = partial(risk.monthly_returns, schedule=WEEKDAYS)

Day = tuple[date, float | None, float | None]
EXCESS = ("benchmark_cumulative_return", "benchmark_linked_over_gap", "excess_return")
DEVIATIONS = {Deviation.SAMPLE: statistics.stdev, Deviation.POPULATION: statistics.pstdev}


def series(*days: Day, account: str = "A1", schedule: Schedule = WEEKDAYS) -> pl.DataFrame:
    """An account's valuations from (day, its return, the benchmark's); None is an undefined return, or a missing one."""
    linked = twrr_series(returns(*(a_return(day, value, account=account) for day, value, _ in days)), schedule=schedule).series
    return linked.join(
        pl.DataFrame(
            {"as_of_date": [day for day, _, _ in days], "benchmark_return": [value for _, _, value in days]},
            schema_overrides={"benchmark_return": pl.Float64()},
        ),
        on="as_of_date",
        how="left",
    )


def june(*values: tuple[float | None, float | None]) -> pl.DataFrame:
    """An account's valuations from the first of June on."""
    return series(*((date(2024, 6, day), *pair) for day, pair in enumerate(values, start=1)))


def month_end(place: int) -> date:
    """The last day of a month, counted from January 2021."""
    return date(2021 + (place + 1) // 12, (place + 1) % 12 + 1, 1) - timedelta(days=1)


def month_ends(*values: tuple[float | None, float | None], account: str = "A1", schedule: Schedule = WEEKDAYS) -> pl.DataFrame:
    """An account valued on the last day of each month from January 2021 on."""
    return series(*((month_end(place), *pair) for place, pair in enumerate(values)), account=account, schedule=schedule)


def months(*values: tuple[float | None, float | None], account: str = "A1") -> pl.DataFrame:
    """Monthly returns as ``monthly_returns`` gives them, from January 2021 on."""
    return pl.DataFrame(
        {
            "account_id": [account] * len(values),
            "month": [month_end(place) for place in range(len(values))],
            "monthly_return": [value for value, _ in values],
            "benchmark_monthly_return": [value for _, value in values],
        },
        schema_overrides={"monthly_return": pl.Float64(), "benchmark_monthly_return": pl.Float64()},
    )


def about(*values: float | None) -> list[Any]:
    return [None if value is None else pytest.approx(value, rel=1e-12, abs=1e-12) for value in values]


def column(frame: pl.DataFrame, name: str) -> list[Any]:
    return frame[name].to_list()


# excess returns


def test_the_excess_return_is_the_difference_of_both_linked_returns() -> None:
    found = excess_returns(june((0.10, 0.05), (-0.05, 0.02), (0.02, -0.10)))
    assert column(found, "benchmark_cumulative_return") == about(0.05, 0.071, -0.0361)
    assert column(found, "excess_return") == about(0.10 - 0.05, 0.045 - 0.071, 0.0659 + 0.0361)
    assert column(found, "benchmark_linked_over_gap") == [False] * 3


def test_where_the_account_has_no_return_the_benchmark_is_not_linked_either() -> None:
    found = excess_returns(june((0.10, 0.05), (None, 0.50), (None, None), (0.02, -0.10)))
    assert column(found, "benchmark_cumulative_return") == about(0.05, 0.05, 0.05, -0.055)
    assert column(found, "excess_return") == about(0.05, 0.05, 0.05, 1.1 * 1.02 - 1 + 0.055)
    assert column(found, "benchmark_linked_over_gap") == [False] * 4
    assert column(found, "linked_over_gap") == [False, True, True, True]


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, -math.inf, -1.5])
def test_from_a_missing_benchmark_return_on_nothing_is_guessed(missing: float | None) -> None:
    found = excess_returns(june((0.10, 0.05), (0.01, missing), (0.02, -0.10)))
    assert column(found, "benchmark_cumulative_return") == about(0.05, None, None)
    assert column(found, "excess_return") == about(0.05, None, None)
    assert column(found, "benchmark_linked_over_gap") == [False, True, True]


def test_a_new_episode_starts_the_benchmark_anew() -> None:
    found = excess_returns(june((0.10, None), (-1.0, 0.02), (None, 0.30), (0.03, 0.01), (0.01, 0.01)))
    assert column(found, "benchmark_cumulative_return") == about(None, None, None, 0.01, 0.0201)
    assert column(found, "excess_return") == about(None, None, None, 0.02, 0.0403 - 0.0201)
    assert column(found, "benchmark_linked_over_gap") == [True, True, True, False, False]


def test_after_a_total_loss_the_benchmark_stands_still_with_the_account() -> None:
    found = excess_returns(june((-1.0, 0.02), (None, 0.30)))
    assert column(found, "excess_return") == about(-1.02, -1.02)


def test_a_series_that_lacks_valuations_gives_no_excess_return() -> None:
    whole = june((0.0, 0.05), (0.01, 0.05), (0.02, 0.05), (0.03, 0.05))
    unknown = ([None] * 3, [True] * 3)
    later = excess_returns(whole.slice(1))
    assert (column(later, "excess_return"), column(later, "benchmark_linked_over_gap")) == unknown
    with_a_hole = excess_returns(whole.filter(pl.col("as_of_date") != date(2024, 6, 2)))
    assert column(with_a_hole, "excess_return") == [about(-0.05)[0], None, None]
    assert column(with_a_hole, "benchmark_linked_over_gap") == [False, True, True]


def test_the_order_of_the_rows_stays_and_does_not_matter() -> None:
    rows = pl.concat([series((date(2024, 6, day), day / 100, day / 200), account=f"A{day % 2}") for day in range(1, 3)])
    other = series(*((date(2024, 6, day), day / 100, day / 200) for day in range(1, 9)), account="A2")
    whole = pl.concat([rows, other])
    shuffled = whole.sample(fraction=1, shuffle=True, seed=3)
    found = excess_returns(shuffled)
    assert found.select(whole.columns).equals(shuffled)
    assert found.sort("account_id", "as_of_date").equals(excess_returns(whole).sort("account_id", "as_of_date"))


@pytest.mark.parametrize("function", [excess_returns, monthly_returns])
def test_a_lazy_series_gives_the_same_lazily(function: Callable[..., Any]) -> None:
    rows = month_ends(*[(0.01, 0.02)] * 3)
    lazy = function(rows.lazy())
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(function(rows))


@pytest.mark.parametrize("function", [excess_returns, monthly_returns])
def test_two_rows_of_an_account_on_a_day_and_a_missing_column_are_refused(function: Callable[..., Any]) -> None:
    rows = june((0.01, 0.02))
    with pytest.raises(ValueError, match="account A1 has two rows on 2024-06-01"):
        function(pl.concat([rows, rows]))
    with pytest.raises(ValueError, match="needs the column benchmark_return"):
        function(rows.drop("benchmark_return"))


@pytest.mark.parametrize("name", ["cumulative_twrr", "twrr_mtd", "calculated_twrr"])
@pytest.mark.parametrize("wrong", [None, math.nan, math.inf])
def test_a_figure_of_the_account_that_is_none_makes_nothing_else_up(name: str, wrong: float | None) -> None:
    rows = month_ends(*[(0.01, 0.02)] * 3)
    spoilt = rows.with_columns(pl.when(pl.col("as_of_date") == month_end(1)).then(pl.lit(wrong, pl.Float64())).otherwise(name).alias(name))
    if name != "twrr_mtd":
        found = excess_returns(spoilt)
        assert column(found, "excess_return")[:2] == [*about(-0.01), None]
        assert column(found, "benchmark_linked_over_gap")[:2] == [False, True]
    if name != "cumulative_twrr":
        by_month = monthly_returns(spoilt)
        assert column(by_month, "monthly_return") == about(None, None, 0.01)
        assert column(by_month, "benchmark_monthly_return") == about(None, None, 0.02)


@pytest.mark.parametrize("function", [excess_returns, monthly_returns])
def test_without_rows_there_are_none_and_the_types_stay(function: Callable[..., Any]) -> None:
    rows = june((0.01, 0.02))
    assert function(rows.clear()).schema == function(rows).schema
    assert function(rows.clear()).height == 0


def test_no_infinite_figure_comes_out() -> None:
    found = excess_returns(june(*[(0.01, 1e200)] * 3))
    assert column(found, "benchmark_cumulative_return") == about(1e200, None, None)
    assert column(found, "excess_return") == about(-1e200, None, None)


small = st.integers(-100, 200).map(lambda units: units / 100)


@pytest.mark.slow
@settings(max_examples=50)
@given(st.lists(st.tuples(st.none() | small, st.none() | small), min_size=1, max_size=25))
def test_benchmark_and_excess_are_those_of_exact_arithmetic(values: list[tuple[float | None, float | None]]) -> None:
    found = excess_returns(june(*values))
    account, benchmark, is_gap, has_ended = Fraction(1), Fraction(1), False, False
    for (value, of_benchmark), row in zip(values, found.select(EXCESS).rows(), strict=True):
        if value is not None:
            if has_ended:
                account, benchmark, is_gap, has_ended = Fraction(1), Fraction(1), False, False
            account *= 1 + Fraction(value)
            is_gap |= of_benchmark is None
            benchmark *= 1 + Fraction(of_benchmark or 0)
            has_ended = account == 0
        expected = (None, None) if is_gap else (float(benchmark - 1), float(account - benchmark))
        assert (row[0], row[2]) == tuple(about(*expected))
        assert row[1] is is_gap


A_PART = {"funded": ({"beginning_market_value": 0}, 0), "emptied": ({"ending_market_value": 0}, 2)}


@pytest.mark.parametrize("name", A_PART)
def test_a_month_that_was_lived_through_in_part_gives_no_excess_return(name: str) -> None:
    """The benchmark's return is of the whole month, the account's of the weeks with money in it."""
    change, place = A_PART[name]
    rows = month_ends(*[(0.01, 0.02)] * 4, schedule=MONTHLY)
    changed = rows.with_columns(
        pl.when(pl.col("as_of_date") == month_end(place)).then(pl.lit(value)).otherwise(column).cast(rows.schema[column]).alias(column)
        for column, value in change.items()
    )
    found = excess_returns(changed, schedule=MONTHLY)
    assert column(found, "benchmark_covers_more") == [at >= place for at in range(4)]
    assert [value is None for value in column(found, "excess_return")] == [at >= place for at in range(4)]
    assert column(found, "benchmark_linked_over_gap") == [False] * 4
    by_month = monthly_returns(changed, schedule=MONTHLY)
    assert [value is None for value in column(by_month, "benchmark_monthly_return")] == [at == place for at in range(4)]
    of_days = excess_returns(changed)
    assert (column(of_days, "benchmark_covers_more"), of_days["excess_return"].null_count()) == ([False] * 4, 0)


def test_a_month_of_total_loss_was_lived_through_whole() -> None:
    found = excess_returns(month_ends((0.01, 0.02), (-1.0, 0.02), schedule=MONTHLY), schedule=MONTHLY)
    assert column(found, "benchmark_covers_more") == [False, False]


# monthly returns


def test_a_month_between_two_month_ends_has_its_linked_return() -> None:
    found = monthly_returns(
        series(
            (date(2024, 5, 31), 0.5, 0.5),
            (date(2024, 6, 14), 0.10, 0.05),
            (date(2024, 6, 28), 0.10, -0.10),
            (date(2024, 7, 31), 0.03, 0.02),
        )
    )
    assert found.columns == ["account_id", "month", "monthly_return", "benchmark_monthly_return"]
    assert column(found, "account_id") == ["A1"] * 3
    assert column(found, "month") == [date(2024, 5, 31), date(2024, 6, 30), date(2024, 7, 31)]
    assert column(found, "monthly_return") == about(None, 0.21, 0.03)
    assert column(found, "benchmark_monthly_return") == about(None, -0.055, 0.02)


def test_the_first_month_of_an_episode_is_not_known_to_be_whole() -> None:
    assert column(monthly_returns(month_ends((0.01, 0.01))), "monthly_return") == [None]
    again = monthly_returns(month_ends((0.01, 0.01), (-1.0, 0.02), (0.03, 0.03), (0.04, 0.04)))
    assert column(again, "monthly_return") == about(None, -1.0, None, 0.04)
    assert column(again, "benchmark_monthly_return") == about(None, 0.02, None, 0.04)


def test_of_a_monthly_feed_the_first_month_is_whole_where_it_began_with_a_value() -> None:
    rows = month_ends((0.01, 0.01), (0.02, 0.02), schedule=MONTHLY)
    assert column(monthly_returns(rows, schedule=MONTHLY), "monthly_return") == about(0.01, 0.02)
    funded = pl.DataFrame([{**row, "starts_within_window": True} for row in rows.to_dicts()], schema=rows.schema)
    assert column(monthly_returns(funded, schedule=MONTHLY), "monthly_return") == about(None, 0.02)


def test_a_daily_account_that_begins_on_the_months_first_due_day_has_the_month() -> None:
    days = [(date(2024, 7, 1), 0.01, 0.01), (date(2024, 7, 31), 0.02, 0.02)]
    assert column(monthly_returns(series(*days)), "monthly_return") == about(1.01 * 1.02 - 1)
    assert column(monthly_returns(series((date(2024, 7, 2), 0.01, 0.01), days[1])), "monthly_return") == [None]


@pytest.mark.parametrize(("holidays", "is_whole"), [([], False), ([date(2024, 3, 29)], True)])
def test_the_last_business_day_is_one_by_the_feeds_holidays(holidays: list[date], *, is_whole: bool) -> None:
    """Good Friday is the last weekday of March 2024; no later valuation shows that Thursday's was the last."""
    schedule = a_schedule(holidays=holidays)
    rows = series((date(2024, 2, 29), 0.01, 0.01), (date(2024, 3, 28), 0.02, 0.02), schedule=schedule)
    assert column(monthly_returns(rows, schedule=schedule), "monthly_return") == about(None, 0.02 if is_whole else None)


def test_a_month_with_an_undefined_return_has_none() -> None:
    found = monthly_returns(month_ends((0.01, 0.01), (None, 0.02), (0.03, 0.03)))
    assert column(found, "monthly_return") == about(None, None, 0.03)
    assert column(found, "benchmark_monthly_return") == about(None, None, 0.03)


def test_without_a_benchmark_the_account_has_its_month_all_the_same() -> None:
    found = monthly_returns(month_ends((0.01, 0.01), (0.02, None), (0.03, math.nan)))
    assert column(found, "monthly_return") == about(None, 0.02, 0.03)
    assert column(found, "benchmark_monthly_return") == [None] * 3


def test_after_a_month_without_a_valuation_the_next_is_no_month() -> None:
    rows = month_ends(*[(0.01, 0.01)] * 4)
    linked_over = series((date(2021, 1, 31), 0.01, 0.01), (date(2021, 3, 31), 0.02, 0.02), (date(2021, 4, 30), 0.03, 0.03))
    assert column(monthly_returns(linked_over), "monthly_return") == about(None, None, 0.03)
    a_year_on = series((date(2021, 1, 31), 0.01, 0.01), (date(2022, 2, 28), 0.02, 0.02))
    assert column(monthly_returns(a_year_on), "monthly_return") == [None, None]
    assert column(monthly_returns(rows), "monthly_return") == about(None, 0.01, 0.01, 0.01)


@pytest.mark.parametrize(
    ("last_of_march", "is_whole"),
    [
        (date(2024, 3, 31), True),
        (date(2024, 3, 29), True),  # the last weekday, Good Friday
        (date(2024, 3, 28), True),
        (date(2024, 3, 27), True),
        (date(2024, 3, 26), False),
    ],
)
def test_a_past_month_ends_with_a_valuation_of_its_last_days_and_the_next_begins_there(last_of_march: date, *, is_whole: bool) -> None:
    rows = series((date(2024, 2, 29), 0.01, 0.01), (last_of_march, 0.02, 0.02), (date(2024, 4, 30), 0.03, 0.03))
    assert column(monthly_returns(rows), "monthly_return") == about(None, *((0.02, 0.03) if is_whole else (None, None)))


@pytest.mark.parametrize(("latest", "is_whole"), [(date(2024, 6, 30), True), (date(2024, 6, 28), True), (date(2024, 6, 27), False)])
def test_the_month_that_still_runs_has_no_return_before_its_last_weekday(latest: date, *, is_whole: bool) -> None:
    rows = series((date(2024, 5, 31), 0.01, 0.01), (latest, 0.02, 0.02))
    assert column(monthly_returns(rows), "monthly_return") == about(None, 0.02 if is_whole else None)


def test_where_valuations_of_a_month_are_missing_it_has_no_return() -> None:
    rows = series((date(2024, 5, 31), 0.01, 0.01), (date(2024, 6, 14), 0.10, 0.05), (date(2024, 6, 28), 0.10, 0.05))
    assert column(monthly_returns(rows), "monthly_return") == about(None, 0.21)
    thinned = monthly_returns(rows.filter(pl.col("as_of_date") != date(2024, 6, 14)))
    assert column(thinned, "monthly_return") == [None, None]
    assert column(thinned, "benchmark_monthly_return") == [None, None]


def test_accounts_do_not_mix_and_come_in_order() -> None:
    one, other = month_ends(*[(0.01, 0.02)] * 3), month_ends(*[(0.03, 0.04)] * 2, account="A2")
    found = monthly_returns(pl.concat([other, one.reverse()]))
    assert found.equals(pl.concat([monthly_returns(one), monthly_returns(other)]))
