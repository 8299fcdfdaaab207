"""Instants of a vendor whose day is somewhere: what day they are, and when a column of midnights is a column of days."""

import io
import json
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import validate
from advisory_perf_tests.ingestion.scenarios import DELIVERY, a_feed, notices, validated

NAMES = ["id", "day", "bmv", "in", "out", "emv"]
ZONES = ["America/New_York", "UTC", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin", "Asia/Kolkata"]
OFFSETS = [timedelta(0), timedelta(hours=5, minutes=30), timedelta(hours=-5), timedelta(hours=-3, minutes=-30), timedelta(hours=14)]


def a_feed_of(file_format: str, zone: str, form: str = "%Y-%m-%dT%H:%M:%S%.f%z") -> PositionsFeed:
    columns = {"as_of_date": {"from": "day", **({} if file_format == "parquet" else {"formats": [form]})}}
    return a_feed(columns, files={"patterns": ["acme_*"], "format": file_format, "time_zone": zone})


def rows_of(texts: list[Any]) -> list[list[Any]]:
    return [[f"A{number}", text, "100", "0", "0", "101"] for number, text in enumerate(texts)]


def as_csv(instants: list[datetime]) -> bytes:
    return "\n".join(",".join(row) for row in [NAMES, *rows_of([each.isoformat() for each in instants])]).encode() + b"\n"


def as_json(instants: list[datetime]) -> bytes:
    texts = [each.isoformat().replace("+00:00", ".000Z") for each in instants]
    return json.dumps([dict(zip(NAMES, row, strict=True)) for row in rows_of(texts)]).encode()


def parquet(instants: list[datetime], unit: str = "us") -> bytes:
    columns = dict(zip(NAMES, zip(*rows_of(instants), strict=True), strict=True))
    offset = instants[0].isoformat()[-6:]
    # By number: what pyarrow makes of an aware datetime depends on which libraries are loaded beside it.
    zone = "UTC" if offset == "+00:00" else offset
    numbers = [(each - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for each in instants]
    columns["day"] = pa.array(numbers, pa.int64()).cast(pa.timestamp("us", zone)).cast(pa.timestamp(unit, zone))
    content = io.BytesIO()
    arrow_parquet.write_table(pa.table({name: pa.array(column) for name, column in columns.items()}), content)
    return content.getvalue()


WRITERS: dict[str, Callable[[list[datetime]], bytes]] = {"csv": as_csv, "json": as_json, "parquet": parquet}


def days(content: bytes, feed: PositionsFeed) -> tuple[list[date], list[str]]:
    found: list[Notice] = []
    result = validate(read_raw_rows(content, feed, "acme_1", notices=found), feed, DELIVERY, POSITION_RULES)
    assert result.quarantined.is_empty()
    return result.accepted.sort("line_number")["as_of_date"].to_list(), [notice.code for notice in (*found, *result.notices)]


some_days = st.lists(st.dates(date(2021, 1, 1), date(2024, 6, 27)), min_size=1, max_size=10)


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("file_format", WRITERS)
@settings(max_examples=5)
@given(written=some_days, offset=st.sampled_from(OFFSETS))
@example(written=[date(2024, 5, 31)], offset=timedelta(hours=-3, minutes=-30))
def test_a_column_of_midnights_is_a_column_of_days(file_format: str, zone: str, written: list[date], offset: timedelta) -> None:
    instants = [datetime(each.year, each.month, each.day, tzinfo=timezone(offset)) for each in written]
    moved = any(instant.astimezone(ZoneInfo(zone)).date() != day for instant, day in zip(instants, written, strict=True))
    assert days(WRITERS[file_format](instants), a_feed_of(file_format, zone)) == (written, ["W_MIDNIGHT_UTC"] if moved else [])


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("file_format", WRITERS)
@settings(max_examples=5)
@given(written=some_days, offset=st.sampled_from(OFFSETS), seconds=st.integers(1, 86_399))
def test_one_other_hour_makes_instants_of_a_column(
    file_format: str, zone: str, written: list[date], offset: timedelta, seconds: int
) -> None:
    instants = [datetime(each.year, each.month, each.day, tzinfo=timezone(offset)) for each in written]
    instants.append(instants[0] + timedelta(seconds=seconds))
    expected = [instant.astimezone(ZoneInfo(zone)).date() for instant in instants]
    assert days(WRITERS[file_format](instants), a_feed_of(file_format, zone)) == (expected, [])


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_the_notice_names_the_first_day_and_the_zone(unit: str) -> None:
    content = parquet([datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 5, 31, tzinfo=UTC)], unit)
    found: list[Notice] = []
    read_raw_rows(content, a_feed_of("parquet", "America/New_York"), "acme_1.parquet", notices=found)
    assert "the column 'day' holds midnights only" in found[0].sentence
    assert "2024-05-31" in found[0].sentence
    assert "America/New_York" in found[0].sentence


def test_cells_without_a_day_say_nothing_about_the_others() -> None:
    texts = ["2024-05-31T00:00:00Z", "", "n/a", "05/31/2024"]
    content = "\n".join(",".join(row) for row in [NAMES, *rows_of(texts)]) + "\n"
    result = validated(content, a_feed_of("csv", "America/New_York"))
    assert result.accepted["as_of_date"].to_list() == [date(2024, 5, 31)]
    assert notices(result) == ["W_MIDNIGHT_UTC"]


FRACTIONS = [
    ("%Y-%m-%dT%H:%M:%S%.fZ", "2024-05-31T00:00:00.000Z"),
    ("%Y-%m-%dT%H:%M:%S%.f", "2024-05-31T16:45:30"),
    ("%Y-%m-%dT%H:%M:%S%.f", "2024-05-31T16:45:30.123456789"),
    ("%Y-%m-%dT%H:%M:%S.%fZ", "2024-05-31T00:00:00.000Z"),
    ("%Y-%m-%dT%H:%M:%S.%f", "2024-05-31T00:00:00.5"),
    ("%Y-%m-%d %H:%M:%S,%f", "2024-05-31 16:45:30,123"),
    ("%Y-%m-%d %H:%M:%S,%f", "2024-05-31 16:45:30,123456"),
    ("%Y%m%d%H%M%S%f", "20240531164530123456"),
    ("%Y%m%d%H%M%S%3f", "20240531164530123"),
    ("%Y-%m-%dT%H:%M:%S%.3f", "2024-05-31T00:00:00.000"),
    ("%Y-%m-%dT%H:%M:%S%.6fZ", "2024-05-31T00:00:00.000000Z"),
    ("%Y-%m-%dT%H:%M:%S.000Z", "2024-05-31T00:00:00.000Z"),
    ("%d/%m/%Y %T%.f", "31/05/2024 16:45:30.1"),
    ("%Y-%m-%dT%H:%M:%S%.f%z", "2024-05-31T16:45:30.000Z"),
    ("%Y-%m-%dT%H:%M:%S.%f%z", "2024-05-31T16:45:30.000-04:00"),
    ("%Y-%m-%dT%H:%M:%S%.f%:z", "2024-05-31T16:45:30.000-04:00"),
]


@pytest.mark.parametrize(("form", "text"), FRACTIONS)
def test_fractions_of_seconds_are_read_in_either_way_of_asking(form: str, text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        content = json.dumps([dict(zip(NAMES, row, strict=True)) for row in rows_of([text])]).encode()
        assert days(content, a_feed_of("json", "America/New_York", form)) == ([date(2024, 5, 31)], [])


@pytest.mark.parametrize("offset", ["%z", "%:z", "%#z", "%::z"])
def test_an_instant_needs_a_place_however_its_offset_is_asked_for(offset: str) -> None:
    columns = {"as_of_date": {"from": "day", "formats": [f"%Y-%m-%dT%H:%M:%S{offset}"]}}
    with pytest.raises(ValidationError, match="say files: time_zone"):
        a_feed(columns)
