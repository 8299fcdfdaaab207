"""A preview says what a replay then does, row by row, and nothing else; the true home stays as it is."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from advisory_perf.cli.preview_tables import write_ndjson
from advisory_perf.deliveries.zones import UNKNOWN_FEED
from advisory_perf.errors import FeedError
from advisory_perf.feeds.registry import read_feed
from advisory_perf.operations.feed_preview import Preview, changed_feed, preview
from advisory_perf.operations.scratch import apart
from advisory_perf.reconciliation.break_work import sign_off
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.roles import Role
from advisory_perf_tests.operations.replays import LEDGER, Tables, applied, everything, of_no_feed, stored
from advisory_perf_tests.orchestration.scenarios import HEADER, VENDOR, World, a_world, add_feed, csv
from advisory_perf_tests.runtime.world import Passing

WITHOUT_RETURN = "\n".join([HEADER.removesuffix(",twr"), "A,2025-03-06,160.00,0.00,0.00,0.00,160.00"]) + "\n"

FILES = {
    # the vendor has flows at the start of the day: 10 / 150 of A is 0.06667, where the feed says 110 / 100 - 1
    "acme_03.csv": csv("A,2025-03-03,100.00,50.00,0.00,10.00,160.00,0.06667", "B,2025-03-03,200.00,0.00,0.00,2.00,202.00,0.01"),
    "acme_04.csv": csv("A,2025-03-04,160.00,0.00,0.00,1.60 DR,158.40,-0.01", "B,2025-03-04,202.00,98.00,0.00,3.00,303.00,0.01000"),
    "acme_05.csv": csv("A,2025-03-05,158.40,0.00,0.00,1.60,160.00,0.02", "B,2025-03-05,303.00,97.00,0.00,4.00,404.00,0.01000"),
    "acme_06.csv": WITHOUT_RETURN,
}
STRANGER = {"other_07.csv": csv("A,2025-03-07,160.00,0.00,0.00,16.00,176.00,0.1")}
READING: dict[str, Any] = {
    "conventions": {"flow_timing": "start_of_day", "fee_basis": "net"},
    "numbers": {"credit_debit": True},
    "columns": {"vendor_twrr": {"from": "twr", "absent": "null"}},
    "files": {"patterns": ["acme_*", "other_*"], "format": "csv"},
}
REFUSING: dict[str, Any] = {
    "columns": {"vendor_twrr": "return"},
    "files": {"patterns": ["acme_03*", "acme_04*", "acme_06*"], "format": "csv"},
}
FIFTH = date(2025, 3, 5)


@pytest.fixture
def world(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    """Acme's deliveries as its feed reads them now: breaks, one signed off, a row in quarantine, a rejected file, and one of no feed."""
    with a_world(tmp_path, warehouse_url) as made:
        for name, content in FILES.items():
            made.ingest(name, content)
        made.run_pending_pipeline()
        of_a = made.platform.warehouse.query("SELECT break_id FROM reconciliation_breaks WHERE account_id = 'A' AND status = 'OPEN'")
        sign_off(Warehouse(warehouse_url, Role.DESK), [of_a.item()], by="Ada", reason="theirs")
        for name, content in STRANGER.items():
            made.reject_unclaimed({"ops": {"reject_unclaimed_file": {"config": {"path": made.put(name, content, "").path}}}})
        yield made


def previewed(world: World, folder: Path, scratch_url: str, since: date | None = None, **feed: Any) -> Preview:
    """What the changed feed would change, in a scratch installation on that database."""

    @contextmanager
    def opening(settings: Settings) -> Iterator[Passing]:
        _empty(Warehouse(scratch_url))
        yield Passing(settings.model_copy(update={"warehouse_url": scratch_url}))

    return preview(world.platform, add_feed(folder, **feed) / "acme.yaml", since=since, opening=opening)


def _empty(scratch: Warehouse) -> None:
    names = scratch.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^(_?yoyo|sql_functions)'")
    with scratch.connect() as connection:
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, names["tablename"]))))


def objects(found: Preview) -> list[dict[str, Any]]:
    """The preview as a program reads it."""
    target = BytesIO()
    write_ndjson(found, target)
    return [json.loads(line) for line in target.getvalue().decode().splitlines()]


def replayed(world: World, folder: Path, since: date | None = None, **feed: Any) -> dict[str, str]:
    """Changes the feed for real, and ingests again what it may read otherwise; gives the ids of deliveries of no feed, by the new ones."""
    changed = world.with_feed(folder, **feed)
    ledger = changed.platform.ledger
    for entry in ledger.entries(VENDOR):
        is_kept = bool(changed.platform.lake.files(f"archive/{VENDOR}/{entry.delivery_id}/")) or entry.status == "FAILED"
        if is_kept and (since is None or (entry.last_as_of_date or entry.received_at.date()) >= since):
            changed.ingest_again(entry.delivery_id)
    renamed = {}
    for entry in ledger.entries(UNKNOWN_FEED):
        if changed.platform.feeds[VENDOR].claims(entry.file_name):
            changed.ingest(entry.file_name, STRANGER[entry.file_name])
            (new,) = (one for one in ledger.entries(VENDOR) if one.file_name == entry.file_name)
            renamed[new.delivery_id] = entry.delivery_id
    changed.run_pending_pipeline()
    return renamed


def outside(tables: Tables) -> set[tuple[Any, ...]]:
    return {key for key, row in tables["reconciliation_results"].items() if row["within_tolerance"] is False}


def of_kind(changes: list[dict[str, Any]], kind: str, *names: str) -> set[tuple[Any, ...]]:
    return {tuple(one[name] for name in names) for one in changes if one["kind"] == kind}


def assert_a_replay_does_so(world: World, found: Preview, folder: Path, since: date | None = None, **feed: Any) -> None:
    """Changes the feed for real, and compares row by row with what was said before."""
    tables, now, changes = stored(world, {}), stored(world, {}), objects(found)
    for entry in world.platform.ledger.entries(UNKNOWN_FEED):
        tables[LEDGER] |= of_no_feed(entry) if found.feed.claims(entry.file_name) else {}
    said = applied(tables, changes)
    done = stored(world, replayed(world, folder, since, **feed))
    for name, rows in done.items():
        assert said[name] == rows, name
    assert of_kind(changes, "result_opened", "account_id", "as_of_date", "field_name") == outside(done) - outside(now)
    assert of_kind(changes, "result_closed", "account_id", "as_of_date", "field_name") == outside(now) - outside(done)


def test_the_same_feed_changes_nothing_and_another_what_a_replay_then_does(world: World, tmp_path: Path, second_warehouse_url: str) -> None:
    same = previewed(world, tmp_path / "same", second_warehouse_url)
    assert (same.ingested, same.keys, same.changes.count, objects(same)) == (4, [], 0, [])
    before = everything(world)
    found = previewed(world, tmp_path / "changed", second_warehouse_url, **READING)
    assert (found.failures, found.lost, found.is_dated) == ([], [], False)
    assert everything(world) == before
    changes = objects(found)
    assert of_kind(changes, "feed_key", "key", "before", "after") == {
        ("columns.vendor_twrr.absent", "reject", "null"),
        ("conventions.flow_timing", "end_of_day", "start_of_day"),
        ("files.patterns", '["acme_*"]', '["acme_*", "other_*"]'),
        ("numbers.credit_debit", "false", "true"),
    }
    assert of_kind(changes, "delivery_accepted", "file_name") == {("acme_06.csv",), ("other_07.csv",)}
    assert of_kind(changes, "row_accepted", "file_name", "line_number", "code_before") == {
        ("acme_04.csv", 2, "E_NUMBER"),
        ("acme_06.csv", 2, None),
        ("other_07.csv", 2, None),
    }
    assert of_kind(changes, "result_closed", "account_id", "as_of_date") == {("A", "2025-03-03"), ("B", "2025-03-04"), ("B", "2025-03-05")}
    assert of_kind(changes, "break_closed", "account_id", "field_name") == {("A", "twrr"), ("B", "twrr")}
    moved = {(one["account_id"], one["as_of_date"]): one for one in changes if one.get("column") == "calculated_twrr"}
    first = moved["A", "2025-03-03"]
    assert (first["table"], first["before"], first["after"]) == ("performance_data", pytest.approx(0.1), pytest.approx(10 / 150))
    assert first["difference"] == pytest.approx(10 / 150 - 0.1)
    assert_a_replay_does_so(world, found, tmp_path / "changed", **READING)


def test_deliveries_that_would_be_refused_take_their_rows_with_them_but_for_one_whose_bytes_are_gone(
    world: World, tmp_path: Path, second_warehouse_url: str
) -> None:
    first = next(one for one in world.platform.ledger.entries(VENDOR) if one.file_name == "acme_03.csv")
    world.platform.lake.delete(file.path for file in world.platform.lake.files(f"archive/acme/{first.delivery_id}/"))
    found = previewed(world, tmp_path / "changed", second_warehouse_url, **REFUSING)
    changes = objects(found)
    assert of_kind(changes, "delivery_not_kept", "file_name") == {("acme_03.csv",)}
    assert of_kind(changes, "delivery_not_claimed", "file_name") == {("acme_05.csv",)}
    assert of_kind(changes, "delivery_refused", "file_name") == {("acme_04.csv",), ("acme_05.csv",)}
    assert {one["as_of_date"] for one in changes if one["kind"] == "row_withdrawn"} == {"2025-03-04", "2025-03-05"}
    assert_a_replay_does_so(world, found, tmp_path / "changed", **REFUSING)


def test_from_a_day_on_what_lies_before_it_stays(world: World, tmp_path: Path, second_warehouse_url: str) -> None:
    found = previewed(world, tmp_path / "changed", second_warehouse_url, FIFTH, **READING)
    changes = objects(found)
    days = {one["as_of_date"] for one in changes if one["kind"] in {"figure", "row_published", "row_accepted"} and "as_of_date" in one}
    assert days == {"2025-03-05", "2025-03-06", "2025-03-07"}
    assert of_kind(changes, "result_closed", "account_id", "as_of_date") == {("B", "2025-03-05")}
    assert_a_replay_does_so(world, found, tmp_path / "changed", FIFTH, **READING)


def test_an_interruption_ends_it_and_its_folder_goes(
    world: World, tmp_path: Path, second_warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster makes a failure of the run of Ctrl-C, after which the next delivery would be ingested."""
    own = tmp_path / "temporary"
    own.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(own))
    read: list[str] = []

    def interrupted(*given: Any, **_others: Any) -> None:
        read.append(given[2])
        assert list(own.glob("advisory_perf_preview_*/home/lake"))
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("advisory_perf.orchestration.assets.ingestion.read_apart", interrupted)
    with pytest.raises(KeyboardInterrupt, match="acme_ingestion was interrupted"):
        previewed(world, tmp_path / "changed", second_warehouse_url, **READING)
    assert read == ["acme_03.csv"]
    assert list(own.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"vendor": "nobody"}, "name: nobody is no feed of this installation, whose feeds are acme; set one of them"),
        (
            {"name": "acme", "vendor": "other"},
            "vendor: other is not that of the feed acme, acme; a preview is of the same rows, so keep it",
        ),
    ],
)
def test_a_feed_of_another_name_or_vendor_is_refused_in_a_sentence(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    known = read_feed(add_feed(tmp_path / "known") / "acme.yaml")
    with pytest.raises(FeedError) as error:
        changed_feed({"acme": known}, add_feed(tmp_path / "changed", **changes) / "acme.yaml")
    assert str(error.value).endswith(sentence)


def test_a_file_that_is_no_feed_is_refused_as_everywhere(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text("vendor: [")
    with pytest.raises(FeedError, match="cannot be read as YAML"):
        changed_feed({}, tmp_path / "acme.yaml")


def test_a_scratch_installation_has_no_address_of_the_true_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the environment has them, and the true settings were asked for theirs before."""
    addresses = {
        "lake_url": "s3://true/lake",
        "s3_endpoint_url": "http://true",
        "alerts_url": "https://true",
        "heartbeat_file": str(tmp_path / "true.json"),
        "dagster_url": "postgresql+psycopg2://true/dagster",
        **{f"{role}_url": f"postgresql://true/{role}" for role in ("warehouse", "owner", "reader", "desk")},
    }
    for name, value in addresses.items():
        monkeypatch.setenv(f"ADVISORY_PERF_{name.upper()}", value)
    true = Settings(home=tmp_path / "true", pass_rate=0.5)
    assert true.lake == "s3://true/lake"
    own = apart(true, tmp_path / "scratch", tmp_path / "feeds")
    assert (own.lake, own.feeds_dir, own.pass_rate) == (str(tmp_path / "scratch" / "lake"), tmp_path / "feeds", 0.5)
    assert "true" not in " ".join(own.as_environment().values())
