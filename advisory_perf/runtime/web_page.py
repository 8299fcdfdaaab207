"""Dagster's web page behind our guard, in this process. It reaches the code server through the workspace file that names it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from dagster import __version__
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from starlette.applications import Starlette
from starlette.types import ASGIApp

from advisory_perf.errors import SettingsError
from advisory_perf.runtime.hosts import Hosts, answers_at, is_free
from advisory_perf.runtime.installation import Installation
from advisory_perf.runtime.web_guard import MOST_BYTES, Guard

_STATEMENT_MILLISECONDS, _POOL_SECONDS, _POOL_OVERFLOW = 15_000, 3_600, 20
"""Dagster's own defaults for its page: statements of its storage, and the life and number of connections."""

_POLL_MILLISECONDS = 2_000
_GOODBYE_SECONDS = 3


def serve_page(installation: Installation, workspace: Path, *, host: str, port: int, read_only: bool) -> None:
    """Serves the page until the process is asked to stop. SettingsError where it cannot listen, or no workspace file is there."""
    if not workspace.is_file():
        raise SettingsError(f"{workspace} names no code server; start one with `advisory-perf platform` or `dev`, or give --workspace")
    if not is_free(host, port):
        raise SettingsError(f"the page cannot listen on {host}:{port}, which is taken or not this machine's; choose another with --port")
    hosts = Hosts.of(installation.settings.page_hosts.split(","), host)
    with installation.instance() as instance:
        os.environ.update(installation.environment)
        instance.optimize_for_webserver(_STATEMENT_MILLISECONDS, _POOL_SECONDS, _POOL_OVERFLOW)
        with WorkspaceProcessContext(
            instance, WorkspaceFileTarget([str(workspace)]), version=__version__, read_only=read_only, code_server_log_level="WARNING"
        ) as context:
            app = guarded(context, hosts, read_only=read_only)
            uvicorn.Server(as_served(app, host=host, port=port)).run()


def as_served(app: ASGIApp, *, host: str, port: int) -> uvicorn.Config:
    """How the page is served: forwarding headers are not believed, and open connections do not keep it from ending."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GOODBYE_SECONDS,
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
    )


def guarded(context: "WorkspaceProcessContext", hosts: Hosts, *, read_only: bool) -> ASGIApp:
    """Dagster's own application behind the guard."""
    app = create_app_from_workspace_process_context(context, "", _POLL_MILLISECONDS, lifespan=_lifespan)
    return Guard(app, hosts, read_only=read_only)


@asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    yield


def page_answers(host: str, port: int) -> bool:
    """Whether a page answers there, asked from this machine."""
    return answers_at(host, port, "/server_info")
