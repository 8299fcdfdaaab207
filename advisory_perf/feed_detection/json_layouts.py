"""Where in an unknown JSON document the rows are: the one array of objects with known names, lines, or objects that are keyed.

Rows are keyed where an object holds several of one kind under keys with digits, such as account numbers or days. A column for the keys
is named by what they are.
"""

import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feed_detection.headers import KNOWN_NAMES, Layout, known_names
from advisory_perf.feed_detection.values import day_formats
from advisory_perf.ingestion.raw_frame import HEADER_SEARCH_ROWS

_LEAST_KEYS = 3
_ACCOUNT, _DAY = "account number", "as of date"


def json_layout(content: bytes, file_name: str) -> Layout:
    """Where the rows of a document are; DeliveryRejectedError where it is no JSON, or no place or several may hold them."""
    try:
        text = content.decode("utf-8-sig")
        documents = (
            [json.loads(line) for line in itertools.islice(io.StringIO(text), HEADER_SEARCH_ROWS) if line.strip()]
            if _is_lines(text)
            else []
        )
        document = documents or json.loads(text)
    except UnicodeDecodeError as error:
        raise DeliveryRejectedError("E_ENCODING", f"{file_name}: is not UTF-8 at byte {error.start + 1}; send it in UTF-8") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise DeliveryRejectedError("E_FORMAT", f"{file_name}: is not JSON from {where} on; send it again whole") from error
    except (ValueError, RecursionError) as error:
        what = "is nested too deep, or holds a number too long, to be figures"
        raise DeliveryRejectedError("E_FORMAT", f"{file_name}: {what}; send it again") from error
    arrays = {path: _names_of(rows) for path, rows in _arrays(document, "")}
    tables = {path: names for path, names in arrays.items() if known_names(names) >= KNOWN_NAMES}
    keyed = [found for found in _keyed(document, "") if known_names(_names_of(found[2])) >= KNOWN_NAMES] if len(tables) != 1 else []
    if len(keyed) == 1:
        ((path, keys, rows),) = keyed
        said = {"rows_at": path} if path else {}
        return Layout("json", {**said, "key_as": keys if len(keys) > 1 else keys[0]}, [*keys, *_names_of(rows)])
    if len(tables) != 1:
        places = ", ".join(repr(path) for path in tables) or "none"
        raise DeliveryRejectedError(
            "E_FORMAT", f"{file_name}: one array of rows with known names is needed, found {places}; send a document with one"
        )
    ((path, names),) = tables.items()
    options: dict[str, Any] = {"lines": True} if documents else {"rows_at": path} if path else {}
    return Layout("json", options, names)


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


def _keyed(document: object, path: str) -> Iterator[tuple[str, list[str], list[dict[str, Any]]]]:
    """Every object of keyed rows that keys alone lead to: its dotted path, names for one or two levels of keys, and its rows."""
    if not isinstance(document, dict):
        return
    keys = _name_of_keys(document)
    values = list(document.values())
    if keys is not None and all(isinstance(value, list) for value in values):
        yield path, [keys], [row for value in values for row in value if isinstance(row, dict)]
    elif keys is not None and all(isinstance(value, dict) for value in values):
        below = {key: row for value in values for key, row in value.items()}
        inner = _name_of_keys(below)
        if inner not in {None, keys} and all(isinstance(row, dict) for row in below.values()):
            yield path, [keys, str(inner)], [row for value in values for row in value.values()]
        else:
            yield path, [keys], values
    else:
        for key, value in document.items():
            yield from _keyed(value, f"{path}.{key}" if path else str(key))


def _name_of_keys(document: dict[str, Any]) -> str | None:
    """What the keys of an object are: days, or account numbers with digits; None where they are names."""
    if len(document) < _LEAST_KEYS or not all(any(one.isdecimal() for one in key) for key in document):
        return None
    return _DAY if day_formats(pl.Series([*document])).formats else _ACCOUNT


def _names_of(rows: list[dict[str, Any]]) -> list[str]:
    """The dotted names of the first rows' values."""
    return list(dict.fromkeys(name for row in rows[:HEADER_SEARCH_ROWS] for name in _leaves(row, "")))


def _leaves(row: dict[str, Any], prefix: str) -> Iterator[str]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
