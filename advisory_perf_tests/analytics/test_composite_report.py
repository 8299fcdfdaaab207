import re
import statistics
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.analytics.composite_report import FIVE, REPORT, composite_report
from advisory_perf.analytics.composites import member_months, weighted_months
from advisory_perf.analytics.dispersion import DISPERSION, dispersion
from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import Deviation, FeeBasis
from advisory_perf_tests.analytics.exact import LIMIT, deviation
from advisory_perf_tests.analytics.test_composites import end_of, membership, months

PAGE = Path(__file__).parents[2] / "docs" / "composites.md"


def members_of(*returns: float | None, weights: list[Any] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "composite": ["C"] * len(returns),
            "member_return": pl.Series(returns, dtype=pl.Float64()),
            "weight": pl.Series([Decimal(each) for each in weights or [1] * len(returns)], dtype=MONEY),
        }
    )


def dispersed(*returns: float | None, weights: list[Any] | None = None, more_than: int = 0) -> dict[str, Any]:
    return dispersion(members_of(*returns, weights=weights), ["composite"], more_than=more_than).row(0, named=True)


# dispersion -----------------------------------------------------------------------------------------------------------


def test_the_dispersion_of_five_returns_by_both_divisors() -> None:
    found = dispersed(0.05, 0.06, 0.07, 0.08, 0.14)
    assert f"{found['dispersion_equal_population']:.4%}" == "3.1623%"
    assert f"{found['dispersion_equal_sample']:.4%}" == "3.5355%"
    assert f"{found['dispersion_asset_population']:.4%}" == "3.1623%"
    assert f"{found['dispersion_asset_sample']:.4%}" == "3.5355%"
    assert [found[name] for name in ("high", "low", "upper_quartile", "median", "lower_quartile")] == [0.14, 0.05, 0.08, 0.07, 0.06]


def test_five_or_fewer_have_no_dispersion() -> None:
    five, six = (dispersed(*(0.01 * each for each in range(count)), more_than=FIVE) for count in (5, 6))
    assert all(five[name] is None for name in DISPERSION)
    assert five["dispersion_members"] == 5
    assert all(six[name] is not None for name in DISPERSION)


def test_weights_count() -> None:
    found = dispersed(0.0, 0.04, weights=[3, 1])
    assert found["dispersion_asset_population"] == pytest.approx((0.75 * 0.01**2 + 0.25 * 0.03**2) ** 0.5)
    assert found["dispersion_asset_sample"] == pytest.approx((2 * (0.75 * 0.01**2 + 0.25 * 0.03**2)) ** 0.5)


@pytest.mark.parametrize("weights", [[0, 0], [-1, 2]])
def test_weights_that_are_none_leave_the_equal_weighted_dispersion(weights: list[int]) -> None:
    found = dispersed(0.0, 0.04, weights=weights)
    assert found["dispersion_asset_population"] is found["dispersion_asset_sample"] is None
    assert found["dispersion_equal_population"] == pytest.approx(0.02)


def test_a_member_without_a_return_leaves_no_dispersion() -> None:
    assert all(dispersed(0.01, 0.02, None)[name] is None for name in DISPERSION)


def test_one_member_has_no_sample_deviation() -> None:
    found = dispersed(0.01)
    assert (found["dispersion_equal_population"], found["dispersion_equal_sample"], found["dispersion_asset_sample"]) == (0, None, None)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-0.9, 2), st.integers(1, 10**12)), min_size=2, max_size=12), st.integers(0, 99))
def test_dispersion_is_within_one_in_a_million_million_in_any_order(drawn: list[tuple[float, int]], seed: int) -> None:
    frame = members_of(*(value for value, _ in drawn), weights=[Decimal(cents).scaleb(-2) for _, cents in drawn])
    one, two = (dispersion(each, ["composite"], more_than=0) for each in (frame, frame.sample(fraction=1, shuffle=True, seed=seed)))
    assert one.equals(two)
    found = one.row(0, named=True)
    values, total = [Fraction(value) for value, _ in drawn], sum(cents for _, cents in drawn)
    shares = [Fraction(cents, total) for _, cents in drawn]
    weighted = deviation(values, lost=0, weights=shares)
    for name, expected in (
        ("dispersion_equal_population", deviation(values, lost=0)),
        ("dispersion_equal_sample", deviation(values, lost=1)),
        ("dispersion_asset_population", weighted),
    ):
        assert abs(Fraction(found[name]) - expected) <= LIMIT, name
    assert found["dispersion_asset_sample"] == pytest.approx(float(weighted) * (len(values) / (len(values) - 1)) ** 0.5, abs=1e-12)
    quartiles = statistics.quantiles([value for value, _ in drawn], n=4, method="inclusive")
    assert [found[name] for name in ("lower_quartile", "median", "upper_quartile")] == pytest.approx(quartiles)


# the report -----------------------------------------------------------------------------------------------------------


def report(accounts: str, numbers: range, *, value: float | None = 0.01, **given_frames: pl.DataFrame | None) -> pl.DataFrame:
    """Of accounts of 100 each, of which the n-th earns n times the value each month."""
    rows = [
        (account, number, 100, None if value is None else value * place) for place, account in enumerate(accounts, 1) for number in numbers
    ]
    stays = membership(*((account, end_of(numbers[0]).replace(day=1), None) for account in accounts))
    members = member_months(stays, months(*rows))
    frames = {"benchmark": None, "firm_assets": None, **given_frames}
    return composite_report(weighted_months(members), members, basis=FeeBasis.NET, deviation=Deviation.SAMPLE, **frames)


def test_a_year_is_linked_over_its_months_and_counts_what_is_there_at_its_end() -> None:
    found = report("AB", range(3, 26))
    assert found.select("year", "period_start", "period_end", "months", "portfolios").rows() == [
        (2024, date(2024, 4, 1), date(2024, 12, 31), 9, 2),
        (2025, date(2025, 1, 1), date(2025, 12, 31), 12, 2),
        (2026, date(2026, 1, 1), date(2026, 2, 28), 2, 2),
    ]
    assert found["net_return"].to_list() == pytest.approx([1.015**9 - 1, 1.015**12 - 1, 1.015**2 - 1])
    assert found["gross_return"].to_list() == pytest.approx([1.025**9 - 1, 1.025**12 - 1, 1.025**2 - 1])
    assert found["composite_assets"].to_list() == [202, 202, 202]
    assert found["benchmark_return"].to_list() == [None] * 3


def test_a_year_with_a_month_that_has_no_return_has_none() -> None:
    rows = [("A", number, 100, None if number == 5 else 0.01) for number in range(24)]
    members = member_months(membership(("A", date(2024, 1, 1), None)), months(*rows))
    found = composite_report(
        weighted_months(members), members, benchmark=None, firm_assets=None, basis=FeeBasis.NET, deviation=Deviation.SAMPLE
    )
    assert found["net_return"].to_list() == [None, pytest.approx(1.01**12 - 1)]


def test_a_year_with_months_without_members_in_between_has_no_return() -> None:
    stays = membership(("A", date(2024, 1, 1), date(2024, 3, 31)), ("A", date(2024, 6, 1), None))
    members = member_months(stays, months(*(("A", number, 100, 0.01) for number in range(12))))
    found = composite_report(
        weighted_months(members), members, benchmark=None, firm_assets=None, basis=FeeBasis.NET, deviation=Deviation.SAMPLE
    )
    assert found.select("months", "net_return", "gross_return").row(0) == (10, None, None)


def test_dispersion_is_of_those_that_were_members_all_year() -> None:
    found = report("ABCDEF", range(12))
    annual = [(1 + 0.01 * place) ** 12 - 1 for place in range(1, 7)]
    assert found["dispersion_members"].to_list() == [6]
    assert found["dispersion_equal_population"].to_list() == pytest.approx([statistics.pstdev(annual)])
    assert found["dispersion_equal_sample"].to_list() == pytest.approx([statistics.stdev(annual)])
    assert found.select("high", "low").row(0) == pytest.approx((max(annual), min(annual)))
    few = report("ABCDE", range(12))
    assert few["dispersion_members"].to_list() == [5]
    assert all(few[name].null_count() == 1 for name in DISPERSION)
    short = report("ABCDEF", range(1, 12))
    assert short["dispersion_members"].to_list() == [0]


def test_the_deviation_needs_thirty_six_months() -> None:
    benchmark = pl.DataFrame({"composite": ["C"] * 36, "month": [end_of(n) for n in range(36)], "benchmark_return": [0.01, 0.02] * 18})
    found = report("A", range(36), benchmark=benchmark)
    assert found["three_year_deviation"].to_list() == [None, None, pytest.approx(0, abs=1e-12)]
    expected = statistics.stdev([0.01, 0.02] * 18) * 12**0.5
    assert found["benchmark_three_year_deviation"].to_list() == [None, None, pytest.approx(expected)]
    assert found["benchmark_return"].to_list() == pytest.approx([(1.01 * 1.02) ** 6 - 1] * 3)
    assert report("A", range(1, 36), benchmark=benchmark)["three_year_deviation"].to_list() == [None] * 3


def test_the_share_of_the_firm_is_of_the_same_day_and_currency() -> None:
    firm = pl.DataFrame(
        {"month": [end_of(11), end_of(11)], "currency": ["EUR", "USD"], "firm_assets": pl.Series([Decimal(404), Decimal(808)], dtype=MONEY)}
    )
    found = report("AB", range(12), firm_assets=firm)
    assert found.select("firm_assets", "percentage_of_firm_assets").row(0) == (404, 0.5)
    other = report("AB", range(12), firm_assets=firm.filter(pl.col("currency") == "USD"))
    assert other.select("firm_assets", "percentage_of_firm_assets").row(0) == (None, None)


def test_what_stands_twice_is_refused() -> None:
    twice = pl.DataFrame({"composite": ["C"] * 2, "month": [end_of(0)] * 2, "benchmark_return": [0.1, 0.2]})
    with pytest.raises(ValueError, match="the benchmark of C, 2024-01-31 stands twice"):
        report("A", range(12), benchmark=twice)
    firm = pl.DataFrame({"month": [end_of(0)] * 2, "currency": ["EUR"] * 2, "firm_assets": pl.Series([1, 2], dtype=MONEY)})
    with pytest.raises(ValueError, match="firm assets of 2024-01-31, EUR stands twice"):
        report("A", range(12), firm_assets=firm)


def test_the_page_has_every_column_with_its_provision() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| ([^|]+?) \|$", PAGE.read_text(encoding="utf-8").partition("## The report")[2], re.MULTILINE)
    assert rows == [(column.name, column.meaning, column.provision) for column in REPORT]
    assert report("A", range(12)).columns == [column.name for column in REPORT]
