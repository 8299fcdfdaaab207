"""For those who run it: alive, ready, which version, metrics."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Query as InQuery
from pydantic import Field

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Body, Envelope, enveloped, metadata
from advisory_perf.api.metrics import CONTENT_TYPE
from advisory_perf.api.parameters import Query
from advisory_perf.api.responses import error_responses
from advisory_perf.api.service import VERSION, Service
from advisory_perf.errors import WarehouseOutageError
from advisory_perf.warehouse.migrations import pending_in

router = APIRouter(tags=["operations"])
_GUARDED = error_responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
Nothing = Annotated[Query, InQuery()]


class Alive(Body):
    """The process answers."""

    is_alive: bool = True


class Ready(Body):
    """Whether requests can be answered now."""

    is_ready: bool = Field(description="the warehouse answers, and has the schema of this code")
    connections_in_use: int = Field(description="of this process, while it asked", examples=[1])
    connections_at_most: int = Field(examples=[8])


class RunningVersion(Body):
    """Which code answers, and by which feeds."""

    version: str = Field(description="of advisory-perf", examples=["0.1.0"])
    build: str = Field(description="names code, feeds and settings; another one once one of them changes", examples=["1f0c5a7e"])


@router.get("/health/live")
async def live(request: Request, _query: Nothing) -> Envelope[Alive]:
    """Whether the process answers; asks nobody else."""
    return _open(request, {"is_alive": True})


@router.get("/health/ready")
def ready(request: Request, _query: Nothing) -> Envelope[Ready]:
    """Whether requests can be answered now: 503 where the warehouse does not answer or has an older schema."""
    service: Service = request.app.state.service
    with service.reader.connect() as connection:
        in_use, pending = service.reader.connections_in_use, pending_in(connection)
    if pending:
        raise WarehouseOutageError(f"the warehouse lacks the migrations {', '.join(pending)}; run `advisory-perf migrate`")
    return _open(request, {"is_ready": True, "connections_in_use": in_use, "connections_at_most": service.settings.api_connections})


@router.get("/version")
async def version(request: Request, _query: Nothing) -> Envelope[RunningVersion]:
    """Which code answers, and by which feeds."""
    service: Service = request.app.state.service
    return _open(request, {"version": VERSION, "build": service.build})


@router.get("/metrics", response_class=Response, responses={**_GUARDED, 200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}})
def metrics(answering: ForReaders, _query: Nothing) -> Response:
    """Requests by route, their seconds, connections in use: OpenMetrics, of this process."""
    return Response(answering.service.metrics.exposed(), headers={"Content-Type": CONTENT_TYPE})


def _open(request: Request, data: dict[str, Any]) -> Envelope[Any]:
    service: Service = request.app.state.service
    return enveloped(data, metadata(service.clock(), request.state.request_id))
