"""The file that a monitor outside watches."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from advisory_perf.errors import SettingsError
from advisory_perf.monitoring.heartbeat import Heartbeat, health_of, read_heartbeat, write_heartbeat

NOW = datetime(2025, 4, 1, 12, 0, tzinfo=UTC)
RED = Heartbeat(NOW, {"arrivals": "the lake does not answer"}, "the warehouse does not answer")


def test_a_heartbeat_reads_back_and_tells_a_monitor_whether_all_is_well(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "heartbeat.json"
    for heartbeat, is_healthy in ((Heartbeat(NOW), True), (RED, False)):
        write_heartbeat(path, heartbeat)
        assert read_heartbeat(path) == heartbeat
        content = json.loads(path.read_text())
        assert (content["beat_at"], content["is_healthy"]) == ("2025-04-01T12:00:00+00:00", is_healthy)
    assert [file.name for file in path.parent.iterdir()] == ["heartbeat.json"]


def test_health_is_what_the_heartbeat_says_as_long_as_it_is_young() -> None:
    assert health_of(Heartbeat(NOW), now=NOW + timedelta(minutes=3)).says == ()
    assert health_of(RED, now=NOW).says == ("the sensor arrivals fails: the lake does not answer", "the warehouse does not answer")
    late = health_of(Heartbeat(NOW), now=NOW + timedelta(minutes=3, seconds=1))
    assert (late.is_healthy, late.says) == (
        False,
        ("the last heartbeat was at 2025-04-01 12:00 UTC: start the daemon and the code server",),
    )
    assert not health_of(None, now=NOW).is_healthy


def test_what_cannot_be_written_or_read_is_said_with_what_to_set(tmp_path: Path) -> None:
    assert read_heartbeat(tmp_path / "none.json") is None
    (tmp_path / "file").write_text("{")
    with pytest.raises(SettingsError, match="set ADVISORY_PERF_HEARTBEAT_FILE"):
        write_heartbeat(tmp_path / "file" / "heartbeat.json", RED)
    with pytest.raises(SettingsError, match="remove it, and it is written again"):
        read_heartbeat(tmp_path / "file")
