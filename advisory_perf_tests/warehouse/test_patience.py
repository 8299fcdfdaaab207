"""How long a connection waits, for the server and for others."""

import pytest

from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.locks import Locks
from advisory_perf_tests.warehouse.waiting import impatient

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("own", "seconds"), [("", "10"), ("&connect_timeout=3", "3")])
def test_a_server_that_does_not_answer_is_waited_for_ten_seconds_or_as_its_address_says(
    shared_warehouse: Warehouse, own: str, seconds: str
) -> None:
    with Warehouse(f"{shared_warehouse.url}{own}").open() as connection:
        found = connection.info.get_parameters()
    assert found["connect_timeout"] == seconds
    assert [found[f"keepalives_{name}"] for name in ("idle", "interval", "count")] == ["30", "10", "3"]


def test_a_lock_is_waited_for_ten_minutes_and_nothing_else_ends_the_wait(shared_warehouse: Warehouse) -> None:
    with Locks(impatient(shared_warehouse, "-c statement_timeout=3s")) as locks:
        assert locks.take("a pipeline")
        connection = locks._connection  # noqa: SLF001 - nobody else can ask a session for its settings
        assert connection is not None
        found = {
            name: connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in ("lock_timeout", "statement_timeout")
        }
    assert found == {"lock_timeout": ("10min",), "statement_timeout": ("0",)}


def test_who_writes_to_the_lake_under_a_lock_may_be_stopped_for_as_long_as_it_likes(shared_warehouse: Warehouse) -> None:
    with Locks(impatient(shared_warehouse, "-c idle_in_transaction_session_timeout=3s")) as locks:
        locks.wait("a pipeline")
        with locks.kept() as connection:
            assert connection.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("0",)


def test_instants_are_read_in_utc_whatever_the_session_is_set_to(shared_warehouse: Warehouse) -> None:
    with impatient(shared_warehouse, "-c timezone=Asia/Tokyo").connect() as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
