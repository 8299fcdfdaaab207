"""What has to hold of returns whatever the amounts are."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from advisory_perf.performance import FeeBasis, FlowTiming, net_flows, sub_period_returns, twrr_series
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.performance.scenarios import a_return, a_schedule, positions, returns

pytestmark = pytest.mark.slow

CENT = Decimal("0.01")
EPSILON = 1e-12

timings = st.sampled_from(FlowTiming)
fee_bases = st.sampled_from(FeeBasis)
amounts = st.integers(1, 10**11).map(lambda units: units * CENT)
flows = st.one_of(st.just(Decimal(0)), amounts)
days = st.integers(1, 400)


def weight_of(timing: FlowTiming) -> Decimal | None:
    return Decimal("0.4") if timing is FlowTiming.WEIGHTED else None


def a_period(begin: Decimal, inflow: Decimal, outflow: Decimal, end: Decimal, **more: Any) -> dict[str, Any]:
    return {"beginning_market_value": begin, "contributions": inflow, "distributions": outflow, "ending_market_value": end, **more}


def return_of(timing: FlowTiming, *rows: Mapping[str, Any], fee_basis: FeeBasis = FeeBasis.NET) -> list[tuple[float | None, str]]:
    found = sub_period_returns(positions(*rows), timing=timing, fee_basis=fee_basis, weight=weight_of(timing))
    return found.select("calculated_twrr", "return_status").rows()


def series_of(timing: FlowTiming, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    frame = net_flows(positions(*rows))
    return twrr_series(
        sub_period_returns(frame, timing=timing, fee_basis=FeeBasis.NET, weight=weight_of(timing)), schedule=a_schedule()
    ).series


periods = st.builds(a_period, flows, flows, flows, st.one_of(st.just(Decimal(0)), amounts), fees=flows)
histories = st.lists(st.tuples(st.sampled_from(["A1", "A2", "A3"]), days, periods), min_size=1, max_size=15).map(
    lambda rows: [
        {**period, "account_id": account, "as_of_date": date(2020, 1, 1) + timedelta(days=sum(step for _, step, _ in rows[: number + 1]))}
        for number, (account, _, period) in enumerate(rows)
    ]
)


@settings(max_examples=30)
@given(timings, fee_bases, flows, flows, flows)
def test_without_a_market_movement_any_flows_give_nothing(
    timing: FlowTiming, fee_basis: FeeBasis, begin: Decimal, inflow: Decimal, outflow: Decimal
) -> None:
    end = begin + inflow - outflow
    assume(end >= 0)
    ((value, status),) = return_of(timing, a_period(begin, inflow, outflow, end), fee_basis=fee_basis)
    assert (value, status) in {(0.0, "OK"), (None, "UNDEFINED_BASE")}


@settings(max_examples=30)
@given(timings, fee_bases, periods, st.integers(2, 1000))
def test_scaling_all_money_changes_nothing(timing: FlowTiming, fee_basis: FeeBasis, period: dict[str, Decimal], factor: int) -> None:
    scaled = {name: amount * factor for name, amount in period.items()}
    (value, status), (scaled_value, scaled_status) = return_of(timing, period, scaled, fee_basis=fee_basis)
    assert status == scaled_status
    assert value == scaled_value or (
        value is not None and scaled_value is not None and abs(value - scaled_value) <= EPSILON * max(1, abs(value))
    )


@settings(max_examples=30)
@given(timings, amounts, amounts, flows, flows, amounts)
def test_splitting_a_period_where_no_flow_falls_changes_nothing(
    timing: FlowTiming, begin: Decimal, middle: Decimal, inflow: Decimal, outflow: Decimal, end: Decimal
) -> None:
    """The flows of the whole history fall on its first day; the quiet time after it is valued once or twice."""
    first = a_period(begin, inflow, outflow, middle, as_of_date=date(2024, 3, 1))
    once = [first, a_period(middle, Decimal(0), Decimal(0), end, as_of_date=date(2024, 6, 28))]
    between = (middle + end).quantize(CENT)
    twice = [
        first,
        a_period(middle, Decimal(0), Decimal(0), between, as_of_date=date(2024, 5, 2)),
        a_period(between, Decimal(0), Decimal(0), end, as_of_date=date(2024, 6, 28)),
    ]
    (whole, split) = (series_of(timing, rows).row(-1, named=True) for rows in (once, twice))
    for name in ("cumulative_twrr", "twrr_ytd", "linked_over_gap"):
        assert whole[name] == split[name] or abs(whole[name] - split[name]) <= EPSILON * max(1, abs(whole[name])), name


@settings(max_examples=30)
@given(timings, histories, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(timing: FlowTiming, rows: list[dict[str, Any]], stream: Any) -> None:
    shuffled = list(rows)
    stream.shuffle(shuffled)
    assert series_of(timing, rows).equals(series_of(timing, shuffled))
    assert series_of(timing, rows).equals(series_of(timing, sorted(rows, key=lambda row: (row["as_of_date"], row["account_id"]))))


@settings(max_examples=30)
@given(timings, histories)
def test_lazy_frames_give_what_eager_ones_give(timing: FlowTiming, rows: list[dict[str, Any]]) -> None:
    lazy = sub_period_returns(net_flows(positions(*rows).lazy()), timing=timing, fee_basis=FeeBasis.NET, weight=weight_of(timing))
    linked = twrr_series(lazy, schedule=a_schedule())
    assert linked.series.collect().equals(series_of(timing, rows))
    later = [{**row, "as_of_date": row["as_of_date"] + timedelta(days=8000)} for row in rows]
    again = sub_period_returns(net_flows(positions(*later).lazy()), timing=timing, fee_basis=FeeBasis.NET, weight=weight_of(timing))
    eager_state = linked.closing_state.collect()
    assert (
        twrr_series(again, schedule=a_schedule(), opening_state=linked.closing_state)
        .series.collect()
        .equals(twrr_series(again.collect(), schedule=a_schedule(), opening_state=eager_state).series)
    )


@settings(max_examples=30)
@given(
    st.sampled_from([timing for timing in FlowTiming if timing is not FlowTiming.INFLOW_START_OUTFLOW_END]),
    amounts,
    amounts,
    amounts,
    amounts,
    amounts,
)
def test_a_transfer_between_two_accounts_leaves_the_return_of_the_pair_as_it_is(
    timing: FlowTiming, begin: Decimal, other_begin: Decimal, end: Decimal, other_end: Decimal, transfer: Decimal
) -> None:
    """Where each flow counts for itself (inflow at the start, outflow at the end), the pair's flows have to be netted first."""
    nothing = Decimal(0)
    quiet = a_period(begin + other_begin, nothing, nothing, end + other_end)
    moved = a_period(begin + other_begin, transfer, transfer, end + other_end)
    netted = a_period(begin + other_begin, nothing, nothing, end + other_end)
    assert return_of(timing, quiet) == return_of(timing, moved)
    assert return_of(FlowTiming.INFLOW_START_OUTFLOW_END, quiet) == return_of(FlowTiming.INFLOW_START_OUTFLOW_END, netted)


@given(amounts, amounts, amounts)
def test_a_deposit_on_the_last_day_is_neutral_at_the_end_of_the_day(begin: Decimal, end: Decimal, deposit: Decimal) -> None:
    nothing = Decimal(0)
    without, with_deposit = return_of(
        FlowTiming.END_OF_DAY, a_period(begin, nothing, nothing, end), a_period(begin, deposit, nothing, end + deposit)
    )
    assert without == with_deposit


@settings(max_examples=30)
@given(timings, st.lists(periods, min_size=2, max_size=10), st.data())
def test_linking_is_associative(timing: FlowTiming, history: list[dict[str, Any]], data: st.DataObject) -> None:
    """The index over all periods is the index over the first times the index over the others."""
    rows = [{**period, "as_of_date": date(2024, 1, 1) + timedelta(days=number)} for number, period in enumerate(history)]
    cut = data.draw(st.integers(1, len(rows) - 1))
    index = series_of(timing, rows)["growth_index"]
    assume((index > 0).all())
    first, others = series_of(timing, rows[:cut])["growth_index"][-1], series_of(timing, rows[cut:])["growth_index"][-1]
    assert abs(Fraction(first) * Fraction(others) - Fraction(index[-1])) <= Fraction(EPSILON) * Fraction(index[-1])


wild = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1.0, -1.0, 5e-324, 1.7e308]))
ordinary = st.tuples(st.floats(1, 1e9), st.floats(0, 1e3), st.floats(0, 1e3), st.floats(1, 1e9), st.floats(0, 1e2))
mostly_ordinary = st.builds(
    lambda row, value, places: tuple(value if place in places else one for place, one in enumerate(row)),
    ordinary,
    wild,
    st.sets(st.integers(0, 4), max_size=2),
)


@accepts_at_least(0.15)
@settings(derandomize=True, max_examples=60)
@given(timings, fee_bases, st.lists(mostly_ordinary | st.tuples(wild, wild, wild, wild, wild), min_size=1, max_size=5))
def test_no_nan_or_infinity_leaves_whatever_comes_in(timing: FlowTiming, fee_basis: FeeBasis, rows: list[tuple[Any, ...]]) -> None:
    names = ("beginning_market_value", "contributions", "distributions", "ending_market_value", "fees")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Float64()), orient="row").with_columns(
        account_id=pl.lit("A1"), as_of_date=pl.date(2024, 1, 1) + pl.duration(days=pl.row_index() * 200)
    )
    found = sub_period_returns(frame, timing=timing, fee_basis=fee_basis, weight=weight_of(timing))
    assert found.filter((pl.col("return_status") == "OK") != pl.col("calculated_twrr").is_not_null()).is_empty()
    counted("returns", found["calculated_twrr"].drop_nulls().len(), found.height)
    try:
        series = twrr_series(found, schedule=a_schedule()).series
    except ValueError as refused:
        assert "passes what a Float64 holds" in str(refused)  # noqa: PT017 - most are taken, and counted
        counted("histories", 0)
        return
    figures = series.drop(names).select(pl.col(pl.Float64()))
    assert figures.select(pl.all().is_finite().all()).row(0) == (True,) * figures.width
    counted("histories", 1)


def test_a_history_that_passes_what_a_float_holds_is_refused() -> None:
    rows = [a_return(date(2024, 6, day), 1e200) for day in (26, 27)]
    with pytest.raises(ValueError, match="a linked figure of account A1 passes what a Float64 holds on 2024-06-27"):
        twrr_series(returns(*rows), schedule=a_schedule())
