"""The rows of files, against SQL of the owner."""

from urllib.parse import quote

import pytest

from advisory_perf.contracts.tables import PERFORMANCE_DATA
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import Demo
from advisory_perf_tests.api.paged import whole_list

pytestmark = pytest.mark.slow

HOSTILE = 'never/%"</script>é🙂'
COLUMNS = ", ".join(PERFORMANCE_DATA.column_names)


def files_of(demo: Demo, where: str) -> list[str]:
    return [row["delivery_id"] for row in demo.rows(f"SELECT delivery_id FROM etl_processing_log WHERE {where} ORDER BY id")]


def test_kept_totals_are_the_published_rows_of_every_file_and_day(demo: Demo) -> None:
    kept = demo.rows(
        "SELECT delivery_id, as_of_date, max(results) AS rows, min(results) AS least FROM reconciliation_totals GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert kept == demo.rows(
        "SELECT delivery_id, as_of_date, count(*) AS rows, count(*) AS least FROM performance_data GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert len(kept) > 50


def test_rows_of_every_file_are_those_of_the_table(demo: Demo) -> None:
    seen = 0
    for file in files_of(demo, "vendor <> 'unknown'"):
        expected = demo.rows(f"SELECT {COLUMNS} FROM performance_data WHERE delivery_id = %s ORDER BY account_id, as_of_date", [file])
        answer = demo.get(f"/api/files/{file}/data", limit=500)
        assert [{name: row[name] for name in PERFORMANCE_DATA.column_names} for row in answer["data"]] == as_json(expected[:500])
        assert answer["metadata"]["total_records"] == len(expected)
        assert expected or answer["message"]
        seen += len(expected)
    assert demo.rows("SELECT count(*) AS n FROM performance_data") == [{"n": seen}]


@pytest.mark.parametrize("state", ["standing", "superseded", "all"])
def test_pages_are_the_whole_of_a_file_that_was_superseded(demo: Demo, state: str) -> None:
    (file,) = files_of(
        demo,
        "delivery_id = (SELECT delivery_id FROM performance_data_history GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1)",
    )
    rows = whole_list(demo, f"/api/files/{file}/data", limit=7, state=state)
    counts = demo.rows(
        "SELECT (SELECT count(*) FROM performance_data WHERE delivery_id = %(file)s) AS standing,"
        " (SELECT count(*) FROM performance_data_history WHERE delivery_id = %(file)s) AS superseded",
        {"file": file},
    )[0]
    found = {each: sum(row["state"] == each for row in rows) for each in counts}
    assert found == {each: count if state in {each, "all"} else 0 for each, count in counts.items()}
    assert counts["superseded"] > 7
    assert all((row["superseded_at"] is None) == (row["state"] == "standing") for row in rows)
    keys = [(row["account_id"], row["as_of_date"], row["superseded_at"] or "9") for row in rows]
    assert keys == sorted(keys)


def test_filters_leave_what_sql_leaves(demo: Demo) -> None:
    ((first,),) = (
        row.values()
        for row in demo.rows("SELECT delivery_id FROM performance_data WHERE reconciliation_status <> 'COMPLETED' ORDER BY 1 LIMIT 1")
    )
    (one,) = demo.rows("SELECT account_id, as_of_date FROM performance_data WHERE delivery_id = %s ORDER BY 1, 2 LIMIT 1", [first])
    path = f"/api/files/{first}/data"
    assert {row["account_id"] for row in whole_list(demo, path, account_id=one["account_id"])} == {one["account_id"]}
    day = one["as_of_date"].isoformat()
    assert {row["as_of_date"] for row in whole_list(demo, path, date_range=day)} == {day}
    assert whole_list(demo, path, date_range="1990-01-01/1990-12-31") == []
    for status in ("PENDING", "COMPLETED", "COMPLETED_WITH_ISSUES"):
        (expected,) = demo.rows(
            "SELECT count(*) AS n FROM performance_data WHERE delivery_id = %s AND reconciliation_status = %s", [first, status]
        )
        rows = whole_list(demo, path, limit=50, status=status)
        assert len(rows) == expected["n"]
        assert {row["reconciliation_status"] for row in rows} <= {status}


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("FAILED", "the file was rejected (E_"),
        ("DUPLICATE", "has the bytes of another one"),
        ("PROCESSING", "not published yet"),
        ("RECEIVED", "not published yet"),
    ],
)
def test_a_file_of_which_nothing_is_published_says_why(own_demo: Demo, status: str, says: str) -> None:
    with Warehouse(str(own_demo.settings.owner_url)).connect() as connection:
        connection.execute(
            "INSERT INTO etl_processing_log (delivery_id, file_name, file_path, feed, vendor, sha256, size_bytes, received_at, status,"
            " error_code, error_message)"
            " VALUES (%s, 'x.csv', 'incoming/x', 'vendor_a', 'vendor_a', 'no digest', 0, now(), %s, 'E_TYPE', 'no')",
            [HOSTILE, status],
        )
    answer = own_demo.get(f"/api/files/{quote(HOSTILE, safe='')}/data")
    assert (answer["data"], answer["metadata"]["total_records"]) == ([], 0)
    assert says in answer["message"]


def test_what_cannot_be_asked(demo: Demo) -> None:
    (file, *_) = files_of(demo, "status LIKE 'COMPLETED%'")
    assert demo.client.get("/api/files/none/data").status_code == 404
    wrong = {"state": "gone", "status": "OPEN", "date_range": "2025-02-30", "nonsense": "1", "cursor": "abc", "limit": "501"}
    for name, value in wrong.items():
        assert demo.client.get(f"/api/files/{file}/data", params={name: value}).status_code == 422, name
