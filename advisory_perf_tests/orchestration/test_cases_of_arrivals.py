"""The cases of files that come twice, late, torn, together or under odd names."""

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from advisory_perf.alerts.outbox import Outbox
from advisory_perf.contracts.enums import Severity
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.errors import ChannelError
from advisory_perf.monitoring.attempts import Tries
from advisory_perf.orchestration.planning import IngestionRequest, ingestions_to_request, pipeline_to_request, waiting_by_feed
from advisory_perf.orchestration.sensors.arriving import arrived
from advisory_perf_tests.alerts.receivers import a_webhook
from advisory_perf_tests.ingestion.cases import case
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.orchestration.scenarios import (
    A_THIRD,
    B_THIRD,
    DELIVERY,
    World,
    a_file,
    a_world,
    an_entry,
    checks,
    csv,
    days,
    value,
)

pytestmark = pytest.mark.slow

THIRD, FIFTH = days(3, 5)


def archived(world: World) -> list[str]:
    return sorted(file.path for file in world.platform.lake.files("archive/acme/"))


def published(world: World) -> list[tuple[str, object, Decimal]]:
    frame = world.platform.warehouse.query(
        "SELECT account_id, as_of_date, ending_market_value FROM performance_data WHERE data_source = 'acme' ORDER BY 1, 2"
    )
    return list(frame.rows())


@case("ev-002")
def test_the_same_bytes_under_a_new_name_change_nothing(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, _ = loaded
    before = published(world)
    assert world.ingest("acme_copy.csv", DELIVERY).success
    assert [entry.status for entry in world.platform.ledger.entries("acme")] == ["COMPLETED", "DUPLICATE"]
    assert (published(world), len(archived(world))) == (before, 2)


@case("ev-003", "ev-016")
def test_new_bytes_under_the_same_name_restate_and_both_files_are_kept(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, _ = loaded
    restated = "A,2025-03-03,100.00,0.00,0.00,12.00,112.00,0.12000"
    assert world.ingest("acme_1.csv", csv(restated, B_THIRD)).success
    assert world.run_pipeline(THIRD, FIFTH).success
    assert published(world)[0] == ("A", THIRD, Decimal("112.0000"))
    assert len(published(world)) == 3, "no row is doubled"
    history = world.platform.warehouse.query("SELECT account_id, as_of_date, ending_market_value FROM performance_data_history").rows()
    assert ("A", THIRD, Decimal("110.0000")) in history
    assert len(archived(world)) == 2, "each delivery has a place of its own in the archive"


@case("ev-008")
def test_a_file_that_still_changes_is_held() -> None:
    growing = a_file("acme/a.csv")
    feeds = {"acme": a_feed()}
    for seconds, ready in ((2, []), (5, [growing])):
        now = growing.modified + timedelta(seconds=seconds)
        assert arrived([growing], feeds, seen={}, now=now, seconds=5).ready == {"acme": ready}


@case("ev-009")
def test_a_file_older_than_those_that_were_ingested_is_still_found() -> None:
    early, late = a_file("acme/early.csv", minute=1), a_file("acme/late.csv", minute=50)
    ingested = {delivery_id_of(late): Tries(in_flight=True)}
    waiting, _ = waiting_by_feed([late, early], ["acme"])
    asked = ingestions_to_request("acme", waiting["acme"], lambda delivery: ingested.get(delivery, Tries()), attempts=3, at_most=50)
    assert [request.path for request in asked] == [early.path]


@case("ev-011")
def test_a_file_whose_ingestion_failed_is_asked_for_again_as_another_attempt() -> None:
    file = a_file("acme/a.csv")
    (again,) = ingestions_to_request("acme", [file], lambda _: Tries(failed=1), attempts=3, at_most=50)
    assert again == IngestionRequest("acme", delivery_id_of(file), file.path, attempt=2)


@case("ev-015")
def test_two_files_of_one_day_are_both_loaded(world: World) -> None:
    assert world.ingest("acme_1.csv", csv(A_THIRD)).success
    assert world.ingest("acme_2.csv", csv(B_THIRD)).success
    assert world.run_pipeline(THIRD, THIRD).success
    assert [account for account, _, _ in published(world)] == ["A", "B"]


@case("ev-019")
def test_a_file_that_comes_three_days_after_its_day_is_missing_at_the_deadline_late_on_arrival_and_loaded_as_any_other(
    tmp_path: Path, warehouse_url: str
) -> None:
    def watch(now: datetime) -> list[tuple[str, object, bool]]:
        world.clock.now = now
        world.tick("watch")
        alerts = Outbox(world.platform.warehouse).alerts(only_open=False)
        return [(alert.code, alert.window_start, alert.resolved_at is None) for alert in alerts]

    def arrive(name: str, content: str, when: datetime) -> None:
        path = world.put(name, content).path
        os.utime(Path(world.platform.lake.address, path), (when.timestamp(), when.timestamp()))
        (ingestion,) = world.tick("arrivals").run_requests
        assert world.run_request(ingestion).success
        (pipeline,) = world.tick("pipelines").run_requests
        assert world.run_request(pipeline).success

    fourth = days(4)[0]
    deadline = {"days": 1, "business_days": True, "time": "18:00", "time_zone": "America/New_York"}
    with a_world(tmp_path, warehouse_url, feed={"deadline": deadline}, least_quality=0) as world:
        arrive("acme_3.csv", csv(A_THIRD, B_THIRD), datetime(2025, 3, 4, 12, tzinfo=UTC))
        assert watch(datetime(2025, 3, 5, 22, 59, tzinfo=UTC)) == [], "a minute before six in the evening in New York"
        missing = [("MISSING_FILE", fourth, True)]
        assert watch(datetime(2025, 3, 5, 23, tzinfo=UTC)) == missing
        assert watch(datetime(2025, 3, 6, 22, tzinfo=UTC)) == missing, "it is reported once"
        restated_later = "A,2025-03-04,110.00,0.00,0.00,11.00,121.00,0.10000"
        arrive("acme_4.csv", csv(restated_later), datetime(2025, 3, 7, 12, tzinfo=UTC))
        late_and_next = [("MISSING_FILE", fourth, False), ("LATE_FILE", fourth, False), ("MISSING_FILE", FIFTH, True)]
        assert watch(datetime(2025, 3, 7, 13, tzinfo=UTC)) == late_and_next, "meanwhile the next day's file is due too"
        assert watch(datetime(2025, 3, 7, 14, tzinfo=UTC)) == late_and_next
        assert published(world)[1] == ("A", fourth, Decimal("121.0000"))
        assert {entry.status for entry in world.platform.ledger.entries("acme")} == {"COMPLETED"}


@case("ev-021")
@pytest.mark.parametrize("name", ["Acme & S\u00f6hne+May 2024.csv", "a%20b=c'd.csv"])
def test_a_name_with_spaces_signs_and_umlauts_is_archived_as_it_is(world: World, name: str) -> None:
    assert world.ingest(name, csv(A_THIRD)).success
    (path,) = archived(world)
    assert path.endswith(f"/{name}")
    assert world.platform.ledger.entries("acme")[0].file_name == name


@case("ev-024")
def test_a_file_in_no_vendors_folder_is_held_in_error_with_an_alert_and_nobody_is_guessed(world: World) -> None:
    for _ in range(2):  # put there once more, it is the same incident
        stranger = world.put("x.csv", DELIVERY, folder="unknown")
        (request,) = world.tick("arrivals").run_requests
        assert world.run_request(request).success
    held = f"error/unknown/{delivery_id_of(stranger)}"
    assert [file.path for file in world.platform.lake.files("")] == [f"{held}/x.csv", f"{held}/x.csv.reason.json"]
    (entry,) = world.platform.ledger.entries()
    assert (entry.vendor, entry.status, entry.error_code, published(world)) == ("unknown", "FAILED", "E_UNKNOWN_VENDOR", [])
    (alert,) = Outbox(world.platform.warehouse).alerts(only_open=True)
    assert (alert.code, alert.severity, alert.vendor, alert.delivery_id) == (
        "E_UNKNOWN_VENDOR",
        "CRITICAL",
        "unknown",
        delivery_id_of(stranger),
    )
    assert alert.message.startswith("x.csv: the folder unknown/ is no feed's; put it into one of incoming/acme/, ")
    assert world.ingest("x.csv", DELIVERY).success, "its bytes, where a person says they belong"
    assert Outbox(world.platform.warehouse).alerts(only_open=True) == []


@case("ev-026")
def test_while_the_channel_fails_loads_succeed_and_the_alert_waits_until_it_is_taken(tmp_path: Path, warehouse_url: str) -> None:
    with a_webhook(500) as webhook, a_world(tmp_path, warehouse_url, alerts_url=webhook.url(), least_quality=0) as world:
        assert not world.ingest("acme_1.csv", "no,header\n1,2\n").success, "not what its feed says"
        outbox = Outbox(world.platform.warehouse)
        with pytest.raises(ChannelError, match="answered 500"):
            world.tick("alerts")
        assert world.ingest("acme_2.csv", DELIVERY).success
        assert world.run_pipeline(THIRD, FIFTH).success
        assert len(published(world)) == 3
        (waiting,) = outbox.alerts(only_open=True)
        assert (waiting.code, waiting.attempts, waiting.sent_at) == ("E_HEADER_MISSING", 1, None)
        with world.platform.warehouse.connect() as connection:
            connection.execute("UPDATE alerts SET next_attempt_at = now() - interval '1 second'")
        world.tick("alerts")
        assert webhook.ids == [[waiting.id], [waiting.id]]
        assert outbox.waiting(Severity.LOW).count == 0


@case("ev-027")
def test_a_file_that_could_not_be_taken_out_of_incoming_is_only_moved_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as denied:
        denied.setattr("advisory_perf.orchestration.assets.ingestion.clear_incoming", lambda *_: None)
        assert world.ingest("acme_1.csv", DELIVERY).success
    assert world.run_pipeline(THIRD, FIFTH).success
    before = published(world)
    (waiting,) = world.platform.lake.files("incoming/acme/")
    again = world.ingest(waiting.name, DELIVERY)
    assert again.success
    assert "nothing_new" in checks(again)["delivery_is_readable"].metadata
    assert world.platform.lake.files("incoming/acme/") == []
    assert (published(world), len(world.platform.ledger.entries("acme"))) == (before, 1)


@case("ev-029")
def test_many_files_at_once_are_ingested_within_the_limit_and_then_the_pipeline_runs_once() -> None:
    """That the result is the same as one by one, in any order, is the slow tests' proof on whole installations."""
    files = [a_file(f"acme/{number}.csv", minute=number % 60) for number in range(180)]
    waiting, _ = waiting_by_feed(files, ["acme"])
    asked = ingestions_to_request("acme", waiting["acme"], lambda _: Tries(), attempts=3, at_most=50)
    assert [request.path for request in asked] == [file.path for file in waiting["acme"][:50]]
    pending: list[LedgerEntry] = [an_entry(f"d{number}", day) for number, day in enumerate(days(3, 5))]
    assert pipeline_to_request(a_feed(), pending, FIFTH, waiting=True, tries=Tries(), attempts=3) is None
    pipeline = pipeline_to_request(a_feed(), pending, FIFTH, waiting=False, tries=Tries(), attempts=3)
    assert pipeline is not None
    assert (pipeline.windows.first_day, pipeline.windows.last_day) == (THIRD, FIFTH)


@case("rec-013")
def test_a_pass_rate_of_exactly_the_agreed_one_warns(world: World) -> None:
    ninety_five = [f"A{n},2025-03-03,100.00,0.00,0.00,10.00,110.00," for n in range(19)]
    assert world.ingest("acme_1.csv", csv(*ninety_five, "B,2025-03-03,100.00,0.00,0.00,10.00,111.00,")).success
    found = checks(world.run_pipeline(THIRD, THIRD))["reconciliation_pass_rate"]
    assert (value(found.metadata, "pass_rate"), found.passed) == (0.95, False)
    assert world.ingest("acme_2.csv", csv("C,2025-03-03,100.00,0.00,0.00,10.00,110.00,")).success
    assert checks(world.run_pipeline(THIRD, THIRD))["reconciliation_pass_rate"].passed
