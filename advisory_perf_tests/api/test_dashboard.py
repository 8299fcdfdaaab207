"""Dashboard, key figures and quality, against SQL of the owner that reads the rows themselves."""

import pytest

from advisory_perf.analytics.kpis import KPIS
from advisory_perf_tests.api.demo import Demo

pytestmark = pytest.mark.slow

RANGE = "2024-04-01/2025-03-31"


def test_market_values_and_pass_rates_are_those_of_the_rows(demo: Demo) -> None:
    found = demo.get("/api/dashboard/summary", date_range=RANGE)["data"]
    values = demo.rows(
        "SELECT as_of_date::text, currency, count(*) AS accounts, sum(beginning_market_value)::text AS beginning_market_value,"
        " sum(ending_market_value)::text AS ending_market_value, sum(net_flow)::text AS net_flow FROM performance_data"
        " WHERE as_of_date BETWEEN '2024-04-01' AND '2025-03-31' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert found["market_values"] == values
    rates = demo.rows(
        "SELECT as_of_date::text, field_name, count(within_tolerance) AS compared, count(*) FILTER (WHERE NOT within_tolerance) AS breaks"
        " FROM reconciliation_results WHERE as_of_date BETWEEN '2024-04-01' AND '2025-03-31' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert [{name: row[name] for name in rates[0]} for row in found["pass_rates"]] == rates
    assert len(rates) > 12


def test_breaks_and_alerts_are_those_that_are_open(demo: Demo) -> None:
    found = demo.get("/api/dashboard/summary")["data"]
    (row,) = demo.rows(
        "SELECT count(*) FILTER (WHERE status = 'OPEN') AS open, count(*) FILTER (WHERE status = 'SIGNED_OFF') AS signed_off"
        " FROM reconciliation_breaks"
    )
    breaks = found["breaks"]
    assert {name: breaks[name] for name in row} == row
    assert row["open"] == sum(breaks[name] for name in ("age_0_1", "age_2_5", "age_6_30", "age_over_30")) > 0
    assert row["open"] == sum(one["breaks"] for one in breaks["by_cause"])
    (count,) = demo.rows("SELECT count(*) AS count FROM alerts WHERE resolved_at IS NULL")
    assert sum(found["alerts"][name] for name in ("critical", "high", "medium", "low")) == count["count"]


def test_open_breaks_are_as_old_as_the_queue_says(demo: Demo) -> None:
    ages = [one["business_days"] for one in demo.get("/api/breaks", limit=500)["data"]["breaks"]]
    breaks = demo.get("/api/dashboard/summary")["data"]["breaks"]
    for name, (least, most) in {"age_0_1": (0, 1), "age_2_5": (2, 5), "age_6_30": (6, 30), "age_over_30": (31, 10_000)}.items():
        assert breaks[name] == sum(least <= age <= most for age in ages), name
    quiet = demo.get("/api/dashboard/summary", vendor="vendor_d")["data"]["breaks"]
    of_vendor = demo.rows("SELECT count(*) AS n FROM reconciliation_breaks WHERE data_source = 'vendor_d' AND status = 'OPEN'")
    assert sum(quiet[name] for name in ("age_0_1", "age_2_5", "age_6_30", "age_over_30")) == of_vendor[0]["n"]


def test_an_alert_that_is_over_after_the_latest_day_counts_unless_a_last_day_is_asked_for(own_demo: Demo) -> None:
    def seconds(**asked: str) -> float | None:
        figures = {one["name"]: one for one in own_demo.get("/api/kpis", **asked)["data"]}
        value: float | None = figures["mttr"]["value"]
        return value

    assert seconds() is None
    own_demo.rows(
        "WITH made AS (INSERT INTO alerts (alert_key, code, severity, feed, vendor, since, subject, message, resolved_at)"
        " VALUES ('key', 'LATE_FILE', 'HIGH', 'a feed', 'vendor_a', '2025-04-09T12:00:00Z', 's', 'm', '2025-04-09T13:30:00Z')"
        " RETURNING id) SELECT count(*) FROM made"
    )
    assert seconds() == seconds(date_range="2025-04-09/..") == seconds(date_range="2025-04-09") == 5400
    assert seconds(date_range="2025-03-02/2025-03-31") is None
    assert seconds(date_range="2025-04-10/..") is None
    assert seconds(vendor="vendor_d") is None


def test_days_are_the_latest_thirty_unless_others_are_asked_for(demo: Demo) -> None:
    found = demo.get("/api/dashboard/summary")["data"]
    assert (found["first"], found["last"], found["vendor"]) == ("2025-03-02", "2025-03-31", None)
    of_one = demo.get("/api/dashboard/summary", vendor="vendor_d", date_range="2025-03-04/2025-03-07")["data"]
    assert {row["as_of_date"] for row in of_one["market_values"]} == {f"2025-03-0{day}" for day in range(4, 8)}
    assert demo.get("/api/dashboard/summary", date_range="2025-02-01/..")["data"]["first"] == "2025-02-01"


def test_key_figures_have_a_value_or_say_that_nothing_was_counted(demo: Demo) -> None:
    figures = {one["name"]: one for one in demo.get("/api/kpis", date_range=RANGE)["data"]}
    assert list(figures) == [kpi.name for kpi in KPIS]
    assert (figures["availability"]["value"], figures["availability"]["state"]) == (None, "NOT_MEASURED")
    assert all((one["value"] is None) == (one["state"] == "NOT_MEASURED") for one in figures.values())
    (row,) = demo.rows(
        "SELECT count(*) FILTER (WHERE status LIKE 'COMPLETED%%')::float8 / count(*) FILTER (WHERE status <> 'DUPLICATE') AS rate"
        " FROM etl_processing_log",
    )
    assert figures["success_rate"]["value"] == row["rate"]
    assert figures["completeness"]["value"] is not None
    assert 0 < figures["twrr_pass_rate"]["value"] <= 1
    nothing = {one["name"]: one for one in demo.get("/api/kpis", date_range="1990-01-01/1990-01-31")["data"]}
    assert {one["state"] for name, one in nothing.items() if name != "query_response_p95"} == {"NOT_MEASURED"}


def test_the_score_is_what_the_shares_come_to(demo: Demo) -> None:
    found = demo.get("/api/quality/score", date_range=RANGE)["data"]
    weighed = [one for one in found["dimensions"] if one["score"] is not None]
    mean = sum(one["weight"] * one["score"] for one in weighed) / sum(one["weight"] for one in weighed)
    assert found["score"] == pytest.approx(mean, rel=1e-12)
    days = {
        (row["as_of_date"].isoformat(), row["dimension"]): row["score"]
        for row in demo.rows("SELECT as_of_date, dimension, score FROM data_quality_scores WHERE feed = 'vendor_d'")
    }
    of_one = demo.get("/api/quality/score", date_range=RANGE, vendor="vendor_d")["data"]
    answered = {(one["as_of_date"], one["dimension"]): one["score"] for one in of_one["by_day"]}
    assert answered == days


@pytest.mark.parametrize("path", ["/api/dashboard/summary", "/api/kpis", "/api/quality/score"])
def test_an_unknown_vendor_and_a_range_that_is_none_are_refused(demo: Demo, path: str) -> None:
    answer = demo.client.get(path, params={"vendor": "nobody"})
    assert (answer.status_code, answer.json()["message"]) == (404, "there is no vendor nobody; /api/vendors lists them")
    for wrong in ("2025-99-99", "2025-03-31/2025-03-01", "..", "../..", "yesterday", "2025-03-01/2025-03-02/2025-03-03"):
        assert demo.client.get(path, params={"date_range": wrong}).status_code == 422, wrong
