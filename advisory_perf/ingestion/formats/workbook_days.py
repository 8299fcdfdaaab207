"""The serial numbers of days in a workbook that counts them from 1904, as the 1900 count that ``excel_serial`` reads.

Cells that are shown as dates are read by the parser, which knows the epoch; here are days that stand as plain numbers or as text: in the
column of the as-of date or in its line of a name and a value, in a value that the file states once, and in the names of columns that are
periods.
"""

import re

import polars as pl

from advisory_perf.feeds.date_formats import EXCEL_SERIAL
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.names import matched, visible
from advisory_perf.feeds.reshaping import Unpivot
from advisory_perf.ingestion.pivot import are_among
from advisory_perf.ingestion.raw_frame import CELL, cell, cell_columns

_DAYS_BETWEEN_EPOCHS = 1462
_SERIAL = r"^\s*([0-9]{4,5})(\.[0-9]+)?\s*$"


def counted_from_1900(raw: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    """The raw rows of a workbook that counts days from 1904, with the as-of date's serial numbers counted from the end of 1899."""
    source, unpivot, pivot, asked = feed.day_source, feed.files.unpivot, feed.files.pivot, feed.files.day_must_match
    if asked is not None and EXCEL_SERIAL in asked.formats and asked.stated != source.from_:
        raw = _counted(raw, cell(asked.stated))
    if EXCEL_SERIAL not in source.formats:
        return raw
    if unpivot is not None and source.from_ in unpivot.period_columns:
        return raw.rename({name: _renamed(name, source.from_, unpivot) for name in cell_columns(raw)})
    if pivot is not None and cell(pivot.names) in raw.columns:
        raw = _counted(raw, cell(pivot.values), are_among(raw[cell(pivot.names)], [source.from_]))
    return _counted(raw, cell(source.from_))


def _counted(raw: pl.DataFrame, name: str, lines: pl.Series | None = None) -> pl.DataFrame:
    """The raw rows with the serial numbers of one column, or of some lines in it, counted from the end of 1899."""
    if name not in raw.columns:
        return raw
    parts = pl.col(name).str.extract_groups(_SERIAL)
    day = parts.struct[0].cast(pl.Int64(), strict=False) + _DAYS_BETWEEN_EPOCHS
    counted = pl.coalesce(day.cast(pl.String()) + parts.struct[1].fill_null(""), pl.col(name))
    return raw.with_columns((counted if lines is None else pl.when(lines).then(counted).otherwise(name)).alias(name))


def _renamed(column: str, group: str, unpivot: Unpivot) -> str:
    """The name with the day of its period counted from the end of 1899, in the place where the header's group finds it."""
    name = visible(column.removeprefix(CELL))
    (found,) = matched(unpivot.header, [name])
    serial = re.fullmatch(_SERIAL, found[group]) if found is not None else None
    if found is None or serial is None:
        return column
    counted = f"{int(serial[1]) + _DAYS_BETWEEN_EPOCHS}{serial[2] or ''}"
    places = (place.span() for place in re.finditer(re.escape(found[group]), name))
    names = [f"{name[:begin]}{counted}{name[end:]}" for begin, end in places]
    return cell(next(new for new, groups in zip(names, matched(unpivot.header, names), strict=True) if groups and groups[group] == counted))
