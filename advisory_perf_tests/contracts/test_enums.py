"""Years between two days, and the days of a schedule."""

from datetime import date
from typing import Any

import pytest

from advisory_perf.contracts.enums import (
    DAYS_TO_MONTH_END,
    WITH_RETURN,
    Cadence,
    DayCount,
    Deviation,
    FlowTiming,
    ReturnPeriod,
    ReturnStatus,
)
from advisory_perf.contracts.schedules import Schedule

FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2024, 5, day) for day in (24, 25, 26, 27))


@pytest.mark.parametrize(
    ("convention", "start", "end", "years"),
    [
        (DayCount.ACTUAL_365, date(2023, 1, 1), date(2024, 1, 1), 1.0),
        (DayCount.ACTUAL_365, date(2024, 1, 1), date(2025, 1, 1), 366 / 365),
        (DayCount.ACTUAL_365_25, date(2020, 1, 1), date(2024, 1, 1), 4.0),
        (DayCount.MONTHS_12, date(2021, 5, 31), date(2024, 5, 31), 3.0),
        (DayCount.MONTHS_12, date(2021, 5, 31), date(2022, 6, 30), 13 / 12),
        (DayCount.MONTHS_12, date(2021, 12, 31), date(2022, 1, 31), 1 / 12),
    ],
)
def test_years_by_each_day_count(convention: DayCount, start: date, end: date, years: float) -> None:
    assert convention.years(start, end) == years


@pytest.mark.parametrize(("day", "is_month_end"), [(31, True), (27, True), (26, False)])
def test_a_month_end_lies_four_days_before_the_last_at_most(day: int, *, is_month_end: bool) -> None:
    assert DAYS_TO_MONTH_END == 4
    start, end = date(2023, 5, day), date(2024, 5, 31)
    if is_month_end:
        assert DayCount.MONTHS_12.years(start, end) == 1.0
    else:
        with pytest.raises(ValueError, match="months/12 needs month ends, and 2023-05-26 lies before"):
            DayCount.MONTHS_12.years(start, end)


def test_months_have_no_days_a_year() -> None:
    assert (DayCount.ACTUAL_365.days_a_year, DayCount.ACTUAL_365_25.days_a_year) == (365.0, 365.25)
    with pytest.raises(ValueError, match="counts whole months and no days"):
        assert DayCount.MONTHS_12.days_a_year


def test_what_a_convention_stands_for() -> None:
    assert [one.lost_degrees for one in Deviation] == [1, 0]
    assert set(WITH_RETURN) == {ReturnStatus.OK, ReturnStatus.LARGE_FLOW}
    assert {one.value: (one.figure, one.over_gap) for one in ReturnPeriod} == {
        "month": ("twrr_mtd", "twrr_mtd_over_gap"),
        "quarter": ("twrr_qtd", "twrr_qtd_over_gap"),
        "year": ("twrr_ytd", "twrr_ytd_over_gap"),
        "inception": ("cumulative_twrr", "linked_over_gap"),
    }
    unknown: Any = "at noon"
    with pytest.raises(ValueError, match="'at noon' is no flow timing: choose one of start_of_day, end_of_day, mid_day"):
        FlowTiming(unknown)


def a_schedule(*holidays: date, weekends: bool = False, cadence: Cadence = Cadence.DAILY) -> Schedule:
    return Schedule(cadence, frozenset(holidays), weekends)


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        (a_schedule(), [True, False, False, True]),
        (a_schedule(weekends=True), [True, True, True, True]),
        (a_schedule(FRIDAY, SATURDAY), [False, False, False, True]),
        (a_schedule(MONDAY, SATURDAY, weekends=True), [True, False, True, False]),
        (a_schedule(FRIDAY, cadence=Cadence.MONTHLY), [True, True, True, True]),
    ],
)
def test_a_window_is_expected_on_weekdays_that_are_no_holiday(schedule: Schedule, due: list[bool]) -> None:
    days = (FRIDAY, SATURDAY, SUNDAY, MONDAY)
    assert [schedule.expects(day) for day in days] == due
    if not schedule.is_monthly:
        assert schedule.days(FRIDAY, MONDAY)["is_due"].to_list() == due


def test_the_days_of_a_schedule() -> None:
    found = a_schedule(MONDAY, date(2024, 5, 31)).days(FRIDAY, date(2024, 6, 3))
    by_day = {row["day"].day: row for row in found.iter_rows(named=True)}
    assert [row["day"] for row in found.iter_rows(named=True)][:2] == [FRIDAY, SATURDAY]
    assert by_day[24]["previous_close"] == date(2024, 5, 23)
    assert by_day[25]["previous_close"] == FRIDAY, "of a day that is none, the day before"
    assert by_day[27]["previous_close"] == SUNDAY
    assert by_day[28]["previous_close"] == FRIDAY, "over the weekend and the holiday"
    assert by_day[28]["due_days"] - by_day[24]["due_days"] == 1
    assert {day for day, row in by_day.items() if row["is_month_end"]} == {30, 31}, "none of the month is due after the 30th"
    assert {day for day, row in by_day.items() if row["is_near_month_end"]} == {27, 28, 29, 30, 31}


def test_a_month_in_which_nothing_is_due_ends_on_its_last_day_only() -> None:
    found = a_schedule(*(date(2024, 5, day) for day in range(1, 32))).days(date(2024, 5, 1), date(2024, 6, 28))
    assert found.filter("is_month_end")["day"].to_list() == [date(2024, 5, 31), date(2024, 6, 28)]


def test_a_holiday_of_a_month_before_the_first_day_is_known() -> None:
    """The close before a day lies a month back at most: as far as a break of every day of a month."""
    closed = [date(2024, 5, day) for day in range(1, 29)]
    (row,) = a_schedule(*closed).days(date(2024, 5, 29), date(2024, 5, 29)).iter_rows(named=True)
    assert row["previous_close"] == date(2024, 4, 30)
