"""The sensor that watches the sensors. It needs neither the lake nor a feed, so that it works when they do not.

It notes its time and what it found in the heartbeat's file, and raises the alert. Where the warehouse does not answer no alert can be
kept, and none is sent past it, since nobody would know what was reported already: a monitor outside sees it in the file.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorTick, InstigatorType, TickStatus

from advisory_perf.alerts.model import SENSOR_RED
from advisory_perf.alerts.outbox import Outbox
from advisory_perf.errors import WarehouseError
from advisory_perf.monitoring.heartbeat import Heartbeat, write_heartbeat
from advisory_perf.monitoring.red_sensors import RedSensor, Sensor, Tick, red_sensors, sensor_alerts
from advisory_perf.orchestration.outages import causes_of
from advisory_perf.orchestration.run_history import reported_by
from advisory_perf.platform import Platform
from advisory_perf.settings import Settings

_SECONDS = 30
_TICKS = 40
"""More than a sensor has while others are patient with it."""


def heartbeat_path(settings: Settings) -> Path:
    """Where the heartbeat lies."""
    return settings.heartbeat_file or settings.home / "heartbeat.json"


def pulse_sensor(platform: Platform, watched: Iterable[dg.SensorDefinition]) -> dg.SensorDefinition:
    """Looks whether the other sensors work, notes it in the heartbeat's file, raises an alert about those that do not."""
    names = {sensor.name for sensor in watched}

    @dg.sensor(
        name="pulse",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="sees that the other sensors work, and writes the heartbeat that a monitor outside may watch",
    )
    def pulse(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now = platform.clock()
        sensors = sensors_of(context.instance)
        red = [one for one in red_sensors(sensors, now=now) if one.name in names]
        kept = tell(platform, red)
        reasons = {one.name: one.says for one in red}
        write_heartbeat(heartbeat_path(platform.settings), Heartbeat(now, reasons, str(kept) if kept else None))
        if kept is not None:
            raise kept
        return dg.SkipReason("; ".join(f"{name}: {why}" for name, why in reasons.items()) or "all sensors work")

    return pulse


def tell(platform: Platform, red: Iterable[RedSensor]) -> WarehouseError | None:
    """Raises the alerts about red sensors and resolves those that are over; gives the error where the warehouse does not take them."""
    raised = sensor_alerts(red)
    try:
        outbox = Outbox(platform.warehouse)
        keys = {alert.key for alert in raised}
        outbox.update(raised=raised, resolved=[key for key in outbox.open_keys(SENSOR_RED.name) if key not in keys])
    except WarehouseError as error:
        return error
    return None


def sensors_of(instance: dg.DagsterInstance) -> list[Sensor]:
    """Every sensor that Dagster knows, with the latest of its ticks that have ended."""
    found: dict[str, Sensor] = {}
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=_TICKS)
        sensor = Sensor(state.name, [_tick(tick) for tick in ticks if tick.status is not TickStatus.STARTED], is_on=state.is_running)
        known = found.get(sensor.name)  # an earlier code location may have had one of the same name
        if known is None or _newest(known) < _newest(sensor):
            found[sensor.name] = sensor
    return list(found.values())


def _tick(tick: InstigatorTick) -> Tick:
    at = datetime.fromtimestamp(tick.timestamp, UTC)
    if tick.status is not TickStatus.FAILURE:
        return Tick(at)
    error, says = reported_by(list(causes_of(tick.error)))
    return Tick(at, error, says)


def _newest(sensor: Sensor) -> datetime:
    return sensor.ticks[0].at if sensor.ticks else datetime.min.replace(tzinfo=UTC)
