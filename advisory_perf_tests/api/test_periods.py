"""Returns by period of rows that the demonstration does not have."""

from datetime import date
from typing import Any

import pytest

from advisory_perf.api.models.periods import ANNUALISED, SINCE_INCEPTION, annualised_of, returns_of
from advisory_perf.contracts.columns import PERIODS
from advisory_perf.contracts.enums import DayCount, FeeBasis

END = date(2025, 3, 31)
OF_PERIODS = {f"twrr_{period}{part}": None for period in PERIODS for part in ("", "_from", "_over_gap", "_over_missing")}
ROW: dict[str, Any] = {
    **OF_PERIODS,
    "cumulative_twrr": 0.1,
    "performance_start_date": date(2020, 3, 31),
    "linked_over_gap": False,
    "linked_over_missing": True,
    "is_closed": False,
}
STATISTICS: dict[str, Any] = {
    "month": END,
    "as_of_date": END,
    "linked_over_gap": True,
    **{f"{basis}_{period}": value for basis, value in (("net", 0.03), ("gross", 0.04)) for period in ("3y", "5y", "si")},
}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "NO_VALUATION_TO_START_FROM"),
        ({"is_closed": True}, "WITHOUT_MONEY"),
        ({"cumulative_twrr": -1.0}, "WITHOUT_MONEY"),
    ],
)
def test_a_period_without_a_return_says_why(changes: dict[str, Any], why: str) -> None:
    found = returns_of({**ROW, **changes})
    assert {found[period]["why_null"] for period in PERIODS} == {why}
    assert found[SINCE_INCEPTION]["value"] == changes.get("cumulative_twrr", 0.1)
    assert (found[SINCE_INCEPTION]["over_gap"], found[SINCE_INCEPTION]["over_missing"]) == (False, True)


@pytest.mark.parametrize(("basis", "value"), [(FeeBasis.NET, 0.03), (FeeBasis.GROSS, 0.04)])
def test_annualised_returns_are_of_the_fee_basis_of_the_feed(basis: FeeBasis, value: float) -> None:
    found = annualised_of(STATISTICS, ROW, basis, DayCount.MONTHS_12)
    assert [found[name]["value"] for name in ANNUALISED] == [value] * 3
    assert [found[name]["from"] for name in ANNUALISED] == [date(2022, 3, 31), date(2020, 3, 31), date(2020, 3, 31)]
    assert [found[name]["over_gap"] for name in ANNUALISED] == [False, False, True]


@pytest.mark.parametrize(
    ("start", "why"), [(date(2024, 3, 31), "NOT_LONGER_THAN_A_YEAR"), (date(2023, 3, 31), "NOT_WHOLE"), (None, "NOT_WHOLE")]
)
def test_a_year_is_not_annualised_and_more_than_a_year_only_where_it_is_whole(start: date | None, why: str) -> None:
    statistics = STATISTICS | {"net_si": None}
    found = annualised_of(statistics, ROW | {"performance_start_date": start}, FeeBasis.NET, DayCount.MONTHS_12)
    assert found["since_inception_annualised"]["why_null"] == why
