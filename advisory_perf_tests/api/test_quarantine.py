"""The rows in quarantine, against the view."""

from typing import Any

import pytest

from advisory_perf.contracts.issue_codes import CODES
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import Demo
from advisory_perf_tests.api.paged import whole_list

pytestmark = pytest.mark.slow


def rows_of(demo: Demo, where: str = "true", params: Any = None) -> Any:
    return as_json(demo.rows(f"SELECT * FROM quarantine WHERE {where} ORDER BY delivery_id, line_number", params))


def test_rows_are_those_of_the_view_each_with_its_remedy(demo: Demo) -> None:
    rows = whole_list(demo, "/api/quarantine", limit=3)
    assert [{name: value for name, value in row.items() if name != "remedy"} for row in rows] == rows_of(demo)
    assert all(row["remedy"] == CODES[row["code"]].sentence for row in rows)
    assert len(rows) > 3


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
