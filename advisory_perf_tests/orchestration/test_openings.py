"""What a run looks back on is enough: windows that come one by one are published as all at once."""

from datetime import date
from pathlib import Path

import pytest

from advisory_perf.contracts.tables import TWRR_SERIES
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.errors import LakeError
from advisory_perf.performance.linking import STATE
from advisory_perf.positions.openings import opening_states
from advisory_perf_tests.orchestration.scenarios import World, a_world, csv

pytestmark = pytest.mark.slow

GOOD_FRIDAY = date(2024, 3, 29)
VALUED = {
    "month ends": [(2023, 2, 28), (2023, 3, 31), (2023, 4, 28), (2024, 2, 29), (2024, 3, 28), (2024, 4, 30)],
    "near": [(2023, 2, 28), (2023, 3, 28), (2023, 4, 3), (2024, 3, 28), (2024, 4, 1)],
    "near without April": [(2023, 2, 28), (2023, 3, 28), (2023, 5, 31), (2024, 3, 28), (2024, 4, 1)],
    "any": [(2023, 3, 14), (2023, 3, 27), (2023, 3, 30), (2024, 3, 14), (2024, 3, 27), (2024, 3, 28), (2024, 4, 1)],
    "begins": [(2023, 4, 3), (2023, 4, 28), (2024, 3, 28), (2024, 4, 30)],
}
FIGURES = (
    "account_id, as_of_date, twrr_1y, twrr_1y_from, twrr_1y_over_gap, twrr_1y_over_missing, twrr_mtd_from, windows_missing,"
    " performance_start_date, cumulative_twrr"
)
ENDS_OF_RUNS = [date(2024, 3, 14), date(2024, 3, 27), date(2024, 3, 28), date(2024, 4, 30)]


def figures(world: World) -> list[tuple[object, ...]]:
    return world.platform.warehouse.query(f"SELECT {FIGURES} FROM performance_data ORDER BY account_id, as_of_date").rows()


def test_years_are_the_same_in_one_run_and_in_runs_of_a_day(tmp_path: Path, warehouse_url: str, second_warehouse_url: str) -> None:
    """With a holiday at the end of a month, over which a year that ends before it may not look back."""
    lines = [
        f"{account},{date(*day)},100.00,0.00,0.00,{place}.00,{100 + place}.00,"
        for account, days in VALUED.items()
        for place, day in enumerate(days)
    ]
    delivery = csv(*lines)
    feed = {"holidays": [str(GOOD_FRIDAY)], "first_window": "2023-01-01"}
    first, last = date(2023, 2, 28), ENDS_OF_RUNS[-1]
    (tmp_path / "whole").mkdir()
    with a_world(tmp_path, warehouse_url, feed=feed) as world:
        assert world.ingest("acme_all.csv", delivery).success
        begin = first
        for end in ENDS_OF_RUNS:
            assert world.run_pipeline(begin, end).success
            begin = date.fromordinal(end.toordinal() + 1)
        in_pieces = figures(world)
    with a_world(tmp_path / "whole", second_warehouse_url, feed=feed) as world:
        assert world.ingest("acme_all.csv", delivery).success
        assert world.run_pipeline(first, last).success
        assert figures(world) == in_pieces
    starts = {(row[0], row[1]): row[3] for row in in_pieces}
    on_thursday = {account: starts[account, date(2024, 3, 28)] for account in VALUED}
    assert on_thursday == {
        "month ends": date(2023, 3, 31),
        "near": date(2023, 3, 28),
        "near without April": None,
        "any": None,
        "begins": date(2023, 3, 31),
    }


def test_windows_of_an_earlier_version_say_what_has_to_be_run(tmp_path: Path, warehouse_url: str) -> None:
    """Whatever linking has to know of an account is missed, also where it was empty anyway."""
    day = date(2025, 3, 3)
    with a_world(tmp_path, warehouse_url) as world:
        assert world.ingest("acme.csv", csv(f"A,{day},100.00,0.00,0.00,0.00,100.00,")).success
        assert world.run_pipeline(day, day).success
        lake = world.platform.lake
        feed, stored = world.platform.feeds["acme"], lake.read_partitions(TWRR_SERIES.name, "acme", "window", [str(day)])
        for name in STATE:
            lake.write_partitions(TWRR_SERIES.name, "acme", "window", {str(day): stored.drop(name)})
            with pytest.raises(LakeError, match=f"stored up to 2025-03-03 before {name} was kept; materialise the feed's pipeline"):
                opening_states(world.platform, feed, WindowRange(date(2025, 3, 4), date(2025, 3, 4), feed.cadence))
