"""Write, audit, publish: what a run checks, what it stores, and what it says about both."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from advisory_perf.contracts.tables import TABLES
from advisory_perf.orchestration.asset_checks import Finding, Rule
from advisory_perf.orchestration.pipelines.model import Computed
from advisory_perf.orchestration.pipelines.positions import POSITIONS_PIPELINE
from advisory_perf_tests.orchestration.scenarios import (
    A_THIRD,
    B_THIRD,
    DELIVERY,
    World,
    a_world,
    cases,
    changed_pipelines,
    checks,
    csv,
    days,
    materialised,
    materialised_stages,
    value,
)

pytestmark = pytest.mark.slow

THIRD, FOURTH, FIFTH = days(3, 4, 5)
ROLLED_WRONGLY = "A,2025-03-05,115.00,0.00,10.00,6.00,111.00,0.05217"
TWRR_IS_WRONG = "A,2025-03-05,110.00,0.00,10.00,11.00,111.00,0.50000"
VALUE_IS_WRONG = "A,2025-03-05,110.00,0.00,10.00,12.00,111.00,0.10000"


# clean runs -----------------------------------------------------------------------------------------------------------


def test_a_clean_run_reports_every_check_with_nothing_failing(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    _, result = loaded
    assert result.success
    found = checks(result)
    assert set(found) == {
        "normalized_positions_schema",
        "one_valuation_a_window",
        "net_flows_schema",
        "net_flow_identity",
        "market_value_identity",
        "twrr_series_schema",
        "roll_forward",
        "values_renewed",
        "values_continue",
        "account_numbers_distinct",
        "currency_kept",
        "flows_in_bounds",
        "returns_in_bounds",
        "returns_defined",
        "reconciliation_results_schema",
        "reconciliation_pass_rate",
        "figures_compared",
        "no_key_closes_most_breaks",
        "portfolio_performance_schema",
        "portfolios_have_sums",
        "performance_data_schema",
        "every_position_is_published",
        "totals_continue",
        "totals_in_bounds",
        "new_accounts_are_few",
        "account_numbers_kept",
        "portfolio_days_agree",
        "transfers_have_two_sides",
        "returns_beside_others",
        "accounts_schema",
    }
    assert [name for name, one in found.items() if not one.passed or value(one.metadata, "failed") != 0] == []
    assert {name: value(one.metadata, "checked") for name, one in found.items() if name.endswith("_schema")} == {
        "normalized_positions_schema": 3,
        "net_flows_schema": 3,
        "twrr_series_schema": 6,
        "reconciliation_results_schema": 6,
        "portfolio_performance_schema": 0,
        "performance_data_schema": 3,
        "accounts_schema": 2,
    }


def test_what_is_published_is_what_hand_and_paper_give(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, _ = loaded
    figures = world.rows("performance_data").sort("account_id", "as_of_date")
    assert figures.select("account_id", "as_of_date", "net_flow").rows() == [("A", THIRD, 0), ("A", FIFTH, -10), ("B", THIRD, 50)]
    assert figures["calculated_twrr"].to_list() == pytest.approx([0.1, 0.1, 0.025], abs=1e-15)
    assert figures["cumulative_twrr"].to_list() == pytest.approx([0.1, 0.21, 0.025], abs=1e-15)
    assert set(figures["reconciliation_status"]) == {"COMPLETED"}
    assert world.platform.ledger.entries("acme")[0].status == "COMPLETED"


def test_each_day_of_a_range_has_its_own_counts_and_sums(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    _, result = loaded

    def by_day(stage: str, *names: str) -> dict[str | None, tuple[object, ...]]:
        found = materialised(result, stage)
        return {day: tuple(value(one.metadata, name) for name in names) for day, one in found.items()}

    rows = "dagster/partition_row_count"
    assert by_day("normalized_positions", rows, "sum_beginning_market_value", "sum_ending_market_value") == {
        "2025-03-03": (2, 300.0, 365.0),
        "2025-03-04": (0, 0.0, 0.0),
        "2025-03-05": (1, 110.0, 111.0),
    }
    assert by_day("net_flows", rows, "sum_net_flow") == {
        "2025-03-03": (2, 50.0),
        "2025-03-04": (0, 0.0),
        "2025-03-05": (1, -10.0),
    }
    assert by_day("twrr_series", rows, "valuations", "undefined_returns") == {
        "2025-03-03": (2, 2, 0),
        "2025-03-04": (2, 0, 0),
        "2025-03-05": (2, 1, 0),
    }
    assert by_day("reconciliation_results", rows, "breaks") == {
        "2025-03-03": (4, 0),
        "2025-03-04": (0, 0),
        "2025-03-05": (2, 0),
    }
    assert by_day("performance_data", rows) == {"2025-03-03": (2,), "2025-03-04": (0,), "2025-03-05": (1,)}


def test_a_day_without_comparisons_has_no_pass_rate(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    _, result = loaded
    found = materialised(result, "reconciliation_results")
    assert {day for day, one in found.items() if "pass_rate" in one.metadata} == {"2025-03-03", "2025-03-05"}


def test_what_changed_in_the_warehouse_is_said(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, first = loaded
    again = world.run_pipeline(THIRD, FIFTH)

    def change(result: dg.ExecuteInProcessResult) -> dict[str, object]:
        metadata = materialised(result, "performance_data")["2025-03-03"].metadata
        return {name: value(metadata, f"{name}_by_run") for name in ("inserted", "updated", "deleted", "unchanged")}

    assert change(first) == {"inserted": 3, "updated": 0, "deleted": 0, "unchanged": 0}
    assert change(again) == {"inserted": 0, "updated": 0, "deleted": 0, "unchanged": 3}
    register = again.asset_materializations_for_node("accounts")[0].metadata
    assert (value(register, "dagster/row_count"), value(register, "changed")) == (2, 0)


def test_each_column_says_which_columns_it_comes_from(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    _, result = loaded
    positions, flows = dg.AssetKey(["acme", "normalized_positions"]), dg.AssetKey(["acme", "net_flows"])
    origin = value(materialised(result, "net_flows")["2025-03-03"].metadata, "dagster/column_lineage").deps_by_column
    assert {(dep.asset_key, dep.column_name) for dep in origin["net_flow"]} == {(positions, "contributions"), (positions, "distributions")}
    assert [(dep.asset_key, dep.column_name) for dep in origin["account_id"]] == [(positions, "account_id")]
    for stage in POSITIONS_PIPELINE.stages:
        lineage = value(materialised(result, stage.table.name)["2025-03-03"].metadata, "dagster/column_lineage").deps_by_column
        assert set(lineage) == set(stage.table.column_names)
        for deps in lineage.values():
            assert all(dep.column_name in TABLES[dep.asset_key.path[-1]].column_names for dep in deps)
    published = value(materialised(result, "performance_data")["2025-03-03"].metadata, "dagster/column_lineage").deps_by_column
    assert (flows, "net_flow") in {(dep.asset_key, dep.column_name) for dep in published["net_flow"]}


# hard rules -----------------------------------------------------------------------------------------------------------


def flow_off_by_one(computed: Computed) -> Computed:
    """A's net flow of the fifth is 1 too high, and the identity's finding says so."""
    frame = computed.rows
    is_wrong = (pl.col("account_id") == "A") & (pl.col("as_of_date") == date(2025, 3, 5))
    wrong = frame.with_columns(pl.when(is_wrong).then(pl.col("net_flow") + 1).otherwise("net_flow").alias("net_flow"))
    identity, *others = computed.findings
    failures = wrong.filter(is_wrong).select("account_id", "as_of_date", "net_flow")
    return Computed(wrong, [replace(identity, failures=failures), *others])


def every_row_twice(computed: Computed) -> Computed:
    """The key of the table stands twice."""
    return replace(computed, rows=pl.concat([computed.rows, computed.rows]))


def one_row_missing(computed: Computed) -> Computed:
    """A published position is lost, and its finding says so."""
    published, *others = computed.findings
    failures = computed.rows.head(1).select("account_id", "as_of_date")
    return replace(computed, rows=computed.rows.tail(-1), findings=[replace(published, failures=failures), *others])


def test_an_asset_that_breaks_a_hard_rule_stores_nothing_and_stops_what_follows(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, pipelines=changed_pipelines("net_flows", flow_off_by_one)) as world:
        world.ingest("acme_1.csv", DELIVERY)
        result = world.run_pipeline(THIRD, FIFTH)
        assert not result.success
        assert materialised_stages(result) == {"normalized_positions"}
        assert world.windows("normalized_positions") == ["2025-03-03", "2025-03-04", "2025-03-05"]
        for stage in ("net_flows", "twrr_series", "reconciliation_results", "performance_data"):
            assert world.windows(stage) == []
        for table in ("performance_data", "reconciliation_results"):
            assert world.rows(table).is_empty()
        assert world.platform.warehouse.query("SELECT count(*) FROM accounts").item() == 0
        assert world.platform.ledger.entries("acme")[0].status == "PROCESSING", "its pipeline can be run again"
        assert "twrr_series_schema" not in checks(result)
        found = checks(result)["net_flow_identity"]
        assert (found.passed, found.severity, found.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
        assert value(found.metadata, "failed") == 1
        assert value(found.metadata, "pass_rate") == pytest.approx(2 / 3)
        assert value(found.metadata, "failing_days") == "2025-03-05"
        assert cases(found) == [{"account_id": "A", "as_of_date": "2025-03-05", "net_flow": "-9.0000"}]


def test_a_hard_rule_that_breaks_leaves_what_was_published_before(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        world.ingest("acme_1.csv", DELIVERY)
        assert world.run_pipeline(THIRD, FIFTH).success
        before = world.rows("performance_data")
        content = {file.path: file.etag for file in world.platform.lake.files("performance_data/")}
    with a_world(tmp_path, warehouse_url, pipelines=changed_pipelines("performance_data", one_row_missing)) as world:
        result = world.run_pipeline(THIRD, FIFTH)
        assert not result.success
        assert "accounts" not in materialised_stages(result)
        assert cases(checks(result)["every_position_is_published"])[0]["as_of_date"] in {"2025-03-03", "2025-03-05"}
        assert world.rows("performance_data").equals(before)
        assert {file.path: file.etag for file in world.platform.lake.files("performance_data/")} == content


def test_a_frame_that_is_not_what_the_data_dictionary_says_is_not_stored(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, pipelines=changed_pipelines("twrr_series", every_row_twice)) as world:
        world.ingest("acme_1.csv", DELIVERY)
        result = world.run_pipeline(THIRD, FIFTH)
        assert not result.success
        assert materialised_stages(result) == {"normalized_positions", "net_flows"}
        assert world.windows("twrr_series") == []
        found = checks(result)["twrr_series_schema"]
        assert value(found.metadata, "failed") == 12
        assert cases(found)[0] == {
            "column": "window, account_id, as_of_date",
            "check": "is_unique",
            "failure_case": '{"window":"2025-03-03","account_id":"A","as_of_date":"2025-03-03"}',
            "row": "0",
        }


# soft rules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "check", "case"),
    [
        (
            ROLLED_WRONGLY,
            "roll_forward",
            {"previous_ending_market_value": "110.0000", "beginning_market_value": "115.0000"},
        ),
        (
            VALUE_IS_WRONG,
            "market_value_identity",
            {"calculated_ending_market_value": "112.0000", "ending_market_value": "111.0000", "difference": "1.0000"},
        ),
        (
            TWRR_IS_WRONG,
            "reconciliation_pass_rate",
            {
                "field_name": "twrr",
                "variance": "-4,000.0 bp",
                "likely_cause": "UNEXPLAINED",
                "calculated_value": "10.000000 %",
                "vendor_value": "50.000000 %",
                "tolerance_threshold": "+1.0 bp",
            },
        ),
    ],
)
def test_a_soft_rule_that_breaks_warns_with_cases_and_days_and_stores(world: World, line: str, check: str, case: dict[str, str]) -> None:
    world.ingest("acme_1.csv", csv(A_THIRD, B_THIRD, line))
    result = world.run_pipeline(THIRD, FIFTH)
    assert result.success
    assert world.rows("performance_data").height == 3
    assert world.windows("performance_data") == ["2025-03-03", "2025-03-04", "2025-03-05"]
    found = checks(result)[check]
    assert (found.passed, found.severity, found.blocking) == (False, dg.AssetCheckSeverity.WARN, False)
    assert value(found.metadata, "failed") == 1
    assert value(found.metadata, "failing_days") == "2025-03-05"
    (shown,) = cases(found)
    assert shown.items() >= {"account_id": "A", "as_of_date": "2025-03-05", **case}.items()


def test_the_pass_rate_counts_comparisons_and_warns_below_the_agreed_one(world: World) -> None:
    world.ingest("acme_1.csv", csv(A_THIRD, B_THIRD, TWRR_IS_WRONG))
    metadata = checks(world.run_pipeline(THIRD, FIFTH))["reconciliation_pass_rate"].metadata
    assert (value(metadata, "failed"), value(metadata, "checked"), value(metadata, "agreed_rate")) == (1, 6, 0.95)
    assert value(metadata, "pass_rate") == pytest.approx(5 / 6)
    assert value(metadata, "pass_rate_twrr") == pytest.approx(2 / 3)
    assert value(metadata, "pass_rate_ending_market_value") == 1.0
    assert world.platform.ledger.entries("acme")[0].status == "COMPLETED_WITH_ISSUES"


def test_a_break_above_the_agreed_rate_does_not_warn(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, pass_rate=0.8) as world:
        world.ingest("acme_1.csv", csv(A_THIRD, B_THIRD, TWRR_IS_WRONG))
        found = checks(world.run_pipeline(THIRD, FIFTH))["reconciliation_pass_rate"]
        assert found.passed
        assert value(found.metadata, "failed") == 1
        assert world.platform.ledger.entries("acme")[0].status == "COMPLETED"
        assert world.platform.warehouse.query("SELECT breaks FROM reconciliation_totals WHERE breaks > 0")["breaks"].to_list() == [1]


def test_a_value_that_is_not_compared_is_not_counted_as_checked(world: World) -> None:
    world.ingest("acme_1.csv", csv(A_THIRD, "B,2025-03-03,200.00,50.00,0.00,,255.00,0.02500"))
    found = checks(world.run_pipeline(THIRD, THIRD))["market_value_identity"]
    assert found.passed
    assert value(found.metadata, "checked") == 1


# findings by themselves -----------------------------------------------------------------------------------------------


def test_a_finding_shows_the_first_twenty_cases_and_a_month_of_days() -> None:
    failures = pl.DataFrame({"as_of_date": pl.date_range(date(2025, 1, 1), date(2025, 2, 9), eager=True)})
    result = Finding(Rule("r", "a rule", hard=False), failures, checked=80).result(dg.AssetKey("a"))
    table = result.metadata["failure_cases"]
    assert isinstance(table, dg.TableMetadataValue)
    assert len(table.records) == 20
    shown = value(result.metadata, "failing_days")
    assert shown.startswith("2025-01-01, 2025-01-02, ")
    assert shown.endswith(", 2025-01-31 …")
    assert (value(result.metadata, "failed"), value(result.metadata, "pass_rate")) == (40, 0.5)


def test_nothing_checked_is_a_pass_without_a_rate() -> None:
    result = Finding(Rule("r", "a rule", hard=True), pl.DataFrame(), checked=0).result(dg.AssetKey("a"))
    assert result.passed
    assert not {"pass_rate", "failure_cases"} & set(result.metadata)
