"""Whatever the bytes are, reading them ends with raw rows or with a refusal."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.raw import LINE_NUMBER, MARK, MISFIT
from advisory_perf.vendors.reading import read_raw_rows
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
        return
    assert raw.columns[:3] == [LINE_NUMBER, MISFIT, MARK]
    assert raw.schema[LINE_NUMBER] == pl.Int64()
    assert set(raw.dtypes[1:]) == {pl.String()}


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60)
@given(start=st.sampled_from(SIGNS), rest=st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(name: str, start: bytes, rest: bytes) -> None:
    reads_or_refuses(start + rest, whole_files()[name])


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=150)
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3), st.integers(0, 4)), min_size=1, max_size=4))
def test_a_file_with_changed_lost_or_further_bytes_is_read_or_refused(name: str, changes: list[tuple[float, bytes, int]]) -> None:
    file = whole_files()[name]
    content = file.content
    for at, inserted, lost in changes:
        place = int(at * len(content))
        content = content[:place] + inserted + content[place + lost :]
    reads_or_refuses(content, file)
