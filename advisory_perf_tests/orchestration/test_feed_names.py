"""A feed that has a name of its own: everything is kept and found by the name, and what is published is the vendor's."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml

from advisory_perf.alerts.outbox import KeptAlert, Outbox
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.ingestion_writes import note_ingestion
from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.feeds.registry import PACKAGE_FEEDS
from advisory_perf.orchestration.assets.accounts import ACCOUNTS_KEY
from advisory_perf.orchestration.sensors import monitoring
from advisory_perf.platform import pipeline_lock
from advisory_perf.runtime.in_process import LocalRuns, _Failure
from advisory_perf.samples.deliveries import make_samples
from advisory_perf.settings import Settings
from advisory_perf.warehouse.lake_writes import note_write
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.orchestration.scenarios import World
from advisory_perf_tests.states import differences, state_of

pytestmark = pytest.mark.slow

FEED, VENDOR = "alpha_monthly", "alpha"
NAME = "alpha_monthly_202503.csv"
JANUARY, MARCH = date(2025, 1, 31), date(2025, 3, 31)
(CONTENT,) = (file.content for file in make_samples(seed=1, accounts=6, last_month=MARCH, months=3).files if file.vendor == "vendor_a")
DEADLINE = {"days": 5, "business_days": True, "time": "18:00", "time_zone": "UTC", "first_window": "2025-03-01"}
STAGES = ("normalized_positions", "net_flows", "twrr_series", "reconciliation_results", "portfolio_performance", "performance_data")


def add_alpha(folder: Path, **changes: Any) -> Path:
    """The package's feed of vendor_a as one of the vendor alpha, under a name of its own unless changed; gives the folder."""
    data = yaml.safe_load((PACKAGE_FEEDS / "vendor_a.yaml").read_text(encoding="utf-8"))
    named = {"vendor": VENDOR, "name": FEED, "files": {**data["files"], "patterns": ["alpha_monthly_*.csv"]}, "deadline": DEADLINE}
    folder.mkdir()
    (folder / "alpha.yaml").write_text(yaml.safe_dump({**data, **named, **changes}), encoding="utf-8")
    return folder


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """An installation that knows the feed besides the package's; nothing has been delivered."""
    settings = Settings(
        home=tmp_path / "home", feeds_dir=add_alpha(tmp_path / "feeds"), warehouse_url=warehouse_url, settle_seconds=0, log_level="CRITICAL"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        yield World.of(settings, instance)


def launched(world: World, sensor: str) -> list[dg.ExecuteInProcessResult]:
    """The runs that the sensor asks for now, each as the daemon launches it."""
    asked = world.tick(sensor)
    assert {partitions.partitions_def_name for partitions in asked.dynamic_partitions_requests or ()} <= {f"{FEED}_deliveries"}
    return [world.run_request(request, FEED) for request in asked.run_requests]


def published(world: World) -> list[dg.ExecuteInProcessResult]:
    """A delivery on its way from incoming/ to the warehouse, by the sensors."""
    world.put(NAME, CONTENT, FEED)
    runs = [*launched(world, "arrivals"), *launched(world, "pipelines")]
    assert [run.success for run in runs] == [True, True]
    return runs


def only_entry(world: World) -> LedgerEntry:
    (entry,) = world.platform.ledger.entries()
    return entry


def alerts(world: World, code: str) -> list[KeptAlert]:
    return [alert for alert in Outbox(world.platform.warehouse).alerts(only_open=True) if alert.code == code]


def paths(world: World) -> list[str]:
    return [file.path for file in world.platform.lake.files("")]


def values(world: World, statement: str) -> list[Any]:
    return world.platform.warehouse.query(statement).to_series().to_list()


# from arrival to publication ------------------------------------------------------------------------------------------


def test_folders_and_partitions_of_the_lake_are_called_as_the_feed(world: World) -> None:
    published(world)
    delivery = only_entry(world).delivery_id
    windows = ("2025-01-01", "2025-02-01", "2025-03-01")
    assert sorted(paths(world)) == sorted(
        [
            f"archive/{FEED}/{delivery}/{NAME}",
            *(
                f"{stage}/vendor={FEED}/delivery={delivery}/part.parquet"
                for stage in ("raw_vendor_file", "delivered_positions", "quarantined_rows")
            ),
            *(f"{stage}/vendor={FEED}/window={window}/part.parquet" for stage in STAGES for window in windows),
        ]
    )


def test_the_assets_jobs_and_partitions_of_dagster_are_called_as_the_feed(world: World) -> None:
    runs = published(world)
    assert [run.dagster_run.job_name for run in runs] == [f"{FEED}_ingestion", f"{FEED}_pipeline"]
    assert [{name: run.dagster_run.tags.get(name) for name in ("feed", "vendor", "pipeline")} for run in runs] == [
        {"feed": FEED, "vendor": VENDOR, "pipeline": None},
        {"feed": FEED, "vendor": VENDOR, "pipeline": FEED},
    ]
    assert world.instance.get_dynamic_partitions(f"{FEED}_deliveries") == [only_entry(world).delivery_id]
    made = {event.asset_key for run in runs for event in run.all_events if event.is_step_materialization}
    delivered = ("raw_vendor_file", "delivered_positions", "quarantined_rows")
    assert made == {ACCOUNTS_KEY, *(dg.AssetKey([FEED, name]) for name in (*delivered, *STAGES))}
    nodes = world.definitions.resolve_asset_graph().asset_nodes
    assert {node.group_name for node in nodes if node.key.path[0] == FEED} == {FEED}
    assert VENDOR not in {part for node in nodes for part in (*node.key.path, node.group_name)}


def test_the_ledger_and_what_it_keeps_go_by_the_feed_and_what_is_published_by_the_vendor(world: World) -> None:
    published(world)
    entry = only_entry(world)
    assert (entry.feed, entry.vendor, entry.file_name, entry.status) == (FEED, VENDOR, NAME, "COMPLETED_WITH_ISSUES")
    ledger = world.platform.ledger
    assert (ledger.entries(FEED), ledger.entries(VENDOR)) == ([entry], [])
    assert ledger.find(FEED, NAME, entry.sha256) == entry
    assert ledger.find(VENDOR, NAME, entry.sha256) is None
    assert (ledger.latest_as_of_date(FEED), ledger.latest_as_of_date(VENDOR)) == (MARCH, None)
    for table in ("performance_data", "reconciliation_results", "accounts", "reconciliation_breaks", "daily_vendor_totals"):
        assert values(world, f"SELECT DISTINCT data_source FROM {table}") == [VENDOR], table
    assert values(world, "SELECT DISTINCT vendor FROM quarantine") == [VENDOR]
    (alert,) = alerts(world, "DELIVERY_WITH_ISSUES")
    assert (alert.feed, alert.vendor, alert.subject) == (FEED, VENDOR, f"DELIVERY_WITH_ISSUES {FEED}: {NAME}")
    assert alert.message.startswith(f"{VENDOR}, {NAME}: ")


def test_no_row_is_kept_by_the_vendors_name(world: World) -> None:
    """Of every table that keys something by a feed, also while runs are writing."""
    note_write(world.platform.warehouse, FEED, first=MARCH, last=MARCH, run_id="of another installation", confirm=lambda _: None)
    with Locks(world.platform.warehouse) as locks:
        locks.wait(pipeline_lock(FEED))
        world.put(NAME, CONTENT, FEED)
        launched(world, "arrivals")
        note_ingestion(world.platform.warehouse, FEED, "d", run_id="of another installation", confirm=lambda _: None)
        keyed = values(world, "SELECT table_name::text FROM information_schema.columns WHERE column_name = 'feed' ORDER BY 1")
        scores = ["data_quality_scores", "data_quality_trend", "delivery_quality_scores", "delivery_quality_shares"]
        assert keyed == ["alerts", *scores, "etl_processing_log", "ingestion_writes", "lake_writes"]
        found = {table: values(world, f"SELECT DISTINCT feed FROM {table}") for table in keyed}
        written = {"etl_processing_log": [FEED], "ingestion_writes": [FEED], "lake_writes": [FEED]}
        assert found == {"alerts": [], **{name: [] for name in scores}, **written}
        assert values(world, "SELECT subject FROM locks") == [f"pipeline {FEED}"]
    (published,) = launched(world, "pipelines")
    assert published.success
    assert [values(world, f"SELECT DISTINCT feed FROM {table}") for table in scores] == [[FEED]] * 4


def test_every_lock_of_a_run_is_the_feeds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def noting(method: Callable[[Locks, str], Any]) -> Callable[[Locks, str], Any]:
        def noted(locks: Locks, subject: str) -> Any:
            taken.append(subject)
            return method(locks, subject)

        return noted

    monkeypatch.setattr(Locks, "take", noting(Locks.take))
    monkeypatch.setattr(Locks, "wait", noting(Locks.wait))
    published(world)
    entry = only_entry(world)
    assert set(taken) == {f"ingestion {FEED} {entry.delivery_id}", f"bytes {FEED} {entry.sha256}", f"pipeline {FEED}"}


def test_a_second_run_of_the_same_changes_nothing(world: World) -> None:
    published(world)
    before = state_of(world.platform)
    delivery = only_entry(world).delivery_id
    assert world.ingest_again(delivery, FEED).success
    world.run_pending_pipeline(FEED)
    assert differences(before, state_of(world.platform)) == []
    assert launched(world, "arrivals") == launched(world, "pipelines") == []
    world.put(NAME, CONTENT, FEED)
    (again,) = launched(world, "arrivals")
    assert again.success
    assert launched(world, "pipelines") == []
    assert differences(before, state_of(world.platform)) == []


def test_a_run_that_did_not_end_has_the_feeds_windows_computed_again(world: World) -> None:
    published(world)
    note_write(world.platform.warehouse, FEED, first=MARCH, last=MARCH, run_id="of another installation", confirm=lambda _: None)
    (run,) = launched(world, "pipelines")
    assert run.dagster_run.job_name == f"{FEED}_pipeline"
    assert run.success
    assert values(world, "SELECT count(*) FROM lake_writes") == [0]


def test_a_command_knows_the_feed_by_its_pattern_and_by_its_name(world: World, tmp_path: Path) -> None:
    runs = LocalRuns(world.platform, world.definitions, world.instance)
    (tmp_path / NAME).write_bytes(CONTENT)
    (tmp_path / "other.csv").write_bytes(CONTENT.replace(b"ACC", b"BCC"))
    for name, feed in ((NAME, None), ("other.csv", FEED)):
        handed = runs.ingest(tmp_path / name, feed)
        assert (handed.status, handed.entry.feed, handed.entry.vendor) == ("PROCESSING", FEED, VENDOR)
    assert runs.run_pipeline(FEED)
    assert not runs.has_pending(FEED)
    assert runs.ingest_again(handed.entry).status == "PROCESSING"


# beside another feed of the vendor ------------------------------------------------------------------------------------


def test_deliveries_of_another_feed_of_the_vendor_are_no_part_of_the_pipeline(world: World) -> None:
    ledger = world.platform.ledger
    at = datetime(2025, 4, 1, tzinfo=UTC)
    other: dict[str, Any] = {"delivery_id": "other", "file_name": NAME, "file_path": "x", "feed": "alpha_trades", "vendor": VENDOR}
    ledger.claim(**other, sha256="other bytes", size_bytes=1, received_at=at, run_id="run")
    ledger.mark_ingested(
        "other", read=1, accepted=1, quarantined=0, duplicate=0, footer=0, as_of_dates=[MARCH, date(2025, 4, 30)], issues=NOTHING
    )
    world.put(NAME, CONTENT, FEED)
    runs = [*launched(world, "arrivals"), *launched(world, "pipelines")]
    assert [run.success for run in runs] == [True, True]
    first, second = ledger.entries()
    assert (first.feed, first.status, first.pending_first_date) == ("alpha_trades", "PROCESSING", MARCH)
    assert (second.feed, second.status, second.pending_first_date) == (FEED, "COMPLETED_WITH_ISSUES", None)
    assert values(world, "SELECT DISTINCT delivery_id FROM performance_data") == [second.delivery_id]


NOTHING = pl.DataFrame(
    schema={
        **dict.fromkeys(("account_id", "code", "reason", "field_name", "severity", "raw_row"), pl.String()),
        "as_of_date": pl.Date(),
        "line_number": pl.Int64(),
    }
)


def test_files_that_come_again_for_a_feed_with_a_new_name_are_published_as_its_own(world: World, tmp_path: Path) -> None:
    published(world)
    (old,) = world.platform.ledger.entries(FEED)
    before = world.platform.warehouse.query(f"SELECT {WHAT} FROM performance_data ORDER BY account_id, as_of_date")
    settings = world.platform.settings.model_copy(update={"feeds_dir": add_alpha(tmp_path / "renamed", name="alpha_month_ends")})
    renamed = World.of(settings, world.instance)
    assert renamed.ingest(NAME, world.platform.lake.read(f"archive/{FEED}/{old.delivery_id}/{NAME}"), "alpha_month_ends").success
    renamed.run_pending_pipeline("alpha_month_ends")
    (new,) = renamed.platform.ledger.entries("alpha_month_ends")
    assert (new.status, new.records_processed) == (old.status, old.records_processed)
    assert values(renamed, "SELECT DISTINCT delivery_id FROM performance_data") == [new.delivery_id]
    assert renamed.platform.warehouse.query(f"SELECT {WHAT} FROM performance_data ORDER BY account_id, as_of_date").equals(before)


WHAT = "data_source, account_id, as_of_date, ending_market_value, calculated_twrr, reconciliation_status"


# what goes wrong ------------------------------------------------------------------------------------------------------


def test_a_rejected_file_lies_in_the_feeds_folder_of_error_and_its_alert_says_so(world: World) -> None:
    world.put(NAME, "no,header\n1,2\n", FEED)
    (run,) = launched(world, "arrivals")
    assert not run.success
    entry = only_entry(world)
    assert (entry.feed, entry.vendor, entry.status, entry.error_code) == (FEED, VENDOR, "FAILED", "E_HEADER_MISSING")
    folder = f"error/{FEED}/{entry.delivery_id}/"
    assert paths(world) == [f"{folder}{NAME}", f"{folder}{NAME}.reason.json"]
    reason = json.loads(world.platform.lake.read(f"{folder}{NAME}.reason.json"))
    assert (reason["feed"], reason["vendor"], reason["error_code"]) == (FEED, VENDOR, "E_HEADER_MISSING")
    (alert,) = alerts(world, "E_HEADER_MISSING")
    assert (alert.feed, alert.vendor, alert.subject) == (FEED, VENDOR, f"E_HEADER_MISSING {FEED}: {NAME}")
    assert alert.message.startswith(f"{VENDOR}, {NAME}: ")
    assert f"; it lies in {folder}: ask the vendor" in alert.message
    published(world)
    assert [(one.status, one.file_name) for one in world.platform.ledger.entries(FEED)] == [
        ("FAILED", NAME),
        ("COMPLETED_WITH_ISSUES", NAME),
    ]


def test_what_fails_is_reported_to_a_person_as_the_vendors(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = LocalRuns(world.platform, world.definitions, world.instance)
    published(world)
    (tmp_path / NAME).write_bytes(CONTENT + b"\r\n")
    monkeypatch.setattr(LocalRuns, "_run", lambda *_, **__: _Failure("no room", is_by_check=False))
    with pytest.raises(AdvisoryPerfError, match=rf"^{VENDOR}, {NAME}: the ingestion failed: no room$"):
        runs.ingest(tmp_path / NAME, None)
    assert f"incoming/{FEED}/{NAME}" in paths(world)


def test_a_missing_file_is_the_feeds_until_it_comes_into_its_folder(world: World) -> None:
    world.clock.now = datetime(2025, 4, 8, tzinfo=UTC)
    world.tick("watch")
    (alert,) = alerts(world, "MISSING_FILE")
    assert (alert.feed, alert.vendor, alert.subject) == (FEED, VENDOR, f"MISSING_FILE {FEED} 2025-03")
    assert alert.message.startswith(f"{VENDOR}: nothing has been ingested for 2025-03, which was due by ")
    assert f"as another alert and error/{FEED}/ would say" in alert.message
    feed = world.platform.feeds[FEED]
    assert monitoring.deadlines_of(world.platform, feed, now=datetime(2025, 4, 8, tzinfo=UTC)).over == []
    published(world)
    world.tick("watch")
    assert alerts(world, "MISSING_FILE") == []


def test_a_file_in_the_vendors_folder_is_no_feeds(world: World) -> None:
    world.put(NAME, CONTENT, VENDOR)
    (run,) = launched(world, "arrivals")
    assert run.success
    entry = only_entry(world)
    assert (entry.feed, entry.vendor, entry.error_code) == ("unknown", "unknown", "E_UNKNOWN_VENDOR")
    assert f"the folder {VENDOR}/ is no feed's; put it into one of incoming/{FEED}/, " in (entry.error_message or "")
    assert paths(world) == [f"error/unknown/{entry.delivery_id}/{name}" for name in (NAME, f"{NAME}.reason.json")]
