"""What runs write to the lake of a pipeline: noted before the first file, struck off once it is sure that nobody else wrote meanwhile.

A run may lose its pipeline while it writes and end before it learns of it: then its files lie among those of the run that took over, and
nothing else says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import psycopg

from advisory_perf.warehouse.connection import Warehouse


@dataclass(frozen=True, slots=True)
class LakeWrite:
    """Windows of a pipeline, from a first to a last day, that a run has begun to write."""

    number: int
    feed: str
    first: date
    last: date
    run_id: str


def note_write(
    warehouse: Warehouse, feed: str, *, first: date, last: date, run_id: str, confirm: Callable[[psycopg.Connection], object]
) -> int:
    """Notes, in a transaction of its own, that the run begins to write; gives the number to strike off.

    ``confirm`` raises where the run has lost its pipeline already, and nothing is noted.
    """
    with warehouse.connect() as connection:
        confirm(connection)
        (number,) = connection.execute(
            "INSERT INTO lake_writes (feed, first_date, last_date, run_id) VALUES (%s, %s, %s, %s) RETURNING id",
            [feed, first, last, run_id],
        ).fetchone() or (0,)
    return int(number)


def strike_off(connection: psycopg.Connection, number: int) -> None:
    """In the transaction that kept the run's locks: what it has written stands by itself."""
    connection.execute("DELETE FROM lake_writes WHERE id = %s", [number])


def noted_writes(warehouse: Warehouse) -> list[LakeWrite]:
    """The writes that were not struck off, of runs that are under way or have ended, the oldest first."""
    with warehouse.connect() as connection:
        rows = connection.execute("SELECT id, feed, first_date, last_date, run_id FROM lake_writes ORDER BY id").fetchall()
    return [LakeWrite(*row) for row in rows]
