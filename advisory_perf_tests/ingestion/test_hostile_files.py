"""Files that are small and would grow: each is refused, all of them in a process of their own within a little memory."""

import contextlib
import json
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.formats.archives import Inflation
from advisory_perf.ingestion.formats.xls_guard import records_of, text_lengths
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.showing import quoted
from advisory_perf_tests.ingestion.bombs import BOMBS, EXCEL, LINEAR, PLACES, entity_of_a_file
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, a_feed_of, rejection, rejection_within
from advisory_perf_tests.ingestion.whole_files import ROWS, whole_files, zipped
from advisory_perf_tests.ingestion.workbook_files import (
    NAMES,
    ROW,
    cell_of_common_text,
    common_texts,
    old_workbook,
    rows_xml,
    sheet_xml,
    workbook_of_parts,
)

pytestmark = pytest.mark.slow

MOST_MEGABYTES, MOST_TIMES = 200, 20
"""Times of what a harmless file of a million rows takes in the same process: seconds alone would say how busy the machine is."""


@pytest.fixture(scope="module")
def read_apart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("bombs")
    for name, (make, _, _) in BOMBS.items():
        (folder / name).write_bytes(make())
    program = [sys.executable, "-m", "advisory_perf_tests.ingestion.bombs", str(folder)]
    done = subprocess.run(program, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    inferred: dict[str, Any] = json.loads(done.stdout)
    return inferred


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_file_that_would_grow_is_refused_at_once(read_apart: dict[str, Any], name: str) -> None:
    inferred = read_apart["files"][name]
    assert inferred["code"] == BOMBS[name][2]
    assert inferred["seconds"] < MOST_TIMES * read_apart["harmless"]


def test_refusing_them_all_takes_little_memory(read_apart: dict[str, Any]) -> None:
    assert read_apart["megabytes"] < MOST_MEGABYTES


def test_what_an_entity_names_never_appears() -> None:
    secret = Path("/etc/hostname").read_text().strip()
    error = rejection(entity_of_a_file(), EXCEL)
    assert secret
    assert secret not in error.sentence
    assert "document type in 'xl/worksheets/sheet1.xml'" in error.sentence


def test_a_file_of_more_bytes_than_the_bound_is_not_even_unpacked() -> None:
    error = rejection_within(Bounds(bytes=10), b"\x1f\x8b" + bytes(9), a_feed())
    assert error.code == "E_TOO_LARGE"
    assert "ADVISORY_PERF_MAX_BYTES" in error.sentence


@pytest.mark.parametrize("name", ["csv", "xlsx", "json", "ndjson", "parquet"])
def test_more_rows_or_columns_than_the_bounds_are_refused_with_the_setting_that_says_so(name: str) -> None:
    file = whole_files()[name]
    for bounds, setting in ((Bounds(rows=40), "MAX_ROWS"), (Bounds(columns=5), "MAX_COLUMNS")):
        error = rejection_within(bounds, file.content, file.feed)
        assert error.code == "E_TOO_LARGE"
        assert setting in error.sentence
    assert read_raw_rows(file.content, file.feed, "x", bounds=Bounds(rows=len(ROWS) + 1, columns=6)).height == len(ROWS)


@pytest.mark.parametrize("name", ["csv.gz", "csv.zip", "xlsx", "parquet"])
def test_more_expanded_bytes_than_the_bound_are_refused(name: str) -> None:
    file = whole_files()[name]
    error = rejection_within(Bounds(expanded_bytes=900), file.content, file.feed)
    assert error.code == "E_TOO_LARGE"
    assert "MAX_EXPANDED_BYTES" in error.sentence


@pytest.mark.parametrize("name", sorted(whole_files()))
def test_a_table_of_more_bytes_than_the_bound_is_refused_in_every_format(name: str) -> None:
    file = whole_files()[name]
    raw = read_raw_rows(file.content, file.feed, "x")
    size = sum(len(value.encode()) for value in raw.select(pl.col(pl.String())).unpivot()["value"] if value) + 16 * raw.height * raw.width
    error = rejection_within(Bounds(table_bytes=size - 1), file.content, file.feed)
    assert error.code == "E_TOO_LARGE"
    assert f"makes a table of {size:,} bytes" in error.sentence
    assert_frame_equal(read_raw_rows(file.content, file.feed, "x", bounds=Bounds(table_bytes=size)), raw)


@pytest.mark.parametrize(("nesting", "fits"), [(6, True), (5, False)])
def test_json_may_be_nested_as_deep_as_the_bound_says(nesting: int, *, fits: bool) -> None:
    """The array is the first level and the row the second; the brackets in the text are none."""
    row = {**ROWS[0], "deep": {"a": {"b": [["[[[[[[{{{{{{"]]}}}
    feed = a_feed_of("json")
    if fits:
        assert read_raw_rows(json.dumps([row]).encode(), feed, "x", bounds=Bounds(nesting=nesting)).height == 1
    else:
        assert rejection_within(Bounds(nesting=nesting), json.dumps([row]).encode(), feed).code == "E_TOO_LARGE"


def test_json_beside_the_rows_is_bounded_too() -> None:
    feed = a_feed_of("json", json={"rows_at": "rows"})
    assert rejection(b'{"about": ' + b'{"x":' * 70 + b"1" + b"}" * 70 + b', "rows": []}', feed).code == "E_TOO_LARGE"


def test_a_sheet_with_a_stray_cell_is_read_as_long_as_its_grid_is_small() -> None:
    content = workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW) + '<row r="5000"><c r="ZZ5000"><v>1</v></c></row>'))
    error = rejection(content, EXCEL)
    assert error.code == "E_TOO_LARGE"
    content = workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW) + '<row r="50"><c r="ZZ50"><v>1</v></c></row>'))
    assert read_raw_rows(content, EXCEL, "x").height == 2


def test_a_long_text_in_few_cells_is_no_bomb() -> None:
    texts = f'<?xml version="1.0"?><sst><si><t>{"x" * 30_000}</t></si>{"<si><t>y</t></si>" * 20_000}</sst>'
    shown = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>{min(n - 3, 2)}</v></c></row>' for n in range(3, 30_000))
    content = workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW) + shown), {"xl/sharedStrings.xml": texts})
    assert read_raw_rows(content, EXCEL, "x").height == 29_998


@pytest.mark.parametrize("lengths", [(1_000_000, 1), (1, 1_000_000)])
def test_of_several_parts_with_texts_the_longest_one_at_a_place_counts(lengths: tuple[int, int]) -> None:
    parts = {f"xl/texts{length}.xml": f'<?xml version="1.0"?><sst><si><t>{"x" * length}</t></si></sst>' for length in lengths}
    shown = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(3, 103))
    error = rejection(workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW) + shown), parts), EXCEL)
    assert (error.code, "shows 100,000,000 characters" in error.sentence) == ("E_TOO_LARGE", True)


@pytest.mark.parametrize("further", ["<!DOCTYPE x>", "<!-- comment --><!DOCTYPE x SYSTEM 'x.dtd'>"])
def test_any_document_type_in_any_part_is_refused(further: str) -> None:
    content = workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW)), {"docProps/app.xml": f"{further}<x/>"})
    assert rejection(content, EXCEL).code == "E_FORMAT"


def test_a_part_whose_bytes_are_not_those_of_its_checksum_is_refused() -> None:
    content = bytearray(workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW))))
    content[content.rfind(b"PK\x01\x02") + 16] ^= 1
    error = rejection(bytes(content), EXCEL)
    assert error.code == "E_FORMAT"
    assert "damaged" in error.sentence


def test_an_old_workbook_is_refused_as_encrypted_when_its_records_say_so() -> None:
    further = b"\x2f\x00\x06\x00" + bytes(6)
    assert rejection(old_workbook([NAMES, ROW], further=further), EXCEL).code == "E_ENCRYPTED"


def test_an_archive_of_very_many_files_is_refused_unopened() -> None:
    content = zipped(*((f"{number}.csv", b"") for number in range(10_001)))
    assert rejection(content, a_feed()).code == "E_FORMAT"
    assert rejection(b"PK\x05\x06" + bytes(9), a_feed()).code == "E_TORN"


@pytest.mark.parametrize("make", LINEAR, ids=lambda make: make.__name__)
def test_four_times_the_file_is_about_four_times_the_work(make: Callable[[int], bytes]) -> None:
    """A pattern that looks ahead from every place to the end would take sixteen times."""
    small, large = (_work(make(count)) for count in (150_000, 600_000))
    assert large < 9 * small


def test_a_part_is_unpacked_a_few_times_however_many_others_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of texts and sheets that show them: not each sheet once for each part of texts."""
    texts = f'<?xml version="1.0"?><sst><si><t>{"x" * 30_000}</t></si><si><t>x</t></si></sst>'
    shown = sheet_xml("".join(f'<row r="{n}"><c r="A{n}" t="s"><v>1</v></c></row>' for n in range(1, 4_000)))
    parts = {f"xl/{kind}{n}.xml": part for n in range(2, 12) for kind, part in (("texts", texts), ("worksheets/sheet", shown))}
    unpacked = Counter[str]()
    member = Inflation.member

    def counted(self: Inflation, content: bytes, info: zipfile.ZipInfo) -> Iterator[bytes]:
        unpacked[info.filename] += 1
        return member(self, content, info)

    monkeypatch.setattr(Inflation, "member", counted)
    read_raw_rows(workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW)), parts), EXCEL, "x")
    assert [unpacked["xl/texts2.xml"], unpacked["xl/worksheets/sheet2.xml"]] == [2, 2]
    assert max(unpacked.values()) == 2


def test_a_part_is_called_in_a_sentence_by_what_can_be_seen_of_its_name() -> None:
    """In quotes and cut, whatever an archive calls it."""
    name = "xl/\u202e\x1b[2J" + "x" * 300 + ".xml"
    for part in ("<!DOCTYPE x><x/>", "<x", sheet_xml('<row r="3"><c r="XFD3"><v>1</v></c></row>'), sheet_xml("<row r='x'/>")):
        sentence = rejection(workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW)), {name: part}), EXCEL).sentence
        assert quoted(name) in sentence
        assert "x" * 80 not in sentence
    damaged = bytearray(zipped((name, b"x" * 100)))
    damaged[damaged.rfind(b"PK\x01\x02") + 16] ^= 1
    assert quoted(name) in rejection(bytes(damaged), a_feed()).sentence


@pytest.mark.parametrize("piece", [50, 51, 200, 8_000])
@pytest.mark.parametrize("formats", [0, 3, 40])
def test_common_texts_of_an_old_workbook_are_measured_as_they_are_read(piece: int, formats: int) -> None:
    """Wherever a record ends, within a text, its formats, or between two."""
    texts = ["a\u00e4\u20ac" * (place * 7 % 30) + str(place) for place in range(60)]
    records = common_texts(*texts, piece=piece, formats=formats)
    cells = b"".join(cell_of_common_text(2 + place, 0, place) for place in range(len(texts)))
    read = read_raw_rows(old_workbook([NAMES, ROW], further=records, cells=cells), EXCEL, "x")
    assert read["cell:id"].to_list()[1:] == texts
    pieces = [content for _, content in records_of(memoryview(records), 0)]
    assert text_lengths(pieces) == [len(text) for text in texts]


def _work(content: bytes) -> float:
    """The least processor time of three tries, which other programs of the machine only lengthen."""
    tries = []
    for _ in range(3):
        begin = time.process_time()
        with contextlib.suppress(DeliveryRejectedError):
            read_raw_rows(content, EXCEL, "x")
        tries.append(time.process_time() - begin)
    return min(tries)


@pytest.mark.parametrize("place", sorted(PLACES))
def test_an_honest_sheet_is_read_wherever_it_lies(place: str) -> None:
    part, target = PLACES[place]
    content = workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW)), part=part, target=target)
    assert read_raw_rows(content, EXCEL, "x").height == 1


def test_a_part_that_stands_twice_is_refused() -> None:
    content = workbook_of_parts(sheet_xml(rows_xml(NAMES, ROW)), {"xl/Worksheets/Sheet1.xml": "<x/>"})
    assert "stands twice" in rejection(content, EXCEL).sentence


def test_rows_that_say_no_number_are_counted_from_those_that_do() -> None:
    """Cells without references stand one behind the other, and a row without a number below the last."""
    rows = rows_xml(NAMES, ROW) + '<row r="900">' + "<c><v>1</v></c>" * 6 + "</row>" + ("<row>" + "<c><v>1</v></c>" * 6 + "</row>") * 99
    assert read_raw_rows(workbook_of_parts(sheet_xml(rows)), EXCEL, "x").height == 101
    error = rejection_within(Bounds(rows=990), workbook_of_parts(sheet_xml(rows)), EXCEL)
    assert "MAX_ROWS" in error.sentence


@pytest.mark.parametrize("name", ["csv", "xlsx", "json", "ndjson", "parquet"])
def test_a_cell_of_more_characters_than_the_bound_is_refused_with_line_and_column(name: str) -> None:
    file = whole_files()[name]
    error = rejection_within(Bounds(cell_chars=9), file.content, file.feed)
    assert error.code == "E_TOO_LARGE"
    assert "a cell of 10 characters in line" in error.sentence
    assert "column 'day'" in error.sentence
    assert "ADVISORY_PERF_MAX_CELL_CHARS" in error.sentence
    assert read_raw_rows(file.content, file.feed, "x", bounds=Bounds(cell_chars=10)).height == len(ROWS)


def test_characters_of_a_cell_are_counted_and_not_its_bytes() -> None:
    umlauts = "\u00e4" * 10
    content = f"{HEADER}\n{umlauts},2024-06-28,100,0,0,101\n".encode()
    assert read_raw_rows(content, a_feed(), "x", bounds=Bounds(cell_chars=10)).height == 1
