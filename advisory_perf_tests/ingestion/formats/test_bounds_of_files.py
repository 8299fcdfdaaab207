"""Bounds of what is read: the most that fits, and the least that does not."""

import gzip
from typing import Any

import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.formats.archives import Inflation, entries
from advisory_perf.ingestion.formats.csv_decoding import refuse_too_large
from advisory_perf.ingestion.formats.sheet_xml import SHEET_COLUMNS, SHEET_ROWS
from advisory_perf.ingestion.formats.xlsx_guard import most_shown, refuse_too_much_shown, refuse_wide_grid
from advisory_perf.ingestion.limits import Bounds, Limits, cells_allowed
from advisory_perf.ingestion.raw_frame import DEEPEST_HEADER, Reading
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, rejection_within
from advisory_perf_tests.ingestion.whole_files import ROWS, WholeFile, whole_files, zipped

NAMES = sorted(whole_files())
PLAIN = ("csv", "json", "ndjson", "parquet")


def a_reading(**bounds: int) -> Reading:
    return Reading(a_feed(), "acme_1.csv", Bounds(**bounds))


def refused(check: Any) -> str:
    """Why it is refused; empty where it is not."""
    try:
        check()
    except DeliveryRejectedError as error:
        return f"{error.code}: {error.sentence}"
    return ""


def fits(file: WholeFile, **bounds: int) -> bool:
    """Whether the file is read within the bounds; the refusal is that it is too large."""
    why = refused(lambda: read_raw_rows(file.content, file.feed, "acme_1", bounds=Bounds(**bounds)))
    assert not why or why.startswith("E_TOO_LARGE: ")
    return not why


def test_the_bounds_are_those_that_the_documents_say() -> None:
    assert Bounds() == Bounds(2 << 30, 4 << 30, 20_000_000, 2_000, 64, 32_767, 2 << 30)
    assert Limits(memory_bytes=101, seconds=1).table_bytes == 50
    assert [cells_allowed(size, 16) for size in (0, 1, 10)] == [2_000_000, 2_000_016, 2_000_160]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_as_many_bytes_as_the_bound_is_read(name: str) -> None:
    file = whole_files()[name]
    assert fits(file, bytes=len(file.content))
    assert not fits(file, bytes=len(file.content) - 1)


@pytest.mark.parametrize("name", PLAIN)
def test_a_file_of_as_many_rows_as_the_bound_is_read(name: str) -> None:
    file = whole_files()[name]
    assert fits(file, rows=len(ROWS))
    assert not fits(file, rows=len(ROWS) - 1)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_are_counted_before_any_is_read_whatever_ends_them(end: bytes) -> None:
    """With as many above the rows as a header may stand below."""
    most = 10 + DEEPEST_HEADER
    assert refused(lambda: refuse_too_large(end * most, a_reading(rows=10))) == ""
    assert f"has {most + 1:,} lines" in refused(lambda: refuse_too_large(end * (most + 1), a_reading(rows=10)))


def test_columns_are_counted_in_the_first_lines_before_any_is_read() -> None:
    assert refused(lambda: refuse_too_large(b"a\na,b\n", a_reading(columns=2))) == ""
    assert "has 3 columns in line 2" in refused(lambda: refuse_too_large(b"a\na,b,c\n", a_reading(columns=2)))


@pytest.mark.parametrize("name", [*PLAIN, "xlsx"])
def test_a_file_of_as_many_columns_as_the_bound_is_read(name: str) -> None:
    file = whole_files()[name]
    columns = len(HEADER.split(","))
    assert fits(file, columns=columns)
    assert not fits(file, columns=columns - 1)


@pytest.mark.parametrize("name", ["csv.gz", "csv.zip"])
def test_an_archive_of_as_many_bytes_as_the_bound_is_unpacked(name: str) -> None:
    packed, plain = whole_files()[name], whole_files()["csv"]
    assert fits(packed, expanded_bytes=len(plain.content))
    assert not fits(packed, expanded_bytes=len(plain.content) - 1)


def test_the_bytes_of_all_streams_count_together() -> None:
    half = whole_files()["csv"].content
    content = gzip.compress(half[:40]) + gzip.compress(half[40:])
    assert read_raw_rows(content, a_feed(), "acme_1", bounds=Bounds(expanded_bytes=len(half))).height == len(ROWS)
    assert "MAX_EXPANDED_BYTES" in rejection_within(Bounds(expanded_bytes=len(half) - 1), content, a_feed()).sentence


def counted(inflation: Inflation, packed: int, made: int) -> str:
    return refused(lambda: inflation._count(packed, made))  # noqa: SLF001 - without sixty megabytes for each case


@pytest.mark.parametrize(("packed", "is_refused"), [((16 << 20) // 200 + 1, False), ((16 << 20) // 200, True)])
def test_what_packs_two_hundred_times_is_refused_after_the_first_64_mebibytes(packed: int, *, is_refused: bool) -> None:
    inflation = Inflation(a_reading())
    assert counted(inflation, 1, 64 << 20) == "", "the first are not watched"
    assert counted(inflation, 0, (16 << 20) - 1) == "", "a window is looked at when it is full"
    assert ("200 times its size" in counted(inflation, packed, 1)) is is_refused
    watched = Inflation(a_reading())
    assert counted(watched, 1, (64 << 20) + 1) != "", "one byte more is"


def test_each_window_is_looked_at_by_itself() -> None:
    inflation = Inflation(a_reading())
    assert counted(inflation, 64 << 20, 64 << 20) == ""
    assert counted(inflation, 16 << 20, 16 << 20) == "", "what packed badly before"
    assert "200 times its size" in counted(inflation, 1, 16 << 20), "makes up for nothing now"


@pytest.mark.parametrize(
    ("members", "says"), [(10_000, "E_TORN"), (10_001, "E_FORMAT: acme, acme_1.csv: is a zip archive of more than 10,000")]
)
def test_an_archive_lists_ten_thousand_files_at_most(members: int, says: str) -> None:
    assert refused(lambda: entries(b"PK\x01\x02" * members, a_reading())).startswith(says)


@pytest.mark.parametrize(("lost", "code"), [(0, ""), (1, "E_TORN"), (22, "E_TORN")])
def test_an_archive_without_its_whole_end_was_cut_short(lost: int, code: str) -> None:
    content = zipped(("acme.csv", whole_files()["csv"].content))
    assert refused(lambda: entries(content[: len(content) - lost], a_reading()))[:6] == code


def test_an_archive_whose_list_is_damaged_and_whose_end_is_whole_was_not_cut() -> None:
    content = zipped(("acme.csv", whole_files()["csv"].content))
    damaged = content.replace(b"PK\x01\x02", b"PK\x01\x03")
    assert refused(lambda: entries(damaged, a_reading())).startswith("E_FORMAT: acme, acme_1.csv: is a damaged zip archive")
    assert refused(lambda: entries(damaged[:-1], a_reading())).startswith("E_TORN")


@pytest.mark.parametrize(("place", "by"), [(24, 1), (24, -1), (16, 1)])
def test_a_file_of_an_archive_has_the_length_and_the_checksum_that_are_listed(place: int, by: int) -> None:
    content = bytearray(zipped(("acme.csv", whole_files()["csv"].content)))
    content[content.find(b"PK\x01\x02") + place] += by
    error = rejection_within(Bounds(), bytes(content), a_feed())
    assert error.code == "E_FORMAT"
    assert "'acme.csv' is damaged or oddly packed" in error.sentence


@pytest.mark.parametrize(
    ("rows", "columns", "size", "says"),
    [
        (SHEET_ROWS, 1, 10**7, ""),
        (SHEET_ROWS + 1, 1, 10**7, "more than 1,048,576 rows"),
        (7, 2_000, 0, ""),
        (7, 2_001, 0, "2,001 columns"),
        (1_000, 2_000, 0, ""),
        (1_001, 2_000, 999, "hardly any between"),
        (1_001, 2_000, 1_000, ""),
    ],
)
def test_the_grid_of_a_sheet_is_bounded_by_the_bounds_by_excel_and_by_its_bytes(rows: int, columns: int, size: int, says: str) -> None:
    found = refused(lambda: refuse_wide_grid(rows, columns, size, "Data", a_reading()))
    assert says in found
    assert bool(says) is bool(found)


def test_a_lower_bound_of_rows_holds_for_a_sheet_too() -> None:
    assert refused(lambda: refuse_wide_grid(10, 1, 0, "Data", a_reading(rows=10))) == ""
    assert "more than 10 rows" in refused(lambda: refuse_wide_grid(11, 1, 0, "Data", a_reading(rows=10)))
    assert (SHEET_ROWS, SHEET_COLUMNS) == (1_048_576, 16_384)


def test_a_workbook_shows_so_many_characters_at_most() -> None:
    assert [most_shown(size) for size in (0, 1)] == [64 << 20, (64 << 20) + 16]
    assert refused(lambda: refuse_too_much_shown((64 << 20) + 16, 1, a_reading())) == ""
    assert "a few long texts" in refused(lambda: refuse_too_much_shown((64 << 20) + 17, 1, a_reading()))


@pytest.mark.parametrize("name", [*PLAIN, "xlsx"])
def test_a_cell_of_as_many_characters_as_the_bound_is_read(name: str) -> None:
    file = whole_files()[name]
    longest = max(len(text) for row in ROWS for text in row.values())
    assert fits(file, cell_chars=longest)
    assert not fits(file, cell_chars=longest - 1)
