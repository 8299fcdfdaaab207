"""Real receivers on this machine that remember what they were sent: an HTTP server and a mail server."""

import json
import ssl
from asyncio import Server
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Webhook:
    """An HTTP server that answers with the statuses it is given, and 200 from then on."""

    answers: list[int]
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"

    def url(self, path: str = "/services/T0/B0/secret") -> str:
        """An address of the server."""
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    @property
    def ids(self) -> list[list[int]]:
        """The ids of the alerts in each request."""
        return [[alert["id"] for alert in body["alerts"]] for body in self.bodies]


@contextmanager
def a_webhook(*answers: int, tls: ssl.SSLContext | None = None) -> Iterator[Webhook]:
    """A webhook that is reached over real HTTP, or HTTPS."""
    webhook = Webhook(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            webhook.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            webhook.headers.append(dict(self.headers))
            self.send_response(webhook.answers.pop(0) if webhook.answers else 200)
            self.send_header("Location", webhook.url("/elsewhere"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        webhook.scheme = "https"
    webhook.port = server.server_port
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield webhook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class MailServer:
    """A mail server; it knows one password, refuses what it is set to refuse, and keeps every letter."""

    password: str | None = None
    refused: Sequence[str] = ()
    letters: list[Envelope] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        """Whether it takes a letter for the address."""
        if address in self.refused:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keeps the letter."""
        self.letters.append(envelope)
        return "250 OK"

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: LoginPassword) -> AuthResult:
        """Whether it is the password."""
        return AuthResult(success=self.password is not None and given.password.decode() == self.password, handled=False)


class _AtAnyPort(Controller):
    """Learns which port it was given before it tries itself."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def a_mail_server(
    *, password: str | None = None, refused: Sequence[str] = (), starts_tls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[MailServer]:
    """A mail server that is reached over real SMTP: in the clear, with STARTTLS, or with TLS from the start."""
    made = MailServer(password, refused)
    controller = _AtAnyPort(
        made,
        hostname="127.0.0.1",
        port=0,
        ssl_context=tls,
        tls_context=starts_tls,
        authenticator=made.authenticate if password else None,
        auth_require_tls=tls is None,
    )
    controller.start()
    try:
        made.port = controller.port
        yield made
    finally:
        controller.stop()
