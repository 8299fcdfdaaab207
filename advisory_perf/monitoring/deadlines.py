"""Which files are missing and which came late, as a pure function of a feed, the days that have been ingested and the time.

It looks at the latest windows whose deadline is over, a bounded number of them, and at those that were found missing before. Unless
the feed says from when on it expects deliveries, a vendor owes nothing for windows up to the first that it delivered, nor for
deadlines that were over before its first delivery arrived: a new feed, or one that begins with its history, raises no alerts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice, takewhile

from advisory_perf.alerts.model import LATE_FILE, MISSING_FILE, Alert
from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.windows import last_day_of, window_of
from advisory_perf.deliveries.delivered_days import Beginning, FirstArrival
from advisory_perf.feeds.deadline import Deadline
from advisory_perf.feeds.feed import Feed

LOOK_BACK = {Cadence.DAILY: 60, Cadence.MONTHLY: 6}
"""How many windows whose deadline is over are looked at, besides those that are known to be missing.

What went missing while no daemon ran is reported when one runs again, unless it was down for longer than this.
"""

PATIENCE = timedelta(hours=1)
"""How long after its deadline a file that came in time may still be on its way through its ingestion."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What is to be reported of a feed's deadlines: alerts about windows, and the keys of those that are over."""

    alerts: Sequence[Alert]
    over: Sequence[str]


def windows_in_question(feed: Feed, began: Beginning | None, missing: Collection[date], *, now: datetime) -> list[date]:
    """The windows that have to have been ingested by now, in order: the latest ones whose deadline is over, and those known as missing."""
    if feed.deadline is None:
        return []
    first = _first_owed(feed, began)
    if first is None:
        return sorted(missing)
    recent = islice(takewhile(lambda window: window >= first, feed.deadline.past_windows(now, feed.schedule)), LOOK_BACK[feed.cadence])
    owed = [window for window in recent if _is_owed(feed, feed.deadline, window, began)]
    return sorted({*owed, *missing})


def late_and_missing(
    feed: Feed,
    windows: Sequence[date],
    arrivals: Sequence[FirstArrival],
    missing: Collection[date],
    *,
    under_way: Sequence[datetime],
    now: datetime,
) -> Deadlines:
    """An alert for each window that is missing, or whose first file came late; those that were missing and came are over.

    ``under_way`` are the arrivals of files that have not been ingested yet: for a while a window waits for those that came in time. A
    window that the feed expects no more, since it lost its deadline or got a holiday, is over too.
    """
    deadline = feed.deadline
    if deadline is None:
        return Deadlines([], [_key(MISSING_FILE.name, feed, window) for window in sorted(missing)])
    came: dict[date, FirstArrival] = {}
    for arrival in sorted(arrivals, key=lambda one: one.received_at):
        came.setdefault(window_of(arrival.day, feed.cadence), arrival)
    alerts, over = [], []
    for window in windows:
        due, found = deadline.instant(window, feed.schedule), came.get(window)
        if found is not None and found.received_at > due:
            alerts.append(_late(feed, deadline, window, due, found))
        elif found is None and feed.schedule.expects(window) and not _may_still_be_ingested(under_way, due, now):
            alerts.append(_missing(feed, deadline, window, due))
        if window in missing and (found is not None or not feed.schedule.expects(window)):
            over.append(_key(MISSING_FILE.name, feed, window))
    return Deadlines(alerts, over)


def met_deadlines(feed: Feed, arrivals: Sequence[FirstArrival], began: Beginning | None) -> dict[date, bool]:
    """Of each day that came and had a deadline, whether the first file of its window came by it; a vendor owes what alerts say it does."""
    deadline, first = feed.deadline, _first_owed(feed, began)
    if deadline is None or first is None:
        return {}
    came: dict[date, datetime] = {}
    for arrival in arrivals:
        window = window_of(arrival.day, feed.cadence)
        came[window] = min(came.get(window, arrival.received_at), arrival.received_at)
    owed = {window for window in came if window >= first and feed.schedule.expects(window) and _is_owed(feed, deadline, window, began)}
    windows = {arrival.day: window_of(arrival.day, feed.cadence) for arrival in arrivals}
    return {day: came[window] <= deadline.instant(window, feed.schedule) for day, window in windows.items() if window in owed}


def _first_owed(feed: Feed, began: Beginning | None) -> date | None:
    """The earliest window that may be looked at; None where nothing is expected yet."""
    if feed.deadline is not None and feed.deadline.first_window is not None:
        return window_of(feed.deadline.first_window, feed.cadence)
    return window_of(began.day, feed.cadence) if began is not None else None


def _is_owed(feed: Feed, deadline: Deadline, window: date, began: Beginning | None) -> bool:
    if deadline.first_window is not None:
        return True
    return began is not None and window > window_of(began.day, feed.cadence) and deadline.instant(window, feed.schedule) > began.received_at


def _may_still_be_ingested(under_way: Sequence[datetime], due: datetime, now: datetime) -> bool:
    return now < due + PATIENCE and any(received_at <= due for received_at in under_way)


def _missing(feed: Feed, deadline: Deadline, window: date, due: datetime) -> Alert:
    return Alert(
        key=_key(MISSING_FILE.name, feed, window),
        code=MISSING_FILE.name,
        severity=MISSING_FILE.severity,
        feed=feed.name,
        vendor=feed.vendor,
        since=due,
        subject=f"{MISSING_FILE.name} {feed.name} {_shown(feed, window)}",
        message=f"{feed.vendor}: nothing has been ingested for {_shown(feed, window)}, which was due by {deadline.shown(due)}; ask the "
        f"vendor for the file, unless it came and was rejected, as another alert and error/{feed.name}/ would say",
        window=window,
    )


def _late(feed: Feed, deadline: Deadline, window: date, due: datetime, arrival: FirstArrival) -> Alert:
    return Alert(
        key=_key(LATE_FILE.name, feed, window),
        code=LATE_FILE.name,
        severity=LATE_FILE.severity,
        feed=feed.name,
        vendor=feed.vendor,
        since=due,
        subject=f"{LATE_FILE.name} {feed.name} {_shown(feed, window)}",
        message=f"{feed.vendor}, {arrival.file_name}: came {_duration(arrival.received_at - due)} after the deadline of "
        f"{_shown(feed, window)}, {deadline.shown(due)}; it is loaded as any other, and only the vendor needs to be given",
        delivery_id=arrival.delivery_id,
        window=window,
        is_over=True,
    )


def _key(code: str, feed: Feed, window: date) -> str:
    return f"{code} {feed.name} {window}"


def _shown(feed: Feed, window: date) -> str:
    return f"{window:%Y-%m}" if feed.cadence is Cadence.MONTHLY else window.isoformat()


def _duration(delta: timedelta) -> str:
    minutes = max(int(delta.total_seconds()) // 60, 1)
    parts = [(minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def span(feed: Feed, windows: Sequence[date]) -> tuple[date, date]:
    """The first and the last day of the windows, which are in order."""
    return windows[0], last_day_of(windows[-1], feed.cadence)
