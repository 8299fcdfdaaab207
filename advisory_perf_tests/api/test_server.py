"""`advisory-perf serve`, for real: in a process of its own, while the warehouse dies and comes back, and until it is asked to stop."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any

import psycopg
import pytest

from advisory_perf.runtime.api_server import api_answers
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.warehouse.migrations import migrate
from advisory_perf.warehouse.roles import Role
from advisory_perf_tests.cli.commands import command
from advisory_perf_tests.environment import without_settings
from advisory_perf_tests.ports import free_ports

pytestmark = pytest.mark.slow

_PATIENCE = 60


def asked(address: str, path: str) -> tuple[int, dict[str, Any], Message]:
    """Status, body and headers of an answer."""
    try:
        with urllib.request.urlopen(f"{address}{path}", timeout=30) as answer:  # noqa: S310 - our own server
            return answer.status, json.loads(answer.read()), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), error.headers


def until(condition: Any, what: str) -> None:
    """Until it holds."""
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@contextmanager
def serving(server: EmbeddedPostgres, folder: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The command beside a warehouse that is not its own; gives its address."""
    (port,) = free_ports(1)
    addresses = {
        "ADVISORY_PERF_WAREHOUSE_URL": server.url(user=Role.WRITER),
        "ADVISORY_PERF_READER_URL": server.url(user=Role.READER),
        "ADVISORY_PERF_DESK_URL": server.url(user=Role.DESK),
    }
    words = ["-P", "-m", "advisory_perf", "--home", str(folder / "home"), "serve", "--port", str(port), *arguments]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *words], env={**without_settings(), **addresses}, stdout=log, stderr=log)
    try:
        until(lambda: api_answers("127.0.0.1", port) or process.poll() is not None, "it answers")
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


def test_it_answers_in_words_while_the_warehouse_is_away_and_recovers_by_itself(server_home: Path, tmp_path: Path) -> None:
    with EmbeddedPostgres(server_home) as server:
        migrate(server.url())
        with serving(server, tmp_path) as (address, process):
            met: Counter[int] = Counter()
            is_over = threading.Event()

            def ask() -> None:
                while not is_over.is_set():
                    met[asked(address, "/api/vendors")[0]] += 1

            askers = [threading.Thread(target=ask) for _ in range(4)]
            for asker in askers:
                asker.start()
            until(lambda: met[200] > 20, "answers come")
            postmaster = int((server_home / "postgres" / "postmaster.pid").read_text().split()[0])
            os.kill(postmaster, signal.SIGKILL)
            until(lambda: met[503] > 5, "503 comes")
            status, body, headers = asked(address, "/health/ready")
            assert (status, body["status"], body["data"]["code"], headers["Retry-After"]) == (503, "error", "WAREHOUSE_OUTAGE", "5")
            assert body["message"].startswith(
                "the warehouse is away or busy; ask again in some seconds; an operator finds it in the log by "
            )
            assert asked(address, "/health/live")[0] == 200
            server.stop()
            server.start()
            before = met[200]
            until(lambda: asked(address, "/health/ready")[0] == 200 and met[200] > before + 20, "it recovers")
            is_over.set()
            for asker in askers:
                asker.join(60)
            assert set(met) == {200, 503}, met
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        lines = (tmp_path / "log").read_text().splitlines()
        said = [json.loads(line) for line in lines if line.startswith("{")]
        assert {one["path"] for one in said if "path" in one} >= {"/api/vendors", "/health/ready"}
        (left_out, *_) = [one["says"] for one in said if one["request_id"] == body["metadata"]["request_id"] and "says" in one]
        assert re.search(r"the warehouse at .* (cannot be reached|broke off)", left_out)
        assert "Traceback" not in "\n".join(lines)


def test_what_is_being_answered_is_answered_before_it_ends(server_home: Path, tmp_path: Path) -> None:
    with EmbeddedPostgres(server_home) as server:
        migrate(server.url())
        with serving(server, tmp_path) as (address, process), psycopg.connect(server.url()) as migration, ThreadPoolExecutor(1) as askers:
            migration.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
            asking = askers.submit(asked, address, "/api/accounts")
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            assert not asking.done()
            migration.rollback()
            assert asking.result(30)[0] == 200
            assert process.wait(30) == 0


def test_several_workers_answer_at_one_address(server_home: Path, tmp_path: Path) -> None:
    with EmbeddedPostgres(server_home) as server:
        migrate(server.url())
        with serving(server, tmp_path, "--workers", "2") as (address, process):
            assert {asked(address, "/api/vendors")[0] for _ in range(10)} == {200}
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def test_nobody_is_let_in_from_elsewhere_unless_it_is_known_who_asks(tmp_path: Path) -> None:
    outcome = command("serve", "--host", "0.0.0.0", home=tmp_path / "home")  # noqa: S104 - refused
    assert outcome.code == 1
    assert "ADVISORY_PERF_API_AUTH is none, with which the API listens on loopback only and not on 0.0.0.0" in outcome.err
