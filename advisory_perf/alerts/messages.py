"""The words in which alerts are reported: one message for all that are due together, gathered by feed and code. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from advisory_perf.alerts.outbox import KeptAlert

_REPORTED_IN_FULL = 3
"""Of one feed and code; the others are counted, so that a bad day is one message and not a hundred."""

_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel is given: a line, a text, and the alerts with their ids, by which a receiver knows one that comes twice."""

    subject: str
    text: str
    alerts: Sequence[KeptAlert] = ()

    @property
    def ids(self) -> list[int]:
        """The ids of the alerts."""
        return [alert.id for alert in self.alerts]

    def as_data(self) -> dict[str, Any]:
        """The alerts as a receiver's program reads them."""
        return {
            "subject": self.subject,
            "alerts": [
                {
                    "id": alert.id,
                    "code": alert.code,
                    "severity": alert.severity,
                    "feed": alert.feed,
                    "vendor": alert.vendor,
                    "delivery_id": alert.delivery_id,
                    "window_start": alert.window_start.isoformat() if alert.window_start else None,
                    "since": alert.since.isoformat(),
                    "subject": alert.subject,
                    "message": alert.message,
                    "created_at": alert.created_at.isoformat(),
                    "resolved_at": alert.resolved_at.isoformat() if alert.resolved_at else None,
                }
                for alert in self.alerts
            ],
        }


def message_of(alerts: Sequence[KeptAlert]) -> Message:
    """One message for the alerts, in their order."""
    groups: dict[tuple[str, str], list[KeptAlert]] = {}
    for alert in alerts:
        groups.setdefault((alert.feed, alert.code), []).append(alert)
    if len(alerts) == 1:
        subject = _one_line(alerts[0].subject)
    else:
        counted = ", ".join(f"{code} {feed} ({len(found)})" for (feed, code), found in groups.items())
        subject = f"{len(alerts)} alerts: {counted}"
    return Message(subject, "\n\n".join(map(_paragraph, groups.values())), alerts)


def _paragraph(alerts: Sequence[KeptAlert]) -> str:
    first = alerts[0]
    head = f"{first.severity} {first.code} {first.feed}, since {_instant(min(alert.since for alert in alerts))}"
    lines = [f"- {_cut(_one_line(alert.message))}{_over(alert)} [alert {alert.id}]" for alert in alerts[:_REPORTED_IN_FULL]]
    others = len(alerts) - _REPORTED_IN_FULL
    if others > 0:
        lines.append(f"- and {others:,} more: `advisory-perf alerts list`")
    return "\n".join([head, *lines])


def _over(alert: KeptAlert) -> str:
    return f" (over since {_instant(alert.resolved_at)})" if alert.resolved_at else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
