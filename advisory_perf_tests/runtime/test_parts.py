"""Parts of an installation that are watched: whether a server answers, how it is started again, how children are ended."""

from unittest.mock import Mock

import psycopg
import pytest

from advisory_perf.errors import WarehouseError
from advisory_perf.runtime.parts import EmbeddedServer, end


@pytest.mark.parametrize(
    ("error", "answers"),
    [
        (None, True),
        (psycopg.errors.ConnectionTimeout("timeout expired"), False),
        (psycopg.OperationalError("connection failed: FATAL: sorry, too many clients already"), True),
        (psycopg.OperationalError("connection refused"), False),
        (WarehouseError("it does not run"), False),
    ],
    ids=["takes connections", "hangs", "says why not", "refuses", "has no address"],
)
def test_a_server_answers_where_it_takes_connections_or_says_why_not(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None, *, answers: bool
) -> None:
    connect = Mock(side_effect=error)
    monkeypatch.setattr("advisory_perf.runtime.parts.psycopg.connect", connect)
    assert EmbeddedServer(Mock(url=lambda: "an address")).answers() is answers
    assert (connect.call_args.args, connect.call_args.kwargs) == (("an address",), {"connect_timeout": 3})


def test_a_server_that_was_abandoned_is_alive_when_it_is_started_again_and_not_before() -> None:
    calls: list[str] = []
    server = Mock(is_alive=True, stop=lambda: calls.append("stop"), start=lambda: calls.append("start"))
    part = EmbeddedServer(server)
    assert (part.is_alive(), part.is_needed, part.silence) == (True, True, 12)
    part.kill()
    assert not part.is_alive()
    part.start()
    assert (part.is_alive(), calls) == (True, ["stop", "start"])
    server.is_alive = False
    assert not part.is_alive()
    server.stop = Mock(side_effect=psycopg.OperationalError("gone"))
    part.start()
    assert calls == ["stop", "start", "start"], "what has died cannot be stopped"
    server.start = Mock(side_effect=WarehouseError("no room"))
    with pytest.raises(WarehouseError, match="no room"):
        part.start()


def test_children_are_asked_to_end_the_last_one_first_and_not_waited_for_in_a_hurry() -> None:
    asked: list[str] = []
    children = [
        Mock(is_alive=lambda: True, sessions=set(), tell=lambda number, name=name: asked.append(f"{name} {number.name}")) for name in "abc"
    ]
    end(children, 3600, is_hurried=lambda: True)
    assert asked == ["c SIGTERM", "b SIGTERM", "a SIGTERM"]
