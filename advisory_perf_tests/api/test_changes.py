"""What publications changed, against SQL of the owner."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import Demo
from advisory_perf_tests.api.paged import whole_list

pytestmark = pytest.mark.slow

ALL = "2000-01-01"
AMOUNTS = "beginning_market_value, ending_market_value, net_flow, calculated_twrr, cumulative_twrr, delivery_id, line_number"


def test_the_summary_counts_what_history_holds(demo: Demo) -> None:
    found = demo.get("/api/changes", since=ALL)["data"]
    expected = demo.rows(
        "SELECT data_source, superseded_by_delivery_id AS superseded_by, count(*) AS rows, count(DISTINCT as_of_date) AS days,"
        " count(DISTINCT account_id) AS accounts FROM performance_data_history GROUP BY 1, 2 ORDER BY 1, 2 NULLS LAST"
    )
    assert [{name: row[name] for name in expected[0]} for row in found] == expected
    assert any(row["superseded_by"] is not None for row in found)


def test_the_largest_changes_are_those_between_old_and_new_rows(demo: Demo) -> None:
    rows = whole_list(demo, "/api/changes/rows", since=ALL)
    for change in demo.get("/api/changes", since=ALL)["data"]:
        of_file = [row for row in rows if (row["data_source"], row["superseded_by"]) == (change["data_source"], change["superseded_by"])]
        assert len(of_file) == change["rows"]
        assert sum(row["new"] is None for row in of_file) == change["withdrawn"]
        for largest, figure in (("largest_ending_market_value", "ending_market_value"), ("largest_return", "calculated_twrr")):
            steps = [step for row in of_file if (step := _step(row, figure))]
            if change[largest] is None:
                assert not steps
            elif change[largest]["change"] is not None:
                assert abs(float(change[largest]["change"])) == pytest.approx(max(map(abs, steps)), abs=1e-11)
                assert change[largest]["changed"] == len(steps)


def _step(row: dict[str, Any], figure: str) -> float:
    if row["new"] is None or None in (row["new"][figure], row["old"][figure]):
        return 0
    step = float(row["new"][figure]) - float(row["old"][figure])
    return step if abs(step) > 1e-12 else 0


def test_every_old_row_has_the_one_that_took_its_place(demo: Demo) -> None:
    rows = whole_list(demo, "/api/changes/rows", limit=50, since=ALL)
    expected = demo.rows(
        "SELECT data_source, account_id, as_of_date, superseded_at, superseded_by_delivery_id AS superseded_by"
        " FROM performance_data_history ORDER BY superseded_at, data_source, account_id, as_of_date"
    )
    assert [{name: row[name] for name in expected[0]} for row in rows] == as_json(expected)
    versions: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for one in as_json(
        demo.rows(
            f"SELECT data_source, account_id, as_of_date, updated_at, {AMOUNTS} FROM performance_data UNION ALL"
            f" SELECT data_source, account_id, as_of_date, updated_at, {AMOUNTS} FROM performance_data_history ORDER BY updated_at"
        )
    ):
        versions.setdefault((one["data_source"], one["account_id"], one["as_of_date"]), []).append(one)
    assert any(row["new"] is not None for row in rows)
    for row in rows:
        of_key = versions[row["data_source"], row["account_id"], row["as_of_date"]]
        later = [one for one in of_key if one["updated_at"] == row["superseded_at"]]
        assert row["new"] is None or _amounts(row["new"]) == _amounts(later[0])
        assert (row["new"] is None) == (not later)


def _amounts(row: dict[str, Any]) -> Sequence[Any]:
    return [row[name] for name in AMOUNTS.split(", ")]


def test_the_last_publication_is_the_default_and_one_instant_later_nothing_has_changed(demo: Demo) -> None:
    (last,) = demo.rows("SELECT max(superseded_at) AS at FROM performance_data_history")
    (expected,) = demo.rows("SELECT count(*) AS n FROM performance_data_history WHERE superseded_at = %s", [last["at"]])
    assert sum(row["rows"] for row in demo.get("/api/changes")["data"]) == expected["n"]
    assert demo.get("/api/changes")["data"] == demo.get("/api/changes", since="last_publication")["data"]
    assert len(whole_list(demo, "/api/changes/rows")) == expected["n"]
    later = (last["at"] + timedelta(microseconds=1)).isoformat()
    assert demo.get("/api/changes", since=later)["data"] == []
    assert demo.get("/api/changes/rows", since=later)["metadata"]["total_records"] == 0
    assert demo.get("/api/changes", since=last["at"].isoformat())["data"] == demo.get("/api/changes")["data"]
    assert demo.get("/api/changes", since=ALL, vendor="vendor_d")["data"] == [
        row for row in demo.get("/api/changes", since=ALL)["data"] if row["data_source"] == "vendor_d"
    ]


@pytest.mark.parametrize("since", ["yesterday", "2025-03-31T10:00:00", "2025-02-30", "2025-03-31T10:00:00+99:00", ""])
def test_an_instant_that_is_none_is_refused(demo: Demo, since: str) -> None:
    for path in ("/api/changes", "/api/changes/rows"):
        answer = demo.client.get(path, params={"since": since})
        assert answer.status_code == 422
        assert "since" in answer.json()["message"]
