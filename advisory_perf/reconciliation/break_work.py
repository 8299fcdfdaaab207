"""What people do with breaks: give them to somebody, say something of them, accept them. Of several all or none; nothing is overwritten."""

from collections.abc import Sequence
from typing import LiteralString

import polars as pl
import psycopg
from psycopg.rows import class_row

from advisory_perf.errors import WarehouseError
from advisory_perf.reconciliation.breaks import Break
from advisory_perf.warehouse.connection import Warehouse

_SIGN_OFF: LiteralString = (
    "SELECT break_id, data_source, account_id, field_name, status, last_as_of_date, variance, vendor_value, factor, signed_off_by"
    " FROM sign_off_breaks(%s, %s, %s)"
)
HISTORY = pl.Schema(
    {"made_at": pl.Datetime("us", "UTC"), "event": pl.String(), "made_by": pl.String(), "owner": pl.String(), "comment": pl.String()}
)


def assign(warehouse: Warehouse, break_ids: Sequence[str], *, owner: str, by: str) -> None:
    """From now on the owner has the breaks; a blank one: nobody has.

    Raises ``WarehouseError`` for a break that is unknown, and where ``by`` is blank.
    """
    _each(warehouse, "SELECT assign_break(%s, %s, %s)", [(break_id, owner, by) for break_id in break_ids])


def comment(warehouse: Warehouse, break_ids: Sequence[str], *, by: str, words: str) -> None:
    """Adds the words to what was said of each break; ``WarehouseError`` for an unknown break, and where author or words are blank."""
    _each(warehouse, "SELECT comment_on_break(%s, %s, %s)", [(break_id, by, words) for break_id in break_ids])


def sign_off(warehouse: Warehouse, break_ids: Sequence[str], *, by: str, reason: str) -> list[Break]:
    """Accepts each break at its present amount, and gives them as they are then; the SQL function ``sign_off_breaks`` does it.

    A sign-off holds as long as the amount stays equal within the tolerance of the latest comparison, also for a later break of the
    same figure; with another amount the break is open again. Raises ``WarehouseError`` for a break that is unknown, signed off
    already or resolved, and where name or reason is blank; then none is signed off.
    """
    with warehouse.connect() as connection, connection.cursor(row_factory=class_row(Break)) as cursor:
        try:
            return cursor.execute(_SIGN_OFF, [list(break_ids), by, reason]).fetchall()
        except psycopg.errors.RaiseException as error:
            raise WarehouseError(str(error.diag.message_primary)) from error


def history_of(warehouse: Warehouse, break_id: str) -> pl.DataFrame:
    """HISTORY of a break, the oldest first: when it was found, who was given it, said something or accepted it, and what ended it."""
    return warehouse.query(
        "SELECT made_at, event, made_by, owner, comment FROM break_history WHERE break_id = %s ORDER BY made_at, event", [break_id]
    ).match_to_schema(HISTORY)


def _each(warehouse: Warehouse, statement: LiteralString, places: Sequence[tuple[str, str, str]]) -> None:
    with warehouse.connect() as connection:
        try:
            for place in places:
                connection.execute(statement, place)
        except psycopg.errors.RaiseException as error:
            raise WarehouseError(str(error.diag.message_primary)) from error
