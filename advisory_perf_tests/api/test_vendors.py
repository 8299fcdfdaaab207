"""Vendors and their files, against SQL of the owner."""

from urllib.parse import quote

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
    assert rates
    for vendor in ("vendor_a", "vendor_b", "vendor_c", "vendor_d"):
        for file in demo.get(f"/api/vendors/{vendor}/files", limit=500)["data"]:
            details = demo.get(f"/api/files/{file['file_id']}/details")["data"]
            assert {name: details[name] for name in file} == file
            rate = rates.get(file["file_id"], {"pass_rate": None, "breaks": 0})
            assert (file["pass_rate"], file["breaks"]) == (rate["pass_rate"], rate["breaks"])
            assert file["latency_seconds"] == seconds[file["file_id"]]


def test_every_file_conserves_its_rows(demo: Demo) -> None:
    for vendor in demo.get("/api/vendors")["data"]:
        for file in demo.get(f"/api/vendors/{vendor['vendor']}/files", limit=500)["data"]:
            details = demo.get(f"/api/files/{file['file_id']}/details")["data"]
            assert details["conservation"]["holds"] or details["status"] in {"FAILED", "DUPLICATE"}


def test_a_factor_is_the_same_of_file_reconciliation_and_break(own_demo: Demo) -> None:
    (known,) = own_demo.rows(
        "WITH made AS (INSERT INTO delivery_factors (data_source, delivery_id, as_of_date, field_name, factor, accounts, accounts_compared)"
        " SELECT data_source, delivery_id, last_as_of_date, 'ending_market_value', 1000.5, 19, 20 FROM reconciliation_breaks"
        " WHERE delivery_id IS NOT NULL ORDER BY break_id LIMIT 1 RETURNING *), broken AS (INSERT INTO reconciliation_breaks (break_id,"
        " data_source, field_name, status, first_as_of_date, last_as_of_date, valuations, tolerance_threshold, named_on,"
        " factor, accounts, delivery_id)"
        " SELECT 'B-whole', data_source, field_name, 'OPEN', as_of_date, as_of_date, 1, 0.00001, as_of_date, factor, accounts,"
        " delivery_id FROM made)"
        " SELECT * FROM made"
    )
    path = quote(known["delivery_id"], safe="")
    own = {name: value for name, value in as_json(known).items() if name != "data_source"}
    assert own["factor"] == "1000.5000"
    assert own_demo.get(f"/api/files/{path}/details")["data"]["factors"] == [own]
    assert own_demo.get(f"/api/reconciliation/{path}")["data"]["summary"]["factors"] == [own]
    assert own_demo.get("/api/breaks/B-whole")["data"]["factors"] == [own]


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


@pytest.mark.parametrize("vendor", ["名前", "a>b c", "x/y", "50%", "</script>é🙂", '"quoted"'])
def test_the_link_to_the_next_page_leads_there_whatever_the_name(own_demo: Demo, vendor: str) -> None:
    with Warehouse(str(own_demo.settings.owner_url)).connect() as connection:
        connection.execute(
            "INSERT INTO etl_processing_log (delivery_id, file_name, file_path, feed, vendor, sha256, size_bytes, received_at, status)"
            " SELECT %(vendor)s || n, 'x' || n, 'incoming/x', %(vendor)s, %(vendor)s, 'no digest', 0, now(), 'RECEIVED'"
            " FROM generate_series(1, 3) AS n",
            {"vendor": vendor},
        )
    found, address = [], f"/api/vendors/{quote(vendor, safe='')}/files?limit=1"
    while address:
        answer = own_demo.client.get(address)
        assert answer.status_code == 200, answer.text
        found += [row["file_id"] for row in answer.json()["data"]]
        address = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert sorted(found) == [f"{vendor}{number}" for number in (1, 2, 3)]
