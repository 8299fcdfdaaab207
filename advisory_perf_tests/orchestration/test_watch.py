"""What the sensors of alerts are put together of: each incident is found by a tick, reported once, and over when it is over."""

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import pytest

from advisory_perf.alerts.model import SENSOR_RED, Alert
from advisory_perf.alerts.outbox import Outbox
from advisory_perf.contracts.enums import Severity
from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.errors import ChannelError
from advisory_perf.monitoring.attempts import Tries
from advisory_perf.monitoring.red_sensors import RedSensor
from advisory_perf.orchestration.planning import pipeline_subject
from advisory_perf.orchestration.sensors import monitoring
from advisory_perf.orchestration.sensors.pulse import sensors_of, tell
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.orchestration.scenarios import A_THIRD, World, a_world, csv
from advisory_perf_tests.orchestration.test_long_attempts import an_outage

pytestmark = pytest.mark.slow

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def reported(world: World) -> str:
    """What the sensor says now."""
    said = world.tick("watch")
    assert isinstance(said, dg.SkipReason)
    return said.skip_message or ""


def open_alerts(world: World) -> list[tuple[str, str]]:
    return [(alert.code, alert.vendor) for alert in Outbox(world.platform.warehouse).alerts(only_open=True)]


def test_a_lock_that_is_held_for_an_hour_is_reported_once_until_it_is_free(world: World) -> None:
    with Locks(world.platform.warehouse) as locks:
        assert locks.take("pipeline acme")
        now = datetime.now(UTC)
        world.clock.now = now + HOUR - MINUTE
        assert reported(world) == "nothing new"
        world.clock.now = now + HOUR + MINUTE
        assert reported(world).startswith("pipeline acme: the process ")
        assert reported(world) == "nothing new"
        assert open_alerts(world) == [("TURN_HELD", "acme")]
    assert reported(world) == "nothing new"
    assert open_alerts(world) == []


def test_what_is_left_alone_in_incoming_is_reported_once_until_it_is_gone(world: World) -> None:
    nested, open_file = world.put("sub/acme_1.csv", csv(A_THIRD)), world.put("x.csv", "x", folder="nobody")
    world.clock.now = datetime.now(UTC) + HOUR + MINUTE
    with (Path(world.platform.lake.address) / open_file.path).open("a"):
        messages = reported(world)
        assert "incoming/acme/sub/acme_1.csv (it lies in a sub-folder, which its feed does not read)" in messages
        assert "incoming/nobody/x.csv (a process has it open for writing)" in messages
        assert reported(world) == "nothing new"
    assert open_alerts(world) == [("ODD_NAME", "acme"), ("ODD_NAME", "unknown")]
    reported(world)
    assert open_alerts(world) == [("ODD_NAME", "acme")]
    world.platform.lake.delete([nested.path])
    assert reported(world) == "nothing new"
    assert open_alerts(world) == []


def test_pipelines_ingestions_and_rejections_that_are_tried_in_vain_are_reported_unless_they_wait_for_a_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.ingest("acme_1.csv", csv(A_THIRD)).success
    pending = world.platform.ledger.pending("acme")
    of_d = world.put("vendor_d_1.parquet", b"PAR1", folder="vendor_d")
    strange, now = world.put("x.csv", "x", folder="nobody"), datetime.now(UTC)
    for subject in (pipeline_subject("acme", pending), delivery_id_of(of_d), delivery_id_of(strange)):
        for minutes in (70, 30, 1):
            an_outage(world, subject, now - minutes * MINUTE)
    whys = {pipeline_subject("acme", pending): "LakeOutageError", delivery_id_of(of_d): "LockHeldError", delivery_id_of(strange): "OSError"}
    monkeypatch.setattr(monitoring, "latest_failure", lambda _instance, subject: (whys[subject], f"why: {whys[subject]}"))
    messages = reported(world)
    assert "acme: no run for its pipeline has ended well since " in messages
    assert "unknown: no run for x.csv has ended well since " in messages
    assert "the last because: why: LakeOutageError; nothing is lost" in messages
    assert sorted(open_alerts(world)) == [("TRIED_FOR_LONG", "acme"), ("TRIED_FOR_LONG", "unknown")]
    assert reported(world) == "nothing new"
    world.platform.lake.delete([strange.path])
    reported(world)
    assert open_alerts(world) == [("TRIED_FOR_LONG", "acme")]


def test_a_window_waits_for_what_lies_in_its_own_vendors_folder_since_before_the_deadline(tmp_path: Path, warehouse_url: str) -> None:
    due = datetime(2025, 3, 4, 18, tzinfo=UTC)
    deadline = {"days": 1, "business_days": True, "time": "18:00", "time_zone": "UTC", "first_window": "2025-03-03"}
    with a_world(tmp_path, warehouse_url, feed={"deadline": deadline}) as world:

        def missing(after: timedelta) -> list[date | None]:
            feed = world.platform.feeds["acme"]
            found = monitoring.deadlines_of(world.platform, feed, now=due + after)
            return [alert.window for alert in found.alerts]

        other = world.put("vendor_d_1.parquet", b"PAR1", folder="vendor_d")
        os.utime(Path(world.platform.lake.address) / other.path, (0, due.timestamp() - 60))
        assert [str(day) for day in missing(30 * MINUTE)] == ["2025-03-03"]
        own = world.put("acme_1.csv", csv(A_THIRD))
        os.utime(Path(world.platform.lake.address) / own.path, (0, due.timestamp() - 60))
        assert missing(30 * MINUTE) == []
        assert [str(day) for day in missing(61 * MINUTE)] == ["2025-03-03"]


def test_a_pipeline_is_reported_with_as_many_attempts_as_the_installation_agrees_on(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_world(tmp_path, warehouse_url, attempts=5) as world:
        assert world.ingest("acme_1.csv", csv(A_THIRD)).success
        feed, failed = world.platform.feeds["acme"], [4]
        monkeypatch.setattr(monitoring, "tries_for", lambda *_, **__: Tries(failed=failed[0]))
        assert monitoring.pipeline_of(world.platform, feed, world.instance) == ([], [])
        failed[0] = 5
        ((alert,), over) = monitoring.pipeline_of(world.platform, feed, world.instance)
        assert (alert.key, over) == ("LANE_FAILED acme", [])
        assert monitoring.pipeline_of(world.platform, world.platform.feeds["vendor_d"], world.instance) == ([], ["LANE_FAILED vendor_d"])


# sending --------------------------------------------------------------------------------------------------------------


def an_alert(number: int, severity: Severity = Severity.HIGH) -> Alert:
    since = datetime(2025, 4, 1, tzinfo=UTC) + number * MINUTE
    return Alert(f"K {number}", "MISSING_FILE", severity, "acme", "acme", since, f"subject {number}", f"message {number}")


def kept(world: World) -> list[tuple[str, str | None, bool]]:
    alerts = Outbox(world.platform.warehouse).alerts(only_open=False)
    return [(alert.message, alert.last_error, alert.sent_at is not None) for alert in alerts]


def test_what_is_due_is_one_message_of_thirty_at_most_and_the_next_ones_follow(world: World) -> None:
    outbox, sent = Outbox(world.platform.warehouse), []
    outbox.update(raised=[an_alert(number) for number in range(31)])
    channel = Mock(place="a channel")
    channel.send = Mock(side_effect=lambda message: sent.append(len(message.ids)))
    now = datetime.now(UTC) + MINUTE
    counts = [monitoring.send_due(outbox, channel, least=Severity.LOW, now=now) for _ in range(3)]
    assert (counts, sent) == ([(30, None), (1, None), (0, None)], [30, 1])
    assert {(error, was_sent) for _, error, was_sent in kept(world)} == {(None, True)}


def test_what_a_channel_refuses_or_fails_at_is_kept_with_the_alert(world: World) -> None:
    outbox = Outbox(world.platform.warehouse)
    outbox.update(raised=[an_alert(1)])
    channel = Mock(place="a channel")
    channel.send = Mock(side_effect=ChannelError("it answered 500"))
    now = datetime.now(UTC) + MINUTE
    with pytest.raises(ChannelError, match="it answered 500"):
        monitoring.send_due(outbox, channel, least=Severity.LOW, now=now)
    assert kept(world) == [("message 1", "it answered 500", False)]
    channel.send = Mock(return_value="it refused Ann")
    assert monitoring.send_due(outbox, channel, least=Severity.LOW, now=now + HOUR) == (1, "it refused Ann")
    assert kept(world) == [("message 1", "it refused Ann", True)]


@pytest.mark.parametrize(
    ("least", "sent"), [("LOW", ["LOW", "MEDIUM", "HIGH", "CRITICAL"]), ("HIGH", ["HIGH", "CRITICAL"]), ("CRITICAL", ["CRITICAL"])]
)
def test_the_sensor_sends_what_is_as_severe_as_the_installation_wants(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch, least: str, sent: Sequence[str]
) -> None:
    channel = Mock(place="a channel")
    channel.send = Mock(return_value=None)
    chosen = Mock(return_value=channel)
    monkeypatch.setattr(monitoring, "channel_of", chosen)
    with a_world(tmp_path, warehouse_url, alerts_url="https://hooks.example.com/x", alerts_severity=least) as world:
        severities = [Severity(one) for one in ("LOW", "MEDIUM", "HIGH", "CRITICAL")]
        Outbox(world.platform.warehouse).update(raised=[an_alert(number, severity) for number, severity in enumerate(severities)])
        world.clock.now = datetime.now(UTC) + MINUTE
        assert world.tick("alerts").skip_message == f"sent {len(sent)} alerts to a channel"
        was_sent = {alert.severity for alert in Outbox(world.platform.warehouse).alerts(only_open=False) if alert.sent_at}
        assert (was_sent, chosen.call_args.args) == (set(sent), ("https://hooks.example.com/x",))


# the pulse ------------------------------------------------------------------------------------------------------------


def test_an_incident_of_sensors_is_over_when_it_is_reported_no_more(world: World) -> None:
    since = datetime(2025, 4, 1, tzinfo=UTC)
    lake, code = RedSensor("arrivals", since, "LakeError", "it fails"), RedSensor("pipelines", since, "KeyError", "it fails")
    for red, keys in (([lake, code], ["SENSOR_RED KeyError", "SENSOR_RED LakeError"]), ([lake], ["SENSOR_RED LakeError"]), ([], [])):
        assert tell(world.platform, red) is None
        assert sorted(Outbox(world.platform.warehouse).open_keys(SENSOR_RED.name)) == keys


def test_of_two_sensors_of_one_name_the_one_that_ticked_last_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier code location may have had the other."""

    def state(number: int, *, is_running: bool = True) -> Mock:
        made = Mock(instigator_origin_id=f"o{number}", selector_id=f"s{number}", is_running=is_running)
        made.name = "arrivals"
        return made

    ticks = {"o1": [Mock(timestamp=100.0, error=None)], "o2": [Mock(timestamp=200.0, error=None)], "o3": []}
    for order in ((1, 2, 3), (3, 2, 1), (2, 1, 3)):
        monkeypatch.setattr(dg.DagsterInstance, "all_instigator_state", lambda *_, order=order, **__: [state(one) for one in order])
        monkeypatch.setattr(dg.DagsterInstance, "get_ticks", lambda _self, origin, *_, **__: ticks[origin])
        (found,) = sensors_of(world.instance)
        assert [tick.at.timestamp() for tick in found.ticks] == [200.0], order
