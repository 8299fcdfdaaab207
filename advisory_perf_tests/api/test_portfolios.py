"""Portfolios, clients and composites against SQL of the owner."""

from urllib.parse import quote

import pytest

from advisory_perf.contracts.columns import PERIODS
from advisory_perf.contracts.enums import GroupLevel
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import Demo
from advisory_perf_tests.api.paged import whole_list

pytestmark = pytest.mark.slow

LIST = "/api/portfolios"


def groups(demo: Demo) -> list[tuple[str, str, str]]:
    rows = demo.rows("SELECT DISTINCT data_source, level, group_id FROM portfolio_performance ORDER BY 1, 2, 3")
    return [(row["data_source"], row["level"], row["group_id"]) for row in rows]


def path_of(vendor: str, group: str) -> str:
    return f"{LIST}/{quote(vendor, safe='')}/{quote(group, safe='')}"


def test_the_list_has_every_portfolio_and_client_with_its_latest_day(demo: Demo) -> None:
    found = whole_list(demo, LIST, limit=9)
    assert sorted((row["data_source"], row["level"], row["group_id"]) for row in found) == groups(demo)
    latest = demo.rows(
        "SELECT DISTINCT ON (data_source, level, group_id) * FROM portfolio_performance"
        " ORDER BY data_source, level, group_id, as_of_date DESC"
    )
    by_key = {(row["data_source"], row["level"], row["group_id"]): as_json(row) for row in latest}
    for row in found:
        published = by_key[row["data_source"], row["level"], row["group_id"]]
        assert {name: row[name] for name in row.keys() & published.keys()} == {
            name: published[name] for name in row.keys() & published.keys()
        }
    assert (
        sum(row["accounts"] for row in found if row["level"] == "PORTFOLIO")
        == demo.rows("SELECT count(portfolio_id) AS n FROM accounts")[0]["n"]
    )


@pytest.mark.parametrize("level", list(GroupLevel))
def test_filters_give_what_sql_gives(demo: Demo, level: GroupLevel) -> None:
    expected = [group for group in groups(demo) if group[1] == level and "1" in group[2]]
    found = demo.get(LIST, level=level.value, q="1", limit=500)["data"]
    assert sorted((row["data_source"], row["level"], row["group_id"]) for row in found) == expected


def test_a_group_is_what_is_published_of_it(demo: Demo) -> None:
    levels = set()
    for vendor, level, group in groups(demo)[:3] + groups(demo)[-3:]:
        levels.add(level)
        found = demo.get(path_of(vendor, group), level=level)["data"]
        rows = [
            as_json(row)
            for row in demo.rows(
                "SELECT * FROM portfolio_performance WHERE data_source = %s AND level = %s AND group_id = %s ORDER BY as_of_date",
                [vendor, level, group],
            )
        ]
        assert found["series"] == [{name: row[name] for name in found["series"][0]} for row in rows]
        assert found["latest"] == {name: rows[-1][name] for name in found["latest"]}
        for period in PERIODS:
            assert found["returns"][period]["value"] == rows[-1][f"twrr_{period}"]
        members = demo.rows(
            f"SELECT account_id FROM performance_data WHERE data_source = %s AND {GroupLevel(level).column} = %s"
            " AND as_of_date = %s ORDER BY 1",
            [vendor, group, rows[-1]["as_of_date"]],
        )
        assert [member["account_id"] for member in found["members"]] == [member["account_id"] for member in members]
        assert len(members) == found["latest"]["members"]
        day = rows[1]["as_of_date"]
        part = demo.get(path_of(vendor, group), level=level, date_range=f"{day}/{day}")["data"]
        assert (part["series"], part["latest"]["as_of_date"]) == ([found["series"][1]], day)
    assert levels


def test_a_group_that_is_not_there_is_not_found(demo: Demo) -> None:
    vendor, level, group = groups(demo)[0]
    other = GroupLevel.CLIENT if level == GroupLevel.PORTFOLIO else GroupLevel.PORTFOLIO
    for path, of in ((path_of(vendor, "no/such"), level), (path_of("nobody", group), level), (path_of(vendor, group), other.value)):
        answer = demo.client.get(path, params={"level": of})
        assert (answer.status_code, answer.json()["data"]["code"]) == (404, "NOT_FOUND")
    assert demo.client.get(path_of(vendor, group), params={"level": "FIRM"}).status_code == 422


def test_a_composite_is_what_is_published_of_it(demo: Demo) -> None:
    names = [row["composite"] for row in demo.rows("SELECT DISTINCT composite FROM composite_performance ORDER BY 1")]
    listed = demo.get("/api/composites")
    assert [row["composite"] for row in listed["data"]] == names
    assert names
    for row in listed["data"]:
        found = demo.get(f"/api/composites/{quote(row['composite'], safe='')}")["data"]
        for part, table, order in (
            ("performance", "composite_performance", "month"),
            ("report", "composite_report", "year, fee_basis"),
        ):
            rows = [as_json(one) for one in demo.rows(f"SELECT * FROM {table} WHERE composite = %s ORDER BY {order}", [row["composite"]])]
            assert found[part] == rows
        last = found["performance"][-1]
        assert {name: row[name] for name in last} == last
        assert row["first_month"] == found["performance"][0]["month"]
        assert len(found["members"]) == last["members"]


def test_a_composite_may_have_any_name(own_demo: Demo) -> None:
    name = "Füll </script> 50/50 %2F"
    assert own_demo.client.get(f"/api/composites/{quote(name, safe='')}").status_code == 404
    with Warehouse(str(own_demo.settings.warehouse_url)).connect() as connection:
        connection.execute("UPDATE composite_performance SET composite = %s", [name])
    found = own_demo.get(f"/api/composites/{quote(name, safe='')}")["data"]
    assert (found["composite"], found["report"], found["members"]) == (name, [], [])


def test_contributions_are_what_is_published_and_add_up_to_the_return(demo: Demo) -> None:
    keys = demo.rows("SELECT DISTINCT data_source, level, group_id FROM portfolio_contributions ORDER BY 1, 2, 3 LIMIT 6")
    for vendor, level, group in ((row["data_source"], row["level"], row["group_id"]) for row in keys):
        path = f"{path_of(vendor, group)}/contributions"
        found = whole_list(demo, path, limit=3, level=level)
        stored = demo.rows(
            "SELECT * FROM portfolio_contributions WHERE data_source = %s AND level = %s AND group_id = %s ORDER BY month DESC, account_id",
            [vendor, level, group],
        )
        assert found == [as_json(row) for row in stored] != []
        for month in {row["month"] for row in found if row["status_ytd"] == "OK"}:
            of_month = [row for row in found if row["month"] == month]
            total = sum(row["contribution_ytd"] for row in of_month if row["contribution_ytd"] is not None)
            assert total == pytest.approx(of_month[0]["twrr_ytd"], abs=1e-12)
        first = demo.get(path, level=level, date_range=f"../{found[-1]['month']}")["data"]
        assert first == [row for row in found if row["month"] == found[-1]["month"]]
    answer = demo.client.get(f"{path_of('vendor_a', 'nothing of that name')}/contributions")
    assert (answer.status_code, answer.json()["data"]["code"]) == (404, "NOT_FOUND")
