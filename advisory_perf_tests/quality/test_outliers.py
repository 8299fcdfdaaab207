"""Outliers among the returns of a portfolio and of an account: hand-worked scores, planted returns, and noise with fat tails."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from statistics import fmean, median
from typing import Any

import polars as pl
import pytest

from advisory_perf.quality.outliers import KNOWN, return_outliers
from advisory_perf_tests.quality.across_scenarios import FIRST, Month, a_month

SEEDS = range(4)
BOUND = 8.0


def returns(*of_accounts: Sequence[float | None], portfolio: str | None = "P", own_from: int = 0) -> pl.DataFrame:
    """Returns of accounts A0, A1, …, one a day."""
    return pl.DataFrame(
        [
            (f"A{number}", portfolio, FIRST + timedelta(days=place), place, place >= own_from, "d", each)
            for number, account in enumerate(of_accounts)
            for place, each in enumerate(account)
        ],
        schema={
            "account_id": pl.String(),
            "portfolio_id": pl.String(),
            "as_of_date": pl.Date(),
            "ordinal": pl.Int64(),
            "is_own": pl.Boolean(),
            "delivery_id": pl.String(),
            "calculated_twrr": pl.Float64(),
        },
        orient="row",
    ).with_columns(slot="as_of_date")


def found(frame: pl.DataFrame) -> set[tuple[Any, ...]]:
    return set(frame.select("account_id", "as_of_date", "against").rows())


def a_day(*values: float | None) -> pl.DataFrame:
    return return_outliers(returns(*([value] for value in values)), bound=BOUND)


# within a portfolio ---------------------------------------------------------------------------------------------------

SEVEN = [0.001, 0.004, 0.002, 0.006, 0.005, 0.003, 0.007]


def test_a_score_is_the_distance_from_the_median_in_robust_deviations() -> None:
    """Median of the eight 0.0045; distances 0.0035 0.0005 0.0025 0.0015 0.0005 0.0015 0.0025 0.0455, their median 0.002."""
    (row,) = a_day(*SEVEN, 0.05).to_dicts()
    assert (row["account_id"], row["usual"], row["against"]) == ("A7", pytest.approx(0.0045), "PORTFOLIO")
    assert row["score"] == pytest.approx(0.6745 * 0.0455 / 0.002)
    assert a_day(*SEVEN, 0.0045 + 8.01 * 0.002 / 0.6745).height == 1
    assert a_day(*SEVEN, 0.0045 + 7.99 * 0.002 / 0.6745).is_empty()
    (below,) = a_day(*SEVEN, -0.05).to_dicts()
    assert below["score"] < -BOUND


def test_fewer_than_eight_returns_tell_nothing_and_one_that_is_not_defined_does_not_count() -> None:
    assert a_day(*SEVEN[:6], 0.5).is_empty()
    assert a_day(*SEVEN[:6], None, 0.5).is_empty()
    assert a_day(*SEVEN[:6], float("nan"), 0.5).is_empty()
    assert return_outliers(returns(*([each] for each in [*SEVEN, 0.5]), portfolio=None), bound=BOUND).is_empty()


def test_where_most_returns_are_equal_the_mean_deviation_is_the_spread() -> None:
    """Of twelve cash accounts one earns 5 %: the mean deviation is 5 % / 12, so the score 12 / 1.2533."""
    (row,) = a_day(*[0.0] * 11, 0.05).to_dicts()
    assert row["score"] == pytest.approx(12 / 1.2533)
    assert a_day(*[0.0] * 5, *[0.02] * 3).is_empty(), "cash beside shares"
    assert a_day(*[0.0001 * place for place in range(8)], *[0.02 + 0.001 * place for place in range(6)]).is_empty()


def test_less_than_a_tenth_of_a_percent_is_as_good_as_equal() -> None:
    assert a_day(*[0.0] * 30, 0.0079).is_empty()
    assert a_day(*[0.0] * 30, 0.0081).height == 1


def test_a_portfolio_where_all_earn_the_same_has_none() -> None:
    assert a_day(*[0.03] * 10).is_empty()


# against the account's own history ------------------------------------------------------------------------------------

QUIET = [0.001 * (place % 5) for place in range(KNOWN)]


def history(*values: float | None, **changes: Any) -> pl.DataFrame:
    return return_outliers(returns([*values], **changes), bound=BOUND)


def test_an_account_is_held_against_its_last_twenty_returns() -> None:
    """Median 0.002; distances 0.002 0.001 0 0.001 0.002 four times, their median 0.001, so a deviation of 0.00148."""
    (row,) = history(*QUIET, 0.03).to_dicts()
    assert (row["against"], row["usual"], row["as_of_date"]) == ("HISTORY", pytest.approx(0.002), FIRST + timedelta(days=KNOWN))
    assert row["score"] == pytest.approx(0.6745 * 0.028 / 0.001)
    assert history(*QUIET[1:], 0.03).is_empty(), "nineteen are too few"
    assert history(*QUIET, 0.03, own_from=KNOWN + 1).is_empty(), "only looked back on"
    assert history(*QUIET[:10], None, *QUIET[10:], 0.03).height == 1, "one that is not defined is passed over"
    assert history(*QUIET[:10], *[None] * 6, *QUIET[10:], 0.03).is_empty(), "they reach back too far"


def test_scores_are_those_of_plain_arithmetic() -> None:
    month = a_month(7, accounts=6, count=60)
    month.rows["A0002", 40]["growth"] = Decimal("0.09")
    month.value_from("A0002", 40)
    frame = month.frame().with_columns(portfolio_id=pl.lit(None, pl.String()))
    values = {key: rows["calculated_twrr"].to_list() for (key,), rows in frame.sort("as_of_date").group_by("account_id")}
    expected = set()
    for account, own in values.items():
        for place in range(KNOWN, 60):
            before = own[place - KNOWN : place]
            usual = median(before)
            distances = [abs(each - usual) for each in before]
            spread = median(distances) / 0.6745
            spread = spread if spread >= 0.001 else max(1.2533 * fmean(distances), 0.001)
            if abs(own[place] - usual) / spread > BOUND and abs(own[place]) > BOUND * 0.001:
                expected.add((account, month.dates[place], "HISTORY"))
    assert ("A0002", month.dates[40], "HISTORY") in expected
    assert found(return_outliers(frame, bound=BOUND)) == expected


def test_a_day_on_which_everything_fell_is_nobodys_outlier() -> None:
    crash = [[*(value + 0.0001 * number for value in QUIET), -0.08 + 0.0002 * number] for number in range(9)]
    assert return_outliers(returns(*crash, portfolio=None), bound=BOUND).is_empty()
    one = [*([*QUIET, 0.001] for _ in range(8)), [*QUIET, -0.08]]
    assert found(return_outliers(returns(*one, portfolio=None), bound=BOUND)) == {("A8", FIRST + timedelta(days=KNOWN), "HISTORY")}


def test_a_return_that_is_far_from_both_is_named_once() -> None:
    both = return_outliers(returns(*([*QUIET, 0.001] for _ in range(11)), [*QUIET, -0.08]), bound=BOUND)
    assert found(both) == {("A11", FIRST + timedelta(days=KNOWN), "PORTFOLIO")}


# in a month of several hundred accounts -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_of_noise_with_fat_tails_less_than_one_in_a_hundred_is_named(seed: int) -> None:
    frame = a_month(seed, count=42).frame()
    named = return_outliers(frame, bound=BOUND)
    assert named.height < frame.height / 100
    assert named.filter(against="HISTORY").height < frame.height / 1000


@pytest.mark.parametrize("seed", SEEDS)
def test_planted_outliers_are_found_in_portfolios_and_in_histories(seed: int) -> None:
    month = a_month(seed, count=30)
    planted = plant(month, range(200), first=0) | plant(month, range(200, 400), first=21)
    alone(month, range(200, 400))
    named = found(return_outliers(month.frame(), bound=BOUND))
    assert len(planted) == 80
    assert len({each[:2] for each in named} & planted) >= 0.95 * len(planted)
    assert len({each[:2] for each in named} - planted) < 0.01 * len(month.rows)


def alone(month: Month, numbers: range) -> None:
    """Takes the accounts out of their portfolios."""
    for row in month.rows.values():
        if int(row["account_id"][1:]) in numbers:
            row["portfolio_id"] = None


def plant(month: Month, numbers: range, *, first: int) -> set[tuple[Any, ...]]:
    """Forty returns of 12 to 25 percent, up or down."""
    planted = set()
    for number in month.random.sample(numbers, 40):
        place, account = month.random.randrange(first, 30), f"A{number:04}"
        month.rows[account, place]["growth"] = Decimal(month.random.randrange(12, 25)) / 100 * month.random.choice([-1, 1])
        month.value_from(account, place)
        planted.add((account, month.dates[place]))
    return planted


@pytest.mark.parametrize("size", [1, 6])
def test_runs_of_any_days_find_what_one_run_finds(size: int) -> None:
    month = a_month(5, accounts=80, count=50)
    plant(month, range(80), first=21)
    alone(month, range(40, 80))
    whole = return_outliers(month.frame(), bound=BOUND)
    assert set(whole["against"].unique()) == {"PORTFOLIO", "HISTORY"}
    parts = []
    for first in range(0, 50, size):
        piece = month.frame(own_from=first, known_from=max(0, first - 25)).filter(pl.col("ordinal") < first + size)
        looked_back = pl.when("is_own").then("portfolio_id")  # what is read of windows before a run has no portfolio
        parts.append(return_outliers(piece.with_columns(looked_back.alias("portfolio_id")), bound=BOUND))
    assert pl.concat(parts).sort("as_of_date", "account_id").equals(whole)
