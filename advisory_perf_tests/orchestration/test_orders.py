"""However deliveries arrive, what is published ends equal: versions of one day, and months. And what full deliveries withdraw."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.orchestration.decisions import by_precedence
from advisory_perf.storage.ledger import LedgerEntry
from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, World, a_world, an_entry, csv, days
from advisory_perf_tests.vendors.scenarios import a_feed

pytestmark = pytest.mark.slow

VERSIONED = {"files": {"patterns": ["acme_*"], "format": "csv", "version": r"_v(\d+)$"}}
FEED = a_feed(**VERSIONED)
THIRD, FIFTH = days(3, 5)

FIRST = csv(A_THIRD, B_THIRD, A_FIFTH)
SECOND = csv(A_THIRD.replace("10.00,110.00,0.10000", "12.00,112.00,0.12000"), A_FIFTH)
LAST = csv(A_THIRD.replace("10.00,110.00,0.10000", "11.00,111.00,0.11000"))
VERSIONS = {"acme_0303.csv": FIRST, "acme_0303_v2.csv": SECOND, "acme_0303_v3.csv": LAST}


def arrived(names: Sequence[str]) -> list[LedgerEntry]:
    """One delivery an hour, in the order of the names."""
    start = datetime(2025, 4, 1, tzinfo=UTC)
    return [
        replace(an_entry(name.removesuffix(".csv"), THIRD), id=number, received_at=start + timedelta(hours=number))
        for number, name in enumerate(names)
    ]


@pytest.mark.parametrize("order", list(permutations(VERSIONS)), ids=" ".join)
def test_versions_of_one_file_count_by_their_number_in_every_order_of_arrival(order: Sequence[str]) -> None:
    assert [entry.file_name for entry in by_precedence(FEED, arrived(order))] == list(VERSIONS)


@given(st.permutations(["day.csv", "day_v2.csv", "day_v3.csv", "other.csv", "other_v2.csv"]), st.randoms(use_true_random=False))
def test_the_order_in_which_entries_are_looked_at_does_not_matter(order: Sequence[str], chance: random.Random) -> None:
    entries = arrived(order)
    shuffled = list(entries)
    chance.shuffle(shuffled)
    found = [entry.file_name for entry in by_precedence(FEED, entries)]
    assert [entry.file_name for entry in by_precedence(FEED, shuffled)] == found
    for name in ("day", "other"):
        of_file = [one for one in found if one.startswith(name)]
        assert of_file == sorted(of_file, key=FEED.version_of)


def published(world: World) -> list[tuple[object, ...]]:
    """Every published row, comparison and break that stands, without ids, times and delivery ids.

    That a break was there and was restated is known only where it was published in between.
    """
    statement = (
        "SELECT (to_jsonb(p) - '{id,created_at,updated_at,delivery_id}'::text[])::text FROM performance_data AS p"
        " UNION ALL SELECT (to_jsonb(r) - '{id,created_at,updated_at}'::text[])::text FROM reconciliation_results AS r"
        " UNION ALL SELECT jsonb_build_array(account_id, field_name, first_as_of_date, last_as_of_date, valuations, variance, status,"
        " resolved_on)::text FROM reconciliation_breaks WHERE status <> 'RESOLVED_BY_RESTATEMENT' ORDER BY 1"
    )
    return world.platform.warehouse.query(statement).rows()


def clear(world: World) -> None:
    """As before any delivery, so that one installation serves several orders."""
    with world.platform.warehouse.connect() as connection:
        connection.execute(
            "TRUNCATE etl_processing_log, data_quality_issues, delivered_days, alerts, accounts, performance_data,"
            " performance_data_history, reconciliation_results, reconciliation_breaks, delivery_factors"
        )
    world.platform.lake.delete(file.path for file in world.platform.lake.files(""))


@pytest.mark.slow
def test_three_versions_of_a_day_end_equal_in_all_orders_of_arrival(tmp_path: Path, warehouse_url: str) -> None:
    ends = {}
    with a_world(tmp_path, warehouse_url, feed=VERSIONED) as world:
        for number, order in enumerate(permutations(VERSIONS)):
            clear(world)
            for name in order:
                assert world.land(name, VERSIONS[name]).success
                if number % 2:  # a lane after each, or one after all
                    world.run_pending_lane()
            if not number % 2:
                world.run_pending_lane()
            ends[order] = published(world)
            values = world.rows("performance_data").sort("as_of_date", "account_id").select("account_id", "ending_market_value")
            assert [(name, str(value)) for name, value in values.rows()] == [("A", "111.0000"), ("B", "255.0000"), ("A", "111.0000")]
    assert len(set(map(str, ends.values()))) == 1


@pytest.mark.slow
def test_shuffled_months_end_equal(tmp_path: Path, warehouse_url: str) -> None:
    months = {
        f"acme_2025{month:02}.csv": csv(
            f"A,2025-{month:02}-28,{99 + month}.00,0.00,0.00,1.00,{100 + month}.00,0.0",
            f"B,2025-{month:02}-28,{50 * month}.00,50.00,0.00,0.00,{50 * month + 50}.00,0.0",
        )
        for month in (1, 2, 3, 5)
    }
    ends = []
    with a_world(tmp_path, warehouse_url, feed={"cadence": "monthly"}) as world:
        for seed in range(4):
            clear(world)
            order = sorted(months)
            if seed:
                random.Random(seed).shuffle(order)
            for name in order:
                assert world.land(name, months[name]).success
                if seed % 2:
                    world.run_pending_lane()
            if not seed % 2:
                world.run_pending_lane()
            ends.append(published(world))
    assert len(ends[0]) > 8
    assert all(end == ends[0] for end in ends)


# full deliveries ------------------------------------------------------------------------------------------------------


def test_a_full_delivery_withdraws_what_it_does_not_repeat_and_the_history_keeps_it(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={"delivers": "full"}) as world:
        world.land("acme_1.csv", FIRST)
        world.run_pending_lane()
        world.land("acme_2.csv", csv(A_THIRD.replace("10.00,110.00,0.10000", "11.00,111.00,0.11000")))
        world.run_pending_lane()
        rows = world.rows("performance_data").sort("as_of_date").select("account_id", "as_of_date", "file_name")
        assert rows.rows() == [("A", THIRD, "acme_2.csv"), ("A", FIFTH, "acme_1.csv")]
        kept = world.rows("performance_data_history").sort("account_id").select("account_id", "as_of_date", "file_name")
        assert ("B", date(2025, 3, 3), "acme_1.csv") in kept.rows()
        assert {entry.status for entry in world.platform.ledger.entries()} <= {"COMPLETED", "COMPLETED_WITH_ISSUES"}


def test_a_partial_delivery_withdraws_nothing(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        world.land("acme_1.csv", FIRST)
        world.land("acme_2.csv", csv(A_THIRD.replace("10.00,110.00,0.10000", "11.00,111.00,0.11000")))
        world.run_pending_lane()
        assert sorted(world.rows("performance_data")["account_id"]) == ["A", "A", "B"]


def test_a_row_in_quarantine_of_a_full_delivery_withdraws_nothing_of_its_account(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={"delivers": "full"}) as world:
        world.land("acme_1.csv", FIRST)
        world.land("acme_2.csv", csv(A_THIRD, B_THIRD.replace("255.00", "many")))
        world.run_pending_lane()
        rows = world.rows("performance_data").sort("as_of_date", "account_id").select("account_id", "file_name").rows()
        assert rows == [("A", "acme_2.csv"), ("B", "acme_1.csv"), ("A", "acme_1.csv")]
