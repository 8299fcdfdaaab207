"""What an alert is: one trouble that a person should know of, told once, with since when, why and what to do.

The codes here are those of troubles that no file code names; a rejected delivery's alert has the code of its rejection.
"""

from dataclasses import dataclass
from datetime import date, datetime

from advisory_perf.contracts.codes import Code
from advisory_perf.contracts.conventions import Severity

MISSING_FILE = Code("MISSING_FILE", Severity.HIGH, "nothing has landed for a window whose deadline is over")
LATE_FILE = Code("LATE_FILE", Severity.MEDIUM, "the first delivery of a window came after its deadline")
STUCK_FILE = Code("STUCK_FILE", Severity.CRITICAL, "a file can neither be landed nor moved out of incoming/, as often as it was tried")
LANE_FAILED = Code("LANE_FAILED", Severity.CRITICAL, "a lane failed as often as agreed, so that what has landed is not published")
DELIVERY_WITH_ISSUES = Code("DELIVERY_WITH_ISSUES", Severity.LOW, "a delivery is published, with rows in quarantine or with breaks")

ALERT_CODES: dict[str, Code] = {code.name: code for code in (MISSING_FILE, LATE_FILE, STUCK_FILE, LANE_FAILED, DELIVERY_WITH_ISSUES)}


@dataclass(frozen=True, slots=True)
class Alert:
    """One trouble. ``key`` is what it is about: the same trouble has the same key however often it is found.

    ``is_over`` is for what is told when it has passed already, such as a late file. ``window`` is the first day of a window.
    """

    key: str
    code: str
    severity: Severity
    vendor: str
    since: datetime
    subject: str
    message: str
    delivery_id: str | None = None
    etl_log_id: int | None = None
    window: date | None = None
    is_over: bool = False


def severities_from(least: Severity) -> list[Severity]:
    """The severities that matter as much as ``least``, or more."""
    known = list(Severity)
    return known[known.index(least) :]
