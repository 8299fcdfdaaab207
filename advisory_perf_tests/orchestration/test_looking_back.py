"""Which windows a run looks back on, which writes it takes for unfinished, and what the upkeep may remove: with stores that only answer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from unittest.mock import Mock

import dagster as dg
import polars as pl
import pytest

from advisory_perf.contracts.enums import ReconciledField
from advisory_perf.contracts.tables import TWRR_SERIES
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.errors import LakeOutageError
from advisory_perf.orchestration import unfinished
from advisory_perf.orchestration.jobs import upkeep
from advisory_perf.orchestration.jobs.upkeep import partitions_to_remove, run_may_go
from advisory_perf.orchestration.pipelines import positions
from advisory_perf.orchestration.pipelines.positions import POSITIONS_PIPELINE
from advisory_perf.orchestration.pipelines.positions_portfolios import portfolios
from advisory_perf.orchestration.pipelines.positions_publication import publication
from advisory_perf.orchestration.run_history import FINISHED
from advisory_perf.performance.linking import STATE
from advisory_perf.positions import openings
from advisory_perf.positions.openings import linking_states, opening_states, stored_before
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.orchestration.scenarios import an_entry, days

DAILY, MONTHLY = a_feed(), a_feed(cadence="monthly")
NOON = datetime(2025, 4, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
(THIRD,) = days(3)


def of_days(first: date, last: date, feed: Any = DAILY) -> WindowRange:
    return WindowRange(first, last, feed.cadence)


def a_platform(stored: Sequence[date], published: Sequence[date] = ()) -> tuple[Any, list[list[str]]]:
    """A platform whose lake lists the windows, and the windows that are read of it."""
    read: list[list[str]] = []

    def rows(_stage: str, _vendor: str, _dimension: str, keys: list[str], **_: object) -> pl.DataFrame:
        read.append(keys)
        return TWRR_SERIES.empty().select(STATE)

    lake = Mock(partition_keys=lambda *_: [day.isoformat() for day in stored], read_partitions=rows)
    warehouse = Mock(query=Mock(return_value=pl.DataFrame({"as_of_date": list(published)}, schema={"as_of_date": pl.Date()})))
    return Mock(lake=lake, warehouse=warehouse), read


# windows --------------------------------------------------------------------------------------------------------------


def test_the_windows_before_a_range_are_those_before_its_first_and_no_published_one_may_be_missing() -> None:
    stored = list(days(3, 4, 5, 6))
    platform, _ = a_platform(stored, days(3, 4))
    assert stored_before(platform, DAILY, TWRR_SERIES, of_days(*days(5, 6))) == stored[:2]
    statement, place = platform.warehouse.query.call_args.args
    assert ("data_source = %s AND as_of_date < %s" in statement, place) == (True, ["acme", stored[2]])
    lacking, _ = a_platform(stored[1:], days(3, 4))
    with pytest.raises(LakeOutageError, match="twrr_series of acme lacks 2025-03-03, which is published"):
        stored_before(lacking, DAILY, TWRR_SERIES, of_days(*days(5, 6)))
    monthly, _ = a_platform([date(2025, 1, 1)], [date(2025, 1, 31), date(2025, 1, 2)])
    assert stored_before(monthly, MONTHLY, TWRR_SERIES, of_days(date(2025, 2, 1), date(2025, 2, 1), MONTHLY)) == [date(2025, 1, 1)]


def test_a_run_opens_with_the_latest_window_before_it_and_with_none_where_there_is_none() -> None:
    platform, read = a_platform(list(days(3, 4, 6)))
    opening_states(platform, DAILY, of_days(*days(5, 6)))
    assert read == [["2025-03-04"]]
    assert opening_states(platform, DAILY, of_days(THIRD, THIRD)) is None
    assert linking_states(platform, DAILY, of_days(THIRD, THIRD), None) is None
    assert len(read) == 1


def test_linking_reads_the_anniversaries_the_windows_before_them_and_the_ends_of_their_months() -> None:
    years = [day for year in (2020, 2022, 2024) for day in (date(year, 2, 27), date(year, 3, 3), date(year, 3, 4), date(year, 3, 5))]
    later = [day for year in (2020, 2022, 2024) for day in (date(year, 3, 31), date(year, 4, 30), date(year, 5, 1))]
    stored = sorted([*years, *later, date(2025, 2, 27), date(2025, 3, 3)])
    platform, read = a_platform(stored)
    linking_states(platform, DAILY, of_days(*days(4, 5)), TWRR_SERIES.empty())
    expected = [date(year, month, day) for year in (2020, 2022, 2024) for month, day in ((3, 3), (3, 4), (3, 5), (3, 31), (4, 30))]
    assert read == [[str(day) for day in [*expected, date(2025, 3, 3)]]]


@pytest.mark.parametrize(
    ("day", "before_it"),
    [(date(2024, 2, 29), date(2023, 2, 28)), (date(2025, 2, 28), date(2024, 2, 28)), (date(2024, 3, 29), date(2023, 3, 29))],
)
def test_the_anniversary_of_a_leap_day_is_the_day_before_march(day: date, before_it: date) -> None:
    assert openings._years_before(day, 1, DAILY) == before_it  # noqa: SLF001 - four years of runs would show it
    assert openings._years_before(day, 1, MONTHLY) == before_it.replace(day=1)  # noqa: SLF001


def test_the_ends_of_a_windows_month_and_of_the_next_one() -> None:
    assert openings._ends_of_months(date(2024, 1, 31)) == (date(2024, 1, 31), date(2024, 2, 29))  # noqa: SLF001
    assert openings._ends_of_months(date(2024, 12, 1)) == (date(2024, 12, 31), date(2025, 1, 31))  # noqa: SLF001


# unfinished writes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pipeline", "ingestion"])
def test_a_write_is_unfinished_when_its_run_has_ended_or_nobody_has_the_lock_of_a_run_that_is_not_known(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    statuses = {"ended well": "SUCCESS", "failed": "FAILURE", "stopped": "CANCELED", "runs": "STARTED", "queued": "QUEUED"}
    names = [*statuses, "a stranger's, over", "a stranger's, under way"]
    writes = [Mock(run_id=name, feed="acme", delivery_id=f"of {name}") for name in names]
    locks: list[str] = []

    def is_free(_warehouse: object, lock: str) -> bool:
        locks.append(lock)
        return len(locks) == 1

    doubted: list[str] = []
    platform = Mock(ledger=Mock(recompute=lambda write: doubted.append(write.run_id)))
    runs = [Mock(run_id=name, status=dg.DagsterRunStatus(status)) for name, status in statuses.items()]
    instance = Mock(get_runs=Mock(return_value=runs))
    monkeypatch.setattr(unfinished, "is_free", is_free)
    monkeypatch.setattr(unfinished, "noted_writes", lambda _: writes)
    monkeypatch.setattr(unfinished, "noted_ingestions", lambda _: writes)
    monkeypatch.setattr(unfinished, "doubt_ingestion", lambda _, write: doubted.append(write.run_id))
    look = unfinished.doubt_unfinished_writes if kind == "pipeline" else unfinished.doubt_unfinished_ingestions
    look(platform, instance)
    assert doubted == ["ended well", "failed", "stopped", "a stranger's, over"]
    assert locks == (["pipeline acme"] * 2 if kind == "pipeline" else [f"ingestion acme of {name}" for name in names[-2:]])
    assert instance.get_runs.call_args.args[0].run_ids == names
    writes.clear()
    look(platform, instance)
    assert instance.get_runs.call_count == 1, "where nothing is noted nothing is asked"


# upkeep ---------------------------------------------------------------------------------------------------------------


def test_a_run_or_a_partition_goes_when_it_ended_before_the_time_and_not_at_it() -> None:
    assert [run_may_go("d", NOON - more, before=NOON, needed=()) for more in (0 * SECOND, SECOND)] == [False, True]

    def goes(**changes: Any) -> bool:
        entry = replace(an_entry("d", None), status="COMPLETED", **changes)
        return partitions_to_remove(["d"], [entry], before=NOON, needed=()) == ["d"]

    assert [goes(processing_end_time=NOON - more) for more in (0 * SECOND, SECOND)] == [False, True]
    assert [goes(processing_end_time=NOON, processing_start_time=NOON - SECOND), goes(processing_end_time=NOON - SECOND)] == [False, True]
    assert [goes(processing_start_time=one, received_at=NOON - SECOND) for one in (NOON, None)] == [False, True], "of what never ended"


def test_a_pass_of_the_upkeep_sweeps_locks_and_what_was_staged_and_asks_for_old_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    swept = Mock()
    monkeypatch.setattr(upkeep, "sweep_locks", swept)
    settings = Mock(run_days=30)
    lake = Mock(files=Mock(return_value=[]))
    platform = Mock(settings=settings, lake=lake, feeds={}, ledger=Mock(entries=list))
    instance = Mock(get_run_ids=Mock(return_value=[]), fetch_materializations=Mock(return_value=Mock(records=[])))
    assert upkeep.keep_up(platform, instance, now=NOON) == upkeep.Removed(0, 0, 0, is_complete=True)
    assert swept.call_args.args == (platform.warehouse, NOON)
    assert lake.sweep_staging.call_args.args == (NOON - timedelta(days=1),)
    assert lake.files.call_args.args == ("incoming/",)
    asked = instance.get_run_ids.call_args.args[0]
    assert (asked.updated_before, set(asked.statuses)) == (NOON - timedelta(days=30), set(FINISHED))
    assert {status.value for status in FINISHED} == {"SUCCESS", "FAILURE", "CANCELED"}


# stages ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        ({}, []),
        ({"vendor_twrr": "twr"}, [ReconciledField.TWRR]),
        ({"vendor_net_flow": "nf"}, [ReconciledField.NET_FLOW]),
        ({name: name for name in ("income", "appreciation", "fees")}, []),
        ({name: name for name in ("income", "appreciation", "fees", "other_adjustments")}, [ReconciledField.ENDING_MARKET_VALUE]),
    ],
    ids=["nothing", "return", "net flow", "some parts of the value", "all parts of the value"],
)
def test_only_what_the_vendor_gives_is_compared_each_with_its_own_tolerance(
    monkeypatch: pytest.MonkeyPatch, columns: dict[str, str], fields: list[ReconciledField]
) -> None:
    class StoppedError(Exception):
        """Nothing more is asked."""

    asked = Mock(side_effect=StoppedError("compared"))
    monkeypatch.setattr(positions, "reconcile", asked)
    monkeypatch.setattr(positions, "figures", lambda _: pl.DataFrame())
    for name in ("opening_states", "flows_before"):
        monkeypatch.setattr(positions, name, lambda _, feed, windows, name=name: (name, feed.name, windows))
    feed = a_feed(cast("Any", columns))
    with pytest.raises(StoppedError, match="compared"):
        positions.reconciliation(Mock(), feed, of_days(THIRD, THIRD), {})
    allowances = asked.call_args.args[1]
    assert list(allowances) == fields
    for field, allowance in allowances.items():
        assert (allowance.absolute, allowance.relative) == (feed.tolerances.of(field).absolute, feed.tolerances.of(field).relative)
    conventions = feed.conventions
    others = dict(asked.call_args.kwargs)
    before = others.pop("before")()
    of_the_third = feed.name, of_days(THIRD, THIRD)
    assert (before.states, before.flows) == (("opening_states", *of_the_third), ("flows_before", *of_the_third))
    assert others == {
        "timing": conventions.flow_timing,
        "fee_basis": conventions.fee_basis,
        "weight": conventions.weight,
        "residual_base": conventions.residual_base,
        "period": feed.return_period,
        "cadence": feed.cadence,
    }


@pytest.mark.parametrize(("case", "is_asked"), [(None, True), ("upper", False)])
def test_accounts_in_two_cases_are_looked_for_where_the_feed_does_not_say_what_they_are(
    monkeypatch: pytest.MonkeyPatch, case: str | None, *, is_asked: bool
) -> None:
    asked = Mock()
    monkeypatch.setattr(positions, "accounts_in_two_cases", asked)
    feed = a_feed({"account_id": {"from": "id", **({"case": case} if case else {})}})
    positions._in_two_cases(feed, pl.DataFrame({"account_id": ["A", "a"]}), None)  # noqa: SLF001 - the rule of the feed
    assert asked.call_args.args[0].height == (2 if is_asked else 0)


def test_what_a_pipeline_is_made_of_looks_back_and_is_published_where_it_should() -> None:
    assert [
        (one.table.name, [table.name for table in one.inputs], one.looks_back, one.is_published) for one in POSITIONS_PIPELINE.stages
    ] == [
        ("normalized_positions", [], False, False),
        ("net_flows", ["normalized_positions"], False, False),
        ("twrr_series", ["normalized_positions", "net_flows"], True, False),
        ("reconciliation_results", ["normalized_positions", "net_flows", "twrr_series"], False, True),
        ("portfolio_performance", ["normalized_positions", "twrr_series"], False, True),
        (
            "performance_data",
            ["normalized_positions", "net_flows", "twrr_series", "reconciliation_results", "portfolio_performance"],
            False,
            True,
        ),
    ]
    computed = [one.compute for one in POSITIONS_PIPELINE.stages]
    assert computed == [positions.normalize, positions.flows, positions.series, positions.reconciliation, portfolios, publication]
