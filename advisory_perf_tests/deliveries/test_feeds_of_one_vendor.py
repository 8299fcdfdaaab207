"""Two feeds of one vendor: what is asked of the ledger for one has nothing of the other's deliveries, whoever's data both are."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import psycopg
import pytest

from advisory_perf.alerts.model import Alert
from advisory_perf.alerts.outbox import Outbox
from advisory_perf.contracts.enums import Cadence, Severity
from advisory_perf.contracts.issue_codes import INCOMPLETE, STALE_VALUE
from advisory_perf.deliveries.claims import ClaimOutcome
from advisory_perf.deliveries.completeness import ISSUES, MissingFindings, publish_missing
from advisory_perf.deliveries.delivered_days import beginning, first_arrivals, windows_before
from advisory_perf.deliveries.issues import publish_found, quarantined_keys
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.lake_writes import LakeWrite
from advisory_perf_tests.deliveries.test_ledger import STAGE, identity, ingest, january, publish, status

NOBODY = pl.DataFrame(schema={"as_of_date": pl.Date(), "accounts": pl.Int64()})

pytestmark = pytest.mark.slow

TRADES: dict[str, Any] = {"feed": "alpha_trades", "vendor": "alpha"}
STALE = {
    "delivery_id": pl.String(),
    "account_id": pl.String(),
    "as_of_date": pl.Date(),
    "ending_market_value": pl.Decimal(24, 4),
    "value_unchanged_since": pl.Date(),
}


@pytest.fixture
def both(ledger: Ledger) -> Ledger:
    """A delivery of alpha's first feed, and one of its trades, which came before and holds days around the other's."""
    early: dict[str, Any] = {**TRADES, "received_at": datetime(2024, 1, 2, tzinfo=UTC)}
    ingest(ledger, "trades", january(3), january(9), **early)
    ingest(ledger, "positions", january(4), january(5))
    return ledger


def ids(entries: Any) -> list[str]:
    return [entry.delivery_id for entry in entries]


def issue(connection: psycopg.Connection, delivery_id: str, code: str, *, line: int | None = None) -> None:
    connection.execute(
        "INSERT INTO data_quality_issues (etl_log_id, account_id, as_of_date, issue_type, line_number, severity, issue_description)"
        " SELECT id, delivery_id, '2024-01-05', %s, %s, 'MEDIUM', 'reported' FROM etl_processing_log WHERE delivery_id = %s",
        [code, line, delivery_id],
    )


def test_each_feed_has_its_own_deliveries(both: Ledger) -> None:
    for feed, own in (("alpha", "positions"), ("alpha_trades", "trades")):
        assert ids(both.entries(feed)) == ids(both.ingested_of(feed)) == ids(both.pending(feed)) == [own]
        assert ids(both.touching(feed, january(5), january(5))) == [own]
    assert ids(both.entries()) == ["trades", "positions"]
    assert both.touching("alpha", january(6), january(9)) == []
    assert (both.latest_as_of_date("alpha"), both.latest_as_of_date("alpha_trades")) == (january(5), january(9))


def test_each_feed_has_its_own_days_and_its_own_beginning(both: Ledger) -> None:
    first, last = january(1), january(31)
    assert [arrival.day for arrival in first_arrivals(both.warehouse, "alpha", first, last)] == [january(4), january(5)]
    begun = beginning(both.warehouse, "alpha")
    assert begun is not None
    assert begun.day == january(4)
    assert begun.received_at > datetime(2024, 1, 2, tzinfo=UTC)
    assert windows_before(both.warehouse, "alpha", january(31), Cadence.DAILY, 9) == [january(5), january(4)]


def test_a_publication_closes_its_own_feeds_deliveries_whatever_the_other_has_later(both: Ledger) -> None:
    both.taken_up(both.pending("alpha_trades"), by=STAGE, after=[], first=january(3), last=january(9))
    assert publish(both, january(3), january(9)) == ["positions"]
    assert status(both, "trades") == "PROCESSING"


def test_the_latest_day_of_another_feed_keeps_no_delivery_open(both: Ledger) -> None:
    assert publish(both, january(4), january(5)) == ["positions"]


def test_a_write_in_doubt_is_noted_with_its_own_feeds_delivery(both: Ledger) -> None:
    both.recompute(LakeWrite(0, "alpha", january(1), january(9), "cut off"))
    (positions,), (trades,) = both.pending("alpha"), both.pending("alpha_trades")
    assert (positions.pending_first_date, positions.pending_last_date) == (january(1), january(9))
    assert (trades.pending_first_date, trades.pending_last_date) == (january(3), january(9))


def test_the_same_file_is_one_delivery_in_each_feed(both: Ledger) -> None:
    same = {"file_name": "positions.csv", "sha256": "bytes of positions"}
    claim = both.claim(**identity("again", **same, **TRADES))
    assert (claim.outcome, claim.entry.feed, claim.entry.vendor) == (ClaimOutcome.TAKEN, "alpha_trades", "alpha")
    assert both.claim(**identity("copy", file_name="copy.csv", sha256="bytes of positions")).outcome is ClaimOutcome.DUPLICATE
    found = both.find("alpha", "positions.csv", "bytes of positions")
    assert found is not None
    assert found.delivery_id == "positions"
    assert both.find("alpha_trades", "positions.csv", "another's") is None


def test_the_same_bytes_that_are_ingested_in_one_feed_end_no_rejection_of_another(ledger: Ledger) -> None:
    ledger.record_rejection(code="E_TORN", sentence="x", **identity("torn", sha256="same", **TRADES))
    ingest(ledger, "whole", january(1), january(1), sha256="same")
    (alert,) = Outbox(ledger.warehouse).alerts(only_open=True)
    assert (alert.feed, alert.vendor, alert.delivery_id, alert.subject) == (
        "alpha_trades",
        "alpha",
        "torn",
        "E_TORN alpha_trades: torn.csv",
    )
    assert "; it lies in error/alpha_trades/torn/: ask the vendor" in alert.message


def test_an_empty_file_lacks_nothing_that_only_another_feed_has_delivered(ledger: Ledger) -> None:
    ingest(ledger, "trades", january(3), january(9), **TRADES)
    ledger.claim(**identity("empty"))
    none = pl.DataFrame(schema=dict.fromkeys(NO_ISSUES, pl.String()))
    ledger.mark_ingested("empty", read=0, accepted=0, quarantined=0, duplicate=0, footer=0, as_of_dates=[], issues=none)
    assert status(ledger, "empty") == "COMPLETED"
    assert Outbox(ledger.warehouse).alerts(only_open=True) == []


NO_ISSUES = ("account_id", "as_of_date", "code", "reason", "field_name", "severity", "line_number", "raw_row")


def test_what_is_in_quarantine_is_asked_for_by_the_feed(both: Ledger) -> None:
    with both.warehouse.connect() as connection:
        for delivery in ("positions", "trades"):
            issue(connection, delivery, "E_NUMBER", line=2)
    found = quarantined_keys(both.warehouse, "alpha", january(1), january(9))
    assert found["account_id"].to_list() == ["positions"]


def test_what_a_publication_no_longer_finds_goes_from_its_own_feeds_deliveries_only(both: Ledger) -> None:
    with both.warehouse.connect() as connection:
        for delivery in ("positions", "trades"):
            issue(connection, delivery, STALE_VALUE.name)
            issue(connection, delivery, INCOMPLETE.name)
        publish_found(connection, "alpha", {STALE_VALUE: pl.DataFrame(schema=STALE)}, first=january(1), last=january(9))
        touched = publish_missing(connection, "alpha", MissingFindings(ISSUES, ISSUES, january(1), january(9), NOBODY))
    (positions,) = both.entries("alpha")
    assert touched == [positions.id]
    left = both.warehouse.query("SELECT account_id, issue_type FROM data_quality_issues ORDER BY 2")
    assert left.rows() == [("trades", INCOMPLETE.name), ("trades", STALE_VALUE.name)]


def test_factors_become_issues_of_the_feed_whose_delivery_has_them(both: Ledger) -> None:
    with both.warehouse.connect() as connection:
        for delivery in ("positions", "trades"):
            connection.execute(
                "INSERT INTO delivery_factors (data_source, delivery_id, as_of_date, field_name, factor, accounts, accounts_compared)"
                " VALUES ('alpha', %s, '2024-01-05', 'ending_market_value', 1.08, 3, 3)",
                [delivery],
            )
        publish_found(connection, "alpha", {}, first=january(1), last=january(9))
    found = both.warehouse.query("SELECT delivery_id FROM data_quality_issues AS i JOIN etl_processing_log AS log ON log.id = i.etl_log_id")
    assert found.rows() == [("positions",)]


def test_missing_windows_are_those_of_the_feed(warehouse: Warehouse) -> None:
    outbox, since = Outbox(warehouse), datetime(2024, 2, 1, tzinfo=UTC)
    for feed, window in (("alpha", january(1)), ("alpha_trades", january(2))):
        alert = Alert(f"k {feed}", "MISSING_FILE", Severity.HIGH, feed, "alpha", since, "subject", "message", window=window)
        outbox.update(raised=[alert])
    assert outbox.open_windows("alpha", "MISSING_FILE") == [january(1)]
    assert outbox.open_windows("alpha_trades", "MISSING_FILE") == [date(2024, 1, 2)]
