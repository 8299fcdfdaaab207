"""Excel files of before 2007 (xls), and encrypted ones of any year: both lie in a compound file, a small file system.

Looked at before it is parsed, as in ``xlsx_guard``: which streams there are, whether its chains of sectors end, and how far the
cells of the sheets reach, and how much of their common texts they show.
"""

import struct
from collections.abc import Iterator

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.formats.xlsx_guard import CELLS_A_BYTE, most_shown, refuse_too_much_shown, refuse_wide_grid
from advisory_perf.ingestion.limits import cells_allowed
from advisory_perf.ingestion.raw_frame import Reading

OLD_EXCEL = b"\xd0\xcf\x11\xe0"

_HEADER, _ENTRY = 512, 128
_END_OF_CHAIN, _ROOT = 0xFFFFFFFE, 5
_EOF, _FILE_PASS, _SHARED_STRINGS, _GOES_ON, _EPOCH, _SHEET, _SHOWN_TEXT = 0x000A, 0x002F, 0x00FC, 0x003C, 0x0022, 0x0085, 0x00FD
_IS_WIDE, _HAS_PHONETICS, _HAS_FORMATS = 1, 4, 8
_LONGEST_STRING = 0xFFFF
_MOST_WALKED = 2
"""Times the stream that walking all sheets may take; some programs list a sheet of macros as one at its very beginning."""
_CELLS = frozenset({0x0006, 0x00D6, 0x00FD, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E, 0x0002, 0x0003, 0x0004, 0x0005, 0x007E})
_RUNS_OF_CELLS = frozenset({0x00BD, 0x00BE})
_SMALLEST_STRING = 3


def look_through_old(content: bytes, reading: Reading) -> bool:
    """Holds an old workbook against the bounds; whether it counts days from 1904.

    DeliveryRejectedError: E_ENCRYPTED, E_TORN where the file ends before its sectors, E_TOO_LARGE, else E_FORMAT.
    """
    try:
        streams = _Compound(content, reading)
        if "encryptedpackage" in streams.entries:
            raise _encrypted(reading)
        name = next((name for name in ("workbook", "book") if name in streams.entries), None)
        if name is None:
            raise reading.refused("E_FORMAT", "is an Office file, but no Excel workbook; send the workbook")
        return _look_through_records(streams.read(name), reading)
    except (struct.error, IndexError) as error:
        raise reading.refused("E_FORMAT", "is a damaged old Excel workbook; send it again") from error


class _Compound:
    """The streams of a compound file, by name in lower case."""

    def __init__(self, content: bytes, reading: Reading) -> None:
        self._content, self._reading = content, reading
        if len(content) < _HEADER:
            raise self._torn()
        shift, self._mini_shift = struct.unpack_from("<HH", content, 30)
        if shift not in {9, 12} or self._mini_shift > shift:
            raise reading.refused("E_FORMAT", "is a damaged old Excel workbook; send it again")
        self._sector = 1 << shift
        directory, cutoff, mini_start, _, further, further_count = struct.unpack_from("<I4xIIIII", content, 48)
        tables = [number for number in struct.unpack_from("<109I", content, 76) if number < _END_OF_CHAIN]
        self._cutoff = cutoff
        seen = set[int]()
        while further < _END_OF_CHAIN and further not in seen and len(seen) <= further_count:
            seen.add(further)
            *numbers, further = struct.unpack(f"<{self._sector // 4}I", self._at(further))
            tables += [number for number in numbers if number < _END_OF_CHAIN]
        self._next = [number for table in tables for number in struct.unpack(f"<{self._sector // 4}I", self._at(table))]
        entries = b"".join(map(self._at, self._chain(directory, self._next)))
        self.entries: dict[str, tuple[int, int]] = {}
        self._root = (_END_OF_CHAIN, 0)
        for place in range(0, len(entries), _ENTRY):
            length, kind = struct.unpack_from("<HB", entries, place + 64)
            start, size = struct.unpack_from("<II", entries, place + 116)
            if kind == _ROOT:
                self._root = (start, size)
            elif length >= 2:  # noqa: PLR2004 - UTF-16 with a closing NUL
                name = entries[place : place + min(length, 64) - 2].decode("utf-16-le", errors="replace")
                self.entries.setdefault(name.lower(), (start, size))
        self._mini_next = [
            number for table in self._chain(mini_start, self._next) for number in struct.unpack(f"<{self._sector // 4}I", self._at(table))
        ]

    def read(self, name: str) -> bytes:
        start, size = self.entries[name]
        if size >= self._cutoff:
            return b"".join(map(self._at, self._chain(start, self._next)))[:size]
        small = b"".join(map(self._at, self._chain(self._root[0], self._next)))
        step = 1 << self._mini_shift
        return b"".join(small[number * step : (number + 1) * step] for number in self._chain(start, self._mini_next))[:size]

    def _chain(self, start: int, following: list[int]) -> list[int]:
        chain: list[int] = []
        while start < _END_OF_CHAIN:
            if len(chain) > len(following):
                raise self._reading.refused("E_FORMAT", "is a damaged old Excel workbook, whose sectors run in a circle; send it again")
            chain.append(start)
            start = following[start]
        return chain

    def _at(self, number: int) -> bytes:
        begin = (number + 1) * self._sector
        sector = self._content[begin : begin + self._sector]
        if len(sector) < self._sector:
            raise self._torn()
        return sector

    def _torn(self) -> DeliveryRejectedError:
        return self._reading.refused("E_TORN", "is an old Excel workbook that was cut short; send it again")


def _look_through_records(stream: bytes, reading: Reading) -> bool:
    """The workbook's own records come first, and say where those of each sheet begin.

    A sheet is walked as the parser walks it, from there to the first end, however many sheets are said to begin in one place.
    """
    from_1904, begins, texts = False, list[int](), list[memoryview]()
    last = 0
    for kind, content in records_of(memoryview(stream), 0):
        if kind == _FILE_PASS:
            raise _encrypted(reading)
        if kind == _SHARED_STRINGS and texts:
            raise reading.refused("E_FORMAT", "is a damaged old Excel workbook, which holds its texts twice; send it again")
        if kind == _SHARED_STRINGS or (kind == _GOES_ON and last == _SHARED_STRINGS):
            texts.append(content)
        elif kind == _EPOCH:
            from_1904 = struct.unpack_from("<H", content)[0] == 1
        elif kind == _SHEET:
            begins.append(struct.unpack_from("<I", content)[0])
        last = last if kind == _GOES_ON else kind
    if texts and struct.unpack_from("<I", texts[0], 4)[0] * _SMALLEST_STRING > len(stream):
        raise reading.refused("E_FORMAT", "is a damaged old Excel workbook, which promises more texts than it holds; send it again")
    area, places = _measured(memoryview(stream), begins, reading)
    if area > cells_allowed(len(stream), CELLS_A_BYTE):
        raise reading.refused("E_TOO_LARGE", "has sheets that reach far, but hold hardly any cells; delete those at their far corners")
    if len(places) * min(sum(map(len, texts)), _LONGEST_STRING) > most_shown(len(stream)):
        lengths = text_lengths(texts)
        refuse_too_much_shown(sum(lengths[place] for place in places if place < len(lengths)), len(stream), reading)
    return from_1904


def _measured(stream: memoryview, begins: list[int], reading: Reading) -> tuple[int, list[int]]:
    """The cells of all the sheets' grids, and the places of the common texts that their cells show."""
    area = walked = 0
    places: list[int] = []
    for begin in begins:
        rows = columns = 0
        for kind, content in records_of(stream, begin):
            walked += len(content) + 4
            if kind in _CELLS or kind in _RUNS_OF_CELLS:
                row, column = struct.unpack_from("<HH", content)
                if kind in _RUNS_OF_CELLS:
                    column = struct.unpack_from("<H", content, len(content) - 2)[0]
                rows, columns = max(rows, row + 1), max(columns, column + 1)
                if kind == _SHOWN_TEXT:
                    places.append(struct.unpack_from("<I", content, 6)[0])
        if walked > _MOST_WALKED * len(stream):
            raise reading.refused("E_FORMAT", "is a damaged old Excel workbook, whose sheets lie in one another; send it again")
        refuse_wide_grid(rows, columns, len(stream), "a sheet", reading)
        area += rows * columns
    return area, places


def records_of(stream: memoryview, begin: int) -> Iterator[tuple[int, memoryview]]:
    """The kinds and contents of records from a place to the first end."""
    kind = None
    while kind != _EOF and begin + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, begin)
        yield kind, stream[begin + 4 : begin + 4 + length]
        begin += 4 + length


def text_lengths(pieces: list[memoryview]) -> list[int]:
    """The characters of each common text; one that goes on in a further piece says there anew how wide its characters are.

    struct.error or IndexError where the pieces end before the texts do.
    """
    number, piece, place, lengths = 0, pieces[0], 8, list[int]()
    for _ in range(struct.unpack_from("<I", piece, 4)[0]):
        if place == len(piece):
            number, piece, place = number + 1, pieces[number + 1], 0
        length, flags = struct.unpack_from("<HB", piece, place)
        place += 3
        formats, phonetics = 0, 0
        if flags & _HAS_FORMATS:
            (formats,), place = struct.unpack_from("<H", piece, place), place + 2
        if flags & _HAS_PHONETICS:
            (phonetics,), place = struct.unpack_from("<I", piece, place), place + 4
        left, width = length, 1 + (flags & _IS_WIDE)
        while left > (here := (len(piece) - place) // width):
            left -= here
            number, piece, place = number + 1, pieces[number + 1], 1
            width = 1 + (piece[0] & _IS_WIDE)
        place += left * width
        rest = 4 * formats + phonetics
        while rest > len(piece) - place:
            rest -= len(piece) - place
            number, piece, place = number + 1, pieces[number + 1], 0
        place += rest
        lengths.append(length)
    return lengths


def _encrypted(reading: Reading) -> DeliveryRejectedError:
    return reading.refused("E_ENCRYPTED", "is encrypted; ask the vendor for it without a password")
