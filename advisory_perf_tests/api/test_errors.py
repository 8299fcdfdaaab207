"""Every code of the table in docs/api.md is what some request is answered with, and none is left out; and how answers are sent."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from starlette.testclient import TestClient

from advisory_perf.api.app import create_app, routed
from advisory_perf.api.middleware import LONGEST_ADDRESS, MOST_BYTES
from advisory_perf.api.problems import PROBLEM
from advisory_perf.api.roles import ApiRole
from advisory_perf.api.tokens import new_token
from advisory_perf.positions.publication import lock_publication
from advisory_perf.settings import Settings
from advisory_perf_tests.api.access import by_token
from advisory_perf_tests.api.demo import NOW, Demo, a_demo

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
DEAD = "postgresql://someone@127.0.0.1:1/nowhere"
_TABLE = PAGE.read_text(encoding="utf-8").partition("\n## Errors\n")[2].partition("\n## ")[0]
CODES = {
    code: HTTPStatus(int(status))
    for status, codes in re.findall(r"^\| (\d{3}) \| ([^|]+) \|", _TABLE, flags=re.MULTILINE)
    for code in re.findall(r"`([A-Z_]+)`", codes)
}


@dataclass(frozen=True, slots=True)
class Asking:
    """What a request is made with; ``headers`` go along with each."""

    demo: Demo
    folder: Path
    headers: Mapping[str, str]

    def send(self, method: str, path: str, client: TestClient | None = None, headers: Mapping[str, str] | None = None, **sent: Any) -> Any:
        """The answer of the demonstration's API, or of another client."""
        return (client or self.demo.client).request(method, path, headers={**self.headers, **(headers or {})}, **sent)

    @contextmanager
    def by_tokens(self) -> Iterator[Demo]:
        """The API of the same warehouse, for those who have a token."""
        changes = {"api_auth": "token", "api_tokens_file": self.folder / "tokens.json"}
        with a_demo(self.demo.settings.model_copy(update=changes)) as demo:
            yield demo

    def a_break(self) -> dict[str, Any]:
        """One that is open."""
        found: dict[str, Any] = self.demo.get("/api/breaks", limit=1)["data"]["breaks"][0]
        return found

    def sign_off(self, expected_variance: str | None) -> Any:
        """Of that one."""
        body = {"reason": "known", "expected_variance": expected_variance}
        return self.send("POST", f"/api/breaks/{self.a_break()['break_id']}/sign-off", json=body)


def unauthorized(asking: Asking) -> Any:
    with asking.by_tokens() as demo:
        return asking.send("GET", "/api/vendors", demo.client)


def forbidden(asking: Asking) -> Any:
    with asking.by_tokens() as demo:
        token = new_token(demo.settings.tokens_file, "job", ApiRole.READER, days=1, now=NOW)
        return asking.send("GET", "/api/audit", demo.client, by_token(token))


def settings(asking: Asking) -> Any:
    with asking.by_tokens() as demo:
        demo.settings.tokens_file.write_text("no tokens", encoding="utf-8")
        return asking.send("GET", "/api/vendors", demo.client, by_token("apt_x"))


def too_many(asking: Asking) -> Any:
    places, taken = asking.demo.service.export_places, 0
    while places.acquire(blocking=False):
        taken += 1
    try:
        return asking.send("GET", "/api/exports/accounts")
    finally:
        places.release(taken)


def too_slow(asking: Asking) -> Any:
    with patch("advisory_perf.api.exporting.EXPORT_SECONDS", 0):
        return asking.send("GET", "/api/exports/accounts")


def failing(asking: Asking, reading: Callable[..., Any]) -> Any:
    with patch("advisory_perf.api.routers.vendors.files_of", reading):
        return asking.send("GET", "/api/vendors/vendor_a/files")


def unforeseen(*_of: object) -> None:
    raise ZeroDivisionError("nobody has foreseen it")


def outage(asking: Asking) -> Any:
    addresses = dict.fromkeys(("warehouse_url", "owner_url", "reader_url", "desk_url"), DEAD)
    with a_demo(Settings(home=asking.folder, **addresses)) as away:  # type: ignore[arg-type]
        return asking.send("GET", "/api/vendors", away.client)


def lock_held(asking: Asking) -> Any:
    one = asking.a_break()
    with psycopg.connect(str(asking.demo.settings.owner_url)) as connection:
        lock_publication(connection, one["data_source"])
        return asking.sign_off(one["variance"] or one["factor"])


def by_another_name(asking: Asking) -> Any:
    client = TestClient(create_app(asking.demo.service, is_ours=lambda host: host == "perf.example.com"))
    assert client.get("/health/live", headers={"Host": "perf.example.com"}).status_code == 200
    return asking.send("GET", "/health/live", client)


REQUESTS: dict[str, Callable[[Asking], Any]] = {
    "UNAUTHORIZED": unauthorized,
    "FORBIDDEN": forbidden,
    "ORIGIN": lambda asking: asking.send("POST", "/api/alerts/1/resolve", headers={"Sec-Fetch-Site": "cross-site"}),
    "NOT_FOUND": lambda asking: asking.send("GET", "/api/vendors/nobody/files"),
    "METHOD_NOT_ALLOWED": lambda asking: asking.send("DELETE", "/api/vendors"),
    "CONFLICT": lambda asking: asking.sign_off("0.123456789"),
    "EXPORT": lambda asking: asking.send("GET", "/api/exports/accounts", params={"as_reported": "2025-03-31"}),
    "TOO_LARGE": lambda asking: asking.send("POST", "/api/breaks/B-1/comments", content=b"x" * (MOST_BYTES + 1)),
    "TOO_LONG": lambda asking: asking.send("GET", "/api/vendors", params={"q": "x" * LONGEST_ADDRESS}),
    "HOST": by_another_name,
    "REQUEST": lambda asking: asking.send("GET", "/api/vendors", params={"nonsense": "1"}),
    "TOO_MANY": too_many,
    "INTERNAL": lambda asking: failing(asking, unforeseen),
    "SETTINGS": settings,
    "WAREHOUSE": lambda asking: failing(asking, lambda snapshot, *_of: snapshot.value("SELECT 1 / 0")),
    "WAREHOUSE_OUTAGE": outage,
    "LOCK_HELD": lock_held,
    "OUTAGE": too_slow,
}


def test_each_code_of_the_page_has_a_request_here_and_none_is_left_out() -> None:
    assert set(REQUESTS) == set(CODES)


@pytest.mark.parametrize("code", REQUESTS)
def test_the_code_is_what_the_request_is_answered_with(demo: Demo, tmp_path: Path, code: str) -> None:
    answer = REQUESTS[code](Asking(demo, tmp_path, {}))
    envelope, problem = answer.json(), answer.json()["data"]
    assert (answer.status_code, problem["status"], problem["code"]) == (CODES[code], CODES[code], code), answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert (envelope["status"], envelope["message"]) == ("error", problem["detail"])
    assert (problem["type"], problem["title"]) == (f"urn:advisory-perf:{code}", CODES[code].phrase)
    assert problem["instance"] == answer.request.url.path
    assert envelope["metadata"]["request_id"] == answer.headers["X-Request-Id"]
    assert bool(problem["errors"]) == (code == "REQUEST")
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("Retry-After" in answer.headers) == (answer.status_code in {429, 503})
    assert ("WWW-Authenticate" in answer.headers) == (answer.status_code == 401)
    assert answer.headers.get("Allow") == ("GET" if answer.status_code == 405 else None)


@pytest.mark.parametrize("code", REQUESTS)
def test_it_comes_bare_where_that_is_accepted(demo: Demo, tmp_path: Path, code: str) -> None:
    answer = REQUESTS[code](Asking(demo, tmp_path, {"Accept": PROBLEM}))
    assert answer.headers["Content-Type"] == PROBLEM
    found = answer.json()
    assert (answer.status_code, found["status"], found["code"]) == (CODES[code], CODES[code], code)
    assert {"type", "title", "status", "detail", "instance", "code", "errors"} <= set(found)


def test_what_is_described_of_errors_is_what_the_page_has() -> None:
    """404 of a path that there is not, 405, 413, 414, 421 and 500 are of no endpoint."""
    described = {int(status) for methods in routed().openapi()["paths"].values() for one in methods.values() for status in one["responses"]}
    assert {status for status in described if status >= 400} <= {*CODES.values()}
    limited = [path for path, methods in routed().openapi()["paths"].items() if any("429" in one["responses"] for one in methods.values())]
    assert limited == ["/api/exports/{relation}"], "only exports are counted"


# how answers are sent -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/vendors", "/api/breaks", "/health/live", "/version", "/metrics"])
def test_head_is_no_method_here(demo: Demo, path: str) -> None:
    answer = demo.client.head(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("place", ["/api/accounts/A/statistics", "/api/accounts/A/returns", "/api/accounts/A", "/api/portfolios/nobody/P"])
def test_of_an_unknown_vendor_there_is_no_account_or_portfolio(demo: Demo, place: str) -> None:
    asked = {} if "portfolios" in place else {"vendor": "nobody"}
    assert demo.client.get(place, params=asked).status_code == 404


UNKNOWN_VENDOR = {
    404: ("/api/dashboard/summary", "/api/kpis", "/api/quality/score"),
    200: ("/api/accounts", "/api/portfolios", "/api/breaks", "/api/changes", "/api/quarantine", "/api/alerts", "/api/exports/accounts"),
}


@pytest.mark.parametrize(("status", "path"), [(status, path) for status, paths in UNKNOWN_VENDOR.items() for path in paths])
def test_a_list_of_an_unknown_vendor_is_empty_and_its_figures_are_not_found(demo: Demo, status: int, path: str) -> None:
    assert demo.client.get(path, params={"vendor": "nobody"}).status_code == status


@pytest.mark.parametrize("path", ["/openapi.json", "/api/breaks"])
def test_a_long_answer_is_packed_for_a_client_that_takes_it(demo: Demo, path: str) -> None:
    packed = demo.client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = demo.client.get(path, headers={"Accept-Encoding": "identity"})
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert "Content-Encoding" not in plain.headers
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"])
    texts = [re.sub(r'"(timestamp|request_id)":"[^"]*"', "", answer.text) for answer in (packed, plain)]
    assert texts[0] == texts[1]
    assert packed.headers.get("ETag") == plain.headers.get("ETag")


@pytest.mark.parametrize("path", ["/health/live", "/api/exports/accounts"])
def test_a_short_answer_and_an_export_are_not_packed(demo: Demo, path: str) -> None:
    assert "Content-Encoding" not in demo.client.get(path, headers={"Accept-Encoding": "gzip"}).headers


def test_the_page_of_the_api_has_nothing_from_elsewhere_and_runs_its_own_script_alone(demo: Demo) -> None:
    answer = demo.client.get("/docs")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert re.findall(r"https?:|[\"'(]//", answer.text) == []
    places = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(places) == 3
    assert {demo.client.get(place).status_code for place in places} == {200}
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["connect-src"] == "'self'"


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/health/live", "/health/ready", "/version"])
def test_what_is_open_is_open_without_a_token_and_metrics_are_not(demo: Demo, tmp_path: Path, path: str) -> None:
    with Asking(demo, tmp_path, {}).by_tokens() as guarded:
        assert guarded.client.get(path).status_code == 200
        assert guarded.client.get("/metrics").status_code == 401


def test_a_body_that_says_no_length_is_not_read_beyond_its_limit(demo: Demo) -> None:
    parts = (b"x" * 65_536 for _ in range(MOST_BYTES // 65_536 + 2))
    answer = demo.client.post("/api/breaks/B-1/comments", content=parts, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["data"]["code"]) == (413, "TOO_LARGE")
