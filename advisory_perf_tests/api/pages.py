"""Lists by pages, and rows of SQL as JSON has them: what the tests of several endpoints compare with."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from advisory_perf.api.envelope import money_text
from advisory_perf_tests.api.demo import Demo


def in_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of SQL as an answer has it."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return money_text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def whole_by_pages(demo: Demo, path: str, *, limit: int, **params: Any) -> list[dict[str, Any]]:
    """A list read by number and by cursor, which have to give the same; and to say how long it is."""
    first = demo.get(path, limit=limit, **params)
    total = first["metadata"]["total_records"]
    by_number = list(first["data"])
    for page in range(2, -(-total // limit) + 1):
        by_number += demo.get(path, limit=limit, page=page, **params)["data"]
    by_cursor, cursor = list(first["data"]), first["metadata"]["next_cursor"]
    while cursor is not None:
        answer = demo.get(path, limit=limit, cursor=cursor, **params)
        by_cursor += answer["data"]
        cursor = answer["metadata"]["next_cursor"]
    assert by_number == by_cursor
    assert len(by_number) == total
    return by_number
