from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from advisory_perf.feed_detection.values import day_formats, days, looks_numeric, money, notation, printed_digits, returns
from advisory_perf.feeds.sources import Numbers
from advisory_perf.ingestion.raw_frame import cell


def texts(*given: str | None) -> pl.Series:
    return pl.Series("x", given, pl.String())


def raw(*given: str | None) -> pl.DataFrame:
    return pl.DataFrame({cell("x"): given}, schema={cell("x"): pl.String()})


@pytest.mark.parametrize(
    ("given", "inferred"),
    [
        (("1234.56", "-7"), {}),
        (("1,234.56", "12.5"), {"grouping": ","}),
        (("1.234,56", "12,5"), {"decimal_mark": ",", "grouping": "."}),
        (("1.234.567", "1.000"), {"decimal_mark": ",", "grouping": "."}),
        (("1'234.56",), {"grouping": "'"}),
        (("1234,5",), {"decimal_mark": ","}),
        (("$1,234.50", "$(3.10)"), {"grouping": ",", "currency_signs": ["$"]}),
        (("12.50 CR", "3.00 DR"), {"credit_debit": True}),
        (("0.123", "0.456"), {}),
        (("1'000'000.-", "12.50"), {"grouping": "'"}),
        (("1.000.000,\u2013", "12,50"), {"decimal_mark": ",", "grouping": "."}),
        (("10,00,000.00", "50,000.00", "12.5"), {"grouping": "indian"}),
        (("Rs.10,00,000.00", "(Rs.50,000)"), {"grouping": "indian", "currency_signs": ["Rs."]}),
        (("50,000.00", "12.5"), {"grouping": ","}),
        (("1'000.50 kr.", "5.-"), {"grouping": "'", "currency_signs": ["kr."]}),
    ],
)
def test_a_notation_is_inferred_by_the_texts_that_no_other_one_explains(given: tuple[str, ...], inferred: dict[str, object]) -> None:
    found = notation([texts(*given)], is_text=True)
    assert found.candidates == ()
    assert found.inferred == inferred


def test_thousands_that_may_be_thousandths_are_listed_with_both_readings() -> None:
    found = notation([texts("1,234", "5,678")], is_text=True)
    assert found.inferred == {}
    assert len(found.candidates) == 2


def test_texts_beside_numbers_of_the_format_tell_their_notation_where_a_point_explains_fewer() -> None:
    german = {"decimal_mark": ",", "grouping": "."}
    assert notation([texts("1.234,50", "1.000.000,00", "12,5", "7")], is_text=False).inferred == german
    assert notation([texts("1.234", "5.678", "12")], is_text=False).inferred == {}, "numbers have a decimal point"


def test_one_column_tells_the_notation_of_another() -> None:
    assert notation([texts("1,234", "5,678"), texts("0.5")], is_text=True).inferred == {"grouping": ","}


@pytest.mark.parametrize(
    ("given", "formats"),
    [
        (("2025-01-31", "2025-02-28"), ("%Y-%m-%d",)),
        (("20250131",), ("%Y%m%d",)),
        (("01/31/2025", "02/01/2025"), ("%m/%d/%Y",)),
        (("31/01/2025", "01/02/2025"), ("%d/%m/%Y",)),
        (("31.01.2025",), ("%d.%m.%Y",)),
        (("31-Jan-2025",), ("%d-%b-%Y",)),
        (("45688", "45716"), ("excel_serial",)),
        (("2025-01-31", "2025-02-28", "03/31/2025"), ("%Y-%m-%d", "%m/%d/%Y")),
    ],
)
def test_a_column_of_dates_tells_its_formats(given: tuple[str, ...], formats: tuple[str, ...]) -> None:
    found = day_formats(texts(*given))
    assert found.formats == formats
    assert found.rivals == ()


def test_days_that_may_be_months_are_listed_and_never_chosen() -> None:
    found = day_formats(texts("01/02/2025", "03/04/2025"))
    assert found.formats == ()
    assert found.rivals == (("%m/%d/%Y", "%d/%m/%Y"),)


def test_a_day_that_is_its_month_tells_nothing_and_needs_not() -> None:
    assert day_formats(texts("01/01/2025")).formats == ("%m/%d/%Y",)


def test_texts_that_are_no_dates_have_no_format() -> None:
    assert day_formats(texts("Total", "n/a?")).formats == ()
    assert days(raw("2025-01-31", "Total"), "x", ["%Y-%m-%d"]).to_list() == [date(2025, 1, 31), None]


def test_amounts_are_exact_blanks_are_zero_and_what_is_no_amount_is_null() -> None:
    found = money(raw("$1,234.50", "", "(3.10)", "x"), "x", Numbers(grouping=",", currency_signs=("$",)), 0)
    assert found.to_list() == [Decimal("1234.50"), Decimal(0), Decimal("-3.10"), None]
    assert money(raw("1.5"), "x", Numbers(), 3).to_list() == [Decimal(1500)]


def test_a_percent_sign_is_divided_out_of_a_return() -> None:
    assert returns(raw("1.5%", "0.02", None), "x", Numbers()).to_list() == [0.015, 0.02, None]


def test_zeros_that_a_format_adds_or_leaves_out_are_no_digits() -> None:
    assert printed_digits(raw("0.12340000", "0.56780000"), "x", Numbers()).to_list() == [4, 4]
    full = ["0.1234"] * 9
    assert printed_digits(raw(*full, "0.12"), "x", Numbers()).to_list() == [4] * 10
    assert printed_digits(raw("1.25%"), "x", Numbers()).to_list() == [4]


def test_a_column_that_was_rounded_anew_has_two_precisions() -> None:
    assert printed_digits(raw(*["0.12345678"] * 3, *["0.1234"] * 2), "x", Numbers()).to_list() == [8, 8, 8, 4, 4]


def test_names_are_no_numbers_and_a_few_unreadable_cells_do_not_hide_any() -> None:
    assert not looks_numeric(texts("Trust 1", "12"))
    assert looks_numeric(texts(*["1.0"] * 19, "n/a?"))
