"""Contributions to the returns to date of each month end, against rational arithmetic and against the returns themselves."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from functools import partial
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from advisory_perf.analytics import contribution
from advisory_perf.analytics.portfolios import portfolio_returns
from advisory_perf.contracts.enums import FeeBasis, FlowTiming, Reopening, ReturnPeriod, TransferNetting
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.analytics.books import Row, books
from advisory_perf_tests.analytics.exact import ExactBook, carino_factor, linked_group, wrong
from advisory_perf_tests.analytics.scenarios import book, conventions, day, row
from advisory_perf_tests.analytics.test_contribution import HALVES, part
from advisory_perf_tests.performance.exact import Conventions, month_end

PERIODS = {"mtd": 1, "qtd": 3, "ytd": 12}
DAYS = [date(2023, 12, 29), date(2024, 1, 10), date(2024, 1, 31), date(2024, 2, 29)]
DAYS += [date(2024, 4, 2), date(2024, 4, 30), date(2024, 12, 31), date(2025, 1, 2)]
"""Two years' ends, three quarters, and months with one day and with two."""
rolled = partial(portfolio_returns, group="portfolio_id", transfers=TransferNetting.MATCHED, departures=None)
timings = st.sampled_from([FlowTiming.START_OF_DAY, FlowTiming.END_OF_DAY, FlowTiming.MID_DAY])


def to_date(rows: Sequence[Row], **said: Any) -> pl.DataFrame:
    frame, agreed = book(*rows), conventions(**said)
    return contribution.contributions_to_date(frame, rolled(frame, conventions=agreed), group="portfolio_id", conventions=agreed)


def dated(rows: Sequence[Row]) -> list[Row]:
    """A book whose days are DAYS."""
    dates = {day(place): real for place, real in enumerate(DAYS)}
    return [{**each, "as_of_date": dates[each["as_of_date"]]} for each in rows]


def test_two_halves_that_gain_and_lose_ten_contribute_the_same_and_come_to_nothing() -> None:
    found = to_date(HALVES)
    for period in PERIODS:
        assert [f"{value:+.4%}" for value in found[f"contribution_{period}"]] == ["+4.8790%", "-4.8790%"]
        assert found[f"twrr_{period}"].to_list() == pytest.approx([0, 0], abs=1e-15)
        assert found[f"contribution_{period}"].sum() == pytest.approx(0, abs=1e-15)
    assert found.select("month", "as_of_date").unique().rows() == [(date(2024, 6, 30), day(1))]


def test_who_has_left_has_its_part_in_the_year_and_none_in_the_months_after() -> None:
    found = to_date([row("A", 0, 100, 110), row("B", 0, 100, 100), row("B", 30, 100, 105), row("A", 30, 110, 110, portfolio_id="Q")])
    in_july = found.filter(portfolio_id="P", month=date(2024, 7, 31))
    assert in_july.select("account_id", "status_mtd", "status_qtd", "status_ytd").rows() == [
        ("A", "NOT_A_MEMBER", "NOT_A_MEMBER", "OK"),
        ("B", "OK", "OK", "OK"),
    ]
    assert in_july["contribution_mtd"].to_list() == [None, pytest.approx(0.05)]
    assert in_july["contribution_ytd"].sum() == pytest.approx(1.05 * 1.05 - 1, abs=1e-15)
    assert in_july["twrr_mtd"].to_list() == pytest.approx([0.05, 0.05]), "the group's return is known whoever was there"


def test_a_period_over_an_unknown_return_has_no_contributions_and_the_next_month_has() -> None:
    rows = [row("A", 0, 100, 110), row("B", 0, 100, 100), row("A", 1, 110, 110), row("A", 30, 110, 121), row("B", 30, 100, 100)]
    found = to_date([*rows, row("B", 29, 100, 100), row("A", 29, 110, 110)])
    assert found.filter(month=date(2024, 6, 30))["status_mtd"].to_list() == ["UNDEFINED_RETURN"] * 2
    in_july = found.filter(month=date(2024, 7, 31))
    assert in_july.select("status_mtd", "status_qtd", "status_ytd").unique().row(0) == ("OK", "OK", "UNDEFINED_RETURN")
    assert in_july["contribution_mtd"].to_list() == pytest.approx([11 / 210, 0])
    assert in_july["twrr_ytd"].null_count() == 0, "as it is published, linked over the gap"


def test_a_total_loss_has_no_logarithm_and_what_comes_after_is_an_episode_of_its_own() -> None:
    rows = [row("A", 0, 100, 110), row("A", 1, 110, 0), row("B", 30, 0, 220, into=200), row("B", 31, 220, 220)]
    found = to_date(rows)
    assert found.filter(month=date(2024, 6, 30)).select("contribution_ytd", "twrr_ytd", "status_ytd").row(0) == (None, -1.0, "TOTAL_LOSS")
    in_july = found.filter(month=date(2024, 7, 31))
    assert in_july.select("account_id", "contribution_ytd", "status_ytd").rows() == [
        ("A", None, "NOT_A_MEMBER"),
        ("B", pytest.approx(0.1), "OK"),
    ]


@pytest.mark.parametrize("reopening", Reopening)
def test_days_on_which_nothing_is_left_are_no_gap(reopening: Reopening) -> None:
    rows = [row("A", 0, 100, 0, out=110), row("A", 1, 0, 0), row("A", 2, 0, 105, into=100), row("A", 30, 105, 105)]
    found = to_date(rows, reopening=reopening)
    assert found["status_ytd"].to_list() == ["OK", "OK"]
    assert_frame_equal(found.select(contribution_ytd="twrr_ytd"), found.select("contribution_ytd"), check_exact=False, abs_tol=1e-15)


def exact_to_date(rows: Sequence[Row], said: Conventions) -> list[Row]:
    """Month by month and account by account from the rules, in rational arithmetic."""
    exact, found = ExactBook(rows, group="portfolio_id"), []
    for name in exact.days:
        days = with_episodes(linked_group(exact.days_of(name), said))
        of_group = {(each["account_id"], each["as_of_date"]): each for each in rows if each["portfolio_id"] == name}
        for month in sorted({month_end(one["as_of_date"]) for one in days}):
            so_far = [one for one in days if one["as_of_date"] <= month and one["as_of_date"].year == month.year]
            there = sorted({account for account, when in of_group if any(when == one["as_of_date"] for one in so_far)})
            for account in there:
                figures: Row = {"portfolio_id": name, "month": month, "account_id": account, "as_of_date": so_far[-1]["as_of_date"]}
                for period, months in PERIODS.items():
                    begin = (month.month - 1) // months * months + 1
                    since = [one for one in so_far if one["as_of_date"].month >= begin]
                    in_period = [one for one in since if one["episode"] == so_far[-1]["episode"]]
                    parts = [(of_group[account, one["as_of_date"]], one) for one in in_period if (account, one["as_of_date"]) in of_group]
                    figures |= exact_figures(period, in_period, parts, said)
                found.append(figures)
    return found


def with_episodes(days: Sequence[Row]) -> Sequence[Row]:
    """A day with a return after a total loss begins an episode; until then the group waits."""
    episode, waits, found = 0, False, []
    for one in days:
        if waits and one["calculated_twrr"] is not None:
            episode, waits = episode + 1, False
        found.append({**one, "episode": episode, "waits": waits})
        waits = waits or one["calculated_twrr"] == -1
    return found


def exact_figures(period: str, days: Sequence[Row], parts: Sequence[tuple[Row, Row]], said: Conventions) -> Row:
    total = Fraction(1)
    for one in days:
        total *= 1 + (one["calculated_twrr"] or 0)
    value = None if days[-1]["waits"] else total - 1
    has_gap = value is None or any(one["calculated_twrr"] is None for one in days)
    status = "UNDEFINED_RETURN" if has_gap else "TOTAL_LOSS" if value == -1 else "OK"
    status = status if parts else "NOT_A_MEMBER"
    contributed = None
    if status == "OK" and value is not None:
        scaled = (part(each, one, said) * carino_factor(one["calculated_twrr"]) for each, one in parts)
        contributed = sum(scaled, Fraction(0)) / carino_factor(value)
    return {f"contribution_{period}": contributed, f"twrr_{period}": value, f"status_{period}": status}


@accepts_at_least(0.2)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(books(portfolios=("P", "P", "P", "Q"), currencies=("EUR",), is_steady=True), timings, st.sampled_from(FeeBasis))
def test_every_contribution_is_within_one_in_a_million_million(rows: list[Row], timing: FlowTiming, fee_basis: FeeBasis) -> None:
    if not rows:
        return
    found = to_date(dated(rows), timing=timing, fee_basis=fee_basis)
    expected = exact_to_date(dated(rows), Conventions(timing, fee_basis))
    assert wrong(found.rows(named=True), expected) == []
    counted("contributions", found["contribution_ytd"].drop_nulls().len(), found.height)


@accepts_at_least(0.3)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(books(portfolios=("P", "P", "P", "Q", None), currencies=("EUR",), is_steady=True), timings)
def test_the_contributions_of_all_add_up_to_the_return_that_is_published(rows: list[Row], timing: FlowTiming) -> None:
    """Whoever joins, leaves for another portfolio, comes back or moves money between members."""
    if not rows:
        return
    found = to_date(dated(rows), timing=timing)
    for period in PERIODS:
        part_, value, status = (pl.col(f"{name}_{period}") for name in ("contribution", "twrr", "status"))
        of_month = found.group_by("portfolio_id", "month").agg(part_.sum(), value.first(), is_ok=(status == "OK").any())
        known = of_month.filter("is_ok")
        off = (part_ - value).abs() > 1e-12 * pl.max_horizontal(value.abs(), 1)
        assert known.filter(off).is_empty(), known.filter(off).rows(named=True)
        counted(period, known.height, of_month.height)


@settings(max_examples=20, deadline=None)
@given(books(), st.integers(0, 99))
def test_a_portfolio_or_a_year_by_itself_in_any_order_has_the_same_bits(rows: list[Row], seed: int) -> None:
    if not rows:
        return
    frame, agreed = book(*dated(rows)), conventions()
    series = rolled(frame, conventions=agreed)
    of = partial(contribution.contributions_to_date, group="portfolio_id", conventions=agreed)
    whole = of(frame, series)
    shuffled = of(*(each.sample(fraction=1, shuffle=True, seed=seed) for each in (frame, series)))
    assert_frame_equal(shuffled, whole, check_exact=True)
    for name in ("P", "Q"):
        own = of(frame.filter(portfolio_id=name), series.filter(portfolio_id=name))
        assert_frame_equal(own, whole.filter(portfolio_id=name), check_exact=True)
    in_year = pl.col("as_of_date").dt.year() == 2024
    assert_frame_equal(of(frame.filter(in_year), series.filter(in_year)), whole.filter(in_year), check_exact=True)


def test_a_portfolio_of_one_month_by_itself_has_the_bits_that_it_has_beside_another() -> None:
    """Of a single row of a group, which a join repeats, Polars keeps one value and would divide by its reciprocal."""
    rows = [
        row(name, place, 100, 100 + number, portfolio_id=f"P{number % 2}") for place in (0, 1) for number, name in enumerate("ABCDEF", 1)
    ]
    whole = to_date(rows)
    for name in ("P0", "P1"):
        own = to_date([each for each in rows if each["portfolio_id"] == name])
        assert_frame_equal(own, whole.filter(portfolio_id=name), check_exact=True)


def test_a_month_to_date_at_its_end_is_the_linked_month() -> None:
    frame = book(*HALVES, row("A", 2, 110, 112), row("B", 2, 90, 80))
    daily = contribution.contributions(
        frame, group="portfolio_id", conventions=conventions(), transfers=TransferNetting.MATCHED, departures=None
    )
    linked = contribution.linked_contributions(daily, group="portfolio_id", period=ReturnPeriod.MONTH)
    found = to_date([*HALVES, row("A", 2, 110, 112), row("B", 2, 90, 80)])
    assert found["contribution_mtd"].to_list() == pytest.approx(linked["contribution"].to_list(), rel=1e-14)


@pytest.mark.parametrize("name", ["inception_date", "twrr_qtd_over_gap"])
def test_a_column_of_the_group_that_is_missing_is_named(name: str) -> None:
    frame = book(*HALVES)
    days = rolled(frame, conventions=conventions()).drop(name)
    with pytest.raises(ValueError, match=f"contributions to date needs the column {name}"):
        contribution.contributions_to_date(frame, days, group="portfolio_id", conventions=conventions())
