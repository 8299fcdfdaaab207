"""An HTTP proxy in front of an S3 server whose faults are switched on and off: errors, resets, short bodies, stale and doubled listings.

Its clients take it for the server. Requests go on with the Host that they were signed for.
"""

import http.client
import random
import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "trailer", "upgrade", "server", "date"}

_ALL = ("GET", "HEAD", "PUT", "POST", "DELETE")
_REFUSALS = (
    ("internal_errors", 500, _ALL),
    ("slow_downs", 503, _ALL),
    ("full", 507, ("PUT",)),
    ("read_only", 403, ("PUT", "POST", "DELETE")),
)


@dataclass
class Faults:
    """What goes wrong, each with which share of the requests it can befall: 0 for never, 1 for always.

    ``short_bodies``: a GET of an object, or of a range of one, gives its first lines only, with a Content-Length that fits them.
    ``stale_listings``: a listing is answered as it was the last time; ``frozen_listings``: as it was before the fault began.
    ``doubled_listings``: every object of a listing stands in it twice. ``resets`` end the connection before the request is passed on;
    ``lost_answers`` after it. ``full``: a PUT is answered by 507. ``read_only``: whatever would change the store is answered by 403.
    ``of`` chooses the paths that any of it befalls.
    """

    internal_errors: float = 0
    slow_downs: float = 0
    resets: float = 0
    lost_answers: float = 0
    short_bodies: float = 0
    stale_listings: float = 0
    frozen_listings: float = 0
    doubled_listings: float = 0
    full: float = 0
    read_only: float = 0
    of: Callable[[str], bool] = field(default=lambda _path: True)


@dataclass
class S3Proxy:
    """One proxy; ``faults`` may be replaced at any time, and ``met`` counts what befell."""

    target: str
    faults: Faults = field(default_factory=Faults)
    met: dict[str, int] = field(default_factory=dict)
    port: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    _lock: Lock = field(default_factory=Lock)
    _listings: dict[str, bytes] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address that clients are given instead of the server's."""
        return f"http://127.0.0.1:{self.port}"

    def befalls(self, name: str, path: str) -> bool:
        """Whether the fault befalls this request; it is counted then."""
        with self._lock:
            share = getattr(self.faults, name)
            if share == 0 or not self.faults.of(path) or self.chance.random() >= share:  # what never befalls takes no chance
                return False
            self.met[name] = self.met.get(name, 0) + 1
            return True

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """The server's answer, or what a fault has made of it."""
        where = urlsplit(self.target)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if name.lower() not in _HOP_BY_HOP - {"content-length", "date"}:
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            content, answered = response.read(), [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP]
            length = response.getheader("Content-Length") if method == "HEAD" else None
        finally:
            connection.close()
        if length is not None:
            answered.append(("Content-Length", length))
        if method == "GET" and response.status in {http.HTTPStatus.OK, http.HTTPStatus.PARTIAL_CONTENT}:
            content = self._listed(path, content) if _is_listing(path) else self._shortened(path, content)
        return response.status, answered, content

    def _shortened(self, path: str, content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        if len(lines) < 2 or not self.befalls("short_bodies", path):
            return content
        return b"".join(lines[: len(lines) // 2])

    def _listed(self, path: str, content: bytes) -> bytes:
        with self._lock:
            before = self._listings.get(path)
        if before is not None and self.befalls("frozen_listings", path):
            return before
        with self._lock:
            self._listings[path] = content
        if before is not None and self.befalls("stale_listings", path):
            return before
        if self.befalls("doubled_listings", path):
            return re.sub(rb"<Contents>.*?</Contents>", lambda found: found.group() * 2, content, flags=re.DOTALL)
        return content


@contextmanager
def an_s3_proxy(target: str, *, seed: int = 0) -> Iterator[S3Proxy]:
    """A proxy in front of the server at the address, on a free port of this machine."""
    proxy = S3Proxy(target, chance=random.Random(seed))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    server.daemon_threads = True
    proxy.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    proxy: S3Proxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self._body()
        if self.proxy.befalls("resets", self.path):
            self._reset()
            return
        for name, status, methods in _REFUSALS:
            if self.command in methods and self.proxy.befalls(name, self.path):
                self._send(status, [], b"")
                return
        status, headers, content = self.proxy.answer(self.command, self.path, dict(self.headers.items()), body)
        if self.proxy.befalls("lost_answers", self.path):
            self._reset()
            return
        self._send(status, headers, content)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - as http.server wants them

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        del self.headers["Transfer-Encoding"]
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        body = b"".join(pieces)
        self.headers["Content-Length"] = str(len(body))
        return body

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _reset(self) -> None:
        """At once, and not by an end that reads like one."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


def _is_listing(path: str) -> bool:
    return "list-type" in parse_qs(urlsplit(path).query)
