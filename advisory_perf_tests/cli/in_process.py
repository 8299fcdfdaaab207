"""The command in this process: its real lines, on the stores and the Dagster instance of a world, without a server of its own."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import dagster as dg

from advisory_perf.cli import progress
from advisory_perf.cli.main import main
from advisory_perf.runtime.in_process import Outcome as Done
from advisory_perf.runtime.installation import Installation
from advisory_perf.settings import Settings
from advisory_perf_tests.cli.commands import Outcome
from advisory_perf_tests.environment import without_settings
from advisory_perf_tests.orchestration.scenarios import World

OPENING = "advisory_perf.runtime.installation.open_installation"


@dataclass(frozen=True, slots=True)
class Opened(Installation):
    """An installation whose Dagster instance is the world's."""

    own: dg.DagsterInstance | None = None

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The world's."""
        assert self.own is not None
        yield self.own


def opened(world: World) -> Opened:
    """The world as an installation."""
    settings = world.platform.settings
    return Opened(settings, settings.home / "dagster", None, world.instance)


def _opening(world: World) -> Callable[..., object]:
    @contextmanager
    def open_it(
        _settings: Settings, *, migrating: bool = True, checking: bool | None = None, for_dagster: bool = True
    ) -> Iterator[Installation]:
        yield opened(world)

    return open_it


def in_process(*arguments: str | Path, world: World | None = None, **environment: str | Path) -> Outcome:
    """Runs the command to its end, with nothing of ours in the environment but what is given."""
    given = {name: str(value) for name, value in environment.items()}
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code: object = 0
    with ExitStack() as stack:
        if world is not None:
            settings = world.platform.settings
            given = {"ADVISORY_PERF_HOME": str(settings.home), "ADVISORY_PERF_FEEDS_DIR": str(settings.feeds_dir), **given}
            stack.enter_context(patch(OPENING, _opening(world)))
        stack.enter_context(patch.dict(os.environ, {**without_settings(), **given, "COLUMNS": "160"}, clear=True))
        stack.enter_context(patch.object(sys, "argv", ["advisory-perf", *map(str, arguments)]))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int), code
    return Outcome(code, *(text.buffer.getvalue().decode() for text in (out, err)))


def done_by(world: World, *arguments: str | Path) -> tuple[Outcome, Done]:
    """The same for a command that runs pipelines, with what they made of the deliveries."""
    seen: list[Done] = []
    doing = "replay" if "replay" in arguments else "run_files"
    real: Callable[..., Done] = getattr(progress, doing)

    def noted(*given: object, **reported: object) -> Done:
        seen.append(real(*given, **reported))
        return seen[-1]

    with patch.object(progress, doing, noted):
        outcome = in_process(*arguments, world=world)
    (done,) = seen or [Done([], [])]
    return outcome, replace(done)
