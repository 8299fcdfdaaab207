"""What publications changed, against SQL of the owner."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from advisory_perf.contracts.tables import PERFORMANCE_DATA
from advisory_perf.positions.publication import lock_publication
from advisory_perf.warehouse.beginnings import begin_announced
from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import Demo
from advisory_perf_tests.api.paged import whole_list

pytestmark = pytest.mark.slow

ALL = "2000-01-01"
AMOUNTS = "beginning_market_value, ending_market_value, net_flow, calculated_twrr, cumulative_twrr, delivery_id, line_number"


def test_the_summary_counts_what_history_holds(demo: Demo) -> None:
    found = demo.get("/api/changes", since=ALL)["data"]["changes"]
    expected = demo.rows(
        "SELECT data_source, superseded_by_delivery_id AS superseded_by, count(*) AS rows, count(DISTINCT as_of_date) AS days,"
        " count(DISTINCT account_id) AS accounts FROM performance_data_history GROUP BY 1, 2 ORDER BY 1, 2 NULLS LAST"
    )
    assert [{name: row[name] for name in expected[0]} for row in found] == expected
    assert any(row["superseded_by"] is not None for row in found)


def test_the_largest_changes_are_those_between_old_and_new_rows(demo: Demo) -> None:
    rows = whole_list(demo, "/api/changes/rows", inside="rows", since=ALL)
    for change in demo.get("/api/changes", since=ALL)["data"]["changes"]:
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
    rows = whole_list(demo, "/api/changes/rows", limit=50, inside="rows", since=ALL)
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


def changes_of(demo: Demo, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = demo.get("/api/changes", **asked)["data"]["changes"]
    return found


def test_the_last_publication_is_the_default_and_one_instant_later_nothing_has_changed(demo: Demo) -> None:
    (last,) = demo.rows("SELECT max(superseded_at) AS at FROM performance_data_history")
    (expected,) = demo.rows("SELECT count(*) AS n FROM performance_data_history WHERE superseded_at = %s", [last["at"]])
    assert sum(row["rows"] for row in changes_of(demo)) == expected["n"]
    assert changes_of(demo) == changes_of(demo, since="last_publication")
    answer = demo.get("/api/changes/rows", limit=500)
    assert answer["metadata"]["total_records"] == expected["n"]
    assert datetime.fromisoformat(answer["data"]["since"]) == last["at"]
    later = (last["at"] + timedelta(microseconds=1)).isoformat()
    assert changes_of(demo, since=later) == []
    assert demo.get("/api/changes/rows", since=later)["metadata"]["total_records"] == 0
    assert changes_of(demo, since=last["at"].isoformat()) == changes_of(demo)
    assert changes_of(demo, since=ALL, vendor="vendor_d") == [
        row for row in changes_of(demo, since=ALL) if row["data_source"] == "vendor_d"
    ]


def test_the_message_says_the_instant_in_utc_whichever_offset_it_was_asked_with(demo: Demo) -> None:
    for written in ("2025-03-31T10:00:00+02:00", "2025-03-31T08:00:00Z", "2025-03-31T03:00:00-05:00"):
        answer = demo.get("/api/changes", since=written)
        assert answer["message"] == "since 2025-03-31T08:00:00.000000Z"
        assert answer["data"]["since"] == "2025-03-31T08:00:00Z"


def superseding(connection: psycopg.Connection, vendor: str, rows: int) -> None:
    """Supersedes so many rows of the vendor as a publication does, of which the transaction has begun."""
    lock_publication(connection, vendor)
    columns = ", ".join((*PERFORMANCE_DATA.column_names, "id", "created_at", "updated_at", "processed_by"))
    connection.execute(
        f"WITH gone AS (DELETE FROM performance_data WHERE (data_source, account_id, as_of_date) IN ("
        " SELECT data_source, account_id, as_of_date FROM performance_data WHERE data_source = %s ORDER BY account_id, as_of_date LIMIT %s"
        f") RETURNING *) INSERT INTO performance_data_history ({columns}) SELECT {columns} FROM gone",
        [vendor, rows],
    )


@contextmanager
def a_publication(demo: Demo, vendor: str = "vendor_a", rows: int = 3) -> Iterator[psycopg.Connection]:
    """One that is running in the block, and ends with it."""
    with psycopg.connect(str(demo.settings.owner_url)) as connection:
        begin_announced(connection)
        superseding(connection, vendor, rows)
        yield connection


def keys(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(row["superseded_at"], row["data_source"], row["account_id"], row["as_of_date"]) for row in rows]


def test_a_list_of_the_last_publication_stays_that_of_one_publication(own_demo: Demo) -> None:
    """A second publication between two pages neither moves the list to another instant nor adds to it."""
    with a_publication(own_demo, rows=5):
        pass
    first = own_demo.client.get("/api/changes/rows", params={"limit": 2})
    answer = first.json()
    assert answer["metadata"]["total_records"] == 5
    with a_publication(own_demo, "vendor_d", rows=4):
        pass
    found, link = keys(answer["data"]["rows"]), first.headers.get("Link")
    while link is not None:
        response = own_demo.client.get(link.removeprefix("<").partition(">")[0])
        assert response.status_code == 200, response.text
        more = response.json()
        assert (more["data"]["since"], more["data"]["until"]) == (answer["data"]["since"], answer["data"]["until"])
        assert more["metadata"]["total_records"] == 5
        found, link = found + keys(more["data"]["rows"]), response.headers.get("Link")
    assert len(set(found)) == len(found) == 5
    assert {key[1] for key in found} == {"vendor_a"}
    cursor = answer["metadata"]["next_cursor"]
    again = own_demo.get("/api/changes/rows", since=answer["data"]["since"], cursor=cursor, limit=500)
    assert keys(again["data"]["rows"]) == found[2:]
    for asked in ({"page": 2}, {"cursor": cursor}, {"since": "last_publication", "cursor": cursor}):
        refused = own_demo.client.get("/api/changes/rows", params=asked)
        assert refused.status_code == 422
        assert "go on with since=" in refused.json()["message"], refused.json()
    other = own_demo.client.get("/api/changes/rows", params={"since": ALL, "cursor": cursor})
    assert other.status_code == 422, "the cursor of another instant's list"


def test_who_asks_since_until_gets_every_row_once_though_publications_end_in_another_order_than_they_began(own_demo: Demo) -> None:
    polled: list[tuple[str, ...]] = []
    since = ALL

    def poll() -> None:
        nonlocal since
        answer = own_demo.get("/api/changes/rows", since=since, limit=500)
        summary = own_demo.get("/api/changes", since=since)["data"]
        assert sum(row["rows"] for row in summary["changes"]) == len(answer["data"]["rows"])
        assert answer["data"]["until"] >= since
        polled.extend(keys(answer["data"]["rows"]))
        since = answer["data"]["until"]

    poll()
    before = len(polled)
    with a_publication(own_demo):
        with a_publication(own_demo, "vendor_d", rows=4):
            pass
        poll()
        assert len(polled) == before, "the one that has ended waits for the one that began earlier"
        with psycopg.connect(str(own_demo.settings.owner_url)) as begun_and_idle:
            begin_announced(begun_and_idle)
            poll()
    poll()
    expected = own_demo.rows("SELECT superseded_at, data_source, account_id, as_of_date FROM performance_data_history")
    assert len(polled) == len(expected) == before + 7
    assert sorted(polled) == sorted(keys(as_json(expected)))


def test_what_a_publication_hid_comes_once_it_has_ended_also_where_it_changed_nothing(own_demo: Demo) -> None:
    """An answer that holds something back is not the answer once nothing is held back, although the data are the same."""
    with psycopg.connect(str(own_demo.settings.owner_url)) as connection:
        begin_announced(connection)
        with a_publication(own_demo):
            pass
        held = own_demo.client.get("/api/changes/rows", params={"since": ALL})
        connection.rollback()
    assert "ETag" not in held.headers
    assert "ETag" not in own_demo.client.get("/api/changes").headers
    fresh = own_demo.client.get("/api/changes/rows", params={"since": ALL})
    assert fresh.status_code == 200
    assert fresh.json()["metadata"]["total_records"] == held.json()["metadata"]["total_records"] + 3


@pytest.mark.parametrize(
    "since", ["yesterday", "2025-03-31T10:00:00", "2025-02-30", "2025-03-31T10:00:00+99:00", "0001-01-01T00:00:00+01:00", ""]
)
def test_an_instant_that_is_none_is_refused(demo: Demo, since: str) -> None:
    for path in ("/api/changes", "/api/changes/rows"):
        answer = demo.client.get(path, params={"since": since})
        assert answer.status_code == 422
        assert "since" in answer.json()["message"]
