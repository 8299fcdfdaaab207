"""How the supervisor asks daemon and page whether they work."""

import socket
import time
from threading import Thread
from unittest.mock import Mock

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat
from sqlalchemy.exc import OperationalError

from advisory_perf.runtime.dev_server import beats
from advisory_perf.runtime.web_page import page_answers

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("seconds_ago", "expected"),
    [
        pytest.param([], False, id="it has never reported that it lives"),
        pytest.param([5], True, id="just now"),
        pytest.param([5, 4_000], True, id="one of its loops takes long"),
        pytest.param([200, 4_000], False, id="none of its loops goes round"),
    ],
)
def test_a_daemon_lives_while_one_of_its_loops_tells_so(seconds_ago: list[float], *, expected: bool) -> None:
    with dg.instance_for_test() as instance:
        for kind, seconds in zip(("SENSOR", "SCHEDULER"), seconds_ago, strict=False):
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - seconds, kind, "daemon", []))
        assert beats(instance) is expected


def test_a_daemon_is_not_blamed_for_a_storage_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.instance_for_test() as instance:
        monkeypatch.setattr(dg.DagsterInstance, "get_daemon_heartbeats", Mock(side_effect=OperationalError("", None, Exception("gone"))))
        assert beats(instance)


@pytest.mark.parametrize("says", [b"", b"no protocol at all\r\n\r\n", b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"])
def test_a_page_that_says_nothing_or_something_else_does_not_answer(monkeypatch: pytest.MonkeyPatch, says: bytes) -> None:
    monkeypatch.setattr("advisory_perf.runtime.hosts._ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if says:
            server.settimeout(60)

            def answer() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(says)

            Thread(target=answer, daemon=True).start()
        assert not page_answers("127.0.0.1", port)


def test_nobody_answers_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not page_answers("127.0.0.1", port)
