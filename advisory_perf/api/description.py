"""The description of the API as it is printed and kept."""

import json

from advisory_perf.api.app import routed


def described() -> str:
    """OpenAPI 3.1 as JSON."""
    return json.dumps(routed().openapi(), indent=1, ensure_ascii=False) + "\n"
