import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import polars as pl
import pytest

from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.tables import ACCOUNTS, PERFORMANCE_DATA
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.errors import AdvisoryPerfError, LakeError, LakeOutageError
from advisory_perf.orchestration.io_managers import LakeIOManager, split_by_window, under_locks
from advisory_perf.orchestration.partitions import delivery_partitions, window_partitions
from advisory_perf.orchestration.resources import LOCKS, STORES, locks_of_a_run, stores_of_a_run
from advisory_perf.platform import Platform, open_platform
from advisory_perf.positions.accounts_store import upsert_accounts
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.orchestration.scenarios import VENDOR, World, days, settings_with_acme
from advisory_perf_tests.warehouse.scenarios import JANUARY, replace_slice, valuation
from advisory_perf_tests.warehouse.scenarios import rows_of as table_rows

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")  # backfill policies, as in build_definitions

THIRD, FOURTH, FIFTH, SIXTH = days(3, 4, 5, 6)
DAYS = WindowRange(THIRD, FIFTH, Cadence.DAILY)
DAY_KEYS = ["2025-03-03", "2025-03-04", "2025-03-05"]


def rows_of(*rows: tuple[str, date]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"account_id": pl.String(), "as_of_date": pl.Date()}, orient="row")


# cutting a frame into windows -----------------------------------------------------------------------------------------


def test_each_day_gets_its_rows_in_their_order() -> None:
    parts = split_by_window(rows_of(("B", FOURTH), ("A", THIRD), ("A", FOURTH), ("A", FIFTH)), DAYS, DAY_KEYS)
    assert {key: part.rows() for key, part in parts.items()} == {
        "2025-03-03": [("A", THIRD)],
        "2025-03-04": [("B", FOURTH), ("A", FOURTH)],
        "2025-03-05": [("A", FIFTH)],
    }


def test_a_month_gets_the_rows_of_all_its_days() -> None:
    months = WindowRange(date(2025, 2, 1), date(2025, 3, 1), Cadence.MONTHLY)
    parts = split_by_window(rows_of(("A", date(2025, 2, 28)), ("A", THIRD), ("B", FOURTH)), months, ["2025-02-01", "2025-03-01"])
    assert {key: part["as_of_date"].to_list() for key, part in parts.items()} == {
        "2025-02-01": [date(2025, 2, 28)],
        "2025-03-01": [THIRD, FOURTH],
    }


def test_a_window_without_rows_gets_an_empty_frame_of_the_same_types() -> None:
    frame = rows_of(("A", THIRD))
    parts = split_by_window(frame, DAYS, DAY_KEYS)
    assert [part.height for part in parts.values()] == [1, 0, 0]
    assert all(part.schema == frame.schema for part in parts.values())


def test_a_frame_without_rows_gives_every_window_an_empty_frame() -> None:
    parts = split_by_window(rows_of(), DAYS, DAY_KEYS)
    assert list(parts) == DAY_KEYS
    assert all(part.height == 0 and part.schema == rows_of().schema for part in parts.values())


def test_a_window_column_of_the_frames_own_decides_and_is_kept() -> None:
    frame = rows_of(("A", THIRD), ("B", THIRD)).with_columns(pl.Series("window", [THIRD, FIFTH]))
    parts = split_by_window(frame, DAYS, DAY_KEYS)
    assert {key: part.rows() for key, part in parts.items()} == {
        "2025-03-03": [("A", THIRD, THIRD)],
        "2025-03-04": [],
        "2025-03-05": [("B", THIRD, FIFTH)],
    }


def test_rows_outside_the_runs_windows_are_refused() -> None:
    with pytest.raises(LakeError, match="rows of 2025-03-06 do not belong to this run's windows"):
        split_by_window(rows_of(("A", THIRD), ("A", SIXTH)), DAYS, DAY_KEYS)


# the lake -------------------------------------------------------------------------------------------------------------


@dataclass
class Pipeline:
    """Two assets, one after the other; the first gives the rows of ``given`` that lie in the run's windows."""

    platform: Platform
    given: pl.DataFrame
    seen: list[pl.DataFrame] = field(default_factory=list)

    def run(self, first: date, last: date) -> dg.ExecuteInProcessResult:
        """Both assets for a range of windows in one run."""
        tags = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
        return self._job().execute_in_process(tags=tags)

    def run_one(self, window: date) -> dg.ExecuteInProcessResult:
        """Both assets for one window."""
        return self._job().execute_in_process(partition_key=str(window))

    def stored(self, window: date, stage: str = "ticks") -> list[tuple[object, ...]]:
        """The rows of one window in the lake."""
        return self.platform.lake.read_partitions(stage, VENDOR, "window", [str(window)]).rows()

    def _job(self) -> dg.JobDefinition:
        partitions = window_partitions(self.platform.feeds[VENDOR])
        whole = dg.BackfillPolicy.single_run()

        @dg.asset(key=[VENDOR, "ticks"], partitions_def=partitions, backfill_policy=whole, io_manager_key="lake")
        def ticks(context: dg.AssetExecutionContext) -> pl.DataFrame:
            keys = [date.fromisoformat(key) for key in context.partition_keys]
            return self.given.filter(pl.col("as_of_date").is_in(keys))

        @dg.asset(
            key=[VENDOR, "tocks"],
            ins={"ticks": dg.AssetIn(key=[VENDOR, "ticks"])},
            partitions_def=partitions,
            backfill_policy=whole,
            io_manager_key="lake",
        )
        def tocks(ticks: pl.DataFrame) -> pl.DataFrame:
            self.seen.append(ticks)
            return ticks

        return dg.Definitions(
            assets=[ticks, tocks],
            jobs=[dg.define_asset_job("both", [ticks, tocks])],
            resources={
                "lake": under_locks(LakeIOManager),
                LOCKS: locks_of_a_run(self.platform),
                STORES: stores_of_a_run(self.platform),
            },
            executor=dg.in_process_executor,
        ).resolve_job_def("both")


@pytest.fixture
def platform(tmp_path: Path, warehouse_url: str) -> Platform:
    """A lake in a folder and a warehouse without rows."""
    return open_platform(settings_with_acme(tmp_path, warehouse_url))


@pytest.fixture
def pipeline(platform: Platform) -> Iterator[Pipeline]:
    """A pipeline of two assets with rows on the third and the fifth, and nothing left in staging afterwards."""
    yield Pipeline(platform, rows_of(("A", THIRD), ("B", THIRD), ("A", FIFTH)))
    assert platform.lake.files("_staging/") == []


@pytest.mark.slow
def test_a_range_is_stored_as_one_file_a_window_in_hive_layout(pipeline: Pipeline) -> None:
    pipeline.run(THIRD, FIFTH)
    assert [file.path for file in pipeline.platform.lake.files("ticks/")] == [
        "ticks/vendor=acme/window=2025-03-03/part.parquet",
        "ticks/vendor=acme/window=2025-03-04/part.parquet",
        "ticks/vendor=acme/window=2025-03-05/part.parquet",
    ]
    assert pipeline.stored(THIRD) == [("A", THIRD), ("B", THIRD)]
    assert pipeline.stored(FIFTH) == [("A", FIFTH)]


@pytest.mark.slow
def test_a_window_without_rows_has_a_file_without_rows(pipeline: Pipeline) -> None:
    pipeline.run(THIRD, FIFTH)
    empty = pipeline.platform.lake.read_partitions("ticks", VENDOR, "window", ["2025-03-04"])
    assert empty.height == 0
    assert empty.schema == rows_of().schema


@pytest.mark.slow
def test_the_next_asset_reads_the_whole_range(pipeline: Pipeline) -> None:
    pipeline.run(THIRD, FIFTH)
    assert pipeline.seen[0].rows() == [("A", THIRD), ("B", THIRD), ("A", FIFTH)]


@pytest.mark.slow
def test_the_next_asset_of_a_single_window_reads_that_one(pipeline: Pipeline) -> None:
    pipeline.run(THIRD, FIFTH)
    pipeline.run_one(FIFTH)
    assert pipeline.seen[1].rows() == [("A", FIFTH)]


@pytest.mark.slow
def test_a_range_of_one_window_is_that_window(pipeline: Pipeline) -> None:
    pipeline.run(FIFTH, FIFTH)
    assert pipeline.seen[0].rows() == [("A", FIFTH)]
    assert pipeline.platform.lake.partition_keys("tocks", VENDOR, "window") == ["2025-03-05"]


@pytest.mark.slow
def test_a_rerun_replaces_its_windows_and_no_others(pipeline: Pipeline) -> None:
    pipeline.run(THIRD, FIFTH)
    pipeline.given = rows_of(("C", FOURTH), ("C", THIRD))
    pipeline.run(FOURTH, FIFTH)
    assert pipeline.stored(THIRD) == [("A", THIRD), ("B", THIRD)]
    assert pipeline.stored(FOURTH) == [("C", FOURTH)]
    assert pipeline.stored(FIFTH) == []


@pytest.mark.slow
def test_a_rerun_of_the_same_rows_leaves_the_same_bytes(pipeline: Pipeline) -> None:
    pipeline.run(THIRD, FIFTH)
    before = {file.path: pipeline.platform.lake.read(file.path) for file in pipeline.platform.lake.files("ticks/")}
    pipeline.run(THIRD, FIFTH)
    assert {file.path: pipeline.platform.lake.read(file.path) for file in pipeline.platform.lake.files("ticks/")} == before


@pytest.mark.slow
def test_a_window_that_was_never_computed_is_named_by_the_error(pipeline: Pipeline) -> None:
    pipeline.run(THIRD, FOURTH)
    with pytest.raises(LakeError, match=r"has no ticks/vendor=acme/window=2025-03-06/part\.parquet; materialise it first"):
        pipeline.stored(SIXTH)


@pytest.mark.parametrize("keep", [0, 3, 40, -1], ids=lambda keep: f"cut at {keep}")
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("columns", [None, ["account_id"]])
@pytest.mark.parametrize(
    ("dimension", "again"),
    [("window", "materialise 2025-03-0{} again"), ("delivery", "run `advisory-perf quarantine replay --delivery 2025-03-0{}`")],
)
@pytest.mark.slow
def test_a_damaged_partition_is_no_outage_and_is_named_with_what_makes_it_again(
    platform: Platform, keep: int, place: int, columns: list[str] | None, dimension: str, again: str
) -> None:
    """Or a run would be launched for ever that can never succeed."""
    keys = [str(THIRD), str(FOURTH)]
    platform.lake.write_partitions("ticks", VENDOR, dimension, {key: rows_of(("A", THIRD)) for key in keys})
    path = f"ticks/vendor=acme/{dimension}={keys[place]}/part.parquet"
    platform.lake.write(path, platform.lake.read(path)[:keep])
    with pytest.raises(LakeError, match=re.escape(path)) as raised:
        platform.lake.read_partitions("ticks", VENDOR, dimension, keys, columns=columns)
    assert not isinstance(raised.value, LakeOutageError)
    assert str(raised.value).endswith(again.format(3 + place))


@pytest.mark.parametrize("reader", ["scan", "scan and parser"])
@pytest.mark.parametrize("is_torn", [False, True])
@pytest.mark.slow
def test_a_partition_that_the_parser_panics_at_is_an_error_of_the_lake(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, reader: str, is_torn: bool
) -> None:
    """Its panics are no Exception, so that they would end the run's process past whoever tells of it."""
    keys = [str(THIRD), str(FOURTH)]
    platform.lake.write_partitions("ticks", VENDOR, "window", {key: rows_of(("A", THIRD)) for key in keys})
    paths = [f"ticks/vendor=acme/window={key}/part.parquet" for key in keys]
    if is_torn:
        platform.lake.write(paths[1], platform.lake.read(paths[1])[:-1])
    panic = pl.exceptions.PanicException("range end index 96 out of range")
    monkeypatch.setattr(pl.LazyFrame, "collect", Mock(side_effect=panic))
    if reader == "scan and parser":
        monkeypatch.setattr(pl, "read_parquet", Mock(side_effect=panic))
    with pytest.raises(LakeError) as raised:
        platform.lake.read_partitions("ticks", VENDOR, "window", keys)
    assert not isinstance(raised.value, LakeOutageError)
    named = paths[0] if reader == "scan and parser" else paths[1] if is_torn else "cannot give ticks of acme"
    assert named in str(raised.value)


@pytest.mark.slow
def test_partitions_of_other_columns_are_no_outage_and_a_lake_that_fails_is_one(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.lake.write_partitions("ticks", VENDOR, "window", {str(THIRD): rows_of(("A", THIRD)), str(FOURTH): pl.DataFrame({"a": [1]})})

    def read(keys: list[str]) -> AdvisoryPerfError:
        with pytest.raises(LakeError) as raised:
            platform.lake.read_partitions("ticks", VENDOR, "window", keys)
        return raised.value

    assert not isinstance(read([str(THIRD), str(FOURTH)]), LakeOutageError)
    monkeypatch.setattr(pl.LazyFrame, "collect", Mock(side_effect=OSError(errno.EIO, "Input/output error")))
    assert isinstance(read([str(THIRD)]), LakeOutageError)
    monkeypatch.setattr(pl.LazyFrame, "collect", Mock(side_effect=pl.exceptions.ComputeError("half")))
    monkeypatch.setattr("advisory_perf.lake.folders.Folder.read", Mock(side_effect=OSError(errno.EIO, "Input/output error")))
    assert isinstance(read([str(THIRD)]), LakeOutageError)


@pytest.mark.parametrize("older", [THIRD, FOURTH])
@pytest.mark.slow
def test_named_columns_are_read_also_where_only_some_windows_have_others(platform: Platform, older: date) -> None:
    frames = {str(day): rows_of(("A", day)).with_columns(later=pl.lit(1)) for day in (THIRD, FOURTH)}
    platform.lake.write_partitions("ticks", VENDOR, "window", frames | {str(older): rows_of(("A", older))})
    keys = [str(THIRD), str(FOURTH)]
    rows = platform.lake.read_partitions("ticks", VENDOR, "window", keys, columns=["account_id", "as_of_date"])
    assert rows.rows() == [("A", THIRD), ("A", FOURTH)]
    with pytest.raises(LakeError, match="later"):
        platform.lake.read_partitions("ticks", VENDOR, "window", keys)


@pytest.mark.slow
def test_a_delivery_is_stored_under_its_own_name(platform: Platform) -> None:
    @dg.asset(key=[VENDOR, "raw"], partitions_def=delivery_partitions(platform.feeds[VENDOR]), io_manager_key="lake")
    def raw() -> pl.DataFrame:
        return rows_of(("A", THIRD), ("A", SIXTH))

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("acme_deliveries", ["march-1"])
        dg.materialize(
            [raw], resources={"lake": LakeIOManager(platform, Locks(platform.warehouse))}, partition_key="march-1", instance=instance
        )
    assert [file.path for file in platform.lake.files("raw/")] == ["raw/vendor=acme/delivery=march-1/part.parquet"]
    assert platform.lake.read_partitions("raw", VENDOR, "delivery", ["march-1"]).rows() == [("A", THIRD), ("A", SIXTH)]


# publishing -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_publication_writes_the_accounts_of_its_own_vendor_only(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    """What another pipeline publishes at the same time is not yet to be seen here, and must not be moved back."""
    world, _ = loaded
    warehouse = world.platform.warehouse
    published = table_rows(PERFORMANCE_DATA, valuation("A-1", JANUARY))
    replace_slice(warehouse, PERFORMANCE_DATA, published, vendor="alpha", first=JANUARY, last=JANUARY)
    of_account = {"data_source": "alpha", "account_id": "A-1", "currency": "USD", "status": "ACTIVE"}
    newer = {**of_account, "first_as_of_date": JANUARY, "last_as_of_date": THIRD}
    with warehouse.connect() as connection:
        upsert_accounts(connection, table_rows(ACCOUNTS, newer))
        connection.execute("UPDATE accounts SET last_as_of_date = NULL WHERE data_source = %s", [VENDOR])
    assert world.materialise("performance_data", THIRD, FIFTH).success
    found = warehouse.query("SELECT data_source, account_id, last_as_of_date FROM accounts ORDER BY data_source, account_id")
    assert found.rows() == [("acme", "A", FIFTH), ("acme", "B", THIRD), ("alpha", "A-1", THIRD)]
