from datetime import UTC, datetime, timedelta

import pytest

from advisory_perf.alerts.outbox import Outbox
from advisory_perf.contracts.enums import Severity
from advisory_perf.operations.health import alerts_health
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.operations.test_health import LONG_AGO, ingest

pytestmark = pytest.mark.slow


def said_of_alerts(warehouse: Warehouse, url: str | None = None) -> dict[str, tuple[bool, str]]:
    findings = alerts_health(Outbox(warehouse), url=url, least=Severity.MEDIUM)
    return {finding.subject.removeprefix("alerts: "): (finding.is_good, finding.says) for finding in findings}


def an_alert(warehouse: Warehouse, created_at: datetime = LONG_AGO, last_error: str | None = None) -> None:
    """A rejection whose alert was written at that time."""
    ledger = ingest(warehouse, "torn", hours_ago=0)
    ledger.rejected("torn", code="E_TORN", sentence="torn.csv: torn")
    with warehouse.connect() as connection:
        connection.execute("UPDATE alerts SET created_at = %s, last_error = %s", [created_at, last_error])


def test_without_alerts_nothing_waits_and_nothing_is_open(warehouse: Warehouse) -> None:
    assert said_of_alerts(warehouse, "https://hooks.example.com/services/secret") == {
        "channel": (True, "they are sent to https://hooks.example.com"),
        "waiting": (True, "none waits to be sent"),
        "open": (True, "nothing is open"),
    }


def test_without_a_channel_the_alerts_that_wait_are_counted_and_nothing_is_wrong(warehouse: Warehouse) -> None:
    an_alert(warehouse)
    assert said_of_alerts(warehouse) == {
        "channel": (True, "no channel is set, so that alerts are only kept in the table alerts; set ADVISORY_PERF_ALERTS_URL"),
        "waiting": (True, "1 to be sent, the oldest since 2025-03-14 22:00 UTC"),
        "open": (True, "1 open: E_TORN alpha: torn.csv"),
    }


def test_an_alert_that_the_channel_does_not_take_is_wrong_with_the_reason(warehouse: Warehouse) -> None:
    an_alert(warehouse, last_error="the webhook at https://hooks.example.com answered 500")
    is_good, says = said_of_alerts(warehouse, "https://hooks.example.com/x")["waiting"]
    assert not is_good
    assert says == (
        "1 to be sent, the oldest since 2025-03-14 22:00 UTC; the last attempt failed: the webhook at https://hooks.example.com "
        "answered 500; they are tried again until they are taken"
    )


def test_an_alert_that_nobody_tries_to_send_is_wrong_after_an_hour(warehouse: Warehouse) -> None:
    an_alert(warehouse, datetime.now(UTC) - timedelta(minutes=59))
    assert said_of_alerts(warehouse, "https://hooks.example.com/x")["waiting"][0]
    with warehouse.connect() as connection:
        connection.execute("UPDATE alerts SET created_at = created_at - interval '2 minutes'")
    is_good, says = said_of_alerts(warehouse, "https://hooks.example.com/x")["waiting"]
    assert (is_good, says.partition("; ")[2]) == (False, "nobody tries to, so start the daemon")


def test_an_address_that_names_no_channel_is_wrong_and_not_repeated(warehouse: Warehouse) -> None:
    is_good, says = said_of_alerts(warehouse, "hooks.slack.com/services/secret")["channel"]
    assert not is_good
    assert "names no channel; give https://…" in says
    assert "secret" not in says
