"""Days as serial numbers follow the workbook's own epoch, wherever they stand and whatever shows them."""

import io
import struct
from datetime import date, timedelta

import pytest
import xlsxwriter

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf_tests.ingestion.scenarios import a_feed, validated
from advisory_perf_tests.ingestion.workbook_files import NAMES, binary_workbook, old_workbook

pytestmark = pytest.mark.table

DAY = date(2024, 6, 28)
EPOCHS = {False: date(1899, 12, 30), True: date(1904, 1, 1)}
AMOUNTS = ["100", "0", "0", "101"]


def serial(day: date, *, epoch_1904: bool) -> int:
    return (day - EPOCHS[epoch_1904]).days


def xlsx(rows: list[list[object]], *, epoch_1904: bool, as_dates: bool) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "date_1904": epoch_1904}) as book:
        sheet, shown = book.add_worksheet("Data"), book.add_format({"num_format": "yyyy-mm-dd"})
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(number, column, value)
                else:
                    sheet.write_number(number, column, value, shown if as_dates else None)
    return content.getvalue()


def xls(rows: list[list[object]], *, epoch_1904: bool, as_dates: bool) -> bytes:
    epoch = struct.pack("<HHH", 0x0022, 2, int(epoch_1904))
    style = struct.pack("<HHHHH16x", 0x00E0, 20, 0, 14 if as_dates else 0, 0)[:24]
    return old_workbook(rows, further=epoch + style)


def xlsb(rows: list[list[object]], *, epoch_1904: bool, as_dates: bool) -> bytes:
    return binary_workbook(rows, epoch_1904=epoch_1904, date_columns=range(9) if as_dates else ())


WRITERS = {"xlsx": xlsx, "xls": xls, "xlsb": xlsb}


def a_feed_of_serials(**files: object) -> PositionsFeed:
    columns = {"as_of_date": {"from": "day", "formats": ["%Y-%m-%d", "excel_serial"]}}
    return a_feed(columns, files={"patterns": ["acme_*"], "format": "excel", **files})


def days(content: bytes, feed: PositionsFeed) -> list[date]:
    result = validated(content, feed)
    assert result.quarantined.is_empty()
    return result.accepted.sort("account_id")["as_of_date"].to_list()


@pytest.mark.parametrize("epoch_1904", EPOCHS)
@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("shown", ["date cell", "number cell", "text", "number with an hour"])
def test_a_day_in_a_column_follows_the_epoch(kind: str, shown: str, *, epoch_1904: bool) -> None:
    number = serial(DAY, epoch_1904=epoch_1904)
    value: object = {"text": str(number), "number with an hour": number + 0.75}.get(shown, number)
    rows: list[list[object]] = [[*NAMES], ["A1", value, *AMOUNTS], ["A2", "2024-06-28", *AMOUNTS]]
    content = WRITERS[kind](rows, epoch_1904=epoch_1904, as_dates=shown == "date cell")
    assert days(content, a_feed_of_serials()) == [DAY, DAY]


@pytest.mark.parametrize("epoch_1904", EPOCHS)
@pytest.mark.parametrize("kind", WRITERS)
def test_a_day_in_a_header_follows_the_epoch(kind: str, *, epoch_1904: bool) -> None:
    number = serial(DAY, epoch_1904=epoch_1904)
    columns = [f"{name} {number + further}" for further in (-1, 0) for name in ("bmv", "in", "out", "emv")]
    unpivot = {"header": r"(?P<column>[a-z]+) (?P<day>\d{5})", "values": ["bmv", "in", "out", "emv"]}
    content = WRITERS[kind]([["id", *columns], ["A1", *AMOUNTS, *AMOUNTS]], epoch_1904=epoch_1904, as_dates=False)
    found = validated(content, a_feed_of_serials(unpivot=unpivot)).accepted["as_of_date"].to_list()
    assert sorted(found) == [DAY - timedelta(1), DAY]


@pytest.mark.parametrize("epoch_1904", EPOCHS)
@pytest.mark.parametrize("kind", WRITERS)
def test_a_day_above_the_header_follows_the_epoch(kind: str, *, epoch_1904: bool) -> None:
    stated = {"day": {"in": "preamble", "pattern": r"As of (\d+)"}}
    rows: list[list[object]] = [["As of", serial(DAY, epoch_1904=epoch_1904)], ["id", *NAMES[2:]], ["A1", *AMOUNTS]]
    assert days(WRITERS[kind](rows, epoch_1904=epoch_1904, as_dates=False), a_feed_of_serials(stated=stated)) == [DAY]


@pytest.mark.parametrize("epoch_1904", EPOCHS)
@pytest.mark.parametrize("kind", WRITERS)
def test_a_serial_number_in_a_line_of_a_name_and_a_value_follows_the_epoch(kind: str, *, epoch_1904: bool) -> None:
    values = ["A1", serial(DAY, epoch_1904=epoch_1904), 45000, 0, 0, 45000]
    rows: list[list[object]] = [["k", "item", "value"], *(["1", name, value] for name, value in zip(NAMES, values, strict=True))]
    feed = a_feed_of_serials(pivot={"by": "k", "names": "item", "values": "value"})
    result = validated(WRITERS[kind](rows, epoch_1904=epoch_1904, as_dates=False), feed)
    assert result.accepted.select("as_of_date", "ending_market_value").rows() == [(DAY, 45000)]


@pytest.mark.parametrize("epoch_1904", EPOCHS)
def test_the_files_own_day_as_a_serial_number_follows_the_epoch(*, epoch_1904: bool) -> None:
    stated = {"stated": {"of": {"in": "preamble", "pattern": r"As of (\S+)"}}}
    feed = a_feed_of_serials(**stated, day_must_match={"stated": "of", "formats": ["excel_serial"], "rows": "day"})
    number = serial(DAY, epoch_1904=epoch_1904)
    content = xlsx([["As of", number], [*NAMES], ["A1", number, 100, 0, 0, 101]], epoch_1904=epoch_1904, as_dates=False)
    assert days(content, feed) == [DAY]
    stated = {"stated": {"day": {"in": "preamble", "pattern": r"As of (\S+)"}}}
    feed = a_feed_of_serials(**stated, day_must_match={"stated": "day", "formats": ["excel_serial"], "rows": "day"})
    content = xlsx([["As of", number], ["id", *NAMES[2:]], ["A1", 100, 0, 0, 101]], epoch_1904=epoch_1904, as_dates=False)
    assert days(content, feed) == [DAY], "that is the day of the rows, and counted once"
