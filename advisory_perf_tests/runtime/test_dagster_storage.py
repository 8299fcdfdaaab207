"""Dagster's storage with kept connections and planned events by the batch: what it holds is what Dagster's own holds."""

import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster_postgres.storage import DagsterPostgresStorage
from sqlalchemy import event
from sqlalchemy.engine import Engine

from advisory_perf.runtime.dagster_storage import KeptStorage
from advisory_perf.warehouse.embedded import EmbeddedPostgres

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")  # backfill policies

DAYS = dg.DailyPartitionsDefinition("2025-01-01", end_date="2025-02-10")
CHECK = dg.AssetCheckSpec("holds", asset="first")


def a_job() -> dg.JobDefinition:
    """Two assets by day, of which one has a check and the other fails."""

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), check_specs=[CHECK])
    def first() -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="holds")])

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), deps=[first])
    def second() -> None:
        raise dg.Failure("the second asset fails")

    job = dg.define_asset_job("both", [first, second])
    return dg.Definitions([first, second], jobs=[job], executor=dg.in_process_executor).resolve_job_def("both")


RANGE = {"dagster/asset_partition_range_start": "2025-01-05", "dagster/asset_partition_range_end": "2025-02-03"}


@pytest.fixture
def address(empty_url: str) -> str:
    return empty_url.replace("postgresql://", "postgresql+psycopg2://", 1)


@pytest.fixture
def second_address(postgres: EmbeddedPostgres) -> Iterator[str]:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE other_storage TEMPLATE template0")
        try:
            yield postgres.url("other_storage").replace("postgresql://", "postgresql+psycopg2://", 1)
        finally:
            connection.execute("DROP DATABASE other_storage WITH (FORCE)")


def instance_on(storage: type[DagsterPostgresStorage], address: str, folder: Path) -> dg.DagsterInstance:
    folder.mkdir()
    config = {"module": storage.__module__, "class": storage.__name__, "config": {"postgres_url": address}}
    (folder / "dagster.yaml").write_text(repr({"storage": {"custom": config}, "telemetry": {"enabled": False}}), encoding="utf-8")
    return dg.DagsterInstance.from_config(str(folder))


def failed_run(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return a_job().execute_in_process(instance=instance, tags=RANGE, raise_on_error=False)


def stored(address: str) -> dict[str, list[tuple[object, ...]]]:
    """Everything that the storage has of events, assets and checks, without numbers of runs and times."""
    events = (
        "SELECT dagster_event_type, step_key, asset_key, partition FROM event_logs ORDER BY dagster_event_type, asset_key, partition, id"
    )
    checks = "SELECT asset_key, check_name, partition, execution_status FROM asset_check_executions ORDER BY 1, 2, 3, 4"
    assets = (
        "SELECT a.asset_key, l.dagster_event_type, l.partition, (a.last_materialization IS NULL)"
        " FROM asset_keys AS a LEFT JOIN LATERAL (SELECT * FROM event_logs AS e WHERE e.asset_key = a.asset_key"
        " AND e.run_id = a.last_run_id ORDER BY e.id DESC LIMIT 1) AS l ON TRUE ORDER BY a.asset_key"
    )
    with psycopg.connect(address.replace("+psycopg2", "")) as connection:
        return {name: connection.execute(query).fetchall() for name, query in (("events", events), ("checks", checks), ("assets", assets))}


def test_planned_events_by_the_batch_leave_what_they_leave_one_by_one(
    address: str, second_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = []
    for storage, where, batch in ((KeptStorage, address, "1000"), (DagsterPostgresStorage, second_address, "0")):
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", batch)
        with instance_on(storage, where, tmp_path / storage.__name__) as instance:
            assert not failed_run(instance).success
            statuses = [
                instance.get_status_by_partition(dg.AssetKey(name), DAYS.get_partition_keys(), DAYS) or {} for name in ("first", "second")
            ]
            shown.append([{day: status and status.value for day, status in each.items()} for each in statuses])
    assert "Exception while storing event batch" not in capfd.readouterr().err
    assert shown[0] == shown[1]
    assert list(shown[0][1].values()).count("FAILED") == 30
    ours, dagsters = stored(address), stored(second_address)
    assert ours == dagsters
    assert [kind for kind, *_ in ours["events"]].count("ASSET_MATERIALIZATION_PLANNED") == 60


def test_a_run_of_many_windows_opens_three_connections_at_most(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    with instance_on(KeptStorage, address, tmp_path / "home") as instance:
        opened = 0

        def count(*_: object) -> None:
            nonlocal opened
            opened += 1

        event.listen(Engine, "connect", count)
        try:
            failed_run(instance)
        finally:
            event.remove(Engine, "connect", count)
    assert opened <= 3


def test_connections_that_the_server_has_ended_are_made_anew(address: str, tmp_path: Path) -> None:
    with instance_on(KeptStorage, address, tmp_path / "home") as instance:
        assert instance.get_runs() == []
        with psycopg.connect(address.replace("+psycopg2", ""), autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
        assert ended
        assert instance.get_runs() == []
        assert instance.all_asset_keys() == []


def test_no_connection_is_left_when_an_instance_is_disposed_of(address: str, tmp_path: Path) -> None:
    with instance_on(KeptStorage, address, tmp_path / "home") as instance:
        assert instance.get_runs() == []
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(address.replace("+psycopg2", ""), autocommit=True) as connection:
        for _ in range(100):  # the server's own process of a connection that was closed ends a moment later
            if connection.execute(others).fetchone() == (0,):
                break
            time.sleep(0.1)
        assert connection.execute(others).fetchone() == (0,)


def test_the_instance_of_the_platform_has_this_storage() -> None:
    text = (Path(__file__).parents[2] / "dagster.yaml").read_text(encoding="utf-8")
    assert f"module: {KeptStorage.__module__}\n    class: {KeptStorage.__name__}\n" in text
