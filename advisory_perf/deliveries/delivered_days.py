"""The as-of dates of ingested deliveries: which days have come, when, and in which file.

First and last day alone would lie for a file of month ends, which says nothing of the days between.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString

import psycopg

from advisory_perf.contracts.enums import Cadence, DeliveryStatus
from advisory_perf.warehouse.connection import Warehouse

INGESTED = [DeliveryStatus.PROCESSING, DeliveryStatus.COMPLETED, DeliveryStatus.COMPLETED_WITH_ISSUES]


@dataclass(frozen=True, slots=True)
class FirstArrival:
    """The delivery that was the first to hold a position on a day, of those that have been ingested.

    A file that came before under its name with its very bytes, and was rejected, arrived then and not when it was put there again.
    """

    day: date
    received_at: datetime
    file_name: str
    delivery_id: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first arrival of any ingested delivery of a feed, and the first day that any of them holds."""

    received_at: datetime
    day: date


_FIRST_ARRIVALS: LiteralString = """
    SELECT DISTINCT ON (day.as_of_date) day.as_of_date, coalesce(log.first_received_at, log.received_at), log.file_name, log.delivery_id
    FROM etl_processing_log AS log JOIN delivered_days AS day ON day.etl_log_id = log.id
    WHERE log.feed = %(feed)s AND log.status = ANY(%(ingested)s)
    AND log.first_as_of_date <= %(last)s AND log.last_as_of_date >= %(first)s AND day.as_of_date BETWEEN %(first)s AND %(last)s
    ORDER BY day.as_of_date, coalesce(log.first_received_at, log.received_at), log.id
"""

_BEGINNING: LiteralString = """
    SELECT min(received_at), min(first_as_of_date) FROM etl_processing_log
    WHERE feed = %(feed)s AND status = ANY(%(ingested)s) AND first_as_of_date IS NOT NULL
"""


def replace_days(connection: psycopg.Connection, etl_log_id: int, days: Collection[date]) -> None:
    """Makes the delivery's days these; equal ones stay as they are."""
    kept = {"id": etl_log_id, "days": list(days)}
    connection.execute("DELETE FROM delivered_days WHERE etl_log_id = %(id)s AND as_of_date <> ALL(%(days)s::date[])", kept)
    connection.execute(
        "INSERT INTO delivered_days (etl_log_id, as_of_date) SELECT %(id)s, day FROM unnest(%(days)s::date[]) AS day"
        " ON CONFLICT DO NOTHING",
        kept,
    )


def first_arrivals(warehouse: Warehouse, feed: str, first: date, last: date) -> list[FirstArrival]:
    """Of each day from first to last that an ingested delivery of the feed holds, the first such delivery to arrive; by day."""
    with warehouse.connect() as connection:
        found = connection.execute(_FIRST_ARRIVALS, {"feed": feed, "first": first, "last": last, "ingested": INGESTED})
        return [FirstArrival(*row) for row in found.fetchall()]


def beginning(warehouse: Warehouse, feed: str) -> Beginning | None:
    """When the feed's deliveries began; None where none has been ingested with a position."""
    with warehouse.connect() as connection:
        received_at, day = connection.execute(_BEGINNING, {"feed": feed, "ingested": INGESTED}).fetchone() or (None, None)
    return Beginning(received_at, day) if received_at is not None and day is not None else None


def windows_before(warehouse: Warehouse, feed: str, day: date, cadence: Cadence, count: int) -> list[date]:
    """The latest so many windows before the day in which an ingested delivery of the feed has a position, the latest first."""
    with warehouse.connect() as connection:
        found = connection.execute(
            "SELECT DISTINCT date_trunc(%(window)s, day.as_of_date)::date AS first_day FROM delivered_days AS day"
            " JOIN etl_processing_log AS log ON log.id = day.etl_log_id"
            " WHERE log.feed = %(feed)s AND log.status = ANY(%(ingested)s) AND day.as_of_date < %(day)s"
            " ORDER BY first_day DESC LIMIT %(count)s",
            {
                "window": "month" if cadence is Cadence.MONTHLY else "day",
                "feed": feed,
                "ingested": INGESTED,
                "day": day,
                "count": count,
            },
        )
        return [window for (window,) in found.fetchall()]
