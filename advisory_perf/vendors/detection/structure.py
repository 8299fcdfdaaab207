"""How an unknown file is laid out, told from its bytes: format, encoding, delimiter, sheet, place of the rows, header.

The rows themselves are read by the readers of every delivery: as soon as the column names are known, a feed that maps six
of them makes ``read_raw_rows`` find the header and return every cell as text. What those six mean does not matter to it.
"""

import csv
import io
import itertools
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import fastexcel
import polars as pl

from advisory_perf.contracts.conventions import Cadence, FeeBasis, FlowTiming
from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.bounds import Bounds
from advisory_perf.vendors.detection.aliases import Strength, readings
from advisory_perf.vendors.detection.naming import file_names, vendor_of
from advisory_perf.vendors.feed import FIELDS, FLOWS, NET_FLOW, Feed
from advisory_perf.vendors.raw import CELL, HEADER_SEARCH_ROWS, LINE_NUMBER, Reading, cell_columns, names_of_columns
from advisory_perf.vendors.reading import read_raw_rows
from advisory_perf.vendors.unpacking import unpacked

ENCODINGS = ("cp1252", "iso-8859-15", "mac-roman")
"""Single-byte encodings, of which no byte tells which one it is."""

FILE = "file"
"""The column of a table that names the file of each row."""

_LEAST_FIELDS = ("account_id", "as_of_date", "beginning_market_value", NET_FLOW, "ending_market_value")
"""What a feed maps at least."""
_PROBED_FIELDS = (*_LEAST_FIELDS, *(field for field in FIELDS if field not in {*_LEAST_FIELDS, *FLOWS, "currency"}))

_DELIMITERS = (",", ";", "\t", "|")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_PERIOD = re.compile(r"\d{4}[-/.]\d{2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|(?<!\d)20\d{6}(?!\d)")
"""A date or month in a column's name."""
_MOST_HEADER_ROWS = 3
_KNOWN_NAMES = 2
"""So many column names in a line make it a header: one may be a title."""


@dataclass(frozen=True, slots=True)
class Table:
    """An unknown file as raw rows.

    ``raw`` is as in ``raw``, with the file of each row; ``files`` is the feed's section of that name, without what is not told;
    ``preamble`` the texts above the header; ``encodings`` the candidates where the text is not UTF-8.
    """

    file_name: str
    raw: pl.DataFrame
    files: dict[str, Any]
    preamble: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()

    @property
    def headers(self) -> list[str]:
        """The file's column names, in its order."""
        return [name.removeprefix(CELL) for name in cell_columns(self.raw)]


@dataclass(frozen=True, slots=True)
class _Layout:
    """A way to read the file: options of its format, the header's names and what stands above it."""

    file_format: str
    options: dict[str, str | bool]
    header: list[str]
    header_rows: int = 1
    preamble: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()


def read_unknown(deliveries: Sequence[tuple[str, bytes]]) -> Table:
    """The rows and layout of one file, or of several that the first one's layout reads; their lines are counted on.

    DeliveryRejectedError says what keeps a file from being read.
    """
    first, content = deliveries[0]
    layout = _layout(first, _unpacked(first, content))
    most = len(_LEAST_FIELDS) if layout.header_rows == 1 else len(_PROBED_FIELDS)
    mapped = sorted(dict.fromkeys(filter(None, layout.header)), key=lambda name: not readings(name))[:most]
    if len(mapped) < len(_LEAST_FIELDS):
        raise DeliveryRejectedError(
            "E_MAPPING",
            f"{first}: has the columns {', '.join(layout.header)}, but a performance file needs at least {len(_LEAST_FIELDS)};"
            " send the file that has account, date, market values and flows",
        )
    layout_of_files = {
        **({"header_rows": layout.header_rows} if layout.header_rows > 1 else {}),
        **({layout.file_format: layout.options} if layout.options else {}),
    }
    raws: list[pl.DataFrame] = []
    for file_name, bytes_of_file in deliveries:
        raw = read_raw_rows(bytes_of_file, _probe(file_name, {"format": layout.file_format, **layout_of_files}, mapped), file_name)
        lines_before = int(raws[-1][LINE_NUMBER].max()) if raws else 0  # type: ignore[arg-type]
        if raw.is_empty():
            raise DeliveryRejectedError("E_EMPTY", f"{file_name}: has a header and no rows; detection needs a file with rows")
        raws.append(raw.with_columns(pl.col(LINE_NUMBER) + lines_before, pl.lit(file_name).alias(FILE)))
    names = [file_names(file_name) for file_name, _ in deliveries]
    patterns = {pattern for name in names for pattern in name["patterns"]}
    patterns = {one for one in patterns if not any(fnmatchcase(one, other) for other in patterns - {one})}
    version = next((name["version"] for name in names if "version" in name), None)
    said = {key: value for key, value in layout.options.items() if key != "encoding" or not layout.encodings}
    files = {
        "patterns": sorted(patterns),
        "format": layout.file_format,
        **({"version": version} if version else {}),
        **({"header_rows": layout.header_rows} if layout.header_rows > 1 else {}),
        **({layout.file_format: said} if said else {}),
    }
    return Table(first, pl.concat(raws, how="diagonal"), files, layout.preamble, layout.encodings)


def _probe(file_name: str, files: dict[str, Any], columns: Sequence[str]) -> Feed:
    """A feed that only serves to read the columns as text."""
    return Feed.model_validate(
        {
            "vendor": vendor_of(file_name),
            "title": "any",
            "cadence": Cadence.DAILY,
            "first_window": "1900-01-01",
            "files": {"patterns": ["*"], **files},
            "columns": dict(zip(_PROBED_FIELDS, columns, strict=False)),
            "currency": "XXX",
            "conventions": {"flow_timing": FlowTiming.END_OF_DAY, "fee_basis": FeeBasis.NET},
        }
    )


def _unpacked(file_name: str, content: bytes) -> bytes:
    if not content:
        raise DeliveryRejectedError("E_EMPTY", f"{file_name}: has no bytes; ask the vendor to send it again")
    return unpacked(content, Reading(_probe(file_name, {"format": "csv"}, _LEAST_FIELDS), file_name, Bounds()))


def _layout(file_name: str, content: bytes) -> _Layout:
    if content.startswith(b"PAR1"):
        return _parquet_layout(content, file_name)
    if content.startswith(_WORKBOOKS):
        return _excel_layout(content, file_name)
    is_json = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"[", b"{"}
    return _json_layout(content, file_name) if is_json else _csv_layout(content, file_name)


def _known_names(names: Iterable[str]) -> int:
    return sum(any(reading.strength >= Strength.LIKELY for reading in readings(name)) for name in names)


@dataclass(frozen=True, slots=True)
class _Header:
    """The names of a header, how many of them are known, in which row it begins and how many it has."""

    names: list[str]
    known: int = 0
    place: int = 0
    rows: int = 1


def _header_in(rows: Iterable[Sequence[str | None]]) -> _Header:
    """The row with the most known column names, or the few that together have more; no names where none has two."""
    best, last = _Header([], _KNOWN_NAMES - 1), deque[list[str]](maxlen=_MOST_HEADER_ROWS)
    for index, row in enumerate(rows):
        last.append([(value or "").strip() for value in row])
        if any(re.fullmatch(r"[$(+-]?[\d.,]+[%)]?", name) for name in last[-1]):
            continue
        for count in range(1, len(last) + 1):
            names = _names_of_rows(list(last)[-count:])
            found = _Header(names, _known_names(names), index - count + 1, count)
            best = max(best, found, key=lambda one: one.known)
    return best if best.names else _Header([])


def _names_of_rows(rows: list[list[str]]) -> list[str]:
    """One name a column: the first of those that it may have that is known, else with what stands right above it."""
    if len(rows) == 1:
        return rows[0]
    return [next((name for name in names if _known_names([name])), names[1]) for names in names_of_columns(rows)]


def _no_header(file_name: str, rows: Iterable[Sequence[str | None]]) -> DeliveryRejectedError:
    widest = max(rows, key=lambda row: sum(_PERIOD.search(name or "") is not None for name in row), default=())
    periods = [name for name in widest if _PERIOD.search(name or "")]
    if len(periods) > 1:
        return DeliveryRejectedError(
            "E_HEADER_MISSING",
            f"{file_name}: has a column for each period, such as {periods[0]}, which detection does not turn into rows;"
            " write a feed with files: unpivot, or ask for the file with a row a period",
        )
    return DeliveryRejectedError(
        "E_HEADER_MISSING",
        f"{file_name}: none of the first {HEADER_SEARCH_ROWS} lines holds two column names that are known; send the file with its header",
    )


def _csv_layout(content: bytes, file_name: str) -> _Layout:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    encodings: tuple[str, ...] = ()
    options: dict[str, str | bool] = {}
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        encodings = tuple(name for name in ENCODINGS if _decodes(content, name))
        options["encoding"] = encodings[0]
        text = content.decode(encodings[0])
    found: list[tuple[_Header, str, list[list[str]]]] = []
    for delimiter in _DELIMITERS:
        try:
            rows = list(itertools.islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), HEADER_SEARCH_ROWS))
        except csv.Error:
            continue
        found.append((_header_in(rows), delimiter, rows))
    header, delimiter, rows = max(found, key=lambda one: (one[0].known, max(map(len, one[2]), default=0)), default=(_Header([]), ",", []))
    if not header.names:
        raise _no_header(file_name, rows)
    if delimiter != ",":
        options["delimiter"] = delimiter
    return _Layout("csv", options, header.names, header.rows, tuple(itertools.chain.from_iterable(rows[: header.place])), encodings)


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _excel_layout(content: bytes, file_name: str) -> _Layout:
    try:
        workbook = fastexcel.read_excel(content)
        sheets = [
            workbook.load_sheet(name, header_row=None, skip_rows=0, n_rows=HEADER_SEARCH_ROWS, dtypes="string")
            for name in workbook.sheet_names
        ]
        visible = {sheet.name: sheet.to_polars().rows() for sheet in sheets if sheet.visible == "visible" and sheet.width}
    except fastexcel.FastExcelError as error:
        raise DeliveryRejectedError(
            "E_FORMAT", f"{file_name}: cannot be read as an Excel workbook ({' '.join(str(error).split())[:160]}); send it again"
        ) from error
    headers = {name: _header_in(rows) for name, rows in visible.items()}
    tables = [name for name, header in headers.items() if header.names]
    if not tables:
        raise _no_header(file_name, itertools.chain.from_iterable(visible.values()))
    if len(tables) > 1:
        raise DeliveryRejectedError(
            "E_SHEET_AMBIGUOUS", f"{file_name}: the sheets {' and '.join(tables)} both hold a table; save the one that is meant by itself"
        )
    header = headers[tables[0]]
    above = tuple(value for row in visible[tables[0]][: header.place] for value in row if value)
    return _Layout("excel", {"sheet": tables[0]} if len(visible) > 1 else {}, header.names, header.rows, above)


def _json_layout(content: bytes, file_name: str) -> _Layout:
    try:
        text = content.decode("utf-8-sig")
        documents = (
            [json.loads(line) for line in itertools.islice(io.StringIO(text), HEADER_SEARCH_ROWS) if line.strip()]
            if _is_lines(text)
            else []
        )
        document = documents or json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DeliveryRejectedError("E_FORMAT", f"{file_name}: is not JSON ({str(error)[:160]}); send it again") from error
    arrays = {path: _names_of(rows) for path, rows in _arrays(document, "")}
    tables = {path: names for path, names in arrays.items() if _known_names(names) >= _KNOWN_NAMES}
    if len(tables) != 1:
        places = ", ".join(repr(path) for path in tables) or "none"
        raise DeliveryRejectedError(
            "E_FORMAT", f"{file_name}: one array of rows with known names is needed, found {places}; send a document with one"
        )
    ((path, names),) = tables.items()
    options: dict[str, str | bool] = {"lines": True} if documents else {"rows_at": path} if path else {}
    return _Layout("json", options, names)


def _is_lines(text: str) -> bool:
    """Whether the first two lines are each a whole object."""
    lines = [line.strip() for line in itertools.islice(io.StringIO(text), 2)]
    return all(line.startswith("{") and line.endswith("}") for line in lines) and len(lines) > 1


def _arrays(document: object, path: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Every array of objects that keys alone lead to, with its dotted path."""
    if isinstance(document, list):
        rows = [row for row in document if isinstance(row, dict)]
        if rows:
            yield path, rows
    elif isinstance(document, dict):
        for key, value in document.items():
            yield from _arrays(value, f"{path}.{key}" if path else str(key))


def _names_of(rows: list[dict[str, Any]]) -> list[str]:
    """The dotted names of the first rows' values."""
    return list(dict.fromkeys(name for row in rows[:HEADER_SEARCH_ROWS] for name in _leaves(row, "")))


def _leaves(row: dict[str, Any], prefix: str) -> Iterator[str]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _parquet_layout(content: bytes, file_name: str) -> _Layout:
    try:
        schema = pl.read_parquet_schema(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DeliveryRejectedError(
            "E_FORMAT", f"{file_name}: cannot be read as Parquet ({' '.join(str(error).split())[:160]}); send it again"
        ) from error
    return _Layout("parquet", {}, list(schema))
