"""A clean delivery in three quoting styles, and thousands of variants of it that are broken in structure, never in a value.

Each variant is deterministic and named. Delimiters, quotes, escapes and line ends are added, cut, doubled and exchanged at every
place where they stand, and put into every cell; rows and cells are added, cut and moved; the text is encoded otherwise; the file
is cut at every byte of its last row. Not made is what leaves a well-formed file that says something else, which no reader can
see: a row cut out as a whole, two amounts that change places, a line end or a doubled quote within a quoted text.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Delivery, validate

HEADER = ("Account ID", "Name", "As Of Date", "Beginning MV", "Contributions", "Distributions", "TWRR", "Client", "Ending MV")
ROWS = (
    ("A-10001", "Alder Trust", "2025-01-31", "1000000.00", "50000.00", "0.00", "-0.0098", "C-1", "1040000.00"),
    ("A-10002", 'Smith, "Bud" Jr', "2025-01-31", "4211592.85", "0.00", "1000.00", "0.0102", "C-1", "4253550.90"),
    ("A-10003", "Jones\nHolding", "2025-01-31", "250000.10", "0.00", "0.00", "0.0123", "C-2", "253075.10"),
    ("A-10004", "Zoë Müller, Erben", "2025-01-31", "77000.00", "0.00", "500.00", "-0.0200", "C-3", "74960.00"),
    ("A-10005", "King & Sons", "2025-01-31", "12.50", "0.00", "0.00", "0.0000", "C-3", "12.50"),
)
FIELDS = {
    "account_id": "Account ID",
    "account_name": "Name",
    "as_of_date": "As Of Date",
    "beginning_market_value": "Beginning MV",
    "contributions": "Contributions",
    "distributions": "Distributions",
    "vendor_twrr": "TWRR",
    "client_id": "Client",
    "ending_market_value": "Ending MV",
}
FEED = PositionsFeed.model_validate(
    {
        "vendor": "acme",
        "title": "Acme",
        "cadence": "monthly",
        "first_window": "2020-01-01",
        "files": {"patterns": ["acme_*"], "format": "csv"},
        "currency": "USD",
        "columns": FIELDS,
        "conventions": {"flow_timing": "end_of_day", "fee_basis": "net"},
    }
)
DELIVERY = Delivery("d1", "acme_202501.csv", datetime(2025, 2, 3, tzinfo=UTC))
STYLES = ("all", "minimal", "none")
_QUOTING: dict[str, Literal[0, 1, 3]] = {"all": csv.QUOTE_ALL, "minimal": csv.QUOTE_MINIMAL, "none": csv.QUOTE_NONE}
_QUOTES = ('"', "'", "`", "\u201c", "\u201d")


@dataclass(frozen=True, slots=True)
class Variant:
    """A file of a style, by what was done to it."""

    name: str
    style: str
    content: bytes


Positions = Mapping[tuple[str, date], tuple[Any, ...]]
"""The other fields by account and day, amounts as floats, since other readers have them so."""


def truth(style: str) -> Positions:
    """What the clean file says."""
    return {(row[0], date.fromisoformat(row[2])): _values(row) for row in rows_of(style)}


def as_positions(rows: list[tuple[str, ...]]) -> Positions:
    """Rows of texts in the header's order, as the plainest program would take them; ValueError where it cannot."""
    return {(row[0].strip(), date.fromisoformat(row[2].strip())): _values(row) for row in rows if any(row)}


def _values(row: tuple[str, ...]) -> tuple[Any, ...]:
    return (row[1].strip(), row[7].strip(), *(float(row[at]) for at in (3, 4, 5, 6, 8)))


def outcome(read: Positions, style: str, *, noticed: bool) -> str:
    """``equal``, ``conserved`` (what is missing was ``noticed``), or ``silent``: another value, an invented key, a lost row."""
    expected = truth(style)
    if any(expected.get(key) != values for key, values in read.items()):
        return "silent"
    return "equal" if len(read) == len(expected) else "conserved" if noticed else "silent"


def outcome_here(variant: Variant) -> str:
    """What becomes of a variant in this platform; an exception of another kind than a rejection is a crash, and is raised."""
    try:
        validated = validate(read_raw_rows(variant.content, FEED, DELIVERY.file_name), FEED, DELIVERY, POSITION_RULES)
    except DeliveryRejectedError:
        return "refused"
    rows = validated.accepted.select(*FIELDS).rows()
    read = {(row[0], row[2]): (row[1], row[7], *(float(row[at]) for at in (3, 4, 5, 6, 8))) for row in rows}
    return outcome(read, variant.style, noticed=validated.quarantined.height > 0) if validated.is_conserved else "silent"


def rows_of(style: str) -> list[tuple[str, ...]]:
    """The rows that a style can say: without quotes no text holds a delimiter, a quote or a line end."""
    if style != "none":
        return list(ROWS)
    return [tuple(cell.translate({ord(sign): " " for sign in ',"\n'}) for cell in row) for row in ROWS]


def clean(style: str, *, line_end: str = "\n", quote: str = '"', delimiter: str = ",", escape: str | None = None) -> str:
    """The delivery as its vendor means it."""
    text = io.StringIO()
    writer = csv.writer(
        text,
        quoting=_QUOTING[style],
        lineterminator=line_end,
        quotechar=quote,
        delimiter=delimiter,
        doublequote=escape is None,
        escapechar=escape,
    )
    writer.writerows([HEADER, *rows_of(style)])
    return text.getvalue()


def variants() -> Iterator[Variant]:
    """All variants of all styles."""
    for style in STYLES:
        seen = {clean(style).encode()}
        for name, content in _of(style):
            polluted = content.encode() if isinstance(content, str) else content
            if polluted not in seen and not (isinstance(content, str) and _says_another_thing(content)):
                seen.add(polluted)
                yield Variant(name, style, polluted)


def _says_another_thing(text: str) -> bool:
    """Whether the text is well formed by RFC 4180, with as many rows and cells as the clean one and no mark of another dialect.

    Such a variant has another text in a cell, as if a letter had been changed.
    """
    records, width = text.removesuffix("\n"), len(HEADER)
    cell = r'(?:"(?:[^"]|"")*"|[^",\r\n]*)'
    record = f"{cell}(?:,{cell}){{{width - 1}}}"
    if "\\" in text or re.fullmatch(f"{record}(?:\\r?\\n{record}){{{len(ROWS)}}}", records) is None:
        return False
    cells = {cell.strip() for row in csv.reader(io.StringIO(text, newline="")) for cell in row}
    return not any(len(cell) > 1 and cell[0] in _QUOTES and cell[-1] in _QUOTES for cell in cells)


def _of(style: str) -> Iterator[tuple[str, str | bytes]]:
    text = clean(style)
    yield from _signs(text)
    yield from _put_in(text)
    yield from _lines(text, style)
    yield from _cells(style)
    yield from _cuts(text)
    yield from _dialects(style)
    yield from _encodings(text)


def _signs(text: str) -> Iterator[tuple[str, str]]:
    """Every delimiter, quote and line end is cut, doubled, tripled, padded and exchanged, where it stands."""
    others = {
        ",": [";", "\t", "|", ",,", ", ", " ,", ",,,", "\u201a", "\\,", '","', "\n"],
        '"': [*_QUOTES[1:], '""', '"""', '\\"', ' "', '" ', '\t"', '"\t', '"\\', "'\"", '" "'],
        "\n": [
            "\r",
            "\r\n",
            "\n\n",
            "\r\r\n",
            " \n",
            "\n ",
            "\t\n",
            ",\n",
            "\n,",
            '"\n',
            '\n"',
            "\\\n",
            "\x0b",
            "\x0c",
            "\u2028",
            "\u0085",
            "\n\ufeff",
        ],
    }
    for place, sign in enumerate(text):
        for other in ["", *others.get(sign, [])] if sign in others else []:
            yield f"{sign!r} at {place} becomes {other!r}", text[:place] + other + text[place + 1 :]


def _is_inside_quotes(text: str, place: int) -> bool:
    return text.count('"', 0, place) % 2 == 1


def _put_in(text: str) -> Iterator[tuple[str, str]]:
    """A quote, an escape, a delimiter or a line end is put before every third character, and something behind every quote."""
    for place in range(len(text) % 3, len(text), 3):
        for sign in ('"', ",", "\n", "\r\n", '"\n', ' "', '\\"'):
            yield f"{sign!r} put in at {place}", text[:place] + sign + text[place:]
    for place, sign in enumerate(text):
        if sign == '"':
            for extra in ("7", "x", " x", "'", ".5"):
                yield f"{extra!r} behind the quote at {place}", text[: place + 1] + extra + text[place + 1 :]


def _lines(text: str, style: str) -> Iterator[tuple[str, str]]:
    """Lines are added, doubled, joined and moved; a line that goes as a whole is not made."""
    header, *rows = _records(style)
    end = "".join
    for at in range(len(rows) + 1):
        for name, line in {
            "a blank line": "\n",
            "spaces": "   \n",
            "delimiters": "," * (len(HEADER) - 1) + "\n",
            "too many delimiters": "," * len(HEADER) + "\n",
            "the header": header,
            "a remark": "Remark\n",
            "a remark with a quote": 'Remark "x\n',
            "an open quote": '"\n',
            "a figure": "77\n",
            "half a row": rows[0][: len(rows[0]) // 3].rstrip("\n") + "\n",
            "a mark": "\ufeff",
            "an end-of-file mark": "\x1a\n",
            "two cells": "a,b\n",
        }.items():
            yield f"{name} before row {at}", header + end(rows[:at]) + line + end(rows[at:])
        if at < len(rows):
            yield f"row {at} twice", header + end([*rows[: at + 1], *rows[at:]])
            yield f"row {at} moved to the front", header + rows[at] + end(rows[:at] + rows[at + 1 :])
            yield f"row {at} moved to the end", header + end(rows[:at] + rows[at + 1 :]) + rows[at]
            yield f"row {at} above the header", rows[at] + header + end(rows[:at] + rows[at + 1 :])
    yield "no header", end(rows)
    yield "header at the end", end(rows) + header
    yield "joined with itself", text + text
    yield "joined with itself by a mark", text + "\ufeff" + text
    yield "an end-of-file mark", text + "\x1a"
    yield "an end-of-file mark without a line end", text[:-1] + "\x1a"
    yield "end-of-file marks", text + "\x1a" * 40 + "\n"
    yield "a long line above", "x" * 200_000 + "\n" + text
    yield "a long quoted cell above", '"' + "x\n" * 100_000 + '"\n' + text
    yield "an open quote above", '"Report\n' + text
    for above in ("Report\n", '"Report, of ""Acme"""\n\n', "Report,2025-01-31,,,,,,,\n"):
        yield f"{above!r} above", above + text


def _records(style: str) -> list[str]:
    """Each record as its text, the header first."""
    made = []
    for row in [HEADER, *rows_of(style)]:
        text = io.StringIO()
        csv.writer(text, quoting=_QUOTING[style], lineterminator="\n").writerow(row)
        made.append(text.getvalue())
    return made


def _cells(style: str) -> Iterator[tuple[str, str]]:
    """A cell is cut out of a row, added to it, or moved to another row."""

    def written(rows: list[list[str]]) -> str:
        text = io.StringIO()
        csv.writer(text, quoting=_QUOTING[style], lineterminator="\n").writerows(rows)
        return text.getvalue()

    def table() -> list[list[str]]:
        return [list(HEADER), *(list(row) for row in rows_of(style))]

    for at in range(len(ROWS) + 1):
        for column in range(len(HEADER)):
            cut, added, blank = table(), table(), table()
            moved_cell = cut[at].pop(column)
            yield f"cell {column} of row {at} cut", written(cut)
            for other in range(1, len(ROWS) + 1):
                if other != at:
                    moved = [list(row) for row in cut]
                    moved[other].insert(column, moved_cell)
                    yield f"cell {column} moved from row {at} to {other}", written(moved)
            for value in ("", "x", "1", "2025-01-31"):
                added[at].insert(column, value)
                yield f"{value!r} added before cell {column} of row {at}", written(added)
                added[at].pop(column)
            del blank[at][column:]
            if column:
                yield f"row {at} ends before cell {column}", written(blank)


def _cuts(text: str) -> Iterator[tuple[str, str]]:
    """The file is cut at every place of its last two rows, but not between two rows."""
    begin = text.rfind("A-10004")
    for end in range(begin, len(text)):
        is_between_rows = "\n" in text[end - 1 : end + 1] and not _is_inside_quotes(text, end)
        if not is_between_rows or end == len(text) - 1:
            yield f"cut at {end}", text[:end]


def _dialects(style: str) -> Iterator[tuple[str, str]]:
    for line_end in ("\r\n", "\r", "\n\r", "\r\r\n"):
        yield f"line end {line_end!r}", clean(style, line_end=line_end)
    for delimiter in (";", "\t", "|", ":"):
        if style != "none":
            yield f"delimiter {delimiter!r}", clean(style, delimiter=delimiter)
    if style == "none":
        return
    for quote in _QUOTES[1:]:
        yield f"quote {quote}", clean(style, quote=quote)
        header, *rows = _records(style)
        for at, row in enumerate(rows):
            yield f"quote {quote} in row {at}", header + "".join([*rows[:at], row.replace('"', quote), *rows[at + 1 :]])
    yield "escaped by a backslash", clean(style, escape="\\")
    yield "quotes escaped by a backslash", clean(style).replace('""', '\\"')


def _encodings(text: str) -> Iterator[tuple[str, bytes]]:
    for encoding in ("cp1252", "latin-1", "cp850", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp037", "mac-roman"):
        yield f"encoded in {encoding}", text.encode(encoding)
    yield "two marks", text.encode("utf-8-sig").replace(b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2)
    yield "a NUL", text.encode().replace(b"A-10003", b"A-10003\0")
    yield "half a character", text.encode().replace("ë".encode(), "ë".encode()[:1])
