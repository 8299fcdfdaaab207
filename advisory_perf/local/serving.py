"""The web page, the daemon and the code location as one child process, stopped the way Dagster wants to be stopped."""

import signal
import subprocess
import sys
from types import FrameType

from advisory_perf.local.installation import ROOT, Installation

_PATIENCE_SECONDS = 30


def serve(installation: Installation, *, host: str, port: int) -> int:
    """Runs `dagster dev` until it ends or this process is told to stop; gives its exit code, 0 when it was told.

    The child has a session of its own, so that a Ctrl-C reaches it once, as the SIGINT that it winds down on.
    """
    command = [
        sys.executable,
        "-W",
        "ignore::FutureWarning",
        "-m",
        "dagster",
        "dev",
        "-w",
        str(ROOT / "workspace.yaml"),
        "-h",
        host,
        "-p",
        str(port),
    ]
    command += ["--log-level", "warning", "--code-server-log-level", "warning"]
    told: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        child.send_signal(signal.SIGINT)

    child = subprocess.Popen(  # noqa: S603 - our own command
        command,
        env=installation.environment,
        cwd=installation.settings.home,
        start_new_session=True,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509 - no thread has been started yet
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    while child.poll() is None:
        try:
            child.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            if told:
                child.kill()
    return 0 if told else int(child.returncode)


def _heed_interrupts() -> None:
    """A shell that starts this in the background has SIGINT ignored, which children would inherit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
