"""Values that nobody renewed: what is one, what only looks like it, and that the pieces of a history say what the whole does."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.positions.closing_states import latest_states
from advisory_perf.quality.rules import stale_values, with_unchanged_since
from advisory_perf_tests.performance.scenarios import positions

APRIL, MAY, JUNE, JULY = date(2024, 4, 30), date(2024, 5, 31), date(2024, 6, 28), date(2024, 7, 31)
FRIDAY = date(2024, 6, 14)


def valued(day: date, value: str, **others: Any) -> dict[str, Any]:
    return {"as_of_date": day, "ending_market_value": value, **others}


def stale(*rows: dict[str, Any], before: pl.DataFrame | None = None, after_days: int = 20) -> list[tuple[str, date, date]]:
    found = stale_values(with_unchanged_since(positions(*rows), before), after_days=after_days)
    return list(found.select("account_id", "as_of_date", "value_unchanged_since").rows())


def closing(*rows: dict[str, Any], before: pl.DataFrame | None = None) -> pl.DataFrame:
    """What is known of the accounts after the rows."""
    valued = with_unchanged_since(positions(*rows), before)
    columns = ("account_id", "as_of_date", "ending_market_value", "value_unchanged_since")
    return latest_states(pl.concat([frame.select(columns) for frame in (before, valued) if frame is not None]))


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
    before = closing(valued(MAY, "100"), valued(MAY, "7", account_id="A2"))
    assert stale(valued(JUNE, "100"), valued(JUNE, "8", account_id="A2"), before=before) == [("A1", JUNE, MAY)]


def test_where_the_day_was_not_kept_a_value_is_looked_at_from_the_valuation_before_on() -> None:
    before = closing(valued(APRIL, "100"), valued(MAY, "100")).with_columns(value_unchanged_since=pl.lit(None, pl.Date()))
    assert stale(valued(JUNE, "100"), before=before) == [("A1", JUNE, MAY)]


def test_a_weekend_is_not_stale_and_a_week_is() -> None:
    days = [FRIDAY + timedelta(days=number) for number in range(9)]
    rows = [valued(day, "100") for day in days]
    assert stale(*rows[:7], after_days=7) == []
    assert stale(*rows, after_days=7) == [("A1", days[7], FRIDAY), ("A1", days[8], FRIDAY)]


def test_a_stretch_is_seen_to_its_beginning_however_far_apart_its_valuations_lie() -> None:
    days = [date(2025, 3, number) for number in (3, 14, 15)]
    assert stale(*(valued(day, "100") for day in days), after_days=3) == [("A1", days[1], days[0]), ("A1", days[2], days[0])]
    before = closing(valued(days[1], "100"), before=closing(valued(days[0], "100")))
    assert stale(valued(days[2], "100"), before=before, after_days=3) == [("A1", days[2], days[0])]


def test_a_flow_within_the_stretch_begins_it_anew() -> None:
    moved = valued(JUNE, "100", contributions="5", appreciation="-5")
    assert stale(valued(MAY, "100"), moved, valued(JULY, "100")) == [("A1", JULY, JUNE)]
    assert stale(valued(APRIL, "100"), valued(MAY, "100"), after_days=32) == []


@st.composite
def histories(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Sixty days of two accounts, most of them with a value, few of them a new one, cut into pieces; each in any order."""
    rows: list[dict[str, Any]] = []
    for account in ("A1", "A2"):
        for number in sorted(draw(st.sets(st.integers(0, 59), min_size=1))):
            value, flow = draw(st.sampled_from(["100", "100", "100", "100", "101", "0"])), draw(st.sampled_from([0, 0, 0, 0, 0, 5]))
            day = FRIDAY + timedelta(days=number)
            rows.append(valued(day, value, account_id=account, contributions=flow, appreciation=-flow))
    cuts = draw(st.sets(st.integers(0, 59)) | st.just(set(range(60))))
    edges = [FRIDAY + timedelta(days=number) for number in sorted({0, 60} | cuts)]
    pieces = [[row for row in rows if first <= row["as_of_date"] < last] for first, last in pairwise(edges)]
    return [draw(st.permutations(piece)) for piece in pieces if piece]


@given(histories())
def test_the_pieces_of_a_history_say_what_the_whole_does(pieces: list[list[dict[str, Any]]]) -> None:
    before: pl.DataFrame | None = None
    found = []
    for piece in pieces:
        found += stale(*piece, before=before, after_days=7)
        before = closing(*piece, before=before)
    whole = [row for piece in pieces for row in piece]
    assert sorted(found) == sorted(stale(*whole, after_days=7)) == sorted(by_walking(whole, after_days=7))


def by_walking(rows: list[dict[str, Any]], *, after_days: int) -> list[tuple[str, date, date]]:
    """The same, reported row by row."""
    found: list[tuple[str, date, date]] = []
    last: dict[str, tuple[str, date]] = {}
    for row in sorted(rows, key=lambda row: row["as_of_date"]):
        account, day, value = row["account_id"], row["as_of_date"], row["ending_market_value"]
        known, since = last.get(account, ("", day))
        if known != value or row["contributions"] or value == "0":
            since = day
        last[account] = (value, since)
        if (day - since).days >= after_days:
            found.append((account, day, since))
    return found
