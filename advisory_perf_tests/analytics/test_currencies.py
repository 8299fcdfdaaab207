from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from advisory_perf.analytics import currencies
from advisory_perf.analytics.portfolios import rolled_up
from advisory_perf.contracts.enums import FeeBasis, FlowTiming, TransferNetting
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.analytics.books import CENT, Row, cents, flows, moves
from advisory_perf_tests.analytics.exact import AMOUNTS, LIMIT
from advisory_perf_tests.analytics.scenarios import book, conventions, day, row
from advisory_perf_tests.performance.exact import Conventions, exact_return

DATES = {
    "beginning_market_value": "previous_date",
    "contributions": "as_of_date",
    "distributions": "as_of_date",
    "fees": "as_of_date",
    "ending_market_value": "as_of_date",
}
converted = partial(currencies.converted, to="USD", rate_dates=DATES)
returns_in_both_currencies = partial(currencies.returns_in_both_currencies, to="USD", rate_dates=DATES)


def rates(*given_rates: tuple[int, str, str], to: str = "USD") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "as_of_date": [day(place) for place, _, _ in given_rates],
            "from_currency": [source for _, source, _ in given_rates],
            "to_currency": [to] * len(given_rates),
            "rate": pl.Series([Decimal(rate) for *_, rate in given_rates], dtype=pl.Decimal(38, 12)),
        },
        schema_overrides={"as_of_date": pl.Date(), "from_currency": pl.String()},
    )


def dated(*rows: Row) -> pl.DataFrame:
    """Rows whose beginning values are of the day before."""
    return book(*rows).with_columns(previous_date=pl.col("as_of_date").dt.offset_by("-1d"))


EURO = dated(row("A", 1, 1000, 1010))
RATES = rates((0, "EUR", "1.10"), (1, "EUR", "1.12"))


def test_a_return_in_both_currencies_and_what_the_currency_did() -> None:
    found = returns_in_both_currencies(EURO, RATES, conventions=conventions()).row(0, named=True)
    assert [f"{found[name]:.4%}" for name in ("calculated_twrr", "reporting_return", "currency_effect")] == [
        "1.0000%",
        "2.8364%",
        "1.8182%",
    ]
    assert (found["ending_market_value"], found["currency"], found["reporting_currency"]) == (1010, "EUR", "USD")


def test_each_amount_takes_the_rate_of_its_own_day() -> None:
    found = converted(dated(row("A", 1, "1000.0001", 1010, into="0.0003")), rates((0, "EUR", "1.1000000001"), (1, "EUR", "1.12"))).row(
        0, named=True
    )
    assert found["beginning_market_value"] == Decimal("1000.0001") * Decimal("1.1000000001")
    assert found["contributions"] == Decimal("0.000336")
    assert (found["currency"], found["account_currency"], found["conversion_status"]) == ("USD", "EUR", "OK")


def test_money_in_the_reporting_currency_needs_no_rate() -> None:
    at_home = dated(row("A", 1, 1000, 1010, currency="USD"))
    found = returns_in_both_currencies(at_home, RATES.clear(), conventions=conventions()).row(0, named=True)
    assert (found["reporting_return"], found["currency_effect"], found["conversion_status"]) == (found["calculated_twrr"], 0, "OK")


@pytest.mark.parametrize(
    "known",
    [
        rates((1, "EUR", "1.12")),
        rates((0, "EUR", "1.10"), (2, "EUR", "1.12")),
        rates((0, "GBP", "1.10"), (1, "GBP", "1.12")),
        rates((0, "EUR", "1.10"), (1, "EUR", "1.12"), to="CHF"),
        rates((0, "USD", "0.90"), (1, "USD", "0.91"), to="EUR"),
    ],
)
def test_a_missing_rate_is_never_another_one(known: pl.DataFrame) -> None:
    found = returns_in_both_currencies(EURO, known, conventions=conventions()).row(0, named=True)
    assert (found["conversion_status"], found["reporting_status"]) == ("MISSING_RATE", "MISSING_VALUE")
    assert found["reporting_return"] is found["currency_effect"] is None
    assert found["calculated_twrr"] == pytest.approx(0.01)
    assert converted(EURO, known).select(*DATES).row(0) == (None,) * len(DATES)


def test_an_amount_without_a_day_has_no_rate() -> None:
    unknown = EURO.with_columns(previous_date=pl.lit(None, pl.Date()))
    assert converted(unknown, RATES)["conversion_status"].to_list() == ["MISSING_DATE"]


def test_accounts_in_several_currencies_are_added_after_conversion() -> None:
    rows = dated(row("A", 1, 1000, 1010), row("B", 1, 1100, 1100, currency="USD"))
    summed = rolled_up(converted(rows, RATES), group="portfolio_id", transfers=TransferNetting.MATCHED, departures=None)
    assert summed.select("currency", "beginning_market_value", "ending_market_value", "roll_up_status").row(0) == (
        "USD",
        2200,
        Decimal("2231.2"),
        "OK",
    )
    without = rolled_up(converted(rows, RATES.clear()), group="portfolio_id", transfers=TransferNetting.MATCHED, departures=None)
    assert without.select("ending_market_value", "roll_up_status").row(0) == (None, "MISSING_VALUE")


def test_a_total_loss_has_no_currency_effect() -> None:
    found = returns_in_both_currencies(dated(row("A", 1, 1000, 0)), RATES, conventions=conventions()).row(0, named=True)
    assert (found["calculated_twrr"], found["reporting_return"], found["currency_effect"]) == (-1, -1, None)


@pytest.mark.parametrize(
    ("given_rates", "message"),
    [
        (rates((0, "EUR", "0")), "the rate from EUR to USD of 2024-06-03 is 0E-12; a rate is above zero"),
        (rates((0, "EUR", "-1.1")), "is -1.100000000000; a rate is above zero"),
        (rates((0, "EUR", "1.00000000001")), "has at most 10 decimal places"),
        (rates((0, "EUR", "1.1"), (0, "EUR", "1.2")), "there are two rates from EUR to USD of 2024-06-03; give the one that counts"),
        (RATES.with_columns(pl.col("rate").cast(pl.Float64())), "the column rate holds floats"),
        (RATES.drop("rate"), "a conversion needs the column rate"),
        (RATES.with_columns(rate=pl.lit(None, pl.Decimal(38, 12))), "is None; a rate is above zero"),
    ],
)
def test_what_is_no_rate_is_refused(given_rates: pl.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        converted(EURO, given_rates)


def test_an_amount_that_would_stay_in_the_account_s_currency_is_refused() -> None:
    without = {name: of for name, of in DATES.items() if name != "fees"}
    assert returns_in_both_currencies(EURO, RATES, conventions=conventions(), rate_dates=without)["conversion_status"].item() == "OK"
    with pytest.raises(ValueError, match="the amounts of fees have no date of their rate"):
        returns_in_both_currencies(EURO, RATES, conventions=conventions(fee_basis=FeeBasis.GROSS), rate_dates=without)


def test_amounts_in_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="the column ending_market_value holds floats"):
        converted(EURO.with_columns(pl.col("ending_market_value").cast(pl.Float64())), RATES)


@st.composite
def account_days(draw: st.DrawFn) -> list[Row]:
    found = []
    for account in ("A", "B", "C"):
        currency, value = draw(st.sampled_from(["EUR", "GBP", "USD"])), draw(cents)
        for place in range(1, 5):
            into, out = draw(flows), draw(flows)
            end = max(((value + into) * draw(moves)).quantize(CENT) - out, Decimal(0))
            found.append(row(account, place, value, end, into=into, out=out, fees=draw(flows), currency=currency))
            value = end
    return found


prices = st.integers(1, 10**12).map(lambda units: str(Decimal(units).scaleb(-10)))


def price_of(known: Sequence[tuple[int, str, str]], currency: str, when: date) -> Fraction | None:
    if currency == "USD":
        return Fraction(1)
    return next((Fraction(rate) for place, source, rate in known if source == currency and day(place) == when), None)


@accepts_at_least(0.3)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    account_days(),
    st.dictionaries(st.tuples(st.integers(0, 4), st.sampled_from(["EUR", "GBP"])), prices, min_size=7),
    st.sampled_from([FlowTiming.START_OF_DAY, FlowTiming.END_OF_DAY, FlowTiming.MID_DAY]),
    st.sampled_from(FeeBasis),
    st.integers(0, 99),
)
def test_every_effect_is_within_one_in_a_million_million_in_any_order(
    rows: list[Row], drawn: dict[tuple[int, str], str], timing: FlowTiming, fee_basis: FeeBasis, seed: int
) -> None:
    known = [(place, source, rate) for (place, source), rate in drawn.items()]
    said, frame = conventions(timing, fee_basis=fee_basis), dated(*rows)
    found = returns_in_both_currencies(frame, rates(*known), conventions=said)
    shuffled = returns_in_both_currencies(
        frame.lazy(), rates(*known).sample(fraction=1, shuffle=True, seed=seed), conventions=said
    ).collect()
    assert_frame_equal(found, shuffled, check_exact=True)
    money = converted(frame, rates(*known))
    for each, one, amounts in zip(rows, found.rows(named=True), money.rows(named=True), strict=True):
        before = price_of(known, each["currency"], day((each["as_of_date"] - day(0)).days - 1))
        now = price_of(known, each["currency"], each["as_of_date"])
        local, _ = exact_return(each, Conventions(timing, fee_basis))
        base: Fraction | None = None
        if before is not None and now is not None:
            abroad: dict[str, Any] = {name: Fraction(each[name]) * (before if name == AMOUNTS[0] else now) for name in AMOUNTS}
            assert all(Fraction(amounts[name]) == abroad[name] for name in AMOUNTS)
            base, _ = exact_return(abroad, Conventions(timing, fee_basis))
        assert (one["conversion_status"] == "OK") == (before is not None and now is not None)
        effect = None if local is None or base is None or local == -1 else (1 + base) / (1 + local) - 1
        for name, value in (("calculated_twrr", local), ("reporting_return", base), ("currency_effect", effect)):
            assert (one[name] is None) == (value is None), name
            assert value is None or abs(Fraction(one[name]) - value) <= LIMIT * max(Fraction(1), abs(value)), name
        counted("effects", effect is not None)
