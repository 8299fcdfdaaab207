"""The quality scores of a feed of positions: what is counted of the windows of a run, and what of it is published and plotted."""

from datetime import date

import polars as pl
import psycopg

from advisory_perf.contracts.enums import ReconciledField
from advisory_perf.contracts.issue_codes import ACCOUNT_MISSING
from advisory_perf.contracts.windows import WindowRange, window_expr
from advisory_perf.deliveries.completeness import MissingFindings
from advisory_perf.deliveries.day_counts import counts_of_days
from advisory_perf.deliveries.delivered_days import beginning, first_arrivals
from advisory_perf.deliveries.quality_scores import publish_scores_of, stored_shares
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.monitoring.deadlines import met_deadlines
from advisory_perf.platform import Platform
from advisory_perf.positions.openings import opening_states
from advisory_perf.quality.scores import (
    DIMENSIONS,
    accuracy,
    completeness,
    consistency,
    scores,
    timeliness,
    uniqueness,
    validity,
    weights_of,
    with_stored,
)

_BY_DAY = ("as_of_date",)
_BY = ("as_of_date", "delivery_id")


def counted_of_days(
    platform: Platform, feed: PositionsFeed, windows: WindowRange, totals: pl.DataFrame, flows: pl.DataFrame, missing: MissingFindings
) -> pl.DataFrame:
    """The shares of each day and delivery of the windows, and of the days of the window before them that of completeness alone.

    ``totals`` are RECONCILIATION_TOTALS of the windows, ``flows`` their positions with their calculated ending market value.
    """
    days = {"first": windows.first_day, "last": windows.last_day}
    rows = counts_of_days(platform.warehouse, feed.name, **days)
    arrived = first_arrivals(platform.warehouse, feed.name, **days)
    came = met_deadlines(feed, arrived, beginning(platform.warehouse, feed.name))
    arrivals = [(one.day, one.delivery_id, came[one.day]) for one in arrived if one.day in came]
    gone = missing.of_windows.filter(issue_type=ACCOUNT_MISSING.name).group_by(_BY).agg(accounts=pl.len().cast(pl.Int64()))
    allowance = feed.tolerances.of(ReconciledField.ENDING_MARKET_VALUE)
    return pl.concat(
        [
            completeness(missing.present, gone, _BY),
            validity(rows, _BY),
            uniqueness(rows, _BY),
            consistency(flows, opening_states(platform, feed, windows), allowance, _BY),
            timeliness(pl.DataFrame(arrivals, schema=_ARRIVALS, orient="row"), _BY),
            accuracy(totals, _BY),
        ]
    )


_ARRIVALS = {"as_of_date": pl.Date(), "delivery_id": pl.String(), "is_in_time": pl.Boolean()}


def publish_scores(
    connection: psycopg.Connection, platform: Platform, feed: PositionsFeed, counted: pl.DataFrame, own: WindowRange
) -> None:
    """In the transaction of the publication: the scores of the run's days, and of the days before whose completeness is known only now.

    Those of the deliveries of these days follow.
    """
    earlier = pl.col("as_of_date") < own.first_day
    first: date = min(own.first_day, counted["as_of_date"].min() or own.first_day)  # type: ignore[assignment]
    stored = stored_shares(connection, feed.name, first, own.first_day).filter(earlier)
    whole = pl.concat([with_stored(counted.filter(earlier), stored, _BY_DAY), counted.filter(~earlier)])
    publish_scores_of(connection, feed.name, whole, weights_of(platform.settings), first=first, last=own.last_day)


def plotted(platform: Platform, feed: PositionsFeed, counted: pl.DataFrame, own: WindowRange) -> pl.DataFrame:
    """The scores of each of the run's windows, a column each: ``quality_score`` and one by the name of each dimension."""
    window = window_expr(pl.col("as_of_date"), feed.cadence).alias("window")
    of_windows = counted.filter(pl.col("as_of_date") >= own.first_day).with_columns(window)
    scored = scores(of_windows, weights_of(platform.settings), ["window"])
    named = {dimension.value: f"quality_{dimension.lower()}" for dimension in DIMENSIONS} | {"TOTAL": "quality_score"}
    of_dimension = (pl.col("score").filter(dimension=value).first().alias(name) for value, name in named.items())
    return scored.group_by("window").agg(of_dimension)
