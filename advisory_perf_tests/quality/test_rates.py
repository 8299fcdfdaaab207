"""Leaps of exchange rates and pairs that contradict themselves in both directions."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.columns import RATE
from advisory_perf.quality.rates import RATES_BACK, contradicting_inverses, rate_jumps

FIRST = date(2025, 3, 3)
FACTOR = Decimal("1.25")


def rates(*rows: tuple[int, str, str], own_from: int = 0) -> pl.DataFrame:
    """Rates of places of days: place, pair such as EUR/USD, rate."""
    return pl.DataFrame(
        [(*pair.split("/"), FIRST + timedelta(days=place), "d", Decimal(rate), place, place >= own_from) for place, pair, rate in rows],
        schema={
            "base_currency": pl.String(),
            "quote_currency": pl.String(),
            "as_of_date": pl.Date(),
            "delivery_id": pl.String(),
            "rate": RATE,
            "ordinal": pl.Int64(),
            "is_own": pl.Boolean(),
        },
        orient="row",
    )


def jumps(*rows: tuple[int, str, str], **changes: Any) -> list[tuple[Any, ...]]:
    found = rate_jumps(rates(*rows, **changes), factor=FACTOR)
    return found.select("base_currency", "as_of_date", "rate", "previous_rate", "previous_date").rows()


@pytest.mark.parametrize(("rate", "leaps"), [("1.2499", False), ("1.25", True), ("0.8", True), ("0.8001", False), ("1", False)])
def test_a_rate_leaps_from_the_factor_on_up_and_down(rate: str, *, leaps: bool) -> None:
    found = jumps((0, "EUR/USD", "1"), (1, "EUR/USD", rate))
    assert found == ([("EUR", FIRST + timedelta(days=1), Decimal(rate), Decimal(1), FIRST)] if leaps else [])


def test_each_pair_and_direction_is_held_against_its_own_rate_before() -> None:
    assert jumps((0, "EUR/USD", "1.1"), (0, "USD/EUR", "0.9"), (1, "EUR/USD", "1.1"), (1, "USD/EUR", "0.9"), (1, "EUR/CHF", "9")) == []


def test_only_rates_of_the_run_are_named_and_only_near_ones_tell() -> None:
    rows = (0, "EUR/USD", "1"), (1, "EUR/USD", "2"), (2, "EUR/USD", "4")
    assert [day for _, day, *_ in jumps(*rows, own_from=2)] == [FIRST + timedelta(days=2)]
    assert jumps((0, "EUR/USD", "1"), (RATES_BACK, "EUR/USD", "2"))
    assert not jumps((0, "EUR/USD", "1"), (RATES_BACK + 1, "EUR/USD", "2"))


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("1.25", "0.8", True),
        ("1.0837", "0.9228", True),
        ("149.25", "0.0067", True),
        ("149.25", "0.00670", True),
        ("149.25", "0.006712", False),
        ("1.0837", "0.92", True),
        ("1.0837", "0.93", False),
        ("1.0837", "1.0837", False),
    ],
)
def test_both_directions_agree_within_their_printed_digits(one: str, other: str, *, agree: bool) -> None:
    """0.92 says no more than 0.915 to 0.925; 1 / 1.0837 is 0.92277."""
    found = contradicting_inverses(rates((0, "EUR/JPY", one), (0, "JPY/EUR", other)))
    assert found.select("base_currency", "rate", "inverse_rate").rows() == ([] if agree else [("EUR", Decimal(one), Decimal(other))])


def test_directions_of_other_days_and_other_pairs_tell_nothing() -> None:
    assert contradicting_inverses(rates((0, "EUR/USD", "2"), (1, "USD/EUR", "2"), (0, "USD/CHF", "2"))).is_empty()
    assert contradicting_inverses(rates()).is_empty()
