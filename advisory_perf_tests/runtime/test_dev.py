"""`advisory-perf dev`, for real: web page, daemon and sensors, watched through the GraphQL API that the page itself uses."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.feeds.registry import PACKAGE_FEEDS
from advisory_perf.monitoring.heartbeat import read_heartbeat
from advisory_perf.samples.deliveries import make_samples
from advisory_perf.samples.truth import SampleFile
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf_tests.ports import free_ports

pytestmark = pytest.mark.slow

STAGES = ("normalized_positions", "net_flows", "twrr_series", "reconciliation_results", "portfolio_performance", "performance_data")
SAMPLES = make_samples(seed=5, accounts=5, last_month=date(2025, 3, 31), months=3, days=5)
PATIENCE_SECONDS = 900


@dataclass(frozen=True)
class Dev:
    """A running installation."""

    home: Path
    port: int
    warehouse: Warehouse

    def ask(self, query: str, **variables: Any) -> Any:
        """The data that GraphQL answers with."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            result = json.load(answer)
        assert "errors" not in result, result
        return result["data"]

    def deliver(self, vendor: str, file: SampleFile, name: str | None = None) -> None:
        """Copies a file into incoming, as a vendor's transfer would."""
        folder = self.home / "lake" / "incoming" / vendor
        folder.mkdir(parents=True, exist_ok=True)
        (folder / (name or file.name)).write_bytes(file.content)

    def entries(self, vendor: str) -> list[LedgerEntry]:
        """The ledger's rows of a vendor."""
        return Ledger(self.warehouse).entries(vendor)


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """The condition's first true answer."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            answer = condition()
        except (urllib.error.URLError, ConnectionError):
            answer = None
        if answer:
            return answer
        time.sleep(1)
    pytest.fail(f"waited {PATIENCE_SECONDS} s for {what}")


def processes_of_home(home: Path) -> dict[int, bytes]:
    """Number and command line of every process that was started for a home."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        if line and f"ADVISORY_PERF_HOME={home}\0".encode() in environment:
            found[int(entry.name)] = line
    return found


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """The command in a process of its own, with a further daily vendor that only its feed file knows of."""
    home = tmp_path_factory.mktemp("dev")
    feeds = home / "feeds"
    feeds.mkdir()
    text = (PACKAGE_FEEDS / "vendor_d.yaml").read_text(encoding="utf-8")
    (feeds / "year_of_days.yaml").write_text(text.replace("vendor_d", "year_of_days"), encoding="utf-8")
    port, api_port = free_ports(2)
    command = Path(sys.executable).parent / "advisory-perf"
    environment = {**os.environ, "ADVISORY_PERF_FEEDS_DIR": str(feeds)}
    with (home / "dev.log").open("wb") as log, EmbeddedPostgres(home) as server:
        process = subprocess.Popen(
            [str(command), "--home", str(home), "dev", "--port", str(port), "--api-port", str(api_port)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        running = Dev(home, port, Warehouse(server.url()))
        wait_for(lambda: running.ask("{ repositoriesOrError { __typename } }"), f"the web page; see {home}/dev.log")
        yield running
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
        assert processes_of_home(home) == {}


def test_a_file_in_incoming_is_published_without_a_hand_on_anything_and_shows_with_its_checks(dev: Dev) -> None:
    delivery = next(file for file in SAMPLES.files if file.vendor == "vendor_a")
    dev.deliver("vendor_a", delivery)
    dev.deliver("vendor_b", delivery, "vendor_b_performance_20250331.xlsx")
    published = wait_for(
        lambda: [entry for entry in dev.entries("vendor_a") if entry.status.startswith("COMPLETED")], "the delivery to be published"
    )
    assert [(entry.file_name, entry.records_read) for entry in published] == [
        (delivery.name, SAMPLES.truth["vendor_a"].files[delivery.name].read)
    ]
    (rejected,) = wait_for(
        lambda: [entry for entry in dev.entries("vendor_b") if entry.status == "FAILED"], "the wrong file to be rejected"
    )
    assert rejected.error_code == "E_FORMAT"
    shown = wait_for(lambda: _checks_of(dev, "vendor_a", "performance_data"), "the checks to show")
    assert shown.keys() >= {"performance_data_schema", "every_position_is_published", "totals_continue"}
    assert set(shown.values()) == {"SUCCEEDED"}
    assert _checks_of(dev, "vendor_a", "delivered_positions")["rows_conserved"] == "SUCCEEDED"
    assert _checks_of(dev, "vendor_a", "net_flows")["market_value_identity"] == "FAILED"
    beat = wait_for(lambda: read_heartbeat(dev.home / "heartbeat.json"), "the heartbeat")
    assert (beat.red, beat.warehouse) == ({}, None)


def test_backfills_of_a_day_and_of_a_year_take_at_most_two_runs_each(dev: Dev) -> None:
    files = [file for file in SAMPLES.files if file.vendor == "vendor_d"][:2]
    vendors = ("vendor_d", "year_of_days")
    for vendor in vendors:
        for file in files:
            dev.deliver(vendor, file, file.name.replace("vendor_d", vendor))
    for vendor in vendors:
        wait_for(lambda vendor=vendor: _all_settled(dev.entries(vendor), len(files)), f"the deliveries of {vendor}")  # type: ignore[misc]
    before = {vendor: _rows(dev, vendor) for vendor in vendors}
    (day,) = dev.warehouse.query("SELECT max(as_of_date) AS day FROM performance_data WHERE data_source = 'vendor_d'")["day"]
    backfills = {
        "vendor_d": _launch(dev, "vendor_d", [day]),
        "year_of_days": _launch(dev, "year_of_days", _days(date(2024, 6, 1), 365)),
    }
    for vendor, backfill in backfills.items():
        done = wait_for(lambda backfill=backfill: _finished(dev, backfill), f"the backfill of {vendor}")  # type: ignore[misc]
        assert done["status"] == "COMPLETED_SUCCESS", (vendor, done)
        assert 1 <= len(done["runs"]) <= 2, (vendor, done)
        assert {run["status"] for run in done["runs"]} == {"SUCCESS"}
    assert {vendor: _rows(dev, vendor) for vendor in vendors} == before
    of_vendors = "SELECT DISTINCT data_source FROM account_statistics ORDER BY 1"
    expected = ["vendor_a", *vendors]
    wait_for(lambda: dev.warehouse.query(of_vendors)["data_source"].to_list() == expected, "the statistics of all that is published")


def _days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=offset) for offset in range(count)]


def _all_settled(entries: Sequence[LedgerEntry], count: int) -> bool:
    final = {"COMPLETED", "COMPLETED_WITH_ISSUES", "DUPLICATE"}
    return len(entries) == count and all(entry.status in final for entry in entries)


def _rows(dev: Dev, vendor: str) -> list[tuple[Any, ...]]:
    """Everything that is published of a vendor, ids and times included, since a backfill of the same rows changes none."""
    frame = dev.warehouse.query(
        "SELECT id, account_id, as_of_date::text, cumulative_twrr, updated_at::text FROM performance_data"
        " WHERE data_source = %s ORDER BY account_id, as_of_date",
        [vendor],
    )
    assert frame.height > 0
    return frame.rows()


def _launch(dev: Dev, vendor: str, days: Sequence[date]) -> str:
    """What the page's button does for a selection of assets and partitions."""
    answer = dev.ask(
        "mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p)"
        " { __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }",
        p={
            "assetSelection": [{"path": [vendor, stage]} for stage in STAGES],
            "partitionNames": [day.isoformat() for day in days],
            "title": f"{len(days)} windows of {vendor}",
        },
    )
    return str(answer["launchPartitionBackfill"]["backfillId"])


def _finished(dev: Dev, backfill: str) -> dict[str, Any] | None:
    answer = dev.ask(
        "query($id: String!) { partitionBackfillOrError(backfillId: $id)"
        " { ... on PartitionBackfill { status runs(limit: 50) { id status } error { message } } } }",
        id=backfill,
    )["partitionBackfillOrError"]
    return None if answer["status"].startswith("REQUESTED") else answer


def _checks_of(dev: Dev, *asset: str) -> dict[str, str]:
    answer = dev.ask(
        "query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { assetChecksOrError"
        " { ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } } } } }",
        key={"path": list(asset)},
    )
    checks = answer["assetNodeOrError"]["assetChecksOrError"]["checks"]
    return {
        check["name"]: check["executionForLatestMaterialization"]["status"]
        for check in checks
        if check["executionForLatestMaterialization"] is not None
    }
