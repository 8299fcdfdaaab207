"""An installation with a warehouse of its own, empty or with one delivery of acme run to the end."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from advisory_perf_tests.orchestration.scenarios import DELIVERY, World, a_world, days


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """Definitions, stores and a Dagster instance; nothing has been delivered. A flow of a quarter of the base is as agreed."""
    conventions = {"flow_timing": "end_of_day", "fee_basis": "net", "large_flow": 0.25}
    with a_world(tmp_path, warehouse_url, feed={"conventions": conventions}) as made:
        yield made


@pytest.fixture
def loaded(world: World) -> tuple[World, dg.ExecuteInProcessResult]:
    """The delivery of two days, ingested and run through the pipeline from the third to the fifth."""
    assert world.ingest("acme_1.csv", DELIVERY).success
    first, last = days(3, 5)
    return world, world.run_pipeline(first, last)
