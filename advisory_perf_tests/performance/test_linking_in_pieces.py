"""Linking against a plain loop, and in pieces against the whole."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advisory_perf.performance.linking import STATE, twrr_series
from advisory_perf_tests.performance.scenarios import a_return, returns

START = date(2017, 11, 1)
FIGURES = [*STATE, "cumulative_twrr", "twrr_mtd", "twrr_qtd", "twrr_ytd", "twrr_1y", "twrr_3y", "twrr_5y"]
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


def years_before(day: date, years: int) -> date:
    leap = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - years, day=28 if leap else day.day)


@dataclass
class Account:
    """One account, linked row by row as the rules say."""

    index: float = 1.0
    flow: Decimal = Decimal(0)
    over_gap: bool = False
    is_lost: bool = False
    inception: date | None = None
    last_day: date | None = None
    bases: dict[str, float] = field(default_factory=lambda: {"mtd": 1.0, "qtd": 1.0, "ytd": 1.0})
    past: list[tuple[date, float, date | None]] = field(default_factory=list)

    def link(self, row: Row) -> Row:
        day, value = row["as_of_date"], row["calculated_twrr"]
        self.flow += Decimal(row["net_flow"])
        self._turn_periods(day)
        if self.is_lost:
            self.bases = dict.fromkeys(self.bases, 1.0)
        if self.inception is None or (self.is_lost and value is not None):
            self.inception, self.index, self.is_lost = day, 1.0, False
        waits = self.is_lost
        if value is None:
            self.over_gap = True
        else:
            self.index *= 1.0 + value
            self.is_lost = self.index == 0
        self.past.append((day, self.index, self.inception))
        to_date = {f"twrr_{name}": None if waits else self.index / base - 1 for name, base in self.bases.items()}
        trailing = {f"twrr_{years}y": self._trailing(day, years) for years in (1, 3, 5)}
        return {
            "account_id": row["account_id"],
            "as_of_date": day,
            "growth_index": self.index,
            "cumulative_net_flow": self.flow,
            "cumulative_twrr": self.index - 1,
            "linked_over_gap": self.over_gap,
            "inception_date": self.inception,
            **{f"{name}_base": base for name, base in self.bases.items()},
            **to_date,
            **trailing,
        }

    def _turn_periods(self, day: date) -> None:
        last = self.last_day or day
        if (day.year, day.month) != (last.year, last.month):
            self.bases["mtd"] = self.index
        if (day.year, (day.month - 1) // 3) != (last.year, (last.month - 1) // 3):
            self.bases["qtd"] = self.index
        if day.year != last.year:
            self.bases["ytd"] = self.index
        self.last_day = day

    def _trailing(self, day: date, years: int) -> float | None:
        before = [entry for entry in self.past if entry[0] <= years_before(day, years)]
        if not before or before[-1][2] != self.inception or before[-1][1] <= 0:
            return None
        return self.index / before[-1][1] - 1


@settings(deadline=None, max_examples=40)
@given(histories)
def test_linking_does_what_a_plain_loop_over_each_account_does(history: list[Row]) -> None:
    accounts: dict[str, Account] = {}
    ordered = sorted(history, key=lambda row: (row["account_id"], row["as_of_date"]))
    expected = [accounts.setdefault(row["account_id"], Account()).link(row) for row in ordered]
    assert twrr_series(returns(*history)).select(expected[0].keys()).to_dicts() == expected


AN_EMPTY_ACCOUNT_OVER_A_MONTH_END = [
    a_return(START + timedelta(days=days), value) for days, value in {0: 0.0, 1: -1.0, 2: None, 30: None, 31: 0.1}.items()
]


@settings(deadline=None, max_examples=40)
@example(history=AN_EMPTY_ACCOUNT_OVER_A_MONTH_END, cuts=[2])
@given(history=histories, cuts=st.lists(st.integers(0, 2600), max_size=4))
def test_history_in_pieces_gives_the_bits_that_the_whole_gives(history: list[Row], cuts: list[int]) -> None:
    whole = twrr_series(returns(*history)).select(FIGURES)
    edges = [date.min, *(START + timedelta(days=cut) for cut in sorted(cuts)), date.max]
    state: pl.DataFrame | None = None
    pieces: list[pl.DataFrame] = []
    for after, until in pairwise(edges):
        rows = [row for row in history if after < row["as_of_date"] <= until]
        if rows:
            pieces.append(twrr_series(returns(*rows), opening_state=state).select(FIGURES))
            state = pl.concat([piece.select(STATE) for piece in pieces]).sort("cumulative_net_flow")
    assert pl.concat(pieces).sort("account_id", "as_of_date").equals(whole)


@settings(deadline=None, max_examples=40)
@given(histories, st.integers(0, 2600))
def test_the_latest_state_of_each_account_is_enough_for_all_but_trailing_periods(history: list[Row], cut: int) -> None:
    middle = START + timedelta(days=cut)
    before = [row for row in history if row["as_of_date"] <= middle]
    after = [row for row in history if row["as_of_date"] > middle]
    if not before or not after:
        return
    closing = twrr_series(returns(*before)).unique("account_id", keep="last", maintain_order=True).select(STATE)
    names = [name for name in FIGURES if name not in {"twrr_1y", "twrr_3y", "twrr_5y"}]
    whole = twrr_series(returns(*history)).filter(pl.col("as_of_date") > middle).select(names)
    assert twrr_series(returns(*after), opening_state=closing).select(names).equals(whole)
