"""Totals against the window before: to the cent, with accounts that join, leave, change their portfolio or have another currency."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.quality.portfolio_totals import total_breaks, total_moves, with_previous
from advisory_perf_tests.quality.across_scenarios import CENT, a_month, a_row, across, days

FIFTH = Decimal("0.2")


def totals(*rows: dict[str, Any] | pl.DataFrame) -> pl.DataFrame:
    return with_previous(across(*rows))


def groups(found: pl.DataFrame) -> set[tuple[Any, ...]]:
    return set(found.select("as_of_date", "portfolio_id", "currency").rows())


@pytest.mark.parametrize("seed", range(4))
def test_what_is_planted_is_found_in_its_portfolio_and_in_the_vendors_total_and_nothing_else(seed: int) -> None:
    month = a_month(seed)
    planted = set()
    for number in month.random.sample(range(0, 400, 10), 12):
        place, account = month.random.randrange(1, 21), f"A{number + 3:04}"
        row = month.rows[account, place]
        row["beginning_market_value"] += month.random.choice([-1, 1]) * Decimal(month.random.randrange(50, 10_000_000)) * CENT
        planted |= {(row["as_of_date"], portfolio, row["currency"]) for portfolio in (row["portfolio_id"], None)}
    assert groups(total_breaks(totals(month.frame()))) == planted


@pytest.mark.parametrize("seed", range(4))
def test_a_clean_month_in_which_accounts_join_leave_and_change_their_portfolio_has_no_breaks_and_no_moves(seed: int) -> None:
    month = a_month(seed)
    for number in range(0, 400, 7):
        place, account = month.random.randrange(1, 21), f"A{number:04}"
        kind = month.random.choice(["joins", "leaves", "moves", "converts"])
        for other in range(21):
            if (kind == "joins" and other < place) or (kind == "leaves" and other >= place):
                del month.rows[account, other]
            elif other >= place and kind == "moves":
                month.rows[account, other]["portfolio_id"] = "P000"
            elif other >= place and kind == "converts":
                row = month.rows[account, other]
                twice = {
                    name: 2 * row[name] for name in ("beginning_market_value", "contributions", "distributions", "ending_market_value")
                }
                row |= {**twice, "currency": "GBP"}
    found = totals(month.frame())
    assert total_breaks(found).is_empty()
    assert total_moves(found, bound=FIFTH).is_empty()


def test_what_rounding_of_the_parts_adds_up_to_is_no_break() -> None:
    """Each amount is off by up to half a unit by itself, so that 400 accounts differ by up to one; their sum never by more than allowed."""
    month = a_month(1)
    for row in month.rows.values():
        row["vendor_value_half_unit"] = Decimal("0.5")
        for name in ("beginning_market_value", "ending_market_value"):
            row[name] += Decimal(month.random.randrange(-50, 51)) / 100
    assert total_breaks(totals(month.frame())).is_empty()
    place = month.rows["A0000", 9]
    place["beginning_market_value"] += 100
    assert groups(total_breaks(totals(month.frame()))) == {(place["as_of_date"], "P000", "EUR"), (place["as_of_date"], None, "EUR")}


def test_a_break_says_what_was_before_and_who_joined_and_left() -> None:
    before = [a_row("A", 0, 0, 100), a_row("B", 0, 0, 40), a_row("C", 0, 0, 7)]
    after = [a_row("A", 1, 103, 103), a_row("B", 1, 40, 40), a_row("D", 1, 25, 25)]
    of_portfolio, of_vendor = total_breaks(totals(*before, *after)).to_dicts()
    figures = {"total": 168, "previous_total": 147, "joined": 25, "left": 7, "expected_total": 165}
    assert of_portfolio.items() >= {**figures, "portfolio_id": "P", "currency": "USD", "delivery_id": "d1"}.items()
    assert of_vendor.items() >= {**figures, "portfolio_id": None}.items()
    assert figures["expected_total"] == figures["previous_total"] + figures["joined"] - figures["left"]


@pytest.mark.parametrize(("begin", "is_off"), [("100.03", False), ("100.04", True), ("99.96", True), ("100", False)])
def test_a_single_difference_passes_up_to_three_cents(begin: str, *, is_off: bool) -> None:
    one = a_row("A", 0, 0, 100), a_row("A", 1, begin, 100)
    assert total_breaks(totals(*one, a_row("B", 0, 0, 70), a_row("B", 1, 70, 70))).height == 2 * is_off
    assert total_breaks(totals(*one, a_row("B", 1, 70, 70))).is_empty(), "one account that stays"


def test_an_account_without_a_portfolio_counts_for_the_vendor_alone_and_one_without_a_currency_by_itself() -> None:
    nowhere = {"portfolio_id": None, "currency": None}
    rows = [a_row(name, place, begin, 100, **nowhere) for name in "AB" for place, begin in ((0, 0), (1, 150))]
    assert groups(total_breaks(totals(*rows))) == {(days(2)[1], None, None)}


def test_where_most_portfolios_are_off_only_the_vendors_total_is_named() -> None:
    month = a_month(2)
    for number in range(400):
        if number % 10 == 0 and month.rows[f"A{number:04}", 5]["currency"] == "USD":
            month.rows[f"A{number:04}", 5]["beginning_market_value"] += 1_000
    month.rows["A0001", 5]["beginning_market_value"] += 1_000
    day = month.dates[5]
    assert groups(total_breaks(totals(month.frame()))) == {(day, None, "USD"), (day, "P000", "EUR"), (day, None, "EUR")}


def test_windows_that_were_only_looked_back_on_are_not_named() -> None:
    month = a_month(5, accounts=50)
    month.rows["A0003", 4]["beginning_market_value"] += 10
    month.rows["A0003", 9]["beginning_market_value"] += 10
    assert {day for day, *_ in groups(total_breaks(totals(month.frame(own_from=9, known_from=6))))} == {month.dates[9]}
    assert {day for day, *_ in groups(total_breaks(totals(month.frame())))} == {month.dates[4], month.dates[9]}


@pytest.mark.parametrize("seed", range(4))
def test_a_total_that_moves_without_a_flow_is_found_and_one_that_a_flow_explains_is_not(seed: int) -> None:
    month = a_month(seed)
    planted = set()
    for portfolio in month.random.sample(range(40), 8):
        place = month.random.randrange(1, 21)
        for number in range(10 * portfolio, 10 * portfolio + 10):
            month.rows[f"A{number:04}", place]["growth"] = Decimal("0.4") * month.random.choice([1, 1, 1, 1]) * (1 if portfolio % 2 else -1)
            month.value_from(f"A{number:04}", place)
        planted.add((month.dates[place], f"P{portfolio:03}"))
    funded = month.random.randrange(400)
    month.flow(f"A{funded:04}", 10, Decimal(50_000_000))
    found = total_moves(totals(month.frame()), bound=FIFTH)
    assert set(found.filter(pl.col("portfolio_id").is_not_null()).select("as_of_date", "portfolio_id").rows()) == planted


@pytest.mark.parametrize(("end", "is_far"), [("239.99", False), ("240", False), ("240.01", True), ("160", False), ("159.99", True)])
def test_a_move_of_exactly_the_bound_passes(end: str, *, is_far: bool) -> None:
    half = Decimal(end) / 2
    rows = [a_row(name, 0, 0, 100) for name in "AB"] + [a_row(name, 1, 100, half) for name in "AB"]
    found = total_moves(totals(*rows), bound=FIFTH)
    assert found.height == 2 * is_far
    if is_far:
        assert found["move"].to_list() == pytest.approx([float(Decimal(end) / 200 - 1)] * 2)


def test_flows_move_no_total_and_debits_and_single_accounts_tell_nothing() -> None:
    def rows(*values: tuple[Any, ...]) -> pl.DataFrame:
        before = [a_row(f"A{place}", 0, 0, end) for place, (end, *_) in enumerate(values)]
        after = [
            a_row(f"A{place}", 1, begin, end, contributions=into, distributions=out) for place, (begin, into, out, end) in enumerate(values)
        ]
        return total_moves(totals(*before, *after), bound=FIFTH)

    assert rows((1000, 9000, 0, 10_100), (1000, 0, 900, 100)).is_empty(), "flows"
    assert rows((1000, 0, 0, 2000)).is_empty(), "one account"
    assert rows((-1000, 0, 0, -3000), (500, 0, 0, 900)).is_empty(), "in debit as a whole"
    assert rows((10, 0, 0, 30), (10, 0, 0, 60)).is_empty(), "a few units"
    assert rows((1000, 0, 0, 1500), (-800, 0, 0, -700)).height == 2, "moves of a total beside a debit"
    assert rows((0, 0, 0, 0), (0, 1000, 0, 5000)).height == 2, "funded, and worth much more by the evening"
