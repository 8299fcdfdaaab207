"""The month-end rule of trailing years, where an account's performance starts, and windows without a valuation."""

import random
from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from math import prod
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.performance import twrr_series
from advisory_perf_tests.performance.scenarios import a_return, a_schedule, returns

HOLIDAYS = (date(2018, 3, 30), date(2021, 5, 31), date(2021, 12, 31), date(2024, 3, 29))
"""Of those that New York's exchange keeps, the ones on the last weekday of a month; 31 December 2021 for good measure."""

WEEKDAYS, MONTHLY = a_schedule(holidays=HOLIDAYS), a_schedule(Cadence.MONTHLY)


def last_days(first_year: int, years: int) -> Iterator[date]:
    for month in range(12 * years):
        yield date(first_year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1)


def business(day: date, holidays: Collection[date] = HOLIDAYS) -> date:
    while day.weekday() > 4 or day in holidays:
        day -= timedelta(days=1)
    return day


def jittered(day: date) -> date:
    """Any day of the month, as an account may be valued that is valued once a month."""
    return day.replace(day=random.Random(day.toordinal()).randint(1, day.day))


def linked(days: Sequence[date], schedule: Schedule, **of_first: Any) -> pl.DataFrame:
    stream = random.Random(len(days))
    rows = [a_return(day, round(stream.gauss(0.0005, 0.01), 6)) for day in days]
    rows[0] |= of_first
    return twrr_series(returns(*rows), schedule=schedule).series


CALENDARS = {
    "calendar month ends": ([*last_days(2018, 7)], WEEKDAYS),
    "business month ends": ([business(day) for day in last_days(2018, 7)], WEEKDAYS),
    "business month ends without a list of holidays": ([business(day) for day in last_days(2018, 7)], a_schedule()),
    "business month ends of a monthly feed": ([business(day) for day in last_days(2018, 7)], MONTHLY),
    "any day of the month": ([jittered(day) for day in last_days(2018, 7)], MONTHLY),
    "every business day": (
        [day for day in (date(2018, 1, 1) + timedelta(days=each) for each in range(7 * 365 + 2)) if business(day) == day],
        WEEKDAYS,
    ),
}


@pytest.mark.parametrize("name", CALENDARS)
def test_years_are_products_of_their_months_and_of_their_years(name: str) -> None:
    days, schedule = CALENDARS[name]
    series = linked(days, schedule)
    ends = series.group_by("account_id", pl.col("as_of_date").dt.month_end().alias("month"), maintain_order=True).last().to_dicts()
    assert len(ends) == 84
    for place, row in enumerate(ends):
        for years in (1, 3, 5):
            months = ends[max(place + 1 - 12 * years, 0) : place + 1]
            is_first_month_whole = ends[0]["performance_start_date"] < date(2018, 1, 1)
            if len(months) < 12 * years or (place + 1 == 12 * years and not is_first_month_whole):
                assert row[f"twrr_{years}y"] is None
                continue
            starts = row["performance_start_date"] if place + 1 == 12 * years else ends[place - 12 * years]["as_of_date"]
            assert row[f"twrr_{years}y_from"] == starts
            assert row[f"twrr_{years}y"] == pytest.approx(prod(1 + month["twrr_mtd"] for month in months) - 1, rel=1e-11, abs=1e-12)
        if place >= 36:
            by_year = prod(1 + ends[place - back]["twrr_1y"] for back in (0, 12, 24)) - 1
            assert row["twrr_3y"] == pytest.approx(by_year, rel=1e-11, abs=1e-12)
        if row["as_of_date"].month == 12 and place > 11:
            assert (row["twrr_1y"], row["twrr_1y_from"]) == (row["twrr_ytd"], row["twrr_ytd_from"])


def test_a_published_year_stays_as_it_is_when_the_next_month_arrives() -> None:
    for days, schedule in CALENDARS.values():
        whole = linked(days, schedule)
        cut = next(place for place in range(len(days) * 2 // 3, len(days)) if days[place].month != days[place - 1].month)
        assert twrr_series(returns(*rows_of(whole[:cut])), schedule=schedule).series.select(whole.columns).equals(whole[:cut])


def rows_of(series: pl.DataFrame) -> list[dict[str, Any]]:
    names = returns(a_return(date(2024, 6, 28), 0.0)).columns
    return series.select(names).to_dicts()


def test_a_month_end_without_a_month_end_to_start_from_has_no_year() -> None:
    days = [date(2023, 2, 28), date(2023, 3, 15), date(2023, 4, 28), date(2024, 3, 29)]
    assert linked(days, a_schedule())["twrr_1y"].to_list() == [None] * 4
    with_march = [date(2023, 2, 28), date(2023, 3, 28), date(2023, 4, 28), date(2024, 3, 29)]
    assert linked(with_march, a_schedule())["twrr_1y_from"].to_list()[-1] == date(2023, 3, 28), (
        "four days before the end, the last of March"
    )
    without_april = [date(2023, 2, 28), date(2023, 3, 28), date(2023, 5, 31), date(2024, 3, 29)]
    assert linked(without_april, a_schedule())["twrr_1y_from"].to_list()[-1] is None, "nothing shows that it was the last of March"


def test_any_other_day_starts_from_the_latest_valuation_on_or_before_the_anniversary() -> None:
    days = [date(2023, 2, 28), date(2023, 3, 13), date(2023, 3, 31), date(2024, 3, 14)]
    assert linked(days, a_schedule())["twrr_1y_from"].to_list()[-1] == date(2023, 3, 13)


def test_a_holiday_that_nobody_listed_adds_no_month_to_a_year() -> None:
    """28 March 2024 was the last business day, and on its day nothing shows it but the calendar."""
    month_ends = [date(2023, 2, 28), date(2023, 3, 31), date(2023, 4, 28), date(2024, 3, 28)]
    assert linked(month_ends, a_schedule())["twrr_1y_from"].to_list()[-1] == date(2023, 3, 31)
    daily = [date(2023, 2, 28), date(2023, 3, 27), date(2023, 3, 28), date(2023, 3, 31), date(2024, 3, 28)]
    assert linked(daily, a_schedule())["twrr_1y_from"].to_list()[-1] == date(2023, 3, 28)
    assert linked(daily, WEEKDAYS)["twrr_1y_from"].to_list()[-1] == date(2023, 3, 31), "with the holiday listed it is a month end"


# where it starts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "first", "start"),
    [
        (MONTHLY, date(2024, 1, 31), date(2023, 12, 31)),
        (MONTHLY, date(2024, 1, 12), date(2023, 12, 31)),
        (WEEKDAYS, date(2024, 6, 4), date(2024, 6, 3)),
        (WEEKDAYS, date(2024, 6, 3), date(2024, 5, 31)),  # Monday from Friday
        (WEEKDAYS, date(2024, 4, 1), date(2024, 3, 28)),  # over Good Friday
        (WEEKDAYS, date(2024, 6, 2), date(2024, 6, 1)),  # a Sunday that is valued all the same
        (a_schedule(weekends=True), date(2024, 6, 3), date(2024, 6, 2)),
    ],
)
def test_performance_starts_at_the_end_of_the_window_before(schedule: Schedule, first: date, start: date) -> None:
    series = linked([first, first + timedelta(days=40)], schedule)
    assert series["performance_start_date"].to_list() == [start] * 2
    assert series["twrr_mtd_from"].to_list() == [start, first]


def test_twelve_whole_months_are_a_year_and_twelve_less_a_part_are_none() -> None:
    days = list(last_days(2024, 1))
    whole = linked(days, MONTHLY).row(-1, named=True)
    assert (whole["twrr_1y_from"], whole["starts_within_window"]) == (date(2023, 12, 31), False)
    assert whole["twrr_1y"] == whole["twrr_ytd"] == whole["cumulative_twrr"]
    funded = linked(days, MONTHLY, beginning_market_value="0").row(-1, named=True)
    assert (funded["twrr_1y"], funded["twrr_1y_from"], funded["starts_within_window"]) == (None, None, True)
    assert funded["twrr_ytd"] == funded["cumulative_twrr"]


@pytest.mark.parametrize(
    ("beginning", "starts_within"), [("0", True), ("0.01", True), ("-0.01", True), ("1", True), ("1.0001", False), ("400", False)]
)
def test_a_month_that_began_with_a_residual_began_with_nothing(beginning: str, *, starts_within: bool) -> None:
    """1,000 come in somewhere within January, and 0.1 % of it counts as nothing: the twelve months are no year."""
    rows = [a_return(day, 0.01) for day in last_days(2024, 1)]
    rows[0] |= {"beginning_market_value": beginning, "net_flow": "1000"}
    row = twrr_series(returns(*rows), schedule=MONTHLY, residual_base=Decimal("0.001")).series.row(-1, named=True)
    assert (row["starts_within_window"], row["twrr_1y"] is None) == (starts_within, starts_within)
    without = twrr_series(returns(*rows), schedule=MONTHLY).series.row(-1, named=True)
    assert without["starts_within_window"] is (Decimal(beginning) <= 0), "without a share only zero is nothing"


def test_an_account_funded_on_a_day_of_a_daily_feed_is_there_from_its_start() -> None:
    days = [date(2024, 7, 1), *last_days(2024, 2)]
    days = [days[0], *(day for day in days[1:] if date(2024, 7, 1) < day <= date(2025, 6, 30))]
    funded = linked(days, a_schedule(), beginning_market_value="0").row(-1, named=True)
    assert (funded["twrr_1y_from"], funded["starts_within_window"]) == (date(2024, 6, 28), False)


def test_a_new_episode_starts_after_the_valuation_before_it() -> None:
    rows = [
        a_return(date(2024, 1, 31), 0.1),
        a_return(date(2024, 2, 29), -1.0),
        a_return(date(2024, 7, 31), 0.1, beginning="0"),
        a_return(date(2024, 8, 30), 0.1),
    ]
    series = twrr_series(returns(*rows), schedule=MONTHLY).series
    assert series["performance_start_date"].to_list() == [date(2023, 12, 31)] * 2 + [date(2024, 6, 30)] * 2
    assert series["starts_within_window"].to_list() == [False, False, True, True]
    assert series["windows_missing"].to_list() == [0] * 4, "nothing was in the account"


# windows without a valuation ------------------------------------------------------------------------------------------


def test_a_missing_month_is_flagged_on_the_row_and_on_every_figure_over_it() -> None:
    """The values roll forward by chance: nothing but the calendar shows that March is missing."""
    days = [day for day in last_days(2024, 2) if day != date(2024, 3, 31)]
    series = linked(days, MONTHLY)
    of = {row["as_of_date"]: row for row in series.to_dicts()}
    april, may, next_may = of[date(2024, 4, 30)], of[date(2024, 5, 31)], of[date(2025, 5, 31)]
    assert (april["windows_missing"], april["linked_over_missing"], april["twrr_mtd_over_missing"]) == (1, True, True)
    assert april["twrr_mtd_from"] == date(2024, 2, 29), "the month reaches back to February"
    assert (may["windows_missing"], may["twrr_mtd_over_missing"], may["twrr_qtd_over_missing"]) == (0, False, True)
    assert (next_may["linked_over_missing"], next_may["twrr_1y_over_missing"], next_may["twrr_ytd_over_missing"]) == (True, False, False)
    assert of[date(2025, 3, 31)]["twrr_1y"] is None, "no month end lies twelve months before"
    assert not of[date(2024, 2, 29)]["linked_over_missing"]
    assert series["linked_over_gap"].to_list() == [False] * 23, "no return is undefined"


@pytest.mark.parametrize("held", [0, 1])
def test_an_account_that_was_emptied_has_no_valuation_due(held: int) -> None:
    rows = [a_return(date(2024, 1, 31), 0.1) | {"ending_market_value": held}, a_return(date(2024, 6, 28), 0.1, beginning="0")]
    series = twrr_series(returns(*rows), schedule=MONTHLY).series
    assert series["windows_missing"].to_list() == [0, 4 * held]
    assert series["linked_over_missing"].to_list() == [False, bool(held)]


def test_the_days_of_a_daily_feed_are_those_of_its_calendar() -> None:
    days = [date(2024, 3, 27), date(2024, 4, 3)]
    missing = {
        "weekdays": (a_schedule(), 4),
        "over Good Friday": (WEEKDAYS, 3),
        "every day": (a_schedule(weekends=True), 6),
        "months": (MONTHLY, 0),
    }
    for schedule, expected in missing.values():
        assert linked(days, schedule)["windows_missing"].to_list() == [0, expected]


def test_a_month_is_linked_in_one_piece() -> None:
    state = twrr_series(returns(a_return(date(2024, 6, 3), 0.1)), schedule=MONTHLY).closing_state
    with pytest.raises(
        ValueError, match="opening_state holds account A1 in the month of its return of 2024-06-28; a month is linked in one"
    ):
        twrr_series(returns(a_return(date(2024, 6, 28), 0.1)), schedule=MONTHLY, opening_state=state)
