import socket
from pathlib import Path

import dagster as dg
import pytest

from advisory_perf.contracts.firm_tables import COMPOSITE_TABLES, FIRM_TABLES
from advisory_perf.contracts.tables import TABLES
from advisory_perf.errors import SettingsError
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.settings import Settings
from advisory_perf_tests.orchestration.scenarios import NOWHERE, add_feed, settings_with_acme

VENDORS = ("acme", "vendor_a", "vendor_b", "vendor_c", "vendor_d")
OF_DELIVERY = ("raw_vendor_file", "delivered_positions", "quarantined_rows")
OF_WINDOW = ("normalized_positions", "net_flows", "twrr_series", "reconciliation_results", "portfolio_performance", "performance_data")
PUBLISHED = ("reconciliation_results", "portfolio_performance", "performance_data")
FIRM = {table.name: table for table in FIRM_TABLES}
ACROSS = {"accounts", *FIRM}

BLOCKING = {
    "raw_vendor_file": {"delivery_is_readable"},
    "delivered_positions": {"delivery_is_plausible", "delivered_positions_schema", "rows_conserved"},
    "quarantined_rows": {"quarantined_rows_schema"},
    "normalized_positions": {"normalized_positions_schema"},
    "net_flows": {"net_flows_schema", "net_flow_identity"},
    "twrr_series": {"twrr_series_schema"},
    "reconciliation_results": {"reconciliation_results_schema"},
    "portfolio_performance": {"portfolio_performance_schema"},
    "performance_data": {"performance_data_schema", "every_position_is_published"},
}
WARNING = {
    "raw_vendor_file": {"columns_known", "nothing_to_notice"},
    "delivered_positions": {"nothing_to_notice"},
    "quarantined_rows": {"rows_accepted"},
    "normalized_positions": {"one_valuation_a_window"},
    "net_flows": {"market_value_identity"},
    "twrr_series": {
        "roll_forward",
        "values_renewed",
        "values_continue",
        "account_numbers_distinct",
        "currency_kept",
        "flows_in_bounds",
        "returns_in_bounds",
        "returns_defined",
    },
    "portfolio_performance": {"portfolios_have_sums"},
    "reconciliation_results": {"reconciliation_pass_rate", "figures_compared", "no_key_closes_most_breaks"},
    "performance_data": {
        "totals_continue",
        "totals_in_bounds",
        "new_accounts_are_few",
        "account_numbers_kept",
        "portfolio_days_agree",
        "transfers_have_two_sides",
        "returns_beside_others",
    },
}


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """What an installation with a further feed defines."""
    return build_definitions(settings_with_acme(tmp_path_factory.mktemp("definitions")))


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    """The assets by their whole name."""
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def checks_of(definitions: dg.Definitions, vendor: str, stage: str, *, blocking: bool) -> set[str]:
    graph = definitions.resolve_asset_graph()
    keys = graph.get(dg.AssetKey([vendor, stage])).check_keys
    return {key.name for key in keys if graph.get(key).blocking is blocking}


def test_building_opens_no_connection_and_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("psycopg.connect", refuse)
    build_definitions(Settings(home=tmp_path / "home", warehouse_url=NOWHERE))
    build_definitions(Settings(home=tmp_path / "home", warehouse_url=NOWHERE, lake_url="s3://no-such-bucket"))
    assert list(tmp_path.iterdir()) == []


def test_without_a_warehouse_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ADVISORY_PERF_WAREHOUSE_URL is not set; .*advisory-perf dev"):
        build_definitions(Settings(home=tmp_path))


def test_every_definition_can_be_loaded_together(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)
    jobs = {job.name for job in definitions.get_repository_def().get_all_jobs()}
    assert {f"{vendor}_{kind}" for vendor in VENDORS for kind in ("ingestion", "pipeline")} < jobs


# assets ---------------------------------------------------------------------------------------------------------------


def test_every_vendor_has_every_asset_and_nothing_else_is_there(specs: dict[str, dg.AssetSpec]) -> None:
    assert set(specs) == {f"{vendor}/{stage}" for vendor in VENDORS for stage in (*OF_DELIVERY, *OF_WINDOW)} | ACROSS


def test_every_asset_of_a_pipeline_says_what_it_is_whose_it_is_and_what_it_is_made_of(specs: dict[str, dg.AssetSpec]) -> None:
    formats = {"acme": "csv", "vendor_a": "csv", "vendor_b": "excel", "vendor_c": "json", "vendor_d": "parquet"}
    for name, spec in specs.items():
        if name in ACROSS:
            continue
        vendor, stage = name.split("/")
        assert spec.group_name == vendor
        assert spec.owners == (["desk@example.com"] if vendor == "acme" else ["performance-operations@example.com"]), name
        assert spec.description is not None, name
        if stage == "raw_vendor_file":
            assert spec.kinds == {formats[vendor], "parquet"}, name
            assert spec.description.startswith("the delivery as it came: every cell as text, with its line number"), name
        else:
            assert spec.kinds == ({"polars", "parquet", "postgres"} if stage in PUBLISHED else {"polars", "parquet"}), name
            assert spec.description.startswith(TABLES[stage].meaning), name


def test_the_register_of_accounts_stands_across_pipelines(specs: dict[str, dg.AssetSpec]) -> None:
    accounts = specs["accounts"]
    assert (accounts.group_name, accounts.kinds, accounts.partitions_def) == ("across_pipelines", {"polars", "postgres"}, None)
    assert accounts.description == TABLES["accounts"].meaning
    assert {dep.asset_key.to_user_string() for dep in accounts.deps} == {f"{vendor}/performance_data" for vendor in VENDORS}


def test_what_is_above_the_account_stands_across_feeds(specs: dict[str, dg.AssetSpec]) -> None:
    parents = {name: {dep.asset_key.to_user_string() for dep in specs[name].deps} for name in FIRM}
    assert parents == {
        "account_statistics": {f"{vendor}/performance_data" for vendor in VENDORS},
        "portfolio_contributions": {f"{vendor}/{stage}" for vendor in VENDORS for stage in ("portfolio_performance", "performance_data")},
        **{table.name: {"account_statistics"} for table in COMPOSITE_TABLES},
    }
    for name, table in FIRM.items():
        assert (specs[name].group_name, specs[name].kinds, specs[name].partitions_def) == (
            "above_the_account",
            {"polars", "postgres"},
            None,
        )
        assert specs[name].description == table.meaning


def test_the_schema_that_the_page_shows_is_the_data_dictionary(specs: dict[str, dg.AssetSpec]) -> None:
    for name, spec in specs.items():
        stage = name.split("/")[-1]
        if stage == "raw_vendor_file":
            assert "dagster/column_schema" not in spec.metadata
            continue
        table = FIRM.get(stage) or TABLES[stage]
        shown: list[dg.TableColumn] = spec.metadata["dagster/column_schema"].columns
        assert tuple(column.name for column in shown) == table.column_names, name
        assert spec.metadata["key"] == ", ".join(table.key)
        for column, entry in zip(shown, table.columns, strict=True):
            expected = entry.meaning + (f"; from {', '.join(entry.derived_from)}" if entry.derived_from else "")
            assert column.description == expected, (name, entry.name)
            assert column.type == str(entry.kind.polars), (name, entry.name)
            assert column.constraints.nullable is table.is_nullable(entry), (name, entry.name)


def test_a_pipeline_reads_its_stages_in_order_and_looks_back_one_window(specs: dict[str, dg.AssetSpec]) -> None:
    parents = {stage: {dep.asset_key.path[-1] for dep in specs[f"vendor_d/{stage}"].deps} for stage in (*OF_DELIVERY, *OF_WINDOW)}
    assert parents == {
        "raw_vendor_file": set(),
        "delivered_positions": {"raw_vendor_file"},
        "quarantined_rows": {"raw_vendor_file"},
        "normalized_positions": {"delivered_positions"},
        "net_flows": {"normalized_positions"},
        "twrr_series": {"normalized_positions", "net_flows", "twrr_series"},
        "reconciliation_results": {"normalized_positions", "net_flows", "twrr_series"},
        "portfolio_performance": {"normalized_positions", "twrr_series"},
        "performance_data": {"normalized_positions", "net_flows", "twrr_series", "reconciliation_results", "portfolio_performance"},
    }
    mappings = {dep.asset_key.path[-1]: dep.partition_mapping for dep in specs["vendor_d/twrr_series"].deps}
    before = mappings["twrr_series"]
    assert isinstance(before, dg.TimeWindowPartitionMapping)
    assert (before.start_offset, before.end_offset) == (-1, -1)


# partitions -----------------------------------------------------------------------------------------------------------


def test_what_is_ingested_has_a_partition_a_delivery(specs: dict[str, dg.AssetSpec]) -> None:
    for vendor in VENDORS:
        for stage in OF_DELIVERY:
            partitions = specs[f"{vendor}/{stage}"].partitions_def
            assert isinstance(partitions, dg.DynamicPartitionsDefinition)
            assert partitions.name == f"{vendor}_deliveries"


def test_the_cadence_of_the_feed_decides_between_days_and_months(specs: dict[str, dg.AssetSpec]) -> None:
    for vendor in VENDORS:
        is_daily = vendor in {"vendor_d", "acme"}
        for stage in OF_WINDOW:
            partitions = specs[f"{vendor}/{stage}"].partitions_def
            assert isinstance(partitions, dg.DailyPartitionsDefinition if is_daily else dg.MonthlyPartitionsDefinition), vendor
            assert partitions.start.date().isoformat() == ("2020-01-01" if vendor == "acme" else "2024-01-01")
            assert partitions.end_offset == 1, "the window that is not over yet is one of the partitions"


def test_a_range_of_windows_is_one_run_and_a_delivery_is_a_run_of_its_own(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for vendor in VENDORS:
        for stage in OF_WINDOW:
            assert graph.get(dg.AssetKey([vendor, stage])).backfill_policy == dg.BackfillPolicy.single_run()
        for stage in OF_DELIVERY:
            assert graph.get(dg.AssetKey([vendor, stage])).backfill_policy == dg.BackfillPolicy.multi_run(1)


def test_what_is_published_shares_the_warehouses_pool(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    pooled = {key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).pools == {"warehouse"}}
    assert pooled == {"accounts", *(f"{vendor}/{stage}" for vendor in VENDORS for stage in PUBLISHED)}


# checks ---------------------------------------------------------------------------------------------------------------


def test_hard_rules_block_and_soft_rules_do_not(definitions: dg.Definitions) -> None:
    for vendor in VENDORS:
        for stage in (*OF_DELIVERY, *OF_WINDOW):
            assert checks_of(definitions, vendor, stage, blocking=True) == BLOCKING[stage], (vendor, stage)
            assert checks_of(definitions, vendor, stage, blocking=False) == WARNING.get(stage, set()), (vendor, stage)


def test_every_table_is_checked_against_the_data_dictionary(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for stage, table in (TABLES | FIRM).items():
        key = dg.AssetKey(stage) if stage in ACROSS else dg.AssetKey(["vendor_a", stage])
        assert dg.AssetCheckKey(key, f"{stage}_schema") in graph.asset_check_keys
        check = graph.get(dg.AssetCheckKey(key, f"{stage}_schema"))
        assert check.blocking
        assert check.description == (f"types, nulls, allowed values and the key ({', '.join(table.key)}) as in the data dictionary")


def test_every_check_says_what_it_means(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert [key for key in graph.asset_check_keys if not graph.get(key).description] == []


# jobs and sensors -----------------------------------------------------------------------------------------------------


def test_each_vendor_has_an_ingestion_and_a_pipeline(definitions: dg.Definitions) -> None:
    jobs = {job.name for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")}
    assert jobs == {f"{vendor}_{kind}" for vendor in VENDORS for kind in ("ingestion", "pipeline")} | {
        "reject_unclaimed",
        "abandon_delivery",
        "upkeep",
        "firm_performance",
    }


def test_a_pipeline_job_covers_its_pipeline_and_the_register(definitions: dg.Definitions) -> None:
    pipeline = definitions.resolve_job_def("vendor_b_pipeline")
    selected = {key.to_user_string() for key in pipeline.asset_layer.executable_asset_keys}
    assert selected == {f"vendor_b/{stage}" for stage in OF_WINDOW} | {"accounts"}
    assert pipeline.tags["pipeline"] == "vendor_b", "dagster.yaml lets one pipeline run at a time of each vendor"
    ingestion = definitions.resolve_job_def("vendor_b_ingestion")
    assert {key.to_user_string() for key in ingestion.asset_layer.executable_asset_keys} == {f"vendor_b/{stage}" for stage in OF_DELIVERY}
    assert ingestion.tags["vendor"] == "vendor_b"


def test_the_job_above_the_account_has_three_steps_and_none_of_a_pipeline(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("firm_performance")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == set(FIRM)
    assert {node.name for node in job.nodes} == {"account_statistics", "portfolio_contributions", "composites"}


def test_sensors_are_on_from_the_start_and_cover_their_jobs(definitions: dg.Definitions) -> None:
    sensors = {sensor.name: sensor for sensor in definitions.get_repository_def().sensor_defs}
    assert {name: sensor.default_status for name, sensor in sensors.items()} == {
        "arrivals": dg.DefaultSensorStatus.RUNNING,
        "pipelines": dg.DefaultSensorStatus.RUNNING,
        "firm_performance": dg.DefaultSensorStatus.RUNNING,
        "watch": dg.DefaultSensorStatus.RUNNING,
        "alerts": dg.DefaultSensorStatus.RUNNING,
        "pulse": dg.DefaultSensorStatus.RUNNING,
    }
    jobs = {name: {target.job_name for target in sensor.targets} for name, sensor in sensors.items()}
    assert jobs == {
        "arrivals": {f"{vendor}_ingestion" for vendor in VENDORS} | {"reject_unclaimed", "abandon_delivery"},
        "pipelines": {f"{vendor}_pipeline" for vendor in VENDORS},
        "firm_performance": {"firm_performance"},
        "watch": set(),
        "alerts": set(),
        "pulse": set(),
    }


# further feeds --------------------------------------------------------------------------------------------------------


def test_a_feed_file_adds_a_pipeline_with_everything(tmp_path: Path, specs: dict[str, dg.AssetSpec]) -> None:
    without = build_definitions(Settings(home=tmp_path, warehouse_url=NOWHERE))
    before = {spec.key.to_user_string() for spec in without.resolve_all_asset_specs()}
    assert specs.keys() - before == {f"acme/{stage}" for stage in (*OF_DELIVERY, *OF_WINDOW)}
    own = add_feed(tmp_path / "feeds", cadence="monthly")
    monthly = build_definitions(Settings(home=tmp_path, warehouse_url=NOWHERE, feeds_dir=own))
    by_name = {spec.key.to_user_string(): spec for spec in monthly.resolve_all_asset_specs()}
    assert isinstance(by_name["acme/performance_data"].partitions_def, dg.MonthlyPartitionsDefinition)
