"""Names that a vendor chose, in every list, preview and export: drawn as they are, obeyed by nothing, exported unchanged."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from rich.console import Console, RenderableType

from advisory_perf.alerts.model import STUCK_FILE, Alert
from advisory_perf.alerts.outbox import Outbox
from advisory_perf.cli.break_tables import breaks_table
from advisory_perf.cli.quarantine_tables import quarantine_table
from advisory_perf.cli.tables import alerts_table, findings_table, summary
from advisory_perf.operations.health import HealthFinding
from advisory_perf.orchestration.metadata import cases_table, range_metadata
from advisory_perf.runtime.in_process import Handed
from advisory_perf.showing import shown
from advisory_perf.warehouse.conditions import condition
from advisory_perf.warehouse.export import ExportFormat, export_relation
from advisory_perf_tests.cli.test_break_tables import SEEN
from advisory_perf_tests.hostile_names import HOSTILE_NAMES
from advisory_perf_tests.orchestration.scenarios import HEADER, World, a_world

pytestmark = pytest.mark.slow

EVERYTHING = condition({})
NAMES = [name for name in HOSTILE_NAMES if len(name) < 100]


@pytest.fixture(scope="module")
def texts_as_csv() -> str:
    """Of each name a row of an account that is called so and breaks, one with an amount, and one with an account number like it."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow([*HEADER.split(","), "name", *HOSTILE_NAMES])
    for number, name in enumerate(NAMES):
        for account, gain in ((f"A-{number}", "10.00"), (f"B-{number}", name), (name, "10.00")):
            writer.writerow([account, "2025-03-03", "100.00", "0.00", "0.00", gain, "110.00", "0.50000", name, *HOSTILE_NAMES])
    return content.getvalue()


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str, texts_as_csv: str) -> Iterator[World]:
    with a_world(tmp_path, warehouse_url, feed={"columns": {"account_name": "name"}}) as world:
        assert world.ingest("acme_[red]![](x).csv", texts_as_csv).success
        world.run_pending_pipeline()
        yield world


def drawn(what: RenderableType) -> str:
    """As a terminal gets it."""
    console = Console(file=io.StringIO(), width=400, force_terminal=True, color_system=None)
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def assert_inert(text: str, *, holds: int) -> None:
    """Nothing in it is obeyed, and so many of the names can be read in it."""
    assert [line for line in text.split("\n") if shown(line) != line] == []
    folded = "".join(text.split())
    found = [name for name in NAMES if "".join(shown(name).split()) in folded]
    assert len(found) >= holds, set(NAMES) - set(found)


def test_every_list_draws_the_names_as_they_are(world: World) -> None:
    warehouse, entries = world.platform.warehouse, world.platform.ledger.entries()
    alerts = [
        Alert(
            f"k{number}", STUCK_FILE.name, STUCK_FILE.severity, "acme", "acme", datetime(2025, 4, 1, tzinfo=UTC), name, f"{name} is stuck"
        )
        for number, name in enumerate(NAMES)
    ]
    Outbox(warehouse).update(raised=alerts)
    handed = [Handed(name, entries[0], is_repeated=False) for name in NAMES]
    assert_inert(drawn(quarantine_table(warehouse, EVERYTHING)), holds=len(NAMES))
    assert_inert(drawn(breaks_table(warehouse, EVERYTHING, SEEN)), holds=0)
    assert_inert(drawn(alerts_table(Outbox(warehouse).alerts(only_open=True))), holds=len(NAMES))
    assert_inert(drawn(summary(warehouse, handed)), holds=len(NAMES))
    assert_inert(drawn(findings_table(HealthFinding(name, is_good=False, says=name) for name in NAMES)), holds=len(NAMES))


def test_previews_load_no_picture_and_draw_no_markup(world: World) -> None:
    (entry,) = world.platform.ledger.entries()
    raw = world.platform.lake.read_partitions("raw_vendor_file", "acme", "delivery", [entry.delivery_id])
    preview = range_metadata(raw)["preview"]
    assert isinstance(preview, dg.MarkdownMetadataValue)
    assert len(preview.value.splitlines()) == 7, "a header, its line and five rows"
    assert "![](" not in preview.value
    assert "<img" not in preview.value.replace("\\<", "")
    cases = cases_table(raw).records
    assert all(shown(str(value)) == value for record in cases for value in record.data.values())


def test_what_a_delivery_was_noticed_for_is_one_visible_line(world: World) -> None:
    for entry in world.platform.ledger.entries():
        assert shown(entry.error_message or "") == (entry.error_message or "")
    reasons = world.platform.warehouse.query("SELECT reason FROM quarantine")["reason"]
    assert reasons.len() >= len(NAMES)
    assert [reason for reason in reasons if shown(reason) != reason] == []


def test_exports_hold_the_names_as_they_came(world: World) -> None:
    known = world.platform.warehouse.query("SELECT account_name FROM performance_data")["account_name"].to_list()
    assert len(known) >= len(NAMES) - 2, "all but those with line ends, which are no names"
    for form in ExportFormat:
        target = io.BytesIO()
        export_relation(world.platform.warehouse, "performance_data", form=form, target=target)
        content = target.getvalue()
        match form:
            case ExportFormat.CSV:
                found = [row["account_name"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]
            case ExportFormat.NDJSON:
                found = [json.loads(line)["account_name"] for line in content.decode().split("\n") if line]
            case ExportFormat.PARQUET:
                found = pl.read_parquet(io.BytesIO(content))["account_name"].to_list()
        assert sorted(found) == sorted(known)
