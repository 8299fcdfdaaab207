"""An identifier is taken digit by digit, whatever kind of cell it stands in, or its row is quarantined."""

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.validation.rows import Validated
from advisory_perf_tests.ingestion.scenarios import a_feed, codes, validated
from advisory_perf_tests.ingestion.workbook_files import binary_workbook, old_workbook

pytestmark = pytest.mark.slow

IDENTIFIERS = ("account_id", "portfolio_id", "client_id")
NAMES = ["account_id", "portfolio_id", "client_id", "day", "bmv", "in", "out", "emv"]
NO_VALUES = ["nan", "NaN", "NAN", "None", "none", "NULL", "Null", "undefined", "#N/A", "NaT", "<NA>", "true", "false", "True", "FALSE"]
NO_VALUES += ["Nan", "nULL", "Nil", "(null)", "[NULL]", "<null>", "(None)", "{n/a}", "#NA", "#N/A N/A", "1.#QNAN", "-1.#IND"]
NO_VALUES += ["\u2033", "\u3003", "''", "ditto"]
ERRORS = ["#REF!", "#SPILL!", "#CALC!", "#WERT!", "#BEZUG!", "#\u00a1VALOR!", "#NOMBRE?", "#NV", "#DIV/0!"]


def a_feed_of(file_format: str, **files: Any) -> PositionsFeed:
    columns = {name: name for name in IDENTIFIERS}
    return a_feed(columns, files={"patterns": ["acme_*"], "format": file_format, **files})


def rows_with(field: str, values: list[Any]) -> list[dict[str, Any]]:
    """One row a value, which stands in the one identifier; the others are texts of their own."""
    usual = [{name: f"{name[0].upper()}{number}" for name in IDENTIFIERS} for number, _ in enumerate(values)]
    amounts = {"day": "2024-06-28", "bmv": "100", "in": "0", "out": "0", "emv": "101"}
    return [{**row, field: value, **amounts} for row, value in zip(usual, values, strict=True)]


def grid(rows: list[dict[str, Any]]) -> list[list[Any]]:
    return [NAMES, *([row[name] for name in NAMES] for row in rows)]


def xlsx(rows: list[dict[str, Any]], shown_as: str = "General") -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet, shown = book.add_worksheet("Data"), book.add_format({"num_format": shown_as})
        for number, row in enumerate(grid(rows)):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(number, column, value)
                else:
                    sheet.write(number, column, value, shown)
    return content.getvalue()


def parquet(rows: list[dict[str, Any]], field: str, dtype: pa.DataType) -> bytes:
    table = pa.table({name: pa.array([row[name] for row in rows], dtype if name == field else None) for name in NAMES})
    content = io.BytesIO()
    arrow_parquet.write_table(table, content)
    return content.getvalue()


def found(result: Validated, field: str) -> dict[int, str | None]:
    return dict(result.accepted.sort("line_number").select("line_number", field).rows())


def outcome(content: bytes | str, feed: PositionsFeed, field: str, *, first_line: int) -> list[str | None]:
    """The identifier of each row, or the code that its row is quarantined under, in order."""
    result = validated(content, feed)
    assert result.duplicate == 0
    ends: dict[int, str | None] = {**found(result, field), **codes(result)}
    return [ends[line] for line in range(first_line, first_line + len(ends))]


def is_exact(number: int, digits: int) -> bool:
    return len(str(abs(number))) <= digits


numbers = st.lists(st.integers(1, 24).flatmap(lambda digits: st.integers(10 ** (digits - 1), 10**digits - 1)), min_size=1, max_size=8)


@pytest.mark.parametrize("field", IDENTIFIERS)
@settings(max_examples=25)
@given(values=numbers)
def test_a_number_cell_identifies_by_fifteen_digits_at_most(field: str, values: list[int]) -> None:
    distinct = list(dict.fromkeys(values))
    expected = [str(value) if is_exact(value, 15) else "E_ID" for value in distinct]
    assert outcome(xlsx(rows_with(field, distinct)), a_feed_of("excel"), field, first_line=2) == expected


@pytest.mark.parametrize("field", IDENTIFIERS)
@pytest.mark.parametrize("writer", [old_workbook, binary_workbook])
def test_older_workbooks_keep_no_more_digits(field: str, writer: Callable[..., bytes]) -> None:
    values = [20250000000000012, 20250000000000014, 123456789012345, 1234567890123456, 12.5, 7]
    content = writer(grid(rows_with(field, values)))
    accepting = a_feed_of("excel", excel={"numeric_ids": "accept"})
    assert outcome(content, accepting, field, first_line=2) == ["E_ID", "E_ID", "123456789012345", "E_ID", "E_ID", "7"]
    assert set(outcome(content, a_feed_of("excel"), field, first_line=2)) == {"E_ID"}, "they do not tell how a number is shown"


@pytest.mark.parametrize("field", IDENTIFIERS)
@pytest.mark.parametrize("shown_as", ["00000000", "0000-0000", "General"])
def test_a_number_that_is_shown_with_zeros_identifies_nothing(field: str, shown_as: str) -> None:
    expected = ["123"] if shown_as == "General" else ["E_ID"]
    assert outcome(xlsx(rows_with(field, [123]), shown_as), a_feed_of("excel"), field, first_line=2) == expected


@pytest.mark.parametrize("field", IDENTIFIERS)
def test_a_date_or_a_fraction_in_a_cell_identifies_nothing(field: str) -> None:
    as_date = xlsx(rows_with(field, [45293]), "yyyy-mm-dd")
    assert outcome(as_date, a_feed_of("excel"), field, first_line=2) == ["E_ID"]
    texts = ["2024-01-02", "20250000000000012", "12.5", "00123"]
    assert outcome(xlsx(rows_with(field, texts)), a_feed_of("excel"), field, first_line=2) == texts
    assert outcome(xlsx(rows_with(field, [12.5, True])), a_feed_of("excel"), field, first_line=2) == ["E_ID", "E_ID"]


@pytest.mark.parametrize("field", IDENTIFIERS)
@pytest.mark.parametrize(("dtype", "digits"), [(pa.float64(), 15), (pa.float32(), 7), (pa.float16(), 3)], ids=str)
def test_a_float_column_identifies_by_the_digits_it_keeps(field: str, dtype: pa.DataType, digits: int) -> None:
    whole = [10**power for power in range(5 if digits == 3 else 20)]
    values = [float(value) for value in whole] + [0.5, float("nan"), float("inf")]
    expected = [*(str(value) if is_exact(value, digits) else "E_ID" for value in whole), "E_ID", "E_ID", "E_ID"]
    assert outcome(parquet(rows_with(field, values), field, dtype), a_feed_of("parquet"), field, first_line=1) == expected


@pytest.mark.parametrize("field", IDENTIFIERS)
def test_whole_columns_identify_by_all_their_digits(field: str) -> None:
    values = [2**63 - 1, 20250000000000012, 20250000000000014, 0]
    content = parquet(rows_with(field, values), field, pa.int64())
    assert outcome(content, a_feed_of("parquet"), field, first_line=1) == list(map(str, values))


@pytest.mark.parametrize("field", IDENTIFIERS)
def test_a_json_number_identifies_by_its_digits_as_written(field: str) -> None:
    """An integer is a text of digits, as a vendor's own writer printed it; a fraction or an exponent comes from a float."""
    literals = ["20250000000000012", "20250000000000014", "7", "20250000000000012.0", "2.025e16", "2.025E+16", "1001.0", "true", "false"]
    rows = rows_with(field, literals)
    document = json.dumps(rows)
    for literal in literals:
        document = document.replace(f'"{field}": "{literal}"', f'"{field}": {literal}')
    assert outcome(document, a_feed_of("json"), field, first_line=1) == [*literals[:3], *["E_ID"] * 6]


@pytest.mark.parametrize("text", NO_VALUES)
@pytest.mark.parametrize("field", IDENTIFIERS)
def test_a_text_that_means_no_value_identifies_nothing(field: str, text: str) -> None:
    rows = rows_with(field, [text, f" {text} ", f"{text}1", "A"])
    content = "\n".join(",".join(row) for row in grid(rows)) + "\n"
    feed = a_feed_of("csv")
    is_no_account = field == "account_id" and re.match(feed.columns[field].pattern, f"{text}1") is None
    refused = "E_QUOTE" if text == "''" else "E_ID"  # quotes of another kind are asked first
    assert outcome(content, feed, field, first_line=2) == [refused, refused, "E_ID" if is_no_account else f"{text}1", "A"]
    as_parquet = parquet(rows[:1], field, pa.string())
    assert outcome(as_parquet, a_feed_of("parquet"), field, first_line=1) == ["E_ID"]


def test_a_blank_of_the_feed_is_no_identifier_either() -> None:
    rows = rows_with("account_id", ["null", "n/a", ""])
    content = "\n".join(",".join(row) for row in grid(rows)) + "\n"
    assert outcome(content, a_feed_of("csv"), "account_id", first_line=2) == ["E_REQUIRED"] * 3
    optional = "\n".join(",".join(row) for row in grid(rows_with("client_id", ["null", ""]))) + "\n"
    assert outcome(optional, a_feed_of("csv"), "client_id", first_line=2) == [None, None]


def test_rows_of_two_long_numbers_are_neither_duplicates_nor_in_conflict() -> None:
    for emv in ("101", "102"):
        rows = rows_with("account_id", [20250000000000012, 20250000000000014])
        rows[1]["emv"] = emv
        result = validated(xlsx(rows), a_feed_of("excel"))
        assert (codes(result), result.duplicate) == ({2: "E_ID", 3: "E_ID"}, 0)
        assert "column account_id" in result.quarantined["reason"][0]


def test_a_frame_of_positions_has_no_approximate_text() -> None:
    result = validated(xlsx(rows_with("client_id", [12345678901234567, 1])), a_feed_of("excel"))
    assert not result.accepted.select(pl.col(pl.String()).str.contains("\u2248").any()).row(0).count(True)


@pytest.mark.parametrize("field", IDENTIFIERS)
@pytest.mark.parametrize("text", ERRORS)
def test_an_error_of_a_spreadsheet_in_any_language_is_no_identifier(text: str, field: str) -> None:
    rows = rows_with(field, [text, "A-1"])
    content = "\n".join(",".join(map(str, row)) for row in grid(rows)) + "\n"
    assert outcome(content, a_feed_of("csv"), field, first_line=2) == ["E_CELL_ERROR", "A-1"]


@pytest.mark.parametrize("decimal_mark", [".", ","])
@pytest.mark.parametrize("field", IDENTIFIERS)
def test_a_fraction_in_a_json_number_is_no_identifier_and_in_a_text_it_is(field: str, decimal_mark: str) -> None:
    columns = {name: name for name in IDENTIFIERS}
    feed = a_feed(columns, files={"patterns": ["acme_*"], "format": "json"}, numbers={"decimal_mark": decimal_mark})
    rows = rows_with(field, [1.5, "1.5", 12, 123456789012345678])
    assert outcome(json.dumps(rows), feed, field, first_line=1) == ["E_ID", "1.5", "12", "123456789012345678"]


PRINTED = [
    ("A-1", None),
    ("00123", None),
    (123, None),
    (12345678901234567, "E_ID"),
    (1.5, "E_ID"),
    (datetime(2025, 1, 2, tzinfo=UTC), "E_ID"),
]


@pytest.mark.parametrize("place", ["title", "preamble"])
@pytest.mark.parametrize("field", IDENTIFIERS)
@pytest.mark.parametrize(("value", "code"), PRINTED, ids=repr)
def test_an_identifier_of_a_title_or_above_the_header_is_as_sure_as_one_in_a_row(
    value: Any, code: str | None, field: str, place: str
) -> None:
    names = [name for name in NAMES if name not in IDENTIFIERS]
    others = [name for name in IDENTIFIERS if name != field]
    row = ["2024-06-28", 100, 0, 0, 101, *("XYZ"[: len(others)])]
    line, header = ["Account:", value], [*names, *others]
    how = (
        {"group_header": r"Account: (?P<inferred>.+)"}
        if place == "title"
        else {"stated": {"inferred": {"in": "preamble", "pattern": "Account: (.+)"}}}
    )
    feed = a_feed({name: name for name in others} | {field: "inferred"}, files={"patterns": ["a*"], "format": "excel", **how})
    result = validated(sheet_of([header, line, row] if place == "title" else [line, header, row]), feed)
    assert [*codes(result).values()] == ([code] if code else [])
    assert result.accepted[field].to_list() == ([] if code else [str(value)])


def sheet_of(rows: list[list[Any]]) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "default_date_format": "yyyy-mm-dd", "remove_timezone": True}) as book:
        sheet = book.add_worksheet("Data")
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                sheet.write_string(number, column, value) if isinstance(value, str) else sheet.write(number, column, value)
    return content.getvalue()


@pytest.mark.parametrize("field", IDENTIFIERS)
def test_a_decimal_or_a_day_of_parquet_is_no_identifier_and_a_whole_decimal_is(field: str) -> None:
    decimals = rows_with(field, [Decimal("12.50"), Decimal("12345678901234567.25")])
    assert outcome(parquet(decimals, field, pa.decimal128(20, 2)), a_feed_of("parquet"), field, first_line=1) == ["E_ID"] * 2
    whole = rows_with(field, [Decimal(12345678901234567890)])
    assert outcome(parquet(whole, field, pa.decimal128(20, 0)), a_feed_of("parquet"), field, first_line=1) == ["12345678901234567890"]
    for dtype in (pa.date32(), pa.timestamp("us")):
        days = rows_with(field, [datetime(2025, 1, 2)])  # noqa: DTZ001 - a day
        assert outcome(parquet(days, field, dtype), a_feed_of("parquet"), field, first_line=1) == ["E_ID"]
