"""Notes of what runs write of a delivery: who strikes which off."""

from datetime import UTC, date, datetime
from itertools import permutations

import pytest

from advisory_perf.contracts.tables import QUARANTINED_ROWS
from advisory_perf.deliveries.ingestion_writes import being_landed, doubt_landing, landings_in_doubt, note_landing, noted_landings
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.warehouse.connection import Warehouse

pytestmark = pytest.mark.slow

DAY = date(2024, 1, 2)


def claim(ledger: Ledger, run_id: str) -> None:
    ledger.claim(
        delivery_id="d",
        file_name="d.csv",
        file_path="incoming/alpha/d.csv",
        vendor="alpha",
        sha256="bytes",
        size_bytes=1,
        received_at=datetime(2024, 2, 1, tzinfo=UTC),
        run_id=run_id,
    )


def land(ledger: Ledger) -> None:
    ledger.landed("d", read=1, accepted=1, quarantined=0, duplicate=0, footer=0, as_of_dates=[DAY], issues=QUARANTINED_ROWS.empty())


def end(warehouse: Warehouse, run_id: str) -> None:
    """The run has ended, as a sensor finds."""
    for write in noted_landings(warehouse):
        if write.run_id == run_id:
            doubt_landing(warehouse, write)


STEPS = ("newer writes", "older writes", "newer lands", "older ends")
BEFORE = [("newer writes", "newer lands"), ("older writes", "older ends")]
ORDERS = [order for order in permutations(STEPS) if all(order.index(first) < order.index(then) for first, then in BEFORE)]


@pytest.mark.parametrize("order", ORDERS, ids=", ".join)
def test_rows_are_in_doubt_wherever_another_run_may_have_written_after_the_one_that_landed(
    warehouse: Warehouse, order: tuple[str, ...]
) -> None:
    """The older run was cut off, has noted its write, and writes at last at any time before it ends."""
    ledger = Ledger(warehouse)
    claim(ledger, "older")
    note_landing(warehouse, "alpha", "d", run_id="older")
    claim(ledger, "newer")
    may_be_overwritten = order.index("older ends") > order.index("newer writes")
    for step in order:
        if step == "newer writes":
            note_landing(warehouse, "alpha", "d", run_id="newer")
        elif step == "newer lands":
            land(ledger)
        elif step == "older ends":
            end(warehouse, "older")
        if order.index(step) >= order.index("newer lands"):
            assert being_landed(warehouse, ["d"]) == (["d"] if may_be_overwritten else [])
    assert [one.delivery_id for one in landings_in_doubt(warehouse)] == (["d"] if may_be_overwritten else [])


def test_landing_again_ends_the_doubt(warehouse: Warehouse) -> None:
    ledger = Ledger(warehouse)
    claim(ledger, "first")
    land(ledger)
    note_landing(warehouse, "alpha", "d", run_id="lost")
    end(warehouse, "lost")
    assert len(landings_in_doubt(warehouse)) == 1
    claim(ledger, "again")
    note_landing(warehouse, "alpha", "d", run_id="again")
    land(ledger)
    assert (landings_in_doubt(warehouse), being_landed(warehouse, ["d"])) == ([], [])


def test_what_counts_for_nothing_is_not_in_doubt(warehouse: Warehouse) -> None:
    claim(Ledger(warehouse), "first")
    note_landing(warehouse, "alpha", "d", run_id="first")
    note_landing(warehouse, "alpha", "never claimed", run_id="first")
    end(warehouse, "first")
    assert landings_in_doubt(warehouse) == []
    assert being_landed(warehouse, ["d", "never claimed"]) == []
