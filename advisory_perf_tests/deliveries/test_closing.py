"""What a publication closes, counts and follows in the ledger is its own vendor's, and only what its rows hold."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from advisory_perf.alerts.outbox import Outbox
from advisory_perf.contracts.issue_codes import INCOMPLETE, SHORT_RESTATEMENT
from advisory_perf.contracts.tables import PERFORMANCE_DATA, PUBLISHED_PERFORMANCE
from advisory_perf.deliveries.alerts import follow_issues
from advisory_perf.deliveries.completeness import ISSUES, MissingFindings, publish_missing
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.lake_writes import LakeWrite, note_write, noted_writes
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.deliveries.test_ledger import STAGE, closed_by_publication, counted, ingest, january, publish, status
from advisory_perf_tests.warehouse.scenarios import FEBRUARY, JANUARY, put, put_totals, replace_slice, rows_of, valuation

NOBODY = pl.DataFrame(schema={"as_of_date": pl.Date(), "accounts": pl.Int64()})

pytestmark = pytest.mark.slow


def of_beta(warehouse: Warehouse, delivery_id: str, *accounts: str) -> pl.DataFrame:
    """Beta's published rows of the first of January, in place of all others."""
    of_it: dict[str, Any] = {"data_source": "beta", "delivery_id": delivery_id}
    rows = rows_of(PERFORMANCE_DATA, *(valuation(account, january(1), **of_it) for account in accounts))
    replace_slice(warehouse, PERFORMANCE_DATA, rows, vendor="beta", first=JANUARY, last=FEBRUARY)
    return rows


def closed_of_beta(ledger: Ledger, day: date) -> list[str]:
    with ledger.warehouse.connect() as connection:
        published = ledger.published(connection, "beta", of=[STAGE], first=day, last=day, rows=PUBLISHED_PERFORMANCE, pass_rate=0.95)
    return [entry.delivery_id for entry in published.closed]


def test_a_publication_closes_no_delivery_of_another_vendor_that_waits_for_its_own(ledger: Ledger) -> None:
    ingest(ledger, "of alpha", january(5), january(5))
    ingest(ledger, "of beta", january(5), january(5), vendor="beta")
    for vendor in ("alpha", "beta"):
        ledger.taken_up(ledger.pending(vendor), by=STAGE, after=[], first=january(5), last=january(5))
    assert closed_by_publication(ledger, january(5), january(5)) == ["of alpha"]
    assert status(ledger, "of beta") == "PROCESSING"
    assert closed_of_beta(ledger, january(5)) == ["of beta"]


def test_a_publication_follows_the_breaks_of_no_other_vendor(warehouse: Warehouse, ledger: Ledger) -> None:
    of_beta(warehouse, "of beta", "A-1")
    ingest(ledger, "of beta", january(1), january(1), vendor="beta")
    ledger.taken_up(ledger.pending("beta"), by=STAGE, after=[], first=january(1), last=january(1))
    assert closed_of_beta(ledger, january(1)) == ["of beta"]
    put_totals(warehouse, "of beta", january(1), compared=9, breaks=9, vendor="beta")
    assert publish(ledger, january(1), january(1)) == []
    assert status(ledger, "of beta") == "COMPLETED"
    assert closed_of_beta(ledger, january(1)) == []
    assert status(ledger, "of beta") == "COMPLETED_WITH_ISSUES", "its own does"


def test_what_a_delivery_published_is_counted_among_its_own_vendors_rows(warehouse: Warehouse, ledger: Ledger) -> None:
    put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A-1", january(1), delivery_id="one")))
    of_beta(warehouse, "one", "A-1", "A-2", "A-3")
    assert counted(ledger, "one") == (1, 0)


def test_rows_that_came_into_doubt_after_they_were_taken_up_close_nothing(warehouse: Warehouse, ledger: Ledger) -> None:
    ingest(ledger, "one", january(5), january(5))
    ledger.taken_up(ledger.pending("alpha"), by=STAGE, after=[], first=january(5), last=january(5))
    number = note_write(warehouse, "alpha", first=january(5), last=january(5), run_id="cut off", confirm=Locks(warehouse).confirm)
    ledger.recompute(LakeWrite(number, "alpha", january(5), january(5), "cut off"))
    assert noted_writes(warehouse) == []
    assert closed_by_publication(ledger, january(5), january(5)) == []
    assert publish(ledger, january(5), january(5)) == ["one"]


def test_what_is_in_doubt_is_noted_with_the_vendors_own_delivery(ledger: Ledger) -> None:
    ingest(ledger, "of alpha", january(5), january(5))
    ingest(ledger, "of beta", january(5), january(9), vendor="beta")
    for vendor in ("alpha", "beta"):
        ledger.taken_up(ledger.pending(vendor), by=STAGE, after=[], first=january(5), last=january(9))
    assert closed_of_beta(ledger, january(9)) == []
    ledger.recompute(LakeWrite(0, "alpha", january(1), january(5), "cut off"))
    (alpha,), (beta,) = ledger.pending("alpha"), ledger.pending("beta")
    assert (alpha.pending_first_date, beta.pending_first_date) == (january(1), january(5))


def test_a_rejection_takes_the_issues_of_its_rows_away_and_leaves_the_pipelines_to_the_pipeline(
    warehouse: Warehouse, ledger: Ledger
) -> None:
    ingest(ledger, "one", january(5), january(5))
    with warehouse.connect() as connection:
        for line in (None, 3):
            connection.execute(
                "INSERT INTO data_quality_issues (etl_log_id, issue_type, line_number, severity, issue_description)"
                " SELECT id, 'DQ_STALE_VALUE', %s, 'MEDIUM', 'reported' FROM etl_processing_log",
                [line],
            )
    ledger.rejected("one", code="E_TORN", sentence="one.csv: it is torn")
    assert warehouse.query("SELECT line_number FROM data_quality_issues").rows() == [(None,)]


def test_a_delivery_of_other_days_is_followed_when_what_it_lacked_has_come(warehouse: Warehouse, ledger: Ledger) -> None:
    ingest(ledger, "one", january(5), january(5))
    assert publish(ledger, january(5), january(5)) == ["one"]
    lacking = ("one", None, january(5), INCOMPLETE.name, INCOMPLETE.severity.value, INCOMPLETE.sentence, "10", "6")
    seen = []
    for issues in (pl.DataFrame([lacking], schema=ISSUES.schema, orient="row"), ISSUES):
        with warehouse.connect() as connection:
            touched = publish_missing(connection, "alpha", MissingFindings(issues, ISSUES, january(5), january(6), NOBODY))
            published = ledger.published(
                connection, "alpha", of=[STAGE], first=january(6), last=january(6), also=touched, rows=PUBLISHED_PERFORMANCE, pass_rate=0.95
            )
            follow_issues(connection, published.changed)
        seen.append((status(ledger, "one"), [alert.code for alert in Outbox(warehouse).alerts(only_open=True)]))
    assert seen == [("COMPLETED_WITH_ISSUES", ["INCOMPLETE_DELIVERY"]), ("COMPLETED", [])]


def test_a_delivery_whose_finding_is_over_is_looked_at_once_more(warehouse: Warehouse, ledger: Ledger) -> None:
    """Its status and its alert change, although what was published is of other days."""
    ingest(ledger, "one", january(1), january(9))
    issue = {
        "delivery_id": "one",
        "as_of_date": january(9),
        "issue_type": SHORT_RESTATEMENT.name,
        "severity": "HIGH",
        "issue_description": "short",
    }
    found, nothing = pl.DataFrame([issue], schema=ISSUES.schema), ISSUES.clear()
    (number,) = warehouse.query("SELECT id FROM etl_processing_log")["id"]
    with warehouse.connect() as connection:
        looked_at = [
            publish_missing(connection, "alpha", MissingFindings(nothing, of_files, january(20), january(21), NOBODY))
            for of_files in (found, nothing, nothing)
        ]
    assert looked_at == [[number], [number], []]
