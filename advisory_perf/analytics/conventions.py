"""What has to be said before money becomes a return: one object for all that the returns library asks for."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import polars as pl

from advisory_perf.contracts.enums import FeeBasis, FlowTiming, Reopening
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.performance.linking import twrr_series
from advisory_perf.performance.returns import sub_period_returns


@dataclass(frozen=True, slots=True)
class ReturnConventions:
    """The conventions of ``sub_period_returns`` and ``twrr_series``; none has a default, and None means what it means there."""

    timing: FlowTiming
    fee_basis: FeeBasis
    weight: Decimal | Fraction | float | None
    minimum_base: Decimal | None
    residual_base: Decimal | None
    large_flow: Decimal | None
    reopening: Reopening | None
    schedule: Schedule

    def returns(self, positions: pl.DataFrame) -> pl.DataFrame:
        """``sub_period_returns`` by these conventions."""
        return sub_period_returns(
            positions,
            timing=self.timing,
            fee_basis=self.fee_basis,
            weight=self.weight,
            minimum_base=self.minimum_base,
            residual_base=self.residual_base,
            large_flow=self.large_flow,
        )

    def linked(self, returns: pl.DataFrame, opening_state: pl.DataFrame | None = None) -> pl.DataFrame:
        """The series of ``twrr_series`` by these conventions; whole histories go in, or what follows on ``opening_state``."""
        return twrr_series(
            returns, schedule=self.schedule, opening_state=opening_state, reopening=self.reopening, residual_base=self.residual_base
        ).series
