"""Deadlines: by when a window's delivery has to be there, as its feed says. Pure arithmetic of days and time zones.

Saturdays, Sundays and the feed's holidays are no business days. Nothing is assumed of a calendar that the feed does not list.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from advisory_perf.contracts.schedules import Schedule
from advisory_perf.contracts.windows import last_day_of, window_of
from advisory_perf.feeds.file_layout import known_zone
from advisory_perf.feeds.frozen import FrozenModel

_SATURDAY = 5
_DAY = timedelta(days=1)


class Deadline(FrozenModel):
    """By when a window's delivery has to be there: so many days after the window's last day, at a time of day in a time zone.

    ``business_days`` says whether these are business days or calendar days. Which days a daily feed delivers for, and which are
    holidays, is the feed's schedule. ``first_window`` is the first day for which a delivery is expected;
    without it that follows from the first one that is ingested.
    """

    days: int = Field(ge=0, le=366)
    business_days: bool
    time: time_of_day
    time_zone: str
    first_window: date | None = None

    @field_validator("time", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError('must be a text such as "18:00"; without the quotes YAML makes a number of it')  # noqa: TRY004 - Pydantic's
        return value

    @field_validator("time")
    @classmethod
    def _is_local(cls, value: time_of_day) -> time_of_day:
        if value.tzinfo is not None:
            raise ValueError("must be a time of day without an offset; time_zone says where")
        return value

    @field_validator("time_zone")
    @classmethod
    def _is_time_zone(cls, value: str) -> str:
        return known_zone(value)

    def instant(self, window: date, schedule: Schedule) -> datetime:
        """When the window's delivery has to be there, in UTC.

        With business days the n-th one after the window's last day; for n = 0 that day itself, or the next business day where it is
        none. Of a time of day that a change of the clocks skips or repeats, the later reading counts.
        """
        day = last_day_of(window, schedule.cadence)
        if not self.business_days:
            day += self.days * _DAY
        elif self.days or not _is_business_day(day, schedule):
            for _ in range(max(self.days, 1)):
                day = _next_business_day(day, schedule)
        zone = ZoneInfo(self.time_zone)
        return max(datetime.combine(day, self.time.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1))

    def shown(self, instant: datetime) -> str:
        """The instant as people there read it."""
        return f"{instant.astimezone(ZoneInfo(self.time_zone)):%Y-%m-%d %H:%M} {self.time_zone}"

    def past_windows(self, now: datetime, schedule: Schedule) -> Iterator[date]:
        """The windows for which a delivery was expected by now, the latest first; they have no end."""
        window = window_of(now.astimezone(ZoneInfo(self.time_zone)).date(), schedule.cadence)
        while True:
            if schedule.expects(window) and self.instant(window, schedule) <= now:
                yield window
            window = window_of(window - _DAY, schedule.cadence)


def _is_business_day(day: date, schedule: Schedule) -> bool:
    return day.weekday() < _SATURDAY and day not in schedule.holidays


def _next_business_day(day: date, schedule: Schedule) -> date:
    day += _DAY
    while not _is_business_day(day, schedule):
        day += _DAY
    return day
