from datetime import UTC, datetime

from advisory_perf.alerts.model import TURN_HELD
from advisory_perf.monitoring.held_locks import held_turn_alert, no_longer_held
from advisory_perf.warehouse.locks import HeldTurn

LANE = HeldTurn("lane acme", "host-1 4711", datetime(2025, 4, 1, 9, 0, tzinfo=UTC))
LANDING = HeldTurn("landing acme march-1", "host-1 4711", datetime(2025, 4, 1, 9, 0, tzinfo=UTC))


def test_the_alert_says_which_process_has_the_turn_since_when_and_what_to_do() -> None:
    alert = held_turn_alert(LANE)
    assert (alert.code, alert.vendor, alert.since) == (TURN_HELD.name, "acme", LANE.taken_at)
    assert alert.message.startswith("lane acme: the process host-1 4711 (host and number) has had this turn since 2025-04-01 09:00 UTC")
    assert held_turn_alert(LANDING).vendor == "acme"


def test_an_alert_is_over_when_its_turn_is_free_or_was_taken_anew() -> None:
    keys = [held_turn_alert(turn).key for turn in (LANE, LANDING)]
    assert no_longer_held(keys, [LANE, LANDING]) == []
    assert no_longer_held(keys, [LANE]) == keys[1:]
    anew = HeldTurn(LANE.subject, LANE.holder, datetime(2025, 4, 1, 10, 0, tzinfo=UTC))
    assert no_longer_held(keys, [anew, LANDING]) == keys[:1]
