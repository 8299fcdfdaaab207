"""How every publication ends, of whichever dataset: deliveries are closed, issues across rows and alerts follow. In its transaction."""

from collections.abc import Collection, Mapping, Sequence

import polars as pl
import psycopg

from advisory_perf.alerts.model import Alert
from advisory_perf.contracts.issue_codes import Code
from advisory_perf.contracts.tables import PublishedTable
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.deliveries.across_issues import publish_across
from advisory_perf.deliveries.alerts import follow_issues
from advisory_perf.feeds.feed import Feed
from advisory_perf.orchestration.pipelines.model import Inputs
from advisory_perf.platform import Platform


def close_publication(  # noqa: PLR0913 - one keyword for each thing that datasets differ in
    connection: psycopg.Connection,
    platform: Platform,
    feed: Feed,
    windows: WindowRange,
    inputs: Inputs,
    *,
    rows: PublishedTable,
    across: Mapping[Code, pl.DataFrame],
    also: Collection[int] = (),
    raised: Sequence[Alert] = (),
    resolved: Sequence[str] = (),
) -> None:
    """Closes the deliveries whose rows all stages of ``inputs`` have taken up, and publishes what rows say of each other.

    ``rows`` is the table whose rows are those of deliveries, ``also`` names further entries of the ledger whose issues have changed.
    ``raised`` and ``resolved`` are alerts besides those of deliveries: all come last, so that none is locked for long.
    """
    days = {"first": windows.first_day, "last": windows.last_day}
    agreed = platform.settings.pass_rate
    closed = platform.ledger.published(connection, feed.name, of=list(inputs), rows=rows, **days, also=also, pass_rate=agreed)
    publish_across(connection, feed.name, across, **days)
    follow_issues(connection, closed.changed, raised=raised, resolved=resolved)
