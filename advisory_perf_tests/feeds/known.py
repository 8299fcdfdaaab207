"""Feeds as the tests of positions want them: read like any other, and of no other dataset."""

from pathlib import Path

from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.feeds.registry import load_feeds, read_feed


def of_positions(feed: Feed) -> PositionsFeed:
    assert isinstance(feed, PositionsFeed)
    return feed


def read_positions_feed(path: Path) -> PositionsFeed:
    return of_positions(read_feed(path))


def known_feed(name: str) -> PositionsFeed:
    """One of the package's feeds."""
    return of_positions(load_feeds()[name])
