"""What the parts of a workbook tell before it is parsed: how far cells reach, what they compute, show and pad, to the last cell."""

import struct
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.formats.sheet_xml import XmlPart, column_number, length_shown, parsed, text_lengths
from advisory_perf.ingestion.formats.workbook_days import counted_from_1900
from advisory_perf.ingestion.formats.xls_guard import _measured, records_of
from advisory_perf.ingestion.formats.xls_guard import text_lengths as old_text_lengths
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.raw_frame import Reading, cell
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf_tests.ingestion.scenarios import a_feed, a_feed_of, cells, rejection
from advisory_perf_tests.ingestion.workbook_files import NAMES, ROW, a_book, record

READING = Reading(a_feed_of("excel"), "acme_1.xlsx", Bounds())


def part(*pieces: str | bytes, reading: Reading = READING) -> XmlPart:
    return parsed([piece.encode() if isinstance(piece, str) else piece for piece in pieces], "'sheet.xml'", reading)


def refused(*pieces: str | bytes, reading: Reading = READING) -> str:
    with pytest.raises(DeliveryRejectedError) as caught:
        part(*pieces, reading=reading)
    return f"{caught.value.code}: {caught.value.sentence}"


def sheet(rows: str) -> str:
    return f"<worksheet><sheetData>{rows}</sheetData></worksheet>"


@pytest.mark.parametrize(
    ("rows", "extent"),
    [
        ('<row r="3"><c r="C3"/></row>', (3, 3)),
        ('<row r="9"><c r="A9"/></row><row r="10"><c r="A10"/></row>', (10, 1)),
        ('<row r="1"><c r="AA1"/></row>', (1, 27)),
        ("<row><c/><c/></row><row><c/></row>", (2, 2)),
        ("<row><c/><c/></row><row><c/><c/></row>", (2, 2)),
        ('<row r="4"><c/></row><row><c/></row>', (5, 1)),
        ('<row><c r="C1"/><c/></row>', (1, 4)),
        ('<row><c r="C1"/><c/><c/></row><row><c/></row>', (2, 5)),
        ('<row r="7"/>', (0, 0)),
        ('<x:row r="2"><x:c r="B2"/></x:row>', (2, 2)),
    ],
)
def test_cells_reach_as_far_as_their_references_or_their_order_say(rows: str, extent: tuple[int, int]) -> None:
    found = part(sheet(rows).replace("<worksheet>", '<worksheet xmlns:x="y">'))
    assert (found.rows, found.columns, found.is_sheet, found.root) == (*extent, True, "worksheet")


@pytest.mark.parametrize("place", ["1A", "\u00c41", "A\u0661", "1"])
def test_a_reference_that_no_cell_has_is_damage(place: str) -> None:
    assert refused(sheet(f'<row><c r="{place}"/></row>')).startswith("E_FORMAT")


def test_a_sheet_has_as_many_rows_as_the_bound() -> None:
    reading = Reading(a_feed_of("excel"), "acme_1.xlsx", Bounds(rows=2))
    assert part(sheet("<row><c/></row>" * 2), reading=reading).rows == 2
    assert refused(sheet("<row><c/></row>" * 3), reading=reading).startswith("E_TOO_LARGE")


@pytest.mark.parametrize(
    ("extent", "misstates"),
    [
        ("A1", False),
        ("A1:B2", False),
        ("A1:XFD1048576", False),
        ("A1:XFE1", True),
        ("A1:A1048577", True),
        ("B1:A1", True),
        ("A2:A1", True),
        ("A0", True),
        ("", True),
    ],
)
def test_an_extent_goes_from_its_first_cell_to_its_last_within_excels_grid(extent: str, *, misstates: bool) -> None:
    assert part(f'<worksheet><dimension ref="{extent}"/></worksheet>').misstates is misstates
    assert [column_number(letters) for letters in ("A", "Z", "AA", "XFD")] == [1, 26, 27, 16_384]


@pytest.mark.parametrize(
    ("content", "is_read"),
    [
        ("<c><f>A1</f><v>1</v></c>", True),
        ("<c><f>A1</f></c>", False),
        ("<c><f>A1</f><v></v></c>", False),
        ("<c><f>A1</f><v> </v></c><c><v>1</v></c>", False),
        ('<c t="str"><f>A1</f><v></v></c>', True),
        ('<c t="inlineStr"><f>A1</f><is><t></t></is></c>', True),
    ],
)
def test_a_formula_has_a_value_or_comes_to_an_empty_text(content: str, *, is_read: bool) -> None:
    if is_read:
        assert part(sheet(f"<row>{content}</row>")).computes
    else:
        assert "without their values" in refused(sheet(f"<row>{content}</row>"))
        assert "without their values" in refused(sheet(f"<row>{content}</row><row><c><v>1</v></c></row>"))


@pytest.mark.parametrize(
    ("code", "pads"),
    [
        ("00000", True),
        ("00", True),
        ("0", False),
        ("0.00", False),
        ("00.0", True),
        ("#,##0.00", False),
        ("#00", False),
        ("?00", False),
        ("000-00-0000", True),
        ("&quot;00&quot;0", False),
        ("&amp;quot;x&amp;quot;00", True),
        ("0;00", False),
        ("[Red]0", False),
        (r"\00", False),
    ],
)
def test_a_format_pads_where_its_whole_part_has_two_zeros_and_no_other_digit(code: str, *, pads: bool) -> None:
    assert part(f'<styleSheet><numFmts><numFmt formatCode="{code}"/></numFmts></styleSheet>').pads is pads


@pytest.mark.parametrize(("said", "is_so"), [("1", True), ("true", True), ("on", True), ("0", False), ("false", False)])
def test_days_count_from_1904_where_the_workbook_says_so(said: str, *, is_so: bool) -> None:
    assert part(f'<workbook><workbookPr date1904="{said}"/></workbook>').from_1904 is is_so
    assert not part("<workbook><workbookPr/></workbook>").from_1904


def test_a_tag_has_four_mebibytes_at_most_and_a_part_is_in_utf_8() -> None:
    begin = b'<a b="'
    for further in (0, 1):
        pieces = (begin, b"x" * ((4 << 20) - len(begin) + further), b'"/>')
        if further:
            assert refused(*pieces).startswith("E_TOO_LARGE")
        else:
            assert part(*pieces).root == "a"
    assert "not UTF-8" in refused("<a/>".encode("utf-16"))


def test_texts_are_measured_by_item_and_shown_by_the_cells_that_name_their_place() -> None:
    items = "<sst><si><t>ab</t><r><t>c</t></r></si><si/><si><t>defg</t></si></sst>"
    lengths = text_lengths([items.encode()], "'sst.xml'", READING)
    assert (lengths, part(items).texts) == ([3, 0, 4], True)
    content = "".join(f'<c t="{kind}"><v>{place}</v></c>' for kind, place in (("s", 0), ("s", " 2 "), ("s", 3), ("n", 0), ("s", "-1")))
    assert length_shown([sheet(f"<row>{content}<c><v>0</v></c></row>").encode()], "'sheet.xml'", lengths, READING) == 7


def item(text: str, *, wide: bool = False, formats: int = 0, phonetics: int = 0) -> bytes:
    """A common text of an old workbook."""
    head = struct.pack("<HB", len(text), wide + (8 if formats else 0) + (4 if phonetics else 0))
    head += (struct.pack("<H", formats) if formats else b"") + (struct.pack("<I", phonetics) if phonetics else b"")
    return head + text.encode("utf-16-le" if wide else "latin-1") + bytes(4 * formats + phonetics)


def measured(count: int, *pieces: bytes) -> list[int]:
    first, *others = pieces
    return old_text_lengths([memoryview(struct.pack("<II", count, count) + first), *(memoryview(other) for other in others)])


@pytest.mark.parametrize(
    ("pieces", "lengths"),
    [
        ([item("ab") + item("c")], [2, 1]),
        ([item("ab", wide=True) + item("c")], [2, 1]),
        ([item("ab", formats=2) + item("c")], [2, 1]),
        ([item("ab", phonetics=5) + item("c")], [2, 1]),
        ([item("ab", wide=True, formats=1, phonetics=3) + item("c")], [2, 1]),
        ([item("ab"), item("c")], [2, 1]),
        ([item("abcd")[:-2], b"\0cd" + item("e")], [4, 1]),
        ([item("abcd")[:-2], b"\1c\0d\0" + item("e")], [4, 1]),
        ([item("abcd", wide=True)[:-4], b"\0cd" + item("e")], [4, 1]),
        ([item("abcd")[:-3], b"\0b", b"\0cd" + item("e")], [4, 1]),
        ([item("ab", formats=2)[:-5], bytes(5) + item("c")], [2, 1]),
    ],
)
def test_common_texts_of_an_old_workbook_go_on_from_piece_to_piece(pieces: Sequence[bytes], lengths: list[int]) -> None:
    assert measured(2, *pieces) == lengths
    with pytest.raises((struct.error, IndexError), match=r"buffer|index out of"):
        measured(3, *pieces)


def test_records_end_with_the_first_end_or_with_the_stream() -> None:
    stream = b"".join(struct.pack("<HH", kind, len(content)) + content for kind, content in ((1, b"ab"), (0x0A, b""), (2, b"")))
    assert [(kind, bytes(content)) for kind, content in records_of(memoryview(stream), 0)] == [(1, b"ab"), (0x0A, b"")]
    assert [kind for kind, _ in records_of(memoryview(stream), 10)] == [2]
    assert [kind for kind, _ in records_of(memoryview(stream[:-1]), 10)] == []


@pytest.mark.parametrize("kind", [0x00BD, 0x00BE], ids=["numbers", "blanks"])
def test_a_run_of_cells_in_an_old_workbook_reaches_to_its_last_column(kind: int) -> None:
    """Rows of one figure after the other are stored as one record: its row, its first column, what they hold, its last column."""
    run = record(kind, struct.pack("<HH", 1, 2) + bytes(6) * 3 + struct.pack("<H", 4)) + record(0x0A, b"")
    one = record(0x0203, struct.pack("<HHH", 3, 1, 0) + struct.pack("<d", 1.5)) + record(0x0A, b"")
    assert _measured(memoryview(run), [0], READING) == (2 * 5, [])
    assert _measured(memoryview(run + one), [0, len(run)], READING) == (2 * 5 + 4 * 2, [])


def days_of(*texts: str | None) -> list[str | None]:
    raw = pl.DataFrame({cell("day"): texts}, schema={cell("day"): pl.String()})
    feed = a_feed({"as_of_date": {"from": "day", "formats": ["excel_serial"]}})
    return cells(counted_from_1900(raw, feed), "day")


def test_serial_numbers_of_four_or_five_digits_are_counted_on_and_nothing_else_is() -> None:
    assert days_of("43983", "1000", "43983.0", " 43983 ") == ["45445", "2462", "45445.0", "45445"]
    others = ["999", "100000", "-43983", "2024-06-28", "43983x", "", None]
    assert days_of(*others) == others
    raw = pl.DataFrame({cell("day"): ["43983"]})
    assert counted_from_1900(raw, a_feed()).equals(raw), "a feed without serial numbers"


def noticed(content: bytes, **excel: str) -> list[str]:
    """The codes of what is inferred of a workbook that is read."""
    found: list[Notice] = []
    read_raw_rows(content, a_feed_of("excel", excel=excel), "acme_1.xlsx", notices=found)
    return [notice.code for notice in found]


def test_a_hidden_sheet_is_reported_where_it_holds_anything_and_the_feed_names_none() -> None:
    data: tuple[str, list[list[Any]]] = ("Data", [[*NAMES], list(ROW)])
    hidden, empty = (a_book(("Old", rows), data, hide_first=True) for rows in ([["x"]], []))
    assert (noticed(hidden), noticed(empty), noticed(hidden, sheet="Data")) == (["W_HIDDEN_SHEET"], [], [])


def test_formulas_are_reported_unless_the_feed_accepts_them() -> None:
    computed, plain = (a_book(("Data", [[*NAMES], [*ROW[:-1], value]])) for value in ("=E2", 101))
    assert (noticed(computed), noticed(computed, formulas="accept"), noticed(plain)) == (["W_FORMULA"], [], [])


def test_a_workbook_without_any_content_has_no_sheet_to_choose() -> None:
    assert rejection(a_book(("Data", [])), a_feed_of("excel")).code == "E_SHEET_AMBIGUOUS"
