"""What `advisory-perf doctor` finds out about what runs by itself: the daemon, the code server, the sensors, the queue, the heartbeat."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from advisory_perf.monitoring.heartbeat import health_of, read_heartbeat
from advisory_perf.monitoring.red_sensors import PATIENCE, SILENCE, UNREACHABLE, Sensor, red_sensors
from advisory_perf.operations.health import HealthFinding
from advisory_perf.orchestration.sensors.pulse import sensors_of

QUEUED_FOR = timedelta(minutes=15)


def daemon_health(instance: dg.DagsterInstance, heartbeat: Path, *, waiting: int, is_embedded: bool, now: datetime) -> list[HealthFinding]:
    """Findings on the daemon and, where it runs, on what depends on it.

    On one machine the daemon runs when somebody wants it to, and without it nothing is wrong unless files wait in incoming/.
    """
    alive = _daemon(instance, waiting=waiting, is_needed=waiting > 0 or not is_embedded)
    queue = _queue(instance, now)
    if not alive.says.startswith(_WORKS):
        return [alive, queue]
    sensors = sensors_of(instance)
    says = health_of(read_heartbeat(heartbeat), now=now).says
    beats = HealthFinding("heartbeat", is_good=not says, says="; ".join(says) or f"{heartbeat} is written and says that all sensors work")
    return [alive, _code_server(sensors, now), *_sensors(sensors, now), queue, beats]


_WORKS = "the daemon works"


def _daemon(instance: dg.DagsterInstance, *, waiting: int, is_needed: bool) -> HealthFinding:
    statuses = instance.get_daemon_statuses()
    dead = sorted(name for name, status in statuses.items() if not status.healthy)
    if not dead:
        return HealthFinding("daemon", is_good=True, says=f"{_WORKS}: {', '.join(sorted(statuses))} have reported")
    beats = [status.last_heartbeat.timestamp for status in statuses.values() if status.last_heartbeat]
    if len(dead) < len(statuses):
        return HealthFinding("daemon", is_good=False, says=f"the daemon runs, but its {', '.join(dead)} has stopped; restart the daemon")
    last = f"since {datetime.fromtimestamp(max(beats), UTC):%Y-%m-%d %H:%M} UTC" if beats else "and never has"
    files = f"files in incoming/: {waiting:,}" if waiting else "nothing waits in incoming/"
    says = f"the daemon does not run {last}, so that nothing is ingested by itself; {files}; start it, here by `advisory-perf dev`"
    return HealthFinding("daemon", is_good=not is_needed, says=says)


def _code_server(sensors: Iterable[Sensor], now: datetime) -> HealthFinding:
    newest = [sensor.ticks[0] for sensor in sensors if sensor.is_on and sensor.ticks]
    latest = max((tick.at for tick in newest), default=None)
    if latest is None or now - latest > SILENCE:
        since = f"since {latest:%Y-%m-%d %H:%M} UTC" if latest else "yet"
        says = f"the daemon works, but no sensor has ticked {since}: the code server does not answer, or cannot load; restart it"
        return HealthFinding("code server", is_good=False, says=says)
    if any(tick.error == UNREACHABLE and now - tick.at < PATIENCE for tick in newest):
        return HealthFinding("code server", is_good=False, says="the code server does not answer the daemon; restart it")
    return HealthFinding("code server", is_good=True, says="the code server answers the daemon")


def _sensors(sensors: Iterable[Sensor], now: datetime) -> list[HealthFinding]:
    known = list(sensors)
    findings = [
        HealthFinding(f"sensor {one.name}", is_good=False, says=f"it has failed since {one.since:%Y-%m-%d %H:%M} UTC: {one.says}")
        for one in red_sensors(known, now=now)
    ]
    off = [sensor.name for sensor in known if not sensor.is_on]
    if off:
        findings.append(
            HealthFinding(
                "sensors", is_good=False, says=f"{', '.join(off)} switched off; switch on again in the web page, under Automation"
            )
        )
    return findings or [HealthFinding("sensors", is_good=True, says=f"{len(known)} tick, and none of them fails")]


def _queue(instance: dg.DagsterInstance, now: datetime) -> HealthFinding:
    queued = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED], created_before=now - QUEUED_FOR))
    if not queued:
        return HealthFinding("queue", is_good=True, says="no run has waited in the queue for more than a quarter of an hour")
    since, jobs = min(record.create_timestamp for record in queued), sorted({record.dagster_run.job_name for record in queued})
    says = (
        f"queued for more than a quarter of an hour: {len(queued):,} of {', '.join(jobs)}, the first since {since:%Y-%m-%d %H:%M} UTC; "
        "see in the web page which runs hold their places, and end those that hang"
    )
    return HealthFinding("queue", is_good=False, says=says)
