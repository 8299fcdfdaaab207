"""The ledger's entries: one row a delivery, and how rows are asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from advisory_perf.contracts.issue_codes import COMPLETENESS_CODES


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of ``etl_processing_log``."""

    id: int
    delivery_id: str
    file_name: str
    file_path: str
    feed: str
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
    records_restated: int
    records_failed: int
    records_duplicate: int
    records_footer: int
    error_code: str | None
    error_message: str | None
    pending_first_date: date | None
    pending_last_date: date | None
    ingestion_no: int
    taken_up_no: int | None
    taken_up_by: list[str]
    processing_start_time: datetime | None
    processing_end_time: datetime | None
    run_id: str | None

    @property
    def held_by(self) -> list[str]:
        """The stages of the pipeline whose rows hold what the delivery says now."""
        return self.taken_up_by if self.taken_up_no == self.ingestion_no else []


_COLUMNS = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(LedgerEntry))
SELECT: LiteralString = "SELECT {columns} FROM etl_processing_log WHERE "
_OUTCOME = sql.SQL("""CASE WHEN records_failed > 0 OR (
    SELECT t.breaks > 0 AND t.compared - t.breaks <= %(pass_rate)s::numeric * t.compared FROM delivery_pass_rates AS t
    WHERE t.data_source = log.vendor AND t.delivery_id = log.delivery_id
) OR EXISTS (
    SELECT FROM data_quality_issues AS issue WHERE issue.etl_log_id = log.id AND issue.issue_type IN ({})
) THEN 'COMPLETED_WITH_ISSUES' ELSE 'COMPLETED' END""").format(sql.SQL(", ").join(code.name for code in COMPLETENESS_CODES))


def composed(statement: LiteralString) -> sql.Composed:
    """The statement with {columns}, those of an entry, and {outcome}, the final status of a delivery by %(pass_rate)s, filled in."""
    return sql.SQL(statement).format(columns=_COLUMNS, outcome=_OUTCOME)


def entries_of(connection: psycopg.Connection, statement: LiteralString, place: Mapping[str, Any]) -> list[LedgerEntry]:
    """The entries that a statement gives, which names their {columns}."""
    with connection.cursor(row_factory=class_row(LedgerEntry)) as cursor:
        return cursor.execute(composed(statement), place).fetchall()
