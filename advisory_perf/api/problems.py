"""Errors as answers: in the envelope, or bare as RFC 9457 has them where ``application/problem+json`` is accepted."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from advisory_perf.api.envelope import ErrorEnvelope, FieldProblem, Problem, metadata
from advisory_perf.api.service import Service
from advisory_perf.errors import (
    AdvisoryPerfError,
    LakeOutageError,
    LockHeldError,
    OutageError,
    RequestError,
    TooManyError,
    UnauthorizedError,
    WarehouseOutageError,
)
from advisory_perf.warehouse.auditing import HELD_BY_ANOTHER

LOG = logging.getLogger("advisory_perf.api")
PROBLEM = "application/problem+json"
RETRY_SECONDS = 5
"""After which a client may ask again where the reason passes by itself."""

_OUTSIDE: Mapping[type[Exception], str] = {
    LockHeldError: HELD_BY_ANOTHER,
    WarehouseOutageError: "the warehouse is away or busy; ask again in some seconds",
    LakeOutageError: "the lake is away; ask again in some seconds",
    OutageError: "it took longer than it may, or something that it needs is away; ask again in some seconds",
    AdvisoryPerfError: "something here is not as it should be; have an operator see to it",
}
"""What a client is to know of an error that no request is to blame for: the error's own sentence names hosts, logins and files."""

_NO_JSON = "the body is no JSON in UTF-8; send it as /docs describes it"
_CODES = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value: "TOO_LARGE"}
_OF_HTTP = {
    HTTPStatus.NOT_FOUND: "there is nothing under this path; /docs lists what there is",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path does not take this method; Allow names those it takes",
}


def sentence_of(error: AdvisoryPerfError, request_id: str) -> str:
    """What the error says to a client; where no request is to blame its own sentence goes into the log, to which the id leads."""
    if isinstance(error, RequestError):
        return str(error)
    LOG.warning(json.dumps({"request_id": request_id, "error": type(error).__name__, "says": str(error)}, ensure_ascii=False))
    return found_in_log(next(_OUTSIDE[kind] for kind in type(error).__mro__ if kind in _OUTSIDE), request_id)


def found_in_log(sentence: str, request_id: str) -> str:
    """The sentence, and by what an operator finds more."""
    return f"{sentence}; an operator finds it in the log by {request_id}"


def answered_problem(  # noqa: PLR0913 - what an error may say
    request: Request,
    service: Service,
    status: int,
    code: str,
    sentence: str,
    *,
    errors: Sequence[FieldProblem] = (),
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to a request that met an error."""
    found = Problem(
        type=f"urn:advisory-perf:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=sentence,
        instance=request.url.path,
        code=code,
        errors=list(errors),
        **(details or {}),
    )
    sent = {"Cache-Control": "no-store", **(headers or {})}
    if PROBLEM in request.headers.get("accept", ""):
        return JSONResponse(found.model_dump(mode="json"), status, sent, media_type=PROBLEM)
    known = metadata(service.clock(), request.state.request_id, total_records=0, per_page=0)
    body = ErrorEnvelope.model_validate({"data": found, "metadata": known, "message": sentence})
    return Response(body.model_dump_json(), status, sent, media_type="application/json")


def add_handlers(app: FastAPI, service: Service) -> None:
    """Every error of the application becomes an answer; what nobody has foreseen is left to ``middleware``."""

    def of_platform(request: Request, error: Exception) -> Response:
        assert isinstance(error, AdvisoryPerfError)  # noqa: S101 - registered for it
        headers = {}
        if isinstance(error, OutageError | TooManyError):
            headers["Retry-After"] = str(RETRY_SECONDS)
        if isinstance(error, UnauthorizedError):
            headers["WWW-Authenticate"] = 'Bearer realm="advisory-perf"'
        details = error.details if isinstance(error, RequestError) else None
        sentence = sentence_of(error, request.state.request_id)
        return answered_problem(request, service, error.http_status, error.code, sentence, details=details, headers=headers)

    def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        if error.status_code == HTTPStatus.BAD_REQUEST:  # as FastAPI has a body whose bytes are no text
            return answered_problem(request, service, RequestError.http_status, RequestError.code, _NO_JSON)
        sentence = _OF_HTTP.get(HTTPStatus(error.status_code), error.detail)
        code = _CODES.get(error.status_code, HTTPStatus(error.status_code).name)
        return answered_problem(request, service, error.status_code, code, sentence, headers=error.headers)

    def of_request(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
        faults = [FieldProblem(loc=list(fault["loc"]), msg=_said(fault)) for fault in error.errors()]
        sentence = "; ".join(f"{_place(fault.loc)}: {fault.msg}" for fault in faults[:3])
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return answered_problem(request, service, status, RequestError.code, sentence, errors=faults)

    app.add_exception_handler(AdvisoryPerfError, of_platform)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_request)


def _said(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return "is no parameter here; /docs lists those that are"
    return str(fault["msg"]).removeprefix("Value error, ")


def _place(loc: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in loc[1:]) or str(loc[0] if loc else "request")
