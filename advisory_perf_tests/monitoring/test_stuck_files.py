from datetime import UTC, datetime

import pytest

from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.monitoring.attempts import FailedAttempt, Tries, abandoning_subject
from advisory_perf.monitoring.stuck_files import StuckFile, no_longer_stuck, stuck_alert, stuck_files
from advisory_perf_tests.orchestration.scenarios import a_file

FILE, OTHER = a_file("acme/acme_1.csv"), a_file("acme/acme_2.csv")
DELIVERY = delivery_id_of(FILE)
UNCLAIMED = a_file("nobody/x.csv")
OFTEN = Tries(failed=3)


def subjects(vendor: str, tries: dict[str, Tries]) -> list[str]:
    """Of the three files, what the last runs of those that are stuck were for."""
    files = [UNCLAIMED] if vendor == "unknown" else [FILE, OTHER]
    return [stuck.subject for stuck in stuck_files(vendor, files, lambda subject: tries.get(subject, Tries()), attempts=3)]


def test_a_file_is_stuck_when_its_ingestions_and_then_its_abandoning_failed_as_often_as_agreed() -> None:
    abandoned = abandoning_subject(DELIVERY)
    assert subjects("acme", {DELIVERY: OFTEN, abandoned: OFTEN}) == [abandoned]


@pytest.mark.parametrize(
    ("ingestions", "abandoning"),
    [
        (Tries(), Tries()),
        (OFTEN, Tries()),
        (OFTEN, Tries(failed=2)),
        (OFTEN, Tries(failed=3, in_flight=True)),
        (Tries(failed=3, in_flight=True), OFTEN),
        (Tries(failed=2), OFTEN),
    ],
)
def test_a_file_is_not_stuck_while_something_is_still_to_be_tried(ingestions: Tries, abandoning: Tries) -> None:
    assert subjects("acme", {DELIVERY: ingestions, abandoning_subject(DELIVERY): abandoning}) == []


def test_a_file_that_no_feed_claims_is_stuck_when_its_rejection_failed_as_often() -> None:
    subject = delivery_id_of(UNCLAIMED)
    assert subjects("unknown", {subject: OFTEN}) == [subject]
    assert subjects("unknown", {subject: Tries(failed=2)}) == []


def test_the_alert_tells_the_last_reason_where_the_file_lies_and_what_to_do() -> None:
    attempts = [FailedAttempt("r1", "", "the warehouse is full"), FailedAttempt("r2", "", "the lake refuses to read it")]
    alert = stuck_alert(StuckFile("acme", FILE, abandoning_subject(DELIVERY)), "acme", attempts)
    assert (alert.code, alert.severity, alert.vendor, alert.delivery_id) == ("STUCK_FILE", "CRITICAL", "acme", DELIVERY)
    assert (alert.since, alert.is_over) == (datetime(2025, 4, 1, 9, tzinfo=UTC), False)
    assert alert.message == (
        "acme, acme_1.csv: its ingestion and then moving it to error/ failed as often as agreed, the last time because: the lake refuses "
        "to read it; it stays as incoming/acme/acme_1.csv; fix the reason, and it is tried again a day after it failed, or at once if you "
        "put the file there again; or take it away"
    )
    unclaimed = stuck_alert(StuckFile("unknown", UNCLAIMED, delivery_id_of(UNCLAIMED)), "unknown", [])
    assert unclaimed.message.startswith("unknown, x.csv: moving it to error/ failed as often as agreed, the last time because: no reason ")


def test_it_is_over_when_the_file_has_left_incoming_and_not_when_it_is_tried_again() -> None:
    keys = [stuck_alert(StuckFile("acme", file, ""), "acme", []).key for file in (FILE, OTHER)]
    assert no_longer_stuck(keys, [OTHER]) == keys[:1]
    assert no_longer_stuck(keys, [FILE, OTHER]) == []
    assert no_longer_stuck(keys, [a_file("acme/acme_1.csv", minute=5), OTHER]) == keys[:1], "the same name again is another arrival"
