"""When a sensor is red, and what is said of it. Times are seconds before now."""

from datetime import UTC, datetime, timedelta

import pytest

from advisory_perf.monitoring.red_sensors import RedSensor, Sensor, Tick, red_sensors, sensor_alerts

NOW = datetime(2025, 4, 1, 12, 0, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def sensor(name: str, *ticks: tuple[float, str | None], is_on: bool = True) -> Sensor:
    """Its ticks, the newest first, each with the error by which it failed."""
    return Sensor(name, [Tick(ago(seconds), error, f"{error} at {seconds}" if error else "") for seconds, error in ticks], is_on=is_on)


def red(*sensors: Sensor) -> list[str]:
    return [one.name for one in red_sensors(sensors, now=NOW)]


WORKS = sensor("works", (5, None), (125, None))


@pytest.mark.parametrize(
    ("ticks", "is_red"),
    [
        ([(5, None), (10, "LakeError")], False),
        ([(5, "LakeError"), (10, None)], False),
        ([(5, "LakeError"), (119, "LakeError"), (124, None)], False),
        ([(5, "LakeError"), (120, "LakeError"), (125, None)], True),
        ([(5, "LakeError"), (120, "WarehouseError")], True),
        ([(301, None)], True),
        ([(299, None)], False),
        ([], False),
    ],
)
def test_a_sensor_is_red_when_it_fails_for_two_minutes_or_is_silent_for_five(
    ticks: list[tuple[float, str | None]], *, is_red: bool
) -> None:
    assert red(sensor("one", *ticks), WORKS) == (["one"] if is_red else [])


def test_one_that_somebody_turned_off_is_not_red() -> None:
    assert red(sensor("one", (5, "LakeError"), (300, "LakeError"), is_on=False), sensor("two", (900, None), is_on=False), WORKS) == []


def test_after_a_pause_of_the_daemon_no_sensor_is_silent_before_it_can_have_been_asked() -> None:
    just_back = sensor("back", (1, None), (3600, None))
    assert red(just_back, sensor("not yet asked", (3600, None))) == []
    assert red(sensor("back", (1, None), (121, None), (3600, None)), sensor("not asked", (3600, None))) == ["not asked"]


def test_while_nobody_ticks_nobody_is_silent_since_the_daemon_does_not_run() -> None:
    assert red(sensor("one", (900, None)), sensor("two", (900, None))) == []


def test_sensors_that_fail_by_one_kind_of_error_are_one_incident() -> None:
    found = [RedSensor(name, ago(age), "LakeOutageError", "the lake s3://b fails") for name, age in (("arrivals", 240), ("pipelines", 300))]
    found.append(RedSensor("watch", ago(200), "KeyError", "KeyError: 'x'"))
    mistake, lake = sensor_alerts(found)
    assert (lake.key, lake.severity, lake.vendor, lake.since) == ("SENSOR_RED LakeOutageError", "CRITICAL", "all", ago(300))
    assert lake.subject == "SENSOR_RED arrivals, pipelines"
    assert lake.message == (
        "the sensors arrivals and pipelines have failed since 2025-04-01 11:55 UTC: the lake s3://b fails; until that is over nothing is "
        "taken up, nothing is lost, and it goes on by itself afterwards"
    )
    assert mistake.message.startswith("the sensor watch has failed since 2025-04-01 11:56 UTC: KeyError: 'x'; ")


def test_one_that_is_not_asked_says_what_to_restart() -> None:
    (found,) = red_sensors([sensor("one", (301, None)), WORKS], now=NOW)
    (alert,) = sensor_alerts([found])
    assert alert.message == (
        "the sensor one has failed since 2025-04-01 11:54 UTC: the daemon has not asked it since 11:54 UTC; restart the daemon"
    )
