"""Excel files of before 2007 (xls), and encrypted ones of any year: both lie in a compound file, a small file system.

Looked at before it is parsed, as in ``workbooks``: which streams there are, whether its chains of sectors end, and how far the
cells of the sheets reach.
"""

import struct

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.bounds import cells_allowed
from advisory_perf.vendors.raw import Reading
from advisory_perf.vendors.workbooks import CELLS_A_BYTE, refuse_wide_grid

OLD_EXCEL = b"\xd0\xcf\x11\xe0"

_HEADER, _ENTRY = 512, 128
_END_OF_CHAIN, _ROOT = 0xFFFFFFFE, 5
_BOF, _EOF, _FILE_PASS, _SHARED_STRINGS, _EPOCH = 0x0809, 0x000A, 0x002F, 0x00FC, 0x0022
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
        directory, cutoff, mini_start, mini_count, further, further_count = struct.unpack_from("<I4xIIIII", content, 48)
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
        ][: mini_count * self._sector // 4]

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
    """Records are type, length and content; the workbook's own come first, then those of each sheet between BOF and EOF."""
    from_1904 = False
    place = rows = columns = area = 0
    while place + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, place)
        content = place + 4
        if kind == _FILE_PASS:
            raise _encrypted(reading)
        if kind == _SHARED_STRINGS and struct.unpack_from("<I", stream, content + 4)[0] * _SMALLEST_STRING > len(stream):
            raise reading.refused("E_FORMAT", "is a damaged old Excel workbook, which promises more texts than it holds; send it again")
        if kind in _CELLS or kind in _RUNS_OF_CELLS:
            row, column = struct.unpack_from("<HH", stream, content)
            if kind in _RUNS_OF_CELLS:
                column = struct.unpack_from("<H", stream, content + length - 2)[0]
            rows, columns = max(rows, row + 1), max(columns, column + 1)
        elif kind in {_BOF, _EOF}:
            refuse_wide_grid(rows, columns, len(stream), "a sheet", reading)
            area += rows * columns
            rows = columns = 0
        elif kind == _EPOCH:
            from_1904 = struct.unpack_from("<H", stream, content)[0] == 1
        place = content + length
    if area > cells_allowed(len(stream), CELLS_A_BYTE):
        raise reading.refused("E_TOO_LARGE", "has sheets that reach far, but hold hardly any cells; delete those at their far corners")
    return from_1904


def _encrypted(reading: Reading) -> DeliveryRejectedError:
    return reading.refused("E_ENCRYPTED", "is encrypted; ask the vendor for it without a password")
