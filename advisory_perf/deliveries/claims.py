"""Who may ingest a delivery, and who may say that it failed: decided under a lock on its bytes.

A delivery is known by feed, name and bytes. What has been ingested is never rejected or taken by another arrival of it, and the same
bytes never ingest twice where names say nothing of the rows.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import TypedDict

import psycopg

from advisory_perf.contracts.enums import DeliveryStatus
from advisory_perf.deliveries.alerts import alert_rejection, resolve_rejection
from advisory_perf.deliveries.delivered_days import INGESTED, replace_days
from advisory_perf.deliveries.entries import SELECT, LedgerEntry, entries_of
from advisory_perf.errors import WarehouseError
from advisory_perf.showing import shown


class Identity(TypedDict):
    """What is known of a delivery before it is read."""

    delivery_id: str
    file_name: str
    file_path: str
    feed: str
    vendor: str
    sha256: str
    size_bytes: int
    received_at: datetime
    run_id: str


class ClaimOutcome(Enum):
    """TAKEN: ingest it. KNOWN: this very file is in the ledger. DUPLICATE: its bytes are, under another name."""

    TAKEN = "taken"
    KNOWN = "known"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Claim:
    """The ledger's answer to a claim, with the entry that it is about."""

    outcome: ClaimOutcome
    entry: LedgerEntry


def claim(connection: psycopg.Connection, identity: Identity, *, bytes_say_all: bool) -> Claim:
    """Whether the run is to ingest the delivery: see ``Ledger.claim``."""
    known = _locked(connection, identity)
    repeated = _repeated(connection, identity, known, bytes_say_all=bytes_say_all)
    if repeated is not None:
        return repeated
    if known is not None and known.status in INGESTED:
        return Claim(ClaimOutcome.TAKEN, _note_run(connection, identity))
    return Claim(ClaimOutcome.TAKEN, _take(connection, identity, DeliveryStatus.RECEIVED))


def claim_rejection(connection: psycopg.Connection, identity: Identity, *, bytes_say_all: bool, code: str, sentence: str) -> Claim:
    """A FAILED row for a file that no run could be ingested, unless its bytes have: see ``Ledger.record_rejection``."""
    known = _locked(connection, identity)
    repeated = _repeated(connection, identity, known, bytes_say_all=bytes_say_all)
    if repeated is not None:
        return repeated
    if known is not None and known.status in INGESTED:
        return Claim(ClaimOutcome.KNOWN, known)
    entry = _take(connection, identity, DeliveryStatus.RECEIVED)
    reject(connection, entry.delivery_id, code=code, sentence=sentence)
    return Claim(ClaimOutcome.TAKEN, entry)


def _repeated(connection: psycopg.Connection, identity: Identity, known: LedgerEntry | None, *, bytes_say_all: bool) -> Claim | None:
    """The claim of a file that repeats another arrival; None for one that is to be ingested, or had been ingested under its own id."""
    original = _same_bytes(connection, identity) if bytes_say_all else None
    if known is not None and known.status == DeliveryStatus.DUPLICATE and bytes_say_all:
        if original is not None:
            resolve_rejection(connection, original.id)
        is_own = known.delivery_id == identity["delivery_id"]
        return Claim(ClaimOutcome.DUPLICATE if is_own else ClaimOutcome.KNOWN, known)
    if known is not None and known.status in INGESTED:
        if known.delivery_id == identity["delivery_id"]:
            return None
        resolve_rejection(connection, known.id)
        return Claim(ClaimOutcome.KNOWN, known)
    if original is None:
        return None
    resolve_rejection(connection, original.id)
    return Claim(ClaimOutcome.DUPLICATE, _insert_duplicate(connection, identity, original))


def _locked(connection: psycopg.Connection, identity: Identity) -> LedgerEntry | None:
    """The delivery of that name and those bytes, under the lock on its bytes; WarehouseError where its id is another delivery's."""
    subject = f"claim {identity['feed']} {identity['sha256']}"
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [subject])
    others = "delivery_id = %(delivery_id)s AND (feed, file_name, sha256) <> (%(feed)s, %(file_name)s, %(sha256)s)"
    for other in entries_of(connection, SELECT + others, identity):
        raise WarehouseError(
            f"{identity['vendor']}, {identity['file_name']}: {identity['delivery_id']} is the id of another delivery, "
            f"{other.file_name} of {other.vendor}; put the file into incoming/ again under another name"
        )
    condition = "feed = %(feed)s AND file_name = %(file_name)s AND sha256 = %(sha256)s"
    return next(iter(entries_of(connection, SELECT + condition, identity)), None)


def _same_bytes(connection: psycopg.Connection, identity: Identity) -> LedgerEntry | None:
    condition = "feed = %(feed)s AND sha256 = %(sha256)s AND status = ANY(%(ingested)s) ORDER BY id"
    place = {**identity, "ingested": INGESTED}
    return next(iter(entries_of(connection, SELECT + condition, place)), None)


def _take(connection: psycopg.Connection, identity: Identity, status: DeliveryStatus) -> LedgerEntry:
    (entry,) = entries_of(
        connection,
        "INSERT INTO etl_processing_log"
        " (delivery_id, file_name, file_path, feed, vendor, sha256, size_bytes, status, received_at, processing_start_time, run_id)"
        " VALUES (%(delivery_id)s, %(file_name)s, %(file_path)s, %(feed)s, %(vendor)s, %(sha256)s, %(size_bytes)s, %(status)s,"
        " %(received_at)s, now(), %(run_id)s)"
        " ON CONFLICT (feed, file_name, sha256) DO UPDATE SET vendor = excluded.vendor, delivery_id = excluded.delivery_id,"
        " file_path = CASE WHEN etl_processing_log.delivery_id = excluded.delivery_id THEN etl_processing_log.file_path"
        " ELSE excluded.file_path END,"
        " status = excluded.status, received_at = excluded.received_at, first_received_at = least("
        "etl_processing_log.first_received_at, etl_processing_log.received_at, excluded.received_at),"
        " processing_start_time = now(), processing_end_time = NULL,"
        " run_id = excluded.run_id, error_code = NULL, error_message = NULL, records_read = 0, records_processed = 0,"
        " records_inserted = 0, records_updated = 0, records_restated = 0, records_failed = 0, records_duplicate = 0, records_footer = 0,"
        " first_as_of_date = NULL, last_as_of_date = NULL"
        " RETURNING {columns}",
        {**identity, "status": status},
    )
    return entry


def reject(connection: psycopg.Connection, delivery_id: str, *, code: str, sentence: str, also: Collection[date] = ()) -> None:
    """FAILED, with an alert; the days of an earlier ingestion, and those of ``also``, are its pipeline's to compute without it."""
    found = connection.execute(
        "UPDATE etl_processing_log SET status = 'FAILED', error_code = %(code)s, error_message = %(sentence)s, processing_end_time = now(),"
        " records_read = 0, records_processed = 0, records_inserted = 0, records_updated = 0, records_restated = 0, records_failed = 0,"
        " records_duplicate = 0, records_footer = 0, ingestion_no = nextval('ingestion_numbers'),"
        " pending_first_date = least(pending_first_date, first_as_of_date,"
        " CASE WHEN first_as_of_date IS NOT NULL THEN %(also_first)s::date END),"
        " pending_last_date = greatest(pending_last_date, last_as_of_date,"
        " CASE WHEN first_as_of_date IS NOT NULL THEN %(also_last)s::date END), first_as_of_date = NULL, last_as_of_date = NULL"
        " WHERE delivery_id = %(delivery_id)s RETURNING id",
        {
            "code": code,
            "sentence": shown(sentence),
            "delivery_id": delivery_id,
            "also_first": min(also, default=None),
            "also_last": max(also, default=None),
        },
    ).fetchone()
    if found is None:
        raise unknown(delivery_id)
    connection.execute("DELETE FROM data_quality_issues WHERE etl_log_id = %s AND line_number IS NOT NULL", [found[0]])
    replace_days(connection, found[0], [])
    alert_rejection(connection, found[0], code=code, sentence=sentence)


def _note_run(connection: psycopg.Connection, identity: Identity) -> LedgerEntry:
    (entry,) = entries_of(
        connection,
        "UPDATE etl_processing_log SET vendor = %(vendor)s, run_id = %(run_id)s, processing_start_time = now()"
        " WHERE delivery_id = %(delivery_id)s RETURNING {columns}",
        identity,
    )
    return entry


def _insert_duplicate(connection: psycopg.Connection, identity: Identity, original: LedgerEntry) -> LedgerEntry:
    entry = _take(connection, identity, DeliveryStatus.DUPLICATE)
    message = f"holds the same bytes as {original.file_name} (delivery {original.delivery_id}); nothing was changed"
    (noted,) = entries_of(
        connection,
        "UPDATE etl_processing_log SET error_message = %(message)s, processing_end_time = now() WHERE id = %(id)s RETURNING {columns}",
        {"message": message, "id": entry.id},
    )
    return noted


def unknown(delivery_id: str) -> WarehouseError:
    """The error of a delivery that the ledger does not have."""
    return WarehouseError(f"the ledger has no delivery {delivery_id}; ingest it first")
