"""The sensors of alerts through Dagster itself, with a real warehouse and a real receiver."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from advisory_perf.alerts.outbox import KeptAlert, Outbox
from advisory_perf.errors import ChannelError, LakeError, SettingsError
from advisory_perf.lake.objects import LakeFile
from advisory_perf.lake.store import Lake
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf_tests.alerts.receivers import Webhook, a_mail_server, a_webhook
from advisory_perf_tests.orchestration.scenarios import A_THIRD, World, a_world, changed_pipelines, csv, days

pytestmark = pytest.mark.slow

(THIRD,) = days(3)
NO_ANSWER = "the webhook at http://127.0.0.1:{} answered 500"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A receiver that answers 500 twice, and then 200."""
    with a_webhook(500, 500) as made:
        yield made


@pytest.fixture
def noisy(tmp_path: Path, warehouse_url: str, webhook: Webhook) -> Iterator[World]:
    """An installation that sends its alerts to the receiver, of whatever severity."""
    with a_world(tmp_path, warehouse_url, alerts_url=webhook.url(), alerts_severity="LOW") as made:
        yield made


def alerts(world: World, *, only_open: bool = False) -> list[KeptAlert]:
    return Outbox(world.platform.warehouse).alerts(only_open=only_open)


def skipped(world: World, sensor: str) -> str:
    """Why the sensor asks for nothing."""
    said = world.tick(sensor)
    assert isinstance(said, dg.SkipReason)
    return said.skip_message or ""


# sending --------------------------------------------------------------------------------------------------------------


def test_what_the_channel_does_not_take_makes_the_sensor_red_and_is_sent_again_until_it_does(noisy: World, webhook: Webhook) -> None:
    now = datetime.now(UTC) + timedelta(minutes=1)
    noisy.ingest("acme_1.csv", "no,header\n1,2\n")
    for wait in (30, 60):
        noisy.clock.now = now
        with pytest.raises(ChannelError, match="answered 500"):
            noisy.tick("alerts")
        (alert,) = alerts(noisy)
        assert (alert.sent_at, alert.last_error) == (None, NO_ANSWER.format(webhook.port))
        assert skipped(noisy, "alerts") == "nothing is due", "it waits before it is tried again"
        now += timedelta(seconds=wait)
    noisy.clock.now = now
    assert skipped(noisy, "alerts") == f"sent 1 alerts to http://127.0.0.1:{webhook.port}"
    assert skipped(noisy, "alerts") == "nothing is due"
    (alert,) = alerts(noisy)
    assert (alert.attempts, alert.last_error, alert.sent_at is None) == (3, None, False)
    assert webhook.ids == [[alert.id]] * 3, "a receiver that took it twice could tell by its id"


def test_a_bad_day_is_one_message(noisy: World, webhook: Webhook) -> None:
    webhook.answers.clear()
    for number in range(4):
        noisy.ingest(f"acme_{number}.csv", f"no,header\n{number},2\n")
    noisy.clock.now = datetime.now(UTC) + timedelta(minutes=1)
    skipped(noisy, "alerts")
    (body,) = webhook.bodies
    assert body["text"].startswith("*4 alerts: E_HEADER_MISSING acme (4)*\n")
    assert len(body["alerts"]) == 4


def test_a_mail_that_one_of_two_recipients_takes_is_sent_once_and_its_alert_names_the_other(tmp_path: Path, warehouse_url: str) -> None:
    with a_mail_server(refused=["boss@example.com"]) as server:
        url = f"smtp://127.0.0.1:{server.port}/?from=perf@example.com&to=desk@example.com,boss@example.com"
        with a_world(tmp_path, warehouse_url, alerts_url=url) as world:
            world.ingest("acme_1.csv", "no,header\n1,2\n")
            assert skipped(world, "alerts").startswith("sent 1 alerts to ")
            (alert,) = alerts(world)
    assert alert.sent_at is not None
    assert "refused boss@example.com" in (alert.last_error or "")
    assert len(server.letters) == 1


def test_without_a_channel_alerts_only_wait(world: World) -> None:
    world.ingest("acme_1.csv", "no,header\n1,2\n")
    assert skipped(world, "alerts") == "no channel is set: alerts are only kept in the table alerts"
    assert [alert.attempts for alert in alerts(world)] == [0]


def test_an_address_that_names_no_channel_makes_the_sensor_red_and_no_load_fails(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, alerts_url="hooks.slack.com/services/secret") as world:
        assert world.ingest("acme_1.csv", csv(A_THIRD)).success
        assert world.run_pipeline(THIRD, THIRD).success
        assert skipped(world, "watch") == "nothing new"
        with pytest.raises(SettingsError, match="names no channel") as raised:
            world.tick("alerts")
        assert "secret" not in str(raised.value)


# what is raised -------------------------------------------------------------------------------------------------------


def test_a_pipeline_that_failed_as_often_as_agreed_is_one_alert_until_everything_is_published(world: World) -> None:
    def without_flows(computed: Any) -> Any:
        return replace(computed, rows=computed.rows.with_columns(net_flow=None))

    world.ingest("acme_1.csv", csv(A_THIRD))
    pipelines = changed_pipelines("net_flows", without_flows)
    blocked = World(world.platform, build_definitions(world.platform.settings, pipelines=pipelines), world.instance)
    for _ in range(3):
        assert alerts(world) == []
        (request,) = blocked.tick("pipelines").run_requests
        assert not blocked.run_request(request).success
        assert skipped(world, "watch") == "nothing new"
    (alert,) = alerts(world)
    assert (alert.code, alert.severity, alert.vendor, alert.subject) == ("LANE_FAILED", "CRITICAL", "acme", "LANE_FAILED acme")
    assert alert.message.startswith("acme: its pipeline failed 3 times, the last time because: ")
    assert "net_flows_schema" in alert.message
    skipped(world, "watch")
    world.ingest("acme_2.csv", csv(A_THIRD.replace("A,", "C,")))
    skipped(world, "watch")
    assert alerts(world, only_open=True) == [alert], "another delivery is another chance, and the incident is not over"
    world.run_pending_pipeline()
    skipped(world, "watch")
    assert alerts(world, only_open=True) == []
    assert len(alerts(world)) == 1


@pytest.mark.parametrize(("folder", "vendor", "runs"), [("acme", "acme", 6), ("nobody", "unknown", 3)])
def test_a_file_that_can_be_neither_ingested_nor_abandoned_is_reported_until_it_leaves_incoming(
    world: World, monkeypatch: pytest.MonkeyPatch, folder: str, vendor: str, runs: int
) -> None:
    def refused(_lake: Lake, listed: LakeFile) -> bytes:
        raise LakeError(f"the lake refuses to read {listed.path}")

    file = world.put("acme_1.csv", csv(A_THIRD), folder)
    with monkeypatch.context() as patched:
        patched.setattr(Lake, "read_listed", refused)
        for _ in range(runs):
            assert skipped(world, "watch") == "nothing new"
            (request,) = world.tick("arrivals").run_requests
            assert not world.run_request(request).success
        assert world.tick("arrivals").run_requests == []
    assert f"because: the lake refuses to read {file.path}; it stays as {file.path}; " in skipped(world, "watch")
    assert skipped(world, "watch") == "nothing new"
    (alert,) = alerts(world, only_open=True)
    assert (alert.code, alert.severity, alert.vendor, alert.since) == ("STUCK_FILE", "CRITICAL", vendor, file.modified)
    world.platform.lake.delete([file.path])
    skipped(world, "watch")
    assert alerts(world, only_open=True) == []
    assert len(alerts(world)) == 1


def test_while_the_lake_does_not_answer_nothing_is_called_missing(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_lake: Lake, prefix: str) -> list[Any]:
        raise LakeError(f"the lake fails at listing {prefix}")

    deadline = {"days": 1, "business_days": True, "time": "18:00", "time_zone": "UTC", "first_window": "2025-03-03"}
    with a_world(tmp_path, warehouse_url, feed={"deadline": deadline}) as world:
        world.clock.now = datetime(2025, 3, 4, 18, tzinfo=UTC)
        with monkeypatch.context() as patched:
            patched.setattr(Lake, "files", unreachable)
            with pytest.raises(LakeError, match="fails at listing"):
                world.tick("watch")
        assert alerts(world) == []
        assert skipped(world, "watch").startswith("acme: nothing has been ingested for 2025-03-03, ")
        assert skipped(world, "watch") == "nothing new"
        assert [(alert.code, alert.window_start) for alert in alerts(world)] == [("MISSING_FILE", THIRD)]


def test_months_have_deadlines_too(tmp_path: Path, warehouse_url: str) -> None:
    deadline = {"days": 5, "business_days": True, "time": "18:00", "time_zone": "America/New_York", "first_window": "2025-01-01"}
    with a_world(tmp_path, warehouse_url, feed={"cadence": "monthly", "deadline": deadline}) as world:
        assert world.ingest("acme_1.csv", csv("A,2025-01-31,100.00,0.00,0.00,10.00,110.00,0.10000", A_THIRD)).success
        world.clock.now = datetime(2025, 3, 7, 22, 59, tzinfo=UTC)
        assert "acme, acme_1.csv: came " in skipped(world, "watch"), "January's file came with March's, long after 7 February"
        world.clock.now = datetime(2025, 3, 7, 23, tzinfo=UTC)
        assert skipped(world, "watch").startswith("acme: nothing has been ingested for 2025-02, which was due by 2025-03-07 18:00 ")
        assert [(alert.code, str(alert.window_start)) for alert in alerts(world)] == [
            ("LATE_FILE", "2025-01-01"),
            ("MISSING_FILE", "2025-02-01"),
        ]
