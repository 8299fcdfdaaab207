"""A file that was cut short is rejected, or it says as much as the whole one; where a cut cannot be seen, the test counts the cuts."""

import polars as pl
import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.raw_frame import MARK
from advisory_perf_tests.ingestion.scenarios import a_feed_of, read
from advisory_perf_tests.ingestion.whole_files import ROWS, csv_text, whole_files

pytestmark = pytest.mark.slow

UNSEEN = {"csv": 100, "csv.gz": 0, "csv.zip": 0, "xlsx": 0, "json": 0, "ndjson": 198, "parquet": 0}
"""A line format that is cut between two rows is a whole file of fewer rows, which only a control count could tell: the
header alone and up to 99 rows; with NDJSON, where a closing brace ends a row, up to 99 rows with the line end and without it."""


def read_or_refused(content: bytes, feed: PositionsFeed) -> pl.DataFrame | None:
    try:
        return read(content, feed)
    except DeliveryRejectedError:
        return None


@pytest.mark.parametrize("name", sorted(UNSEEN))
def test_a_file_that_is_cut_at_any_byte_is_rejected_or_equal_to_the_whole(name: str) -> None:
    file = whole_files()[name]
    whole = read(file.content, file.feed)
    assert whole.height == len(ROWS)
    unseen = 0
    for end in range(len(file.content)):
        part = read_or_refused(file.content[:end], file.feed)
        if part is None or part.equals(whole):
            continue
        unseen += 1
        assert part.equals(whole.head(part.height)), f"cut at byte {end} changes a row"
        assert part.height < whole.height
    assert unseen == UNSEEN[name]


def test_without_a_required_line_end_a_row_that_may_be_cut_is_marked() -> None:
    """So that the validate can refuse the file where that row's figures do not add up."""
    feed, content = a_feed_of("csv"), csv_text().encode()
    whole = read(content, feed)
    for end in range(len(content) - 200, len(content)):
        part = read_or_refused(content[:end], feed)
        if part is not None and not part.equals(whole.head(part.height)):
            assert part[MARK].to_list() == [None] * (part.height - 1) + ["E_TORN"]
            assert part.head(-1).equals(whole.head(part.height - 1))
