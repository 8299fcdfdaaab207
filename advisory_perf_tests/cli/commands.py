"""The command as a person runs it, in a process of its own: forked from one that has imported everything and done nothing.

What a command does within its own process is the same as after a start from nothing, which takes two seconds more; ``started`` is one.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from advisory_perf_tests.environment import without_settings

COMMAND = Path(sys.executable).parent / "advisory-perf"
_PATIENCE_SECONDS = 900
_PROCESSES = get_context("forkserver")
_PROCESSES.set_forkserver_preload(
    [
        "advisory_perf.cli.main",
        "advisory_perf.runtime.in_process",
        "advisory_perf.runtime.installation",
        "pandera.polars",
        "advisory_perf_tests.frozen",
    ]
)


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line that an error is, after the command's name."""
        assert self.err.startswith("advisory-perf: "), self.err
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("advisory-perf: ").strip()


def command(*arguments: str | Path, home: Path | None = None, **environment: str | Path) -> Outcome:
    """Runs the command to its end, with nothing in the environment but what is given."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        names = [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)]
        process = _PROCESSES.Process(target=_main, args=([str(COMMAND), *map(str, arguments)], _environment(home, environment), *names))
        process.start()
        process.join(_PATIENCE_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{arguments} has not ended after {_PATIENCE_SECONDS} s")
        out.seek(0)
        err.seek(0)
        return Outcome(process.exitcode, out.read().decode(), err.read().decode())


def started(*arguments: str | Path, home: Path | None = None, **environment: str | Path) -> Outcome:
    """The same by the console script."""
    done = subprocess.run([COMMAND, *arguments], capture_output=True, check=False, env=_environment(home, environment))
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def _environment(home: Path | None, given: Mapping[str, str | Path]) -> dict[str, str]:
    reported = {name: str(value) for name, value in given.items()}
    if home is not None:
        reported["ADVISORY_PERF_HOME"] = str(home)
    return {**without_settings(), **reported, "COLUMNS": "160"}


def _main(arguments: Sequence[str], environment: dict[str, str], out: str, err: str) -> None:
    """The console script's own lines, in a fork."""
    from advisory_perf.cli.main import main

    for descriptor, name in ((1, out), (2, err)):
        opened = os.open(name, os.O_WRONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = list(arguments)
    main()


def line_with(text: str, output: str) -> str:
    """The only line of a table that holds the text."""
    (line,) = [line for line in output.splitlines() if text in line]
    return " ".join(line.replace("│", " ").split())
