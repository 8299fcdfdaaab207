"""JSON bytes to raw rows.

Numbers keep the digits they were written with: the parser hands them over as text. Nested objects become dotted column
names; a list inside a row stays JSON text. Rows differ in their keys, so a column exists if any row has it. A key
that stands twice in a row is refused, since the parser would keep the last.
"""

import json
from collections.abc import Iterator
from typing import NoReturn

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.feed import Feed
from advisory_perf.vendors.raw import LINE_NUMBER, MISFIT, cell, missing_columns, without_blank_lines


def read_json(content: bytes, feed: Feed, file_name: str) -> pl.DataFrame:
    """Raw rows of a JSON array; ``line_number`` is the row's ordinal in it, from 1."""
    rows = _rows(_document(content, feed, file_name), feed, file_name)
    flat = [_flat(row, feed, file_name) if isinstance(row, dict) else None for row in rows]
    names = list(dict.fromkeys(name for row in flat if row is not None for name in row))
    missing = [name for name in feed.source_names if name not in names]
    if missing and rows:
        raise missing_columns(feed, file_name, missing, where="every row")
    frame = pl.DataFrame(
        {
            LINE_NUMBER: range(1, len(rows) + 1),
            MISFIT: [json.dumps(row) if fitting is None else None for row, fitting in zip(rows, flat, strict=True)],
        },
        schema={LINE_NUMBER: pl.Int64(), MISFIT: pl.String()},
    )
    try:
        cells = [
            pl.Series(cell(name), [row.get(name) if row else None for row in flat], pl.String()) for name in names or feed.source_names
        ]
    except UnicodeEncodeError as error:
        raise DeliveryRejectedError(
            "E_ENCODING", f"{feed.vendor}, {file_name}: escapes half of a character ({error.reason}); send it as UTF-8"
        ) from error
    return without_blank_lines(frame.with_columns(cells))


def _document(content: bytes, feed: Feed, file_name: str) -> object:
    def refuse(literal: str) -> NoReturn:
        raise ValueError(f"{literal} is not JSON")

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        row = dict(pairs)
        if len(row) < len(pairs):
            raise _key_twice(next(key for key, _ in pairs if sum(other == key for other, _ in pairs) > 1), feed, file_name)
        return row

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeliveryRejectedError(
            "E_ENCODING", f"{feed.vendor}, {file_name}: is not UTF-8 text at byte {error.start}; send it as UTF-8"
        ) from error
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=refuse, object_pairs_hook=unique)
    except RecursionError as error:
        raise DeliveryRejectedError(
            "E_TOO_LARGE", f"{feed.vendor}, {file_name}: is nested deeper than any performance file; send a flatter document"
        ) from error
    except ValueError as error:
        raise DeliveryRejectedError("E_FORMAT", f"{feed.vendor}, {file_name}: is not JSON ({error}); send it again") from error


def _rows(document: object, feed: Feed, file_name: str) -> list[object]:
    path = feed.files.json_.rows_at
    for key in path.split(".") if path else ():
        document = document.get(key) if isinstance(document, dict) else None
    if not isinstance(document, list):
        place = f"at {path!r}" if path else "at its top"
        raise DeliveryRejectedError(
            "E_FORMAT", f"{feed.vendor}, {file_name}: has no array of rows {place}; say where it is with json: rows_at in the feed"
        )
    return document


def _key_twice(name: str, feed: Feed, file_name: str) -> DeliveryRejectedError:
    return DeliveryRejectedError(
        "E_HEADER_DUPLICATE", f"{feed.vendor}, {file_name}: the key {name} stands twice in a row; which one is meant cannot be told"
    )


def _flat(row: dict[str, object], feed: Feed, file_name: str) -> dict[str, str | None]:
    flat: dict[str, str | None] = {}
    for name, value in _leaves(row, ""):
        if name in flat:
            raise _key_twice(name, feed, file_name)
        flat[name] = value if value is None or isinstance(value, str) else json.dumps(value)
    return flat


def _leaves(row: dict[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
