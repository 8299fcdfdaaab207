"""What people do with breaks: give them to somebody, say something of them, accept them. Of several all or none; nothing is overwritten.

The API and the commands both do it by these functions. Whoever does it is in the audit log, with the ``origin`` that is given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import LiteralString

import polars as pl
import psycopg
from psycopg.rows import class_row

from advisory_perf.errors import AdvisoryPerfError, LockHeldError, NotFoundError, RequestError
from advisory_perf.reconciliation.breaks import Break
from advisory_perf.warehouse.auditing import Origin, acted, by_command, refusal
from advisory_perf.warehouse.connection import Warehouse

_BREAK: LiteralString = (
    "SELECT break_id, data_source, account_id, field_name, status, last_as_of_date, variance, vendor_value, factor, signed_off_by, is_new"
)
_SIGN_OFF: LiteralString = _BREAK + " FROM sign_off_breaks(%s, %s, %s)"
_SIGN_OFF_EXPECTED: LiteralString = _BREAK + " FROM sign_off_break(%s, %s, %s, true, %s)"
HISTORY = pl.Schema(
    {"made_at": pl.Datetime("us", "UTC"), "event": pl.String(), "made_by": pl.String(), "owner": pl.String(), "comment": pl.String()}
)


def assign(warehouse: Warehouse, break_ids: Sequence[str], *, owner: str, by: str, origin: Origin | None = None) -> None:
    """From now on the owner has the breaks; a blank one: nobody. Who has a break already is not given it again.

    Raises ``NotFoundError`` for a break that is unknown, and ``RequestError`` where ``by`` is blank.
    """
    _each(warehouse, origin, "SELECT assign_break(%s, %s, %s)", [(break_id, owner, by) for break_id in break_ids])


def comment(warehouse: Warehouse, break_ids: Sequence[str], *, by: str, words: str, origin: Origin | None = None) -> None:
    """Adds the words to what was said of each break.

    Raises ``NotFoundError`` for a break that is unknown, and ``RequestError`` where author or words are blank.
    """
    _each(warehouse, origin, "SELECT comment_on_break(%s, %s, %s)", [(break_id, by, words) for break_id in break_ids])


def sign_off(warehouse: Warehouse, break_ids: Sequence[str], *, by: str, reason: str, origin: Origin | None = None) -> list[Break]:
    """Accepts each break at its present amount, and gives them as they are then; the SQL function ``sign_off_breaks`` does it.

    A sign-off holds as long as the amount stays equal within the tolerance of the latest comparison, also for a later break of the
    same figure; with another amount the break is open again. Once more by the same person for the same reason changes nothing. Raises
    ``NotFoundError`` for a break that is unknown, ``ConflictError`` for one that another has signed off or that is resolved, and
    ``RequestError`` where name or reason is blank; then none is signed off.
    """

    def accepting(connection: psycopg.Connection) -> list[Break]:
        with connection.cursor(row_factory=class_row(Break)) as cursor:
            return cursor.execute(_SIGN_OFF, [list(break_ids), by, reason]).fetchall()

    return acted(warehouse, origin or by_command(), accepting)


@dataclass(frozen=True, slots=True)
class Seen:
    """A break and the amount at which somebody has seen it: its variance, of a whole delivery its factor, None where it has neither."""

    break_id: str
    amount: Decimal | None


def sign_off_seen(warehouse: Warehouse, seen: Seen, *, by: str, reason: str, origin: Origin) -> Break:
    """Accepts one break at the amount at which it was seen; as ``sign_off``, and ``ConflictError`` where it has another by now."""
    return acted(warehouse, origin, lambda connection: _accept(connection, seen, by=by, reason=reason))


def sign_off_each(
    warehouse: Warehouse, wanted: Sequence[Seen], vendors: Mapping[str, str], *, by: str, reason: str, origin: Origin
) -> list[Break | AdvisoryPerfError]:
    """Accepts those breaks that can be, and gives of each in order the break as it is then, or why it was refused.

    ``vendors`` says whose each break is; those of a vendor are one transaction. Of a vendor that is being published none is accepted.
    """
    found: dict[int, Break | AdvisoryPerfError] = {
        place: NotFoundError(f"there is no break {seen.break_id}; /api/breaks lists them", {"break_id": seen.break_id})
        for place, seen in enumerate(wanted)
        if seen.break_id not in vendors
    }
    for vendor in sorted({vendors[seen.break_id] for seen in wanted if seen.break_id in vendors}):
        theirs = {place: seen for place, seen in enumerate(wanted) if vendors.get(seen.break_id) == vendor}
        try:
            found |= acted(warehouse, origin, partial(_accept_each, theirs, by, reason))
        except LockHeldError as error:
            found |= dict.fromkeys(theirs, error)
    return [found[place] for place in range(len(wanted))]


def history_of(warehouse: Warehouse, break_id: str) -> pl.DataFrame:
    """HISTORY of a break, the oldest first: when it was found, who was given it, said something or accepted it, and what ended it."""
    return warehouse.query(
        "SELECT made_at, event, made_by, owner, comment FROM break_history WHERE break_id = %s ORDER BY made_at, event", [break_id]
    ).match_to_schema(HISTORY)


def _accept(connection: psycopg.Connection, seen: Seen, *, by: str, reason: str) -> Break:
    with connection.cursor(row_factory=class_row(Break)) as cursor:
        (found,) = cursor.execute(_SIGN_OFF_EXPECTED, [seen.break_id, by, reason, seen.amount]).fetchall()
        return found


def _accept_each(wanted: Mapping[int, Seen], by: str, reason: str, connection: psycopg.Connection) -> dict[int, Break | AdvisoryPerfError]:
    """By their places, each by itself; LockNotAvailable, which holds for all of them, is left to the caller."""
    found: dict[int, Break | AdvisoryPerfError] = {}
    for place, seen in wanted.items():
        try:
            with connection.transaction():
                found[place] = _accept(connection, seen, by=by, reason=reason)
        except psycopg.Error as error:
            refused = refusal(error)
            if not isinstance(refused, RequestError):
                raise
            found[place] = refused
    return found


def _each(warehouse: Warehouse, origin: Origin | None, statement: LiteralString, places: Sequence[tuple[str, str, str]]) -> None:
    def acting(connection: psycopg.Connection) -> None:
        for place in places:
            connection.execute(statement, place)

    acted(warehouse, origin or by_command(), acting)
