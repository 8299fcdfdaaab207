import os
import signal
import subprocess
import sys

import pytest

from advisory_perf.errors import WarehouseError
from advisory_perf.storage.turns import Turns
from advisory_perf.storage.warehouse import Warehouse

HOLDER = """
import sys, time
from advisory_perf.storage.turns import Turns
from advisory_perf.storage.warehouse import Warehouse
turns = Turns(Warehouse(sys.argv[1]))
print(turns.take("a delivery"), flush=True)
time.sleep(600)
"""


def test_one_takes_a_turn_and_the_other_does_not_until_it_is_given_back(warehouse: Warehouse) -> None:
    with Turns(warehouse) as one, Turns(warehouse) as other:
        assert one.take("a delivery")
        assert not other.take("a delivery")
        assert other.take("another delivery")
        one.give_back()
        other.wait("a delivery")
        assert not one.take("a delivery")


def test_a_turn_is_free_at_once_when_it_is_given_back(warehouse: Warehouse) -> None:
    with Turns(warehouse) as other:
        for _ in range(50):
            with Turns(warehouse) as one:
                assert one.take("a delivery")
            assert other.take("a delivery")
            other.give_back()


def test_who_has_a_turn_has_it_when_asked_again(warehouse: Warehouse) -> None:
    with Turns(warehouse) as one, Turns(warehouse) as other:
        one.wait("a lane")
        one.wait("a lane")
        assert one.take("a lane")
        assert not other.take("a lane")


def test_turns_end_with_the_block_even_one_that_fails(warehouse: Warehouse) -> None:
    def failing() -> None:
        with Turns(warehouse) as turns:
            turns.take("a delivery")
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    with Turns(warehouse) as other:
        other.wait("a delivery")


def test_a_process_that_is_killed_gives_its_turns_back(warehouse: Warehouse) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, warehouse.url], stdout=subprocess.PIPE) as holder, Turns(warehouse) as turns:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        assert not turns.take("a delivery")
        os.kill(holder.pid, signal.SIGKILL)
        turns.wait("a delivery")


def test_a_warehouse_that_does_not_answer_gives_no_turn() -> None:
    with Turns(Warehouse("postgresql://someone@127.0.0.1:1/nowhere")) as turns, pytest.raises(WarehouseError, match="cannot be reached"):
        turns.take("a delivery")
