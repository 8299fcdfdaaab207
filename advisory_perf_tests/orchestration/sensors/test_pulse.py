"""The sensor that watches the sensors, and the doctor's look at what runs by itself, over what Dagster really keeps."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType, TickData, TickStatus
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster_shared.error import SerializableErrorInfo

from advisory_perf.alerts.outbox import KeptAlert, Outbox
from advisory_perf.errors import LakeOutageError, WarehouseOutageError
from advisory_perf.lake.store import Lake
from advisory_perf.monitoring.heartbeat import read_heartbeat
from advisory_perf.operations.daemon_health import daemon_health
from advisory_perf_tests.orchestration.scenarios import World, settings_with_acme

pytestmark = pytest.mark.slow

NAMES = ("arrivals", "pipelines", "firm_performance", "watch", "alerts", "pulse")


@pytest.fixture
def watched(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """An installation with an instance that keeps ticks, as the daemon's does."""
    chosen = settings_with_acme(tmp_path, warehouse_url, log_level="CRITICAL")
    with dg.instance_for_test() as instance:
        yield World.of(chosen, instance)


def state(name: str, status: InstigatorStatus = InstigatorStatus.DECLARED_IN_CODE) -> InstigatorState:
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("code"), "__repository__"), name)
    return InstigatorState(origin, InstigatorType.SENSOR, status, None)


def raised(error: Exception) -> SerializableErrorInfo:
    """The error as Dagster keeps it."""
    with pytest.raises(type(error)) as caught:
        raise error
    return serializable_error_info_from_exc_info((caught.type, caught.value, caught.tb))


def ticked(world: World, name: str, *, ago: float, by: Exception | None = None) -> None:
    """A tick of the sensor so many seconds ago, kept as the daemon keeps it; it failed where it raised something."""
    kept = state(name)
    error = raised(by) if by else None
    if world.instance.get_instigator_state(kept.instigator_origin_id, kept.selector_id) is None:
        world.instance.add_instigator_state(kept)
    status = TickStatus.FAILURE if error else TickStatus.SKIPPED
    at = datetime.now(UTC).timestamp() - ago
    data = TickData(kept.instigator_origin_id, name, InstigatorType.SENSOR, status, at, error=error, selector_id=kept.selector_id)
    world.instance.create_tick(data)


def all_tick(world: World, *, but: tuple[str, ...] = (), by: Exception | None = None) -> None:
    for ago in (130, 5):
        for name in NAMES:
            ticked(world, name, ago=ago, by=by if name in but else None)


def open_alerts(world: World) -> list[KeptAlert]:
    return Outbox(world.platform.warehouse).alerts(only_open=True)


def heartbeat(world: World) -> Any:
    return read_heartbeat(world.platform.settings.home / "heartbeat.json")


def test_a_lake_that_cannot_be_listed_is_one_alert_until_it_can(watched: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(LakeOutageError) as caught:
        Lake(str(tmp_path / "file")).files("incoming/")
    all_tick(watched, but=("arrivals", "pipelines", "watch"), by=caught.value)
    watched.tick("pulse")
    watched.tick("pulse")
    (alert,) = open_alerts(watched)
    assert (alert.code, alert.subject) == ("SENSOR_RED", "SENSOR_RED arrivals, pipelines, watch")
    assert str(caught.value) in alert.message
    assert sorted(heartbeat(watched).red) == ["arrivals", "pipelines", "watch"]
    for name in ("arrivals", "pipelines", "watch"):
        ticked(watched, name, ago=1)
    assert watched.tick("pulse").skip_message == "all sensors work"
    assert open_alerts(watched) == []
    assert heartbeat(watched).red == {}


def test_while_the_warehouse_does_not_answer_the_heartbeat_tells_it(watched: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_outbox: Outbox, **_: object) -> None:
        raise WarehouseOutageError("the warehouse does not answer")

    all_tick(watched)
    monkeypatch.setattr(Outbox, "update", gone)
    with pytest.raises(WarehouseOutageError, match="the warehouse does not answer"):
        watched.tick("pulse")
    assert heartbeat(watched).warehouse == "the warehouse does not answer"


# doctor ---------------------------------------------------------------------------------------------------------------


def beat(world: World, *, hours_ago: float = 0) -> None:
    """Every daemon has reported."""
    for kind in world.instance.get_required_daemon_types():
        world.instance.add_daemon_heartbeat(DaemonHeartbeat(datetime.now(UTC).timestamp() - hours_ago * 3600, kind, None))


def looked_at(world: World, *, waiting: int = 0, is_embedded: bool = True) -> dict[str, tuple[bool, str]]:
    path = world.platform.settings.home / "heartbeat.json"
    found = daemon_health(world.instance, path, waiting=waiting, is_embedded=is_embedded, now=datetime.now(UTC))
    return {finding.subject: (finding.is_good, finding.says) for finding in found}


@pytest.mark.parametrize(
    ("waiting", "is_embedded", "is_good"),
    [(0, True, True), (2, True, False), (0, False, False)],
)
def test_a_daemon_that_does_not_run_is_wrong_where_somebody_waits_for_it(
    watched: World, waiting: int, *, is_embedded: bool, is_good: bool
) -> None:
    beat(watched, hours_ago=2)
    found = looked_at(watched, waiting=waiting, is_embedded=is_embedded)["daemon"]
    assert found[0] is is_good
    assert "the daemon does not run since 20" in found[1]
    assert found[1].endswith("start it, here by `advisory-perf dev`")


def test_what_runs_is_good_once_it_has_a_heartbeat(watched: World) -> None:
    beat(watched)
    all_tick(watched)
    assert not looked_at(watched)["heartbeat"][0]
    watched.tick("pulse")
    assert all(is_good for is_good, _ in looked_at(watched).values()), looked_at(watched)


def test_a_red_sensor_and_one_that_is_turned_off_are_named(watched: World) -> None:
    beat(watched)
    all_tick(watched, but=("arrivals",), by=LakeOutageError("the lake does not answer"))
    watched.instance.update_instigator_state(state("watch", InstigatorStatus.STOPPED))
    found = looked_at(watched)
    assert found["sensor arrivals"][1].endswith("UTC: the lake does not answer")
    assert found["sensors"] == (False, "watch switched off; switch on again in the web page, under Automation")


def test_a_code_server_that_does_not_answer_is_named(watched: World) -> None:
    beat(watched)
    for name in NAMES:
        ticked(watched, name, ago=600)
    is_good, says = looked_at(watched)["code server"]
    assert not is_good
    assert says.endswith("the code server does not answer, or cannot load; restart it")


def test_runs_that_are_queued_for_long_are_counted(watched: World, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = RemoteJobOrigin(state("arrivals").origin.repository_origin, "pipeline")
    job = dg.GraphDefinition(name="pipeline").to_job()
    watched.instance.create_run_for_job(job, status=dg.DagsterRunStatus.QUEUED, remote_job_origin=origin)
    assert looked_at(watched)["queue"][0], "it has only come"
    monkeypatch.setattr("advisory_perf.operations.daemon_health.QUEUED_FOR", timedelta(seconds=-5))
    is_good, says = looked_at(watched)["queue"]
    assert not is_good
    assert says.startswith("queued for more than a quarter of an hour: 1 of pipeline, the first since 20")
