"""The cases of what a reconciliation desk works on, from files to the warehouse: stale values, whole files, and the life of a break."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from advisory_perf.reconciliation.break_work import sign_off
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.roles import Role
from advisory_perf_tests.ingestion.cases import case
from advisory_perf_tests.orchestration.scenarios import World, a_world, cases, checks, csv, value

pytestmark = pytest.mark.slow

MAY, JUNE, JULY, AUGUST = date(2025, 5, 31), date(2025, 6, 30), date(2025, 7, 31), date(2025, 8, 31)
TEN_DOLLARS_A_MONTH = {MAY: 100, JUNE: 110, JULY: 120, AUGUST: 130}


@pytest.fixture
def monthly(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """A vendor of month ends, with nothing delivered."""
    with a_world(tmp_path, warehouse_url, feed={"cadence": "monthly"}) as made:
        yield made


def month(day: date, *, off: float = 0, account: str = "A") -> str:
    """A month in which the account gains ten, and the vendor says that it gained so much less."""
    begin = TEN_DOLLARS_A_MONTH[day]
    return f"{account},{day},{begin}.00,0.00,0.00,{10 + off:.2f},{begin + 10}.00,"


def delivered(world: World, name: str, *lines: str) -> dg.ExecuteInProcessResult:
    """Ingests the file and runs the pipeline from its first month to August."""
    assert world.ingest(name, csv(*lines)).success
    first = min(date.fromisoformat(line.split(",")[1]) for line in lines)
    return world.run_pipeline(first, AUGUST)


def breaks(world: World, *names: str) -> list[tuple[Any, ...]]:
    statement = "SELECT * FROM reconciliation_breaks ORDER BY first_as_of_date, account_id"
    return list(world.platform.warehouse.query(statement).select(names).rows())


def issues(world: World) -> list[tuple[Any, ...]]:
    """What the pipeline has found, with the file that it is in."""
    return list(
        world.platform.warehouse.query(
            "SELECT i.id, l.file_name, i.issue_type, i.account_id, i.as_of_date, i.severity FROM data_quality_issues i"
            " JOIN etl_processing_log l ON l.id = i.etl_log_id WHERE i.line_number IS NULL ORDER BY i.id"
        ).rows()
    )


@case("rec-016")
def test_a_value_of_the_month_before_is_reported_and_published_all_the_same(monthly: World) -> None:
    delivered(monthly, "acme_may.csv", month(MAY))
    quiet, unreadable = "A,2025-06-30,110.00,0.00,0.00,0.00,110.00,", "B,2025-06-30,x,0.00,0.00,0.00,110.00,"
    found = checks(delivered(monthly, "acme_june.csv", quiet, unreadable))["values_renewed"]
    assert (found.passed, found.severity, value(found.metadata, "failed")) == (False, dg.AssetCheckSeverity.WARN, 1)
    assert cases(found)[0]["value_unchanged_since"] == "2025-05-31"
    kept = issues(monthly)
    assert [row[1:] for row in kept] == [("acme_june.csv", "DQ_STALE_VALUE", "A", JUNE, "MEDIUM")]
    rows = monthly.rows("performance_data").sort("as_of_date").select("ending_market_value", "reconciliation_status").rows()
    assert rows == [(Decimal(110), "COMPLETED"), (Decimal(110), "COMPLETED")]
    assert monthly.platform.warehouse.query("SELECT account_id FROM quarantine").rows() == [("B",)]

    assert monthly.run_pipeline(MAY, AUGUST).success
    assert monthly.run_pipeline(JUNE, JUNE).success
    assert issues(monthly) == kept, "a rerun keeps them with their ids"
    assert checks(delivered(monthly, "acme_june_2.csv", month(JUNE)))["values_renewed"].passed
    assert issues(monthly) == []
    assert len(monthly.rows("data_quality_issues")) == 1, "the row in quarantine is not the pipeline's"


def whole_file(day: date, factor: str, *, only_endings: bool = False) -> list[str]:
    """Twelve accounts, whose amounts of a month are all multiplied, or their ending values alone."""
    rate, lines = Decimal(factor), []
    for number in range(12):
        begin = Decimal(1000 * (number + 1) + TEN_DOLLARS_A_MONTH[day] - 100)
        amounts = [begin, Decimal(0), Decimal(0), Decimal(10), begin + 10]
        printed = [amount if only_endings and place < 4 else amount * rate for place, amount in enumerate(amounts)]
        lines.append(f"A{number:02},{day}," + ",".join(f"{amount:.2f}" for amount in printed) + ",")
    return lines


def test_the_issue_of_a_whole_delivery_is_the_same_one_after_another_months_publication(monthly: World) -> None:
    delivered(monthly, "acme_may.csv", *whole_file(MAY, "1.0837", only_endings=True))
    before = issues(monthly)
    assert [row[1:4] for row in before] == [("acme_may.csv", "DQ_SYSTEMATIC_BREAK", None)]
    delivered(monthly, "acme_august.csv", *whole_file(AUGUST, "1"))
    assert [row for row in issues(monthly) if row[2] == "DQ_SYSTEMATIC_BREAK" and row[1] == "acme_may.csv"] == before


@case("rec-018")
@pytest.mark.parametrize("only_endings", [False, True], ids=["whole file", "ending values"])
def test_a_file_that_is_off_by_one_factor_is_one_break_and_one_issue(monthly: World, *, only_endings: bool) -> None:
    delivered(monthly, "acme_may.csv", *whole_file(MAY, "1"))
    result = checks(delivered(monthly, "acme_june.csv", *whole_file(JUNE, "1.0837", only_endings=only_endings)))
    check = result["reconciliation_pass_rate" if only_endings else "roll_forward"]
    (shown,) = cases(check)
    assert (shown["likely_cause"], shown["accounts"], round(float(str(shown["factor"])), 6)) == ("SYSTEMATIC", "12", 1.0837)
    assert value(check.metadata, "failed") == 12

    field = "ending_market_value" if only_endings else "beginning_market_value"
    row = (None, field, "OPEN", "SYSTEMATIC", 12, JUNE)
    assert breaks(monthly, "account_id", "field_name", "status", "likely_cause", "accounts", "first_as_of_date") == [row]
    assert [row[1:] for row in issues(monthly)] == [("acme_june.csv", "DQ_SYSTEMATIC_BREAK", None, JUNE, "HIGH")]
    results = monthly.platform.warehouse.query(
        "SELECT likely_cause, count(*) FROM reconciliation_results WHERE NOT within_tolerance GROUP BY 1"
    )
    assert results.rows() == ([("SYSTEMATIC", 12)] if only_endings else [])

    delivered(monthly, "acme_june_in_dollars.csv", *whole_file(JUNE, "1"))
    assert issues(monthly) == []
    ((status, by),) = breaks(monthly, "status", "resolved_by_delivery_id")
    assert (status, by.startswith("acme_june_in_dollars")) == ("RESOLVED_BY_RESTATEMENT", True)


@case("rec-021")
def test_a_break_of_three_months_is_one_break_that_ages(monthly: World) -> None:
    names = set()
    for number, day in enumerate((MAY, JUNE, JULY)):
        delivered(monthly, f"acme_{number}.csv", month(day, off=7))
        names |= set(breaks(monthly, "break_id"))
    assert len(names) == 1
    aged = ("first_as_of_date", "valuations", "age_days", "status", "variance", "created_at")
    before = breaks(monthly, *aged)
    assert before[0][:5] == (MAY, 3, 61, "OPEN", Decimal(7))
    delivered(monthly, "acme_july_again.csv", month(JULY, off=7), month(JULY, account="B"))
    assert (breaks(monthly, *aged), set(breaks(monthly, "break_id"))) == (before, names)


@case("rec-022")
@pytest.mark.parametrize(("off", "status"), [(7, "SIGNED_OFF"), (9, "OPEN")])
def test_an_accepted_break_stays_closed_at_its_amount_and_is_open_again_at_another(monthly: World, off: float, status: str) -> None:
    delivered(monthly, "acme_may.csv", month(MAY, off=7))
    ((name,),) = breaks(monthly, "break_id")
    sign_off(Warehouse(monthly.platform.warehouse.url, Role.DESK), [name], by="Ann", reason="accrued fees, ticket 12")
    delivered(monthly, "acme_june.csv", month(JUNE, off=off))
    row = (name, status, 2, name, "Ann", Decimal(7), "accrued fees, ticket 12")
    columns = ("break_id", "status", "valuations", "signed_off_break_id", "signed_off_by", "signed_off_variance", "signed_off_reason")
    assert breaks(monthly, *columns) == [row]
    assert monthly.run_pipeline(MAY, AUGUST).success
    assert breaks(monthly, *columns) == [row]


@case("rec-023")
def test_a_break_that_the_vendor_restates_is_closed_with_the_delivery_that_did_it(monthly: World) -> None:
    delivered(monthly, "acme_may.csv", month(MAY, off=7))
    delivered(monthly, "acme_may_v2.csv", month(MAY))
    second = monthly.platform.ledger.entries("acme")[1]
    columns = ("status", "resolved_on", "resolved_by_delivery_id", "variance")
    assert breaks(monthly, *columns) == [("RESOLVED_BY_RESTATEMENT", MAY, second.delivery_id, Decimal(7))]
    delivered(monthly, "acme_june.csv", month(JUNE))
    assert breaks(monthly, *columns) == [("RESOLVED_BY_RESTATEMENT", MAY, second.delivery_id, Decimal(7))]


def test_a_late_month_and_a_whole_load_end_equal(monthly: World, tmp_path: Path, second_warehouse_url: str) -> None:
    for day in (JULY, MAY, JUNE):
        delivered(monthly, f"acme_{day}.csv", month(day, off=7 if day != JUNE else 0))
    columns = ("first_as_of_date", "last_as_of_date", "valuations", "status", "variance", "resolved_on")
    (tmp_path / "whole").mkdir()
    with a_world(tmp_path / "whole", second_warehouse_url, feed={"cadence": "monthly"}) as whole:
        delivered(whole, "acme_all.csv", month(MAY, off=7), month(JUNE), month(JULY, off=7))
        assert breaks(monthly, *columns) == breaks(whole, *columns)
    assert [row[3] for row in breaks(monthly, *columns)] == ["RESOLVED", "OPEN"]


def test_a_daily_value_is_stale_once_it_has_not_changed_for_the_days_of_the_feed(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={"stale_after": 3}) as world:
        for number in range(3, 8):
            day = date(2025, 3, number)
            assert world.ingest(f"acme_{day}.csv", csv(f"A,{day},100.00,0.00,0.00,0.00,100.00,")).success
            assert world.run_pipeline(day, day).success
        assert [row[4] for row in issues(world)] == [date(2025, 3, 6), date(2025, 3, 7)]
        never = world.with_feed(tmp_path / "never", stale_after="never")
        assert checks(never.run_pipeline(date(2025, 3, 3), date(2025, 3, 7)))["values_renewed"].passed
        assert issues(never) == []


@pytest.mark.parametrize("is_old", [False, True], ids=["kept", "stored before the day was kept"])
def test_stale_values_are_the_same_whether_the_days_come_one_by_one_or_at_once(
    tmp_path: Path, warehouse_url: str, second_warehouse_url: str, *, is_old: bool
) -> None:
    days = [date(2025, 3, number) for number in (3, 14, 15)]
    lines = [f"A,{day},100.00,0.00,0.00,0.00,100.00," for day in days]
    statement = "SELECT as_of_date, issue_description FROM data_quality_issues WHERE line_number IS NULL ORDER BY as_of_date"
    (tmp_path / "whole").mkdir()
    with a_world(tmp_path, warehouse_url, feed={"stale_after": 3}) as world:
        for day, line in zip(days, lines, strict=True):
            assert world.ingest(f"acme_{day}.csv", csv(line)).success
            assert world.run_pipeline(days[0] if day == days[0] else day - timedelta(days=1), day).success
            if is_old and day == days[0]:
                lake, keys = world.platform.lake, [str(day)]
                stored = lake.read_partitions("twrr_series", "acme", "window", keys).drop("value_unchanged_since")
                lake.write_partitions("twrr_series", "acme", "window", {keys[0]: stored})
        one_by_one = world.platform.warehouse.query(statement).rows()
    with a_world(tmp_path / "whole", second_warehouse_url, feed={"stale_after": 3}) as world:
        assert world.ingest("acme_all.csv", csv(*lines)).success
        assert world.run_pipeline(days[0], days[-1]).success
        assert world.platform.warehouse.query(statement).rows() == one_by_one
    assert [(day, "since 2025-03-03" in text) for day, text in one_by_one] == [(days[1], True), (days[2], True)]


def test_a_value_that_jumps_between_deliveries_is_an_issue_until_it_is_right(tmp_path: Path, warehouse_url: str) -> None:
    first, second, third = (date(2025, 3, number) for number in (3, 4, 5))
    with a_world(tmp_path, warehouse_url, feed={"stale_after": "never"}) as world:
        for day, value_ in ((first, 5000), (second, 5_000_000), (third, 5000)):
            assert world.ingest(f"acme_{day}.csv", csv(f"A,{day},{value_}.00,0.00,0.00,0.00,{value_}.00,")).success
            result = world.run_pipeline(day, day)
            assert checks(result)["values_continue"].passed == (day == first)
        assert [row[2:5] for row in issues(world)] == [("DQ_VALUE_JUMP", "A", second), ("DQ_VALUE_JUMP", "A", third)]
        assert world.ingest("acme_right.csv", csv(f"A,{second},5000.00,0.00,0.00,0.00,5000.00,")).success
        assert world.run_pipeline(second, third).success
        assert issues(world) == []


def test_accounts_of_two_deliveries_that_differ_by_case_only_are_reported(tmp_path: Path, warehouse_url: str) -> None:
    first, second = date(2025, 3, 3), date(2025, 3, 4)
    with a_world(tmp_path, warehouse_url) as world:
        for day, account in ((first, "AB-1"), (second, "ab-1")):
            assert world.ingest(f"acme_{day}.csv", csv(f"{account},{day},100.00,0.00,0.00,0.00,100.00,")).success
            found = checks(world.run_pipeline(day, day))["account_numbers_distinct"]
            assert found.passed == (day == first)
