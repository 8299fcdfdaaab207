"""Notes of what runs write of a delivery: who strikes which off."""

from datetime import UTC, date, datetime
from itertools import permutations

import pytest

from advisory_perf.contracts.tables import QUARANTINED_ROWS
from advisory_perf.deliveries.ingestion_writes import being_ingested, doubt_ingestion, ingestions_in_doubt, note_ingestion, noted_ingestions
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.locks import Locks

pytestmark = pytest.mark.slow

DAY = date(2024, 1, 2)


def claim(ledger: Ledger, run_id: str) -> None:
    ledger.claim(
        delivery_id="d",
        file_name="d.csv",
        file_path="incoming/alpha/d.csv",
        feed="alpha",
        vendor="alpha",
        sha256="bytes",
        size_bytes=1,
        received_at=datetime(2024, 2, 1, tzinfo=UTC),
        run_id=run_id,
    )


def ingest(ledger: Ledger) -> None:
    ledger.mark_ingested("d", read=1, accepted=1, quarantined=0, duplicate=0, footer=0, as_of_dates=[DAY], issues=QUARANTINED_ROWS.empty())


def end(warehouse: Warehouse, run_id: str) -> None:
    """The run has ended, as a sensor finds."""
    for write in noted_ingestions(warehouse):
        if write.run_id == run_id:
            doubt_ingestion(warehouse, write)


STEPS = ("newer writes", "older writes", "newer is ingested", "older ends")
BEFORE = [("newer writes", "newer is ingested"), ("older writes", "older ends")]
ORDERS = [order for order in permutations(STEPS) if all(order.index(first) < order.index(then) for first, then in BEFORE)]


@pytest.mark.parametrize("order", ORDERS, ids=", ".join)
def test_rows_are_in_doubt_wherever_another_run_may_have_written_after_the_one_that_was_ingested(
    warehouse: Warehouse, order: tuple[str, ...]
) -> None:
    """The older run was cut off, has noted its write, and writes at last at any time before it ends."""
    ledger = Ledger(warehouse)
    claim(ledger, "older")
    note_ingestion(warehouse, "alpha", "d", run_id="older", confirm=Locks(warehouse).confirm)
    claim(ledger, "newer")
    may_be_overwritten = order.index("older ends") > order.index("newer writes")
    for step in order:
        if step == "newer writes":
            note_ingestion(warehouse, "alpha", "d", run_id="newer", confirm=Locks(warehouse).confirm)
        elif step == "newer is ingested":
            ingest(ledger)
        elif step == "older ends":
            end(warehouse, "older")
        if order.index(step) >= order.index("newer is ingested"):
            assert being_ingested(warehouse, ["d"]) == (["d"] if may_be_overwritten else [])
    assert [one.delivery_id for one in ingestions_in_doubt(warehouse)] == (["d"] if may_be_overwritten else [])


def test_another_ingestion_ends_the_doubt(warehouse: Warehouse) -> None:
    ledger = Ledger(warehouse)
    claim(ledger, "first")
    ingest(ledger)
    note_ingestion(warehouse, "alpha", "d", run_id="lost", confirm=Locks(warehouse).confirm)
    end(warehouse, "lost")
    assert len(ingestions_in_doubt(warehouse)) == 1
    claim(ledger, "again")
    note_ingestion(warehouse, "alpha", "d", run_id="again", confirm=Locks(warehouse).confirm)
    ingest(ledger)
    assert (ingestions_in_doubt(warehouse), being_ingested(warehouse, ["d"])) == ([], [])


def test_what_counts_for_nothing_is_not_in_doubt(warehouse: Warehouse) -> None:
    claim(Ledger(warehouse), "first")
    note_ingestion(warehouse, "alpha", "d", run_id="first", confirm=Locks(warehouse).confirm)
    note_ingestion(warehouse, "alpha", "never claimed", run_id="first", confirm=Locks(warehouse).confirm)
    end(warehouse, "first")
    assert ingestions_in_doubt(warehouse) == []
    assert being_ingested(warehouse, ["d", "never claimed"]) == []
