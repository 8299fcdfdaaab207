"""Files without a header, and rows that stand above one: what the search for a header (``raw_frame``) does not decide.

A feed that says ``header: none`` names the columns itself, in their order. Such a file is held against the number of those names, and
is refused where a header stands in it after all: its columns may then be in another order.
"""

import re
from collections.abc import Iterable, Sequence

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.date_formats import first_of
from advisory_perf.feeds.names import listed
from advisory_perf.feeds.units import unit_in
from advisory_perf.ingestion.parsing.fields import CELL_ERROR
from advisory_perf.ingestion.raw_frame import Header, Reading

_DIGIT = re.compile(r"\d")
_FEWEST_NAMES, _LONGEST_LINE = 3, 200


def named_header(reading: Reading) -> Header:
    """The columns of a file without a header, as its feed names them."""
    return Header(-1, [*reading.feed.files.names], [], [])


def refuse_a_header(first: Sequence[str | None], line: int, reading: Reading) -> None:
    """E_DRIFT where the first row of a file that is said to have no header reads as one: different words, and no figure."""
    words = [(value or "").strip() for value in first]
    if len(words) >= _FEWEST_NAMES and all(words) and len(set(words)) == len(words) and not any(map(_DIGIT.search, words)):
        raise reading.refused(
            "E_DRIFT",
            f"has a header in line {line} ({listed(words[:4])}, …), although the feed says files: header: none; "
            "take header and names out of the feed and map its columns by these names",
        )


def other_width(width: int, line: int, reading: Reading) -> DeliveryRejectedError:
    """The rejection of a file without a header whose rows have another number of cells than the feed has names."""
    names = reading.feed.files.names
    return reading.refused(
        "E_DRIFT",
        f"has {width} cells in line {line}, and files: names in the feed has {len(names)} columns; "
        "add the new ones there, or ask the vendor for the old layout",
    )


def refuse_rows_above(header: Header, reading: Reading) -> None:
    """E_HEADER_MISSING where a line above the header reads as a row of it, which would be lost with what stands above a table."""
    feed, known = reading.feed, reading.feed.contract
    shown_by = [name for name in (*known.key, known.day, *known.figures) if _stands_in(name, header, reading)]
    places = {name: header.names.index(feed.columns[name].from_) for name in shown_by}
    if not places.keys() >= {*known.key, known.day, *known.figures[-1:]}:
        return
    for row_number, row in enumerate(header.above, start=1):
        texts = {name: row[place].strip() for name, place in places.items() if place < len(row)}
        if len(texts) < len(places) or not all(texts.values()) or any(re.search(CELL_ERROR, text) for text in texts.values()):
            continue
        if all(_DIGIT.search(texts[name]) for name in known.figures if name in texts) and _is_day(texts[known.day], reading):
            raise reading.refused(
                "E_HEADER_MISSING",
                f"holds a row in line {row_number}, above its header in line {header.index + 1}; send it with the header above all rows",
            )


def notice_units_above(above: Iterable[Sequence[str]], reading: Reading) -> None:
    """A notice where a line above the header says that amounts are in thousands or the like, and no column of the feed has a scale."""
    amounts = [source for name, source in reading.feed.columns.items() if name in reading.feed.contract.money]
    if any(source.scale is not None for source in amounts):
        return
    for row_number, row in enumerate(above, start=1):
        line = " ".join(filter(None, row))
        unit = unit_in(line) if len(line) <= _LONGEST_LINE else None
        if unit is not None and not unit.is_rate and not re.search(rf"[0-9]\s*{re.escape(unit.text)}", line):
            reading.noticed(
                "W_SCALE",
                f"line {row_number} above the header names a unit, {unit.text}, and the feed no scale for any amount;"
                f" if amounts are printed in it, set `scale: {unit.scale}` for them, else `scale: 1`",
            )
            return


def _stands_in(name: str, header: Header, reading: Reading) -> bool:
    return name in reading.feed.columns and reading.feed.columns[name].from_ in header.names


def _is_day(text: str, reading: Reading) -> bool:
    formats, zone = reading.feed.day_source.formats, reading.feed.files.time_zone
    return pl.select(first_of(pl.lit(text), formats, zone)).item() is not None
