from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.tables import PERFORMANCE_DATA, PUBLISHED_PERFORMANCE, QUARANTINED_ROWS
from advisory_perf.deliveries.alerts import follow_issues
from advisory_perf.deliveries.claims import ClaimOutcome, Identity
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.errors import WarehouseError
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.warehouse.scenarios import put, put_totals, rows_of, valuation

pytestmark = pytest.mark.slow

ARRIVAL = datetime(2024, 2, 1, 6, tzinfo=UTC)
NO_ISSUES = QUARANTINED_ROWS.empty()
STAGE = "normalized_positions"
"""The only stage of these pipelines before the publication."""


def identity(delivery_id: str, **others: Any) -> Identity:
    """What is known of a delivery of vendor alpha before it is read; its feed has the vendor's name, and its bytes say its id."""
    known: dict[str, Any] = {
        "delivery_id": delivery_id,
        "file_name": f"{delivery_id}.csv",
        "file_path": f"incoming/alpha/{delivery_id}.csv",
        "feed": others.get("vendor", "alpha"),
        "vendor": "alpha",
        "sha256": f"bytes of {delivery_id}",
        "size_bytes": 10,
        "received_at": ARRIVAL,
        "run_id": "run",
    }
    made: Identity = {**known, **others}  # type: ignore[typeddict-item]
    return made


def ingest(ledger: Ledger, delivery_id: str, first: date | None, last: date | None, *, quarantined: int = 0, **others: Any) -> None:
    """A delivery of ten rows."""
    ledger.claim(**identity(delivery_id, **others))
    ledger.mark_ingested(
        delivery_id,
        read=10,
        accepted=9 - quarantined,
        quarantined=quarantined,
        duplicate=0,
        footer=1,
        as_of_dates=[day for day in (first, last) if day],
        issues=NO_ISSUES,
    )


def publish(ledger: Ledger, first: date, last: date) -> list[str]:
    """Ids of the deliveries that the publication closes."""
    ledger.taken_up(ledger.pending("alpha"), by=STAGE, after=[], first=first, last=last)
    return closed_by_publication(ledger, first, last)


def closed_by_publication(ledger: Ledger, first: date, last: date) -> list[str]:
    """Ids of the deliveries that are closed by a publication of what was taken up before."""
    with ledger.warehouse.connect() as connection:
        published = ledger.published(connection, "alpha", of=[STAGE], first=first, last=last, rows=PUBLISHED_PERFORMANCE, pass_rate=0.95)
        follow_issues(connection, published.changed)
    return [entry.delivery_id for entry in published.closed]


def status(ledger: Ledger, delivery_id: str) -> str:
    entry = ledger.entry(delivery_id)
    assert entry is not None
    return entry.status


def january(day: int) -> date:
    return date(2024, 1, day)


def test_a_new_delivery_is_taken(ledger: Ledger) -> None:
    claim = ledger.claim(**identity("one"))
    assert claim.outcome is ClaimOutcome.TAKEN
    assert (claim.entry.status, claim.entry.records_read, claim.entry.received_at) == ("RECEIVED", 0, ARRIVAL)
    assert claim.entry.processing_start_time is not None
    assert ledger.entry("one") == claim.entry
    assert ledger.find("alpha", "one.csv", "bytes of one") == claim.entry


def test_a_delivery_goes_from_received_to_completed_with_its_counts(warehouse: Warehouse, ledger: Ledger) -> None:
    put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A-1", january(1), delivery_id="one")))
    ingest(ledger, "one", january(1), january(5))
    assert status(ledger, "one") == "PROCESSING"
    assert [entry.delivery_id for entry in ledger.pending("alpha")] == ["one"]
    assert publish(ledger, january(1), january(31)) == ["one"]
    entry = ledger.entry("one")
    assert entry is not None
    assert (entry.status, entry.first_as_of_date, entry.last_as_of_date) == ("COMPLETED", january(1), january(5))
    assert (entry.records_read, entry.records_processed, entry.records_footer) == (10, 9, 1)
    assert (entry.records_inserted, entry.records_updated) == (1, 0)
    assert entry.processing_end_time is not None
    assert ledger.pending("alpha") == []


@pytest.mark.parametrize(
    ("compared", "breaks", "expected"),
    [
        (1000, 49, "COMPLETED"),
        (1000, 50, "COMPLETED_WITH_ISSUES"),
        (1000, 0, "COMPLETED"),
        (1, 1, "COMPLETED_WITH_ISSUES"),
        (0, 0, "COMPLETED"),
    ],
)
def test_a_delivery_ends_with_issues_unless_more_than_the_agreed_share_of_its_figures_passes(
    warehouse: Warehouse, ledger: Ledger, compared: int, breaks: int, expected: str
) -> None:
    put_totals(warehouse, "one", january(1), compared=compared, breaks=breaks)
    put_totals(warehouse, "another", january(2), compared=9, breaks=9)
    put_totals(warehouse, "one", january(3), compared=9, breaks=9, vendor="beta")
    ingest(ledger, "one", january(1), january(1))
    publish(ledger, january(1), january(1))
    assert status(ledger, "one") == expected


def test_quarantined_rows_or_breaks_complete_a_delivery_with_issues(warehouse: Warehouse, ledger: Ledger) -> None:
    put_totals(warehouse, "broken", january(1), compared=2, breaks=1)
    ingest(ledger, "quarantined", january(1), january(1), quarantined=2)
    ingest(ledger, "broken", january(1), january(1))
    ingest(ledger, "clean", january(1), january(1))
    publish(ledger, january(1), january(1))
    assert [status(ledger, name) for name in ("quarantined", "broken", "clean")] == [
        "COMPLETED_WITH_ISSUES",
        "COMPLETED_WITH_ISSUES",
        "COMPLETED",
    ]


def of_delivery(delivery_id: str, *accounts: str, value: int = 100) -> pl.DataFrame:
    """One row an account, of the first of January."""
    return rows_of(PERFORMANCE_DATA, *(valuation(account, january(1), value, delivery_id=delivery_id) for account in accounts))


def counted(ledger: Ledger, delivery_id: str) -> tuple[int, int]:
    """The account-dates that the delivery, published anew, inserted and updated."""
    ingest(ledger, delivery_id, january(1), january(1))
    assert publish(ledger, january(1), january(1)) == [delivery_id]
    entry = ledger.entry(delivery_id)
    assert entry is not None
    return entry.records_inserted, entry.records_updated


def test_what_a_delivery_published_is_counted_from_the_warehouse_however_often_it_is_ingested(warehouse: Warehouse, ledger: Ledger) -> None:
    put(warehouse, of_delivery("one", "A-1", "A-2", "A-3"))
    assert counted(ledger, "one") == (3, 0)
    put(warehouse, pl.concat([of_delivery("one", "A-1"), of_delivery("two", "A-2", "A-3", "A-4", value=101)]))
    for _ in range(2):
        assert counted(ledger, "two") == (1, 2)
        assert counted(ledger, "one") == (3, 0)


def test_a_value_that_is_read_anew_is_no_update_and_a_row_that_goes_was_none(warehouse: Warehouse, ledger: Ledger) -> None:
    put(warehouse, of_delivery("one", "A-1", "A-2"))
    put(warehouse, of_delivery("one", "A-1", value=101))
    assert counted(ledger, "one") == (1, 0)


def test_only_deliveries_inside_the_published_days_are_closed(ledger: Ledger) -> None:
    ingest(ledger, "inside", january(5), january(9))
    ingest(ledger, "begins before", january(3), january(9))
    ingest(ledger, "of beta", january(5), january(9), vendor="beta")
    ingest(ledger, "later of beta", january(10), january(12), vendor="beta")
    assert publish(ledger, january(4), january(9)) == ["inside"]
    assert status(ledger, "begins before") == "PROCESSING"
    assert status(ledger, "of beta") == "PROCESSING"


def test_a_publication_of_fewer_days_than_were_taken_up_closes_nothing(ledger: Ledger) -> None:
    ingest(ledger, "one", january(3), january(9))
    ledger.taken_up(ledger.pending("alpha"), by=STAGE, after=[], first=january(3), last=january(9))
    assert closed_by_publication(ledger, january(4), january(9)) == []
    assert closed_by_publication(ledger, january(3), january(9)) == ["one"]


def test_a_publication_that_stops_before_the_latest_day_closes_nothing(ledger: Ledger) -> None:
    ingest(ledger, "of the month", january(1), january(9))
    publish(ledger, january(1), january(9))
    ingest(ledger, "restated", january(2), january(3))
    assert publish(ledger, january(1), january(5)) == []
    assert status(ledger, "restated") == "PROCESSING"
    assert publish(ledger, january(2), january(9)) == ["restated"]


def test_a_delivery_that_is_ingested_while_its_pipeline_runs_waits_for_the_next_run(ledger: Ledger) -> None:
    ingest(ledger, "read", january(2), january(3))
    seen = ledger.pending("alpha")
    ingest(ledger, "came meanwhile", january(2), january(3))
    ingest(ledger, "read", january(2), january(3), run_id="ingested again meanwhile")
    ledger.taken_up(seen, by=STAGE, after=[], first=january(1), last=january(9))
    assert closed_by_publication(ledger, january(1), january(9)) == []
    assert publish(ledger, january(1), january(9)) == ["read", "came meanwhile"]


def test_a_delivery_without_positions_waits_for_no_pipeline(ledger: Ledger) -> None:
    ingest(ledger, "all quarantined", None, None, quarantined=9)
    assert status(ledger, "all quarantined") == "COMPLETED_WITH_ISSUES"
    assert ledger.pending("alpha") == []


def test_a_delivery_without_positions_waits_for_the_days_of_other_versions(ledger: Ledger) -> None:
    ledger.claim(**identity("one"))
    none = dict.fromkeys(("read", "accepted", "quarantined", "duplicate", "footer"), 0)
    ledger.mark_ingested("one", **none, as_of_dates=[], issues=NO_ISSUES, also=[january(5), january(3)])  # type: ignore[arg-type]
    (entry,) = ledger.pending("alpha")
    assert (entry.status, entry.processing_end_time) == ("PROCESSING", None)
    assert (entry.pending_first_date, entry.pending_last_date) == (january(3), january(5))
    assert publish(ledger, january(3), january(5)) == ["one"]


def test_a_delivery_that_is_ingested_again_with_other_days_asks_for_the_old_ones_too(ledger: Ledger) -> None:
    ingest(ledger, "one", january(2), january(5))
    publish(ledger, january(1), january(9))
    ingest(ledger, "one", january(12), january(15))
    (entry,) = ledger.pending("alpha")
    assert (entry.pending_first_date, entry.pending_last_date) == (january(2), january(15))
    assert publish(ledger, january(12), january(15)) == []
    assert publish(ledger, january(2), january(15)) == ["one"]
    assert ledger.pending("alpha") == []


def test_a_published_delivery_that_is_rejected_later_asks_for_its_days_and_stays_failed(ledger: Ledger) -> None:
    ingest(ledger, "one", january(2), january(5))
    publish(ledger, january(1), january(9))
    ledger.claim(**identity("one"))
    ledger.rejected("one", code="E_MAPPING", sentence="a column is missing")
    (entry,) = ledger.pending("alpha")
    assert (entry.status, entry.pending_first_date, entry.pending_last_date) == ("FAILED", january(2), january(5))
    assert publish(ledger, january(2), january(5)) == ["one"]
    assert (status(ledger, "one"), ledger.pending("alpha")) == ("FAILED", [])


def test_a_later_publication_follows_the_breaks_and_leaves_counts_and_times(warehouse: Warehouse, ledger: Ledger) -> None:
    ingest(ledger, "one", january(2), january(20))
    publish(ledger, january(1), january(31))
    before = ledger.entry("one")
    put_totals(warehouse, "one", january(12), compared=2, breaks=1)
    assert publish(ledger, january(10), january(31)) == []
    assert status(ledger, "one") == "COMPLETED_WITH_ISSUES"
    put_totals(warehouse, "one", january(12), compared=2, breaks=0)
    assert publish(ledger, january(10), january(31)) == []
    assert ledger.entry("one") == before


def test_the_same_file_again_is_known(ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(1))
    again = identity("again", file_name="one.csv", sha256="bytes of one")
    for expected in ("PROCESSING", "COMPLETED"):
        claim = ledger.claim(**again)
        assert (claim.outcome, claim.entry.delivery_id, claim.entry.status) == (ClaimOutcome.KNOWN, "one", expected)
        publish(ledger, january(1), january(1))
    assert len(ledger.entries()) == 1


def test_the_same_bytes_under_another_name_are_a_duplicate_that_says_of_what(ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(1))
    claim = ledger.claim(**identity("two", sha256="bytes of one"))
    assert (claim.outcome, claim.entry.status) == (ClaimOutcome.DUPLICATE, "DUPLICATE")
    assert "one" in str(claim.entry.error_message)
    assert claim.entry.processing_end_time is not None
    assert ledger.claim(**identity("three", file_name="two.csv", sha256="bytes of one")).outcome is ClaimOutcome.KNOWN
    again = ledger.claim(**identity("two", sha256="bytes of one"))
    assert (again.outcome, again.entry) == (ClaimOutcome.DUPLICATE, claim.entry)


def test_the_same_bytes_of_another_vendor_are_taken(ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(1))
    assert ledger.claim(**identity("two", vendor="beta", sha256="bytes of one")).outcome is ClaimOutcome.TAKEN


def test_a_failed_delivery_is_taken_again_with_clean_counts(ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(1))
    ledger.rejected("one", code="E_TORN", sentence="the file ends before its end")
    failed = ledger.entry("one")
    assert failed is not None
    assert (failed.status, failed.error_code, failed.records_read) == ("FAILED", "E_TORN", 0)
    claim = ledger.claim(**identity("again", file_name="one.csv", sha256="bytes of one"))
    assert (claim.outcome, claim.entry.id, claim.entry.delivery_id) == (ClaimOutcome.TAKEN, failed.id, "again")
    assert (claim.entry.status, claim.entry.error_code, claim.entry.error_message) == ("RECEIVED", None, None)
    assert claim.entry.processing_end_time is None


@pytest.mark.parametrize("is_ingested", [False, True])
def test_a_rerun_of_the_same_ingestion_is_taken(ledger: Ledger, *, is_ingested: bool) -> None:
    if is_ingested:
        ingest(ledger, "one", january(1), january(1))
    else:
        ledger.claim(**identity("one"))
    claim = ledger.claim(**identity("one"))
    expected = ("PROCESSING", 10) if is_ingested else ("RECEIVED", 0)
    assert (claim.outcome, claim.entry.status, claim.entry.records_read) == (ClaimOutcome.TAKEN, *expected)
    assert len(ledger.entries()) == 1


def test_a_published_delivery_counts_until_its_new_ingestion_is_done(ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(1))
    publish(ledger, january(1), january(1))
    claim = ledger.claim(**identity("one", run_id="another run"))
    assert (claim.outcome, claim.entry.status, claim.entry.run_id) == (ClaimOutcome.TAKEN, "COMPLETED", "another run")
    assert [entry.delivery_id for entry in ledger.touching("alpha", january(1), january(1))] == ["one"]
    ingest(ledger, "one", january(1), january(1))
    assert status(ledger, "one") == "PROCESSING"


def test_issues_are_the_quarantined_rows_and_replace_earlier_ones(warehouse: Warehouse, ledger: Ledger) -> None:
    row = {
        "delivery_id": "one",
        "line_number": 17,
        "code": "E_NUMBER",
        "field_name": "fees",
        "reason": 'fees is "n/a", which is no number',
        "severity": "HIGH",
        "account_id": "A-1",
        "as_of_date": january(1),
        "raw_row": '{"fees": "n/a", "name": "a\\nb"}',
    }
    issues = pl.DataFrame([row], schema=QUARANTINED_ROWS.polars_schema)
    for _ in range(2):
        ledger.claim(**identity("one"))
        ledger.mark_ingested(
            "one",
            read=1,
            accepted=0,
            quarantined=1,
            duplicate=0,
            footer=0,
            as_of_dates=[],
            issues=issues,
        )
    (stored,) = warehouse.query("SELECT * FROM data_quality_issues").to_dicts()
    assert (stored["issue_type"], stored["issue_description"]) == (row["code"], row["reason"])
    for name in ("line_number", "field_name", "severity", "account_id", "as_of_date", "raw_row"):
        assert stored[name] == row[name]
    ledger.rejected("one", code="E_TORN", sentence="torn")
    assert warehouse.query("SELECT * FROM data_quality_issues").is_empty()


def test_counts_that_lose_a_row_are_refused(ledger: Ledger) -> None:
    ledger.claim(**identity("one"))
    with pytest.raises(WarehouseError, match="etl_processing_log_conservation"):
        ledger.mark_ingested(
            "one",
            read=10,
            accepted=8,
            quarantined=1,
            duplicate=0,
            footer=0,
            as_of_dates=[],
            issues=NO_ISSUES,
        )
    assert status(ledger, "one") == "RECEIVED"


def test_a_delivery_that_was_never_claimed_is_neither_ingested_nor_failed(ledger: Ledger) -> None:
    with pytest.raises(WarehouseError, match="no delivery ghost"):
        ledger.rejected("ghost", code="E_TORN", sentence="torn")


def test_a_file_of_no_known_vendor_leaves_one_failed_row(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.record_rejection(**identity("one", vendor="unknown"), code="E_UNKNOWN_VENDOR", sentence="no feed claims it")
    (entry,) = ledger.entries("unknown")
    assert (entry.status, entry.error_code, entry.error_message) == ("FAILED", "E_UNKNOWN_VENDOR", "no feed claims it")


def test_touching_gives_ingested_deliveries_that_overlap_by_arrival(ledger: Ledger) -> None:
    ingest(ledger, "late", january(5), january(9), received_at=ARRIVAL + timedelta(hours=1))
    ingest(ledger, "early", january(1), january(5))
    ingest(ledger, "elsewhere", january(10), january(12))
    ingest(ledger, "no position", None, None)
    ledger.claim(**identity("not ingested"))
    for last in (january(5), january(6)):
        assert [entry.delivery_id for entry in ledger.touching("alpha", january(5), last)] == ["early", "late"]
    assert ledger.touching("beta", january(5), january(6)) == []


def test_the_latest_day_is_that_of_the_ingested_deliveries_of_the_vendor(ledger: Ledger) -> None:
    assert ledger.latest_as_of_date("alpha") is None
    ingest(ledger, "one", january(1), january(9))
    ingest(ledger, "two", january(2), january(4))
    ingest(ledger, "three", january(2), january(20))
    ledger.rejected("three", code="E_TORN", sentence="torn")
    assert ledger.latest_as_of_date("alpha") == january(9)


def test_the_same_bytes_under_another_name_are_news_where_names_say_something(ledger: Ledger) -> None:
    ingest(ledger, "one", january(1), january(1), file_name="a_1.csv", sha256="same")
    other = identity("two", file_name="a_2.csv", sha256="same")
    assert ledger.claim(**other).outcome is ClaimOutcome.DUPLICATE
    assert ledger.claim(**other, bytes_say_all=False).outcome is ClaimOutcome.TAKEN
    assert ledger.claim(**identity("three", file_name="a_1.csv", sha256="same"), bytes_say_all=False).outcome is ClaimOutcome.KNOWN
