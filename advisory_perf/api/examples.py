"""Examples of answers in the description of the API: real ones, of the demonstration, kept in a file that a test makes again."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("examples.json")


def with_examples(description: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI description, in which each endpoint's answer has its example."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            example = _kept().get(f"{method.upper()} {path}")
            if example is not None:
                (answer,) = (operation["responses"][status] for status in operation["responses"] if status.startswith("2"))
                answer["content"]["application/json"]["example"] = example["answer"]
    return description


@cache
def _kept() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return kept
