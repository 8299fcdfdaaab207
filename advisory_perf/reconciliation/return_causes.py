"""Explanations of a return that breaks: other conventions, another scale or sign, other flows, another day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

import polars as pl

from advisory_perf.contracts.columns import FIGURE, LARGEST_RETURN
from advisory_perf.contracts.enums import Cause, FeeBasis, FlowTiming
from advisory_perf.performance.ordering import has_return
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.reconciliation.explanations import Explanation, chosen, of

_SCALES = (Decimal(100), Decimal("0.01"), Decimal(10_000), Decimal("0.0001"))
_PRINTED_UNITS = 20
"""Half units that a return in another scale has to show, so that no single digit decides it."""
_TERMS = 4
"""Amounts of a return, each of which the vendor may have rounded before it was printed, and not before it was computed with."""
_OTHER_FLOWS = (
    (Cause.MISSING_FLOW, 0, "without the day's"),
    (Cause.DOUBLED_FLOW, 2, "with twice the day's"),
)
_SIDES = (("contributions", "distributions"), ("contributions",), ("distributions",))


@dataclass(frozen=True, slots=True)
class Conventions:
    """What our own return was computed by."""

    timing: FlowTiming
    fee_basis: FeeBasis
    weight: Decimal | None
    residual_base: Decimal | None

    def others(self) -> Iterator[tuple[Cause, str, Self]]:
        """Every other timing, the other fee basis, then both: the cause, how the feed says it, and the conventions."""
        timings = [one for one in FlowTiming if one not in {self.timing, FlowTiming.WEIGHTED}]
        basis = FeeBasis.GROSS if self.fee_basis is FeeBasis.NET else FeeBasis.NET
        for timing in timings:
            yield Cause.FLOW_TIMING, f"conventions.flow_timing: {timing.value}", replace(self, timing=timing)
        if self.are_known:
            yield Cause.FEE_BASIS, f"conventions.fee_basis: {basis.value}", replace(self, fee_basis=basis)
        for timing in timings:
            by = f"conventions.flow_timing: {timing.value}, conventions.fee_basis: {basis.value}"
            yield Cause.FLOW_TIMING, by, replace(self, timing=timing, fee_basis=basis)

    @property
    def are_known(self) -> bool:
        """Whether a return can be computed by them: a weighted timing needs its weight."""
        return self.timing is not FlowTiming.WEIGHTED or self.weight is not None

    def returns(self, rows: pl.DataFrame) -> pl.Series:
        """The returns of the rows by these conventions; null where undefined."""
        return sub_period_returns(rows, timing=self.timing, fee_basis=self.fee_basis, weight=self.weight, residual_base=self.residual_base)[
            "calculated_twrr"
        ]


def of_returns(breaks: pl.DataFrame, conventions: Conventions | None) -> pl.DataFrame:
    """KEY and EXPLAINED of breaks of returns, with what ``causes`` puts beside them."""
    ours, theirs, limit, half_unit = (
        pl.col(name).cast(FIGURE) for name in ("calculated_value", "vendor_value", "tolerance_threshold", "vendor_twrr_half_unit")
    )
    tried = _tried(breaks, conventions)
    rows = breaks.with_columns(
        pl.when(half_unit.is_null())
        .then(limit)
        .when(half_unit < limit)  # what is printed more coarsely than that is the figure of many a cause
        .then(pl.min_horizontal(limit, half_unit + _of_amounts()))
        .alias("close"),
        *(pl.Series(f"tried_{place}", values) for place, (_, _, values) in enumerate(tried)),
    )
    close, rounding = pl.col("close"), pl.when(half_unit.is_null()).then(2 * limit).otherwise(2 * half_unit)
    explanations = [
        of(
            Cause.ROUNDING,
            "the last digit that the vendor prints",
            theirs,
            close=close,
            loose=limit,
            applies=(ours - theirs).abs() <= rounding,
        ),
        *(_scale(times, half_unit) for times in _SCALES),
        of(Cause.SIGN, "ours with the other sign: columns.vendor_twrr.sign", -ours, close=close, loose=limit),
        *(of(cause, by, _possible(pl.col(f"tried_{place}")), close=close, loose=limit) for place, (cause, by, _) in enumerate(tried)),
    ]
    if conventions is not None:  # a return of several sub-periods is no row's
        earlier = _possible(pl.col("previous_calculated_twrr"))
        explanations += [
            of(Cause.STALE, "nothing earned, as if its value were the one before", pl.lit(0), close=close, loose=limit),
            of(Cause.DAY_SHIFT, "our return of the valuation before", earlier, close=close, loose=limit),
        ]
    otherwise = pl.when(ours.is_null()).then(pl.lit(Cause.UNDEFINED_BASE.value)).otherwise(pl.lit(Cause.UNEXPLAINED.value))
    why = pl.when(ours.is_null() & ~has_return(pl.col("return_status"))).then(pl.format("our return is {}", "return_status"))
    return chosen(rows, explanations, otherwise, why)


def _possible(value: pl.Expr) -> pl.Expr:
    """A return that is one at all; null else, such as of a base of nearly nothing."""
    return pl.when(value.is_finite() & (value.abs() <= LARGEST_RETURN)).then(value)


def _of_amounts() -> pl.Expr:
    """By how much a return may be off because the amounts were rounded when they were printed."""
    base = pl.max_horizontal(pl.col("beginning_market_value", "ending_market_value").cast(pl.Float64()).abs())
    share = _TERMS * pl.col("vendor_value_half_unit").cast(pl.Float64()) / base
    return pl.when(share.is_finite()).then(pl.min_horizontal(share, 1.0)).otherwise(0.0).fill_null(0.0).cast(FIGURE)


def _scale(times: Decimal, half_unit: pl.Expr) -> Explanation:
    """Ours in another scale, to the digits that are printed, or where these are not known to the tolerance in that scale."""
    ours = pl.col("calculated_value")
    value = pl.when(ours.abs() <= LARGEST_RETURN).then(ours) * times
    allowed = pl.col("tolerance_threshold") * times
    close = pl.when(half_unit.is_null()).then(allowed).otherwise(pl.min_horizontal(allowed, half_unit + (_of_amounts() * times)))
    several_units = value.abs() > _PRINTED_UNITS * pl.max_horizontal(half_unit, close / 10)
    by = f"{times.normalize():f} times ours: columns.vendor_twrr.scale"
    return of(Cause.PERCENT_SCALE, by, value, close=close, loose=allowed, applies=several_units)


def _tried(rows: pl.DataFrame, conventions: Conventions | None) -> Sequence[tuple[Cause, str, pl.Series]]:
    """The returns of the rows by other conventions, then with other flows."""
    if conventions is None or rows.is_empty():
        return ()
    found = [(cause, by, other.returns(rows)) for cause, by, other in conventions.others()]
    if not conventions.are_known:
        return found
    found.append((Cause.MONEY_WEIGHTED, "the money-weighted return, with the flow at mid day", _money_weighted(rows)))
    for cause, times, words in _OTHER_FLOWS:
        for sides in _SIDES:
            changed = rows.with_columns(pl.col(name) * times for name in sides)
            found.append((cause, f"{words} {' and '.join(sides)}", conventions.returns(changed)))
    return found


def _money_weighted(rows: pl.DataFrame) -> pl.Series:
    """The rate r with BMV (1 + r) + NF (1 + r)^(1/2) = EMV, in closed form; null where values are not above zero.

    Source: Bacon, Practical Portfolio Performance Measurement and Attribution, ch. 2 (internal rate of return).
    """
    begin, flow, end = (pl.col(name).cast(pl.Float64()) for name in ("beginning_market_value", "net_flow", "ending_market_value"))
    square = (flow * flow + 4 * begin * end).sqrt()
    root = pl.when(flow > 0).then(2 * end / (flow + square)).otherwise((square - flow) / (2 * begin))  # no two like amounts are subtracted
    return rows.select(pl.when((begin > 0) & (end > 0)).then(root * root - 1).alias("rate"))["rate"]
