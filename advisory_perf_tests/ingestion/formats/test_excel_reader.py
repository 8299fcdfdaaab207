import io
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Validated, validate
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.ingestion.scenarios import DELIVERY, a_feed_of, cells, codes, lines, read, rejection
from advisory_perf_tests.ingestion.workbook_files import NAMES, ROW, compound_file, old_workbook, rows_xml, sheet_xml, workbook_of_parts

pytestmark = pytest.mark.table

DAY = date(2024, 6, 28)
ERRORS = ["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"]
Sheet = Sequence[Sequence[object]]


def workbook(
    sheets: dict[str, Sheet], *, hidden: Sequence[str] = (), by_macro: bool = False, first_column: int = 0, epoch_1904: bool = False
) -> bytes:
    """A workbook; a cell that starts with # is written as the error it names. What a macro hides, no menu of Excel shows again."""
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
            (sheet.very_hidden if by_macro else sheet.hide)()
        else:
            sheet.activate()
            sheet.set_first_sheet()
    book.close()
    return content.getvalue()


def a_row(name: object = "A1", emv: object = 101, bmv: object = 100) -> list[object]:
    return [name, DAY, bmv, 0, 0, emv]


def one_sheet(*rows: Sequence[object]) -> bytes:
    return workbook({"Sheet": [NAMES, *rows]})


def read_book(content: bytes, feed: PositionsFeed | None = None) -> pl.DataFrame:
    return read(content, feed or a_feed_of("excel"))


def validated_book(content: bytes) -> Validated:
    feed = a_feed_of("excel")
    result = validate(read_book(content, feed), feed, DELIVERY, POSITION_RULES)
    assert result.is_conserved
    return result


def emv_of(value: object) -> str | None:
    return cells(read_book(one_sheet(a_row(emv=value))), "emv")[0]


@pytest.mark.parametrize("by_macro", [False, True])
def test_a_hidden_first_sheet_is_passed_over(*, by_macro: bool) -> None:
    content = workbook({"Notes": [NAMES, a_row("hidden")], "Data": [NAMES, a_row("seen")]}, hidden=["Notes"], by_macro=by_macro)
    assert cells(read_book(content), "id") == ["seen"]


def test_an_empty_sheet_is_no_candidate() -> None:
    assert cells(read_book(workbook({"Empty": [], "Data": [NAMES, a_row()]})), "id") == ["A1"]


def test_two_visible_sheets_are_ambiguous_until_the_feed_names_one() -> None:
    content = workbook({"June": [NAMES, a_row("june")], "July": [NAMES, a_row("july")]})
    error = rejection(content, a_feed_of("excel"))
    assert error.code == "E_SHEET_AMBIGUOUS"
    assert "'June', 'July'" in error.sentence
    assert cells(read_book(content, a_feed_of("excel", excel={"sheet": "July"})), "id") == ["july"]


def test_a_sheet_that_the_feed_names_and_the_file_lacks_is_drift() -> None:
    error = rejection(one_sheet(a_row()), a_feed_of("excel", excel={"sheet": "Data"}))
    assert error.code == "E_DRIFT"
    assert "no sheet 'Data', only 'Sheet'" in error.sentence


def test_lines_before_the_header_are_passed_over_and_the_line_number_is_the_sheets_own() -> None:
    content = workbook({"Sheet": [[], ["Performance report"], [None, "as of", DAY], [], NAMES, a_row(), [], a_row("A2")]})
    raw = read_book(content)
    assert lines(raw) == [6, 8]
    assert cells(raw, "id") == ["A1", "A2"]


def test_a_table_may_begin_in_a_later_column() -> None:
    content = workbook({"Sheet": [NAMES, a_row(bmv="#N/A", emv=0.1 + 0.2)]}, first_column=2)
    raw = read_book(content)
    assert raw.columns[3:] == [f"cell:{name}" for name in NAMES]
    assert raw.row(0)[3:] == ("A1", "2024-06-28", "#N/A", "0", "0", "0.3")


@pytest.mark.parametrize("epoch_1904", [False, True])
def test_a_day_is_read_alike_from_a_date_cell_and_from_text(*, epoch_1904: bool) -> None:
    rows: Sheet = [NAMES, a_row("A1"), ["A2", "2024-06-28", 1, 0, 0, 1]]
    assert cells(read_book(workbook({"Sheet": rows}, epoch_1904=epoch_1904)), "day") == ["2024-06-28"] * 2


def test_a_date_cell_with_an_hour_is_no_day() -> None:
    content = one_sheet(["A1", 45471.5, 1, 0, 0, 1], a_row("A2"))
    assert codes(validated_book(content)) == {2: "E_DATE"}


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
        (1e13, "10000000000000"),
        (1e15, "\u22481000000000000000"),
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
    result = validated_book(workbook({"Sheet": [["Title"], NAMES, a_row("A1"), a_row("A2", bmv=error), a_row("A3", emv=error)]}))
    assert codes(result) == {4: "E_CELL_ERROR", 5: "E_CELL_ERROR"}
    assert result.quarantined["field_name"].to_list() == ["beginning_market_value", "ending_market_value"]
    assert all(error in reason for reason in result.quarantined["reason"])


def test_money_in_number_cells_becomes_exact() -> None:
    result = validated_book(one_sheet(a_row("A1", emv=781680205.69), a_row("A2", emv=0.1 + 0.2), a_row("A3", emv=1 / 3)))
    assert result.accepted["ending_market_value"].to_list() == [Decimal("781680205.69"), Decimal("0.3")]
    assert codes(result) == {4: "E_PRECISION"}


@settings(max_examples=15)
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


def test_a_workbook_that_was_cut_short_is_torn() -> None:
    content = one_sheet(a_row())
    assert rejection(content[: len(content) // 2], a_feed_of("excel")).code == "E_TORN"


def test_an_encrypted_workbook_is_refused_as_such() -> None:
    error = rejection(compound_file({"EncryptionInfo": b"x", "EncryptedPackage": b"x"}), a_feed_of("excel"))
    assert error.code == "E_ENCRYPTED"
    assert "without a password" in error.sentence


def test_the_only_sheet_with_the_feeds_columns_is_read_whatever_the_others_hold() -> None:
    content = workbook({"Notes": [["see data"], ["made", DAY]], "Data": [NAMES, a_row()], "Old": [NAMES, a_row("old")]}, hidden=["Old"])
    assert cells(read_book(content), "id") == ["A1"]


def test_a_sheet_that_lacks_a_column_is_named_before_one_that_is_no_table() -> None:
    error = rejection(workbook({"Notes": [["see data"]], "Data": [NAMES[:-1], a_row()[:-1]]}), a_feed_of("excel"))
    assert error.code == "E_MAPPING"
    assert rejection(workbook({"Notes": [["see data"]], "More": [["see notes"]]}), a_feed_of("excel")).code == "E_HEADER_MISSING"
    assert rejection(workbook({"Empty": []}), a_feed_of("excel")).code == "E_SHEET_AMBIGUOUS"


def test_a_header_of_two_rows_is_joined_below_its_merged_titles() -> None:
    columns = {"contributions": "Flows In", "distributions": "Flows Out", "account_id": "Account id", "ending_market_value": "emv"}
    feed = a_feed_of("excel", columns, header_rows=2)
    content = workbook(
        {"Data": [["Title"], ["Account", None, None, "Flows", None, None], ["id", "day", "bmv", "In", "Out", "emv"], a_row()]}
    )
    raw = read_book(content, feed)
    assert raw.columns[3:] == [f"cell:{name}" for name in ("Account id", "day", "bmv", "Flows In", "Flows Out", "emv")]
    assert lines(raw) == [4]
    assert rejection(content, a_feed_of("excel", columns)).code == "E_HEADER_MISSING"


def test_a_header_that_is_printed_again_is_a_footer() -> None:
    result = validated_book(workbook({"Data": [NAMES, a_row("A1"), NAMES, a_row("A2")]}))
    assert result.footer == 1
    assert result.accepted["account_id"].to_list() == ["A1", "A2"]


def padded(*, numbers: bool, shown_as: str = "00000000") -> bytes:
    """A workbook that shows 123 as 00000123, or otherwise."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, NAMES)
        shown = book.add_format({"num_format": shown_as})
        for number, account in enumerate([123 if numbers else "00000123", "456"], start=1):
            sheet.write(number, 0, account, shown)
            sheet.write_row(number, 1, ["2024-06-28", 100, 0, 0, 101])
    return content.getvalue()


def test_an_account_number_that_may_have_lost_its_zeros_is_no_account_number() -> None:
    raw = read_book(padded(numbers=True))
    assert raw["mark"].to_list() == ["E_ID", None]
    assert raw["misfit"][0].startswith("123\t2024-06-28")
    assert codes(validated_book(padded(numbers=True))) == {2: "E_ID"}
    assert cells(read_book(padded(numbers=False)), "id") == ["00000123", "456"]


@pytest.mark.parametrize(
    ("shown_as", "is_doubted"),
    [
        ("000-00-0000", True),
        ("0000;-0000", True),
        ('"ID "00000', True),
        ("00.00", True),
        ("#,##0.00", False),
        ("0.00%", False),
        ("0.00E+00", False),
        ("_($* #,##0.00_);[Red]($* #,##0.00)", False),
        ('0" x00"', False),
        ("yyyy-mm-dd hh:mm:ss.000", False),
        ("#,##0,000", False),
    ],
)
def test_only_a_format_that_pads_with_zeros_casts_doubt_on_numbers(shown_as: str, *, is_doubted: bool) -> None:
    marks = read_book(padded(numbers=True, shown_as=shown_as))["mark"].to_list()
    assert marks == ["E_ID" if is_doubted else None, None]


def test_a_sheet_that_is_a_chart_is_no_candidate() -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Data")
        sheet.write_row(0, 0, NAMES)
        sheet.write_row(1, 0, ["A1", "2024-06-28", 100, 0, 0, 101])
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=Data!$F$2:$F$2"})
        book.add_chartsheet("Picture").set_chart(chart)
    assert cells(read_book(content.getvalue()), "id") == ["A1"]


def test_the_feed_says_whether_account_numbers_may_be_number_cells() -> None:
    accepting, rejecting = (a_feed_of("excel", excel={"numeric_ids": rule}) for rule in ("accept", "reject"))
    assert cells(read_book(padded(numbers=True), accepting), "id") == ["123", "456"]
    content = workbook({"Data": [[], NAMES, a_row(123), a_row("00123"), a_row(None), a_row(9876543210)]}, first_column=2)
    assert read_book(content)["mark"].to_list() == [None] * 4
    assert read_book(content, rejecting).select("line_number", "mark").rows() == [(3, "E_ID"), (4, None), (5, None), (6, "E_ID")]


def test_an_old_workbook_is_read_and_cannot_tell_how_it_shows_numbers() -> None:
    content = old_workbook([NAMES, a_row_of_text("A1"), a_row_of_text(123)])
    assert read_book(content)["mark"].to_list() == [None, "E_ID"]
    assert cells(read_book(content, a_feed_of("excel", excel={"numeric_ids": "accept"})), "emv") == ["101.5"] * 2


def a_row_of_text(account: object) -> list[object]:
    return [account, "2024-06-28", 100, 0, 0, 101.5]


def is_read_or_refused(content: bytes) -> None:
    try:
        raw = read_book(content)
    except DeliveryRejectedError:
        counted("workbooks", 0)
        return
    assert raw.columns[:3] == ["line_number", "misfit", "mark"]
    counted("workbooks", 1)


sheet_text = st.text(st.sampled_from("<c r=\"A1Z9/>vst=0 is&amp;'"), max_size=12)


@accepts_at_least(0.25)
@settings(derandomize=True, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), sheet_text, st.integers(0, 5)), max_size=3), st.booleans())
def test_whatever_a_sheet_holds_it_is_read_or_refused(changes: list[tuple[float, str, int]], in_values: bool) -> None:
    """Changed anywhere, or only in what stands between the tags."""
    sheet = sheet_xml(rows_xml(NAMES, ["A1", "2024-06-28", 100, 0, 0, 101]))
    for at, inserted, lost in changes:
        if in_values:
            values = list(re.finditer(r"(?<=<v>)[^<]*|(?<=<t>)2[^<]*", sheet))
            start, end = values[int(at * len(values))].span()
            sheet = sheet[:start] + re.sub("[<>&]", "", inserted) + sheet[min(start + lost, end) :]
        else:
            place = int(at * len(sheet))
            sheet = sheet[:place] + inserted + sheet[place + lost :]
    is_read_or_refused(workbook_of_parts(sheet))


@accepts_at_least(0.25)
@settings(derandomize=True, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
def test_whatever_an_old_workbook_holds_it_is_read_or_refused(changes: list[tuple[float, int]]) -> None:
    content = bytearray(old_workbook([NAMES, a_row_of_text("A1")]))
    for at, value in changes:
        content[int(at * len(content))] = value
    is_read_or_refused(bytes(content))


@pytest.mark.parametrize("value", ["", "<v></v>", "<v/>"])
def test_a_formula_that_nothing_has_computed_is_no_blank(value: str) -> None:
    formula = rows_xml(NAMES, ROW).replace("<v>101</v>", f"<f>C2+1</f>{value}")
    error = rejection(workbook_of_parts(sheet_xml(formula)), a_feed_of("excel"))
    assert (error.code, "saved without their values" in error.sentence) == ("E_FORMAT", True)


def test_a_formula_may_come_to_an_empty_text() -> None:
    rows = rows_xml((*NAMES, "note"), (*ROW, "x"))
    assert "<t>x</t>" in rows
    empty = rows.replace('t="inlineStr"><is><t>x</t></is>', 't="str"><f>IF(C2,"","y")</f><v></v>')
    assert read(workbook_of_parts(sheet_xml(empty)), a_feed_of("excel")).height == 1
