"""Which sensors are red, and the alert about them: one an incident, however many sensors it keeps from their work. Pure.

A sensor is red when its ticks have failed for some minutes, or when the others tick and it does not. One that somebody switched off is not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, takewhile

from advisory_perf.alerts.model import SENSOR_RED, Alert

PATIENCE = timedelta(minutes=2)
"""So long a sensor may fail: what passes sooner, such as a restart, is nobody's work."""
SILENCE = timedelta(minutes=5)
"""So long a sensor may go without a tick while others have theirs."""
UNREACHABLE, SILENT = "DagsterUserCodeUnreachableError", "silent"
ALL_FEEDS = "all"


@dataclass(frozen=True, slots=True)
class Tick:
    """One look of a sensor that has ended; where it failed, by which error and in which words."""

    at: datetime
    error: str | None = None
    says: str = ""


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor with its latest ticks, the newest first."""

    name: str
    ticks: Sequence[Tick]
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class RedSensor:
    """A sensor that does not work, since when and why."""

    name: str
    since: datetime
    error: str
    says: str


def red_sensors(sensors: Iterable[Sensor], *, now: datetime) -> list[RedSensor]:
    """The red ones, by name."""
    on = sorted((sensor for sensor in sensors if sensor.is_on and sensor.ticks), key=lambda sensor: sensor.name)
    somebody_ticks = any(_has_ticked_for_a_while(sensor, now) for sensor in on)
    found = []
    for sensor in on:
        failures = list(takewhile(lambda tick: tick.error is not None, sensor.ticks))
        newest = sensor.ticks[0]
        if somebody_ticks and now - newest.at > SILENCE:
            found.append(RedSensor(sensor.name, newest.at, SILENT, f"the daemon has not asked it since {newest.at:%H:%M} UTC"))
        elif failures and now - failures[-1].at >= PATIENCE:
            found.append(RedSensor(sensor.name, failures[-1].at, newest.error or "", newest.says))
    return found


def _has_ticked_for_a_while(sensor: Sensor, now: datetime) -> bool:
    """Whether the daemon is up not only since a moment ago, in which it may not have come to every sensor."""
    ages = [now - tick.at for tick in sensor.ticks]
    return ages[0] < PATIENCE and any(PATIENCE <= age < SILENCE for age in ages)


def sensor_alerts(red: Iterable[RedSensor]) -> list[Alert]:
    """One alert for all sensors that fail by one kind of error, with the latest one's words."""
    by_error = sorted(red, key=lambda one: (one.error, one.name))
    return [_alert(error, list(group)) for error, group in groupby(by_error, key=lambda one: one.error)]


def _alert(error: str, red: Sequence[RedSensor]) -> Alert:
    names, since = [one.name for one in red], min(one.since for one in red)
    who = f"the sensor {names[0]} has" if len(names) == 1 else f"the sensors {', '.join(names[:-1])} and {names[-1]} have"
    return Alert(
        key=f"{SENSOR_RED.name} {error}",
        code=SENSOR_RED.name,
        severity=SENSOR_RED.severity,
        feed=ALL_FEEDS,
        vendor=ALL_FEEDS,
        since=since,
        subject=f"{SENSOR_RED.name} {', '.join(names)}",
        message=f"{who} failed since {since:%Y-%m-%d %H:%M} UTC: {red[-1].says}; {_ADVICE.get(error, _BY_ITSELF)}",
    )


_BY_ITSELF = "until that is over nothing is taken up, nothing is lost, and it goes on by itself afterwards"
_ADVICE = {UNREACHABLE: "restart the code server", SILENT: "restart the daemon"}
