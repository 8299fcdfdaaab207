"""Internal transfers whose sides stand apart: planted ones are found, and flows that are equal by chance are not."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.quality.transfers import transfers_apart
from advisory_perf_tests.quality.across_scenarios import CENT, Month, a_month, a_row, days, frame_of

PLANTED = 60


def found(frame: pl.DataFrame) -> set[tuple[Any, ...]]:
    return set(frame.select("account_id", "as_of_date", "other_account_id", "other_as_of_date").rows())


def apart(*rows: dict[str, Any]) -> pl.DataFrame:
    return transfers_apart(frame_of(rows), neighbours=3)


def names(portfolio: int) -> list[str]:
    return [f"A{number:04}" for number in range(10 * portfolio, 10 * portfolio + 10)]


def flows(month: Month, account: str, place: int) -> Decimal:
    row = month.rows[account, place]
    return Decimal(row["contributions"] + row["distributions"])


@pytest.mark.parametrize("seed", range(5))
def test_planted_transfers_are_found_and_nearly_nothing_else(seed: int) -> None:
    """Sixty with sides on other days or by nearly the amount, of odd amounts, among flows of 400 accounts: all, and one other at most."""
    month = a_month(seed)
    planted = set()
    for index in range(PLANTED):
        portfolio, place, gap = (
            month.random.randrange(40),
            month.random.randrange(17),
            0 if index % 4 == 0 else month.random.randrange(1, 4),
        )
        later = place + gap
        still = [name for name in names(portfolio) if all(not flows(month, name, number) for number in (place, later))]
        one, other = month.random.sample(still, 2)
        amount = Decimal(month.random.randrange(1_000_000, 5_000_000)) * CENT + CENT * (index % 7 + 1)
        got = amount - Decimal(5) if gap == 0 else amount
        first, second = (-amount, got) if index % 2 or gap == 0 else (amount, -amount)
        month.flow(one, place, first)
        month.flow(other, later, second)
        planted.add((other, month.dates[later], one, month.dates[place]))
    found_ones = found(transfers_apart(month.frame(), neighbours=3))
    assert planted - found_ones == set()
    assert len(found_ones - planted) <= 1


@pytest.mark.parametrize(("accounts", "flows"), [(12, 0.1), (20, 0.1), (40, 0.02), (40, 0.1), (100, 0.02), (100, 0.1), (400, 0.2)])
def test_of_flows_that_meet_by_chance_less_than_one_in_a_hundred_is_named(accounts: int, flows: float) -> None:
    """Half of the flows are of six round amounts, so that equal ones meet in small books every few days."""
    named = seen = 0
    for seed in range(3 if accounts > 100 else 8):
        frame = a_month(seed, accounts=accounts, count=42, flows=flows).frame()
        named += transfers_apart(frame, neighbours=3).height
        seen += frame.filter((pl.col("contributions") > 0) | (pl.col("distributions") > 0)).height
    assert seen > 200
    assert named < seen / 100


def test_the_later_side_is_named_whichever_it_is() -> None:
    out, into = a_row("A", 0, 1000, 400, distributions=600), a_row("B", 2, 0, 600, contributions=600)
    (row,) = apart(out, into).to_dicts()
    assert row == {
        "account_id": "B", "as_of_date": days(3)[2], "delivery_id": "d2", "field_name": "contributions", "amount": Decimal(600),
        "other_account_id": "A", "other_as_of_date": days(1)[0], "other_amount": Decimal(600),
    }  # fmt: skip
    assert found(apart(a_row("A", 3, 1000, 400, distributions=600), a_row("B", 2, 0, 600, contributions=600))) == {
        ("A", days(4)[3], "B", days(3)[2])
    }


OUT = a_row("A", 0, 1000, 400, distributions=600)


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([a_row("B", 0, 0, 600, contributions=600)], id="both sides on one day"),
        pytest.param([a_row("B", 4, 0, 600, contributions=600)], id="four windows apart"),
        pytest.param([a_row("A", 1, 0, 600, contributions=600)], id="one account"),
        pytest.param([a_row("B", 1, 0, 600, distributions=600)], id="both out"),
        pytest.param([a_row("B", 1, 0, 600, contributions=600, portfolio_id="Q", client_id="D")], id="of another portfolio and client"),
        pytest.param([a_row("B", 1, 0, 600, contributions=600, portfolio_id=None, client_id=None)], id="of none"),
        pytest.param([a_row("B", 1, 0, 600, contributions=600, currency="EUR")], id="another currency"),
        pytest.param([a_row("B", 1, 0, 600, contributions=600, is_own=False)], id="only looked back on"),
        pytest.param([a_row("B", 1, 0, 600, contributions=600), a_row("Z", 0, 0, 1, contributions=600, portfolio_id="Q")], id="a third"),
        pytest.param([a_row("B", 1, 0, 600, contributions=600), a_row("Z", 1, 0, 1, contributions=600, portfolio_id="Q")], id="on the day"),
        pytest.param([a_row("B", 1, 0, 600, contributions=600), a_row("Z", 1, 0, 1, contributions=77_000)], id="a round one of several"),
    ],
)
def test_what_is_not_one_transfer_is_not_named(others: list[dict[str, Any]]) -> None:
    assert apart(OUT, *others).is_empty()


def test_a_client_is_as_good_as_a_portfolio_and_an_odd_amount_tells_among_other_flows() -> None:
    into = a_row("B", 1, 0, 600, contributions=600, portfolio_id="Q")
    assert found(apart(OUT, into)) == {("B", days(2)[1], "A", days(1)[0])}
    odd = [a_row("A", 0, 1000, 1, distributions="600.01"), a_row("B", 1, 0, 600, contributions="600.01")]
    assert apart(*odd, a_row("Z", 1, 0, 1, contributions=77_000)).height == 1


def test_a_transfer_from_before_does_not_hide_one_that_lies_further_back_than_is_looked() -> None:
    earlier = a_row("Z", 0, 0, 1, contributions=600, is_own=False)
    rows = [a_row("A", 4, 1000, 400, distributions=600), a_row("B", 5, 0, 600, contributions=600)]
    assert apart(earlier, *rows).height == 1


@pytest.mark.parametrize(("got", "is_named"), [("9990", True), ("9989.99", False), ("10010", True), ("10010.02", False), ("10000", False)])
def test_amounts_of_one_day_may_differ_by_a_thousandth(got: str, *, is_named: bool) -> None:
    rows = [a_row("A", 0, 20_000, 10_000, distributions=10_000), a_row("B", 0, 0, got, contributions=got)]
    named = apart(*rows)
    assert named.height == is_named
    if is_named:
        assert named.select("account_id", "field_name", "amount", "other_amount").row(0) == ("B", "contributions", Decimal(got), 10_000)
    exact = a_row("C", 0, 0, 10_000, contributions=10_000)
    assert apart(*rows, exact).is_empty(), "the other side is there"
    assert apart(rows[0], {**rows[1], "portfolio_id": "Q"}).is_empty()


def test_runs_of_any_days_find_what_one_run_finds() -> None:
    month = a_month(11, accounts=60)
    for place in range(0, 17, 2):
        month.flow("A0001", place, -Decimal(1_000 + place) - CENT)
        month.flow("A0002", place + 1 + place % 3, Decimal(1_000 + place) + CENT)
    whole = found(transfers_apart(month.frame(), neighbours=3))
    assert len(whole) >= 8
    for size in (1, 5):
        pieces = (month.frame(own_from=first, known_from=max(0, first - 3)) for first in range(0, 21, size))
        parts = [piece.filter(pl.col("ordinal") < first + size) for piece, first in zip(pieces, range(0, 21, size), strict=True)]
        assert set().union(*(found(transfers_apart(part, neighbours=3)) for part in parts)) == whole


def test_a_month_without_flows_has_none() -> None:
    assert apart(a_row("A", 0, 1, 2)).is_empty()
    assert apart().is_empty()
