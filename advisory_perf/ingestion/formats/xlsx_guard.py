"""What an Excel file is and what it may hold, looked at before it is parsed: xlsx and xlsb here, xls in ``xls_guard``.

The parser lays a sheet out as a full rectangle, so two cells at far corners would take gigabytes; how far the cells reach is
therefore read first. Which parts are sheets, the workbook's relations say, and the parser is lax about names: so every part that may
be one is measured, whatever its name and place, XML by ``sheet_xml`` and binary sheets here. Every part is inflated piece by piece and
held against its checksum.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from urllib.parse import unquote

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.formats.archives import MACOS, WORKBOOKS, Inflation, entries
from advisory_perf.ingestion.formats.sheet_xml import SHEET_ROWS, XmlPart, length_shown, parsed, text_lengths
from advisory_perf.ingestion.limits import cells_allowed
from advisory_perf.ingestion.raw_frame import Reading
from advisory_perf.showing import quoted

CELLS_A_BYTE = 2
"""A cell takes a dozen bytes or more, so that a sheet may be nine tenths empty."""
_OVERLAP = 64
_XML = (".xml", ".rels")
_MAY_BE_READ = re.compile(rb"sheetData|[/:]sst[\s>]")
"""What a part without a name of XML holds if the parser could read cells or texts out of it."""
_BINARY_SHEETS = ("xl/worksheets/", "xl/chartsheets/", "xl/dialogsheets/")
"""The only folders out of which the parser takes sheets of an xlsb file, whatever they are called there."""
_BINARY_WORKBOOK, _BINARY_RELATIONS, _BINARY_TEXTS = "xl/workbook.bin", "xl/_rels/workbook.bin.rels", "xl/sharedstrings.bin"
_WORKBOOK_PROPERTIES, _SHEET_IN_WORKBOOK, _TEXT_ITEM, _SHOWN_TEXT = 153, 156, 19, 7
_OTHER_WORKBOOKS = frozenset({"content.xml", "mimetype"})
_UNCOUNTED_TEXT = 64 << 20
"""Characters that sheets may always show; beyond, sixteen times their own bytes, since equal texts are stored once."""
_SMALLEST_CELL = 10
_ROW_HEADER, _LAST_CELL_RECORD, _GOES_ON = 0, 11, 0x80
_DIMENSION = re.compile(rb"<(?:\w{1,60}:)?dimension\b[^>]{0,400}>(?:\s{0,60}</(?:\w{1,60}:)?dimension>)?")


@dataclass(frozen=True, slots=True)
class WorkbookParts:
    """What the parts of a workbook tell.

    ``may_pad_numbers``: some number may be shown with leading zeros that its value lacks. ``has_formulas``: the values of some
    cells are what a program once computed; only xlsx tells. ``counts_from_1904``: serial numbers of days do, and not from 1900.
    ``misstated`` are the sheets that say of their extent what no extent is.
    """

    may_pad_numbers: bool
    has_formulas: bool = False
    counts_from_1904: bool = False
    misstated: tuple[str, ...] = ()


def looked_through(content: bytes, reading: Reading) -> WorkbookParts:
    """Holds every part of an xlsx or xlsb file against the bounds.

    DeliveryRejectedError: E_TOO_LARGE, E_FORMAT for damage, document types, and what may be read as one workbook or another.
    """
    package = _Package(content, reading)
    found = {info: part for info in package.members if (part := package.xml_of(info)) is not None}
    sheets = [info for info, part in found.items() if part.is_sheet]
    for info in sheets:
        refuse_wide_grid(found[info].rows, found[info].columns, info.file_size, quoted(info.filename), reading)
    package.bound_texts([info for info, part in found.items() if part.texts], sheets)
    if sum(part.root == "workbook" for part in found.values()) > 1:
        raise reading.refused("E_FORMAT", "holds several workbooks in one file; send it as Excel saves it")
    binary = package.named(_BINARY_WORKBOOK)
    return WorkbookParts(
        any(part.pads for part in found.values()) or binary is not None,
        has_formulas=any(part.computes for part in found.values()),
        counts_from_1904=any(part.from_1904 for part in found.values()) if binary is None else package.binary_from_1904(binary, found),
        misstated=tuple(info.filename for info in sheets if found[info].misstates),
    )


def with_stated_extents(content: bytes, parts: WorkbookParts) -> bytes:
    """The workbook as it is, or without what sheets say wrongly of their extent, over which the parser stumbles; it needs no such word."""
    if not parts.misstated:
        return content
    rewritten = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(rewritten, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for info in filter(attrgetter("filename"), given.infolist()):
            part = given.read(info)
            made.writestr(info.filename, _DIMENSION.sub(b"", part, count=1) if info.filename in parts.misstated else part)
    return rewritten.getvalue()


def refuse_wide_grid(rows: int, columns: int, size: int, name: str, reading: Reading) -> None:
    """E_TOO_LARGE where a sheet reaches further than the bounds, or than its bytes can fill."""
    if rows > min(reading.bounds.rows, SHEET_ROWS):
        raise reading.too_large(f"has more than {min(reading.bounds.rows, SHEET_ROWS):,} rows in {name}", "ROWS")
    if columns > reading.bounds.columns:
        raise reading.too_large(f"has {columns:,} columns in {name}", "COLUMNS")
    if rows * columns > cells_allowed(size, CELLS_A_BYTE):
        raise reading.refused(
            "E_TOO_LARGE", f"has a cell in row {rows:,} and one in column {columns:,} of {name}, but hardly any between; delete them"
        )


def most_shown(size: int) -> int:
    """How many characters the sheets of a workbook may show that were stored in ``size`` bytes, without their texts."""
    return _UNCOUNTED_TEXT + 16 * size


def refuse_too_much_shown(shown: int, size: int, reading: Reading) -> None:
    """E_TOO_LARGE where the cells of sheets of ``size`` bytes show more characters than that."""
    if shown > most_shown(size):
        raise reading.refused("E_TOO_LARGE", f"shows {shown:,} characters of a few long texts in many cells; send it without them")


class _Package:
    """The parts of a workbook, by their names in lower case; E_FORMAT where a name stands twice, or for two kinds of workbook."""

    def __init__(self, content: bytes, reading: Reading) -> None:
        self._content, self._reading, self._inflation = content, reading, Inflation(reading)
        self.members = entries(content, reading)
        self._by_name = {info.filename.lower(): info for info in self.members}
        if len(self._by_name) < len(self.members):
            raise reading.refused("E_FORMAT", "is a workbook in which a part stands twice; send it as Excel saves it")
        if self._by_name.keys() >= WORKBOOKS or not self._by_name.keys().isdisjoint(_OTHER_WORKBOOKS):
            raise reading.refused("E_FORMAT", "is a workbook of two kinds at once; send it as Excel saves it")

    def named(self, name: str) -> zipfile.ZipInfo | None:
        return self._by_name.get(name)

    def xml_of(self, info: zipfile.ZipInfo) -> XmlPart | None:
        """What the part tells if it is XML by its name or if the parser could read it as a sheet or as texts."""
        pieces = self._inflation.member(self._content, info)
        if info.filename.lower().endswith(_XML) and not info.filename.startswith(MACOS):
            return parsed(pieces, quoted(info.filename), self._reading)
        if any([_MAY_BE_READ.search(piece) for piece in _overlapping(pieces)]):  # noqa: C419 - to the end, where the checksum is
            return parsed(self._again(info), quoted(info.filename), self._reading)
        return None

    def bound_texts(self, parts: list[zipfile.ZipInfo], sheets: list[zipfile.ZipInfo]) -> None:
        """A text is stored once for all the cells that show it: one long text in every cell would take gigabytes.

        Where several parts hold texts, the longest one at a place counts, so that each part and each sheet is read once.
        """
        size = sum(info.file_size for info in sheets)
        if max((texts.file_size for texts in parts), default=0) * (size // _SMALLEST_CELL) <= most_shown(size):
            return
        lengths: list[int] = []
        for texts in parts:
            of_part = text_lengths(self._again(texts), quoted(texts.filename), self._reading)
            lengths[: len(of_part)] = [*map(max, of_part, lengths), *of_part[len(lengths) :]]
        if max(lengths, default=0) * (size // _SMALLEST_CELL) > most_shown(size):
            shown = sum(length_shown(self._again(info), quoted(info.filename), lengths, self._reading) for info in sheets)
            refuse_too_much_shown(shown, size, self._reading)

    def binary_from_1904(self, workbook: zipfile.ZipInfo, found: dict[zipfile.ZipInfo, XmlPart]) -> bool:
        """Whether an xlsb file counts days from 1904, once its sheets are bounded."""
        of_workbook = self.named(_BINARY_RELATIONS)
        relations = found[of_workbook].relations if of_workbook is not None else []
        from_1904, sheets = False, set[str]()
        for kind, record in self._records_of(workbook):
            from_1904 |= kind == _WORKBOOK_PROPERTIES and len(record) > 0 and bool(record[0] & 1)
            if kind == _SHEET_IN_WORKBOOK:
                sheets |= {_last_name(target) for key, target in relations if key == _key_of(record)}
        texts = self.named(_BINARY_TEXTS)
        lengths = [len(record) // 2 for kind, record in self._records_of(texts) if kind == _TEXT_ITEM] if texts is not None else []
        shown = size = 0
        for name, info in self._by_name.items():
            if _last_name(name) in sheets or (info not in found and name.startswith(_BINARY_SHEETS)):
                shown += _bound_binary_sheet(self._records_of(info), info, lengths, self._reading)
                size += info.file_size
        refuse_too_much_shown(shown, size, self._reading)
        return from_1904

    def _records_of(self, info: zipfile.ZipInfo) -> Iterator[tuple[int, memoryview]]:
        return _records(b"".join(self._again(info)), quoted(info.filename), self._reading)

    def _again(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        return Inflation(self._reading).member(self._content, info)


def _last_name(target: str) -> str:
    """The part's own name, however a relation spells its place."""
    return unquote(target).replace("\\", "/").rpartition("/")[2].lower()


def _key_of(sheet: memoryview) -> str:
    """By which key the relations of an xlsb workbook know the part of a sheet that it lists."""
    return bytes(sheet[12 : 12 + 2 * int.from_bytes(sheet[8:12], "little")]).decode("utf-16-le", errors="replace")


def _overlapping(pieces: Iterator[bytes]) -> Iterator[bytes]:
    end = b""
    for piece in pieces:
        yield end + piece
        end = (end + piece)[-_OVERLAP:]


def _bound_binary_sheet(records: Iterator[tuple[int, memoryview]], info: zipfile.ZipInfo, lengths: list[int], reading: Reading) -> int:
    """Holds a sheet of an xlsb file against the bounds; the characters of common texts that its cells show."""
    row, rows, columns, shown = 0, 0, 0, 0
    for kind, record in records:
        if kind == _ROW_HEADER:
            row = int.from_bytes(record[:4], "little") + 1
        elif kind <= _LAST_CELL_RECORD:
            rows = max(rows, row)
            columns = max(columns, int.from_bytes(record[:4], "little") + 1)
            place = int.from_bytes(record[8:12], "little") if kind == _SHOWN_TEXT else len(lengths)
            shown += lengths[place] if place < len(lengths) else 0
    refuse_wide_grid(rows, columns, info.file_size, quoted(info.filename), reading)
    return shown


def _records(part: bytes, name: str, reading: Reading) -> Iterator[tuple[int, memoryview]]:
    """The records of a binary part, which follow each other as type, length and content."""
    place, content = 0, memoryview(part)
    try:
        while place < len(part):
            kind, place = _varying(part, place, 2)
            length, place = _varying(part, place, 4)
            yield kind, content[place : place + length]
            place += length
    except IndexError as error:
        raise _damaged(name, reading) from error


def _varying(part: bytes, place: int, longest: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place after it."""
    value = 0
    for i in range(longest):
        byte = part[place + i]
        value |= (byte & ~_GOES_ON) << 7 * i
        if not byte & _GOES_ON:
            return value, place + i + 1
    return value, place + longest


def _damaged(name: str, reading: Reading) -> DeliveryRejectedError:
    return reading.refused("E_FORMAT", f"is damaged in {name}; send it again")
