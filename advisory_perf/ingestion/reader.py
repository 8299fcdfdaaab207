"""Bytes of a delivery to raw rows, by the feed's format: the one door to the readers.

The bytes are bounded, unpacked and then held against the format that the feed promises, so that a wrong file is refused
with a word about what it is instead of a parser's complaint. Whatever a parser raises over them ends here, as a refusal.
"""

import codecs
from collections.abc import Callable

import polars as pl

from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.filling import filled
from advisory_perf.ingestion.formats.archives import ZIP, unpacked
from advisory_perf.ingestion.formats.csv_reader import read_csv
from advisory_perf.ingestion.formats.excel_reader import read_excel
from advisory_perf.ingestion.formats.json_reader import read_json
from advisory_perf.ingestion.formats.parquet_reader import read_parquet
from advisory_perf.ingestion.formats.parser_errors import parser_faults
from advisory_perf.ingestion.formats.xls_guard import OLD_EXCEL
from advisory_perf.ingestion.limits import TEXT_VIEW, Bounds
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.pivot import pivoted
from advisory_perf.ingestion.raw_frame import CELL, LINE_NUMBER, Reading, cell_columns
from advisory_perf.ingestion.unpivot import unpivoted
from advisory_perf.showing import quoted

_SIGNS: tuple[tuple[bytes, str], ...] = (
    (ZIP, "an Excel workbook"),
    (OLD_EXCEL, "an old Excel workbook or an encrypted one"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
)
_ALLOWED_SIGNS = {"excel": {ZIP, OLD_EXCEL}, "parquet": {b"PAR1"}, "csv": set[bytes](), "json": set[bytes]()}
_MARKUP = ((b"<?xml", "an XML document"), (b"<!doctype html", "an HTML page"), (b"<html", "an HTML page"), (b"<", "an HTML page"))
_NAMES = {"csv": "CSV", "excel": "an Excel workbook", "json": "JSON", "parquet": "Parquet"}
_READERS: dict[str, Callable[[bytes, Reading], pl.DataFrame]] = {
    "csv": read_csv,
    "excel": read_excel,
    "json": read_json,
    "parquet": read_parquet,
}


def read_raw_rows(
    content: bytes,
    feed: Feed,
    file_name: str,
    *,
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    notices: list[Notice] | None = None,
    path: str = "",
) -> pl.DataFrame:
    """The delivery's rows as text with their line numbers (see ``raw_frame``); DeliveryRejectedError where it cannot be read.

    What a person should know of the file itself is added to ``notices``. ``path`` is where it lies below its vendor's folder.
    """
    reading = Reading(feed, file_name, bounds, [] if notices is None else notices, path)
    if not content:
        raise reading.refused("E_EMPTY", "has no bytes; ask the vendor to send it again")
    if len(content) > bounds.bytes:
        raise reading.too_large(f"has {len(content):,} bytes", "BYTES")
    content = unpacked(content, reading)
    found = next(((sign, what) for sign, what in _SIGNS if content.startswith(sign)), None)
    allowed = _ALLOWED_SIGNS[feed.files.format]
    if (found is not None and found[0] not in allowed) or (found is None and allowed):
        start = content[:64].removeprefix(codecs.BOM_UTF8).lstrip().lower()
        what = found[1] if found else next((what for sign, what in _MARKUP if start.startswith(sign)), "something else")
        raise reading.refused("E_FORMAT", f"the feed promises {feed.files.format}, but the bytes are {what}; send the right file")
    damaged = f"cannot be read as {_NAMES[feed.files.format]}, since its content is damaged; send it again"
    with parser_faults(lambda: reading.refused("E_FORMAT", damaged)):
        raw = _READERS[feed.files.format](content, reading)
    holds_nul = (
        feed.files.format != "csv" and raw.select(pl.any_horizontal(pl.col(pl.String()).str.contains("\0", literal=True).any())).item()
    )
    if holds_nul:
        raise reading.refused("E_ENCODING", "holds NUL characters, which are no text; send it without")
    _bound_cells(raw, reading)
    reading.refuse_large_table(_size_of(raw))
    made = pivoted(unpivoted(filled(raw, reading), reading), reading)
    reading.refuse_large_table(_size_of(made))
    return made


def _size_of(raw: pl.DataFrame) -> int:
    """The bytes of the table once no two cells share a text, as whoever works on it makes them: the texts, and what points at each."""
    texts = pl.col(pl.String()).str.len_bytes().cast(pl.Int64()).sum()
    return int(raw.select(pl.sum_horizontal(texts)).item()) + raw.height * raw.width * TEXT_VIEW


def _bound_cells(raw: pl.DataFrame, reading: Reading) -> None:
    """E_TOO_LARGE where a cell has more characters than the bound; bytes, of which there are as many or more, are looked at first."""
    most, names = reading.bounds.cell_chars, cell_columns(raw)
    longest = raw.select(pl.col(name).str.len_bytes().max() for name in names)
    for name in (name for name in names if (longest[name].item() or 0) > most):
        lengths = pl.col(name).str.len_chars()
        found = raw.select(LINE_NUMBER, lengths.alias("length")).filter(pl.col("length") > most)
        if found.height:
            line, length = found.row(0)
            column = name.removeprefix(CELL)
            raise reading.too_large(f"has a cell of {length:,} characters in line {line:,}, column {quoted(column)}", "CELL_CHARS")
