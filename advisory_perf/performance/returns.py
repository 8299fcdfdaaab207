"""The sub-period return of an account between two consecutive valuations.

Numerator and base are taken in the input's own arithmetic, exact for Decimal, and divided once as Float64. Sources: GIPS
Standards 2020, section 2.A (time-weighted returns, external flows); Dietz (1966) for the mid-day weight of one half.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import polars as pl

from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReturnStatus
from advisory_perf.performance.net_flow import has_own_timing
from advisory_perf.performance.ordering import Frame, finite, has_return, require
from advisory_perf.performance.shares import Share

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
    """What came in and went out of an account; out as a positive amount.

    ``largest`` is the largest amount that can have crossed by itself. Whether some of what came in was there at the start, and some of
    what went out went at the end, under a timing that places the two sides apart, says ``in_at_start`` and ``out_at_end``.
    """

    into: pl.Expr
    out: pl.Expr
    net: pl.Expr
    largest: pl.Expr
    in_at_start: pl.Expr
    out_at_end: pl.Expr


@dataclass(frozen=True, slots=True)
class _Terms:
    """gain / base of each row, and wealth = base + gain, all scaled alike; ``scaled`` scales an amount so.

    ``is_nothing``: the base is nothing beside the flow. ``counts_from`` is a ``CountsFrom``.
    """

    gain: pl.Expr
    base: pl.Expr
    wealth: pl.Expr
    scale: pl.Expr
    is_nothing: pl.Expr
    scaled: Callable[[Decimal], pl.Expr]
    flows: _Flows
    is_funding: pl.Expr
    is_closing: pl.Expr
    counts_from: pl.Expr


class CountsFrom(StrEnum):
    """What says when a row's flow counts: the timing, or a day that is a funding (at its start) or a closing (at its end)."""

    TIMING = "TIMING"
    START = "START"
    END = "END"


def sub_period_returns(
    positions: Frame,
    *,
    timing: FlowTiming,
    fee_basis: FeeBasis,
    weight: Decimal | Fraction | float | None = None,
    minimum_base: Decimal | None = None,
    residual_base: Decimal | None = None,
    large_flow: Decimal | None = None,
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

    An amount *counts as nothing* beside a flow where it is at most the share ``residual_base`` of it, as a debit too; without one
    (None) only zero does. Gross adds fees back to EMV for the return, and not where EMV is held against a flow.

    - Funding (NF > 0, BMV nothing beside it): the flow counts from the start of day under every timing, EMV / (BMV + NF) - 1.
    - Closing (NF < 0, EMV nothing beside it; or EMV >= 0 and the base nothing beside it): the flow counts at the end of day under
      every timing, (EMV - NF) / BMV - 1. Read backwards, a closing is a funding.
    - Where the sides are placed apart (inflow at start, outflow at end; a bod_flow above 0, an eod_flow below 0), an inflow that is at
      the start already leaves the funding as it is, and an outflow that is at the end already the closing. An eod_flow beside which
      BMV + bod_flow is nothing counts from the start, as on a funding day.

    The return is null, and ``return_status`` says why: MISSING_VALUE where a value is null, NaN or infinite; UNDEFINED_BASE
    where the base is zero or negative, nothing beside the flow, or so small that the return is no finite number; BELOW_MINIMUM_BASE
    where the base is below ``minimum_base``; BEYOND_TOTAL_LOSS where more than everything was lost. LARGE_FLOW goes with a return:
    contributions or distributions are more than the share ``large_flow`` of the base; the ones that fund an empty account and those
    that empty it are not asked, since nothing depends on their day. Without a share (None) no flow is large.

    ValueError for a missing column, an unknown convention, a weight that is missing, outside 0 to 1 or not a decimal of at most ten
    places, a minimum base that is no amount, or shares beyond their bounds (residual 0 to 0.1, large flow up to 100).
    """
    large, least = Share.large(large_flow), _least(minimum_base)
    terms = _terms(positions, FlowTiming(timing), FeeBasis(fee_basis), weight, Share.residual(residual_base))
    gain, base, wealth, flows = terms.gain, terms.base, terms.wealth, terms.flows
    quotient = pl.when(wealth == 0).then(-1.0).otherwise(gain.cast(pl.Float64()) / base.cast(pl.Float64()))
    inflow, outflow = pl.when(~terms.is_funding).then(flows.into), pl.when(~terms.is_closing).then(flows.out)
    is_large = pl.lit(value=False) if large is None else large.is_passed_by(pl.max_horizontal(inflow, outflow) * terms.scale, base)
    status = (
        pl.when(gain.is_null() | base.is_null())
        .then(pl.lit(ReturnStatus.MISSING_VALUE.value))
        .when((base <= 0) | terms.is_nothing | ~quotient.is_finite())
        .then(pl.lit(ReturnStatus.UNDEFINED_BASE.value))
        .when(base < terms.scaled(least))
        .then(pl.lit(ReturnStatus.BELOW_MINIMUM_BASE.value))
        .when(wealth < 0)
        .then(pl.lit(ReturnStatus.BEYOND_TOTAL_LOSS.value))
        .when(is_large)
        .then(pl.lit(ReturnStatus.LARGE_FLOW.value))
        .otherwise(pl.lit(ReturnStatus.OK.value))
    )
    growth_factor = wealth.cast(pl.Float64()) / base.cast(pl.Float64())
    return positions.with_columns(return_status=status, calculated_twrr=quotient, growth_factor=growth_factor).with_columns(
        pl.when(has_return(pl.col("return_status"))).then(pl.col("calculated_twrr", "growth_factor"))
    )


def with_gain_and_base(
    positions: Frame,
    *,
    timing: FlowTiming,
    fee_basis: FeeBasis,
    weight: Decimal | Fraction | float | None = None,
    residual_base: Decimal | None = None,
) -> Frame:
    """Adds ``gain`` and ``base`` (Float64, money): what ``sub_period_returns`` divides, also where it gives no return.

    For who asks whether another's return earns the gain on the base, without dividing by a base that is nothing. Needs the same columns
    and raises the same errors; null where an amount is null, NaN or infinite.
    """
    terms = _terms(positions, FlowTiming(timing), FeeBasis(fee_basis), weight, Share.residual(residual_base))
    scale = terms.scale.cast(pl.Float64())
    return positions.with_columns(gain=terms.gain.cast(pl.Float64()) / scale, base=terms.base.cast(pl.Float64()) / scale)


def with_exact_terms(
    positions: Frame,
    *,
    timing: FlowTiming,
    fee_basis: FeeBasis,
    weight: Decimal | Fraction | float | None = None,
    residual_base: Decimal | None = None,
) -> Frame:
    """Adds ``exact_gain`` and ``exact_base``, ``scale`` times what ``with_gain_and_base`` gives, and ``counts_from``, a ``CountsFrom``.

    For who shows how a single return comes about: both are in the input's own arithmetic, exact of Decimal. Needs the same columns and
    raises the same errors; null where an amount is.
    """
    terms = _terms(positions, FlowTiming(timing), FeeBasis(fee_basis), weight, Share.residual(residual_base))
    return positions.with_columns(exact_gain=terms.gain, exact_base=terms.base, scale=terms.scale, counts_from=terms.counts_from)


def _terms(positions: Frame, timing: FlowTiming, fee_basis: FeeBasis, weight: Decimal | Fraction | float | None, residual: Share) -> _Terms:
    """The one return equation, with what the day's flows make of it."""
    require(positions, "sub_period_returns", "beginning_market_value", "ending_market_value")
    begin, left = finite("beginning_market_value", positions), finite("ending_market_value", positions)
    end = left
    if fee_basis is FeeBasis.GROSS:
        require(positions, "a gross return", "fees")
        end = end + finite("fees", positions)
    flows = _flows(positions, timing)
    refills = pl.lit(value=False)
    if has_own_timing(positions):
        at_start, at_end = finite("bod_flow", positions), finite("eod_flow", positions)
        ratio = _Ratio(end - begin - flows.net, begin + at_start, end - at_end)
        refills = (at_end > 0) & residual.covers(begin + at_start, at_end)
    else:
        ratio = _ratio(timing, begin, end, flows, weight)
    is_funding = (flows.net > 0) & residual.covers(begin, flows.net)
    is_closing = (flows.net < 0) & residual.covers(left, -flows.net)
    empties = (flows.net < 0) & (left >= 0) & residual.covers(ratio.base, -flows.net * ratio.scale)
    counts_from_start = (is_funding & ~flows.in_at_start) | refills
    counts_at_end = (is_closing & ~flows.out_at_end) | empties
    counts_apart = counts_from_start | counts_at_end
    base = pl.when(counts_from_start).then(begin + flows.net).when(counts_at_end).then(begin).otherwise(ratio.base)
    scale = pl.when(counts_apart).then(1).otherwise(ratio.scale)
    return _Terms(
        gain=pl.when(counts_apart).then(end - begin - flows.net).otherwise(ratio.gain),
        base=base,
        wealth=pl.when(counts_from_start).then(end).when(counts_at_end).then(end - flows.net).otherwise(ratio.wealth),
        scale=scale,
        is_nothing=residual.covers(base, flows.largest * scale),
        scaled=lambda amount: pl.when(counts_apart).then(amount).otherwise(amount * ratio.scale),
        flows=flows,
        is_funding=is_funding,
        is_closing=is_closing,
        counts_from=pl.when(counts_from_start)
        .then(pl.lit(CountsFrom.START.value))
        .when(counts_at_end)
        .then(pl.lit(CountsFrom.END.value))
        .otherwise(pl.lit(CountsFrom.TIMING.value)),
    )


def _flows(positions: Frame, timing: FlowTiming) -> _Flows:
    if has_own_timing(positions):
        sides = [finite(name, positions) for name in ("bod_flow", "eod_flow")]
        into, out = (sum((pl.when(sign * side > 0).then(sign * side).otherwise(0 * side) for side in sides), pl.lit(0)) for sign in (1, -1))
        return _Flows(into, out, sides[0] + sides[1], pl.max_horizontal(into, out), sides[0] > 0, sides[1] < 0)
    require(positions, "sub_period_returns", "contributions", "distributions")
    into, out = finite("contributions", positions), finite("distributions", positions)
    are_apart = timing is FlowTiming.INFLOW_START_OUTFLOW_END
    largest = pl.max_horizontal(into, out) if are_apart else (into - out).abs()
    return _Flows(into, out, into - out, largest, pl.lit(are_apart), pl.lit(are_apart))


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
