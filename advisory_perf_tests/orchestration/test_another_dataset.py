"""A dataset that only the tests know, beside the positions of the same vendor: ingestion, quarantine, ledger and lake by its contract."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from advisory_perf.orchestration.assets.pipeline import pipeline_job_name
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.orchestration.partitions import range_of_days, tags_of
from advisory_perf.platform import open_platform
from advisory_perf_tests.instances import forgetful
from advisory_perf_tests.orchestration.scenarios import DELIVERY, World, settings_with_acme
from advisory_perf_tests.prices import DELIVERED, MODELS, PIPELINES_WITH_PRICES, SERIES, prices_as_data

pytestmark = pytest.mark.slow

FEED = "acme_prices"
PRICES = "Day,Price\n2025-03-03,10.50\n2025-03-04,x\n2025-03-05,10.25\n2025-03-05,10.25\n"
FIRST, LAST = date(2025, 3, 3), date(2025, 3, 5)


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """An installation that knows acme's positions and acme's prices."""
    settings = settings_with_acme(tmp_path, warehouse_url, log_level="CRITICAL")
    (tmp_path / "feeds" / "acme_prices.yaml").write_text(json.dumps(prices_as_data()), encoding="utf-8")
    with forgetful() as instance:
        definitions = build_definitions(settings, pipelines=PIPELINES_WITH_PRICES, models=MODELS)
        yield World(open_platform(settings, models=MODELS), definitions, instance)


def stored(world: World, table: str) -> pl.DataFrame:
    lake = world.platform.lake
    return lake.read_partitions(table, FEED, "delivery", lake.partition_keys(table, FEED, "delivery"))


def ledger_row(world: World) -> dict[str, object]:
    return world.rows("etl_processing_log").filter(feed=FEED).row(0, named=True)


def test_its_rows_go_to_the_lake_its_bad_ones_to_quarantine_and_the_ledger_counts_them(world: World) -> None:
    assert world.ingest("prices_1.csv", PRICES, FEED).success
    assert stored(world, DELIVERED.name).select("valued_on", "price", "data_source", "line_number").rows() == [
        (date(2025, 3, 3), Decimal("10.5000"), "acme", 2),
        (date(2025, 3, 5), Decimal("10.2500"), "acme", 4),
    ]
    assert stored(world, "quarantined_rows").select("line_number", "code", "account_id", "as_of_date").rows() == [
        (3, "E_NUMBER", None, date(2025, 3, 4))
    ]
    row = ledger_row(world)
    counts = ("records_read", "records_processed", "records_failed", "records_duplicate", "records_footer")
    assert [row[name] for name in counts] == [4, 2, 1, 1, 0]
    assert (row["vendor"], row["status"], row["first_as_of_date"], row["last_as_of_date"]) == ("acme", "PROCESSING", FIRST, LAST)
    issues = world.rows("data_quality_issues").select("line_number", "issue_type", "account_id", "as_of_date").rows()
    assert issues == [(3, "E_NUMBER", None, date(2025, 3, 4))]
    assert [file.path.split("/")[1] for file in world.platform.lake.files("archive/")] == [FEED]


def test_the_same_file_again_changes_nothing(world: World) -> None:
    assert world.ingest("prices_1.csv", PRICES, FEED).success
    before = ledger_row(world), stored(world, DELIVERED.name).rows()
    assert world.ingest("prices_1.csv", PRICES, FEED).success
    assert (ledger_row(world), stored(world, DELIVERED.name).rows()) == before


def test_what_cannot_be_taken_lies_in_its_own_folder_of_errors(world: World) -> None:
    assert not world.ingest("prices_1.csv", "Day,Cost\n2025-03-03,10.50\n", FEED).success
    assert ledger_row(world)["error_code"] == "E_HEADER_MISSING"
    assert {file.path.split("/")[1] for file in world.platform.lake.files("error/")} == {FEED}


def test_its_stages_are_assets_of_its_feed(world: World) -> None:
    assert world.ingest("prices_1.csv", PRICES, FEED).success
    job = world.definitions.resolve_job_def(pipeline_job_name(FEED))
    tags = tags_of(range_of_days(FIRST, LAST, world.platform.feeds[FEED]))
    assert job.execute_in_process(instance=world.instance, tags=tags, raise_on_error=False).success
    lake = world.platform.lake
    assert lake.partition_keys(SERIES.name, FEED, "window") == ["2025-03-03", "2025-03-04", "2025-03-05"]
    assert lake.read_partitions(SERIES.name, FEED, "window", ["2025-03-03", "2025-03-05"])["price"].to_list() == [
        Decimal("10.5000"),
        Decimal("10.2500"),
    ]


def test_its_assets_are_kept_up_like_any_other(world: World) -> None:
    assert world.ingest("prices_1.csv", PRICES, FEED).success
    job = world.definitions.resolve_job_def("upkeep")
    assert job.execute_in_process(instance=world.instance, raise_on_error=False).success


def test_the_vendors_positions_are_published_as_if_there_were_no_prices(world: World) -> None:
    assert world.ingest("prices_1.csv", PRICES, FEED).success
    assert world.ingest("acme_1.csv", DELIVERY).success
    world.run_pending_pipeline()
    assert world.rows("performance_data").select("data_source", "account_id").unique().sort("account_id").rows() == [
        ("acme", "A"),
        ("acme", "B"),
    ]
    statuses = dict(world.rows("etl_processing_log").select("feed", "status").rows())
    assert statuses == {FEED: "PROCESSING", "acme": "COMPLETED"}
