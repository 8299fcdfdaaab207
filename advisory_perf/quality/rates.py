"""What exchange rates tell of each other: leaps from day to day, and a pair in both directions that contradicts itself. Pure."""

from decimal import Decimal

import polars as pl

RATES_BACK = 5
"""The rate before is the pair's latest in so many windows of the feed, so that a day costs some days and never a history."""

LEAST_AGREEMENT = 0.0005
"""A share by which a rate may differ from the inverse of the other direction beyond their printed digits: bid and ask, fixings."""
_MOST_ROUNDING = 0.01
"""A rate of so few digits that rounding is more of it tells nothing; one such as 0.9 may have been 0.9000."""

_PAIR = ["base_currency", "quote_currency"]
_OF_RATE = (*_PAIR, "as_of_date", "delivery_id", "rate")


def rate_jumps(rates: pl.DataFrame, *, factor: Decimal) -> pl.DataFrame:
    """Rates that are ``factor`` times the pair's rate before or more, or that part of it or less; by day and pair.

    ``rates`` has one row a pair and day with ``ordinal``, which numbers the windows of the feed, and ``is_own``, whether the window is the
    run's; only its rows are named. A rate of more than RATES_BACK windows before tells nothing. Adds previous_rate and previous_date.
    """
    rows = rates.sort(*_PAIR, "as_of_date")
    is_same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in _PAIR)
    is_near = pl.col("ordinal") - pl.col("ordinal").shift(1) <= RATES_BACK
    ratio = pl.col("rate").cast(pl.Float64()) / pl.col("rate").shift(1).cast(pl.Float64())
    leaps = (ratio >= float(factor)) | (ratio <= 1 / float(factor))
    before = {"previous_rate": pl.col("rate").shift(1), "previous_date": pl.col("as_of_date").shift(1), "leaps": is_same & is_near & leaps}
    found = rows.with_columns(**before).filter(pl.col("leaps") & pl.col("is_own"))
    return found.select(*_OF_RATE, "previous_rate", "previous_date").sort("as_of_date", *_PAIR)


def contradicting_inverses(rates: pl.DataFrame) -> pl.DataFrame:
    """Pairs that are given in both directions on a day and whose product is not 1, once each, in the direction that comes first.

    It may differ by LEAST_AGREEMENT, and by half a unit of the last digit of either, as a share of it, at most _MOST_ROUNDING: USD/JPY at
    149.25 and JPY/USD at 0.0067 agree. Zeros at the end are not known to have been printed. Adds inverse_rate. By day and pair.
    """
    decimals = pl.col("rate").cast(pl.String()).str.strip_chars_end("0").str.extract(r"\.(\d*)$").str.len_chars().cast(pl.Float64())
    half_unit = 0.5 * pl.lit(10.0) ** -decimals
    value = pl.col("rate").cast(pl.Float64())
    rows = rates.with_columns(value=value, share=pl.min_horizontal(half_unit / value, pl.lit(_MOST_ROUNDING)))
    other = rows.select(
        pl.col("quote_currency").alias("base_currency"),
        pl.col("base_currency").alias("quote_currency"),
        "as_of_date",
        inverse_rate="rate",
        inverse_value="value",
        inverse_share="share",
    )
    both = rows.filter(pl.col("base_currency") < pl.col("quote_currency")).join(other, on=[*_PAIR, "as_of_date"])
    allowed = LEAST_AGREEMENT + pl.col("share") + pl.col("inverse_share")
    wrong = both.filter((pl.col("value") * pl.col("inverse_value") - 1).abs() > allowed)
    return wrong.select(*_OF_RATE, "inverse_rate").sort("as_of_date", *_PAIR)
