"""Which keys of a feed say something else than before. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from advisory_perf.feeds.feed import Feed


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """A key by its path, as ``conventions.flow_timing``, and what it says in either feed; empty where it says nothing."""

    key: str
    before: str
    after: str


def changed_keys(before: Feed, after: Feed) -> list[ChangedKey]:
    """Every key whose value differs, defaults filled in, by path."""
    old, new = (dict(_leaves(feed.model_dump(mode="json", by_alias=True))) for feed in (before, after))
    return [ChangedKey(key, old.get(key, ""), new.get(key, "")) for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _leaves(part, f"{path}.{name}" if path else str(name))
    elif value is not None:
        yield path, value if isinstance(value, str) else json.dumps(value)
