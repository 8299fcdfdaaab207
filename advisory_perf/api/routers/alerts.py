"""`/api/alerts`: what broke, since when and why."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi import Query as InQuery

from advisory_perf.alerts.outbox import resolve_alert
from advisory_perf.api.answering import ForAnalysts, ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.models.alerts import Alert, AlertsQuery, AlertState, Resolved
from advisory_perf.api.models.rows import columns_of
from advisory_perf.api.parameters import Query
from advisory_perf.api.responses import error_responses
from advisory_perf.warehouse.reading.alerts import AlertsWanted, alerts_of

router = APIRouter(prefix="/api/alerts", tags=["alerts"])
_MOST = 2**63 - 1


@router.get("")
def alerts(answering: ForReaders, query: Annotated[AlertsQuery, InQuery()]) -> Envelope[list[Alert]]:
    """Alerts, the latest first: by default those that are open."""
    is_open = None if len(set(query.state)) != 1 else query.state[0] is AlertState.OPEN
    asked = AlertsWanted(is_open=is_open, severities=query.severity, vendor=query.vendor, code=query.code, since=query.since)
    wanted = answering.wanted(query)
    found = answering.read(lambda snapshot: alerts_of(snapshot, asked, wanted))
    names = columns_of(Alert)
    return answering.listed(found, query, data=[{name: row[name] for name in names} for row in found.rows])


@router.post("/{alert_id}/resolve", responses=error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
def alert_resolve(
    answering: ForAnalysts, alert_id: Annotated[int, Path(ge=1, le=_MOST)], _query: Annotated[Query, InQuery()]
) -> Envelope[Resolved]:
    """Says that the incident of an alert is over, as `advisory-perf alerts resolve` does; 409 where it is over already."""
    resolve_alert(answering.service.desk, alert_id, by=answering.caller.name, origin=answering.origin)
    return answering.one({"id": alert_id, "resolved_by": answering.caller.name})
