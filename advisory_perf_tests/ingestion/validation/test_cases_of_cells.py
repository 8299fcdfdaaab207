"""The cases of numbers, account numbers and dates. What a case calls a feed's word is said in the feed of its test."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.ingestion.validation.rows import Delivery
from advisory_perf_tests.ingestion.cases import base_feed, base_with, case, rows_with, the_code, the_row
from advisory_perf_tests.ingestion.scenarios import DELIVERY, codes, notices, refusal, validated

pytestmark = pytest.mark.table

MILLION = Decimal("1040000.00")
BASE_AMOUNTS = {
    "beginning_market_value": "1000000.00",
    "contributions": "50000.00",
    "distributions": "20000.00",
    "income": "3000.00",
    "appreciation": "7500.00",
    "fees": "500.00",
    "other_adjustments": "0.00",
    "ending_market_value": "1040000.00",
}


def european(amounts: dict[str, str]) -> dict[str, str]:
    """The amounts with points between thousands and a decimal comma."""
    return {name: f"{Decimal(text):,.2f}".translate(str.maketrans(",.", ".,")) for name, text in amounts.items()}


# numbers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["(500.00)", "500.00-"])
@case("num-003", "num-004")
def test_parentheses_and_a_trailing_minus_are_signs(text: str) -> None:
    assert the_row(base_with(other_adjustments=text))["other_adjustments"] == Decimal(-500)


@case("num-007")
def test_a_percent_sign_divides_by_a_hundred_once() -> None:
    assert the_row(base_with(vendor_twrr="2.74%"))["vendor_twrr"] == 0.0274
    assert (
        the_row(base_with(vendor_twrr="2.74%"), base_feed({"vendor_twrr": {"from": "TWRR", "scale": "percent"}}))["vendor_twrr"] == 0.0274
    )


@case("num-009")
def test_a_return_in_basis_points_needs_the_feeds_word() -> None:
    assert refusal(base_with(vendor_twrr="274"), base_feed()).code == "E_SCALE_AMBIGUOUS"
    in_points = base_feed({"vendor_twrr": {"from": "TWRR", "scale": "basis_points"}})
    assert the_row(base_with(vendor_twrr="274"), in_points)["vendor_twrr"] == 0.0274


@case("num-010")
def test_the_whole_column_tells_the_european_notation() -> None:
    content = rows_with({"account_id": f"A-{n}", **european(BASE_AMOUNTS), "vendor_twrr": "0,0098"} for n in range(2))
    result = validated(content.replace("20.000,00", "20.000"), base_feed(numbers={"decimal_mark": "auto"}))
    assert result.accepted["ending_market_value"].to_list() == [MILLION, MILLION]
    assert result.accepted["distributions"].to_list() == [Decimal(20000), Decimal(20000)]
    assert result.accepted["vendor_twrr"].to_list() == [0.0098, 0.0098]


@pytest.mark.parametrize("text", ["1.234", "1,234"])
@case("num-011")
def test_a_column_that_can_be_read_both_ways_is_refused_unless_the_feed_decides(text: str) -> None:
    rows = [{"account_id": f"A-{number}", "vendor_twrr": "", **dict.fromkeys(BASE_AMOUNTS, text)} for number in range(3)]
    refused = refusal(rows_with(rows), base_feed(numbers={"decimal_mark": "auto"}))
    assert refused.code == "E_NUMBER_AMBIGUOUS"
    assert "with a decimal point or as" in refused.sentence
    american = base_feed(numbers={"grouping": ","}, plausibility={"identity": "warn", "scale": "warn"})
    read = validated(rows_with(rows), american).accepted["fees"].to_list()
    assert read == [Decimal(text.replace(",", ""))] * 3


@case("num-012")
def test_the_minority_of_a_column_in_two_notations_is_quarantined() -> None:
    texts = ["1.83", "2.50", "419,22"]
    content = rows_with({"account_id": f"A-{number}", "fees": text} for number, text in enumerate(texts))
    result = validated(content, base_feed(numbers={"decimal_mark": "auto"}, plausibility={"identity": "warn"}))
    assert codes(result) == {4: "E_NUMBER_AMBIGUOUS"}
    assert result.accepted["fees"].to_list() == [Decimal("1.83"), Decimal("2.50")]


@case("num-013")
def test_apostrophes_group() -> None:
    assert the_row(base_with(ending_market_value="1'040'000.00"))["ending_market_value"] == MILLION


@pytest.mark.parametrize(("text", "code"), [("NaN", "E_NUMBER"), ("inf", "E_NOT_FINITE"), ("1e400", "E_NOT_FINITE")])
@case("num-015", "num-016")
def test_what_is_no_finite_number_is_quarantined(text: str, code: str) -> None:
    assert the_code(base_with(ending_market_value=text)) == code


@case("num-017")
def test_scientific_money_is_taken_where_it_is_whole_and_noticed() -> None:
    """1.04E+06 does not show its cents: it is whole only if the feed says that the vendor never cuts the mantissa."""
    whole = validated(base_with(ending_market_value="1.04E+06"), base_feed(numbers={"scientific": True}))
    assert (whole.accepted["ending_market_value"].item(), notices(whole)) == (MILLION, ["W_SCI_NOTATION"])
    shown = validated(base_with(ending_market_value="1.04000000E+06"), base_feed())
    assert (shown.accepted["ending_market_value"].item(), notices(shown)) == (MILLION, ["W_SCI_NOTATION"])
    assert the_code(base_with(ending_market_value="1.04E+06")) == "E_PRECISION"


@pytest.mark.parametrize("text", ["--", "-", "n/a", "N/A", "UNCH", "Incomplete", ""])
@case("num-018")
def test_a_placeholder_is_null_and_never_zero(text: str) -> None:
    assert the_row(base_with(other_adjustments=text))["other_adjustments"] is None
    assert the_code(base_with(ending_market_value=text)) == "E_REQUIRED"


@pytest.mark.parametrize("text", ["+500.00", " 500.00 ", "500.00"])
@case("num-019", "num-028")
def test_a_plus_and_spaces_around_change_nothing(text: str) -> None:
    assert the_row(base_with(fees=text))["fees"] == Decimal(500)


@case("num-020")
def test_more_than_four_decimals_are_reported() -> None:
    """Money carries four decimals, and nothing is rounded to them.

    What does not fit is quarantined with its text, so that the owner of the feed decides; it is neither cut nor kept in part.
    """
    assert the_code(base_with(ending_market_value="1040000.004999")) == "E_PRECISION"
    assert the_row(base_with(ending_market_value="1040000.0049"))["ending_market_value"] == Decimal("1040000.0049")


@case("num-021")
def test_seventeen_digits_are_exact() -> None:
    assert the_row(base_with(ending_market_value="12345678901234567.89"))["ending_market_value"] == Decimal("12345678901234567.89")


@case("num-024")
def test_thousands_need_the_feeds_word() -> None:
    name = {"ending_market_value": "Market Value ($000)"}
    content = rows_with([{"ending_market_value": "1040"}], name)
    assert refusal(content, base_feed(name)).code == "E_SCALE_AMBIGUOUS"
    in_thousands = base_feed({"ending_market_value": {"from": "Market Value ($000)", "scale": 1000}})
    assert the_row(content, in_thousands)["ending_market_value"] == MILLION


@case("num-025")
def test_pence_are_pounds_where_the_feed_says_so() -> None:
    names = {"fees": "Price (pence)", "other_adjustments": "Value (\u00a3)"}
    content = rows_with([{"fees": "50000", "other_adjustments": "0.00"}], names)
    position = the_row(content, base_feed({"fees": {"from": "Price (pence)", "scale": 0.01}, "other_adjustments": "Value (\u00a3)"}))
    assert (position["fees"], position["other_adjustments"]) == (Decimal(500), Decimal(0))
    assert refusal(content, base_feed({"fees": "Price"})).code == "E_SCALE_AMBIGUOUS", "a unit is never cut off"


@case("num-026")
def test_words_in_a_number_make_it_none() -> None:
    assert the_code(base_with(fees="Total 327.50")) == "E_NUMBER"


@case("num-030")
def test_negative_distributions_need_the_feeds_word() -> None:
    """Where the identity would hold with the sign turned, the feed has still to say so: a sign is a contract, not a finding."""
    assert the_code(base_with(distributions="-20000.00")) == "E_SIGN"
    turned = base_feed({"distributions": {"from": "Distributions", "sign": -1}})
    assert the_row(base_with(distributions="-20000.00"), turned)["distributions"] == Decimal(20000)


# account numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["00123456", "12345678901234567890"])
@case("id-001", "id-003")
def test_an_account_number_is_text(text: str) -> None:
    assert the_row(base_with(account_id=text))["account_id"] == text


@pytest.mark.parametrize("text", ["1.23457E+11", "Individual ...321", "A'); DROP TABLE x;--", "XXXX-1234", "\u2026321"])
@case("id-002", "id-004", "id-008")
def test_a_damaged_masked_or_hostile_account_number_is_quarantined(text: str) -> None:
    """A masked one also where only one known account ends so: a delivery's rows are validated by the feed, not by what came before."""
    assert the_code(base_with(account_id=text)) == "E_ID"


@case("id-007")
def test_an_account_that_nobody_knows_is_not_made() -> None:
    """By default a Cyrillic letter is E_ID already; a feed that allows such letters can ask for known accounts only."""
    cyrillic = base_with(account_id="\u0410-1001")
    assert the_code(cyrillic) == "E_ID"
    known: dict[str, Any] = {"account_id": {"from": "Account ID", "pattern": r"^[\w-]+$"}}
    result = validated(cyrillic, base_feed(known, accounts="known"), accounts=["A-1001"])
    assert codes(result) == {2: "E_UNKNOWN_ACCOUNT"}
    assert validated(base_with(), base_feed(known, accounts="known"), accounts=["A-1001"]).accepted.height == 1
    assert validated(cyrillic, base_feed(known), accounts=["A-1001"]).accepted.height == 1, "only where the feed asks for it"


@case("id-009")
def test_an_institution_is_no_account() -> None:
    rows = [{"account_id": "AMERIPRISE", "appreciation": f"{7500 + n}.00", "ending_market_value": f"{1040000 + n}.00"} for n in range(6)]
    refused = refusal(rows_with(rows), base_feed())
    assert refused.code == "E_HEADER_AMBIGUOUS"
    assert "all rows are of the account 'AMERIPRISE'" in refused.sentence


# dates ----------------------------------------------------------------------------------------------------------------


def with_formats(*formats: str) -> Any:
    return base_feed({"as_of_date": {"from": "As Of Date", "formats": formats}})


@case("date-001")
def test_a_day_that_can_be_read_both_ways_is_refused_unless_feed_or_name_decide() -> None:
    content = base_with(as_of_date="03/04/2024")
    assert refusal(content, with_formats("%d/%m/%Y", "%m/%d/%Y")).code == "E_DATE_AMBIGUOUS"
    assert the_row(content, with_formats("%m/%d/%Y"))["as_of_date"] == date(2024, 3, 4)
    named = Delivery("d1", "acme_20240403.csv", DELIVERY.received_at)
    result = validated(content, with_formats("%d/%m/%Y", "%m/%d/%Y"), named)
    assert result.accepted["as_of_date"].item() == date(2024, 4, 3)


@case("date-002")
def test_american_dates() -> None:
    assert the_row(base_with(as_of_date="05/31/2024"), with_formats("%m/%d/%Y"))["as_of_date"] == date(2024, 5, 31)


@case("date-003")
def test_a_year_of_two_digits_is_noticed_and_near_the_arrival() -> None:
    result = validated(base_with(as_of_date="05/31/24"), with_formats("%m/%d/%y"))
    assert (result.accepted["as_of_date"].item(), notices(result)) == (date(2024, 5, 31), ["W_TWO_DIGIT_YEAR"])
    assert the_code(base_with(as_of_date="05/31/30"), with_formats("%m/%d/%y")) == "E_DATE_RANGE"


@case("date-005")
def test_a_leap_day_is_a_day() -> None:
    assert the_row(base_with(as_of_date="2024-02-29"))["as_of_date"] == date(2024, 2, 29)


@case("date-010")
def test_a_day_after_the_arrival_is_out_of_range() -> None:
    early = Delivery("d1", "acme_1.csv", datetime(2024, 4, 21, tzinfo=UTC))
    assert codes(validated(base_with(), base_feed(), early)) == {2: "E_DATE_RANGE"}


@case("date-013")
def test_a_serial_number_is_a_day_where_the_feed_says_so() -> None:
    assert the_row(base_with(as_of_date="45443"), with_formats("excel_serial"))["as_of_date"] == date(2024, 5, 31)
    assert the_code(base_with(as_of_date="45443")) == "E_DATE"


@case("date-017")
def test_a_further_format_of_the_feed_is_noticed() -> None:
    """A format that the feed does not have is E_DATE: which part is the month is the vendor's word, not the reader's."""
    result = validated(base_with(as_of_date="05-31-2024"), with_formats("%m/%d/%Y", "%m-%d-%Y"))
    assert (result.accepted["as_of_date"].item(), notices(result)) == (date(2024, 5, 31), ["W_LAYOUT_CHANGED"])
    assert the_code(base_with(as_of_date="05-31-2024"), with_formats("%m/%d/%Y")) == "E_DATE"


@case("rec-005")
def test_two_values_for_one_account_and_day_are_both_quarantined() -> None:
    result = validated(rows_with([{}, {"ending_market_value": "1040000.01"}]), base_feed())
    assert codes(result) == {2: "E_KEY_CONFLICT", 3: "E_KEY_CONFLICT"}
    assert result.accepted.is_empty()
