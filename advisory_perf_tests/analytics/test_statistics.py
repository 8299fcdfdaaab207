import random
import statistics
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from advisory_perf.analytics.annualised import annualised, years_between
from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.analytics.statistics import FIGURES, account_statistics
from advisory_perf.contracts.enums import Cadence, DayCount, Deviation, FeeBasis
from advisory_perf.performance import annualised_return, link_returns
from advisory_perf_tests.analytics.scenarios import book, conventions, row
from advisory_perf_tests.performance.exact import month_end
from advisory_perf_tests.performance.scenarios import a_schedule

Row = dict[str, Any]
MONTHLY = conventions(schedule=a_schedule(Cadence.MONTHLY))
GROSS = conventions(schedule=a_schedule(Cadence.MONTHLY), fee_basis=FeeBasis.GROSS)


def end_of(number: int) -> date:
    return month_end(date(2018 + number // 12, number % 12 + 1, 1))


def history(account: str, values: Sequence[str], *, fees: int | None = 0, benchmark: Sequence[float | None] | None = None) -> Iterator[Row]:
    """Month ends of an account without flows from 1,000 on, valued as said; the benchmark earns 1 % a month."""
    before = Decimal(1000)
    for number, value in enumerate(values):
        more = {"benchmark_return": 0.01 if benchmark is None else benchmark[number], "fees": fees}
        yield {**row(account, 0, before, value, **more), "as_of_date": end_of(number)}
        before = Decimal(value)


def growing(months: int, *, seed: int = 1) -> list[str]:
    stream, value, found = random.Random(seed), Decimal(1000), []
    for _ in range(months):
        value = (value * Decimal(stream.randint(9_300, 10_900)) / 10_000).quantize(Decimal("0.01"))
        found.append(str(value))
    return found


def statistics_of(
    *rows: Row, said: ReturnConventions = MONTHLY, deviation: Deviation = Deviation.SAMPLE, day_count: DayCount = DayCount.MONTHS_12
) -> pl.DataFrame:
    frame = book(*rows).with_columns(pl.col("benchmark_return").cast(pl.Float64()))
    return account_statistics(said.linked(said.returns(frame)), conventions=said, deviation=deviation, day_count=day_count)


def month_returns(values: Sequence[str]) -> list[float]:
    return [float(Decimal(now) / Decimal(before)) - 1 for before, now in zip(["1000", *values], values, strict=False)]


def about(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, abs=1e-12, rel=1e-12)


def test_annualised_returns_over_whole_years_and_since_inception() -> None:
    values = growing(61)
    monthly = month_returns(values)
    found = statistics_of(*history("A", values)).rows(named=True)
    assert [each["as_of_date"] for each in found] == [end_of(number) for number in range(61)]
    for number, each in enumerate(found):
        for years in (1, 3, 5):
            of = monthly[number + 1 - 12 * years : number + 1] if number + 1 >= 12 * years else []
            total = link_returns(of)
            expected = None if total is None else (1 + total) ** (1 / years) - 1
            assert each[f"net_{years}y"] == about(expected), (number, years)
            benchmark = None if total is None else 1.01**12 - 1
            assert each[f"benchmark_{years}y"] == about(benchmark)
            assert each[f"net_excess_{years}y"] == about(None if expected is None or benchmark is None else expected - benchmark)
        whole = link_returns(monthly[: number + 1])
        is_longer = number + 1 > 12
        since = annualised_return(whole, date(2017, 12, 31), end_of(number), day_count=DayCount.MONTHS_12) if is_longer else None
        assert each["net_si"] == about(since)
        assert each["benchmark_si"] == about(1.01**12 - 1 if is_longer else None)


def test_gross_and_net_are_side_by_side_whichever_the_series_is() -> None:
    values = growing(40)
    rows = list(history("A", values, fees=5))
    net, gross = statistics_of(*rows), statistics_of(*rows, said=GROSS)
    names = [name for name in FIGURES if name.startswith(("gross", "net"))] + ["gross_return", "net_return"]
    for name in names:
        for one, other in zip(net[name], gross[name], strict=True):
            assert one == about(other), name
    fees = [(float(Decimal(now)) + 5) / float(Decimal(before)) - 1 for before, now in zip(["1000", *values], values, strict=False)]
    assert net["gross_return"].to_list() == [about(value) for value in fees]
    assert net["gross_3y"][39] == about((1 + (link_returns(fees[4:]) or 0)) ** (1 / 3) - 1)
    assert net["gross_si"][39] == about(annualised_return(link_returns(fees), date(2017, 12, 31), end_of(39), day_count=DayCount.MONTHS_12))


def test_without_fees_known_there_is_no_other_basis() -> None:
    rows = list(history("A", growing(14)))
    rows[1]["fees"] = None
    found = statistics_of(*rows)
    assert found["gross_return"].null_count() == 1
    assert [found["gross_1y"][place] is None for place in (11, 12, 13)] == [True, True, False]
    assert found["gross_si"].null_count() == 14
    assert found["net_si"].null_count() == 12
    without = book(*rows).drop("fees").with_columns(pl.col("benchmark_return").cast(pl.Float64()))
    none = account_statistics(
        MONTHLY.linked(MONTHLY.returns(without)), conventions=MONTHLY, deviation=Deviation.SAMPLE, day_count=DayCount.MONTHS_12
    )
    assert none["gross_return"].null_count() == none["gross_1y"].null_count() == none["gross_excess_1y"].null_count() == 14


@pytest.mark.parametrize(("deviation", "of"), [(Deviation.SAMPLE, statistics.stdev), (Deviation.POPULATION, statistics.pstdev)])
def test_deviations_and_the_information_ratio(deviation: Deviation, of: Any) -> None:
    values = growing(37)
    monthly = month_returns(values)
    found = statistics_of(*history("A", values), deviation=deviation).rows(named=True)
    assert [each["volatility"] for each in found[:35]] == [None] * 35
    for number in (35, 36):
        window = monthly[number - 35 : number + 1]
        error = of([value - 0.01 for value in window]) * 12**0.5
        excess = (1 + (link_returns(window) or 0)) ** (1 / 3) - 1.01**12
        each = found[number]
        assert each["volatility"] == about(of(window) * 12**0.5)
        assert each["benchmark_volatility"] == about(0)
        assert each["tracking_error"] == about(error)
        assert each["information_ratio"] == about(excess / error)


def test_an_account_that_is_its_benchmark_has_no_information_ratio() -> None:
    found = statistics_of(*history("A", ["1000"] * 36, benchmark=[0.0] * 36))
    assert found.select("tracking_error", "information_ratio", "net_excess_3y").row(35) == (0, None, 0)


def test_the_deepest_fall_counts_every_day_from_the_first_value_on() -> None:
    values = ["900", "990", "1100", "880", "1100", "1200", "1199"]
    daily = conventions(schedule=a_schedule(Cadence.DAILY, weekends=True))
    before, rows = Decimal(1000), []
    for place, value in enumerate(values):
        rows.append({**row("A", 0, before, value, benchmark_return=0.0), "as_of_date": date(2024, 1, 28) + timedelta(days=place)})
        before = Decimal(value)
    found = statistics_of(*rows, said=daily, day_count=DayCount.ACTUAL_365)
    assert found["max_drawdown"].to_list() == [about(-0.2), about(-0.2)]
    first = statistics_of(*rows[:2], said=daily, day_count=DayCount.ACTUAL_365)
    assert first["max_drawdown"].to_list() == [about(-0.1)]
    up = statistics_of(rows[4] | {"beginning_market_value": 1000}, said=daily, day_count=DayCount.ACTUAL_365)
    assert up["max_drawdown"].to_list() == [0]


def test_a_month_without_a_return_leaves_the_periods_over_it_without_one() -> None:
    rows = list(history("A", growing(26)))
    rows[3]["beginning_market_value"] = None
    found = statistics_of(*rows)
    assert [found["net_return"][place] is None for place in (2, 3, 4)] == [False, True, False]
    assert [found["net_1y"][place] is None for place in (13, 14, 15, 16)] == [True, True, False, False]
    assert found["linked_over_gap"].to_list() == [False] * 3 + [True] * 23


def test_a_benchmark_that_lacks_a_month_leaves_its_figures_and_the_account_s_stay() -> None:
    found = statistics_of(*history("A", growing(14), benchmark=[0.01, None, *[0.01] * 12]))
    assert [found["benchmark_1y"][place] is None for place in (11, 12, 13)] == [True, True, False]
    assert found.select("benchmark_si", "net_excess_si").null_count().row(0) == (14, 14)
    assert found["net_1y"].null_count() == 11
    bare = statistics_of(*history("A", growing(14), benchmark=[None] * 14))
    assert bare["benchmark_si"].null_count() == bare["net_excess_1y"].null_count() == 14
    assert bare["net_si"].null_count() == 12


def test_months_of_one_account_never_reach_into_another() -> None:
    rows = [*history("A", growing(30, seed=1)), *history("B", growing(13, seed=2)), *history("C", growing(40, seed=3))]
    together = statistics_of(*rows)
    for name in "ABC":
        alone = statistics_of(*(each for each in rows if each["account_id"] == name))
        assert_frame_equal(together.filter(pl.col("account_id") == name), alone, check_exact=True)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    rows = [*history("A", growing(30, seed=1), fees=3), *history("B", growing(13, seed=2), fees=1)]
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    assert_frame_equal(statistics_of(*rows), statistics_of(*shuffled), check_exact=True)


def test_an_account_that_was_funded_somewhere_in_a_month_has_no_annual_rate_since_inception() -> None:
    rows = list(history("A", growing(20)))
    rows[0] |= {"beginning_market_value": 0, "contributions": 1000}
    found = statistics_of(*rows)
    assert found["net_si"].null_count() == 20
    assert found["net_1y"].null_count() == 12


# annual rates ---------------------------------------------------------------------------------------------------------

some_days = st.dates(date(2000, 1, 1), date(2030, 12, 31))


@settings(max_examples=300, deadline=None)
@given(st.floats(-1, 5), some_days, some_days, st.sampled_from(DayCount))
def test_annual_rates_are_those_of_one_figure(total: float, one: date, other: date, day_count: DayCount) -> None:
    start, end = sorted((one, other))
    frame = pl.DataFrame({"start": [start], "end": [end], "total": [total]})
    found = frame.select(annualised(pl.col("total"), years_between(pl.col("start"), pl.col("end"), day_count))).item()
    try:
        expected = annualised_return(total, start, end, day_count=day_count)
    except ValueError:
        expected = None
    assert found == about(expected)


@pytest.mark.parametrize(("end", "is_longer"), [(date(2025, 2, 27), False), (date(2025, 2, 28), False), (date(2025, 3, 1), True)])
def test_a_year_from_the_end_of_february(end: date, is_longer: bool) -> None:
    for start in (date(2024, 2, 28), date(2024, 2, 29)):
        found = pl.select(years_between(pl.lit(start), pl.lit(end), DayCount.ACTUAL_365)).item()
        try:
            annualised_return(0.1, start, end, day_count=DayCount.ACTUAL_365)
        except ValueError:
            assert found is None
        else:
            assert found == (end - start).days / 365
    assert (pl.select(years_between(pl.lit(date(2024, 2, 29)), pl.lit(end), DayCount.ACTUAL_365)).item() is not None) == is_longer


@pytest.mark.parametrize(("total", "years"), [(None, 2.0), (0.1, None), (0.1, 0.0), (-1.5, 2.0), (float("nan"), 2.0), (1e300, 0.001)])
def test_what_has_no_annual_rate_is_null(total: float | None, years: float | None) -> None:
    assert pl.select(annualised(pl.lit(total, pl.Float64()), pl.lit(years, pl.Float64()))).item() is None
