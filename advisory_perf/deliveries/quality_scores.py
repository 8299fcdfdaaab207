"""The quality scores of a feed's days: what is stored of some days, and the publication of others."""

from datetime import date

import polars as pl
import psycopg

from advisory_perf.contracts.enums import QualityDimension

_STORED = pl.Schema({"as_of_date": pl.Date(), "dimension": pl.String(), "numerator": pl.Int64(), "denominator": pl.Int64()})


def stored_shares(connection: psycopg.Connection, feed: str, first: date, last: date) -> pl.DataFrame:
    """What the scores of the days from first to last were counted from; no total."""
    rows = connection.execute(
        "SELECT as_of_date, dimension, numerator, denominator FROM data_quality_scores"
        " WHERE feed = %s AND as_of_date BETWEEN %s AND %s AND dimension <> %s ORDER BY as_of_date, dimension",
        [feed, first, last, QualityDimension.TOTAL],
    ).fetchall()
    return pl.DataFrame(rows, schema=_STORED, orient="row")


def replace_scores(connection: psycopg.Connection, feed: str, scored: pl.DataFrame, *, first: date, last: date) -> None:
    """Makes the feed's scores of the days from first to last those of the frame; equal ones stay as they are."""
    place = {"feed": feed, "first": first, "last": last, "days": scored["as_of_date"].unique().to_list()}
    connection.execute(
        "DELETE FROM data_quality_scores WHERE feed = %(feed)s AND as_of_date BETWEEN %(first)s AND %(last)s"
        " AND as_of_date <> ALL(%(days)s::date[])",
        place,
    )
    columns = {name: scored[name].to_list() for name in ("as_of_date", "dimension", "numerator", "denominator", "score")}
    connection.execute(
        "INSERT INTO data_quality_scores AS stored (feed, as_of_date, dimension, numerator, denominator, score)"
        " SELECT %(feed)s, * FROM unnest(%(as_of_date)s::date[], %(dimension)s::text[], %(numerator)s::bigint[],"
        " %(denominator)s::bigint[], %(score)s::double precision[])"
        " ON CONFLICT (feed, as_of_date, dimension) DO UPDATE SET numerator = excluded.numerator, denominator = excluded.denominator,"
        " score = excluded.score, updated_at = excluded.updated_at WHERE (stored.numerator, stored.denominator, stored.score)"
        " IS DISTINCT FROM (excluded.numerator, excluded.denominator, excluded.score)",
        {"feed": feed, **columns},
    )
