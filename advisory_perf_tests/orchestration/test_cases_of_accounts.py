"""What happens to accounts, from files to the warehouse: large flows, closing and opening again, and another currency."""

import io
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from advisory_perf_tests.orchestration.scenarios import World, a_world, acme_as_data, cases, checks

pytestmark = pytest.mark.slow

MONTHS = [date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30), date(2025, 5, 31), date(2025, 6, 30)]
HEADER = "id,day,bmv,in,out,gain,emv,twr,ccy"
BY_COLUMN = {"cadence": "monthly", "currency": None, "columns": {**acme_as_data()["columns"], "currency": "ccy"}}

CLOSED_AND_REOPENED = [
    "A,2025-01-31,0.00,1000.00,0.00,0.00,1000.00,,USD",
    "A,2025-02-28,1000.00,0.00,1100.00,100.01,0.01,,USD",
    "A,2025-03-31,0.01,0.00,0.01,0.00,0.00,,USD",
    "A,2025-04-30,0.00,0.00,0.00,0.00,0.00,,USD",
    "A,2025-05-31,0.00,500.00,0.00,10.00,510.00,,USD",
    "A,2025-06-30,510.00,100.00,0.00,5.10,615.10,,USD",
]
CHANGED_CURRENCY = [
    "A,2025-01-31,0.00,1000.00,0.00,0.00,1000.00,,USD",
    "A,2025-02-28,1000.00,0.00,0.00,10.00,1010.00,,USD",
    "A,2025-03-31,1010.00,50.00,0.00,-100.00,960.00,,EUR",
    "A,2025-04-30,960.00,0.00,0.00,9.60,969.60,,EUR",
]


@pytest.fixture
def monthly(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """A vendor of month ends that names the currency of each row, with nothing delivered."""
    with a_world(tmp_path, warehouse_url, feed=BY_COLUMN) as made:
        yield made


def csv(*lines: str) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


def published(world: World, *names: str) -> list[tuple[Any, ...]]:
    return list(world.platform.warehouse.query("SELECT * FROM performance_data ORDER BY account_id, as_of_date").select(names).rows())


def issues(world: World, *names: str) -> list[tuple[Any, ...]]:
    statement = "SELECT * FROM data_quality_issues WHERE line_number IS NULL ORDER BY as_of_date, issue_type"
    return list(world.platform.warehouse.query(statement).select(names).rows())


def one_by_one(world: World, lines: Sequence[str]) -> None:
    """A file a day, each with its pipeline."""
    for name, of_day in groupby(sorted(lines, key=day_of), day_of):
        day = date.fromisoformat(name)
        assert world.ingest(f"acme_{day}.csv", csv(*of_day)).success
        assert world.run_pipeline(day, day).success


def day_of(line: str) -> str:
    return line.split(",")[1]


EVERYTHING = (
    "as_of_date",
    "return_status",
    "calculated_twrr",
    "cumulative_twrr",
    "cumulative_net_flow",
    "twrr_mtd",
    "twrr_ytd",
    "is_closed",
    "linked_over_gap",
    "inception_date",
)


def test_an_account_closes_and_opens_again_with_an_episode_of_its_own(monthly: World) -> None:
    assert monthly.ingest("acme_all.csv", csv(*CLOSED_AND_REOPENED)).success
    found = checks(monthly.run_pipeline(MONTHS[0], MONTHS[-1]))
    assert [row[0] for row in published(monthly, "return_status")] == ["OK", "OK", "CLOSED", "CLOSED", "OK", "LARGE_FLOW"]
    assert [row[0] for row in published(monthly, "is_closed")] == [False, True, True, True, False, False]
    assert [row[0] for row in published(monthly, "cumulative_twrr")][1:] == pytest.approx(
        [0.10001, 0.10001, 0.10001, 0.02, 1.02 * 1.01 - 1], abs=1e-12
    )
    assert {row[0] for row in published(monthly, "linked_over_gap")} == {False}
    assert found["returns_defined"].passed
    assert monthly.platform.warehouse.query("SELECT is_open FROM accounts").item() is True
    assert monthly.platform.warehouse.query("SELECT undefined_returns FROM performance_summary").item() == 0


def test_months_one_by_one_say_what_all_of_them_say_at_once(tmp_path: Path, warehouse_url: str, second_warehouse_url: str) -> None:
    """Of one account that closes and opens again, and of one whose currency changes."""
    lines = [*CLOSED_AND_REOPENED, *(line.replace("A,", "B,", 1) for line in CHANGED_CURRENCY)]
    (tmp_path / "whole").mkdir()
    with a_world(tmp_path, warehouse_url, feed=BY_COLUMN) as world:
        one_by_one(world, lines)
        figures, found = published(world, *EVERYTHING), issues(world, "as_of_date", "issue_type", "issue_description", "severity")
    with a_world(tmp_path / "whole", second_warehouse_url, feed=BY_COLUMN) as world:
        assert world.ingest("acme_all.csv", csv(*lines)).success
        assert world.run_pipeline(MONTHS[0], MONTHS[-1]).success
        assert published(world, *EVERYTHING) == figures
        assert {row[1] for row in figures} >= {"CLOSED", "CURRENCY_CHANGE"}
        assert issues(world, "as_of_date", "issue_type", "issue_description", "severity") == found


def test_a_feed_may_link_over_the_empty_time(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={**BY_COLUMN, "reopening": "link"}) as world:
        assert world.ingest("acme_all.csv", csv(*CLOSED_AND_REOPENED)).success
        world.run_pending_pipeline()
        assert published(world, "cumulative_twrr")[-1][0] == pytest.approx(1.10001 * 1.02 * 1.01 - 1, abs=1e-12)
        assert published(world, "inception_date")[-1][0] == MONTHS[0]


def test_the_register_says_that_an_account_is_closed_although_a_cent_is_left(monthly: World) -> None:
    one_by_one(monthly, CLOSED_AND_REOPENED[:2])
    assert monthly.platform.warehouse.query("SELECT is_open FROM accounts").item() is False


def test_a_month_stored_before_the_currency_was_kept_is_linked_on(monthly: World) -> None:
    rest = ["A,2025-03-31,0.00,0.00,0.00,0.00,0.00,,USD", CLOSED_AND_REOPENED[4]]
    one_by_one(monthly, [CLOSED_AND_REOPENED[0], "A,2025-02-28,1000.00,0.00,1100.00,100.00,0.00,,USD"])
    lake, keys = monthly.platform.lake, ["2025-02-01"]
    stored = lake.read_partitions("twrr_series", "acme", "window", keys).drop("is_closed", "currency")
    lake.write_partitions("twrr_series", "acme", "window", {keys[0]: stored})
    one_by_one(monthly, rest)
    assert [row[0] for row in published(monthly, "return_status")] == ["OK", "OK", "CLOSED", "OK"]
    assert published(monthly, "cumulative_twrr")[-1][0] == pytest.approx(0.02, abs=1e-12)


def test_a_large_flow_is_reported_in_the_row_as_an_issue_and_in_the_checks(monthly: World, tmp_path: Path) -> None:
    assert monthly.ingest("acme_all.csv", csv(*CLOSED_AND_REOPENED)).success
    check = checks(monthly.run_pipeline(MONTHS[0], MONTHS[-1]))["flows_in_bounds"]
    assert not check.passed
    assert [case["as_of_date"] for case in cases(check)] == ["2025-06-30"]
    ((day, code, severity, sentence),) = issues(monthly, "as_of_date", "issue_type", "severity", "issue_description")
    assert (day, code, severity) == (MONTHS[5], "DQ_LARGE_FLOW", "MEDIUM")
    assert "100.0000 came in and 0.0000 went out, 510.0000 at the beginning" in sentence
    agreed = {"flow_timing": "end_of_day", "fee_basis": "net", "large_flow": 0.2}
    assert checks(monthly.with_feed(tmp_path / "agreed", **BY_COLUMN, conventions=agreed).run_pipeline(MONTHS[0], MONTHS[-1]))[
        "flows_in_bounds"
    ].passed
    assert issues(monthly, "issue_type") == []
    assert published(monthly, "return_status")[-1][0] == "OK"


def test_values_in_two_currencies_have_no_return_between_them(monthly: World) -> None:
    assert monthly.ingest("acme_all.csv", csv(*CHANGED_CURRENCY)).success
    check = checks(monthly.run_pipeline(MONTHS[0], MONTHS[3]))["currency_kept"]
    assert [(case["previous_currency"], case["currency"]) for case in cases(check)] == [("USD", "EUR")]
    statuses = published(monthly, "return_status", "calculated_twrr", "linked_over_gap")
    assert [row[0] for row in statuses] == ["OK", "OK", "CURRENCY_CHANGE", "OK"]
    assert statuses[2][1:] == (None, True)
    assert [str(row[0]) for row in published(monthly, "cumulative_net_flow")] == ["1000.0000", "1000.0000", "50.0000", "50.0000"]
    names = ("as_of_date", "issue_type", "severity", "expected_value", "actual_value")
    assert issues(monthly, *names) == [(MONTHS[2], "DQ_CURRENCY_CHANGE", "HIGH", "USD", "EUR")]


def test_a_feed_may_say_what_type_an_account_is_of(tmp_path: Path, warehouse_url: str) -> None:
    """The latest position's is the account's; a correction of the type alone is published, and the row before is kept."""
    feed = {**BY_COLUMN, "columns": {**acme_as_data()["columns"], "currency": "ccy", "account_type": "type"}}
    lines = {day: f"A,{day},1000.00,0.00,0.00,0.00,1000.00,,USD" for day in MONTHS[:2]}
    with a_world(tmp_path, warehouse_url, feed=feed) as world:
        for number, (day, kind) in enumerate(((MONTHS[1], "Trust"), (MONTHS[0], "Taxable"), (MONTHS[1], "IRA"))):
            text = f"{HEADER},type\n{lines[day]},{kind}\n"
            assert world.ingest(f"acme_{number}.csv", text).success
            assert world.run_pipeline(day, day).success
        assert published(world, "as_of_date", "account_type") == [(MONTHS[0], "Taxable"), (MONTHS[1], "IRA")]
        kept = world.platform.warehouse.query("SELECT account_type FROM performance_data_history WHERE as_of_date = %s", [MONTHS[1]])
        assert "Trust" in kept["account_type"].to_list()
        found = world.platform.warehouse.query("SELECT account_type, status, status_date, inception_date FROM accounts")
        assert found.row(0) == ("IRA", "ACTIVE", MONTHS[0], MONTHS[0])


def test_what_a_delivery_of_before_does_not_say_is_null(tmp_path: Path, warehouse_url: str) -> None:
    """Its rows lie in the lake without the column, beside those of a later delivery that have it."""
    with a_world(tmp_path, warehouse_url, feed=BY_COLUMN) as world:
        assert world.ingest("acme_1.csv", csv(CLOSED_AND_REOPENED[0])).success
        (path,) = (file.path for file in world.platform.lake.files("delivered_positions/"))
        stored = pl.read_parquet(io.BytesIO(world.platform.lake.read(path)))
        target = io.BytesIO()
        stored.drop("account_type").write_parquet(target)
        world.platform.lake.write(path, target.getvalue())
        assert world.ingest("acme_2.csv", csv(CLOSED_AND_REOPENED[1])).success
        world.run_pending_pipeline()
        assert published(world, "account_type") == [(None,), (None,)]
