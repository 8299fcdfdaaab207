import gzip
import zlib

import pytest

from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, a_feed_of, cells, read, rejection
from advisory_perf_tests.ingestion.whole_files import whole_files, zipped
from advisory_perf_tests.ingestion.workbook_files import NAMES, ROW, rows_xml, sheet_xml, workbook_of_parts

CSV = f"{HEADER}\nA1,2024-06-28,100,0,0,101\n".encode()
PLAIN = ("csv", "xlsx", "json", "ndjson", "parquet")


def changed(content: bytes, place: int, value: int) -> bytes:
    return content[:place] + bytes([value]) + content[place + 1 :]


@pytest.mark.parametrize("name", PLAIN)
def test_a_file_of_any_format_may_come_packed(name: str) -> None:
    file = whole_files()[name]
    whole = read(file.content, file.feed)
    assert read(gzip.compress(file.content), file.feed).equals(whole)
    assert read(zipped(("acme", file.content)), file.feed).equals(whole)


def test_a_gzip_file_of_several_streams_is_all_of_them() -> None:
    half = len(CSV) // 2
    assert cells(read(gzip.compress(CSV[:half]) + gzip.compress(CSV[half:]) + gzip.compress(b"")), "id") == ["A1"]
    further = gzip.compress(CSV[half:])
    for end in (1, 2, len(further) - 1):
        assert rejection(gzip.compress(CSV[:half]) + further[:end]).code == "E_TORN"


def test_folders_and_what_macos_adds_are_no_files() -> None:
    content = zipped(("export/", b""), ("export/acme.csv", CSV), ("__MACOSX/export/._acme.csv", b"x"))
    assert cells(read(content), "id") == ["A1"]


def without_a_name(archive: bytes) -> bytes:
    """The member called #x gets a name that ends before it begins."""
    return archive.replace(b"#x", b"\0x")


def test_a_member_without_a_name_is_a_file_and_in_a_workbook_nothing() -> None:
    assert cells(read(without_a_name(zipped(("#x", CSV)))), "id") == ["A1"]
    assert "2 files" in rejection(without_a_name(zipped(("#x", CSV), ("a.csv", CSV)))).sentence
    sheet = sheet_xml(rows_xml(NAMES, ROW))
    for dimension in ("", '<dimension ref="A1:XFD9999999"/>'):
        book = workbook_of_parts(sheet.replace("<sheetData>", f"{dimension}<sheetData>"), {"#x": "y"})
        assert read(without_a_name(book), a_feed_of("excel")).height == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (zipped(("a.csv", CSV), ("b.csv", CSV)), "2 files ('a.csv', 'b.csv')"),
        (zipped(), "0 files (none)"),
        (zipped(("a.csv.gz", gzip.compress(CSV))), "archive within an archive"),
        (gzip.compress(gzip.compress(CSV)), "archive within an archive"),
        (gzip.compress(zipped(("a.csv", CSV))), "archive within an archive"),
        (zipped(("a.zip", zipped())), "archive within an archive"),
        (gzip.compress(CSV) + b"garbage", "after its gzip stream"),
        (gzip.compress(CSV) + b"\x1f\x8b garbage", "damaged"),
        (gzip.compress(CSV) + bytes(16), "after its gzip stream"),
        (changed(gzip.compress(CSV), -8, 1), "damaged"),
    ],
)
def test_an_archive_that_is_not_exactly_one_whole_file_is_refused(content: bytes, what: str) -> None:
    error = rejection(content)
    assert error.code == "E_FORMAT"
    assert what in error.sentence


def test_an_archive_of_a_file_without_bytes_is_empty() -> None:
    assert rejection(gzip.compress(b"")).code == "E_EMPTY"
    assert rejection(zipped(("a.csv", b""))).code == "E_EMPTY"


def test_a_zip_archive_with_a_password_is_encrypted() -> None:
    content = zipped(("a.csv", CSV))
    error = rejection(changed(content, content.find(b"PK\x01\x02") + 8, 1))
    assert error.code == "E_ENCRYPTED"
    assert "without a password" in error.sentence


def test_bytes_that_are_not_those_of_the_checksum_are_refused() -> None:
    content = zipped(("a.csv", CSV))
    checksum = content.find(b"PK\x01\x02") + 16
    assert content[checksum : checksum + 4] == zlib.crc32(CSV).to_bytes(4, "little")
    assert rejection(changed(content, checksum, content[checksum] ^ 1)).code == "E_FORMAT"


def test_a_workbook_for_a_feed_of_another_format_is_refused_as_what_it_is() -> None:
    error = rejection(workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW))))
    assert error.code == "E_FORMAT"
    assert "the bytes are an Excel workbook" in error.sentence
    assert rejection(gzip.compress(CSV), a_feed_of("excel")).code == "E_FORMAT"


def test_the_feed_claims_the_packed_file_by_the_name_of_what_it_holds() -> None:
    feed = a_feed(files={"patterns": ["acme_*.csv"], "format": "csv", "version": r"_v(\d+)$"})
    for name in ("acme_1_v2.csv", "ACME_1_V2.CSV.GZ", "acme_1_v2.csv.zip"):
        assert feed.claims(name)
        assert feed.version_of(name) == 2
        assert feed.unversioned(name) == "acme_1.csv"
    assert not feed.claims("acme_1.csv.7z")
    assert not feed.claims("gz")
