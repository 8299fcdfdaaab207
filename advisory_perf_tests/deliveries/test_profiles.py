"""Profiles beside the ledger: written with the ingestion or not at all, and those that came before a delivery."""

from datetime import date, timedelta

import pytest

from advisory_perf.contracts.tables import QUARANTINED_ROWS
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.deliveries.profiles import profiles_before
from advisory_perf.errors import WarehouseError
from advisory_perf.ingestion.profile import DeliveryProfile, profile_of
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.deliveries.test_ledger import ARRIVAL, identity, january, status
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, read, validated

pytestmark = pytest.mark.slow

CONTENT = f"{HEADER}\nA,2024-01-01,100.00,5.00,0.00,110.10\n"


def a_profile(rows: int = 1) -> DeliveryProfile:
    """That of a small file, with another number of rows."""
    return profile_of(read(CONTENT), validated(CONTENT), a_feed()).model_copy(update={"read": rows})


def ingest(ledger: Ledger, delivery_id: str, profile: DeliveryProfile | None, *, minute: int = 0, **others: str) -> None:
    ledger.claim(**identity(delivery_id, received_at=ARRIVAL + timedelta(minutes=minute), **others))
    mark_ingested(ledger, delivery_id, profile, january(1))


def mark_ingested(ledger: Ledger, delivery_id: str, profile: DeliveryProfile | None, day: date) -> None:
    ledger.mark_ingested(
        delivery_id,
        read=1,
        accepted=1,
        quarantined=0,
        duplicate=0,
        footer=0,
        as_of_dates=[day],
        issues=QUARANTINED_ROWS.empty(),
        profile=profile,
    )


def kept(warehouse: Warehouse) -> list[tuple[str, int]]:
    """Delivery and rows of each profile, and which version of the row it is."""
    return warehouse.query(
        "SELECT log.delivery_id, (kept.profile ->> 'read')::int FROM delivery_profiles AS kept"
        " JOIN etl_processing_log AS log ON log.id = kept.etl_log_id ORDER BY 1"
    ).rows()


def rows_before(warehouse: Warehouse, delivery_id: str, count: int = 20) -> list[int]:
    return [profile.read for profile in profiles_before(warehouse, delivery_id, count)]


def test_a_profile_comes_back_as_it_was_kept(warehouse: Warehouse, ledger: Ledger) -> None:
    ingest(ledger, "one", a_profile())
    ingest(ledger, "two", a_profile(), minute=1)
    assert profiles_before(warehouse, "two", 20) == [a_profile()]


def test_an_ingestion_that_is_repeated_changes_nothing_and_another_one_takes_its_place(warehouse: Warehouse, ledger: Ledger) -> None:
    version = "SELECT xmin::text, created_at::text FROM delivery_profiles"
    ingest(ledger, "one", a_profile())
    before = warehouse.query(version).rows()
    ingest(ledger, "one", a_profile())
    assert warehouse.query(version).rows() == before
    ingest(ledger, "one", a_profile(7))
    assert kept(warehouse) == [("one", 7)]
    ingest(ledger, "one", None)
    assert kept(warehouse) == []


def test_a_profile_is_kept_with_the_ledgers_counts_or_not_at_all(warehouse: Warehouse, ledger: Ledger) -> None:
    ledger.claim(**identity("one"))
    with Warehouse(warehouse.url).connect() as connection:
        connection.execute("CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE check_violation; END$$")
        connection.execute(
            "CREATE CONSTRAINT TRIGGER never AFTER UPDATE ON etl_processing_log DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION never()"
        )
    with pytest.raises(WarehouseError, match="check_violation"):
        mark_ingested(ledger, "one", a_profile(), january(1))
    assert (status(ledger, "one"), kept(warehouse)) == ("RECEIVED", [])


def test_what_came_after_a_delivery_or_is_of_another_feed_says_nothing_of_it(warehouse: Warehouse, ledger: Ledger) -> None:
    for number, name in enumerate(("one", "two", "three", "four")):
        ingest(ledger, name, a_profile(number + 1), minute=number)
    ingest(ledger, "other", a_profile(9), vendor="beta")
    assert rows_before(warehouse, "three") == [2, 1]
    assert rows_before(warehouse, "four", 2) == [3, 2]
    ingest(ledger, "two", a_profile(8), minute=1)
    assert rows_before(warehouse, "three") == [8, 1]


def test_a_delivery_that_is_rejected_later_says_nothing_of_others(warehouse: Warehouse, ledger: Ledger) -> None:
    ingest(ledger, "one", a_profile(1))
    ingest(ledger, "two", a_profile(2), minute=1)
    ingest(ledger, "three", a_profile(3), minute=2)
    ledger.rejected("one", code="E_FORMAT", sentence="it is none")
    assert rows_before(warehouse, "three") == [2]
