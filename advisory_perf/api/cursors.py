"""Cursors: where a list goes on, as a text that says nothing to a client, and is good for the very list that gave it."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from advisory_perf.api.parameters import Paged
from advisory_perf.errors import RequestError
from advisory_perf.warehouse.reading.paging import ANOTHER_LIST, PageWanted

_DIGITS = 16


def cursor_of(scope: str, last: Sequence[str]) -> str:
    """The cursor behind a row; ``scope`` is everything that the list was asked with but its page."""
    return urlsafe_b64encode(json.dumps([_digest(scope, last), *last]).encode()).decode().rstrip("=")


def wanted_page(scope: str, query: Paged) -> PageWanted:
    """What of the list is asked for; RequestError for a cursor of another list, or one that was changed."""
    if query.cursor is None:
        return PageWanted(query.limit, (query.page - 1) * query.limit)
    try:
        digest, *last = json.loads(urlsafe_b64decode(query.cursor + "=" * (-len(query.cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        digest, last = None, []
    if not all(isinstance(value, str) for value in last) or digest != _digest(scope, last):
        raise RequestError(ANOTHER_LIST)
    return PageWanted(query.limit, after=tuple(last))


def scope_of(path: str, query: Paged) -> str:
    """The list that is asked for: its path and its filters."""
    return f"{path}?{query.model_dump_json(exclude={'page', 'limit', 'cursor'})}"


def _digest(scope: str, last: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([scope, *last]).encode()).hexdigest()[:_DIGITS]
