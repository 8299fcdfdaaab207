"""Currencies of rows: codes, minor units, and marks beside amounts that are another currency's."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.currencies import ACTIVE, MINOR_UNITS, WITHDRAWN, meant_by
from advisory_perf.errors import FeedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.feeds.registry import read_feed
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Validated, validate
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.ingestion.scenarios import DELIVERY, HEADER, a_feed, codes, feed_as_data, refusal, validated
from advisory_perf_tests.ingestion.test_fuzzed_cells import raw_of

pytestmark = pytest.mark.slow

BY_COLUMN: dict[str, Any] = {"currency": None}


def by_column(columns: dict[str, Any] | None = None, **changes: Any) -> PositionsFeed:
    return a_feed({"currency": "ccy", **(columns or {})}, **{**BY_COLUMN, **changes})


def of_rows(*rows: str, **changes: Any) -> Validated:
    text = "\n".join([f"{HEADER},ccy", *(f"A{number},2024-06-28,{row}" for number, row in enumerate(rows))]) + "\n"
    return validated(text, by_column(**changes))


def refused_feed(tmp_path: Path, **changes: Any) -> str:
    path = tmp_path / "acme.yaml"
    path.write_text(yaml.safe_dump(feed_as_data(**changes)))
    with pytest.raises(FeedError) as caught:
        read_feed(path)
    return str(caught.value)


def test_every_active_code_is_a_currency_and_nothing_else_is() -> None:
    texts = [*sorted(ACTIVE), *sorted(MINOR_UNITS), *sorted(WITHDRAWN), "XXX", "XTS", "ABC", "CNH", "US", "USDX1", "usd", "Usd"]
    result = validate(raw_of(ccy=texts), by_column(), DELIVERY, POSITION_RULES)
    positions = result.accepted["currency"].to_list()
    recent = {"BGN", "ANG", "ZWL"}
    assert set(positions) == ACTIVE | recent, "a code that was active on the row's day was right then"
    assert set(result.quarantined["code"]) == {"E_CURRENCY"}


def test_a_withdrawn_code_is_one_up_to_its_last_day() -> None:
    days = {"HRK": (date(2022, 12, 31), "2023-02-28"), "DEM": (date(2001, 12, 31), "2024-06-28")}
    for code, (inside, outside) in days.items():
        feed = by_column(first_window="1999-01-01")
        text = f"{HEADER},ccy\nA1,{inside},1,0,0,1,{code}\nA2,{outside},1,0,0,1,{code}\n"
        result = validated(text, feed)
        assert (result.accepted["currency"].to_list(), codes(result)) == ([code], {3: "E_CURRENCY"})
        assert f"{code} was withdrawn from ISO 4217 after" in result.quarantined["reason"].item()


@pytest.mark.parametrize("code", ["GBX", "GBp", "ZAC", "ZAc", "ILA", "USX", "EUX", "KWF"])
def test_a_minor_unit_is_refused_with_its_major_unit_as_column_and_as_constant(tmp_path: Path, code: str) -> None:
    unit = MINOR_UNITS[code]
    remedy = f"set `currency: {unit.major}` and `scale: {unit.scale}` on the amounts, or set `minor_units: accept`"
    result = of_rows(f"1,0,0,1,{code}")
    assert codes(result) == {2: "E_CURRENCY"}
    assert remedy in result.quarantined["reason"].item()
    assert remedy in refused_feed(tmp_path, currency=code)


@pytest.mark.parametrize("code", ["DEM", "ITL", "HRK", "XXX", "XTS", "ABC"])
def test_a_feed_with_a_code_that_is_not_active_is_refused(tmp_path: Path, code: str) -> None:
    assert f"currency: {code} " in refused_feed(tmp_path, currency=code)
    assert f"currency: {code} " in refused_feed(tmp_path, currency=code, minor_units="accept")


@accepts_at_least(0.3)
@settings(derandomize=True, max_examples=40)
@given(
    rows=st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 4), st.sampled_from(["GBX", "GBP", "KWF", "ZAc", "USD"])), max_size=20)
)
def test_accepted_minor_units_are_converted_exactly_or_quarantined(rows: list[tuple[int, int, str]]) -> None:
    amounts = [Decimal(units).scaleb(-decimals) for units, decimals, _ in rows]
    texts, currencies = [f"{amount:f}" for amount in amounts], [code for _, _, code in rows]
    feed = by_column({"fees": "fee"}, minor_units="accept")
    result = validate(raw_of(fee=texts or ["1"], ccy=currencies or ["GBX"]), feed, DELIVERY, POSITION_RULES)
    found = dict(zip(result.accepted["line_number"], result.accepted.select("fees", "currency", "ending_market_value").rows(), strict=True))
    reasons = codes(result)
    for line, (amount, code) in enumerate(zip(amounts, currencies, strict=True), 2):
        unit = MINOR_UNITS.get(code)
        exact = amount.scaleb(-unit.digits) if unit else amount
        fits = exact == round(exact, 4)
        counted("amounts", fits)
        if fits:
            value = Decimal(100).scaleb(-unit.digits) if unit else Decimal(100)
            assert found[line] == (exact, unit.major if unit else code, value)
        else:
            assert reasons[line] == "E_PRECISION"


def test_an_accepted_minor_unit_as_constant_is_the_major_one_with_its_scale() -> None:
    feed = a_feed({"fees": {"from": "fee", "scale": 1000}}, currency="GBX", minor_units="accept")
    position = validated(f"{HEADER},fee\nA1,2024-06-28,100,0,0,101.5,5\n", feed).accepted.row(0, named=True)
    assert (position["currency"], position["fees"]) == ("GBP", Decimal(50))
    assert (position["beginning_market_value"], position["ending_market_value"]) == (Decimal(1), Decimal("1.015"))
    assert codes(validated(f"{HEADER},fee\nA1,2024-06-28,100.123,0,0,101.5,5\n", feed)) == {2: "E_PRECISION"}


def test_totals_are_held_against_the_amounts_as_they_are_printed() -> None:
    feed = by_column(minor_units="accept", footer=[{"column": "id", "starts_with": ["Total"], "totals": True}])
    rows = "A1,2024-06-28,100,0,0,10100,GBX\nA2,2024-06-28,50,0,0,50.25,GBP\n"
    assert validated(f"{HEADER},ccy\n{rows}Total,,150,,,10150.25,\n", feed).notices == ()
    assert refusal(f"{HEADER},ccy\n{rows}Total,,150,,,151.25,\n", feed).code == "E_CONTROL_TOTAL"


def test_half_a_unit_of_the_last_digit_is_that_of_the_row() -> None:
    result = of_rows("1,0,0,10100,GBX", "1,0,0,10100,GBP", minor_units="accept")
    assert result.accepted["vendor_value_half_unit"].to_list() == [Decimal("0.005"), Decimal("0.5")]


@pytest.mark.parametrize(
    ("currency", "signs", "refused"),
    [
        ("USD", ["\u20ac"], True),
        ("USD", ["EUR", "\u00a3"], True),
        ("EUR", ["DEM"], True),
        ("USD", ["$"], False),
        ("CAD", ["$"], False),
        ("CHF", ["$"], True),
        ("USD", ["\u20ac", "$"], False),
        ("CHF", ["SFr."], False),
        ("SEK", ["kr."], False),
        ("EUR", ["Taler"], False),
    ],
)
def test_a_feed_whose_signs_cannot_mean_its_currency_is_refused(tmp_path: Path, currency: str, signs: list[str], refused: bool) -> None:
    changes: dict[str, Any] = {"currency": currency, "numbers": {"currency_signs": signs}}
    if refused:
        assert f"currency: {currency} is not among what numbers: currency_signs may mean" in refused_feed(tmp_path, **changes)
    else:
        assert a_feed(**changes).currency == currency


def test_a_sign_that_tells_no_currency_is_refused_beside_a_column_of_codes(tmp_path: Path) -> None:
    columns = {**feed_as_data()["columns"], "currency": "ccy"}
    said = refused_feed(tmp_path, currency=None, columns=columns, numbers={"currency_signs": ["Taler"]})
    assert "currency_signs: Taler is no sign or code that tells a currency" in said


MARKS = ("$", "US$", "C$", "USD", "CAD", "EUR", "\u20ac", "\u00a3", "GBP", "p", "GBX", "Fr.", "kr", "INR")


@pytest.mark.parametrize("code", ["USD", "CAD", "EUR", "GBP", "CHF", "SEK", "INR"])
@pytest.mark.parametrize("constant", [True, False])
def test_an_amount_marked_with_another_currency_is_refused(code: str, constant: bool) -> None:
    numbers = {"currency_signs": list(MARKS)}
    feed = a_feed({"fees": "fee"}, currency=code, numbers=numbers) if constant else by_column({"fees": "fee"}, numbers=numbers)
    texts = [*(f"{mark}100" for mark in MARKS), *(f"-100 {mark}" for mark in MARKS), "100"]
    result = validate(raw_of(fee=texts, ccy=[code] * len(texts)), feed, DELIVERY, POSITION_RULES)
    taken, refused = set(result.accepted["line_number"]), codes(result)
    for line, mark in enumerate([*MARKS, *MARKS], 2):
        meaning = meant_by(mark)
        assert meaning is not None
        if code in meaning.codes and not meaning.digits:
            assert line in taken, mark
        else:
            assert refused[line] == "E_CURRENCY", mark
    assert len(texts) + 1 in taken
    assert f"the amount is marked {MARKS[-1]}, and the row's currency is {code}" in result.quarantined["reason"][-1] or code == "INR"


def test_marks_of_minor_units_stand_beside_amounts_in_minor_units() -> None:
    signs = {"currency_signs": ["p", "\u00a3"]}
    rows = raw_of(fee=["100p", "100p", "\u00a3100", "\u00a3100"], ccy=["GBX", "GBP", "GBX", "GBP"])
    result = validate(rows, by_column({"fees": "fee"}, numbers=signs, minor_units="accept"), DELIVERY, POSITION_RULES)
    assert result.accepted.select("line_number", "fees").rows() == [(2, Decimal(1)), (5, Decimal(100))]
    assert codes(result) == {3: "E_CURRENCY", 4: "E_CURRENCY"}
    scaled = validate(
        rows.head(1), a_feed({"fees": {"from": "fee", "scale": "0.01"}}, numbers=signs, currency="GBP"), DELIVERY, POSITION_RULES
    )
    assert scaled.accepted["fees"].to_list() == [Decimal(1)]


def test_a_return_has_no_currency() -> None:
    feed = a_feed({"vendor_twrr": "twr"}, numbers={"currency_signs": ["$"]})
    assert codes(validate(raw_of(twr=["$0.01"]), feed, DELIVERY, POSITION_RULES)) == {2: "E_NUMBER"}
