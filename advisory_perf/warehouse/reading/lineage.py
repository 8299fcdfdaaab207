"""Where one published number comes from: what the warehouse knows of an account-date."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString

from psycopg import sql

from advisory_perf.contracts.stored_tables import BREAKS
from advisory_perf.contracts.tables import RECONCILIATION_RESULTS
from advisory_perf.errors import NotFoundError
from advisory_perf.warehouse.reading.file_rows import published_row, versions_of
from advisory_perf.warehouse.reading.files import file_entry
from advisory_perf.warehouse.reading.paging import PageWanted
from advisory_perf.warehouse.reading.quarantine import QuarantineWanted, quarantined_rows
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

MOST_SIBLINGS = 100
"""Rows in quarantine of one account and day that are given; a vendor that sends more of them has another question."""

_RESULTS = sql.SQL(", ").join(sql.Identifier(name) for name in (*RECONCILIATION_RESULTS.column_names, "reconciliation_date"))
_BREAKS = sql.SQL(", ").join(sql.Identifier(column.name) for column in BREAKS.columns)
_OF_THE_DAY: LiteralString = (
    "SELECT {columns} FROM reconciliation_results WHERE data_source = %(vendor)s AND account_id = %(account)s AND as_of_date = %(day)s"
    " ORDER BY field_name"
)
# A break of the whole delivery is one of the account where it is the cause there.
_COVERING: LiteralString = (
    "SELECT {columns} FROM reconciliation_breaks WHERE data_source = %(vendor)s"
    " AND (account_id = %(account)s OR account_id IS NULL AND field_name = ANY(%(systematic)s))"
    " AND %(day)s BETWEEN first_as_of_date AND last_as_of_date ORDER BY field_name, account_id NULLS LAST, break_id"
)
_BEFORE: LiteralString = (
    "SELECT data_source, account_id, as_of_date, ending_market_value, currency, return_status, cumulative_twrr, delivery_id"
    " FROM performance_data WHERE data_source = %(vendor)s AND account_id = %(account)s"
    " AND as_of_date < %(day)s AND as_of_date >= %(first)s ORDER BY as_of_date DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Lineage:
    """What is known of an account-date.

    The published row (None where it was withdrawn), its file's entry, the valuation before, the rows that stood before, results, the
    breaks that cover it, and rows of the same account and day in quarantine.
    """

    row: Row | None
    entry: Row | None
    before: Row | None
    versions: list[Row]
    results: list[Row]
    breaks: list[Row]
    quarantined: list[Row]


def lineage_of(snapshot: Snapshot, vendor: str, account_id: str, day: date) -> Lineage:
    """All of it; NotFoundError where nothing was ever published of the account-date."""
    place = {"vendor": vendor, "account": account_id, "day": day}
    row, versions = published_row(snapshot, vendor, account_id, day), versions_of(snapshot, vendor, account_id, day)
    known = snapshot.row(
        "SELECT first_as_of_date, last_as_of_date FROM accounts WHERE data_source = %(vendor)s AND account_id = %(account)s", place
    )
    if row is None and not versions:
        raise NotFoundError(_nothing(known, place))
    results = snapshot.rows(sql.SQL(_OF_THE_DAY).format(columns=_RESULTS), place)
    systematic = [result["field_name"] for result in results if result["likely_cause"] == "SYSTEMATIC"]
    siblings = QuarantineWanted(vendor, account_id=account_id, first=day, last=day)
    first = known and known["first_as_of_date"]
    return Lineage(
        row=row,
        entry=file_entry(snapshot, row["delivery_id"]) if row is not None else None,
        before=snapshot.row(_BEFORE, {**place, "first": first}) if row is not None and first is not None else None,
        versions=versions,
        results=results,
        breaks=snapshot.rows(sql.SQL(_COVERING).format(columns=_BREAKS), {**place, "systematic": systematic}),
        quarantined=quarantined_rows(snapshot, siblings, PageWanted(MOST_SIBLINGS)).rows,
    )


def _nothing(known: Row | None, place: Mapping[str, Any]) -> str:
    if known is None:
        return f"{place['vendor']} has no account {place['account']}; /api/accounts lists those there are"
    days = f"its valuations lie from {known['first_as_of_date']} to {known['last_as_of_date']}"
    return f"{place['vendor']} has no valuation of {place['account']} on {place['day']}; {days}"
