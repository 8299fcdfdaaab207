"""Closed is a state: an account that its owner emptied, its empty months, and what new money in it does."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.enums import Cadence, FeeBasis, FlowTiming, Reopening
from advisory_perf.performance import excess_returns, monthly_returns, net_flows, sub_period_returns, twrr_series
from advisory_perf.quality.rules import undefined_returns
from advisory_perf_tests.performance.scenarios import a_schedule, positions

SHARE = Decimal("0.001")
EVERY_TIMING = pytest.mark.parametrize("timing", list(FlowTiming))


def month(number: int, bmv: str, inflow: str, outflow: str, emv: str) -> Mapping[str, Any]:
    return {
        "as_of_date": date(2024, number, 28),
        "beginning_market_value": bmv,
        "contributions": inflow,
        "distributions": outflow,
        "ending_market_value": emv,
    }


def an_account(*rest: Mapping[str, Any], left: str = "0") -> tuple[Mapping[str, Any], ...]:
    """Funded with 1,000, up by 10 %, and paid out in March with another 10 % (less what is left)."""
    paid = str(Decimal(1210) - Decimal(left))
    return (month(1, "0", "1000", "0", "1000"), month(2, "1000", "0", "0", "1100"), month(3, "1100", "0", paid, left), *rest)


REOPENED = an_account(month(4, "0", "0", "0", "0"), month(5, "0", "0", "0", "0"), month(6, "0", "500", "0", "510"))


def series(
    rows: tuple[Mapping[str, Any], ...],
    timing: FlowTiming = FlowTiming.START_OF_DAY,
    reopening: Reopening | None = Reopening.NEW_EPISODE,
) -> pl.DataFrame:
    weight = Decimal("0.3") if timing is FlowTiming.WEIGHTED else None
    returns = sub_period_returns(
        net_flows(positions(*rows)), timing=timing, fee_basis=FeeBasis.NET, weight=weight, residual_base=SHARE, large_flow=Decimal("0.1")
    )
    return twrr_series(returns, schedule=a_schedule(Cadence.MONTHLY), reopening=reopening, residual_base=SHARE).series


def about(*values: float | None) -> list[Any]:
    return [None if value is None else pytest.approx(value, abs=1e-12) for value in values]


@EVERY_TIMING
def test_an_account_that_its_owner_emptied_lost_nothing_and_has_no_gap(timing: FlowTiming) -> None:
    found = series(REOPENED, timing)
    assert found["return_status"].to_list() == ["OK", "OK", "OK", "CLOSED", "CLOSED", "OK"]
    assert found["calculated_twrr"].to_list() == about(0.0, 0.1, 0.1, None, None, 0.02)
    assert found["is_closed"].to_list() == [False, False, True, True, True, False]
    assert found["last_gap_date"].null_count() == 6
    assert not found["linked_over_gap"].any()


@EVERY_TIMING
def test_new_money_begins_an_episode_of_its_own(timing: FlowTiming) -> None:
    found = series(REOPENED, timing)
    assert found["cumulative_twrr"].to_list() == about(0.0, 0.1, 0.21, 0.21, 0.21, 0.02)
    assert found["inception_date"].to_list() == [date(2024, 1, 28)] * 5 + [date(2024, 6, 28)]
    assert found["twrr_ytd"].to_list() == about(0.0, 0.1, 0.21, None, None, 0.02)
    assert found["twrr_ytd_over_gap"].to_list() == [False] * 3 + [None] * 2 + [False]


@pytest.mark.parametrize(("beginning", "starts_within"), [("0", True), ("500", True), ("500.01", False)])
def test_a_month_that_began_with_the_new_money_alone_was_not_lived_through_whole(beginning: str, *, starts_within: bool) -> None:
    found = series(an_account(month(6, beginning, "500", "0", "1010")))
    assert found["starts_within_window"].to_list() == [True] * 3 + [starts_within]


def test_a_feed_may_link_over_the_empty_time() -> None:
    found = series(REOPENED, reopening=Reopening.LINK)
    assert found["cumulative_twrr"].to_list() == about(0.0, 0.1, 0.21, 0.21, 0.21, 1.21 * 1.02 - 1)
    assert found["inception_date"].to_list() == [date(2024, 1, 28)] * 6
    assert found["twrr_ytd"].to_list() == about(0.0, 0.1, 0.21, None, None, 1.21 * 1.02 - 1)
    assert found["is_closed"].to_list() == [False, False, True, True, True, False]
    assert not found["linked_over_gap"].any()


def test_without_a_rule_nothing_counts_as_closed() -> None:
    found = series(REOPENED, reopening=None)
    assert found["return_status"].to_list()[3:5] == ["UNDEFINED_BASE"] * 2
    assert not found["is_closed"].any()
    assert found["linked_over_gap"].to_list() == [False] * 3 + [True] * 3


@EVERY_TIMING
@pytest.mark.parametrize("left", ["0.01", "-0.01", "0.50"])
def test_a_cent_that_is_left_does_not_keep_the_account_open(timing: FlowTiming, left: str) -> None:
    """Interest of a cent on a cent would be 100 %, and a cent of debit a gap in every month."""
    twice = str(2 * Decimal(left))
    rest = (month(4, left, "0", "0", twice), month(5, twice, "0", "0", "0"), month(6, "0", "500", "0", "510"))
    found = series(an_account(*rest, left=left), timing)
    assert found["return_status"].to_list() == ["OK", "OK", "OK", "CLOSED", "CLOSED", "OK"]
    assert found["cumulative_twrr"].to_list() == about(0.0, 0.1, 0.21, 0.21, 0.21, 0.02)
    assert not found["linked_over_gap"].any()


@EVERY_TIMING
@pytest.mark.parametrize(
    "rest",
    [
        ((0, 0, 0, "0.05"), ("0.05", 0, "0.05", 0), (0, 0, 0, "0.02"), ("0.02", 0, "0.02", 0)),  # booked, and paid out a month later
        ((0, 0, "0.05", 0), (0, 0, "0.02", 0), (0, 0, "0.01", 0), (0, 0, 0, 0)),  # booked and paid out at once
        ((0, 0, 0, "1.21"), ("1.21", 0, "1.20", "0.01"), ("0.01", 0, 0, "0.02"), ("0.02", 0, "0.02", 0)),
    ],
)
def test_interest_of_a_closed_account_is_measured_by_the_account_however_often_it_is_paid_out(
    timing: FlowTiming, rest: tuple[tuple[str | int, ...], ...]
) -> None:
    late = [month(number, *map(str, each)) for number, each in enumerate(rest, start=4)]
    found = series(an_account(*late, month(8, "0", "500", "0", "510")), timing)
    assert found["return_status"].to_list() == ["OK"] * 3 + ["CLOSED"] * 4 + ["OK"]
    assert found["is_closed"].to_list() == [False] * 2 + [True] * 5 + [False]
    assert found["emptied_by"].to_list()[2:7] == [Decimal(1210)] * 5
    assert found["cumulative_twrr"].to_list()[2:] == about(*[0.21] * 5, 0.02)
    assert not found["linked_over_gap"].any()


def test_an_account_that_was_opened_again_is_closed_by_what_it_pays_out_then() -> None:
    late = (month(4, "0", "0", "0.5", "0"), month(5, "0", "10", "0", "10"), month(6, "10", "0", "10", "0"), month(7, "0", "0", "0", "0.02"))
    found = series(an_account(*late))
    assert found["emptied_by"].to_list()[2:] == [Decimal(1210), Decimal(1210), None, Decimal(10), None]
    assert found["return_status"].to_list()[3:] == ["CLOSED", "OK", "OK", "UNDEFINED_BASE"], "two cents are more than 0.1 % of 10"


def test_more_than_a_residual_keeps_it_open() -> None:
    rest = (month(4, "2", "0", "0", "2"), month(5, "2", "500", "0", "512.04"))
    found = series(an_account(*rest, left="2"), FlowTiming.END_OF_DAY)
    assert found["is_closed"].to_list() == [False] * 5
    assert found["return_status"].to_list()[2:] == ["LARGE_FLOW", "OK", "LARGE_FLOW"]


@EVERY_TIMING
def test_a_total_loss_by_the_market_closes_nothing(timing: FlowTiming) -> None:
    rows = (
        month(1, "0", "1000", "0", "1000"),
        month(2, "1000", "0", "0", "0"),
        month(3, "0", "0", "0", "0"),
        month(4, "0", "10", "0", "11"),
    )
    found = series(rows, timing)
    assert found["calculated_twrr"].to_list() == about(0.0, -1.0, None, 0.1)
    assert found["return_status"].to_list() == ["OK", "OK", "UNDEFINED_BASE", "OK"]
    assert not found["is_closed"].any()
    assert found["growth_index"].to_list() == about(1.0, 0.0, 0.0, 1.1)


def test_new_money_that_the_market_takes_all_of_opens_the_account_and_is_lost() -> None:
    found = series(an_account(month(4, "0", "500", "0", "0")))
    assert (found["calculated_twrr"][-1], found["is_closed"][-1], found["growth_index"][-1]) == (-1.0, False, 0.0)


def test_what_is_paid_out_of_nothing_is_a_gap_and_the_account_stays_closed() -> None:
    found = series(an_account(month(4, "0", "0", "50", "0"), month(5, "0", "0", "0", "0")))
    assert found["return_status"].to_list()[3:] == ["UNDEFINED_BASE", "CLOSED"]
    assert found["is_closed"].to_list()[2:] == [True] * 3
    assert found["last_gap_date"].to_list()[3:] == [date(2024, 4, 28)] * 2


def test_value_that_appears_without_a_flow_opens_the_account_with_a_gap() -> None:
    found = series(an_account(month(4, "0", "0", "0", "500"), month(5, "500", "0", "0", "505")))
    assert found["return_status"].to_list()[3:] == ["UNDEFINED_BASE", "OK"]
    assert found["cumulative_twrr"].to_list()[3:] == about(0.0, 0.01)
    assert found["inception_date"].to_list()[3:] == [date(2024, 4, 28)] * 2
    assert found["last_gap_date"].to_list()[3:] == [date(2024, 4, 28)] * 2


@EVERY_TIMING
@pytest.mark.parametrize("reopening", list(Reopening))
def test_an_account_that_is_listed_before_it_is_funded_begins_with_its_funding(timing: FlowTiming, reopening: Reopening) -> None:
    """Else the month of the funding would have a gap before it for ever, and a year that begins with weeks."""
    empty = (month(1, "0", "0", "0", "0"), month(2, "0", "0", "0", "0"))
    later = [{**month(number, "1010", "0", "0", "1010"), "as_of_date": date(2025, number, 28)} for number in (2, 3)]
    whole = [month(number, "1010", "0", "0", "1010") for number in range(4, 13)]
    january = {**later[0], "as_of_date": date(2025, 1, 28)}
    found = series((*empty, month(3, "0", "1000", "0", "1010"), *whole, january, *later), timing, reopening)
    assert found["return_status"].to_list() == ["CLOSED"] * 2 + ["OK"] * 13
    assert found["is_closed"].to_list() == [True] * 2 + [False] * 13
    assert found["inception_date"].to_list() == [date(2024, 1, 28)] * 2 + [date(2024, 3, 28)] * 13
    assert found["performance_start_date"].to_list()[2:] == [date(2024, 2, 29)] * 13
    assert found["cumulative_twrr"].to_list() == about(0.0, 0.0, *[0.01] * 13)
    assert not found["linked_over_gap"].any()
    assert found["twrr_1y"].to_list() == about(*[None] * 14, 0.0), "the first year is the one from March 2024 to March 2025"
    assert found["twrr_1y_from"][-1] == date(2024, 3, 28)


def test_an_account_that_was_lost_or_that_is_unknown_was_not_listed_before_its_funding() -> None:
    lost = (month(1, "1000", "0", "0", "0"), month(2, "0", "0", "0", "0"), month(3, "0", "1000", "0", "1010"))
    assert series(lost)["return_status"].to_list() == ["OK", "UNDEFINED_BASE", "OK"]
    unknown = ({**month(1, "0", "0", "0", "0"), "beginning_market_value": None}, month(2, "0", "1000", "0", "1010"))
    assert series(unknown)["return_status"].to_list() == ["MISSING_VALUE", "OK"]
    without_flow = (month(1, "0", "0", "0", "0"), month(2, "0", "0", "0", "500"), month(3, "500", "0", "0", "505"))
    assert series(without_flow)["return_status"].to_list() == ["CLOSED", "UNDEFINED_BASE", "OK"]


def test_an_account_may_close_again_after_it_was_opened_again() -> None:
    found = series(an_account(month(4, "0", "500", "0", "510"), month(5, "510", "0", "520.20", "0"), month(6, "0", "0", "0", "0")))
    assert found["is_closed"].to_list() == [False, False, True, False, True, True]
    assert found["cumulative_twrr"].to_list()[3:] == about(0.02, 0.0404, 0.0404)


@pytest.mark.parametrize("reopening", list(Reopening))
def test_a_residual_in_the_account_is_no_life_of_a_whole_month(reopening: Reopening) -> None:
    """Funded beside a cent, emptied but for a cent, opened again beside it: what the benchmark earned in the whole month compares not."""
    rows = (
        month(1, "0.01", "1000", "0", "1010"),
        month(2, "1010", "0", "0", "1020"),
        month(3, "1020", "0", "1030", "0.01"),
        month(4, "0.01", "0", "0", "0.01"),
        month(5, "0.01", "2000", "0", "2020"),
        month(6, "2020", "0", "0", "2030"),
    )
    found = series(rows, reopening=reopening).with_columns(benchmark_return=pl.lit(0.05))
    schedule = a_schedule(Cadence.MONTHLY)
    excess = excess_returns(found, schedule=schedule)
    assert excess["benchmark_covers_more"].to_list() == [True] * 6
    assert excess["excess_return"].null_count() == 6
    assert monthly_returns(found, schedule=schedule)["benchmark_monthly_return"].to_list() == about(None, 0.05, None, None, None, 0.05)


def test_an_empty_month_of_a_closed_account_is_no_undefined_return() -> None:
    rows = series(REOPENED).with_columns(is_valuation=True)
    assert undefined_returns(rows).is_empty()
