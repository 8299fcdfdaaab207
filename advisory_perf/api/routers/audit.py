"""`/api/audit`: who did what, when and from where, and what it changed."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForOperators
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.models.alerts import AuditEntry, AuditQuery
from advisory_perf.warehouse.reading.audit import ActionsWanted, actions_of

router = APIRouter(prefix="/api/audit", tags=["operations"])


@router.get("")
def audit(answering: ForOperators, query: Annotated[AuditQuery, InQuery()]) -> Envelope[list[AuditEntry]]:
    """The audit log, the latest first: every write by the API, by commands and by replays."""
    asked = ActionsWanted(principal=query.principal, action=query.action, since=query.since)
    wanted = answering.wanted(query)
    return answering.listed(answering.read(lambda snapshot: actions_of(snapshot, asked, wanted)), query)
