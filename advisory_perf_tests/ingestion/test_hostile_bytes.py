"""Whatever the bytes are, reading them ends with raw rows or with a refusal."""

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, MISFIT
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.ingestion.scenarios import HEADER
from advisory_perf_tests.ingestion.whole_files import ROWS, WholeFile, whole_files, zipped

pytestmark = pytest.mark.slow

FORMATS = sorted(whole_files())
SIGNS = [
    b"",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b\x08",
    b"PAR1",
    b"\xd0\xcf\x11\xe0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b'[{"',
    HEADER.encode(),
]
TEXTS = "xl/sharedStrings.xml"


def is_read(content: bytes, file: WholeFile) -> bool:
    """Whether the file is read, else refused; what is read has rows as all have them."""
    try:
        raw = read_raw_rows(content, file.feed, "acme_1.csv")
    except DeliveryRejectedError:
        return False
    assert raw.columns[:3] == [LINE_NUMBER, MISFIT, MARK]
    assert raw.schema[LINE_NUMBER] == pl.Int64()
    assert set(raw.dtypes[1:]) == {pl.String()}
    return True


def with_part(workbook: bytes, name: str, part: bytes) -> bytes:
    """The workbook with a further part, or another one in the place of its own."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    return zipped(*(parts | {name: part}).items())


def footer_of(parquet: bytes) -> int:
    return len(parquet) - 8 - int.from_bytes(parquet[-8:-4], "little")


def with_further(name: str, rest: bytes) -> bytes:
    """The whole file with further bytes where its format takes any: a line, a row, a part or a place that nobody reads."""
    whole, text = whole_files()[name].content, rest.decode("latin-1").translate(dict.fromkeys(b"\0\r\n"))
    line, row = f"{text}\n".encode(), json.dumps({**ROWS[0], "note": text}).encode()
    end = footer_of(whole)
    made: dict[str, Callable[[], bytes]] = {
        "csv": lambda: whole + line,
        "csv.gz": lambda: whole + gzip.compress(line),
        "csv.zip": lambda: zipped(("acme.csv", whole_files()["csv"].content + line)),
        "json": lambda: whole[:-1] + b"," + row + b"]",
        "ndjson": lambda: whole + row + b"\n",
        "xlsx": lambda: with_part(whole, "docProps/note.bin", rest),
        "parquet": lambda: whole[:end] + rest + whole[end:],
    }
    return made[name]()


@pytest.mark.parametrize("name", FORMATS)
@accepts_at_least(0.7)
@settings(derandomize=True, max_examples=100)
@given(
    where=st.sampled_from([*["within a file"] * 8, "behind a file", "behind a sign"]),
    sign=st.sampled_from(SIGNS),
    rest=st.binary(max_size=600),
)
def test_any_bytes_are_read_or_refused(name: str, where: str, sign: bytes, rest: bytes) -> None:
    """Where the format takes any, behind a whole file, and behind the sign of some format."""
    file = whole_files()[name]
    behind = (sign if where == "behind a sign" else file.content) + rest
    counted("files", is_read(with_further(name, rest) if where == "within a file" else behind, file))


def texts_of(name: str) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The bytes that hold a file's texts as they are, and what makes a file of them."""
    whole, plain = whole_files()[name].content, whole_files()["csv"].content
    match name:
        case "csv.gz":
            return plain, gzip.compress
        case "csv.zip":
            return plain, lambda content: zipped(("acme.csv", content))
        case "xlsx":
            with zipfile.ZipFile(io.BytesIO(whole)) as archive:
                return archive.read(TEXTS), lambda content: with_part(whole, TEXTS, content)
        case "parquet":
            written = io.BytesIO()
            pl.read_parquet(whole).write_parquet(written, compression="uncompressed", statistics=False, use_pyarrow=True)
            return written.getvalue(), lambda content: content
    return whole, lambda content: content


@pytest.mark.parametrize("name", FORMATS)
@accepts_at_least(0.9)
@settings(derandomize=True, max_examples=100)
@given(
    digits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(b"123456789")), min_size=1, max_size=4),
    is_damaged=st.integers(0, 7).map(lambda number: number == 3),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3), st.integers(0, 4)), min_size=1, max_size=4),
)
def test_a_file_with_changed_lost_or_further_bytes_is_read_or_refused(
    name: str, digits: list[tuple[float, int]], changes: list[tuple[float, bytes, int]], *, is_damaged: bool
) -> None:
    """Other digits in its texts, and then anything anywhere in what it is packed as."""
    texts, packed = texts_of(name)
    changed = bytearray(texts)
    places = [found.start() for found in re.finditer(rb"(?<=[0-9.-])[0-9]", texts)]  # of a number or a day, not a byte of a header
    for at, digit in digits:
        changed[places[int(at * len(places))]] = digit
    content = packed(bytes(changed))
    for at, inserted, lost in changes if is_damaged else ():
        place = int(at * len(content))
        content = content[:place] + inserted + content[place + lost :]
    found = is_read(content, whole_files()[name])
    if not is_damaged:
        counted("files that are whole", found)
