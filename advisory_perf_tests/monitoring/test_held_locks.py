from datetime import UTC, datetime

from advisory_perf.alerts.model import TURN_HELD
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.monitoring.held_locks import held_lock_alert, no_longer_held
from advisory_perf.warehouse.locks import HeldLock
from advisory_perf_tests.orchestration.scenarios import acme_as_data

PIPELINE = HeldLock("pipeline acme_daily", "host-1 4711", datetime(2025, 4, 1, 9, 0, tzinfo=UTC))
INGESTION = HeldLock("ingestion unknown march-1", "host-1 4711", datetime(2025, 4, 1, 9, 0, tzinfo=UTC))
FEEDS = {"acme_daily": PositionsFeed.model_validate(acme_as_data(name="acme_daily"))}


def test_the_alert_says_which_process_has_the_lock_since_when_and_what_to_do() -> None:
    alert = held_lock_alert(PIPELINE, FEEDS)
    assert (alert.code, alert.feed, alert.vendor, alert.since) == (TURN_HELD.name, "acme_daily", "acme", PIPELINE.taken_at)
    assert alert.message.startswith(
        "pipeline acme_daily: the process host-1 4711 (host and number) has had this lock since 2025-04-01 09:00 UTC"
    )
    stranger = held_lock_alert(INGESTION, FEEDS)
    assert (stranger.feed, stranger.vendor) == ("unknown", "unknown")


def test_an_alert_is_over_when_its_lock_is_free_or_was_taken_anew() -> None:
    keys = [held_lock_alert(lock, FEEDS).key for lock in (PIPELINE, INGESTION)]
    assert no_longer_held(keys, [PIPELINE, INGESTION]) == []
    assert no_longer_held(keys, [PIPELINE]) == keys[1:]
    anew = HeldLock(PIPELINE.subject, PIPELINE.holder, datetime(2025, 4, 1, 10, 0, tzinfo=UTC))
    assert no_longer_held(keys, [anew, INGESTION]) == keys[:1]
