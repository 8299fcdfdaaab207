"""What above the account is to be computed again, and by what it was computed last.

A publication notes the accounts, portfolios and clients that it has changed, with the first day. Whatever computes them strikes a note
off in the transaction that writes what it has computed; a change that comes meanwhile has a higher number, and stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import names, queried

COMPOSITES = "composites"


@dataclass(frozen=True, slots=True)
class Notes:
    """One kind of notes: the table that they stand in, what a note names beside the vendor, and what is computed again because of it."""

    table: str
    key: tuple[str, ...]
    what: str

    def of(self, vendor: str) -> str:
        """The subject of ``computed_from`` that a vendor's are."""
        return f"{self.what} of {vendor}"

    @property
    def schema(self) -> pl.Schema:
        """A vendor's notes."""
        return pl.Schema({**dict.fromkeys(self.key, pl.String()), "first_date": pl.Date(), "noted_no": pl.Int64()})


ACCOUNTS = Notes("statistics_pending", ("account_id",), "accounts")
"""Accounts, whose statistics are computed."""
GROUPS = Notes("contributions_pending", ("level", "group_id"), "contributions")
"""Portfolios and clients, of which the contributions of their accounts are computed."""


def note_changes(connection: psycopg.Connection, notes: Notes, vendor: str, changed: pl.DataFrame) -> None:
    """In the transaction that changes their rows: ``changed`` has the key and first_date, the first day that is another now."""
    if changed.is_empty():
        return
    ordered = changed.sort(notes.key)
    statement = sql.SQL(
        "INSERT INTO {table} AS pending (data_source, {key}, first_date) SELECT %(vendor)s, * FROM unnest({values}, %(first_date)s::date[])"
        " ON CONFLICT (data_source, {key}) DO UPDATE SET first_date = least(pending.first_date, excluded.first_date),"
        " noted_no = excluded.noted_no"
    ).format(table=sql.Identifier(notes.table), key=names(notes.key), values=_values(notes))
    connection.execute(statement, {"vendor": vendor, **_lists(ordered, *notes.key, "first_date")})


def noted_changes(connection: psycopg.Connection, notes: Notes, vendor: str) -> pl.DataFrame:
    """The vendor's notes, in their order."""
    statement = sql.SQL("SELECT {key}, first_date, noted_no FROM {table} WHERE data_source = %s ORDER BY {key}")
    return queried(connection, statement.format(table=sql.Identifier(notes.table), key=names(notes.key)), [vendor]).cast(notes.schema)


def strike_off_changes(connection: psycopg.Connection, notes: Notes, vendor: str, noted: pl.DataFrame) -> None:
    """Takes those of the notes away that are still what they were when they were read."""
    statement = sql.SQL(
        "DELETE FROM {table} AS pending USING unnest({values}, %(noted_no)s::bigint[]) AS done ({key}, noted_no)"
        " WHERE pending.data_source = %(vendor)s AND ({of_pending}) = ({of_done}) AND pending.noted_no = done.noted_no"
    ).format(
        table=sql.Identifier(notes.table),
        key=names(notes.key),
        values=_values(notes),
        of_pending=names(notes.key, "pending"),
        of_done=names(notes.key, "done"),
    )
    connection.execute(statement, {"vendor": vendor, **_lists(noted, *notes.key, "noted_no")})


def _values(notes: Notes) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{}::text[]").format(sql.Placeholder(name)) for name in notes.key)


def _lists(rows: pl.DataFrame, *columns: str) -> dict[str, list[object]]:
    return {name: rows[name].to_list() for name in columns}


@dataclass(frozen=True, slots=True)
class ComputedFrom:
    """By what a subject was computed last: its basis, and the number of that computation."""

    basis: str
    number: int


@dataclass(frozen=True, slots=True)
class Known:
    """What is noted: by kind each vendor's highest number, and of each subject by what it was computed last."""

    pending: Mapping[Notes, Mapping[str, int]]
    computed: Mapping[str, ComputedFrom]

    @property
    def accounts_number(self) -> int:
        """The number of the latest computation of any vendor's accounts; 0 before the first."""
        return max((each.number for subject, each in self.computed.items() if subject.startswith(ACCOUNTS.of(""))), default=0)

    def is_anew(self, notes: Notes, vendor: str, basis: str) -> bool:
        """Whether the vendor's were computed by another basis."""
        before = self.computed.get(notes.of(vendor))
        return before is not None and before.basis != basis

    def waiting(self, notes: Notes, bases: Mapping[str, str]) -> dict[str, str]:
        """The vendors of ``bases`` with something to compute, each with what that is known by: the highest note, or another basis."""
        found, pending = {}, self.pending[notes]
        for vendor, basis in bases.items():
            is_anew = self.is_anew(notes, vendor, basis)
            if is_anew or vendor in pending:
                found[vendor] = f"{pending.get(vendor, 0)} {basis if is_anew else ''}"
        return found


def known(warehouse: Warehouse) -> Known:
    """What is noted now."""
    highest = sql.SQL("SELECT data_source, max(noted_no) FROM {} GROUP BY data_source")
    with warehouse.connect() as connection:
        pending = {notes: dict(connection.execute(highest.format(sql.Identifier(notes.table))).fetchall()) for notes in (ACCOUNTS, GROUPS)}
        computed = connection.execute("SELECT subject, basis, number FROM computed_from").fetchall()
    return Known(pending, {subject: ComputedFrom(basis, number) for subject, basis, number in computed})


def computed_now(connection: psycopg.Connection, subject: str, basis: str, number: int | None = None) -> None:
    """Says by what the subject has been computed; without a number it has the next one."""
    connection.execute(
        "INSERT INTO computed_from (subject, basis, number)"
        " VALUES (%(subject)s, %(basis)s, coalesce(%(number)s::bigint, nextval('statistics_numbers')))"
        " ON CONFLICT (subject) DO UPDATE SET basis = excluded.basis, number = excluded.number, computed_at = excluded.computed_at",
        {"subject": subject, "basis": basis, "number": number},
    )
