"""What serves: page, platform, API; what it is asked to serve, and the exit code when that ends. The serving has tests of its own."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest

from advisory_perf.errors import SettingsError
from advisory_perf.runtime.dev_server import Pages
from advisory_perf.runtime.supervisor import SupervisionError
from advisory_perf_tests.cli.commands import Outcome
from advisory_perf_tests.cli.in_process import in_process, opened
from advisory_perf_tests.orchestration.scenarios import World, a_world

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """An installation that knows acme; nothing has been delivered."""
    with a_world(tmp_path, warehouse_url) as made:
        yield made


SERVE, PAGE = "advisory_perf.runtime.dev_server.serve", "advisory_perf.runtime.web_page.serve_page"
API = "advisory_perf.runtime.api_server.serve_api"
HERE = {"host": "127.0.0.1", "port": 3000}


@pytest.mark.parametrize(
    ("arguments", "served", "expected"),
    [
        (["dev"], SERVE, {**HERE, "read_only": False, "api_port": 3001, "logs": "logs"}),
        (
            ["dev", "--port", "4000", "--api-port", "4001", "--host", "192.0.2.1"],
            SERVE,
            {"host": "192.0.2.1", "port": 4000, "read_only": False, "api_port": 4001, "logs": "logs"},
        ),
        (["platform"], SERVE, {**HERE, "read_only": True, "api_port": None, "logs": None}),
        (
            ["platform", "--allow-changes", "--port", "4000"],
            SERVE,
            {**HERE, "port": 4000, "read_only": False, "api_port": None, "logs": None},
        ),
        (["page"], PAGE, {**HERE, "read_only": True}),
        (["page", "--allow-changes", "--host", "::1"], PAGE, {"host": "::1", "port": 3000, "read_only": False}),
        (["serve"], API, {"host": "127.0.0.1", "port": 3001, "workers": 1}),
        (["serve", "--port", "4000", "--host", "::1", "--workers", "3"], API, {"host": "::1", "port": 4000, "workers": 3}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_serves_ends_with_0_or_1_and_the_page_changes_things_only_where_it_may(
    world: World, arguments: list[str], served: str, expected: dict[str, Any]
) -> None:
    home = world.platform.settings.home
    serving = Mock(side_effect=[None, SupervisionError("the daemon ended 7 times"), SettingsError("the port is taken")])
    with patch(served, serving):
        done, died, taken = (in_process(*arguments, world=world) for _ in range(3))
    assert (done.code, died.code, taken.code) == (0, 1, 1)
    assert (died.sentence, taken.sentence) == ("the daemon ended 7 times", "the port is taken")
    given = {name: home / value if name == "logs" and value else value for name, value in expected.items()}
    pages = [asdict(argument) for argument in serving.call_args.args if isinstance(argument, Pages)]
    assert {**serving.call_args.kwargs, **(pages[0] if pages else {})} == given
    if arguments[0] == "dev":
        assert f"Web page: http://{expected['host']}:{expected['port']} " in done.out
        assert f"REST API: http://{expected['host']}:{expected['api_port']}/docs " in done.out
        assert f"Logs of its parts: {home / 'logs'}\n" in done.out
    else:
        assert done.out == ""


def test_the_page_finds_the_code_server_by_the_file_that_the_platform_writes_or_that_is_named(world: World, tmp_path: Path) -> None:
    with patch(PAGE) as serving:
        in_process("page", world=world)
        in_process("page", "--workspace", tmp_path / "other.yaml", world=world)
    assert [call.args[1] for call in serving.call_args_list] == [opened(world).dagster_home / "workspace.yaml", tmp_path / "other.yaml"]


def test_what_the_supervisor_says_goes_to_stderr(world: World) -> None:
    with patch(SERVE, lambda _installation, say, _pages, **_: say("the daemon is started again")):
        assert in_process("platform", world=world) == Outcome(0, "", "advisory-perf: the daemon is started again\n")


def test_the_health_is_0_where_all_parts_answer_and_1_with_those_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Mock(side_effect=[[], ["the page does not answer"], ["the page does not answer", "nor does the daemon"]])
    monkeypatch.setattr("advisory_perf.runtime.alive.silent_parts", asked)
    outcomes = [in_process("health", "--port", "4000") for _ in range(3)]
    assert outcomes == [
        Outcome(0, "code server, daemon and web page answer\n", ""),
        Outcome(1, "", "advisory-perf: the page does not answer\n"),
        Outcome(1, "", "advisory-perf: the page does not answer; nor does the daemon\n"),
    ]
    assert asked.call_args.kwargs == {"host": "127.0.0.1", "port": 4000}
