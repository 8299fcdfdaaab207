from collections.abc import Collection
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import pytest

from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.errors import FeedError
from advisory_perf.feeds.deadline import Deadline
from advisory_perf.feeds.registry import read_feed
from advisory_perf_tests.ingestion.scenarios import a_feed

NEW_YORK = "America/New_York"


def a_deadline(**changes: Any) -> Deadline:
    """The next business day at six in the evening in New York, unless it is changed."""
    return Deadline.model_validate({"days": 1, "business_days": True, "time": "18:00", "time_zone": NEW_YORK, **changes})


def utc(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2025, month, day, hour, minute, tzinfo=UTC)


def a_schedule(cadence: Cadence = Cadence.DAILY, *, holidays: Collection[date] = (), weekends: bool = False) -> Schedule:
    return Schedule(cadence, frozenset(holidays), weekends)


def due(window: date, cadence: Cadence = Cadence.DAILY, *, holidays: Collection[date] = (), **changes: Any) -> datetime:
    return a_deadline(**changes).instant(window, a_schedule(cadence, holidays=holidays))


# days -----------------------------------------------------------------------------------------------------------------


def test_a_tuesdays_file_is_due_on_wednesday_evening_of_the_vendors_time_zone() -> None:
    assert due(date(2025, 7, 1)) == utc(7, 2, 22), "New York is four hours behind in summer"
    assert due(date(2025, 1, 7)) == utc(1, 8, 23), "and five in winter"
    assert due(date(2025, 7, 1), time_zone="Asia/Tokyo") == utc(7, 2, 9)


def test_a_fridays_file_is_due_on_monday_and_with_calendar_days_on_saturday() -> None:
    friday = date(2025, 3, 14)
    assert due(friday) == utc(3, 17, 22)
    assert due(friday, business_days=False) == utc(3, 15, 22)


def test_a_holiday_is_no_business_day() -> None:
    thursday, independence_day = date(2025, 7, 3), date(2025, 7, 4)
    assert due(thursday) == utc(7, 4, 22)
    assert due(thursday, holidays=[independence_day]) == utc(7, 7, 22), "Friday is a holiday, then comes the weekend"


def test_three_business_days_after_a_wednesday_are_over_on_monday() -> None:
    assert due(date(2025, 3, 12), days=3) == utc(3, 17, 22)


def test_no_days_is_the_day_itself_or_the_next_business_day() -> None:
    assert due(date(2025, 3, 14), days=0) == utc(3, 14, 22)
    assert due(date(2025, 3, 15), days=0) == utc(3, 17, 22)
    assert due(date(2025, 3, 15), days=0, business_days=False) == utc(3, 15, 22)


@pytest.mark.parametrize(
    ("window", "days", "expected"),
    [
        (date(2025, 5, 1), 1, utc(6, 2, 22)),  # May ends on a Saturday; the first business day after it is Monday
        (date(2025, 5, 1), 5, utc(6, 6, 22)),  # Monday to Friday
        (date(2025, 6, 1), 5, utc(7, 7, 22)),  # June ends on a Monday: 1, 2, 3, 4 and 7 July
        (date(2025, 12, 1), 3, datetime(2026, 1, 5, 23, tzinfo=UTC)),  # 1, 2 and 5 January, no holidays being listed
    ],
)
def test_a_months_file_is_due_so_many_business_days_after_the_months_end(window: date, days: int, expected: datetime) -> None:
    assert due(window, Cadence.MONTHLY, days=days) == expected


def test_a_time_that_a_change_of_the_clocks_skips_or_repeats_is_read_as_the_later_one() -> None:
    before_spring, before_autumn = date(2025, 3, 8), date(2025, 11, 1)
    assert due(before_spring, business_days=False, time="02:30") == utc(3, 9, 7, 30), "03:30 EDT; 02:30 is skipped"
    assert due(before_autumn, business_days=False, time="01:30") == utc(11, 2, 6, 30), "01:30 EST, an hour after 01:30 EDT"


# windows --------------------------------------------------------------------------------------------------------------


def test_the_past_windows_of_a_daily_feed_are_business_days() -> None:
    wednesday = utc(3, 12, 23)
    past = islice(a_deadline().past_windows(wednesday, a_schedule()), 4)
    assert list(past) == [date(2025, 3, 11), date(2025, 3, 10), date(2025, 3, 7), date(2025, 3, 6)]


def test_a_window_is_past_from_its_deadline_on_and_not_a_second_before() -> None:
    at = utc(3, 12, 22)
    assert next(a_deadline().past_windows(at, a_schedule())) == date(2025, 3, 11)
    assert next(a_deadline().past_windows(at.replace(hour=21, minute=59, second=59), a_schedule())) == date(2025, 3, 10)


def test_today_is_that_of_the_vendors_time_zone() -> None:
    early = a_deadline(days=0, time="08:00", time_zone="Asia/Tokyo")
    eight_in_tokyo = utc(7, 1, 23)
    assert next(early.past_windows(eight_in_tokyo, a_schedule())) == date(2025, 7, 2), "Wednesday there, still Tuesday in Greenwich"


def test_a_holiday_has_no_file_and_weekends_have_one_only_if_the_feed_says_so() -> None:
    monday_night = utc(3, 17, 23)
    with_weekends = a_schedule(weekends=True, holidays=[date(2025, 3, 15)])
    assert list(islice(a_deadline().past_windows(monday_night, with_weekends), 3)) == [
        date(2025, 3, 16),
        date(2025, 3, 14),
        date(2025, 3, 13),
    ]


def test_the_past_windows_of_a_monthly_feed_are_months() -> None:
    past = islice(a_deadline(days=5).past_windows(utc(7, 7, 22), a_schedule(Cadence.MONTHLY)), 3)
    assert list(past) == [date(2025, 6, 1), date(2025, 5, 1), date(2025, 4, 1)]


# the feed -------------------------------------------------------------------------------------------------------------


def test_a_feed_without_a_deadline_has_none() -> None:
    assert a_feed().deadline is None


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("time: 18:00", 'must be a text such as "18:00"'),
        ('time: "18:00+02:00"', "must be a time of day without an offset"),
        ('time: "25:00"', "deadline.time: "),
        ('time: "18:00"\n  days: -1', "the key days stands twice"),
        ('time: "18:00"\n  country: US', "deadline.country: Extra inputs are not permitted"),
    ],
)
def test_a_deadline_that_says_something_else_is_refused(tmp_path: Any, written: str, says: str) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(f"vendor: acme\ndeadline:\n  days: 1\n  business_days: true\n  time_zone: {NEW_YORK}\n  {written}\n", encoding="utf-8")
    with pytest.raises(FeedError, match=says.replace(".", r"\.").replace("+", r"\+")):
        read_feed(path)


def test_every_part_of_a_deadline_has_to_be_said() -> None:
    for name in ("days", "business_days", "time", "time_zone"):
        said = {"days": 1, "business_days": True, "time": "18:00", "time_zone": NEW_YORK}
        del said[name]
        with pytest.raises(ValueError, match=name):
            Deadline.model_validate(said)


def test_a_place_that_is_no_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="'New York' is no time zone"):
        a_deadline(time_zone="New York")
