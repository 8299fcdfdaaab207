"""The end of a transaction, also where the connection breaks before the server's answer has come."""

import time
from collections.abc import Callable
from contextlib import closing

import psycopg

from advisory_perf.errors import WarehouseError, WarehouseOutageError

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
    except psycopg.Error as error:
        is_the_servers_answer = error.sqlstate is not None and not isinstance(error, psycopg.OperationalError)
        if number is None or is_the_servers_answer:
            raise
        outcome, why = _outcome(number, open_another, patience)
        if outcome == "committed":
            return
        if outcome == "aborted":
            raise
        raise WarehouseOutageError(
            f"the warehouse broke off as a transaction ended ({first_line(error)}), and whether the transaction was written is not known, "
            f"since {why}; run it again, which changes nothing if it was written"
        ) from error


def _outcome(number: str, open_another: Callable[[], psycopg.Connection], patience: float) -> tuple[str | None, str]:
    """What became of it, committed or aborted; where that is not found out in time, None and why not."""
    end = time.monotonic() + patience
    outcome, why = None, "the warehouse was not asked"
    while time.monotonic() < end:
        try:
            with closing(open_another()) as connection:
                (outcome,) = connection.execute("SELECT pg_xact_status(%s::text::xid8)", [number]).fetchone() or (None,)
            why = "the warehouse no longer knows of it" if outcome is None else "it has not ended yet"
        except WarehouseError as error:
            outcome, why = None, str(error)
        except psycopg.Error as error:  # a server that lost its latest transactions calls the number one of the future
            outcome, why = None, first_line(error)
        if outcome in {"committed", "aborted"}:
            return str(outcome), ""
        time.sleep(_PAUSE_SECONDS)
    return None, why


def first_line(error: psycopg.Error) -> str:
    """What PostgreSQL says, in one line."""
    text = error.diag.message_primary or str(error).strip().split("\n")[0] or type(error).__name__
    detail = error.diag.message_detail
    return f"{text} ({detail[:200]})" if detail else text
