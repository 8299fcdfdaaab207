import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from advisory_perf.errors import LockHeldError, LostLockError, WarehouseError, WarehouseOutageError
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.locks import Locks, sweep_locks

HOLDER = """
import sys, time
from advisory_perf.warehouse.locks import Locks
from advisory_perf.warehouse.connection import Warehouse
locks = Locks(Warehouse(sys.argv[1]))
print(locks.take("a delivery"), flush=True)
time.sleep(600)
"""


def test_one_takes_a_lock_and_the_other_does_not_until_it_is_given_back(warehouse: Warehouse) -> None:
    with Locks(warehouse) as one, Locks(warehouse) as other:
        assert one.take("a delivery")
        assert not other.take("a delivery")
        assert other.take("another delivery")
        one.give_back()
        other.wait("a delivery")
        assert not one.take("a delivery")


def test_a_lock_is_free_at_once_when_it_is_given_back(warehouse: Warehouse) -> None:
    with Locks(warehouse) as other:
        for _ in range(50):
            with Locks(warehouse) as one:
                assert one.take("a delivery")
            assert other.take("a delivery")
            other.give_back()


def test_who_has_a_lock_has_it_when_asked_again(warehouse: Warehouse) -> None:
    with Locks(warehouse) as one, Locks(warehouse) as other:
        one.wait("a pipeline")
        one.wait("a pipeline")
        assert one.take("a pipeline")
        assert not other.take("a pipeline")


def test_locks_end_with_the_block_even_one_that_fails(warehouse: Warehouse) -> None:
    def failing() -> None:
        with Locks(warehouse) as locks:
            locks.take("a delivery")
            raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        failing()
    with Locks(warehouse) as other:
        other.wait("a delivery")


def test_a_process_that_is_killed_gives_its_locks_back(warehouse: Warehouse) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, warehouse.url], stdout=subprocess.PIPE) as holder, Locks(warehouse) as locks:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        assert not locks.take("a delivery")
        os.kill(holder.pid, signal.SIGKILL)
        locks.wait("a delivery")


def test_a_warehouse_that_does_not_answer_gives_no_lock() -> None:
    with Locks(Warehouse("postgresql://someone@127.0.0.1:1/nowhere")) as locks, pytest.raises(WarehouseError, match="cannot be reached"):
        locks.take("a delivery")


# tokens ---------------------------------------------------------------------------------------------------------------


def cut(warehouse: Warehouse, locks: Locks) -> None:
    """Ends the session that holds the locks, as a network that is gone for a while does; the process does not notice."""
    with warehouse.connect() as connection:
        assert connection.execute("SELECT pg_terminate_backend(%s, 5000)", [locks.session]).fetchone() == (True,)


def test_a_lock_that_is_held_is_confirmed_in_any_transaction(warehouse: Warehouse) -> None:
    with Locks(warehouse) as one, warehouse.connect() as connection:
        one.wait("a pipeline")
        one.wait("a delivery")
        one.confirm(connection)
        assert connection.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS, "in that very transaction"


def test_a_lock_that_was_cut_off_is_still_held_until_somebody_takes_it(warehouse: Warehouse) -> None:
    with Locks(warehouse) as one:
        one.wait("a pipeline")
        cut(warehouse, one)
        with warehouse.connect() as connection:
            one.confirm(connection)
        with Locks(warehouse) as other:
            assert other.take("a pipeline")
            with warehouse.connect() as connection:
                other.confirm(connection)
            with warehouse.connect() as connection, pytest.raises(LostLockError, match="took over a pipeline while"):
                one.confirm(connection)
        with (
            warehouse.connect() as connection,
            pytest.raises(LostLockError, match="took over a pipeline"),
        ):  # also once the other has given it back
            one.confirm(connection)


def test_no_lock_is_taken_over_while_what_it_stands_for_is_written(warehouse: Warehouse) -> None:
    with Locks(warehouse) as one, Locks(warehouse, wait_seconds=0.2) as other:
        one.wait("a pipeline")
        cut(warehouse, one)
        with one.kept(), pytest.raises(LockHeldError, match=r"the lock a pipeline, which process .* took at .*, did not come free"):
            other.wait("a pipeline")
        other.give_back()
        other.wait("a pipeline")
        with pytest.raises(LostLockError, match="took over a pipeline"), one.kept():
            pytest.fail("nothing is written")


def cut_the_keeper(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'idle in transaction' AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("is_taken_over", [False, True])
def test_what_was_done_in_the_keepers_transaction_does_not_stand_once_somebody_may_have_taken_over(
    warehouse: Warehouse, is_taken_over: bool
) -> None:
    with Locks(warehouse) as one, Locks(warehouse) as other:
        one.wait("a pipeline")

        def write(name: str, *, is_cut: bool) -> None:
            with one.kept() as connection:
                connection.execute("INSERT INTO locks (subject, token, holder) VALUES (%s, 0, '')", [name])
                if is_cut:
                    cut(warehouse, one)
                    cut_the_keeper(warehouse)
                    assert not is_taken_over or other.take("a pipeline")

        write("first", is_cut=False)
        with pytest.raises(WarehouseOutageError, match="took over a pipeline" if is_taken_over else "the lake is written again"):
            write("second", is_cut=True)
        if is_taken_over:
            with pytest.raises(LostLockError, match="took over a pipeline"):
                write("third", is_cut=False)
        else:
            write("third", is_cut=False)
    found = set(warehouse.query("SELECT subject FROM locks WHERE holder = ''")["subject"])
    assert found == ({"first"} if is_taken_over else {"first", "third"})


def test_nobody_waits_for_ever(warehouse: Warehouse) -> None:
    with Locks(warehouse) as one, Locks(warehouse, wait_seconds=0.2) as other:
        one.wait("a pipeline")
        with pytest.raises(LockHeldError, match=r"the lock a pipeline, which process .* took at .*, did not come free"):
            other.wait("a pipeline")
        one.give_back()
        other.wait("a pipeline")


def test_locks_that_are_given_back_leave_no_trace(warehouse: Warehouse) -> None:
    with Locks(warehouse) as one:
        one.wait("a pipeline")
    assert warehouse.query("SELECT * FROM locks").is_empty()


def test_locks_that_are_held_for_long_are_reported_and_those_of_killed_processes_removed(warehouse: Warehouse) -> None:
    with Locks(warehouse) as one, Locks(warehouse) as killed:
        one.wait("pipeline acme")
        killed.wait("pipeline zeta")
        cut(warehouse, killed)
        now = datetime.now(UTC)
        assert sweep_locks(warehouse, now - timedelta(hours=1)) == []
        (held,) = sweep_locks(warehouse, now + timedelta(hours=1))
        assert held.subject == "pipeline acme"
        assert warehouse.query("SELECT subject FROM locks")["subject"].to_list() == ["pipeline acme"]
    assert sweep_locks(warehouse, now + timedelta(hours=1)) == []
