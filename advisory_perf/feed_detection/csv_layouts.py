"""How the text of an unknown CSV file is laid out: encoding, line end, delimiter, header, and the dialect of its cells.

A delimiter is the one that makes known names of the header. Marks around each of its places belong to it (``~|~``) where it never
stands without them, in the whole text. A dialect other than the usual one is taken where it alone leaves no line broken. A file
whose first line is data already has columns without names: they are named by what they surely hold, or by their place.
"""

import csv
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl

from advisory_perf.feed_detection.headers import Header, Layout, header_in, no_header
from advisory_perf.feed_detection.values import day_formats, looks_numeric, share
from advisory_perf.feeds.sources import Source
from advisory_perf.ingestion.raw_frame import DEEPEST_HEADER, HEADER_SEARCH_ROWS

ENCODINGS = ("cp1252", "iso-8859-15", "mac-roman")
"""Single-byte encodings, of which no byte tells which one it is."""

_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_LINE_ENDS = ("\x1e", "\x1d", "\x1c", "\u2028", "\u2029", "\x85")
"""What ends lines in a text that has neither LF nor CR."""
_DELIMITERS = (",", ";", "\t", "|")
_RARE_DELIMITERS = ("~", "^", "<", "\x01", "\x1f", "\x1e", "\u00a6", "\u00a7", "\u00ac", "#", "@", "!", ":")
"""Asked only where none of the usual ones finds a header."""
_STAND_IN = "\x02"
"""What Python's reader, which knows delimiters of one character only, is given for a longer one."""
_HEAD = 1 << 22
"""Characters in which a header is looked for; none stands as far down."""
_LONGEST = 8
_NEARLY_ALL, _MOSTLY = 0.99, 0.9
_LEAST_COLUMNS, _LEAST_LINES, _LEAST_AMOUNTS = 5, 3, 3

DIALECTS: tuple[dict[str, str | bool], ...] = (
    {"quote": "none"},
    {"quote": "'"},
    {"escape": "backslash"},
    {"trailing_delimiter": True},
    {"index_column": True},
)
"""What is tried where lines are broken as they stand."""


def csv_layout(content: bytes, file_name: str) -> Layout:
    """The layout of a text; DeliveryRejectedError where no header is found and the first line is no data."""
    text, options, encodings = _decoded(content)
    end = _line_end(text)
    if end is not None:
        options["line_end"] = end
        text = text.replace(end, "\n")
    head = text[:_HEAD]
    delimiter, header = _best(head, _DELIMITERS)
    if not header.names:
        delimiter, header = _best(head, _RARE_DELIMITERS)
    if not header.names:
        return _without_header(head, options, encodings, file_name)
    whole = _whole_delimiter(delimiter, text)
    if whole != delimiter:
        delimiter, header = whole, header_in(_rows(head, whole))
    if delimiter != ",":
        options["delimiter"] = delimiter
    return Layout("csv", options, header.names, header.rows, header.above, encodings)


def _decoded(content: bytes) -> tuple[str, dict[str, str | bool], tuple[str, ...]]:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding), {}, ()
    except UnicodeDecodeError:
        encodings = tuple(name for name in ENCODINGS if _decodes(content, name))
        return content.decode(encodings[0]), {"encoding": encodings[0]}, encodings


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _line_end(text: str) -> str | None:
    """The mark that ends lines, where neither LF nor CR does."""
    bare = text.rstrip("\r\n")
    if "\n" in bare or "\r" in bare:
        return None
    found = [end for end in _LINE_ENDS if bare.count(end) >= _LEAST_LINES - 1]
    return found[0] if len(found) == 1 else None


def _rows(head: str, delimiter: str) -> Iterator[list[str]]:
    """The first rows, as far as Python's reader can distinguish."""
    if len(delimiter) > 1:
        head, delimiter = head.replace(delimiter, _STAND_IN), _STAND_IN
    try:
        yield from itertools.islice(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), DEEPEST_HEADER)
    except csv.Error:
        return


def _best(head: str, delimiters: Sequence[str]) -> tuple[str, Header]:
    """The delimiter that makes the most known names, and the header that it makes."""
    found = [(delimiter, header_in(_rows(head, delimiter))) for delimiter in delimiters if delimiter in head]
    return max(found, key=lambda one: (one[1].known, len(one[1].names)), default=(",", Header([])))


def _whole_delimiter(mark: str, text: str) -> str:
    """The longest text of marks that stands at every place of the delimiter, from the first line on that has several."""
    line = next((one for one in itertools.islice(io.StringIO(text[:_HEAD]), DEEPEST_HEADER) if one.count(mark) >= _LEAST_COLUMNS - 1), "")
    place = line.find(mark)
    around = line[max(0, place - _LONGEST) : place + _LONGEST]
    longer = {
        around[start:end]
        for start, end in itertools.combinations(range(len(around) + 1), 2)
        if end - start <= _LONGEST and mark in around[start:end] and not re.search(r"[\w\s\"'\\]", around[start:end].replace(mark, ""))
    }
    begin = text.find(line)
    marks = text.count(mark, begin)
    fitting = [
        one
        for one in longer
        if line.count(one) * one.count(mark) == line.count(mark) and text.count(one, begin) * one.count(mark) >= _NEARLY_ALL * marks
    ]
    return max(fitting, key=len, default=mark)


def _without_header(head: str, options: dict[str, str | bool], encodings: tuple[str, ...], file_name: str) -> Layout:
    """The layout of a file whose first line is data already."""
    for delimiter in (*_DELIMITERS, *_RARE_DELIMITERS):
        rows = [row for row in itertools.islice(_rows(head, delimiter), HEADER_SEARCH_ROWS) if any(row)]
        names = _names_by_content(rows)
        if names:
            said = options | ({"delimiter": delimiter} if delimiter != "," else {})
            return Layout("csv", said, names, 1, (), encodings, {"header": "none", "names": names})
    raise no_header(file_name, [row for one in _DELIMITERS for row in itertools.islice(_rows(head, one), HEADER_SEARCH_ROWS)])


def _names_by_content(rows: Sequence[Sequence[str]]) -> list[str]:
    """Names for the columns of rows of one width in which each column holds one kind of text from the first row on; none otherwise.

    One column has to hold days and several amounts, so that the file is one of positions. It is named, as the account is where one
    column only holds texts with digits, no two alike on a day; the others are numbered.
    """
    if len(rows) < _LEAST_LINES or len(rows[0]) < _LEAST_COLUMNS or any(len(row) != len(rows[0]) for row in rows[:-1]):
        return []
    rows = [row for row in rows if len(row) == len(rows[0])]
    columns = [pl.Series([text.strip() for text in column]) for column in zip(*rows, strict=True)]
    days = [place for place, column in enumerate(columns) if _are_days(column)]
    amounts = [place for place, column in enumerate(columns) if place not in days and _are_amounts(column)]
    if len(days) != 1 or len(amounts) < _LEAST_AMOUNTS:
        return []
    day = columns[days[0]].alias("day")
    others = [place for place in range(len(columns)) if place not in {*days, *amounts}]
    accounts = [one for one in others if _are_accounts(columns[one]) and pl.DataFrame([day, columns[one]]).is_unique().all()]
    named = {days[0]: "as of date", **({accounts[0]: "account number"} if len(accounts) == 1 else {})}
    return [named.get(place, f"column {place + 1}") for place in range(len(columns))]


def _are_days(column: pl.Series) -> bool:
    """Whether every text from the first on is a day that is written as one, with marks or a month's name."""
    return bool(column.str.contains(r"^\d{1,4}[-/. ](?:\d{1,2}|[A-Za-z]{3,9})[-/. ]\d{2,4}$").all()) and bool(
        day_formats(column).formats or day_formats(column).rivals
    )


def _are_amounts(column: pl.Series) -> bool:
    return bool(column[0]) and looks_numeric(column) and share(column.str.contains(r"[.,]\d")) > 0


def _are_accounts(column: pl.Series) -> bool:
    pattern = Source.model_fields["pattern"].default
    return bool((column.str.contains(pattern) & column.str.contains(r"\d")).all())


def may_be(dialect: Mapping[str, str | bool], content: bytes, layout: Layout) -> bool:
    """Whether a text shows the dialect in several lines, since one or two are damage.

    Shown are quotes that go around no cell and stand in no figure, other quotes, escapes, a count before each row, a delimiter behind it.
    """
    text, _, _ = _decoded(content)
    text = text.replace(str(layout.options.get("line_end", "\n")), "\n")
    delimiter = str(layout.options.get("delimiter", ","))
    edge = re.escape(delimiter)
    if dialect.get("quote") == "none":
        quoted = re.findall(rf'(?:^|(?<={edge}))(?:(?!{edge})[^\n])*"(?:(?!{edge})[^\n])*', text, re.MULTILINE)
        return len(quoted) >= _LEAST_LINES and not any(cell.lstrip().startswith('"') or not re.search("[A-Za-z]", cell) for cell in quoted)
    if dialect.get("quote") == "'":
        return (
            '"' not in text and len(re.findall(rf"(?:^|{edge})'(?:(?!{edge})[^\n])*'(?={edge}|\r?$)", text, re.MULTILINE)) >= _LEAST_LINES
        )
    if dialect.get("escape") == "backslash":
        return text.count('\\"') >= 2 * _LEAST_LINES
    rows = [row for row in _rows(text[:_HEAD], delimiter) if len(row) >= len(layout.header)]
    wider = [row for row in rows if len(row) == len(layout.header) + 1]
    if len(wider) < max(_LEAST_LINES, len(rows) * _MOSTLY - layout.header_rows):
        return False
    return _counts_up([row[0] for row in wider]) if "index_column" in dialect else not any(row[-1].strip() for row in wider)


def is_ended(content: bytes, layout: Layout) -> bool:
    """Whether a line end closes the file."""
    end = str(layout.options.get("line_end", "\n"))
    return content[-_LONGEST:].rstrip(b"\0\x1a").endswith((b"\n", b"\r", end.encode()))


def with_dialect(layout: Layout, dialect: dict[str, str | bool]) -> Layout:
    """The layout with further options, under which quotes around a name are no part of it."""
    header = [name.strip("'") for name in layout.header] if dialect.get("quote") == "'" else layout.header
    return replace(layout, options=layout.options | dialect, header=header)


def _counts_up(texts: Sequence[str]) -> bool:
    """Whether texts are consecutive whole numbers, from 0 or 1 on."""
    return bool(texts) and all(text == str(place + int(texts[0] == "1")) for place, text in enumerate(texts))
