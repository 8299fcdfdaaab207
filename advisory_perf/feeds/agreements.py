"""What is agreed with a vendor of figures: how returns are computed, and what difference from the vendor's own passes. Models only."""

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReconciledField
from advisory_perf.contracts.tolerance import Allowance
from advisory_perf.feeds.frozen import FrozenModel

RESIDUAL_BASE, LARGE_FLOW = Decimal("0.001"), Decimal("0.1")
"""What a feed says of residuals and large flows unless it says otherwise; GIPS leaves the level of a large flow to the firm."""


class Conventions(FrozenModel):
    """How returns are to be computed for this vendor's accounts.

    ``residual_base`` is the share of a flow up to which what lies beside it counts as nothing; ``large_flow`` the share of the base
    beyond which a flow asks for a valuation on its day.
    """

    flow_timing: FlowTiming
    fee_basis: FeeBasis
    weight: Decimal | None = Field(default=None, ge=0, le=1)
    minimum_base: Decimal | None = Field(default=None, gt=0)
    residual_base: Decimal = Field(default=RESIDUAL_BASE, ge=0, le=Decimal("0.1"), decimal_places=4)
    large_flow: Decimal = Field(default=LARGE_FLOW, gt=0, le=100, decimal_places=4)

    @model_validator(mode="after")
    def _weight_goes_with_weighted(self) -> Self:
        if (self.flow_timing is FlowTiming.WEIGHTED) != (self.weight is not None):
            raise ValueError("weight goes with flow_timing: weighted, and only with it")
        return self


class Tolerance(FrozenModel):
    """A variance passes up to the larger of the two; relative is a fraction of the larger of both figures."""

    absolute: Decimal = Field(ge=0)
    relative: Decimal = Field(default=Decimal(0), ge=0)


class Tolerances(FrozenModel):
    """The tolerance of each figure that is compared with the vendor's own."""

    ending_market_value: Tolerance = Tolerance(absolute=Decimal("0.01"))
    net_flow: Tolerance = Tolerance(absolute=Decimal("0.01"))
    twrr: Tolerance = Tolerance(absolute=Decimal("0.0001"))

    def of(self, field: ReconciledField) -> Allowance:
        """What variance of one figure passes."""
        tolerance: Tolerance = getattr(self, field.value)
        return Allowance(tolerance.absolute, tolerance.relative)
