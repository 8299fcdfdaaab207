"""How far the members of a group lie apart: equal- and asset-weighted, with both divisors."""

from collections.abc import Sequence

import polars as pl

DISPERSION = (
    "dispersion_equal_population",
    "dispersion_equal_sample",
    "dispersion_asset_population",
    "dispersion_asset_sample",
    "high",
    "low",
    "upper_quartile",
    "median",
    "lower_quartile",
)


def dispersion(returns: pl.DataFrame, key: Sequence[str], *, more_than: int) -> pl.DataFrame:
    """One row for each value of the ``key``, by it: how the members' returns lie apart (Float64, 0.01 is 1 %).

    ``returns`` has the key, member_return and weight (money, at the period's start; any unit), one row a member. Of n members with
    returns r, mean m, and shares w of the whole weight, weighted mean M:

    - dispersion_equal_population: √(sum of (r - m)² / n); dispersion_equal_sample: √(sum of (r - m)² / (n - 1));
    - dispersion_asset_population: √(sum of w · (r - M)²); dispersion_asset_sample: that times √(n / (n - 1)), so that equal shares give
      what equal weighting does under either divisor;
    - high, low, median, and the quartiles, interpolated linearly between the two nearest members (position (n - 1) · share);
    - dispersion_members: n.

    All but the count are null where n is not above ``more_than`` (5 for GIPS, of which no dispersion is required of five or fewer),
    where a member has no return, and the asset-weighted ones where a weight is null or negative, or all are zero. The sample divisor needs
    two members. Source: GIPS Standards 2020, provision 4.A.1.i (internal dispersion), and its glossary, which leaves the measure open;
    GIPS Standards Handbook (equal- and asset-weighted standard deviation, high and low, quartiles).
    """
    value, weight = pl.col("member_return"), pl.col("weight").cast(pl.Float64())
    key = list(key)
    rows = returns.sort(*key, "weight", "member_return")
    share = weight / weight.sum().over(key)
    centred = rows.with_columns(_share=share).with_columns(
        _equal=(value - value.mean().over(key)) ** 2, _weighted=(value - (pl.col("_share") * value).sum().over(key)) ** 2 * pl.col("_share")
    )
    count, is_weighted = pl.col("dispersion_members"), pl.col("_is_weighted")
    sums = centred.group_by(key, maintain_order=True).agg(
        pl.len().cast(pl.Int64()).alias("dispersion_members"),
        (pl.col("weight").is_not_null().all() & (pl.col("weight") >= 0).all() & (weight.sum() > 0)).alias("_is_weighted"),
        value.null_count().alias("_unknown"),
        pl.col("_equal").sum(),
        pl.col("_weighted").sum(),
        value.max().alias("high"),
        value.min().alias("low"),
        value.quantile(0.75, "linear").alias("upper_quartile"),
        value.quantile(0.5, "linear").alias("median"),
        value.quantile(0.25, "linear").alias("lower_quartile"),
    )
    several = pl.when(count > 1).then(count - 1)
    figures = sums.with_columns(
        dispersion_equal_population=(pl.col("_equal") / count).sqrt(),
        dispersion_equal_sample=(pl.col("_equal") / several).sqrt(),
        dispersion_asset_population=pl.when(is_weighted).then(pl.col("_weighted").sqrt()),
        dispersion_asset_sample=pl.when(is_weighted).then((pl.col("_weighted") * count / several).sqrt()),
    )
    is_shown = (count > more_than) & (pl.col("_unknown") == 0)
    return figures.select(*key, "dispersion_members", pl.when(is_shown).then(pl.col(DISPERSION))).sort(key)
