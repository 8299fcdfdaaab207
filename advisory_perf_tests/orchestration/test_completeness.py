"""A file that was cut at a line end, a short restatement and an old version: issues of their deliveries, and alerts beyond a share."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from advisory_perf.alerts.outbox import Outbox
from advisory_perf.contracts.issue_codes import PIPELINE_CODES
from advisory_perf.positions.completeness import file_issues
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.orchestration.scenarios import World, a_world, csv
from advisory_perf_tests.orchestration.test_orders import arrived

pytestmark = pytest.mark.slow

VERSIONED: dict[str, Any] = {"files": {"patterns": ["acme_*"], "format": "csv", "version": r"_v(\d+)$"}}
MONTHLY = {"cadence": "monthly", "stale_after": "never"}


def rows(day: str, accounts: Sequence[int], *, closing: Sequence[int] = ()) -> list[str]:
    """A quiet row for each account; of those that are closing everything goes out."""
    return [
        f"A{number:02},{day},100.00,0.00,{'100.00,0.00,0.00' if number in closing else '0.00,0.00,100.00'},0.00000" for number in accounts
    ]


TEN = range(10)


def load(world: World, name: str, *lines: str) -> None:
    assert world.ingest(name, csv(*lines)).success
    world.run_pending_pipeline()


def issues(world: World) -> list[tuple[str, str | None, str, str]]:
    """File, account, code and severity of what the pipeline has found."""
    return world.platform.warehouse.query(
        "SELECT log.file_name, issue.account_id, issue.issue_type, issue.severity FROM data_quality_issues AS issue"
        " JOIN etl_processing_log AS log ON log.id = issue.etl_log_id WHERE issue.line_number IS NULL ORDER BY 1, 3, 2"
    ).rows()


def alerts(world: World) -> list[tuple[str, str, str]]:
    """Code, severity and file of what is not over, of those about completeness."""
    return [
        (alert.code, alert.severity, alert.subject.rpartition(" ")[2])
        for alert in Outbox(world.platform.warehouse).alerts(only_open=True)
        if alert.code == "INCOMPLETE_DELIVERY"
    ]


def statuses(world: World) -> list[str]:
    return [entry.status for entry in world.platform.ledger.entries("acme")]


def test_a_file_cut_at_a_line_end_is_an_issue_and_an_alert_until_it_comes_whole(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed=MONTHLY) as world:
        load(world, "acme_jan.csv", *rows("2025-01-31", TEN))
        assert issues(world) == []
        load(world, "acme_feb.csv", *rows("2025-02-28", range(6)))
        missing = [("acme_feb.csv", f"A{number:02}", "DQ_ACCOUNT_MISSING", "MEDIUM") for number in range(6, 10)]
        assert issues(world) == [*missing, ("acme_feb.csv", None, "DQ_INCOMPLETE", "HIGH")]
        assert alerts(world) == [("INCOMPLETE_DELIVERY", "HIGH", "acme_feb.csv")]
        assert statuses(world) == ["COMPLETED", "COMPLETED_WITH_ISSUES"]
        before = world.rows("data_quality_issues"), world.rows("alerts")
        assert world.run_pipeline(date(2025, 1, 1), date(2025, 2, 28)).success
        assert all(one.equals(world.rows(name)) for one, name in zip(before, ("data_quality_issues", "alerts"), strict=True))
        (message,) = [alert.message for alert in Outbox(world.platform.warehouse).alerts(only_open=True) if "INCOMPLETE" in alert.code]
        assert "6 accounts where 10 were to be expected, and 4 of the window before are missing" in message
        load(world, "acme_feb_2.csv", *rows("2025-02-28", TEN))
        assert (issues(world), alerts(world), statuses(world)) == ([], [], ["COMPLETED"] * 3)


def test_one_missing_account_is_an_issue_and_no_alert(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed=MONTHLY) as world:
        load(world, "acme_jan.csv", *rows("2025-01-31", TEN))
        load(world, "acme_feb.csv", *rows("2025-02-28", range(1, 10), closing=[1, 2, 3, 4]))
        load(world, "acme_mar.csv", *rows("2025-03-31", range(5, 10)))
        assert issues(world) == [("acme_feb.csv", "A00", "DQ_ACCOUNT_MISSING", "MEDIUM")], "the four were closed"
        assert (alerts(world), set(statuses(world))) == ([], {"COMPLETED"})


def test_an_account_that_was_emptied_but_for_a_cent_is_neither_missing_nor_stale(tmp_path: Path, warehouse_url: str) -> None:
    """Paid out in February, a cent of rounding is left and shown for two months more; then the vendor shows it no longer."""
    left = {
        "feb": "A09,2025-02-28,100.00,0.00,99.99,0.00,0.01,0.00000",
        "mar": "A09,2025-03-31,0.01,0.00,0.00,0.00,0.01,0.00000",
        "apr": "A09,2025-04-30,0.01,0.00,0.00,0.00,0.01,0.00000",
    }
    nine = {
        "jan": rows("2025-01-31", TEN),
        "feb": rows("2025-02-28", range(9)),
        "mar": rows("2025-03-31", range(9)),
        "apr": rows("2025-04-30", range(9)),
        "may": rows("2025-05-30", range(9)),
    }
    with a_world(tmp_path, warehouse_url, feed={**MONTHLY, "stale_after": 20}) as world:
        for name, lines in nine.items():
            assert world.ingest(f"acme_{name}.csv", csv(*lines, *([left[name]] if name in left else []))).success
        world.run_pending_pipeline()
        found = {(account, code) for _, account, code, _ in issues(world) if account == "A09"}
        assert found == set()
        assert alerts(world) == []
        rows_of = world.rows("performance_data").filter(account_id="A09").sort("as_of_date")
        assert rows_of["return_status"].to_list() == ["OK", "OK", "CLOSED", "CLOSED"]
        compared = world.rows("reconciliation_results").filter(account_id="A09", field_name="twrr").sort("as_of_date")
        assert compared["within_tolerance"].to_list() == [True, True, None, None], "0 % of the vendor's is no break"


def test_a_share_of_the_settings_decides_on_the_alert(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed=MONTHLY, missing_share=0.5) as world:
        load(world, "acme_jan.csv", *rows("2025-01-31", TEN))
        load(world, "acme_feb.csv", *rows("2025-02-28", range(5)))
        assert [code for _, _, code, _ in issues(world)] == ["DQ_ACCOUNT_MISSING"] * 5
        assert alerts(world) == []


def test_several_partial_files_a_day_raise_nothing_until_the_day_is_over(tmp_path: Path, warehouse_url: str) -> None:
    parts = (range(4), range(4, 8), range(8, 10))
    with a_world(tmp_path, warehouse_url) as world:
        for number, part in enumerate(parts):
            load(world, f"acme_2025-03-05_{number}.csv", *rows("2025-03-05", part))
            assert (issues(world), alerts(world)) == ([], []), number
        for number, part in enumerate(parts[:2]):
            load(world, f"acme_2025-03-06_{number}.csv", *rows("2025-03-06", part))
        assert issues(world) == [], "the third file may still come"
        load(world, "acme_2025-03-07_0.csv", *rows("2025-03-07", parts[0]))
        assert {(file, code) for file, _, code, _ in issues(world)} == {
            ("acme_2025-03-06_1.csv", "DQ_ACCOUNT_MISSING"),
            ("acme_2025-03-06_1.csv", "DQ_INCOMPLETE"),
        }
        assert alerts(world) == [("INCOMPLETE_DELIVERY", "HIGH", "acme_2025-03-06_1.csv")]
        assert [entry.status for entry in world.platform.ledger.entries() if entry.status != "COMPLETED"] == ["COMPLETED_WITH_ISSUES"]
        load(world, "acme_2025-03-06_2.csv", *rows("2025-03-06", parts[2]))
        assert (issues(world), alerts(world), set(statuses(world))) == ([], [], {"COMPLETED"})


def test_shuffled_months_end_with_the_same_issues(tmp_path: Path, warehouse_url: str) -> None:
    months = {1: TEN, 2: range(9), 3: range(5)}
    ends = set()
    with a_world(tmp_path, warehouse_url, feed=MONTHLY) as world:
        for number, order in enumerate([(1, 2, 3), (3, 1, 2)]):
            with world.administrator.connect() as connection:
                connection.execute("TRUNCATE etl_processing_log, performance_data, reconciliation_results, accounts CASCADE")
                connection.execute("SELECT refresh_daily_vendor_totals()")
            world.platform.lake.delete(file.path for file in world.platform.lake.files(""))
            for month in order:
                assert world.ingest(f"acme_{month}.csv", csv(*rows(f"2025-{month:02}-28", months[month]))).success
                if number % 2:
                    world.run_pending_pipeline()
            if not number % 2:
                world.run_pending_pipeline()
            ends.add(str((issues(world), alerts(world))))
    (end,) = ends
    assert "acme_3.csv" in end


@pytest.mark.parametrize(
    ("first", "second", "published"),
    [("acme_202501.csv", "acme_202501_v2.csv", 3), ("acme.csv", "acme_v2.csv", 3), ("acme.csv", "acme.csv", 10)],
)
def test_a_short_restatement_is_reported_where_its_rows_are_withdrawn_and_where_they_stay(
    tmp_path: Path, warehouse_url: str, first: str, second: str, published: int
) -> None:
    with a_world(tmp_path, warehouse_url, feed={**VERSIONED, **MONTHLY}) as world:
        load(world, first, *rows("2025-01-31", TEN))
        load(world, second, *rows("2025-01-31", range(3)))
        assert issues(world) == [(second, None, "DQ_SHORT_RESTATEMENT", "HIGH")]
        assert alerts(world) == [("INCOMPLETE_DELIVERY", "HIGH", second)]
        assert statuses(world) == ["COMPLETED", "COMPLETED_WITH_ISSUES"]
        assert world.rows("performance_data").height == published


def test_a_file_without_a_row_is_incomplete_unless_nothing_came_before_it(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed=MONTHLY) as world:
        assert world.ingest("acme_dec.csv", csv()).success
        assert (issues(world), statuses(world)) == ([], ["COMPLETED"])
        load(world, "acme_jan.csv", *rows("2025-01-31", TEN))
        assert world.ingest("acme_feb.csv", csv("", "")).success, "not the very bytes of December's"
        assert issues(world) == [("acme_feb.csv", None, "DQ_INCOMPLETE", "HIGH")]
        assert alerts(world) == [("INCOMPLETE_DELIVERY", "HIGH", "acme_feb.csv")]
        assert statuses(world) == ["COMPLETED", "COMPLETED", "COMPLETED_WITH_ISSUES"]
        load(world, "acme_mar.csv", *rows("2025-03-31", TEN))
        assert statuses(world)[2] == "COMPLETED_WITH_ISSUES"


def test_an_older_version_after_a_newer_one_is_an_issue(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={**VERSIONED, **MONTHLY}) as world:
        load(world, "acme_202501_v2.csv", *rows("2025-01-31", TEN))
        load(world, "acme_202501.csv", *rows("2025-01-30", TEN))
        assert issues(world) == [("acme_202501.csv", None, "DQ_OLDER_VERSION", "MEDIUM")]
        assert alerts(world) == []
        assert statuses(world) == ["COMPLETED", "COMPLETED_WITH_ISSUES"]
        days = world.rows("performance_data")["as_of_date"].unique().to_list()
        assert days == [date(2025, 1, 31)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["acme_20250303.csv", "acme_20250303_v2.csv"], {}),
        (["acme_20250303_v2.csv", "acme_20250303.csv"], {"acme_20250303.csv": "DQ_OLDER_VERSION"}),
        (
            ["acme_20250303_v3.csv", "acme_20250303.csv", "acme_20250303_v2.csv"],
            {"acme_20250303.csv": "DQ_OLDER_VERSION", "acme_20250303_v2.csv": "DQ_OLDER_VERSION"},
        ),
        (["acme_20250303_v2.csv", "acme_20250304.csv"], {}),
        (["acme_v2.csv", "acme.csv"], {"acme.csv": "DQ_OLDER_VERSION"}),
    ],
)
def test_versions_are_known_by_file_and_arrival(names: list[str], expected: dict[str, str]) -> None:
    entries = arrived(names)
    found = file_issues(a_feed(**VERSIONED), entries, 0.1)
    by_name = {entry.delivery_id: entry.file_name for entry in entries}
    assert {by_name[row[0]]: row[1] for row in found.select("delivery_id", "issue_type").rows()} == expected
    assert set(found["issue_type"]) <= PIPELINE_CODES.keys()


def test_a_name_that_comes_again_for_other_days_is_no_restatement() -> None:
    first, second = arrived(["acme.csv", "acme_v2.csv"])
    later = replace(second, first_as_of_date=date(2025, 3, 4), last_as_of_date=date(2025, 3, 4), records_processed=0)
    held = replace(first, records_processed=10)
    assert file_issues(a_feed(**VERSIONED), [held, later], 0.1).is_empty()
    same = replace(second, records_processed=9)
    assert file_issues(a_feed(**VERSIONED), [held, same], 0.1).is_empty(), "the share itself is allowed"
    assert file_issues(a_feed(**VERSIONED), [held, replace(same, records_processed=8)], 0.1).height == 1
    changes = a_feed(files={**VERSIONED["files"], "versions": "changes"})
    assert file_issues(changes, [held, replace(same, records_processed=1)], 0.1).is_empty()
