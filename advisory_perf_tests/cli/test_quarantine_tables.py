"""Replaying what is kept: with a fixed feed it is a direct load, without one it is nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from advisory_perf.cli.quarantine_tables import quarantine_table, to_replay
from advisory_perf.errors import AdvisoryPerfError, LakeOutageError
from advisory_perf.lake.store import Lake
from advisory_perf.runtime.in_process import Handed, LocalRuns, replay, run_files
from advisory_perf.warehouse.conditions import condition
from advisory_perf_tests.cli.in_process import done_by
from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, World, a_world, acme_as_data, csv

pytestmark = pytest.mark.slow

B_FIFTH_AS_AMERICANS_WRITE = "B,03/05/2025,255.00,0.00,0.00,0.00,255.00,0.00000"
C_WITHOUT_NUMBER = "C,2025-03-05,12x,0.00,0.00,0.00,255.00,0.00000"
DELIVERY = csv(A_THIRD, B_THIRD, A_FIFTH, B_FIFTH_AS_AMERICANS_WRITE, C_WITHOUT_NUMBER)
FIXED = {"columns": {**acme_as_data()["columns"], "as_of_date": {"from": "day", "formats": ["%Y-%m-%d", "%m/%d/%Y"]}}}
OTHER_NAMES = {"columns": {**acme_as_data()["columns"], "ending_market_value": "closing"}}
COUNTS = "records_read, records_processed, records_inserted, records_updated, records_failed, records_duplicate, records_footer"


@contextmanager
def a_world_of_its_own(folder: Path, url: str, feed: dict[str, Any] | None = None) -> Iterator[World]:
    folder.mkdir()
    with a_world(folder, url, feed=feed) as world:
        yield world


def hand_over(world: World, folder: Path, name: str = "acme_1.csv", content: str = DELIVERY) -> Handed:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    (handed,) = commanded(world, "run", path)
    return handed


def replayed(world: World, *, feed: str | None = None, delivery_id: str | None = None) -> list[Handed]:
    chosen = {"--feed": feed, "--delivery": delivery_id}
    return commanded(world, "quarantine", "replay", *(part for name, value in chosen.items() if value for part in (name, value)))


def commanded(world: World, *arguments: str | Path) -> list[Handed]:
    """What the command made of the deliveries, which its exit code has to say."""
    outcome, done = done_by(world, *arguments)
    has_issues = any(one.status not in {"COMPLETED", "DUPLICATE"} for one in done.handed)
    assert (done.failures, outcome.code) == ([], 3 if has_issues else 0)
    return done.handed


def state(world: World) -> dict[str, list[tuple[object, ...]]]:
    """Warehouse, ledger, quarantine and lake, without what only says when and by which run."""
    whose = "delivery_id = (SELECT min(delivery_id) FROM etl_processing_log)"  # one delivery each, reported by another id in each world
    statements = {
        "performance_data": f"SELECT to_jsonb(p) - '{{id,created_at,updated_at,delivery_id}}'::text[], {whose} FROM performance_data p",
        "reconciliation_results": "SELECT to_jsonb(r) - '{id,created_at,updated_at}'::text[], true FROM reconciliation_results r",
        "accounts": "SELECT to_jsonb(a) - '{created_at,updated_at}'::text[], true FROM accounts a",
        "ledger": f"SELECT file_name, file_path, status, error_code, error_message, first_as_of_date, last_as_of_date, {COUNTS},"
        " pending_first_date FROM etl_processing_log",
        "quarantine": "SELECT line_number, code, field_name, reason, raw_row, is_published FROM quarantine",
    }
    found: dict[str, list[tuple[object, ...]]] = {}
    with world.platform.warehouse.connect() as connection:
        for name, statement in statements.items():
            found[name] = sorted(connection.execute(statement.encode()).fetchall(), key=str)
    files = [file.path for zone in ("incoming/", "archive/", "error/", "_staging/") for file in world.platform.lake.files(zone)]
    found["lake"] = [(path.split("/")[0], path.rsplit("/", 1)[-1]) for path in files]
    return found


def test_a_replay_with_a_fixed_feed_is_a_direct_load(tmp_path: Path, warehouse_url: str, second_warehouse_url: str) -> None:
    with a_world_of_its_own(tmp_path / "direct", second_warehouse_url, FIXED) as direct:
        hand_over(direct, tmp_path / "direct")
        expected = state(direct)
    with a_world_of_its_own(tmp_path / "replay", warehouse_url) as world:
        first = hand_over(world, tmp_path / "replay")
        assert (first.entry.records_processed, first.entry.records_failed) == (3, 2)
        (again,) = replayed(world.with_feed(tmp_path / "fixed", **FIXED), feed="acme")
        assert again.entry.delivery_id == first.entry.delivery_id
        assert (again.entry.records_processed, again.entry.records_failed) == (4, 1)
        assert state(world) == expected


def test_a_rejected_delivery_is_replayed_from_error(tmp_path: Path, warehouse_url: str, second_warehouse_url: str) -> None:
    with a_world_of_its_own(tmp_path / "direct", second_warehouse_url) as direct:
        hand_over(direct, tmp_path / "direct")
        expected = state(direct)
    with a_world_of_its_own(tmp_path / "replay", warehouse_url, OTHER_NAMES) as world:
        first = hand_over(world, tmp_path / "replay")
        assert (first.status, first.entry.error_code) == ("FAILED", "E_MAPPING")
        replayed(world.with_feed(tmp_path / "fixed"), delivery_id=first.entry.delivery_id)
        assert state(world) == expected


def test_a_replay_without_a_fixed_feed_changes_nothing(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        hand_over(world, tmp_path)
        tables = ("performance_data", "performance_data_history", "reconciliation_results", "data_quality_issues")
        before = state(world), {name: world.platform.warehouse.query(f"SELECT * FROM {name} ORDER BY id").to_dicts() for name in tables}
        replayed(world)
        after = state(world), {name: world.platform.warehouse.query(f"SELECT * FROM {name} ORDER BY id").to_dicts() for name in tables}
        assert after == before
        assert world.platform.ledger.pending("acme") == []


def test_a_replay_under_a_worse_feed_withdraws_what_was_published_and_one_under_the_old_feed_brings_it_back(
    tmp_path: Path, warehouse_url: str
) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        hand_over(world, tmp_path)
        before = state(world)
        replayed(world.with_feed(tmp_path / "worse", **OTHER_NAMES))
        assert world.rows("performance_data").is_empty()
        assert [(entry.status, entry.records_inserted) for entry in world.platform.ledger.entries()] == [("FAILED", 0)]
        replayed(world)
        assert state(world) == before


def test_the_quarantine_shows_line_code_sentence_and_cells(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        hand_over(world, tmp_path)
        rows = world.platform.warehouse.query("SELECT line_number, code, field_name, account_id, raw_row FROM quarantine ORDER BY 1")
        assert [row[:4] for row in rows.iter_rows()] == [(5, "E_DATE", "as_of_date", "B"), (6, "E_NUMBER", "beginning_market_value", "C")]
        assert '"day":"03/05/2025"' in rows["raw_row"][0]
        warehouse = world.platform.warehouse
        chosen = {
            code: quarantine_table(warehouse, condition({"vendor": "acme", "code": code})).row_count for code in (None, "E_DATE", "x'")
        }
        assert chosen == {None: 2, "E_DATE": 1, "x'": 0}


def test_a_row_in_quarantine_says_whether_another_delivery_has_its_day(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        hand_over(world, tmp_path)
        hand_over(world, tmp_path, "acme_2.csv", csv(C_WITHOUT_NUMBER.replace("12x", "255.00")))
        found = world.platform.warehouse.query("SELECT account_id, is_published FROM quarantine ORDER BY 1")
        assert found.rows() == [("B", False), ("C", True)], "B's day could not be read"


def test_only_what_may_be_read_better_is_replayed(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        bad = hand_over(world, tmp_path)
        hand_over(world, tmp_path, "acme_2.csv", csv(A_THIRD))
        same = hand_over(world, tmp_path, "acme_3.csv", csv(A_THIRD))
        torn = hand_over(world, tmp_path, "acme_4.csv", "no,header\n")
        entries = world.platform.ledger.entries()
        assert same.entry.status == "DUPLICATE"
        assert [entry.file_name for entry in to_replay(entries, ["acme"], feed="acme", delivery_id=None)] == ["acme_1.csv", "acme_4.csv"]
        assert to_replay(entries, ["acme", "vendor_d"], feed="vendor_d", delivery_id=None) == []
        cut_short = replace(entries[1], status="RECEIVED")
        assert to_replay([cut_short], ["acme"], feed="acme", delivery_id=None) == [cut_short], "its ingestion may have been killed"
        assert to_replay(entries, ["acme"], feed=None, delivery_id=torn.entry.delivery_id) == [torn.entry]
        for wrong, says in (
            ("nothing", "the ledger has no delivery nothing"),
            (same.entry.delivery_id, "holds the same bytes as acme_2.csv .*; replay that one"),
        ):
            with pytest.raises(AdvisoryPerfError, match=says):
                to_replay(entries, ["acme"], feed=None, delivery_id=wrong)
        with pytest.raises(AdvisoryPerfError, match=r"has no feed \(acme\); add one"):
            to_replay(entries, [], feed=None, delivery_id=bad.entry.delivery_id)


def test_a_replay_that_was_cut_short_before_its_pipeline_is_brought_to_its_end_by_the_next(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        handed = hand_over(world, tmp_path, content=csv(A_THIRD.replace("2025-03-03", "03/03/2025")))
        fixed = world.with_feed(tmp_path / "fixed", **FIXED)
        LocalRuns(fixed.platform, fixed.definitions, fixed.instance).ingest_again(handed.entry)
        assert world.rows("performance_data").is_empty()
        assert replayed(fixed, feed="acme") == [], "it has been ingested, and nothing is in quarantine any more"
        assert world.rows("performance_data")["account_id"].to_list() == ["A"]
        assert world.platform.ledger.pending("acme") == []


def test_a_replayed_day_is_published_with_what_follows_it(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        hand_over(world, tmp_path, content=csv(A_THIRD.replace("2025-03-03", "03/03/2025")))
        hand_over(world, tmp_path, "acme_2.csv", csv(A_FIFTH))
        assert world.rows("performance_data")["cumulative_twrr"].to_list() == [pytest.approx(0.1)]
        replayed(world.with_feed(tmp_path / "fixed", **FIXED))
        found = world.rows("performance_data").sort("as_of_date").select("as_of_date", pl.col("cumulative_twrr").round(12))
        assert found.rows() == [(date(2025, 3, 3), 0.1), (date(2025, 3, 5), 0.21)]


@pytest.mark.parametrize("where", ["read_listed", "keep"])
def test_an_ingestion_that_could_not_work_is_no_rejection(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The ledger says FAILED, of an earlier ingestion, or of this one, whose file then could not be kept."""
    with a_world_of_its_own(tmp_path / "world", warehouse_url) as world:
        if where == "read_listed":
            assert hand_over(world, tmp_path, content="no,header\n1,2\n").status == "FAILED"
        monkeypatch.setattr(Lake, where, _no_room)
        runs = LocalRuns(world.platform, world.definitions, world.instance)
        if where == "read_listed":
            known = to_replay(world.platform.ledger.entries(), list(world.platform.feeds), feed="acme", delivery_id=None)
            outcome = replay(runs, known, [], ingested=lambda _: None, pipeline_done=lambda _name, _of: None)
        else:
            (tmp_path / "acme_1.csv").write_text("no,header\n1,2\n", encoding="utf-8")
            outcome = run_files(runs, [tmp_path / "acme_1.csv"], None, ingested=lambda _: None, pipeline_done=lambda _name, _of: None)
        assert [entry.status for entry in world.platform.ledger.entries()] == ["FAILED"]
        assert outcome.failures == ["acme, acme_1.csv: the ingestion failed: no room"]


def _no_room(*_: object) -> None:
    raise LakeOutageError("no room")
