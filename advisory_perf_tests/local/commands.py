"""The command as a person runs it, in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COMMAND = Path(sys.executable).parent / "advisory-perf"


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
    """Runs the console script to its end, with nothing in the environment but what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ADVISORY_PERF_", "DAGSTER_"))}
    given = {name: str(value) for name, value in environment.items()}
    if home is not None:
        given["ADVISORY_PERF_HOME"] = str(home)
    done = subprocess.run([COMMAND, *arguments], capture_output=True, check=False, env={**kept, **given, "COLUMNS": "160"}, timeout=600)
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def line_with(text: str, output: str) -> str:
    """The only line of a table that holds the text."""
    (line,) = [line for line in output.splitlines() if text in line]
    return " ".join(line.replace("│", " ").split())
