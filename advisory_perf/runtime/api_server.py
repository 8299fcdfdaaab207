"""The REST API in a process of its own, which knows no dagster: alone by `advisory-perf serve`, and as a part of `dev`."""

import logging
import os
import signal
import sys
from typing import Any

import uvicorn

from advisory_perf.api.app import create_app
from advisory_perf.api.callers import check_address
from advisory_perf.api.service import open_service
from advisory_perf.errors import SettingsError
from advisory_perf.platform import open_platform
from advisory_perf.runtime.hosts import Hosts, answers_at, is_free
from advisory_perf.runtime.installation import Installation
from advisory_perf.settings import Settings

_GOODBYE_SECONDS = 20
"""In which answers that have begun are ended; an export that takes longer is cut, and its client sees that."""


def serve_api(installation: Installation, *, host: str, port: int, workers: int) -> None:
    """Serves until the process is asked to stop. SettingsError where it cannot listen, or would listen to anybody anywhere."""
    check_address(installation.settings, host)
    if not is_free(host, port):
        raise SettingsError(f"the API cannot listen on {host}:{port}, which is taken or not this machine's; choose another with --port")
    os.environ.update(installation.environment)
    os.environ.update(_known_as(installation.settings, host).as_environment())
    for number in (signal.SIGINT, signal.SIGTERM):  # which uvicorn raises again once it has ended what is under way
        signal.signal(number, lambda _number, _frame: None)
    if workers == 1:
        uvicorn.Server(uvicorn.Config(application(), **_served(host, port))).run()
    else:  # each makes its own, of the environment
        uvicorn.run("advisory_perf.runtime.api_server:application", factory=True, workers=workers, **_served(host, port))


def application() -> Any:
    """The application of one worker, by the environment that ``serve_api`` has filled."""
    _log_to_stderr()
    settings = Settings()
    hosts = Hosts.of(settings.page_hosts.split(","))
    return create_app(open_service(open_platform(settings)), is_ours=hosts.has_host, has_origin=hosts.has_origin)


def api_answers(host: str, port: int) -> bool:
    """Whether the API answers there, asked from this machine."""
    return answers_at(host, port, "/health/live")


def _known_as(settings: Settings, host: str) -> Settings:
    """The settings with the address it listens on among the names it goes by, unless that is a wildcard."""
    names = Hosts.of(settings.page_hosts.split(","), host).names
    return settings.model_copy(update={"page_hosts": ",".join(sorted(names))})


def _served(host: str, port: int) -> dict[str, Any]:
    return {
        "host": host,
        "port": port,
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_graceful_shutdown": _GOODBYE_SECONDS,
    }


def _log_to_stderr() -> None:
    """A line of JSON a request, whatever the runs print."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("advisory_perf.api")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
