"""Where a published number comes from."""

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from advisory_perf.api.lineage import formula_of, raw_of
from advisory_perf.contracts.enums import ReturnStatus
from advisory_perf.contracts.tables import PERFORMANCE_DATA
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.lake.store import Lake
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import Demo

pytestmark = pytest.mark.slow

OF_EACH_VENDOR = (
    "SELECT DISTINCT ON (data_source, return_status, reconciliation_status) data_source, account_id, as_of_date, delivery_id"
    " FROM performance_data ORDER BY data_source, return_status, reconciliation_status, as_of_date DESC, account_id"
)


def lineage_of(demo: Demo, row: dict[str, Any]) -> Any:
    vendor, account, day = row["data_source"], quote(row["account_id"], safe=""), row["as_of_date"]
    return demo.get(f"/api/lineage/{vendor}/{account}/{day}")["data"]


def test_every_published_return_of_the_demonstration_is_what_its_formula_gives(demo: Demo) -> None:
    rows = demo.rows("SELECT * FROM performance_data ORDER BY data_source, account_id, as_of_date")
    feeds = {row["delivery_id"]: row["feed"] for row in demo.rows("SELECT delivery_id, feed FROM etl_processing_log")}
    plain = [row for row in rows if row["return_status"] == ReturnStatus.OK][::7]
    for row in [*plain, *(row for row in rows if row["return_status"] != ReturnStatus.OK)]:
        found = formula_of(row, demo.service.feeds[feeds[row["delivery_id"]]])
        assert found is not None
        assert (found["result"], found["status"], found["is_published"]) == (row["calculated_twrr"], row["return_status"], True), row


def test_a_number_has_its_row_link_file_line_results_and_breaks(demo: Demo) -> None:
    rows = demo.rows(OF_EACH_VENDOR)
    assert len({row["data_source"] for row in rows}) == 4
    for row in rows:
        found = lineage_of(demo, row)
        key = [row["data_source"], row["account_id"], row["as_of_date"]]
        names = ", ".join(PERFORMANCE_DATA.column_names)
        (published,) = as_json(
            demo.rows(f"SELECT {names} FROM performance_data WHERE (data_source, account_id, as_of_date) = (%s, %s, %s)", key)
        )
        assert {name: found["row"][name] for name in published} == published
        assert found["formula"]["is_published"]
        (entry,) = demo.rows("SELECT sha256, file_name, run_id FROM etl_processing_log WHERE delivery_id = %s", [row["delivery_id"]])
        assert {name: found["file"][name] for name in entry} == entry
        before = as_json(
            demo.rows(
                "SELECT as_of_date, ending_market_value, cumulative_twrr FROM performance_data"
                " WHERE data_source = %s AND account_id = %s AND as_of_date < %s ORDER BY as_of_date DESC LIMIT 1",
                key,
            )
        )
        assert [{name: found["link"]["before"][name] for name in one} for one in before] == before
        assert (found["link"]["before"] is None) == (not before)
        results = "SELECT field_name, variance FROM reconciliation_results WHERE (data_source, account_id, as_of_date) = (%s, %s, %s)"
        expected = as_json(demo.rows(f"{results} ORDER BY field_name", key))
        assert [{name: one[name] for name in ("field_name", "variance")} for one in found["results"]] == expected
        broken = {one["field_name"] for one in found["results"] if one["within_tolerance"] is False}
        assert broken <= {one["field_name"] for one in found["breaks"]}
        assert found["terms"]["flow_timing"] == found["formula"]["flow_timing"]


def test_the_raw_row_is_the_line_of_the_file(demo: Demo) -> None:
    (row,) = demo.rows("SELECT * FROM performance_data WHERE data_source = 'vendor_a' ORDER BY as_of_date DESC, account_id LIMIT 1")
    found = lineage_of(demo, row)
    (kept,) = (file.path for file in demo.service.lake.files("archive/") if f"/{row['delivery_id']}/" in file.path)
    text = demo.service.lake.read(kept).decode("utf-8-sig")
    line = next(csv.reader(io.StringIO(text.splitlines()[found["line_number"] - 1])))
    ((*cells,),) = found["raw"]["rows"]
    assert [cell["text"] or "" for cell in cells] == line
    columns = {one["field_name"]: one["column"] for one in found["terms"]["columns"]}
    by_column = {cell["column"]: cell["text"] for cell in cells}
    assert by_column[columns["account_id"]] == row["account_id"]


def test_the_raw_row_of_any_vendor_is_found(demo: Demo) -> None:
    for row in demo.rows(OF_EACH_VENDOR):
        assert lineage_of(demo, row)["raw"]["rows"], row


def test_a_lake_that_has_the_rows_no_more_is_said(demo: Demo, tmp_path: Path) -> None:
    (row,) = demo.rows("SELECT * FROM performance_data ORDER BY as_of_date, account_id LIMIT 1")
    (entry,) = demo.rows("SELECT * FROM etl_processing_log WHERE delivery_id = %s", [row["delivery_id"]])
    found = raw_of(Lake(str(tmp_path)), entry, row["line_number"])
    assert found["rows"] is None
    assert f"quarantine replay --delivery {entry['delivery_id']}" in found["why_null"]
    assert str(tmp_path) not in found["why_null"]
    kept = f"raw_vendor_file/vendor={entry['feed']}/delivery={entry['delivery_id']}"
    shutil.copytree(Path(demo.service.lake.address) / kept, tmp_path / kept)
    assert raw_of(Lake(str(tmp_path)), entry, row["line_number"])["rows"]
    assert "have no line 99999" in raw_of(Lake(str(tmp_path)), entry, 99999)["why_null"]


def test_versions_before_are_those_of_the_history(demo: Demo) -> None:
    (row,) = demo.rows(
        "SELECT data_source, account_id, as_of_date FROM performance_data_history ORDER BY superseded_at DESC, account_id LIMIT 1"
    )
    found = lineage_of(demo, row)
    expected = demo.rows(
        "SELECT ending_market_value, delivery_id, superseded_at, superseded_by_delivery_id AS superseded_by FROM performance_data_history"
        " WHERE (data_source, account_id, as_of_date) = (%s, %s, %s) ORDER BY superseded_at",
        list(row.values()),
    )
    assert [{name: one[name] for name in expected[0]} for one in found["versions"]] == as_json(expected)


def test_a_changed_feed_says_that_its_formula_is_not_the_published_one(demo: Demo) -> None:
    (row,) = demo.rows(
        "SELECT * FROM performance_data WHERE data_source = 'vendor_a' AND net_flow > 0 AND return_status = 'OK' ORDER BY 1 LIMIT 1"
    )
    feed = demo.service.feeds["vendor_a"]
    assert isinstance(feed, PositionsFeed)
    other = feed.model_copy(update={"conventions": feed.conventions.model_copy(update={"flow_timing": "end_of_day", "weight": None})})
    found = formula_of(row, other)
    assert found is not None
    assert not found["is_published"]
    assert formula_of(row, None) is None


def test_what_is_withdrawn_is_known_by_its_versions_and_hostile_names_come_back(own_demo: Demo) -> None:
    name = "a/%2F\"'</script>🙂=cmd()"
    with Warehouse(str(own_demo.settings.owner_url)).connect() as connection:
        connection.execute(
            "WITH gone AS (SELECT * FROM performance_data_history ORDER BY account_id LIMIT 1)"
            " UPDATE performance_data_history AS h SET account_id = %s FROM gone"
            " WHERE h.id = gone.id AND h.superseded_at = gone.superseded_at",
            [name],
        )
    (row,) = own_demo.rows("SELECT data_source, account_id, as_of_date FROM performance_data_history WHERE account_id = %s", [name])
    answer = own_demo.get(f"/api/lineage/{row['data_source']}/{quote(name, safe='')}/{row['as_of_date']}")
    assert answer["message"] == "the account-date is published no more"
    assert (answer["data"]["row"], answer["data"]["formula"], answer["data"]["file"]) == (None, None, None)
    assert answer["data"]["versions"][0]["account_id"] == name


def test_nothing_of_it_is_404_and_no_day_422(demo: Demo) -> None:
    (row,) = demo.rows("SELECT account_id FROM performance_data WHERE data_source = 'vendor_a' ORDER BY 1 LIMIT 1")
    answer = demo.client.get(f"/api/lineage/vendor_a/{row['account_id']}/1999-01-01")
    assert answer.status_code == 404
    assert "its valuations lie from" in answer.json()["message"]
    assert "has no account" in demo.client.get("/api/lineage/vendor_a/nobody/2025-03-31").json()["message"]
    for day in ("1700000000", "2025-02-30", "x"):
        assert demo.client.get(f"/api/lineage/vendor_a/{row['account_id']}/{day}").status_code == 422


def test_a_lake_that_does_not_answer_leaves_the_rest(demo: Demo) -> None:
    (row,) = demo.rows("SELECT * FROM performance_data ORDER BY as_of_date, account_id LIMIT 1")
    (entry,) = demo.rows("SELECT * FROM etl_processing_log WHERE delivery_id = %s", [row["delivery_id"]])
    away = replace(demo.service, lake=Lake("s3://nowhere", endpoint_url="http://127.0.0.1:1")).lake
    assert raw_of(away, entry, 2) == {"rows": None, "why_null": "the lake does not answer; ask again once it does"}
