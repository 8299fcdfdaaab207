"""A file's figures against ours, against SQL of the owner."""

from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.contracts.tables import RECONCILIATION_RESULTS
from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import Demo
from advisory_perf_tests.api.paged import whole_list

pytestmark = pytest.mark.slow

COLUMNS = ", ".join(f"r.{name}" for name in RECONCILIATION_RESULTS.column_names)
OF_FILE = """
    FROM reconciliation_results AS r JOIN performance_data AS p USING (data_source, account_id, as_of_date) WHERE p.delivery_id = %(file)s
"""


@pytest.fixture(scope="module")
def files(demo: Demo) -> list[str]:
    """Those with most breaks, and one without any."""
    rows = demo.rows("SELECT delivery_id, sum(breaks) AS breaks FROM reconciliation_totals GROUP BY 1 ORDER BY 2 DESC, 1")
    assert rows[-1]["breaks"] == 0
    return [row["delivery_id"] for row in (*rows[:3], rows[-1])]


def test_the_summary_is_what_sql_counts(demo: Demo, files: list[str]) -> None:
    for file in files:
        summary = demo.get(f"/api/reconciliation/{file}")["data"]["summary"]
        place = {"file": file}
        (counts,) = demo.rows(
            "SELECT count(within_tolerance) AS compared, count(*) FILTER (WHERE within_tolerance IS FALSE) AS breaks,"
            " count(*) - count(within_tolerance) AS not_compared" + OF_FILE,
            place,
        )
        assert {name: summary[name] for name in counts} == counts
        assert summary["pass_rate"] == (counts["compared"] - counts["breaks"]) / counts["compared"]
        assert summary["by_cause"] == demo.rows(
            "SELECT likely_cause, count(*) AS breaks" + OF_FILE + " AND within_tolerance IS FALSE GROUP BY 1 ORDER BY 2 DESC, 1", place
        )
        largest = demo.rows(
            "SELECT DISTINCT ON (field_name) field_name, variance, account_id, as_of_date" + OF_FILE + " AND within_tolerance IS FALSE"
            " ORDER BY field_name, abs(variance) DESC NULLS LAST, as_of_date, account_id",
            place,
        )
        found = [{"field_name": one["field_name"], **one["largest"]} for one in summary["by_field"] if one["largest"] is not None]
        assert found == as_json(largest)
        for field in summary["by_field"]:
            assert {name: field[name] for name in counts} == demo.rows(
                "SELECT count(within_tolerance) AS compared, count(*) FILTER (WHERE within_tolerance IS FALSE) AS breaks,"
                " count(*) - count(within_tolerance) AS not_compared" + OF_FILE + " AND field_name = %(field)s",
                {**place, "field": field["field_name"]},
            )[0]


CONDITIONS = {"false": "IS FALSE", "true": "IS TRUE", "null": "IS NULL", "all": "IS NOT DISTINCT FROM within_tolerance"}


@pytest.mark.parametrize("within", list(CONDITIONS))
@pytest.mark.parametrize("field", [None, "twrr"])
def test_results_are_those_of_the_table(demo: Demo, files: list[str], within: str, field: str | None) -> None:
    for file in files[:2]:
        asked: dict[str, Any] = {"within_tolerance": within, **({} if field is None else {"field": field})}
        rows = whole_list(demo, f"/api/reconciliation/{file}", limit=400, inside="results", **asked)
        expected = demo.rows(
            f"SELECT {COLUMNS}{OF_FILE} AND within_tolerance {CONDITIONS[within]} AND (%(field)s::text IS NULL OR field_name = %(field)s)"
            " ORDER BY account_id, as_of_date, field_name",
            {"file": file, "field": field},
        )
        assert [{name: row[name] for name in RECONCILIATION_RESULTS.column_names} for row in rows] == as_json(expected)


def test_the_largest_come_first_and_small_ones_can_be_left_out(demo: Demo, files: list[str]) -> None:
    path = f"/api/reconciliation/{files[0]}"
    rows = whole_list(demo, path, limit=7, inside="results", sort="variance")
    sizes = [abs(Decimal(row["variance"])) if row["variance"] is not None else Decimal(-1) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    least = sizes[len(sizes) // 2]
    left = whole_list(demo, path, inside="results", sort="variance", min_variance=str(least))
    assert [row for row, size in zip(rows, sizes, strict=True) if size >= least] == left
    cause = rows[0]["likely_cause"]
    of_cause = whole_list(demo, path, inside="results", sort="variance", cause=cause)
    assert of_cause == [row for row in rows if row["likely_cause"] == cause]


def test_every_result_that_breaks_names_the_break_that_covers_it(demo: Demo, files: list[str]) -> None:
    breaks = {row["break_id"]: row for row in demo.rows("SELECT * FROM reconciliation_breaks")}
    named = 0
    for file in files:
        for row in whole_list(demo, f"/api/reconciliation/{file}", inside="results", within_tolerance="all"):
            assert (row["break_id"] is None) == (row["within_tolerance"] is not False)
            if row["break_id"] is not None:
                named += 1
                one = breaks[row["break_id"]]
                is_whole = row["likely_cause"] == "SYSTEMATIC"
                assert one["account_id"] == (None if is_whole else row["account_id"])
                assert one["field_name"] == row["field_name"]
                assert one["first_as_of_date"].isoformat() <= row["as_of_date"] <= one["last_as_of_date"].isoformat()
                assert (row["break_status"], row["age_days"]) == (one["status"], one["age_days"])
    assert named > 10


def test_what_cannot_be_asked(demo: Demo, files: list[str]) -> None:
    assert demo.client.get("/api/reconciliation/none").status_code == 404
    for wrong in (
        {"within_tolerance": "maybe"},
        {"field": "fees"},
        {"cause": "X"},
        {"min_variance": "-1"},
        {"min_variance": "NaN"},
        {"x": "1"},
    ):
        assert demo.client.get(f"/api/reconciliation/{files[0]}", params=wrong).status_code == 422, wrong


def test_a_file_without_comparisons_has_no_pass_rate(demo: Demo) -> None:
    (file,) = demo.rows("SELECT delivery_id FROM etl_processing_log WHERE status IN ('FAILED', 'DUPLICATE') ORDER BY id LIMIT 1")
    answer = demo.get(f"/api/reconciliation/{file['delivery_id']}")
    assert answer["data"]["summary"]["pass_rate"] is None
    assert answer["data"]["results"] == []
    assert answer["message"] == "nothing of the file was compared with figures of the vendor's"
