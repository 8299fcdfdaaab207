"""The command `feeds preview`: what is on stdout and stderr, exit codes, and that a replay for real leaves it nothing to say."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import polars as pl
import pytest
from rich.console import Console

from advisory_perf.cli.preview_tables import preview_tables
from advisory_perf.feeds.differences import ChangedKey
from advisory_perf.feeds.registry import PACKAGE_FEEDS
from advisory_perf.operations.feed_preview import Preview
from advisory_perf.reconciliation.state_changes import (
    BREAK_STATES,
    DELIVERIES,
    ISSUES_FOUND,
    LINES,
    ChangedColumn,
    State,
    changes,
)
from advisory_perf_tests.cli.commands import Outcome, command, line_with
from advisory_perf_tests.cli.in_process import OPENING, in_process
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.orchestration.scenarios import World, a_world, add_feed, an_entry, csv

FEED = (PACKAGE_FEEDS / "vendor_d.yaml").read_text(encoding="utf-8")
FLOW = csv("A,2025-03-03,100.00,50.00,0.00,10.00,160.00,0.06667")
"""With the flow at the start of the day, as the vendor has it, 10 / 150; at its end 10 / 100."""


def previewing(world: World, feed: Path, *arguments: str) -> Outcome:
    """The command with a scratch installation of its own, embedded server included, of which nothing is left."""
    own = world.platform.settings.home.parent / "temporary"
    own.mkdir(exist_ok=True)
    with patch("tempfile.tempdir", str(own)):
        outcome = in_process("feeds", "preview", feed, *arguments, world=world)
    assert list(own.iterdir()) == []
    return outcome


@pytest.mark.slow
def test_after_a_replay_for_real_nothing_would_change_any_more(tmp_path: Path, warehouse_url: str) -> None:
    changes_timing = {"conventions": {"flow_timing": "start_of_day", "fee_basis": "net"}}
    changed = add_feed(tmp_path / "changed", **changes_timing) / "acme.yaml"
    with a_world(tmp_path, warehouse_url) as world:
        world.ingest("acme_03.csv", FLOW)
        world.run_pending_pipeline()
        first = previewing(world, changed, "--format", "ndjson")
        said = [json.loads(line) for line in first.out.splitlines()]
        assert first.code == 0
        assert said[0] == {"kind": "feed_key", "key": "conventions.flow_timing", "before": "end_of_day", "after": "start_of_day"}
        assert [one["account_id"] for one in said if one["kind"] == "break_closed"] == ["A"]
        assert first.err.splitlines() == [
            "opened a scratch installation; taking over rows and files",
            "ingested acme_03.csv: PROCESSING",
            "running the pipeline from 2025-03-03 to 2025-03-03",
        ]
        really = world.with_feed(tmp_path / "changed", **changes_timing)
        replayed = in_process("quarantine", "replay", "--feed", "acme", "--all", world=really)
        assert (replayed.code, replayed.err) == (0, "ingested acme_03.csv: PROCESSING\nran the pipeline of acme\n")
        then = previewing(really, changed)
        assert (then.code, then.out.splitlines()[1:]) == (0, ["nothing would change"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            FEED.replace("vendor: vendor_d", "vendor: vendor_x"),
            "vendor_x is no feed of this installation, whose feeds are vendor_a, ",
        ),
        (
            FEED.replace("vendor: vendor_d", "name: vendor_d\nvendor: vendor_x"),
            "vendor: vendor_x is not that of the feed vendor_d",
        ),
        ("vendor: [", "cannot be read as YAML: "),
        (FEED.replace("cadence: daily", "cadence: hourly"), "cadence: Input should be "),
    ],
)
def test_a_file_that_is_no_feed_of_this_home_ends_with_1_and_starts_nothing(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "feed.yaml").write_text(text)
    outcome = command("feeds", "preview", tmp_path / "feed.yaml", home=tmp_path / "home")
    assert (outcome.code, outcome.out) == (1, "")
    assert sentence in outcome.sentence
    assert not (tmp_path / "home").exists()


# what a person reads --------------------------------------------------------------------------------------------------


def rows_of(schema: pl.Schema, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([dict.fromkeys(schema.names()) | row for row in rows], schema=schema, orient="row")


def a_state(status: str, code: str | None, lines: int, variance: str) -> State:
    """One delivery with so many lines, a break, and an issue where the lines are in quarantine."""
    accepted, quarantined = (0, lines) if code else (lines, 0)
    counts = {"records_processed": accepted, "records_failed": quarantined}
    delivery = {"delivery_id": "d", "file_name": "acme_[red]1.csv", "status": status, **counts}
    broken = {"break_id": "B-1", "account_id": "A", "field_name": "twrr", "status": "OPEN", "variance": Decimal(variance)}
    return State(
        rows_of(DELIVERIES, [delivery]),
        rows_of(LINES, [{"delivery_id": "d", "line_number": number, "account_id": "A", "code": code} for number in range(2, lines + 2)]),
        rows_of(ISSUES_FOUND, [{"delivery_id": "d", "issue_type": "DQ_INCOMPLETE"}] if code else []),
        rows_of(BREAK_STATES, [broken]),
    )


def a_preview(*, notes: int = 0) -> Preview:
    """Twelve rows that come out of quarantine, a break of another amount, and returns that move."""
    found = changes(a_state("COMPLETED_WITH_ISSUES", "E_NUMBER", 12, "0.02"), a_state("COMPLETED", None, 12, "0.000000000001"), [])
    twrr = pl.DataFrame(
        {
            "account_id": ["A", "B"],
            "as_of_date": [date(2025, 3, 3)] * 2,
            "before": [0.1, None],
            "after": [0.05, 0.5],
            "difference": [-0.05, None],
        }
    )
    whole = replace(found, figures=(ChangedColumn("performance_data", "calculated_twrr", twrr),))
    noted = [an_entry(f"d{number}", None) for number in range(notes)]
    return Preview(
        a_feed(), date(2025, 3, 3), [ChangedKey("numbers.grouping", ",", ".")], 1, noted, noted, noted, whole, [], is_dated=notes > 0
    )


def printed(found: Preview) -> str:
    console = Console(width=200, file=StringIO())
    with console.capture() as captured:
        console.print(preview_tables(found, "acme.yaml"))
    return captured.get()


def test_a_summary_counts_each_kind_and_shows_the_largest_or_first() -> None:
    text = printed(a_preview())
    assert text.splitlines()[0].strip() == "acme.yaml: 1 deliveries of acme were ingested again, apart; nothing is published"
    assert line_with("numbers.grouping", text) == "numbers.grouping , ."
    assert "rows newly accepted 12" in " ".join(text.replace("│", " ").split())
    assert "figures that move: performance_data 2" in " ".join(text.replace("│", " ").split())
    assert "rows newly accepted E_NUMBER 12" in " ".join(text.replace("│", " ").split())
    assert "Rows: 10 of 12" in text
    assert line_with("calculated_twrr", text) == "performance_data calculated_twrr 2 -500.0 bp 10.0000% 5.0000% A 2025-03-03"
    assert line_with("B-1", text) == "B-1 A twrr OPEN OPEN +200.0 bp +0.0 bp"
    assert "acme_[red]1.csv" in text
    assert text.splitlines()[-1].strip().endswith("advisory-perf quarantine replay --feed acme --all --from 2025-03-03")
    assert "issues that go DQ_INCOMPLETE 1" in " ".join(text.replace("│", " ").split())


def test_what_could_not_be_done_is_said_first_and_ends_with_1(tmp_path: Path) -> None:
    found = replace(a_preview(), failures=["acme, acme_1.csv: the ingestion failed: no memory"])
    assert printed(found).splitlines()[1].strip() == "acme, acme_1.csv: the ingestion failed: no memory; what follows is without it"
    (tmp_path / "feed.yaml").write_text(FEED)
    with patch(OPENING, MagicMock()), patch("advisory_perf.operations.feed_preview.preview", return_value=found):
        outcome = in_process("feeds", "preview", tmp_path / "feed.yaml", "--format", "ndjson", ADVISORY_PERF_HOME=tmp_path)
    assert (outcome.code, outcome.sentence) == (1, "acme, acme_1.csv: the ingestion failed: no memory")
    first, *others = map(json.loads, outcome.out.splitlines())
    assert first == {"kind": "failure", "says": "acme, acme_1.csv: the ingestion failed: no memory"}
    assert "figure" in {one["kind"] for one in others}


def test_what_qualifies_the_figures_is_said_before_them() -> None:
    text = printed(a_preview(notes=11))
    assert "deliveries were ingested or published meanwhile, which this does not know; ask again" in text
    for says in ("no longer in the lake", "a name that the changed feed no longer claims", "is not published yet"):
        assert text.count(says) == 11
    assert text.index("and 1 more: is not published yet") < text.index("What would change")
