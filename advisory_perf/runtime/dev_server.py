"""The whole platform as child processes under one supervisor: code server, daemon, web page, and the API.

The code server listens on a socket in a folder of its own that nobody else may enter, since whoever reaches it has the
warehouse's password; daemon and page find it through ``workspace.yaml`` in Dagster's home.
"""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from dagster import DagsterInstance
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient
from sqlalchemy.exc import SQLAlchemyError

from advisory_perf.api.callers import check_address
from advisory_perf.errors import SettingsError
from advisory_perf.runtime.api_server import api_answers
from advisory_perf.runtime.hosts import is_free
from advisory_perf.runtime.installation import Installation
from advisory_perf.runtime.parts import Child, EmbeddedServer, Patient, end
from advisory_perf.runtime.supervisor import Supervisor
from advisory_perf.runtime.web_page import page_answers

LOCATION = "advisory_perf"
WORKSPACE = "workspace.yaml"

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 15
_PING_SECONDS = 3
CODE_SILENCE, _DAEMON_SILENCE, _PAGE_SILENCE = 12, 120, 60
"""Seconds without an answer: sensors need the code server, the daemon tells every half a minute that it lives, a page may be busy."""

_BEAT_SECONDS = 90
_CODE_WORKERS = "32"
"""Threads of the code server: sensors that wait for a warehouse leave some for the question whether it is alive."""

_PYTHON = (sys.executable, "-P", "-W", "ignore::FutureWarning", "-m")


def serve(installation: Installation, say: Callable[[str], None], pages: "Pages", *, logs: Path | None) -> None:
    """Runs code server, daemon, page and API until this process gets SIGINT or SIGTERM; nothing of them is left then.

    Their output goes to a file each in ``logs``, or where ours goes. SupervisionError when a part keeps dying, SettingsError when
    the page cannot listen.
    """
    for name, port, option in (("page", pages.port, "--port"), ("API", pages.api_port, "--api-port")):
        if port is not None and not is_free(pages.host, port):
            raise SettingsError(
                f"the {name} cannot listen on {pages.host}:{port}, which is taken or not this machine's; choose another with {option}"
            )
    if pages.api_port is not None:
        check_address(installation.settings, pages.host)
    reported: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        reported.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="advisory_perf_") as folder, installation.instance() as instance:
        children = _children(installation, Path(folder) / "code.sock", pages, instance, logs)
        server = [EmbeddedServer(installation.server)] if installation.server is not None else []
        supervisor = Supervisor([*server, *children], say)
        try:
            while not reported:
                supervisor.look()
                time.sleep(_LOOK_SECONDS)
        finally:
            end(children, _PATIENCE_SECONDS, is_hurried=lambda: len(reported) > 1)


@dataclass(frozen=True, slots=True)
class Pages:
    """Where Dagster's page listens, and whether it only reads; where the API does, if it is a part of this."""

    host: str
    port: int
    read_only: bool
    api_port: int | None = None


def _children(installation: Installation, code: Path, pages: Pages, instance: DagsterInstance, logs: Path | None) -> list[Child]:
    workspace = installation.dagster_home / WORKSPACE
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": {"socket": str(code), "location_name": LOCATION}}]}), encoding="utf-8")
    shown = ["advisory_perf", "page", "--host", pages.host, "--port", str(pages.port), *([] if pages.read_only else ["--allow-changes"])]
    daemon = ["dagster._daemon", "run", "--workspace", str(workspace), "--log-level", "warning"]
    served = [
        "dagster",
        "api",
        "grpc",
        "--socket",
        str(code),
        "--module-name",
        "advisory_perf.orchestration.definitions",
        "--location-name",
        LOCATION,
    ]
    served += [
        "--empty-working-directory",
        "--use-python-environment-entry-point",
        "--max-workers",
        _CODE_WORKERS,
        "--log-level",
        "warning",
    ]

    def child(name: str, arguments: list[str], answers: Callable[[], bool], silence: float, *, is_needed: bool = False) -> Child:
        log = None if logs is None else logs / f"{name.replace(' ', '_')}.log"
        if log is not None:
            log.unlink(missing_ok=True)
        command = [*_PYTHON, *arguments]
        return Child(name, command, installation.environment, installation.settings.home, log, answers, silence, is_needed)

    parts = [
        child("code server", served, lambda: code_answers(code), CODE_SILENCE, is_needed=True),
        child("daemon", daemon, Patient(lambda: beats(instance), _PING_SECONDS), _DAEMON_SILENCE),
        child("web page", shown, lambda: page_answers(pages.host, pages.port), _PAGE_SILENCE),
    ]
    port = pages.api_port
    if port is not None:
        asked = ["advisory_perf", "serve", "--host", pages.host, "--port", str(port)]
        parts.append(child("API", asked, lambda: api_answers(pages.host, port), _PAGE_SILENCE))
    return parts


def beats(instance: DagsterInstance) -> bool:
    """Whether one of the daemon's loops has reported lately that it goes round, or its storage, where they tell it, does not say."""
    try:
        reported = [heartbeat.timestamp for heartbeat in instance.get_daemon_heartbeats().values()]
    except SQLAlchemyError:
        return True
    return max(reported, default=0) > time.time() - _BEAT_SECONDS


def code_answers(code: Path | str) -> bool:
    """Whether the code server at that socket answers within a few seconds."""
    try:
        DagsterGrpcClient(socket=str(code)).get_server_id(timeout=_PING_SECONDS)
    except DagsterUserCodeUnreachableError:
        return False
    return True
