import gzip

import pytest

from advisory_perf_tests.vendors.scenarios import HEADER, a_feed_of, rejection

CSV = f"{HEADER}\nA1,2024-06-28,100,0,0,101\n".encode()
ZIP, OLD_EXCEL, PARQUET, PDF = b"PK\x03\x04" + bytes(50), b"\xd0\xcf\x11\xe0" + bytes(50), b"PAR1" + bytes(50) + b"PAR1", b"%PDF-1.7\n"
EVERY_FORMAT = ("csv", "excel", "json", "parquet")


@pytest.mark.parametrize("file_format", EVERY_FORMAT)
def test_a_file_without_bytes_is_empty_in_every_format(file_format: str) -> None:
    error = rejection(b"", a_feed_of(file_format))
    assert error.code == "E_EMPTY"
    assert "ask the vendor to send it again" in error.sentence


@pytest.mark.parametrize(
    ("file_format", "content", "what"),
    [
        ("csv", ZIP, "a zip archive or Excel workbook"),
        ("csv", OLD_EXCEL, "an old Excel workbook"),
        ("csv", PARQUET, "a Parquet file"),
        ("csv", gzip.compress(CSV, mtime=0), "a gzip archive"),
        ("csv", PDF, "a PDF document"),
        ("json", ZIP, "a zip archive or Excel workbook"),
        ("json", PARQUET, "a Parquet file"),
        ("excel", CSV, "something else"),
        ("excel", b"\n <html><table>", "an HTML page"),
        ("excel", PARQUET, "a Parquet file"),
        ("parquet", CSV, "something else"),
        ("parquet", ZIP, "a zip archive or Excel workbook"),
    ],
)
def test_bytes_of_another_format_are_refused_with_a_word_about_what_they_are(file_format: str, content: bytes, what: str) -> None:
    error = rejection(content, a_feed_of(file_format))
    assert error.code == "E_FORMAT"
    assert f"the feed promises {file_format}" in error.sentence
    assert what in error.sentence


@pytest.mark.parametrize(("file_format", "content"), [("excel", ZIP), ("excel", OLD_EXCEL), ("parquet", PARQUET)])
def test_bytes_that_only_begin_right_cannot_be_read(file_format: str, content: bytes) -> None:
    assert rejection(content, a_feed_of(file_format)).code == "E_FORMAT"


def test_json_in_a_csv_feed_has_no_header() -> None:
    assert rejection(b'[{"id": "A1"}]').code == "E_HEADER_MISSING"
