"""The description of the API is the one that is kept, and its examples are what the demonstration answers."""

import json

import pytest

from advisory_perf.api.app import routed
from advisory_perf.api.description import described
from advisory_perf.api.examples import FILE
from advisory_perf_tests.api.calls import OPENAPI, made_examples
from advisory_perf_tests.api.demo import Demo

HINT = "run `make docs`, and look at what has changed for those who use the API"


def test_the_description_is_the_one_that_is_kept() -> None:
    assert described() == OPENAPI.read_text(encoding="utf-8"), HINT


@pytest.mark.slow
def test_examples_are_what_the_demonstration_answers(own_demo: Demo) -> None:
    assert made_examples(own_demo) == json.loads(FILE.read_text(encoding="utf-8")), HINT


def test_no_two_models_have_one_name() -> None:
    """Two of one name are described by the modules that they lie in, which say nothing to who reads them."""
    assert [name for name in routed().openapi()["components"]["schemas"] if name.startswith("advisory_perf__")] == []


def test_every_endpoint_is_described_with_parameters_and_an_example() -> None:
    for path, methods in routed().openapi()["paths"].items():
        for method, operation in methods.items():
            place = f"{method} {path}"
            assert len(operation["description"]) > 20, place
            (status,) = (status for status in operation["responses"] if status.startswith("2"))
            content = operation["responses"][status]["content"]
            assert "application/json" not in content or "example" in content["application/json"], place
            assert "422" in operation["responses"], place
