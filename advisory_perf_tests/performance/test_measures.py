import math
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.contracts.enums import DayCount, ReturnStatus
from advisory_perf.errors import UndefinedReturnError
from advisory_perf.performance.measures import Number, annual_rate, annualised_return, growth_of, link_returns

EXACT = DayCount.ACTUAL_365
NO_RETURNS: Any = [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e400"), 10**400]


def about(value: float) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def test_returns_are_linked_geometrically() -> None:
    assert link_returns([0.10, -0.05, 0.02]) == about(0.0659)
    assert link_returns([0.25]) == 0.25


def test_returns_may_be_floats_decimals_fractions_or_a_series() -> None:
    expected = about(1.01 * 1.02 - 1)
    assert link_returns(each for each in (Decimal("0.01"), Decimal("0.02"))) == expected
    assert link_returns([Fraction(1, 100), 0.02]) == expected
    assert link_returns(pl.Series([0.01, 0.02])) == expected
    assert link_returns(pl.Series([Decimal("0.01"), Decimal("0.02")])) == expected


@pytest.mark.parametrize("returns", [[], [None], [0.01, None], [None, -1.0], pl.Series([0.01, None]), pl.Series([], dtype=pl.Float64())])
def test_over_an_unknown_return_or_none_at_all_nothing_is_known(returns: Any) -> None:
    assert link_returns(returns) is None


def test_after_everything_is_lost_it_stays_lost() -> None:
    assert link_returns([0.5, -1, 0.5]) == -1.0
    assert link_returns([1e200, 1e200, -1.0]) == -1.0


@pytest.mark.parametrize("value", NO_RETURNS)
def test_what_is_no_finite_number_is_refused_even_beside_an_unknown_return(value: Any) -> None:
    with pytest.raises(ValueError, match=r"return 2 is no finite number"):
        link_returns([0.01, value, None])


def test_a_nan_in_a_series_is_no_null() -> None:
    with pytest.raises(ValueError, match=r"return 1 is no finite number"):
        link_returns(pl.Series([math.nan]))


def test_more_than_everything_cannot_be_lost() -> None:
    with pytest.raises(ValueError, match=r"return 2 is -1\.5; no more than everything can be lost"):
        link_returns([0.01, -1.5])


@pytest.mark.parametrize("value", ["0.01", True])
def test_text_and_flags_are_no_returns(value: Any) -> None:
    with pytest.raises(TypeError, match=r"return 1 is .* which is no number"):
        link_returns([value])


def test_a_linked_return_that_no_float_holds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the linked wealth is no finite number"):
        link_returns([1e200, 1e200])


fractions_of_a_hundred = st.integers(-100, 300).map(lambda units: units / 100)


@given(st.lists(fractions_of_a_hundred, min_size=1, max_size=12), st.lists(fractions_of_a_hundred, min_size=1, max_size=12))
def test_linking_is_associative_and_exact_to_rounding(first: list[float], second: list[float]) -> None:
    whole = link_returns([*first, *second])
    expected = about(float(math.prod(1 + Fraction(each) for each in [*first, *second]) - 1))
    assert whole == expected
    assert link_returns([link_returns(first), link_returns(second)]) == expected


def test_an_amount_grows_by_each_return() -> None:
    growth = growth_of(10_000, [Decimal("0.10"), -0.05, 0.02])
    assert growth.dtype == pl.Float64
    assert growth.to_list() == [about(11_000), about(10_450), about(10_659)]


def test_from_an_unknown_return_on_the_wealth_is_unknown() -> None:
    assert growth_of(1, [0.5, None, 0.5]).to_list() == [1.5, None, None]
    assert growth_of(1, []).to_list() == []
    assert growth_of(1, [None]).dtype == pl.Float64


def test_what_is_lost_does_not_grow_again() -> None:
    assert growth_of(100, [-1.0, 0.5]).to_list() == [0.0, 0.0]


@pytest.mark.parametrize("amount", [0, -5])
def test_only_a_positive_amount_grows(amount: int) -> None:
    with pytest.raises(ValueError, match="only a positive one can grow"):
        growth_of(amount, [0.01])


def test_no_infinite_wealth_comes_out() -> None:
    with pytest.raises(ValueError, match="no finite number"):
        growth_of(1e308, [0.0, 5.0])
    with pytest.raises(ValueError, match="no finite number"):
        growth_of(1e308, [5.0, -1.0])


@given(st.lists(fractions_of_a_hundred, min_size=1, max_size=12))
def test_the_last_wealth_of_one_is_the_linked_return(returns: list[float]) -> None:
    assert growth_of(1, returns)[-1] - 1 == link_returns(returns)


def test_21_percent_in_two_years_is_10_percent_a_year() -> None:
    assert annual_rate(0.21, years=2) == about(0.10)
    assert annual_rate(Decimal("0.21"), years=Fraction(2)) == about(0.10)
    assert annual_rate(0.10, years=0.5) == about(0.21)
    assert annual_rate(-0.19, years=2) == about(-0.10)
    assert annual_rate(-1, years=3) == -1.0
    assert annual_rate(Decimal("-0.99999999999999999999"), years=3) == -1.0


@given(st.floats(-0.99, 5), st.floats(0.2, 30))
def test_the_annual_rate_earned_for_all_the_years_gives_the_total(total: float, years: float) -> None:
    rate = annual_rate(total, years=years)
    assert annual_rate(rate, years=1 / years) == pytest.approx(total, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("years", [0, -1, -0.5])
def test_a_rate_needs_a_positive_time(years: float) -> None:
    with pytest.raises(ValueError, match="a rate needs a positive one"):
        annual_rate(0.01, years=years)


def test_a_rate_beyond_a_float_is_refused() -> None:
    with pytest.raises(ValueError, match="the annual rate is no finite number"):
        annual_rate(1.0, years=1e-4)
    with pytest.raises(ValueError, match="the annual rate is no finite number"):
        annual_rate(1.0, years=5e-324)


@pytest.mark.parametrize("total", [-1.01, *NO_RETURNS])
def test_a_total_that_is_no_return_has_no_rate(total: Number) -> None:
    with pytest.raises(ValueError, match="the total return is"):
        annual_rate(total, years=2)


def test_an_unknown_total_has_no_rate_and_says_so() -> None:
    with pytest.raises(UndefinedReturnError, match="the total return is missing") as raised:
        annualised_return(None, date(2020, 12, 31), date(2022, 12, 31), day_count=EXACT)
    assert raised.value.status is ReturnStatus.MISSING_VALUE


def test_the_day_count_decides_how_long_the_years_are() -> None:
    start, end = date(2020, 12, 31), date(2022, 12, 31)  # 730 days
    assert annualised_return(0.21, start, end, day_count=DayCount.ACTUAL_365) == about(0.10)
    assert annualised_return(0.21, start, end, day_count=DayCount.ACTUAL_365_25) == about(1.21 ** (365.25 / 730) - 1)


@pytest.mark.parametrize("convention", list(DayCount))
def test_a_convention_may_be_given_as_its_text(convention: DayCount) -> None:
    start, end = date(2020, 12, 31), date(2023, 6, 30)
    as_text: Any = convention.value
    assert annualised_return(0.3, start, end, day_count=as_text) == annualised_return(0.3, start, end, day_count=convention)


def test_months_are_counted_between_month_ends_wherever_their_last_business_day_lies() -> None:
    by_months = DayCount.MONTHS_12
    for start, end in [
        (date(2021, 5, 31), date(2024, 5, 31)),
        (date(2021, 5, 28), date(2024, 5, 31)),  # Memorial Day is the 31st
        (date(2021, 5, 31), date(2024, 5, 30)),
        (date(2021, 2, 28), date(2024, 2, 29)),
    ]:
        assert annualised_return(1.1**3 - 1, start, end, day_count=by_months) == about(0.10)
    assert annualised_return(0.21, date(2021, 12, 31), date(2023, 6, 30), day_count=by_months) == about(1.21 ** (1 / 1.5) - 1)


@pytest.mark.parametrize(("start", "end"), [(date(2021, 5, 31), date(2023, 5, 26)), (date(2021, 5, 14), date(2023, 5, 31))])
def test_whole_months_need_a_month_end_on_both_sides(start: date, end: date) -> None:
    with pytest.raises(ValueError, match=r"months/12 needs month ends, and 20\d\d-05-(26|14) lies before the last days of its month"):
        annualised_return(0.21, start, end, day_count=DayCount.MONTHS_12)


def test_twelve_months_are_a_year_though_their_days_are_more() -> None:
    with pytest.raises(ValueError, match="no longer than a year"):
        annualised_return(0.21, date(2023, 3, 30), date(2024, 3, 31), day_count=DayCount.MONTHS_12)


def test_an_unknown_convention_is_refused_with_those_there_are() -> None:
    unknown: Any = "30/360"
    with pytest.raises(ValueError, match=r"'30/360' is no day count: choose one of actual/365\.25, actual/365, months/12$"):
        annualised_return(0.3, date(2020, 12, 31), date(2023, 6, 30), day_count=unknown)


@pytest.mark.parametrize(
    ("start", "year_later"),
    [
        (date(2020, 12, 31), date(2021, 12, 31)),
        (date(2023, 6, 28), date(2024, 6, 28)),
        (date(2023, 2, 28), date(2024, 2, 29)),  # March to February
        (date(2024, 2, 29), date(2025, 2, 28)),
        (date(2024, 2, 28), date(2025, 2, 28)),
    ],
)
def test_a_year_or_less_is_not_annualised_and_a_day_more_is(start: date, year_later: date) -> None:
    for end in (year_later, year_later - timedelta(days=1), start, start - timedelta(days=1)):
        with pytest.raises(ValueError, match=r"no longer than a year .*; its return is not annualised"):
            annualised_return(0.1, start, end, day_count=EXACT)
    end = year_later + timedelta(days=1)
    assert annualised_return(0.1, start, end, day_count=EXACT) == about(1.1 ** (365 / (end - start).days) - 1)
