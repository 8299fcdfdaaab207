"""What runs write to the lake of a delivery: noted before the first row, struck off when the ledger says that it has been ingested.

Until then the lake's rows of the delivery are none that a pipeline may read: they are those of an ingestion that the ledger does not know,
or of two. A note of a run that has ended asks for the delivery to be ingested again.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import psycopg

from advisory_perf.deliveries.delivered_days import INGESTED
from advisory_perf.errors import IngestionUnderWayError
from advisory_perf.warehouse.connection import Warehouse


@dataclass(frozen=True, slots=True)
class IngestionWrite:
    """A delivery whose rows a run has begun to write."""

    number: int
    feed: str
    delivery_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class IngestionInDoubt:
    """An ingested delivery whose rows in the lake may be others than the ledger counts."""

    feed: str
    delivery_id: str


def note_ingestion(
    warehouse: Warehouse, feed: str, delivery_id: str, *, run_id: str, confirm: Callable[[psycopg.Connection], object]
) -> int:
    """Notes, in a transaction of its own, that the run begins to write; gives the number to strike off.

    ``confirm`` raises where the run has lost the delivery already, and nothing is noted.
    """
    with warehouse.connect() as connection:
        confirm(connection)
        (number,) = connection.execute(
            "INSERT INTO ingestion_writes (feed, delivery_id, run_id) VALUES (%s, %s, %s) RETURNING id", [feed, delivery_id, run_id]
        ).fetchone() or (0,)
    return int(number)


def strike_off_ingestion(connection: psycopg.Connection, number: int) -> None:
    """In the transaction that kept the run's locks: what it has written stands by itself."""
    connection.execute("DELETE FROM ingestion_writes WHERE id = %s", [number])


def end_ingestion(connection: psycopg.Connection, delivery_id: str) -> None:
    """In the transaction by which the delivery has been ingested: strikes off what its run has noted, and what was in doubt before that."""
    connection.execute(
        "DELETE FROM ingestion_writes AS noted USING etl_processing_log AS log"
        " WHERE log.delivery_id = %(delivery_id)s AND noted.delivery_id = log.delivery_id AND (noted.run_id = log.run_id"
        " OR noted.run_id IS NULL AND noted.id < (SELECT min(own.id) FROM ingestion_writes AS own"
        " WHERE own.delivery_id = log.delivery_id AND own.run_id = log.run_id))",
        {"delivery_id": delivery_id},
    )


def noted_ingestions(warehouse: Warehouse) -> list[IngestionWrite]:
    """The writes of runs that were not struck off, the oldest first."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT id, feed, delivery_id, run_id FROM ingestion_writes WHERE run_id IS NOT NULL ORDER BY id"
        ).fetchall()
    return [IngestionWrite(*row) for row in rows]


def doubt_ingestion(warehouse: Warehouse, write: IngestionWrite) -> None:
    """The run has ended: what it wrote, and when, nobody knows. An ingestion that has begun before does not strike this off."""
    with warehouse.connect() as connection:
        found = connection.execute("DELETE FROM ingestion_writes WHERE id = %s RETURNING id", [write.number]).fetchone()
        if found is not None:
            connection.execute("INSERT INTO ingestion_writes (feed, delivery_id) VALUES (%s, %s)", [write.feed, write.delivery_id])


def ingestions_in_doubt(warehouse: Warehouse) -> list[IngestionInDoubt]:
    """The ingested deliveries that are to be ingested again. What is in doubt of one that counts for nothing is forgotten."""
    with warehouse.connect() as connection:
        connection.execute(
            "DELETE FROM ingestion_writes AS noted WHERE run_id IS NULL AND NOT EXISTS (SELECT FROM ingestion_writes AS other"
            " WHERE other.delivery_id = noted.delivery_id AND other.run_id IS NOT NULL) AND NOT EXISTS (SELECT FROM etl_processing_log"
            " AS log WHERE log.delivery_id = noted.delivery_id AND log.status = ANY(%(ingested)s))",
            {"ingested": INGESTED},
        )
        rows = connection.execute(
            "SELECT noted.feed, noted.delivery_id FROM ingestion_writes AS noted JOIN etl_processing_log AS log USING (delivery_id)"
            " WHERE noted.run_id IS NULL AND log.status = ANY(%(ingested)s) GROUP BY 1, 2 ORDER BY min(noted.id)",
            {"ingested": INGESTED},
        ).fetchall()
    return [IngestionInDoubt(*row) for row in rows]


def being_ingested(warehouse: Warehouse, delivery_ids: Collection[str]) -> list[str]:
    """Those of the deliveries whose rows are being written, or were written by a run of which the ledger knows nothing."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT delivery_id FROM ingestion_writes WHERE delivery_id = ANY(%s) ORDER BY 1", [list(delivery_ids)]
        ).fetchall()
    return [delivery_id for (delivery_id,) in rows]


def refuse_unknown_ingestions(warehouse: Warehouse, vendor: str, delivery_ids: Collection[str]) -> None:
    """Asked after their rows were read: IngestionUnderWayError where some may be those of an ingestion that the ledger does not know."""
    under_way = being_ingested(warehouse, delivery_ids)
    if under_way:
        raise IngestionUnderWayError(
            f"{vendor}: the ingestion of {under_way[0]} has not ended, or not well, so its rows are in doubt; it is ingested again, "
            "and then the pipeline, by itself"
        )
