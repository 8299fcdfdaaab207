"""Connections that are kept between two transactions: by whom, for how long, and what is done with one that is lost."""

import gc
import os
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack

import psycopg
import pytest

from advisory_perf.errors import WarehouseError, WarehouseOutageError
from advisory_perf.warehouse import pool
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.pool import OF_A_RUN, Connections, PoolSize
from advisory_perf.warehouse.roles import Role

pytestmark = pytest.mark.slow


def session(warehouse: Warehouse) -> int:
    """The server's number of the connection that is lent now."""
    with warehouse.connect() as connection:
        return connection.info.backend_pid


def sessions(url: str) -> set[int]:
    """Of all others."""
    with psycopg.connect(url) as connection:
        statement = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return {number for (number,) in connection.execute(statement)}


def until_ended(url: str, number: int) -> None:
    """Returns once the server has ended that session, which it does by itself a moment after its client has gone."""
    while number in sessions(url):
        time.sleep(0.005)


def broken_off(_: object) -> None:
    raise KeyError("broken off")


def test_one_transaction_after_the_other_has_the_same_connection_and_two_at_once_have_two(warehouse: Warehouse) -> None:
    first = session(warehouse)
    assert [session(warehouse) for _ in range(3)] == [first] * 3
    with warehouse.connect() as outer:
        inner = session(warehouse)
        assert (outer.info.backend_pid, inner == first) == (first, False)
    assert {session(warehouse) for _ in range(3)} <= {first, inner}
    assert sessions(warehouse.url) == {first, inner}


def test_what_is_kept_is_closed_with_its_warehouse(warehouse_url: str) -> None:
    warehouse = Warehouse(warehouse_url)
    held = session(warehouse)
    assert sessions(warehouse_url) == {held}
    del warehouse
    gc.collect()
    until_ended(warehouse_url, held)


def test_nothing_of_a_transaction_is_left_to_the_next_one(warehouse: Warehouse) -> None:
    """Of its rows, its settings and its locks, however it ended."""
    with warehouse.connect() as connection:
        connection.execute("SET LOCAL statement_timeout = '3min'")
        connection.execute("CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT 1 AS a")
    with pytest.raises(KeyError, match="broken off"), warehouse.connect() as connection:
        broken_off(connection.execute("CREATE TABLE unwritten (a int)"))
    with warehouse.connect() as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
        assert connection.execute("SELECT to_regclass('gone'), to_regclass('unwritten')").fetchone() == (None, None)
        assert connection.execute("SHOW TimeZone").fetchone() == ("UTC",)


def test_a_connection_whose_transaction_failed_is_not_lent_again(warehouse: Warehouse) -> None:
    first = session(warehouse)
    with pytest.raises(WarehouseError, match="division by zero"), warehouse.connect() as connection:
        connection.execute("SELECT 1 / 0")
    assert session(warehouse) != first
    until_ended(warehouse.url, first)


def test_a_connection_that_the_server_has_ended_meanwhile_is_replaced(warehouse: Warehouse) -> None:
    with warehouse.connect() as outer:
        lost = {session(warehouse), outer.info.backend_pid}
    with psycopg.connect(warehouse.url) as connection:
        for number in lost:
            connection.execute("SELECT pg_terminate_backend(%s, 60000)", [number])
    with warehouse.connect() as outer:
        assert outer.execute("SELECT 1").fetchone() == (1,)
        assert not {session(warehouse), outer.info.backend_pid} & lost


def test_a_connection_that_is_kept_for_long_is_renewed(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_RENEWED_AFTER_SECONDS", 0)
    warehouse = Warehouse(warehouse_url)
    assert session(warehouse) != session(warehouse)


def test_a_connection_that_is_lost_within_a_block_that_goes_well_is_not_kept(warehouse_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """As where an answer to a commit is lost, and the server tells another connection that it was written."""
    lending = Connections(lambda: psycopg.connect(warehouse_url))
    with lending.lent() as connection:
        first = connection.info.backend_pid
        connection.close()
    with lending.lent() as connection:
        assert connection.info.backend_pid != first
    assert caplog.records == []


def test_a_connection_is_what_its_role_may_do_however_often_it_is_lent(warehouse: Warehouse) -> None:
    for _ in range(2):
        with Warehouse(warehouse.url, Role.READER).connect() as connection:
            assert connection.execute("SELECT current_user").fetchone() == (Role.READER,)
    reader = Warehouse(warehouse.url, Role.READER)
    for _ in range(2):
        with pytest.raises(WarehouseError, match="permission denied"), reader.connect() as connection:
            connection.execute("DELETE FROM accounts")


def test_a_child_of_a_process_does_not_share_its_connection(warehouse: Warehouse) -> None:
    held = session(warehouse)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        own = session(warehouse)
        os.write(writing, b"own" if own != held else b"shared")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"own"
    os.close(reading)
    os.close(writing)
    assert session(warehouse) == held


def test_who_needs_one_more_than_are_lent_at_most_is_reported_so(warehouse_url: str) -> None:
    lending = Connections(lambda: psycopg.connect(warehouse_url), PoolSize(patience=0.1))
    with ExitStack() as blocks:
        for _ in range(OF_A_RUN.at_most):
            blocks.enter_context(lending.lent())
        with pytest.raises(WarehouseOutageError, match="all 10 connections to the warehouse are in use"), lending.lent():
            pass
    end = time.monotonic() + 60  # those that were closed the server ends by itself, a moment later
    while len(sessions(warehouse_url)) > OF_A_RUN.kept and time.monotonic() < end:
        time.sleep(0.005)
    assert len(sessions(warehouse_url)) == OF_A_RUN.kept


def test_who_needs_one_more_than_are_lent_at_most_waits_for_it(warehouse_url: str) -> None:
    lending = Connections(lambda: psycopg.connect(warehouse_url))
    with ExitStack() as blocks, ThreadPoolExecutor(1) as others:
        for _ in range(OF_A_RUN.at_most - 1):
            blocks.enter_context(lending.lent())
        with lending.lent():
            asking = others.submit(lambda: blocks.enter_context(lending.lent()))
            assert wait([asking], 0.2).not_done == {asking}
        asking.result(600)
    assert len(sessions(warehouse_url)) == OF_A_RUN.kept


def test_an_address_that_does_not_answer_is_reported_by_its_own_reason_at_once() -> None:
    with pytest.raises(WarehouseOutageError, match=r"nowhere\.invalid/x cannot be reached \(.*resolve.*\)"):
        session(Warehouse("postgresql://nowhere.invalid/x"))
