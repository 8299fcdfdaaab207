"""What happens between two requests, or while one is answered: publications, locks, an empty pool."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest

from advisory_perf.api import service
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.platform import open_platform
from advisory_perf.runtime.demo import write_demo_deliveries
from advisory_perf.runtime.in_process import LocalRuns, run_files
from advisory_perf_tests.api.demo import STATEMENT_SECONDS, Demo, a_demo
from advisory_perf_tests.instances import forgetful

pytestmark = pytest.mark.slow


def publish_another(demo: Demo, folder: Path) -> None:
    """vendor_d's first file of the month after the demonstration's, through to the warehouse."""
    file = min(path for path in write_demo_deliveries(folder, today=date(2025, 5, 10)) if path.name.startswith("vendor_d_202504"))
    with forgetful() as instance:
        runs = LocalRuns(open_platform(demo.settings), build_definitions(demo.settings), instance)
        outcome = run_files(runs, [file], None, ingested=lambda _: None, pipeline_done=lambda _name, _of: None)
    assert not outcome.failures, outcome.failures


def rest_of(demo: Demo, path: str, answer: Any, **asked: Any) -> list[Any]:
    """What follows an answer, by its cursor."""
    found, cursor = [], answer["metadata"]["next_cursor"]
    while cursor is not None:
        answer = demo.get(path, cursor=cursor, **asked)
        found += answer["data"]
        cursor = answer["metadata"]["next_cursor"]
    return found


def test_a_publication_between_two_pages_makes_no_row_come_twice_or_be_left_out(own_demo: Demo, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(own_demo.settings.home, home)
    with a_demo(own_demo.settings.model_copy(update={"home": home})) as demo:
        (file,) = demo.rows("SELECT delivery_id FROM etl_processing_log WHERE file_name = 'vendor_d_20250328.parquet'")
        lists: dict[str, tuple[str, dict[str, Any]]] = {
            "/api/vendors/vendor_d/files": ("file_id", {"limit": 3}),
            f"/api/files/{file['delivery_id']}/data": ("account_id", {"limit": 7}),
            "/api/accounts": ("account_id", {"limit": 11, "vendor": "vendor_d"}),
        }
        before = {path: demo.get(path, **{**asked, "limit": 500}) for path, (_, asked) in lists.items()}
        begun = {path: demo.get(path, **asked) for path, (_, asked) in lists.items()}
        publish_another(demo, tmp_path)
        for path, (key, asked) in lists.items():
            rows = [*begun[path]["data"], *rest_of(demo, path, begun[path], **asked)]
            assert [row[key] for row in rows] == [row[key] for row in before[path]["data"]], path
        after = demo.get("/api/vendors/vendor_d/files", limit=500)
        assert after["metadata"]["total_records"] == before["/api/vendors/vendor_d/files"]["metadata"]["total_records"] + 1
        assert after["metadata"]["version"] > before["/api/vendors/vendor_d/files"]["metadata"]["version"]


def test_a_publication_holds_up_no_reader(own_demo: Demo) -> None:
    with psycopg.connect(str(own_demo.settings.owner_url)) as publication:
        publication.execute("SELECT pg_advisory_xact_lock(hashtextextended('publish vendor_d', 0))")
        publication.execute("UPDATE performance_data SET ending_market_value = ending_market_value + 1 WHERE data_source = 'vendor_d'")
        begin = time.monotonic()
        found = own_demo.get("/api/accounts", vendor="vendor_d", limit=500)
        assert time.monotonic() - begin < STATEMENT_SECONDS
        publication.rollback()
    assert own_demo.get("/api/accounts", vendor="vendor_d", limit=500)["data"] == found["data"]


def test_a_table_that_is_locked_whole_is_answered_with_503_and_not_by_waiting(own_demo: Demo) -> None:
    with psycopg.connect(str(own_demo.settings.owner_url)) as migration:
        migration.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
        begin = time.monotonic()
        answer = own_demo.client.get("/api/accounts")
        assert time.monotonic() - begin < STATEMENT_SECONDS
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert own_demo.client.get("/api/accounts").status_code == 200


def test_an_empty_pool_is_answered_with_503_and_fills_again(own_demo: Demo, caplog: pytest.LogCaptureFixture) -> None:
    with patch.object(service, "_PATIENCE_SECONDS", 0.3):
        settings = own_demo.settings.model_copy(update={"api_connections": 2})
        with ExitStack() as stack:
            demo = stack.enter_context(a_demo(settings))
            askers = stack.enter_context(ThreadPoolExecutor(6))
            with psycopg.connect(str(settings.owner_url)) as migration:
                migration.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
                asking = [askers.submit(demo.client.get, "/api/accounts") for _ in range(6)]
                answers = [one.result(30) for one in asking]
            assert {answer.status_code for answer in answers} == {503}
            assert all("the warehouse is away or busy" in answer.json()["message"] for answer in answers)
            assert caplog.text.count("all 2 connections to the warehouse are in use") >= 2
            assert all(answer.headers["Retry-After"] == "5" for answer in answers)
            assert demo.get("/api/accounts")["metadata"]["total_records"] > 0
