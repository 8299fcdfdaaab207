"""Returns that can be trusted: all that may be asked of this room from outside. docs/returns.md tells what and why."""

from advisory_perf.contracts.enums import Cadence, DayCount, Deviation, FeeBasis, FlowTiming, ReturnStatus
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.errors import UndefinedReturnError
from advisory_perf.performance.linking import LinkedSeries, twrr_series
from advisory_perf.performance.measures import annual_rate, annualised_return, growth_of, link_returns
from advisory_perf.performance.money_weighted import internal_rate_of_return, modified_dietz
from advisory_perf.performance.net_flow import net_flows
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.performance.risk import excess_returns, monthly_returns, tracking_error, volatility

__all__ = [
    "Cadence",
    "DayCount",
    "Deviation",
    "FeeBasis",
    "FlowTiming",
    "LinkedSeries",
    "ReturnStatus",
    "Schedule",
    "UndefinedReturnError",
    "annual_rate",
    "annualised_return",
    "excess_returns",
    "growth_of",
    "internal_rate_of_return",
    "link_returns",
    "modified_dietz",
    "monthly_returns",
    "net_flows",
    "sub_period_returns",
    "tracking_error",
    "twrr_series",
    "volatility",
]
