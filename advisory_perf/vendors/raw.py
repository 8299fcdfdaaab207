"""Raw rows: a delivery as it came, every cell still text.

A raw frame has ``line_number`` (Int64, from 1), ``misfit`` (the line itself where it has too many or too few cells, else
null) and one ``cell:<name>`` column (String; null or empty is blank) for each column of the file, in its order. Lines
without any content are not rows. What a cell means is decided in ``judging``.
"""

import re
from collections.abc import Iterable, Sequence

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.feed import Feed

LINE_NUMBER = "line_number"
MISFIT = "misfit"
CELL = "cell:"

HEADER_SEARCH_ROWS = 50
"""How far down a file its header may stand."""


def cell(name: str) -> str:
    """The raw frame's column that holds the file's column ``name``."""
    return f"{CELL}{name}"


def cell_columns(raw: pl.DataFrame) -> list[str]:
    """The cell columns of a raw frame, in the file's order."""
    return [name for name in raw.columns if name.startswith(CELL)]


def folded(header: str) -> str:
    """A column name without the differences that do not change it: case, surplus or odd spaces, a trailing mark."""
    return re.sub(r"\s+", " ", header.replace("\u00a0", " ")).strip().rstrip("*").rstrip().casefold()


def find_header(rows: Iterable[Sequence[str | None]], feed: Feed, file_name: str) -> tuple[int, list[str]]:
    """Index and column names of the first row that holds every column the feed maps.

    Names that the feed knows come back in the feed's spelling. DeliveryRejectedError: E_MAPPING where a row holds some of
    them, naming the others; E_HEADER_MISSING where none does; E_HEADER_DUPLICATE where one stands twice.
    """
    wanted = {folded(name): name for name in feed.source_names}
    best: tuple[int, set[str]] = (0, set())
    for index, row in enumerate(rows):
        names = [folded(value or "") for value in row]
        found = wanted.keys() & set(names)
        if len(found) == len(wanted):
            return index, column_names(names, row, feed, file_name)
        if len(found) > len(best[1]):
            best = (index, set(found))
    if len(best[1]) > 1:
        missing = [name for key, name in wanted.items() if key not in best[1]]
        raise missing_columns(feed, file_name, missing, where=f"the header in line {best[0] + 1}")
    raise DeliveryRejectedError(
        "E_HEADER_MISSING",
        f"{feed.vendor}, {file_name}: none of the first {HEADER_SEARCH_ROWS} lines holds the column names "
        f"{', '.join(list(wanted.values())[:4])}, …; send the file with its header or mend columns in the feed",
    )


def missing_columns(feed: Feed, file_name: str, missing: Sequence[str], *, where: str) -> DeliveryRejectedError:
    """The rejection of a file that lacks mapped columns."""
    return DeliveryRejectedError(
        "E_MAPPING",
        f"{feed.vendor}, {file_name}: {where} lacks {', '.join(missing)}; send the file with it or mend columns in the feed",
    )


def column_names(names: Sequence[str], row: Sequence[str | None], feed: Feed, file_name: str) -> list[str]:
    """The header's names, in the feed's spelling where it knows them; unnamed columns are called ``unnamed <position>``."""
    spelling = {folded(source.from_): source.from_ for source in feed.columns.values()}
    given = [spelling.get(name, (row[i] or "").strip()) or f"unnamed {i + 1}" for i, name in enumerate(names)]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise DeliveryRejectedError(
            "E_HEADER_DUPLICATE",
            f"{feed.vendor}, {file_name}: the column {', '.join(twice)} stands twice in the header; which one is meant cannot be told",
        )
    return given


def unmapped_columns(raw: pl.DataFrame, feed: Feed) -> list[str]:
    """The file's columns that the feed neither maps nor ignores; their cells are kept in the raw rows only."""
    known = {source.from_ for source in feed.columns.values()} | set(feed.ignored)
    return [name for name in (column.removeprefix(CELL) for column in cell_columns(raw)) if name not in known]


def without_blank_lines(raw: pl.DataFrame) -> pl.DataFrame:
    """The raw rows that have any content."""
    cells = [pl.col(name) for name in cell_columns(raw)]
    has_content = pl.any_horizontal(column.is_not_null() & (column != "") for column in cells)
    misfit = pl.col(MISFIT).str.strip_chars()
    return raw.filter(has_content | (misfit.is_not_null() & (misfit != "")))
