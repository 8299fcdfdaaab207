"""Accounts against SQL of the owner, and against what their rows were when they were reported."""

from datetime import date, timedelta
from typing import Any, LiteralString
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from advisory_perf.api.models.periods import ANNUALISED
from advisory_perf.contracts.columns import PERIODS
from advisory_perf.contracts.tables import RESTATED_BY_DELIVERIES
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import names
from advisory_perf_tests.api.as_json import as_json
from advisory_perf_tests.api.demo import Demo
from advisory_perf_tests.api.paged import whole_list

pytestmark = pytest.mark.slow

LIST = "/api/accounts"
OWN = ("data_source", "account_id", "status", "status_date", "inception_date", "portfolio_id")
OF_LATEST = ("ending_market_value", "twrr_mtd", "twrr_ytd", "twrr_1y", "return_status", "cumulative_twrr")
IS_BROKEN = "(a.data_source, a.account_id) IN (SELECT data_source, account_id FROM reconciliation_breaks WHERE status = 'OPEN')"
BY_SQL = """
    SELECT a.*, p.ending_market_value, p.twrr_mtd, p.twrr_ytd, p.twrr_1y, p.return_status, p.cumulative_twrr,
        (SELECT count(*) FROM reconciliation_breaks AS b
         WHERE b.data_source = a.data_source AND b.account_id = a.account_id AND b.status = 'OPEN') AS open_breaks
    FROM accounts AS a JOIN performance_data AS p
        ON p.data_source = a.data_source AND p.account_id = a.account_id AND p.as_of_date = a.last_as_of_date
"""


def path_of(account: str, rest: str = "") -> str:
    return f"{LIST}/{quote(account, safe='')}{rest}"


def some_accounts(demo: Demo) -> list[tuple[str, str]]:
    """Of each vendor the first, and every one that has breaks or was restated or is not active."""
    rows = demo.rows(
        "SELECT data_source, min(account_id) AS account_id FROM accounts GROUP BY 1"
        " UNION SELECT data_source, account_id FROM accounts WHERE status <> 'ACTIVE'"
        " UNION (SELECT DISTINCT data_source, account_id FROM performance_data_history LIMIT 3) ORDER BY 1, 2"
    )
    return [(row["data_source"], row["account_id"]) for row in rows]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("account", "a.account_id, a.data_source"),
        ("emv", "p.ending_market_value DESC NULLS LAST, a.account_id, a.data_source"),
        ("ytd", "p.twrr_ytd DESC NULLS LAST, a.account_id, a.data_source"),
        ("breaks", "open_breaks DESC, a.account_id, a.data_source"),
    ],
)
def test_pages_of_accounts_are_those_of_sql(demo: Demo, sort: str, order: str) -> None:
    found = whole_list(demo, LIST, limit=37, sort=sort)
    expected = [as_json(row) for row in demo.rows(f"{BY_SQL} ORDER BY {order}")]
    names = (*OWN, *OF_LATEST, "open_breaks")
    assert [{name: row[name] for name in names} for row in found] == [{name: row[name] for name in names} for row in expected]


@pytest.mark.parametrize(
    ("params", "condition"),
    [
        ({"vendor": "vendor_a"}, "a.data_source = 'vendor_a'"),
        ({"has_breaks": "true"}, IS_BROKEN),
        ({"has_breaks": "false", "vendor": "vendor_b"}, f"a.data_source = 'vendor_b' AND NOT {IS_BROKEN}"),
        ({"q": "1"}, "a.account_id LIKE '%1%' OR a.account_name LIKE '%1%'"),
        ({"q": "_"}, "strpos(a.account_id, '_') > 0 OR strpos(a.account_name, '_') > 0"),
        ({"status": ["CLOSED", "EMPTY"]}, "a.status <> 'ACTIVE'"),
        ({"portfolio_id": "nobody's"}, "false"),
    ],
)  # fmt: skip
def test_filters_give_what_sql_gives(demo: Demo, params: dict[str, Any], condition: str) -> None:
    expected = demo.rows(f"SELECT account_id, data_source FROM accounts AS a WHERE {condition} ORDER BY 1, 2")
    found = whole_list(demo, LIST, limit=100, **params)
    assert [(row["account_id"], row["data_source"]) for row in found] == [(row["account_id"], row["data_source"]) for row in expected]


def test_a_group_has_the_accounts_that_name_it(demo: Demo) -> None:
    for name in ("portfolio_id", "client_id"):
        rows = demo.rows(f"SELECT {name} AS id, count(*) AS n FROM accounts WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 1")
        for row in rows:
            found = demo.get(LIST, **{name: row["id"]})
            assert found["metadata"]["total_records"] == row["n"]
            assert {account[name] for account in found["data"]} == {row["id"]}


def test_an_account_is_what_is_published_of_it(demo: Demo) -> None:
    for vendor, account in some_accounts(demo):
        found = demo.get(path_of(account), vendor=vendor)["data"]
        rows = [as_json(row) for row in demo.rows(
            "SELECT * FROM performance_data WHERE data_source = %s AND account_id = %s ORDER BY as_of_date", [vendor, account]
        )]  # fmt: skip
        latest = rows[-1]
        assert found["latest"] == {name: latest[name] for name in found["latest"]}
        beside = {"cumulative_benchmark", "benchmark_over_gap", "benchmark_covers_more"}
        assert [{name: point[name] for name in point.keys() - beside} for point in found["series"]] == [
            {name: row[name] for name in found["series"][0].keys() - beside} for row in rows
        ]
        for period in PERIODS:
            figure = found["returns"][period]
            published = (latest[f"twrr_{period}"], latest[f"twrr_{period}_from"], latest[f"twrr_{period}_over_gap"])
            assert (figure["value"], figure["from"], figure["over_gap"]) == published
            assert (figure["why_null"] is None) == (figure["value"] is not None)
        assert found["returns"]["since_inception"]["value"] == latest["cumulative_twrr"]
        assert found["open_breaks"] == len(found["breaks"])


def test_an_account_is_restated_as_often_as_the_ledger_says(own_demo: Demo) -> None:
    def restated(vendor: str) -> int:
        accounts = whole_list(own_demo, "/api/accounts", vendor=vendor)
        return sum(own_demo.get(path_of(one["account_id"]), vendor=vendor)["data"]["restatements"] for one in accounts)

    (counted,) = own_demo.rows("SELECT sum(records_restated)::int AS n FROM etl_processing_log WHERE vendor = 'vendor_d'")
    assert restated("vendor_d") == counted["n"] > 0
    repeated = sql.SQL(
        "UPDATE performance_data_history AS h SET ({columns}) = (SELECT {columns} FROM performance_data AS p"
        " WHERE p.data_source = h.data_source AND p.account_id = h.account_id AND p.as_of_date = h.as_of_date)"
        " WHERE h.data_source = 'vendor_d' AND h.superseded_by_delivery_id IS NOT NULL"
    )
    with psycopg.connect(str(own_demo.settings.owner_url)) as connection:
        connection.execute(repeated.format(columns=names(RESTATED_BY_DELIVERIES)))
    assert restated("vendor_d") == 0, "rows that are replaced by the very figures are not restated"


def test_annualised_returns_are_those_of_the_statistics(own_demo: Demo) -> None:
    (row,) = own_demo.rows(
        "SELECT data_source, account_id, max(month) AS month FROM account_statistics GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 1"
    )
    path, vendor = path_of(row["account_id"]), row["data_source"]

    def annualised() -> list[dict[str, Any]]:
        returns = own_demo.get(path, vendor=vendor)["data"]["returns"]
        return [returns[name] for name in ANNUALISED]

    def change(statement: LiteralString) -> None:
        with Warehouse(str(own_demo.settings.warehouse_url)).connect() as connection:
            connection.execute(sql.SQL(statement), [row["account_id"]])

    assert [one["why_null"] for one in annualised()] == ["NOT_WHOLE", "NOT_WHOLE", "NOT_LONGER_THAN_A_YEAR"]
    change("UPDATE account_statistics SET net_3y = 0.03, gross_3y = 0.04, net_si = 0.05, gross_si = 0.06 WHERE account_id = %s")
    three, five, since = annualised()
    assert (three["value"], five["value"], since["value"]) == (0.03, None, 0.05)
    start = date.fromisoformat(three["from"])
    assert (start.year + 3, start.month, (start + timedelta(days=1)).day) == (row["month"].year, row["month"].month, 1)
    change("DELETE FROM account_statistics WHERE account_id = %s")
    assert {one["why_null"] for one in annualised()} == {"NOT_COMPUTED_YET"}


def test_a_date_range_is_what_the_series_and_the_latest_valuation_are_of(demo: Demo) -> None:
    vendor, account = some_accounts(demo)[0]
    whole = demo.get(path_of(account), vendor=vendor)["data"]["series"]
    days = [point["as_of_date"] for point in whole]
    first, last = days[2], days[-3]
    part = demo.get(path_of(account), vendor=vendor, date_range=f"{first}/{last}")["data"]
    assert part["series"] == whole[2:-2]
    assert part["latest"]["as_of_date"] == last
    nothing = demo.get(path_of(account), vendor=vendor, date_range="../1990-01-01")["data"]
    assert (nothing["latest"], nothing["series"]) == (None, [])
    assert {figure["why_null"] for figure in nothing["returns"].values()} == {"NOTHING_PUBLISHED"}


def test_the_benchmark_is_linked_over_the_days_of_the_account_and_a_missing_one_is_not_taken_for_nothing(own_demo: Demo) -> None:
    (row,) = own_demo.rows(
        "SELECT data_source, account_id FROM performance_data GROUP BY 1, 2"
        " HAVING count(*) > 5 AND bool_and(return_status = 'OK') AND count(benchmark_return) = count(*) LIMIT 1"
    )
    path, vendor = path_of(row["account_id"]), row["data_source"]
    series = own_demo.get(path, vendor=vendor)["data"]["series"]
    wealth = 1.0
    for point in series:
        wealth *= 1 + point["benchmark_return"]
        assert point["cumulative_benchmark"] == pytest.approx(wealth - 1, rel=1e-12, abs=1e-12)
    with Warehouse(str(own_demo.settings.warehouse_url)).connect() as connection:
        connection.execute(
            "UPDATE performance_data SET benchmark_return = NULL WHERE data_source = %s AND account_id = %s AND as_of_date = %s",
            [vendor, row["account_id"], series[3]["as_of_date"]],
        )
    found = own_demo.get(path, vendor=vendor)["data"]["series"]
    assert [point["cumulative_benchmark"] is None for point in found] == [place >= 3 for place in range(len(found))]
    assert [point["benchmark_over_gap"] for point in found] == [place >= 3 for place in range(len(found))]


def test_what_was_reported_is_what_stood_then(own_demo: Demo) -> None:
    (row,) = own_demo.rows(
        "SELECT h.data_source, h.account_id, h.as_of_date, h.ending_market_value, h.updated_at, h.superseded_at,"
        " p.ending_market_value AS now FROM performance_data_history h JOIN performance_data p USING (data_source, account_id, as_of_date)"
        " WHERE p.ending_market_value <> h.ending_market_value ORDER BY 1, 2, 3 LIMIT 1"
    )
    path = path_of(row["account_id"])
    answer = own_demo.get(path, vendor=row["data_source"], as_reported=row["updated_at"].isoformat())
    then = {point["as_of_date"]: point for point in answer["data"]["series"]}[row["as_of_date"].isoformat()]
    now = {point["as_of_date"]: point for point in own_demo.get(path, vendor=row["data_source"])["data"]["series"]}
    assert then["ending_market_value"] == as_json(row)["ending_market_value"]
    assert now[row["as_of_date"].isoformat()]["ending_market_value"] == as_json(row)["now"]
    assert answer["message"].startswith("as it was reported by ")
    assert answer["data"]["returns"]["3y_annualised"]["why_null"] == "NOT_KEPT_AS_REPORTED"
    today = own_demo.get(path, vendor=row["data_source"], as_reported=own_demo.rows("SELECT now()::date::text AS day")[0]["day"])
    assert today["data"]["series"] == list(now.values())
    before = own_demo.get(path, vendor=row["data_source"], as_reported="2001-01-01")["data"]
    assert (before["latest"], before["series"]) == (None, [])


@pytest.mark.parametrize("text", ["2999-01-01", "2025-03-31T10:00:00", "yesterday"])
def test_an_instant_that_is_none_or_to_come_is_refused(demo: Demo, text: str) -> None:
    _, account = some_accounts(demo)[0]
    assert demo.client.get(path_of(account), params={"as_reported": text}).status_code == 422


def test_the_calendar_agrees_with_what_is_published_at_the_ends_of_months_and_years(demo: Demo) -> None:
    for vendor, account in some_accounts(demo):
        found = {year["year"]: year for year in demo.get(path_of(account, "/returns"), vendor=vendor)["data"]["years"]}
        for period, unit in (("mtd", "month"), ("ytd", "year")):
            rows = demo.rows(
                f"SELECT DISTINCT ON (date_trunc('{unit}', as_of_date)) as_of_date, twrr_{period} AS value,"
                f" twrr_{period}_over_gap AS over_gap, twrr_{period}_over_missing AS over_missing FROM performance_data"
                f" WHERE data_source = %s AND account_id = %s ORDER BY date_trunc('{unit}', as_of_date), as_of_date DESC",
                [vendor, account],
            )
            assert rows
            for row in rows:
                day: date = row["as_of_date"]
                cell = found[day.year]["total"] if period == "ytd" else found[day.year]["months"][day.month - 1]
                assert cell["value"] == (None if row["value"] is None else pytest.approx(row["value"], rel=1e-11, abs=1e-12))
                assert (cell["over_gap"], cell["over_missing"]) == (bool(row["over_gap"]), bool(row["over_missing"]))
                if cell["benchmark"] is not None:
                    assert cell["excess"] == cell["value"] - cell["benchmark"]


def test_statistics_are_paged_by_month(demo: Demo) -> None:
    vendor, account = some_accounts(demo)[0]
    found = whole_list(demo, path_of(account, "/statistics"), limit=5, vendor=vendor)
    rows = demo.rows("SELECT * FROM account_statistics WHERE data_source = %s AND account_id = %s ORDER BY month DESC", [vendor, account])
    assert found == [as_json(row) for row in rows]
    month = found[1]["month"]
    assert demo.get(path_of(account, "/statistics"), vendor=vendor, date_range=month)["data"] == found[1:2]


@pytest.mark.parametrize("rest", ["", "/returns", "/statistics"])
def test_an_account_that_is_not_there_is_not_found(demo: Demo, rest: str) -> None:
    answer = demo.client.get(path_of("no/such", rest))
    assert (answer.status_code, answer.json()["message"]) == (404, "there is no account no/such; /api/accounts lists them")
    vendor, account = some_accounts(demo)[0]
    other = demo.client.get(path_of(account, rest), params={"vendor": "nobody"})
    assert (other.status_code, other.json()["data"]["code"]) == (404, "NOT_FOUND")
    assert demo.client.get(path_of(account, rest), params={"vendors": vendor}).status_code == 422


@pytest.mark.parametrize("account", ["a/b%2F c", "</script>'\"", "=cmd()", "\u202eabc", "😀" * 100, "x" * 400, "returns"])
def test_an_id_may_hold_any_character_and_be_that_of_several_vendors(own_demo: Demo, account: str) -> None:
    with Warehouse(str(own_demo.settings.warehouse_url)).connect() as connection:
        for vendor in ("vendor_a", "vendor_b"):
            connection.execute(
                "INSERT INTO accounts (data_source, account_id, account_name) VALUES (%s, %s, %s)", [vendor, account, account]
            )
    for rest in ("", "/returns", "/statistics"):
        answer = own_demo.client.get(path_of(account, rest))
        assert answer.status_code == 409, answer.text
        assert answer.json()["data"]["vendors"] == ["vendor_a", "vendor_b"]
        assert own_demo.client.get(path_of(account, rest), params={"vendor": "vendor_b"}).status_code == 200
    found = own_demo.get(path_of(account), vendor="vendor_a")["data"]
    assert (found["account"]["account_id"], found["account"]["account_name"], found["latest"]) == (account, account, None)
    assert own_demo.get(LIST, q=account, vendor="vendor_a")["data"][0]["ending_market_value"] is None
