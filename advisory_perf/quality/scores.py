"""How good what a vendor delivers is: six dimensions from 0 to 100, each a share that is counted, and their weighted total.

What is counted is a frame of shares: the columns that name what is scored (a day, a delivery, a feed), ``dimension``, ``numerator`` and
``denominator``. Shares add up, so that one definition serves a day and all days together: sum first, divide once. Where there is nothing to
count there is no score, and never 100: the weight of that dimension is shared out over the others in proportion to theirs. What each
dimension counts, and where, stands in docs/quality.md.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import polars as pl

from advisory_perf.contracts.enums import QualityDimension
from advisory_perf.contracts.tolerance import Allowance
from advisory_perf.quality.rules import market_value_holds, rolled_forward, rolls_forward
from advisory_perf.settings import Settings

DIMENSIONS: tuple[QualityDimension, ...] = tuple(dimension for dimension in QualityDimension if dimension is not QualityDimension.TOTAL)
COUNTED = {"dimension": pl.String(), "numerator": pl.Int64(), "denominator": pl.Int64()}


def completeness(present: pl.DataFrame, missing: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Accounts that are there, among these and those that are missing: rows with how many (``accounts``)."""
    there, due = pl.col("accounts"), pl.col("accounts") + pl.col("missing")
    rows = [present.select(*by, "accounts", missing=0), missing.select(*by, accounts=0, missing="accounts")]
    return _counted(pl.concat(rows, how="vertical_relaxed"), by, QualityDimension.COMPLETENESS, there, due)


def validity(counts: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Accepted rows, among these and quarantined ones; ``counts`` has the columns of DAY_COUNTS that are counts."""
    accepted, quarantined = pl.col("accepted"), pl.col("quarantined")
    return _counted(counts, by, QualityDimension.VALIDITY, accepted, accepted + quarantined)


def uniqueness(counts: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Rows that neither repeat another nor claim the key of another, among all rows; ``counts`` as for ``validity``."""
    rows = pl.sum_horizontal("accepted", "quarantined", "duplicate")
    return _counted(counts, by, QualityDimension.UNIQUENESS, rows - pl.col("duplicate") - pl.col("conflicting"), rows)


def consistency(flows: pl.DataFrame, before: pl.DataFrame | None, allowance: Allowance, by: Sequence[str]) -> pl.DataFrame:
    """Rows for which the market value identity holds and rows that roll forward, among those for which it can be tested: up to two a row.

    ``flows`` are positions with ``calculated_ending_market_value``, ``before`` is as for ``rolled_forward``.
    """
    identity = flows.select(*by, holds=market_value_holds(allowance))
    rolls = rolled_forward(flows, before).select(*by, holds=rolls_forward())
    return _tested(pl.concat([identity, rolls]), by, QualityDimension.CONSISTENCY, pl.col("holds"))


def timeliness(arrivals: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Days that came by their deadline, among those that had one: rows with ``is_in_time``, null where nothing was due."""
    return _tested(arrivals, by, QualityDimension.TIMELINESS, pl.col("is_in_time"))


def accuracy(totals: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Figures within tolerance of the vendor's, among those compared, of RECONCILIATION_TOTALS."""
    return _counted(totals, by, QualityDimension.ACCURACY, pl.col("compared") - pl.col("breaks"), pl.col("compared"))


def _tested(rows: pl.DataFrame, by: Sequence[str], dimension: QualityDimension, passes: pl.Expr) -> pl.DataFrame:
    return _counted(rows, by, dimension, passes.fill_null(value=False).cast(pl.Int64()), passes.is_not_null().cast(pl.Int64()))


def _counted(rows: pl.DataFrame, by: Sequence[str], dimension: QualityDimension, numerator: pl.Expr, denominator: pl.Expr) -> pl.DataFrame:
    summed = {"numerator": numerator.sum().cast(pl.Int64()), "denominator": denominator.sum().cast(pl.Int64())}
    return rows.group_by(by).agg(dimension=pl.lit(dimension.value), **summed).select(*by, *COUNTED)


def scores(counted: pl.DataFrame, weights: Mapping[QualityDimension, int], by: Sequence[str]) -> pl.DataFrame:
    """Every dimension and the total of each key of ``by``: dimension, numerator, denominator, score; by key, in the order of DIMENSIONS.

    A score is 100 * numerator / denominator, of integers, divided once; null where the denominator is 0. The total is the mean of the
    scores that there are, weighted, computed in fractions and divided once; null where none with a weight is. ValueError where a share
    is more than a whole, or less than nothing.
    """
    wrong = counted.filter(~pl.col("numerator").is_between(0, pl.col("denominator")))
    if wrong.height:
        raise ValueError(f"a share lies between nothing and the whole; {wrong.height} do not, such as {wrong.row(0, named=True)}")
    shares = counted.group_by(*by, "dimension").agg(pl.col("numerator", "denominator").sum())
    every = pl.DataFrame({"dimension": [dimension.value for dimension in DIMENSIONS]}).with_row_index("place")
    rows = (
        shares.select(by)
        .unique()
        .join(every, how="cross")
        .join(shares, on=[*by, "dimension"], how="left")
        .with_columns(pl.col("numerator", "denominator").fill_null(0))
        .sort(*by, "place")
        .select(*by, *COUNTED)
    )
    exact = pl.when(pl.col("denominator") > 0).then(100 * pl.col("numerator") / pl.col("denominator"))
    scored = rows.with_columns(exact.alias("score"))
    keys = rows.select(by).unique(maintain_order=True)
    values = rows.select("numerator", "denominator").rows()
    totals = [total(values[at : at + len(DIMENSIONS)], weights) for at in range(0, len(values), len(DIMENSIONS))]
    of_all = keys.with_columns(
        pl.lit(QualityDimension.TOTAL.value).alias("dimension"),
        *(pl.lit(None, pl.Int64()).alias(name) for name in ("numerator", "denominator")),
        pl.Series("score", [None if value is None else float(value) for value in totals], pl.Float64()),
    )
    return pl.concat([scored, of_all]).sort(by, maintain_order=True)


def weights_of(settings: Settings) -> dict[QualityDimension, int]:
    """What each dimension weighs in this installation."""
    return {dimension: getattr(settings, f"weight_{dimension.lower()}") for dimension in DIMENSIONS}


def total(shares: Sequence[tuple[int, int]], weights: Mapping[QualityDimension, int]) -> Fraction | None:
    """The weighted mean of the scores, of one numerator and denominator a dimension in the order of DIMENSIONS; exact."""
    counted = [(weights[dimension], Fraction(*share)) for dimension, share in zip(DIMENSIONS, shares, strict=True) if share[1]]
    whole = sum(weight for weight, _ in counted)
    return 100 * sum((weight * share for weight, share in counted), Fraction(0)) / whole if whole else None


def with_stored(counted: pl.DataFrame, stored: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Shares of days with those that are stored of them: what is counted anew takes the place of the stored, the rest is as it was.

    Days before a publication's own are counted in part only, since a day's missing accounts are known once the next one has come. Of such
    a day that is not stored, nothing is made of the part.
    """
    known = counted.join(stored, on=by, how="semi")
    kept = stored.join(known, on=[*by, "dimension"], how="anti")
    return pl.concat([known, kept.select(known.columns)])
