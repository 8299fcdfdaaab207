"""A vendor of which a window in the lake cannot be read: whose figures above the account wait for it, and what the run says in the end."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from advisory_perf.contracts.firm_tables import ACCOUNT_STATISTICS, COMPOSITE_TABLES, PORTFOLIO_CONTRIBUTIONS
from advisory_perf.contracts.tables import Table
from advisory_perf.orchestration.assets.above_the_account import JOB_NAME
from advisory_perf_tests.instances import forgetful
from advisory_perf_tests.orchestration.scenarios import World, a_world, acme_as_data, csv, settings_with_acme
from advisory_perf_tests.orchestration.test_above_the_account import compute, declare, end_of, line, months_of, stored, waiting, why
from advisory_perf_tests.orchestration.test_portfolios import GROUPED, valued
from advisory_perf_tests.orchestration.test_portfolios import csv as csv_of_groups

pytestmark = pytest.mark.slow

BETA: dict[str, Any] = {"vendor": "beta", "title": "Beta", "files": {"patterns": ["beta_*"], "format": "csv"}, "cadence": "monthly"}


@pytest.fixture
def two_vendors(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """Acme and beta, of month ends; A and B of acme, C of beta, over four months, and composites of one, the other and both."""
    settings = settings_with_acme(tmp_path, warehouse_url, log_level="CRITICAL", feed={"cadence": "monthly"})
    (tmp_path / "feeds" / "beta.yaml").write_text(json.dumps(acme_as_data(**BETA)), encoding="utf-8")
    with forgetful() as instance:
        world = World.of(settings, instance)
        for vendor, accounts in {"acme": "AB", "beta": "C"}.items():
            rows = [each for account in accounts for each in months_of(account, {2: "1010.00"}, 0, 3)]
            assert world.ingest(f"{vendor}_1.csv", csv(*rows), vendor).success
            world.run_pending_pipeline(vendor)
        declare(world, "of_acme", [{"account": "A"}, {"account": "B"}])
        declare(world, "of_beta", [{"account": "C"}])
        declare(world, "of_both", [{"account": "A"}, {"account": "C"}])
        declare(world, "added_up", [{"account": "C"}], weighting="aggregate")
        yield world


def broken(world: World, vendor: str, *months: int, table: str = "performance_data", column: str = "is_closed") -> dict[str, pl.DataFrame]:
    """Takes a column away that is needed from some windows; gives what they had. That of the defaults is one of statistics alone."""
    lake, keys = world.platform.lake, [end_of(month).replace(day=1).isoformat() for month in months]
    found = {key: lake.read_partitions(table, vendor, "window", [key]) for key in keys}
    lake.write_partitions(table, vendor, "window", {key: rows.drop(column) for key, rows in found.items()})
    return found


def restate(world: World, vendor: str, account: str) -> None:
    rows = [line(account, 3, "1010.00", "1020.00")]
    assert world.ingest(f"{vendor}_2.csv", csv(*rows), vendor).success
    world.run_pending_pipeline(vendor)


def returns(world: World, composite: str) -> list[float | None]:
    rows = stored(world, "composite_performance").filter(composite=composite).sort("month")
    return [value if value is None else round(value, 4) for value in rows["net_return"]]


BEFORE, RESTATED = [0, 0, 0.01, 0], [0, 0, 0.01, 0.0099]


def test_only_composites_with_its_members_wait_and_keep_what_was_published(two_vendors: World) -> None:
    world = two_vendors
    assert compute(world).success
    for vendor, account in (("acme", "A"), ("acme", "B"), ("beta", "C")):
        restate(world, vendor, account)
    missing = broken(world, "beta", 0, 1, 3)
    result = compute(world)
    assert not result.success
    (says,) = why(result)
    assert "of beta (windows 2022-01-01 to 2022-02-01, 2022-04-01: the lake" in says
    assert waiting(world) == [("C", end_of(3))]
    assert (returns(world, "of_acme"), returns(world, "of_beta"), returns(world, "of_both")) == (RESTATED, BEFORE, BEFORE)
    kept = {table.name: stored(world, table.name, times=True) for table in (ACCOUNT_STATISTICS, *COMPOSITE_TABLES)}
    assert why(compute(world)) == [says], "a further try says the same"
    assert all(stored(world, name, times=True).equals(rows) for name, rows in kept.items()), "and writes nothing"
    world.platform.lake.write_partitions("performance_data", "beta", "window", missing)
    assert compute(world).success
    assert [returns(world, name) for name in ("of_acme", "of_beta", "of_both", "added_up")] == [RESTATED] * 4
    assert isinstance(world.tick("firm_performance"), dg.SkipReason), "nothing waits any more"


def test_one_sentence_names_all_vendors_and_windows(two_vendors: World) -> None:
    world = two_vendors
    broken(world, "acme", 2)
    broken(world, "beta", 0, 1)
    (says,) = why(compute(world))
    assert "of acme (windows 2022-03-01: " in says
    assert "; of beta (windows 2022-01-01 to 2022-02-01: " in says
    assert stored(world, "composite_performance").is_empty(), "all have a member of one of them"
    assert stored(world, "account_statistics").is_empty()


def test_days_that_are_lost_after_statistics_were_computed_hold_up_what_is_made_of_them(two_vendors: World) -> None:
    world = two_vendors
    assert compute(world).success
    for vendor, account in (("acme", "A"), ("acme", "B")):
        restate(world, vendor, account)
    missing = broken(world, "beta", 1)
    result = compute(world)
    assert not result.success
    assert "of beta (windows 2022-02-01: " in why(result)[0]
    assert (returns(world, "of_acme"), returns(world, "added_up")) == (RESTATED, BEFORE)
    assert isinstance(world.tick("firm_performance"), dg.RunRequest), "it is tried again"
    world.platform.lake.write_partitions("performance_data", "beta", "window", missing)
    assert compute(world).success
    assert isinstance(world.tick("firm_performance"), dg.SkipReason)


def compute_alone(world: World, table: Table) -> dg.ExecuteInProcessResult:
    job = world.definitions.resolve_job_def(JOB_NAME)
    return job.execute_in_process(instance=world.instance, raise_on_error=False, asset_selection=[dg.AssetKey(table.name)])


def test_a_run_of_statistics_alone_fails_too(two_vendors: World) -> None:
    world = two_vendors
    broken(world, "beta", 1)
    result = compute_alone(world, ACCOUNT_STATISTICS)
    assert not result.success
    assert "of beta (windows 2022-02-01: " in why(result)[0]
    assert stored(world, "account_statistics")["data_source"].unique().to_list() == ["acme"]


def test_the_sensor_tries_as_often_as_agreed_and_one_alert_has_the_sentence(two_vendors: World) -> None:
    world = two_vendors
    broken(world, "beta", 1)
    tries = 0
    while isinstance(request := world.tick("firm_performance"), dg.RunRequest):
        tries += 1
        world.run_request(dg.RunRequest(job_name=JOB_NAME, run_key=request.run_key, tags=request.tags))
        world.clock.ahead += timedelta(minutes=10)
        assert tries < 9
    assert tries == world.platform.settings.attempts + 1, "the first had acme's to compute besides, so that its subject was another"
    world.tick("watch")
    alerts = world.platform.warehouse.query("SELECT code, message FROM open_alerts")
    (message,) = alerts.filter(pl.col("code") == "STATISTICS_FAILED")["message"]
    assert "of beta (windows 2022-02-01: " in message


# contributions --------------------------------------------------------------------------------------------------------

NOVEMBER, JANUARY, FEBRUARY = 10, 12, 13
CONTRIBUTIONS = PORTFOLIO_CONTRIBUTIONS.name
OF_CONTRIBUTIONS = {"table": "portfolio_performance", "column": "inception_date"}
"""What contributions alone are made of."""


@pytest.fixture
def restated(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """A and B of a portfolio and a client over the end of a year, a composite of A; A's last month is restated and not computed yet."""
    with a_world(tmp_path, warehouse_url, feed={**GROUPED, "cadence": "monthly"}) as world:
        lines = [valued(account, end_of(month), 100, 100) for account in "AB" for month in range(NOVEMBER, FEBRUARY + 1)]
        declare(world, "of_a", [{"account": "A"}])
        for number, delivered in enumerate((lines, [valued("A", end_of(FEBRUARY), 100, 110)])):
            assert world.ingest(f"acme_{number}.csv", csv_of_groups(*delivered)).success
            world.run_pending_pipeline()
            if not number:
                assert compute(world).success
        yield world


def latest_contributions(world: World) -> list[float]:
    rows = stored(world, CONTRIBUTIONS).filter(level="PORTFOLIO", month=end_of(FEBRUARY)).sort("account_id")
    return [round(value, 4) for value in rows["contribution_ytd"]]


def test_a_window_that_contributions_alone_need_holds_up_no_composite_and_is_named(restated: World) -> None:
    world = restated
    missing = broken(world, "acme", NOVEMBER, JANUARY, **OF_CONTRIBUTIONS)
    result = compute(world)
    assert not result.success
    (says,) = why(result)
    assert says.startswith("contributions stay as they were of acme (windows 2023-01-01: the lake"), "the year before is not read"
    assert (waiting(world), returns(world, "of_a")[-1]) == ([], 0.1)
    assert latest_contributions(world) == [0, 0]
    kept = {name: stored(world, name, times=True) for name in (CONTRIBUTIONS, "composite_performance")}
    assert isinstance(world.tick("firm_performance"), dg.RunRequest), "it is tried again"
    assert why(compute(world)) == [says], "a further try says the same"
    assert all(stored(world, name, times=True).equals(rows) for name, rows in kept.items()), "and writes nothing"
    world.platform.lake.write_partitions("portfolio_performance", "acme", "window", missing)
    assert compute(world).success
    assert latest_contributions(world) == [0.05, 0]
    assert isinstance(world.tick("firm_performance"), dg.SkipReason)


def test_one_sentence_says_of_statistics_and_of_contributions_which_windows_they_miss(restated: World) -> None:
    world = restated
    missing = broken(world, "acme", NOVEMBER, JANUARY, column="ending_market_value")
    result = compute(world)
    assert not result.success
    (says,) = why(result)
    assert says.startswith(
        "statistics, and composites with a member that lacks them, stay as they were of acme (windows 2022-11-01, 2023-01-01: "
    )
    assert "; contributions stay as they were of acme (windows 2023-01-01: " in says
    assert (waiting(world), returns(world, "of_a")[-1], latest_contributions(world)) == ([("A", end_of(FEBRUARY))], 0, [0, 0])
    world.platform.lake.write_partitions("performance_data", "acme", "window", missing)
    assert compute(world).success
    assert (waiting(world), returns(world, "of_a")[-1], latest_contributions(world)) == ([], 0.1, [0.05, 0])


def test_a_window_that_statistics_alone_need_holds_up_no_contributions(restated: World) -> None:
    broken(restated, "acme", JANUARY)
    (says,) = why(compute(restated))
    assert "contributions" not in says
    assert latest_contributions(restated) == [0.05, 0]


def test_a_run_of_contributions_alone_fails_too(restated: World) -> None:
    broken(restated, "acme", JANUARY, **OF_CONTRIBUTIONS)
    result = compute_alone(restated, PORTFOLIO_CONTRIBUTIONS)
    assert not result.success
    assert why(result)[0].startswith("contributions stay as they were of acme (windows 2023-01-01: the lake")
    assert waiting(restated), "statistics were not asked for"


def test_composites_are_the_last_step_of_the_run(restated: World) -> None:
    begun = [event.step_key for event in compute(restated).all_events if event.event_type is dg.DagsterEventType.STEP_START]
    assert set(begun[:-1]) == {ACCOUNT_STATISTICS.name, CONTRIBUTIONS}
    assert begun[-1] == "composites"
