import io
import json

import polars as pl
import pytest
import xlsxwriter

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feed_detection.csv_layouts import ENCODINGS
from advisory_perf.feed_detection.file_names import file_names, vendor_of
from advisory_perf.feed_detection.structure import Table, read_unknown

HEADER = ("Account Number", "As Of Date", "Beginning Market Value", "Contributions", "Withdrawals", "Ending Market Value")
ROW = ("A1", "2025-01-31", "10.00", "0.00", "0.00", "11.00")
AS_JSON = dict(zip(HEADER, ROW, strict=True))


def read(content: str | bytes, file_name: str = "acme_20250131.csv") -> Table:
    return read_unknown([(file_name, content.encode() if isinstance(content, str) else content)])


def lines(separator: str = ",", *, above: str = "", header: tuple[str, ...] = HEADER) -> str:
    return above + separator.join(header) + "\n" + separator.join(ROW) + "\n"


def refused(content: str | bytes) -> DeliveryRejectedError:
    with pytest.raises(DeliveryRejectedError) as caught:
        read(content)
    assert "acme_20250131.csv" in caught.value.sentence
    return caught.value


@pytest.mark.parametrize(("separator", "said"), [(",", {}), (";", {"csv": {"delimiter": ";"}}), ("\t", {"csv": {"delimiter": "\t"}})])
def test_the_delimiter_is_the_one_that_makes_known_names(separator: str, said: dict[str, object]) -> None:
    table = read(lines(separator))
    assert table.files == {"patterns": ["acme_*.csv"], "format": "csv", **said}
    assert table.headers == list(HEADER)
    assert table.raw.height == 1


def test_lines_above_the_header_are_kept_as_a_preamble() -> None:
    table = read(lines(above="Acme Custody\nAll values in CHF\n\n"))
    assert table.preamble == ("Acme Custody", "All values in CHF")
    assert table.headers == list(HEADER)


def test_text_that_is_not_utf_8_is_read_but_its_encoding_is_left_open() -> None:
    table = read(lines(header=("Account Number", "Größe", *HEADER[1:])).replace("A1,", "A1,x,").encode("cp1252"))
    assert table.encodings == ENCODINGS
    assert "csv" not in table.files
    assert "Größe" in table.headers


def test_a_byte_order_mark_tells_the_encoding_to_every_reader() -> None:
    table = read(lines().encode("utf-8-sig"))
    assert table.encodings == ()
    assert table.headers == list(HEADER)


def test_the_rows_of_a_json_document_are_found_by_their_names() -> None:
    document = {"meta": {"fields": [{"x": 1}]}, "data": {"rows": [AS_JSON]}}
    table = read(json.dumps(document), "acme.json")
    assert table.files == {"patterns": ["acme.json"], "format": "json", "json": {"rows_at": "data.rows"}}
    assert table.headers == list(HEADER)


def test_a_document_a_line_is_distinguished_from_one_document() -> None:
    table = read(f"{json.dumps(AS_JSON)}\n{json.dumps(AS_JSON)}\n", "acme.json")
    assert table.files["json"] == {"lines": True}
    assert table.raw.height == 2


def test_two_arrays_of_rows_are_refused_with_their_places() -> None:
    assert "'a', 'b'" in refused(json.dumps({"a": [AS_JSON], "b": [AS_JSON]})).sentence


def workbook(**sheets: tuple[tuple[str, ...], ...]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for place, row in enumerate(rows):
                sheet.write_row(place, 0, row)
    return buffer.getvalue()


def test_the_sheet_is_named_where_another_one_is_visible() -> None:
    table = read(workbook(Notes=(("about",),), Data=(HEADER, ROW)), "acme.xlsx")
    assert table.files == {"patterns": ["acme.xlsx"], "format": "excel", "excel": {"sheet": "Data"}}
    assert "excel" not in read(workbook(Data=(HEADER, ROW)), "acme.xlsx").files


def test_two_sheets_with_tables_are_refused() -> None:
    assert refused(workbook(One=(HEADER, ROW), Two=(HEADER, ROW))).code == "E_SHEET_AMBIGUOUS"


def test_a_parquet_file_is_inferred_by_its_bytes() -> None:
    buffer = io.BytesIO()
    pl.DataFrame([dict(zip(HEADER, ROW, strict=True))]).write_parquet(buffer)
    assert read(buffer.getvalue(), "acme.parquet").files["format"] == "parquet"


def test_several_files_of_a_kind_are_one_table_with_the_pattern_that_covers_them() -> None:
    table = read_unknown([(f"acme_{day}.csv", lines().encode()) for day in ("20250131", "20250228", "20250228_v2")])
    assert table.raw.height == 3
    assert table.raw["line_number"].to_list() == [2, 4, 6], "the header of each file is counted too"
    assert table.files == {"patterns": ["acme_*.csv"], "format": "csv", "version": r"_v(\d+)$"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "E_EMPTY"),
        (b"a,b,c\n1,2,3\n", "E_HEADER_MISSING"),
        (b"Account Number,As Of Date\nA1,2025-01-31\n", "E_MAPPING"),
        (lines().splitlines()[0].encode() + b"\n", "E_EMPTY"),
        (b"PAR1 and no more", "E_FORMAT"),
        (b"PK\x03\x04 and no more", "E_TORN"),
        (b"{ and no more", "E_FORMAT"),
        (b"%PDF-1.7", "E_HEADER_MISSING"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence_that_names_the_file(content: bytes, code: str) -> None:
    error = refused(content)
    assert error.code == code
    assert "\n" not in error.sentence


@pytest.mark.parametrize(
    ("name", "pattern", "version"),
    [
        ("acme_20250331.csv", "acme_*.csv", None),
        ("acme_2025-03-31_v2.csv", "acme_*.csv", r"_v(\d+)$"),
        ("20250331-acme2.csv", "*-acme2.csv", None),
        ("acme_v3.csv", "acme*.csv", r"_v(\d+)$"),
        ("acme[1].csv", "acme[[]1].csv", None),
        ("acme", "acme", None),
    ],
)
def test_a_name_gives_a_pattern_without_its_date_and_version(name: str, pattern: str, version: str | None) -> None:
    assert file_names(name) == {"patterns": [pattern], **({"version": version} if version else {})}


@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        ("acme_performance_20250331.csv", "acme"),
        ("Acme Custody-2025-03_v2.xlsx", "acme_custody"),
        ("20250331.csv", "vendor"),
        ("unknown.csv", "vendor_unknown"),
    ],
)
def test_a_name_gives_a_name_for_the_vendor(name: str, vendor: str) -> None:
    assert vendor_of(name) == vendor


def test_columns_that_are_periods_are_refused_with_what_to_do() -> None:
    content = "Account Number,Value 2025-01-31,Value 2025-02-28,Flow 2025-01-31,Flow 2025-02-28\nA1,1,2,3,4\n"
    assert "Value 2025-01-31" in refused(content).sentence
    assert "files: unpivot" in refused(content).sentence


def test_a_title_above_a_header_makes_it_no_header_of_two_rows() -> None:
    table = read(lines(above="Acme Custody,Account,Market Value\n"))
    assert "header_rows" not in table.files
    assert table.headers == list(HEADER)


def test_a_workbook_with_a_header_of_two_rows_is_read_by_its_joined_names() -> None:
    upper = ("Account", "", "Market Value", "", "Flows", "")
    lower = ("Number", "As Of Date", "Beginning", "Ending", "In", "Out")
    table = read(workbook(Data=(upper, lower, ("A1", "2025-01-31", "10.00", "11.00", "0.00", "0.00"))), "acme.xlsx")
    assert table.files["header_rows"] == 2
    assert table.headers == ["Account Number", "As Of Date", "Market Value Beginning", "Market Value Ending", "Flows In", "Flows Out"]


def keyed(*levels: str, rows: int = 4) -> dict[str, object]:
    """A document of rows under account numbers, under days, or under both."""
    days = [f"2025-0{month}-28" for month in range(1, rows + 1)]
    values = {name: text for name, text in AS_JSON.items() if name not in {"Account Number", "As Of Date"}}
    with_day = [{**values, "As Of Date": day} for day in days]
    found: dict[tuple[str, ...], object] = {
        ("account",): {f"A{place}": {**values, "As Of Date": days[0]} for place in range(rows)},
        ("accounts and rows",): {f"A{place}": with_day for place in range(rows)},
        ("account", "day"): {f"A{place}": dict.fromkeys(days, values) for place in range(rows)},
        ("day", "account"): {day: {f"A{place}": values for place in range(rows)} for day in days},
        ("words",): {f"A{name}": {**values, "As Of Date": days[0]} for name in ("first", "second", "third")},
    }
    return {"data": found[levels]}


@pytest.mark.parametrize(
    ("levels", "key_as", "height"),
    [
        (("account",), "account number", 4),
        (("accounts and rows",), "account number", 16),
        (("account", "day"), ["account number", "as of date"], 16),
        (("day", "account"), ["as of date", "account number"], 16),
    ],
)
def test_rows_under_account_numbers_or_days_are_keyed(levels: tuple[str, ...], key_as: object, height: int) -> None:
    table = read(json.dumps(keyed(*levels)), "acme.json")
    assert table.files["json"] == {"rows_at": "data", "key_as": key_as}
    assert {"account number", *HEADER[2:]} <= set(table.headers)
    assert table.raw.height == height


@pytest.mark.parametrize("document", [keyed("words"), keyed("account", rows=2)])
def test_objects_under_words_or_under_two_keys_are_no_rows(document: dict[str, object]) -> None:
    assert "one array of rows" in refused(json.dumps(document)).sentence
