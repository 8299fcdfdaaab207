"""Exports over HTTP: what the command writes, in bounded memory, and what breaks off is not taken for whole."""

import asyncio
import io
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest

from advisory_perf.api import exporting
from advisory_perf.api.app import create_app
from advisory_perf.api.exporting import SERVED, Export
from advisory_perf.api.service import EXPORTS_AT_ONCE
from advisory_perf.errors import OutageError
from advisory_perf.warehouse.as_reported import instant_of
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.export import ExportFormat, export_relation, exportable_relations
from advisory_perf.warehouse.filters import Filters
from advisory_perf_tests.api.demo import Demo

pytestmark = pytest.mark.slow

NOT_SERVED = {
    "audit_log",
    "contributions_pending",
    "computed_from",
    "ingestion_writes",
    "lake_writes",
    "locks",
    "statistics_pending",
}
"""What runs note for each other, and the log that operators alone read; a new table is served or stands here."""


def written(demo: Demo, relation: str, form: ExportFormat, **asked: Any) -> bytes:
    target = io.BytesIO()
    export_relation(Warehouse(str(demo.settings.owner_url)), relation, form=form, target=target, **asked)
    return target.getvalue()


def places_come_back(demo: Demo) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if demo.service.export_places._value == EXPORTS_AT_ONCE and demo.service.exports.connections_in_use == 0:  # noqa: SLF001
            return True
        time.sleep(0.02)
    return False


def test_every_relation_is_served_or_refused_on_purpose(demo: Demo) -> None:
    known = set(exportable_relations(demo.service.reader))
    assert known >= SERVED
    assert known - SERVED <= NOT_SERVED


@pytest.mark.parametrize("form", list(ExportFormat))
def test_every_relation_is_what_the_command_writes(demo: Demo, form: ExportFormat) -> None:
    for relation in sorted(SERVED):
        answer = demo.client.get(f"/api/exports/{relation}", params={"format": form})
        assert answer.status_code == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{relation}.{form}"'
        assert "ETag" not in answer.headers
        expected = written(demo, relation, form)
        if form is ExportFormat.PARQUET:
            assert pl.read_parquet(io.BytesIO(answer.content)).equals(pl.read_parquet(io.BytesIO(expected)))
        else:
            assert answer.content == expected


def test_filters_are_those_of_the_command(demo: Demo) -> None:
    (row,) = demo.rows("SELECT account_id FROM performance_data WHERE data_source = 'vendor_a' ORDER BY 1 LIMIT 1")
    account = row["account_id"]
    asked = {"vendor": "vendor_a", "account_id": account, "date_range": "2025-01-01/2025-03-31", "format": "ndjson"}
    found = demo.client.get("/api/exports/performance_data", params=asked).content
    expected = written(demo, "performance_data", ExportFormat.NDJSON, filters=Filters("vendor_a", account, "2025-01-01", "2025-03-31"))
    assert found == expected != b""
    (history,) = demo.rows("SELECT min(superseded_at) AS at FROM performance_data_history")
    instant = history["at"].isoformat()
    before = demo.client.get("/api/exports/performance_data", params={"as_reported": instant}).content
    assert before == written(demo, "performance_data", ExportFormat.CSV, as_reported=instant_of(instant))
    assert demo.client.get("/api/exports/accounts", params={"format": "ndjson", "vendor": "nobody"}).content == b""


def test_a_csv_is_defused_on_demand_only(own_demo: Demo) -> None:
    with Warehouse(str(own_demo.settings.owner_url)).connect() as connection:
        connection.execute("UPDATE accounts SET account_name = '=cmd()'")
    assert b",=cmd()," in own_demo.client.get("/api/exports/accounts").content
    assert b",'=cmd()," in own_demo.client.get("/api/exports/accounts", params={"defuse": "1"}).content


@pytest.mark.parametrize(
    ("relation", "asked", "status", "says"),
    [
        ("nonsense", {}, 404, "there is no table or view nonsense to export; there are account_groups, "),
        ("locks", {}, 404, "there is no table or view locks"),
        ("_yoyo_migration", {}, 404, "there is no table or view"),
        ("pg_roles", {}, 404, "there is no table or view"),
        ("accounts/../locks", {}, 404, ""),
        ("data_quality_dashboard", {"account_id": "x"}, 422, "cannot be narrowed by account: it has no column account_id"),
        ("accounts", {"as_reported": "2025-03-31"}, 422, "accounts keeps no superseded rows"),
        ("performance_data", {"as_reported": "2999-01-01"}, 422, "nobody knows yet"),
        ("performance_data", {"as_reported": "soon"}, 422, "is neither a day nor an instant"),
        ("accounts", {"defuse": "1", "format": "parquet"}, 422, "only a csv is defused"),
        ("accounts", {"format": "xlsx"}, 422, "format"),
        ("accounts", {"where": "true"}, 422, "where: is no parameter here"),
        ("accounts", {"date_range": "2025-02-30"}, 422, "date_range"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(demo: Demo, relation: str, asked: dict[str, str], status: int, says: str) -> None:
    answer = demo.client.get(f"/api/exports/{relation}", params=asked)
    assert answer.status_code == status
    assert says in answer.json()["message"]
    assert "--" not in answer.json()["message"]
    assert places_come_back(demo)


def test_more_than_there_are_places_for_have_to_wait(demo: Demo) -> None:
    held = [demo.service.export_places.acquire(blocking=False) for _ in range(EXPORTS_AT_ONCE)]
    assert all(held)
    try:
        answer = demo.client.get("/api/exports/accounts")
    finally:
        for _ in held:
            demo.service.export_places.release()
    assert (answer.status_code, answer.json()["data"]["code"], answer.headers["Retry-After"]) == (429, "TOO_MANY", "5")
    assert demo.client.get("/api/exports/accounts").status_code == 200


# as the server sees it ------------------------------------------------------------------------------------------------


@pytest.fixture
def large(own_demo: Demo) -> Demo:
    """With 300,000 issues, some 50 MB of them."""
    with Warehouse(str(own_demo.settings.owner_url)).connect() as connection:
        connection.execute("ALTER TABLE data_quality_issues DISABLE TRIGGER USER")
        connection.execute(
            "INSERT INTO data_quality_issues (etl_log_id, issue_type, issue_description, severity)"
            " SELECT (SELECT min(id) FROM etl_processing_log), 'E_ID', repeat('x', 120), 'LOW' FROM generate_series(1, 300000)"
        )
    return own_demo


async def answered(
    demo: Demo, on_part: Callable[[int], bool], messages: list[dict[str, Any]], takes: Callable[[int], float] = lambda _: 0
) -> None:
    """Adds the messages that a server would get of the export.

    ``on_part`` says after each part whether the client is still there, and ``takes`` how many seconds it takes for it.
    """
    gone = asyncio.Event()

    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in asked:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append({**message, "body": len(message.get("body", b""))})
        await asyncio.sleep(takes(len(messages)))
        if message["type"] == "http.response.body" and not on_part(len(messages)):
            gone.set()
            await asyncio.sleep(0.01)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/exports/data_quality_issues",
        "raw_path": b"/api/exports/data_quality_issues",
        "query_string": b"format=csv",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await create_app(demo.service)(scope, receive, send)


def test_an_export_that_fails_midway_ends_without_its_last_chunk(large: Demo) -> None:
    ended = []

    def cut(number: int) -> bool:
        if number == 4:
            ended.extend(
                large.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%%'"
                )
            )
        return True

    messages: list[dict[str, Any]] = []
    with pytest.raises(RuntimeError, match="already started"):
        asyncio.run(answered(large, cut, messages))
    assert len(ended) == 1
    assert len(messages) > 4
    assert all(message.get("more_body", True) for message in messages)
    assert places_come_back(large)
    assert large.client.get("/api/exports/accounts").status_code == 200


def test_a_client_that_goes_away_gives_place_and_connection_back(large: Demo) -> None:
    messages: list[dict[str, Any]] = []
    asyncio.run(answered(large, lambda number: number < 5, messages))
    assert all(message.get("more_body", True) for message in messages)
    assert places_come_back(large)
    assert not [thread for thread in threading.enumerate() if thread.name == "export"]
    whole: list[dict[str, Any]] = []
    asyncio.run(answered(large, lambda _: True, whole))
    assert whole[-1].get("more_body") is False
    parts = [message["body"] for message in whole[1:]]
    assert sum(parts) > 30_000_000
    assert max(parts) <= 1 << 18


def test_a_reader_that_is_slow_holds_the_writer() -> None:
    written_so_far = 0

    def write(target: Any) -> None:
        nonlocal written_so_far
        for _ in range(1_000):
            target.write(b"x" * 65_536)
            written_so_far += 65_536

    ended = threading.Event()
    export = Export(write, ended.set)
    first = export.first_part()
    time.sleep(0.2)
    assert written_so_far < 2_000_000
    assert sum(map(len, export.parts(first))) == 65_536_000
    assert ended.wait(5)
    export.close()


@pytest.mark.parametrize("is_stalled", [True, False])
def test_a_client_that_stays_and_reads_no_more_is_left_after_the_longest_time(large: Demo, *, is_stalled: bool) -> None:
    """Neither a client that takes nothing any more nor one that takes a little at a time holds a place for ever."""
    messages: list[dict[str, Any]] = []
    gauged = []

    def stalls(number: int) -> float:
        gauged.append("advisory_perf_api_exports 1.0" in large.service.metrics.exposed().decode())
        return 600 if is_stalled and number == 4 else 0.4

    begin = time.monotonic()
    with patch.object(exporting, "EXPORT_SECONDS", 10), pytest.raises(RuntimeError, match="already started"):
        asyncio.run(answered(large, lambda _: True, messages, stalls))
    assert time.monotonic() - begin < 40
    assert len(messages) >= 4
    assert all(message.get("more_body", True) for message in messages)
    assert places_come_back(large)
    assert all(gauged)
    assert "advisory_perf_api_exports 0.0" in large.service.metrics.exposed().decode()


def test_a_warehouse_that_gives_nothing_ends_an_export_too() -> None:
    goes_on, ended = threading.Event(), threading.Event()
    with patch.object(exporting, "EXPORT_SECONDS", 0.3):
        export = Export(lambda _target: goes_on.wait(60), ended.set)
        with pytest.raises(OutageError, match="an export has 30 minutes at most"):
            export.first_part()
    export.close()
    goes_on.set()
    assert ended.wait(5)


def test_a_refused_export_leaves_no_place_taken_nor_counted(demo: Demo) -> None:
    assert demo.client.get("/api/exports/accounts", params={"as_reported": "2025-03-31"}).status_code == 422
    assert places_come_back(demo)
    assert "advisory_perf_api_exports 0.0" in demo.service.metrics.exposed().decode()


def test_ndjson_lines_are_json(demo: Demo) -> None:
    lines = demo.client.get("/api/exports/accounts", params={"format": "ndjson"}).text.splitlines()
    assert {json.loads(line)["data_source"] for line in lines} == {"vendor_a", "vendor_b", "vendor_c", "vendor_d"}
