"""Random books of accounts against the same rules in rational arithmetic."""

from decimal import Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from advisory_perf.analytics.portfolios import portfolio_returns, rolled_up
from advisory_perf.contracts.enums import FeeBasis, FlowTiming, TransferNetting
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.analytics.books import Row, books, departures_of
from advisory_perf_tests.analytics.exact import ExactBook, linked_group, wrong
from advisory_perf_tests.analytics.scenarios import book, conventions
from advisory_perf_tests.performance.exact import Conventions

DEPARTURES = {"account_id": pl.String(), "portfolio_id": pl.String(), "as_of_date": pl.Date()}


@accepts_at_least(0.3)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(books(), st.sampled_from(FlowTiming), st.sampled_from(FeeBasis), st.sampled_from([3, 7, 100]), st.sampled_from([None, 2, 5]))
def test_every_sum_and_return_of_a_group_is_within_one_in_a_million_million(
    rows: list[Row], timing: FlowTiming, fee_basis: FeeBasis, share: int, closed: int | None
) -> None:
    """Every so manieth row closes its account, if ``closed`` says so, whatever is left in it."""
    if not rows:
        return
    if closed is not None:
        rows = [{**each, "is_closed": place % closed == 0} for place, each in enumerate(rows)]
    weight = Decimal("0.3") if timing is FlowTiming.WEIGHTED else None
    departures = departures_of(rows, share)
    exact = ExactBook(rows, group="portfolio_id", departures=departures)
    said = Conventions(timing, fee_basis, weight)
    expected = [day for name in exact.days for day in linked_group(exact.days_of(name), said)]
    found = portfolio_returns(
        book(*rows),
        group="portfolio_id",
        conventions=conventions(timing, fee_basis=fee_basis, weight=weight),
        transfers=TransferNetting.MATCHED,
        departures=pl.DataFrame(departures, schema=DEPARTURES, orient="row"),
    )
    changed = set(found.filter(pl.col("return_status") == "CURRENCY_CHANGE").select("portfolio_id", "as_of_date").rows())
    restarted = set(found.filter((pl.col("growth_index") == 0).any().over("portfolio_id"))["portfolio_id"]) | {name for name, _ in changed}
    for day in expected:
        if day["portfolio_id"] in restarted:
            del day["growth_index"]
        if (day["portfolio_id"], day["as_of_date"]) in changed:
            del day["calculated_twrr"], day["return_status"]
    assert wrong(found.rows(named=True), expected) == []
    counted("days with a return", found["calculated_twrr"].drop_nulls().len(), found.height)


@settings(max_examples=12, deadline=None)
@given(books(), st.integers(0, 99))
def test_the_order_of_rows_and_the_names_of_accounts_change_nothing(rows: list[Row], seed: int) -> None:
    if not rows:
        return
    frame = book(*rows)
    renamed = frame.sample(fraction=1, shuffle=True, seed=seed).with_columns(
        pl.col("account_id").replace(dict(zip("ABCD", "DCBA", strict=True)))
    )
    one, two = (rolled_up(each, group="portfolio_id", transfers=TransferNetting.MATCHED, departures=None) for each in (frame, renamed))
    assert_frame_equal(one, two)
    of_one, of_two = (
        portfolio_returns(each, group="portfolio_id", conventions=conventions(), transfers=TransferNetting.MATCHED, departures=None)
        for each in (frame, renamed)
    )
    assert_frame_equal(of_one, of_two, check_exact=True)
