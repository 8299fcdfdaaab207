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

from advisory_perf.performance import twrr_series
from advisory_perf_tests.performance.exact import ExactAccount, differences
from advisory_perf_tests.performance.scenarios import a_return, returns

pytestmark = pytest.mark.slow

START = date(2017, 11, 1)
Row = dict[str, Any]

values = st.one_of(st.floats(-0.3, 0.4), st.floats(-0.3, 0.4), st.sampled_from([None, -1.0, 0.0]))
flows = st.integers(-(10**9), 10**9).map(lambda units: str(Decimal(units).scaleb(-4)))
rows_of_days = st.builds(
    lambda account, day, value, flow: a_return(START + timedelta(days=day), value, account=account, net_flow=flow),
    st.sampled_from(["A1", "A2", "A3"]),
    st.one_of(st.integers(0, 120), st.integers(0, 2600)),
    values,
    flows,
)
histories = st.lists(rows_of_days, min_size=1, max_size=40, unique_by=lambda row: (row["account_id"], row["as_of_date"]))


@settings(max_examples=60)
@given(histories)
def test_linking_does_what_exact_arithmetic_does_valuation_by_valuation(history: list[Row]) -> None:
    accounts: dict[str, ExactAccount] = {}
    expected = []
    for row in sorted(history, key=lambda row: (row["account_id"], row["as_of_date"])):
        value = None if row["calculated_twrr"] is None else Fraction(row["calculated_twrr"])
        account = accounts.setdefault(row["account_id"], ExactAccount())
        linked = account.link(row["as_of_date"], Fraction(row["net_flow"]), value)
        expected.append({"account_id": row["account_id"], "as_of_date": row["as_of_date"], **linked})
    found = twrr_series(returns(*history)).series.iter_rows(named=True)
    assert differences(found, expected) == []


AN_EMPTY_ACCOUNT_OVER_A_MONTH_END = [
    a_return(START + timedelta(days=days), value) for days, value in {0: 0.0, 1: -1.0, 2: None, 30: None, 31: 0.1}.items()
]


@settings(max_examples=60)
@example(history=AN_EMPTY_ACCOUNT_OVER_A_MONTH_END, cuts=[2])
@given(history=histories, cuts=st.lists(st.integers(0, 2600), max_size=4))
def test_history_in_pieces_gives_the_bits_that_the_whole_gives(history: list[Row], cuts: list[int]) -> None:
    whole = twrr_series(returns(*history))
    edges = [date.min, *(START + timedelta(days=cut) for cut in sorted(cuts)), date.max]
    state: pl.DataFrame | None = None
    pieces: list[pl.DataFrame] = []
    for after, until in pairwise(edges):
        piece = returns(*history).filter(pl.col("as_of_date") > after, pl.col("as_of_date") <= until)
        linked = twrr_series(piece, opening_state=state)
        pieces.append(linked.series)
        state = linked.closing_state
    assert pl.concat(pieces).sort("account_id", "as_of_date").equals(whole.series)
    assert state is not None
    assert state.equals(whole.closing_state)


def test_the_closing_state_keeps_no_more_than_five_years_and_what_they_start_from() -> None:
    history = [a_return(date(year, 12, 31), 0.10, account=account) for account in ("A1", "A2") for year in range(2010, 2025)]
    closing = twrr_series(returns(*history)).closing_state
    assert closing["as_of_date"].to_list() == [date(year, 12, 31) for year in range(2019, 2025)] * 2
    older = [a_return(date(2010, 12, 31), 0.10), a_return(date(2011, 12, 30), 0.10), a_return(date(2024, 1, 31), 0.10)]
    assert twrr_series(returns(*older)).closing_state["as_of_date"].to_list() == [date(2011, 12, 30), date(2024, 1, 31)]


def test_a_state_that_reaches_beyond_a_return_is_refused() -> None:
    rows = [a_return(date(2024, 6, day), 0.10) for day in (26, 27, 28)]
    state = twrr_series(returns(*rows)).closing_state
    with pytest.raises(ValueError, match="account A1 has two rows on 2024-06-27"):
        twrr_series(returns(rows[1]), opening_state=state)
    with pytest.raises(ValueError, match="opening_state holds account A1 on 2024-06-28, after a return to be linked"):
        twrr_series(returns(rows[1]), opening_state=state.filter(as_of_date=date(2024, 6, 28)))


def test_wherever_a_daily_history_is_cut_its_pieces_have_the_bits_of_the_whole() -> None:
    """Forty days over a year's end: an engine that divides a column by one repeated value rounds otherwise than by many."""
    stream = random.Random(5)
    history = returns(*(a_return(date(2019, 12, 20) + timedelta(days=day), stream.gauss(0, 0.01)) for day in range(40)))
    whole = twrr_series(history).series
    for cut in range(1, 40):
        first = twrr_series(history[:cut])
        rest = twrr_series(history[cut:], opening_state=first.closing_state).series
        assert pl.concat([first.series, rest]).equals(whole), cut
