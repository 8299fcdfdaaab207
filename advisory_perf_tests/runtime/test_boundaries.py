"""Where supervisor, guard, tables and sentences of the command change over: just inside, and just outside."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.table import Table
from starlette.datastructures import Headers

from advisory_perf.cli.cells import add_row, titled
from advisory_perf.cli.tables import alerts_table, amount, deliveries_table, findings_table
from advisory_perf.operations.health import HealthFinding
from advisory_perf.runtime import dev_server, run_launcher, web_guard
from advisory_perf.runtime.hosts import Hosts, asked_at
from advisory_perf.runtime.supervisor import Policy, Seen, Step, Supervisor, decide, wait_after
from advisory_perf.runtime.web_guard import MOST_BYTES, Guard, body_refusal, refusal
from advisory_perf.runtime.web_page import _lifespan
from advisory_perf_tests.runtime.test_supervisor import Fake

POLICY = Policy()


# supervising ----------------------------------------------------------------------------------------------------------


def test_the_supervisors_patience_is_the_agreed_one() -> None:
    assert Policy(starting=120, window=600, deaths=7, longest_wait=60, between_questions=3, excuse=15) == POLICY
    assert dev_server.CODE_SILENCE == 12
    assert run_launcher.WORKER_TAG == "advisory_perf/worker"


def step(*, silent: float | None = None, started: float = 0, deaths: Sequence[float] | None = None, own: Sequence[float] = ()) -> Step:
    answered = None if silent is None else -silent
    return decide(Seen(deaths is None, -started, answered, deaths or [], own, 12), 0, POLICY)


def test_a_part_is_replaced_when_it_is_silent_for_longer_than_it_may_be() -> None:
    assert [step(silent=seconds, started=1_000) for seconds in (12, 12.1)] == [Step.KEEP, Step.REPLACE]
    assert [step(started=seconds) for seconds in (120, 120.1)] == [Step.KEEP, Step.REPLACE]


def test_deaths_count_for_ten_minutes_and_the_seventh_is_the_last() -> None:
    assert step(deaths=[-1], own=[-600, -5, -4, -3, -2, -1, 0]) is Step.ABANDON
    assert step(deaths=[-1], own=[-600.1, -5, -4, -3, -2, -1, 0]) is Step.START
    assert step(deaths=[-1], own=[-5, -4, -3, -2, -1, 0]) is Step.START
    assert [step(deaths=[-600, -seconds]) for seconds in (0.9, 1)] == [Step.WAIT, Step.START]
    assert [step(deaths=[-600.1, -0.1]), step(deaths=[-700])] == [Step.START, Step.START]
    assert [wait_after(deaths, POLICY) for deaths in (0, 1, 2, 3, 7, 8, 100)] == [0, 0, 1, 2, 32, 60, 60]


class Clock:
    """A clock of ours."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_part_is_asked_every_three_seconds_and_not_oftener() -> None:
    clock, asked = Clock(), list[float]()

    class Asked(Fake):
        def answers(self) -> bool:
            asked.append(clock.now)
            return True

    supervisor = Supervisor([Asked("one", [])], print, clock=clock)
    for half in range(20):
        clock.now = half / 2
        supervisor.look()
    assert asked == [0.5, 3.5, 6.5, 9.5]


@pytest.mark.parametrize(("after", "own"), [(15, 0), (15.5, 1)])
def test_a_death_is_excused_for_fifteen_seconds_after_the_incident_of_a_part_that_is_needed(after: float, own: int) -> None:
    clock, journal = Clock(), list[str]()
    code, page = Fake("code", journal, is_needed=True), Fake("page", journal)
    supervisor = Supervisor([code, page], lambda _: None, clock=clock)
    for second in range(10):
        clock.now = second
        supervisor.look()
    code.is_answering = False
    clock.now = 13
    supervisor.look()  # the page is excused from here on
    code.is_answering = True
    clock.now = 16
    supervisor.look()
    page.is_running = False
    clock.now = 13 + after
    supervisor.look()
    watched = supervisor._watched[1]  # noqa: SLF001 - what is held against it is seen after seven deaths only
    assert (len(watched.deaths), len(watched.own)) == (1, own)


# guarding -------------------------------------------------------------------------------------------------------------

HOSTS = Hosts.of([" Perf.Example.com ", "b.example.com:81", ""], "192.0.2.7")


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("perf.example.com", True),
        ("PERF.example.com:9", True),
        ("b.example.com:81", True),
        ("b.example.com:82", False),
        ("b.example.com", False),
        ("192.0.2.7:3000", True),
        ("[::1]:3000", True),
        ("localhost", True),
        ("", False),
        ("evil@localhost", False),
        ("localhost/x", False),
        ("localhost:x", False),
        ("xlocalhost", False),
    ],
)
def test_a_host_is_ours_by_its_name_and_by_its_port_where_one_is_listed(host: str, *, is_ours: bool) -> None:
    assert HOSTS.has_host(host) is is_ours


@pytest.mark.parametrize(
    ("origin", "host", "is_ours"),
    [
        ("http://localhost:3000", "localhost:3000", True),
        ("http://localhost:3001", "localhost:3000", False),
        ("http://localhost", "localhost:80", True),
        ("https://localhost", "localhost:80", False),
        ("https://perf.example.com", "localhost:3000", True),
        ("http://perf.example.com", "localhost:3000", True),
        ("https://perf.example.com:444", "localhost:3000", False),
        ("http://b.example.com:81", "localhost:3000", True),
        ("http://b.example.com", "localhost:3000", False),
        ("http://127.0.0.1:80", "perf.example.com", False),
        ("http://localhost/x", "localhost", False),
        ("null", "localhost", False),
        ("ftp://localhost", "localhost", False),
        ("http://[", "localhost", False),
        ("http://[", "[", False),
        ("http://localhost:x", "localhost:x", False),
        ("http://a\u2100b", "localhost", False),
    ],
)
def test_an_origin_is_ours_where_it_is_the_page_itself_or_listed(origin: str, host: str, *, is_ours: bool) -> None:
    assert HOSTS.has_origin(origin, host) is is_ours


def test_what_listens_everywhere_is_no_name_and_is_asked_on_loopback() -> None:
    for address, asked in (("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("", "127.0.0.1"), ("192.0.2.7", "192.0.2.7")):  # noqa: S104
        assert asked_at(address) == asked
    assert Hosts.of([], "::").names == Hosts.of([]).names == {"localhost", "127.0.0.1", "[::1]"}
    assert "[2001:db8::1]" in Hosts.of([], "2001:db8::1").names


def refused(
    method: str = "GET", path: str = "/", *, query: bytes = b"", read_only: bool = False, kind: str = "http", **headers: str
) -> int:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()]
    scope = {"type": kind, "method": method, "path": path, "query_string": query, "headers": given}
    found = refusal(scope, Headers(scope=scope), HOSTS, read_only=read_only)
    return found.status if found else 200


JSON = {"content_type": "application/json"}
CROSS = {"sec_fetch_site": "cross-site"}
LINK = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({}, 200),
        ({"host": "evil.example.com"}, 403),
        ({"origin": "http://evil.example.com"}, 403),
        ({**CROSS}, 403),
        ({**CROSS, **LINK}, 200),
        ({**CROSS, **LINK, "method": "POST", **JSON}, 403),
        ({**CROSS, **LINK, "kind": "websocket"}, 403),
        ({**CROSS, "origin": "http://localhost"}, 200),
        ({"method": "HEAD"}, 200),
        ({"method": "PUT"}, 405),
        ({"path": "/a\nb"}, 400),
        ({"query": b"query=x"}, 405),
        ({"query": b"query="}, 405),
        ({"query": b"other=x"}, 200),
        ({"method": "POST", "path": "/graphql"}, 415),
        ({"method": "POST", "path": "/graphql", **JSON}, 200),
        ({"method": "POST", "path": "/graphql", "content_type": "application/json; charset=utf-8"}, 200),
        ({"method": "POST", "path": "/graphql", "content_type": "Application/JSON"}, 415),
        ({"method": "POST", "path": "/other", **JSON}, 200),
        ({"method": "POST", "path": "/other", "read_only": True, **JSON}, 403),
        ({"method": "POST", "path": "/graphql", "read_only": True, **JSON}, 200),
        ({"method": "PUT", "kind": "websocket"}, 200),
    ],
)
def test_what_is_wrong_with_a_request_by_its_head(request_: dict[str, Any], status: int) -> None:
    assert refused(**request_) == status


@pytest.mark.parametrize(("name", "value"), [(b"host", b"localhost"), (b"content-type", b"application/json")])
def test_a_head_that_says_a_thing_twice_is_refused(name: bytes, value: bytes) -> None:
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (name, value)]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    assert refusal(scope, Headers(scope=scope), HOSTS, read_only=False) is not None


def asked(query: object) -> bytes:
    return json.dumps({"query": query}).encode()


@pytest.mark.parametrize(
    ("body", "writable", "read_only"),
    [
        (asked("{a}"), 200, 200),
        (asked("mutation {a}"), 200, 403),
        (asked("subscription {a}"), 200, 403),
        (asked("query Q {a} mutation M {a}"), 200, 403),
        (asked("{" + "a " * 18 + "}"), 200, 200),
        (asked("{" + "a " * 19 + "}"), 400, 400),
        (asked(1), 400, 400),
        (b"{}", 400, 400),
        (b"[]", 400, 400),
        (b"x", 400, 400),
    ],
    ids=["query", "mutation", "subscription", "both", "long", "too long", "number", "none", "list", "no JSON"],
)
def test_what_is_wrong_with_the_body_of_a_request(monkeypatch: pytest.MonkeyPatch, body: bytes, writable: int, read_only: int) -> None:
    """A query is as long as so many words and signs."""
    assert web_guard._MOST_TOKENS == 20_000  # noqa: SLF001 - parsing as many takes its time
    monkeypatch.setattr(web_guard, "_MOST_TOKENS", 20)
    found = [body_refusal(body, read_only=only) for only in (False, True)]
    assert [one.status if one else 200 for one in found] == [writable, read_only]


@pytest.mark.parametrize(("length", "status"), [(MOST_BYTES, 200), (MOST_BYTES + 1, 413)])
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_body_of_a_mebibyte_is_passed_on_whole_and_a_longer_one_is_not(length: int, status: int, pieces: int) -> None:
    sent, passed = list[Any](), list[bytes]()
    parts = [b"x" * (length // 2), b"x" * (length - length // 2)] if pieces == 2 else [b"x" * length]
    messages = [{"type": "http.request", "body": part, "more_body": part is not parts[-1]} for part in parts]

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        passed.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/other", "query_string": b"", "headers": headers}
    asyncio.run(Guard(cast("Any", app), HOSTS, read_only=False)(scope, receive, send))
    assert sent[0]["status"] == status
    assert [len(body) for body in passed] == ([length] if status == 200 else [])
    assert {(b"x-frame-options", b"DENY"), (b"content-security-policy", b"frame-ancestors 'none'")} <= set(sent[0]["headers"])


def test_the_page_has_no_life_span_of_its_own() -> None:
    async def lives() -> str:
        async with _lifespan(cast("Any", None)):
            return "it lives"

    assert asyncio.run(lives()) == "it lives"


# tables ---------------------------------------------------------------------------------------------------------------


def lines(table: Table) -> list[list[str]]:
    return [list(row) for row in zip(*([str(cell) for cell in column.cells] for column in table.columns), strict=True)]


def handed(status: str, delivery_id: str = "d") -> Any:
    counts = {f"records_{name}": 1_000 + place for place, name in enumerate(("read", "processed", "failed", "duplicate", "footer"))}
    return SimpleNamespace(
        name=f"{status}.csv", status=status, entry=SimpleNamespace(feed="acme", vendor="acme", delivery_id=delivery_id, **counts)
    )


def test_a_delivery_shows_its_counts_and_its_rate_unless_it_has_none() -> None:
    counts = ["1,000", "1,001", "1,002", "1,003", "1,004"]
    table = deliveries_table(
        [handed("COMPLETED"), handed("COMPLETED_WITH_ISSUES", "e"), handed("PROCESSING", "f"), handed("FAILED", "g"), handed("DUPLICATE")],
        {"d": 0.98765, "e": None},
    )
    assert lines(table) == [
        ["COMPLETED.csv", "acme", "COMPLETED", *counts, "98.77%"],
        ["COMPLETED_WITH_ISSUES.csv", "acme", "COMPLETED_WITH_ISSUES", *counts, "nothing compared"],
        ["PROCESSING.csv", "acme", "PROCESSING", *counts, ""],
        ["FAILED.csv", "acme", "FAILED", *[""] * 5, ""],
        ["DUPLICATE.csv", "acme", "DUPLICATE", *[""] * 5, ""],
    ]


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        ({"factor": Decimal("1.08370"), "variance": Decimal(5), "field_name": "twrr"}, "times 1.0837"),
        ({"factor": None, "variance": Decimal("-1250.5"), "field_name": "net_flow"}, "-1,250.50"),
        ({"factor": None, "variance": Decimal("0.00015"), "field_name": "twrr"}, "+1.5 bp"),
        ({"factor": None, "variance": None, "field_name": "twrr"}, "without a figure of ours"),
    ],
)
def test_by_how_much_a_break_is_off(figures: dict[str, object], says: str) -> None:
    assert amount(figures) == says


def test_an_alert_shows_whether_it_was_sent_and_whether_it_is_over() -> None:
    at = datetime(2025, 4, 1, 9, 30, tzinfo=UTC)
    common = {"severity": "HIGH", "code": "C", "feed": "acme_prices", "vendor": "acme", "since": at, "message": "it broke"}
    alerts = [
        SimpleNamespace(id=1, sent_at=at, last_error="x", resolved_at=at, **common),
        SimpleNamespace(id=2, sent_at=None, last_error="it answered 500", resolved_at=None, **common),
        SimpleNamespace(id=3, sent_at=None, last_error=None, resolved_at=None, **common),
    ]
    head = ["HIGH", "C", "acme_prices", "2025-04-01 09:30"]
    table = alerts_table(cast("Any", alerts))
    assert lines(table) == [
        ["1", *head, "it broke (over since 2025-04-01 09:30)", "2025-04-01 09:30"],
        ["2", *head, "it broke", "it answered 500"],
        ["3", *head, "it broke", "no"],
    ]
    assert str(table.title) == "Alerts: 3"


def test_a_finding_is_ok_or_wrong_and_cells_hold_no_markup() -> None:
    table = findings_table([HealthFinding("lake", is_good=True, says="[red]x"), HealthFinding("home", is_good=False, says="a\x1b[31m")])
    assert lines(table) == [["ok", "lake", "[red]x"], ["WRONG", "home", "a\\x1b[31m"]]
    two = titled("T", ["a", "b"])
    add_row(two, ["x", "y\n"], 7, styles=("red",))
    assert lines(two) == [["x\ny\\n", "7"]]
