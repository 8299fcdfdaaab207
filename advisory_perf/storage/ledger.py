"""The ledger: one row a delivery, its status and its counts, and the issues of its quarantined rows.

Who may land a delivery is decided here, under a lock on its bytes, so that of two processes one works and the other skips.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import Enum
from typing import Any, LiteralString, TypedDict, Unpack

import polars as pl
import psycopg
from psycopg import sql
from psycopg.rows import class_row

from advisory_perf.errors import WarehouseError
from advisory_perf.storage.delivered_days import LANDED, replace_days
from advisory_perf.storage.delivery_alerts import alert_rejection, follow_issues, resolve_rejection
from advisory_perf.storage.issues import replace_issues
from advisory_perf.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of ``etl_processing_log``."""

    id: int
    delivery_id: str
    file_name: str
    file_path: str
    vendor: str
    sha256: str
    size_bytes: int
    status: str
    received_at: datetime
    first_as_of_date: date | None
    last_as_of_date: date | None
    records_read: int
    records_processed: int
    records_inserted: int
    records_updated: int
    records_failed: int
    records_duplicate: int
    records_footer: int
    error_code: str | None
    error_message: str | None
    pending_first_date: date | None
    pending_last_date: date | None
    normalized_run_id: str | None
    processing_start_time: datetime | None
    processing_end_time: datetime | None
    run_id: str | None


class Identity(TypedDict):
    """What is known of a delivery before it is read."""

    delivery_id: str
    file_name: str
    file_path: str
    vendor: str
    sha256: str
    size_bytes: int
    received_at: datetime
    run_id: str


class ClaimOutcome(Enum):
    """TAKEN: land it. KNOWN: this very file is in the ledger. DUPLICATE: its bytes are, under another name."""

    TAKEN = "taken"
    KNOWN = "known"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Claim:
    """The ledger's answer to a claim, with the entry that it is about."""

    outcome: ClaimOutcome
    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class Publication:
    """The deliveries that a publication closed, and the ids of all whose status it wrote."""

    closed: list[LedgerEntry]
    changed: list[int]


_COLUMNS = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(LedgerEntry))
_SELECT: LiteralString = "SELECT {columns} FROM etl_processing_log WHERE "
_OUTCOME = sql.SQL("""CASE WHEN records_failed > 0 OR EXISTS (
    SELECT FROM performance_data AS p WHERE p.data_source = log.vendor AND p.delivery_id = log.delivery_id
    AND p.as_of_date BETWEEN log.first_as_of_date AND log.last_as_of_date AND p.reconciliation_status = 'COMPLETED_WITH_ISSUES'
) THEN 'COMPLETED_WITH_ISSUES' ELSE 'COMPLETED' END""")
_COUNT_PUBLISHED: LiteralString = """
    WITH own AS (
        SELECT account_id, as_of_date FROM performance_data WHERE data_source = %(vendor)s AND delivery_id = %(delivery_id)s
        UNION
        SELECT account_id, as_of_date FROM performance_data_history
        WHERE data_source = %(vendor)s AND delivery_id = %(delivery_id)s AND superseded_by_delivery_id IS NOT NULL
    ),
    taken_over AS (
        SELECT DISTINCT account_id, as_of_date FROM performance_data_history
        WHERE data_source = %(vendor)s AND superseded_by_delivery_id = %(delivery_id)s
    ),
    counted AS (
        SELECT (SELECT count(*) FROM own) AS all_own, (SELECT count(*) FROM own JOIN taken_over USING (account_id, as_of_date)) AS updated
    )
    UPDATE etl_processing_log SET records_inserted = counted.all_own - counted.updated, records_updated = counted.updated
    FROM counted WHERE delivery_id = %(delivery_id)s AND status <> 'FAILED'
"""
"""From what the warehouse holds and held, not from what one run changed: a run may have been cut short, or have had nothing to do."""


class Ledger:
    """The ledger in a warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def claim(self, **identity: Unpack[Identity]) -> Claim:
        """Whether this run is to land the delivery.

        TAKEN inserts its row, or takes it again where the same name and bytes failed before; counts start at zero. A delivery that
        is landed again counts as before until the new landing is done. KNOWN changes no row of the ledger. DUPLICATE inserts one that
        says which delivery it repeats. With both, alerts about a rejection of the same bytes are over: they have landed.
        """
        with self.warehouse.connect() as connection:
            _lock(connection, identity)
            known, original = _same_file(connection, identity), _same_bytes(connection, identity)
            if known is not None and known.status == "DUPLICATE":
                if original is not None:
                    resolve_rejection(connection, original.id)
                is_own = known.delivery_id == identity["delivery_id"]
                return Claim(ClaimOutcome.DUPLICATE if is_own else ClaimOutcome.KNOWN, known)
            if known is not None and known.status in LANDED:
                if known.delivery_id != identity["delivery_id"]:
                    resolve_rejection(connection, known.id)
                    return Claim(ClaimOutcome.KNOWN, known)
                return Claim(ClaimOutcome.TAKEN, _note_run(connection, identity))
            if known is None and original is not None:
                resolve_rejection(connection, original.id)
                return Claim(ClaimOutcome.DUPLICATE, _insert_duplicate(connection, identity, original))
            return Claim(ClaimOutcome.TAKEN, _take(connection, identity, "RECEIVED"))

    def record_rejection(self, *, code: str, sentence: str, **identity: Unpack[Identity]) -> LedgerEntry:
        """A FAILED row, and its alert, for a file that no run could claim."""
        with self.warehouse.connect() as connection:
            _lock(connection, identity)
            entry = _take(connection, identity, "RECEIVED")
            _reject(connection, entry.delivery_id, code=code, sentence=sentence)
        return entry

    def landed(  # noqa: PLR0913 - one keyword a count
        self,
        delivery_id: str,
        *,
        read: int,
        accepted: int,
        quarantined: int,
        duplicate: int,
        footer: int,
        as_of_dates: Collection[date],
        issues: pl.DataFrame,
    ) -> None:
        """The delivery's rows are stored: PROCESSING with its counts; its days and issues in place of any earlier ones.

        ``as_of_dates`` are the days on which it has a position; an alert about its rejection is over. What the lane has still to
        compute are the days it has now and those it had at an earlier landing. A delivery without any such day waits for no lane and
        is closed at once.
        """
        with self.warehouse.connect() as connection:
            found = connection.execute(
                _composed(
                    "UPDATE etl_processing_log AS log SET records_read = %(read)s, records_processed = %(accepted)s,"
                    " records_failed = %(quarantined)s, records_duplicate = %(duplicate)s, records_footer = %(footer)s,"
                    " pending_first_date = least(pending_first_date, first_as_of_date, %(first)s),"
                    " pending_last_date = greatest(pending_last_date, last_as_of_date, %(last)s), normalized_run_id = NULL,"
                    " first_as_of_date = %(first)s, last_as_of_date = %(last)s, error_code = NULL, error_message = NULL,"
                    " status = CASE WHEN coalesce(pending_first_date, first_as_of_date, %(first)s) IS NOT NULL THEN 'PROCESSING'"
                    " WHEN %(quarantined)s > 0 THEN 'COMPLETED_WITH_ISSUES' ELSE 'COMPLETED' END,"
                    " processing_end_time = CASE WHEN coalesce(pending_first_date, first_as_of_date, %(first)s) IS NULL THEN now() END"
                    " WHERE delivery_id = %(delivery_id)s RETURNING id, pending_first_date"
                ),
                {
                    "delivery_id": delivery_id,
                    "read": read,
                    "accepted": accepted,
                    "quarantined": quarantined,
                    "duplicate": duplicate,
                    "footer": footer,
                    "first": min(as_of_dates, default=None),
                    "last": max(as_of_dates, default=None),
                },
            ).fetchone()
            if found is None:
                raise _unknown(delivery_id)
            replace_issues(connection, issues, etl_log_id=found[0])
            replace_days(connection, found[0], as_of_dates)
            resolve_rejection(connection, found[0])
            if found[1] is None:
                follow_issues(connection, [found[0]])

    def rejected(self, delivery_id: str, *, code: str, sentence: str) -> None:
        """The delivery cannot be read: FAILED, with code and sentence, nothing counted, and an alert.

        Where an earlier landing of it was published, its lane has still to compute those days without it.
        """
        with self.warehouse.connect() as connection:
            _reject(connection, delivery_id, code=code, sentence=sentence)

    def taken_up(self, pending: Sequence[LedgerEntry], *, first: date, last: date) -> None:
        """normalized_positions of the days from first to last now holds what these landings say.

        ``pending`` was asked for before the rows were read, so that a delivery that lands meanwhile stays pending.
        """
        landings = [[entry.delivery_id, entry.run_id] for entry in pending]
        if landings:
            with self.warehouse.connect() as connection:
                connection.execute(
                    "UPDATE etl_processing_log AS log SET normalized_run_id = log.run_id"
                    " FROM unnest(%s::text[], %s::text[]) AS landing (delivery_id, run_id)"
                    " WHERE log.delivery_id = landing.delivery_id AND log.run_id = landing.run_id"
                    " AND pending_first_date >= %s AND pending_last_date <= %s",
                    [*map(list, zip(*landings, strict=True)), first, last],
                )

    def published(self, connection: psycopg.Connection, vendor: str, *, first: date, last: date) -> Publication:
        """Closes the pending deliveries whose rows were taken up and whose days are all published.

        In the transaction of the publication, so that neither is seen without the other. One that ends before the vendor's latest
        day closes nothing, since what follows a restated day changes with it. A delivery that is closed counts the account-dates
        that are its own in the warehouse. One that was closed before keeps its counts and times, but its status follows the breaks
        that its rows have now. The transaction is to end with ``follow_issues`` of those that changed.
        """
        place = {"vendor": vendor, "first": first, "last": last, "landed": LANDED}
        closed = _entries(
            connection,
            "UPDATE etl_processing_log AS log SET status = CASE WHEN status = 'FAILED' THEN status ELSE {outcome} END,"
            " processing_end_time = now(), pending_first_date = NULL, pending_last_date = NULL"
            " WHERE vendor = %(vendor)s AND pending_first_date >= %(first)s AND pending_last_date <= %(last)s"
            " AND normalized_run_id = run_id AND NOT EXISTS (SELECT FROM etl_processing_log AS later"
            " WHERE later.vendor = %(vendor)s AND later.status = ANY(%(landed)s) AND later.last_as_of_date > %(last)s)"
            " RETURNING {columns}",
            place,
        )
        for entry in closed:
            connection.execute(_COUNT_PUBLISHED, {"vendor": vendor, "delivery_id": entry.delivery_id})
        changed = connection.execute(
            _composed(
                "UPDATE etl_processing_log AS log SET status = {outcome} WHERE vendor = %(vendor)s"
                " AND status IN ('COMPLETED', 'COMPLETED_WITH_ISSUES')"
                " AND first_as_of_date <= %(last)s AND last_as_of_date >= %(first)s AND status <> {outcome} RETURNING id"
            ),
            place,
        )
        ids = [entry.id for entry in closed]
        entries = _entries(connection, _SELECT + "id = ANY(%(ids)s) ORDER BY id", {"ids": ids})
        return Publication(entries, [*ids, *(changed_id for (changed_id,) in changed)])

    def entries(self, vendor: str | None = None) -> list[LedgerEntry]:
        """Every delivery, or those of a vendor, in the order of landing."""
        return self._select("%(vendor)s::text IS NULL OR vendor = %(vendor)s ORDER BY id", {"vendor": vendor})

    def entry(self, delivery_id: str) -> LedgerEntry | None:
        """The delivery with that id."""
        return next(iter(self._select("delivery_id = %(id)s", {"id": delivery_id})), None)

    def find(self, vendor: str, file_name: str, sha256: str) -> LedgerEntry | None:
        """The delivery of that name and those very bytes."""
        place = {"vendor": vendor, "name": file_name, "sha256": sha256}
        return next(iter(self._select("vendor = %(vendor)s AND file_name = %(name)s AND sha256 = %(sha256)s", place)), None)

    def touching(self, vendor: str, first: date, last: date) -> list[LedgerEntry]:
        """The landed deliveries with positions between the days, by arrival."""
        return self._select(
            "vendor = %(vendor)s AND status = ANY(%(landed)s) AND first_as_of_date <= %(last)s AND last_as_of_date >= %(first)s"
            " ORDER BY received_at, id",
            {"vendor": vendor, "landed": LANDED, "first": first, "last": last},
        )

    def pending(self, vendor: str) -> list[LedgerEntry]:
        """The deliveries because of which the lane has still something to compute."""
        return self._select("vendor = %(vendor)s AND pending_first_date IS NOT NULL ORDER BY id", {"vendor": vendor})

    def latest_as_of_date(self, vendor: str) -> date | None:
        """The latest day with a position in any landed delivery of the vendor."""
        days = [entry.last_as_of_date for entry in self.entries(vendor) if entry.status in LANDED and entry.last_as_of_date]
        return max(days, default=None)

    def _select(self, condition: LiteralString, place: Mapping[str, Any]) -> list[LedgerEntry]:
        with self.warehouse.connect() as connection:
            return _entries(connection, _SELECT + condition, place)


def _composed(statement: LiteralString) -> sql.Composed:
    """The statement with {columns}, those of an entry, and {outcome}, the final status of a delivery, filled in."""
    return sql.SQL(statement).format(columns=_COLUMNS, outcome=_OUTCOME)


def _entries(connection: psycopg.Connection, statement: LiteralString, place: Mapping[str, Any]) -> list[LedgerEntry]:
    with connection.cursor(row_factory=class_row(LedgerEntry)) as cursor:
        return cursor.execute(_composed(statement), place).fetchall()


def _lock(connection: psycopg.Connection, identity: Identity) -> None:
    subject = f"claim {identity['vendor']} {identity['sha256']}"
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [subject])


def _same_file(connection: psycopg.Connection, identity: Identity) -> LedgerEntry | None:
    condition = "vendor = %(vendor)s AND file_name = %(file_name)s AND sha256 = %(sha256)s"
    return next(iter(_entries(connection, _SELECT + condition, identity)), None)


def _same_bytes(connection: psycopg.Connection, identity: Identity) -> LedgerEntry | None:
    condition = "vendor = %(vendor)s AND sha256 = %(sha256)s AND status = ANY(%(landed)s) ORDER BY id"
    place = {**identity, "landed": LANDED}
    return next(iter(_entries(connection, _SELECT + condition, place)), None)


def _take(connection: psycopg.Connection, identity: Identity, status: str) -> LedgerEntry:
    (entry,) = _entries(
        connection,
        "INSERT INTO etl_processing_log"
        " (delivery_id, file_name, file_path, vendor, sha256, size_bytes, status, received_at, processing_start_time, run_id)"
        " VALUES (%(delivery_id)s, %(file_name)s, %(file_path)s, %(vendor)s, %(sha256)s, %(size_bytes)s, %(status)s,"
        " %(received_at)s, now(), %(run_id)s)"
        " ON CONFLICT (vendor, file_name, sha256) DO UPDATE SET delivery_id = excluded.delivery_id,"
        " file_path = CASE WHEN etl_processing_log.delivery_id = excluded.delivery_id THEN etl_processing_log.file_path"
        " ELSE excluded.file_path END,"
        " status = excluded.status, received_at = excluded.received_at, first_received_at = least("
        "etl_processing_log.first_received_at, etl_processing_log.received_at, excluded.received_at),"
        " processing_start_time = now(), processing_end_time = NULL,"
        " run_id = excluded.run_id, error_code = NULL, error_message = NULL, records_read = 0, records_processed = 0,"
        " records_inserted = 0, records_updated = 0, records_failed = 0, records_duplicate = 0, records_footer = 0,"
        " first_as_of_date = NULL, last_as_of_date = NULL"
        " RETURNING {columns}",
        {**identity, "status": status},
    )
    return entry


def _reject(connection: psycopg.Connection, delivery_id: str, *, code: str, sentence: str) -> None:
    found = connection.execute(
        "UPDATE etl_processing_log SET status = 'FAILED', error_code = %s, error_message = %s, processing_end_time = now(),"
        " records_read = 0, records_processed = 0, records_inserted = 0, records_updated = 0, records_failed = 0,"
        " records_duplicate = 0, records_footer = 0, normalized_run_id = NULL,"
        " pending_first_date = least(pending_first_date, first_as_of_date),"
        " pending_last_date = greatest(pending_last_date, last_as_of_date), first_as_of_date = NULL, last_as_of_date = NULL"
        " WHERE delivery_id = %s RETURNING id",
        [code, sentence, delivery_id],
    ).fetchone()
    if found is None:
        raise _unknown(delivery_id)
    connection.execute("DELETE FROM data_quality_issues WHERE etl_log_id = %s AND line_number IS NOT NULL", [found[0]])
    replace_days(connection, found[0], [])
    alert_rejection(connection, found[0], code=code, sentence=sentence)


def _note_run(connection: psycopg.Connection, identity: Identity) -> LedgerEntry:
    (entry,) = _entries(
        connection,
        "UPDATE etl_processing_log SET run_id = %(run_id)s, processing_start_time = now() WHERE delivery_id = %(delivery_id)s"
        " RETURNING {columns}",
        identity,
    )
    return entry


def _insert_duplicate(connection: psycopg.Connection, identity: Identity, original: LedgerEntry) -> LedgerEntry:
    entry = _take(connection, identity, "DUPLICATE")
    message = f"holds the same bytes as {original.file_name} (delivery {original.delivery_id}); nothing was changed"
    (noted,) = _entries(
        connection,
        "UPDATE etl_processing_log SET error_message = %(message)s, processing_end_time = now() WHERE id = %(id)s RETURNING {columns}",
        {"message": message, "id": entry.id},
    )
    return noted


def _unknown(delivery_id: str) -> WarehouseError:
    return WarehouseError(f"the ledger has no delivery {delivery_id}; land it first")
