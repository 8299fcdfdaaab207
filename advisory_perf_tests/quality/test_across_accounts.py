"""New and renumbered accounts, and days that differ within a portfolio: what was planted is found, exactly, and nothing else."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.enums import Cadence
from advisory_perf.quality.across_accounts import by_window, days_apart, new_accounts, renumbered_accounts
from advisory_perf_tests.quality.across_scenarios import NO_LAST_DAYS, NOBODY, Month, a_month, a_row, across

SEEDS = range(4)
DAY = timedelta(days=1)


def found(frame: pl.DataFrame, *names: str) -> set[tuple[Any, ...]]:
    return set(frame.select("account_id", "as_of_date", *names).rows())


def renumbered(rows: pl.DataFrame, known: pl.DataFrame | None = None, quarantined: pl.DataFrame = NOBODY) -> pl.DataFrame:
    return renumbered_accounts(rows, new_accounts(rows, known), quarantined)


def behind(month: Month, account: str, place: int) -> None:
    """Takes the account's rows away from the day on."""
    for later in range(place, len(month.dates)):
        month.rows.pop((account, later), None)


def renumber(month: Month, account: str, place: int, name: str) -> None:
    """From the day on the account comes under another number."""
    for later in range(place, len(month.dates)):
        month.rows[name, later] = {**month.rows.pop((account, later)), "account_id": name}


# new and renumbered ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_every_renumbered_account_and_every_new_one_is_found_and_nothing_else(seed: int) -> None:
    month = a_month(seed)
    old = month.random.sample(range(400), 40)
    planted = {(f"N{number:04}", month.random.randrange(1, 21), f"A{number:04}") for number in old[:20]}
    for name, place, account in planted:
        renumber(month, account, place, name)
    late = {(f"A{number:04}", month.random.randrange(1, 21)) for number in old[20:30]}
    for account, place in late:
        for earlier in range(place):
            del month.rows[account, earlier]
    for number in old[30:]:
        behind(month, f"A{number:04}", month.random.randrange(1, 21))
    rows = across(month.frame())
    pairs = renumbered(rows)
    assert found(pairs, "other_account_id", "other_as_of_date", "kept") == {
        (name, month.dates[place], account, month.dates[place - 1], "name, portfolio, client") for name, place, account in planted
    }
    assert found(new_accounts(rows, None)) == {
        *((name, month.dates[place]) for name, place, _ in planted),
        *((account, month.dates[place]) for account, place in late),
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_a_month_in_which_nothing_is_planted_has_no_new_renumbered_or_belated_account(seed: int) -> None:
    rows = across(a_month(seed).frame())
    assert new_accounts(rows, None).is_empty()
    assert renumbered(rows).is_empty()
    assert days_apart(rows, NO_LAST_DAYS, NOBODY, cadence=Cadence.DAILY).is_empty()
    assert days_apart(rows, NO_LAST_DAYS, NOBODY, cadence=Cadence.MONTHLY).is_empty()


def test_runs_of_any_days_find_what_one_run_finds() -> None:
    month = a_month(9, accounts=120)
    for number in range(0, 60, 3):
        renumber(month, f"A{number:04}", 1 + number % 20, f"N{number:04}")
    whole = across(month.frame())
    expected = found(renumbered(whole), "other_account_id"), found(new_accounts(whole, None))
    for size in (1, 4, 7):
        pairs: set[tuple[Any, ...]] = set()
        new: set[tuple[Any, ...]] = set()
        for first in range(0, 21, size):
            known = month.frame().filter(pl.col("ordinal") < first).select("account_id").unique() if first else None
            rows = across(month.frame(own_from=first, known_from=max(0, first - 3)).filter(pl.col("ordinal") < first + size))
            pairs |= found(renumbered(rows, known), "other_account_id")
            new |= found(new_accounts(rows, known))
        assert (pairs, new) == expected, size


OLD = a_row("OLD", 0, 100, 250), a_row("B", 0, 50, 60)
NEW = a_row("NEW", 1, 250, 260), a_row("B", 1, 60, 70)


def test_an_account_that_begins_with_the_value_of_one_that_is_gone_is_named() -> None:
    (pair,) = renumbered(across(*OLD, *NEW)).to_dicts()
    assert (pair["account_id"], pair["other_account_id"], pair["beginning_market_value"]) == ("NEW", "OLD", Decimal(250))
    assert (pair["as_of_date"], pair["other_as_of_date"]) == (date(2025, 3, 4), date(2025, 3, 3))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((*OLD, *NEW, a_row("OLD", 1, 250, 255)), id="the old one goes on"),
        pytest.param((*OLD, a_row("NEW", 1, 250, 260, currency="EUR")), id="another currency"),
        pytest.param((*OLD, a_row("NEW", 1, "250.01", 260)), id="another value"),
        pytest.param((*OLD, a_row("ELSE", 0, 90, 250), *NEW), id="two old ones"),
        pytest.param((*OLD, *NEW, a_row("ALSO", 1, 250, 260)), id="two new ones"),
        pytest.param((a_row("OLD", 0, 100, 0), a_row("B", 0, 50, 60), a_row("NEW", 1, 0, 10)), id="nothing is no value"),
        pytest.param((a_row("OLD", 0, 100, 250, is_emptied=True), *OLD[1:], *NEW), id="a remainder of an emptied account"),
        pytest.param((a_row("OLD", 0, 100, 250), a_row("B", 1, 60, 70), a_row("NEW", 2, 250, 260)), id="a window lies between"),
        pytest.param((*OLD, a_row("NEW", 0, 240, 250), *NEW), id="the new one is not new"),
    ],
)
def test_what_is_not_a_new_number_is_not_named(rows: tuple[dict[str, Any], ...]) -> None:
    assert renumbered(across(*rows)).is_empty()


def test_an_old_account_in_quarantine_is_not_gone_and_a_known_one_not_new() -> None:
    rows = across(*OLD, *NEW)
    held = pl.DataFrame({"account_id": ["OLD"], "window": [date(2025, 3, 4)]})
    assert renumbered(rows, quarantined=held).is_empty()
    assert renumbered(rows, pl.DataFrame({"account_id": ["NEW", "OLD", "B"]})).is_empty()


def test_accounts_without_a_currency_are_held_against_each_other() -> None:
    rows = across(a_row("OLD", 0, 1, 2, currency=None), a_row("NEW", 1, 2, 3, currency=None, portfolio_id="Q"))
    assert found(renumbered(rows), "other_account_id", "kept") == {("NEW", date(2025, 3, 4), "OLD", "name, client")}


def test_the_first_window_of_a_feed_has_no_new_accounts() -> None:
    assert new_accounts(across(*OLD), None).is_empty()
    assert new_accounts(across(), None).is_empty()
    assert found(new_accounts(across(*NEW), pl.DataFrame({"account_id": ["B"]}))) == {("NEW", date(2025, 3, 4))}


# days within a portfolio ----------------------------------------------------------------------------------------------


def test_an_account_that_is_valued_on_another_day_of_the_month_than_most_is_named() -> None:
    march, end = date(2025, 3, 1), date(2025, 3, 31)
    rows = [a_row(name, 0, 1, 2, as_of_date=end, window=march) for name in ("A", "B")]
    late = a_row("C", 0, 1, 2, as_of_date=end - DAY, window=march)
    apart = days_apart(across(*rows, late), NO_LAST_DAYS, NOBODY, cadence=Cadence.MONTHLY)
    assert found(apart, "own_date", "usual_date") == {("C", end - DAY, end - DAY, end)}
    emptied = {**late, "is_emptied": True}
    elsewhere = {**late, "portfolio_id": "Q"}
    nowhere = {**late, "portfolio_id": None}
    for one in (emptied, elsewhere, nowhere):
        assert days_apart(across(*rows, one), NO_LAST_DAYS, NOBODY, cadence=Cadence.MONTHLY).is_empty()
    two = days_apart(across(rows[0], late), NO_LAST_DAYS, NOBODY, cadence=Cadence.MONTHLY)
    assert found(two) == {("C", end - DAY)}, "of two the later one is right"


@pytest.mark.parametrize("seed", SEEDS)
def test_every_account_behind_the_last_day_of_its_file_is_found_and_nothing_else(seed: int) -> None:
    month = a_month(seed)
    for row in month.rows.values():
        row["delivery_id"] = "whole" if row["as_of_date"] > month.dates[10] else "before"
    picked = [f"A{number:04}" for number in month.random.sample(range(0, 400, 4), 30)]
    for account in picked[:20]:
        behind(month, account, 21 - month.random.randrange(1, 4))
    for account in picked[20:]:
        behind(month, account, 5)  # ended long before
    last_days = pl.DataFrame({"delivery_id": ["whole", "before"], "last_as_of_date": [month.dates[20], month.dates[10]]})
    apart = days_apart(across(month.frame()), last_days, NOBODY, cadence=Cadence.DAILY)
    assert found(apart, "usual_date") == {(account, month.dates[20], month.dates[20]) for account in picked[:20]}
    held = pl.DataFrame({"account_id": picked[:1], "window": [month.dates[20]]})
    assert days_apart(across(month.frame()), last_days, held, cadence=Cadence.DAILY).height == 19


def test_one_account_is_not_ahead_of_the_others_because_they_are_behind() -> None:
    last_days = pl.DataFrame({"delivery_id": ["d"], "last_as_of_date": [date(2025, 3, 4)]})
    rows = [*(a_row(name, 0, 1, 2, delivery_id="d") for name in "ABC"), a_row("A", 1, 2, 3, delivery_id="d")]
    assert days_apart(across(*rows), last_days, NOBODY, cadence=Cadence.DAILY).is_empty()
    assert days_apart(across(*rows[:2], rows[3]), last_days, NOBODY, cadence=Cadence.DAILY)["account_id"].to_list() == ["B"]


# several valuations a window ------------------------------------------------------------------------------------------


def test_several_valuations_of_a_window_are_one_row() -> None:
    march = date(2025, 3, 1)
    second = a_row("A", 0, 150, 180, contributions=5, as_of_date=date(2025, 3, 31), window=march)
    first = a_row("A", 0, 100, 150, contributions=20, as_of_date=date(2025, 3, 15), window=march)
    later = a_row("A", 1, 180, 190, window=date(2025, 4, 1))
    (row, after) = across(second, first, later, several=True).sort("ordinal").to_dicts()
    assert (row["beginning_market_value"], row["ending_market_value"], row["contributions"]) == (100, 180, 25)
    assert (row["as_of_date"], row["before"], after["before"] is None) == (date(2025, 3, 31), None, False)


def test_the_row_before_is_found_in_any_order_of_rows() -> None:
    frame = a_month(3, accounts=30).frame().sample(fraction=1.0, shuffle=True, seed=1)
    rows = by_window(frame, several=False)
    before = rows.select(pl.col("account_id").gather("before").alias("account"), pl.col("ordinal").gather("before").alias("number"))
    both = pl.concat([rows, before], how="horizontal")
    assert both.filter(pl.col("ordinal") > 0, pl.col("account").ne_missing(pl.col("account_id"))).is_empty()
    assert both.filter(pl.col("number").ne_missing(pl.when(pl.col("ordinal") > 0).then(pl.col("ordinal") - 1))).is_empty()
