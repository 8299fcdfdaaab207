"""How many rows of each day the ingested deliveries have, beside the ledger."""

from datetime import date

import polars as pl
import psycopg

from advisory_perf.deliveries.delivered_days import INGESTED
from advisory_perf.ingestion.day_counts import DAY_COUNTS
from advisory_perf.warehouse.connection import Warehouse


def replace_day_counts(connection: psycopg.Connection, etl_log_id: int, counts: pl.DataFrame) -> None:
    """Makes the delivery's DAY_COUNTS these; equal ones stay as they are."""
    columns = [counts[name].to_list() for name in DAY_COUNTS]
    connection.execute("DELETE FROM delivery_day_counts WHERE etl_log_id = %s AND as_of_date <> ALL(%s::date[])", [etl_log_id, columns[0]])
    connection.execute(
        "INSERT INTO delivery_day_counts AS stored (etl_log_id, as_of_date, accepted, quarantined, conflicting, duplicate)"
        " SELECT %s, * FROM unnest(%s::date[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
        " ON CONFLICT (etl_log_id, as_of_date) DO UPDATE SET accepted = excluded.accepted, quarantined = excluded.quarantined,"
        " conflicting = excluded.conflicting, duplicate = excluded.duplicate"
        " WHERE (stored.accepted, stored.quarantined, stored.conflicting, stored.duplicate)"
        " <> (excluded.accepted, excluded.quarantined, excluded.conflicting, excluded.duplicate)",
        [etl_log_id, *columns],
    )


def counts_of_days(warehouse: Warehouse, feed: str, first: date, last: date) -> pl.DataFrame:
    """DAY_COUNTS of each ingested delivery of the feed, with its delivery_id, for the days from first to last that it has."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT day.as_of_date, accepted, quarantined, conflicting, duplicate, log.delivery_id"
            " FROM delivery_day_counts AS day JOIN etl_processing_log AS log ON log.id = day.etl_log_id"
            " WHERE log.feed = %s AND log.status = ANY(%s) AND day.as_of_date BETWEEN %s AND %s ORDER BY 1, log.id",
            [feed, INGESTED, first, last],
        ).fetchall()
    return pl.DataFrame(rows, schema={**DAY_COUNTS, "delivery_id": pl.String()}, orient="row")
