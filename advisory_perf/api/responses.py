"""How errors stand in the description of an endpoint."""

from http import HTTPStatus
from typing import Any

from advisory_perf.api.envelope import ErrorEnvelope
from advisory_perf.api.problems import PROBLEM


def error_responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Errors with these statuses, in the envelope or bare."""
    content: dict[str, Any] = {"application/json": {}, PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(status): {"model": ErrorEnvelope, "description": status.phrase, "content": content} for status in statuses}


NOT_FOUND = error_responses(HTTPStatus.NOT_FOUND)
"""Of endpoints that name something."""
