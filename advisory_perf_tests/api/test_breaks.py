"""Breaks over HTTP: the queue, one of them, and what people do with them."""

import time
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from advisory_perf.contracts.materiality import Materiality
from advisory_perf.positions.publication import lock_publication
from advisory_perf.reconciliation.break_measures import Measuring
from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import NOW, STATEMENT_SECONDS, Demo
from advisory_perf_tests.api.paged import whole_list

pytestmark = pytest.mark.slow

EVERY = ["OPEN", "SIGNED_OFF", "RESOLVED", "RESOLVED_BY_RESTATEMENT"]


def listed(demo: Demo, **params: Any) -> list[dict[str, Any]]:
    return whole_list(demo, "/api/breaks", inside="breaks", **params)


def test_the_queue_is_the_view_and_counts_every_status(demo: Demo) -> None:
    rows = demo.rows("SELECT * FROM break_work ORDER BY account_id IS NOT NULL, first_as_of_date, break_id")
    found = listed(demo, status=EVERY)
    assert len(rows) > 5
    assert [{name: one[name] for name in rows[0]} for one in found] == [
        {name: as_json(value) for name, value in row.items()} for row in rows
    ]
    answer = demo.get("/api/breaks")["data"]
    for status in EVERY:
        assert answer["counts"][status] == sum(row["status"] == status for row in rows)
    assert answer["breaks"] == [one for one in found if one["status"] == "OPEN"], "by default those that are open"


def test_the_queue_opens_no_partitions_but_for_the_rows_that_it_shows(own_demo: Demo) -> None:
    """A query waits for the lock of whatever it names, also of what its plan leaves out."""
    with psycopg.connect(str(own_demo.settings.owner_url)) as migration:
        migration.execute("LOCK TABLE performance_data, reconciliation_results IN ACCESS EXCLUSIVE MODE")
        for asked in ({}, {"age_min": 1}, {"owner": "Ann"}):
            assert own_demo.get("/api/breaks", vendor="none", **asked)["data"]["breaks"] == []


def test_ages_and_sizes_are_those_that_the_command_shows(demo: Demo) -> None:
    settings = demo.service.settings
    measuring = Measuring.by(demo.service.feeds.values(), Materiality(settings.material_amount, settings.material_return), NOW)
    rows = demo.rows("SELECT * FROM break_work")
    expected = {row["break_id"]: row for row in measuring.measured_rows(rows)}
    found = listed(demo, status=EVERY)
    for name in ("business_days", "is_material", "is_new_today", "is_closed_today"):
        assert {one["break_id"]: one[name] for one in found} == {break_id: row[name] for break_id, row in expected.items()}
    for least in sorted({one["business_days"] for one in found} | {0, 10_000}):
        expected_names = {one["break_id"] for one in found if one["business_days"] >= least}
        answer = demo.get("/api/breaks", status=EVERY, age_min=least, limit=500)
        assert {one["break_id"] for one in answer["data"]["breaks"]} == expected_names
        assert answer["metadata"]["total_records"] == sum(answer["data"]["counts"].values()) == len(expected_names)


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("amount", lambda row: abs(row["variance"]) if row["variance"] is not None else Decimal("Infinity")),
        (
            "tolerance",
            lambda row: (
                abs(row["variance"]) / row["tolerance_threshold"]
                if row["variance"] is not None and row["tolerance_threshold"]
                else Decimal("Infinity")
            ),
        ),
    ],
)
def test_the_largest_come_first(demo: Demo, sort: str, key: Any) -> None:
    sizes = {row["break_id"]: key(row) for row in demo.rows("SELECT * FROM break_work")}
    found = [sizes[one["break_id"]] for one in listed(demo, status=EVERY, sort=sort)]
    assert found == sorted(sizes.values(), reverse=True)


@pytest.mark.parametrize("sort", ["age", "amount", "tolerance"])
def test_pages_by_number_and_by_cursor_are_the_whole(demo: Demo, sort: str) -> None:
    assert listed(demo, status=EVERY, sort=sort, limit=2) == listed(demo, status=EVERY, sort=sort)


@pytest.mark.parametrize(
    ("parameter", "column"),
    [
        ("vendor", "data_source"),
        ("account_id", "account_id"),
        ("file_id", "delivery_id"),
        ("field", "field_name"),
        ("cause", "likely_cause"),
    ],
)
def test_a_filter_leaves_what_it_says(demo: Demo, parameter: str, column: str) -> None:
    whole = listed(demo, status=EVERY)
    for value in {one[column] for one in whole} - {None}:
        assert listed(demo, status=EVERY, **{parameter: value}) == [one for one in whole if one[column] == value]


def test_what_was_found_since_is_what_was_found_since(demo: Demo) -> None:
    whole = listed(demo, status=EVERY)
    for since in {one["created_at"] for one in whole}:
        assert listed(demo, status=EVERY, new_since=since) == [one for one in whole if one["created_at"] >= since]
    assert demo.client.get("/api/breaks", params={"new_since": "2025-04-10T12:00:00"}).status_code == 422, "an instant has a zone"


def test_one_break_has_its_valuations_what_was_done_and_what_breaks_like_it(demo: Demo) -> None:
    for one in listed(demo, status=EVERY):
        found = demo.get(f"/api/breaks/{one['break_id']}")["data"]
        assert {name: found[name] for name in one} == one
        place = {name: found[name] for name in ("data_source", "account_id", "field_name", "first_as_of_date", "last_as_of_date")}
        rows = demo.rows(
            "SELECT as_of_date, variance, within_tolerance FROM reconciliation_results WHERE data_source = %(data_source)s AND"
            " account_id = %(account_id)s AND field_name = %(field_name)s AND as_of_date BETWEEN %(first_as_of_date)s::date"
            " AND %(last_as_of_date)s::date ORDER BY 1",
            place,
        )
        shown = [{name: day[name] for name in ("as_of_date", "variance", "within_tolerance")} for day in found["valuations_of_break"]]
        assert shown == [{name: as_json(value) for name, value in row.items()} for row in rows]
        assert bool(found["factors"]) == (found["account_id"] is None)
        assert found["history"][0]["event"] == "FOUND"
        like = [
            other
            for other in listed(demo, status=EVERY)
            if other["break_id"] != one["break_id"]
            and all(other[name] == one[name] for name in ("data_source", "likely_cause", "last_as_of_date"))
        ]
        assert found["others"] == {"breaks": len(like), "open": sum(other["status"] == "OPEN" for other in like)}
        assert found["materiality"] == {"amount": "1000.0000", "share": "0.0010", "is_material": one["is_material"]}
    assert demo.client.get("/api/breaks/B-none").json()["message"] == "there is no break B-none; /api/breaks lists them"


# what people do -------------------------------------------------------------------------------------------------------


def amount_of(found: dict[str, Any]) -> str | None:
    amount: str | None = found["variance"] or found["factor"]
    return amount


def signing(demo: Demo, found: dict[str, Any], **changes: Any) -> Any:
    body = {"reason": "known", "expected_variance": amount_of(found), **changes}
    return demo.client.post(f"/api/breaks/{found['break_id']}/sign-off", json=body)


def test_a_sign_off_is_of_the_amount_that_was_seen(own_demo: Demo) -> None:
    (one, two, *_) = listed(own_demo)
    other = signing(own_demo, one, expected_variance="1.5")
    assert (other.status_code, other.json()["data"]["present_variance"]) == (409, amount_of(one))
    assert own_demo.rows("SELECT count(*) AS n FROM break_sign_offs") == [{"n": 0}]
    assert own_demo.rows("SELECT count(*) AS n FROM audit_log") == [{"n": 0}]
    done = signing(own_demo, one)
    assert (done.status_code, done.json()["data"]["status"], done.json()["data"]["is_new"]) == (201, "SIGNED_OFF", True)
    again = signing(own_demo, one)
    assert (again.status_code, again.json()["data"]) == (201, {**done.json()["data"], "is_new": False})
    assert own_demo.rows("SELECT signed_off_by, reason FROM break_sign_offs") == [{"signed_off_by": "anybody", "reason": "known"}]
    assert own_demo.rows("SELECT count(*) AS n FROM audit_log") == [{"n": 1}]
    for changes in ({"reason": "otherwise"}, {"reason": "otherwise", "expected_variance": "1"}):
        refused = signing(own_demo, one, **changes)
        assert refused.status_code == 409
        assert refused.json()["data"]["signed_off_by"] == "anybody"
    assert signing(own_demo, one, expected_variance="1").json()["data"]["present_variance"] == amount_of(one)
    assert signing(own_demo, two).status_code == 201
    with psycopg.connect(str(own_demo.settings.owner_url)) as connection:
        connection.execute("UPDATE reconciliation_breaks SET status = 'RESOLVED' WHERE break_id = %s", [two["break_id"]])
    over = signing(own_demo, two)
    assert (over.status_code, over.json()["data"]["break_status"]) == (409, "RESOLVED")
    assert signing(own_demo, {**one, "break_id": "B-none"}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"reason": "known"},
        {"expected_variance": "1"},
        {"reason": " ", "expected_variance": "1"},
        {"reason": "nul\x00", "expected_variance": "1"},
        {"reason": "known", "expected_variance": 1.5},
        {"reason": "known", "expected_variance": "NaN"},
        {"reason": "known", "expected_variance": "1e400"},
        {"reason": "known", "expected_variance": "1.0000000000001"},
        {"reason": "known", "expected_variance": "1", "signed_off_by": "somebody else"},
    ],
)
def test_a_sign_off_that_says_too_little_or_too_much_is_refused(demo: Demo, body: dict[str, Any]) -> None:
    (one, *_) = listed(demo)
    answer = demo.client.post(f"/api/breaks/{one['break_id']}/sign-off", json=body)
    assert (answer.status_code, answer.json()["data"]["code"]) == (422, "REQUEST"), answer.text


def test_while_the_vendor_is_published_a_sign_off_is_refused_soon_and_reads_are_answered(own_demo: Demo) -> None:
    (one, two, *_) = listed(own_demo)
    with psycopg.connect(str(own_demo.settings.owner_url)) as connection:
        lock_publication(connection, one["data_source"])
        begin = time.monotonic()
        answer = signing(own_demo, one)
        took = time.monotonic() - begin
        assert (answer.status_code, answer.json()["data"]["code"], answer.headers["Retry-After"]) == (503, "LOCK_HELD", "5")
        assert took < STATEMENT_SECONDS, "no longer than the lock is waited for"
        assert "or somebody else is changing it; nothing was changed, try again in a moment" in answer.json()["message"]
        assert listed(own_demo) == [one, two, *_]
        items = [{"break_id": found["break_id"], "expected_variance": amount_of(found)} for found in (one, two)]
        several = own_demo.client.post("/api/breaks/sign-offs", json={"reason": "known", "items": items}).json()["data"]
        assert [(result["result"], result["refusal"]["status"]) for result in several] == [("refused", 503)] * 2
    assert signing(own_demo, one).status_code == 201


def test_of_several_each_has_its_result(own_demo: Demo) -> None:
    every = listed(own_demo)
    items = [{"break_id": one["break_id"], "expected_variance": amount_of(one)} for one in every]
    items[0]["expected_variance"] = "1"
    items.insert(1, {"break_id": "B-none", "expected_variance": None})
    answer = own_demo.client.post("/api/breaks/sign-offs", json={"reason": "rounds half up", "items": items})
    results = answer.json()["data"]
    assert [result["break_id"] for result in results] == [item["break_id"] for item in items]
    assert [(result["refusal"] or {}).get("status") for result in results] == [409, 404, *[None] * (len(every) - 1)]
    assert results[0]["refusal"]["details"]["present_variance"] == amount_of(every[0])
    assert [one["break_id"] for one in listed(own_demo)] == [every[0]["break_id"]]
    logged = own_demo.rows("SELECT subject, request_id FROM audit_log ORDER BY subject")
    assert [row["subject"] for row in logged] == sorted(one["break_id"] for one in every[1:])
    assert {row["request_id"] for row in logged} == {answer.headers["X-Request-Id"]}


@pytest.mark.parametrize("items", [[], [{"break_id": "B-1"}], [{"expected_variance": "1"}]])
def test_several_that_are_none_or_say_too_little_are_refused(demo: Demo, items: list[dict[str, Any]]) -> None:
    assert demo.client.post("/api/breaks/sign-offs", json={"reason": "known", "items": items}).status_code == 422


@pytest.mark.parametrize("content", [b"\xff", b"{", b"[]", b"", b'{"reason": "\xe9", "items": []}'])
def test_a_body_that_is_no_json_is_refused(demo: Demo, content: bytes) -> None:
    answer = demo.client.post("/api/breaks/sign-offs", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["data"]["code"]) == (422, "REQUEST")


def test_a_break_that_stands_there_twice_is_signed_off_once(own_demo: Demo) -> None:
    (one, *_) = listed(own_demo)
    items = [{"break_id": one["break_id"], "expected_variance": amount} for amount in (amount_of(one), amount_of(one), "1")]
    results = own_demo.client.post("/api/breaks/sign-offs", json={"reason": "known", "items": items}).json()["data"]
    assert [(result["sign_off"] or {}).get("is_new") for result in results] == [True, False, None]
    assert results[2]["refusal"]["details"]["present_variance"] == amount_of(one)
    assert own_demo.rows("SELECT count(*) AS n FROM break_sign_offs") == [{"n": 1}]


def test_more_than_five_hundred_at_once_are_refused(demo: Demo) -> None:
    items = [{"break_id": f"B-{number}", "expected_variance": None} for number in range(501)]
    assert demo.client.post("/api/breaks/sign-offs", json={"reason": "known", "items": items}).status_code == 422
    answer = demo.client.post("/api/breaks/sign-offs", json={"reason": "known", "items": items[:500]})
    assert {result["refusal"]["status"] for result in answer.json()["data"]} == {404}


def test_owner_and_comments_are_those_that_were_sent_last_and_all_is_in_the_history(own_demo: Demo) -> None:
    (one, two, *_) = listed(own_demo)
    path = f"/api/breaks/{one['break_id']}"
    for owner in ("Ann", "Ann", " Bob "):
        answer = own_demo.client.put(f"{path}/owner", json={"owner": owner})
        assert (answer.status_code, answer.json()["data"]) == (200, {"break_id": one["break_id"], "owner": owner.strip()})
    assert [found["break_id"] for found in listed(own_demo, owner="Bob")] == [one["break_id"]]
    assert own_demo.client.post(f"{path}/comments", json={"comment": "asked\nthem"}).status_code == 201
    found = own_demo.get(path)["data"]
    assert (found["owner"], found["comments"], found["latest_comment"]) == ("Bob", 1, "asked\nthem")
    assert [(event["event"], event["made_by"], event["owner"]) for event in found["history"]] == [
        ("FOUND", None, None),
        ("ASSIGNED", "anybody", "Ann"),
        ("ASSIGNED", "anybody", "Bob"),
        ("COMMENTED", "anybody", None),
    ], "who has it already is not given it again"
    own_demo.client.put(f"{path}/owner", json={"owner": None})
    assert own_demo.get(path)["data"]["owner"] is None
    assert {own_demo.client.put("/api/breaks/B-none/owner", json={"owner": "Ann"}).status_code} == {404}
    assert own_demo.client.post("/api/breaks/B-none/comments", json={"comment": "x"}).status_code == 404
    assert two["owner"] is None
