"""What an Excel file is and what it may hold, looked at before it is parsed: xlsx and xlsb here, xls in ``old_workbooks``.

The parser lays a sheet out as a full rectangle, so two cells at far corners would take gigabytes; how far the cells reach is
therefore read here, piece by piece. Every part is inflated and held against its checksum. A document type in a part (entities
that grow, or that name files) is no part of any workbook.
"""

import html
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.bounds import cells_allowed
from advisory_perf.vendors.raw import Reading
from advisory_perf.vendors.unpacking import Inflation, members

_SHEET_ROWS = 1 << 20
CELLS_A_BYTE = 2
"""A cell takes a dozen bytes or more, so that a sheet may be nine tenths empty."""
_OVERLAP = 64
"""Longer than any reference or tag name, which may lie across two pieces."""
_XML, _BINARY, _SHEET = (".xml", ".rels"), ".bin", "xl/worksheets/"
_STYLES, _TEXTS, _BINARY_WORKBOOK = "xl/styles.xml", "xl/sharedstrings.xml", "xl/workbook.bin"
_MARKUP = (b"<!DOCTYPE", b"<!ENTITY")
_ROW, _CELL = re.compile(rb"<(?:\w+:)?row[\s/>]"), re.compile(rb"<(?:\w+:)?c[\s/>]")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_NOT_COMPUTED = re.compile(
    rb"<(?:\w+:)?c(?![^>]*\bt\s*=\s*[\"']str[\"'])[^>]*>\s*<(?:\w+:)?f(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:</(?:\w+:)?c>|<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</)"
)
"""A formula without a value, as programs write that do not compute; a text may be empty."""
_UNPLACED = re.compile(rb"<(?:\w+:)?c(?=[\s/>])(?![^>]{0,200}?\sr\s*=)")
_REFERENCE = re.compile(rb"\br\s*=\s*[\"']([A-Z]{0,3})([0-9]{1,10})[\"']")
_LONGER = [[re.compile(rb"\br\s*=\s*[\"'][A-Z]{%d,}[0-9]{%d,}" % (letters, digits)) for digits in range(12)] for letters in range(5)]
_TEXT_END, _TEXT_PLACE = b"</si>", re.compile(rb"\bt\s*=\s*[\"']s[\"'][^>]{0,200}>\s*<(?:\w+:)?v>([0-9]{1,9})<")
_UNCOUNTED_TEXT = 64 << 20
"""Bytes of text that a sheet may always come to; beyond, sixteen times its own, since equal texts are stored once."""
_FORMAT = re.compile(r"formatCode\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_LITERALS = re.compile(r'"[^"]*"|\[[^\]]*\]|[\\_*].')
_FEWEST_PADDED = 2
_ROW_HEADER, _LAST_CELL_RECORD, _GOES_ON = 0, 11, 0x80


@dataclass(frozen=True, slots=True)
class WorkbookParts:
    """What the parts of a workbook tell.

    ``may_pad_numbers``: some number may be shown with leading zeros that its value lacks. ``has_formulas``: the values of some
    cells are what a program once computed; only xlsx tells.
    """

    may_pad_numbers: bool
    has_formulas: bool = False


def looked_through(content: bytes, reading: Reading) -> WorkbookParts:
    """Holds every part of an xlsx or xlsb file against the bounds.

    DeliveryRejectedError: E_TOO_LARGE, E_FORMAT for damage and document types.
    """
    inflation, pads, computes, sheets, texts = Inflation(reading), False, False, list[zipfile.ZipInfo](), None
    for info in members(content, reading):
        name = info.filename.lower()
        if name.endswith(_XML):
            pieces = _without_document_type(_overlapping(inflation.member(content, info)), name, reading)
            if name.startswith(_SHEET):
                sheets.append(info)
                computes |= _bound_sheet(pieces, content, info, reading)
            else:
                for piece in pieces:
                    pads |= name == _STYLES and _pads_numbers(piece)
            texts = info if name == _TEXTS else texts
        elif name.startswith("xl/") and name.endswith(_BINARY):
            pads |= name == _BINARY_WORKBOOK
            part = b"".join(inflation.member(content, info))
            if name.startswith(_SHEET):
                _bound_binary_sheet(part, info.filename, reading)
    if texts is not None:
        _bound_texts(content, texts, sheets, reading)
    return WorkbookParts(may_pad_numbers=pads, has_formulas=computes)


def refuse_wide_grid(rows: int, columns: int, size: int, name: str, reading: Reading) -> None:
    """E_TOO_LARGE where a sheet reaches further than the bounds, or than its bytes can fill."""
    if rows > min(reading.bounds.rows, _SHEET_ROWS):
        raise reading.too_large(f"has more than {min(reading.bounds.rows, _SHEET_ROWS):,} rows in {name}", "ROWS")
    if columns > reading.bounds.columns:
        raise reading.too_large(f"has {columns:,} columns in {name}", "COLUMNS")
    if rows * columns > cells_allowed(size, CELLS_A_BYTE):
        raise reading.refused(
            "E_TOO_LARGE", f"has a cell in row {rows:,} and one in column {columns:,} of {name}, but hardly any between; delete them"
        )


def _overlapping(pieces: Iterator[bytes]) -> Iterator[bytes]:
    end = b""
    for piece in pieces:
        yield end + piece
        end = (end + piece)[-_OVERLAP:]


def _without_document_type(pieces: Iterator[bytes], name: str, reading: Reading) -> Iterator[bytes]:
    for place, piece in enumerate(pieces):
        if any(markup in piece for markup in _MARKUP):
            raise reading.refused("E_FORMAT", f"holds a document type in {name}, which no workbook needs; send it as Excel saves it")
        if place == 0 and b"\0" in piece[:4]:
            raise reading.refused("E_FORMAT", f"holds text in {name} that is not UTF-8; send it as Excel saves it")
        yield piece


def _pads_numbers(styles: bytes) -> bool:
    """Whether some number format has more than one zero, and no other digit, before its decimal point: 00000000, 000-00-0000."""
    for code in _FORMAT.finditer(styles.decode("utf-8", errors="replace")):
        positive = _LITERALS.sub("", html.unescape(code[1] or code[2] or "")).split(";")[0]
        whole = positive.partition(".")[0]
        if whole.count("0") >= _FEWEST_PADDED and "#" not in whole and "?" not in whole:
            return True
    return False


def _bound_sheet(pieces: Iterator[bytes], content: bytes, info: zipfile.ZipInfo, reading: Reading) -> bool:
    """Whether the sheet has formulas, once it is bounded.

    A first look tells how many letters and digits references have at most; only where that may be too far, they are read.
    """
    rows = letters = digits = 0
    unplaced = computes = False
    for piece in pieces:
        rows += len(_ROW.findall(piece, 0, max(len(piece) - _OVERLAP, 0) or len(piece)))
        if rows > min(reading.bounds.rows, _SHEET_ROWS):
            raise reading.too_large(f"has more than {min(reading.bounds.rows, _SHEET_ROWS):,} rows in {info.filename}", "ROWS")
        unplaced = unplaced or _UNPLACED.search(piece) is not None
        computes = computes or _FORMULA.search(piece) is not None
        if computes and _NOT_COMPUTED.search(piece):
            said = f"holds formulas in {info.filename} that were saved without their values"
            raise reading.refused("E_FORMAT", f"{said}; have it computed and saved by a spreadsheet program")
        while letters < len(_LONGER) - 1 and _LONGER[letters + 1][0].search(piece):
            letters += 1
        while digits < len(_LONGER[0]) - 1 and _LONGER[0][digits + 1].search(piece):
            digits += 1
    if unplaced or 10**digits * 26**letters > cells_allowed(info.file_size, CELLS_A_BYTE) or 26**letters > reading.bounds.columns:
        last_row, last_column = _reach(b"".join(Inflation(reading).member(content, info)))
        refuse_wide_grid(last_row, last_column, info.file_size, info.filename, reading)
    return computes


def _bound_texts(content: bytes, texts: zipfile.ZipInfo, sheets: list[zipfile.ZipInfo], reading: Reading) -> None:
    """A text is stored once for all the cells that show it: one long text in every cell would take gigabytes."""
    most = max((info.file_size for info in sheets), default=0) // 10
    if texts.file_size * most <= _UNCOUNTED_TEXT:
        return
    lengths = [len(text) for text in b"".join(Inflation(reading).member(content, texts)).split(_TEXT_END)]
    for info in sheets:
        allowed = _UNCOUNTED_TEXT + 16 * info.file_size
        if max(lengths) * (info.file_size // 10) <= allowed:
            continue
        places = map(int, _TEXT_PLACE.findall(b"".join(Inflation(reading).member(content, info))))
        if sum(lengths[place] for place in places if place < len(lengths)) > allowed:
            raise reading.refused("E_TOO_LARGE", f"shows long texts in too many cells of {info.filename}; send it without them")


def _reach(sheet: bytes) -> tuple[int, int]:
    """The last row and column that any cell can have."""
    numbers, columns = {0}, {b""}
    for letters, digits in _REFERENCE.findall(sheet):
        numbers.add(int(digits))
        columns.add(letters)
    unplaced_rows = [len(_CELL.findall(row)) for row in _ROW.split(sheet)] if _UNPLACED.search(sheet) else []
    return max(numbers) + len(unplaced_rows), max(map(_column_number, columns)) + max(unplaced_rows, default=0)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _bound_binary_sheet(part: bytes, name: str, reading: Reading) -> None:
    """The same for a sheet of an xlsb file, whose records follow each other as type, length and content."""
    place, row, rows, columns = 0, 0, 0, 0
    try:
        while place < len(part):
            kind, place = _varying(part, place, 2)
            length, place = _varying(part, place, 4)
            if kind == _ROW_HEADER:
                row = int.from_bytes(part[place : place + 4], "little") + 1
            elif kind <= _LAST_CELL_RECORD:
                rows = max(rows, row)
                columns = max(columns, int.from_bytes(part[place : place + 4], "little") + 1)
            place += length
    except IndexError as error:
        raise _damaged(name, reading) from error
    refuse_wide_grid(rows, columns, len(part), name, reading)


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
