from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, codes, validated

pytestmark = pytest.mark.table

FEES = {"fees": "fee"}
EUROPEAN = {"decimal_mark": ",", "grouping": "."}
AMERICAN = {"grouping": ",", "currency_signs": ["$", "US$"], "parentheses_negative": True}


def a_file(column: str, *texts: str) -> str:
    """One row a text, in a further column of that name; a day a row."""
    rows = (f'A1,2024-06-{day:02},100,0,0,101,"{text}"' for day, text in enumerate(texts, start=1))
    return "\n".join([f"{HEADER},{column}", *rows]) + "\n"


def value(text: str, feed: PositionsFeed, column: str = "fee") -> Any:
    """What a cell becomes: the value of the mapped field, or the code with which its row is quarantined."""
    field = next(name for name, source in feed.columns.items() if source.from_ == column)
    result = validated(a_file(column, text), feed)
    return codes(result)[2] if result.quarantined.height else result.accepted[field].item()


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1", "1"), ("+1.5", "1.5"), ("-0.0001", "-0.0001"), (".5", "0.5"), ("5.", "5"), (" 7 ", "7"), ("007.10", "7.1")],
)
def test_plain_numbers_are_money(text: str, amount: str) -> None:
    assert value(text, a_feed(FEES)) == Decimal(amount)


NO_NUMBERS = (
    "--5",
    "-(5)",
    "(5-)",
    "5--",
    "five",
    "1.2.3",
    "0x10",
    "\u0661",
    "1_000",
    "+",
    ".",
    "()",
    "NaN",
    "Total 327.50",
    "True",
    "null?",
)
NOT_SWITCHED_ON = ("1,000", "1 000", "$5", "5 USD", "5 CR", "5%", "1'00", "1'000,5")


@pytest.mark.parametrize("text", [*NO_NUMBERS, *NOT_SWITCHED_ON])
def test_notation_that_the_feed_does_not_switch_on_is_no_number(text: str) -> None:
    assert value(text, a_feed(FEES)) == "E_NUMBER"


def test_more_than_four_decimals_are_reported_and_never_rounded() -> None:
    assert value("1.23456", a_feed(FEES)) == "E_PRECISION"
    assert value("0.00001", a_feed(FEES)) == "E_PRECISION"
    assert value("1.2345000", a_feed(FEES)) == Decimal("1.2345")


def test_more_than_eighteen_integer_digits_are_reported() -> None:
    assert value("9" * 18 + ".9999", a_feed(FEES)) == Decimal("9" * 18 + ".9999")
    assert value("1" + "0" * 18, a_feed(FEES)) == "E_PRECISION"


@pytest.mark.parametrize("text", ["inf", "-Infinity", "+INF"])
def test_what_is_not_finite_is_never_a_value(text: str) -> None:
    assert value(text, a_feed(FEES)) == "E_NOT_FINITE"
    assert value(text, a_feed({"vendor_twrr": "twr"}), "twr") == "E_NOT_FINITE"
    assert value("1e999", a_feed({"vendor_twrr": "twr"}), "twr") == "E_NOT_FINITE"
    assert value("1e30", a_feed({"vendor_twrr": "twr"}), "twr") == "E_NOT_FINITE"
    assert value("1e400", a_feed(FEES)) == "E_NOT_FINITE"
    assert value("1e6", a_feed({"vendor_twrr": "twr"}, plausibility={"scale": "warn"}), "twr") == 1e6


@pytest.mark.parametrize("text", ["#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?"])
def test_a_spreadsheet_error_is_never_a_value(text: str) -> None:
    assert value(text, a_feed(FEES)) == "E_CELL_ERROR"
    assert value(text, a_feed({"account_name": "name"}), "name") == "E_CELL_ERROR"


@pytest.mark.parametrize("blank", ["", " ", "-", "--", "n/a", "N/A"])
def test_a_blank_cell_is_null_zero_or_refused_as_the_feed_says(blank: str) -> None:
    assert value(blank, a_feed(FEES)) is None
    assert value(blank, a_feed({"fees": {"from": "fee", "blank": "zero"}})) == Decimal(0)
    assert value(blank, a_feed({"fees": {"from": "fee", "blank": "reject"}})) == "E_REQUIRED"
    assert value(blank, a_feed({"vendor_twrr": "fee"})) is None
    assert value(blank, a_feed({"vendor_twrr": {"from": "fee", "blank": "zero"}})) == 0.0


def test_a_required_amount_is_never_null_but_may_be_zero_where_the_feed_says_so() -> None:
    text = f"{HEADER}\nA1,2024-06-28,100,,0,101\n"
    assert codes(validated(text)) == {2: "E_REQUIRED"}
    zero = validated(text, a_feed({"contributions": {"from": "in", "blank": "zero"}}))
    assert zero.accepted["contributions"].item() == 0


def test_a_column_that_may_be_absent_counts_as_zero_when_it_is() -> None:
    feed = a_feed({"fees": {"from": "fee", "absent": "zero"}, "account_name": {"from": "name", "absent": "zero"}})
    position = validated(f"{HEADER}\nA1,2024-06-28,100,0,0,101\n", feed).accepted.row(0, named=True)
    assert position["fees"] == Decimal(0)
    assert position["account_name"] is None
    assert value("3", feed) == Decimal(3)
    assert value("", feed) is None


@pytest.mark.parametrize("text", ["\u22125.00", "- 5.00", "\u2212 5", "\u200b-5\u200b", "\u202a-5.00\u202c", "\ufeff-5", '=""-5.00""'])
def test_marks_that_change_no_number_are_read_over(text: str) -> None:
    assert value(text, a_feed(FEES)) == Decimal(-5)


@pytest.mark.parametrize("text", ["\u00ad5.00", "5.00\u00ad", "\u00ad", "\u20105", "\u20135", "\u20145.00", "\u22125\u2212", "\u00ad-5"])
def test_what_may_be_a_minus_or_a_hyphen_makes_no_amount(text: str) -> None:
    """Soft hyphens are what other character sets print for a minus."""
    assert value(text, a_feed(FEES)) == "E_NUMBER"


@pytest.mark.parametrize("text", ['=""00123""', "\u200b00123", "00123\ufeff", "\u00a000123\u200e"])
def test_an_account_number_is_taken_out_of_its_wrapping_with_a_notice(text: str) -> None:
    result = validated(f'{HEADER}\n"{text}",2024-06-28,100,0,0,101\n')
    assert (result.accepted["account_id"].item(), [notice.code for notice in result.notices]) == ("00123", ["W_ID_CLEANED"])


def test_a_cell_that_is_kept_as_text_needs_no_quotes_around_it() -> None:
    assert validated(f'{HEADER}\n="00123",2024-06-28,="100",0,0,101\n').accepted["account_id"].item() == "00123"


def test_spaces_around_an_account_number_are_no_news() -> None:
    assert validated(f"{HEADER}\n A1\t,2024-06-28,100,0,0,101\n").notices == ()


@pytest.mark.parametrize(("text", "code"), [("1001.0", "E_ID"), ("N/A", "E_REQUIRED"), ("-", "E_REQUIRED"), ("null", "E_REQUIRED")])
def test_a_number_with_decimals_or_a_text_for_nothing_is_no_account(text: str, code: str) -> None:
    assert codes(validated(f"{HEADER}\n{text},2024-06-28,100,0,0,101\n")) == {2: code}


def test_a_text_for_nothing_is_no_name() -> None:
    assert value("n/a", a_feed({"account_name": "name"}), "name") is None


def test_a_flow_is_positive_or_the_feed_reverses_its_sign() -> None:
    def out(text: str, sign: int) -> Any:
        feed = a_feed({"distributions": {"from": "out", "sign": sign}})
        result = validated(f"{HEADER}\nA1,2024-06-28,100,0,{text},101\n", feed)
        return codes(result).get(2) or result.accepted["distributions"].item()

    assert out("-5", 1) == "E_SIGN"
    assert out("5", 1) == Decimal(5)
    assert out("-5", -1) == Decimal(5)
    assert out("5", -1) == "E_SIGN"
    assert out("-0.00", 1) == Decimal(0)


def test_a_sign_is_turned_in_money_that_may_be_negative_and_in_returns() -> None:
    assert value("-5", a_feed({"fees": {"from": "fee", "sign": -1}})) == Decimal(5)
    assert value("5", a_feed({"fees": {"from": "fee", "sign": -1}})) == Decimal(-5)
    assert value("0.5", a_feed({"vendor_twrr": {"from": "fee", "sign": -1}})) == -0.5


@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("1.25", "percent", 0.0125),
        ("-100", "percent", -1.0),
        ("0.0125", "fraction", 0.0125),
        ("1e-7", "fraction", 1e-7),
        ("1.5E1", "percent", 0.15),
    ],
)
def test_a_return_is_a_fraction_whatever_the_vendor_prints(text: str, scale: str, expected: float) -> None:
    assert value(text, a_feed({"vendor_twrr": {"from": "twr", "scale": scale}}), "twr") == expected


@pytest.mark.parametrize("text", ["1,25", "1.25%%", "1.25 bps", "% 1", "%"])
def test_a_return_in_other_notation_is_no_number(text: str) -> None:
    assert value(text, a_feed({"vendor_twrr": "twr"}), "twr") == "E_NUMBER"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234.50", "1234.5"),
        ("1234.50", "1234.5"),
        ("12,345,678.9", "12345678.9"),
        ("(1,234.50)", "-1234.5"),
        ("$1,234.50", "1234.5"),
        ("$ 5", "5"),
        ("US$5", "5"),
        ("-$5", "-5"),
        ("($5.00)", "-5"),
        ("1,23.4", "E_NUMBER"),
        ("1,2345", "E_NUMBER"),
        ("1234,567", "E_NUMBER"),
        (",123", "E_NUMBER"),
        ("1,234,", "E_NUMBER"),
        ("1.234,50", "E_NUMBER"),
        ("1.5,000", "E_NUMBER"),
        ("(-5)", "E_NUMBER"),
        ("(5", "E_NUMBER"),
        ("5$", "5"),
        ("-5 US$", "-5"),
        ("$5$", "E_NUMBER"),
        ("$(5.00)", "-5"),
        ("$-5", "-5"),
        ("$5-", "-5"),
        ("-$5-", "E_NUMBER"),
        ("1,234.56789", "E_PRECISION"),
    ],
)
def test_grouping_currency_and_parentheses_where_the_feed_says_so(text: str, expected: str) -> None:
    found = value(text, a_feed(FEES, numbers=AMERICAN))
    assert found == (expected if expected.startswith("E_") else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.234,50", "1234.5"),
        ("1234,5", "1234.5"),
        ("-1.234.567,89", "-1234567.89"),
        ("1.234", "1234"),
        ("1.23", "E_NUMBER"),
        ("1,234.50", "E_NUMBER"),
        ("1,234,567", "E_NUMBER"),
        ("1,00001", "E_PRECISION"),
    ],
)
def test_european_notation_where_the_feed_says_so(text: str, expected: str) -> None:
    found = value(text, a_feed(FEES, numbers=EUROPEAN))
    assert found == (expected if expected.startswith("E_") else Decimal(expected))


@pytest.mark.parametrize(("grouping", "text"), [("'", "1'234'567.5"), (" ", "1 234 567.5"), (",", "1,234,567.5")])
def test_every_grouping_mark_can_be_switched_on(grouping: str, text: str) -> None:
    assert value(text, a_feed(FEES, numbers={"grouping": grouping})) == Decimal("1234567.5")


@pytest.mark.parametrize(
    ("text", "amount"),
    [("(500.00)", "-500"), ("500.00-", "-500"), ("500.00 -", "-500"), ("1'040'000.00", "1040000"), ("1\u2019040.5", "1040.5")],
)
def test_notation_that_can_be_read_in_one_way_only_needs_no_word_of_the_feed(text: str, amount: str) -> None:
    assert value(text, a_feed(FEES)) == Decimal(amount)


@pytest.mark.parametrize(
    ("text", "switch"), [("(5)", {"parentheses_negative": False}), ("5-", {"trailing_minus": False}), ("(5-)", {}), ("(5)-", {})]
)
def test_it_can_be_switched_off_and_two_signs_are_none(text: str, switch: dict[str, Any]) -> None:
    assert value(text, a_feed(FEES, numbers=switch)) == "E_NUMBER"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5 CR", "5"), ("5.25DR", "-5.25"), ("$5 dr", "-5"), ("-5 DR", "E_NUMBER"), ("(5) CR", "E_NUMBER"), ("5 XR", "E_NUMBER")],
)
def test_credit_and_debit_marks_are_signs_where_the_feed_says_so(text: str, expected: str) -> None:
    found = value(text, a_feed(FEES, numbers={"credit_debit": True, "currency_signs": ["$"]}))
    assert found == (expected if expected.startswith("E_") else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "expected"), [("1.04000000E+06", "1040000"), ("1.25e0", "1.25"), ("125E-2", "1.25"), ("0E+5", "E_PRECISION")]
)
def test_scientific_money_is_read_where_the_mantissa_shows_its_cents(text: str, expected: str) -> None:
    found = value(text, a_feed(FEES))
    assert found == (expected if expected.startswith("E_") else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "whole", "expected"),
    [
        ("1.04E+06", False, "E_PRECISION"),
        ("1.04E+06", True, "1040000"),
        ("1.0E-4", True, "0.0001"),
        ("1.0E-5", True, "E_PRECISION"),
        ("9E17", True, "900000000000000000"),
        ("9E18", True, "E_NOT_FINITE"),
        ("1E999", True, "E_NOT_FINITE"),
    ],
)
def test_a_short_mantissa_may_hide_digits_unless_the_feed_says_that_it_is_whole(text: str, whole: bool, expected: str) -> None:
    found = value(text, a_feed(FEES, numbers={"scientific": whole}))
    assert found == (expected if expected.startswith("E_") else Decimal(expected))


def test_money_in_scientific_notation_is_noticed() -> None:
    assert [notice.code for notice in validated(a_file("fee", "1.04000000E+06"), a_feed(FEES)).notices] == ["W_SCI_NOTATION"]
    assert validated(a_file("fee", "1040000", "(5)"), a_feed(FEES)).notices == ()


@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("1040", 1000, "1040000"),
        ("1.0405", 1000, "1040.5"),
        ("-.5", 1000, "-500"),
        ("0.0000001", 1000, "0.0001"),
        ("0.00000001", 1000, "E_PRECISION"),
        ("12345", 0.01, "123.45"),
        ("(5)", 0.01, "-0.05"),
        ("1.23", 0.01, "0.0123"),
        ("1.234", 0.01, "E_PRECISION"),
        ("999999999999999", 1000, "999999999999999000"),
        ("1000000000000000", 1000, "E_PRECISION"),
    ],
)
def test_money_in_thousands_or_pence_is_scaled_exactly_or_reported(text: str, scale: float, expected: str) -> None:
    found = value(text, a_feed({"fees": {"from": "fee", "scale": scale}}))
    assert found == (expected if expected.startswith("E_") else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("2.74%", "fraction", 0.0274),
        ("2.74 %", "percent", 0.0274),
        ("(2.74%)", "percent", -0.0274),
        ("(2.74%)", "fraction", -0.0274),
        ("-0.5%", None, -0.005),
        ("2.74%", "basis_points", "E_NUMBER"),
        ("274", "basis_points", 0.0274),
        ("-1.5", "basis_points", -0.00015),
    ],
)
def test_a_percent_sign_divides_by_a_hundred_once_and_basis_points_by_ten_thousand(text: str, scale: str | None, expected: object) -> None:
    assert value(text, a_feed({"vendor_twrr": {"from": "twr", "scale": scale}}), "twr") == expected


def test_a_percent_sign_can_be_switched_off() -> None:
    assert value("2.74%", a_feed({"vendor_twrr": "twr"}, numbers={"percent_sign": False}), "twr") == "E_NUMBER"


def test_the_feed_names_the_texts_that_mean_no_value() -> None:
    assert value("UNCH", a_feed(FEES)) is None
    assert value("pending", a_feed(FEES)) == "E_NUMBER"
    own = a_feed(FEES, numbers={"blanks": ["pending"]})
    assert value("pending", own) is None
    assert value("", own) is None
    assert value("UNCH", own) == "E_NUMBER"


def test_returns_are_read_in_the_notation_of_the_feed_too() -> None:
    assert value("1,25", a_feed({"vendor_twrr": {"from": "twr", "scale": "percent"}}, numbers=EUROPEAN), "twr") == 0.0125
    assert value("(1.25)", a_feed({"vendor_twrr": "twr"}, numbers=AMERICAN), "twr") == -1.25


amounts = st.integers(-(10**22) + 1, 10**22 - 1).map(lambda units: Decimal(units).scaleb(-4))


@settings(max_examples=15)
@given(st.lists(amounts, min_size=1, max_size=28))
def test_money_is_exact_from_text_to_value(given_amounts: list[Decimal]) -> None:
    result = validated(a_file("fee", *(f"{amount:f}" for amount in given_amounts)), a_feed(FEES))
    assert result.accepted["fees"].to_list() == given_amounts


@settings(max_examples=15)
@given(st.lists(amounts, min_size=1, max_size=28))
def test_money_is_exact_in_other_notation_too(given_amounts: list[Decimal]) -> None:
    american = [f"(${-amount:,f})" if amount < 0 else f"${amount:,f}" for amount in given_amounts]
    assert validated(a_file("fee", *american), a_feed(FEES, numbers=AMERICAN)).accepted["fees"].to_list() == given_amounts
    european = [f"{amount:,f}".translate(str.maketrans(",.", ".,")) for amount in given_amounts]
    assert validated(a_file("fee", *european), a_feed(FEES, numbers=EUROPEAN)).accepted["fees"].to_list() == given_amounts


@settings(max_examples=15)
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=28))
def test_a_return_is_the_float_nearest_to_its_text(numbers: list[float]) -> None:
    result = validated(a_file("twr", *map(repr, numbers)), a_feed({"vendor_twrr": "twr"}, plausibility={"scale": "warn"}))
    assert result.accepted["vendor_twrr"].to_list() == numbers


@pytest.mark.parametrize("scale", [1000, "0.01", 1_000_000])
@pytest.mark.parametrize("text", ["", "+", "-", ".", "n/a"])
def test_what_is_no_number_is_none_in_thousands_or_cents_either(text: str, scale: Any) -> None:
    expected = None if text in {"", "-", "n/a"} else "E_NUMBER"
    assert value(text, a_feed({"fees": {"from": "fee", "scale": scale}})) == expected
    reject = value(text, a_feed({"fees": {"from": "fee", "scale": scale, "blank": "reject"}}))
    assert reject == ("E_REQUIRED" if expected is None else expected)
    required = a_feed({"beginning_market_value": {"from": "fee", "scale": scale}})
    assert value(text, required) == ("E_REQUIRED" if expected is None else expected)


def test_a_percentage_is_the_nearest_fraction_however_it_is_written() -> None:
    feed = a_feed({"vendor_twrr": {"from": "twr", "scale": "percent"}}, plausibility={"scale": "warn"})
    assert [value(text, feed, "twr") for text in ("70", " 70", "70%", "+70.0")] == [0.7] * 4
