from decimal import Decimal
from functools import partial
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from advisory_perf.analytics import portfolios
from advisory_perf.analytics.members import GroupsBefore
from advisory_perf.analytics.portfolios import group_series
from advisory_perf.contracts.enums import FeeBasis, FlowTiming, TransferNetting
from advisory_perf_tests.analytics.scenarios import book, conventions, day, row

rolled_up = partial(portfolios.rolled_up, group="portfolio_id", transfers=TransferNetting.MATCHED, departures=None)
portfolio_returns = partial(portfolios.portfolio_returns, group="portfolio_id", transfers=TransferNetting.MATCHED, departures=None)


def percents(series: pl.DataFrame, name: str = "cumulative_twrr", places: int = 3) -> list[str | None]:
    return [None if value is None else f"{value:.{places}%}" for value in series[name].to_list()]


def column(frame: pl.DataFrame, name: str) -> list[Any]:
    return frame[name].to_list()


def left(account: str, place: int, portfolio: str = "P") -> pl.DataFrame:
    return pl.DataFrame({"account_id": [account], "portfolio_id": [portfolio], "as_of_date": [day(place)]})


TRANSFER = (row("A", 0, 1600, 1020, out=600), row("B", 0, 400, 980, into=600))
"""600 go from A to B at the start of the day; A's 1,000 earn 2 %, B's 1,000 lose 2 %."""

JOINED = (row("A", 0, 1000, 1100), row("A", 1, 1100, 1110), row("B", 1, 9000, 9010))
"""A earns 10 %; then B joins with 9,000, and of 10,100 both earn 20."""


@pytest.mark.parametrize("timing", [timing for timing in FlowTiming if timing is not FlowTiming.WEIGHTED])
def test_a_transfer_between_two_accounts_is_no_flow_of_the_portfolio(timing: FlowTiming) -> None:
    alone = conventions().returns(book(*TRANSFER))
    assert percents(alone, "calculated_twrr") == ["2.000%", "-2.000%"]
    found = portfolio_returns(book(*TRANSFER), conventions=conventions(timing, large_flow=Decimal("0.1")))
    assert percents(found) == ["0.000%"]
    assert found.select("contributions", "distributions", "net_flow", "internal_transfers", "return_status").row(0) == (0, 0, 0, 600, "OK")


@pytest.mark.parametrize("timing", [timing for timing in FlowTiming if timing is not FlowTiming.WEIGHTED])
def test_an_account_that_joins_is_a_flow_and_no_gain(timing: FlowTiming) -> None:
    found = portfolio_returns(book(*JOINED), conventions=conventions(timing))
    assert percents(found) == ["10.000%", "10.218%"]
    assert found["cumulative_twrr"][1] == pytest.approx(1.1 * (10_120 / 10_100) - 1, abs=1e-15)
    assert found["ending_market_value"][1] / found["beginning_market_value"][0] - 1 == Decimal("9.12")
    assert column(found, "joined_value") == [0, 9000]
    assert column(found, "members") == [1, 2]


def test_an_account_that_leaves_takes_its_value_along() -> None:
    rows = book(row("A", 0, 1000, 1000), row("B", 0, 1000, 1000), row("A", 1, 1000, 1010), row("A", 2, 1010, 1010))
    found = portfolio_returns(rows, conventions=conventions(), departures=left("B", 0))
    assert percents(found) == ["0.000%", "1.000%", "1.000%"]
    assert column(found, "left_value") == [0, 1000, 0]
    assert column(found, "missing_members") == [0, 0, 0]


def test_an_account_that_goes_to_another_portfolio_leaves_one_and_joins_the_other() -> None:
    moved = [row("B", 0, 500, 500), row("B", 1, 500, 505, portfolio_id="Q"), row("B", 2, 505, 505)]
    stay = [row(name, place, 100, 100, portfolio_id=of) for place in range(3) for name, of in (("A", "P"), ("C", "Q"))]
    found = rolled_up(book(*moved, *stay))
    assert found.select("portfolio_id", "joined_value", "left_value", "missing_members", "members").rows() == [
        ("P", 0, 0, 0, 2),
        ("P", 0, 500, 0, 1),
        ("P", 505, 0, 0, 2),
        ("Q", 0, 0, 0, 1),
        ("Q", 500, 0, 0, 2),
        ("Q", 0, 505, 0, 1),
    ]


def test_a_member_without_a_valuation_leaves_the_day_without_a_sum() -> None:
    rows = [row("A", place, 100, 100) for place in range(4)] + [row("B", 0, 50, 50), row("B", 3, 50, 51)]
    found = portfolio_returns(book(*rows), conventions=conventions())
    assert column(found, "missing_members") == [0, 1, 1, 0]
    assert column(found, "roll_up_status") == ["OK", "MISSING_MEMBERS", "MISSING_MEMBERS", "OK"]
    assert column(found, "ending_market_value") == [150, None, None, 151]
    assert column(found, "return_status") == ["OK", "MISSING_VALUE", "MISSING_VALUE", "OK"]
    assert column(found, "linked_over_gap") == [False, True, True, True]
    assert column(found, "joined_value") == [0, None, None, 0]


def test_an_account_that_comes_up_elsewhere_after_some_days_is_missing_on_them_and_leaves_when_that_is_known() -> None:
    """No day says what only a later one shows: until the third B may come back."""
    stay = [row("A", place, 100, 100) for place in range(5)]
    for moved in (row("B", 3, 50, 51, portfolio_id="Q"), row("B", 3, 50, 51, portfolio_id=None)):
        found = rolled_up(book(*stay, row("B", 0, 50, 50), moved)).filter(pl.col("portfolio_id") == "P")
        assert column(found, "missing_members") == [0, 1, 1, 0, 0]
        assert column(found, "left_value") == [0, None, None, 50, 0]


def test_what_is_said_of_a_day_is_the_same_without_the_days_after_it() -> None:
    rows = [row("A", place, 100, 100) for place in range(5)] + [
        row("B", 0, 50, 50),
        row("B", 3, 50, 51, portfolio_id="Q"),
        row("B", 4, 51, 51),
    ]
    whole = rolled_up(book(*rows))
    for last in range(5):
        so_far = rolled_up(book(*(each for each in rows if each["as_of_date"] <= day(last))))
        assert_frame_equal(so_far, whole.filter(pl.col("as_of_date") <= day(last)))


def test_an_account_that_just_stops_is_missed_on_every_later_day() -> None:
    rows = [row("A", place, 100, 100) for place in range(3)] + [row("B", 0, 50, 50)]
    assert column(rolled_up(book(*rows)), "missing_members") == [0, 1, 1]


def test_nobody_misses_an_account_that_is_closed_or_not_open_yet() -> None:
    rows = [row("A", place, 100, 100) for place in range(4)] + [row("B", 1, 0, 0, into=50, out=50), row("B", 3, 0, 70, into=70)]
    found = rolled_up(book(*rows))
    assert column(found, "missing_members") == [0, 0, 0, 0]
    assert column(found, "members") == [1, 2, 1, 2]
    assert column(found, "joined_value") == [0, 0, 0, 0]


@pytest.mark.parametrize(("away", "joined"), [(False, [0, 0, 0]), (True, [0, 0, 5])])
def test_an_account_that_held_nothing_joins_again_only_after_it_stayed_away(away: bool, joined: list[int]) -> None:
    rows = [row("A", place, 100, 100) for place in range(3)] + [row("B", 0, 50, 0, out=50), row("B", 2, 5, 5)]
    between = [] if away else [row("B", 1, 0, 0)]
    assert column(rolled_up(book(*rows, *between)), "joined_value") == joined


def test_money_in_two_currencies_is_never_added() -> None:
    found = portfolio_returns(
        book(row("A", 0, 100, 100), row("B", 0, 100, 100, currency="USD"), row("A", 1, 100, 101), row("C", 1, 5, 5)),
        conventions=conventions(),
        departures=left("B", 0),
    )
    assert column(found, "roll_up_status") == ["SEVERAL_CURRENCIES", "OK"]
    assert column(found, "currency") == [None, "EUR"]
    assert found.select("beginning_market_value", "contributions", "ending_market_value", "calculated_twrr").row(0) == (None,) * 4
    assert column(found, "calculated_twrr")[1] == pytest.approx(1 / 105)


def test_a_portfolio_that_changes_its_currency_has_no_return_over_the_change() -> None:
    rows = [row("A", 0, 100, 100), row("A", 1, 100, 110, currency="USD"), row("A", 2, 110, 121, currency="USD")]
    found = portfolio_returns(book(*rows), conventions=conventions())
    assert column(found, "return_status") == ["OK", "CURRENCY_CHANGE", "OK"]


@pytest.mark.parametrize(
    ("flows", "internal", "ambiguous", "contributions"),
    [
        ({"A": (600, 0), "B": (0, 600)}, 600, 0, 0),
        ({"A": (600, 0), "B": (0, 599)}, 0, 0, 600),
        ({"A": (600, 600), "B": (0, 0)}, 0, 0, 600),
        ({"A": (600, 0), "B": (600, 0), "C": (0, 600)}, 0, 1, 1200),
        ({"A": (600, 0), "B": (600, 0), "C": (0, 600), "D": (0, 600)}, 0, 1, 1200),
        ({"A": (600, 70), "B": (70, 600)}, 670, 0, 0),
        ({"A": (600, 600), "B": (0, 600)}, 0, 1, 600),
    ],
)
def test_a_transfer_is_an_amount_of_one_account_on_either_side(
    flows: dict[str, tuple[int, int]], internal: int, ambiguous: int, contributions: int
) -> None:
    rows = book(*(row(name, 0, 1000, 1000 + into - out, into=into, out=out) for name, (into, out) in flows.items()))
    found = rolled_up(rows)
    assert found.select("internal_transfers", "ambiguous_transfers", "contributions").row(0) == (internal, ambiguous, contributions)
    plain = rolled_up(rows, transfers=TransferNetting.NONE)
    assert plain.select("internal_transfers", "ambiguous_transfers").row(0) == (0, None)
    assert plain["net_flow"].equals(found["net_flow"])
    assert plain["contributions"].item() == sum(into for into, _ in flows.values())


def test_amounts_on_both_sides_of_different_days_and_portfolios_stay_flows() -> None:
    rows = book(
        row("A", 0, 1000, 1600, into=600),
        row("A", 1, 1600, 1600),
        row("B", 0, 1000, 1000),
        row("B", 1, 1000, 400, out=600),
        row("C", 0, 1000, 400, out=600, portfolio_id="Q"),
    )
    assert set(column(rolled_up(rows), "internal_transfers")) == {0}


def test_a_gross_return_adds_the_fees_of_all_members_back() -> None:
    rows = [row("A", 0, 100, 99, fees=1), row("B", 0, 100, 98, fees=2)]
    found = portfolio_returns(book(*rows), conventions=conventions(fee_basis=FeeBasis.GROSS))
    assert percents(found) == ["0.000%"]
    unknown = portfolio_returns(book(rows[0], {**rows[1], "fees": None}), conventions=conventions(fee_basis=FeeBasis.GROSS))
    assert unknown.select("roll_up_status", "return_status").row(0) == ("OK", "MISSING_VALUE")


def test_an_amount_that_is_not_known_is_no_zero() -> None:
    found = portfolio_returns(book(row("A", 0, 100, 100), row("B", 0, None, 50)), conventions=conventions())
    assert found.select("roll_up_status", "return_status", "ending_market_value").row(0) == ("MISSING_VALUE", "MISSING_VALUE", None)


def test_rows_without_a_group_belong_to_none() -> None:
    found = rolled_up(book(row("A", 0, 100, 100), row("B", 0, 50, 50, portfolio_id=None)))
    assert found.select("members", "ending_market_value").rows() == [(1, 100)]


def test_a_lazy_frame_comes_out_lazy() -> None:
    rows = book(*JOINED)
    assert_frame_equal(
        portfolio_returns(rows.lazy(), conventions=conventions()).collect(), portfolio_returns(rows, conventions=conventions())
    )
    assert_frame_equal(rolled_up(rows.lazy()).collect(), rolled_up(rows))


def test_an_empty_book_has_no_groups() -> None:
    assert portfolio_returns(book(*JOINED).clear(), conventions=conventions()).height == 0


@pytest.mark.parametrize(
    ("rows", "departures", "message"),
    [
        (book(*JOINED).with_columns(pl.col("ending_market_value").cast(pl.Float64())), None, "ending_market_value holds floats"),
        (book(*JOINED).with_columns(currency=pl.lit(None, pl.String())), None, "a row has no currency"),
        (book(*JOINED).with_columns(bod_flow=pl.lit(0), eod_flow=pl.lit(0)), None, "of bod_flow and eod_flow make these"),
        (book(*JOINED).drop("portfolio_id"), None, "a roll-up needs the column portfolio_id"),
        (book(*JOINED, JOINED[0]), None, "account A has two rows on 2024-06-03"),
        (book(*JOINED), left("B", 0), "account B is to leave P after 2024-06-03, and has no valuation there on that day"),
    ],
)
def test_what_cannot_be_added_is_refused(rows: pl.DataFrame, departures: pl.DataFrame | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rolled_up(rows, departures=departures)


@pytest.mark.parametrize(
    ("member", "group_day", "message"),
    [
        (row("A", 2, 100, 100), 0, "an account has a row before the days that are rolled up that is not before its first one"),
        (row("C", 0, 100, 100), 1, "P has a day before those that are rolled up which is not before the first of them"),
        (row("C", 0, 100, 100, portfolio_id="R"), 0, "account C was in R, of which no day before is given"),
    ],
)
def test_what_is_known_before_has_to_lie_before_and_to_know_every_group(member: dict[str, Any], group_day: int, message: str) -> None:
    days = pl.DataFrame(
        {"portfolio_id": ["P"], "as_of_date": [day(group_day)], "last_currency": ["EUR"], "waiting_left_value": [Decimal(0)]}
    )
    before = GroupsBefore(book(member), days)
    with pytest.raises(ValueError, match=message):
        group_series(
            book(row("A", 1, 100, 101)),
            group="portfolio_id",
            conventions=conventions(),
            transfers=TransferNetting.MATCHED,
            departures=None,
            before=before,
        )


def test_a_gross_return_without_fees_is_refused() -> None:
    with pytest.raises(ValueError, match="a gross return needs the column fees"):
        portfolio_returns(book(*JOINED).drop("fees"), conventions=conventions(fee_basis=FeeBasis.GROSS))


def test_a_day_on_which_an_unknown_value_left_has_no_sum() -> None:
    moved = [row("B", 0, 50, None), row("B", 1, 60, 60, portfolio_id="Q")]
    found = portfolio_returns(book(*(row("A", place, 100, 100) for place in range(3)), *moved), conventions=conventions())
    of_p = found.filter(portfolio_id="P").select("roll_up_status", "left_value", "ending_market_value", "return_status")
    assert of_p.rows() == [
        ("MISSING_VALUE", None, None, "MISSING_VALUE"),
        ("MISSING_VALUE", None, None, "MISSING_VALUE"),
        ("OK", 0, 100, "OK"),
    ]
