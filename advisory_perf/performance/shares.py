"""Amounts held against a share of other amounts, in whole numbers, so that a Decimal is compared exactly."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

import polars as pl

SHARE_PLACES = 4
"""Decimal places that a share may have, so that any money times its denominators still fits a Decimal."""

LARGEST_RESIDUAL = Fraction(1, 10)
"""The largest share of a flow up to which what lies beside it may count as nothing."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share as a fraction of whole numbers."""

    part: int
    whole: int

    @classmethod
    def residual(cls, share: Decimal | None) -> Self:
        """A share of a flow, from 0 (which None is) to a tenth; ValueError for another."""
        return cls._of("residual base", Decimal(0) if share is None else share, largest=LARGEST_RESIDUAL)

    @classmethod
    def large(cls, share: Decimal | None) -> Self | None:
        """A share of a base, above 0, or None where no flow is large; ValueError for another."""
        return None if share is None else cls._of("large flow", share, least=Fraction(1, 10**SHARE_PLACES), largest=Fraction(100))

    @classmethod
    def _of(cls, name: str, share: Decimal, *, largest: Fraction, least: Fraction = Fraction(0)) -> Self:
        given = Decimal(share)
        exact = Fraction(given) if given.is_finite() else Fraction(-1)
        if not least <= exact <= largest or (exact * 10**SHARE_PLACES).denominator != 1:
            raise ValueError(
                f"the {name} {share} has to be a share from {float(least):g} to {float(largest):g} of at most four decimal places"
            )
        return cls(exact.numerator, exact.denominator)

    def covers(self, amount: pl.Expr, whole: pl.Expr) -> pl.Expr:
        """Whether the amount, of either sign, is at most this share of the whole."""
        return amount.abs() * self.whole <= whole * self.part

    def is_passed_by(self, amount: pl.Expr, whole: pl.Expr) -> pl.Expr:
        """Whether the amount is more than this share of the whole."""
        return amount * self.whole > whole * self.part
