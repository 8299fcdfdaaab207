"""Workbooks: honest ones, and parts of an xlsx file and old workbooks in a compound file for what no honest program writes."""

import io
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xlsxwriter

from advisory_perf_tests.ingestion.scenarios import HEADER
from advisory_perf_tests.ingestion.whole_files import zipped

NAMES = HEADER.split(",")
ROW = ("A1", "2024-06-28", 100, 0, 0, 101)
_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SECTOR, _END, _FREE, _IS_TABLE = 512, 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def a_book(*sheets: tuple[str, list[list[Any]]], epoch_1904: bool = False, hide_first: bool = False) -> bytes:
    """A workbook of sheets; `#…` is an error, `=…` a formula whose cached value is 1,040,000."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "date_1904": epoch_1904, "default_date_format": "yyyy-mm-dd"}) as book:
        for name, rows in sheets:
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    if isinstance(value, str) and value.startswith("#"):
                        sheet.write_formula(number, column, "=1/0", None, value)
                    elif isinstance(value, str) and value.startswith("="):
                        sheet.write_formula(number, column, value, None, 1040000)
                    elif isinstance(value, str):
                        sheet.write_string(number, column, value)
                    else:
                        sheet.write(number, column, value)
        if hide_first:
            book.worksheets()[1].activate()
            book.worksheets()[1].set_first_sheet()
            book.worksheets()[0].hide()
    return content.getvalue()


def sheet_xml(rows: str, *, before: str = "") -> str:
    return f'<?xml version="1.0"?>{before}<worksheet xmlns="{_SPREADSHEET}"><sheetData>{rows}</sheetData></worksheet>'


def rows_xml(*rows: Sequence[object], placed: bool = True) -> str:
    """Rows of inline texts and numbers; ``placed`` gives every cell its reference, as Excel does."""
    made = []
    for number, row in enumerate(rows, start=1):
        cells = []
        for column, value in enumerate(row):
            place = f' r="{chr(65 + column)}{number}"' if placed else ""
            text = f'<c{place} t="inlineStr"><is><t>{value}</t></is></c>'
            cells.append(text if isinstance(value, str) else f"<c{place}><v>{value}</v></c>")
        made.append((f'<row r="{number}">' if placed else "<row>") + "".join(cells) + "</row>")
    return "".join(made)


def workbook_of_parts(
    sheet: str, further: Mapping[str, str] | None = None, *, part: str = "xl/worksheets/sheet1.xml", target: str = "worksheets/sheet1.xml"
) -> bytes:
    """An xlsx file with one sheet, as the text of its part, which may lie elsewhere under any name."""
    types = "".join(
        f'<Override PartName="/xl/{part}" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.{kind}+xml"/>'
        for part, kind in (("workbook.xml", "sheet.main"), ("worksheets/sheet1.xml", "worksheet"))
    )
    relation = (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_RELATIONS}/%s" Target="%s"/></Relationships>'
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">{types}</Types>',
        "_rels/.rels": relation % ("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_RELATIONS}"><sheets>'
        '<sheet name="Data" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relation % ("worksheet", target),
        part: sheet,
        **(further or {}),
    }
    return zipped(*((name, part.encode()) for name, part in parts.items()))


def compound_file(streams: Mapping[str, bytes]) -> bytes:
    """A small file system of 512-byte sectors: its tables, the directory, then the streams, each of 4096 bytes or more."""
    tables = 1 + sum(map(len, streams.values())) // (_SECTOR // 4 * (_SECTOR - 8))
    table, sectors, entries = [*[_IS_TABLE] * tables, _END], list[bytes](), [_entry("Root Entry", 5, _END, 0)]
    for name, content in streams.items():
        padded = content.ljust(4096, b"\0")
        count = -(-len(padded) // _SECTOR)
        start = 1 + tables + len(sectors)
        sectors += [padded[i * _SECTOR : (i + 1) * _SECTOR].ljust(_SECTOR, b"\0") for i in range(count)]
        table += [*range(start + 1, start + count), _END]
        entries.append(_entry(name, 2, start, len(padded)))
    assert len(table) <= tables * _SECTOR // 4
    assert len(entries) <= _SECTOR // 128
    table += [_FREE] * (tables * _SECTOR // 4 - len(table))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, tables, tables, 0, 4096, _END, 0, _END, 0)
    header += struct.pack("<109I", *range(tables), *[_FREE] * (109 - tables))
    directory = b"".join(entries).ljust(_SECTOR, b"\0")
    return header + struct.pack(f"<{len(table)}I", *table) + directory + b"".join(sectors)


def _entry(name: str, kind: int, start: int, size: int) -> bytes:
    encoded = (name + "\0").encode("utf-16-le")
    return encoded.ljust(64, b"\0") + struct.pack("<HBBIII36xIQ", len(encoded), kind, 1, _FREE, _FREE, _FREE, start, size)


def old_workbook(*sheets: Iterable[Sequence[object]], further: bytes = b"", cells: bytes = b"", times: int = 1) -> bytes:
    """An xls file; cells are texts, numbers or None.

    ``further`` are records of the workbook's own, ``cells`` further ones of each sheet, and each sheet is listed so many times.
    """
    bodies = [_sheet_records(rows, cells) for rows in sheets]
    names = [f"Sheet{number}".encode() for number in range(1, len(bodies) + 1)]
    begin = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0)) + further
    offset = len(begin) + times * sum(12 + len(name) for name in names) + 4
    listing = b""
    for name, body in zip(names, bodies, strict=True):
        listing += times * record(0x0085, struct.pack("<IBBBB", offset, 0, 0, len(name), 0) + name)
        offset += len(body)
    return compound_file({"Workbook": begin + listing + record(0x000A, b"") + b"".join(bodies)})


def _sheet_records(rows: Iterable[Sequence[object]], further: bytes = b"") -> bytes:
    body = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            if value is not None:
                body += cell_record(number, column, value)
    return body + further + record(0x000A, b"")


def record(kind: int, content: bytes) -> bytes:
    """A record of an xls file."""
    return struct.pack("<HH", kind, len(content)) + content


def common_texts(*texts: str, piece: int = 8_000, formats: int = 0) -> bytes:
    """The records of an xls file that hold its common texts, in pieces of so many bytes; a text that goes on says again that it is wide."""
    content, pieces = struct.pack("<II", len(texts), len(texts)), list[bytes]()
    for text in texts:
        head, rest = struct.pack("<HB", len(text), 1), text.encode("utf-16-le")
        if formats:
            head = struct.pack("<HBHI", len(text), 1 | 4 | 8, formats, 5)
        if len(content) + len(head) > piece:
            pieces, content = [*pieces, content], b""
        content += head
        while len(content) + len(rest) > piece:
            room = (piece - len(content)) // 2 * 2
            pieces, content, rest = [*pieces, content + rest[:room]], b"\x01", rest[room:]
        content += rest
        rest = bytes(4 * formats + 5 if formats else 0)
        while len(content) + len(rest) > piece:
            pieces, content, rest = [*pieces, content + rest[: piece - len(content)]], b"", rest[piece - len(content) :]
        content += rest
    return b"".join(record(0x00FC if number == 0 else 0x003C, one) for number, one in enumerate([*pieces, content]))


def cell_of_common_text(row: int, column: int, place: int) -> bytes:
    return record(0x00FD, struct.pack("<HHHI", row, column, 0, place))


def cell_record(row: int, column: int, value: object) -> bytes:
    if isinstance(value, str):
        return record(0x0204, struct.pack("<HHHHB", row, column, 0, len(value), 0) + value.encode("latin-1"))
    assert isinstance(value, int | float)
    return record(0x0203, struct.pack("<HHHd", row, column, 0, value))


def binary_workbook(
    rows: Iterable[Sequence[object]],
    *,
    epoch_1904: bool = False,
    date_columns: Sequence[int] = (),
    part: str = "xl/worksheets/sheet1.bin",
    target: str = "worksheets/sheet1.bin",
) -> bytes:
    """An xlsb file of one sheet, which may lie elsewhere; cells are texts or numbers, and those of ``date_columns`` are shown as dates."""
    rows = list(rows)
    reach = struct.pack("<IIII", 0, len(rows) - 1, 0, max(map(len, rows)) - 1)
    records = [_binary_record(129), _binary_record(148, reach), _binary_record(145)]
    for number, row in enumerate(rows):
        records.append(_binary_record(0, struct.pack("<I", number) + bytes(21)))
        for column, value in enumerate(row):
            style = 1 if column in date_columns and not isinstance(value, str) else 0
            records.append(_binary_cell(column, style, value))
    sheet = b"".join([*records, _binary_record(146), _binary_record(130)])
    bundle = struct.pack("<II", 0, 1) + _wide("rId1") + _wide("Data")
    book = _binary_record(131) + _binary_record(153, struct.pack("<III", int(epoch_1904), 0, 0)) + _binary_record(143)
    book += _binary_record(156, bundle) + _binary_record(144) + _binary_record(132)
    formats = [struct.pack("<HHHHHHBBH", 0xFFFF, number, 0, 0, 0, 0, 0, 0, 0) for number in (0, 14)]
    styles = _binary_record(278) + _binary_record(617, struct.pack("<I", len(formats)))
    styles += b"".join(_binary_record(47, one) for one in formats) + _binary_record(618) + _binary_record(279)
    relation = (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_RELATIONS}/%s" Target="%s"/>'
        f'<Relationship Id="rId2" Type="{_RELATIONS}/styles" Target="styles.bin"/></Relationships>'
    )
    return zipped(
        ("[Content_Types].xml", f'<Types xmlns="{_PACKAGE}/content-types"/>'.encode()),
        ("_rels/.rels", (relation % ("officeDocument", "xl/workbook.bin")).encode()),
        ("xl/_rels/workbook.bin.rels", (relation % ("worksheet", target)).encode()),
        ("xl/workbook.bin", book),
        ("xl/styles.bin", styles),
        (part, sheet),
    )


def _binary_cell(column: int, style: int, value: object) -> bytes:
    place = struct.pack("<II", column, style)
    if isinstance(value, str):
        return _binary_record(6, place + _wide(value))
    assert isinstance(value, int | float)
    return _binary_record(5, place + struct.pack("<d", value))


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _binary_record(kind: int, content: bytes = b"") -> bytes:
    size, length = len(content), b""
    while True:
        size, low = size >> 7, size & 0x7F
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            break
    return (bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])) + length + content
