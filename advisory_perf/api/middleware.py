"""Around every request: its path, name and line in the log, who may send it from a browser, what browsers may do with the answer."""

import json
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from secrets import token_hex
from urllib.parse import unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from advisory_perf.api.problems import LOG, answered_problem, found_in_log
from advisory_perf.api.service import Service
from advisory_perf.showing import shown

MOST_BYTES = 1 << 20
"""The longest body of a request."""
_TOO_LARGE = f"a body has {MOST_BYTES:,} bytes at most; send less at once"
LONGEST_ADDRESS = 16 << 10
"""Bytes of the path, and of what stands behind the question mark."""
_TOO_LONG = f"a path, and what stands behind its question mark, has {LONGEST_ADDRESS:,} bytes at most; ask with less"

_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEPT = re.compile(r"(%2[fF]|%25)")


class Observed:
    """Outermost: names, times, counts and logs each request, refuses what may not come in, and answers what nobody has foreseen."""

    def __init__(self, app: ASGIApp, service: Service, is_ours: Callable[[str], bool], has_origin: Callable[[str, str], bool]) -> None:
        """``is_ours`` says whether a Host header names this server, against names that others have pointed here.

        ``has_origin`` says whether an Origin, given that header, is a page of this server.
        """
        self._app, self._service, self._is_ours, self._has_origin = app, service, is_ours, has_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; whatever else there is (the lifespan) goes by."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status, has_begun = time.perf_counter(), HTTPStatus.INTERNAL_SERVER_ERROR.value, False
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        scope["path"] = _decoded_but_slashes(scope)

        async def sending(message: Message) -> None:
            nonlocal status, has_begun
            if message["type"] == "http.response.start":
                status, has_begun = message["status"], True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            request = Request(scope)
            refusal = self._refusal(request)
            if refusal is None:
                await self._app(scope, _limited(receive), sending)
            else:
                await answered_problem(request, self._service, *refusal)(scope, receive, sending)
        except Exception:
            LOG.exception("request %s failed", request_id)
            if has_begun:  # the client sees an answer that ends before its end
                raise
            sentence = found_in_log("something failed here that nobody has foreseen", request_id)
            answer = answered_problem(Request(scope), self._service, HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", sentence)
            await answer(scope, receive, sending)
        finally:
            self._note(scope, request_id, status, time.perf_counter() - begin)

    def _refusal(self, request: Request) -> tuple[int, str, str] | None:
        if max(len(request.scope["query_string"]), len(request.scope["path"])) > LONGEST_ADDRESS:
            return HTTPStatus.REQUEST_URI_TOO_LONG, "TOO_LONG", _TOO_LONG
        host, *others = request.headers.getlist("host") or [""]
        if others or not self._is_ours(host):
            return (
                HTTPStatus.MISDIRECTED_REQUEST,
                "HOST",
                "this server does not go by that name; set ADVISORY_PERF_PAGE_HOSTS to have it so",
            )
        length = request.headers.get("content-length", "")
        if length.isdecimal() and (len(length) > len(str(MOST_BYTES)) or int(length) > MOST_BYTES):
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TOO_LARGE", _TOO_LARGE
        if request.method in _SAFE:
            return None
        sites, origins = request.headers.getlist("sec-fetch-site"), request.headers.getlist("origin")
        if not {"same-origin", "none"}.issuperset(sites) or not all(self._has_origin(origin, host) for origin in origins):
            return HTTPStatus.FORBIDDEN, "ORIGIN", "a page of another site may not change anything here"
        return None

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        self._service.metrics.answered(scope["method"], route, status, seconds)
        state, client = scope["state"], scope.get("client")
        said = {
            "principal": getattr(state.get("caller"), "name", None),
            "address": client[0] if client else None,
            "method": scope["method"],
            "path": shown(scope["path"]),
            "status": status,
            "ms": round(1000 * seconds, 1),
            "rows": state.get("rows"),
            "request_id": request_id,
        }
        LOG.info(json.dumps(said, ensure_ascii=False))


class Packed(GZipMiddleware):
    """Answers are packed where the client takes that, but for exports, which stream as fast as they can."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["path"].startswith("/api/exports"):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _limited(receive: Receive) -> Receive:
    got = 0

    async def receiving() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
        return message

    return receiving


def _decoded_but_slashes(scope: Scope) -> str:
    """The path, in which a slash and a percent sign of a name stay encoded, so that they do not part it; ``PathName`` decodes them."""
    raw = scope.get("raw_path") or scope["path"].encode()
    parts = _KEPT.split(raw.partition(b"?")[0].decode("latin-1"))
    return "".join(part.upper() if _KEPT.fullmatch(part) else unquote(part, errors="replace") for part in parts)
