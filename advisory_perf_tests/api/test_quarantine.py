"""The rows in quarantine, against the view."""

from typing import Any

import pytest

from advisory_perf.contracts.issue_codes import CODES
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.reading.paging import PageWanted
from advisory_perf.warehouse.reading.quarantine import QuarantineWanted, quarantined_rows
from advisory_perf.warehouse.reading.snapshot import Snapshot
from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import Demo
from advisory_perf_tests.api.paged import whole_list

pytestmark = pytest.mark.slow


def rows_of(demo: Demo, where: str = "true", params: Any = None) -> Any:
    by_issue = (
        "SELECT q.* FROM quarantine AS q JOIN etl_processing_log AS log USING (delivery_id) JOIN data_quality_issues AS issue"
        " ON issue.etl_log_id = log.id AND (issue.line_number, issue.issue_type, issue.issue_description, issue.created_at)"
        " = (q.line_number, q.code, q.reason, q.quarantined_at) AND issue.field_name IS NOT DISTINCT FROM q.field_name"
    )
    return as_json(demo.rows(f"SELECT q.* FROM ({by_issue} ORDER BY delivery_id, q.line_number, issue.id) AS q WHERE {where}", params))


def test_rows_are_those_of_the_view_each_with_its_remedy(demo: Demo) -> None:
    rows = whole_list(demo, "/api/quarantine", limit=3)
    assert [{name: value for name, value in row.items() if name != "remedy"} for row in rows] == rows_of(demo)
    assert all(row["remedy"] == CODES[row["code"]].sentence for row in rows)
    assert len(rows) > 3


def test_rows_of_one_line_of_a_file_come_once_each_on_whichever_pages(own_demo: Demo) -> None:
    """A line with several figures gives several rows of one number."""
    with Warehouse(str(own_demo.settings.owner_url)).connect() as connection:
        made = connection.execute(
            "INSERT INTO data_quality_issues (etl_log_id, issue_type, issue_description, severity, line_number, field_name, raw_row,"
            " account_id, as_of_date) SELECT issue.etl_log_id, issue.issue_type, 'copy ' || copy, issue.severity, issue.line_number,"
            " issue.field_name, issue.raw_row, coalesce(issue.account_id, 'A'), coalesce(issue.as_of_date, '2025-03-31')"
            " FROM data_quality_issues AS issue, generate_series(1, 6) AS copy"
            " WHERE issue.id = (SELECT max(id) FROM data_quality_issues WHERE line_number IS NOT NULL) RETURNING account_id, as_of_date"
        ).fetchall()
        connection.execute("UPDATE data_quality_issues SET issue_description = issue_description || '.' WHERE issue_description = 'copy 1'")
    for limit in (1, 2, 4):
        rows = whole_list(own_demo, "/api/quarantine", limit=limit)
        assert [{name: value for name, value in row.items() if name != "remedy"} for row in rows] == rows_of(own_demo)
    vendor = rows_of(own_demo, "reason = 'copy 2'")[0]["vendor"]
    with own_demo.service.reader.connect() as connection:
        found = quarantined_rows(
            Snapshot(connection), QuarantineWanted(vendor, account_id=made[0][0], first=made[0][1], last=made[0][1]), PageWanted(100)
        )
    copies = [row["reason"] for row in found.rows if row["reason"].startswith("copy")]
    assert copies == ["copy 1.", *(f"copy {number}" for number in range(2, 7))], "in the order in which they were found"


def test_a_row_of_an_account_date_that_is_published_all_the_same_says_so(own_demo: Demo) -> None:
    with Warehouse(str(own_demo.settings.owner_url)).connect() as connection:
        connection.execute(
            "UPDATE data_quality_issues AS issue SET account_id = p.account_id, as_of_date = p.as_of_date"
            " FROM etl_processing_log AS log, performance_data AS p WHERE log.id = issue.etl_log_id AND p.data_source = log.vendor"
            " AND issue.id = (SELECT min(id) FROM data_quality_issues WHERE line_number IS NOT NULL)"
        )
    rows = whole_list(own_demo, "/api/quarantine")
    assert sum(row["is_published"] for row in rows) == 1
    assert [row["is_published"] for row in rows] == [row["is_published"] for row in rows_of(own_demo)]


@pytest.mark.parametrize(
    ("name", "column"),
    [("vendor", "vendor"), ("file_id", "delivery_id"), ("code", "code"), ("severity", "severity"), ("account_id", "account_id")],
)
def test_each_filter_leaves_what_sql_leaves(demo: Demo, name: str, column: str) -> None:
    values = {row[column] for row in rows_of(demo)} - {None}
    assert values
    for value in values:
        found = whole_list(demo, "/api/quarantine", **{name: value})
        assert [row["line_number"] for row in found] == [row["line_number"] for row in rows_of(demo, f"{column} = %s", [value])]


def test_days(demo: Demo) -> None:
    days = sorted({row["as_of_date"] for row in rows_of(demo)} - {None})
    first, last = days[0], days[len(days) // 2]
    found = whole_list(demo, "/api/quarantine", date_range=f"{first}/{last}")
    assert found
    assert len(found) == len(rows_of(demo, "as_of_date BETWEEN %s AND %s", [first, last]))


def test_what_cannot_be_asked(demo: Demo) -> None:
    for name, value in {"severity": "AWFUL", "date_range": "x", "nonsense": "1", "vendor": ""}.items():
        assert demo.client.get("/api/quarantine", params={name: value}).status_code == 422, name
