"""Returns that lie far from those of their portfolio on the day, or from the account's own, by median and median absolute deviation.

The robust score of x among some returns is z = 0.6745 (x - median) / MAD, with MAD the median of |x - median|: 0.6745 makes it the standard
score where they are normal. Where most returns are all but equal, as of cash, MAD is near 0 and tells no spread: if MAD / 0.6745 is below
LEAST_SPREAD, the spread is the larger of LEAST_SPREAD and 1.2533 times the mean absolute deviation.

Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993), for the modified z-score and what to do where MAD is 0.
"""

import polars as pl

LEAST_OTHERS = 8
"""So many accounts have to have a return on the day, the account among them."""

KNOWN, WITHIN = 20, 25
"""An account is held against its last 20 returns, which have to lie in the last 25 windows of the feed."""

LEAST_SPREAD = 0.001
"""A tenth of a percent: returns that differ by less are as good as equal."""

_OF_MAD, _OF_MEAN = 0.6745, 1.2533

_OF_ROW = ("account_id", "as_of_date", "delivery_id", "portfolio_id", "calculated_twrr")
PORTFOLIO, HISTORY = "PORTFOLIO", "HISTORY"


def return_outliers(returns: pl.DataFrame, *, bound: float) -> pl.DataFrame:
    """Valuations whose return has a robust score beyond plus or minus ``bound``, by day and account.

    ``against`` says among what: PORTFOLIO, the returns of its portfolio in the window where it has LEAST_OTHERS or more; HISTORY, the
    account's last KNOWN returns. The latter, and itself, are taken less the median return of the feed's accounts on their days, so that a
    day on which everything fell is nobody's outlier (where fewer than LEAST_OTHERS accounts have a return, as they are); and a return
    that departs from that median by less than ``bound`` times LEAST_SPREAD is none. A return that is both is named once, as PORTFOLIO.

    ``returns`` has one row a valuation, in any order: account_id, portfolio_id, as_of_date, slot (what counts as one day), ordinal
    (the number of the window), is_own, delivery_id and calculated_twrr. ``usual`` is the median that the return is held against, ``score``
    z. Only what came before a return is its history, so that later days change nothing.
    """
    known = returns.filter(pl.col("calculated_twrr").is_finite()).with_columns(_code("account_id"), _code("portfolio_id"))
    own = known.filter("is_own").drop("is_own") if not known["is_own"].all() else known
    beside = _in_portfolios(own, bound)
    before = _in_histories(known, bound).join(beside, on=["account_id", "as_of_date"], how="anti")
    return pl.concat([beside, before]).sort("as_of_date", "account_id")


def _code(name: str) -> pl.Expr:
    """A number for each value of a text column: what is grouped and sorted a million times is compared as such."""
    return pl.col(name).cast(pl.Categorical).to_physical().cast(pl.Int64()).alias(f"{name}_code")


_DAYS = 1 << 24
"""More days than a date may have since 1970, so that a number and a day make one key."""


def _in_portfolios(own: pl.DataFrame, bound: float) -> pl.DataFrame:
    key = (pl.col("portfolio_id_code") * _DAYS + pl.col("slot").to_physical()).alias("key")
    values = own.select(key, value="calculated_twrr").with_row_index("place").filter(pl.col("key").is_not_null())
    groups = values.group_by("key").agg(usual=pl.col("value").median(), accounts=pl.len()).filter(pl.col("accounts") >= LEAST_OTHERS)
    distant = values.join(groups.select("key", "usual"), on="key").with_columns(distance=(pl.col("value") - pl.col("usual")).abs())
    far = distant.filter(pl.col("distance") > bound * LEAST_SPREAD)
    near = distant.select("key", "distance").join(far.select("key").unique(), on="key", how="semi")
    spreads = near.group_by("key").agg(spread=_spread(pl.col("distance").median(), pl.col("distance").mean()))
    scored = far.join(spreads, on="key").with_columns(score=(pl.col("value") - pl.col("usual")) / pl.col("spread"))
    return _beyond(own, scored, PORTFOLIO, bound)


def _in_histories(known: pl.DataFrame, bound: float) -> pl.DataFrame:
    centre = pl.when(pl.len() >= LEAST_OTHERS).then(pl.col("calculated_twrr").median()).otherwise(0.0)
    centres = known.group_by("slot").agg(centre=centre)
    place = (pl.col("account_id_code") * _DAYS + pl.col("as_of_date").to_physical()).alias("key")
    order = known.select(place).to_series().arg_sort()
    ordered = (
        known.select("account_id_code", "ordinal", "is_own", "slot", value="calculated_twrr")
        .with_row_index("place")[order]
        .join(centres, on="slot", how="left", maintain_order="left")
        .with_columns(apart=pl.col("value") - pl.col("centre"))
    )
    is_known = (pl.col("account_id_code") == pl.col("account_id_code").shift(KNOWN)) & (
        pl.col("ordinal") - pl.col("ordinal").shift(KNOWN) <= WITHIN
    )
    is_candidate = is_known & pl.col("is_own") & (pl.col("apart").abs() > bound * LEAST_SPREAD)
    places = ordered.select(pl.arg_where(is_candidate).cast(pl.Int64())).to_series()
    if places.is_empty():
        return known.clear().select(*_OF_ROW, usual="calculated_twrr", score="calculated_twrr", against=pl.lit(HISTORY))
    earlier = ordered["apart"].gather(pl.select(pl.int_ranges(places - KNOWN, places)).to_series().explode())
    usual = earlier.reshape((-1, KNOWN)).arr.median()
    distances = (earlier - usual.gather(pl.int_range(len(earlier), eager=True) // KNOWN)).abs().reshape((-1, KNOWN))
    scored = (
        ordered[places]
        .with_columns(usual=usual, mad=distances.arr.median(), mean=distances.arr.mean())
        .with_columns(
            score=(pl.col("apart") - pl.col("usual")) / _spread(pl.col("mad"), pl.col("mean")), usual=pl.col("usual") + pl.col("centre")
        )
    )
    return _beyond(known, scored, HISTORY, bound)


def _spread(mad: pl.Expr, mean: pl.Expr) -> pl.Expr:
    spread = mad / _OF_MAD
    return pl.when(spread >= LEAST_SPREAD).then(spread).otherwise(pl.max_horizontal(_OF_MEAN * mean, pl.lit(LEAST_SPREAD)))


def _beyond(rows: pl.DataFrame, scored: pl.DataFrame, against: str, bound: float) -> pl.DataFrame:
    """Of the rows at each ``place`` of ``scored`` those whose score is beyond the bound."""
    found = scored.filter(pl.col("score").abs() > bound)
    return rows.select(_OF_ROW)[found["place"]].with_columns(found["usual"], found["score"], against=pl.lit(against))
