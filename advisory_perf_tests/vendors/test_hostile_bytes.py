"""Whatever the bytes are, reading them ends with raw rows or with a refusal."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.raw import LINE_NUMBER, MARK, MISFIT
from advisory_perf.vendors.reading import read_raw_rows
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.vendors.scenarios import HEADER
from advisory_perf_tests.vendors.whole_files import WholeFile, whole_files

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


def reads_or_refuses(content: bytes, file: WholeFile) -> None:
    try:
        raw = read_raw_rows(content, file.feed, "acme_1.csv")
    except DeliveryRejectedError:
        counted("files", 0)
        return
    counted("files", 1)
    assert raw.columns[:3] == [LINE_NUMBER, MISFIT, MARK]
    assert raw.schema[LINE_NUMBER] == pl.Int64()
    assert set(raw.dtypes[1:]) == {pl.String()}


@pytest.mark.parametrize("name", FORMATS)
@accepts_at_least(0.02)
@settings(derandomize=True, max_examples=60)
@given(start=st.none() | st.sampled_from(SIGNS), rest=st.just(b"") | st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(name: str, start: bytes | None, rest: bytes) -> None:
    """Behind the sign of some format, or behind a whole file."""
    file = whole_files()[name]
    reads_or_refuses((file.content if start is None else start) + rest, file)


@pytest.mark.parametrize("name", FORMATS)
@accepts_at_least(0.02)
@settings(derandomize=True, max_examples=80)
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3), st.integers(0, 4)), min_size=1, max_size=4))
def test_a_file_with_changed_lost_or_further_bytes_is_read_or_refused(name: str, changes: list[tuple[float, bytes, int]]) -> None:
    file = whole_files()[name]
    content = file.content
    for at, inserted, lost in changes:
        place = int(at * len(content))
        content = content[:place] + inserted + content[place + lost :]
    reads_or_refuses(content, file)
