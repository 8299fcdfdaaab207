"""Arrow columns as text: what a value of each type is in the raw rows.

Values that a type can hold and a calendar cannot (a date of the year 5,881,580) stay visible as what they are. A type without a form
as text (durations, bytes, lists, extension types) is shown as its name, since nothing that was mapped to it could be validated.
"""

import re
from datetime import timedelta
from typing import Literal

import polars as pl
import pyarrow as pa
import pyarrow.compute as arrow_compute

from advisory_perf.feeds.date_formats import are_days
from advisory_perf.feeds.file_layout import known_zone
from advisory_perf.ingestion.parsing.binary_floats import APPROXIMATE, amounts_as_text, identifiers_as_text
from advisory_perf.ingestion.parsing.notation import midnight_notice
from advisory_perf.ingestion.raw_frame import Reading
from advisory_perf.showing import quoted

_MIDNIGHT = r"^(\d{4}-\d\d-\d\d) 00:00:00(?:\.0+)?$"
"""A day that was written as an instant, as pandas does; one with a time zone or another hour is no day."""
_WHOLE = r"^-?[0-9]+(?:\.0*)?$"
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")
_PLAIN = (
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_timestamp,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_null,
)
_CALENDAR = (-719_161, 2_932_895)
"""The days of our calendar since 1970, but for the first and last, which a time zone may move out of it."""
_UNITS_A_DAY = {"d": 1, "s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}
_MOST = 2**63 - 1
_LONGEST_NAME = 60


def has_text(dtype: pa.DataType) -> bool:
    """Whether every value of the type has a form as text that says all of it."""
    if pa.types.is_dictionary(dtype):
        return has_text(dtype.value_type)
    if isinstance(dtype, pa.JsonType):
        return True
    return not isinstance(dtype, pa.BaseExtensionType) and any(is_kind(dtype) for is_kind in _PLAIN)


def type_name(dtype: pa.DataType) -> str:
    """The type as a person knows it; one of many parts is cut short."""
    name = str(dtype)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}\u2026"


def texts_of(values: pa.ChunkedArray, meant: Literal["amounts", "identifiers"] | None) -> pl.Series:
    """The values as text; floats by what is ``meant`` by them, and a type without a form as text by its name in angle brackets.

    ArrowInvalid where a text is not UTF-8.
    """
    if not has_text(values.type):
        return _named(values)
    while isinstance(values.type, pa.DictionaryType | pa.JsonType):
        values = values.cast(values.type.value_type if isinstance(values.type, pa.DictionaryType) else values.type.storage_type)
    if pa.types.is_floating(values.type):
        return _floats(values, meant)
    if meant == "identifiers" and (pa.types.is_temporal(values.type) or pa.types.is_decimal(values.type)):
        return _no_identifiers(texts_of(values, None))
    if pa.types.is_temporal(values.type):
        return _times(values)
    if pa.types.is_decimal256(values.type):
        return pl.Series([None if value is None else f"{value:f}" for value in values.to_pylist()], dtype=pl.String())
    values.validate(full=True)  # the bytes of a text may be anything, and Polars would take them for UTF-8
    return _series(values).cast(pl.String())


def days_as_text(instants: pa.ChunkedArray, zone: str, reading: Reading, name: str) -> pl.Series:
    """Instants as the days they fell on in the zone, or as the days they are written with, where all are midnights; a notice says so."""
    text, utc = _instants(instants), _calendar(instants)
    there = utc.dt.convert_time_zone(zone).dt.date()
    written = _as_written(utc, instants.type.tz)
    moved = written.filter((written.dt.date() != there).fill_null(value=False)).sort()
    if moved.len() and are_days(written):
        reading.notices.append(
            midnight_notice(moved.dt.date()[0], f"{reading.feed.vendor}, {reading.file_name}: the column {quoted(name)}", zone)
        )
        there = written.dt.date()
    return there.cast(pl.String()).zip_with(there.is_not_null(), text)


def _series(values: pa.ChunkedArray) -> pl.Series:
    series = pl.from_arrow(values)
    if not isinstance(series, pl.Series):
        raise TypeError("an Arrow column becomes a series")
    return series


def _named(values: pa.ChunkedArray) -> pl.Series:
    is_null = _series(values.is_null())
    return pl.repeat(f"<{type_name(values.type)}>", len(values), dtype=pl.String(), eager=True).set(is_null, None)


def _floats(values: pa.ChunkedArray, meant: Literal["amounts", "identifiers"] | None) -> pl.Series:
    is_half = pa.types.is_float16(values.type)
    floats = _series(values.cast(pa.float32())).cast(pl.Float16()) if is_half else _series(values)
    if meant is None:
        return floats.cast(pl.String())
    return amounts_as_text(floats) if meant == "amounts" else identifiers_as_text(floats)


def _no_identifiers(text: pl.Series) -> pl.Series:
    """Days, times and decimals, of which only a whole number is an identifier."""
    return text.zip_with(text.str.contains(_WHOLE).fill_null(value=True), APPROXIMATE + text)


def _times(values: pa.ChunkedArray) -> pl.Series:
    if pa.types.is_timestamp(values.type):
        return _instants(values)
    return _dates(values.cast(pa.date32())) if pa.types.is_date(values.type) else _series(values.cast(pa.string()))


def _dates(values: pa.ChunkedArray) -> pl.Series:
    """Days or instants without a zone: by Polars, which takes a third of Arrow's time, unless some are beyond our calendar."""
    beyond = arrow_compute.any(arrow_compute.invert(_is_in_calendar(values))).as_py()
    return _series(values.cast(pa.string())) if beyond else _series(values).cast(pl.String())


def _is_in_calendar(values: pa.ChunkedArray) -> pa.ChunkedArray:
    unit = "d" if pa.types.is_date(values.type) else values.type.unit
    numbers, (first, last) = values.cast(pa.int32() if unit == "d" else pa.int64()), (day * _UNITS_A_DAY[unit] for day in _CALENDAR)
    return arrow_compute.and_(arrow_compute.greater_equal(numbers, max(first, -_MOST)), arrow_compute.less_equal(numbers, min(last, _MOST)))


def _instants(values: pa.ChunkedArray) -> pl.Series:
    """With a zone in UTC, and without one as it is written, where midnight is a day."""
    text = _dates(values.cast(pa.timestamp(values.type.unit)))
    return text + "+00:00" if values.type.tz is not None else text.str.replace(_MIDNIGHT, "$1")


def _calendar(instants: pa.ChunkedArray) -> pl.Series:
    """The instants of our calendar in UTC; one beyond it, which no time zone can be asked for, is null."""
    plain = instants.cast(pa.timestamp(instants.type.unit))
    return _series(arrow_compute.if_else(_is_in_calendar(plain), plain, None)).dt.replace_time_zone("UTC")


def _as_written(utc: pl.Series, zone: str) -> pl.Series:
    """The same instants by the clock of the zone that they are written in."""
    offset = _OFFSET.fullmatch(zone)
    if offset is not None:
        minutes = int(f"{offset[1]}1") * (60 * int(offset[2]) + int(offset[3]))
        return utc + timedelta(minutes=minutes)
    try:
        return utc.dt.convert_time_zone(known_zone(zone)).dt.replace_time_zone("UTC")
    except ValueError:
        return utc
