"""Periods of one, three and five years, which start from the latest valuation on or before the anniversary.

Accounts and days become one ascending number, so that the valuation on or before a day is found by merging two sorted columns.
"""

import polars as pl

from advisory_perf.contracts.columns import TRAILING_YEARS
from advisory_perf.performance.frames import begins_account

_DAYS_BITS = 23
"""Bits that hold every day before and after 1970, so that one account's days never reach the next account's."""


def trailing_returns(rows: pl.DataFrame) -> pl.DataFrame:
    """twrr_<n>y (0.01 is 1 %), twrr_<n>y_from (the valuation it starts from) and twrr_<n>y_over_gap of each row.

    All are null where the episode has no valuation on or before the anniversary, and where the row waits for new funding.
    ``rows`` has the state columns (see linking) and ``waits``, sorted by account and day; earlier states are found in it too.
    """
    key = begins_account().cast(pl.Int64()).cum_sum() * (1 << _DAYS_BITS) + (1 << (_DAYS_BITS - 1))
    keyed = rows.lazy().with_columns(_key=key)
    return pl.concat([_trailing(rows, keyed, years) for years in TRAILING_YEARS], how="horizontal")


def _trailing(rows: pl.DataFrame, keyed: pl.LazyFrame, years: int) -> pl.DataFrame:
    name = f"twrr_{years}y"
    anniversary = pl.col("as_of_date").dt.offset_by(f"-{years}y")
    types = {name: pl.Float64(), f"{name}_from": pl.Date(), f"{name}_over_gap": pl.Boolean()}
    if not rows.height or rows.select(anniversary.max() < pl.col("as_of_date").min()).item():
        return rows.select(pl.repeat(None, pl.len(), dtype=dtype).alias(column) for column, dtype in types.items())
    bases = keyed.select(
        (pl.col("_key") + pl.col("as_of_date").to_physical()).set_sorted().alias("_found"),
        pl.col("_key").alias("_account"),
        pl.col("as_of_date").alias("base_date"),
        pl.col("growth_index").alias("base"),
        pl.col("inception_date").alias("base_inception"),
    )
    wanted = keyed.with_columns((pl.col("_key") + anniversary.to_physical()).set_sorted().alias("_wanted"))
    found = wanted.join_asof(bases, left_on="_wanted", right_on="_found", strategy="backward", check_sortedness=False)
    is_found = (
        (pl.col("_account") == pl.col("_key"))
        & (pl.col("base_inception") == pl.col("inception_date"))
        & (pl.col("base") > 0)
        & ~pl.col("waits")
    )
    figures = (
        pl.col("growth_index") / pl.col("base") - 1,
        pl.col("base_date"),
        (pl.col("last_gap_date") > pl.col("base_date")).fill_null(value=False),
    )
    named = [pl.when(is_found).then(figure).alias(column) for column, figure in zip(types, figures, strict=True)]
    return found.select(named).collect(engine="in-memory")


def still_needed(states: pl.DataFrame) -> pl.DataFrame:
    """Of states by account and day, each account's latest and those that a trailing period of a later day may start from."""
    is_last = pl.col("account_id").ne_missing(pl.col("account_id").shift(-1))
    last_day = pl.when(is_last).then("as_of_date").backward_fill()
    is_needed = is_last | (pl.col("as_of_date").shift(-1) > last_day.dt.offset_by(f"-{max(TRAILING_YEARS)}y"))
    needed = states.select(is_needed).to_series()
    return states if needed.all() else states.filter(needed)
