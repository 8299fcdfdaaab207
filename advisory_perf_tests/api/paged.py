"""A list read to its end by number and by cursor."""

from typing import Any

from advisory_perf_tests.api.demo import Demo


def whole_list(demo: Demo, path: str, *, limit: int = 500, inside: str | None = None, **asked: Any) -> list[Any]:
    """All rows of a list, which are the same by number and by cursor, and as many as total_records says.

    ``inside`` names where in data they stand.
    """

    def rows(answer: Any) -> list[Any]:
        found: list[Any] = answer["data"] if inside is None else answer["data"][inside]
        return found

    by_cursor, cursor = [], None
    while True:
        answer = demo.get(path, limit=limit, **asked, **({} if cursor is None else {"cursor": cursor}))
        by_cursor += rows(answer)
        cursor = answer["metadata"]["next_cursor"]
        if cursor is None:
            break
    total = answer["metadata"]["total_records"]
    by_number = [row for page in range(1, total // limit + 2) for row in rows(demo.get(path, limit=limit, page=page, **asked))]
    assert by_number == by_cursor
    assert len(by_cursor) == total
    return by_cursor
