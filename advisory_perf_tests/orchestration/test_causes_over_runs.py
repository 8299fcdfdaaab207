"""Causes that lie in what was valued before: the same whether the days come in one run or in two, whatever lies between."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from advisory_perf_tests.orchestration.scenarios import World, a_world, csv

pytestmark = pytest.mark.slow

THIRD = csv(
    "A,2025-03-03,100.00,50.00,0.00,10.00,160.00,0.10000",
    "B,2025-03-03,200.00,50.00,0.00,5.00,255.00,0.02500",
    "C,2025-03-03,400.00,0.00,0.00,4.00,404.00,0.01000",
)
FIFTH = csv(
    "A,2025-03-05,160.00,0.00,0.00,16.00,226.00,0.10000",
    "B,2025-03-05,250.00,0.00,0.00,5.00,260.00,0.04000",
    "C,2025-03-05,404.00,0.00,0.00,8.08,404.00,0.00000",
)
"""A: 160 + 16, and the 50 of the third; B: 250 + 5 from 255; C as on the third. Of returns A gives that of the third, 10 %."""
WANTED = [
    ("A", "ending_market_value", "MISSING_FLOW", Decimal(226)),
    ("A", "twrr", "DAY_SHIFT", Decimal("0.1")),
    ("B", "ending_market_value", "ROLL_FORWARD", Decimal(260)),
    ("C", "ending_market_value", "STALE", Decimal(404)),
]


def causes(world: World) -> list[tuple[object, ...]]:
    found = world.platform.warehouse.query(
        "SELECT account_id, field_name, likely_cause, explained_value FROM reconciliation_results WHERE NOT within_tolerance ORDER BY 1, 2"
    )
    return found.rows()


def test_a_cause_is_the_same_in_one_run_and_in_two(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        assert world.ingest("acme_1.csv", THIRD).success
        assert world.run_pipeline(date(2025, 3, 3), date(2025, 3, 3)).success
        assert causes(world) == []
        assert world.ingest("acme_2.csv", FIFTH).success
        assert world.run_pipeline(date(2025, 3, 4), date(2025, 3, 5)).success
        assert causes(world) == WANTED
        before = world.platform.warehouse.query("SELECT * FROM reconciliation_results ORDER BY id").rows()
        assert world.run_pipeline(date(2025, 3, 3), date(2025, 3, 5)).success
        assert world.platform.warehouse.query("SELECT * FROM reconciliation_results ORDER BY id").rows() == before


def test_a_window_without_rows_lies_between(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        assert world.ingest("acme_1.csv", THIRD).success
        assert world.run_pipeline(date(2025, 2, 24), date(2025, 3, 4)).success
        assert world.ingest("acme_2.csv", FIFTH).success
        assert world.run_pipeline(date(2025, 3, 5), date(2025, 3, 5)).success
        assert causes(world) == WANTED
