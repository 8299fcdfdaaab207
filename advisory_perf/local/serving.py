"""The whole platform as three child processes under one supervisor: code server, daemon, web page.

The code server listens on a socket in a folder of its own that nobody else may enter, since whoever reaches it has the
warehouse's password; daemon and page find it through ``workspace.yaml`` in Dagster's home.
"""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient

from advisory_perf.errors import SettingsError
from advisory_perf.local.installation import Installation
from advisory_perf.local.page import is_free
from advisory_perf.local.parts import Child, EmbeddedServer, end
from advisory_perf.local.supervising import Supervisor

LOCATION = "advisory_perf"
WORKSPACE = "workspace.yaml"

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 15
_PING_SECONDS = 3
_CODE_WORKERS = "32"
"""Threads of the code server: sensors that wait for a warehouse leave some for the question whether it is alive."""

_PYTHON = (sys.executable, "-P", "-W", "ignore::FutureWarning", "-m")


def serve(installation: Installation, say: Callable[[str], None], *, host: str, port: int, read_only: bool, logs: Path | None) -> None:
    """Runs code server, daemon and page until this process gets SIGINT or SIGTERM; nothing of them is left then.

    Their output goes to a file each in ``logs``, or where ours goes. SupervisionError when a part keeps dying, SettingsError when
    the page cannot listen.
    """
    if not is_free(host, port):
        raise SettingsError(f"the page cannot listen on {host}:{port}, which is taken or not this machine's; choose another with --port")
    told: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        told.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="advisory_perf_") as folder:
        children = _children(installation, Path(folder) / "code.sock", host=host, port=port, read_only=read_only, logs=logs)
        server = [EmbeddedServer(installation.server)] if installation.server is not None else []
        supervisor = Supervisor([*server, *children], say)
        try:
            while not told:
                supervisor.look()
                time.sleep(_LOOK_SECONDS)
        finally:
            end(children, _PATIENCE_SECONDS, is_hurried=lambda: len(told) > 1)


def _children(installation: Installation, code: Path, *, host: str, port: int, read_only: bool, logs: Path | None) -> list[Child]:
    workspace = installation.dagster_home / WORKSPACE
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": {"socket": str(code), "location_name": LOCATION}}]}), encoding="utf-8")
    page = ["advisory_perf", "page", "--host", host, "--port", str(port), *([] if read_only else ["--allow-changes"])]
    daemon = ["dagster._daemon", "run", "--workspace", str(workspace), "--log-level", "warning"]
    served = ["dagster", "api", "grpc", "--socket", str(code), "--module-name", "advisory_perf.definitions", "--location-name", LOCATION]
    served += [
        "--empty-working-directory",
        "--use-python-environment-entry-point",
        "--max-workers",
        _CODE_WORKERS,
        "--log-level",
        "warning",
    ]

    def child(name: str, arguments: list[str], answers: Callable[[], bool] | None = None) -> Child:
        log = None if logs is None else logs / f"{name.replace(' ', '_')}.log"
        if log is not None:
            log.unlink(missing_ok=True)
        made = Child(name, [*_PYTHON, *arguments], installation.environment, installation.settings.home, log)
        made.answers = answers or made.answers
        return made

    return [child("code server", served, lambda: code_answers(code)), child("daemon", daemon), child("web page", page)]


def code_answers(code: Path | str) -> bool:
    """Whether the code server at that socket answers within a few seconds."""
    try:
        DagsterGrpcClient(socket=str(code)).get_server_id(timeout=_PING_SECONDS)
    except DagsterUserCodeUnreachableError:
        return False
    return True
