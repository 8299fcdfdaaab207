"""When a difference matters to the firm: by its settings, apart from the tolerance by which it is a difference at all."""

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from advisory_perf.contracts.columns import FIGURE


@dataclass(frozen=True, slots=True)
class Materiality:
    """From which size on a difference is material: an ``amount`` in the account's currency, a ``share`` of a return (0.001 is 10 bp)."""

    amount: Decimal
    share: Decimal

    def is_material(self, difference: pl.Expr, is_return: pl.Expr) -> pl.Expr:
        """Whether a difference (FIGURE, signed) reaches the size; one that is null has no size, and is material."""
        least = pl.when(is_return).then(pl.lit(self.share, FIGURE)).otherwise(pl.lit(self.amount, FIGURE))
        return (difference.cast(FIGURE).abs() >= least).fill_null(value=True)

    def reached(self, difference: Decimal | None, *, is_return: bool) -> bool:
        """The same of a single difference."""
        return difference is None or abs(difference) >= (self.share if is_return else self.amount)
