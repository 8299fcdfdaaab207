"""Who may ingest a delivery and who may reject it: every state that the ledger may know the file in, by both."""

from collections.abc import Callable
from typing import Any

import pytest

from advisory_perf.deliveries.claims import ClaimOutcome
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.errors import WarehouseError
from advisory_perf_tests.deliveries.test_ledger import identity, ingest, january, publish, status

pytestmark = pytest.mark.slow

SAME = {"file_name": "x.csv", "sha256": "same bytes"}
COPY = {"file_name": "copy.csv", "sha256": "same bytes"}


def mark_ingested(ledger: Ledger, delivery_id: str, name: dict[str, Any]) -> None:
    ingest(ledger, delivery_id, january(1), january(5), quarantined=0, **name)


def reject(ledger: Ledger, delivery_id: str, **others: str) -> ClaimOutcome:
    return ledger.record_rejection(**identity(delivery_id, **others), code="E_POISONED", sentence="x").outcome


def take(ledger: Ledger, delivery_id: str, **others: str) -> ClaimOutcome:
    return ledger.claim(**identity(delivery_id, **others)).outcome


def bring_to(ledger: Ledger, state: str) -> None:
    """The file as the delivery ``first``."""
    if state == "RECEIVED":
        take(ledger, "first", **SAME)
    elif state == "FAILED":
        reject(ledger, "first", **SAME)
    elif state in {"PROCESSING", "COMPLETED"}:
        mark_ingested(ledger, "first", SAME)
        if state == "COMPLETED":
            publish(ledger, january(1), january(9))


@pytest.mark.parametrize(
    ("state", "name", "outcome", "after"),
    [
        ("new", SAME, "taken", {"again": "FAILED"}),
        ("RECEIVED", SAME, "taken", {"again": "FAILED"}),
        ("FAILED", SAME, "taken", {"again": "FAILED"}),
        ("PROCESSING", SAME, "known", {"first": "PROCESSING"}),
        ("COMPLETED", SAME, "known", {"first": "COMPLETED"}),
        ("RECEIVED", COPY, "taken", {"first": "RECEIVED", "again": "FAILED"}),
        ("FAILED", COPY, "taken", {"first": "FAILED", "again": "FAILED"}),
        ("PROCESSING", COPY, "duplicate", {"first": "PROCESSING", "again": "DUPLICATE"}),
        ("COMPLETED", COPY, "duplicate", {"first": "COMPLETED", "again": "DUPLICATE"}),
    ],
)
def test_a_rejection_changes_nothing_of_what_has_been_ingested(
    ledger: Ledger, state: str, name: dict[str, str], outcome: str, after: dict[str, str]
) -> None:
    bring_to(ledger, state)
    before = {entry.delivery_id: entry for entry in ledger.entries()}
    assert reject(ledger, "again", **name).value == outcome
    assert {entry.delivery_id: entry.status for entry in ledger.entries()} == after
    if state in {"PROCESSING", "COMPLETED"}:
        assert ledger.entry("first") == before["first"]


def test_what_has_been_ingested_is_not_rejected_under_its_own_id_either(ledger: Ledger) -> None:
    bring_to(ledger, "COMPLETED")
    assert reject(ledger, "first", **SAME) is ClaimOutcome.KNOWN
    assert status(ledger, "first") == "COMPLETED"


@pytest.mark.parametrize("state", ["RECEIVED", "FAILED"])
@pytest.mark.parametrize("again", ["first", "another arrival"])
def test_the_same_bytes_are_never_ingested_twice(ledger: Ledger, state: str, again: str) -> None:
    bring_to(ledger, state)
    mark_ingested(ledger, "copy", COPY)
    assert take(ledger, again, **SAME) is ClaimOutcome.DUPLICATE
    assert sorted(entry.status for entry in ledger.entries()) == ["DUPLICATE", "PROCESSING"]


def test_where_names_say_more_the_same_bytes_are_ingested_under_each(ledger: Ledger) -> None:
    bring_to(ledger, "FAILED")
    mark_ingested(ledger, "copy", COPY)
    assert ledger.claim(**identity("first", **SAME), bytes_say_all=False).outcome is ClaimOutcome.TAKEN


def test_a_published_delivery_that_became_a_duplicate_stays_one_when_its_days_are_computed_anew(ledger: Ledger) -> None:
    bring_to(ledger, "COMPLETED")
    ledger.rejected("first", code="E_FORMAT", sentence="x")
    mark_ingested(ledger, "copy", COPY)
    assert take(ledger, "first", **SAME) is ClaimOutcome.DUPLICATE
    assert publish(ledger, january(1), january(9)) == ["first", "copy"]
    assert (status(ledger, "first"), status(ledger, "copy")) == ("DUPLICATE", "COMPLETED")
    assert ledger.pending("alpha") == []


@pytest.mark.parametrize("ask", [take, reject])
@pytest.mark.parametrize("others", [{"sha256": "others"}, {"file_name": "y.csv"}, {"vendor": "beta"}], ids=str)
def test_an_id_that_is_another_deliverys_is_refused_and_changes_nothing(
    ledger: Ledger, ask: Callable[..., ClaimOutcome], others: dict[str, str]
) -> None:
    take(ledger, "first", **SAME)
    before = ledger.entries()
    with pytest.raises(WarehouseError, match=r"first is the id of another delivery, x\.csv of alpha; put the file into incoming/ again"):
        ask(ledger, "first", **{**SAME, **others})
    assert ledger.entries() == before


def test_of_two_that_were_ingested_with_the_same_bytes_a_third_repeats_the_first(ledger: Ledger) -> None:
    for name in ("first", "second"):
        assert ledger.claim(**identity(name, sha256="same bytes"), bytes_say_all=False).outcome is ClaimOutcome.TAKEN
    with ledger.warehouse.connect() as connection:
        connection.execute("UPDATE etl_processing_log SET status = 'PROCESSING'")
    message = ledger.claim(**identity("third", sha256="same bytes")).entry.error_message
    assert message == "holds the same bytes as first.csv (delivery first); nothing was changed"
