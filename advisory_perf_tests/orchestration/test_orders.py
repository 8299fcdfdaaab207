"""However deliveries arrive, what is published ends equal: versions of one day, and months. And what full deliveries withdraw."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.precedence import by_precedence
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.orchestration.scenarios import (
    A_FIFTH,
    A_THIRD,
    B_THIRD,
    World,
    a_world,
    an_entry,
    cases,
    checks,
    csv,
    days,
)

pytestmark = pytest.mark.slow

VERSIONED: dict[str, Any] = {"files": {"patterns": ["acme_*"], "format": "csv", "version": r"_v(\d+)$"}}
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
        " resolved_on)::text FROM reconciliation_breaks WHERE status <> 'RESOLVED_BY_RESTATEMENT'"
        " UNION ALL SELECT (to_jsonb(t) - 'delivery_id')::text FROM reconciliation_totals AS t ORDER BY 1"
    )
    return world.platform.warehouse.query(statement).rows()


def clear(world: World) -> None:
    """As before any delivery, so that one installation serves several orders."""
    with world.administrator.connect() as connection:
        connection.execute(
            "TRUNCATE etl_processing_log, data_quality_issues, delivered_days, delivery_profiles, delivery_day_counts,"
            " data_quality_scores, delivery_quality_shares, delivery_quality_scores, alerts, accounts, performance_data, restatements,"
            " performance_data_history, reconciliation_results, reconciliation_totals, reconciliation_breaks, delivery_factors,"
            " portfolio_performance, portfolio_performance_history"
        )
        connection.execute("SELECT refresh_daily_vendor_totals()")
    world.platform.lake.delete(file.path for file in world.platform.lake.files(""))


@pytest.mark.slow
def test_three_versions_of_a_day_end_equal_in_all_orders_of_arrival(tmp_path: Path, warehouse_url: str) -> None:
    ends = {}
    with a_world(tmp_path, warehouse_url, feed=VERSIONED) as world:
        for number, order in enumerate(list(permutations(VERSIONS))[::2]):
            clear(world)
            for name in order:
                assert world.ingest(name, VERSIONS[name]).success
                if number % 2:  # a pipeline after each, or one after all
                    world.run_pending_pipeline()
            if not number % 2:
                world.run_pending_pipeline()
            ends[order] = published(world)
            values = world.rows("performance_data").sort("as_of_date", "account_id").select("account_id", "ending_market_value")
            found = [(name, str(value)) for name, value in values.rows()]
            assert found == [("A", "111.0000"), ("A", "111.0000")], "the third version states the third and has no B, the second the fifth"
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
        for seed in range(2):
            clear(world)
            order = sorted(months)
            if seed:
                random.Random(seed).shuffle(order)
            for name in order:
                assert world.ingest(name, months[name]).success
                if seed % 2:
                    world.run_pending_pipeline()
            if not seed % 2:
                world.run_pending_pipeline()
            ends.append(published(world))
    assert len(ends[0]) > 8
    assert all(end == ends[0] for end in ends)


# versions and moved days -----------------------------------------------------------------------------------------------

ORDERS = {
    ("acme_2025-03", "partial"): ["v2", "first", "april", "february"],
    ("acme_2025-03", "full"): ["first", "v2", "february", "april"],
    ("acme_march", "partial"): ["february", "april", "v2", "first"],
    ("acme_march", "full"): ["april", "first", "february", "v2"],
}
"""With and without a day of its own in the name, each in another order."""


def valued(account: str, day: str, begin: int, gain: int) -> str:
    """A row without flows."""
    return f"{account},{day},{begin}.00,0.00,0.00,{gain}.00,{begin + gain}.00,{gain / begin:.5f}"


def march_of(world: World) -> list[tuple[str, str, str]]:
    """What is published of the days around March."""
    rows = world.rows("performance_data").filter(pl.col("as_of_date") > date(2025, 2, 28)).sort("account_id", "as_of_date")
    return [(row[0], str(row[1]), f"{row[2]:.4f}") for row in rows.select("account_id", "as_of_date", "cumulative_twrr").rows()]


FEBRUARY = csv(valued("A", "2025-02-28", 100, 10), valued("B", "2025-02-28", 200, 10))
ON_THE_29TH = csv(valued("A", "2025-03-29", 110, 11), valued("B", "2025-03-29", 210, 21))
ON_THE_31ST = csv(valued("A", "2025-03-31", 110, 11), valued("B", "2025-03-31", 210, 42))
APRIL = csv(valued("A", "2025-04-30", 121, 0), valued("B", "2025-04-30", 252, 0))
ONE_MARCH = [("A", "2025-03-31", "0.2100"), ("A", "2025-04-30", "0.2100"), ("B", "2025-03-31", "0.2600"), ("B", "2025-04-30", "0.2600")]
"""1.1 * 1.1 - 1, and 1.05 * 1.2 - 1."""


@pytest.mark.parametrize(("name", "delivers"), ORDERS)
def test_a_month_sent_again_with_a_corrected_day_is_one_march_in_any_order(
    tmp_path: Path, warehouse_url: str, name: str, delivers: str
) -> None:
    """With a pipeline after each delivery where all is delivered, and else with one after all."""
    files = {
        "first": (f"{name}.csv", ON_THE_29TH),
        "v2": (f"{name}_v2.csv", ON_THE_31ST),
        "february": ("acme_2025-02.csv", FEBRUARY),
        "april": ("acme_2025-04.csv", APRIL),
    }
    with a_world(tmp_path, warehouse_url, feed={**VERSIONED, "cadence": "monthly", "delivers": delivers}) as world:
        for one in ORDERS[name, delivers]:
            assert world.ingest(*files[one]).success
            if delivers == "full":
                world.run_pending_pipeline()
        if delivers != "full":
            world.run_pending_pipeline()
        assert march_of(world) == ONE_MARCH
        before = world.rows("performance_data"), world.rows("performance_data_history")
        assert world.run_pipeline(date(2025, 2, 1), date(2025, 4, 30)).success
        after = world.rows("performance_data"), world.rows("performance_data_history")
        assert all(one.equals(other) for one, other in zip(before, after, strict=True)), "a rerun changes nothing"


def test_the_withdrawn_day_lies_in_the_history_and_its_break_is_over(tmp_path: Path, warehouse_url: str) -> None:
    off = ON_THE_29TH.replace("0.10000", "0.30000")
    with a_world(tmp_path, warehouse_url, feed={**VERSIONED, "cadence": "monthly"}) as world:
        for name, content in (("acme_202503.csv", off), ("acme_202503_v2.csv", ON_THE_31ST)):
            assert world.ingest(name, content).success
            world.run_pending_pipeline()
        history = world.rows("performance_data_history").select("account_id", "as_of_date").unique().sort("account_id")
        assert history.rows() == [("A", date(2025, 3, 29)), ("B", date(2025, 3, 29))]
        breaks = world.platform.warehouse.query("SELECT DISTINCT status FROM reconciliation_breaks").to_series().to_list()
        assert breaks == ["RESOLVED_BY_RESTATEMENT"]


def test_a_moved_day_without_a_version_is_one_march_too_and_is_reported(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={"cadence": "monthly"}) as world:
        world.ingest("acme_1.csv", ON_THE_29TH)
        world.ingest("acme_2.csv", csv(valued("A", "2025-03-31", 110, 11)))
        found = checks(world.run_pipeline(date(2025, 3, 1), date(2025, 3, 31)))["one_valuation_a_window"]
        assert [row[:2] for row in march_of(world)] == [("A", "2025-03-31"), ("B", "2025-03-29")]
        assert (found.passed, [case["as_of_date"] for case in cases(found)]) == (False, ["2025-03-29"])


def test_where_the_feed_says_all_every_valuation_of_a_month_is_linked(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={"cadence": "monthly", "valuations": "all"}) as world:
        world.ingest("acme_1.csv", csv(valued("A", "2025-03-14", 100, 10), valued("A", "2025-03-31", 110, 11)))
        world.run_pending_pipeline()
        assert march_of(world) == [("A", "2025-03-14", "0.1000"), ("A", "2025-03-31", "0.2100")]


def test_a_daily_file_sent_again_for_another_day_leaves_nothing_on_the_first(tmp_path: Path, warehouse_url: str) -> None:
    """The file names its day, so that its version replaces all of it, in both orders, and gives it back where it is rejected later."""
    wrong, right = csv(valued("A", "2025-03-03", 100, 10)), csv(valued("A", "2025-03-04", 100, 10))
    files = {"acme_20250304.csv": wrong, "acme_20250304_v2.csv": right}
    with a_world(tmp_path, warehouse_url, feed=VERSIONED) as world:
        for order in (list(files), list(files)[::-1]):
            clear(world)
            for name in order:
                assert world.ingest(name, files[name]).success
                world.run_pending_pipeline()
            assert [row[:2] for row in march_of(world)] == [("A", "2025-03-04")]
            reported = world.rows("data_quality_issues")["issue_type"].to_list()
            assert reported == ([] if order == list(files) else ["DQ_OLDER_VERSION"])
            assert {entry.pending_first_date for entry in world.platform.ledger.entries()} == {None}
        (second,) = [entry for entry in world.platform.ledger.entries() if "_v2" in entry.file_name]
        first = next(entry for entry in world.platform.ledger.entries() if "_v2" not in entry.file_name)
        assert first.first_as_of_date is not None
        world.platform.ledger.rejected(second.delivery_id, code="E_TORN", sentence="torn", also=[first.first_as_of_date])
        world.run_pending_pipeline()
        assert [row[:2] for row in march_of(world)] == [("A", "2025-03-03")]


def test_a_name_that_comes_every_day_is_replaced_only_on_the_days_of_its_version(tmp_path: Path, warehouse_url: str) -> None:
    files = {"acme.csv": csv(A_THIRD, B_THIRD), "acme_v2.csv": csv(A_THIRD)}
    with a_world(tmp_path, warehouse_url, feed=VERSIONED) as world:
        for name, content in files.items():
            assert world.ingest(name, content).success
        assert world.ingest("acme.csv", csv(A_FIFTH)).success, "another day's file, of the name that the third's had"
        world.run_pending_pipeline()
        assert [row[:2] for row in march_of(world)] == [("A", "2025-03-03"), ("A", "2025-03-05")]


@pytest.mark.parametrize(("versions", "left"), [("whole", ["A"]), ("changes", ["A", "B"])])
def test_a_version_that_holds_only_changes_withdraws_nothing(tmp_path: Path, warehouse_url: str, versions: str, left: list[str]) -> None:
    feed = {"files": {**VERSIONED["files"], "versions": versions}}
    with a_world(tmp_path, warehouse_url, feed=feed) as world:
        world.ingest("acme_20250303.csv", csv(A_THIRD, B_THIRD))
        world.ingest("acme_20250303_v2.csv", csv(A_THIRD.replace("10.00,110.00,0.10000", "12.00,112.00,0.12000")))
        world.run_pending_pipeline()
        assert world.rows("performance_data")["account_id"].sort().to_list() == left


def test_a_row_in_quarantine_of_a_higher_version_keeps_what_it_may_mean(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={**VERSIONED, "cadence": "monthly"}) as world:
        world.ingest("acme_202503.csv", ON_THE_29TH)
        world.ingest("acme_202503_v2.csv", ON_THE_31ST.replace("252.00", "many"))
        world.run_pending_pipeline()
        assert [row[:2] for row in march_of(world)] == [("A", "2025-03-31"), ("B", "2025-03-29")]


# full deliveries ------------------------------------------------------------------------------------------------------


def test_a_full_delivery_withdraws_what_it_does_not_repeat_and_the_history_keeps_it(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed={"delivers": "full"}) as world:
        world.ingest("acme_1.csv", FIRST)
        world.run_pending_pipeline()
        world.ingest("acme_2.csv", csv(A_THIRD.replace("10.00,110.00,0.10000", "11.00,111.00,0.11000")))
        world.run_pending_pipeline()
        rows = world.rows("performance_data").sort("as_of_date").select("account_id", "as_of_date", "file_name")
        assert rows.rows() == [("A", THIRD, "acme_2.csv"), ("A", FIFTH, "acme_1.csv")]
        kept = world.rows("performance_data_history").sort("account_id").select("account_id", "as_of_date", "file_name")
        assert ("B", date(2025, 3, 3), "acme_1.csv") in kept.rows()
        assert {entry.status for entry in world.platform.ledger.entries()} <= {"COMPLETED", "COMPLETED_WITH_ISSUES"}


def test_a_partial_delivery_withdraws_nothing(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        world.ingest("acme_1.csv", FIRST)
        world.ingest("acme_2.csv", csv(A_THIRD.replace("10.00,110.00,0.10000", "11.00,111.00,0.11000")))
        world.run_pending_pipeline()
        assert sorted(world.rows("performance_data")["account_id"]) == ["A", "A", "B"]


@pytest.mark.parametrize("unreadable", [("255.00", "many"), ("2025-03-03", "soon")], ids=["its value", "its day"])
def test_a_row_in_quarantine_of_a_full_delivery_withdraws_nothing_of_its_account(
    tmp_path: Path, warehouse_url: str, unreadable: tuple[str, str]
) -> None:
    with a_world(tmp_path, warehouse_url, feed={"delivers": "full"}) as world:
        world.ingest("acme_1.csv", FIRST)
        world.ingest("acme_2.csv", csv(A_THIRD, B_THIRD.replace(*unreadable)))
        world.run_pending_pipeline()
        rows = world.rows("performance_data").sort("as_of_date", "account_id").select("account_id", "file_name").rows()
        assert rows == [("A", "acme_2.csv"), ("B", "acme_1.csv"), ("A", "acme_1.csv")]
