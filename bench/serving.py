"""The REST API over millions of published rows in 120 monthly partitions: every endpoint beside its own SQL, all in this one run.

The rows are made by the server itself. The API runs in a process of its own, as `advisory-perf serve`; what an endpoint's SQL takes is
measured within the same reading functions, called without HTTP.
"""

import argparse
import gzip
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql
from starlette.testclient import TestClient

from advisory_perf.api.app import create_app
from advisory_perf.api.service import open_service
from advisory_perf.platform import open_platform
from advisory_perf.settings import Settings
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.warehouse.migrations import migrate
from advisory_perf.warehouse.reading.snapshot import Snapshot
from advisory_perf.warehouse.roles import Role
from bench.serving_rows import FIRST, MONTHS, make_vendor

LAST = "2024-12-31"
_ROUNDS = 40


def main() -> None:
    """Makes the rows, measures, prints."""
    parser = argparse.ArgumentParser(prog="bench.serving", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    accounts = parser.parse_args().rows // MONTHS
    with tempfile.TemporaryDirectory() as name, EmbeddedPostgres(Path(name) / "home") as server:
        migrate(server.url())
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET autovacuum = off")
            connection.execute("SELECT pg_reload_conf()")
        feeds = Path(name) / "feeds"
        feeds.mkdir()
        text = FEED.read_text(encoding="utf-8").replace("vendor: bulk", "vendor: many").replace("cadence: daily", "cadence: monthly")
        (feeds / "many.yaml").write_text(text, encoding="utf-8")
        settings = _settings(server, Path(name) / "home", feeds)
        for vendor in ("one", "many"):
            make_vendor(server.url(), vendor, accounts)
        print(f"{2 * accounts * MONTHS:,} rows: one file of {accounts * MONTHS:,}, and {MONTHS} of {accounts:,}")
        with _served(settings) as port:
            before = _compare_endpoints(settings, port, accounts)
            _compare_pages(port, accounts)
            _compare_unchanged(port)
            _compare_exports(server.url(), port)
        with _served(settings, "--workers", "2") as port:
            _compare_clients(port)
        for vendor in ("third", "fourth", "fifth"):
            make_vendor(server.url(), vendor, accounts)
        with _served(settings) as port:
            after = _median(lambda: _get(_connection(port), DASHBOARD))
        print(f"\n/api/dashboard/summary at 5 vendors beside 2: {after / before:.2f}   (aim 1.5)")


DASHBOARD = "/api/dashboard/summary"
FEED = Path(__file__).parent / "feeds" / "bulk.yaml"


def _endpoints() -> dict[str, str]:
    one = quote("one", safe="")
    return {
        "vendors": "/api/vendors",
        "files of a vendor": "/api/vendors/many/files",
        "file": f"/api/files/{one}/details",
        "rows of a file of all": f"/api/files/{one}/data",
        "rows of a month's file": "/api/files/many-2019-06-30/data",
        "reconciliation of a file": "/api/reconciliation/many-2019-06-30",
        "account": "/api/accounts/A000042?vendor=many",
        "accounts": "/api/accounts?vendor=many",
        "returns of an account": "/api/accounts/A000042/returns?vendor=many",
        "breaks": "/api/breaks",
        "one number": "/api/lineage/many/A000042/2019-06-30",
        "dashboard": DASHBOARD,
        "dashboard of ten years": f"{DASHBOARD}?date_range={FIRST}/{LAST}",
        "quality of ten years": f"/api/quality/score?date_range={FIRST}/{LAST}",
    }


def _compare_endpoints(settings: Settings, port: int, accounts: int) -> float:
    """Each by HTTP beside the time within its SQL; gives the dashboard's median."""
    del accounts
    spent: list[float] = []

    def timed(method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            begin = time.perf_counter()
            try:
                return method(*arguments)
            finally:
                spent[-1] += time.perf_counter() - begin

        return run

    kept = {name: getattr(Snapshot, name) for name in ("rows", "row", "value")}
    print(f"\n{'endpoint':<28}{'HTTP p50 ms':>12}{'SQL p50 ms':>12}{'ratio':>8}   (aim 3)")
    client = TestClient(create_app(open_service(open_platform(settings))))
    dashboard = 0.0
    for name, path in _endpoints().items():
        connection = _connection(port)
        status, _, _ = _get(connection, path)
        if status != http.HTTPStatus.OK:
            print(f"{name:<28}{status:>12}")
            continue
        by_http = _median(lambda connection=connection, path=path: _get(connection, path))  # type: ignore[misc]
        for method, function in kept.items():
            setattr(Snapshot, method, timed(function))
        try:
            rounds = []
            for _ in range(_ROUNDS):
                spent.append(0.0)
                client.get(path)
                rounds.append(spent[-1])
        finally:
            for method, function in kept.items():
                setattr(Snapshot, method, function)
        by_sql = statistics.median(rounds)
        dashboard = by_http if name == "dashboard" else dashboard
        print(f"{name:<28}{by_http * 1000:>12.1f}{by_sql * 1000:>12.1f}{by_http / by_sql:>8.2f}")
    return dashboard


def _compare_pages(port: int, accounts: int) -> None:
    """The first page of a file beside the one at nine tenths of it, by cursor; and of the large file beside a month's."""
    first, far = (_at(port, "one", fraction, accounts) for fraction in (0.0, 0.9))
    month = _at(port, "many-2019-06-30", 0.0, accounts)
    print(f"\npage at 90 % by cursor beside the first: {far / first:.2f}   (aim 2)")
    print(f"first page of a file of all rows beside a month's: {first / month:.2f}   (aim 3)")


def _at(port: int, file: str, fraction: float, accounts: int) -> float:
    path = f"/api/files/{file}/data?limit=50"
    connection = _connection(port)
    if fraction:
        from advisory_perf.api.cursors import cursor_of, scope_of
        from advisory_perf.api.models.file_rows import FileRowsQuery

        query = FileRowsQuery.model_validate({"limit": 50})
        last = (f"A{round(accounts * fraction):06}", "2019-06-30", "")
        path += f"&cursor={cursor_of(scope_of(f'/api/files/{file}/data', query), last[: _keys_of(connection, path)])}"
    return _median(lambda: _get(connection, path))


def _keys_of(connection: http.client.HTTPConnection, path: str) -> int:
    from base64 import urlsafe_b64decode

    _, _, body = _get(connection, path)
    cursor = json.loads(body)["metadata"]["next_cursor"]
    return len(json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))) - 1


def _compare_unchanged(port: int) -> None:
    connection = _connection(port)
    path = "/api/files/many-2019-06-30/data"
    _, headers, _ = _get(connection, path)
    tag = {"If-None-Match": headers["etag"]}
    whole, unchanged = _median(lambda: _get(connection, path)), _median(lambda: _get(connection, path, tag))
    print(f"\n304 beside 200: {unchanged / whole:.2f}   (aim 0.3)")


def _compare_clients(port: int) -> None:
    """Requests a second of one client and of eight, at two workers, and the 95th percentile of fifty; each client is a process."""
    rates, waits = {}, []
    for clients in (1, 8, 50):
        with ProcessPoolExecutor(clients) as pool:
            list(pool.map(_asking, [(port, 1)] * clients))  # they are there, and so are the connections of the workers
            begin = time.perf_counter()
            waits = [seconds for found in pool.map(_asking, [(port, 7)] * clients) for seconds in found]
            rates[clients] = len(waits) / (time.perf_counter() - begin)
    worst = sorted(waits)[int(0.95 * len(waits))]
    print(f"\neight clients beside one, requests a second: {rates[8] / rates[1]:.2f}   (aim 1.5)")
    print(f"95th percentile of 50 clients: {worst:.2f} s   (aim below 5)")


def _asking(asked: tuple[int, int]) -> list[float]:
    port, rounds = asked
    connection, waits = _connection(port), []
    for path in ("/api/vendors/many/files", "/api/accounts/A000042?vendor=many", "/api/breaks") * rounds:
        begin = time.perf_counter()
        _get(connection, path)
        waits.append(time.perf_counter() - begin)
    return waits


def _compare_exports(url: str, port: int) -> None:
    """A million rows by HTTP beside a bare COPY of them, and how much memory the server takes for it."""
    (process,) = (
        one for one in psutil.process_iter(["cmdline"]) if "serve" in (one.info["cmdline"] or []) and str(port) in one.info["cmdline"]
    )
    before = process.memory_info().rss
    most = before
    begin = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", "/api/exports/performance_data?format=csv&vendor=one")
    answer = connection.getresponse()
    size = 0
    while part := answer.read(1 << 20):
        size += len(part)
        most = max(most, process.memory_info().rss)
    exported = time.perf_counter() - begin
    if answer.status != http.HTTPStatus.OK:
        print(f"\nexport: {answer.status}")
        return
    begin = time.perf_counter()
    with psycopg.connect(url) as plain, plain.cursor() as cursor:
        copying: LiteralString = (
            "COPY (SELECT * FROM performance_data WHERE data_source = 'one' ORDER BY data_source, account_id, as_of_date)"
        )
        with cursor.copy(sql.SQL(copying + " TO STDOUT (FORMAT csv, HEADER)")) as copy:
            copied = sum(len(part) for part in copy)
    bare = time.perf_counter() - begin
    print(f"\nexport of {size >> 20} MB beside a bare COPY of {copied >> 20} MB: {bare / exported:.2f} of its speed   (aim 0.5)")
    print(f"memory of the server: {(most - before) / (1 << 20):+.1f} MB   (aim 16)")


def _median(ask: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def _connection(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=60)


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    found = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, found, gzip.decompress(body) if found.get("content-encoding") == "gzip" else body


@contextmanager
def _served(settings: Settings, *arguments: str) -> Iterator[int]:
    port = 3999
    environment = {**os.environ, **settings.as_environment()}
    words = [sys.executable, "-m", "advisory_perf", "--home", str(settings.home), "serve", "--port", str(port), *arguments]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                _get(_connection(port), "/health/live")
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _settings(server: EmbeddedPostgres, home: Path, feeds: Path) -> Settings:
    return Settings(
        home=home,
        feeds_dir=feeds,
        warehouse_url=server.url(user=Role.WRITER),
        reader_url=server.url(user=Role.READER),
        desk_url=server.url(user=Role.DESK),
        dagster_url="postgresql+psycopg2://unused/unused",
        api_auth="none",
    )


if __name__ == "__main__":
    main()
