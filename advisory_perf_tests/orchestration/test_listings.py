"""Which windows came before is asked of the lake's listing: what it may not lack, and what holds nothing up."""

from datetime import date
from pathlib import Path

import pytest

from advisory_perf.orchestration.outages import chain_of, is_outage
from advisory_perf_tests.orchestration.scenarios import VENDOR, World, a_world, csv, days
from advisory_perf_tests.proxies import Faults, an_s3_proxy

pytestmark = pytest.mark.slow

WINDOWS = {"daily": days(3, 4, 5), "monthly": [date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)]}
VALUES = ("100,0,0,10,110,0.1", "110,0,0,11,121,0.1", "121,0,0,12.1,133.1,0.1")
LINKED = ["0.100000000", "0.210000000", "0.331000000"]
"""1.1 - 1, 1.1 * 1.1 - 1, 1.1 * 1.1 * 1.1 - 1"""


def ingested(world: World, cadence: str, place: int, name: str = "") -> None:
    """A file of the one line of account A in that window."""
    line = f"A,{WINDOWS[cadence][place]},{VALUES[place]}"
    assert world.ingest(name or f"acme_{place}.csv", csv(line)).success


def key_of(cadence: str, place: int) -> str:
    day = WINDOWS[cadence][place]
    return str(day.replace(day=1) if cadence == "monthly" else day)


def linked(world: World) -> list[str]:
    found = world.platform.warehouse.query("SELECT round(cumulative_twrr::numeric, 9)::text FROM performance_data ORDER BY as_of_date")
    return found.to_series().to_list()


def outage_of(world: World, first: date, last: date) -> str:
    """What the one step says that ends a pipeline by an outage."""
    result = world.run_pipeline(first, last)
    (failed,) = [chain_of(event) for event in result.all_events if event.is_step_failure]
    assert is_outage(failed)
    return " ".join(error.message for error in failed)


@pytest.mark.parametrize(
    ("listed", "stage", "cadence"),
    [
        pytest.param(0, "normalized_positions", "daily", id="none of positions, daily"),
        pytest.param(0, "twrr_series", "monthly", id="none of the series, monthly"),
        pytest.param(1, "twrr_series", "daily", id="the first of the series, daily"),
        pytest.param(1, "normalized_positions", "monthly", id="the first of positions, monthly"),
    ],
)
def test_no_figure_is_published_by_a_listing_that_lacks_what_is(
    tmp_path: Path, warehouse_url: str, s3: str, cadence: str, stage: str, listed: int
) -> None:
    """The listing stays as it was when so many windows were stored."""
    with (
        an_s3_proxy(s3) as proxy,
        a_world(tmp_path, warehouse_url, lake_url="s3://lake/x", s3_endpoint_url=proxy.url, feed={"cadence": cadence}) as world,
    ):
        for place in range(listed + 1):
            if place == listed:
                assert len(world.windows(stage)) == listed
                proxy.faults = Faults(frozen_listings=1, of=lambda path: stage in path)
            ingested(world, cadence, place)
            world.run_pending_pipeline()
        ingested(world, cadence, listed + 1)
        day = WINDOWS[cadence][listed + 1]
        assert f"listing of {stage} of acme lacks {key_of(cadence, listed)}, which is published" in outage_of(world, day, day)
        assert linked(world) == LINKED[: listed + 1]
        proxy.faults = Faults()
        world.run_pending_pipeline()
        assert linked(world) == LINKED[: listed + 2]


# what holds nothing up ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stage", "cadence"), [("twrr_series", "monthly"), ("normalized_positions", "daily")])
def test_a_pipeline_from_the_named_window_makes_removed_partitions_again(
    tmp_path: Path, warehouse_url: str, cadence: str, stage: str
) -> None:
    with a_world(tmp_path, warehouse_url, feed={"cadence": cadence}) as world:
        for place in (0, 1):
            ingested(world, cadence, place)
            world.run_pending_pipeline()
        lake, key = world.platform.lake, key_of(cadence, 0)
        lake.delete(file.path for file in lake.files(f"{stage}/vendor={VENDOR}/window={key}/"))
        ingested(world, cadence, 2)
        first, _, last = WINDOWS[cadence]
        assert f"lacks {key}, which is published; once it is listed" in outage_of(world, last, last)
        assert world.run_pipeline(first, last).success
        assert linked(world) == LINKED


def test_a_window_whose_rows_were_withdrawn_may_be_listed_or_not(tmp_path: Path, warehouse_url: str) -> None:
    """A higher version of a file that names its day has its row in the window after."""
    cadence = "daily"
    files = {"patterns": ["acme_*"], "format": "csv", "version": r"_v(\d+)$"}
    with a_world(tmp_path, warehouse_url, feed={"cadence": cadence, "files": files}) as world:
        for place, name in ((0, "acme_20250303.csv"), (1, "acme_20250304.csv"), (2, "acme_20250304_v2.csv")):
            ingested(world, cadence, place, name)
            world.run_pending_pipeline()
        found = linked(world)
        assert world.rows("performance_data").sort("as_of_date")["as_of_date"].to_list() == [WINDOWS[cadence][place] for place in (0, 2)]
        lake = world.platform.lake
        for stage in ("twrr_series", "normalized_positions"):
            lake.delete(file.path for file in lake.files(f"{stage}/vendor={VENDOR}/window={key_of(cadence, 1)}/"))
        last = WINDOWS[cadence][2]
        assert world.run_pipeline(last, last).success
        assert linked(world) == found
