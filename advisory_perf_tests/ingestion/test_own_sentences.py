"""What a parser says of a file it cannot read never reaches an operator: the sentence is ours, and the parser's its cause."""

import io

import polars as pl
import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed_of, read, rejection
from advisory_perf_tests.ingestion.whole_files import whole_files

PARSERS_WORDS = (
    "straddling", "field limit", "delimiter", "Error", "error", "pyarrow", "calamine", "polars", "zlib", "Invalid ", "Expecting",
    "codec", "decompress", "thrift", "not a zip", "block",
)  # fmt: skip


def damaged(name: str) -> list[bytes]:
    """A whole file of the format with each of its tenths overwritten, cut out or doubled."""
    content = whole_files()[name].content
    size = len(content) // 10
    made = []
    for start in range(0, len(content), size):
        made += [
            content[:start] + b"\xff\x00{" * (size // 3) + content[start + size :],
            content[:start] + content[start + size :],
            content[:start] + content[start : start + size] + content[start:],
        ]
    return made


def refused(content: bytes, feed: PositionsFeed) -> str | None:
    """Why the file is not read, where it is not."""
    try:
        read(content, feed)
    except DeliveryRejectedError as error:
        return error.sentence
    return None


@pytest.mark.parametrize("name", sorted(whole_files()))
def test_a_damaged_file_is_refused_in_our_own_words(name: str) -> None:
    feed = whole_files()[name].feed
    sentences = [sentence for content in damaged(name) if (sentence := refused(content, feed)) is not None]
    assert sentences
    assert [(word, sentence) for sentence in sentences for word in PARSERS_WORDS if word in sentence] == []


def test_a_parsers_words_are_kept_as_the_cause() -> None:
    table = io.BytesIO()
    pl.DataFrame({name: ["1"] for name in HEADER.split(",")}).write_parquet(table)
    error = rejection(table.getvalue()[:30] + b"PAR1", a_feed_of("parquet"))
    assert error.__cause__ is not None
    assert str(error.__cause__) not in error.sentence
