"""The return equation as a witness: which conventions, and which columns as flows, give the vendor's returns.

The formula is not here. ``SubPeriodReturns`` is handed in from outside, since this room does not know how performance is
computed; every trial asks it for the return under one flow timing and fee basis. A convention is told only where every other
one fails on rows on which it holds; the same goes for the columns that serve as values and flows.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import polars as pl

from advisory_perf.contracts.conventions import FeeBasis, FlowTiming
from advisory_perf.vendors.detection.arithmetic import (
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
)
from advisory_perf.vendors.detection.values import share

_NEEDED = (BEGINNING, CONTRIBUTIONS, DISTRIBUTIONS, ENDING, FEES)
_SCALES = {"fraction": 1, "percent": 100, "basis_points": 10_000}
_TIMINGS = tuple(timing for timing in FlowTiming if timing is not FlowTiming.WEIGHTED)
_FLOATS = 1e-9
"""What returns printed with all their digits may be off."""
_ROUNDING = 1.001
"""Half a unit and what a float needs to hold it."""
_TELLING = 4
"""A return has to be so many times its rounding before agreeing with it says anything."""
_ROWS = 400


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the returns of one column say.

    ``best`` gives so large a ``part`` of ``rows`` returns; ``tied`` are the conventions that nothing tells from it, with
    these or other columns, itself first. ``other_columns`` are assignments of values and flows that give the returns as well or better.
    """

    best: Convention
    part: float
    rows: int
    tied: tuple[Convention, ...]
    other_columns: tuple[dict[str, str], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the column holds returns of these values."""
        return self.rows >= LEAST_ROWS and self.part >= HOLDS


@dataclass(frozen=True, slots=True)
class _Trial:
    """Which rows' returns follow under one convention."""

    convention: Convention
    follows: pl.Series


@dataclass(frozen=True, slots=True)
class Witness:
    """A column of printed returns, each rounded to so many ``digits``, beside the figures of the same rows."""

    figures: Figures
    printed: pl.Series
    digits: pl.Series
    compute: SubPeriodReturns

    def verdict(self, assignment: Mapping[str, str], *, sides: bool, values: bool) -> Verdict | None:
        """What the returns say of an assignment; None where it lacks a value or flow, or there is nothing to compare.

        ``sides``: the identity has told which columns add and which subtract. ``values``: the roll-forward has told the
        market values. What has been told is not tried otherwise.
        """
        if not {BEGINNING, CONTRIBUTIONS, DISTRIBUTIONS, ENDING} <= assignment.keys():
            return None
        rows = self._telling_rows(assignment)
        if rows.len() < LEAST_ROWS:
            return None
        conventions = [
            Convention(timing, basis, scale, sign)
            for timing, basis, scale, sign in itertools.product(_TIMINGS, FeeBasis, _SCALES, (1, -1) if values else (1,))
        ]
        trials = list(self._trials(assignment, rows, conventions))
        best = max(trials, key=lambda trial: trial.follows.sum())
        tied = [trial.convention for trial in trials if trial is not best and not _beats(best.follows, trial.follows)]
        likewise = [one for one in conventions if (one.scale, one.sign) == (best.convention.scale, best.convention.sign)]
        others = []
        for other in self._other_assignments(assignment, sides=sides, values=values):
            fitting = [
                trial.convention
                for trial in self._trials(other, rows, likewise)
                if share(trial.follows) >= HOLDS and not _beats(best.follows, trial.follows)
            ]
            if fitting:
                others.append(other)
                tied += fitting
        return Verdict(best.convention, share(best.follows), rows.len(), (best.convention, *tied), tuple(others))

    def _telling_rows(self, assignment: Mapping[str, str]) -> pl.Series:
        """Places of rows with a return that is no rounding, those with flows first, as many as are needed."""
        amounts = self.figures.amounts
        flows = [pl.col(assignment[field]) != 0 for field in (CONTRIBUTIONS, DISTRIBUTIONS)]
        found = amounts.with_row_index("place").select(
            "place",
            pl.any_horizontal(flows).alias("flows"),
            pl.lit(self.printed.is_not_null() & (self.printed.abs() > self._slack(1) * _TELLING)).alias("telling"),
        )
        return found.filter("telling").sort("flows", "place", descending=[True, False])["place"].head(_ROWS)

    def _slack(self, factor: int) -> pl.Series:
        return pl.DataFrame({"digits": self.digits}).select(
            pl.max_horizontal(pl.lit(0.5 * _ROUNDING) * pl.lit(10.0).pow(-pl.col("digits")), pl.lit(_FLOATS * factor)).alias("slack")
        )["slack"]

    def _trials(self, assignment: Mapping[str, str], rows: pl.Series, conventions: list[Convention]) -> Iterator[_Trial]:
        positions = self.figures.amounts[rows].select(
            (pl.col(assignment[field]) * (self.figures.orientation(assignment[field], field) or 1)).alias(field)
            if field in assignment
            else pl.lit(0).alias(field)
            for field in _NEEDED
        )
        printed = self.printed[rows]
        slack = {factor: self._slack(factor)[rows] for factor in {_SCALES[one.scale] for one in conventions}}
        computed: dict[tuple[FlowTiming, FeeBasis], pl.Series] = {}
        for one in conventions:
            if one.fee_basis is FeeBasis.GROSS and FEES not in assignment:
                continue
            key = (one.timing, one.fee_basis)
            if key not in computed:
                computed[key] = self.compute(positions, timing=one.timing, fee_basis=one.fee_basis)["calculated_twrr"]
            factor = _SCALES[one.scale]
            follows = (computed[key] * (factor * one.sign) - printed).abs() <= slack[factor]
            yield _Trial(one, follows.fill_null(value=False))

    def _other_assignments(self, assignment: Mapping[str, str], *, sides: bool, values: bool) -> Iterator[dict[str, str]]:
        """The same and other columns in other places: as flows and fees, and as market values where those have not been told.

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
            if all(figures.orientation(other[field], field) for field in (CONTRIBUTIONS, DISTRIBUTIONS)):
                yield other

    def _choices(self, assignment: Mapping[str, str], places: list[str], *, sides: bool) -> Iterator[tuple[str, ...]]:
        """Columns for the places: of the same side of the identity, or where it has told none, any that changes places or one."""
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


def _beats(best: pl.Series, rival: pl.Series) -> bool:
    """Whether the rival fails on rows on which the best holds, and hardly ever the other way round."""
    ahead, behind = int((best & ~rival).sum()), int((rival & ~best).sum())
    return ahead >= LEAST_WITNESSES and behind * 5 <= ahead
