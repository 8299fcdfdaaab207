"""link_returns and growth_of over frames of many accounts."""

import random
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.performance import growth_of, link_returns, twrr_series
from advisory_perf_tests.performance.scenarios import a_return, a_schedule, returns

TWO_ACCOUNTS = [
    a_return(date(2024, 6, 26), 0.10, account="A1"),
    a_return(date(2024, 6, 27), -0.50, account="A1"),
    a_return(date(2024, 6, 26), 0.20, account="A2"),
    a_return(date(2024, 6, 27), None, account="A2"),
    a_return(date(2024, 6, 28), 0.20, account="A2"),
]


def test_each_account_grows_by_itself_until_a_return_is_unknown() -> None:
    grown = growth_of(1000, returns(*TWO_ACCOUNTS))
    assert grown["growth"].to_list() == [pytest.approx(1100), pytest.approx(550), 1200.0, None, None]


def test_each_account_has_one_linked_return_or_none() -> None:
    linked = link_returns(returns(*TWO_ACCOUNTS))
    assert linked.rows() == [("A1", pytest.approx(-0.45)), ("A2", None)]


def test_rows_stay_in_their_order_however_they_come() -> None:
    rows = [a_return(date(2024, 6, 1) + timedelta(days=day), day / 100, account=f"A{account}") for account in range(3) for day in range(10)]
    expected = {(row["account_id"], row["as_of_date"]): row["growth"] for row in growth_of(1, returns(*rows)).to_dicts()}
    by_day = sorted(rows, key=lambda row: row["as_of_date"])
    mixed = random.Random(1).sample(rows, len(rows))
    for order in (by_day, mixed):
        grown = growth_of(1, returns(*order))
        assert grown.drop("growth").equals(returns(*order))
        assert {(row["account_id"], row["as_of_date"]): row["growth"] for row in grown.to_dicts()} == expected
        assert growth_of(1, returns(*order).lazy()).collect().equals(grown)


values = st.one_of(st.floats(-1, 3), st.sampled_from([None, float("nan"), float("inf"), -2.0, 1.7e308]))


@given(st.lists(st.tuples(st.sampled_from(["A1", "A2"]), values), min_size=1, max_size=12))
def test_lazy_and_eager_agree_and_nothing_but_finite_numbers_leaves(drawn: list[tuple[str, Any]]) -> None:
    rows = [a_return(date(2024, 1, 1) + timedelta(days=number), value, account=account) for number, (account, value) in enumerate(drawn)]
    frame = returns(*rows)
    grown, linked = growth_of(100, frame), link_returns(frame)
    assert growth_of(100, frame.lazy()).collect().equals(grown)
    assert link_returns(frame.lazy()).collect().equals(linked)
    assert grown["growth"].is_finite().all()
    assert linked["linked_return"].is_finite().all()


def test_growth_of_one_is_the_growth_index_where_nothing_is_undefined_or_lost() -> None:
    stream = random.Random(3)
    rows = [a_return(date(2020, 1, 1) + timedelta(days=day), stream.gauss(0, 0.02), account=f"A{day % 7}") for day in range(700)]
    series = twrr_series(returns(*rows), schedule=a_schedule()).series
    assert growth_of(1, series)["growth"].to_list() == series["growth_index"].to_list()
    latest = series.group_by("account_id", maintain_order=True).last()
    assert link_returns(series)["linked_return"].to_list() == pytest.approx(latest["cumulative_twrr"].to_list(), abs=1e-14)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="growth_of needs the column calculated_twrr"):
        growth_of(1, pl.DataFrame({"account_id": ["A1"], "as_of_date": [date(2024, 6, 28)]}))
    with pytest.raises(ValueError, match="link_returns needs the column account_id"):
        link_returns(pl.LazyFrame({"calculated_twrr": [0.1]}))


def test_a_return_below_minus_one_is_none_and_a_total_loss_stays() -> None:
    rows = returns(*(a_return(date(2024, 6, day), value) for day, value in ((26, 0.5), (27, -1.5), (28, 0.1))))
    assert growth_of(1, rows)["growth"].to_list() == [1.5, None, None]
    assert link_returns(rows)["linked_return"].to_list() == [None]
    lost = returns(*(a_return(date(2024, 6, day), value) for day, value in ((26, 1e200), (27, 1e200), (28, -1.0))))
    assert link_returns(lost)["linked_return"].to_list() == [-1.0]


def test_a_row_has_an_account_and_a_day() -> None:
    rows = returns(*TWO_ACCOUNTS)
    with pytest.raises(ValueError, match="a row has no as_of_date"):
        growth_of(1, rows.with_columns(as_of_date=pl.lit(None, pl.Date())))
    with pytest.raises(ValueError, match="as_of_date holds String"):
        growth_of(1, rows.lazy().with_columns(as_of_date=pl.lit("2024-06-28")))
