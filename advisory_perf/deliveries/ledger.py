"""The ledger: one row a delivery, its status and its counts, and the issues of its quarantined rows.

Who may ingest a delivery, and who may reject it, is decided in ``claims``.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString, Unpack

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.contracts.tables import PublishedTable
from advisory_perf.deliveries.alerts import follow_issues, resolve_rejection
from advisory_perf.deliveries.claims import Claim, Identity, claim, claim_rejection, reject, unknown
from advisory_perf.deliveries.completeness import note_empty
from advisory_perf.deliveries.day_counts import replace_day_counts
from advisory_perf.deliveries.delivered_days import INGESTED, replace_days
from advisory_perf.deliveries.entries import SELECT, LedgerEntry, composed, entries_of
from advisory_perf.deliveries.ingestion_writes import end_ingestion
from advisory_perf.deliveries.issues import replace_issues
from advisory_perf.deliveries.profiles import replace_profile
from advisory_perf.ingestion.day_counts import DAY_COUNTS
from advisory_perf.ingestion.profile import DeliveryProfile
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import names
from advisory_perf.warehouse.lake_writes import LakeWrite, strike_off
from advisory_perf.warehouse.locks import Locks


@dataclass(frozen=True, slots=True)
class Publication:
    """The deliveries that a publication closed, and the ids of all whose status it wrote."""

    closed: list[LedgerEntry]
    changed: list[int]


_COUNT_PUBLISHED: LiteralString = """
    WITH own AS (
        SELECT {key} FROM {table} WHERE data_source = %(vendor)s AND delivery_id = %(delivery_id)s
        UNION
        SELECT {key} FROM {history}
        WHERE data_source = %(vendor)s AND delivery_id = %(delivery_id)s AND superseded_by_delivery_id IS NOT NULL
    ),
    taken_over AS (
        SELECT DISTINCT {key} FROM {history}
        WHERE data_source = %(vendor)s AND superseded_by_delivery_id = %(delivery_id)s
    ),
    own_rows AS (
        SELECT {key}, {figures} FROM {table}
        WHERE data_source = %(vendor)s AND delivery_id = %(delivery_id)s AND EXISTS (SELECT FROM taken_over)
        UNION
        SELECT {key}, {figures} FROM {history}
        WHERE data_source = %(vendor)s AND delivery_id = %(delivery_id)s AND superseded_by_delivery_id IS NOT NULL
    ),
    restated AS (
        SELECT DISTINCT {key_of_own}
        FROM own_rows JOIN {history} AS h USING ({key})
        WHERE h.data_source = %(vendor)s AND h.superseded_by_delivery_id = %(delivery_id)s AND ({of_own}) IS DISTINCT FROM ({of_before})
    ),
    counted AS (
        SELECT (SELECT count(*) FROM own) AS all_own, (SELECT count(*) FROM own JOIN taken_over USING ({key})) AS updated,
            (SELECT count(*) FROM restated) AS restated
    )
    UPDATE etl_processing_log SET records_inserted = counted.all_own - counted.updated, records_updated = counted.updated,
        records_restated = counted.restated
    FROM counted WHERE delivery_id = %(delivery_id)s AND status NOT IN ('FAILED', 'DUPLICATE', 'RECEIVED')
"""
"""From what the warehouse holds and held, not from what one run changed: a run may have been cut short, or have had nothing to do."""


class Ledger:
    """The ledger in a warehouse; ``confirm`` is asked first in each transaction that writes, and raises where it must not."""

    def __init__(self, warehouse: Warehouse, confirm: Callable[[psycopg.Connection], object] | None = None) -> None:
        self.warehouse = warehouse
        self._confirm = confirm

    def under(self, locks: Locks) -> "Ledger":
        """The same ledger for a run that holds locks: nothing is written once one of them is lost."""
        return Ledger(self.warehouse, locks.confirm)

    @contextmanager
    def _writing(self) -> Iterator[psycopg.Connection]:
        with self.warehouse.connect() as connection:
            if self._confirm is not None:
                self._confirm(connection)
            yield connection

    def claim(self, *, bytes_say_all: bool = True, **identity: Unpack[Identity]) -> Claim:
        """Whether this run is to ingest the delivery.

        TAKEN inserts its row, or takes it again where the same name and bytes failed before; counts start at zero. A delivery that
        is ingested again counts as before until the new ingestion is done. KNOWN changes no row of the ledger. DUPLICATE inserts one that
        says which delivery it repeats. With both, alerts about a rejection of the same bytes are over: they have been ingested.
        ``bytes_say_all`` is false where the vendor's file names say something of the rows, such as their day: no file then repeats one of
        another name.
        """
        with self._writing() as connection:
            return claim(connection, identity, bytes_say_all=bytes_say_all)

    def record_rejection(self, *, code: str, sentence: str, bytes_say_all: bool = True, **identity: Unpack[Identity]) -> Claim:
        """A FAILED row, and its alert, for a file that no run could be ingested.

        TAKEN says that there is one now. What repeats a delivery that has been ingested changes nothing of it: KNOWN, or DUPLICATE under
        another name, as for a claim.
        """
        with self._writing() as connection:
            return claim_rejection(connection, identity, bytes_say_all=bytes_say_all, code=code, sentence=sentence)

    def mark_ingested(  # noqa: PLR0913 - one keyword a count
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
        profile: DeliveryProfile | None = None,
        of_days: pl.DataFrame | None = None,
        also: Collection[date] = (),
    ) -> None:
        """The delivery's rows are stored: PROCESSING with its counts; its days, issues, profile and DAY_COUNTS in place of earlier ones.

        ``as_of_dates`` are the days on which it has a position; an alert about its rejection is over. What the pipeline has still to
        compute are the days it has now, those it had at an earlier ingestion, and those of ``also``, on which other versions of the file
        have positions. A delivery without any such day waits for no pipeline and is closed at once.
        """
        with self._writing() as connection:
            found = connection.execute(
                composed(
                    "UPDATE etl_processing_log AS log SET records_read = %(read)s, records_processed = %(accepted)s,"
                    " records_failed = %(quarantined)s, records_duplicate = %(duplicate)s, records_footer = %(footer)s,"
                    " pending_first_date = least(pending_first_date, first_as_of_date, %(first)s, %(also_first)s),"
                    " pending_last_date = greatest(pending_last_date, last_as_of_date, %(last)s, %(also_last)s),"
                    " ingestion_no = nextval('ingestion_numbers'),"
                    " first_as_of_date = %(first)s, last_as_of_date = %(last)s, error_code = NULL, error_message = NULL,"
                    " status = CASE WHEN coalesce(pending_first_date, first_as_of_date, %(first)s, %(also_first)s) IS NOT NULL"
                    " THEN 'PROCESSING'"
                    " WHEN %(quarantined)s > 0 THEN 'COMPLETED_WITH_ISSUES' ELSE 'COMPLETED' END,"
                    " processing_end_time = CASE WHEN coalesce(pending_first_date, first_as_of_date, %(first)s, %(also_first)s) IS NULL"
                    " THEN now() END"
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
                    "also_first": min(also, default=None),
                    "also_last": max(also, default=None),
                },
            ).fetchone()
            if found is None:
                raise unknown(delivery_id)
            replace_issues(connection, issues, etl_log_id=found[0])
            replace_days(connection, found[0], as_of_dates)
            replace_profile(connection, found[0], profile)
            replace_day_counts(connection, found[0], DAY_COUNTS.to_frame() if of_days is None else of_days)
            end_ingestion(connection, delivery_id)
            resolve_rejection(connection, found[0])
            note_empty(connection, found[0])
            if found[1] is None:
                follow_issues(connection, [found[0]])

    def rejected(self, delivery_id: str, *, code: str, sentence: str, also: Collection[date] = ()) -> None:
        """The delivery cannot be read: FAILED, with code and sentence, nothing counted, and an alert.

        Where an earlier ingestion of it was published, its pipeline has still to compute those days without it, and those of ``also``, on
        which other versions of the file have positions.
        """
        with self._writing() as connection:
            reject(connection, delivery_id, code=code, sentence=sentence, also=also)

    def taken_up(self, pending: Sequence[LedgerEntry], *, by: str, after: Sequence[str], first: date, last: date) -> None:
        """A stage's rows of the days from first to last now hold what these ingestions say, those that its input stages held already.

        ``pending`` was asked for before the rows were read, or under the lock of the pipeline, so that a delivery that is ingested
        meanwhile, or is ingested again, stays pending; ``after`` are the names of the input stages.
        """
        held = [entry.ingestion_no for entry in pending if set(after) <= set(entry.held_by)]
        if held:
            with self._writing() as connection:
                connection.execute(
                    "UPDATE etl_processing_log SET taken_up_no = ingestion_no, taken_up_by = array_append("
                    "CASE WHEN taken_up_no = ingestion_no THEN array_remove(taken_up_by, %(by)s) ELSE '{}' END, %(by)s)"
                    " WHERE ingestion_no = ANY(%(held)s) AND pending_first_date >= %(first)s AND pending_last_date <= %(last)s",
                    {"by": by, "held": held, "first": first, "last": last},
                )

    def recompute(self, write: LakeWrite) -> None:
        """The pipeline has still to compute the days of the write though no delivery of theirs is new: the lake's rows are in doubt.

        That is noted with a delivery of the feed, of those days if there is one, so that no pipeline under way closes it.
        """
        with self.warehouse.connect() as connection:
            connection.execute(
                "UPDATE etl_processing_log SET pending_first_date = least(pending_first_date, %(first)s),"
                " pending_last_date = greatest(pending_last_date, %(last)s), ingestion_no = nextval('ingestion_numbers')"
                " WHERE id = (SELECT id FROM etl_processing_log WHERE feed = %(feed)s"
                " ORDER BY status = ANY(%(ingested)s) DESC, coalesce(last_as_of_date >= %(first)s, false) DESC,"
                " last_as_of_date DESC NULLS LAST, id DESC LIMIT 1)",
                {"feed": write.feed, "first": write.first, "last": write.last, "ingested": INGESTED},
            )
            strike_off(connection, write.number)

    def published(  # noqa: PLR0913 - what is closed, by which days, stages and rows
        self,
        connection: psycopg.Connection,
        feed: str,
        *,
        of: Sequence[str],
        first: date,
        last: date,
        rows: PublishedTable,
        pass_rate: float,
        also: Collection[int] = (),
    ) -> Publication:
        """Closes the pending deliveries whose rows each stage in ``of`` has taken up, and whose days are all published in ``rows``.

        In the transaction of the publication, so that neither is seen without the other. One that ends before the feed's latest day closes
        nothing, since what follows a restated day changes with it. A delivery that is closed counts the rows of that table and its
        history that are its own. One that was closed before keeps its counts and times, but its status follows what its rows are
        now, and so does that of ``also``, entries of other days whose issues have changed: COMPLETED_WITH_ISSUES where rows are in
        quarantine, where it is incomplete, or where no more than the share ``pass_rate`` of its compared figures is within
        tolerance, by the totals that the transaction has written before. It is to end with ``follow_issues`` of those that
        changed.
        """
        place = {"feed": feed, "of": list(of), "first": first, "last": last, "ingested": INGESTED, "pass_rate": pass_rate}
        closed = entries_of(
            connection,
            "UPDATE etl_processing_log AS log SET status = CASE WHEN status = ANY(%(ingested)s) THEN {outcome} ELSE status END,"
            " processing_end_time = now(), pending_first_date = NULL, pending_last_date = NULL"
            " WHERE feed = %(feed)s AND pending_first_date >= %(first)s AND pending_last_date <= %(last)s"
            " AND taken_up_no = ingestion_no AND taken_up_by @> %(of)s::text[] AND NOT EXISTS (SELECT FROM etl_processing_log AS later"
            " WHERE later.feed = %(feed)s AND later.status = ANY(%(ingested)s) AND later.last_as_of_date > %(last)s)"
            " RETURNING {columns}",
            place,
        )
        key = [name for name in rows.table.key if name != "data_source"]
        count = sql.SQL(_COUNT_PUBLISHED).format(
            table=sql.Identifier(rows.name),
            history=sql.Identifier(rows.history or rows.name),
            key=names(key),
            key_of_own=names(key, "own_rows"),
            figures=names(rows.delivered),
            of_own=names(rows.delivered, "own_rows"),
            of_before=names(rows.delivered, "h"),
        )
        for entry in closed:
            connection.execute(count, {"vendor": entry.vendor, "delivery_id": entry.delivery_id})
        changed = connection.execute(
            composed(
                "UPDATE etl_processing_log AS log SET status = {outcome} WHERE feed = %(feed)s"
                " AND status IN ('COMPLETED', 'COMPLETED_WITH_ISSUES')"
                " AND (first_as_of_date <= %(last)s AND last_as_of_date >= %(first)s OR id = ANY(%(also)s))"
                " AND status <> {outcome} RETURNING id"
            ),
            {**place, "also": list(also)},
        )
        ids = [entry.id for entry in closed]
        entries = entries_of(connection, SELECT + "id = ANY(%(ids)s) ORDER BY id", {"ids": ids})
        return Publication(entries, sorted({*ids, *(changed_id for (changed_id,) in changed), *also}))

    def entries(self, feed: str | None = None) -> list[LedgerEntry]:
        """Every delivery, or those of a feed, in the order of ingestion."""
        return self._select("%(feed)s::text IS NULL OR feed = %(feed)s ORDER BY id", {"feed": feed})

    def entry(self, delivery_id: str) -> LedgerEntry | None:
        """The delivery with that id."""
        return next(iter(self._select("delivery_id = %(id)s", {"id": delivery_id})), None)

    def find(self, feed: str, file_name: str, sha256: str) -> LedgerEntry | None:
        """The delivery of that name and those very bytes."""
        place = {"feed": feed, "name": file_name, "sha256": sha256}
        return next(iter(self._select("feed = %(feed)s AND file_name = %(name)s AND sha256 = %(sha256)s", place)), None)

    def touching(self, feed: str, first: date, last: date) -> list[LedgerEntry]:
        """The ingested deliveries with positions between the days, by arrival."""
        return self._select(
            "feed = %(feed)s AND status = ANY(%(ingested)s) AND first_as_of_date <= %(last)s AND last_as_of_date >= %(first)s"
            " ORDER BY received_at, id",
            {"feed": feed, "ingested": INGESTED, "first": first, "last": last},
        )

    def ingested_of(self, feed: str) -> list[LedgerEntry]:
        """The ingested deliveries of the feed, by arrival."""
        return self._select("feed = %(feed)s AND status = ANY(%(ingested)s) ORDER BY received_at, id", {"feed": feed, "ingested": INGESTED})

    def pending(self, feed: str) -> list[LedgerEntry]:
        """The deliveries because of which the pipeline has still something to compute."""
        return self._select("feed = %(feed)s AND pending_first_date IS NOT NULL ORDER BY id", {"feed": feed})

    def latest_as_of_date(self, feed: str) -> date | None:
        """The latest day with a position in any ingested delivery of the feed."""
        with self.warehouse.connect() as connection:
            found: tuple[date | None] | None = connection.execute(
                "SELECT max(last_as_of_date) FROM etl_processing_log WHERE feed = %s AND status = ANY(%s)", [feed, INGESTED]
            ).fetchone()
        return found[0] if found else None

    def _select(self, condition: LiteralString, place: Mapping[str, Any]) -> list[LedgerEntry]:
        with self.warehouse.connect() as connection:
            return entries_of(connection, SELECT + condition, place)
