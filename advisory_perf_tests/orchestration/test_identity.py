"""What a file is known by is compared before anything goes: nothing is cleared, forgotten or abandoned that is not what was read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.errors import LakeError
from advisory_perf.lake.store import Lake
from advisory_perf.orchestration.assets import ingestion
from advisory_perf.orchestration.jobs import abandon_delivery
from advisory_perf.orchestration.jobs.abandon_delivery import JOB_NAME, abandoning_config
from advisory_perf.orchestration.jobs.reject_unknown import reject_unclaimed, unclaimed_config, unclaimed_file
from advisory_perf.orchestration.run_history import failed_attempts
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.orchestration.scenarios import A_THIRD, B_THIRD, VENDOR, World, csv, noted_waits
from advisory_perf_tests.orchestration.test_whole_files import abandoned, statuses

pytestmark = pytest.mark.slow

FIRST, SECOND, TORN = csv(A_THIRD), csv(B_THIRD), "no,header\n1,2\n"
REASON = ".reason.json"


def lying(world: World, *zones: str) -> list[tuple[str, str, str]]:
    """Zone, name and content of what lies there; of error/ without the reasons."""
    files = [file for zone in zones or ("incoming", "archive", "error") for file in world.platform.lake.files(f"{zone}/")]
    return [
        (file.path.split("/")[0], file.name, world.platform.lake.read(file.path).decode())
        for file in files
        if not (file.path.startswith("error/") and file.name.endswith(REASON))
    ]


def reasons(world: World) -> list[tuple[str, str]]:
    """File and code of each reason in error/."""
    files = [file for file in world.platform.lake.files("error/") if file.name.endswith(REASON)]
    reported = [json.loads(world.platform.lake.read(file.path)) for file in files]
    return sorted((reason["file_name"], reason["error_code"]) for reason in reported)


def asked_and_run(world: World) -> list[bool]:
    """Whether each run that the sensor of arrivals asks for now succeeds."""
    return [world.run_request(request).success for request in world.tick("arrivals").run_requests]


def overwritten_when_read(patched: pytest.MonkeyPatch, content: str, path: str) -> None:
    """Once the file has been read, the vendor puts another one of its name there."""
    read: Callable[..., bytes] = Lake.read_listed

    def and_then(lake: Lake, listed: Any) -> bytes:
        found = read(lake, listed)
        if listed.path == path:
            target = Path(lake.address) / path
            fresh = target.with_name("fresh")
            fresh.write_text(content, encoding="utf-8")
            fresh.replace(target)
        return found

    patched.setattr(Lake, "read_listed", and_then)


# another file in its place --------------------------------------------------------------------------------------------


def test_a_file_that_takes_the_place_of_one_that_is_ingested_or_repeats_stays_and_is_ingested_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content in (FIRST, FIRST):  # the second time it is known
        file = world.put("acme_1.csv", content)
        with monkeypatch.context() as patched:
            overwritten_when_read(patched, SECOND, file.path)
            assert asked_and_run(world) == [True]
        assert ("incoming", "acme_1.csv", SECOND) in lying(world)
        assert ("archive", "acme_1.csv", FIRST) in lying(world)
    assert asked_and_run(world) == [True]
    assert sorted(lying(world)) == [("archive", "acme_1.csv", FIRST), ("archive", "acme_1.csv", SECOND)]
    assert statuses(world) == [("acme_1.csv", "PROCESSING")] * 2


def test_a_file_that_takes_the_place_of_one_that_is_rejected_or_abandoned_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rejected, poisoned = world.put("acme_1.csv", TORN), world.put("acme_2.csv", FIRST)
    strange = world.put("x.csv", FIRST, folder="nobody")
    with monkeypatch.context() as patched:
        overwritten_when_read(patched, SECOND, rejected.path)
        overwritten_when_read(patched, SECOND, poisoned.path)
        overwritten_when_read(patched, SECOND, strange.path)
        assert not world.ingest_again(delivery_id_of(rejected)).success
        abandoned(world, delivery_id_of(poisoned))
        reject_unclaimed(world.platform, strange, run_id="run")
    assert sorted(lying(world, "incoming")) == [
        ("incoming", "acme_1.csv", SECOND),
        ("incoming", "acme_2.csv", SECOND),
        ("incoming", "x.csv", SECOND),
    ]
    assert sorted(lying(world, "error")) == [("error", "acme_1.csv", TORN), ("error", "acme_2.csv", FIRST), ("error", "x.csv", FIRST)]
    assert reasons(world) == [("acme_1.csv", "E_HEADER_MISSING"), ("acme_2.csv", "E_POISONED"), ("x.csv", "E_UNKNOWN_VENDOR")]


# what comes twice -----------------------------------------------------------------------------------------------------


def test_the_same_file_twice_leaves_the_archive_and_the_ledger_as_they_are(world: World) -> None:
    world.put("acme_1.csv", FIRST)
    assert asked_and_run(world) == [True]
    (entry,) = world.platform.ledger.entries(VENDOR)
    archived = world.platform.lake.files("archive/")
    assert [file.path for file in archived] == [f"archive/acme/{entry.delivery_id}/acme_1.csv"]
    world.put("acme_1.csv", FIRST)
    assert asked_and_run(world) == [True]
    assert world.platform.lake.files("archive/") == archived, "neither written again nor gone"
    assert world.platform.lake.read(archived[0].path) == FIRST.encode()
    assert world.platform.ledger.entries(VENDOR) == [entry]
    assert lying(world, "incoming", "error") == []


def test_a_repeat_is_kept_where_the_archive_has_lost_its_copy(world: World) -> None:
    world.put("acme_1.csv", FIRST)
    assert asked_and_run(world) == [True]
    (archived,) = world.platform.lake.files("archive/")
    world.platform.lake.delete([archived.path])
    world.put("acme_1.csv", FIRST)
    assert asked_and_run(world) == [True]
    assert lying(world) == [("archive", "acme_1.csv", FIRST)]


def test_rejected_bytes_under_another_name_are_rejected_for_themselves_and_no_duplicate(world: World) -> None:
    for name in ("acme_1.csv", "acme_2.csv", "acme_1.csv"):
        world.put(name, TORN)
        assert asked_and_run(world) == [False]
    assert statuses(world) == [("acme_1.csv", "FAILED"), ("acme_2.csv", "FAILED")]
    assert sorted(lying(world)) == [("error", "acme_1.csv", TORN), ("error", "acme_2.csv", TORN)]
    assert reasons(world) == [("acme_1.csv", "E_HEADER_MISSING"), ("acme_2.csv", "E_HEADER_MISSING")]


def test_bytes_that_were_abandoned_are_ingested_under_another_name_and_keep_their_first_copy(world: World) -> None:
    abandoned(world, delivery_id_of(world.put("acme_1.csv", FIRST)))
    assert asked_and_run(world) == []
    world.put("acme_2.csv", FIRST)
    assert asked_and_run(world) == [True]
    assert statuses(world) == [("acme_1.csv", "FAILED"), ("acme_2.csv", "PROCESSING")]
    assert sorted(lying(world)) == [("archive", "acme_2.csv", FIRST), ("error", "acme_1.csv", FIRST)]


# abandoning ------------------------------------------------------------------------------------------------------------


def test_a_delivery_whose_rows_are_in_is_not_abandoned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("advisory_perf.orchestration.assets.ingestion.clear_incoming", lambda *_: None)
        assert world.ingest("acme_1.csv", FIRST).success
    (entry,) = world.platform.ledger.entries(VENDOR)
    assert lying(world) == [("incoming", "acme_1.csv", FIRST), ("archive", "acme_1.csv", FIRST)]
    for _ in range(2):  # the second time it lies in the archive only
        abandoned(world, entry.delivery_id)
        assert lying(world) == [("archive", "acme_1.csv", FIRST)]
        assert world.platform.ledger.entries(VENDOR) == [entry]


def test_what_has_left_incoming_is_not_abandoned_though_it_was_not_ingested(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = world.put("acme_1.csv", FIRST)
    with monkeypatch.context() as patched:
        patched.setattr("advisory_perf.orchestration.assets.ingestion.validate", lambda *_: (_ for _ in ()).throw(MemoryError("no room")))
        assert not world.ingest_again(delivery_id_of(file)).success
    world.platform.lake.delete_listed(file)
    abandoned(world, delivery_id_of(file))
    assert statuses(world) == [("acme_1.csv", "RECEIVED")]
    assert lying(world) == [("archive", "acme_1.csv", FIRST)]


def test_a_delivery_that_another_run_ingests_now_is_not_abandoned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = noted_waits(monkeypatch)
    counted = Mock(side_effect=failed_attempts)
    monkeypatch.setattr(abandon_delivery, "failed_attempts", counted)
    delivery_id = delivery_id_of(world.put("acme_1.csv", FIRST))
    job = world.definitions.resolve_job_def(JOB_NAME)
    config = abandoning_config(VENDOR, delivery_id, log_level="CRITICAL")
    with Locks(world.platform.warehouse) as elsewhere:
        assert elsewhere.take(f"ingestion {VENDOR} {delivery_id}")
        assert job.execute_in_process(config, instance=world.instance).success
        assert (statuses(world), lying(world)) == ([], [("incoming", "acme_1.csv", FIRST)])
    assert job.execute_in_process(config, instance=world.instance).success
    (entry,) = world.platform.ledger.entries(VENDOR)
    assert (entry.status, entry.error_code) == ("FAILED", "E_POISONED")
    assert lying(world) == [("error", "acme_1.csv", FIRST)]
    assert [subject.split(" ")[0] for subject in waited] == ["bytes"], "nobody ingests them under another name meanwhile"
    run = world.instance.get_run_record_by_id(entry.run_id or "")
    assert run is not None
    assert counted.call_args.kwargs == {"now": run.create_timestamp}, "what failed is counted as it was when the run was asked for"


# what no feed claims --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["incoming/acme/acme_1.csv", "archive/acme/x/acme_1.csv", "incoming/nobody/../acme/acme_1.csv", "acme_1.csv"]
)
def test_the_job_for_files_that_no_feed_claims_takes_no_others(world: World, path: str) -> None:
    world.put("acme_1.csv", FIRST)
    with pytest.raises(LakeError, match=r"is no file of incoming/ outside the feeds' folders; reject_unclaimed takes no other"):
        unclaimed_file(world.platform, path)
    assert not world.reject_unclaimed(unclaimed_config(path, log_level="CRITICAL")).success
    assert lying(world) == [("incoming", "acme_1.csv", FIRST)]


def test_what_no_feed_claims_is_rejected_once_under_its_locks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = world.put("x.csv", FIRST, folder="nobody")
    waited = noted_waits(monkeypatch)
    sentence = reject_unclaimed(world.platform, file, run_id="run", why="x.csv: it is odd")
    assert (sentence, [subject.split(" ")[0] for subject in waited]) == ("x.csv: it is odd", ["ingestion", "bytes"])
    (entry,) = world.platform.ledger.entries()
    assert (entry.delivery_id, entry.vendor, entry.size_bytes, entry.run_id) == (delivery_id_of(file), "unknown", len(FIRST), "run")
    assert (entry.error_message, entry.file_path) == (sentence, file.path)
    again = world.put("x.csv", FIRST, folder="nobody")
    reject_unclaimed(world.platform, again, run_id="run")
    assert {file.path.split("/")[2] for file in world.platform.lake.files("error/unknown/")} == {delivery_id_of(again)}


# rejections -----------------------------------------------------------------------------------------------------------


def test_a_rejection_says_why_in_the_ledger_before_the_file_moves_and_the_file_moves_before_it_leaves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    for name in ("keep_in_error", "clear_incoming"):
        real = getattr(ingestion, name)

        def noted(*given: Any, name: str = name, real: Callable[..., Any] = real, **reported: Any) -> Any:
            done.append(f"{name}, {statuses(world)[0][1]}")
            return real(*given, **reported)

        monkeypatch.setattr(ingestion, name, noted)
    assert not world.ingest("acme_1.csv", TORN).success
    assert done == ["keep_in_error, FAILED", "clear_incoming, FAILED"]
