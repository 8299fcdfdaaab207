"""Whether a running platform answers, asked from outside of it: what a container's health check asks."""

import yaml
from dagster._daemon.controller import all_daemons_live

from advisory_perf.runtime.dev_server import WORKSPACE, code_answers
from advisory_perf.runtime.installation import Installation, open_installation
from advisory_perf.runtime.web_page import page_answers
from advisory_perf.settings import Settings

_HEARTBEAT_SECONDS = 180
"""Dagster's daemons tell every 30 seconds that they live."""


def silent_parts(settings: Settings, *, host: str, port: int) -> list[str]:
    """A sentence for each of code server, daemon and web page that does not answer; none where all do."""
    with open_installation(settings, migrating=False) as installation, installation.instance() as instance:
        asked = {
            "the code server does not answer": _code_server_answers(installation),
            f"the web page does not answer on {host}:{port}": page_answers(host, port),
            f"the daemon has not been heard of for {_HEARTBEAT_SECONDS} seconds": all_daemons_live(
                instance, heartbeat_tolerance_seconds=_HEARTBEAT_SECONDS
            ),
        }
    return [sentence for sentence, answers in asked.items() if not answers]


def _code_server_answers(installation: Installation) -> bool:
    try:
        workspace = yaml.safe_load((installation.dagster_home / WORKSPACE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return all(code_answers(location["grpc_server"]["socket"]) for location in workspace["load_from"])
