"""Who may do what: every endpoint, role and mode; tokens and proxies that are none; requests of other sites, and too large ones."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from advisory_perf.api.answering import _refuse_repeated
from advisory_perf.api.app import create_app
from advisory_perf.api.callers import SECRET_HEADER, check_address
from advisory_perf.api.middleware import LONGEST_ADDRESS, MOST_BYTES
from advisory_perf.api.roles import ApiRole
from advisory_perf.api.tokens import new_token, revoke_tokens
from advisory_perf.errors import SettingsError
from advisory_perf.runtime.hosts import Hosts
from advisory_perf.settings import Settings
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf_tests.api.access import OF_PROXY, PROXY, SECRET, Endpoint, ask, by_proxy, by_token, endpoints_of
from advisory_perf_tests.api.demo import NOW, Demo, a_demo, copy_database, settings_of

pytestmark = pytest.mark.slow

WRITING = {
    ("POST", "/api/alerts/{alert_id}/resolve"): ApiRole.ANALYST,
    ("POST", "/api/breaks/sign-offs"): ApiRole.ANALYST,
    ("POST", "/api/breaks/{break_id}/comments"): ApiRole.ANALYST,
    ("POST", "/api/breaks/{break_id}/sign-off"): ApiRole.ANALYST,
    ("PUT", "/api/breaks/{break_id}/owner"): ApiRole.ANALYST,
}
OPEN = {"/health/live", "/health/ready", "/version"}
OF_OPERATORS = {"/api/audit"}


@pytest.fixture(scope="module")
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Migrated and empty: whoever may ask is answered that there is nothing."""
    copy_database(postgres, "advisory_perf", "of_access")
    yield "of_access"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE of_access WITH (FORCE)")


@contextmanager
def served(server: EmbeddedPostgres, database: str, home: Path, mode: str, address: str = PROXY) -> Iterator[Demo]:
    settings = settings_of(server, database, home, api_auth=mode, **(OF_PROXY if "proxy" in mode else {}))
    with a_demo(settings, client=(address, 50_000)) as demo:
        yield demo


def tokens_of(settings: Settings) -> dict[ApiRole, str]:
    return {role: new_token(settings.tokens_file, f"job of {role}", role, days=1, now=NOW) for role in ApiRole}


def expected(endpoint: Endpoint, role: ApiRole | None) -> str:
    if endpoint.needed is None or (role is not None and role.may(endpoint.needed)):
        return "answered"
    return "nobody" if role is None else "refused"


def outcome(status: int) -> str:
    return {401: "nobody", 403: "refused"}.get(status, "answered" if status < 500 else f"failed with {status}")


def test_writing_endpoints_and_those_of_everybody_are_those_that_are_named_here() -> None:
    endpoints = endpoints_of()
    assert {(one.method, one.path): one.needed for one in endpoints if one.method != "GET"} == WRITING
    assert {one.path for one in endpoints if one.needed is None} == OPEN
    assert {one.path for one in endpoints if one.method == "GET" and one.needed not in {None, ApiRole.READER}} == OF_OPERATORS
    assert len(endpoints) > 12


@pytest.mark.parametrize("mode", ["none", "token", "proxy", "token,proxy"])
def test_every_endpoint_is_for_its_role_and_those_above(postgres: EmbeddedPostgres, database: str, tmp_path: Path, mode: str) -> None:
    with served(postgres, database, tmp_path, mode) as demo:
        tokens = tokens_of(demo.settings)
        ways: list[tuple[str, ApiRole | None, dict[str, str]]] = [("nobody", ApiRole.OPERATOR if mode == "none" else None, {})]
        for role in ApiRole:
            if "token" in mode:
                ways.append(("token", role, by_token(tokens[role])))
            if "proxy" in mode:
                ways.append(("proxy", role, by_proxy(role)))
        for endpoint in endpoints_of():
            for how, asking, headers in ways:
                status = ask(demo.client, endpoint, headers)
                assert outcome(status) == expected(endpoint, asking), (mode, how, asking, endpoint, status)


def test_a_token_is_good_from_its_making_until_its_end_and_others_of_the_name_stay(
    postgres: EmbeddedPostgres, database: str, tmp_path: Path
) -> None:
    with served(postgres, database, tmp_path, "token") as demo:
        file = demo.settings.tokens_file

        def status(token: str) -> int:
            return demo.client.get("/api/breaks", headers=by_token(token)).status_code

        old = new_token(file, "job", ApiRole.READER, days=2, now=NOW - timedelta(days=1))
        new = new_token(file, "job", ApiRole.READER, days=2, now=NOW)
        expired = new_token(file, "late", ApiRole.READER, days=1, now=NOW - timedelta(days=1))
        early = new_token(file, "early", ApiRole.READER, days=1, now=NOW + timedelta(seconds=1))
        assert [status(token) for token in (old, new, expired, early, "", "apt_x", old + "x")] == [200, 200, 401, 401, 401, 401, 401]
        assert demo.client.get("/api/breaks", headers={"Authorization": f"Basic {old}"}).status_code == 401
        assert revoke_tokens(file, "late", now=NOW) == 0
        assert revoke_tokens(file, "job", now=NOW) == 2
        assert [status(token) for token in (old, new)] == [401, 401], "from the next request on"
        answer = demo.client.get("/api/breaks")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("10.0.0.8", by_proxy(ApiRole.OPERATOR)),
        (PROXY, by_proxy(ApiRole.OPERATOR, **{"x-proxy-secret": ""})),
        (PROXY, by_proxy(ApiRole.OPERATOR, **{"x-proxy-secret": SECRET[:-1]})),
        (PROXY, by_proxy(ApiRole.OPERATOR, **{"x-proxy-secret": SECRET + "x"})),
        (PROXY, by_proxy(ApiRole.OPERATOR, **{"X-Forwarded-User": ""})),
        (PROXY, by_proxy(ApiRole.OPERATOR, **{"X-Forwarded-User": "x" * 201})),
        ("not an address", by_proxy(ApiRole.OPERATOR)),
    ],
)
@pytest.mark.parametrize("mode", ["proxy", "token,proxy"])
def test_a_proxy_that_is_none_is_nobody(
    postgres: EmbeddedPostgres, database: str, tmp_path: Path, mode: str, address: str, headers: dict[str, str]
) -> None:
    with served(postgres, database, tmp_path, mode, address) as demo:
        assert demo.client.get("/api/breaks", headers=headers).status_code == 401


@pytest.mark.parametrize("header", [SECRET_HEADER, "X-Forwarded-User", "X-Forwarded-Groups"])
def test_a_header_by_which_a_proxy_says_who_asks_comes_once(postgres: EmbeddedPostgres, database: str, tmp_path: Path, header: str) -> None:
    """What the client has sent itself would otherwise be taken in place of what the proxy adds."""
    of_reader, of_operator = by_proxy(ApiRole.READER), by_proxy(ApiRole.OPERATOR)
    with served(postgres, database, tmp_path, "token,proxy") as demo:
        for first, second in ((of_reader, of_operator), (of_operator, of_reader)):
            answer = demo.client.get("/api/breaks", headers=[*first.items(), (header, second[header])])
            assert answer.status_code == 401
            assert f"{header.lower()} is sent 2 times" in answer.json()["message"].lower()
        without = {name: value for name, value in of_reader.items() if name != "X-Forwarded-Groups"}
        assert demo.client.get("/api/breaks", headers=without).status_code == 403, "somebody who is in no group"


def test_a_token_comes_once(postgres: EmbeddedPostgres, database: str, tmp_path: Path) -> None:
    with served(postgres, database, tmp_path, "token") as demo:
        sent = [*by_token(tokens_of(demo.settings)[ApiRole.READER]).items()]
        assert demo.client.get("/api/breaks", headers=sent).status_code == 200
        assert demo.client.get("/api/breaks", headers=[*sent, *sent]).status_code == 401


def test_proxy_headers_say_nothing_where_there_is_no_proxy(postgres: EmbeddedPostgres, database: str, tmp_path: Path) -> None:
    with served(postgres, database, tmp_path, "token") as demo:
        assert demo.client.get("/api/breaks", headers=by_proxy(ApiRole.OPERATOR)).status_code == 401


def test_a_person_whom_the_proxy_knows_and_who_is_in_no_group_is_refused(postgres: EmbeddedPostgres, database: str, tmp_path: Path) -> None:
    with served(postgres, database, tmp_path, "proxy") as demo:
        answer = demo.client.get("/api/breaks", headers=by_proxy(None))
        assert (answer.status_code, answer.json()["message"]) == (
            403,
            "ann@example.com is in no group that has a role here; ask an operator for one",
        )


def test_who_writes_is_the_caller_and_nobody_else(postgres: EmbeddedPostgres, database: str, tmp_path: Path) -> None:
    with psycopg.connect(postgres.url(database)) as connection:
        connection.execute(
            "INSERT INTO alerts (alert_key, code, severity, feed, vendor, since, subject, message)"
            " VALUES ('k', 'X', 'LOW', 'f', 'v', now(), 's', 'm')"
        )
    with served(postgres, database, tmp_path, "proxy") as demo:
        (alert,) = demo.client.get("/api/alerts", headers=by_proxy(ApiRole.READER)).json()["data"]
        path = f"/api/alerts/{alert['id']}/resolve"
        assert demo.client.post(path, headers=by_proxy(ApiRole.READER)).status_code == 403
        assert demo.client.post(path, headers=by_proxy(ApiRole.ANALYST)).status_code == 200
        (entry,) = demo.client.get("/api/audit", headers=by_proxy(ApiRole.OPERATOR)).json()["data"]
        assert (entry["principal"], entry["role"], entry["address"]) == ("ann@example.com", "analyst", PROXY)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", "127.0.0.1.example.com", ""])  # noqa: S104 - refused
def test_without_authentication_the_api_listens_on_loopback_only(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match=f"ADVISORY_PERF_API_AUTH is none, .* loopback only and not on {host}; set it to token"):
        check_address(Settings(home=tmp_path), host)
    check_address(Settings(home=tmp_path, api_auth="token"), host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_on_loopback_nobody_has_to_say_who_he_is(tmp_path: Path, host: str) -> None:
    settings = Settings(home=tmp_path)
    check_address(settings, host)
    assert settings.api_auth == "none", "and no error was raised"


# around every request -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(postgres: EmbeddedPostgres, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served(postgres, database, tmp_path_factory.mktemp("around"), "none") as demo:
        yield demo.client


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}, 404),
        ({"Sec-Fetch-Site": "none"}, 404),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver.evil.example"}, 403),
        ({"Origin": "http://testserver:80"}, 404),
        ({"Origin": "http://testserver:81"}, 403),
        ({"Origin": "ftp://testserver"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "http://testserver:x"}, 403),
        ([("Origin", "http://testserver"), ("Origin", "https://evil.example")], 403),
        ([("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")], 403),
    ],
)
def test_a_page_of_another_site_changes_nothing(client: TestClient, headers: Any, status: int) -> None:
    answer = client.post("/api/alerts/999999/resolve", headers=headers)
    assert answer.status_code == status
    assert client.get("/api/alerts", headers=headers).status_code == 200, "who may read, reads"


def test_a_page_is_ours_by_the_names_that_the_server_goes_by(postgres: EmbeddedPostgres, database: str, tmp_path: Path) -> None:
    """A proxy may ask for the server by another name than the page has."""
    hosts = Hosts.of(["perf.example.com"])
    with served(postgres, database, tmp_path, "none") as demo:
        app = create_app(demo.service, is_ours=hosts.has_host, has_origin=hosts.has_origin)
        with TestClient(app, base_url="http://localhost:3001", raise_server_exceptions=False) as client:
            path = "/api/alerts/999999/resolve"
            assert client.post(path, headers={"Origin": "https://perf.example.com"}).status_code == 404
            assert client.post(path, headers={"Origin": "https://other.example.com"}).status_code == 403
            assert client.get("/api/alerts", headers={"Host": "other.example.com"}).status_code == 421
            assert client.get("/api/alerts", headers=[("Host", "localhost"), ("Host", "other.example.com")]).status_code == 421


@pytest.mark.parametrize("path", ["/api/alerts?{}", "/health/live?{}", "/nowhere?{}", "{}", "/docs?{}"])
def test_an_address_that_is_too_long_is_refused_before_anything_looks_at_it(client: TestClient, path: str) -> None:
    answer = client.get(path.format("/a=1" * (LONGEST_ADDRESS // 4) + "/"))
    assert (answer.status_code, answer.json()["data"]["code"]) == (414, "TOO_LONG")
    assert client.get(path.format("/" + "a" * (LONGEST_ADDRESS - 1))).status_code in {200, 404, 422}


def test_many_parameters_are_looked_at_once_each() -> None:
    scope = {"type": "http", "query_string": "&".join(f"a{number}=" for number in range(60_000)).encode(), "headers": []}
    begin = time.monotonic()
    _refuse_repeated(Request(scope))
    assert time.monotonic() - begin < 5


def test_a_body_is_too_large_however_its_length_is_written(client: TestClient) -> None:
    for length in (str(MOST_BYTES + 1), "9" * 5_000):
        assert client.get("/api/alerts", headers={"Content-Length": length}).status_code == 413


@pytest.mark.parametrize("query", ["vendor=a&vendor=b", "vendor=a&vendor=a", "page=1&page=2", "limit=1&limit=1"])
def test_a_parameter_that_stands_there_twice_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/breaks?{query}")
    assert (answer.status_code, answer.json()["message"]) == (422, f"{query.partition('=')[0]} is given more than once; give it once")
    assert client.get("/api/breaks?status=OPEN&status=SIGNED_OFF").status_code == 200


def test_a_body_of_more_than_a_megabyte_is_refused_said_beforehand_or_not(client: TestClient) -> None:
    path, said = "/api/breaks/B-1/comments", b'{"comment": "' + b"x" * MOST_BYTES + b'"}'
    assert client.post(path, content=said, headers={"Content-Type": "application/json"}).status_code == 413
    in_pieces = (said[place : place + 65_536] for place in range(0, len(said), 65_536))
    answer = client.post(path, content=in_pieces, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["message"]) == (413, f"a body has {MOST_BYTES:,} bytes at most; send less at once")


def test_a_request_has_the_id_that_it_comes_with_or_one_of_its_own(client: TestClient) -> None:
    for given in ("abc-1.2_3", "x" * 64):
        answer = client.get("/api/alerts", headers={"X-Request-Id": given})
        assert answer.headers["X-Request-Id"] == answer.json()["metadata"]["request_id"] == given
    own = [client.get("/api/alerts", headers={"X-Request-Id": given}).headers["X-Request-Id"] for given in ("", "a b", "x" * 65, "a;b")]
    assert len({*own}) == 4
    assert all(len(one) == 16 for one in own)
