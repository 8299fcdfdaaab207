"""What a full delivery withdraws by not repeating it, and what its quarantined rows keep from being withdrawn."""

from collections.abc import Sequence
from datetime import date
from itertools import permutations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.performance.net_flow import current_positions
from advisory_perf.positions.full_deliveries import without_withdrawn

FOURTH, FIFTH = date(2025, 3, 4), date(2025, 3, 5)
ACCOUNTS = ("A", "B", "C")

Position = tuple[str, str, date]
Quarantined = tuple[str, str | None, date | None]


def frame(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    schema = {"delivery_id": pl.String(), "account_id": pl.String(), "as_of_date": pl.Date()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def counting(
    positions: Sequence[Position], quarantined: Sequence[Quarantined] = (), order: Sequence[str] = ("d1", "d2", "d3")
) -> set[Position]:
    """The rows that count, of deliveries whose rank is their place in the order."""
    precedence = pl.DataFrame({"delivery_id": order, "rank": range(len(order))})
    left = without_withdrawn(frame(positions), frame(quarantined), precedence)
    assert left.columns == ["delivery_id", "account_id", "as_of_date"]
    return {(row[0], row[1], row[2]) for row in current_positions(left, precedence).iter_rows()}


def test_what_a_later_delivery_of_the_day_does_not_repeat_is_withdrawn() -> None:
    assert counting([("d1", "A", FOURTH), ("d1", "B", FOURTH), ("d2", "A", FOURTH)]) == {("d2", "A", FOURTH)}


def test_days_that_a_later_delivery_does_not_hold_stay() -> None:
    positions: list[Position] = [("d1", "A", FOURTH), ("d1", "B", FIFTH), ("d2", "A", FIFTH)]
    assert counting(positions) == {("d1", "A", FOURTH), ("d2", "A", FIFTH)}


def test_a_day_between_the_first_and_the_last_of_a_delivery_is_not_stated_by_it() -> None:
    """d2 holds the third and the fifth: of the fourth it says nothing."""
    third = date(2025, 3, 3)
    positions: list[Position] = [("d1", "A", FOURTH), ("d2", "B", third), ("d2", "B", FIFTH)]
    assert counting(positions) == set(positions)


def test_a_row_that_was_withdrawn_counts_again_when_it_is_delivered_again() -> None:
    positions: list[Position] = [("d1", "B", FOURTH), ("d1", "A", FOURTH), ("d2", "A", FOURTH), ("d3", "B", FOURTH)]
    assert counting(positions) == {("d3", "B", FOURTH)}


def test_the_first_delivery_of_a_day_withdraws_nothing() -> None:
    assert counting([("d1", "A", FOURTH), ("d1", "B", FOURTH)]) == {("d1", "A", FOURTH), ("d1", "B", FOURTH)}


TWO_ACCOUNTS: list[Position] = [("d1", "A", FOURTH), ("d1", "B", FOURTH), ("d2", "C", FOURTH)]


@pytest.mark.parametrize(
    ("quarantined", "kept"),
    [
        (("d2", "A", FOURTH), {"A"}),
        (("d2", "A", FIFTH), set[str]()),
        (("d2", "A", None), {"A"}),
        (("d2", None, FOURTH), {"A", "B"}),
        (("d2", None, FIFTH), set[str]()),
        (("d2", None, None), {"A", "B"}),
        (("d1", "A", FOURTH), set[str]()),
    ],
)
def test_a_row_in_quarantine_keeps_what_it_may_repeat(quarantined: Quarantined, kept: set[str]) -> None:
    expected = {("d1", account, FOURTH) for account in kept} | {("d2", "C", FOURTH)}
    assert counting(TWO_ACCOUNTS, [quarantined]) == expected


def test_what_one_delivery_withdrew_another_ones_quarantine_does_not_bring_back() -> None:
    positions: list[Position] = [("d1", "A", FOURTH), ("d2", "B", FOURTH), ("d3", "B", FOURTH)]
    assert counting(positions, [("d3", "A", FOURTH)]) == {("d3", "B", FOURTH)}


rows = st.sets(st.tuples(st.sampled_from(("d1", "d2", "d3")), st.sampled_from(ACCOUNTS), st.sampled_from((FOURTH, FIFTH))), min_size=1)
doubts = st.sets(
    st.tuples(st.sampled_from(("d1", "d2", "d3")), st.sampled_from((*ACCOUNTS, None)), st.sampled_from((FOURTH, FIFTH, None))), max_size=3
)


@settings(max_examples=60)
@given(rows, doubts)
def test_it_is_what_it_says_row_by_row(positions: set[Position], quarantined: set[Quarantined]) -> None:
    def is_withdrawn(delivery: str, account: str, day: date) -> bool:
        later = [name for name in ("d1", "d2", "d3") if name > delivery and any(row[0] == name and row[2] == day for row in positions)]
        return any(
            (name, account, day) not in positions
            and not any(row[0] == name and row[1] in {account, None} and row[2] in {day, None} for row in quarantined)
            for name in later
        )

    left = [row for row in positions if not is_withdrawn(*row)]
    latest = {(account, day): max(row[0] for row in left if row[1:] == (account, day)) for _, account, day in left}
    assert counting(sorted(positions), list(quarantined)) == {(delivery, *key) for key, delivery in latest.items()}


@settings(max_examples=60)
@given(rows, doubts)
def test_the_order_of_rows_does_not_matter(positions: set[Position], quarantined: set[Quarantined]) -> None:
    ordered = sorted(positions)
    assert counting(ordered, list(quarantined)) == counting(ordered[::-1], list(quarantined)[::-1])


def test_the_ranks_decide_and_nothing_else() -> None:
    """Each delivery leaves out one account; the one that counts most decides which."""
    positions: list[Position] = [
        (f"d{number + 1}", account, FOURTH) for number in range(3) for account in ACCOUNTS if account != ACCOUNTS[number]
    ]
    for order in permutations(("d1", "d2", "d3")):
        missing = ACCOUNTS[int(order[-1][1]) - 1]
        assert counting(positions, order=order) == {(order[-1], account, FOURTH) for account in ACCOUNTS if account != missing}
