"""Key figures of the operation: each with what is wanted of it, and whether that is reached. Pure; what is counted comes from elsewhere.

A figure for which nothing was counted is null and NOT_MEASURED, and never as good as it could be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial


class KpiState(StrEnum):
    """Whether a figure is what is wanted of it."""

    OK = "OK"
    BELOW_TARGET = "BELOW_TARGET"
    ALERT = "ALERT"
    NOT_MEASURED = "NOT_MEASURED"


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure: its unit, the target, and the value from which on it alerts; ``more_is_better`` says on which side."""

    name: str
    title: str
    definition: str
    unit: str
    target: float
    alert: float
    more_is_better: bool = True

    def state_of(self, value: float | None) -> KpiState:
        """How the value stands to target and alert; both of them are reached by being equal to them."""
        if value is None:
            return KpiState.NOT_MEASURED
        sign = 1 if self.more_is_better else -1
        if sign * value >= sign * self.target:
            return KpiState.OK
        return KpiState.BELOW_TARGET if sign * value >= sign * self.alert else KpiState.ALERT


_HOUR = 3600.0
_less = partial(Kpi, more_is_better=False)

KPIS = (
    Kpi("success_rate", "Deliveries processed", "completed / (completed + failed); duplicates are neither", "share", 0.99, 0.95),
    Kpi("quality_score", "Quality score", "weighted mean of the scores of the days' rows, 0 to 100", "score", 95, 90),
    Kpi("twrr_pass_rate", "Returns within tolerance", "TWRR within tolerance / compared with the vendor's", "share", 0.95, 0.90),
    _less("tolerance_violations", "Figures outside tolerance", "breaks / figures compared with the vendor's", "share", 0.01, 0.05),
    Kpi("completeness", "Windows delivered", "windows with an ingested delivery / windows that the feeds expect", "share", 0.99, 0.95),
    _less(
        "latency_p95", "From arrival to published", "95th percentile, of deliveries that were published", "seconds", 2 * _HOUR, 4 * _HOUR
    ),
    _less("time_per_file_p95", "Time to process a file", "95th percentile from its ingestion to published", "seconds", _HOUR / 2, _HOUR),
    _less(
        "mttr",
        "Time to resolve",
        "mean time that alerts of HIGH and CRITICAL lasted which were over in the days shown; up to now where no last day is asked for",
        "seconds",
        _HOUR / 2,
        2 * _HOUR,
    ),
    _less("query_response_p95", "Answers of the API", "95th percentile of this process's latest requests", "seconds", 5, 10),
    Kpi("availability", "Availability", "unknown from inside: a monitor outside counts /health/ready", "share", 0.999, 0.99),
)


def measured(values: Mapping[str, float | None]) -> list[dict[str, object]]:
    """Every figure with its value (null where ``values`` has none), target, alert and state."""
    return [
        {
            "name": kpi.name,
            "title": kpi.title,
            "definition": kpi.definition,
            "unit": kpi.unit,
            "value": values.get(kpi.name),
            "target": kpi.target,
            "alert": kpi.alert,
            "more_is_better": kpi.more_is_better,
            "state": kpi.state_of(values.get(kpi.name)).value,
        }
        for kpi in KPIS
    ]
