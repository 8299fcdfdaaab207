"""An account in another currency than before: found wherever the history is cut, and without a return over the change."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.contracts.enums import FeeBasis, FlowTiming
from advisory_perf.performance import net_flows, sub_period_returns, twrr_series
from advisory_perf.performance.currencies import currency_changes, with_previous_currency, without_changed_currencies
from advisory_perf.positions.closing_states import latest_states
from advisory_perf_tests.performance.scenarios import a_schedule, positions

START = date(2024, 1, 1)


def valued(day: int, currency: str, *, account: str = "A1", **amounts: Any) -> dict[str, Any]:
    return {"account_id": account, "as_of_date": START + timedelta(days=day), "currency": currency, **amounts}


def changes(frame: pl.DataFrame, before: pl.DataFrame | None = None) -> list[tuple[Any, ...]]:
    return list(currency_changes(with_previous_currency(frame, before)).drop("delivery_id").rows())


def test_a_change_is_reported_once_with_both_currencies() -> None:
    rows = [valued(0, "USD"), valued(1, "USD"), valued(2, "EUR"), valued(3, "EUR"), valued(1, "CHF", account="A2")]
    assert changes(positions(*reversed(rows))) == [("A1", START + timedelta(days=2), "USD", "EUR")]


def test_a_currency_that_was_not_kept_is_not_compared() -> None:
    before = pl.DataFrame([valued(0, "USD")]).with_columns(currency=pl.lit(None, pl.String()))
    assert changes(positions(valued(1, "EUR")), before) == []


histories = st.lists(
    st.tuples(st.sampled_from(["A1", "A2"]), st.integers(0, 20), st.sampled_from(["USD", "EUR"])),
    min_size=1,
    max_size=15,
    unique_by=lambda row: row[:2],
)


@given(histories, st.integers(0, 20))
def test_wherever_a_history_is_cut_its_changes_are_those_of_the_whole(history: list[tuple[str, int, str]], cut: int) -> None:
    whole = positions(*(valued(day, currency, account=account) for account, day, currency in history))
    first, rest = (
        whole.filter(side)
        for side in (pl.col("as_of_date") <= START + timedelta(days=cut), pl.col("as_of_date") > START + timedelta(days=cut))
    )
    in_pieces = changes(first) + changes(rest, latest_states(first))
    assert in_pieces == changes(whole)
    by_account = {
        account: [currency for _, currency in sorted((day, currency) for other, day, currency in history if other == account)]
        for account in ("A1", "A2")
    }
    assert len(in_pieces) == sum(one != other for said in by_account.values() for one, other in pairwise(said))


def test_the_return_over_a_change_is_a_gap_and_the_flows_begin_again() -> None:
    rows = [
        valued(0, "USD", contributions="50", ending_market_value="151.5"),
        valued(1, "EUR", beginning_market_value="151.5", contributions="10", ending_market_value="140"),
        valued(2, "EUR", beginning_market_value="140", ending_market_value="141.4"),
    ]
    frame = with_previous_currency(net_flows(positions(*rows)), None)
    returns = without_changed_currencies(sub_period_returns(frame, timing=FlowTiming.START_OF_DAY, fee_basis=FeeBasis.NET))
    series = twrr_series(returns, schedule=a_schedule()).series
    assert series["return_status"].to_list() == ["OK", "CURRENCY_CHANGE", "OK"]
    assert series["calculated_twrr"].round(12).to_list() == [0.01, None, 0.01]
    assert series["growth_factor"].is_null().to_list() == [False, True, False]
    assert series["cumulative_net_flow"].cast(pl.Float64()).to_list() == [50, 10, 10]
    assert series["linked_over_gap"].to_list() == [False, True, True]
