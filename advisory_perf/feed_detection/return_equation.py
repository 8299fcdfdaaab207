"""The return equation as a witness: which conventions, and which columns as flows, give the vendor's returns.

The formula is not here. ``SubPeriodReturns`` is handed in from outside, since this room does not know how performance is
computed; every trial asks it for the return under one flow timing and fee basis. A convention is inferred only where every other
one fails on rows on which it holds; the same goes for the columns that serve as values and flows.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Protocol, Self

import polars as pl

from advisory_perf.contracts.enums import FeeBasis, FlowTiming
from advisory_perf.feed_detection.identities import (
    BEGINNING,
    COEFFICIENT,
    CONTRIBUTIONS,
    DISTRIBUTIONS,
    ENDING,
    FEES,
    HOLDS,
    LEAST_ROWS,
    LEAST_WITNESSES,
    MOSTLY_ZERO,
    Figures,
    Seen,
)
from advisory_perf.feed_detection.values import share
from advisory_perf.feeds.fields import FLOWS, NET_FLOW
from advisory_perf.ingestion.validation.positions.flows import split_flows

_NEEDED = (BEGINNING, CONTRIBUTIONS, DISTRIBUTIONS, NET_FLOW, ENDING, FEES)
_SCALES = {"fraction": 1, "percent": 100, "basis_points": 10_000}
_TIMINGS = tuple(timing for timing in FlowTiming if timing is not FlowTiming.WEIGHTED)
_FLOATS = 1e-9
"""What returns printed with all their digits may be off."""
_ROUNDING = 1.001
"""Half a unit and what a float needs to hold it."""
_TELLING = 4
"""A return has to be so many times its rounding before agreeing with it says anything."""
_ROWS = 400
_AT_ONCE = 50
"""Assignments whose returns are computed in one frame, each with its rows."""
_STEP = 0.01
"""Weights of flows are inferred to a hundredth."""
_NEARLY = (1e-6, 1e-5, 1e-4)
"""How far a return may be off besides its rounding, as a fraction, the closest first: vendors link from days what they show for a
month. The last is the basis point that reconciliation allows."""


class SubPeriodReturns(Protocol):
    """``performance.returns.sub_period_returns``."""

    def __call__(
        self,
        positions: pl.DataFrame,
        *,
        timing: FlowTiming,
        fee_basis: FeeBasis,
        weight: Decimal | None = None,
        minimum_base: Decimal | None = None,
    ) -> pl.DataFrame:
        """The positions with ``calculated_twrr``."""


@dataclass(frozen=True, slots=True)
class Convention:
    """One way to read a column of returns."""

    timing: FlowTiming
    fee_basis: FeeBasis
    scale: str
    sign: int
    weight: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the returns of one column say.

    ``best`` gives so large a ``part`` of ``rows`` returns; ``tied`` are the conventions that nothing tells from it, with
    these or other columns, itself first. ``other_columns`` are assignments of values and flows that give the returns as well or better.
    ``seen`` tells by field on how many of the rows with an amount in its column the returns follow, ``flowing`` on how many of those
    with any flow, since the others' returns follow under every timing. ``off`` is how far the returns may
    be off besides their rounding, as a fraction.
    """

    best: Convention
    part: float
    rows: int
    tied: tuple[Convention, ...]
    other_columns: tuple[dict[str, str], ...]
    seen: Mapping[str, Seen]
    flowing: Seen
    off: float = 0.0

    @property
    def how_well(self) -> str:
        """On which part of the rows the returns follow, and how closely."""
        nearly = f" to within {self.off * 10_000:g} basis points" if self.off else ""
        return f"on {self.part:.1%} of {self.rows} rows{nearly}"

    @property
    def holds(self) -> bool:
        """Whether the column holds returns of these values."""
        return self.rows >= LEAST_ROWS and self.part >= HOLDS and self.flowing.mostly_holds


@dataclass(frozen=True, slots=True)
class _Trial:
    """Which rows' returns follow under one convention."""

    convention: Convention
    follows: pl.Series


@dataclass(frozen=True, slots=True)
class _Sample:
    """The rows whose returns are compared, and what they return under assignments and conventions, each computed once."""

    figures: Figures
    rows: pl.Series
    compute: SubPeriodReturns
    _known: dict[tuple[object, ...], pl.Series] = field(default_factory=dict)

    def positions(self, assignment: Mapping[str, str]) -> pl.DataFrame:
        """The amounts of an assignment as positions, in the signs of their fields."""
        positions = self.figures.amounts[self.rows].select(
            (pl.col(assignment[field]) * (self.figures.orientation(assignment[field], field) or 1)).alias(field)
            if field in assignment
            else pl.lit(0).alias(field)
            for field in _NEEDED
        )
        return positions.with_columns(split_flows()) if NET_FLOW in assignment else positions

    def returns(self, assignments: Sequence[Mapping[str, str]], conventions: Sequence[Convention]) -> dict[Convention, pl.Series]:
        """By convention, the returns under the first assignment, then those under the second, and so on."""
        which = tuple(tuple(assignment.items()) for assignment in assignments)
        keys = {one: (which, one.timing, one.fee_basis, one.weight) for one in conventions}
        if not self._known.keys() >= set(keys.values()):
            positions = pl.concat([self.positions(assignment) for assignment in assignments])
            for one, key in keys.items():
                if key not in self._known:
                    returned = self.compute(positions, timing=one.timing, fee_basis=one.fee_basis, weight=one.weight)
                    self._known[key] = returned["calculated_twrr"]
        return {one: self._known[key] for one, key in keys.items()}


@dataclass(frozen=True, slots=True)
class Witness:
    """A column of printed returns, each rounded to so many ``digits``, beside the figures of the same rows."""

    figures: Figures
    printed: pl.Series
    digits: pl.Series
    compute: SubPeriodReturns
    off: float = 0.0

    def verdict(self, assignment: Mapping[str, str], *, sides: bool, values: bool) -> Verdict | None:
        """What the returns say of an assignment; None where it lacks a value or flow, or there is nothing to compare.

        ``sides``: the identity has inferred which columns add and which subtract. ``values``: the roll-forward has inferred the
        market values. What has been inferred is not tried otherwise. Returns are taken as they are printed, and only where nothing
        explains them so as figures that are nearly right.
        """
        if not {BEGINNING, *flows_of(assignment), ENDING} <= assignment.keys():
            return None
        rows = self._telling_rows(assignment)
        if rows.len() < LEAST_ROWS:
            return None
        usual = [
            Convention(timing, basis, scale, sign)
            for timing, basis, scale, sign in itertools.product(_TIMINGS, FeeBasis, _SCALES, (1, -1) if values else (1,))
        ]
        sample = _Sample(self.figures, rows, self.compute)
        asked = partial(self._verdict, assignment, sample, sides=sides, values=values)
        exact = asked(usual)
        if exact is None or exact.holds:
            return exact
        weighted = list(self._weighted(assignment, sample))
        others = itertools.chain(
            [asked([*usual, *weighted])] if weighted else [],
            (near._verdict(assignment, sample, usual, sides=sides, values=values) for near in self._nearly()),  # noqa: SLF001 - its own
        )
        return next((one for one in others if one is not None and one.holds), exact)

    def _nearly(self) -> Iterator[Self]:
        return (replace(self, off=off) for off in _NEARLY)

    def _weighted(self, assignment: Mapping[str, str], sample: _Sample) -> Iterator[Convention]:
        """The weights of flows under which the returns would follow, each with the weights beside it, which must not do as well."""
        net = pl.col(CONTRIBUTIONS) - pl.col(DISTRIBUTIONS)
        positions = sample.positions(assignment).select(pl.all().cast(pl.Float64()))
        positions = positions.with_columns(self.printed[sample.rows].alias("printed"))
        flowing = positions.filter(net != 0)
        gain = pl.col(ENDING) - pl.col(BEGINNING) - net
        for basis, (scale, factor) in itertools.product(FeeBasis, _SCALES.items()):
            earned = gain + pl.col(FEES) if basis is FeeBasis.GROSS else gain
            fitted = flowing.select(((earned * factor / pl.col("printed") - pl.col(BEGINNING)) / net).median().alias("weight"))
            weight = fitted["weight"].item()
            if weight is None or not _STEP < weight < 1 - _STEP:
                continue
            near = Decimal(f"{weight:.2f}")
            for one in (near, near - Decimal(str(_STEP)), near + Decimal(str(_STEP))):
                yield Convention(FlowTiming.WEIGHTED, basis, scale, 1, one)

    def _verdict(
        self, assignment: Mapping[str, str], sample: _Sample, conventions: list[Convention], *, sides: bool, values: bool
    ) -> Verdict | None:
        """What the returns say under these conventions; None where figures that are nearly right do not explain them either."""
        (trials,) = self._trials([assignment], sample, conventions)
        best = max(trials, key=lambda trial: trial.follows.sum())
        if self.off and share(best.follows) < HOLDS:
            return None
        tied = [trial.convention for trial in trials if trial is not best and not _beats(best.follows, trial.follows)]
        likewise = [one for one in conventions if (one.scale, one.sign) == (best.convention.scale, best.convention.sign)]
        rivals = list(self._other_assignments(assignment, sides=sides, values=values))
        others = []
        for other, tried in zip(rivals, self._trials(rivals, sample, likewise), strict=True):
            fitting = [trial.convention for trial in tried if share(trial.follows) >= HOLDS and not _beats(best.follows, trial.follows)]
            if fitting:
                others.append(other)
                tied += fitting
        amounts = self.figures.amounts[sample.rows]
        seen = {field: Seen.of(best.follows, amounts[column] != 0) for field, column in assignment.items() if field in _NEEDED}
        has_flow = amounts.select(pl.any_horizontal(pl.col(assignment[field]) != 0 for field in flows_of(assignment))).to_series()
        flowing = Seen.of(best.follows, has_flow)
        tells = (best.convention, *tied)
        return Verdict(best.convention, share(best.follows), sample.rows.len(), tells, tuple(others), seen, flowing, self.off)

    def _telling_rows(self, assignment: Mapping[str, str]) -> pl.Series:
        """Places of rows with a return that is no rounding, those with flows first, as many as are needed."""
        amounts = self.figures.amounts
        flows = [pl.col(assignment[field]) != 0 for field in flows_of(assignment)]
        found = amounts.with_row_index("place").select(
            "place",
            pl.any_horizontal(flows).alias("flows"),
            pl.lit(self.printed.is_not_null() & (self.printed.abs() > self._slack(1) * _TELLING)).alias("telling"),
        )
        return found.filter("telling").sort("flows", "place", descending=[True, False])["place"].head(_ROWS)

    def _slack(self, factor: int) -> pl.Series:
        half_unit = pl.lit(0.5 * _ROUNDING) * pl.lit(10.0).pow(-pl.col("digits"))
        slack = pl.max_horizontal(half_unit, pl.lit(_FLOATS * factor)) + self.off * factor
        return self.digits.rename("digits").to_frame().select(slack.alias("slack"))["slack"]

    def _trials(
        self, assignments: Sequence[Mapping[str, str]], sample: _Sample, conventions: Sequence[Convention]
    ) -> Iterator[list[_Trial]]:
        """The trials of each assignment; all have the same fields, so that many are computed as one frame."""
        height = sample.rows.len()
        for first in range(0, len(assignments), _AT_ONCE):
            some = assignments[first : first + _AT_ONCE]
            rows = pl.concat([sample.rows] * len(some))
            printed = self.printed[rows]
            slack = {factor: self._slack(factor)[rows] for factor in {_SCALES[one.scale] for one in conventions}}
            tried = [one for one in conventions if one.fee_basis is FeeBasis.NET or FEES in some[0]]
            off = {
                one: (returned * (_SCALES[one.scale] * one.sign) - printed).abs() for one, returned in sample.returns(some, tried).items()
            }
            follows = {one: (by <= slack[_SCALES[one.scale]]).fill_null(value=False) for one, by in off.items()}
            for place in range(0, rows.len(), height):
                yield [_Trial(one, found.slice(place, height)) for one, found in follows.items()]

    def _other_assignments(self, assignment: Mapping[str, str], *, sides: bool, values: bool) -> Iterator[dict[str, str]]:
        """The same and other columns in other places: as flows and fees, and as market values where those have not been inferred.

        A column that is zero on most rows is never tried as a market value: most accounts do not begin or end with nothing.
        """
        figures, fixed = self.figures, {BEGINNING, ENDING} if values else set[str]()
        places = [field for field in _NEEDED if field not in fixed and field in assignment]
        for choice in self._choices(assignment, places, sides=sides):
            other = {**{field: assignment[field] for field in fixed}, **dict(zip(places, choice, strict=True))}
            moved = [field for field in other if other[field] != assignment[field]]
            if not moved or len(set(other.values())) < len(other) or any(figures.is_same(other[one], assignment[one]) for one in moved):
                continue
            if any(figures.zero_part[other[field]] > MOSTLY_ZERO for field in (BEGINNING, ENDING) if field in moved):
                continue
            if all(figures.orientation(other[field], field) for field in flows_of(other)):
                yield other

    def _choices(self, assignment: Mapping[str, str], places: list[str], *, sides: bool) -> Iterator[tuple[str, ...]]:
        """Columns for the places: of the same side of the identity, or where it has inferred none, any that changes places or one."""
        own = [assignment[field] for field in places]
        free = [column for field, column in assignment.items() if field in places or field not in _NEEDED]
        if sides:
            side = {column: COEFFICIENT[field] for field, column in assignment.items()}
            options = [[column for column in free if side[column] == COEFFICIENT[field]] for field in places]
            yield from itertools.product(*options)
            return
        yield from itertools.permutations(own)
        for place, column in itertools.product(range(len(places)), self.figures.amounts.columns):
            if column not in assignment.values() or column in free:
                yield (*own[:place], column, *own[place + 1 :])


def flows_of(assignment: Mapping[str, str]) -> tuple[str, ...]:
    """The fields that hold what crosses the account's boundary: one where only the net is inferred, else both."""
    return (NET_FLOW,) if NET_FLOW in assignment else FLOWS


def _beats(best: pl.Series, rival: pl.Series) -> bool:
    """Whether the rival fails on rows on which the best holds, and hardly ever the other way round."""
    ahead, behind = int((best & ~rival).sum()), int((rival & ~best).sum())
    return ahead >= LEAST_WITNESSES and behind * 5 <= ahead
