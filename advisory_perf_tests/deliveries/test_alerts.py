"""Alerts about deliveries: written with the ledger's entry or not at all, one an incident, and over when it is."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from advisory_perf.alerts.model import LOW_QUALITY, Alert
from advisory_perf.alerts.outbox import KeptAlert, Outbox
from advisory_perf.deliveries.alerts import follow_issues
from advisory_perf.deliveries.claims import ClaimOutcome
from advisory_perf.deliveries.delivered_days import Beginning, FirstArrival, beginning, first_arrivals
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.errors import WarehouseError
from advisory_perf_tests.deliveries.test_ledger import ARRIVAL, identity, ingest, january, publish, status
from advisory_perf_tests.warehouse.scenarios import put_totals
from advisory_perf_tests.warehouse.waiting import until_blocked

pytestmark = pytest.mark.slow


def reject(ledger: Ledger, delivery_id: str, code: str = "E_TORN", **others: Any) -> None:
    ledger.claim(**identity(delivery_id, **others))
    ledger.rejected(delivery_id, code=code, sentence=f"{delivery_id}.csv: it is torn")


def alerts(ledger: Ledger, *, only_open: bool = True) -> list[KeptAlert]:
    return Outbox(ledger.warehouse).alerts(only_open=only_open)


# rejections -----------------------------------------------------------------------------------------------------------


def test_a_rejection_says_what_broke_since_when_why_and_what_to_do(ledger: Ledger) -> None:
    reject(ledger, "one")
    (alert,) = alerts(ledger)
    assert (alert.code, alert.severity, alert.vendor, alert.delivery_id, alert.since) == ("E_TORN", "CRITICAL", "alpha", "one", ARRIVAL)
    assert alert.subject == "E_TORN alpha: one.csv"
    assert alert.message == (
        "one.csv: it is torn; it lies in error/alpha/one/: ask the vendor for the right file, or fix the feed and run "
        "`advisory-perf quarantine replay --delivery one`"
    )


@pytest.mark.parametrize("code", ["E_UNKNOWN_VENDOR", "E_POISONED"])
def test_a_sentence_that_says_what_to_do_is_reported_as_it_is(ledger: Ledger, code: str) -> None:
    ledger.record_rejection(code=code, sentence="x.csv: put it elsewhere", **identity("x", vendor="unknown"))
    (alert,) = alerts(ledger)
    assert (alert.code, alert.message) == (code, "x.csv: put it elsewhere")


def test_an_ingestion_that_is_tried_again_raises_no_second_alert_and_another_reason_takes_the_firsts_place(ledger: Ledger) -> None:
    for _ in range(3):
        reject(ledger, "one")
    assert len(alerts(ledger, only_open=False)) == 1
    reject(ledger, "one", code="E_FORMAT")
    assert [alert.code for alert in alerts(ledger)] == ["E_FORMAT"]


def test_the_same_file_again_under_another_arrival_is_the_same_incident_under_its_new_name(ledger: Ledger) -> None:
    reject(ledger, "one")
    reject(ledger, "two", file_name="one.csv", sha256="bytes of one")
    (alert,) = alerts(ledger, only_open=False)
    assert alert.delivery_id == "two"
    assert "--delivery two`" in alert.message


def test_the_alert_is_over_when_the_delivery_is_ingested_and_comes_back_when_it_is_rejected_again(ledger: Ledger) -> None:
    reject(ledger, "one")
    ingest(ledger, "one", january(1), january(1))
    assert alerts(ledger) == []
    reject(ledger, "one")
    assert [alert.id for alert in alerts(ledger, only_open=False)] == [1, 2]
    assert len(alerts(ledger)) == 1


def test_a_file_of_the_same_name_with_other_bytes_ends_nothing(ledger: Ledger) -> None:
    reject(ledger, "monday", file_name="performance.csv")
    ingest(ledger, "tuesday", january(2), january(2), file_name="performance.csv")
    assert [alert.delivery_id for alert in alerts(ledger)] == ["monday"]


def test_the_same_bytes_that_are_ingested_for_one_vendor_end_no_incident_of_another(ledger: Ledger) -> None:
    reject(ledger, "of beta", vendor="beta", sha256="the same")
    reject(ledger, "of alpha", sha256="the same")
    ingest(ledger, "again", january(1), january(1), sha256="the same")
    assert [alert.delivery_id for alert in alerts(ledger)] == ["of beta"]


def test_a_file_in_no_vendors_folder_is_settled_when_its_bytes_are_ingested_where_they_belong(ledger: Ledger) -> None:
    ledger.record_rejection(code="E_UNKNOWN_VENDOR", sentence="x.csv: nobody's", **identity("x", vendor="unknown"))
    ingest(ledger, "y", january(1), january(1), vendor="beta")
    assert len(alerts(ledger)) == 1
    ingest(ledger, "z", january(1), january(1), sha256="bytes of x")
    assert alerts(ledger) == []


@pytest.mark.parametrize("name", ["one.csv", "renamed.csv"])
def test_a_file_in_no_vendors_folder_is_settled_when_its_bytes_had_been_ingested_before_it_came(ledger: Ledger, name: str) -> None:
    ingest(ledger, "one", january(1), january(1))
    bytes_of_one = {"sha256": "bytes of one"}
    ledger.record_rejection(code="E_UNKNOWN_VENDOR", sentence="x.csv: nobody's", **identity("x", vendor="unknown", **bytes_of_one))
    assert len(alerts(ledger)) == 1
    claim = ledger.claim(**identity("again", file_name=name, **bytes_of_one))
    assert claim.outcome is (ClaimOutcome.KNOWN if name == "one.csv" else ClaimOutcome.DUPLICATE)
    assert alerts(ledger) == []


def test_a_repeat_of_a_repeat_settles_nothing_that_has_not_been_ingested(ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(1))
    again = identity("again", sha256="bytes of one")
    ledger.claim(**again)
    ledger.rejected("one", code="E_TORN", sentence="one.csv: it is torn")
    assert ledger.claim(**again).outcome is ClaimOutcome.DUPLICATE
    assert [alert.code for alert in alerts(ledger)] == ["E_TORN"]


def test_an_alert_and_its_ledger_entry_are_written_together_or_not_at_all(ledger: Ledger) -> None:
    ledger.claim(**identity("one"))
    with ledger.warehouse.connect() as connection:
        connection.execute("ALTER TABLE alerts ADD CONSTRAINT full_up CHECK (false)")
    with pytest.raises(WarehouseError, match="full_up"):
        ledger.rejected("one", code="E_TORN", sentence="one.csv: it is torn")
    assert (status(ledger, "one"), alerts(ledger)) == ("RECEIVED", [])
    with pytest.raises(WarehouseError, match="full_up"):
        ledger.record_rejection(code="E_UNKNOWN_VENDOR", sentence="x.csv: nobody's", **identity("x", vendor="unknown"))
    assert ledger.entry("x") is None
    with ledger.warehouse.connect() as connection:
        connection.execute("ALTER TABLE alerts DROP CONSTRAINT full_up")
    ledger.rejected("one", code="E_TORN", sentence="one.csv: it is torn")
    assert (status(ledger, "one"), len(alerts(ledger))) == ("FAILED", 1)


# issues ---------------------------------------------------------------------------------------------------------------


def test_a_delivery_with_quarantined_rows_is_reported_when_it_is_published_and_with_low_severity(ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(1), quarantined=2)
    assert alerts(ledger) == []
    publish(ledger, january(1), january(31))
    (alert,) = alerts(ledger)
    assert (alert.code, alert.severity, alert.since) == ("DELIVERY_WITH_ISSUES", "LOW", ARRIVAL)
    assert (
        alert.message == "alpha, one.csv: 2 of its rows are in quarantine; look at them by `advisory-perf quarantine list --delivery one`"
    )
    publish(ledger, january(1), january(31))
    assert len(alerts(ledger, only_open=False)) == 1


def test_a_delivery_of_quarantined_rows_only_waits_for_no_pipeline_and_is_reported_at_once(ledger: Ledger) -> None:
    ingest(ledger, "one", None, None, quarantined=9)
    assert [alert.code for alert in alerts(ledger)] == ["DELIVERY_WITH_ISSUES"]


def test_breaks_are_reported_while_they_last(ledger: Ledger) -> None:
    day = date(2024, 1, 31)
    ingest(ledger, "first", january(1), day)
    put_totals(ledger.warehouse, "first", day, compared=40, breaks=3)
    publish(ledger, january(1), date(2024, 2, 29))
    (alert,) = alerts(ledger)
    assert alert.message.startswith("alpha, first.csv: of its compared figures only 92.50% are within tolerance of the vendor's; ")
    put_totals(ledger.warehouse, "first", day, compared=40, breaks=0)
    publish(ledger, january(1), date(2024, 2, 29))
    assert (status(ledger, "first"), alerts(ledger)) == ("COMPLETED", [])


def test_a_publication_and_a_sender_that_touch_the_same_alerts_wait_for_each_other_in_one_order(ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(1), quarantined=1)
    ingest(ledger, "two", january(2), january(2), quarantined=1)
    publish(ledger, january(1), january(31))
    with ledger.warehouse.connect() as connection:
        one, two = (entry.id for entry in ledger.entries())
        connection.execute("DELETE FROM alerts")
        follow_issues(connection, [two])
        follow_issues(connection, [one])
    first, second = (alert.id for alert in alerts(ledger))

    low = Alert("k", LOW_QUALITY.name, LOW_QUALITY.severity, "alpha", "alpha", ARRIVAL, "low", "the score is low")
    Outbox(ledger.warehouse).update(raised=[low])
    (third,) = (alert.id for alert in alerts(ledger) if alert.code == LOW_QUALITY.name)

    def follow() -> None:
        with ledger.warehouse.connect() as connection:
            follow_issues(connection, [one, two], raised=[replace(low, message="it is lower")])

    with ThreadPoolExecutor(2) as pool, ledger.warehouse.connect() as blocker:
        blocker.execute("SELECT FROM alerts WHERE id = %s FOR UPDATE", [first])
        sender = pool.submit(Outbox(ledger.warehouse).sent, [first, second, third], to="https://example.com")
        until_blocked(ledger.warehouse, sender)
        publication = pool.submit(follow)
        until_blocked(ledger.warehouse, sender, publication)
        blocker.commit()
        sender.result(timeout=30)
        publication.result(timeout=30)
    assert [alert.sent_at is None for alert in alerts(ledger)] == [False, False, False]


# days -----------------------------------------------------------------------------------------------------------------


def test_the_days_of_a_delivery_are_those_on_which_it_has_a_position(ledger: Ledger) -> None:
    ingest(ledger, "ends", january(1), january(31))
    at = {"received_at": ARRIVAL, "file_name": "ends.csv", "delivery_id": "ends"}
    arrivals = first_arrivals(ledger.warehouse, "alpha", january(1), january(31))
    assert arrivals == [FirstArrival(january(1), **at), FirstArrival(january(31), **at)]  # type: ignore[arg-type]
    assert first_arrivals(ledger.warehouse, "alpha", january(2), january(30)) == []


def test_of_several_deliveries_of_a_day_the_first_to_arrive_counts_and_rejected_ones_do_not(ledger: Ledger) -> None:
    for name, hour in (("noon", 12), ("ten", 10), ("eight", 8)):
        ingest(ledger, name, january(1), january(1), received_at=ARRIVAL.replace(hour=hour))
    ledger.rejected("eight", code="E_TORN", sentence="torn")
    (arrival,) = first_arrivals(ledger.warehouse, "alpha", january(1), january(1))
    assert (arrival.delivery_id, arrival.received_at.hour) == ("ten", 10)


def test_a_file_that_was_rejected_in_time_and_is_put_there_again_arrived_when_it_came_first(ledger: Ledger) -> None:
    reject(ledger, "one")
    later = ARRIVAL.replace(day=20)
    ingest(ledger, "again", january(1), january(1), file_name="one.csv", sha256="bytes of one", received_at=later)
    (arrival,) = first_arrivals(ledger.warehouse, "alpha", january(1), january(1))
    assert (arrival.delivery_id, arrival.received_at) == ("again", ARRIVAL)
    entry = ledger.entry("again")
    assert entry is not None
    assert entry.received_at == later, "its precedence is that of its latest arrival"


def test_such_a_file_comes_before_one_that_came_between(ledger: Ledger) -> None:
    reject(ledger, "one")
    ingest(ledger, "between", january(1), january(1), received_at=ARRIVAL.replace(day=10))
    ingest(ledger, "again", january(1), january(1), file_name="one.csv", sha256="bytes of one", received_at=ARRIVAL.replace(day=20))
    (arrival,) = first_arrivals(ledger.warehouse, "alpha", january(1), january(1))
    assert (arrival.delivery_id, arrival.received_at) == ("again", ARRIVAL)


def test_a_file_with_other_bytes_arrived_when_it_came_itself(ledger: Ledger) -> None:
    reject(ledger, "one")
    ingest(ledger, "fixed", january(1), january(1), file_name="one.csv", received_at=ARRIVAL.replace(day=20))
    (arrival,) = first_arrivals(ledger.warehouse, "alpha", january(1), january(1))
    assert arrival.received_at == ARRIVAL.replace(day=20)


def test_a_delivery_that_is_ingested_again_has_its_new_days_only(ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(2))
    ingest(ledger, "one", january(2), january(3))
    assert [one.day for one in first_arrivals(ledger.warehouse, "alpha", january(1), january(31))] == [january(2), january(3)]


def test_a_vendors_deliveries_begin_with_the_first_that_was_ingested(ledger: Ledger) -> None:
    reject(ledger, "torn", received_at=ARRIVAL.replace(hour=1))
    assert beginning(ledger.warehouse, "alpha") is None
    ingest(ledger, "later", january(1), january(1), received_at=ARRIVAL.replace(hour=12))
    ingest(ledger, "first", january(5), january(5))
    assert beginning(ledger.warehouse, "alpha") == Beginning(ARRIVAL, january(1))


# incomplete deliveries ------------------------------------------------------------------------------------------------


def lacks(ledger: Ledger, delivery_id: str, count: int, code: str = "DQ_INCOMPLETE") -> None:
    """So much is missing from the delivery."""
    with ledger.warehouse.connect() as connection:
        connection.execute(
            "INSERT INTO data_quality_issues (etl_log_id, issue_type, issue_description, severity)"
            " SELECT id, %s, 'lacks ' || number, 'HIGH' FROM etl_processing_log CROSS JOIN generate_series(1, %s) AS number"
            " WHERE delivery_id = %s",
            [code, count, delivery_id],
        )


@pytest.mark.parametrize(("count", "says"), [(3, "lacks 1; lacks 2; lacks 3"), (4, "lacks 1; lacks 2; lacks 3; and 1 more")])
@pytest.mark.parametrize("quarantined", [0, 1])
def test_an_incomplete_delivery_is_reported_with_three_things_and_its_quarantine_besides(
    ledger: Ledger, count: int, says: str, quarantined: int
) -> None:
    ingest(ledger, "one", january(1), january(1), quarantined=quarantined)
    lacks(ledger, "one", count)
    publish(ledger, january(1), january(31))
    found = {alert.code: alert.message for alert in alerts(ledger)}
    assert found.pop("INCOMPLETE_DELIVERY") == f"alpha, one.csv: {says}"
    assert list(found) == ["DELIVERY_WITH_ISSUES"] * quarantined
