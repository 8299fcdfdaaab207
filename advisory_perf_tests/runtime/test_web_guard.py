"""Dagster's web page behind the guard, asked over HTTP as a browser, a link in a mail and a foreign page would ask it."""

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from starlette.types import ASGIApp
from websockets.exceptions import ConnectionClosedError
from websockets.frames import CloseCode
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from advisory_perf.runtime.hosts import Hosts, asked_at
from advisory_perf.runtime.web_guard import MOST_BYTES
from advisory_perf.runtime.web_page import as_served, guarded

pytestmark = pytest.mark.slow

LIMIT = 'mutation { setConcurrencyLimit(concurrencyKey: "planted", limit: 1) }'
VERSION = "{ version }"
JSON = "application/json"


@dataclass(frozen=True)
class Page:
    """A page that answers, and what it could change."""

    port: int
    instance: DagsterInstance

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
        """Status and text; Host and Origin as given, and nothing that was not given but the Host."""
        status, text, _ = self.asked(method, path, body, **headers)
        return status, text

    def asked(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
        """The same with the answer's headers."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host="Host" in given, skip_accept_encoding=True)
        content = body.encode() if body is not None else b""
        for name, value in {**given, "Content-Length": str(len(content))}.items():
            connection.putheader(name, value)
        connection.endheaders(content)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        connection.close()
        return answer.status, text, answer.headers

    def post(self, query: str, **headers: str) -> tuple[int, str]:
        """A GraphQL request as the page itself sends it, unless the headers say otherwise."""
        return self.ask("POST", "/graphql", json.dumps({"query": query}), **{"Content_Type": JSON, **headers})

    def greet(self, **headers: str) -> str:
        """The first line that answers a WebSocket's opening."""
        lines = {
            "Host": f"127.0.0.1:{self.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "graphql-ws",
            **headers,
        }
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(
                ("GET /graphql HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n").encode()
            )
            return connection.recv(1024).decode().splitlines()[0]

    @property
    def is_changed(self) -> bool:
        """Whether one of the mutations came through."""
        return "planted" in self.instance.event_log_storage.get_concurrency_keys()


@contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    """The port of an application that is served until the block ends."""
    server = uvicorn.Server(as_served(app, host="127.0.0.1", port=0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def a_page(folder: Path, *, is_guarded: bool = True, read_only: bool = False, listed: tuple[str, ...] = ()) -> Iterator[Page]:
    with (
        DagsterInstance.local_temp(str(folder)) as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget(), version="", read_only=read_only) as context,
    ):
        plain = create_app_from_workspace_process_context(context)
        app = guarded(context, Hosts.of(listed, "127.0.0.1"), read_only=read_only) if is_guarded else plain
        with served(app) as port:
            yield Page(port, instance)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One that may change things, as `dev` has it."""
    with a_page(tmp_path_factory.mktemp("page"), listed=("perf.example.com",)) as page:
        yield page


@pytest.fixture(scope="module")
def read_only_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One that may not."""
    with a_page(tmp_path_factory.mktemp("read_only"), read_only=True) as page:
        yield page


def test_without_the_guard_a_link_changes_things(tmp_path: Path) -> None:
    with a_page(tmp_path, is_guarded=False) as page:
        page.ask("GET", f"/graphql?query={quote(LIMIT)}", Host="evil.example")
        assert page.is_changed


LINK = f"/graphql?query={quote(LIMIT)}"
BODY = json.dumps({"query": LIMIT})
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "headers"),
    [
        pytest.param(405, "GET", LINK, None, {}, id="a link"),
        pytest.param(405, "GET", LINK, None, {"Accept": "text/html"}, id="a link that is clicked"),
        pytest.param(405, "GET", LINK.replace("/graphql", "/graphql/"), None, {}, id="a link with a slash"),
        pytest.param(405, "GET", f"/graphql?query={quote('subscription { x }')}", None, {}, id="a subscription by GET"),
        pytest.param(405, "HEAD", LINK, None, {}, id="HEAD"),
        pytest.param(405, "PUT", "/graphql", BODY, {"Content_Type": JSON}, id="PUT"),
        pytest.param(405, "OPTIONS", "/graphql", None, {}, id="OPTIONS"),
        pytest.param(403, "OPTIONS", "/graphql", None, {"Origin": "http://evil.example"}, id="a foreign page's preflight"),
        pytest.param(415, "POST", LINK, None, {}, id="a POST without a body, the mutation in the address"),
        pytest.param(415, "POST", "/graphql", BODY, {"Content_Type": "text/plain"}, id="text/plain"),
        pytest.param(415, "POST", "/graphql", BODY, {"Content_Type": "text/plain; x=application/json"}, id="text that names JSON"),
        pytest.param(415, "POST", "/graphql", LIMIT, {"Content_Type": "application/graphql"}, id="application/graphql"),
        pytest.param(415, "POST", LINK, "{}", {"Content_Type": "Application/JSON"}, id="JSON that Dagster does not know as such"),
        pytest.param(415, "POST", LINK, "a=b", {"Content_Type": FORM}, id="a form"),
        pytest.param(415, "POST", LINK, "--x--", {"Content_Type": "multipart/form-data; boundary=x"}, id="a form of parts"),
        pytest.param(415, "POST", "/report_asset_materialization/a", "{}", {"Content_Type": "text/plain"}, id="a report by a form"),
        pytest.param(403, "POST", "/graphql", BODY, {"Content_Type": JSON, "Origin": "http://evil.example"}, id="a foreign page"),
        pytest.param(403, "POST", "/graphql", BODY, {"Content_Type": JSON, "Origin": "null"}, id="a page in a sandbox"),
        pytest.param(
            403, "POST", "/graphql", BODY, {"Content_Type": JSON, "Origin": "http://127.0.0.1:1"}, id="another server of this machine"
        ),
        pytest.param(
            403, "POST", "/graphql", BODY, {"Content_Type": JSON, "Origin": "http://perf.example.com:8080"}, id="a listed host's other port"
        ),
        pytest.param(
            403,
            "POST",
            "/graphql",
            BODY,
            {"Content_Type": JSON, "Origin": "http://127.0.0.1.evil.example"},
            id="a name that begins like ours",
        ),
        pytest.param(403, "POST", "/graphql", BODY, {"Content_Type": JSON, "Host": "evil.example"}, id="a foreign host"),
        pytest.param(403, "POST", "/graphql", BODY, {"Content_Type": JSON, "Host": "127.0.0.1@evil.example"}, id="a host with a user"),
        pytest.param(403, "GET", "/", None, {"Host": "evil.example:3000"}, id="DNS that was turned to this machine"),
        pytest.param(
            403,
            "POST",
            "/graphql",
            BODY,
            {"Content_Type": JSON, "Host": "evil.example", "X_Forwarded_Host": "localhost"},
            id="a forwarded host is not believed",
        ),
    ],
)
def test_what_a_foreign_page_or_a_link_can_send_is_refused(
    page: Page, status: int, method: str, path: str, body: str | None, headers: Mapping[str, str]
) -> None:
    answer, text = page.ask(method, path, body, **headers)
    assert (answer, page.is_changed) == (status, False)
    if method != "HEAD":
        assert json.loads(text)["errors"][0]["message"]


SPELLINGS = ["/graphql%0a", "/graphql%0d", "/graphql%0d%0a", "/graphql%00", "/graphql%7f", "//graphql", "/./graphql", "/GraphQL"]
SPELLINGS += ["/graphql;x", "/%2fgraphql", "/graphql%2f", "/%67raphql", "/graphql//", "/graphql%20", "/graphql%c2%85", "/a/../graphql"]


@pytest.mark.parametrize("path", SPELLINGS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_spelling_of_the_address_executes_a_mutation(page: Page, read_only_page: Page, method: str, path: str) -> None:
    for asked in (page, read_only_page):
        status, _ = asked.ask(method, f"{path}?query={quote(LIMIT)}")
        assert (status in {400, 405}, asked.is_changed) == (True, False)


def test_a_body_without_end_is_cut_off(page: Page) -> None:
    status, _ = page.ask("POST", "/graphql", "x" * (MOST_BYTES + 1), Content_Type=JSON)
    assert status == 413


def test_a_message_over_a_websocket_is_as_long_as_a_body_at_most(page: Page) -> None:
    with connect(f"ws://127.0.0.1:{page.port}/graphql", subprotocols=[Subprotocol("graphql-ws")]) as connection:
        connection.send('{"type": "connection_init"' + " " * MOST_BYTES + "}")
        with pytest.raises(ConnectionClosedError, match="message too big"):
            connection.recv(timeout=600)
        assert connection.close_code == CloseCode.MESSAGE_TOO_BIG


@pytest.mark.parametrize("path", ["/", "/graphql?query=x", "/nowhere", "/assets/nothing.js"])
def test_no_page_shows_this_one_within_itself(page: Page, path: str) -> None:
    headers = page.asked("GET", path)[2]
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers.get_all("Content-Security-Policy", [])


@pytest.mark.parametrize(
    ("mode", "dest", "status"), [("navigate", "document", 200), ("navigate", "iframe", 403), ("no-cors", "script", 403), ("", "", 403)]
)
def test_a_foreign_page_may_link_to_this_one_and_take_nothing_of_it(page: Page, mode: str, dest: str, status: int) -> None:
    reported = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": mode, "Sec_Fetch_Dest": dest}
    assert page.ask("GET", "/", **reported)[0] == status
    assert page.ask("GET", "/", **{**reported, "Sec_Fetch_Site": "same-origin"})[0] == 200


def test_a_query_that_takes_long_to_read_is_not_read(page: Page, read_only_page: Page) -> None:
    for asked in (page, read_only_page):
        assert asked.post("{" + " a" * 30_000 + "}")[0] == 400
        assert asked.post("{" + " version" * 500 + "}")[0] == 200


def test_a_web_socket_of_a_foreign_page_is_refused_and_that_of_the_page_itself_is_not(page: Page) -> None:
    assert " 403 " in page.greet(Origin="http://evil.example")
    assert " 403 " in page.greet(Origin=f"http://127.0.0.1:{page.port}", Host="evil.example")
    assert " 101 " in page.greet(Origin=f"http://127.0.0.1:{page.port}")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="a program"),
        pytest.param({"Host": "localhost:3000", "Origin": "http://localhost:3000"}, id="a tunnel to this machine"),
        pytest.param({"Host": "[::1]:3000", "Origin": "http://[::1]:3000"}, id="IPv6"),
        pytest.param({"Host": "PERF.example.com", "Origin": "https://perf.example.com"}, id="a proxy that keeps the host"),
        pytest.param({"Host": "127.0.0.1:3000", "Origin": "https://perf.example.com"}, id="a proxy that does not"),
        pytest.param({"Content_Type": "application/json; charset=utf-8"}, id="JSON with its charset"),
    ],
)
def test_queries_by_post_with_json_from_the_page_itself_are_answered(page: Page, headers: Mapping[str, str]) -> None:
    status, text = page.post(VERSION, **headers)
    assert (status, set(json.loads(text)["data"])) == (200, {"version"})


def test_a_page_that_may_change_things_does_so_when_asked_properly(tmp_path: Path) -> None:
    with a_page(tmp_path) as page:
        assert page.post(LIMIT)[0] == 200
        assert page.is_changed


@pytest.mark.parametrize("query", [LIMIT, f"query A {VERSION} {LIMIT.replace('mutation', 'mutation B')}", "subscription { x }"])
def test_a_read_only_page_changes_nothing(read_only_page: Page, query: str) -> None:
    status, text = read_only_page.post(query)
    assert (status, read_only_page.is_changed) == (403, False)
    assert "read-only" in text


def test_a_read_only_page_answers_queries_and_takes_no_reports(read_only_page: Page) -> None:
    assert read_only_page.post(VERSION)[0] == 200
    assert read_only_page.ask("POST", "/report_asset_materialization/a", "{}", Content_Type=JSON)[0] == 403
    for broken in ("", "[]", "{", '{"query": 1}', '{"query": "{"}', "[" * 100_000):
        assert read_only_page.ask("POST", "/graphql", broken, Content_Type=JSON)[0] == 400


def test_the_page_and_everything_it_loads_comes_through(page: Page) -> None:
    status, html = page.ask("GET", "/")
    assert status == 200
    loaded = re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css|png|svg))"', html)
    assert any(path.endswith(".js") for path in loaded)
    for path in loaded:
        assert page.ask("GET", path)[0] == 200, path
    assert page.ask("GET", "/graphql", Accept="text/html")[0] == 200
    assert page.ask("GET", "/assets")[0] == 200


@pytest.mark.parametrize(
    ("address", "asked"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.1", "127.0.0.1"), ("10.1.2.3", "10.1.2.3")],  # noqa: S104
)
def test_what_listens_on_all_addresses_is_asked_on_loopback(address: str, asked: str) -> None:
    assert asked_at(address) == asked
