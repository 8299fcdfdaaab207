"""Which rows and deliveries of the ledger are in order: each rule with what just keeps it beside what does not."""

from datetime import date

import pytest

from advisory_perf.contracts.tables import QUARANTINED_ROWS
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.operations import health
from advisory_perf.operations.health import ledger_health, partition_health, warehouse_health
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.deliveries.test_ledger import identity
from advisory_perf_tests.operations.test_health import bad, ingest, publish

pytestmark = pytest.mark.slow


def ingested(warehouse: Warehouse, delivery_id: str, vendor: str, day: date, *, duplicate: int = 0) -> None:
    """Ten rows, of which the duplicates are no positions."""
    ledger = Ledger(warehouse)
    ledger.claim(**identity(delivery_id, vendor=vendor))
    ledger.mark_ingested(
        delivery_id,
        read=10,
        accepted=10 - duplicate,
        quarantined=0,
        duplicate=duplicate,
        footer=0,
        as_of_dates=[day],
        issues=QUARANTINED_ROWS.empty(),
    )


def close_all(warehouse: Warehouse, *, inserted: int = 9) -> None:
    """As published and done with."""
    with warehouse.connect() as connection:
        connection.execute(
            "UPDATE etl_processing_log SET status = 'COMPLETED', pending_first_date = NULL, pending_last_date = NULL,"
            " records_inserted = %s",
            [inserted],
        )


def test_a_row_whose_delivery_is_another_vendors_is_not_known(warehouse: Warehouse) -> None:
    publish(warehouse, date(2025, 3, 14))
    ingested(warehouse, "a-1", "beta", date(2025, 3, 14))
    close_all(warehouse)
    (found,) = bad(ledger_health(warehouse, Ledger(warehouse)))
    assert found.says.startswith("1 published rows are of deliveries that the ledger does not know (alpha a-1)")


def test_rows_that_came_twice_in_a_file_are_accounted_for(warehouse: Warehouse) -> None:
    ingested(warehouse, "a-1", "alpha", date(2025, 3, 14), duplicate=2)
    close_all(warehouse, inserted=8)
    assert bad(ledger_health(warehouse, Ledger(warehouse))) == []
    with warehouse.connect() as connection:
        connection.execute("ALTER TABLE etl_processing_log DROP CONSTRAINT IF EXISTS etl_processing_log_conservation")
        connection.execute("UPDATE etl_processing_log SET records_duplicate = 1")
    (found,) = bad(ledger_health(warehouse, Ledger(warehouse)))
    assert "of a-1 10 rows were read and 9 are accounted for" in found.says


@pytest.mark.parametrize(("inserted", "is_lost"), [(0, False), (1, True)])
def test_a_month_lacks_its_partition_only_where_a_delivery_had_rows_of_its_own_in_it(
    warehouse: Warehouse, inserted: int, *, is_lost: bool
) -> None:
    ingest(warehouse, "a-1", hours_ago=0, is_ingested=True)
    close_all(warehouse, inserted=inserted)
    found = [one.says for one in bad(partition_health(warehouse)) if "2024-02" in one.says or "2024_02" in one.says]
    assert bool(found) is is_lost, found


@pytest.mark.parametrize(("oldest", "is_good"), [(0, True), (1, False)])
def test_a_server_may_be_as_old_as_the_schema_and_no_older(
    shared_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, oldest: int, *, is_good: bool
) -> None:
    with shared_warehouse.connect() as connection:
        version = connection.info.server_version // 10_000
    assert health.OLDEST_SERVER == 15
    monkeypatch.setattr(health, "OLDEST_SERVER", version + oldest)
    (found,) = [one for one in warehouse_health(shared_warehouse) if one.subject == "warehouse"]
    assert found.is_good is is_good
