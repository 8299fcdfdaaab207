"""One real call of each endpoint on the demonstration: for the API's description, and for the page about it.

``python -m advisory_perf_tests.api.calls`` writes them anew. What differs from run to run (instants, digests, names of requests and runs)
is written the same each time.
"""

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from advisory_perf.api.description import described
from advisory_perf.api.examples import FILE
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.warehouse.migrations import migrate
from advisory_perf_tests.api.demo import Demo, a_demo, make_demo, settings_of

OPENAPI = Path(__file__).parents[2] / "docs" / "openapi.json"
_MOST, _LONGEST = 2, 300
"""Entries of a list, and characters of a text, that are shown."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request: its path as the description has it, what stands in the places of the path, its query and body."""

    method: str
    path: str
    places: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


def calls(demo: Demo) -> list[Call]:
    """Each endpoint that answers with JSON, once."""
    (file,) = demo.rows("SELECT delivery_id FROM etl_processing_log WHERE file_name = 'vendor_a_performance_20250331.csv'")
    of_file = {"file_id": file["delivery_id"]}
    (with_issues,) = demo.rows(
        "SELECT log.delivery_id AS file_id FROM etl_processing_log AS log JOIN data_quality_issues AS issue ON issue.etl_log_id = log.id"
        " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    )
    (account,) = demo.rows("SELECT min(account_id) AS id FROM accounts WHERE data_source = 'vendor_a'")
    of_account, of_vendor = {"account_id": account["id"]}, {"vendor": "vendor_a"}
    (group,) = demo.rows(
        "SELECT data_source, group_id FROM portfolio_performance WHERE level = 'PORTFOLIO' ORDER BY data_source, group_id LIMIT 1"
    )
    (composite,) = demo.rows("SELECT DISTINCT composite FROM composite_report")
    of_day = {**of_account, **of_vendor, "as_of_date": "2025-03-31"}
    one, other, *_ = demo.rows("SELECT break_id, variance::text FROM reconciliation_breaks WHERE status = 'OPEN' ORDER BY break_id")
    of_break, (alert, *_) = {"break_id": one["break_id"]}, demo.rows("SELECT id::text FROM alerts WHERE resolved_at IS NULL ORDER BY id")
    accepted = {"reason": "without the income, as agreed", "expected_variance": one["variance"]}
    several = [{"break_id": other["break_id"], "expected_variance": other["variance"]}]
    return [
        Call("GET", "/health/live"),
        Call("GET", "/health/ready"),
        Call("GET", "/version"),
        Call("GET", "/api/vendors"),
        Call("GET", "/api/vendors/{vendor}/files", {"vendor": "vendor_d"}, {"status": "COMPLETED", "limit": "2"}),
        Call("GET", "/api/files/{file_id}/details", of_file),
        Call("GET", "/api/accounts", {}, {"sort": "emv", "limit": "2"}),
        Call("GET", "/api/accounts/{account_id}", of_account, {**of_vendor, "date_range": "2025-03-01/2025-03-31"}),
        Call("GET", "/api/accounts/{account_id}/returns", of_account, of_vendor),
        Call("GET", "/api/accounts/{account_id}/statistics", of_account, {**of_vendor, "limit": "1"}),
        Call("GET", "/api/portfolios", {}, {"level": "PORTFOLIO", "limit": "2"}),
        Call("GET", "/api/portfolios/{vendor}/{portfolio_id}", {"vendor": group["data_source"], "portfolio_id": group["group_id"]}),
        Call(
            "GET",
            "/api/portfolios/{vendor}/{portfolio_id}/contributions",
            {"vendor": group["data_source"], "portfolio_id": group["group_id"]},
            {"limit": "2"},
        ),
        Call("GET", "/api/composites"),
        Call("GET", "/api/composites/{composite}", composite),
        Call("GET", "/api/files/{file_id}/data", of_file, {"limit": "1"}),
        Call("GET", "/api/files/{file_id}/issues", with_issues, {"limit": "2"}),
        Call("GET", "/api/reconciliation/{file_id}", of_file, {"sort": "variance", "limit": "1"}),
        Call("GET", "/api/lineage/{vendor}/{account_id}/{as_of_date}", of_day),
        Call("GET", "/api/changes", {}, {"since": "2025-01-01", "vendor": "vendor_a"}),
        Call("GET", "/api/changes/rows", {}, {"since": "2025-01-01", "vendor": "vendor_a", "limit": "1"}),
        Call("GET", "/api/quarantine", {}, {"vendor": "vendor_a", "limit": "2"}),
        Call("GET", "/api/dashboard/summary", {}, {"vendor": "vendor_d", "date_range": "2025-03-28/2025-03-31"}),
        Call("GET", "/api/kpis", {}, {"date_range": "2025-03-01/2025-03-31"}),
        Call("GET", "/api/quality/score", {}, {"vendor": "vendor_a"}),
        Call("GET", "/api/breaks", {}, {"vendor": "vendor_a", "sort": "amount", "limit": "2"}),
        Call("PUT", "/api/breaks/{break_id}/owner", of_break, body={"owner": "Ann"}),
        Call("POST", "/api/breaks/{break_id}/comments", of_break, body={"comment": "asked the vendor, ticket 12"}),
        Call("POST", "/api/breaks/{break_id}/sign-off", of_break, body=accepted),
        Call("POST", "/api/breaks/sign-offs", body={"reason": "as the other one", "items": several}),
        Call("GET", "/api/breaks/{break_id}", of_break),
        Call("GET", "/api/alerts", {}, {"vendor": "vendor_a"}),
        Call("POST", "/api/alerts/{alert_id}/resolve", {"alert_id": alert["id"]}),
        Call("GET", "/api/audit", {}, {"action": "SIGNED_OFF", "limit": "1"}),
    ]


def made_examples(demo: Demo) -> dict[str, Any]:
    """By method and path: the request as it is written, and the answer, its lists and texts cut."""
    found = {}
    for call in calls(demo):
        path = re.sub(r"\{(\w+)\}", lambda place, call=call: quote(call.places[place.group(1)], safe=""), call.path)  # type: ignore[misc]
        answer = demo.client.request(call.method, path, params=dict(call.query), json=call.body)
        assert answer.status_code < 300, answer.text
        query = "&".join(f"{name}={value}" for name, value in call.query.items())
        asked = {"request": f"{call.method} {path}{query and '?'}{query}", "body": call.body, "answer": cut(answer.json())}
        found[f"{call.method} {call.path}"] = json.loads(steady(json.dumps(asked)))
    return found


def cut(value: Any) -> Any:
    """The same with two entries of each list, and texts that end early."""
    if isinstance(value, dict):
        return {name: cut(part) for name, part in value.items()}
    if isinstance(value, list):
        return [cut(part) for part in value[:_MOST]]
    return f"{value[:_LONGEST]}…" if isinstance(value, str) and len(value) > _LONGEST else value


_STEADY = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "2025-04-10T12:00:00Z"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "0b2f6c1e-5a3d-4e8b-9c7f-1d2e3f4a5b6c"),
    (re.compile(r"-[0-9a-f]{16}\b"), "-3f9c0b7e5d1a2468"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    (re.compile(r'("(?:request_id|build)": ")[0-9a-f]+'), r"\g<1>5e8c41d09b7a2f36"),
    (re.compile(r'("(?:latency_seconds|seconds)": )[0-9.e-]+'), r"\g<1>41.5"),
    (re.compile(r'("version": )\d+'), r"\g<1>412"),
    (re.compile(r'("next_cursor": ")[^"]+'), r"\g<1>WyI2ZjFj…"),
)


def steady(text: str) -> str:
    """The same without what differs from run to run."""
    for pattern, instead in _STEADY:
        text = pattern.sub(instead, text)
    return text


def main() -> None:
    """Writes examples and description."""
    with tempfile.TemporaryDirectory() as name, EmbeddedPostgres(Path(name) / "server") as server:
        migrate(server.url())
        settings = settings_of(server, "advisory_perf", Path(name) / "home")
        make_demo(settings, Path(name))
        with a_demo(settings) as demo:
            kept = json.dumps(made_examples(demo), indent=1, ensure_ascii=False)
    FILE.write_text(kept + "\n", encoding="utf-8")
    OPENAPI.write_text(described(), encoding="utf-8")


if __name__ == "__main__":
    main()
