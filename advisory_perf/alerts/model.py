"""What an alert is: one incident that a person should know of, reported once, with since when, why and what to do.

The codes here are those of incidents that no file code names; a rejected delivery's alert has the code of its rejection.
"""

from dataclasses import dataclass
from datetime import date, datetime

from advisory_perf.contracts.enums import Severity
from advisory_perf.contracts.issue_codes import Code
from advisory_perf.showing import shown

MISSING_FILE = Code("MISSING_FILE", Severity.HIGH, "nothing has been ingested for a window whose deadline is over")
LATE_FILE = Code("LATE_FILE", Severity.MEDIUM, "the first delivery of a window came after its deadline")
STUCK_FILE = Code("STUCK_FILE", Severity.CRITICAL, "a file can neither be ingested nor moved out of incoming/, as often as it was tried")
ODD_NAME = Code("ODD_NAME", Severity.MEDIUM, "something in incoming/ is not taken for its name, kind, size or rights, or is never finished")
LANE_FAILED = Code(
    "LANE_FAILED", Severity.CRITICAL, "a pipeline failed as often as agreed, so that what has been ingested is not published"
)
TURN_HELD = Code("TURN_HELD", Severity.HIGH, "a process has a lock for so long that it may have been stopped, and others wait for it")
TRIED_FOR_LONG = Code("TRIED_FOR_LONG", Severity.HIGH, "runs for the same thing have ended badly for an hour, and are launched again")
SENSOR_RED = Code("SENSOR_RED", Severity.CRITICAL, "a sensor fails, or is not asked, so that what it does is not done")
STATISTICS_FAILED = Code(
    "STATISTICS_FAILED",
    Severity.HIGH,
    "what is above the account failed as often as agreed: statistics, contributions, composites are not up to date",
)
DELIVERY_WITH_ISSUES = Code(
    "DELIVERY_WITH_ISSUES", Severity.LOW, "a delivery is published, with rows in quarantine, with breaks or incomplete"
)
INCOMPLETE_DELIVERY = Code("INCOMPLETE_DELIVERY", Severity.HIGH, "a delivery lacks more of what its feed usually holds than agreed")
LOW_QUALITY = Code("LOW_QUALITY", Severity.MEDIUM, "the quality score of a feed's latest day is below the agreed one")
RESTATED = Code("RESTATED", Severity.HIGH, "published figures have changed by more than the agreed materiality")

ALERT_CODES: dict[str, Code] = {
    code.name: code
    for code in (
        MISSING_FILE,
        LATE_FILE,
        STUCK_FILE,
        ODD_NAME,
        LANE_FAILED,
        TURN_HELD,
        TRIED_FOR_LONG,
        SENSOR_RED,
        STATISTICS_FAILED,
        DELIVERY_WITH_ISSUES,
        INCOMPLETE_DELIVERY,
        LOW_QUALITY,
        RESTATED,
    )
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One incident. ``key`` is what it is about: the same incident has the same key however often it is found.

    ``is_over`` is for what is reported when it has passed already, such as a late file. ``window`` is the first day of a window.
    """

    key: str
    code: str
    severity: Severity
    feed: str
    vendor: str
    since: datetime
    subject: str
    message: str
    delivery_id: str | None = None
    etl_log_id: int | None = None
    window: date | None = None
    is_over: bool = False

    def __post_init__(self) -> None:
        """Subject and message as they are shown."""
        for name in ("subject", "message"):
            object.__setattr__(self, name, shown(getattr(self, name)))


def is_rejection(code: str) -> bool:
    """Whether an alert of the code is about a delivery that was rejected or abandoned, and so has the code of a file."""
    return code not in ALERT_CODES


def severities_from(least: Severity) -> list[Severity]:
    """The severities that matter as much as ``least``, or more."""
    known = list(Severity)
    return known[known.index(least) :]
