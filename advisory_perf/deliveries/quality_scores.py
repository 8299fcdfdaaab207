"""The quality scores of a feed's days and deliveries: what they are counted from, and their publication."""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl
import psycopg

from advisory_perf.contracts.enums import QualityDimension
from advisory_perf.quality.scores import COUNTED, scores
from advisory_perf.warehouse.copy import queried
from advisory_perf.warehouse.replacing import replace_rows

SHARES = pl.Schema({"as_of_date": pl.Date(), "delivery_id": pl.String(), **COUNTED})
_SHARE = ("feed", "as_of_date", "delivery_id", "dimension")


def stored_shares(connection: psycopg.Connection, feed: str, first: date, last: date) -> pl.DataFrame:
    """SHARES of the days from first to last; of a day from before there were scores of deliveries those of the day, without a delivery."""
    rows = connection.execute(
        "SELECT as_of_date, delivery_id, dimension, numerator, denominator FROM delivery_quality_shares"
        " WHERE feed = %s AND as_of_date BETWEEN %s AND %s ORDER BY as_of_date, delivery_id, dimension",
        [feed, first, last],
    ).fetchall()
    return pl.DataFrame(rows, schema=SHARES, orient="row")


def publish_scores_of(
    connection: psycopg.Connection,
    feed: str,
    shares: pl.DataFrame,
    weights: Mapping[QualityDimension, int],
    *,
    first: date,
    last: date,
) -> None:
    """Makes the feed's shares of the days from first to last those of the frame (SHARES), and its scores follow them.

    Scores are those of these days, and of the deliveries that had or have a share in them, over all their days. What stays as it is is
    not written.
    """
    place = {"feed": feed, "first": first, "last": last}
    counted = shares.filter(pl.col("denominator") > 0)
    had = stored_shares(connection, feed, first, last)["delivery_id"]
    touched = sorted({*had, *counted["delivery_id"]} - {""})
    of_feed = pl.lit(feed).alias("feed")
    replace_rows(
        connection,
        "delivery_quality_shares",
        counted.select(of_feed, *SHARES),
        key=_SHARE,
        chosen="stored.feed = %(feed)s AND stored.as_of_date BETWEEN %(first)s AND %(last)s",
        place=place,
        is_timed=False,
    )
    replace_rows(
        connection,
        "data_quality_scores",
        scores(counted, weights, ["as_of_date"]).select(of_feed, "as_of_date", *COUNTED, "score"),
        key=("feed", "as_of_date", "dimension"),
        chosen="stored.feed = %(feed)s AND stored.as_of_date BETWEEN %(first)s AND %(last)s",
        place=place,
        is_timed=True,
    )
    replace_rows(
        connection,
        "delivery_quality_scores",
        scores(_of_deliveries(connection, feed, touched), weights, ["delivery_id"]).select(of_feed, "delivery_id", *COUNTED, "score"),
        key=("delivery_id", "dimension"),
        chosen="stored.delivery_id = ANY(%(deliveries)s)",
        place={"deliveries": touched},
        is_timed=True,
    )


def _of_deliveries(connection: psycopg.Connection, feed: str, deliveries: Sequence[str]) -> pl.DataFrame:
    return queried(
        connection,
        "SELECT delivery_id, dimension, sum(numerator)::bigint AS numerator, sum(denominator)::bigint AS denominator"
        " FROM delivery_quality_shares WHERE feed = %s AND delivery_id = ANY(%s) GROUP BY 1, 2 ORDER BY 1, 2",
        [feed, list(deliveries)],
    ).match_to_schema(pl.Schema({"delivery_id": pl.String(), **COUNTED}))
