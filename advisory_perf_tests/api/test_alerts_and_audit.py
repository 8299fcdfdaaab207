"""Alerts and the audit log over HTTP."""

from typing import Any

import psycopg
import pytest

from advisory_perf_tests.api.demo import Demo
from advisory_perf_tests.api.paged import whole_list

pytestmark = pytest.mark.slow


def ids(answer: Any) -> list[int]:
    return [row["id"] for row in answer["data"]]


def raise_alerts(demo: Demo) -> None:
    """Some more, of which every third is over."""
    demo.rows(
        "WITH made AS (INSERT INTO alerts (alert_key, code, severity, feed, vendor, since, subject, message, resolved_at)"
        " SELECT 'key ' || n, CASE WHEN n % 2 = 0 THEN 'LATE_FILE' ELSE 'RESTATED' END, CASE WHEN n < 4 THEN 'HIGH' ELSE 'LOW' END,"
        " 'a feed', CASE WHEN n < 6 THEN 'alpha' ELSE 'beta' END, timestamptz '2025-04-01' + n * interval '1 day', 's', 'm',"
        " CASE WHEN n % 3 = 0 THEN now() END FROM generate_series(1, 9) AS n RETURNING id) SELECT count(*) FROM made"
    )


def test_alerts_are_those_of_the_table_the_latest_first(own_demo: Demo) -> None:
    raise_alerts(own_demo)
    for params, where in (
        ({}, "resolved_at IS NULL"),
        ({"state": "resolved"}, "resolved_at IS NOT NULL"),
        ({"state": ["open", "resolved"]}, "true"),
        ({"vendor": "beta"}, "resolved_at IS NULL AND vendor = 'beta'"),
        ({"severity": ["HIGH", "CRITICAL"]}, "resolved_at IS NULL AND severity IN ('HIGH', 'CRITICAL')"),
        ({"code": "RESTATED"}, "resolved_at IS NULL AND code = 'RESTATED'"),
        ({"since": "2025-04-06T00:00:00Z"}, "resolved_at IS NULL AND since >= '2025-04-06'"),
    ):
        expected = [row["id"] for row in own_demo.rows(f"SELECT id FROM alerts WHERE {where} ORDER BY id DESC")]
        assert expected
        assert [row["id"] for row in whole_list(own_demo, "/api/alerts", limit=2, **params)] == expected, params


def test_an_alert_is_resolved_once_and_by_whom_is_known(own_demo: Demo) -> None:
    raise_alerts(own_demo)
    (alert, *others) = ids(own_demo.get("/api/alerts"))
    done = own_demo.client.post(f"/api/alerts/{alert}/resolve")
    assert (done.status_code, done.json()["data"]) == (200, {"id": alert, "resolved_by": "anybody"})
    assert ids(own_demo.get("/api/alerts")) == others
    again = own_demo.client.post(f"/api/alerts/{alert}/resolve")
    assert (again.status_code, again.json()["data"]["resolved_by_person"]) == (409, True)
    assert own_demo.client.post("/api/alerts/999999/resolve").status_code == 404
    assert own_demo.client.post("/api/alerts/x/resolve").status_code == 422
    (entry,) = own_demo.get("/api/audit", action="RESOLVED")["data"]
    assert (entry["principal"], entry["subject"]) == ("anybody", f"alert {alert}")


def test_an_alert_that_somebody_else_is_changing_is_not_waited_for(own_demo: Demo) -> None:
    raise_alerts(own_demo)
    (alert, *_) = ids(own_demo.get("/api/alerts"))
    with psycopg.connect(str(own_demo.settings.owner_url)) as outbox:
        outbox.execute("SELECT FROM alerts WHERE id = %s FOR UPDATE", [alert])
        answer = own_demo.client.post(f"/api/alerts/{alert}/resolve")
    assert (answer.status_code, answer.json()["data"]["code"], answer.headers["Retry-After"]) == (503, "LOCK_HELD", "5")
    assert "or somebody else is changing it; nothing was changed, try again in a moment" in answer.json()["message"]
    assert own_demo.client.post(f"/api/alerts/{alert}/resolve").status_code == 200


def test_the_audit_log_says_who_did_what_from_where_and_what_it_changed(own_demo: Demo) -> None:
    (one, *_) = own_demo.get("/api/breaks")["data"]["breaks"]
    tag = own_demo.client.get("/api/audit").headers["ETag"]
    sent = {"X-Request-Id": "by-hand-1"}
    path = f"/api/breaks/{one['break_id']}"
    own_demo.client.put(f"{path}/owner", json={"owner": "Ann"}, headers=sent)
    own_demo.client.put(f"{path}/owner", json={"owner": "Ann"}, headers=sent)
    own_demo.client.post(f"{path}/comments", json={"comment": "asked"}, headers=sent)
    own_demo.client.post(f"{path}/sign-off", json={"reason": "known", "expected_variance": one["variance"]}, headers=sent)
    assert own_demo.client.get("/api/audit", headers={"If-None-Match": tag}).status_code == 200
    found = own_demo.get("/api/audit")["data"]
    assert [(row["action"], row["before"], row["after"]) for row in reversed(found)] == [
        ("ASSIGNED", {"owner": None}, {"owner": "Ann"}),
        ("COMMENTED", None, {"comment": "asked"}),
        (
            "SIGNED_OFF",
            {"status": "OPEN", "signed_off_by": None},
            {"status": "SIGNED_OFF", "variance": one["variance"], "reason": "known"},
        ),
    ]
    for row in found:
        where = {name: row[name] for name in ("principal", "role", "subject", "origin", "address", "request_id")}
        assert where == {
            "principal": "anybody",
            "role": "operator",
            "subject": one["break_id"],
            "origin": "api",
            "address": "testclient",
            "request_id": "by-hand-1",
        }
    assert whole_list(own_demo, "/api/audit", limit=1) == found
    assert own_demo.get("/api/audit", principal="nobody")["data"] == []
    assert [row["action"] for row in own_demo.get("/api/audit", since=found[0]["at"])["data"]] == ["SIGNED_OFF"]
