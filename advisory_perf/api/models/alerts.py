"""Alerts, and the audit log."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from advisory_perf.api.envelope import Body
from advisory_perf.api.models.rows import row_model
from advisory_perf.api.parameters import Name, Paged, When
from advisory_perf.contracts.enums import Severity
from advisory_perf.contracts.stored_tables import ALERTS, AUDIT_LOG


class AlertState(StrEnum):
    """Whether its incident is over."""

    OPEN = "open"
    RESOLVED = "resolved"


class AlertsQuery(Paged):
    """Which alerts."""

    state: list[AlertState] = Field(default=[AlertState.OPEN], description="one or more")
    severity: list[Severity] = Field(default=[], description="one or more")
    vendor: Name | None = None
    code: Name | None = None
    since: When | None = Field(default=None, description="whose incident began at that instant or later")


class Resolved(Body):
    """An alert that is over."""

    id: int
    resolved_by: str


class Action(StrEnum):
    """What the audit log knows."""

    SIGNED_OFF = "SIGNED_OFF"
    COMMENTED = "COMMENTED"
    ASSIGNED = "ASSIGNED"
    RESOLVED = "RESOLVED"
    REPLAYED = "REPLAYED"
    TOKEN_MADE = "TOKEN_MADE"  # noqa: S105 - an action
    TOKEN_REVOKED = "TOKEN_REVOKED"  # noqa: S105 - an action


class AuditQuery(Paged):
    """Which actions."""

    principal: Name | None = Field(default=None, description="by whom")
    action: Action | None = None
    since: When | None = Field(default=None, description="at that instant or later")


Alert: Any = row_model("Alert", ALERTS, without={"alert_key", "etl_log_id"})
AuditEntry: Any = row_model("AuditEntry", AUDIT_LOG)
