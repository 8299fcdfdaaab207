"""No structural pollution of a delivery changes a figure or loses a row without a word (see ``pollutions``)."""

from collections import Counter
from itertools import islice
from random import Random

import pytest

from advisory_perf_tests.ingestion.pollutions import STYLES, Variant, clean, outcome_here, variants

pytestmark = pytest.mark.slow

SAMPLE = 41
"""Every so manieth variant is part of the fast tests."""
SHARE = 40
"""Of the others one of so many; ``python -m bench.pollutions`` tries each."""


def outcomes(polluted: list[Variant]) -> Counter[str]:
    """How often each outcome; a silent one fails with its name and content."""
    counts: Counter[str] = Counter()
    for variant in polluted:
        found = outcome_here(variant)
        assert found != "silent", f"{variant.style}: {variant.name}\n{variant.content.decode(errors='replace')[:3000]}"
        counts[found] += 1
    return counts


@pytest.mark.parametrize("style", STYLES)
def test_the_clean_file_is_read_as_it_is(style: str) -> None:
    assert outcome_here(Variant("clean", style, clean(style).encode())) == "equal"


def test_a_sample_of_pollutions_is_equal_conserved_or_refused() -> None:
    assert outcomes(list(islice(variants(), 0, None, SAMPLE))).keys() == {"equal", "conserved", "refused"}


@pytest.mark.parametrize("style", STYLES)
def test_further_pollutions_are_equal_conserved_or_refused(style: str) -> None:
    of_the_style = [variant for variant in variants() if variant.style == style]
    polluted = Random(style).sample(of_the_style, len(of_the_style) // SHARE)
    counts = outcomes(polluted)
    assert counts.total() == len(polluted) > 40
    assert counts["conserved"] > counts["refused"] / 2, "a broken row is quarantined where the others can be divided"
