"""A file's figures against ours, against SQL of the owner."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from advisory_perf.api.known import known_entry
from advisory_perf.contracts.tables import RECONCILIATION_RESULTS
from advisory_perf.warehouse.reading.paging import PageWanted
from advisory_perf.warehouse.reading.reconciliation import ResultsWanted, results_of_file
from advisory_perf.warehouse.reading.snapshot import Params, Row, Snapshot, Statement
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


def is_what_sql_counts(demo: Demo, file: str) -> None:
    """The summary of the file."""
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


def test_the_summary_is_what_sql_counts(demo: Demo, files: list[str]) -> None:
    for file in files:
        is_what_sql_counts(demo, file)


def test_a_file_has_its_own_results_alone_of_days_that_another_has_results_of_too(own_demo: Demo, files: list[str]) -> None:
    with psycopg.connect(str(own_demo.settings.owner_url)) as connection:
        for statement in (
            (
                "UPDATE performance_data SET delivery_id = 'other' WHERE delivery_id = %(file)s AND account_id IN ("
                "SELECT account_id FROM reconciliation_results AS r JOIN performance_data AS p USING (data_source, account_id, as_of_date)"
                " WHERE p.delivery_id = %(file)s AND NOT r.within_tolerance ORDER BY account_id LIMIT 1)"
            ),
            "DELETE FROM reconciliation_totals WHERE delivery_id = %(file)s",
            (
                "INSERT INTO reconciliation_totals (data_source, as_of_date, field_name, delivery_id, results, compared, breaks)"
                " SELECT data_source, as_of_date, field_name, p.delivery_id, count(*), count(within_tolerance),"
                " count(*) FILTER (WHERE NOT within_tolerance)"
                " FROM reconciliation_results AS r JOIN performance_data AS p USING (data_source, account_id, as_of_date)"
                " WHERE p.delivery_id IN (%(file)s, 'other') GROUP BY 1, 2, 3, 4"
            ),
        ):
            assert connection.execute(statement, {"file": files[0]}).rowcount > 0
    is_what_sql_counts(own_demo, files[0])
    expected = own_demo.rows(f"SELECT {COLUMNS}{OF_FILE} ORDER BY account_id, as_of_date, field_name", {"file": files[0]})
    several: tuple[dict[str, Any], ...] = ({}, {"min_variance": "0.000001"})
    for asked in several:
        rows = whole_list(own_demo, f"/api/reconciliation/{files[0]}", inside="results", within_tolerance="all", **asked)
        left = [row for row in expected if not asked or (row["variance"] is not None and abs(row["variance"]) >= Decimal("0.000001"))]
        assert [{name: row[name] for name in RECONCILIATION_RESULTS.column_names} for row in rows] == as_json(left)


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


class Explaining(Snapshot):
    """Notes how often a page's statement looks for breaks."""

    looks = 0

    def rows(self, statement: Statement, params: Params = None) -> list[Row]:
        """What the statement gives, once it was explained."""
        explain = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) ") + (sql.SQL(statement) if isinstance(statement, str) else statement)
        self.looks += sum(node["Actual Loops"] for node in nodes_of(super().rows(explain, params)[0]["QUERY PLAN"][0]["Plan"]))
        return super().rows(statement, params)


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those that look into the table of breaks."""
    if plan.get("Relation Name") == "reconciliation_breaks":
        yield plan
    for below in plan.get("Plans", []):
        yield from nodes_of(below)


@pytest.mark.parametrize("sort", ["account", "variance"])
def test_breaks_are_looked_for_of_the_rows_of_a_page_alone(demo: Demo, files: list[str], sort: str) -> None:
    """Whatever the order, and however deep the page lies."""
    with demo.service.reader.connect() as connection:
        entry = known_entry(Snapshot(connection), files[0])
        snapshot = Explaining(connection)
        found = results_of_file(snapshot, entry, ResultsWanted(sort=sort), PageWanted(1, offset=5))
    assert len(found.rows) == 1
    assert 0 < snapshot.looks <= 2, "the page's row and the one that says that there are more"


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
