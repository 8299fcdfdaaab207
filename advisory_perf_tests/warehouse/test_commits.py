"""Transactions whose end nobody answers: PostgreSQL is asked what became of them."""

import re
from collections.abc import Callable

import psycopg
import pytest

from advisory_perf.errors import WarehouseError, WarehouseOutageError
from advisory_perf.warehouse import commits
from advisory_perf.warehouse.connection import Warehouse

ADD = "INSERT INTO accounts (data_source, account_id) VALUES ('alpha', 'A-1')"
CUT = psycopg.OperationalError("server closed the connection unexpectedly")


def count(warehouse: Warehouse) -> int:
    return warehouse.query("SELECT account_id FROM accounts").height


def answer_is_lost(monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
    """The connection breaks right after the server has committed, or right before."""
    committed: Callable[[psycopg.Connection], None] = psycopg.Connection.commit

    def commit(connection: psycopg.Connection) -> None:
        if connection.info.transaction_status is not psycopg.pq.TransactionStatus.INTRANS:
            return
        if after:
            committed(connection)
        connection.close()
        raise CUT

    monkeypatch.setattr(psycopg.Connection, "commit", commit)


@pytest.mark.parametrize("after", [True, False])
def test_what_was_committed_is_done_although_the_answer_was_lost(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    def add() -> None:
        with warehouse.connect() as connection:
            connection.execute(ADD)
            answer_is_lost(monkeypatch, after=after)

    if after:
        add()
    else:
        with pytest.raises(WarehouseOutageError, match=r"broke off .*; nothing was written, so try again"):
            add()
    monkeypatch.undo()
    assert count(warehouse) == int(after)


@pytest.mark.parametrize(
    "error",
    [
        WarehouseOutageError("it cannot be reached"),
        WarehouseError("it cannot be reached"),
        *(kind("it cannot be reached") for kind in (psycopg.OperationalError, psycopg.DataError, psycopg.InterfaceError)),
        *(kind("it cannot be reached") for kind in (psycopg.InternalError, psycopg.ProgrammingError, psycopg.DatabaseError)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_be_found_out_is_not_called_unwritten(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    connection = warehouse.open()
    connection.execute(ADD)
    answer_is_lost(monkeypatch, after=True)

    def unreachable() -> psycopg.Connection:
        raise error

    with pytest.raises(WarehouseOutageError, match="is not known, since it cannot be reached; run it again, which changes nothing"):
        commits.commit(connection, unreachable, patience=0.1)


def test_a_transaction_that_has_not_ended_yet_is_asked_after_again(warehouse: Warehouse) -> None:
    first, asked = warehouse.open(), 0
    (number,) = first.execute("SELECT pg_current_xact_id()::text").fetchone() or ("",)

    def open_another() -> psycopg.Connection:
        nonlocal asked
        asked += 1
        if asked > 1:
            first.commit()
        return warehouse.open()

    assert (commits._outcome(number, open_another, 600), asked) == (("committed", ""), 2)  # noqa: SLF001 - no server waits to order
    first.close()


@pytest.mark.parametrize("number", ["9000000000000000000", "no number"])
def test_what_became_of_a_transaction_that_the_server_has_lost_is_not_known(warehouse: Warehouse, number: str) -> None:
    """As after a switch to a copy of the server that lacked the latest transactions."""
    outcome, why = commits._outcome(number, warehouse.open, 0.1)  # noqa: SLF001 - no connection makes such a number
    assert outcome is None
    assert "transaction ID" in why or "invalid input" in why


@pytest.mark.parametrize(
    ("error", "is_looked_up"),
    [
        (CUT, True),
        (psycopg.DatabaseError("lost synchronization with server"), True),
        (psycopg.InterfaceError("the connection is lost"), True),
        (psycopg.errors.SerializationFailure("could not serialize access"), True),
        (psycopg.errors.ForeignKeyViolation("a check at the end"), False),
    ],
)
def test_only_the_servers_own_refusal_is_taken_for_its_answer(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, error: psycopg.Error, *, is_looked_up: bool
) -> None:
    connection = warehouse.open()
    connection.execute(ADD)
    committed = connection.commit

    def commit(_connection: psycopg.Connection) -> None:
        committed()
        raise error

    monkeypatch.setattr(connection, "commit", lambda: commit(connection))
    if is_looked_up:
        commits.commit(connection, warehouse.open)
    else:
        with pytest.raises(type(error), match=re.escape(str(error))):
            commits.commit(connection, warehouse.open)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "is_outage"),
    [
        ("INSERT INTO accounts (data_source, account_id) VALUES ('alpha', NULL)", False),
        ("SELECT 1 / 0", False),
        ("SELECT 'x'::int", False),
        ("SELECT * FROM a_table_that_is_not_there", True),
        ("SET TRANSACTION READ ONLY; DELETE FROM accounts", True),
        ("SET LOCAL statement_timeout = 10; SELECT pg_sleep(1)", True),
        ("SET LOCAL ROLE pg_monitor; DELETE FROM accounts", True),
        ("SELECT pg_terminate_backend(pg_backend_pid())", True),
    ],
)
def test_only_what_lies_in_the_rows_is_no_outage(warehouse: Warehouse, statement: str, *, is_outage: bool) -> None:
    with pytest.raises(WarehouseError) as raised, warehouse.connect() as connection:
        connection.execute(statement)
    assert isinstance(raised.value, WarehouseOutageError) is is_outage
