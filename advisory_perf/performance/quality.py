"""The rules that a lane's rows have to keep beyond their types: each gives the rows that break it.

Identity and conservation are hard: a row that breaks them would publish a wrong number. The others are findings about the
vendor's data, to be seen and not to be hidden.
"""

from decimal import Decimal

import polars as pl

from advisory_perf.contracts.conventions import ReconciledField
from advisory_perf.contracts.tables import WHO_AND_WHEN

LARGEST_PLAUSIBLE_RETURN = 1.0
"""A sub-period return beyond plus or minus 100 % deserves a look."""

ROLL_FORWARD_TOLERANCE = Decimal("0.01")


def net_flow_failures(flows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose net flow is not contributions - distributions, exactly."""
    expected = pl.col("contributions") - pl.col("distributions")
    return flows.filter(pl.col("net_flow").ne_missing(expected)).select(*WHO_AND_WHEN, "contributions", "distributions", "net_flow")


def market_value_failures(flows: pl.DataFrame, tolerance: Decimal) -> pl.DataFrame:
    """Rows whose calculated ending market value is not the vendor's; rows without a calculated one are not compared."""
    difference = (pl.col("calculated_ending_market_value") - pl.col("ending_market_value")).alias("difference")
    return flows.filter(difference.abs() > tolerance).select(
        *WHO_AND_WHEN, "calculated_ending_market_value", "ending_market_value", difference
    )


def roll_forward_failures(positions: pl.DataFrame, opening: pl.DataFrame | None) -> pl.DataFrame:
    """Rows whose beginning market value is not the account's ending market value at its valuation before.

    ``opening`` gives the last ending market value before these rows; an account's first valuation has nothing to roll from.
    """
    rows = positions.select(*WHO_AND_WHEN, "beginning_market_value", "ending_market_value", pl.lit(value=True).alias("is_new"))
    if opening is not None:
        before = opening.select(*WHO_AND_WHEN, "ending_market_value")
        rows = pl.concat([before, rows], how="diagonal")
    previous = pl.col("ending_market_value").shift(1).over("account_id", order_by="as_of_date")
    return (
        rows.with_columns(previous.alias("previous_ending_market_value"))
        .filter(pl.col("is_new"))
        .filter((pl.col("beginning_market_value") - pl.col("previous_ending_market_value")).abs() > ROLL_FORWARD_TOLERANCE)
        .select(*WHO_AND_WHEN, "previous_ending_market_value", "beginning_market_value")
    )


def implausible_returns(series: pl.DataFrame) -> pl.DataFrame:
    """Valuations whose sub-period return lies beyond plus or minus 100 %."""
    return series.filter(pl.col("is_valuation") & (pl.col("calculated_twrr").abs() > LARGEST_PLAUSIBLE_RETURN)).select(
        *WHO_AND_WHEN, "calculated_twrr"
    )


def undefined_returns(series: pl.DataFrame) -> pl.DataFrame:
    """Valuations without a return, and why."""
    return series.filter(pl.col("is_valuation") & pl.col("calculated_twrr").is_null()).select(*WHO_AND_WHEN, "return_status")


def breaks(results: pl.DataFrame) -> pl.DataFrame:
    """Comparisons outside their tolerance, the largest first within each figure."""
    return (
        results.filter(~pl.col("within_tolerance"))
        .sort("field_name", pl.col("variance").abs(), descending=[False, True])
        .select(*WHO_AND_WHEN, "field_name", "calculated_value", "vendor_value", "variance", "tolerance_threshold", "likely_cause")
    )


def pass_rate(results: pl.DataFrame, field: ReconciledField | None = None) -> float | None:
    """The share of comparisons within tolerance, 0 to 1; null where nothing was compared."""
    compared = results["within_tolerance"] if field is None else results.filter(field_name=field.value)["within_tolerance"]
    return None if compared.null_count() == compared.len() else float(compared.cast(pl.Float64()).mean())  # type: ignore[arg-type]
