"""How often a delivery values an account within one window: two days of one month are not linked as two months."""

import polars as pl

from advisory_perf.contracts.windows import window_expr
from advisory_perf.feeds.positions_feed import PositionsFeed


def with_several_valuations(good: pl.DataFrame, bad: pl.DataFrame, feed: PositionsFeed) -> pl.Series:
    """Which of the good rows have another day of the same account and window beside them, in a good row or in one of the bad.

    Nothing says which of them is the month's, nor whether the later one begins where the earlier one ends, so that neither can be
    taken. A bad row counts as far as its account and day can be read.
    """
    if not feed.has_one_valuation_a_window or good.is_empty():
        return pl.Series(pl.repeat(value=False, n=good.height, eager=True))
    names = ["account_id", "as_of_date"]
    window = window_expr(pl.col("as_of_date"), feed.cadence).alias("window")
    keys = pl.concat([good.select(names), bad.select(names).drop_nulls()]).with_columns(window)
    if keys["as_of_date"].n_unique() == keys["window"].n_unique():
        return pl.Series(pl.repeat(value=False, n=good.height, eager=True))
    several = keys.group_by("account_id", "window").agg(pl.col("as_of_date").n_unique().alias("days")).filter(pl.col("days") > 1)
    marked = good.select(*names, window).join(several, on=["account_id", "window"], how="left", maintain_order="left")
    return marked["days"].is_not_null()
