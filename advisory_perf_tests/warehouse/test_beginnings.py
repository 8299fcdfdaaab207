"""Publications announce their beginning, so that whoever reads up to ``settled_until`` has read all there will be."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg
import pytest

from advisory_perf.contracts.tables import PERFORMANCE_DATA, PUBLISHED_PERFORMANCE
from advisory_perf.positions.publication import lock_publication, publish_slices
from advisory_perf.warehouse.beginnings import settled_until
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.roles import Role
from advisory_perf_tests.warehouse.scenarios import FEBRUARY, JANUARY, put, rows_of, valuation
from advisory_perf_tests.warehouse.waiting import until_blocked

pytestmark = pytest.mark.slow

SECOND = timedelta(seconds=1)


def settled(warehouse: Warehouse) -> datetime:
    """As the reader sees it."""
    with Warehouse(warehouse.url, Role.READER).connect() as connection:
        return settled_until(connection)


def now(warehouse: Warehouse) -> datetime:
    """By the server's clock."""
    found: datetime = warehouse.query("SELECT clock_timestamp() AS at")["at"][0]
    return found


def announced(warehouse: Warehouse) -> int:
    """How many locks of two numbers there are."""
    found: int = warehouse.query(
        "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )["n"][0]
    return found


def test_while_nothing_runs_all_is_settled_up_to_now(warehouse: Warehouse) -> None:
    before = now(warehouse)
    assert before <= settled(warehouse) <= now(warehouse)


@pytest.mark.parametrize("fails", [False, True])
def test_a_publication_holds_the_instant_until_it_ends_and_leaves_no_lock_behind(warehouse: Warehouse, fails: bool) -> None:
    put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY, 100)))
    began: list[datetime] = []

    def along(connection: psycopg.Connection) -> None:
        (row,) = connection.execute("SELECT superseded_at FROM performance_data_history").fetchall()
        began.append(row[0])
        assert began[0] - SECOND <= settled(warehouse) <= began[0]
        if fails:
            raise RuntimeError

    slices = [(PUBLISHED_PERFORMANCE, rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY, 200)))]
    try:
        publish_slices(warehouse, slices, vendor="alpha", first=JANUARY, last=FEBRUARY, along=along)
    except RuntimeError:
        assert fails
    assert announced(warehouse) == 0
    assert settled(warehouse) > began[0]


def test_one_that_waits_for_another_has_begun(warehouse: Warehouse) -> None:
    """What it will supersede bears the instant from which on it waits."""
    put(warehouse, rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY, 100)))
    with ThreadPoolExecutor(1) as pool:
        with warehouse.connect() as first:
            lock_publication(first, "alpha")
            second = pool.submit(put, warehouse, rows_of(PERFORMANCE_DATA, valuation("A-1", JANUARY, 200)))
            until_blocked(warehouse, second)
            held = settled(warehouse)
            assert announced(warehouse) == 1
        second.result()
    superseded = warehouse.query("SELECT superseded_at AS at FROM performance_data_history")["at"][0]
    assert superseded - SECOND <= held <= superseded
