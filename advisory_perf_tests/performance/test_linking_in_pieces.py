"""Linking against exact arithmetic, and in pieces against the whole."""

import random
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.enums import Cadence, Reopening
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.contracts.windows import last_day_of, window_of
from advisory_perf.performance import twrr_series
from advisory_perf_tests.performance.exact import differences, exact_accounts
from advisory_perf_tests.performance.scenarios import a_return, a_schedule, returns

pytestmark = pytest.mark.slow

START = date(2017, 11, 1)
Row = dict[str, Any]

values = st.one_of(st.floats(-0.3, 0.4), st.floats(-0.3, 0.4), st.sampled_from([None, -1.0, 0.0]))
flows = st.integers(-(10**9), 10**9).map(lambda units: str(Decimal(units).scaleb(-4)))
near_month_ends = st.builds(
    lambda month, back: (date(2018 + month // 12, month % 12 + 1, 1) - START).days - back, *[st.integers(0, 84), st.integers(1, 6)]
)
rows_of_days = st.builds(
    lambda account, day, value, flow, beginning: a_return(
        START + timedelta(days=day), value, account=account, net_flow=flow, beginning=beginning
    ),
    st.sampled_from(["A1", "A2", "A3"]),
    st.one_of(st.integers(0, 120), st.integers(0, 2600), near_month_ends, near_month_ends),
    values,
    flows,
    st.sampled_from(["100", "100", "0"]),
)
SCHEDULES = [
    a_schedule(),
    a_schedule(holidays=[date(2017, 12, 29), date(2019, 5, 31), date(2020, 1, 1), date(2021, 12, 31)], weekends=False),
    a_schedule(weekends=True),
    a_schedule(Cadence.MONTHLY),
]
schedules = st.sampled_from(SCHEDULES)
histories = st.lists(rows_of_days, min_size=1, max_size=40, unique_by=lambda row: (row["account_id"], row["as_of_date"]))


@settings(max_examples=30)
@given(histories, schedules)
def test_linking_does_what_exact_arithmetic_does_valuation_by_valuation(history: list[Row], schedule: Schedule) -> None:
    accounts = exact_accounts(history, schedule)
    expected = []
    for row in sorted(history, key=lambda row: (row["account_id"], row["as_of_date"])):
        value = None if row["calculated_twrr"] is None else Fraction(row["calculated_twrr"])
        begin, end = Fraction(row["beginning_market_value"]), Fraction(row["ending_market_value"])
        linked = accounts[row["account_id"]].link(row["as_of_date"], Fraction(row["net_flow"]), value, begin, end)
        expected.append({"account_id": row["account_id"], "as_of_date": row["as_of_date"], **linked})
    found = twrr_series(returns(*history), schedule=schedule).series.iter_rows(named=True)
    assert differences(found, expected) == []


AN_EMPTY_ACCOUNT_OVER_A_MONTH_END = [
    a_return(START + timedelta(days=days), value) for days, value in {0: 0.0, 1: -1.0, 2: None, 30: None, 31: 0.1}.items()
]


@settings(max_examples=25)
@example(history=AN_EMPTY_ACCOUNT_OVER_A_MONTH_END, cuts=[2], schedule=SCHEDULES[0])
@given(history=histories, cuts=st.lists(st.integers(0, 2600), max_size=4), schedule=schedules)
def test_history_in_pieces_gives_the_bits_that_the_whole_gives(history: list[Row], cuts: list[int], schedule: Schedule) -> None:
    whole = twrr_series(returns(*history), schedule=schedule)
    days = [last_day_of(window_of(START + timedelta(days=cut), schedule.cadence), schedule.cadence) for cut in sorted(cuts)]
    edges = [date.min, *days, date.max]
    state: pl.DataFrame | None = None
    pieces: list[pl.DataFrame] = []
    for after, until in pairwise(edges):
        piece = returns(*history).filter(pl.col("as_of_date") > after, pl.col("as_of_date") <= until)
        linked = twrr_series(piece, schedule=schedule, opening_state=state)
        pieces.append(linked.series)
        state = linked.closing_state
    assert pl.concat(pieces).sort("account_id", "as_of_date").equals(whole.series)
    assert state is not None
    assert state.equals(whole.closing_state)


small = st.sampled_from(["0", "0", "0", "0.01", "-0.01", "100"])
closing_rows = st.builds(
    lambda row, begin, end, flow, status: {
        **row,
        "net_flow": flow,
        "beginning_market_value": begin,
        "ending_market_value": end,
        "return_status": status or row["return_status"],
        "calculated_twrr": None if status else row["calculated_twrr"],
    },
    rows_of_days,
    small,
    small,
    st.sampled_from(["0", "0", "-100", "100", "-50", "-0.02"]),
    st.sampled_from([None, None, None, "CURRENCY_CHANGE"]),
)
closing_histories = st.lists(closing_rows, min_size=1, max_size=40, unique_by=lambda row: (row["account_id"], row["as_of_date"]))


AN_EMPTY_TIME_WITHIN_A_MONTH = [
    a_return(START + timedelta(days=days), value) | {"beginning_market_value": begin, "ending_market_value": end, "net_flow": flow}
    for days, begin, end, flow, value in [(0, "100", "0", "-50", 0.0), (8, "0", "0", "0", None), (12, "0", "100", "100", 0.0)]
]
A_PAYMENT_AFTER_A_TOTAL_LOSS = [
    a_return(START + timedelta(days=days), value) | {"beginning_market_value": begin, "ending_market_value": end, "net_flow": flow}
    for days, begin, end, flow, value in [(0, "100", "0", "0", -1.0), (2, "100", "0", "-0.02", None), (12, "0", "100", "0", None)]
]


@settings(max_examples=60)
@example(history=AN_EMPTY_TIME_WITHIN_A_MONTH, cuts=[9], reopening=Reopening.LINK, residual=None)
@example(history=A_PAYMENT_AFTER_A_TOTAL_LOSS, cuts=[3], reopening=Reopening.NEW_EPISODE, residual=None)
@given(
    history=closing_histories,
    cuts=st.lists(st.one_of(st.integers(0, 120), st.integers(0, 2600)), max_size=4),
    reopening=st.sampled_from([None, *Reopening]),
    residual=st.sampled_from([None, Decimal("0.001")]),
)
def test_accounts_that_close_and_open_again_come_out_the_same_in_pieces(
    history: list[Row], cuts: list[int], reopening: Reopening | None, residual: Decimal | None
) -> None:
    whole = twrr_series(returns(*history), schedule=a_schedule(), reopening=reopening, residual_base=residual)
    edges = [date.min, *(START + timedelta(days=cut) for cut in sorted(cuts)), date.max]
    state: pl.DataFrame | None = None
    pieces: list[pl.DataFrame] = []
    for after, until in pairwise(edges):
        piece = returns(*history).filter(pl.col("as_of_date") > after, pl.col("as_of_date") <= until)
        linked = twrr_series(piece, schedule=a_schedule(), opening_state=state, reopening=reopening, residual_base=residual)
        pieces.append(linked.series)
        state = linked.closing_state
    assert pl.concat(pieces).sort("account_id", "as_of_date").equals(whole.series)
    assert state is not None
    assert state.equals(whole.closing_state)


def test_the_closing_state_keeps_no_more_than_five_years_and_what_they_start_from() -> None:
    history = [a_return(date(year, 12, 31), 0.10, account=account) for account in ("A1", "A2") for year in range(2010, 2025)]
    closing = twrr_series(returns(*history), schedule=a_schedule()).closing_state
    assert closing["as_of_date"].to_list() == [date(year, 12, 31) for year in range(2019, 2025)] * 2
    older = [a_return(date(2010, 12, 31), 0.10), a_return(date(2011, 12, 30), 0.10), a_return(date(2024, 1, 31), 0.10)]
    assert twrr_series(returns(*older), schedule=a_schedule()).closing_state["as_of_date"].to_list() == [
        date(2011, 12, 30),
        date(2024, 1, 31),
    ]


def test_a_state_that_reaches_beyond_a_return_is_refused() -> None:
    rows = [a_return(date(2024, 6, day), 0.10) for day in (26, 27, 28)]
    state = twrr_series(returns(*rows), schedule=a_schedule()).closing_state
    with pytest.raises(ValueError, match="account A1 has two rows on 2024-06-27"):
        twrr_series(returns(rows[1]), schedule=a_schedule(), opening_state=state)
    with pytest.raises(ValueError, match="opening_state holds account A1 on 2024-06-28, after a return to be linked"):
        twrr_series(returns(rows[1]), schedule=a_schedule(), opening_state=state.filter(as_of_date=date(2024, 6, 28)))


def test_wherever_a_daily_history_is_cut_its_pieces_have_the_bits_of_the_whole() -> None:
    """Forty days over a year's end: an engine that divides a column by one repeated value rounds otherwise than by many."""
    stream = random.Random(5)
    history = returns(*(a_return(date(2019, 12, 20) + timedelta(days=day), stream.gauss(0, 0.01)) for day in range(40)))
    whole = twrr_series(history, schedule=a_schedule()).series
    for cut in range(1, 40):
        first = twrr_series(history[:cut], schedule=a_schedule())
        rest = twrr_series(history[cut:], schedule=a_schedule(), opening_state=first.closing_state).series
        assert pl.concat([first.series, rest]).equals(whole), cut
