from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from advisory_perf.alerts.model import Alert
from advisory_perf.alerts.outbox import KeptAlert, Outbox, Waiting, resolve_alert
from advisory_perf.contracts.enums import Severity
from advisory_perf.errors import ConflictError, NotFoundError, RequestError
from advisory_perf.warehouse.auditing import by_command
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.warehouse.waiting import impatient

pytestmark = pytest.mark.slow

SINCE = datetime(2025, 3, 14, 22, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ORIGIN = by_command()


def an_alert(key: str = "one", **changes: Any) -> Alert:
    """An incident of vendor acme that matters."""
    known: dict[str, Any] = {
        "key": key,
        "code": "E_FORMAT",
        "severity": Severity.HIGH,
        "feed": changes.get("vendor", "acme"),
        "vendor": "acme",
        "since": SINCE,
        "subject": f"E_FORMAT acme: {key}",
        "message": f"{key} broke",
    }
    return Alert(**{**known, **changes})


@pytest.fixture
def outbox(warehouse: Warehouse) -> Outbox:
    return Outbox(warehouse)


@pytest.fixture
def now() -> datetime:
    """A moment after everything that the test raises."""
    return datetime.now(UTC) + timedelta(minutes=1)


def leased(outbox: Outbox, now: datetime, *, least: Severity = Severity.LOW, at_most: int = 100) -> list[KeptAlert]:
    return outbox.lease(now=now, least=least, at_most=at_most)


# raising and resolving ------------------------------------------------------------------------------------------------


def test_the_same_incident_is_one_alert_with_its_latest_words(outbox: Outbox) -> None:
    for message in ("broke", "broke", "broke again"):
        outbox.update(raised=[an_alert(message=message)])
    (alert,) = outbox.alerts(only_open=False)
    assert (alert.message, alert.since, alert.attempts, alert.sent_at) == ("broke again", SINCE, 0, None)


def test_an_incident_that_comes_back_after_it_was_over_is_another_alert(outbox: Outbox) -> None:
    outbox.update(raised=[an_alert()])
    outbox.update(resolved=["one"])
    outbox.update(raised=[an_alert()])
    first, second = outbox.alerts(only_open=False)
    assert (first.resolved_at is None, second.resolved_at is None) == (False, True)
    assert outbox.alerts(only_open=True) == [second]


def test_what_is_reported_once_is_not_reported_again_even_after_a_person_resolved_it(outbox: Outbox, warehouse: Warehouse) -> None:
    missing = an_alert(code="MISSING_FILE", window=date(2025, 3, 13))
    assert outbox.update(once=[missing]) == ["one broke"]
    assert outbox.update(once=[missing]) == []
    assert outbox.open_windows("acme", "MISSING_FILE") == [date(2025, 3, 13)]
    (alert,) = outbox.alerts(only_open=True)
    resolve_alert(warehouse, alert.id, by="Ann", origin=ORIGIN)
    with pytest.raises(ConflictError, match="is over already"):
        resolve_alert(warehouse, alert.id, by="Ann", origin=ORIGIN)
    assert outbox.update(once=[missing]) == []
    assert outbox.open_windows("acme", "MISSING_FILE") == []


def test_a_file_that_is_missing_again_is_reported_again_unless_a_person_resolved_it(outbox: Outbox) -> None:
    missing = an_alert(code="MISSING_FILE", window=date(2025, 3, 13))
    outbox.update(once=[missing])
    outbox.update(resolved=["one"])
    assert outbox.update(once=[missing]) == ["one broke"], "its file came, and was rejected when it was replayed"
    assert outbox.update(once=[missing]) == []
    assert [alert.id for alert in outbox.alerts(only_open=True)] == [2]


def test_what_has_passed_already_is_reported_once_for_all_time(outbox: Outbox) -> None:
    late = an_alert(is_over=True)
    assert outbox.update(once=[late]) == ["one broke"]
    assert outbox.update(once=[late]) == []


def test_two_that_raise_at_once_raise_one_alert(outbox: Outbox) -> None:
    late = an_alert(is_over=True)
    with ThreadPoolExecutor(4) as pool:
        reported = list(pool.map(lambda _: outbox.update(once=[late], raised=[an_alert("other")]), range(8)))
    assert sorted(map(len, reported)) == [0] * 7 + [1]
    assert len(outbox.alerts(only_open=False)) == 2


def test_an_alert_about_what_has_passed_is_over_from_the_start_and_sent_all_the_same(outbox: Outbox, now: datetime) -> None:
    outbox.update(once=[an_alert(is_over=True)])
    assert outbox.alerts(only_open=True) == []
    assert [alert.subject for alert in leased(outbox, now)] == ["E_FORMAT acme: one"]


# sending --------------------------------------------------------------------------------------------------------------


def test_alerts_are_leased_oldest_first_and_no_more_than_asked_for(outbox: Outbox, now: datetime) -> None:
    outbox.update(raised=[an_alert("one"), an_alert("two"), an_alert("three")])
    assert [alert.message for alert in leased(outbox, now, at_most=2)] == ["one broke", "two broke"]
    assert [alert.message for alert in leased(outbox, now, at_most=2)] == ["three broke"]
    assert leased(outbox, now) == []
    for name in ("four", "five"):
        outbox.update(raised=[an_alert(name)])
    assert [alert.message for alert in leased(outbox, now, at_most=1)] == ["four broke"]


def test_only_what_matters_enough_is_leased(outbox: Outbox, now: datetime) -> None:
    outbox.update(raised=[an_alert(severity.value, severity=severity) for severity in Severity])
    assert [alert.severity for alert in leased(outbox, now, least=Severity.HIGH)] == ["HIGH", "CRITICAL"]
    assert [alert.severity for alert in leased(outbox, now)] == ["LOW", "MEDIUM"]


def test_the_waits_double_up_to_an_hour_and_never_end(outbox: Outbox, warehouse: Warehouse, now: datetime) -> None:
    outbox.update(raised=[an_alert()])
    for wait in (30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600):
        assert len(leased(outbox, now)) == 1
        assert leased(outbox, now + (wait - 1) * SECOND) == []
        now += wait * SECOND
    with warehouse.connect() as connection:
        connection.execute("UPDATE alerts SET attempts = 2000000000")
    assert len(leased(outbox, now)) == 1


def test_a_lease_outlives_a_sender_that_was_killed_and_then_the_alert_is_due_again(outbox: Outbox, now: datetime) -> None:
    outbox.update(raised=[an_alert()])
    (taken,) = leased(outbox, now)
    assert outbox.waiting(Severity.LOW).count == 1
    (again,) = leased(outbox, now + 30 * SECOND)
    assert (taken.id, taken.attempts, again.id, again.attempts) == (again.id, 1, taken.id, 2)


def test_two_senders_at_once_never_lease_the_same_alert(outbox: Outbox, now: datetime) -> None:
    outbox.update(raised=[an_alert(str(number)) for number in range(40)])
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: leased(outbox, now, at_most=10), range(8)))
    ids = [alert.id for some in taken for alert in some]
    assert (len(ids), len(set(ids))) == (40, 40)


def test_an_alert_that_another_transaction_holds_is_passed_over_and_nobody_waits(
    outbox: Outbox, warehouse: Warehouse, now: datetime
) -> None:
    outbox.update(raised=[an_alert("one"), an_alert("two")])
    with warehouse.connect() as elsewhere:
        elsewhere.execute("SELECT FROM alerts WHERE alert_key = 'one' FOR UPDATE")
        assert [alert.message for alert in leased(Outbox(impatient(warehouse)), now)] == ["two broke"]


def test_while_an_alert_is_being_sent_a_load_can_write_to_it(outbox: Outbox, now: datetime) -> None:
    outbox.update(raised=[an_alert()])
    (taken,) = leased(outbox, now)
    outbox.update(raised=[an_alert(message="broke once more")], resolved=["one"])
    outbox.sent([taken.id], to="https://example.com")
    (alert,) = outbox.alerts(only_open=False)
    assert (alert.message, alert.sent_at is None, alert.resolved_at is None) == ("broke once more", False, False)


def test_what_was_sent_is_not_due_again_and_what_failed_says_why(outbox: Outbox, now: datetime) -> None:
    outbox.update(raised=[an_alert("one"), an_alert("two")])
    one, two = leased(outbox, now)
    outbox.failed([one.id, two.id], why="the webhook at https://example.com answered 500")
    waiting = outbox.waiting(Severity.LOW)
    assert (waiting.count, waiting.since, waiting.last_error) == (2, one.created_at, "the webhook at https://example.com answered 500")
    outbox.sent([one.id, two.id], to="https://example.com")
    assert outbox.waiting(Severity.LOW) == Waiting(0, None, None)
    assert leased(outbox, now + timedelta(days=1)) == []


def test_what_some_recipients_took_is_sent_and_says_who_was_refused(outbox: Outbox, now: datetime) -> None:
    outbox.update(raised=[an_alert()])
    (taken,) = leased(outbox, now)
    outbox.sent([taken.id], to="smtp://mail:25", but="the mail server at smtp://mail:25 refused boss@example.com")
    (alert,) = outbox.alerts(only_open=True)
    assert (alert.sent_at is None, alert.last_error) == (False, "the mail server at smtp://mail:25 refused boss@example.com")
    assert leased(outbox, now + timedelta(days=1)) == []


def test_a_lower_severity_than_is_sent_does_not_wait(outbox: Outbox) -> None:
    outbox.update(raised=[an_alert(severity=Severity.LOW)])
    assert outbox.waiting(Severity.MEDIUM) == Waiting(0, None, None)


# looking --------------------------------------------------------------------------------------------------------------


def test_open_windows_and_keys_are_those_of_the_code_that_are_not_over(outbox: Outbox) -> None:
    first, second = date(2025, 3, 1), date(2025, 3, 2)
    outbox.update(
        raised=[
            an_alert("later", window=second),
            an_alert("earlier", window=first),
            an_alert("over", window=date(2025, 3, 3)),
            an_alert("no window"),
            an_alert("another's", vendor="zeta", window=date(2025, 3, 4)),
            an_alert("of another code", code="E_TORN", window=date(2025, 3, 5)),
        ]
    )
    outbox.update(resolved=["over"])
    assert outbox.open_windows("acme", "E_FORMAT") == [first, second]
    assert outbox.open_keys("E_FORMAT") == ["later", "earlier", "no window", "another's"]


def test_what_waits_is_reported_since_its_oldest_with_why_the_latest_attempt_failed(
    outbox: Outbox, warehouse: Warehouse, now: datetime
) -> None:
    outbox.update(raised=[an_alert("one"), an_alert("two"), an_alert("three")])
    one, two, three = (alert.id for alert in leased(outbox, now))
    for failed, why in ((two, "the latest"), (one, "an earlier one")):
        outbox.failed([failed], why=why)
    with warehouse.connect() as connection:
        connection.execute("UPDATE alerts SET next_attempt_at = next_attempt_at + interval '1 hour' WHERE id = %s", [two])
        connection.execute("UPDATE alerts SET created_at = %s WHERE id = %s", [SINCE, two])
    assert outbox.waiting(Severity.LOW) == Waiting(3, SINCE, "the latest")
    outbox.sent([two], to="x")
    outbox.failed([two], why="too late")
    found = outbox.waiting(Severity.LOW)
    assert (found.count, found.last_error) == (2, "an earlier one")
    assert {alert.id: alert.last_error for alert in outbox.alerts(only_open=False)} == {one: "an earlier one", two: None, three: None}


def test_a_person_resolves_what_is_open_once(outbox: Outbox, warehouse: Warehouse) -> None:
    outbox.update(raised=[an_alert("one"), an_alert("two")])
    one, two = (alert.id for alert in outbox.alerts(only_open=True))
    resolve_alert(warehouse, one, by="Ann", origin=ORIGIN)
    (resolved,) = (alert.resolved_at for alert in outbox.alerts(only_open=False) if alert.id == one)
    with pytest.raises(ConflictError, match=f"alert {one} is over already; nothing was changed"):
        resolve_alert(warehouse, one, by="Bob", origin=ORIGIN)
    with pytest.raises(NotFoundError, match=f"there is no alert {two + 1}; `advisory-perf alerts list` names"):
        resolve_alert(warehouse, two + 1, by="Ann", origin=ORIGIN)
    with pytest.raises(RequestError, match=f"nobody says that alert {two} is over; say who does"):
        resolve_alert(warehouse, two, by=" ", origin=ORIGIN)
    assert [(alert.id, alert.resolved_at) for alert in outbox.alerts(only_open=False)] == [(one, resolved), (two, None)]


def test_what_is_resolved_again_stays_resolved_since_the_first_time(outbox: Outbox) -> None:
    outbox.update(raised=[an_alert("one")])
    outbox.update(resolved=["one"])
    (before,) = outbox.alerts(only_open=False)
    outbox.update(resolved=["one"])
    assert outbox.alerts(only_open=False) == [before]
