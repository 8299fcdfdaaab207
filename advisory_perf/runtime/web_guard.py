"""Keeps foreign pages and links away from Dagster's web page, which itself executes mutations by GET and asks nobody's origin.

The rules, in the order in which they are asked: the Host is one of ours (against DNS rebinding); an Origin is the page's own or
one that the settings list (browsers send it with every POST and WebSocket); without one, another site may only link here; methods
are GET, HEAD and POST; GraphQL is executed by POST only, and a POST is JSON, which no form can send; a read-only page takes
queries alone. Headers of proxies (``X-Forwarded-*``) are never read: a proxy passes the Host on, or its name is in
``ADVISORY_PERF_PAGE_HOSTS``.
"""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from graphql import GraphQLSyntaxError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from advisory_perf.runtime.hosts import Hosts

MOST_BYTES = 1 << 20
"""The longest body of a POST, or message over a WebSocket; the page's queries have ten kilobytes, a launch of 10,000 partitions 150."""

_MOST_TOKENS = 20_000
"""The longest query; longer ones are not read, since reading takes its time, and nothing else is answered meanwhile."""

_HEADERS = ((b"x-frame-options", b"DENY"), (b"content-security-policy", b"frame-ancestors 'none'"))
"""Of every answer, so that no foreign page shows this one within itself and has its buttons pressed."""

_TOO_LONG, _REFUSED, _NO_METHOD, _NOT_JSON, _NOT_UNDERSTOOD = 413, 403, 405, 415, 400


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not passed on: an HTTP status and a sentence."""

    status: int
    says: str


def refusal(scope: Mapping[str, Any], headers: Headers, hosts: Hosts, *, read_only: bool) -> Refusal | None:
    """What is wrong with a request by its head alone; None where nothing is."""
    given, origins = headers.getlist("host"), headers.getlist("origin")
    if len(given) != 1 or not hosts.has_host(given[0]):
        return Refusal(_REFUSED, "this page is not asked for under that host; add it to ADVISORY_PERF_PAGE_HOSTS if it is yours")
    if any(not hosts.has_origin(origin, given[0]) for origin in origins):
        return Refusal(_REFUSED, "another page may not ask this one; add its host to ADVISORY_PERF_PAGE_HOSTS if it is yours")
    if not origins and headers.get("sec-fetch-site") == "cross-site" and not _is_followed_link(scope, headers):
        return Refusal(_REFUSED, "another page may only link to this one")
    return None if scope["type"] == "websocket" else _http_refusal(scope, headers, read_only=read_only)


def _is_followed_link(scope: Mapping[str, Any], headers: Headers) -> bool:
    fetched = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return scope["type"] == "http" and scope["method"] == "GET" and fetched == ("navigate", "document")


def _http_refusal(scope: Mapping[str, Any], headers: Headers, *, read_only: bool) -> Refusal | None:
    method, path = scope["method"], scope["path"]
    if method not in {"GET", "HEAD", "POST"}:
        return Refusal(_NO_METHOD, f"{method} is not used here; use GET or POST")
    if any(unicodedata.category(letter) == "Cc" for letter in path):
        return Refusal(_NOT_UNDERSTOOD, "the address has control characters; leave them out")
    if method == "POST":
        return _post_refusal(path, headers, read_only=read_only)
    if "query" in parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True):
        return Refusal(_NO_METHOD, "GraphQL is executed by POST with application/json only")
    return None


def _post_refusal(path: str, headers: Headers, *, read_only: bool) -> Refusal | None:
    # In small letters only: of other spellings Dagster leaves the body unread and executes the address instead.
    kinds = headers.getlist("content-type")
    if len(kinds) != 1 or kinds[0].partition(";")[0].strip() != "application/json":
        return Refusal(_NOT_JSON, "send application/json")
    if read_only and path != "/graphql":
        return Refusal(_REFUSED, "this page is read-only")
    return None


def body_refusal(body: bytes, *, read_only: bool) -> Refusal | None:
    """What is wrong with the body of a GraphQL request: what takes long to read and, on a read-only page, anything but queries."""
    try:
        asked = json.loads(body)
        query = asked["query"]
        operations = {
            node.operation for node in parse(query, max_tokens=_MOST_TOKENS).definitions if isinstance(node, OperationDefinitionNode)
        }
    except (ValueError, TypeError, KeyError, RecursionError, GraphQLSyntaxError):
        return Refusal(_NOT_UNDERSTOOD, 'the body is no GraphQL request; send {"query": "…"}')
    if read_only and operations - {OperationType.QUERY}:
        return Refusal(_REFUSED, "this page is read-only; change things with the command, or with a page that may")
    return None


class Guard:
    """An ASGI application that passes on to another what ``refusal`` and ``body_refusal`` let through."""

    def __init__(self, app: ASGIApp, hosts: Hosts, *, read_only: bool) -> None:
        """Keep what is guarded, for whom, and whether it may change anything."""
        self._app, self._hosts, self._read_only = app, hosts, read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the refusal, or let the application answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = refusal(scope, headers, self._hosts, read_only=self._read_only)
        if refused is None and scope["type"] == "http" and scope["method"] == "POST":
            body = await _whole_body(receive)
            refused = Refusal(_TOO_LONG, f"the body has more than {MOST_BYTES:,} bytes") if body is None else None
            if refused is None and body is not None:
                refused = body_refusal(body, read_only=self._read_only) if scope["path"] == "/graphql" else None
                receive = _again(body, receive)
        send = _unframed(send)
        if refused is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            await JSONResponse({"errors": [{"message": refused.says}]}, refused.status)(scope, receive, send)


def _unframed(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
        await send(message)

    return with_headers


async def _whole_body(receive: Receive) -> bytes | None:
    """The body, or None where it is longer than a request may be."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Hands a body that was read out once more, then whatever comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message
