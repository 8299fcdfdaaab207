"""The exact histories and returns that all sample vendors share, against numbers worked by hand."""

from calendar import monthrange
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest

from advisory_perf.contracts.enums import Cadence, FlowTiming
from advisory_perf.samples.market import (
    Account,
    Book,
    Position,
    account_histories,
    business_days,
    misstated,
    month_ends,
    rounded_return,
    with_vendor_return,
)
from advisory_perf.samples.truth import FileTruth, vendor_truth

BOOK = Book(accounts=30, cadence=Cadence.MONTHLY, account_prefix="T", portfolio_prefix="P", fund_every=4, close_every=6)


def a_month(day: date = date(2024, 1, 31), *, beginning: int, ending: int, paid_in: int = 0, out: int = 0) -> Position:
    """A position of one account in whole cents, its appreciation whatever closes the identity."""
    return Position(
        account=Account("T1", "Trust 1, Family", "P1"),
        as_of_date=day,
        beginning=beginning,
        contributions=paid_in,
        distributions=out,
        income=0,
        appreciation=ending - beginning - paid_in + out,
        fees=0,
        adjustments=0,
        ending=ending,
        benchmark_return=Decimal(0),
    )


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        (FlowTiming.START_OF_DAY, Fraction(1_080, 1_050) - 1),
        (FlowTiming.END_OF_DAY, Fraction(1_030, 1_000) - 1),
        (FlowTiming.MID_DAY, Fraction(30, 1_025)),
        (FlowTiming.INFLOW_START_OUTFLOW_END, Fraction(1_110, 1_080) - 1),
    ],
)
def test_each_timing_gives_the_return_of_its_formula(timing: FlowTiming, expected: Fraction) -> None:
    assert a_month(beginning=1_000, ending=1_080, paid_in=80, out=30).exact_return(timing) == expected


@pytest.mark.parametrize("timing", [timing for timing in FlowTiming if timing is not FlowTiming.WEIGHTED])
def test_a_funding_day_takes_its_flow_at_the_start_under_every_timing(timing: FlowTiming) -> None:
    assert a_month(beginning=0, ending=1_020, paid_in=1_000).exact_return(timing) == Fraction(2, 100)


@pytest.mark.parametrize("timing", [timing for timing in FlowTiming if timing is not FlowTiming.WEIGHTED])
def test_a_base_of_zero_has_no_return(timing: FlowTiming) -> None:
    assert a_month(beginning=0, ending=0).exact_return(timing) is None


def test_a_weighted_timing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs no weight"):
        a_month(beginning=1_000, ending=1_000).exact_return(FlowTiming.WEIGHTED)


def test_a_printed_return_is_rounded_from_the_exact_one() -> None:
    assert rounded_return(Fraction(-1, 3), 4) == Decimal("-0.3333")
    assert rounded_return(Fraction(25, 1_000), 2) == Decimal("0.02")
    assert with_vendor_return(a_month(beginning=0, ending=0), FlowTiming.MID_DAY, 8).vendor_twrr is None


def test_the_truth_of_one_account_is_what_paper_and_pencil_say() -> None:
    # 1,000.00 earns 10 %; then nothing is left to earn on; then 500.00 comes in and loses 20 %: 1.1 x 0.8 - 1 = -0.12.
    positions = [
        a_month(date(2024, 1, 31), beginning=100_000, ending=0, out=110_000),
        a_month(date(2024, 2, 29), beginning=0, ending=0),
        a_month(date(2024, 3, 31), beginning=0, ending=40_000, paid_in=50_000),
    ]
    file = {"f": FileTruth(status="INGESTED", read=3, accepted=3)}

    truth = vendor_truth(file, reversed(positions), FlowTiming.END_OF_DAY)

    account = truth.accounts["T1"]
    assert account.cumulative_twrr == Fraction(-12, 100)
    assert account.cumulative_net_flow == Decimal("-600.00")
    assert (account.rows, account.undefined) == (3, 1)
    assert truth.breaks == {"ending_market_value": 0, "twrr": 0}


def test_breaks_begin_just_beyond_the_tolerance() -> None:
    exact = a_month(beginning=100_000, ending=101_000)  # 1 %
    rows = [
        replace(exact, appreciation=exact.appreciation + 1),
        replace(exact, appreciation=exact.appreciation - 2),
        replace(exact, vendor_twrr=Decimal("0.0101")),
        replace(exact, vendor_twrr=Decimal("0.010101")),
    ]
    truth = vendor_truth({}, rows, FlowTiming.MID_DAY)
    assert truth.breaks == {"ending_market_value": 1, "twrr": 1}


def test_every_history_rolls_forward_and_adds_up_to_the_cent() -> None:
    histories = account_histories(Random(1), month_ends(date(2024, 12, 31), 12), BOOK)
    for history in histories:
        assert all(row.calculated_ending == row.ending for row in history)
        assert all(row.beginning == last.ending for last, row in pairwise(history))


def test_funded_accounts_begin_empty_and_closed_ones_end_empty() -> None:
    histories = account_histories(Random(1), month_ends(date(2024, 12, 31), 12), BOOK)
    assert [n for n, history in enumerate(histories) if history[0].beginning == 0] == list(range(0, 30, 4))
    assert [n for n, history in enumerate(histories) if history[-1].ending == 0] == list(range(1, 30, 6))


def test_a_misstated_ending_is_carried_on_and_breaks_one_identity_only() -> None:
    history = account_histories(Random(1), month_ends(date(2024, 12, 31), 6), replace(BOOK, fund_every=0))[0]
    wrong = misstated(history, 2, 57)
    assert [row.ending - row.calculated_ending for row in wrong] == [0, 0, 57, 0, 0, 0]
    assert all(row.beginning == last.ending for last, row in pairwise(wrong))


def test_month_ends_know_the_leap_year_and_the_end_of_the_year() -> None:
    assert month_ends(date(2024, 2, 29), 3) == (date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29))
    with pytest.raises(ValueError, match="pass a month end"):
        month_ends(date(2024, 2, 28), 3)


def test_business_days_end_before_a_weekend() -> None:
    assert business_days(date(2024, 6, 30), 2) == (date(2024, 6, 27), date(2024, 6, 28))


@pytest.mark.parametrize("timing", [timing for timing in FlowTiming if timing is not FlowTiming.WEIGHTED])
def test_a_closing_day_takes_its_flow_at_the_end_under_every_timing(timing: FlowTiming) -> None:
    assert a_month(beginning=1_000, ending=0, out=1_100).exact_return(timing) == Fraction(10, 100)


def test_a_negative_base_has_no_return() -> None:
    assert a_month(beginning=-1_000, ending=-900).exact_return(FlowTiming.END_OF_DAY) is None
    assert a_month(beginning=1_000, ending=10, out=2_000).exact_return(FlowTiming.START_OF_DAY) is None


def test_a_closed_account_ends_on_a_date_of_the_later_half_that_is_never_skipped() -> None:
    dates = month_ends(date(2024, 12, 31), 12)
    sparse = account_histories(Random(1), dates, replace(BOOK, close_every=2, skip_percent=100))
    closings = [history[-1].as_of_date for history in sparse[1::2]]
    assert all(day in dates[6:] for day in closings)
    assert len(set(closings)) > 1
    assert [len(history) for history in sparse] == [1, 2] * 15


def test_flows_are_mostly_none_sometimes_one_and_rarely_both() -> None:
    rows = [row for history in account_histories(Random(1), month_ends(date(2024, 12, 31), 24), BOOK) for row in history[1:-1]]
    into, out, both = (
        sum(map(condition, rows)) / len(rows)
        for condition in (
            lambda row: row.contributions > 0,
            lambda row: row.distributions > 0,
            lambda row: row.contributions > 0 and row.distributions > 0,
        )
    )
    assert (round(into, 1), round(out, 1)) in {(0.1, 0.1), (0.2, 0.1)}
    assert 0.01 < both < 0.06


def monthly(*months: tuple[int, int], beginning: int = 100_000) -> list[Position]:
    """An account that earns 1 % in each of the months, the first of which may begin with nothing."""
    rows: list[Position] = []
    for year, month in months:
        day = date(year, month, monthrange(year, month)[1])
        value = beginning if not rows else 100_000
        rows.append(a_month(day, beginning=value, ending=101_000, paid_in=0 if value else 100_000))
    return rows


YEAR = [(2024, month) for month in range(2, 13)] + [(2025, 1)]


@pytest.mark.parametrize(
    ("positions", "months"),
    [
        (monthly((2024, 1), *YEAR), 12),
        (monthly((2023, 12), (2024, 1), *YEAR), 12),
        (monthly(*YEAR), 12),
        (monthly(*YEAR, beginning=0), None),
        (monthly(*YEAR[1:]), None),
        (monthly((2024, 1), *YEAR[:5], *YEAR[6:]), 11),
        ([*monthly((2024, 1), *YEAR), *monthly((2024, 1))], None),
    ],
)
def test_a_year_begins_with_a_valuation_at_the_end_of_the_month_before_it(positions: list[Position], months: int | None) -> None:
    found = vendor_truth({}, positions, FlowTiming.END_OF_DAY).accounts["T1"].twrr_1y
    assert found == (None if months is None else Fraction(101, 100) ** months - 1)


def test_a_return_that_the_vendor_gives_against_none_of_ours_is_a_break_and_one_that_lacks_is_none() -> None:
    nothing = a_month(beginning=0, ending=0)
    assert vendor_truth({}, [nothing], FlowTiming.MID_DAY).breaks["twrr"] == 0
    assert vendor_truth({}, [replace(nothing, vendor_twrr=Decimal(0))], FlowTiming.MID_DAY).breaks["twrr"] == 1
