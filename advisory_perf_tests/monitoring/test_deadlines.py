from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from advisory_perf.deliveries.delivered_days import Beginning, FirstArrival
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.monitoring.deadlines import Deadlines, late_and_missing, met_deadlines, windows_in_question
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.orchestration.scenarios import days

EVENING = {"days": 1, "business_days": True, "time": "18:00", "time_zone": "America/New_York"}
DAILY = a_feed(deadline=EVENING)
MONTHLY = a_feed(cadence="monthly", deadline={**EVENING, "days": 5})
LONG_AGO = Beginning(datetime(2024, 1, 2, tzinfo=UTC), date(2024, 1, 1))

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = days(10, 11, 12, 13, 14)
FRIDAY_NIGHT = datetime(2025, 3, 14, 23, tzinfo=UTC)
"""An hour after the deadline of Thursday's file, 18:00 in New York."""


def arrived(day: date, at: datetime, name: str = "acme_1.csv") -> FirstArrival:
    return FirstArrival(day, at, name, f"{name}-id")


def in_time(*ingested: date) -> list[FirstArrival]:
    """Deliveries that came at noon of the next day."""
    return [arrived(day, datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(days=1)) for day in ingested]


def asked(
    feed: PositionsFeed = DAILY, began: Beginning | None = LONG_AGO, *, missing: Sequence[date] = (), now: datetime = FRIDAY_NIGHT
) -> list[date]:
    return windows_in_question(feed, began, missing, now=now)


def validated(
    windows: Sequence[date],
    arrivals: Sequence[FirstArrival],
    *,
    feed: PositionsFeed = DAILY,
    missing: Sequence[date] = (),
    under_way: Sequence[datetime] = (),
    now: datetime = FRIDAY_NIGHT,
) -> Deadlines:
    return late_and_missing(feed, windows, arrivals, missing, under_way=under_way, now=now)


def reported(found: Deadlines) -> list[tuple[str, date | None]]:
    return [(alert.code, alert.window) for alert in found.alerts]


# which windows are looked at ------------------------------------------------------------------------------------------


def test_the_sixty_latest_business_days_whose_deadline_is_over_are_looked_at() -> None:
    assert asked()[-10:] == [date(2025, 2, 28), *days(3, 4, 5, 6, 7, 10, 11, 12, 13)]
    assert (len(asked()), asked()[0]) == (60, date(2024, 12, 20)), "twelve weeks of five days"


def test_what_went_missing_while_a_daemon_was_down_for_five_weeks_is_reported_when_it_is_up_again() -> None:
    first_day_down = date(2025, 2, 6)
    assert ("MISSING_FILE", first_day_down) in reported(validated(asked(), []))


def test_six_months_are_looked_at_of_a_monthly_feed() -> None:
    fifth_business_day_after_february = datetime(2025, 3, 7, 23, tzinfo=UTC)
    assert asked(MONTHLY, now=fifth_business_day_after_february) == [
        *(date(2024, month, 1) for month in (9, 10, 11, 12)),
        date(2025, 1, 1),
        date(2025, 2, 1),
    ]
    assert asked(MONTHLY, now=fifth_business_day_after_february - timedelta(hours=2))[-1] == date(2025, 1, 1)


def test_a_feed_without_deadlines_or_deliveries_is_owed_nothing() -> None:
    assert asked(a_feed()) == []
    assert asked(began=None) == []


def test_a_vendor_owes_nothing_up_to_its_first_delivered_day() -> None:
    began = Beginning(datetime(2025, 3, 11, 12, tzinfo=UTC), MONDAY)
    assert asked(began=began) == [TUESDAY, WEDNESDAY, THURSDAY]


def test_a_feed_that_begins_with_years_of_history_owes_nothing_of_before_its_first_arrival() -> None:
    began = Beginning(datetime(2025, 3, 13, 12, tzinfo=UTC), date(2015, 1, 2))
    assert asked(began=began) == [WEDNESDAY, THURSDAY], "Tuesday's deadline was over when the first delivery came on Thursday"


def test_a_feed_that_says_from_when_on_is_owed_before_anything_has_come() -> None:
    feed = a_feed(deadline={**EVENING, "first_window": "2025-03-12"})
    assert asked(feed, None) == [WEDNESDAY, THURSDAY]


def test_a_window_that_is_known_to_be_missing_is_looked_at_however_old_it_is() -> None:
    assert asked(missing=[date(2024, 1, 8)])[0] == date(2024, 1, 8)


# what is reported of them -------------------------------------------------------------------------------------------------


def test_nothing_is_reported_where_every_file_came_in_time() -> None:
    assert validated(asked(), in_time(*asked())) == Deadlines([], [])


def test_a_window_without_a_delivery_is_missing_since_its_deadline() -> None:
    (alert,) = validated([WEDNESDAY, THURSDAY], in_time(WEDNESDAY)).alerts
    assert (alert.key, alert.severity, alert.since) == ("MISSING_FILE acme 2025-03-13", "HIGH", datetime(2025, 3, 14, 22, tzinfo=UTC))
    assert alert.message == (
        "acme: nothing has been ingested for 2025-03-13, which was due by 2025-03-14 18:00 America/New_York; ask the vendor for the file, "
        "unless it came and was rejected, as another alert and error/acme/ would say"
    )


def test_several_windows_are_missing_each_by_itself() -> None:
    assert reported(validated([TUESDAY, WEDNESDAY, THURSDAY], in_time(WEDNESDAY))) == [
        ("MISSING_FILE", TUESDAY),
        ("MISSING_FILE", THURSDAY),
    ]


def test_a_file_that_comes_three_days_after_its_deadline_is_late_and_no_longer_missing() -> None:
    came = arrived(MONDAY, datetime(2025, 3, 14, 23, 5, tzinfo=UTC), "acme_monday.csv")
    found = validated([MONDAY], [came], missing=[MONDAY], now=FRIDAY_NIGHT + timedelta(hours=1))
    (alert,) = found.alerts
    assert (alert.code, alert.since, alert.is_over, alert.delivery_id) == (
        "LATE_FILE",
        datetime(2025, 3, 11, 22, tzinfo=UTC),
        True,
        "acme_monday.csv-id",
    )
    assert "acme, acme_monday.csv: came 3 d 1 h 5 min after the deadline of 2025-03-10, 2025-03-11 18:00 America/New_York" in alert.message
    assert found.over == ["MISSING_FILE acme 2025-03-10"]


def test_a_file_that_came_late_before_anybody_looked_is_late_all_the_same() -> None:
    assert reported(validated([MONDAY], [arrived(MONDAY, FRIDAY_NIGHT)])) == [("LATE_FILE", MONDAY)]


def test_a_restatement_after_the_deadline_is_not_late() -> None:
    """The store gives the first arrival of a day; of a month's days the first one counts."""
    february = date(2025, 2, 1)
    arrivals = [arrived(date(2025, 2, 28), FRIDAY_NIGHT, "again.csv"), arrived(date(2025, 2, 27), datetime(2025, 3, 3, tzinfo=UTC))]
    assert validated([february], arrivals, feed=MONTHLY) == Deadlines([], [])


def test_a_file_that_came_in_time_and_was_ingested_after_a_person_fixed_the_feed_is_not_late() -> None:
    found = validated([MONDAY], in_time(MONDAY), missing=[MONDAY])
    assert (found.alerts, found.over) == ([], ["MISSING_FILE acme 2025-03-10"])


def test_a_window_waits_an_hour_for_a_file_that_came_in_time_and_has_not_been_ingested() -> None:
    just_in_time, too_late = datetime(2025, 3, 14, 21, 59, tzinfo=UTC), datetime(2025, 3, 14, 22, 1, tzinfo=UTC)
    soon = datetime(2025, 3, 14, 22, 59, tzinfo=UTC)
    assert validated([THURSDAY], [], under_way=[just_in_time], now=soon).alerts == []
    assert reported(validated([THURSDAY], [], under_way=[too_late], now=soon)) == [("MISSING_FILE", THURSDAY)]
    assert reported(validated([THURSDAY], [], under_way=[just_in_time], now=FRIDAY_NIGHT)) == [("MISSING_FILE", THURSDAY)]


@pytest.mark.parametrize("changes", [{"deadline": None}, {"deadline": EVENING, "holidays": [THURSDAY]}])
def test_what_the_feed_expects_no_more_is_missing_no_more(changes: dict[str, Any]) -> None:
    feed = a_feed(**changes)
    found = validated(asked(feed, missing=[THURSDAY]), in_time(*asked(feed)), feed=feed, missing=[THURSDAY])
    assert (found.alerts, found.over) == ([], ["MISSING_FILE acme 2025-03-13"])


# which days met their deadline ----------------------------------------------------------------------------------------


def test_a_day_meets_its_deadline_up_to_the_minute_and_only_days_that_were_owed_count() -> None:
    due = datetime(2025, 3, 11, 22, tzinfo=UTC)
    for late, expected in ((timedelta(0), True), (timedelta(microseconds=1), False)):
        assert met_deadlines(DAILY, [arrived(MONDAY, due + late)], LONG_AGO) == {MONDAY: expected}
    assert met_deadlines(a_feed(), in_time(MONDAY), LONG_AGO) == {}, "without a deadline"
    assert met_deadlines(DAILY, in_time(date(2025, 3, 9)), LONG_AGO) == {}, "a Sunday"
    began = Beginning(datetime(2025, 3, 12, 23, tzinfo=UTC), MONDAY)
    history = [arrived(day, began.received_at) for day in (MONDAY, TUESDAY, WEDNESDAY)]
    assert met_deadlines(DAILY, history, began) == {WEDNESDAY: True}, "the history it began with was not owed"


def test_all_days_of_a_month_met_its_deadline_if_the_first_file_of_it_did() -> None:
    first, second = date(2025, 1, 30), date(2025, 1, 31)
    arrivals = [arrived(first, datetime(2025, 2, 5, tzinfo=UTC)), arrived(second, datetime(2025, 3, 5, tzinfo=UTC))]
    assert met_deadlines(MONTHLY, arrivals, LONG_AGO) == {first: True, second: True}
    assert met_deadlines(MONTHLY, arrivals[1:], LONG_AGO) == {second: False}
