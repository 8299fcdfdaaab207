import io
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.vendors.feed import Feed
from advisory_perf.vendors.judging import Judged, judge
from advisory_perf_tests.vendors.scenarios import DELIVERY, HEADER, a_feed_of, cells, codes, lines, read, rejection

NAMES = HEADER.split(",")
DAY = date(2024, 6, 28)
ERRORS = ["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"]
Sheet = Sequence[Sequence[object]]


def workbook(sheets: dict[str, Sheet], *, hidden: Sequence[str] = (), first_column: int = 0, epoch_1904: bool = False) -> bytes:
    """A workbook; a cell that starts with # is written as the error it names."""
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "date_1904": epoch_1904})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, value in enumerate(row, start=first_column):
                if isinstance(value, date):
                    sheet.write_datetime(number, column, datetime.combine(value, time()), day)
                elif isinstance(value, str) and value.startswith("#"):
                    sheet.write_formula(number, column, "=1/0", None, value)
                elif isinstance(value, str):
                    sheet.write_string(number, column, value)
                elif value is not None:
                    sheet.write(number, column, value)
    for sheet in book.worksheets():
        if sheet.get_name() in hidden:
            sheet.hide()
        else:
            sheet.activate()
            sheet.set_first_sheet()
    book.close()
    return content.getvalue()


def a_row(name: object = "A1", emv: object = 101, bmv: object = 100) -> list[object]:
    return [name, DAY, bmv, 0, 0, emv]


def one_sheet(*rows: Sequence[object]) -> bytes:
    return workbook({"Sheet": [NAMES, *rows]})


def read_book(content: bytes, feed: Feed | None = None) -> pl.DataFrame:
    return read(content, feed or a_feed_of("excel"))


def judged_book(content: bytes) -> Judged:
    feed = a_feed_of("excel")
    result = judge(read_book(content, feed), feed, DELIVERY)
    assert result.is_conserved
    return result


def emv_of(value: object) -> str | None:
    return cells(read_book(one_sheet(a_row(emv=value))), "emv")[0]


def test_a_hidden_first_sheet_is_passed_over() -> None:
    content = workbook({"Notes": [NAMES, a_row("hidden")], "Data": [NAMES, a_row("seen")]}, hidden=["Notes"])
    assert cells(read_book(content), "id") == ["seen"]


def test_an_empty_sheet_is_no_candidate() -> None:
    assert cells(read_book(workbook({"Empty": [], "Data": [NAMES, a_row()]})), "id") == ["A1"]


def test_two_visible_sheets_are_ambiguous_until_the_feed_names_one() -> None:
    content = workbook({"June": [NAMES, a_row("june")], "July": [NAMES, a_row("july")]})
    error = rejection(content, a_feed_of("excel"))
    assert error.code == "E_SHEET_AMBIGUOUS"
    assert "June, July" in error.sentence
    assert cells(read_book(content, a_feed_of("excel", excel={"sheet": "July"})), "id") == ["july"]


def test_a_sheet_that_the_feed_names_and_the_file_lacks_is_drift() -> None:
    error = rejection(one_sheet(a_row()), a_feed_of("excel", excel={"sheet": "Data"}))
    assert error.code == "E_DRIFT"
    assert "no sheet 'Data', only Sheet" in error.sentence


def test_lines_before_the_header_are_passed_over_and_the_line_number_is_the_sheets_own() -> None:
    content = workbook({"Sheet": [[], ["Performance report"], [None, "as of", DAY], [], NAMES, a_row(), [], a_row("A2")]})
    raw = read_book(content)
    assert lines(raw) == [6, 8]
    assert cells(raw, "id") == ["A1", "A2"]


def test_a_table_may_begin_in_a_later_column() -> None:
    content = workbook({"Sheet": [NAMES, a_row(bmv="#N/A", emv=0.1 + 0.2)]}, first_column=2)
    raw = read_book(content)
    assert raw.columns[2:] == [f"cell:{name}" for name in NAMES]
    assert raw.row(0)[2:] == ("A1", "2024-06-28", "#N/A", "0", "0", "0.3")


@pytest.mark.parametrize("epoch_1904", [False, True])
def test_a_day_is_read_alike_from_a_date_cell_and_from_text(*, epoch_1904: bool) -> None:
    rows: Sheet = [NAMES, a_row("A1"), ["A2", "2024-06-28", 1, 0, 0, 1]]
    assert cells(read_book(workbook({"Sheet": rows}, epoch_1904=epoch_1904)), "day") == ["2024-06-28"] * 2


def test_a_date_cell_with_an_hour_is_no_day() -> None:
    content = one_sheet(["A1", 45471.5, 1, 0, 0, 1], a_row("A2"))
    assert codes(judged_book(content)) == {2: "E_DATE"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (666.9400000000001, "666.94"),
        (1e-7, "0.0000001"),
        (1 / 3, "0.333333333333333"),
        (2 / 3, "0.666666666666667"),
        (-1 / 30000, "-0.0000333333333333333"),
        (0.1234567896, "0.1234567896"),
        (781680205.69, "781680205.69"),
        (-781680205.69, "-781680205.69"),
        (9999999999999.99, "9999999999999.99"),
        (1234567890.5, "1234567890.5"),
        (1e15, "1000000000000000"),
        (100, "100"),
        (100.5, "100.5"),
        (0.3 - 0.2 - 0.1, "-0"),
        (0, "0"),
    ],
)
def test_a_number_cell_has_the_digits_that_excel_shows(value: float, text: str) -> None:
    assert emv_of(value) == text


@pytest.mark.parametrize(
    "text", ["00123", "12345678901234567.89", "0123456789.50", "0.1234567890", "1,234.50", "(5.00)", " 7 ", "2024-06-28", "1e5"]
)
def test_a_text_cell_stays_as_it_is(text: str) -> None:
    assert emv_of(text) == text


def test_text_and_numbers_in_one_column_are_each_read_for_what_they_are() -> None:
    content = one_sheet(a_row(emv=1 / 3), a_row(emv="12345678901234567.89"), a_row(emv="#REF!"), a_row(emv=None), a_row(emv=True))
    assert cells(read_book(content), "emv") == ["0.333333333333333", "12345678901234567.89", "#REF!", None, "true"]


def test_account_numbers_keep_their_zeros_as_text_and_have_no_point_as_numbers() -> None:
    assert cells(read_book(one_sheet(a_row("00123"), a_row(123), a_row(9876543210))), "id") == ["00123", "123", "9876543210"]


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_cell_is_read_as_its_name(error: str) -> None:
    assert emv_of(error) == error


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_cell_is_quarantined_and_never_zero_or_blank(error: str) -> None:
    result = judged_book(workbook({"Sheet": [["Title"], NAMES, a_row("A1"), a_row("A2", bmv=error), a_row("A3", emv=error)]}))
    assert codes(result) == {4: "E_CELL_ERROR", 5: "E_CELL_ERROR"}
    assert result.quarantined["field_name"].to_list() == ["beginning_market_value", "ending_market_value"]
    assert all(error in reason for reason in result.quarantined["reason"])


def test_money_in_number_cells_becomes_exact() -> None:
    result = judged_book(one_sheet(a_row("A1", emv=781680205.69), a_row("A2", emv=0.1 + 0.2), a_row("A3", emv=1 / 3)))
    assert result.positions["ending_market_value"].to_list() == [Decimal("781680205.69"), Decimal("0.3")]
    assert codes(result) == {4: "E_PRECISION"}


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(-(10**14), 10**14), min_size=1, max_size=20))
def test_money_of_up_to_fifteen_digits_survives_a_number_cell(units: list[int]) -> None:
    amounts = [Decimal(unit).scaleb(-4) for unit in units]
    raw = read_book(one_sheet(*(a_row(emv=float(amount)) for amount in amounts)))
    assert [Decimal(text or "") for text in cells(raw, "emv")] == amounts


def test_a_column_that_stands_twice_or_lacks_is_refused() -> None:
    assert rejection(workbook({"Sheet": [[*NAMES, "EMV"], a_row()]}), a_feed_of("excel")).code == "E_HEADER_DUPLICATE"
    error = rejection(workbook({"Sheet": [NAMES[:-1], a_row()]}), a_feed_of("excel"))
    assert error.code == "E_MAPPING"
    assert "lacks emv" in error.sentence


def test_a_sheet_of_a_header_alone_has_no_rows() -> None:
    assert read_book(one_sheet()).height == 0


def test_a_workbook_that_was_cut_short_cannot_be_read() -> None:
    content = one_sheet(a_row())
    assert rejection(content[: len(content) // 2], a_feed_of("excel")).code == "E_FORMAT"


def test_an_encrypted_workbook_is_refused_as_such() -> None:
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(600)
    error = rejection(content, a_feed_of("excel"))
    assert error.code == "E_ENCRYPTED"
    assert "without a password" in error.sentence
