"""Breaks in the warehouse, brought up to date with a publication; what people do with them is in ``break_work``.

What a break is and how it goes on is said once, in ``break_runs``; ``break_store`` reads what it has to know and writes what it gives.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial

import polars as pl
import psycopg

from advisory_perf.contracts.tables import DELIVERY_FACTORS
from advisory_perf.reconciliation.break_runs import followed
from advisory_perf.reconciliation.break_store import apply_difference, read_known, taken_among
from advisory_perf.warehouse.copy import copy_frame, with_the_columns_of


@dataclass(frozen=True, slots=True)
class Break:
    """What is said of a break when it is signed off; ``account_id`` is None for a whole delivery, which has a factor.

    ``is_new`` is false where the same person had signed it off for the same reason before.
    """

    break_id: str
    data_source: str
    account_id: str | None
    field_name: str
    status: str
    last_as_of_date: date
    variance: Decimal | None
    vendor_value: Decimal | None
    factor: Decimal | None
    signed_off_by: str | None
    is_new: bool = True


def publish_breaks(connection: psycopg.Connection, vendor: str, factors: pl.DataFrame, *, first: date, last: date) -> None:
    """Bring ``delivery_factors`` and the breaks up to date with the results of the days, in the publication's transaction.

    ``factors`` are DELIVERY_FACTORS of the days. Days after all that is known cost what the breaks on them cost, not what the rows do
    nor how long the breaks have lasted; days that are published again have the breaks that reach into them read from their first day.
    """
    place = {"vendor": vendor, "first": first, "last": last}
    connection.execute("DELETE FROM delivery_factors WHERE data_source = %(vendor)s AND as_of_date BETWEEN %(first)s AND %(last)s", place)
    copy_frame(connection, DELIVERY_FACTORS.name, with_the_columns_of(DELIVERY_FACTORS, factors))
    bring_breaks_up_to_date(connection, vendor, first=first, last=last)


def bring_breaks_up_to_date(connection: psycopg.Connection, vendor: str, *, first: date, last: date) -> None:
    """Make the vendor's breaks follow its results, factors and sign-offs after those of the days have changed; again changes nothing."""
    known = read_known(connection, vendor, first=first, last=last)
    if known is not None:
        apply_difference(connection, vendor, followed(known, vendor, partial(taken_among, connection)))
