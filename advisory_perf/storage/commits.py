"""The end of a transaction, also where the connection breaks before the server's answer has come."""

import time
from collections.abc import Callable
from contextlib import closing

import psycopg

from advisory_perf.errors import WarehouseOutageError

_LOOKED_FOR_SECONDS, _PAUSE_SECONDS = 30.0, 0.5


def commit(
    connection: psycopg.Connection, open_another: Callable[[], psycopg.Connection], *, patience: float = _LOOKED_FOR_SECONDS
) -> None:
    """Commits the transaction; where the answer is lost, PostgreSQL is asked what became of it.

    Raises the connection's own error where nothing was written, and ``WarehouseOutageError`` where that cannot be found out.
    """
    number = None
    if connection.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS:
        (number,) = connection.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchone() or (None,)
    try:
        connection.commit()
    except psycopg.OperationalError as error:
        if number is None:
            raise
        match _outcome(number, open_another, patience):
            case "committed":
                return
            case "aborted":
                raise
        raise WarehouseOutageError(
            f"the warehouse broke off as a transaction ended ({first_line(error)}), and what became of it cannot be found out; "
            "run it again, which changes nothing if it was written"
        ) from error


def _outcome(number: str, open_another: Callable[[], psycopg.Connection], patience: float) -> str | None:
    """What became of it, committed or aborted; None where the warehouse does not come back in time, or still works at it."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            with closing(open_another()) as connection:
                (outcome,) = connection.execute("SELECT pg_xact_status(%s::text::xid8)", [number]).fetchone() or (None,)
        except (WarehouseOutageError, psycopg.OperationalError):
            outcome = None
        if outcome in {"committed", "aborted"}:
            return str(outcome)
        time.sleep(_PAUSE_SECONDS)
    return None


def first_line(error: psycopg.Error) -> str:
    """What PostgreSQL says, in one line."""
    text = error.diag.message_primary or str(error).strip().split("\n")[0] or type(error).__name__
    detail = error.diag.message_detail
    return f"{text} ({detail[:200]})" if detail else text
