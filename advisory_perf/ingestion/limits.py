"""How much one delivery may hold. Every reader asks before it parses, so that a hostile file costs no memory.

The figures are generous for performance files (ten years of ten thousand accounts are twenty-five million rows at the very most)
and are to be lowered, by ADVISORY_PERF_MAX_…, where a machine has little memory: reading takes about four times a file's size.
"""

from dataclasses import dataclass

TEXT_VIEW = 16
"""Bytes by which a table points at the text of a cell."""
_FREE_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that is read.

    ``bytes`` as delivered, ``expanded_bytes`` after unpacking, data ``rows``, ``columns``, ``nesting`` of JSON
    (levels of arrays and objects, the document itself being the first), ``cell_chars``, the characters of one cell: as many
    as Excel has, and ``table_bytes``, what the table of its cells' texts takes, each text as often as it stands there.
    """

    bytes: int = 2 << 30
    expanded_bytes: int = 4 << 30
    rows: int = 20_000_000
    columns: int = 2_000
    nesting: int = 64
    cell_chars: int = 32_767
    table_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one delivery may take: bytes of memory beyond what the program takes by itself, and seconds of processor time."""

    memory_bytes: int
    seconds: int

    @property
    def table_bytes(self) -> int:
        """The bytes of the largest table that is taken from the reader: it and the one that asked have to hold it at once."""
        return self.memory_bytes // 2


def cells_allowed(size: int, a_byte: int) -> int:
    """How many cells a table may span that was stored in ``size`` bytes, at so many cells a byte.

    Formats that leave empty or equal cells out can span billions in a few bytes; two million are always allowed.
    """
    return _FREE_CELLS + size * a_byte
