"""Which lines of a csv file are rows of its table: those of one kind, up to a blank line, and of one table only."""

import csv
import io
from typing import Any

import polars as pl

from advisory_perf.feeds.file_layout import Csv
from advisory_perf.feeds.names import listed
from advisory_perf.ingestion.formats.csv_strict import BROKEN
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, MISFIT, Reading, cell, cell_columns, set_aside

_HAS_DIGIT = r"[0-9]"
_FEWEST_COLUMNS, MOST_SUSPECTS = 3, 1_000
"""A line of fewer words is a remark, not the header of a further table; where more lines are suspect, no line is in order."""


def line_cells(line: str, layout: Csv) -> list[str]:
    """The cells of one line that does not fit; none where it is ambiguous."""
    try:
        return next(csv.reader(io.StringIO(line, newline=""), strict=True, **csv_dialect(layout)), [])
    except csv.Error:
        return []


def csv_dialect(layout: Csv) -> dict[str, Any]:
    """The feed's layout in the words of Python's own reader, which reads headers and single lines."""
    return {
        "delimiter": layout.delimiter,
        "doublequote": layout.escape == "doubled",
        "escapechar": "\\" if layout.escape == "backslash" else None,
        **({"quoting": csv.QUOTE_NONE} if layout.quote == "none" else {"quotechar": layout.quote}),
    }


def up_to_a_blank_line(raw: pl.DataFrame) -> pl.DataFrame:
    """The raw rows before the first line that is blank."""
    blank = pl.all_horizontal(pl.col(name).fill_null("").str.strip_chars() == "" for name in [MISFIT, *cell_columns(raw)])
    return raw.filter(~blank.cum_max())


def of_one_kind(raw: pl.DataFrame, prefix: str, delimiter: str) -> pl.DataFrame:
    """The raw rows without the column that says the kind of each line; lines of another kind are footers.

    A line whose quotes are broken is none where its kind does not stand plainly in front, or where they join it with a row.
    """
    kind = cell_columns(raw)[0]
    raw = set_aside(raw, pl.col(MISFIT).is_null() & (pl.col(kind).str.strip_chars() != prefix), separator=delimiter)
    first = pl.col(MISFIT).str.split(delimiter).list.first()
    is_row = first.str.strip_chars(" \t\"'") == prefix
    holds_a_row = pl.any_horizontal(pl.col(MISFIT).str.contains(f"\n{quote}{prefix}", literal=True) for quote in ("", '"', "'"))
    hides = holds_a_row | ((pl.col(MARK) == BROKEN) & first.str.contains(r"[\"']"))
    return raw.with_columns(pl.when(is_row | hides | pl.col(MISFIT).is_null()).then(MARK).alias(MARK)).drop(kind)


def refuse_a_second_table(raw: pl.DataFrame, reading: Reading) -> None:
    """E_MULTI_TABLE where a line of words only is followed by a line of as many cells with figures in them."""
    layout = reading.feed.files.csv
    day = cell(reading.feed.day_source.from_)
    if day not in raw.columns:
        return
    inferred = pl.coalesce(MISFIT, day)
    numbered = raw.with_row_index("place")
    suspects = numbered.filter(
        (inferred != "") & ~inferred.str.contains(_HAS_DIGIT) & pl.col(MARK).is_not_null().or_(pl.col(MISFIT).is_null())
    )
    for place, line in suspects.select("place", LINE_NUMBER).head(MOST_SUSPECTS).iter_rows():
        words, following = (_row_cells(raw, at, layout) for at in (place, place + 1))
        named = [word for word in words if word]
        is_header = len(named) >= _FEWEST_COLUMNS and len(set(named)) == len(named) and not any(map(_has_digit, named))
        if is_header and len(following) == len(words) and any(map(_has_digit, following)):
            raise reading.refused(
                "E_MULTI_TABLE",
                f"a second table begins in line {line} ({listed(named[:4])}, …); say in the feed with csv: block which one is meant",
            )


def _row_cells(raw: pl.DataFrame, place: int, layout: Csv) -> list[str]:
    if place >= raw.height:
        return []
    row = raw.row(place, named=True)
    values = line_cells(row[MISFIT], layout) if row[MISFIT] is not None else [row[name] for name in cell_columns(raw)]
    return [(value or "").strip() for value in values]


def _has_digit(text: str) -> bool:
    return any(character.isdecimal() for character in text)
