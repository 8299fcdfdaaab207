from datetime import UTC, datetime

import pytest

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.monitoring.attempts import FailedAttempt, Tries
from advisory_perf.monitoring.failed_pipelines import pipeline_alert, pipeline_has_failed
from advisory_perf_tests.orchestration.scenarios import acme_as_data, an_entry, days

THIRD, FOURTH = days(3, 4)
DAILY = PositionsFeed.model_validate(acme_as_data(name="acme_daily"))
TWICE = [
    FailedAttempt("r1", "2025-04-01T10:00:00+00:00", "the check net_flow_identity failed"),
    FailedAttempt("r2", "2025-04-01T10:05:00+00:00", "the disk is full"),
]


@pytest.mark.parametrize(
    ("tries", "has_failed"),
    [
        (Tries(), False),
        (Tries(failed=2), False),
        (Tries(failed=3), True),
        (Tries(failed=3, in_flight=True), False),
        (Tries(failed=4), True),
    ],
)
def test_a_pipeline_has_failed_when_its_attempts_are_used_up_and_nobody_tries_it(tries: Tries, *, has_failed: bool) -> None:
    assert pipeline_has_failed(tries, attempts=3) is has_failed


def test_the_alert_tells_the_last_reason_since_the_first_failure_and_what_waits() -> None:
    alert = pipeline_alert(DAILY, [an_entry("one", THIRD), an_entry("two", FOURTH)], TWICE)
    assert (alert.key, alert.severity, alert.since) == ("LANE_FAILED acme_daily", "CRITICAL", datetime(2025, 4, 1, 10, tzinfo=UTC))
    assert (alert.feed, alert.vendor, alert.subject) == ("acme_daily", "acme", "LANE_FAILED acme_daily")
    assert alert.message == (
        "acme: its pipeline failed 2 times, the last time because: the disk is full; one.csv and 1 more are ingested and not published, "
        "and the rows published before stand; fix the reason and launch the pipeline's last run again, or it is tried again a day "
        "after it failed"
    )


def test_without_a_time_of_failure_the_incident_began_when_the_first_delivery_came() -> None:
    alert = pipeline_alert(DAILY, [an_entry("one", THIRD)], [FailedAttempt("r1", "", "its process was lost")])
    assert alert.since == datetime(2025, 4, 1, tzinfo=UTC)
    assert "; one.csv is ingested and not published, " in alert.message
