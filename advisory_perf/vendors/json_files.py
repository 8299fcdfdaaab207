"""JSON bytes to raw rows.

Numbers keep the digits they were written with. Nested objects become dotted column names, unless the feed maps the object
itself, which then is no number; a list inside a row stays JSON text. Rows differ in their keys, so a column exists if any row
has it. A row in which a key stands twice is a misfit, since a parser would keep the last.
"""

import json
from collections.abc import Iterable, Iterator
from typing import cast

import polars as pl

from advisory_perf.vendors.bounds import cells_allowed
from advisory_perf.vendors.json_text import JsonText
from advisory_perf.vendors.raw import LINE_NUMBER, MARK, MISFIT, Reading, cell, missing_columns, without_blank_lines
from advisory_perf.vendors.stating import with_stated

_BATCH_ROWS, _BATCH_CHARACTERS = 20_000, 8 << 20
_CELLS_A_BYTE = 2
_SCALARS = frozenset({str, type(None)})
Cells = dict[str, str | None]
"""A row's cells by dotted name."""
Beside = dict[str, list[str]]
"""What stands beside the rows, by dotted path."""
Row = tuple[int, object, str | None, str]
"""Line number, value, the key that stands twice, the row's own text."""


def read_json(content: bytes, reading: Reading) -> pl.DataFrame:
    """Raw rows of a JSON array or of NDJSON; ``line_number`` is the row's ordinal in the array, or its line."""
    layout = reading.feed.files.json_
    batches, names, height, only_conflicts = [], dict[str, None](), 0, True
    beside: Beside = {stated.at: [] for stated in reading.feed.files.stated.values() if stated.at is not None}
    rows = _of_lines(content, reading) if layout.lines else _of_array(content, layout.rows_at, beside, reading)
    for batch in _batches(rows):
        flat = _flat_rows(batch, reading)
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


def _of_array(content: bytes, rows_at: str, beside: Beside, reading: Reading) -> Iterator[Row]:
    text = JsonText(content, reading)
    if not text.peek():
        raise reading.refused("E_FORMAT", "holds no document; send it again")
    yield from _at_path(text, rows_at.split(".") if rows_at else [], beside, reading)
    text.end()


def _at_path(text: JsonText, path: list[str], beside: Beside, reading: Reading, above: tuple[str, ...] = ()) -> Iterator[Row]:
    """The rows of the array at the path; what stands beside it is read over, so that a document that is torn there is noticed.

    ``above`` are the keys that lead here. What the feed says is stated beside the rows goes to ``beside``.
    """
    whole_path, levels = ".".join((*above, *path)), len(above)
    if text.peek() != ("{" if path else "["):
        text.skip()
        place = f"at {whole_path!r}" if whole_path else "at its top"
        raise reading.refused("E_FORMAT", f"has no array of rows {place}; say where it is with json: rows_at in the feed")
    if not path:
        for number, _ in enumerate(text.elements(), start=1):
            yield number, *text.value(levels + 1)
        return
    found = False
    for name in text.members():
        if name != path[0]:
            _read_beside(text, (*above, name), beside, reading)
        elif found:
            raise reading.refused("E_FORMAT", f"has the key {name!r} of its rows twice; which one is meant cannot be told")
        else:
            found = True
            yield from _at_path(text, path[1:], beside, reading, (*above, name))
    if not found:
        raise reading.refused("E_FORMAT", f"has no array of rows at {whole_path!r}; say where it is with json: rows_at in the feed")


def _read_beside(text: JsonText, keys: tuple[str, ...], beside: Beside, reading: Reading) -> None:
    """Moves over a value beside the rows, and keeps what the feed says is stated in it."""
    stated = [at for at in beside if f"{at}.".startswith(f"{'.'.join(keys)}.")]
    if not stated:
        text.skip(len(keys))
        return
    value, twice, _ = text.value(len(keys))
    if twice is not None:
        raise reading.refused("E_MAPPING", f"has the key {twice!r} twice in {keys[-1]!r}; which one is meant cannot be told")
    for at in stated:
        beside[at] += _leaf(value, at.split(".")[len(keys) :])


def _leaf(value: object, path: list[str]) -> list[str]:
    """The text at a path within a value, if there is one."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
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


def _flat_rows(batch: list[Row], reading: Reading) -> list[Cells | None]:
    """The cells of every row; null for a row that is no object, or in which a key stands twice."""
    mapped = {source.from_ for source in reading.feed.columns.values()}
    return [_flat(value, mapped) if isinstance(value, dict) and twice is None else None for _, value, twice, _ in batch]


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
        raise reading.refused("E_ENCODING", f"escapes half of a character ({error.reason}); send it as UTF-8") from error


def _names(flat: Iterable[Cells | None]) -> dict[str, None]:
    """Every key, in the order in which they come; few rows differ from those before."""
    return {name: None for names in dict.fromkeys(tuple(row or ()) for row in flat) for name in names}


def _columns(rows: list[Cells]) -> dict[str, Iterable[str | None]]:
    names = _names(rows)
    if rows and all(len(row) == len(names) for row in rows) and len({tuple(row) for row in rows}) == 1:
        return dict(zip(names, zip(*(row.values() for row in rows), strict=True), strict=True))
    return {name: [row.get(name) for row in rows] for name in names}


def _flat(row: dict[str, object], mapped: set[str]) -> Cells | None:
    """The row's cells by dotted name; null where two of its keys come to one name."""
    if _SCALARS.issuperset(map(type, row.values())):
        return cast("Cells", row)
    flat: Cells = {}
    for name, value in _leaves(row, "", mapped):
        if name in flat:
            return None
        flat[name] = value if value is None or isinstance(value, str) else json.dumps(value)
    return flat


def _leaves(row: dict[str, object], prefix: str, mapped: set[str]) -> Iterator[tuple[str, object]]:
    for key, value in row.items():
        name = prefix + key
        if isinstance(value, dict) and name not in mapped:
            yield from _leaves(value, f"{name}.", mapped)
        else:
            yield name, value
