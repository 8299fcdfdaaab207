"""What accounts tell of each other, through a whole installation: issues stand, go with a restatement, and are the same in any order."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.issue_codes import ACROSS_CODES
from advisory_perf_tests.orchestration.scenarios import World, a_world, cases, checks

pytestmark = pytest.mark.slow

PORTFOLIOS: dict[str, Any] = {"columns": {"portfolio_id": "pf"}, "stale_after": "never", "delivers": "full"}
HEADER = "id,day,bmv,in,out,gain,emv,twr,pf"
GAIN = {3: 1.01, 4: 1.0, 5: 0.99, 6: 1.02, 7: 1.005}
"""By the day of March 2025 what every account earns."""


def file_of(day: int, *rows: tuple[str, str, float, float, float, float]) -> str:
    """A file of a day: account, portfolio, beginning value, contributions, distributions and ending value."""
    lines = [
        f"{account},2025-03-{day:02},{begin:.2f},{into:.2f},{out:.2f},{end - begin - into + out:.2f},{end:.2f},"
        f"{(end - into + out) / begin - 1 if begin else 0:.5f},{portfolio}"
        for account, portfolio, begin, into, out, end in rows
    ]
    return "\n".join([HEADER, *lines]) + "\n"


def quiet(day: int, values: dict[str, float], names: Sequence[str]) -> list[tuple[str, str, float, float, float, float]]:
    """A row for each of the accounts, from the value of the day before, which is moved on."""
    rows = []
    for name in names:
        begin, values[name] = values[name], round(values[name] * GAIN[day], 2)
        rows.append((name, "P" if name < "C" else "Q", begin, 0.0, 0.0, values[name]))
    return rows


def files() -> tuple[dict[int, str], str]:
    """Five days: on the fifth B1 becomes B9, C1 pays 640 out that come to C2 a day later, and a total begins elsewhere.

    On the sixth D1 comes, and E1, in quarantine at first. And a fifth on which nothing of it is so.
    """
    names = ["A1", "A2", "B1", "C1", "C2", "C3"]
    values = {name: 1000.0 + 111 * place for place, name in enumerate(names)}
    made = {3: file_of(3, *quiet(3, values, names)), 4: file_of(4, *quiet(4, values, names))}
    values["B9"] = values.pop("B1")
    fifth = quiet(5, values, ["A1", "A2", "B9", "C1", "C2", "C3"])
    account, portfolio, begin, _, _, end = fifth[3]
    fifth[3] = (account, portfolio, begin, 0.0, 640.0, end - 640)
    values["C1"] = end - 640
    account, portfolio, begin, _, _, end = fifth[5]
    fifth[5] = (account, portfolio, begin + 50, 0.0, 0.0, end)
    made[5] = file_of(5, *fifth)
    fifth[2], fifth[3], fifth[5] = ("B1", *fifth[2][1:]), (*fifth[3][:4], 0.0, fifth[3][5]), (*fifth[5][:2], begin, *fifth[5][3:])
    restated = file_of(5, *fifth)
    sixth = quiet(6, values, ["A1", "A2", "B9", "C1", "C2", "C3"])
    account, portfolio, begin, _, _, end = sixth[4]
    sixth[4] = (account, portfolio, begin, 640.0, 0.0, end + 640)
    values["C2"] = end + 640
    made[6] = file_of(6, *sixth, ("D1", "Q", 0.0, 500.0, 0.0, 500.0))
    values["D1"] = 500.0
    made[6] += "E1,2025-03-06,1.0.0,0.00,0.00,0.00,70.00,0,Q\n"
    values["E1"] = 70.0
    made[7] = file_of(7, *quiet(7, values, ["A1", "A2", "B9", "C1", "C2", "C3", "D1", "E1"]))
    return made, restated


def found(world: World) -> set[tuple[Any, ...]]:
    """Day, code, severity, account, what it is and was expected to be, and the file."""
    rows = world.platform.warehouse.query(
        "SELECT issue.as_of_date, issue.issue_type, issue.severity, issue.account_id, issue.actual_value,"
        " issue.expected_value, log.file_name"
        " FROM data_quality_issues AS issue JOIN etl_processing_log AS log ON log.id = issue.etl_log_id WHERE issue.issue_type = ANY(%s)",
        [[code.name for code in ACROSS_CODES]],
    )
    return set(rows.rows())


def load(world: World, day: int, content: str) -> None:
    assert world.ingest(f"acme_{day}.csv", content).success
    world.run_pending_pipeline()


def test_issues_stand_until_a_restatement_makes_them_untrue(tmp_path: Path, warehouse_url: str) -> None:
    made, restated = files()
    with a_world(tmp_path, warehouse_url, feed=PORTFOLIOS) as world:
        for day in made:
            load(world, day, made[day])
        stood = found(world)
        short = {(day.day, code, severity, account) for day, code, severity, account, *_ in stood}
        assert short == {
            (5, "DQ_RENUMBERED", "HIGH", "B9"),
            (5, "DQ_TOTAL_BREAK", "MEDIUM", None),
            (6, "DQ_TRANSFER_APART", "MEDIUM", "C2"),
            (6, "DQ_NEW_ACCOUNT", "LOW", "D1"),
        }
        assert sum(1 for _, code, *_ in stood if code == "DQ_TOTAL_BREAK") == 2, "of portfolio Q, and of all accounts"
        sentences = world.rows("data_quality_issues").filter(pl.col("issue_type").is_in(["DQ_RENUMBERED", "DQ_TRANSFER_APART"]))
        said = dict(sentences.select("issue_type", "issue_description").rows())
        assert (
            "B1 seems to be B9 since 2025-03-05: it ended with 1234.2200 on 2025-03-04, and is gone (the same portfolio)"
            in (said["DQ_RENUMBERED"])
        )
        assert "640.0000 beside 640.0000 of account C1 on 2025-03-05" in said["DQ_TRANSFER_APART"]
        before = world.rows("data_quality_issues")
        again = world.run_pipeline(date(2025, 3, 4), date(2025, 3, 7))
        assert again.success
        assert world.rows("data_quality_issues").equals(before), "a rerun touches nothing"
        warned = {name for name, one in checks(again).items() if not one.passed and name in _CHECKS}
        assert warned == {"account_numbers_kept", "totals_continue", "transfers_have_two_sides", "new_accounts_are_few"}
        (pair,) = cases(checks(again)["account_numbers_kept"])
        assert (pair["account_id"], pair["other_account_id"]) == ("B9", "B1")
        load(world, 5, restated)
        left = {(day.day, code, account) for day, code, _, account, *_ in found(world)}
        assert left == {(6, "DQ_RENUMBERED", "B9"), (6, "DQ_NEW_ACCOUNT", "D1")}, "B1 ends a day later now"


_CHECKS = {
    "totals_continue",
    "totals_in_bounds",
    "new_accounts_are_few",
    "account_numbers_kept",
    "portfolio_days_agree",
    "transfers_have_two_sides",
    "returns_beside_others",
}


def test_any_order_of_arrival_and_any_runs_end_with_the_same_issues(tmp_path: Path, warehouse_url: str) -> None:
    (made, _), ends = files(), []
    with a_world(tmp_path, warehouse_url, feed=PORTFOLIOS) as world:
        for order, at_once in (([3, 4, 5, 6, 7], False), ([3, 4, 5, 6, 7], True), ([6, 3, 7, 5, 4], False)):
            with world.administrator.connect() as connection:
                connection.execute("TRUNCATE etl_processing_log, performance_data, reconciliation_results, accounts CASCADE")
                connection.execute("SELECT refresh_daily_vendor_totals()")
            world.platform.lake.delete(file.path for file in world.platform.lake.files(""))
            for day in order:
                assert world.ingest(f"acme_{day}.csv", made[day]).success
                if not at_once:
                    world.run_pending_pipeline()
            if at_once:
                world.run_pending_pipeline()
            ends.append(found(world))
    assert ends[0] == ends[1] == ends[2]
    assert len(ends[0]) == 5
