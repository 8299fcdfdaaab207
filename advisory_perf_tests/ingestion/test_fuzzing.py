"""The fuzzing program over some of its seeds; by itself it runs for as long as it is inferred."""

import pytest

from advisory_perf_tests.fuzzing import faults_of, made_from

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("first", range(0, 400, 40))
def test_files_of_any_cells_and_bytes_show_no_fault(first: int) -> None:
    assert {seed: faults for seed in range(first, first + 40) if (faults := faults_of(seed))} == {}


def test_a_seed_always_makes_the_same_cells() -> None:
    assert [made_from(seed).cells for seed in range(20)] == [made_from(seed).cells for seed in range(20)]
