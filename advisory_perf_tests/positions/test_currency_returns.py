"""Returns in the reporting currency: the example that is printed, what is missing, and exact fractions over random days."""

import random
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.columns import MONEY, RATE
from advisory_perf.contracts.schemas import schema_failures
from advisory_perf.contracts.tables import CURRENCY_RETURNS
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.positions.currency_returns import currency_returns
from advisory_perf_tests.ingestion.scenarios import a_feed

FIRST = date(2025, 3, 3)
_MONEY = ("beginning_market_value", "contributions", "distributions", "fees", "ending_market_value")


def day(place: int) -> date:
    return FIRST + timedelta(days=place)


def published(place: int, begin: Any, end: Any, *, previous: int | None = -1, **changes: Any) -> dict[str, Any]:
    """A published row of a day, whose valuation before is that of the day before unless said otherwise."""
    before = place - 1 if previous == -1 else previous
    row = {
        "data_source": "acme", "account_id": "A", "as_of_date": day(place), "currency": "EUR", "beginning_market_value": begin,
        "contributions": 0, "distributions": 0, "fees": 0, "ending_market_value": end, "calculated_twrr": 0.0, "return_status": "OK",
        "beginning_rate_date": None if before is None else day(before), **changes,
    }  # fmt: skip
    return {name: Decimal(value) if name in _MONEY and value is not None else value for name, value in row.items()}


def returns(rows: list[dict[str, Any]], rates: dict[int, str], *, feed: PositionsFeed | None = None) -> list[dict[str, Any]]:
    schema = {
        **dict.fromkeys(("data_source", "account_id", "currency", "return_status"), pl.String()),
        **dict.fromkeys(("as_of_date", "beginning_rate_date"), pl.Date()),
        **dict.fromkeys(_MONEY, MONEY),
        "calculated_twrr": pl.Float64(),
    }
    prices = pl.DataFrame(
        [(day(place), "EUR", "USD", Decimal(rate)) for place, rate in rates.items()],
        schema={"as_of_date": pl.Date(), "from_currency": pl.String(), "to_currency": pl.String(), "rate": RATE},
        orient="row",
    )
    found = currency_returns(pl.DataFrame(rows, schema=schema), prices, feed or a_feed(), to="USD")
    assert schema_failures(found, CURRENCY_RETURNS).is_empty()
    return found.to_dicts()


def test_a_thousand_euros_that_earn_one_percent_while_the_euro_rises() -> None:
    (row,) = returns([published(1, 1000, 1010, calculated_twrr=0.01)], {0: "1.10", 1: "1.12"})
    printed = [f"{100 * row[name]:.4f}" for name in ("calculated_twrr", "reporting_return", "currency_effect")]
    assert printed == ["1.0000", "2.8364", "1.8182"]
    assert (row["conversion_status"], row["reporting_currency"], row["currency"]) == ("OK", "USD", "EUR")


@pytest.mark.parametrize(
    ("changes", "rates", "status"),
    [
        ({}, {1: "1.12"}, "MISSING_RATE"),
        ({}, {0: "1.10"}, "MISSING_RATE"),
        ({"previous": None}, {0: "1.10", 1: "1.12"}, "MISSING_DATE"),
    ],
)
def test_what_is_missing_leaves_no_return_and_says_so(changes: dict[str, Any], rates: dict[int, str], status: str) -> None:
    (row,) = returns([published(1, 1000, 1010, calculated_twrr=0.01, **changes)], rates)
    assert (row["conversion_status"], row["reporting_return"], row["currency_effect"]) == (status, None, None)
    assert (row["calculated_twrr"], row["return_status"]) == (0.01, "OK"), "the account's own stays"


def test_an_account_in_the_reporting_currency_needs_no_rate() -> None:
    (row,) = returns([published(1, 1000, 1010, currency="USD", calculated_twrr=0.01)], {})
    assert (row["reporting_return"], row["currency_effect"], row["conversion_status"]) == (0.01, 0.0, "OK")


def test_the_effect_is_held_against_the_published_return_whatever_the_amounts_give() -> None:
    (row,) = returns([published(1, 1000, 1010, calculated_twrr=0.02, return_status="LARGE_FLOW")], {0: "1.10", 1: "1.12"})
    assert row["reporting_return"] == pytest.approx(1131.2 / 1100 - 1)
    assert (row["currency_effect"], row["calculated_twrr"]) == (pytest.approx((1131.2 / 1100) / 1.02 - 1), 0.02)
    (row,) = returns([published(1, 1000, 1010, calculated_twrr=0.02, return_status="LARGE_FLOW", currency="USD")], {})
    figures = [row[name] for name in ("reporting_return", "reporting_status", "currency_effect", "beginning_rate", "ending_rate")]
    assert figures == [0.02, "LARGE_FLOW", 0.0, 1, 1]


def test_without_a_return_of_its_own_an_account_has_none_in_another_currency() -> None:
    closed = published(1, 0, 0, calculated_twrr=None, return_status="CLOSED")
    changed = published(1, 1000, 1010, calculated_twrr=None, return_status="CURRENCY_CHANGE", account_id="B")
    for row in returns([closed, changed], {0: "1.10", 1: "1.12"}):
        assert (row["reporting_return"], row["currency_effect"]) == (None, None)
    assert returns([], {}) == []


def test_returns_are_those_of_exact_fractions_over_random_days() -> None:
    """Flows at mid day: (end - begin - net flow) / (begin + net flow / 2), of amounts at the rates of their days."""
    chance = random.Random(5)
    rates = {place: f"{chance.randrange(8_000, 14_000)}e-4" for place in range(60)}
    rows, expected = [], []
    for place in range(1, 60):
        begin, into, out, end = (Decimal(chance.randrange(1, 10**8)) / 100 for _ in range(4))
        into, out = into / 10, out / 10
        into, out = (amount.quantize(Decimal("0.01")) for amount in (into, out))
        before, now = (Fraction(Decimal(rates[number])) for number in (place - 1, place))

        def earned(of_begin: Fraction, of_rest: Fraction, flow: Decimal = into - out, b: Decimal = begin, e: Decimal = end) -> Fraction:
            base = Fraction(b) * of_begin + Fraction(flow) * of_rest / 2
            return (Fraction(e) * of_rest - Fraction(b) * of_begin - Fraction(flow) * of_rest) / base

        own, abroad = earned(Fraction(1), Fraction(1)), earned(before, now)
        if min(own, abroad) < -1 or Fraction(begin) + Fraction(into - out) / 2 <= 0:
            continue
        rows.append(
            published(place, begin, end, calculated_twrr=float(own), account_id=f"A{place:02}", contributions=into, distributions=out)
        )
        expected.append((abroad, (1 + abroad) / (1 + own) - 1))
    found = returns(rows, rates, feed=a_feed(conventions={"flow_timing": "mid_day", "fee_basis": "net"}))
    assert len(found) > 40
    compared = [(row, exact) for row, exact in zip(found, expected, strict=True) if row["reporting_return"] is not None]
    assert len(compared) > 40
    for row, (abroad, effect) in compared:
        assert abs(Fraction(row["reporting_return"]) - abroad) <= Fraction(1, 10**12) * max(Fraction(1), abs(abroad))
        assert abs(Fraction(row["currency_effect"]) - effect) <= Fraction(1, 10**12) * max(Fraction(1), abs(effect))
