"""How an unknown file is laid out, distinguished from its bytes: format, encoding, delimiter, sheet, place of the rows, header.

The rows themselves are read by the readers of every delivery: as soon as the column names are known, a feed that maps six
of them makes ``read_raw_rows`` find the header and return every cell as text. What those six mean does not matter to it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import fastexcel
import polars as pl
import pyarrow as pa
import pyarrow.parquet as arrow_parquet

from advisory_perf.contracts.enums import Cadence, FeeBasis, FlowTiming
from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feed_detection.column_names import readings
from advisory_perf.feed_detection.csv_layouts import DIALECTS, csv_layout, is_ended, may_be, with_dialect
from advisory_perf.feed_detection.file_names import file_names, vendor_of
from advisory_perf.feed_detection.headers import Layout, header_in, no_header
from advisory_perf.feed_detection.json_layouts import json_layout
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.fields import FIELDS, FLOWS, NET_FLOW
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.formats.archives import unpacked
from advisory_perf.ingestion.formats.arrow_text import has_text
from advisory_perf.ingestion.formats.parser_errors import parser_faults
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.raw_frame import CELL, DEEPEST_HEADER, HEADER_SEARCH_ROWS, LINE_NUMBER, MARK, MISFIT, Reading, cell_columns
from advisory_perf.ingestion.reader import read_raw_rows

FILE = "file"
"""The column of a table that names the file of each row."""

_LEAST_FIELDS = ("account_id", "as_of_date", "beginning_market_value", NET_FLOW, "ending_market_value")
"""What a feed maps at least."""
_PROBED_FIELDS = (*_LEAST_FIELDS, *(field for field in FIELDS if field not in {*_LEAST_FIELDS, *FLOWS, "currency"}))

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_LEAST_UNENDED = 3
"""So many files without a line end at their end are a habit, and not cut."""


@dataclass(frozen=True, slots=True)
class Table:
    """An unknown file as raw rows.

    ``raw`` is as in ``raw_frame``, with the file of each row; ``files`` is the feed's section of that name, without what is not inferred;
    ``preamble`` the texts above the header; ``encodings`` the candidates where the text is not UTF-8.
    """

    file_name: str
    raw: pl.DataFrame
    files: dict[str, Any]
    preamble: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()
    ends_open: bool = False
    """Whether a file ends without a line end, so that its last cell may be cut."""

    @property
    def headers(self) -> list[str]:
        """The file's column names, in its order."""
        return [name.removeprefix(CELL) for name in cell_columns(self.raw)]


def read_unknown(deliveries: Sequence[tuple[str, bytes]]) -> Table:
    """The rows and layout of one file, or of several that the first one's layout reads; their lines are counted on.

    DeliveryRejectedError says what keeps a file from being read.
    """
    first, content = deliveries[0]
    content = _unpacked(first, content)
    layout, first_rows = _read_first(first, content, _layout(first, content))
    raws: list[pl.DataFrame] = []
    for file_name, bytes_of_file in deliveries:
        raw = _rows(file_name, bytes_of_file, layout) if raws else first_rows
        lines_before = int(raws[-1][LINE_NUMBER].max()) if raws else 0  # type: ignore[arg-type]
        if raw.is_empty():
            raise DeliveryRejectedError("E_EMPTY", f"{file_name}: has a header and no rows; detection needs a file with rows")
        raws.append(raw.with_columns(pl.col(LINE_NUMBER) + lines_before, pl.lit(file_name).alias(FILE)))
    names = [file_names(file_name) for file_name, _ in deliveries]
    patterns = {pattern for name in names for pattern in name["patterns"]}
    patterns = {one for one in patterns if not any(fnmatchcase(one, other) for other in patterns - {one})}
    version = next((name["version"] for name in names if "version" in name), None)
    said = {key: value for key, value in layout.options.items() if key != "encoding" or not layout.encodings}
    unended = [layout.file_format == "csv" and not is_ended(_unpacked(*delivery), layout) for delivery in deliveries]
    is_never_ended = all(unended) and len(unended) >= _LEAST_UNENDED
    said |= {"final_newline": "never"} if is_never_ended else {}
    files = {
        "patterns": sorted(patterns),
        "format": layout.file_format,
        **({"version": version} if version else {}),
        **({"header_rows": layout.header_rows} if layout.header_rows > 1 else {}),
        **layout.files,
        **({layout.file_format: said} if said else {}),
    }
    ends_open = any(unended) and not is_never_ended
    return Table(first, pl.concat(raws, how="diagonal"), files, layout.preamble, layout.encodings, ends_open=ends_open)


def _read_first(file_name: str, content: bytes, layout: Layout) -> tuple[Layout, pl.DataFrame]:
    """The rows of a file; those of a CSV file in the dialect that alone leaves no line broken, where the usual one leaves any."""
    usual = _attempt(file_name, content, layout)
    is_in_order = isinstance(usual, pl.DataFrame) and not _has_broken_lines(usual)
    if layout.file_format == "csv" and not is_in_order:
        others = [with_dialect(layout, dialect) for dialect in DIALECTS if may_be(dialect, content, layout)]
        read = [(other, rows) for other in others if isinstance(rows := _attempt(file_name, content, other), pl.DataFrame)]
        found = [(other, rows) for other, rows in read if not _has_broken_lines(rows)]
        if len(found) == 1:
            return found[0]
    if isinstance(usual, DeliveryRejectedError):
        raise usual
    return layout, usual


def _attempt(file_name: str, content: bytes, layout: Layout) -> pl.DataFrame | DeliveryRejectedError:
    try:
        return _rows(file_name, content, layout)
    except DeliveryRejectedError as error:
        return error


def _has_broken_lines(raw: pl.DataFrame) -> bool:
    """Whether a line above the last row that is in order is none, or no row is in order."""
    is_broken = raw.select(pl.col(MISFIT).is_not_null() & pl.col(MARK).is_not_null()).to_series()
    in_order = raw.select(pl.col(MISFIT).is_null().arg_true()).to_series()
    return is_broken.any() if in_order.is_empty() else is_broken.head(in_order[-1]).any()


def _rows(file_name: str, content: bytes, layout: Layout) -> pl.DataFrame:
    """The file's raw rows, read as by a feed of that layout."""
    most = len(_LEAST_FIELDS) if layout.header_rows == 1 else len(_PROBED_FIELDS)
    mapped = sorted(dict.fromkeys(filter(None, layout.header)), key=lambda name: not readings(name))[:most]
    if len(mapped) < len(_LEAST_FIELDS):
        raise DeliveryRejectedError(
            "E_MAPPING",
            f"{file_name}: has the columns {', '.join(layout.header)}, but a performance file needs at least {len(_LEAST_FIELDS)};"
            " send the file that has account, date, market values and flows",
        )
    files = {
        "format": layout.file_format,
        **({"header_rows": layout.header_rows} if layout.header_rows > 1 else {}),
        **layout.files,
        **({layout.file_format: layout.options} if layout.options else {}),
    }
    return read_raw_rows(content, _probe(file_name, files, mapped), file_name)


def _probe(file_name: str, files: dict[str, Any], columns: Sequence[str]) -> Feed:
    """A feed that only serves to read the columns as text."""
    return PositionsFeed.model_validate(
        {
            "vendor": vendor_of(file_name),
            "title": "any",
            "cadence": Cadence.DAILY,
            "first_window": "1900-01-01",
            "files": {"patterns": ["*"], **files},
            "columns": dict(zip(_PROBED_FIELDS, columns, strict=False)),
            "currency": "USD",
            "conventions": {"flow_timing": FlowTiming.END_OF_DAY, "fee_basis": FeeBasis.NET},
        }
    )


def _unpacked(file_name: str, content: bytes) -> bytes:
    if not content:
        raise DeliveryRejectedError("E_EMPTY", f"{file_name}: has no bytes; ask the vendor to send it again")
    return unpacked(content, Reading(_probe(file_name, {"format": "csv"}, _LEAST_FIELDS), file_name, Bounds()))


def _layout(file_name: str, content: bytes) -> Layout:
    if content.startswith(b"PAR1"):
        return _parquet_layout(content, file_name)
    if content.startswith(_WORKBOOKS):
        return _excel_layout(content, file_name)
    is_json = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"[", b"{"}
    return json_layout(content, file_name) if is_json else csv_layout(content, file_name)


def _excel_layout(content: bytes, file_name: str) -> Layout:
    with parser_faults(lambda: _damaged(file_name, "an Excel workbook")):
        workbook = fastexcel.read_excel(content)
        sheets = [
            workbook.load_sheet(name, header_row=None, skip_rows=0, n_rows=DEEPEST_HEADER, dtypes="string") for name in workbook.sheet_names
        ]
        visible = {sheet.name: sheet.to_polars().rows() for sheet in sheets if sheet.visible == "visible" and sheet.width}
    headers = {name: header_in(rows) for name, rows in visible.items()}
    tables = [name for name, header in headers.items() if header.names]
    if not tables:
        raise no_header(file_name, itertools.chain.from_iterable(rows[:HEADER_SEARCH_ROWS] for rows in visible.values()))
    if len(tables) > 1:
        raise DeliveryRejectedError(
            "E_SHEET_AMBIGUOUS", f"{file_name}: the sheets {' and '.join(tables)} both hold a table; save the one that is meant by itself"
        )
    header = headers[tables[0]]
    return Layout("excel", {"sheet": tables[0]} if len(visible) > 1 else {}, header.names, header.rows, header.above)


def _parquet_layout(content: bytes, file_name: str) -> Layout:
    with parser_faults(lambda: _damaged(file_name, "Parquet")):
        schema = arrow_parquet.read_schema(pa.BufferReader(content))
    return Layout("parquet", {}, [field.name for field in schema if has_text(field.type)])


def _damaged(file_name: str, what: str) -> DeliveryRejectedError:
    return DeliveryRejectedError("E_FORMAT", f"{file_name}: cannot be read as {what}, since its content is damaged; send it again")
