"""What may differ and still counts as equal: the one rule of checks, reconciliation, roll-forward, delivery factors and control totals.

Two figures agree while |ours - theirs| is at most the larger of what is allowed absolutely, what is allowed as a share of the larger
figure, and half a unit of the last digit that the vendor prints.
"""

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from advisory_perf.contracts.columns import FIGURE


@dataclass(frozen=True, slots=True)
class Allowance:
    """What variance passes: ``absolute``, or ``relative`` (a fraction) of the larger of both figures."""

    absolute: Decimal
    relative: Decimal = Decimal(0)

    def threshold(self, ours: pl.Expr, theirs: pl.Expr, half_unit: pl.Expr) -> pl.Expr:
        """The largest variance that passes, as FIGURE; a null half unit allows nothing by itself."""
        allowed = [pl.lit(self.absolute, FIGURE), half_unit.cast(FIGURE)]
        if self.relative:
            larger = pl.max_horizontal(ours.abs(), theirs.abs()).cast(pl.Float64())
            allowed.append((larger * float(self.relative)).cast(FIGURE))
        return pl.max_horizontal(allowed)


CENT = Allowance(Decimal("0.01"))
"""Of amounts of one file that have to be equal: a beginning value and the ending one before it, a sum and the one announced for it."""

FACTOR = 0.00001
"""How far a factor may be from another, as a share of it, and be the same."""

TEN_BASIS_POINTS = 0.001
"""Of the base, by which a return tells what its columns are: coarser than any reconciliation, finer than any income taken for a flow."""


def is_within(ours: pl.Expr, theirs: pl.Expr, threshold: pl.Expr) -> pl.Expr:
    """Whether the figures agree; null where one of them is."""
    return (ours.cast(FIGURE) - theirs.cast(FIGURE)).abs() <= threshold
