import pytest

from advisory_perf.ingestion.limits import Bounds
from advisory_perf.orchestration.assets.ingestion import bounds_of
from advisory_perf.settings import Settings
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed_of, rejection
from advisory_perf_tests.ingestion.workbook_files import NAMES, ROW, compound_file, old_workbook, rows_xml, sheet_xml, workbook_of_parts

CSV = f"{HEADER}\nA1,2024-06-28,100,0,0,101\n".encode()
WORKBOOK, OLD_WORKBOOK = workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW))), old_workbook([NAMES, ROW])
PARQUET, PDF = b"PAR1" + bytes(50) + b"PAR1", b"%PDF-1.7\n"
EVERY_FORMAT = ("csv", "excel", "json", "parquet")


@pytest.mark.parametrize("file_format", EVERY_FORMAT)
def test_a_file_without_bytes_is_empty_in_every_format(file_format: str) -> None:
    error = rejection(b"", a_feed_of(file_format))
    assert error.code == "E_EMPTY"
    assert "ask the vendor to send it again" in error.sentence


@pytest.mark.parametrize(
    ("file_format", "content", "what"),
    [
        ("csv", WORKBOOK, "an Excel workbook"),
        ("csv", OLD_WORKBOOK, "an old Excel workbook"),
        ("csv", PARQUET, "a Parquet file"),
        ("csv", PDF, "a PDF document"),
        ("json", WORKBOOK, "an Excel workbook"),
        ("json", PARQUET, "a Parquet file"),
        ("excel", CSV, "something else"),
        ("excel", b"\n <html><table>", "an HTML page"),
        ("excel", b"\xef\xbb\xbf<!DOCTYPE html><table>", "an HTML page"),
        ("excel", b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>', "an XML document"),
        ("excel", PARQUET, "a Parquet file"),
        ("parquet", CSV, "something else"),
        ("parquet", WORKBOOK, "an Excel workbook"),
    ],
)
def test_bytes_of_another_format_are_refused_with_a_word_about_what_they_are(file_format: str, content: bytes, what: str) -> None:
    error = rejection(content, a_feed_of(file_format))
    assert error.code == "E_FORMAT"
    assert f"the feed promises {file_format}" in error.sentence
    assert what in error.sentence


@pytest.mark.parametrize(
    ("file_format", "content", "code"),
    [
        ("excel", b"PK\x03\x04" + bytes(50), "E_TORN"),
        ("excel", b"\xd0\xcf\x11\xe0" + bytes(50), "E_TORN"),
        ("excel", b"\xd0\xcf\x11\xe0" + bytes(600), "E_FORMAT"),
        ("excel", OLD_WORKBOOK[:-600], "E_TORN"),
        ("excel", compound_file({"WordDocument": b"x"}), "E_FORMAT"),
        ("parquet", PARQUET, "E_FORMAT"),
    ],
)
def test_bytes_that_only_begin_right_cannot_be_read(file_format: str, content: bytes, code: str) -> None:
    assert rejection(content, a_feed_of(file_format)).code == code


def test_an_installation_that_sets_nothing_has_the_readers_own_bounds() -> None:
    assert bounds_of(Settings()) == Bounds()


def test_json_in_a_csv_feed_has_no_header() -> None:
    assert rejection(b'[{"id": "A1"}]').code == "E_HEADER_MISSING"
