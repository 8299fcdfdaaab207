"""Listings, ledger entries and a small vendor of CSV files, from which the tests of this room are built."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from advisory_perf.contracts.windows import WindowRange
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.lake.objects import LakeFile
from advisory_perf.orchestration.assets.above_the_account import JOB_NAME
from advisory_perf.orchestration.assets.ingestion import ingestion_job_name
from advisory_perf.orchestration.assets.pipeline import pipeline_job_name
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.orchestration.partitions import delivery_partitions, range_of_days, tags_of
from advisory_perf.orchestration.pipelines.model import Computed, Inputs, Pipelines, Stage
from advisory_perf.orchestration.pipelines.registry import PIPELINES
from advisory_perf.orchestration.planning import windows_touched
from advisory_perf.orchestration.run_config import printing
from advisory_perf.platform import Platform, open_platform
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.ingestion.scenarios import feed_as_data
from advisory_perf_tests.instances import forgetful

VENDOR = "acme"
HEADER = "id,day,bmv,in,out,gain,emv,twr"
NOWHERE = "postgresql://nowhere/x"
"""An address that no test may connect to."""


def a_file(path: str, minute: int = 0) -> LakeFile:
    """A file of incoming as a listing shows it, that came so many minutes after nine."""
    return LakeFile(f"incoming/{path}", 100, datetime(2025, 4, 1, 9, minute, tzinfo=UTC), f"tag-{path}-{minute}")


def an_entry(
    delivery_id: str, first: date | None, last: date | None = None, *, ingestion_no: int = 1, started: datetime | None = None
) -> LedgerEntry:
    """An ingested delivery that its pipeline has still to publish, with positions from the first to the last day."""
    return LedgerEntry(
        id=1,
        delivery_id=delivery_id,
        file_name=f"{delivery_id}.csv",
        file_path=f"incoming/acme/{delivery_id}.csv",
        feed=VENDOR,
        vendor=VENDOR,
        sha256="0" * 64,
        size_bytes=100,
        status="PROCESSING",
        received_at=datetime(2025, 4, 1, tzinfo=UTC),
        first_as_of_date=first,
        last_as_of_date=last or first,
        records_read=1,
        records_processed=1,
        records_inserted=0,
        records_updated=0,
        records_restated=0,
        records_failed=0,
        records_duplicate=0,
        records_footer=0,
        error_code=None,
        error_message=None,
        pending_first_date=first,
        pending_last_date=last or first,
        ingestion_no=ingestion_no,
        taken_up_no=None,
        taken_up_by=[],
        processing_start_time=started,
        processing_end_time=None,
        run_id="run-1",
    )


def acme_as_data(columns: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The feed of the vendor acme: gain, the vendor's own return, an owner, and nothing else that changes a value.

    Of ``columns`` those that are None are not mapped.
    """
    data = feed_as_data(owners=["desk@example.com"], **changes)
    never = {name: {"from": name, "absent": "zero"} for name in ("income", "fees", "other_adjustments")}
    mapped = {**data["columns"], **never, "appreciation": "gain", "vendor_twrr": "twr", **(columns or {})}
    return {**data, "columns": {name: column for name, column in mapped.items() if column is not None}}


def add_feed(folder: Path, **changes: Any) -> Path:
    """Writes acme's feed file into the folder; gives the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "acme.yaml").write_text(json.dumps(acme_as_data(**changes)), encoding="utf-8")  # JSON is YAML
    return folder


def settings_with_acme(folder: Path, warehouse_url: str = NOWHERE, *, feed: dict[str, Any] | None = None, **changes: Any) -> Settings:
    """The settings of an installation that knows acme, its feed changed as said, besides the package's vendors."""
    chosen = {"settle_seconds": 0, **changes}
    return Settings(home=folder / "home", feeds_dir=add_feed(folder / "feeds", **(feed or {})), warehouse_url=warehouse_url, **chosen)


A_THIRD = "A,2025-03-03,100.00,0.00,0.00,10.00,110.00,0.10000"
"""110 / 100 - 1"""

B_THIRD = "B,2025-03-03,200.00,50.00,0.00,5.00,255.00,0.02500"
"""(255 - 50) / 200 - 1"""

A_FIFTH = "A,2025-03-05,110.00,0.00,10.00,11.00,111.00,0.10000"
"""(111 + 10) / 110 - 1; with the third, 1.1 * 1.1 - 1 = 0.21"""


def csv(*lines: str) -> str:
    """A file of acme."""
    return "\n".join([HEADER, *lines]) + "\n"


def csv_of_portfolio(*lines: str) -> str:
    """The same with a further column, for a feed that maps portfolio_id to ``port``."""
    return "\n".join([f"{HEADER},port", *(f"{line},P" for line in lines)]) + "\n"


DELIVERY = csv(A_THIRD, B_THIRD, A_FIFTH)
"""Two accounts on two days, without anything wrong."""


@dataclass
class Clock:
    """The clock of an installation: the machine's, until it is set or put ahead."""

    now: datetime | None = None
    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return (self.now or datetime.now(UTC)) + self.ahead


@dataclass
class World:
    """A whole installation of definitions, stores and a Dagster instance of its own, and the clock it acts by."""

    platform: Platform
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def of(cls, settings: Settings, instance: dg.DagsterInstance, *, pipelines: Pipelines = PIPELINES) -> "World":
        """The installation with the settings, by a clock that tests can set."""
        clock = Clock()
        return cls(open_platform(settings, clock=clock), build_definitions(settings, pipelines=pipelines, clock=clock), instance, clock)

    @property
    def administrator(self) -> Warehouse:
        """The warehouse as its own login, which may do what no run may."""
        return Warehouse(self.platform.warehouse.url)

    def put(self, name: str, content: str | bytes, folder: str = VENDOR) -> LakeFile:
        """A file into incoming."""
        path = f"incoming/{folder}/{name}" if folder else f"incoming/{name}"
        self.platform.lake.write(path, content.encode() if isinstance(content, str) else content)
        return self.platform.lake.head(path)

    def ingest(self, name: str, content: str | bytes, vendor: str = VENDOR) -> dg.ExecuteInProcessResult:
        """One run of the vendor's ingestion for a file that is put into incoming first."""
        return self.ingest_again(delivery_id_of(self.put(name, content, vendor)), vendor)

    def ingest_again(self, delivery_id: str, vendor: str = VENDOR) -> dg.ExecuteInProcessResult:
        """One run of the vendor's ingestion for a file that is in the lake."""
        self.instance.add_dynamic_partitions(delivery_partitions(self.platform.feeds[vendor]).name or "", [delivery_id])
        return self._execute(ingestion_job_name(vendor), partition_key=delivery_id)

    def run_pipeline(self, first: date, last: date, vendor: str = VENDOR) -> dg.ExecuteInProcessResult:
        """One run of the vendor's pipeline for the windows of a range of days."""
        return self._execute(pipeline_job_name(vendor), tags=tags_of(range_of_days(first, last, self.platform.feeds[vendor])))

    def run_request(self, request: dg.RunRequest, feed: str = VENDOR) -> dg.ExecuteInProcessResult:
        """What a sensor asked for, as the daemon launches it; of a delivery, one of the feed."""
        if request.partition_key:
            self.instance.add_dynamic_partitions(delivery_partitions(self.platform.feeds[feed]).name or "", [request.partition_key])
        job = self.definitions.resolve_job_def(request.job_name or "")
        run_config = dict(request.run_config) or printing("CRITICAL")
        return job.execute_in_process(
            run_config, self.instance, partition_key=request.partition_key, tags=dict(request.tags), raise_on_error=False
        )

    def tick(self, sensor: str) -> Any:
        """What the sensor says now."""
        repository = self.definitions.get_repository_def()
        definition = next(one for one in repository.sensor_defs if one.name == sensor)
        with dg.build_sensor_context(instance=self.instance, repository_def=repository) as context:
            return definition(context)

    def materialise(self, stage: str, first: date, last: date, vendor: str = VENDOR) -> dg.ExecuteInProcessResult:
        """One asset of the pipeline by itself, as from the web page."""
        tags = tags_of(range_of_days(first, last, self.platform.feeds[vendor]))
        return self._execute(pipeline_job_name(vendor), tags=tags, asset_selection=[dg.AssetKey([vendor, stage])])

    def run_pending_pipeline(self, vendor: str = VENDOR) -> None:
        """The pipeline as its ingested deliveries ask for it."""
        ledger = self.platform.ledger
        windows = windows_touched(self.platform.feeds[vendor], ledger.pending(vendor), ledger.latest_as_of_date(vendor))
        assert windows is not None
        assert self.run_pipeline(windows.first_day, windows.last_day, vendor).success

    def compute_above_the_account(self) -> dg.ExecuteInProcessResult:
        """One run of the job that brings statistics, contributions and composites up to date."""
        return self._execute(JOB_NAME)

    def with_feed(self, folder: Path, **changes: Any) -> "World":
        """The same stores and runs, after acme's feed was fixed."""
        settings = self.platform.settings.model_copy(update={"feeds_dir": add_feed(folder, **changes)})
        return World.of(settings, self.instance)

    def reject_unclaimed(self, run_config: dict[str, Any]) -> dg.ExecuteInProcessResult:
        """One run of the job for files that no feed claims."""
        job = self.definitions.resolve_job_def("reject_unclaimed")
        return job.execute_in_process(instance=self.instance, run_config=run_config, raise_on_error=False)

    def rows(self, table: str) -> pl.DataFrame:
        """A table of the warehouse."""
        return self.platform.warehouse.query(f"SELECT * FROM {table} ORDER BY id")

    def windows(self, stage: str, vendor: str = VENDOR) -> list[str]:
        """The windows of a stage that the lake has."""
        return self.platform.lake.partition_keys(stage, vendor, "window")

    def _execute(self, job_name: str, **arguments: Any) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def(job_name)
        return job.execute_in_process(run_config=printing("CRITICAL"), instance=self.instance, raise_on_error=False, **arguments)


def changed_pipelines(stage_name: str, change: Callable[[Computed], Computed], *, vendor: str = VENDOR) -> Pipelines:
    """The pipelines, in which one stage of a vendor gives something else than it computes."""

    def changed(stage: Stage[Any]) -> Stage[Any]:
        def compute(platform: Platform, feed: PositionsFeed, windows: WindowRange, inputs: Inputs) -> Computed:
            computed = stage.compute(platform, feed, windows, inputs)
            return change(computed) if feed.vendor == vendor else computed

        return replace(stage, compute=compute) if stage.table.name == stage_name else stage

    return {name: replace(one, stages=tuple(map(changed, one.stages))) for name, one in PIPELINES.items()}


@contextmanager
def a_world(
    folder: Path, warehouse_url: str, *, recording: bool = False, pipelines: Pipelines = PIPELINES, **settings: Any
) -> Iterator[World]:
    """An installation in a folder, on a database with the schema, that prints nothing of its runs; ``recording`` what they make."""
    chosen = settings_with_acme(folder, warehouse_url, log_level="CRITICAL", **settings)
    with dg.DagsterInstance.ephemeral() if recording else forgetful() as instance:
        yield World.of(chosen, instance, pipelines=pipelines)


def noted_waits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The subjects of the locks that are waited for from now on, as they come."""
    waited: list[str] = []
    wait = Locks.wait

    def noting(locks: Locks, subject: str) -> None:
        waited.append(subject)
        wait(locks, subject)

    monkeypatch.setattr(Locks, "wait", noting)
    return waited


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """What a run found, by the check's name."""
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def cases(found: dg.AssetCheckEvaluation) -> list[dict[str, object]]:
    """The failing rows that a check shows."""
    table = found.metadata["failure_cases"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def value(metadata: Any, name: str) -> Any:
    """One entry of a check's or materialisation's metadata."""
    return metadata[name].value


def materialised(result: dg.ExecuteInProcessResult, stage: str, vendor: str = VENDOR) -> dict[str | None, dg.AssetMaterialization]:
    """A run's materialisations of one asset, by partition."""
    found = result.asset_materializations_for_node(f"{vendor}__{stage}")
    return {one.partition: one for one in found if one.asset_key.path[-1] == stage}


def materialised_stages(result: dg.ExecuteInProcessResult) -> set[str]:
    """The assets that a run materialised, by their last name."""
    return {event.asset_key.path[-1] for event in result.all_events if event.is_step_materialization and event.asset_key}


def days(*numbers: int) -> Sequence[date]:
    """Days of March 2025."""
    return [date(2025, 3, number) for number in numbers]
