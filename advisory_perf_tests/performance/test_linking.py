from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.performance.linking import STATE, twrr_series
from advisory_perf_tests.performance.scenarios import a_return, returns

TO_DATE = ("twrr_mtd", "twrr_qtd", "twrr_ytd")
TRAILING = ("twrr_1y", "twrr_3y", "twrr_5y")


def linked(*rows: Mapping[str, Any], opening_state: pl.DataFrame | None = None) -> pl.DataFrame:
    return twrr_series(returns(*rows), opening_state=opening_state)


def column(series: pl.DataFrame, name: str) -> Any:
    return series[name].to_list()


def about(*values: float | None) -> list[Any]:
    return [None if value is None else pytest.approx(value, abs=1e-12) for value in values]


def test_returns_are_linked_geometrically() -> None:
    series = linked(a_return(date(2024, 6, 26), 0.10), a_return(date(2024, 6, 27), -0.05), a_return(date(2024, 6, 28), 0.02))
    assert column(series, "growth_index") == about(1.1, 1.045, 1.0659)
    assert column(series, "cumulative_twrr") == about(0.1, 0.045, 0.0659)
    assert column(series, "inception_date") == [date(2024, 6, 26)] * 3
    assert column(series, "linked_over_gap") == [False] * 3


def test_the_first_valuation_counts_with_its_own_return_in_every_period() -> None:
    series = linked(a_return(date(2024, 6, 26), 0.10))
    for name in (*TO_DATE, "cumulative_twrr"):
        assert column(series, name) == about(0.1)
    for name in TRAILING:
        assert column(series, name) == [None]


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = [a_return(date(2024, 6, day), day / 1000, account=f"A{day % 2}") for day in range(1, 11)]
    assert linked(*rows).equals(linked(*reversed(rows)))


def test_an_undefined_return_leaves_the_index_and_is_told_on_every_later_row() -> None:
    series = linked(
        a_return(date(2024, 6, 26), 0.10),
        a_return(date(2024, 6, 27), None),
        a_return(date(2024, 6, 28), 0.02),
        a_return(date(2024, 7, 31), 0.0),
    )
    assert column(series, "growth_index") == about(1.1, 1.1, 1.122, 1.122)
    assert column(series, "linked_over_gap") == [False, True, True, True]
    assert column(series, "calculated_twrr") == about(0.10, None, 0.02, 0.0)
    assert column(series, "return_status")[1] == "UNDEFINED_BASE"


def test_an_account_that_begins_with_an_undefined_return_begins_at_one() -> None:
    series = linked(a_return(date(2024, 6, 27), None), a_return(date(2024, 6, 28), 0.02))
    assert column(series, "growth_index") == about(1.0, 1.02)
    assert column(series, "inception_date") == [date(2024, 6, 27)] * 2
    assert column(series, "linked_over_gap") == [True, True]


def test_after_a_total_loss_the_next_return_starts_a_new_episode_at_one() -> None:
    series = linked(
        a_return(date(2024, 5, 30), 0.50),
        a_return(date(2024, 5, 31), -1.0),
        a_return(date(2024, 6, 27), 0.03),
        a_return(date(2024, 6, 28), 0.01),
    )
    assert column(series, "growth_index") == about(1.5, 0.0, 1.03, 1.0403)
    assert column(series, "cumulative_twrr") == about(0.5, -1.0, 0.03, 0.0403)
    assert column(series, "inception_date") == [date(2024, 5, 30)] * 2 + [date(2024, 6, 27)] * 2
    for name in TO_DATE:
        assert column(series, name) == about(0.5, -1.0, 0.03, 0.0403)
    assert column(series, "linked_over_gap") == [False] * 4


def test_an_empty_account_waits_at_zero_for_new_funding() -> None:
    series = linked(
        a_return(date(2024, 5, 30), -1.0),
        a_return(date(2024, 5, 31), None),
        a_return(date(2024, 6, 27), None),
        a_return(date(2024, 6, 28), 0.01),
    )
    assert column(series, "growth_index") == about(0.0, 0.0, 0.0, 1.01)
    assert column(series, "inception_date") == [date(2024, 5, 30)] * 3 + [date(2024, 6, 28)]
    for name in TO_DATE:
        assert column(series, name) == about(-1.0, None, None, 0.01)
    assert column(series, "linked_over_gap") == [False, True, True, True]


def test_everything_may_be_lost_twice() -> None:
    series = linked(*(a_return(date(2024, 6, day), value) for day, value in enumerate([-1.0, -1.0, 0.5, -1.0, None, 0.25], start=1)))
    assert column(series, "growth_index") == about(0.0, 0.0, 1.5, 0.0, 0.0, 1.25)
    assert [day.day for day in column(series, "inception_date")] == [1, 2, 3, 3, 3, 6]


def test_periods_to_date_begin_anew_with_each_month_quarter_and_year() -> None:
    series = linked(
        a_return(date(2023, 11, 30), 0.10),
        a_return(date(2023, 12, 29), 0.10),
        a_return(date(2023, 12, 31), 0.10),
        a_return(date(2024, 1, 31), 0.10),
        a_return(date(2024, 2, 29), 0.10),
        a_return(date(2024, 3, 31), 0.10),
        a_return(date(2024, 4, 1), 0.10),
    )
    steps = {0: 0.0, 1: 0.1, 2: 0.21, 3: 0.331, 4: 0.4641}
    assert column(series, "twrr_mtd") == about(*(steps[n] for n in (1, 1, 2, 1, 1, 1, 1)))
    assert column(series, "twrr_qtd") == about(*(steps[n] for n in (1, 2, 3, 1, 2, 3, 1)))
    assert column(series, "twrr_ytd") == about(*(steps[n] for n in (1, 2, 3, 1, 2, 3, 4)))


def test_a_period_to_date_reaches_back_over_months_without_a_valuation() -> None:
    series = linked(a_return(date(2023, 10, 31), 0.10), a_return(date(2024, 5, 31), 0.20), a_return(date(2024, 8, 30), 0.50))
    assert column(series, "twrr_mtd") == about(0.1, 0.2, 0.5)
    assert column(series, "twrr_qtd") == about(0.1, 0.2, 0.5)
    assert column(series, "twrr_ytd") == about(0.1, 0.2, 0.8)


def test_the_same_month_of_the_next_year_is_another_period() -> None:
    series = linked(a_return(date(2023, 6, 30), 0.10), a_return(date(2024, 6, 28), 0.20))
    for name in TO_DATE:
        assert column(series, name) == about(0.1, 0.2)


def test_a_trailing_year_starts_from_the_valuation_on_the_anniversary() -> None:
    series = linked(a_return(date(2023, 6, 28), 0.10), a_return(date(2023, 6, 29), 0.10), a_return(date(2024, 6, 28), 0.20))
    assert column(series, "twrr_1y") == about(None, None, 1.1 * 1.2 - 1)
    assert column(series, "twrr_3y") == [None] * 3


def test_or_from_the_latest_one_before_the_anniversary() -> None:
    series = linked(a_return(date(2023, 5, 31), 0.10), a_return(date(2023, 7, 1), 0.10), a_return(date(2024, 6, 28), 0.20))
    assert column(series, "twrr_1y") == about(None, None, 1.1 * 1.2 - 1)


def test_a_trailing_period_is_null_while_the_account_is_too_young() -> None:
    series = linked(a_return(date(2023, 6, 29), 0.10), a_return(date(2024, 6, 28), 0.20))
    assert column(series, "twrr_1y") == [None, None]


def test_the_trailing_year_of_a_leap_day_starts_on_the_28th() -> None:
    series = linked(a_return(date(2023, 2, 28), 0.10), a_return(date(2023, 3, 1), 0.10), a_return(date(2024, 2, 29), 0.20))
    assert column(series, "twrr_1y") == about(None, None, 1.1 * 1.2 - 1)


def test_three_and_five_years_are_linked_and_not_annualised() -> None:
    series = linked(*(a_return(date(year, 12, 31), 0.10) for year in range(2018, 2025)))
    assert column(series, "twrr_1y") == about(None, *[0.1] * 6)
    assert column(series, "twrr_3y") == about(*[None] * 3, *[1.1**3 - 1] * 4)
    assert column(series, "twrr_5y") == about(*[None] * 5, *[1.1**5 - 1] * 2)


def test_a_trailing_period_does_not_reach_into_an_earlier_episode() -> None:
    series = linked(a_return(date(2023, 1, 31), 0.10), a_return(date(2023, 9, 30), -1.0), a_return(date(2024, 6, 28), 0.20))
    assert column(series, "twrr_1y") == [None, None, None]
    assert column(series, "cumulative_twrr") == about(0.1, -1.0, 0.2)


def test_history_may_come_with_the_opening_state() -> None:
    past = linked(a_return(date(2023, 6, 28), 0.10), a_return(date(2024, 6, 27), 0.10))
    alone = linked(a_return(date(2024, 6, 28), 0.20), opening_state=past.select(STATE).tail(1))
    assert column(alone, "twrr_1y") == [None]
    assert column(alone, "cumulative_twrr") == about(1.1 * 1.1 * 1.2 - 1)
    with_history = linked(a_return(date(2024, 6, 28), 0.20), opening_state=past.select(STATE))
    assert column(with_history, "twrr_1y") == about(1.1 * 1.2 - 1)


def test_the_opening_state_may_come_in_any_order_and_with_other_columns() -> None:
    past = linked(a_return(date(2023, 6, 28), 0.10), a_return(date(2024, 6, 27), 0.10))
    now = a_return(date(2024, 6, 28), 0.20)
    assert linked(now, opening_state=past.reverse()).equals(linked(now, opening_state=past.select(STATE)))


def test_an_account_that_only_the_opening_state_knows_has_no_row_and_a_new_one_begins_at_one() -> None:
    past = linked(a_return(date(2024, 6, 27), 0.10, account="A1", net_flow="5"))
    series = linked(a_return(date(2024, 6, 28), 0.20, account="A2", net_flow="7"), opening_state=past)
    assert column(series, "account_id") == ["A2"]
    assert column(series, "growth_index") == about(1.2)
    assert column(series, "cumulative_net_flow") == [Decimal(7)]


def test_accounts_do_not_mix() -> None:
    one = [a_return(date(2024, 6, 26), 0.10, account="A1", net_flow="1"), a_return(date(2024, 6, 28), -1.0, account="A1", net_flow="2")]
    other = [a_return(date(2024, 6, 27), None, account="A2", net_flow="4"), a_return(date(2024, 7, 1), 0.05, account="A2", net_flow="8")]
    assert linked(*one, *other).equals(pl.concat([linked(*one), linked(*other)]))


def test_the_cumulative_net_flow_is_exact_and_runs_on_through_gaps_and_losses() -> None:
    series = linked(
        a_return(date(2024, 6, 25), 0.10, net_flow="12345678901234567890.1234"),
        a_return(date(2024, 6, 26), None, net_flow="0.0001"),
        a_return(date(2024, 6, 27), -1.0, net_flow="-0.0003"),
        a_return(date(2024, 6, 28), 0.01, net_flow="0.1"),
    )
    assert column(series, "cumulative_net_flow") == [
        Decimal("12345678901234567890.1234"),
        Decimal("12345678901234567890.1235"),
        Decimal("12345678901234567890.1232"),
        Decimal("12345678901234567890.2232"),
    ]


def test_no_returns_give_no_rows() -> None:
    past = linked(a_return(date(2024, 6, 27), 0.10))
    none = returns(a_return(date(2024, 6, 28), 0.20)).clear()
    assert twrr_series(none).height == 0
    assert twrr_series(none, opening_state=past).height == 0
