"""Files of one kind in any size, each kind one that a careless search would take more than a proportional time for."""

import json
from collections.abc import Callable, Mapping

from advisory_perf_tests.feed_detection.scenarios import NAMES, a_file, cells, positions

ROWS = tuple(cells(row) for row in positions(accounts=12))
"""96 rows."""


def _of_accounts(size: int) -> list[dict[str, str]]:
    return [{**row, "account_id": f"{row['account_id']}-{place}"} for place in range(size) for row in ROWS]


def _once(rows: list[dict[str, str]], field: str) -> list[dict[str, str]]:
    return [{**row, field: "" if place and row[field] == rows[place - 1][field] else row[field]} for place, row in enumerate(rows)]


def _with(names: Mapping[str, str]) -> bytes:
    return a_file([{**row, **{field: f"{place}.25" for place, field in enumerate(names)}} for row in ROWS], {**NAMES, **names})


def _below(size: int, line: Callable[[int], str]) -> bytes:
    return a_file(ROWS) + "".join(f"{line(place)}\n" for place in range(96 * size)).encode()


def _document(rows: list[dict[str, str]]) -> bytes:
    return json.dumps({"data": {"rows": [{name: row[field] for field, name in NAMES.items()} for row in rows]}}).encode()


def _without_days(size: int) -> list[dict[str, str]]:
    return [{**row, "as_of_date": "x" * (place % 40) + "-" * (place % 7)} for place, row in enumerate(ROWS * size)]


KINDS: dict[str, Callable[[int], bytes]] = {
    "rows": lambda size: a_file(_of_accounts(size)),
    "labels once a group": lambda size: a_file(_once(_of_accounts(size), "account_id")),
    "two pipes": lambda size: a_file(_of_accounts(size)).replace(b",", b"||"),
    "rows without a header": lambda size: a_file(_of_accounts(size)).partition(b"\n")[2],
    "a cell of dots": lambda size: a_file(ROWS, above=["." * 800 * size]),
    "a line of words": lambda size: a_file(ROWS, above=["in USD and percent (of) " * 40 * size]),
    "a line of brackets": lambda size: a_file(ROWS, above=["(" * 400 * size]),
    "lines above": lambda size: a_file(ROWS, above=["Important: read this notice"] * 5 * size),
    "remarks below": lambda size: _below(size, lambda place: f"Remark {'abcdefgh'[place % 8] * (place % 30)} of this report"),
    "figures below": lambda size: _below(size, lambda place: f"Total {place} 12.50 of {place * 3} and 4"),
    "dates of any shape": lambda size: a_file(_without_days(size)),
    "quotes without sense": lambda size: a_file(ROWS) + b'A1,"2025-01-31",""",\n' * 96 * size,
    "columns of long names": lambda size: _with({f"c{place}": f"{place}.{'a.b ' * 20 * size}" for place in range(4)}),
    "unknown columns": lambda size: _with({f"c{place}": f"Foo {place}" for place in range(12 * size)}),
    "a deep document": lambda size: _document(_of_accounts(size)),
    "no table at all": lambda size: b"a.b-c (d) 1.5|x;y\n" * 500 * size,
}  # fmt: skip
"""By a name for the kind what makes the file of a size; a file of size 4 has four times what grows in one of size 1."""
