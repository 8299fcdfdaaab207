"""What becomes of the rows of a file of exchange rates: exact to ten places, or in quarantine with a reason."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from advisory_perf.feeds.rates_feed import RatesFeed
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.rates import RATE_RULES
from advisory_perf.ingestion.validation.rows import Delivery, validate

DELIVERY = Delivery("r1", "fx_1.csv", datetime(2025, 4, 1, tzinfo=UTC))


def a_rates_feed(**changes: Any) -> RatesFeed:
    return RatesFeed.model_validate(
        {
            "dataset": "rates",
            "vendor": "acme",
            "title": "Rates",
            "cadence": "daily",
            "first_window": "2020-01-01",
            "files": {"patterns": ["fx_*"], "format": "csv", "csv": {"delimiter": ";"}},
            "columns": {"base_currency": "Base", "quote_currency": "Quote", "as_of_date": "Day", "rate": "Rate"},
            **changes,
        }
    )


def outcome(*rows: str, **changes: Any) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Accepted pairs with their rates, and codes of the others."""
    feed = a_rates_feed(**changes)
    content = "\n".join(["Base;Quote;Day;Rate", *rows]) + "\n"
    found = validate(read_raw_rows(content.encode(), feed, DELIVERY.file_name), feed, DELIVERY, RATE_RULES)
    assert found.is_conserved
    return found.accepted.select("base_currency", "quote_currency", "rate").rows(), found.quarantined["code"].to_list()


@pytest.mark.parametrize(
    ("printed", "rate"),
    [
        ("1.0837", "1.0837"),
        ("0.0000000001", "0.0000000001"),
        ("1.08370000000000", "1.0837"),
        ("9999999999", "9999999999"),
        ("+1.5", "1.5"),
        (" 1.5 ", "1.5"),
    ],
)
def test_a_rate_is_taken_to_its_last_digit(printed: str, rate: str) -> None:
    assert outcome(f"EUR;USD;2025-03-03;{printed}") == ([("EUR", "USD", Decimal(rate))], [])


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("EUR;USD;2025-03-03;0", "E_RATE"),
        ("EUR;USD;2025-03-03;-1.1", "E_RATE"),
        ("EUR;EUR;2025-03-03;1", "E_RATE"),
        ("EUR;usd;2025-03-03;1.1", "E_CURRENCY"),
        ("EUR;XXX;2025-03-03;1.1", "E_CURRENCY"),
        ("DEM;USD;2025-03-03;0.5", "E_CURRENCY"),
        (";USD;2025-03-03;1.1", "E_REQUIRED"),
        ("EUR;USD;2025-03-03;", "E_REQUIRED"),
        ("EUR;USD;2025-03-03;1.00000000001", "E_PRECISION"),
        ("EUR;USD;2025-03-03;10000000000", "E_PRECISION"),
        ("EUR;USD;2025-03-03;x", "E_NUMBER"),
        ("EUR;USD;2025-03-03;inf", "E_NOT_FINITE"),
        ("EUR;USD;2025-13-03;1.1", "E_DATE"),
        ("EUR;USD;2025-04-02;1.1", "E_DATE_RANGE"),
    ],
)
def test_what_is_no_rate_is_quarantined(row: str, code: str) -> None:
    assert outcome(row, "USD;JPY;2025-03-03;149.25") == ([("USD", "JPY", Decimal("149.25"))], [code])


def test_two_rates_of_a_pair_and_day_are_a_conflict_and_the_same_one_twice_is_not() -> None:
    assert outcome("EUR;USD;2025-03-03;1.1", "EUR;USD;2025-03-03;1.2") == ([], ["E_KEY_CONFLICT"] * 2)
    assert outcome("EUR;USD;2025-03-03;1.1", "EUR;USD;2025-03-03;1.1") == ([("EUR", "USD", Decimal("1.1"))], [])
    both = outcome("EUR;USD;2025-03-03;1.25", "USD;EUR;2025-03-03;0.8")
    assert both == ([("EUR", "USD", Decimal("1.25")), ("USD", "EUR", Decimal("0.8"))], [])


def test_notation_and_case_are_those_that_the_feed_says() -> None:
    pair = {"base_currency": {"from": "Base", "case": "upper"}, "quote_currency": {"from": "Quote", "case": "upper"}}
    columns = {**pair, "as_of_date": "Day", "rate": "Rate"}
    found = outcome("eur;usd;2025-03-03;1.083,75", columns=columns, numbers={"decimal_mark": ",", "grouping": "."})
    assert found == ([("EUR", "USD", Decimal("1083.75"))], [])


@pytest.mark.parametrize(("factor", "is_allowed"), [("1.0001", True), ("1", False)])
def test_a_rate_leaps_by_more_than_nothing(factor: str, *, is_allowed: bool) -> None:
    if is_allowed:
        assert a_rates_feed(rate_jump=factor).rate_jump == Decimal(factor)
    else:
        with pytest.raises(ValidationError, match="rate_jump"):
            a_rates_feed(rate_jump=factor)
    assert a_rates_feed().rate_jump == Decimal("1.25")


@pytest.mark.parametrize("changes", [{"currency": "USD"}, {"columns": {"base_currency": "B", "quote_currency": "Q", "as_of_date": "D"}}])
def test_a_feed_of_rates_has_no_currency_of_its_own_and_maps_all_four(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"currency|rate must be mapped"):
        a_rates_feed(**changes)


def test_a_rate_has_no_scale() -> None:
    columns = {"base_currency": "Base", "quote_currency": "Quote", "as_of_date": "Day"}
    for scale in ("percent", 100):
        with pytest.raises(ValidationError, match="scale"):
            a_rates_feed(columns={**columns, "rate": {"from": "Rate", "scale": scale}})
