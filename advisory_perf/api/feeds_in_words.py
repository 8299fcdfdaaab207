"""A feed as it is served: what is agreed with the vendor, and which file is expected next."""

from datetime import date, datetime
from typing import Any

from advisory_perf.contracts.windows import next_window, window_of
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.positions_feed import PositionsFeed

_LOOK_AHEAD = 62
"""Windows that are looked through for one that is expected; no holiday is longer."""


def terms_in_words(feed: Feed) -> dict[str, Any]:
    """What is agreed with the vendor."""
    of_returns = feed if isinstance(feed, PositionsFeed) else None
    return {
        "feed": feed.name,
        "dataset": feed.dataset,
        "title": feed.title,
        "owners": feed.owners,
        "cadence": feed.cadence,
        "currency": feed.currency,
        "flow_timing": of_returns and of_returns.conventions.flow_timing,
        "fee_basis": of_returns and of_returns.conventions.fee_basis,
        "tolerances": of_returns.tolerances.model_dump() if of_returns is not None else {},
    }


def feed_in_words(feed: Feed, latest: date | None, *, now: datetime, is_late: bool) -> dict[str, Any]:
    """The feed's terms, and the window whose file is expected next: the first one after the latest day that was ingested."""
    expected = _expected(feed, latest, now)
    return {
        **terms_in_words(feed),
        "latest_as_of_date": latest,
        "expected_next": expected,
        "expected_by": None if expected is None or feed.deadline is None else feed.deadline.instant(expected, feed.schedule),
        "is_late": is_late,
    }


def _expected(feed: Feed, latest: date | None, now: datetime) -> date | None:
    if feed.deadline is None:
        return None
    window = window_of(latest or now.date(), feed.cadence)
    if latest is None and feed.schedule.expects(window):
        return window
    for _ in range(_LOOK_AHEAD):
        window = next_window(window, feed.cadence)
        if feed.schedule.expects(window):
            return window
    return None
