"""What must come out nowhere, and what must come out as it went in: secrets, and names that are meant to mislead."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest

from advisory_perf.api.roles import ApiRole
from advisory_perf.api.tokens import new_token
from advisory_perf.contracts.enums import ReturnStatus
from advisory_perf.errors import AdvisoryPerfError, DeliveryRejectedError, RequestError, UndefinedReturnError
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.api.access import OF_PROXY, PROXY, SECRET, by_proxy, by_token, endpoints_of
from advisory_perf_tests.api.demo import NOW, Demo, a_demo
from advisory_perf_tests.hostile_names import HOSTILE_NAMES

pytestmark = pytest.mark.slow

PASSWORD = "hunter2-planted"
DEAD = f"postgresql://someone:{PASSWORD}@127.0.0.1:1/nowhere"
NAMES = (
    *HOSTILE_NAMES,
    "</script><script>alert(1)</script>",
    "=cmd()",
    "+1",
    "-1",
    "@SUM(1)",
    "\u202eright to left\u202c",
    "\u05d0\u05d1\u05d2",
    "x" * 400,
    "a%2Fb",
    "a%252Fb",
    "a/b",
    "../../etc/passwd",
    ".",
    "..",
    "'\"`",
    "'; DROP TABLE alerts; --",
    "%",
    "%s %(vendor)s {keys}",
    "a?b#c&d=e;f+g h",
    "\U0001f9fe",
    "e\u0301",
)
REFUSED = ("nul\x00", "\x00", "x" * 401, "")


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Demo]:
    """The API of a warehouse that does not answer, whose address has a password."""
    addresses = dict.fromkeys(("warehouse_url", "owner_url", "reader_url", "desk_url"), DEAD)
    settings = Settings(home=tmp_path, api_auth="token,proxy", **addresses, **OF_PROXY)  # type: ignore[arg-type]
    with a_demo(settings, client=(PROXY, 50_000)) as demo:
        yield demo


def test_no_secret_comes_out_of_an_answer_a_log_or_a_metric(
    away: Demo, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    token = new_token(away.settings.tokens_file, "job", ApiRole.OPERATOR, days=1, now=NOW)
    other_secret = by_proxy(ApiRole.OPERATOR, **{"x-proxy-secret": SECRET + "x"})
    ways = [by_token(token), by_proxy(ApiRole.OPERATOR), by_token(token + "x"), other_secret]
    said, statuses = [], set()
    for endpoint in endpoints_of():
        bodies = [None, {"reason": "x", "expected_variance": None}, {"comment": "x"}, {"owner": "x"}]
        for headers in ways:
            for body in bodies if endpoint.method != "GET" else [None]:
                answer = away.client.request(endpoint.method, endpoint.url, headers=headers, json=body)
                said += [answer.text, repr(answer.headers)]
                statuses.add(answer.status_code)
                if answer.status_code == 503:
                    assert answer.headers["Retry-After"] == "5"
    items = [{"break_id": "B-1", "expected_variance": None}]
    said.append(away.client.post("/api/breaks/sign-offs", headers=ways[0], json={"reason": "x", "items": items}).text)
    said.append(away.client.get("/metrics", headers=ways[0]).text)
    assert {401, 503} <= statuses
    assert 500 not in statuses
    for place in ("127.0.0.1", "nowhere", "someone", str(away.settings.home)):
        assert place not in "\n".join(said)
    everything = "\n".join([*said, caplog.text, *capfd.readouterr()])
    assert "the warehouse at 127.0.0.1/nowhere cannot be reached" in everything
    assert "advisory_perf_api_requests_total" in everything
    for secret in (token, token.removeprefix("apt_"), SECRET, PASSWORD):
        assert secret not in everything
    assert away.settings.tokens_file.read_text().count(token) == 0


def of_no_request(kind: type[AdvisoryPerfError] = AdvisoryPerfError) -> Iterator[type[AdvisoryPerfError]]:
    if not issubclass(kind, RequestError):
        yield kind
        for narrower in kind.__subclasses__():
            yield from of_no_request(narrower)


SAYS = f"the warehouse at db.example:5432/positions refused the login bob ({PASSWORD}), see /srv/home/api_tokens.json"
OF_TWO = {DeliveryRejectedError: "E_READ", UndefinedReturnError: ReturnStatus.CLOSED}


@pytest.mark.parametrize("kind", sorted({*of_no_request()}, key=str), ids=str)
@pytest.mark.parametrize("path", ["/health/ready", "/api/vendors", "/api/exports/accounts"])
def test_an_error_of_no_request_says_nothing_of_hosts_logins_and_files(
    away: Demo, caplog: pytest.LogCaptureFixture, path: str, kind: Any
) -> None:
    error = kind(OF_TWO[kind], SAYS) if kind in OF_TWO else kind(SAYS)
    asked = {**by_proxy(ApiRole.OPERATOR), "X-Request-Id": "asked-1"}
    with patch.object(Warehouse, "connect", side_effect=error):
        answers = [away.client.get(path, headers={**asked, "Accept": form}) for form in ("application/json", "application/problem+json")]
    for answer in answers:
        assert answer.status_code == kind.http_status
        assert not [word for word in ("db.example", "5432", "positions", "bob", PASSWORD, "/srv") if word in answer.text]
        assert len(answer.json()["data" if "data" in answer.json() else "detail"]) > 3
    logged = [json.loads(one.message) for one in caplog.records if one.levelname == "WARNING" and "says" in one.message]
    assert [(one["request_id"], one["error"], one["says"]) for one in logged] == [("asked-1", kind.__name__, str(error))] * 2


def test_a_file_of_tokens_that_cannot_be_read_is_not_named(away: Demo, caplog: pytest.LogCaptureFixture) -> None:
    away.settings.tokens_file.write_text("[{]")
    answer = away.client.get("/api/vendors", headers=by_token("apt_x"))
    assert answer.status_code == 500
    assert not [word for word in (str(away.settings.home), "tokens.json") if word in answer.text]
    assert str(away.settings.tokens_file) in caplog.text


@pytest.mark.parametrize("name", sorted({*NAMES} - {".", ".."}), ids=lambda name: f"{len(name)} characters")
def test_a_name_comes_back_from_a_path_as_it_went_in(demo: Demo, name: str) -> None:
    """A client takes a dot, and two, for the folder and that above it."""
    answer = demo.client.get(f"/api/breaks/{quote(name, safe='')}")
    assert answer.status_code == 404
    assert answer.json()["data"]["break_id"] == name
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for path in ("/api/alerts", "/api/breaks", "/api/audit"):
        parameter = "principal" if path == "/api/audit" else "vendor"
        assert demo.client.get(path, params={parameter: name}).json()["metadata"]["total_records"] == 0


@pytest.mark.parametrize("name", REFUSED, ids=range(len(REFUSED)))
def test_a_name_that_can_be_none_is_refused(demo: Demo, name: str) -> None:
    if name:
        assert demo.client.get(f"/api/breaks/{quote(name, safe='')}").status_code == 422
    assert demo.client.get("/api/breaks", params={"vendor": name}).status_code == 422
    assert demo.client.get("/api/breaks", params={"owner": name}).status_code == 422
    (one, *_) = demo.get("/api/breaks")["data"]["breaks"]
    assert demo.client.put(f"/api/breaks/{one['break_id']}/owner", json={"owner": name}).status_code == 422


def test_owners_and_words_come_back_as_they_were(own_demo: Demo) -> None:
    (one, *_) = own_demo.get("/api/breaks")["data"]["breaks"]
    path = f"/api/breaks/{one['break_id']}"
    for name in NAMES:
        assert own_demo.client.put(f"{path}/owner", json={"owner": name}).json()["data"]["owner"] == name
        assert own_demo.client.post(f"{path}/comments", json={"comment": name}).json()["data"]["comment"] == name
        (found,) = own_demo.get("/api/breaks", owner=name)["data"]["breaks"]
        assert (found["owner"], found["latest_comment"]) == (name, name)
    history = own_demo.get(path)["data"]["history"]
    assert [event["comment"] for event in history if event["event"] == "COMMENTED"] == list(NAMES)
    logged = own_demo.get("/api/audit", action="COMMENTED", limit=500)["data"]
    assert [entry["after"]["comment"] for entry in reversed(logged)] == list(NAMES)
    alone = own_demo.client.put(f"{path}/owner", content=b'{"owner": "\\ud800"}', headers={"Content-Type": "application/json"})
    assert alone.status_code == 422, "half a character is none"
