"""The feed of positions: what its rows mean for returns and reconciliation, beyond where their columns stand."""

from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from advisory_perf.contracts.datasets import POSITIONS, Dataset
from advisory_perf.contracts.enums import Cadence, GroupLevel, Reopening, ReturnPeriod, TransferNetting
from advisory_perf.feeds.agreements import Conventions, Tolerances
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.fields import FLOWS, NET_FLOW
from advisory_perf.feeds.sources import Source

_VENDOR_RETURN = "vendor_twrr"
_WEEK, _BUSINESS_MONTH = 7, 20


class PositionsFeed(Feed):
    """The contract of a vendor's positions: values, flows and returns of accounts on days."""

    contract: ClassVar[Dataset] = POSITIONS

    dataset: Literal["positions"] = "positions"
    delivers: Literal["full", "partial"] = "partial"
    valuations: Literal["one_per_window", "all"] = "one_per_window"
    negative_flows: Literal["quarantine", "net"] = "quarantine"
    conventions: Conventions
    reopening: Reopening = Reopening.NEW_EPISODE
    transfers: TransferNetting = TransferNetting.MATCHED
    departures: dict[str, date] = Field(default_factory=dict)
    tolerances: Tolerances = Tolerances()
    stale_after: Annotated[int, Field(ge=1)] | Literal["never"] | None = None

    @model_validator(mode="after")
    def _net_flow_stands_alone(self) -> Self:
        if NET_FLOW in self.columns and not self.columns.keys().isdisjoint(FLOWS):
            raise ValueError("columns: net_flow is for files without contributions and distributions; beside them it is vendor_net_flow")
        if NET_FLOW in self.columns and self.negative_flows == "net":
            raise ValueError("negative_flows: net is for contributions and distributions; a net flow is split by its sign as it is")
        return self

    @model_validator(mode="after")
    def _valuations_fit_the_cadence(self) -> Self:
        if self.valuations == "all" and self.cadence is not Cadence.MONTHLY:
            raise ValueError("valuations: all is for cadence: monthly; a daily window has one day and so one valuation of an account")
        return self

    @property
    def agreed(self) -> str:
        """Flow timing and fee basis of the vendor's returns."""
        return f"{self.conventions.flow_timing}, {self.conventions.fee_basis} of fees"

    @property
    def refused_below_zero(self) -> frozenset[str]:
        """The amounts of which a negative one is quarantined: flows, unless the feed nets them."""
        return frozenset() if self.negative_flows == "net" else super().refused_below_zero

    def source_of(self, field: str) -> Source:
        """The column that fills a field of a position; of a flow it may be the net flow."""
        return self.columns[NET_FLOW if field in FLOWS and NET_FLOW in self.columns else field]

    @property
    def group_levels(self) -> tuple[GroupLevel, ...]:
        """What its accounts are rolled up to: what its files name of portfolios and clients."""
        return tuple(level for level in GroupLevel if level.column in self.columns)

    @property
    def return_period(self) -> ReturnPeriod | None:
        """What the vendor's returns cover, where that is more than a row's own sub-period."""
        return self.columns[_VENDOR_RETURN].period if _VENDOR_RETURN in self.columns else None

    @property
    def has_sub_period_returns(self) -> bool:
        """Whether the vendor gives the return of each row's own sub-period, which follows from the row's values and flows."""
        return _VENDOR_RETURN in self.columns and self.return_period is None

    @property
    def stale_days(self) -> int | None:
        """For how many days a value may not change before it is stale: unless said, a week, or a business month; None is for ever."""
        if self.stale_after == "never":
            return None
        return self.stale_after or (_WEEK if self.cadence is Cadence.DAILY else _BUSINESS_MONTH)

    @property
    def has_one_valuation_a_window(self) -> bool:
        """Whether an account has one valuation a window, whatever its day; a daily window has no room for another."""
        return self.cadence is Cadence.MONTHLY and self.valuations == "one_per_window"
