"""Vendors and their files, against SQL of the owner."""

import pytest

from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import Demo
from advisory_perf_tests.api.paged import whole_list

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
    whole = demo.get(path, limit=500, sort=sort)["data"]
    assert whole_list(demo, path, limit=3, sort=sort) == whole


def test_a_file_is_the_same_in_the_list_and_by_itself(demo: Demo) -> None:
    rates = {row["delivery_id"]: row for row in demo.rows("SELECT * FROM delivery_pass_rates")}
    seconds = {
        row["delivery_id"]: row["seconds"]
        for row in demo.rows(
            "SELECT delivery_id, extract(epoch FROM processing_end_time - coalesce(first_received_at, received_at))::float8 AS seconds"
            " FROM etl_processing_log"
        )
    }
    factors = demo.rows(
        "SELECT as_of_date, field_name, delivery_id, factor, accounts, accounts_compared FROM delivery_factors ORDER BY 1, 2"
    )
    assert rates
    assert factors
    for vendor in ("vendor_a", "vendor_b", "vendor_c", "vendor_d"):
        for file in demo.get(f"/api/vendors/{vendor}/files", limit=500)["data"]:
            details = demo.get(f"/api/files/{file['file_id']}/details")["data"]
            assert {name: details[name] for name in file} == file
            rate = rates.get(file["file_id"], {"pass_rate": None, "breaks": 0})
            assert (file["pass_rate"], file["breaks"]) == (rate["pass_rate"], rate["breaks"])
            assert file["latency_seconds"] == seconds[file["file_id"]]
            assert details["factors"] == as_json([row for row in factors if row["delivery_id"] == file["file_id"]])


def test_every_file_conserves_its_rows(demo: Demo) -> None:
    for vendor in demo.get("/api/vendors")["data"]:
        for file in demo.get(f"/api/vendors/{vendor['vendor']}/files", limit=500)["data"]:
            details = demo.get(f"/api/files/{file['file_id']}/details")["data"]
            assert details["conservation"]["holds"] or details["status"] in {"FAILED", "DUPLICATE"}


def test_who_has_the_answer_is_sent_no_other_until_data_change(own_demo: Demo) -> None:
    first = own_demo.client.get("/api/vendors")
    again = own_demo.client.get("/api/vendors", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    with Warehouse(str(own_demo.settings.warehouse_url)).connect() as connection:
        connection.execute("UPDATE etl_processing_log SET records_updated = records_updated WHERE id = -1")
    assert own_demo.client.get("/api/vendors", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    with Warehouse(str(own_demo.settings.warehouse_url)).connect() as connection:
        connection.execute("UPDATE etl_processing_log SET records_updated = records_updated")
    assert own_demo.client.get("/api/vendors", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200
