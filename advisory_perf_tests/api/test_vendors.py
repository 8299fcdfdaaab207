"""Vendors and their files, against SQL of the owner."""

import pytest

from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.api.demo import Demo

pytestmark = pytest.mark.slow


def test_vendors_are_what_the_dashboard_counts(demo: Demo) -> None:
    found = {one["vendor"]: one for one in demo.get("/api/vendors")["data"]}
    for row in demo.rows("SELECT * FROM data_quality_dashboard"):
        row["latest_as_of_date"] = row["latest_as_of_date"].isoformat()
        del row["latest_received_at"]
        assert {name: found[row["vendor"]][name] for name in row} == row
    assert found["vendor_d"]["has_feed"]


@pytest.mark.parametrize("sort", ["received_at", "last_as_of_date", "records_failed"])
@pytest.mark.parametrize("vendor", ["vendor_a", "vendor_d"])
def test_pages_by_number_and_by_cursor_are_the_whole_list(demo: Demo, vendor: str, sort: str) -> None:
    path = f"/api/vendors/{vendor}/files"
    whole = demo.get(path, limit=500, sort=sort)
    assert whole["metadata"]["total_records"] == len(whole["data"])
    by_number = [row for page in range(1, 20) for row in demo.get(path, limit=3, page=page, sort=sort)["data"]]
    by_cursor, cursor = [], None
    while True:
        answer = demo.get(path, limit=3, sort=sort, **({} if cursor is None else {"cursor": cursor}))
        by_cursor += answer["data"]
        cursor = answer["metadata"]["next_cursor"]
        if cursor is None:
            break
    assert by_number == by_cursor == whole["data"]


def test_every_file_conserves_its_rows(demo: Demo) -> None:
    for vendor in demo.get("/api/vendors")["data"]:
        for file in demo.get(f"/api/vendors/{vendor['vendor']}/files", limit=500)["data"]:
            details = demo.get(f"/api/files/{file['file_id']}/details")["data"]
            assert details["conservation"]["holds"] or details["status"] in {"FAILED", "DUPLICATE"}


def test_nobody_else_has_the_answer_until_data_change(own_demo: Demo) -> None:
    first = own_demo.client.get("/api/vendors")
    again = own_demo.client.get("/api/vendors", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    with Warehouse(str(own_demo.settings.warehouse_url)).connect() as connection:
        connection.execute("UPDATE etl_processing_log SET records_updated = records_updated WHERE id = -1")
    assert own_demo.client.get("/api/vendors", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    with Warehouse(str(own_demo.settings.warehouse_url)).connect() as connection:
        connection.execute("UPDATE etl_processing_log SET records_updated = records_updated")
    assert own_demo.client.get("/api/vendors", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200
