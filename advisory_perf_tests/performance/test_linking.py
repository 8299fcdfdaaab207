from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.columns import PERIODS
from advisory_perf.performance.linking import STATE, twrr_series
from advisory_perf_tests.performance.scenarios import a_return, a_schedule, returns

TO_DATE = ("twrr_mtd", "twrr_qtd", "twrr_ytd")
TRAILING = ("twrr_1y", "twrr_3y", "twrr_5y")


def linked(*rows: Mapping[str, Any], opening_state: pl.DataFrame | None = None) -> pl.DataFrame:
    return twrr_series(returns(*rows), schedule=a_schedule(), opening_state=opening_state).series


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


def test_an_undefined_return_leaves_the_index_and_is_reported_on_every_later_row() -> None:
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
    series = linked(a_return(date(2023, 6, 26), 0.10), a_return(date(2023, 6, 27), 0.10), a_return(date(2024, 6, 26), 0.20))
    assert column(series, "twrr_1y") == about(None, None, 1.1 * 1.2 - 1)
    assert column(series, "twrr_3y") == [None] * 3


def test_or_from_the_latest_one_before_the_anniversary() -> None:
    series = linked(a_return(date(2023, 5, 31), 0.10), a_return(date(2023, 7, 1), 0.10), a_return(date(2024, 6, 20), 0.20))
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
    past = linked(a_return(date(2023, 6, 30), 0.10), a_return(date(2024, 6, 27), 0.10))
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
    assert twrr_series(none, schedule=a_schedule()).series.height == 0
    assert twrr_series(none, schedule=a_schedule(), opening_state=past).series.height == 0


def test_a_period_says_whether_a_gap_lies_in_it() -> None:
    series = linked(
        a_return(date(2022, 12, 30), 0.10),
        a_return(date(2023, 12, 29), None),
        a_return(date(2024, 1, 31), 0.10),
        a_return(date(2024, 2, 15), None),
        a_return(date(2024, 2, 29), 0.10),
        a_return(date(2024, 3, 28), 0.10),
        a_return(date(2024, 4, 30), 0.10),
        a_return(date(2024, 12, 31), 0.10),
        a_return(date(2025, 3, 3), 0.10),
    )
    assert column(series, "twrr_mtd_over_gap") == [False, True, False, True, True, False, False, False, False]
    assert column(series, "twrr_qtd_over_gap") == [False, True, False, True, True, True, False, False, False]
    assert column(series, "twrr_ytd_over_gap") == [False, True, False, True, True, True, True, True, False]
    assert column(series, "twrr_1y_over_gap") == [None, True, None, True, None, True, None, True, False]
    assert column(series, "linked_over_gap") == [False, *[True] * 8]
    assert column(series, "last_gap_date") == [None, *[date(2023, 12, 29)] * 2, *[date(2024, 2, 15)] * 6]


def test_a_gap_before_a_new_episode_is_not_in_its_periods() -> None:
    series = linked(
        a_return(date(2024, 6, 3), None),
        a_return(date(2024, 6, 4), -1.0),
        a_return(date(2024, 6, 5), None),
        a_return(date(2024, 6, 6), 0.10),
    )
    assert column(series, "twrr_mtd_over_gap") == [True, True, None, False]
    assert column(series, "linked_over_gap") == [True] * 4


def test_an_empty_account_has_no_trailing_period_either() -> None:
    series = linked(a_return(date(2023, 1, 31), 0.10), a_return(date(2024, 1, 31), -1.0), a_return(date(2024, 2, 29), None))
    assert column(series, "twrr_1y") == about(None, -1.0, None)
    assert column(series, "twrr_1y_over_gap") == [None, False, None]


def test_a_return_that_is_no_number_is_a_gap() -> None:
    good = a_return(date(2024, 6, 26), 0.10)
    for value in (float("nan"), float("inf"), -1.5):
        series = linked(good, a_return(date(2024, 6, 27), value))
        assert column(series, "growth_index") == about(1.1, 1.1)
        assert column(series, "linked_over_gap") == [False, True]


def test_from_an_unknown_flow_on_the_cumulative_net_flow_is_unknown() -> None:
    rows = [a_return(date(2024, 6, day), 0.0, net_flow="5") for day in (25, 26, 27)]
    series = twrr_series(
        returns(*rows).with_columns(net_flow=pl.when(pl.col("as_of_date") != date(2024, 6, 26)).then("net_flow")), schedule=a_schedule()
    )
    assert column(series.series, "cumulative_net_flow") == [Decimal(5), None, None]
    later = twrr_series(returns(a_return(date(2024, 6, 28), 0.0, net_flow="5")), schedule=a_schedule(), opening_state=series.closing_state)
    assert column(later.series, "cumulative_net_flow") == [None]


def test_without_a_net_flow_it_is_taken_from_contributions_and_distributions() -> None:
    rows = returns(a_return(date(2024, 6, 27), 0.10)).with_columns(contributions=pl.lit(7.5), distributions=pl.lit(2.25))
    assert column(twrr_series(rows.drop("net_flow"), schedule=a_schedule()).series, "cumulative_net_flow") == [5.25]
    with pytest.raises(ValueError, match="where there is no net_flow, needs the column distributions"):
        twrr_series(rows.drop("net_flow", "distributions"), schedule=a_schedule())


def test_linking_takes_the_growth_factor_where_it_has_more_digits_and_refuses_one_that_contradicts() -> None:
    rows = returns(a_return(date(2024, 6, 26), -0.9999999997875053), a_return(date(2024, 6, 27), 4705999999.0))
    factors = rows.with_columns(growth_factor=pl.Series([0.01 / 47060000, 4706000000.0]))
    assert column(twrr_series(factors, schedule=a_schedule()).series, "growth_index")[-1] == pytest.approx(1.0, abs=1e-15)
    assert column(twrr_series(rows, schedule=a_schedule()).series, "growth_index")[-1] != pytest.approx(1.0, abs=1e-9)
    unknown = factors.with_columns(growth_factor=pl.lit(None, pl.Float64()))
    assert twrr_series(unknown, schedule=a_schedule()).series.drop("growth_factor").equals(twrr_series(rows, schedule=a_schedule()).series)
    lost = returns(a_return(date(2024, 6, 27), -1 + 1e-12)).with_columns(growth_factor=-1e-12)
    with pytest.raises(ValueError, match="growth_factor is not 1 \\+ calculated_twrr for account A1 on 2024-06-27"):
        twrr_series(lost, schedule=a_schedule())
    with pytest.raises(ValueError, match="growth_factor is not 1 \\+ calculated_twrr for account A1 on 2024-06-27"):
        twrr_series(factors.with_columns(growth_factor=pl.Series([0.01 / 47060000, 4707000000.0])), schedule=a_schedule())


def test_an_account_has_one_return_a_day() -> None:
    with pytest.raises(ValueError, match="account A1 has two rows on 2024-06-27; an account has one return a day"):
        linked(a_return(date(2024, 6, 27), 0.10), a_return(date(2024, 6, 28), 0.10), a_return(date(2024, 6, 27), 0.20))
    with pytest.raises(ValueError, match="a row has no account_id"):
        twrr_series(returns(a_return(date(2024, 6, 27), 0.10)).with_columns(account_id=pl.lit(None, pl.String())), schedule=a_schedule())


def test_rows_day_by_day_account_by_account_and_mixed_come_out_the_same() -> None:
    rows = [a_return(date(2024, 6, day), day / 1000, account=f"A{account}") for day in range(1, 8) for account in (3, 1, 2)]
    by_account = sorted(rows, key=lambda row: (row["account_id"], row["as_of_date"]))
    assert column(linked(*rows), "account_id") == ["A1"] * 7 + ["A2"] * 7 + ["A3"] * 7
    assert linked(*rows).equals(linked(*by_account))
    assert linked(*rows).equals(linked(*rows[11:], *rows[:11]))


def test_the_series_has_the_columns_of_the_returns_and_those_of_linking() -> None:
    rows = returns(a_return(date(2024, 6, 27), 0.10))
    series, closing_state = twrr_series(rows, schedule=a_schedule())
    assert set(series.columns) - set(rows.columns) == {
        "growth_index",
        "cumulative_twrr",
        "cumulative_net_flow",
        *(f"twrr_{period}{suffix}" for period in PERIODS for suffix in ("", "_from", "_over_gap", "_over_missing")),
        "linked_over_gap",
        "is_closed",
        "emptied_by",
        "windows_missing",
        "linked_over_missing",
        "last_missing_date",
        "performance_start_date",
        "starts_within_window",
        "last_gap_date",
        "inception_date",
        "mtd_base",
        "qtd_base",
        "ytd_base",
        "mtd_base_date",
        "qtd_base_date",
        "ytd_base_date",
    }
    assert tuple(closing_state.columns) == STATE


def test_a_trailing_period_says_which_valuation_it_starts_from() -> None:
    series = linked(*(a_return(day, 0.10) for day in (date(2023, 2, 28), date(2023, 3, 31), date(2024, 3, 29))))
    assert column(series, "twrr_1y") == about(None, None, 0.1)
    assert column(series, "twrr_1y_from") == [None, None, date(2023, 3, 31)]


def test_flows_in_floats_are_null_from_one_that_is_no_number_on() -> None:
    rows = returns(*(a_return(date(2024, 6, day), 0.0) for day in (26, 27, 28))).with_columns(net_flow=pl.Series([5.0, float("nan"), 5.0]))
    assert column(twrr_series(rows, schedule=a_schedule()).series, "cumulative_net_flow") == [5.0, None, None]


def test_flows_of_few_digits_add_up_to_more() -> None:
    rows = returns(*(a_return(date(2024, 6, day), 0.0, net_flow="9") for day in (26, 27))).cast({"net_flow": pl.Decimal(2, 1)})
    assert column(twrr_series(rows, schedule=a_schedule()).series, "cumulative_net_flow") == [Decimal(9), Decimal(18)]


def test_a_day_is_a_date_and_no_instant() -> None:
    rows = returns(a_return(date(2024, 6, 27), 0.10)).cast({"as_of_date": pl.Datetime()})
    with pytest.raises(ValueError, match=r"as_of_date holds Datetime.*; a valuation belongs to a day, so cast it to Date"):
        twrr_series(rows, schedule=a_schedule())


def test_a_state_has_to_be_whole() -> None:
    state = twrr_series(returns(a_return(date(2024, 6, 27), 0.10)), schedule=a_schedule()).closing_state
    now = returns(a_return(date(2024, 6, 28), 0.10))
    with pytest.raises(ValueError, match="opening_state needs the column qtd_base"):
        twrr_series(now, schedule=a_schedule(), opening_state=state.drop("qtd_base"))
    for index in (None, float("nan")):
        with pytest.raises(ValueError, match="a row of opening_state has no growth_index"):
            twrr_series(now, schedule=a_schedule(), opening_state=state.with_columns(growth_index=pl.lit(index, pl.Float64())))


def test_an_index_that_vanishes_without_a_total_loss_is_refused() -> None:
    rows = [a_return(date(2024, 6, 1) + timedelta(days=day), -0.9999999999999999) for day in range(22)]
    with pytest.raises(ValueError, match="passes what a Float64 holds"):
        linked(*rows)
