"""Who does something and from where, as the audit log has it; and what the functions of the warehouse refuse, as an error of ours.

``audit_log`` is written by functions with the owner's rights, in the transaction of what they do, which says beforehand from where.
"""

import getpass
import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import psycopg

from advisory_perf.errors import ConflictError, LockHeldError, NotFoundError, RequestError
from advisory_perf.warehouse.connection import Warehouse

T = TypeVar("T")
HELD_BY_ANOTHER = "its vendor is being published, or somebody else is changing it; nothing was changed, try again in a moment"
_REFUSALS: Mapping[str, type[RequestError]] = {
    "AP001": RequestError,
    "AP002": NotFoundError,
    "AP003": ConflictError,
    "AP004": ConflictError,
    "AP005": ConflictError,
}
"""By the SQLSTATE: somebody or something is not named, there is no such thing, it is done already, it is over, the amount is another."""


@dataclass(frozen=True, slots=True)
class Origin:
    """From where something is done: ``origin`` is api, cli or replay; a caller of the API has a role, and its request an id."""

    origin: str
    address: str
    role: str | None = None
    request_id: str | None = None


def this_login() -> str:
    """Who runs this process, by the machine."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run as a number that has no name
        return f"uid {os.getuid()}"


def by_command(origin: str = "cli") -> Origin:
    """Of a command: who runs it, and on which machine."""
    return Origin(origin, f"{this_login()}@{socket.gethostname()}")


def acted(warehouse: Warehouse, origin: Origin, acting: Callable[[psycopg.Connection], T]) -> T:
    """Does something in one transaction, all of it or nothing, which the audit log says to come from there.

    Raises ``RequestError``, ``NotFoundError`` or ``ConflictError`` for what a function of the warehouse refuses, with its details, and
    ``LockHeldError`` where somebody else has had the vendor or the row for as long as the role waits.
    """
    with warehouse.connect() as connection:
        hand_over(connection, origin)
        try:
            with connection.transaction():
                return acting(connection)
        except psycopg.Error as error:
            refused = refusal(error)
            if refused is None:
                raise
    raise refused  # behind the block: the connection is as good as it was


def hand_over(connection: psycopg.Connection, origin: Origin) -> None:
    """Says from where it comes what the transaction does."""
    connection.execute("SELECT set_config('advisory_perf.origin', %s, true)", [json.dumps(asdict(origin))])


def refusal(error: psycopg.Error) -> RequestError | LockHeldError | None:
    """What a function of the warehouse says by an error; None for one that is not ours."""
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return LockHeldError(HELD_BY_ANOTHER)
    kind = _REFUSALS.get(error.sqlstate or "")
    return None if kind is None else kind(str(error.diag.message_primary), json.loads(error.diag.message_detail or "{}"))


def note_action(
    connection: psycopg.Connection,
    origin: Origin,
    *,
    principal: str,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Adds a replay, or a token that is made or revoked, to the audit log, with the transaction of the writer."""
    hand_over(connection, origin)
    connection.execute(
        "SELECT note_action(%s, %s, %s, %s, %s)",
        [principal, action, subject, *(None if known is None else json.dumps(known) for known in (before, after))],
    )
