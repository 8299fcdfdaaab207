"""The sub-period return of an account between two consecutive valuations.

Numerator and base are taken in the input's own arithmetic, exact for Decimal, and divided once as Float64. Sources: GIPS
Standards 2020, section 2.A (time-weighted returns, external flows); Dietz (1966) for the mid-day weight of one half.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import polars as pl

from advisory_perf.contracts.conventions import FeeBasis, FlowTiming, ReturnStatus
from advisory_perf.performance.flows import has_own_timing
from advisory_perf.performance.frames import Frame, finite, require

WEIGHT_PLACES = 10
"""Decimal places that a weight may have, so that money times its denominator still fits a Decimal."""


@dataclass(frozen=True, slots=True)
class _Ratio:
    """gain / base, and wealth = base + gain taken by itself; all scaled by one whole number, so that fractions of a flow stay exact."""

    gain: pl.Expr
    base: pl.Expr
    wealth: pl.Expr
    scale: int = 1


@dataclass(frozen=True, slots=True)
class _Flows:
    """What came in and went out of an account; out as a positive amount."""

    into: pl.Expr
    out: pl.Expr

    @property
    def net(self) -> pl.Expr:
        return self.into - self.out


def sub_period_returns(
    positions: Frame,
    *,
    timing: FlowTiming,
    fee_basis: FeeBasis,
    weight: Decimal | Fraction | float | None = None,
    minimum_base: Decimal | None = None,
) -> Frame:
    """Adds ``calculated_twrr`` (Float64, 0.01 is 1 %), ``growth_factor`` and ``return_status`` to each row of an eager or lazy frame.

    growth_factor is 1 + the return, divided once from the same amounts: of a loss of nearly everything it keeps the digits that
    1 + calculated_twrr has lost, so linking takes it.

    Needs beginning_market_value (BMV), contributions, distributions, ending_market_value (EMV), and fees where gross; Decimal,
    or Float64, which is taken as it is. With NF = contributions - distributions:

    - start of day: EMV / (BMV + NF) - 1
    - end of day: (EMV - NF) / BMV - 1
    - mid day: (EMV - BMV - NF) / (BMV + NF / 2)
    - inflow at start, outflow at end: (EMV + distributions) / (BMV + contributions) - 1
    - weighted: (EMV - BMV - NF) / (BMV + weight · NF), with a weight from 0 to 1

    A frame with the columns bod_flow and eod_flow (positive into the account) says itself when money crossed: its return is
    (EMV - eod_flow) / (BMV + bod_flow) - 1 under every timing, and contributions and distributions are not looked at.

    On a funding day (BMV = 0, NF > 0) the flow counts from the start of day under every timing. Where the inflow is there already
    (inflow at start, outflow at end; a bod_flow above 0), what goes out at the end stays there. Gross adds fees back to EMV.

    The return is null, and ``return_status`` says why: MISSING_VALUE where a value is null, NaN or infinite; UNDEFINED_BASE
    where the base is zero or negative, or so small that the return is no finite number; BELOW_MINIMUM_BASE where the base is
    below ``minimum_base``; BEYOND_TOTAL_LOSS where more than everything was lost. ValueError for a missing column, an unknown
    convention, a weight that is missing, outside 0 to 1 or not a decimal of at most ten places, or a minimum base that is no amount.
    """
    timing, fee_basis = FlowTiming(timing), FeeBasis(fee_basis)
    require(positions, "sub_period_returns", "beginning_market_value", "ending_market_value")
    begin = finite("beginning_market_value", positions)
    end = finite("ending_market_value", positions)
    if fee_basis is FeeBasis.GROSS:
        require(positions, "a gross return", "fees")
        end = end + finite("fees", positions)
    if has_own_timing(positions):
        net_flow = finite("bod_flow", positions) + finite("eod_flow", positions)
        at_start = finite("bod_flow", positions)
        ratio = _Ratio(end - begin - net_flow, begin + at_start, end - finite("eod_flow", positions))
        has_inflow_at_start = at_start > 0
    else:
        require(positions, "sub_period_returns", "contributions", "distributions")
        flows = _Flows(finite("contributions", positions), finite("distributions", positions))
        net_flow = flows.net
        ratio = _ratio(timing, begin, end, flows, weight)
        has_inflow_at_start = pl.lit(timing is FlowTiming.INFLOW_START_OUTFLOW_END)
    is_funding = (begin == 0) & (net_flow > 0) & ~has_inflow_at_start
    gain = pl.when(is_funding).then(end - begin - net_flow).otherwise(ratio.gain)
    base = pl.when(is_funding).then(begin + net_flow).otherwise(ratio.base)
    wealth = pl.when(is_funding).then(end).otherwise(ratio.wealth)
    least = _least(minimum_base)
    least_scaled = pl.when(is_funding).then(least).otherwise(least * ratio.scale)
    quotient = pl.when(wealth == 0).then(-1.0).otherwise(gain.cast(pl.Float64()) / base.cast(pl.Float64()))
    status = (
        pl.when(gain.is_null() | base.is_null())
        .then(pl.lit(ReturnStatus.MISSING_VALUE.value))
        .when((base <= 0) | ~quotient.is_finite())
        .then(pl.lit(ReturnStatus.UNDEFINED_BASE.value))
        .when(base < least_scaled)
        .then(pl.lit(ReturnStatus.BELOW_MINIMUM_BASE.value))
        .when(wealth < 0)
        .then(pl.lit(ReturnStatus.BEYOND_TOTAL_LOSS.value))
        .otherwise(pl.lit(ReturnStatus.OK.value))
    )
    growth_factor = wealth.cast(pl.Float64()) / base.cast(pl.Float64())
    is_ok = pl.col("return_status") == ReturnStatus.OK.value
    return positions.with_columns(return_status=status, calculated_twrr=quotient, growth_factor=growth_factor).with_columns(
        pl.when(is_ok).then(pl.col("calculated_twrr", "growth_factor"))
    )


def _ratio(timing: FlowTiming, begin: pl.Expr, end: pl.Expr, flows: _Flows, weight: Decimal | Fraction | float | None) -> _Ratio:
    gain = end - begin - flows.net
    match timing:
        case FlowTiming.START_OF_DAY:
            return _Ratio(gain, begin + flows.net, end)
        case FlowTiming.END_OF_DAY:
            return _Ratio(gain, begin, end - flows.net)
        case FlowTiming.INFLOW_START_OUTFLOW_END:
            return _Ratio(gain, begin + flows.into, end + flows.out)
        case FlowTiming.MID_DAY:
            return _Ratio(gain * 2, begin * 2 + flows.net, end * 2 - flows.net, 2)
        case FlowTiming.WEIGHTED:
            part, whole = _parts(weight)
            return _Ratio(gain * whole, begin * whole + flows.net * part, end * whole - flows.net * (whole - part), whole)


def _least(minimum_base: Decimal | None) -> Decimal:
    least = Decimal(0) if minimum_base is None else Decimal(minimum_base)
    if not least.is_finite() or least < 0:
        raise ValueError(f"the minimum base is {minimum_base}; it has to be an amount of zero or more")
    return least


def _parts(weight: Decimal | Fraction | float | None) -> tuple[int, int]:
    """The weight as a fraction of whole numbers; a float stands for the decimal it is printed as."""
    if weight is None:
        raise ValueError("the weighted flow timing needs a weight between 0 and 1")
    try:
        exact = Fraction(repr(weight)) if isinstance(weight, float) else Fraction(weight)
    except (ValueError, OverflowError):
        exact = Fraction(-1)
    if not 0 <= exact <= 1 or exact.denominator > 10**WEIGHT_PLACES:
        raise ValueError(f"the weight {weight} has to be a number from 0 to 1 of at most {WEIGHT_PLACES} decimal places")
    return exact.numerator, exact.denominator
