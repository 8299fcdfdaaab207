"""What a delivery has of each day."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.ingestion.day_counts import DAY_COUNTS, day_counts
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, validated

FIRST, FOURTH = date(2024, 3, 1), date(2024, 3, 4)
A_FIRST = "A,2024-03-01,100.00,0.00,0.00,100.00"
A_FOURTH = "A,2024-03-04,100.00,0.00,0.00,100.00"
B_FIRST = "B,2024-03-01,200.00,0.00,0.00,200.00"
OTHER_B_FIRST = "B,2024-03-01,200.00,0.00,0.00,201.00"
BAD_FOURTH = "C,2024-03-04,none,0.00,0.00,1.00"
UNDATED = "D,nonsense,1.00,0.00,0.00,1.00"


def counts(*rows: str) -> dict[date, tuple[int, int, int, int]]:
    """Accepted, quarantined, conflicting and duplicate rows of each day."""
    found = day_counts(validated("\n".join([HEADER, *rows]) + "\n"), a_feed().contract)
    assert found.schema == DAY_COUNTS
    return {day: (accepted, quarantined, conflicting, duplicate) for day, accepted, quarantined, conflicting, duplicate in found.rows()}


def test_rows_are_counted_by_their_day() -> None:
    assert counts(A_FIRST, A_FIRST, A_FIRST, A_FOURTH, BAD_FOURTH) == {FIRST: (1, 0, 0, 2), FOURTH: (1, 1, 0, 0)}


def test_rows_that_claim_one_key_are_quarantined_and_conflicting() -> None:
    assert counts(A_FIRST, B_FIRST, OTHER_B_FIRST, B_FIRST) == {FIRST: (1, 3, 3, 0)}


@pytest.mark.parametrize(("others", "expected"), [((), {FIRST: (1, 1, 0, 0)}), ((A_FOURTH,), {FIRST: (1, 0, 0, 0), FOURTH: (1, 0, 0, 0)})])
def test_a_row_without_a_day_counts_where_the_delivery_has_but_one(
    others: tuple[str, ...], expected: dict[date, tuple[int, int, int, int]]
) -> None:
    assert counts(A_FIRST, UNDATED, *others) == expected


def test_a_delivery_without_a_day_has_no_counts() -> None:
    assert counts(UNDATED) == counts() == {}


@given(st.lists(st.sampled_from([A_FIRST, A_FOURTH, B_FIRST, OTHER_B_FIRST, BAD_FOURTH, UNDATED])))
def test_no_row_is_counted_twice_or_lost_but_those_without_a_day(rows: list[str]) -> None:
    whole = validated("\n".join([HEADER, *rows]) + "\n")
    found = day_counts(whole, a_feed().contract)
    undated = 0 if found.height == 1 else rows.count(UNDATED)
    assert found["accepted"].sum() == whole.accepted.height
    assert found["duplicate"].sum() == whole.duplicate
    assert found["quarantined"].sum() + undated == whole.quarantined.height
