from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from advisory_perf.analytics import contribution
from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReturnPeriod, TransferNetting
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.analytics.books import Row, books
from advisory_perf_tests.analytics.exact import ExactBook, carino_factor, linked_group, wrong
from advisory_perf_tests.analytics.scenarios import book, conventions, row
from advisory_perf_tests.performance.exact import Conventions

contributions = partial(contribution.contributions, group="portfolio_id", transfers=TransferNetting.MATCHED, departures=None)
linked_contributions = partial(contribution.linked_contributions, group="portfolio_id")

HALVES = (row("A", 0, 100, 110), row("B", 0, 100, 100), row("A", 1, 110, 110), row("B", 1, 100, 90))
"""Two halves of a portfolio: one earns 10 % and then nothing, the other nothing and then loses 10."""


def linked(*rows: Row, period: ReturnPeriod = ReturnPeriod.INCEPTION, **said: Any) -> pl.DataFrame:
    return linked_contributions(contributions(book(*rows), conventions=conventions(**said)), period=period)


def test_two_halves_that_gain_and_lose_ten_contribute_the_same_and_come_to_nothing() -> None:
    found = linked(*HALVES)
    assert [f"{value:+.4%}" for value in found["contribution"]] == ["+4.8790%", "-4.8790%"]
    assert found["portfolio_return"].to_list() == pytest.approx([0, 0], abs=1e-15)
    assert found["contribution"].sum() == pytest.approx(0, abs=1e-15)


def test_a_day_s_contributions_are_gains_by_the_base_of_the_whole() -> None:
    found = contributions(book(*HALVES), conventions=conventions())
    assert found["contribution"].to_list() == pytest.approx([0.05, 0, 0, -10 / 210])
    assert found["gain"].to_list() == [10, 0, 0, -10]


def test_a_transfer_is_a_gain_of_neither_account() -> None:
    found = contributions(book(row("A", 0, 1600, 1020, out=600), row("B", 0, 400, 980, into=600)), conventions=conventions())
    assert found["contribution"].to_list() == [0.01, -0.01]


def test_gross_contributions_add_the_fees_back() -> None:
    found = contributions(book(row("A", 0, 50, 50, fees=1), row("B", 0, 50, 50)), conventions=conventions(fee_basis=FeeBasis.GROSS))
    assert found["contribution"].to_list() == [0.01, 0]


def test_a_period_over_an_unknown_return_has_no_contributions() -> None:
    found = linked(*HALVES, row("A", 2, 110, 110))
    assert found.select("contribution", "portfolio_return", "contribution_status").unique().row(0) == (None, None, "UNDEFINED_RETURN")


def test_a_total_loss_has_no_logarithm() -> None:
    found = linked(row("A", 0, 100, 0), row("B", 0, 100, 0))
    assert found.select("contribution", "portfolio_return", "contribution_status").unique().row(0) == (None, -1.0, "TOTAL_LOSS")


def test_each_calendar_period_is_linked_by_itself() -> None:
    rows = book(row("A", 0, 100, 110), row("A", 27, 110, 121), row("A", 28, 121, 121))
    daily = contributions(rows, conventions=conventions())
    months = linked_contributions(daily, period=ReturnPeriod.MONTH)
    assert months.select("period_start", "period_end").rows() == [
        (date(2024, 6, 1), date(2024, 6, 30)),
        (date(2024, 7, 1), date(2024, 7, 31)),
    ]
    assert months["contribution"].to_list() == pytest.approx([0.21, 0])
    quarters = linked_contributions(daily, period=ReturnPeriod.QUARTER)
    assert quarters["period_end"].to_list() == [date(2024, 6, 30), date(2024, 9, 30)]
    (year,) = linked_contributions(daily, period=ReturnPeriod.YEAR).rows(named=True)
    assert (year["period_start"], year["period_end"]) == (date(2024, 1, 1), date(2024, 12, 31))
    (whole,) = linked_contributions(daily, period=ReturnPeriod.INCEPTION).rows(named=True)
    assert (whole["period_start"], whole["period_end"]) == (date(2024, 6, 3), date(2024, 7, 1))


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="linked contributions needs the column contribution"):
        linked_contributions(pl.DataFrame({"portfolio_id": ["P"], "account_id": ["A"], "as_of_date": [None]}), period=ReturnPeriod.YEAR)


def exact_contributions(rows: list[Row], said: Conventions) -> list[Row]:
    """Each account's contribution to the whole of its portfolio's history, with the return of that."""
    found: list[Row] = []
    exact = ExactBook(rows, group="portfolio_id")
    for name in exact.days:
        days = linked_group(exact.days_of(name), said)
        total: Fraction | None = Fraction(1)
        for each in days:
            total = None if total is None or each["calculated_twrr"] is None else total * (1 + each["calculated_twrr"])
        is_lost = any(each["calculated_twrr"] == -1 for each in days)
        status = "UNDEFINED_RETURN" if total is None else "TOTAL_LOSS" if is_lost else "OK"
        for account in sorted({each["account_id"] for each in rows if each["portfolio_id"] == name}):
            value = None
            if total is not None and not is_lost:
                value = sum(
                    (part(each, day, said) * carino_factor(day["calculated_twrr"]) for each, day in of(account, rows, days)), Fraction(0)
                )
                value /= carino_factor(total - 1)
            whole = None if total is None else total - 1
            found.append(
                {
                    "portfolio_id": name,
                    "account_id": account,
                    "contribution": value,
                    "portfolio_return": whole,
                    "contribution_status": status,
                }
            )
    return found


def of(account: str, rows: list[Row], days: list[Row]) -> list[tuple[Row, Row]]:
    by_day = {(day["portfolio_id"], day["as_of_date"]): day for day in days}
    return [
        (each, by_day[each["portfolio_id"], each["as_of_date"]])
        for each in rows
        if each["account_id"] == account and (each["portfolio_id"], each["as_of_date"]) in by_day
    ]


def part(each: Row, day: Row, said: Conventions) -> Fraction:
    """The account's share of the gain, of the portfolio's return."""
    gain, of_all = (
        Fraction(amounts["ending_market_value"])
        - Fraction(amounts["beginning_market_value"])
        - Fraction(amounts["contributions"])
        + Fraction(amounts["distributions"])
        + (Fraction(amounts["fees"]) if said.fee_basis is FeeBasis.GROSS else 0)
        for amounts in (each, day)
    )
    return gain / base_of(day, said, of_all)


def base_of(day: Row, said: Conventions, gain: Fraction) -> Fraction:
    """What the portfolio's gain is divided by: where it gained anything, its return says it."""
    if gain:
        return gain / Fraction(day["calculated_twrr"])
    begin, flow = day["beginning_market_value"], day["net_flow"]
    at_start = {FlowTiming.START_OF_DAY: flow, FlowTiming.END_OF_DAY: Fraction(0), FlowTiming.MID_DAY: flow / 2}[said.timing]
    if flow > 0 and begin == 0:
        at_start = flow
    if flow < 0 and (day["ending_market_value"] == 0 or (day["ending_market_value"] > 0 and begin + at_start == 0)):
        at_start = Fraction(0)
    return Fraction(begin + at_start)


@accepts_at_least(0.2)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    books(days=4, portfolios=("P",), currencies=("EUR",), is_steady=True),
    st.sampled_from([FlowTiming.START_OF_DAY, FlowTiming.END_OF_DAY, FlowTiming.MID_DAY]),
    st.sampled_from(FeeBasis),
)
def test_every_linked_contribution_is_within_one_in_a_million_million(rows: list[Row], timing: FlowTiming, fee_basis: FeeBasis) -> None:
    if not rows:
        return
    found = linked(*rows, timing=timing, fee_basis=fee_basis)
    expected = exact_contributions(rows, Conventions(timing, fee_basis))
    assert wrong(found.rows(named=True), expected) == []
    for total, each in found.filter(pl.col("contribution_status") == "OK").group_by("portfolio_return"):
        assert each["contribution"].sum() == pytest.approx(total[0], rel=1e-12, abs=1e-12)
    counted("contributions", found["contribution"].drop_nulls().len(), found.height)


@settings(max_examples=10, deadline=None)
@given(books(), st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(rows: list[Row], seed: int) -> None:
    if not rows:
        return
    frame = book(*rows)
    one, two = (
        linked_contributions(contributions(each.lazy(), conventions=conventions()), period=ReturnPeriod.MONTH).collect()
        for each in (frame, frame.sample(fraction=1, shuffle=True, seed=seed))
    )
    assert_frame_equal(one, two, check_exact=True)


def test_money_without_a_return_leaves_no_contribution() -> None:
    found = contributions(book(row("A", 0, 0, Decimal("0.01"))), conventions=conventions())
    assert found.select("contribution", "portfolio_return", "return_status").row(0) == (None, None, "UNDEFINED_BASE")
