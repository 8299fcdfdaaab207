import pytest

from advisory_perf_tests.ingestion.scenarios import a_feed_of, read
from advisory_perf_tests.ingestion.workbook_files import NAMES, ROW, rows_xml, sheet_xml, workbook_of_parts

pytestmark = pytest.mark.table


EXTENTS = [
    "",
    "A0",
    "A1",
    "A1:F0",
    "A1:A1",
    "A1:F3",
    "C2:D2",
    "F3:A1",
    "B5:Z9",
    "A1:XFD1048576",
    "A1:F1048577",
    "XFE1",
    "1:3",
    "A:F",
    "$A$1:$F$3",
    "Data!A1:F3",
    "A1:F3 H1",
    "a1:f3",
    "?",
]


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("prefix", ["", "x:"])
def test_a_sheet_is_read_whatever_it_says_of_its_extent(extent: str, prefix: str, capfd: pytest.CaptureFixture[str]) -> None:
    rows = sheet_xml(rows_xml(NAMES, ROW, ROW))
    whole = read(workbook_of_parts(rows), a_feed_of("excel"))
    tag = f"<{prefix}dimension xmlns:x='y' ref=\"{extent}\"/>"
    stated = rows.replace("<sheetData>", f"{tag}<sheetData>")
    assert read(workbook_of_parts(stated), a_feed_of("excel")).equals(whole)
    assert capfd.readouterr().err == ""
