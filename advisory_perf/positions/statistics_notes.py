"""Which accounts' statistics are to be computed again, and by what they were computed last.

A publication notes the accounts that it has changed, with the first day. Whatever computes them strikes a note off in the transaction that
writes what it has computed; a change that comes meanwhile has a higher number, and stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import psycopg

from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import queried

PENDING = pl.Schema({"account_id": pl.String(), "first_date": pl.Date(), "noted_no": pl.Int64()})
"""The notes of a vendor."""
COMPOSITES = "composites"


def of_accounts(vendor: str) -> str:
    """The subject of ``computed_from`` that the statistics of a vendor's accounts are."""
    return f"accounts of {vendor}"


def note_changes(connection: psycopg.Connection, vendor: str, changed: pl.DataFrame) -> None:
    """In the transaction that changes their rows: ``changed`` has account_id and first_date, the first day that is another now."""
    ordered = changed.sort("account_id")
    connection.execute(
        "INSERT INTO statistics_pending AS pending (data_source, account_id, first_date)"
        " SELECT %(vendor)s, * FROM unnest(%(account_id)s::text[], %(first_date)s::date[])"
        " ON CONFLICT (data_source, account_id) DO UPDATE SET first_date = least(pending.first_date, excluded.first_date),"
        " noted_no = excluded.noted_no",
        {"vendor": vendor, **{name: ordered[name].to_list() for name in ("account_id", "first_date")}},
    )


def noted_changes(connection: psycopg.Connection, vendor: str) -> pl.DataFrame:
    """PENDING of the vendor, by account."""
    statement = "SELECT account_id, first_date, noted_no FROM statistics_pending WHERE data_source = %s ORDER BY account_id"
    return queried(connection, statement, [vendor]).cast(PENDING)


def strike_off_changes(connection: psycopg.Connection, vendor: str, noted: pl.DataFrame) -> None:
    """Takes those of the notes away that are still what they were when they were read."""
    connection.execute(
        "DELETE FROM statistics_pending AS pending"
        " USING unnest(%(account_id)s::text[], %(noted_no)s::bigint[]) AS done (account_id, noted_no)"
        " WHERE pending.data_source = %(vendor)s AND pending.account_id = done.account_id AND pending.noted_no = done.noted_no",
        {"vendor": vendor, **{name: noted[name].to_list() for name in ("account_id", "noted_no")}},
    )


@dataclass(frozen=True, slots=True)
class ComputedFrom:
    """By what a subject was computed last: its basis, and the number of that computation."""

    basis: str
    number: int


@dataclass(frozen=True, slots=True)
class Known:
    """What is noted: of each vendor with pending accounts the highest number, and of each subject by what it was computed last."""

    pending: Mapping[str, int]
    computed: Mapping[str, ComputedFrom]

    @property
    def accounts_number(self) -> int:
        """The number of the latest computation of any vendor's accounts; 0 before the first."""
        return max((each.number for subject, each in self.computed.items() if subject != COMPOSITES), default=0)


def known(warehouse: Warehouse) -> Known:
    """What is noted now."""
    with warehouse.connect() as connection:
        pending = connection.execute("SELECT data_source, max(noted_no) FROM statistics_pending GROUP BY data_source").fetchall()
        computed = connection.execute("SELECT subject, basis, number FROM computed_from").fetchall()
    return Known(dict(pending), {subject: ComputedFrom(basis, number) for subject, basis, number in computed})


def computed_now(connection: psycopg.Connection, subject: str, basis: str, number: int | None = None) -> None:
    """Says by what the subject has been computed; without a number it has the next one."""
    connection.execute(
        "INSERT INTO computed_from (subject, basis, number)"
        " VALUES (%(subject)s, %(basis)s, coalesce(%(number)s::bigint, nextval('statistics_numbers')))"
        " ON CONFLICT (subject) DO UPDATE SET basis = excluded.basis, number = excluded.number, computed_at = excluded.computed_at",
        {"subject": subject, "basis": basis, "number": number},
    )
