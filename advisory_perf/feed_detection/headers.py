"""Where the header of an unknown table stands, and how the table then is laid out.

A header is the row with the most column names that are known, or the few rows that together have more. It is looked for in the
first rows; where none of them is one, as far down as a feed's header may stand, since a preamble may be longer than a screen.
"""

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feed_detection.column_names import Strength, readings
from advisory_perf.ingestion.raw_frame import DEEPEST_HEADER, HEADER_SEARCH_ROWS, names_of_columns

KNOWN_NAMES = 2
"""So many column names in a line make it a header: one may be a title."""
_MOST_HEADER_ROWS = 3
_NUMBER = re.compile(r"[$(+-]?[\d.,]*\d[\d.,]*[%)]?")
_AMOUNT = re.compile(r"-?[\d,]*\.\d+")
_PERIOD = re.compile(r"\d{4}[-/.]\d{2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|(?<!\d)20\d{6}(?!\d)")
"""A date or month in a column's name."""


@dataclass(frozen=True, slots=True)
class Header:
    """The names of a header, how many of them are known, in which row it begins, how many it has, and the texts above it."""

    names: list[str]
    known: int = 0
    place: int = 0
    rows: int = 1
    above: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """A way to read a file: options of its format, the header's names and what stands above it; ``files`` are further keys of the feed."""

    file_format: str
    options: dict[str, Any]
    header: list[str]
    header_rows: int = 1
    preamble: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()
    files: dict[str, Any] = field(default_factory=dict)


def known_names(names: Iterable[str]) -> int:
    """How many of the names are surely or likely those of a field."""
    return sum(any(reading.strength >= Strength.LIKELY for reading in readings(name)) for name in names)


def header_in(rows: Iterable[Sequence[str | None]]) -> Header:
    """The header among the rows; no names where none has two that are known."""
    best, last = Header([], KNOWN_NAMES - 1), deque[list[str]](maxlen=_MOST_HEADER_ROWS)
    above: list[list[str]] = []
    for index, row in enumerate(rows):
        if index >= DEEPEST_HEADER or (best.names and index >= max(HEADER_SEARCH_ROWS, best.place + _MOST_HEADER_ROWS)):
            break
        last.append([(value or "").strip() for value in row])
        above.append(last[-1])
        if any(_NUMBER.fullmatch(name) for name in last[-1]):
            continue
        for count in range(1, len(last) + 1):
            names = _names_of_rows(list(last)[-count:])
            found = Header(names, known_names(names), index - count + 1, count)
            best = max(best, found, key=lambda one: one.known)
    if not best.names:
        return Header([])
    return Header(best.names, best.known, best.place, best.rows, tuple(text for row in above[: best.place] for text in row if text))


def _names_of_rows(rows: list[list[str]]) -> list[str]:
    """One name a column: the first of those that it may have that is known, else with what stands right above it."""
    if len(rows) == 1:
        return rows[0]
    return [next((name for name in names if known_names([name])), names[1]) for names in names_of_columns(rows)]


def no_header(file_name: str, rows: Iterable[Sequence[str | None]]) -> DeliveryRejectedError:
    """The refusal of a file in which no header was found."""
    titles = (row for row in rows if not any(_AMOUNT.fullmatch((name or "").strip()) for name in row))
    widest = max(titles, key=lambda row: sum(_PERIOD.search(name or "") is not None for name in row), default=())
    periods = [name for name in widest if _PERIOD.search(name or "")]
    if len(periods) > 1:
        return DeliveryRejectedError(
            "E_HEADER_MISSING",
            f"{file_name}: has a column for each period, such as {periods[0]}, which detection does not make into rows;"
            " write a feed with files: unpivot, or ask for the file with a row a period",
        )
    return DeliveryRejectedError(
        "E_HEADER_MISSING",
        f"{file_name}: none of the first {DEEPEST_HEADER:,} lines holds two column names that are known; send the file with its header",
    )
