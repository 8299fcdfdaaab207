"""The rows of each day beside the ledger: as the latest ingestion has them, of all deliveries that are ingested."""

from datetime import date

import polars as pl
import pytest

from advisory_perf.contracts.tables import QUARANTINED_ROWS
from advisory_perf.deliveries.day_counts import counts_of_days
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.ingestion.day_counts import DAY_COUNTS
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.deliveries.test_ledger import identity, january

pytestmark = pytest.mark.slow

Counts = tuple[date, int, int, int, int]


def ingest(ledger: Ledger, delivery_id: str, *rows: Counts, vendor: str = "alpha") -> None:
    ledger.claim(**identity(delivery_id, vendor=vendor))
    ledger.mark_ingested(
        delivery_id,
        read=9,
        accepted=9,
        quarantined=0,
        duplicate=0,
        footer=0,
        as_of_dates=[day for day, *_ in rows],
        issues=QUARANTINED_ROWS.empty(),
        of_days=pl.DataFrame(rows, schema=DAY_COUNTS, orient="row"),
    )


def counts(warehouse: Warehouse, first: int, last: int) -> list[tuple[object, ...]]:
    found = counts_of_days(warehouse, "alpha", january(first), january(last))
    assert found.schema == {**DAY_COUNTS, "delivery_id": pl.String()}
    return found.rows()


def test_each_delivery_of_a_day_is_counted_and_those_of_other_feeds_are_not(warehouse: Warehouse, ledger: Ledger) -> None:
    ingest(ledger, "one", (january(1), 5, 1, 0, 2), (january(2), 4, 0, 0, 0))
    ingest(ledger, "two", (january(2), 3, 2, 2, 1), (january(4), 1, 0, 0, 0))
    ingest(ledger, "other", (january(2), 9, 9, 9, 9), vendor="beta")
    of_one, of_two = (january(2), 4, 0, 0, 0, "one"), (january(2), 3, 2, 2, 1, "two")
    assert counts(warehouse, 1, 3) == [(january(1), 5, 1, 0, 2, "one"), of_one, of_two]
    ledger.rejected("two", code="E_FORMAT", sentence="it is none")
    assert counts(warehouse, 1, 9) == [(january(1), 5, 1, 0, 2, "one"), of_one]


def test_an_ingestion_that_is_repeated_writes_nothing_and_another_takes_its_place(warehouse: Warehouse, ledger: Ledger) -> None:
    version = "SELECT as_of_date, xmin::text FROM delivery_day_counts ORDER BY 1"
    ingest(ledger, "one", (january(1), 5, 1, 0, 2), (january(2), 4, 0, 0, 0))
    before = warehouse.query(version).rows()
    ingest(ledger, "one", (january(1), 5, 1, 0, 2), (january(2), 4, 0, 0, 0))
    assert warehouse.query(version).rows() == before
    ingest(ledger, "one", (january(2), 4, 0, 0, 1), (january(3), 2, 0, 0, 0))
    assert counts(warehouse, 1, 9) == [(january(2), 4, 0, 0, 1, "one"), (january(3), 2, 0, 0, 0, "one")]
