"""The cases of Excel, JSON and Parquet files. What a case calls a feed's word is said in the feed of its test."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
import xlsxwriter

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf_tests.ingestion.cases import COLUMNS, FIELDS, ROW, base_feed, case, in_files, the_code, the_row
from advisory_perf_tests.ingestion.scenarios import cells, codes, refusal, validated
from advisory_perf_tests.ingestion.workbook_files import a_book, compound_file, rows_xml, sheet_xml, workbook_of_parts

pytestmark = pytest.mark.table

MILLION = Decimal("1040000.00")
DAY = date(2024, 5, 31)
CELLS: list[Any] = ["A-1001", DAY, 1000000, 50000, 20000, 3000, 7500, 500, 0, 1040000, 0.0098]


# excel ----------------------------------------------------------------------------------------------------------------


def with_cells(**changed: Any) -> list[Any]:
    return [changed.get(field, value) for field, value in zip(FIELDS, CELLS, strict=True)]


def noticed(content: bytes, feed: PositionsFeed) -> list[str]:
    """What a person should know of the file itself."""
    found: list[Notice] = []
    read_raw_rows(content, feed, "acme_1.xlsx", notices=found)
    return [notice.code for notice in found]


NAMES = list(COLUMNS)
EXCEL = in_files("excel")


@case("xl-002")
def test_the_days_of_a_1904_workbook_are_the_days_it_shows() -> None:
    assert the_row(a_book(("Data", [NAMES, CELLS]), epoch_1904=True), EXCEL)["as_of_date"] == DAY


@case("xl-007")
def test_an_account_number_in_a_number_cell_has_lost_its_zeros() -> None:
    """Also where a known account has those zeros: a delivery's rows are validated by the feed, not by what was loaded before."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet("Data")
        sheet.write_row(0, 0, NAMES)
        sheet.write_row(1, 0, CELLS)
        sheet.write_number(1, 0, 123456, book.add_format({"num_format": "00000000"}))
    assert the_code(content.getvalue(), EXCEL) == "E_ID"


@case("xl-009")
def test_a_formula_is_its_cached_value() -> None:
    content = a_book(("Data", [NAMES, with_cells(ending_market_value="=C2+40000")]))
    assert the_row(content, EXCEL)["ending_market_value"] == MILLION
    assert noticed(content, EXCEL) == ["W_FORMULA"]
    assert noticed(content, in_files("excel", excel={"formulas": "accept"})) == []
    assert noticed(a_book(("Data", [NAMES, CELLS])), EXCEL) == []


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#DIV/0!"])
@case("xl-010")
def test_an_error_cell_is_quarantined_by_its_name(error: str) -> None:
    result = validated(a_book(("Data", [NAMES, with_cells(ending_market_value=error)])), EXCEL)
    assert codes(result) == {2: "E_CELL_ERROR"}
    assert f"({error})" in result.quarantined["reason"].item()


@case("xl-011", "xl-012")
def test_the_only_visible_sheet_with_the_feeds_columns_is_read() -> None:
    """A feed that names its sheet has nothing to notice in the hidden ones."""
    old = with_cells(ending_market_value=1)
    content = a_book(("Old", [NAMES, old]), ("New", [NAMES, CELLS]), hide_first=True)
    assert the_row(content, EXCEL)["ending_market_value"] == MILLION
    assert noticed(content, EXCEL) == ["W_HIDDEN_SHEET"]
    assert noticed(content, in_files("excel", excel={"sheet": "New"})) == []
    assert the_row(a_book(("Notes", [["see data"]]), ("Data", [NAMES, CELLS])), EXCEL)["ending_market_value"] == MILLION


@case("xl-014")
def test_a_header_of_two_rows_needs_the_feeds_word() -> None:
    upper = ["", "", "", "Flows", "", *[""] * 6]
    lower = [*NAMES[:3], "In", "Out", *NAMES[5:]]
    flows: dict[str, Any] = {"contributions": "Flows In", "distributions": "Flows Out"}
    content = a_book(("Data", [upper, lower, CELLS]))
    two_rows = base_feed(flows, files={"patterns": ["acme_*"], "format": "excel", "header_rows": 2})
    assert the_row(content, two_rows)["contributions"] == Decimal(50000)
    assert refusal(content, base_feed(flows, files={"patterns": ["acme_*"], "format": "excel"})).code in {"E_HEADER_MISSING", "E_MAPPING"}


@case("xl-015")
def test_title_rows_above_the_header_are_no_rows() -> None:
    position = the_row(a_book(("Data", [["Performance"], ["May 2024"], NAMES, CELLS])), EXCEL)
    assert (position["ending_market_value"], position["line_number"]) == (MILLION, 4)


@pytest.mark.parametrize("where", ["sheet", "shared strings"])
@case("xl-023", "xl-024")
def test_entities_in_a_workbook_are_refused_before_it_is_parsed(where: str) -> None:
    external = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    rows = rows_xml(NAMES, [str(value) for value in CELLS])
    if where == "sheet":
        content = workbook_of_parts(sheet_xml(rows, before=external))
    else:
        content = workbook_of_parts(
            sheet_xml(rows), {"xl/sharedStrings.xml": f'<?xml version="1.0"?>{laughs}<sst><si><t>&b;</t></si></sst>'}
        )
    refused = refusal(content, EXCEL)
    assert refused.code == "E_FORMAT"
    assert "document type" in refused.sentence


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"<html><table><tr><td>1</td></tr></table></html>", "E_FORMAT", id="HTML"),
        pytest.param(compound_file({"EncryptedPackage": b"?"}), "E_ENCRYPTED", id="password"),
    ],
)
@case("xl-018", "xl-021")
def test_what_is_no_readable_workbook_is_refused(content: bytes, code: str) -> None:
    assert refusal(content, EXCEL).code == code


@case("xl-029")
def test_the_noise_of_binary_numbers_is_not_read() -> None:
    """A number cell is read with the fifteen digits that Excel shows, which takes the noise away and no digit of an amount."""
    assert the_row(a_book(("Data", [NAMES, with_cells(fees=0.1 + 0.2)])), EXCEL)["fees"] == Decimal("0.3")


@case("xl-030")
def test_a_column_that_stands_twice_is_refused() -> None:
    assert refusal(a_book(("Data", [[*NAMES, "Fees"], [*CELLS, 1]])), EXCEL).code == "E_HEADER_DUPLICATE"


# json -----------------------------------------------------------------------------------------------------------------


JSON = in_files("json")


def a_document(**changed: str) -> bytes:
    """The base row as a JSON document; ``changed`` are literals in place of some of its values, by column."""
    literals = {name: json.dumps(text) if name in NAMES[:2] else text for name, text in zip(NAMES, ROW.split(","), strict=True)}
    names = {**literals, **{FIELDS[field]: literal for field, literal in changed.items()}}
    return ("[{" + ", ".join(f'"{name}": {literal}' for name, literal in names.items()) + "}]").encode()


@pytest.mark.parametrize("literal", ["NaN", "Infinity"])
@case("json-001")
def test_a_literal_that_is_not_json_is_refused(literal: str) -> None:
    assert refusal(a_document(ending_market_value=literal), JSON).code == "E_FORMAT"


@case("json-002")
def test_a_key_that_stands_twice_in_a_row_quarantines_it() -> None:
    twice = a_document(fees='1, "Fees": 2').decode().removesuffix("]")
    other = a_document(account_id='"A-1002"').decode().removeprefix("[")
    assert codes(validated(f"{twice},{other}", JSON)) == {1: "E_KEY_CONFLICT"}


@case("json-008")
def test_long_numbers_keep_every_digit() -> None:
    """Twenty digits before the point pass what money carries, 18, so that sums always fit: they are reported, never cut."""
    content = a_document(ending_market_value="12345678901234567890.12")
    assert cells(read_raw_rows(content, JSON, "acme_1.json"), "Ending Market Value") == ["12345678901234567890.12"]
    assert the_code(content, JSON) == "E_PRECISION"
    exact = a_document(ending_market_value="123456789012345678.1234")
    assert the_row(exact, JSON)["ending_market_value"] == Decimal("123456789012345678.1234")


@case("json-009")
def test_a_document_nested_without_end_is_too_large() -> None:
    assert refusal(b"[" * 100_000, JSON).code == "E_TOO_LARGE"


@case("json-010")
def test_a_byte_order_mark_before_a_document_changes_nothing() -> None:
    assert the_row(b"\xef\xbb\xbf" + a_document(), JSON)["ending_market_value"] == MILLION


@case("json-013")
def test_a_boolean_is_no_amount_and_an_object_only_by_the_feeds_word() -> None:
    assert the_code(a_document(ending_market_value="true"), JSON) == "E_NUMBER"
    nested = a_document(ending_market_value='{"amount": 1040000.00, "currency": "USD"}')
    assert the_code(nested, JSON) == "E_NUMBER"
    by_feed = base_feed({"ending_market_value": "Ending Market Value.amount"}, files={"patterns": ["acme_*"], "format": "json"})
    assert the_row(nested, by_feed)["ending_market_value"] == MILLION


# parquet --------------------------------------------------------------------------------------------------------------


PARQUET = in_files("parquet")


def a_table(**changed: Any) -> bytes:
    """The base row as a Parquet file; ``changed`` are whole columns, by field."""
    height = max([1, *(len(column) for column in changed.values())])
    usual = {
        field: [f"A-{number}" for number in range(height)] if field == "account_id" else [value] * height
        for field, value in zip(FIELDS, CELLS, strict=True)
    }
    columns = {FIELDS[field]: column for field, column in (usual | changed).items()}
    content = io.BytesIO()
    arrow_parquet.write_table(pa.table(columns), content)
    return content.getvalue()


@case("pq-001")
def test_a_file_without_its_end_is_torn() -> None:
    """It is held while it still changes, which is the business of its arrival; a file that has settled is rejected."""
    assert refusal(a_table()[:-10], PARQUET).code == "E_TORN"


@case("pq-003")
def test_nan_is_no_amount_and_null_is_what_the_feed_says() -> None:
    result = validated(a_table(ending_market_value=[1040000.0, float("nan"), None]), PARQUET)
    assert codes(result) == {2: "E_NUMBER", 3: "E_REQUIRED"}
    assert result.accepted["ending_market_value"].to_list() == [MILLION]


@case("pq-006")
def test_an_instant_is_the_day_it_fell_on_where_the_vendor_is() -> None:
    instant = pa.array([datetime(2024, 5, 31, 23, 30, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    late = pa.array([datetime(2024, 6, 1, 1, 30, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    in_new_york = in_files("parquet", time_zone="America/New_York")
    assert the_row(a_table(as_of_date=instant), in_new_york)["as_of_date"] == DAY
    assert the_row(a_table(as_of_date=late), in_new_york)["as_of_date"] == DAY
    assert the_code(a_table(as_of_date=late), PARQUET) == "E_DATE", "without the feed's word no day is guessed"


@case("pq-007")
def test_a_dictionary_is_text_and_a_structure_needs_the_feeds_word() -> None:
    assert the_row(a_table(account_id=pa.array(["A-1001"]).dictionary_encode()), PARQUET)["account_id"] == "A-1001"
    nested = a_table(ending_market_value=pa.array([{"amount": 1040000.0, "currency": "USD"}]))
    assert refusal(nested, PARQUET).code in {"E_TYPE", "E_MAPPING"}
    by_feed = base_feed({"ending_market_value": "Ending Market Value.amount"}, files={"patterns": ["acme_*"], "format": "parquet"})
    assert the_row(nested, by_feed)["ending_market_value"] == MILLION


@pytest.mark.parametrize("amounts", [[1040000], ["1040000"], [1040000.0], [Decimal("1040000.00")]])
@case("pq-009")
def test_a_column_may_change_its_type_while_every_value_parses(amounts: list[Any]) -> None:
    """Without W_TYPE_DRIFT: every column is text before it is validated, so that a type says nothing about a value."""
    assert the_row(a_table(ending_market_value=amounts), PARQUET)["ending_market_value"] == MILLION


@case("pq-010")
def test_a_compression_bomb_is_too_large_by_its_footer() -> None:
    content = io.BytesIO()
    pl.DataFrame({name: pl.repeat(0, 2_000_000, eager=True) for name in NAMES}).write_parquet(content)
    assert refusal(content.getvalue(), PARQUET).code == "E_TOO_LARGE"
