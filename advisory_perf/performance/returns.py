"""The sub-period return of an account between two consecutive valuations.

Numerator and base are taken in the input's own arithmetic, exact for Decimal, and divided once as Float64. Sources: GIPS
Standards 2020, provisions 2.A.20-2.A.26 (time-weighted returns, external flows); Dietz (1966) for the mid-day weight of one half.
"""

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from advisory_perf.contracts.conventions import FeeBasis, FlowTiming, ReturnStatus


@dataclass(frozen=True, slots=True)
class _Ratio:
    """gain / base, both scaled by the same whole number so that fractions of a flow stay exact."""

    gain: pl.Expr
    base: pl.Expr
    scale: int


def sub_period_returns(
    positions: pl.DataFrame,
    *,
    timing: FlowTiming,
    fee_basis: FeeBasis,
    weight: Decimal | None = None,
    minimum_base: Decimal | None = None,
) -> pl.DataFrame:
    """Adds ``calculated_twrr`` (Float64, 0.01 is 1 %) and ``return_status``.

    Needs beginning_market_value (BMV), contributions, distributions, ending_market_value (EMV), and fees where gross.
    With NF = contributions - distributions:

    - start of day: EMV / (BMV + NF) - 1
    - end of day: (EMV - NF) / BMV - 1
    - mid day: (EMV - BMV - NF) / (BMV + NF / 2)
    - inflow at start, outflow at end: (EMV + distributions) / (BMV + contributions) - 1
    - weighted: (EMV - BMV - NF) / (BMV + weight · NF)

    A funding day (BMV = 0, NF > 0) takes its flow at the start of day under every timing. Gross adds fees back to EMV.
    The return is null, with the reason in ``return_status``, where a value is missing, the base is zero, negative or below
    ``minimum_base``, or more than everything was lost.
    """
    end = pl.col("ending_market_value") + (pl.col("fees") if fee_basis is FeeBasis.GROSS else 0)
    ratio = _ratio(timing, weight, end)
    net_flow = pl.col("contributions") - pl.col("distributions")
    is_funding = (pl.col("beginning_market_value") == 0) & (net_flow > 0)
    start_of_day = _ratio(FlowTiming.START_OF_DAY, None, end)
    gain = pl.when(is_funding).then(start_of_day.gain).otherwise(ratio.gain)
    base = pl.when(is_funding).then(start_of_day.base).otherwise(ratio.base)
    least = pl.when(is_funding).then(minimum_base or 0).otherwise((minimum_base or 0) * ratio.scale)
    status = (
        pl.when(gain.is_null() | base.is_null())
        .then(pl.lit(ReturnStatus.MISSING_VALUE.value))
        .when(base <= 0)
        .then(pl.lit(ReturnStatus.UNDEFINED_BASE.value))
        .when(base < least)
        .then(pl.lit(ReturnStatus.BELOW_MINIMUM_BASE.value))
        .when(gain < -base)
        .then(pl.lit(ReturnStatus.BEYOND_TOTAL_LOSS.value))
        .otherwise(pl.lit(ReturnStatus.OK.value))
    )
    quotient = gain.cast(pl.Float64()) / base.cast(pl.Float64())
    return positions.with_columns(status.alias("return_status")).with_columns(
        pl.when(pl.col("return_status") == ReturnStatus.OK.value).then(quotient).alias("calculated_twrr")
    )


def _ratio(timing: FlowTiming, weight: Decimal | None, end: pl.Expr) -> _Ratio:
    begin, inflow, outflow = pl.col("beginning_market_value"), pl.col("contributions"), pl.col("distributions")
    net_flow = inflow - outflow
    gain = end - begin - net_flow
    match timing:
        case FlowTiming.START_OF_DAY:
            return _Ratio(gain, begin + net_flow, 1)
        case FlowTiming.END_OF_DAY:
            return _Ratio(gain, begin, 1)
        case FlowTiming.INFLOW_START_OUTFLOW_END:
            return _Ratio(gain, begin + inflow, 1)
        case FlowTiming.MID_DAY:
            return _Ratio(gain + gain, begin + begin + net_flow, 2)
        case FlowTiming.WEIGHTED:
            if weight is None:
                raise ValueError("the weighted flow timing needs a weight between 0 and 1")
            part, whole = weight.as_integer_ratio()
            return _Ratio(gain * whole, begin * whole + net_flow * part, whole)
