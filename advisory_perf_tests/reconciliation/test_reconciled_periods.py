"""A vendor's return that covers more than the row's own sub-period is compared with ours of that period."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from math import prod

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.enums import Cadence, FeeBasis, FlowTiming, ReconciledField, Reopening, ReturnPeriod
from advisory_perf.contracts.tolerance import Allowance
from advisory_perf.performance.linking import twrr_series
from advisory_perf.performance.net_flow import net_flows
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.reconciliation.compare import LATE_START, NOTHING_INVESTED, OVER_GAP, incomparable, published, reconcile
from advisory_perf_tests.performance.scenarios import a_schedule, positions

TWRR = ReconciledField.TWRR
POINT = {TWRR: Allowance(Decimal("0.0001"), Decimal(0))}
STARTS: dict[ReturnPeriod, Callable[[date], date]] = {
    ReturnPeriod.MONTH: lambda day: day.replace(day=1),
    ReturnPeriod.QUARTER: lambda day: day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1),
    ReturnPeriod.YEAR: lambda day: day.replace(day=1, month=1),
    ReturnPeriod.INCEPTION: lambda _day: date.min,
}


def linked(returns: list[int | None], first: date, theirs: Sequence[float | None], step: int = 1) -> pl.DataFrame:
    """An account that earns so many percent from valuation to valuation; None is one without a base, after all went out and in again."""
    rows, value = [], Decimal(1000)
    for number, percent in enumerate(returns):
        begin = Decimal(0) if percent is None else value
        end = begin + begin * (percent or 0) / 100
        rows.append(
            {
                "as_of_date": first + timedelta(days=number * step),
                "beginning_market_value": begin,
                "ending_market_value": end,
                "vendor_twrr": theirs[number],
            }
        )
        value = end or value
    frame = positions(*rows).with_columns(pl.col("vendor_twrr").cast(pl.Float64()), vendor_twrr_half_unit=pl.lit(None, pl.Float64()))
    returned = sub_period_returns(net_flows(frame), timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.NET)
    return twrr_series(returned, schedule=a_schedule()).series


def results(figures: pl.DataFrame, period: ReturnPeriod, cadence: Cadence = Cadence.DAILY) -> pl.DataFrame:
    return reconcile(figures, POINT, timing=FlowTiming.END_OF_DAY, period=period, cadence=cadence)


percents = st.lists(st.one_of(st.integers(-20, 20), st.none()), min_size=1, max_size=60)


@pytest.mark.slow
@settings(max_examples=80)
@given(percents, st.sampled_from(list(ReturnPeriod)), st.dates(date(2024, 1, 1), date(2024, 4, 2)), st.sampled_from([1, 9]), st.data())
def test_it_passes_where_it_is_the_product_of_its_period_and_breaks_beside_it(
    returns: list[int | None], period: ReturnPeriod, first: date, step: int, data: st.DataObject
) -> None:
    days = [first + timedelta(days=number * step) for number in range(len(returns))]
    off = data.draw(st.sampled_from([0.0, 0.00005, 0.01]))
    start, theirs, notes = STARTS[period], [], []
    begins = next((day for day, one in zip(days, returns, strict=True) if one is not None), None)
    for place, day in enumerate(days):
        inside = [one for one, when in zip(returns[: place + 1], days, strict=False) if when >= start(day)]
        theirs.append(prod(1 + (one or 0) / 100 for one in inside) - 1 + off)
        reaches_before = period is ReturnPeriod.INCEPTION or start(day).replace(day=1) + timedelta(days=_weekend(start(day))) >= days[0]
        notes.append(OVER_GAP if None in inside else None if reaches_before else LATE_START)
    found = results(linked(returns, first, theirs, step), period)
    assert begins is None or found.height == len(days)
    for place, row in enumerate(found.iter_rows(named=True)):
        assert row["notes"] == notes[place], place
        expected = None if notes[place] else off < 0.01
        assert row["within_tolerance"] is expected, place


def _weekend(day: date) -> int:
    """The days from the first of a period to its first business day."""
    return 0 if day == date.min or day.weekday() < 5 else 7 - day.weekday()


def test_the_variance_that_is_published_is_that_of_the_period() -> None:
    figures = linked([10, 10], date(2024, 2, 1), [0.10, 0.22])
    found = results(figures, ReturnPeriod.MONTH)
    assert [str(round(one, 6)) for one in found["variance"]] == ["0.000000", "-0.010000"]
    assert found["likely_cause"].to_list() == [None, "UNEXPLAINED"], "no other timing explains a return of several sub-periods"
    assert published(figures, found, period=ReturnPeriod.MONTH)["twrr_variance"].round(6).to_list() == [0.0, -0.01]


def test_a_months_first_valuation_reaches_back_to_the_month_before() -> None:
    figures = linked([10], date(2024, 2, 29), [0.10])
    assert results(figures, ReturnPeriod.MONTH, Cadence.MONTHLY)["within_tolerance"].to_list() == [True]
    assert results(figures, ReturnPeriod.QUARTER, Cadence.MONTHLY)["notes"].to_list() == [LATE_START]


@pytest.mark.parametrize("period", ReturnPeriod)
def test_an_account_without_money_does_not_compare(period: ReturnPeriod) -> None:
    (note,) = results(linked([None], date(2024, 1, 1), [0.0]), period)["notes"]
    assert note in {OVER_GAP, NOTHING_INVESTED}


CLOSING = [  # day of March, beginning, in, out, ending: funded in February, emptied, with late interest that is paid out, and funded anew
    (4, "1000", "0", "0", "1100"),
    (5, "1100", "0", "1210", "0"),
    (6, "0", "0", "0", "0"),
    (7, "0", "0", "0", "0.05"),
    (8, "0.05", "0", "0", "0.05"),
    (11, "0.05", "0", "0.05", "0"),
    (12, "0", "0", "0.02", "0"),
]
EMPTY_ROWS = slice(3, 8)


def closing(theirs: Sequence[float], *rest: tuple[int, str, str, str, str]) -> pl.DataFrame:
    names = ("beginning_market_value", "contributions", "distributions", "ending_market_value")
    rows = [dict(zip(names, amounts, strict=True), as_of_date=date(2024, 3, day)) for day, *amounts in (*CLOSING, *rest)]
    first = dict(zip(names, ("0", "1000", "0", "1000"), strict=True), as_of_date=date(2024, 2, 29))
    frame = positions(*({**row, "vendor_twrr": each} for row, each in zip([first, *rows], theirs, strict=True)))
    share = Decimal("0.001")
    returned = sub_period_returns(net_flows(frame), timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.NET, residual_base=share)
    linked = twrr_series(returned, schedule=a_schedule(), reopening=Reopening.NEW_EPISODE, residual_base=share).series
    return linked.with_columns(vendor_twrr_half_unit=pl.lit(None, pl.Float64()))


@pytest.mark.parametrize(
    ("period", "theirs", "expected"),
    [
        (None, [0.0, 0.1, 0.1, *[0.0] * 5], [True] * 3),
        (ReturnPeriod.MONTH, [0.0, 0.1, 0.21, *[0.0] * 5], [None, True, True]),  # a vendor who begins anew
        (ReturnPeriod.MONTH, [0.0, 0.1, 0.21, *[0.21] * 5], [None, True, True]),  # and one who prints the month to its end
        (ReturnPeriod.INCEPTION, [0.0, 0.1, 0.21, *[0.0] * 5], [True] * 3),
    ],
)
def test_a_closed_account_compares_with_nothing(period: ReturnPeriod | None, theirs: list[float], expected: list[bool | None]) -> None:
    found = reconcile(closing(theirs), POINT, timing=FlowTiming.END_OF_DAY, period=period)
    assert found["within_tolerance"].to_list() == [*expected, *[None] * 5]
    assert found["notes"].to_list()[EMPTY_ROWS] == [NOTHING_INVESTED] * 5
    assert found["likely_cause"].null_count() == 8
    assert incomparable(found, 0.4).is_empty(), "nothing invested is nothing to compare, and counts as none"


def test_a_return_on_the_row_of_a_closed_account_is_a_break() -> None:
    found = reconcile(closing([0.0, 0.1, 0.1, 0.0, 0.0, 0.5, 0.0, 0.0]), POINT, timing=FlowTiming.END_OF_DAY)
    assert found["likely_cause"].to_list() == [*[None] * 5, "UNDEFINED_BASE", None, None]


def test_a_cumulative_return_that_stays_is_compared_on_the_rows_of_a_closed_account() -> None:
    found = results(closing([0.0, 0.1, 0.21, 0.21, 0.21, 0.2, 0.21, 0.0]), ReturnPeriod.INCEPTION)
    assert found["within_tolerance"].to_list() == [*[True] * 5, False, True, None]


def test_what_is_paid_out_of_nothing_is_a_gap_that_no_period_compares_over() -> None:
    theirs = [0.0, 0.1, 0.21, *[0.21] * 6]
    found = results(closing(theirs, (13, "0", "0", "900", "0")), ReturnPeriod.MONTH)
    assert found["notes"].to_list()[-1] == OVER_GAP


@pytest.mark.parametrize("theirs", [0.0, -1.0])
@pytest.mark.parametrize("period", [ReturnPeriod.MONTH, ReturnPeriod.QUARTER, ReturnPeriod.YEAR])
def test_the_rows_after_a_total_loss_compare_with_nothing(period: ReturnPeriod, theirs: float) -> None:
    values = [(date(2023, 12, 29), 1000, 1000), (date(2024, 1, 2), 1000, 0), (date(2024, 1, 3), 0, 0), (date(2024, 2, 1), 0, 0)]
    rows = [
        {"as_of_date": day, "beginning_market_value": begin, "ending_market_value": end, "vendor_twrr": 0.0 if begin == end else -1.0}
        for day, begin, end in values
    ]
    rows[2]["vendor_twrr"] = rows[3]["vendor_twrr"] = theirs
    frame = positions(*rows).with_columns(vendor_twrr_half_unit=pl.lit(None, pl.Float64()))
    returned = sub_period_returns(net_flows(frame), timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.NET)
    found = results(twrr_series(returned, schedule=a_schedule(), reopening=Reopening.NEW_EPISODE).series, period)
    assert found["within_tolerance"].to_list() == [None, True, None, None]
    assert found["notes"].to_list()[2:] == [NOTHING_INVESTED] * 2


@pytest.mark.parametrize(
    ("first", "holidays", "note"),
    [
        (date(2024, 1, 2), [date(2024, 1, 1)], None),  # the first day of the year on which a valuation is due
        (date(2024, 1, 2), [], LATE_START),  # the first may be missing
        (date(2024, 1, 3), [date(2024, 1, 1)], LATE_START),
        (date(2024, 1, 3), [date(2024, 1, 1), date(2024, 1, 2)], None),  # as in Scotland or Japan
        (date(2022, 1, 3), [date(2022, 1, 3)], None),  # the year begins on a Saturday, and Monday is its first weekday
    ],
)
def test_a_history_that_begins_after_the_holidays_has_the_whole_period(first: date, holidays: list[date], note: str | None) -> None:
    frame = positions({"as_of_date": first, "ending_market_value": 110, "vendor_twrr": 0.1})
    returned = sub_period_returns(net_flows(frame), timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.NET)
    series = twrr_series(returned, schedule=a_schedule(holidays=holidays)).series.with_columns(
        vendor_twrr_half_unit=pl.lit(None, pl.Float64())
    )
    for period in (ReturnPeriod.MONTH, ReturnPeriod.QUARTER, ReturnPeriod.YEAR):
        assert results(series, period)["notes"].to_list() == [note]
