"""What is wrong in a file, issue by issue, against SQL of the owner."""

from typing import Any

import pytest

from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import Demo
from advisory_perf_tests.api.paged import whole_list

pytestmark = pytest.mark.slow


def rows_of(demo: Demo, file: str, where: str = "true", *params: Any) -> Any:
    statement = (
        "SELECT issue.* FROM data_quality_issues AS issue JOIN etl_processing_log AS log ON log.id = issue.etl_log_id"
        f" WHERE log.delivery_id = %s AND {where} ORDER BY issue.line_number NULLS LAST, issue.id"
    )
    return as_json(demo.rows(statement, [file, *params]))


@pytest.fixture(scope="module")
def files(demo: Demo) -> list[str]:
    """Every file of the ledger."""
    return [row["delivery_id"] for row in demo.rows("SELECT delivery_id FROM etl_processing_log ORDER BY id")]


def test_issues_are_the_rows_of_the_table_whole(demo: Demo, files: list[str]) -> None:
    found = {file: whole_list(demo, f"/api/files/{file}/issues", limit=3) for file in files}
    assert found == {file: rows_of(demo, file) for file in files}
    lines = [row["line_number"] for rows in found.values() for row in rows]
    assert None in lines
    assert {*lines} > {None}
    assert any(not rows for rows in found.values())


def test_they_are_those_that_the_details_count(demo: Demo, files: list[str]) -> None:
    for file in files:
        details = demo.get(f"/api/files/{file}/details")["data"]
        counted = {(one["issue_type"], one["severity"]): one["count"] for one in details["issues"]}
        issues = demo.get(details["links"]["issues"], limit=500)["data"]
        assert counted == {kind: [(one["issue_type"], one["severity"]) for one in issues].count(kind) for kind in counted}
        assert sum(counted.values()) == len(issues)


@pytest.mark.parametrize(("name", "column"), [("code", "issue_type"), ("severity", "severity")])
def test_each_filter_leaves_what_sql_leaves(demo: Demo, files: list[str], name: str, column: str) -> None:
    values = {row[column] for row in demo.rows(f"SELECT DISTINCT {column} FROM data_quality_issues")}
    assert len(values) > 1
    for file in files:
        for value in values:
            assert whole_list(demo, f"/api/files/{file}/issues", **{name: value}) == rows_of(demo, file, f"issue.{column} = %s", value)
    several = sorted(values)[:2]
    if name == "severity":
        found = whole_list(demo, f"/api/files/{files[0]}/issues", severity=several)
        assert found == rows_of(demo, files[0], "issue.severity = ANY(%s)", several)


def test_what_cannot_be_asked(demo: Demo, files: list[str]) -> None:
    for name, value in {"severity": "AWFUL", "code": "", "nonsense": "1", "limit": "501"}.items():
        assert demo.client.get(f"/api/files/{files[0]}/issues", params={name: value}).status_code == 422, name
    for file in ("none", "a%2Fb", "%F0%9F%A7%BE"):
        assert demo.client.get(f"/api/files/{file}/issues").status_code == 404
