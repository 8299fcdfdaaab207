"""Which windows of a vendor's rows in the lake cannot be read, once reading all of them has failed, and what waits for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import NamedTuple

from advisory_perf.contracts.firm_tables import ACCOUNT_STATISTICS, PORTFOLIO_CONTRIBUTIONS
from advisory_perf.contracts.tables import Table
from advisory_perf.errors import LakeError, LakeOutageError
from advisory_perf.feeds.feed import Feed
from advisory_perf.platform import Platform

_NAMED = 10
_WAITING = {
    ACCOUNT_STATISTICS.name: "statistics, and composites with a member that lacks them,",
    PORTFOLIO_CONTRIBUTIONS.name: "contributions",
}


class Reads(NamedTuple):
    """What is read of a feed: some columns of tables, of each in all of these windows."""

    columns: Mapping[Table, Sequence[str]]
    windows: Sequence[str]


@contextmanager
def noted_where_unreadable(failed: dict[str, str], platform: Platform, feed: Feed, reads: Callable[[], Reads]) -> Iterator[None]:
    """Where the block cannot read, ``failed`` has its error for the vendor, with all windows that lack any of what it ``reads`` of them.

    LakeOutageError where the lake does not answer.
    """
    try:
        yield
    except LakeOutageError:
        raise
    except LakeError as error:
        read = reads()
        is_bad = {window: not _is_readable(platform, feed, read.columns, window) for window in read.windows}
        runs = [list(run) for bad, run in groupby(read.windows, key=is_bad.__getitem__) if bad]
        named = [run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
        more = f" and {len(named) - _NAMED} more parts" if len(named) > _NAMED else ""
        failed[feed.vendor] = f"windows {', '.join(named[:_NAMED])}{more}: {error}" if named else str(error)


def not_computed(failed: Mapping[str, Mapping[str, str]]) -> str:
    """One sentence about all vendors of ``noted_where_unreadable``, by the table whose rows of them are not computed."""
    waiting = {
        what: "; of ".join(f"{vendor} ({reason})" for vendor, reason in sorted(failed.get(table, {}).items()))
        for table, what in _WAITING.items()
    }
    return "; ".join(f"{what} stay as they were of {vendors}" for what, vendors in waiting.items() if vendors)


def _is_readable(platform: Platform, feed: Feed, columns: Mapping[Table, Sequence[str]], window: str) -> bool:
    try:
        for table, names in columns.items():
            platform.lake.read_partitions(table.name, feed.name, "window", [window], columns=names)
    except LakeOutageError:
        raise
    except LakeError:
        return False
    return True
