"""JSON bytes to raw rows.

Numbers keep the digits they were written with. Nested objects become dotted column names, unless the feed maps the object
itself, which then is no number; a list inside a row stays JSON text. Rows differ in their keys, so a column exists if any row
has it. Keys are compared as the names of columns are (``names``): what the feed names comes in its spelling. A row in which a
key stands twice, be it in two spellings, is a misfit, since a parser would keep the last.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import polars as pl

from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.file_layout import Json
from advisory_perf.feeds.names import folded, folded_path
from advisory_perf.ingestion.file_constants import with_stated
from advisory_perf.ingestion.formats.json_scanner import Decimals, JsonText
from advisory_perf.ingestion.limits import cells_allowed
from advisory_perf.ingestion.parsing.binary_floats import APPROXIMATE
from advisory_perf.ingestion.parsing.numbers import of_number
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, MISFIT, Reading, cell, feed_spellings, missing_columns, without_blank_lines
from advisory_perf.showing import quoted

_BATCH_ROWS, _BATCH_CHARACTERS = 20_000, 8 << 20
_CELLS_A_BYTE = 2
_A_NUMBER, _AN_IDENTIFIER = "number", "identifier"
_FRACTION = re.compile(r"-?[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?")
_SCALARS = frozenset({str, Decimals, type(None)})
Cells = dict[str, str | None]
"""A row's cells by dotted name."""
Beside = dict[str, list[str]]
"""What stands beside the rows, by dotted path."""
Row = tuple[int, object, str | None, str]
"""Line number, value, the key that stands twice, the row's own text."""
Value = tuple[object, str | None, str]
"""The same without its number."""


def read_json(content: bytes, reading: Reading) -> pl.DataFrame:
    """Raw rows of a JSON array or of NDJSON; ``line_number`` is the row's ordinal in the array, or its line."""
    layout = reading.feed.files.json_
    batches, names, height, only_conflicts = [], dict[str, None](), 0, True
    spelling = {folded_path(name): name for name in feed_spellings(reading.feed).values()}
    beside: Beside = {stated.at: [] for stated in reading.feed.files.stated.values() if stated.at is not None}
    rows = _of_lines(content, reading) if layout.lines else _of_document(content, layout, beside, reading)
    for batch in _batches(rows):
        flat = _flat_rows(batch, spelling, reading.feed)
        names |= _names(flat)
        only_conflicts &= all(cells is None and isinstance(row[1], dict) for row, cells in zip(batch, flat, strict=True))
        height += len(batch)
        _refuse_too_large(height, len(names), len(content), reading)
        batches.append(_frame(batch, flat, reading))
    raw = pl.concat([_frame([], [], reading), *batches], how="diagonal", rechunk=False)
    missing = [name for name in reading.feed.source_names if name not in names]
    if missing and not only_conflicts:
        raise missing_columns(reading, missing, where="every row", names=[*names])
    raw = raw.with_columns(pl.lit(None, pl.String()).alias(cell(name)) for name in missing)
    return with_stated(without_blank_lines(raw), reading, document=beside)


def _refuse_too_large(height: int, width: int, size: int, reading: Reading) -> None:
    if height > reading.bounds.rows:
        raise reading.too_large(f"has more than {reading.bounds.rows:,} rows", "ROWS")
    if width > reading.bounds.columns:
        raise reading.too_large(f"has more than {reading.bounds.columns:,} different keys", "COLUMNS")
    if height * width > cells_allowed(size, _CELLS_A_BYTE):
        raise reading.refused(
            "E_TOO_LARGE", "has rows that hardly share a key, so their table would be almost empty; send rows of one kind"
        )


def _of_document(content: bytes, layout: Json, beside: Beside, reading: Reading) -> Iterator[Row]:
    text = JsonText(content, reading)
    if not text.peek():
        raise reading.refused("E_FORMAT", "holds no document; send it again")
    yield from _numbered(_at_path(text, layout.rows_at.split(".") if layout.rows_at else [], beside, reading))
    text.end()


def _numbered(rows: Iterable[Value]) -> Iterator[Row]:
    for number, row in enumerate(rows, start=1):
        yield number, *row


def _at_path(text: JsonText, path: list[str], beside: Beside, reading: Reading, above: tuple[str, ...] = ()) -> Iterator[Value]:
    """The rows of the array, or of the keyed object, at the path; what stands beside it is read over, so that a tear there is noticed.

    ``above`` are the keys that lead here. What the feed says is stated beside the rows goes to ``beside``.
    """
    whole_path, levels, keys = ".".join((*above, *path)), len(above), reading.feed.files.json_.key_as
    if text.peek() != ("{" if path or keys else "["):
        text.skip()
        place = f"at {quoted(whole_path)}" if whole_path else "at its top"
        what = "object of rows by key" if keys and not path else "array of rows"
        raise reading.refused("E_FORMAT", f"has no {what} {place}; say where it is with json: rows_at in the feed")
    if not path and keys:
        yield from _keyed(text, keys, {}, levels, reading)
        return
    if not path:
        for _ in text.elements():
            yield text.value(levels + 1)
        return
    found = False
    for name in text.members():
        in_other_case = folded(name) == folded(path[0]) and text.peek() == ("{" if path[1:] else "[")
        if name != path[0] and not in_other_case:
            _read_beside(text, (*above, name), beside, reading)
        elif found:
            raise reading.refused("E_FORMAT", f"has the key {quoted(name)} of its rows twice; which one is meant is ambiguous")
        else:
            found = True
            yield from _at_path(text, path[1:], beside, reading, (*above, name))
    if not found:
        raise reading.refused("E_FORMAT", f"has no array of rows at {quoted(whole_path)}; say where it is with json: rows_at in the feed")


def _keyed(text: JsonText, keys: Sequence[str], known: Cells, levels: int, reading: Reading) -> Iterator[Value]:
    """The rows of an object whose keys are cells of them: under each key a row, an array of rows, or an object with further keys.

    A row that has a key of that name itself has it twice.
    """
    if keys and text.peek() != "{":
        text.skip(levels)
        raise reading.refused("E_FORMAT", f"has no object whose keys are {keys[0]}; fix json: key_as in the feed")
    if keys:
        for name in text.members():
            yield from _keyed(text, keys[1:], {**known, keys[0]: name}, levels + 1, reading)
        return
    for _ in text.elements() if text.peek() == "[" else (None,):
        value, twice, own = text.value(levels + 1)
        whole = f"{json.dumps(known, ensure_ascii=False)} {own}"
        if not isinstance(value, dict):
            yield value, twice, whole
        else:
            yield {**known, **value}, twice or next((name for name in known if name in value), None), whole


def _read_beside(text: JsonText, keys: tuple[str, ...], beside: Beside, reading: Reading) -> None:
    """Moves over a value beside the rows, and keeps what the feed says is stated in it."""
    here = f"{folded_path('.'.join(keys))}."
    stated = [at for at in beside if f"{folded_path(at)}.".startswith(here)]
    if not stated:
        text.skip(len(keys))
        return
    value, twice, _ = text.value(len(keys))
    if twice is not None:
        raise reading.refused("E_MAPPING", f"has the key {quoted(twice)} twice in {quoted(keys[-1])}; which one is meant is ambiguous")
    for at in stated:
        beside[at] += [
            _in_notation(text, reading.feed) if isinstance(text, Decimals) else text for text in _leaf(value, at.split(".")[len(keys) :])
        ]


def _leaf(value: object, path: list[str]) -> list[str]:
    """The text at a path within a value, if there is one."""
    for key in path:
        found = [inner for name, inner in value.items() if folded(name) == folded(key)] if isinstance(value, dict) else []
        value = found[0] if len(found) == 1 else None
    return [value] if isinstance(value, str) else []


def _of_lines(content: bytes, reading: Reading) -> Iterator[Row]:
    text = JsonText(content, reading)
    line = 1 + text.line_ends()
    while text.peek():
        row = text.value()
        yield line, *row
        ends = text.line_ends()
        if not ends and text.peek():
            raise reading.refused(
                "E_FORMAT", f"holds more than one value in line {line}; send one a line, as the feed says with lines: true"
            )
        line += row[2].count("\n") + ends


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row[3])
        if len(batch) == _BATCH_ROWS or characters > _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _flat_rows(batch: list[Row], spelling: dict[str, str], feed: Feed) -> list[Cells | None]:
    """The cells of every row, in the feed's spelling; null for a row that is no object, or in which a key stands twice."""
    flat = [_flat(value, spelling) if isinstance(value, dict) and twice is None else None for _, value, twice, _ in batch]
    respelled = {name: known for name in _names(flat) if (known := spelling.get(folded_path(name), name)) != name}
    if respelled:
        flat = [_respelled(row, respelled) if row and not respelled.keys().isdisjoint(row) else row for row in flat]
    identifiers = [source.from_ for name, source in feed.columns.items() if name in feed.contract.identifiers]
    numbers, pivot = feed.number_columns if feed.numbers.decimal_mark != "." else frozenset(), feed.files.pivot
    if pivot is not None:
        meant = {folded(name): _AN_IDENTIFIER for name in identifiers} | {folded(name): _A_NUMBER for name in numbers}
        by_line = dict.fromkeys(pivot.by, _AN_IDENTIFIER)
        names = [{pivot.values: meant.get(folded((row or {}).get(pivot.names) or ""), "")} | by_line for row in flat]
        return [row and _written(row, means, value[3], feed) for row, means, value in zip(flat, names, batch, strict=True)]
    of_all = dict.fromkeys(identifiers, _AN_IDENTIFIER) | dict.fromkeys(numbers, _A_NUMBER)
    return [row and _written(row, of_all, value[3], feed) for row, value in zip(flat, batch, strict=True)]


def _written(row: Cells, means: dict[str, str], own: str, feed: Feed) -> Cells:
    """The row, of which ``own`` is the text, with its numbers written so that they mean what they do where amounts are texts.

    One with a fraction is no identifier. That it is a number, and no text of the same digits, tells its type or the row's text.
    """
    made = {}
    for name, meant in means.items():
        text = row.get(name)
        if text is None:
            continue
        if meant == _A_NUMBER and isinstance(text, Decimals):
            made[name] = _in_notation(text, feed)
        elif meant == _AN_IDENTIFIER and "." in text and _FRACTION.fullmatch(text) and f'"{text}"' not in own:
            made[name] = APPROXIMATE + text
    return {**row, **made} if made else row


def _respelled(row: Cells, names: dict[str, str]) -> Cells | None:
    """The row with other names for some of its keys; null where two keys then have one."""
    made = {names.get(name, name): value for name, value in row.items()}
    return made if len(made) == len(row) else None


def _in_notation(number: Decimals, feed: Feed) -> str:
    """A number written as the feed's texts are, whose decimal mark and groups are asked of texts only."""
    return of_number(str(number), feed.numbers)


def _frame(batch: list[Row], flat: list[Cells | None], reading: Reading) -> pl.DataFrame:
    """The raw rows of a batch, with the columns that any of its rows has."""
    marks = [
        None if cells is not None else "E_KEY_CONFLICT" if isinstance(row[1], dict) else "E_FIELDS"
        for row, cells in zip(batch, flat, strict=True)
    ]
    columns = _columns([row or {} for row in flat])
    try:
        return pl.DataFrame(
            [
                pl.Series(LINE_NUMBER, [row[0] for row in batch], pl.Int64()),
                pl.Series(MISFIT, [row[3] if mark else None for row, mark in zip(batch, marks, strict=True)], pl.String()),
                pl.Series(MARK, marks, pl.String()),
                *(pl.Series(cell(name), cells, pl.String()) for name, cells in columns.items()),
            ]
        )
    except UnicodeEncodeError as error:
        raise reading.refused("E_ENCODING", "escapes half of a character, a lone surrogate; send it as UTF-8") from error


def _names(flat: Iterable[Cells | None]) -> dict[str, None]:
    """Every key, in the order in which they come; few rows differ from those before."""
    return {name: None for names in dict.fromkeys(tuple(row or ()) for row in flat) for name in names}


def _columns(rows: list[Cells]) -> dict[str, Iterable[str | None]]:
    names = _names(rows)
    if rows and all(len(row) == len(names) for row in rows) and len({tuple(row) for row in rows}) == 1:
        return dict(zip(names, zip(*(row.values() for row in rows), strict=True), strict=True))
    return {name: [row.get(name) for row in rows] for name in names}


def _flat(row: dict[str, object], spelling: dict[str, str]) -> Cells | None:
    """The row's cells by dotted name; null where two of its keys come to one name."""
    if _SCALARS.issuperset(map(type, row.values())):
        return cast("Cells", row)
    flat: Cells = {}
    for name, value in _leaves(row, "", spelling):
        if name in flat:
            return None
        flat[name] = value if value is None or isinstance(value, str) else json.dumps(value)
    return flat


def _leaves(row: dict[str, object], prefix: str, spelling: dict[str, str]) -> Iterator[tuple[str, object]]:
    for key, value in row.items():
        name = prefix + key
        if isinstance(value, dict) and folded_path(name) not in spelling:
            yield from _leaves(value, f"{name}.", spelling)
        else:
            yield name, value
