"""What the user's documents name of their five tables is kept under these names, and answered under them."""

from typing import Any

import pytest

from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.api.demo import Demo

pytestmark = pytest.mark.slow

COLUMNS: dict[str, set[str]] = {
    "accounts": {"account_id", "account_name", "account_type", "inception_date", "status", "created_at", "updated_at"},
    "etl_processing_log": {
        "id",
        "file_name",
        "file_path",
        "vendor",
        "status",
        "processing_start_time",
        "processing_end_time",
        "records_processed",
        "records_failed",
        "error_message",
        "created_at",
    },
    "data_quality_issues": {
        "id",
        "etl_log_id",
        "account_id",
        "as_of_date",
        "issue_type",
        "issue_description",
        "field_name",
        "expected_value",
        "actual_value",
        "severity",
        "created_at",
    },
    "reconciliation_results": {
        "id",
        "account_id",
        "as_of_date",
        "field_name",
        "calculated_value",
        "vendor_value",
        "variance",
        "tolerance_threshold",
        "within_tolerance",
        "notes",
        "reconciliation_date",
    },
    "performance_data": {
        "id",
        "account_id",
        "account_name",
        "as_of_date",
        "beginning_market_value",
        "ending_market_value",
        "contributions",
        "distributions",
        "net_flow",
        "income",
        "appreciation",
        "fees",
        "vendor_twrr",
        "calculated_twrr",
        "twrr_variance",
        "twrr_tolerance_check",
        "benchmark_return",
        "data_source",
        "file_name",
        "reconciliation_status",
        "created_at",
        "updated_at",
        "processed_by",
    },
}

ANSWERED = {
    "accounts": "AccountInList",
    "data_quality_issues": "FileIssue",
    "etl_processing_log": "FileDetails",
    "performance_data": "Valuation",
    "reconciliation_results": "Result",
}
"""The model that answers a table's rows, by its name in the description of the API."""

INSTEAD: dict[str, dict[str, tuple[str, ...]]] = {
    "etl_processing_log": {"id": ("file_id",), "file_path": ("zone",)},
    "performance_data": {"id": ("data_source", "account_id", "as_of_date")},
    "reconciliation_results": {"id": ("data_source", "account_id", "as_of_date", "field_name")},
}
"""Numbers and addresses that are the database's own, which stand for nothing outside of it: what is answered in their place."""


@pytest.mark.parametrize("table", sorted(COLUMNS))
def test_the_warehouse_has_every_column(shared_warehouse: Warehouse, table: str) -> None:
    found = shared_warehouse.query("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
    assert COLUMNS[table] - set(found["column_name"]) == set()


@pytest.mark.parametrize("table", sorted(COLUMNS))
def test_the_api_answers_with_every_column(demo: Demo, table: str) -> None:
    models: dict[str, Any] = demo.client.get("/openapi.json").json()["components"]["schemas"]
    answered = set(models[ANSWERED[table]]["properties"])
    instead = INSTEAD.get(table, {})
    assert COLUMNS[table] - answered == set(instead)
    assert {name for names in instead.values() for name in names} <= answered
