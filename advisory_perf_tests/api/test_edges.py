"""What lies at the end of the calendar, of numbers and of nesting is answered or refused, and never a fault of ours."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from advisory_perf.api.app import routed
from advisory_perf.api.cursors import cursor_of, scope_of
from advisory_perf.api.models.accounts import AccountsQuery
from advisory_perf.api.models.alerts import AlertsQuery
from advisory_perf_tests.api.calls import calls
from advisory_perf_tests.api.demo import Demo

pytestmark = pytest.mark.slow

DAYS = ("0001-01-01", "0001-01-05", "9999-12-31", "9999-12-30", "1582-10-10", "0000-01-01", "10000-01-01", "2024-02-30")
RANGES = (
    *DAYS,
    *(f"../{day}" for day in DAYS),
    *(f"{day}/.." for day in DAYS),
    "0001-01-01/9999-12-31",
    "0001-01-01/0001-01-01",
    "9999-12-31/9999-12-31",
)
INSTANTS = (
    *DAYS,
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00-14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59.999999Z",
    "2025-01-01T00:00:00+15:59",
    "2025-01-01T00:00:00+16:00",
    "2025-01-01T00:00:00+23:59",
    "2025-01-01T00:00:00-23:59",
    "2025-01-01T00:00:00+24:00",
    "2025-01-01T24:00:00Z",
    "2025-01-01T23:59:60Z",
)
NUMBERS = ("0", "-1", "9" * 19, "9" * 400, "9" * 5_000, "1e400", "1E+1000000", "1E-1000000", "NaN", "-Infinity", "0." + "1" * 100, "\u0664")


def packed(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


CURSORS = (
    *("", "=", "x", "\u00e9", "\x00", "A" * 4_000),
    *(packed(text) for text in ("[" * 2_900, '{"a":' * 480, "[" + "1" * 2_900 + "]", "null", "5", '"x"', "[]", "[1]", "{}", "NaN", "\x00")),
)
ODD: dict[str, tuple[str, ...]] = {
    "date_range": RANGES,
    "received_range": RANGES,
    "since": INSTANTS,
    "new_since": INSTANTS,
    "as_reported": INSTANTS,
    "page": NUMBERS,
    "limit": NUMBERS,
    "age_min": NUMBERS,
    "min_variance": NUMBERS,
    "cursor": CURSORS,
}


def odd_requests(demo: Demo) -> Iterator[tuple[str, dict[str, str]]]:
    """Every endpoint that is read with every value of each of its parameters, one at a time."""
    places = {call.path: call.places for call in calls(demo)} | {"/api/exports/{relation}": {"relation": "performance_data"}}
    for template, methods in routed().openapi()["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            where = {name: quote(value, safe="") for name, value in places.get(template, {}).items()}
            for value in ODD.get(parameter["name"], ()) if parameter["in"] == "query" else ():
                asked = {"vendor": "vendor_a"} if template.startswith("/api/accounts/") else {}
                yield template.format(**where), {**asked, parameter["name"]: value}


def test_a_value_at_the_end_of_what_there_is_is_answered_or_refused(demo: Demo) -> None:
    met: dict[str, set[int]] = {}
    for path, asked in odd_requests(demo):
        answer = demo.client.get(path, params=asked)
        assert answer.status_code in {200, 422}, (path, asked, answer.status_code, answer.text[:300])
        met.setdefault([*asked][-1], set()).add(answer.status_code)
    assert met.keys() == ODD.keys()
    assert all(statuses == {200, 422} for name, statuses in met.items() if ODD[name] in {RANGES, INSTANTS}), met


@pytest.mark.parametrize("path", ["/api/dashboard/summary", "/api/kpis", "/api/quality/score"])
def test_a_range_that_is_open_before_the_first_days_begins_with_the_first(demo: Demo, path: str) -> None:
    assert demo.client.get(path, params={"date_range": "../0001-01-05"}).status_code == 200
    if path != "/api/kpis":
        assert demo.get(path, date_range="../0001-01-05")["data"]["first"] == "0001-01-01"
        assert demo.get(path, date_range="../0001-02-05")["data"]["first"] == "0001-01-07"


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_of_a_path_may_be_any(demo: Demo, day: str) -> None:
    (row,) = demo.rows("SELECT account_id FROM performance_data WHERE data_source = 'vendor_a' ORDER BY 1 LIMIT 1")
    assert demo.client.get(f"/api/lineage/vendor_a/{quote(row['account_id'], safe='')}/{day}").status_code == 404


@pytest.mark.parametrize("last", [[], ["1", "2"], ["x"], ["1\x00"], ["9" * 400], ["1e5"], [""]])
def test_a_cursor_that_nobody_was_given_is_refused(demo: Demo, last: list[str]) -> None:
    """Anybody can make a digest."""
    cursor = cursor_of(scope_of("/api/alerts", AlertsQuery()), last)
    answer = demo.client.get("/api/alerts", params={"cursor": cursor})
    assert (answer.status_code, "another list or filter" in answer.json()["message"]) == (422, True)
    cursor = cursor_of(scope_of("/api/accounts", AccountsQuery(sort="emv")), [*last, "x", "y"][:3] if len(last) == 1 else last)
    assert demo.client.get("/api/accounts", params={"sort": "emv", "cursor": cursor}).status_code in {200, 422}


def test_instants_of_any_zone_are_the_same_instant(demo: Demo) -> None:
    path = "/api/changes"
    given = [demo.get(path, since=since) for since in ("2025-03-31T12:00:00Z", "2025-03-31T14:00:00+02:00", "2025-04-01T11:59:00+23:59")]
    assert {answer["message"] for answer in given} == {"since 2025-03-31T12:00:00.000000Z"}
    changes = [answer["data"]["changes"] for answer in given]
    assert changes[0] == changes[1] == changes[2] != []


BODIES: tuple[Any, ...] = (
    "[" * 500_000,
    '{"a":' * 100_000,
    '{"comment": ' + "[" * 100_000 + "]" * 100_000 + "}",
    '{"comment": ' + "9" * 5_000 + "}",
    '{"reason": "x", "expected_variance": "1E999999999"}',
    '{"reason": "x", "expected_variance": "1E-999999999"}',
    '{"reason": "x", "expected_variance": "' + "9" * 500_000 + '"}',
    json.dumps({"items": [{"break_id": "B-1", "expected_variance": "sNaN"}], "reason": "x"}),
)


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_that_is_nested_or_large_beyond_sense_is_refused(demo: Demo, body: str) -> None:
    for method, path in (
        ("POST", "/api/breaks/B-1/comments"),
        ("POST", "/api/breaks/B-1/sign-off"),
        ("POST", "/api/breaks/sign-offs"),
        ("PUT", "/api/breaks/B-1/owner"),
    ):
        answer = demo.client.request(method, path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, (path, answer.text[:300])


def test_a_number_of_a_path_may_be_none_that_there_is(demo: Demo) -> None:
    for number in NUMBERS:
        answer = demo.client.post(f"/api/alerts/{quote(number, safe='')}/resolve")
        assert answer.status_code in {404, 422}, number
