"""Values that nobody renewed: what is one, and what only looks like it."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from advisory_perf.performance.quality import stale_values
from advisory_perf_tests.performance.scenarios import positions

APRIL, MAY, JUNE, JULY = date(2024, 4, 30), date(2024, 5, 31), date(2024, 6, 28), date(2024, 7, 31)
FRIDAY = date(2024, 6, 14)


def valued(day: date, value: str, **others: Any) -> dict[str, Any]:
    return {"as_of_date": day, "ending_market_value": value, **others}


def stale(*rows: dict[str, Any], before: pl.DataFrame | None = None, after_days: int = 20) -> list[tuple[str, date, date]]:
    found = stale_values(positions(*rows), before, after_days=after_days)
    return list(found.select("account_id", "as_of_date", "unchanged_since").rows())


def test_a_value_equal_to_the_month_before_without_flows_is_stale_each_month_again() -> None:
    rows = [valued(MAY, "1040000"), valued(JUNE, "1040000"), valued(JULY, "1040000")]
    assert stale(*reversed(rows)) == [("A1", JUNE, MAY), ("A1", JULY, MAY)]


@pytest.mark.parametrize(
    "second",
    [
        valued(JUNE, "1040000.0001"),
        valued(JUNE, "1040000", contributions="5"),
        valued(JUNE, "1040000", contributions="5", distributions="5"),
        valued(JUNE, "1040000", account_id="A2"),
    ],
    ids=["another value", "a flow", "flows that cancel", "another account"],
)
def test_what_moved_is_not_stale(second: dict[str, Any]) -> None:
    assert stale(valued(MAY, "1040000"), second) == []


def test_an_empty_account_is_not_stale() -> None:
    assert stale(valued(MAY, "0"), valued(JUNE, "0")) == []


def test_income_that_did_not_reach_the_value_leaves_it_stale() -> None:
    assert stale(valued(MAY, "100"), valued(JUNE, "100", income="3", appreciation="-3")) == [("A1", JUNE, MAY)]


def test_a_value_is_held_against_the_one_before_the_windows() -> None:
    before = positions(valued(MAY, "100"), valued(MAY, "7", account_id="A2")).select("account_id", "as_of_date", "ending_market_value")
    assert stale(valued(JUNE, "100"), valued(JUNE, "8", account_id="A2"), before=before) == [("A1", JUNE, MAY)]


def test_a_weekend_is_not_stale_and_a_week_is() -> None:
    days = [FRIDAY + timedelta(days=number) for number in range(9)]
    rows = [valued(day, "100") for day in days]
    assert stale(*rows[:7], after_days=7) == []
    assert stale(*rows, after_days=7) == [("A1", days[7], FRIDAY), ("A1", days[8], FRIDAY)]


def test_a_stretch_is_seen_across_the_windows_of_a_run() -> None:
    rows = [valued(FRIDAY + timedelta(days=number), "100") for number in range(8)]
    assert stale(rows[-1], before=positions(*rows[:-1]), after_days=7) == [("A1", FRIDAY + timedelta(days=7), FRIDAY)]


def test_a_flow_within_the_stretch_begins_it_anew() -> None:
    moved = valued(JUNE, "100", contributions="5", appreciation="-5")
    assert stale(valued(MAY, "100"), moved, valued(JULY, "100")) == [("A1", JULY, JUNE)]
    assert stale(valued(APRIL, "100"), valued(MAY, "100"), after_days=32) == []
