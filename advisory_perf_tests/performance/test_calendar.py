"""The matrix of months and years: what it says is what the periods of the series say."""

import random
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.enums import Cadence, FeeBasis, FlowTiming, Reopening
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.performance import monthly_returns, net_flows, sub_period_returns, twrr_series
from advisory_perf.performance.calendar import calendar_returns
from advisory_perf_tests.performance.scenarios import a_schedule, positions
from advisory_perf_tests.performance.test_against_exact_arithmetic import an_account
from advisory_perf_tests.performance.test_risk import MONTHLY, month_end, month_ends

CELL = ("linked_return", "over_gap", "over_missing")


def many_accounts(schedule: Schedule, reopening: Reopening) -> pl.DataFrame:
    stream = random.Random(f"{schedule.cadence} {reopening}")
    rows = [row for number in range(200) for row in an_account(stream, f"A{number:04d}")]
    returns = sub_period_returns(
        net_flows(positions(*rows)),
        timing=FlowTiming.START_OF_DAY,
        fee_basis=FeeBasis.NET,
        weight=None,
        residual_base=Decimal("0.001"),
        large_flow=Decimal("0.1"),
    )
    series = twrr_series(returns, schedule=schedule, reopening=reopening, residual_base=Decimal("0.001")).series
    return series.with_columns(benchmark_return=pl.lit(0.01))


@pytest.mark.parametrize("reopening", list(Reopening))
@pytest.mark.parametrize("cadence", list(Cadence))
def test_a_month_and_a_year_are_what_their_last_valuation_says(cadence: Cadence, reopening: Reopening) -> None:
    schedule = a_schedule(cadence)
    series = many_accounts(schedule, reopening)
    found = calendar_returns(series, schedule=schedule)
    year, month = pl.col("as_of_date").dt.year().cast(pl.Int64()), pl.col("as_of_date").dt.month().cast(pl.Int64())
    for period, key in (("mtd", ["account_id", "year", "month"]), ("ytd", ["account_id", "year"])):
        last = series.with_columns(year=year, month=month).group_by(key).agg(pl.all().last()).sort(key)
        cells = found.filter(pl.col("month").is_null() == (period == "ytd")).sort(key)
        expected = last[f"twrr_{period}"].to_list()
        assert cells["linked_return"].to_list() == [
            None if each is None else pytest.approx(each, abs=1e-11, rel=1e-11) for each in expected
        ]
        for flag in ("over_gap", "over_missing"):
            assert cells[flag].to_list() == last[f"twrr_{period}_{flag}"].fill_null(value=False).to_list()
        assert {*last[f"twrr_{period}_over_gap"]} == {True, False, None}


@pytest.mark.parametrize("cadence", list(Cadence))
def test_a_month_is_partial_exactly_where_it_has_no_monthly_return(cadence: Cadence) -> None:
    schedule = a_schedule(cadence)
    series = many_accounts(schedule, Reopening.NEW_EPISODE)
    months = calendar_returns(series, schedule=schedule).filter(pl.col("month").is_not_null())
    monthly = monthly_returns(series, schedule=schedule)
    whole = monthly["monthly_return"].is_not_null()
    assert not (months["is_partial"] & whole).any()
    assert not (~months["is_partial"] & months["linked_return"].is_not_null() & ~months["over_gap"] & ~whole).any()
    assert months["is_partial"].any()


def matrix(*values: tuple[float | None, float | None]) -> dict[tuple[int, int | None], dict[str, Any]]:
    found = calendar_returns(month_ends(*values, schedule=MONTHLY), schedule=MONTHLY)
    return {(row["year"], row["month"]): row for row in found.iter_rows(named=True)}


def test_a_year_has_its_total_behind_its_months() -> None:
    found = matrix(*[(0.01, 0.02)] * 13)
    assert list(found) == [*((2021, month) for month in range(1, 13)), (2021, None), (2022, 1), (2022, None)]
    total = found[2021, None]
    assert total["linked_return"] == pytest.approx(1.01**12 - 1)
    assert total["benchmark_return"] == pytest.approx(1.02**12 - 1)
    assert total["excess_return"] == pytest.approx(1.01**12 - 1.02**12)
    assert (total["is_partial"], found[2022, None]["is_partial"]) == (False, True)


def test_a_month_without_its_benchmark_is_not_taken_for_one_of_nothing() -> None:
    found = matrix((0.01, 0.02), (0.01, None), (0.01, 0.02))
    assert [found[2021, month]["benchmark_return"] is None for month in (1, 2, 3, None)] == [False, True, False, True]
    assert [found[2021, month]["excess_return"] is None for month in (1, 2, 3, None)] == [False, True, False, True]
    assert found[2021, None]["linked_return"] == pytest.approx(1.01**3 - 1)


def test_a_month_without_a_return_is_linked_as_nothing_and_says_so() -> None:
    found = matrix((0.01, 0.02), (None, 0.02), (0.01, 0.02))
    assert [tuple(found[2021, month][name] for name in CELL) for month in (2, None)] == [
        (0.0, True, False),
        (pytest.approx(1.01**2 - 1), True, False),
    ]


def test_what_begins_within_a_month_is_partial() -> None:
    series = month_ends((0.01, 0.02), (0.01, 0.02), schedule=MONTHLY).with_columns(
        starts_within_window=pl.lit(value=True), beginning_market_value=pl.Series([0, 100], dtype=pl.Decimal(38, 4))
    )
    found = calendar_returns(series, schedule=MONTHLY)
    assert found.filter(pl.col("month").is_not_null())["is_partial"].to_list() == [True, False]
    assert found["benchmark_return"].null_count() == 2


def test_nothing_gives_nothing() -> None:
    series = month_ends((0.01, 0.02)).clear()
    assert calendar_returns(series, schedule=MONTHLY).is_empty()
    assert month_end(0) == date(2021, 1, 31)
