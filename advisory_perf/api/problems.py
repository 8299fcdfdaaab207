"""Errors as answers: in the envelope, or bare as RFC 9457 has them where ``application/problem+json`` is accepted."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from advisory_perf.api.envelope import ErrorEnvelope, FieldProblem, Problem, metadata
from advisory_perf.api.service import Service
from advisory_perf.errors import AdvisoryPerfError, OutageError, RequestError, TooManyError, UnauthorizedError

PROBLEM = "application/problem+json"
RETRY_SECONDS = 5
"""After which a client may ask again where the reason passes by itself."""

_NO_JSON = "the body is no JSON in UTF-8; send it as /docs describes it"
_OF_HTTP = {
    HTTPStatus.NOT_FOUND: "there is nothing under this path; /docs lists what there is",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path does not take this method; Allow names those it takes",
}


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
        return answered_problem(request, service, error.http_status, error.code, str(error), details=details, headers=headers)

    def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        if error.status_code == HTTPStatus.BAD_REQUEST:  # as FastAPI has a body whose bytes are no text
            return answered_problem(request, service, RequestError.http_status, RequestError.code, _NO_JSON)
        sentence = _OF_HTTP.get(HTTPStatus(error.status_code), error.detail)
        code = HTTPStatus(error.status_code).name
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
