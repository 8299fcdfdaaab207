"""Bounds of numbers, floats, days and scales: what lies just within, and what lies just beyond."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from advisory_perf.contracts.currencies import WITHDRAWN
from advisory_perf.feeds.date_formats import first_of, within_reach
from advisory_perf.feeds.deadline import Deadline
from advisory_perf.feeds.expressions import compiled
from advisory_perf.feeds.sources import Numbers
from advisory_perf.ingestion.parsing.binary_floats import APPROXIMATE, amounts_as_text, identifiers_as_text, is_beyond_cents, meant
from advisory_perf.ingestion.parsing.denominations import currency_of
from advisory_perf.ingestion.parsing.numbers import exact_money, expanded, figure, plain
from advisory_perf.ingestion.validation.named_days import day_notices
from advisory_perf.ingestion.validation.positions.reversals import netted
from advisory_perf_tests.ingestion.parsing.test_fields import FEES, value
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, refusal, validated

pytestmark = pytest.mark.table


@pytest.mark.parametrize(
    ("text", "shift", "amount"),
    [
        ("9" * 18, 0, "9" * 18),
        ("9" * 19, 0, None),
        ("0.1234", 0, "0.1234"),
        ("0.12345", 0, None),
        ("0.12340", 0, "0.1234"),
        ("9" * 15, 3, "9" * 15 + "000"),
        ("9" * 16, 3, None),
        ("1.1234567", 3, "1123.4567"),
        ("1.12345678", 3, None),
        ("1.12", -2, "0.0112"),
        ("1.123", -2, None),
        ("5", -4, "0.0005"),
        ("5", -5, None),
    ],
)
def test_money_has_eighteen_digits_and_four_decimals_at_most(text: str, shift: int, amount: str | None) -> None:
    for sign in ("", "-"):
        found = pl.select(exact_money(pl.lit(sign + text), shift=shift)).item()
        assert found == (None if amount is None else Decimal(sign + amount))


@pytest.mark.parametrize(
    ("text", "whole", "written"),
    [
        ("1.25e0", False, "1.25"),
        ("1.2e0", False, "1.2e0"),
        ("1.2e0", True, "1.2"),
        ("1.00E+00", False, "1.00"),
        ("9.99e17", True, "999000000000000000"),
        ("1e18", True, "1e18"),
        ("12.5E-1", False, "1.25"),
        ("125", False, "125"),
    ],
)
def test_scientific_notation_is_written_out_where_it_shows_the_cents_or_is_whole(text: str, *, whole: bool, written: str) -> None:
    assert pl.select(expanded(pl.lit(text), Numbers(scientific=whole))).item() == written


@pytest.mark.parametrize(
    ("text", "expected"), [("1e18", "E_NOT_FINITE"), ("9.9e17", "E_PRECISION"), ("-1e18", "E_NOT_FINITE"), ("-9.9e17", "E_PRECISION")]
)
def test_an_amount_of_a_million_million_million_is_not_finite(text: str, expected: str) -> None:
    assert value(text, a_feed(FEES)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000000", 1e6),
        ("-1000000", -1e6),
        ("1000000.5", "E_NOT_FINITE"),
        ("1000001", "E_NOT_FINITE"),
        ("999999.9", 999999.9),
        ("1.1e6", "E_NOT_FINITE"),
    ],
)
def test_a_return_is_a_million_at_most(text: str, expected: Any) -> None:
    assert value(text, a_feed({"vendor_twrr": "twr"}, plausibility={"scale": "warn"}), "twr") == expected


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1,200", "1200"), ("1,200.5", "1200.5"), ("1'200", "1200"), ("2.0", "2"), ("n.m.", None), ("", None), ("1,20", None)],
)
def test_a_control_figure_may_have_groups_that_cells_have_not(text: str, amount: str | None) -> None:
    assert figure(text, Numbers()) == (None if amount is None else Decimal(amount))
    assert figure(text, Numbers(), shift=3) == (None if amount is None else Decimal(amount) * 1000)


@pytest.mark.parametrize(
    ("text", "said", "number"),
    [
        ("-5", {}, "-5"),
        ("(5)", {}, "-5"),
        ("(-5)", {}, None),
        ("(5", {}, None),
        ("5)", {}, None),
        ("-5-", {}, None),
        ("+-5", {}, None),
        ("(5)-", {}, None),
        ("5-", {}, "-5"),
        ("5-", {"trailing_minus": False}, None),
        ("(5)", {"parentheses_negative": False}, None),
        ("5 DR", {"credit_debit": True}, "-5"),
        ("5 CR", {"credit_debit": True}, "5"),
        ("-5 CR", {"credit_debit": True}, None),
        ("-5 DR", {"credit_debit": True}, None),
        ("5 DR", {}, None),
        ("$5", {"currency_signs": ["$", "USD"]}, "5"),
        ("$-5", {"currency_signs": ["$", "USD"]}, "-5"),
        ("-$5", {"currency_signs": ["$", "USD"]}, "-5"),
        ("$5 USD", {"currency_signs": ["$", "USD"]}, None),
        ("$$5", {"currency_signs": ["$", "USD"]}, None),
        ("$-$5", {"currency_signs": ["$", "USD"]}, None),
        ("-$-5", {"currency_signs": ["$", "USD"]}, None),
        ("5 USD-", {"currency_signs": ["$", "USD"]}, None),
        ("kr.50", {"currency_signs": ["kr"]}, None),
        ("kr50", {"currency_signs": ["kr.", "kr"]}, "50"),
        ("5%", {}, None),
        ("1,234", {"grouping": ","}, "1234"),
        ("1,23", {"grouping": ","}, None),
        ("1234,567", {"grouping": ","}, None),
        ("1'234", {}, "1234"),
        ("1'234.-", {}, "1234."),
        ("10,00,000", {"grouping": "indian"}, "1000000"),
        ("10,00,00", {"grouping": "indian"}, None),
        ("1.234,5", {"decimal_mark": ",", "grouping": "."}, "1234.5"),
        ("1e3", {}, "1e3"),
        ("1e1000", {}, None),
    ],
)
def test_a_number_is_plain_in_exactly_one_way(text: str, said: dict[str, Any], number: str | None) -> None:
    assert pl.select(plain(pl.lit(text), Numbers(**said), percent=False)).item() == number


@pytest.mark.parametrize(("text", "number"), [("5%", "5"), ("5 %", "5"), ("(5%)", "-5"), ("5%%", None), ("%5", None)])
def test_a_percent_sign_stands_behind_a_return_once(text: str, number: str | None) -> None:
    assert pl.select(plain(pl.lit(text), Numbers(), percent=True)).item() == number


# binary floats


@pytest.mark.parametrize(
    ("value", "dtype", "is_sure"),
    [
        (2.0**46, pl.Float64(), False),
        (2.0**46 - 0.5, pl.Float64(), True),
        (12345678901.1234, pl.Float64(), True),
        (123456789012.1234, pl.Float64(), False),
        (-123456789012.1234, pl.Float64(), False),
        (0.5, pl.Float64(), True),
        (2.0**17, pl.Float32(), False),
        (2.0**17 - 0.5, pl.Float32(), True),
        (2.0**17 - 0.25, pl.Float32(), False),
    ],
)
def test_a_float_is_sure_of_so_many_digits_and_of_its_cents_up_to_a_bound(value: float, dtype: pl.DataType, *, is_sure: bool) -> None:
    (text,) = amounts_as_text(pl.Series([value], dtype=dtype)).to_list()
    assert text.startswith(APPROXIMATE) is not is_sure
    assert pl.Series([text]).str.strip_prefix(APPROXIMATE).cast(dtype).to_list() == [value]


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (999_999_999_999_999.0, pl.Float64(), "999999999999999"),
        (1_000_000_000_000_000.0, pl.Float64(), None),
        (9_999_999.0, pl.Float32(), "9999999"),
        (10_000_000.0, pl.Float32(), None),
        (7.5, pl.Float64(), None),
        (-7.0, pl.Float64(), "-7"),
        (float("nan"), pl.Float64(), None),
    ],
)
def test_an_identifier_in_a_float_is_a_whole_number_of_so_many_digits(value: float, dtype: pl.DataType, text: str | None) -> None:
    (found,) = identifiers_as_text(pl.Series([value], dtype=dtype)).to_list()
    assert (None if found.startswith(APPROXIMATE) else found) == text


def test_an_identifier_that_is_null_stays_null() -> None:
    assert identifiers_as_text(pl.Series([None, 7.0], dtype=pl.Float64())).to_list() == [None, "7"]


@pytest.mark.parametrize(("text", "is_beyond"), [("70368744177664", True), ("70368744177663.99", False), ("-70368744177664", True)])
def test_a_float_keeps_no_cents_from_two_to_the_46th_on(text: str, *, is_beyond: bool) -> None:
    assert pl.select(is_beyond_cents(pl.lit(text))).item() is is_beyond


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.00000000049", "0"),
        ("0.0000000005", "5E-10"),
        ("-0.00000000049", "0"),
        ("123456789.123456", "123456789.123456"),
        ("50000.000000000007", "50000"),
        ("123456.789000000012", "123456.789"),
        ("12345678901.00001", "12345678901"),
        ("12345678901.12345", None),
        ("123456789012.3456", None),
        ("70368744177664", None),
        ("70368744177663", "70368744177663"),
    ],
)
def test_noise_is_what_lies_behind_fifteen_digits(text: str, expected: str | None) -> None:
    found = pl.select(meant(pl.lit(text), Numbers(binary_floats="15_digits"), shift=0)).item()
    assert (found if expected is None else Decimal(found)) == (f"{APPROXIMATE}{text}" if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "round_to", "shift", "expected"),
    [
        ("1.005", 2, 0, "1.00"),
        ("1.015", 2, 0, "1.02"),
        ("1.0051", 2, 0, "1.01"),
        ("1.23456", 2, 3, "1.23456"),
        ("1.234565", 2, 3, "1.23456"),
    ],
)
def test_amounts_are_rounded_half_to_even_at_the_decimals_of_the_amount(text: str, round_to: int, shift: int, expected: str) -> None:
    assert pl.select(meant(pl.lit(text), Numbers(round_to=round_to), shift=shift)).item() == expected


# days


@pytest.mark.parametrize(
    ("text", "form", "day"),
    [
        ("1900-01-01", "%Y-%m-%d", date(1900, 1, 1)),
        ("1899-12-31", "%Y-%m-%d", None),
        ("999999999", "epoch_seconds", date(2001, 9, 9)),
        ("99999999", "epoch_seconds", None),
        ("1719532800", "epoch_seconds", date(2024, 6, 28)),
        ("17195328000", "epoch_seconds", None),
        ("1719532800000", "epoch_milliseconds", date(2024, 6, 28)),
        ("99999999999", "epoch_milliseconds", None),
        ("17195328000000", "epoch_milliseconds", None),
    ],
)
def test_a_day_is_of_our_time_and_a_count_of_seconds_of_the_digits_of_our_time(text: str, form: str, day: date | None) -> None:
    assert pl.select(first_of(pl.lit(text), (form,), "UTC")).item() == day


@pytest.mark.parametrize(("year", "is_near"), [(2019, True), (2018, False), (2029, True), (2030, False), (2024, True)])
def test_a_year_of_two_digits_lies_within_five_years_of_the_arrival(year: int, *, is_near: bool) -> None:
    received, text = date(2024, 6, 30), f"28/06/{year % 100:02}"
    found = within_reach(pl.lit(text), pl.lit(date(year, 6, 28)), ("%d/%m/%y",), zone=None, received=received)
    assert pl.select(found).item() is is_near
    whole = within_reach(pl.lit("2010-06-28"), pl.lit(date(2010, 6, 28)), ("%d/%m/%y", "%Y-%m-%d"), zone=None, received=received)
    assert pl.select(whole).item() is True


@pytest.mark.parametrize(
    ("day", "code"),
    [("2024-06-30", None), ("2024-07-01", "E_DATE_RANGE"), ("2020-01-01", None), ("2019-12-31", "E_DATE_RANGE"), ("x", "E_DATE")],
)
def test_a_day_lies_from_the_first_window_to_the_arrival(day: str, code: str | None) -> None:
    result = validated(f"{HEADER}\nA1,{day},100,0,0,101\n")
    assert result.quarantined["code"].to_list() == ([] if code is None else [code])


@pytest.mark.parametrize(
    ("cadence", "days", "is_inferred"), [("daily", 5, False), ("daily", 6, True), ("monthly", 20, False), ("monthly", 21, True)]
)
def test_a_file_is_made_within_so_many_days_after_its_window(cadence: str, days: int, *, is_inferred: bool) -> None:
    window_end = date(2024, 5, 31)
    name = f"acme_{window_end + timedelta(days=days):%Y%m%d}"
    good = pl.DataFrame({"account_id": ["A1"], "as_of_date": [window_end], "line_number": [2]})
    feed = a_feed(cadence=cadence)
    found = day_notices(good.clear(), good, feed, name, received=date(2024, 6, 30))
    assert [notice.code for notice in found] == (["W_FILE_DAY"] if is_inferred else [])
    before = f"acme_{window_end - timedelta(days=40):%Y%m%d}"
    assert [notice.code for notice in day_notices(good.clear(), good, feed, before, received=date(2024, 6, 30))] == ["W_FILE_DAY"]


@pytest.mark.parametrize(("ahead", "is_inferred"), [(31, True), (32, False)])
def test_a_number_in_a_name_that_would_be_a_day_far_ahead_is_none(ahead: int, *, is_inferred: bool) -> None:
    received = date(2024, 5, 31)
    good = pl.DataFrame({"account_id": ["A1"], "as_of_date": [received], "line_number": [2]})
    found = day_notices(good.clear(), good, a_feed(), f"acme_{received + timedelta(days=ahead):%Y%m%d}", received=received)
    assert bool(found) is is_inferred


@pytest.mark.parametrize(("days", "fits"), [(0, True), (366, True), (367, False), (-1, False)])
def test_a_deadline_is_a_year_after_its_window_at_most(days: int, *, fits: bool) -> None:
    said = {"days": days, "business_days": False, "time": "18:00", "time_zone": "UTC"}
    if fits:
        assert Deadline.model_validate(said).days == days
    else:
        with pytest.raises(ValidationError, match="days"):
            Deadline.model_validate(said)


@pytest.mark.parametrize(("after", "code"), [(-1, "HRK"), (0, "HRK"), (1, None)])
def test_a_withdrawn_code_is_one_on_its_last_day(after: int, code: str | None) -> None:
    day = WITHDRAWN["HRK"].until + timedelta(days=after)
    assert pl.select(currency_of(pl.lit("HRK"), pl.lit(day), accepts_minor_units=False)).item() == code
    assert pl.select(currency_of(pl.lit("USD"), pl.lit(day), accepts_minor_units=False)).item() == "USD"


@pytest.mark.parametrize(("accepts", "code"), [(True, "GBP"), (False, None)])
def test_a_minor_unit_is_its_major_one_where_it_is_accepted(*, accepts: bool, code: str | None) -> None:
    assert pl.select(currency_of(pl.lit("GBX"), pl.lit(date(2024, 6, 28)), accepts_minor_units=accepts)).item() == code


# what a feed says


@pytest.mark.parametrize(
    ("scale", "fits"), [("1e9", True), ("1e10", False), ("1e-9", True), ("1e-10", False), ("2000", False), ("1000", True)]
)
def test_a_scale_is_a_power_of_ten_of_nine_digits_at_most(scale: str, *, fits: bool) -> None:
    columns = {"ending_market_value": {"from": "emv", "scale": Decimal(scale)}}
    if fits:
        assert a_feed(columns).columns["ending_market_value"].shift == Decimal(scale).adjusted()
    else:
        with pytest.raises(ValidationError, match="a power of ten"):
            a_feed(columns)


def test_a_regular_expression_has_two_thousand_characters_at_most() -> None:
    assert compiled("a" * 2_000).groups == 0
    with pytest.raises(ValueError, match="2,001 characters; at most 2,000"):
        compiled("a" * 2_001)


# flows that are mostly negative, and last cells


@pytest.mark.parametrize(("negative", "of", "is_refused"), [(2, 2, False), (3, 3, True), (3, 5, True), (3, 6, False), (4, 7, True)])
@pytest.mark.parametrize("place", [0, 1])
def test_three_negative_flows_and_more_than_half_are_a_column_with_the_sign_turned(
    negative: int, of: int, place: int, *, is_refused: bool
) -> None:
    flows = [f"-{number + 1}" if number < negative else f"{number + 1}" for number in range(of)]
    rows = [
        f"A{number},2024-06-28,100,{flow if place == 0 else 0},{flow if place else 0},101" for number, flow in enumerate([*flows, "0", "0"])
    ]
    content = "\n".join([HEADER, *rows]) + "\n"
    feed = a_feed(negative_flows="net")
    if is_refused:
        assert refusal(content, feed).code == "E_SIGN"
    else:
        assert validated(content, feed).accepted.height == of + 2
    assert netted(pl.DataFrame({"contributions": [1.0], "distributions": [0.0]}), feed, "x").notices == ()


@pytest.mark.parametrize(("rows", "is_taken"), [(20, True), (19, False)])
def test_twenty_numbers_of_two_decimals_show_that_a_last_cell_is_whole(rows: int, *, is_taken: bool) -> None:
    """None of them ends in a zero, which would show it at once."""
    lines = [f"A{number},2024-06-28,100,0,0,-101.{11 + number * 3 % 9}" for number in range(rows)]
    content = "\n".join([HEADER, *lines, "B1,2024-06-28,100,0,0,101.11"])
    feed = a_feed(numbers={"trailing_minus": False})
    if is_taken:
        assert validated(content, feed).accepted.height == rows + 1
    else:
        assert "nothing confirms its last cell" in refusal(content, feed).sentence
    assert validated(content.replace("101.11\n", "101.10\n"), feed).accepted.height == rows + 1
    assert "nothing confirms its last cell" in refusal(content[:-1], feed).sentence
