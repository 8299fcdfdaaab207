"""Breaks of a whole delivery: one factor that puts a figure of all its accounts off, as another currency or unit does.

On a day of a delivery the factor is that of the largest account near the median quotient, or of all such accounts' sums, whichever more
accounts agree with. It is the cause when, of the accounts that have both figures and not zero, ``LEAST_SHARE`` agree: the vendor's figure
is ours times the factor, to the comparison's tolerance, or that times a factor above 1, since our figure may be off by as much. At least
``FEWEST_ACCOUNTS`` of them have to break, and a factor within ``tolerance.FACTOR`` of 1 is none. Accounts that do not agree keep a cause
of their own. Money only: a return that is off by a hundred has its own cause, and other factors mean nothing in returns.
"""

import polars as pl

from advisory_perf.contracts.columns import FIGURE
from advisory_perf.contracts.enums import Cause, ReconciledField
from advisory_perf.contracts.tables import DELIVERY_FACTORS, WHO_AND_WHEN
from advisory_perf.contracts.tolerance import FACTOR
from advisory_perf.quality.rules import roll_forward_threshold, rolls_forward

FEWEST_ACCOUNTS = 10
LEAST_SHARE = 0.95
BEGINNING = "beginning_market_value"
"""The figure that shows a factor on the whole file: it leaves every comparison within a row as it is."""

_NEAR = 0.01
_DELIVERY = ("data_source", "delivery_id", "as_of_date", "field_name")


def comparisons(results: pl.DataFrame, figures: pl.DataFrame) -> pl.DataFrame:
    """The comparisons of money on the days on which enough accounts break, each with its delivery; see ``common_factors``."""
    money = results.filter(pl.col("field_name") != ReconciledField.TWRR.value)
    days = (
        money.filter(~pl.col("within_tolerance"))
        .group_by("as_of_date", "field_name")
        .len()
        .filter(pl.col("len") >= FEWEST_ACCOUNTS)
        .select("as_of_date", "field_name")
    )
    return (
        money.join(days, on=["as_of_date", "field_name"], how="semi")
        .join(figures.select(*WHO_AND_WHEN, "delivery_id"), on=WHO_AND_WHEN)
        .select(*_DELIVERY, "account_id", "calculated_value", "vendor_value", "tolerance_threshold", is_break=~pl.col("within_tolerance"))
    )


def roll_forwards(rolled: pl.DataFrame) -> pl.DataFrame:
    """The same for each beginning market value against the ending one before, from ``quality.rolled_forward``."""
    days = rolled.filter(~rolls_forward()).group_by("as_of_date").len().filter(pl.col("len") >= FEWEST_ACCOUNTS)
    return rolled.join(days, on="as_of_date", how="semi").select(
        "data_source",
        "delivery_id",
        "as_of_date",
        pl.lit(BEGINNING).alias("field_name"),
        "account_id",
        pl.col("previous_ending_market_value").cast(FIGURE).alias("calculated_value"),
        pl.col(BEGINNING).cast(FIGURE).alias("vendor_value"),
        roll_forward_threshold().alias("tolerance_threshold"),
        is_break=~rolls_forward(),
    )


def common_factors(compared: pl.DataFrame) -> pl.DataFrame:
    """DELIVERY_FACTORS of the comparisons: one row a delivery, day and figure that one factor puts off."""
    best, _ = _searched(compared)
    return best.with_columns(pl.col("factor").cast(FIGURE)).select(DELIVERY_FACTORS.column_names).sort(DELIVERY_FACTORS.key)


def scaled(compared: pl.DataFrame) -> pl.DataFrame:
    """Account, day and field of each break that its delivery's factor explains, with ours times the factor as explained_value."""
    _, rows = _searched(compared)
    times = (pl.col("calculated_value").cast(pl.Float64()) * pl.col("factor")).cast(FIGURE)
    return rows.filter("is_break", "agrees").select(*WHO_AND_WHEN, "field_name", times.alias("explained_value"))


def _searched(compared: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each delivery's factor, with the accounts that it explains, and its comparisons, each with whether it agrees."""
    ours, theirs = pl.col("calculated_value").cast(pl.Float64()), pl.col("vendor_value").cast(pl.Float64())
    both = compared.filter(pl.col("calculated_value") != 0, pl.col("vendor_value") != 0).with_columns((theirs / ours).alias("quotient"))
    larger = ours.abs() >= ours.abs().median()  # rounding to the cent blurs the quotients of small amounts
    medians = both.group_by(_DELIVERY).agg(pl.col("quotient").filter(larger).median().alias("median"))
    threshold, median = pl.col("tolerance_threshold").cast(pl.Float64()), pl.col("median")
    near = both.join(medians, on=_DELIVERY).filter((theirs - median * ours).abs() <= _NEAR * theirs.abs() + threshold)
    of_the_largest = pl.col("quotient").sort_by(ours.abs()).last()  # its rounding blurs no other account's by more than a unit
    of_the_sums = theirs.abs().sum() / ours.abs().sum() * median.first().sign()
    candidates = near.group_by(_DELIVERY).agg(pl.concat_list(of_the_largest, of_the_sums).alias("factor")).explode("factor").unique()
    allowed = threshold * pl.max_horizontal(pl.lit(1.0), pl.col("factor").abs())
    rows = both.join(candidates, on=_DELIVERY).with_columns(((theirs - pl.col("factor") * ours).abs() <= allowed).alias("agrees"))
    counted = rows.group_by(*_DELIVERY, "factor").agg(
        (pl.col("agrees") & pl.col("is_break")).sum().cast(pl.Int64()).alias("accounts"),
        pl.len().cast(pl.Int64()).alias("accounts_compared"),
        pl.col("agrees").mean().alias("share"),
    )
    is_one = (pl.col("accounts") >= FEWEST_ACCOUNTS) & (pl.col("share") >= LEAST_SHARE) & ((pl.col("factor") - 1).abs() > FACTOR)
    best = counted.filter(is_one).sort("accounts", "factor").unique(_DELIVERY, keep="last", maintain_order=True)
    return best, rows.join(best.select(*_DELIVERY, "factor"), on=[*_DELIVERY, "factor"], how="semi")


def gathered(breaks: pl.DataFrame, factors: pl.DataFrame) -> pl.DataFrame:
    """The breaks as a person wants to read them: above those of accounts, one row for each factor, which has no account and no values."""
    if factors.is_empty():
        return breaks
    whole = factors.select("as_of_date", "field_name", "delivery_id", "factor", "accounts", likely_cause=pl.lit(Cause.SYSTEMATIC.value))
    return pl.concat(
        [whole, breaks.with_columns(likely_cause="likely_cause" if "likely_cause" in breaks.columns else None)], how="diagonal"
    )
