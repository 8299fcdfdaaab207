"""Bytes of a delivery to raw rows, by the feed's format: the one door to the readers.

The bytes are first held against the format that the feed promises, so that a wrong file is refused with a word about
what it is instead of a parser's complaint.
"""

from collections.abc import Callable

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.csv_files import read_csv
from advisory_perf.vendors.excel_files import read_excel
from advisory_perf.vendors.feed import Feed
from advisory_perf.vendors.json_files import read_json
from advisory_perf.vendors.parquet_files import read_parquet

_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive or Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook or an encrypted one"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
)
_ALLOWED_SIGNS = {"excel": {b"PK\x03\x04", b"\xd0\xcf\x11\xe0"}, "parquet": {b"PAR1"}, "csv": set[bytes](), "json": set[bytes]()}
_READERS: dict[str, Callable[[bytes, Feed, str], pl.DataFrame]] = {
    "csv": read_csv,
    "excel": read_excel,
    "json": read_json,
    "parquet": read_parquet,
}


def read_raw_rows(content: bytes, feed: Feed, file_name: str) -> pl.DataFrame:
    """The delivery's rows as text with their line numbers (see ``raw``); DeliveryRejectedError where it cannot be read."""
    if not content:
        raise DeliveryRejectedError("E_EMPTY", f"{feed.vendor}, {file_name}: has no bytes; ask the vendor to send it again")
    found = next(((sign, what) for sign, what in _SIGNS if content.startswith(sign)), None)
    allowed = _ALLOWED_SIGNS[feed.files.format]
    if (found is not None and found[0] not in allowed) or (found is None and allowed):
        what = found[1] if found else ("an HTML page" if content.lstrip()[:1] == b"<" else "something else")
        raise DeliveryRejectedError(
            "E_FORMAT", f"{feed.vendor}, {file_name}: the feed promises {feed.files.format}, but the bytes are {what}; send the right file"
        )
    raw = _READERS[feed.files.format](content, feed, file_name)
    holds_nul = raw.select(pl.any_horizontal(pl.col(pl.String()).str.contains("\0", literal=True).any())).item()
    if holds_nul:
        raise DeliveryRejectedError("E_ENCODING", f"{feed.vendor}, {file_name}: holds NUL characters, which are no text; send it without")
    return raw
