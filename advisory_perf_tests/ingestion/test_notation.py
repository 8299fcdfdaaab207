"""An amount printed in any notation that its feed allows is read as that amount, or not at all: never as another one."""

from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.sources import Numbers
from advisory_perf.ingestion.parsing.numbers import plain
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import validate
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.ingestion.scenarios import DELIVERY, a_feed
from advisory_perf_tests.ingestion.test_fuzzed_cells import raw_of

pytestmark = pytest.mark.slow

DASHES = ("-", "--", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212", "\u2013\u2013", "\ufe63", "\uff0d")
PRINTED_GROUPS = {"": [""], ",": [","], ".": ["."], "'": ["'", "\u2019"], " ": [" ", "\u00a0", "\u202f"], "indian": ["indian"]}
SIGNS = ("$", "US$", "USD", "\u20ac", "EUR", "Fr.", "CHF", "kr.", "kr", "Rs.", "Rs", "\u20b9")
CURRENCIES = {"$": "USD", "US$": "USD", "USD": "USD", "\u20ac": "EUR", "EUR": "EUR", "Fr.": "CHF", "CHF": "CHF"}
CURRENCIES |= {"kr.": "SEK", "kr": "SEK", "Rs.": "INR", "Rs": "INR", "\u20b9": "INR"}


class Style(NamedTuple):
    """How a vendor prints an amount: everything that the feed may say of it, and what it need not say."""

    mark: str
    grouping: str
    sign: str
    sign_behind: bool
    gap: str
    negative: str
    dash: str
    decimals: int


def grouped(digits: str, grouping: str, printed: str) -> str:
    """The digits of a whole number with the mark between its groups."""
    if not grouping or len(digits) < 4:
        return digits
    size = 2 if grouping == "indian" else 3
    head, groups = digits[:-3], [digits[-3:]]
    while head:
        head, groups = head[:-size], [head[-size:], *groups]
    return ("," if grouping == "indian" else printed).join(groups)


def rendered(amount: Decimal, style: Style, printed: str) -> str:
    """The amount as the vendor prints it."""
    whole, _, decimals = f"{abs(amount):.{style.decimals}f}".partition(".")
    is_whole = not decimals.strip("0")
    body = grouped(whole, style.grouping, printed)
    body += style.mark + style.dash if style.dash and is_whole else style.mark + decimals if decimals else ""
    minus = amount < 0
    number = f"-{body}" if minus and style.negative == "front" else body
    number += "-" if minus and style.negative == "behind" else " DR" if minus and style.negative == "DR" else ""
    if style.sign:
        number = f"{number}{style.gap}{style.sign}" if style.sign_behind else f"{style.sign}{style.gap}{number}"
    return f"({number})" if minus and style.negative == "brackets" else number


styles = st.builds(
    Style,
    mark=st.sampled_from(".,"),
    grouping=st.sampled_from(list(PRINTED_GROUPS)),
    sign=st.sampled_from(["", *SIGNS]),
    sign_behind=st.booleans(),
    gap=st.sampled_from(["", " ", "\u00a0"]),
    negative=st.sampled_from(["front", "behind", "brackets", "DR"]),
    dash=st.sampled_from(["", *DASHES]),
    decimals=st.integers(0, 4),
).filter(
    lambda one: one.grouping != one.mark and (one.grouping != "indian" or one.mark == ".") and not (one.dash and one.negative == "behind")
)
"""Without a minus behind dashes, which would be one dash more."""
figures = st.one_of(st.integers(-(10**9), 10**9).map(Decimal), st.integers(-(10**13), 10**13).map(lambda units: Decimal(units).scaleb(-2)))


def read(texts: list[str], numbers: dict[str, Any], currency: str = "USD") -> list[Decimal | str | None]:
    """What becomes of cells of fees: the amount, or the row's code; the file's code throughout where it is refused."""
    feed = a_feed({"fees": "fee", "vendor_twrr": {"from": "twr", "absent": "null"}}, numbers=numbers, currency=currency)
    try:
        result = validate(raw_of(fee=texts), feed, DELIVERY, POSITION_RULES)
    except DeliveryRejectedError as refusal:
        return [refusal.code] * len(texts)
    codes = dict(result.quarantined.select("line_number", "code").rows())
    found = dict(result.accepted.select("line_number", "fees").rows())
    return [codes.get(line) or found[line] for line in range(2, len(texts) + 2)]


@accepts_at_least(0.6)
@settings(derandomize=True, max_examples=80)
@given(amounts=st.lists(figures, min_size=1, max_size=12), style=styles, data=st.data())
def test_an_amount_in_any_notation_of_its_feed_is_that_amount_or_none(amounts: list[Decimal], style: Style, data: st.DataObject) -> None:
    if style.decimals < 2:
        amounts = [amount.to_integral_value() for amount in amounts]
    texts = [rendered(amount, style, data.draw(st.sampled_from(PRINTED_GROUPS[style.grouping]))) for amount in amounts]
    numbers = {"decimal_mark": style.mark, "grouping": style.grouping, "currency_signs": [style.sign] if style.sign else []}
    found = read(texts, numbers | {"credit_debit": style.negative == "DR"}, CURRENCIES.get(style.sign, "USD"))
    for amount, text, value in zip(amounts, texts, found, strict=True):
        assert value in (amount, "E_NUMBER"), text
        is_between = style.sign and style.sign_behind and style.negative in {"behind", "DR"}
        assert value == amount or (amount < 0 and is_between), text
        counted("amounts", value == amount)


@accepts_at_least(0.3)
@settings(derandomize=True, max_examples=60)
@given(amounts=st.lists(figures, min_size=1, max_size=12), style=styles, data=st.data())
def test_where_the_column_tells_the_mark_amounts_are_read_or_the_column_is_refused(
    amounts: list[Decimal], style: Style, data: st.DataObject
) -> None:
    if style.grouping == "indian":
        style = style._replace(grouping="")
    if style.decimals < 2:
        amounts = [amount.to_integral_value() for amount in amounts]
    texts = [rendered(amount, style, data.draw(st.sampled_from(PRINTED_GROUPS[style.grouping]))) for amount in amounts]
    grouping = style.grouping if style.grouping in {"'", " "} else ""
    signs = [style.sign] if style.sign else []
    numbers = {"decimal_mark": "auto", "grouping": grouping, "currency_signs": signs, "credit_debit": style.negative == "DR"}
    found = read(texts, numbers, CURRENCIES.get(style.sign, "USD"))
    for amount, text, value in zip(amounts, texts, found, strict=True):
        assert value in (amount, "E_NUMBER", "E_NUMBER_AMBIGUOUS", "E_PRECISION"), text
        counted("amounts", value == amount)


@pytest.mark.parametrize("dash", DASHES)
@pytest.mark.parametrize(
    ("whole", "numbers"),
    [
        ("1'000'000.", {}),
        ("1000000.", {}),
        ("1,000,000.", {"grouping": ","}),
        ("1.000.000,", {"decimal_mark": ",", "grouping": "."}),
        ("1 000 000,", {"decimal_mark": ",", "grouping": " "}),
        ("10,00,000.", {"grouping": "indian"}),
    ],
)
def test_dashes_in_the_place_of_cents_are_no_minus(dash: str, whole: str, numbers: dict[str, Any]) -> None:
    signed = {**numbers, "currency_signs": ["CHF"]}
    assert read([f"{whole}{dash}", f"CHF {whole}{dash}", f"{whole}{dash} CHF"], signed, "CHF") == [Decimal(1_000_000)] * 3
    assert read([f"-{whole}{dash}", f"({whole}{dash})"], numbers) == [Decimal(-1_000_000)] * 2
    assert read([f"{whole}{dash}-" if len(dash) == 2 else f"{whole} {dash}", f"{whole}- -"], numbers) == ["E_NUMBER"] * 2


def test_a_sign_counts_only_where_a_digit_stands_before_it() -> None:
    assert read(["5.0-", "5-", "5 -"], {}) == [Decimal(-5)] * 3
    assert read(["5. -", "5 CHF-", "5.CHF-", "5.---"], {"currency_signs": ["CHF"]}, "CHF") == ["E_NUMBER"] * 4
    assert read(["5.-", "5."], {"trailing_minus": False}) == [Decimal(5)] * 2


def test_returns_control_figures_and_totals_read_dashes_alike() -> None:
    texts = pl.DataFrame({"text": ["5.-", "5.--%", "-5.\u2013"]})
    assert texts.select(read=plain(pl.col("text"), Numbers(), percent=True))["read"].to_list() == ["5.", "5.", "-5."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10,00,000.00", "1000000"),
        ("1,00,000", "100000"),
        ("99,999.5", "99999.5"),
        ("1,00,00,000", "10000000"),
        ("(1,23,45,678.90)", "-12345678.9"),
        ("1000000.00", "1000000"),
        ("100,000", "E_NUMBER"),
        ("1,000,000", "E_NUMBER"),
        ("10,0,000", "E_NUMBER"),
        ("10,000,00", "E_NUMBER"),
    ],
)
def test_indian_groups_are_of_two_digits_before_the_last_three(text: str, expected: str) -> None:
    (found,) = read([text], {"grouping": "indian"})
    assert found == (expected if expected.startswith("E_") else Decimal(expected))


@pytest.mark.parametrize(
    ("signs", "text", "expected"),
    [
        (["Rs."], "Rs.50", "50"),
        (["Rs."], "Rs. 10,00,000.50", "1000000.5"),
        (["Rs.", "Rs"], "Rs 50", "50"),
        (["Rs.", "Rs"], "Rs.50", "50"),
        (["Rs"], "Rs.50", "E_NUMBER"),
        (["Rs"], "Rs .50", "0.5"),
        (["Rs."], "50 Rs.", "50"),
        (["Rs."], "(Rs.50.-)", "-50"),
    ],
)
def test_a_point_behind_a_sign_is_the_signs_where_the_feed_has_it_so(signs: list[str], text: str, expected: str) -> None:
    (found,) = read([text], {"grouping": "indian", "currency_signs": signs}, "INR")
    assert found == (expected if expected.startswith("E_") else Decimal(expected))


def test_a_number_in_indian_groups_says_which_key_would_take_it() -> None:
    for grouping in (",", "", "'"):
        feed = a_feed({"fees": "fee"}, numbers={"grouping": grouping})
        (reason,) = validate(raw_of(fee=["10,00,000.00"]), feed, DELIVERY, POSITION_RULES).quarantined["reason"]
        assert "set `numbers: grouping: indian`" in reason
