"""What parsers raise ends as a refusal in our words, what this code gets wrong does not, and no library speaks to the terminal."""

import csv
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from decimal import Decimal

import fastexcel
import polars as pl
import pyarrow as pa
import pytest

from advisory_perf.ingestion import reader
from advisory_perf_tests.ingestion.scenarios import a_feed, rejection
from advisory_perf_tests.ingestion.whole_files import whole_files

FAULTS: list[BaseException] = [
    pa.ArrowInvalid("straddling object"),
    pa.ArrowNotImplementedError("straddling object"),
    pa.ArrowKeyError("straddling object"),
    fastexcel.FastExcelError("straddling object"),
    pl.exceptions.ComputeError("straddling object"),
    pl.exceptions.InvalidOperationError("straddling object"),
    zipfile.BadZipFile("straddling object"),
    zlib.error("straddling object"),
    struct.error("straddling object"),
    csv.Error("straddling object"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "straddling object"),
    RecursionError("straddling object"),
    OSError("straddling object"),
]
MISTAKES: list[BaseException] = [
    MemoryError(),
    KeyError("x"),
    TypeError("x"),
    AttributeError("x"),
    pl.exceptions.ColumnNotFoundError("x"),
    pl.exceptions.ShapeError("x"),
    KeyboardInterrupt(),
    SystemExit(1),
]


def panic() -> BaseException:
    """A real one: Polars has no integers of 256 bits."""
    try:
        pl.from_arrow(pa.array([Decimal(1)], pa.decimal256(60, 0)))
    except BaseException as error:  # noqa: BLE001 - a panic is no Exception
        return error
    raise AssertionError("Polars reads decimals of 256 bits now")


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def parser(*arguments: object) -> None:
        raise error

    monkeypatch.setitem(reader._READERS, "csv", parser)  # noqa: SLF001 - the place of a parser


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
def test_what_a_parser_raises_is_a_refusal_in_our_words(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(error, monkeypatch)
    refused = rejection("x", a_feed())
    assert refused.code == "E_FORMAT"
    assert refused.sentence.endswith("cannot be read as CSV, since its content is damaged; send it again")
    assert refused.__cause__ is error


def test_a_panic_of_rust_is_a_refusal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(panic(), monkeypatch)
    assert rejection("x", a_feed()).code == "E_FORMAT"


@pytest.mark.parametrize("error", MISTAKES, ids=lambda error: type(error).__name__)
def test_a_mistake_of_this_code_is_never_taken_for_a_damaged_file(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(error, monkeypatch)
    with pytest.raises(type(error), match=f"^{re.escape(str(error))}"):
        reader.read_raw_rows(b"x", a_feed(), "acme_1.csv")


READ_ALL = """
import contextlib, io, json
from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feed_detection.structure import read_unknown
from advisory_perf_tests.ingestion import test_arrow_types as arrow, test_instants as instants
from advisory_perf_tests.ingestion.scenarios import a_feed_of, validated
from advisory_perf_tests.ingestion.whole_files import whole_files
from advisory_perf_tests.ingestion.workbook_files import NAMES, a_book, binary_workbook, old_workbook

read = 0
def reads(content, feed):
    global read
    read += 1
    with contextlib.suppress(DeliveryRejectedError):
        validated(content, feed)

for array in arrow.ALL.values():
    content = arrow.a_file(extra=array)
    for feed in (arrow.a_feed_with(), arrow.a_feed_with("extra", "as_of_date"), arrow.a_feed_with("extra", "ending_market_value")):
        reads(content, feed)
    with contextlib.suppress(DeliveryRejectedError):
        read_unknown([("acme_1.parquet", content)])
for form, text in instants.FRACTIONS:
    row = dict(zip(instants.NAMES, instants.rows_of([text])[0]))
    reads(json.dumps([row]), instants.a_feed_of("json", "America/New_York", form))
odd = [NAMES, ["A1", 45471, 1e300, -0.0, 2.5e-300, True], ["A1", 1e-300, "#N/A", "", "x", 12345678901234567]]
books = (a_book(("Data", odd)), a_book(("Data", odd), epoch_1904=True), old_workbook(odd), binary_workbook(odd), a_book(("Data", [])))
for content in books:
    reads(content, a_feed_of("excel", {"as_of_date": {"from": "day", "formats": ["%d/%m/%y %H:%M:%S.%f", "excel_serial"]}}))
for whole in whole_files().values():
    reads(whole.content, whole.feed)
    reads(whole.content[: len(whole.content) // 2], whole.feed)
print(read)
"""


@pytest.mark.slow
def test_no_library_speaks_to_a_terminal_over_odd_files() -> None:
    """In a process of its own with every warning shown, since a panic of Rust speaks even where it is caught."""
    done = subprocess.run([sys.executable, "-W", "default", "-c", READ_ALL], capture_output=True, text=True, timeout=300, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert int(done.stdout) > 300


def test_every_format_has_a_name_in_the_refusal() -> None:
    for whole in whole_files().values():
        assert whole.feed.files.format in reader._NAMES  # noqa: SLF001 - what the sentence is made of
