"""How many figures were compared and how many break, by delivery, day and figure: what pages and views read in place of all results."""

from datetime import date

import polars as pl
import psycopg

from advisory_perf.contracts.tables import RECONCILIATION_TOTALS, WHO_AND_WHEN
from advisory_perf.warehouse.copy import with_the_columns_of
from advisory_perf.warehouse.replacing import replace_rows


def totals(results: pl.DataFrame, positions: pl.DataFrame) -> pl.DataFrame:
    """RECONCILIATION_TOTALS of RECONCILIATION_RESULTS, each result counted with the delivery that its position is of.

    ``positions`` have account_id, as_of_date and delivery_id, one row for each account-date of the results.
    """
    deliveries = positions.select(*WHO_AND_WHEN, "delivery_id")
    return (
        results.select(*WHO_AND_WHEN, "data_source", "field_name", "within_tolerance")
        .join(deliveries, on=WHO_AND_WHEN, how="left", validate="m:1")
        .group_by(RECONCILIATION_TOTALS.key)
        .agg(
            results=pl.len().cast(pl.Int64()),
            compared=pl.col("within_tolerance").count().cast(pl.Int64()),
            breaks=(~pl.col("within_tolerance")).sum().cast(pl.Int64()),
        )
        .select(RECONCILIATION_TOTALS.column_names)
        .sort(RECONCILIATION_TOTALS.key)
    )


def publish_totals(connection: psycopg.Connection, vendor: str, counted: pl.DataFrame, *, first: date, last: date) -> None:
    """Makes the vendor's totals of the days from first to last those of the frame, in the publication's transaction."""
    replace_rows(
        connection,
        RECONCILIATION_TOTALS.name,
        with_the_columns_of(RECONCILIATION_TOTALS, counted),
        key=RECONCILIATION_TOTALS.key,
        chosen="stored.data_source = %(vendor)s AND stored.as_of_date BETWEEN %(first)s AND %(last)s",
        place={"vendor": vendor, "first": first, "last": last},
        is_timed=False,
    )
