"""Portfolios and clients as they are published with the rows of their accounts."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from advisory_perf.warehouse.export import ExportFormat, export_relation
from advisory_perf_tests.feeds.known import of_positions
from advisory_perf_tests.orchestration.scenarios import World, a_world, cases, checks, days, materialised, value
from advisory_perf_tests.positions.groups import of_published_positions, published_groups

pytestmark = pytest.mark.slow

GROUPED: dict[str, Any] = {
    "columns": {"portfolio_id": "port", "client_id": "client", "vendor_twrr": None},
    "conventions": {"flow_timing": "start_of_day", "fee_basis": "net"},
}
THIRD, FOURTH, FIFTH, SIXTH = days(3, 4, 5, 6)


def valued(account: str, day: date, begin: int, end: int, *, into: int = 0, out: int = 0, of: str = "P/X") -> str:
    """A row of an account of a portfolio and a client."""
    return f"{account},{day},{begin},{into},{out},{end - begin - into + out},{end},{of.replace('/', ',')}"


def csv(*lines: str) -> str:
    return "\n".join(["id,day,bmv,in,out,gain,emv,port,client", *lines]) + "\n"


def assert_groups_add_up(world: World) -> None:
    """What is published of groups is what the published account-dates come to, all taken at once."""
    feed = of_positions(world.platform.feeds["acme"])
    expected = of_published_positions(world.platform.warehouse, feed)
    assert expected.height
    assert_frame_equal(published_groups(world.platform.warehouse, feed), expected, check_exact=True)


def returns_of(world: World, group: str) -> list[str]:
    rows = world.rows("portfolio_performance").filter(pl.col("group_id") == group).sort("as_of_date")
    return [f"{each:.3%}" for each in rows["cumulative_twrr"]]


def test_transfers_and_joining_accounts_are_no_gains_and_a_missing_member_is_reported(tmp_path: Path, warehouse_url: str) -> None:
    lines = [
        *(valued("A", THIRD, 1600, 1020, out=600, of="T/X"), valued("B", THIRD, 400, 980, into=600, of="T/X")),
        *(valued("C", THIRD, 1000, 1100, of="J/X"), valued("C", FOURTH, 1100, 1110, of="J/X"), valued("D", FOURTH, 9000, 9010, of="J/X")),
        *(valued("E", THIRD, 10, 10, of="M/X"), valued("E", FOURTH, 10, 10, of="M/X"), valued("F", THIRD, 20, 20, of="M/X")),
    ]
    with a_world(tmp_path, warehouse_url, feed=GROUPED) as world:
        assert world.ingest("acme.csv", csv(*lines)).success
        result = world.run_pipeline(THIRD, FOURTH)
        assert result.success
        assert returns_of(world, "T") == ["0.000%"]
        assert returns_of(world, "J") == ["10.000%", "10.218%"]
        found = checks(result)["portfolios_have_sums"]
        assert (found.passed, value(found.metadata, "checked")) == (False, 7)
        assert [(case["group_id"], case["as_of_date"], case["roll_up_status"], case["missing_members"]) for case in cases(found)] == [
            ("X", str(FOURTH), "MISSING_MEMBERS", "3"),
            ("M", str(FOURTH), "MISSING_MEMBERS", "1"),
        ]
        of_day = materialised(result, "portfolio_performance")[str(FOURTH)].metadata
        names = ("portfolios", "clients", "without_sum", "ambiguous_transfers", "valuations")
        assert tuple(value(of_day, name) for name in names) == (2, 1, 2, 0, 3)
        assert not [name for name in of_day if name.startswith("sum_")], "each amount stands there once by portfolio and once by client"
        without = world.rows("portfolio_performance").filter(pl.col("roll_up_status") != "OK")
        assert without.select("ending_market_value", "calculated_twrr", "return_status").unique().rows() == [(None, None, "MISSING_VALUE")]
        assert_groups_add_up(world)


def ids_and_times(world: World) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    columns = ["level", "group_id", "as_of_date", "id", "updated_at"]
    return {each[:3]: each[3:] for each in world.rows("portfolio_performance").select(columns).iter_rows()}


def exported(world: World, **others: Any) -> bytes:
    target = BytesIO()
    export_relation(world.platform.warehouse, "portfolio_performance", form=ExportFormat.CSV, target=target, **others)
    return target.getvalue()


def test_a_restatement_touches_its_own_portfolio_and_client_from_its_day_on(tmp_path: Path, warehouse_url: str) -> None:
    groups = {"A": "P/X", "B": "P/Y", "C": "Q/X", "D": "R/Z"}
    each_day = [THIRD, FOURTH, FIFTH, SIXTH]
    lines = [valued(account, day, 100, 100, of=group) for account, group in groups.items() for day in each_day]
    with a_world(tmp_path, warehouse_url, feed=GROUPED) as world:
        assert world.ingest("acme.csv", csv(*lines)).success
        world.run_pending_pipeline()
        before, first, reported = ids_and_times(world), datetime.now(UTC), exported(world)
        assert world.run_pipeline(THIRD, SIXTH).success
        assert ids_and_times(world) == before, "a rerun changes nothing"
        assert world.ingest("acme_2.csv", csv(valued("B", FOURTH, 100, 101, of=groups["B"]))).success
        world.run_pending_pipeline()
        after = ids_and_times(world)
        changed = {key for key in before if after[key] != before[key]}
        assert changed == {(level, name, day) for level, name in (("PORTFOLIO", "P"), ("CLIENT", "Y")) for day in each_day[1:]}
        assert {key: one[0] for key, one in after.items()} == {key: one[0] for key, one in before.items()}, "rows stay the same rows"
        kept = world.rows("portfolio_performance_history").select("level", "group_id", "as_of_date", "superseded_by_delivery_id")
        assert set(kept.rows()) == {(*key, None) for key in changed}
        assert exported(world, as_reported=first) == reported != exported(world)
        assert_groups_add_up(world)


ARRIVALS: Sequence[tuple[str, Sequence[str]]] = [
    ("fifth", [valued("A", FIFTH, 120, 130), valued("B", FIFTH, 55, 50, out=5)]),
    ("third", [valued("A", THIRD, 100, 110), valued("B", THIRD, 50, 55), valued("C", THIRD, 70, 70, of="Q/X")]),
    ("fourth", [valued("A", FOURTH, 110, 120), valued("B", FOURTH, 55, 60, into=5), valued("C", FOURTH, 70, 65, out=5, of="Q/X")]),
    ("sixth", [valued("A", SIXTH, 130, 140), valued("B", SIXTH, 50, 50), valued("C", SIXTH, 65, 66, of="Q/Y")]),
    (
        "B has moved on the fourth",
        [valued("A", FOURTH, 110, 120), valued("B", FOURTH, 55, 60, into=5, of="Q/X"), valued("C", FOURTH, 70, 65)],
    ),
    ("the third again, without C", [valued("A", THIRD, 100, 110), valued("B", THIRD, 50, 55, of="R/X")]),
    ("A has another value", [valued("A", FIFTH, 120, 121), valued("B", FIFTH, 55, 50, out=5)]),
]
"""Days out of order, a day on which C is missing, accounts that move by a restatement, and one that is withdrawn."""


def test_whatever_comes_groups_are_what_their_accounts_come_to(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={**GROUPED, "delivers": "full"}) as world:
        for name, lines in ARRIVALS:
            assert world.ingest(f"acme_{name}.csv", csv(*lines)).success
            world.run_pending_pipeline()
            assert_groups_add_up(world)
        assert world.run_pipeline(FOURTH, FIFTH).success, "in the middle, by hand, where nothing has changed"
        assert_groups_add_up(world)
