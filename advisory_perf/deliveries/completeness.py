"""What is missing from a feed's windows and files, kept as issues of the deliveries that it is missing from."""

from dataclasses import dataclass
from datetime import date
from typing import LiteralString

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.contracts.issue_codes import ACCOUNT_MISSING, INCOMPLETE, OLDER_VERSION, SHORT_RESTATEMENT
from advisory_perf.deliveries.issues import OF_CODES, replace_chosen, with_ledger

ISSUES = pl.DataFrame(
    schema={
        "delivery_id": pl.String(),
        "account_id": pl.String(),
        "as_of_date": pl.Date(),
        "issue_type": pl.String(),
        "severity": pl.String(),
        "issue_description": pl.String(),
        "expected_value": pl.String(),
        "actual_value": pl.String(),
    }
)

_OF_WINDOWS = [ACCOUNT_MISSING.name, INCOMPLETE.name]
_OF_FILES = [SHORT_RESTATEMENT.name, OLDER_VERSION.name]
_HAVING = sql.SQL("SELECT DISTINCT etl_log_id FROM data_quality_issues WHERE {}").format(sql.SQL(OF_CODES))

_NOTE_EMPTY: LiteralString = """
    INSERT INTO data_quality_issues (etl_log_id, issue_type, issue_description, severity, expected_value, actual_value)
    SELECT log.id, %(code)s, %(sentence)s, %(severity)s, before.rows::text, '0'
    FROM etl_processing_log AS log CROSS JOIN LATERAL (
        SELECT records_processed AS rows FROM etl_processing_log AS other
        WHERE other.feed = log.feed AND other.id <> log.id AND other.first_as_of_date IS NOT NULL
        ORDER BY other.received_at DESC, other.id DESC LIMIT 1
    ) AS before
    WHERE log.id = %(id)s AND log.records_processed + log.records_failed = 0
    RETURNING id
"""
_FORGET_EMPTY: LiteralString = """
    DELETE FROM data_quality_issues
    WHERE etl_log_id = %(id)s AND line_number IS NULL AND as_of_date IS NULL AND issue_type = %(code)s
"""


@dataclass(frozen=True, slots=True)
class MissingFindings:
    """Issues in the layout of ``ISSUES``: all that windows from first to last have, and all that the feed's files have.

    ``present`` has the ``accounts`` that have a position, by ``as_of_date`` and ``delivery_id``, on the days of these windows.
    """

    of_windows: pl.DataFrame
    of_files: pl.DataFrame
    first: date
    last: date
    present: pl.DataFrame


def publish_missing(connection: psycopg.Connection, feed: str, found: MissingFindings) -> list[int]:
    """Makes the feed's issues of missing rows what was found; gives the ids of the deliveries that have or had one."""
    windows = {"feed": feed, "first": found.first, "last": found.last, "codes": _OF_WINDOWS}
    files = {"feed": feed, "first": date.min, "last": date.max, "codes": _OF_FILES}
    touched: set[int] = set()
    for place, issues in ((windows, found.of_windows), (files, found.of_files)):
        had = connection.execute(_HAVING, place).fetchall()
        rows = with_ledger(connection, issues)
        touched |= {*(etl_log_id for (etl_log_id,) in had), *rows["etl_log_id"].to_list()}
        replace_chosen(connection, rows, OF_CODES, place, key=["etl_log_id", "issue_type", "as_of_date"])
    return sorted(touched)


def note_empty(connection: psycopg.Connection, etl_log_id: int) -> None:
    """An issue of an ingested delivery without a row where others of its feed had some; without a day no publication finds it."""
    says = f"{INCOMPLETE.sentence}: the file holds no rows; ask the vendor whether there was nothing to send"
    place = {"id": etl_log_id, "code": INCOMPLETE.name, "sentence": says, "severity": INCOMPLETE.severity.value}
    connection.execute(_FORGET_EMPTY, place)
    if connection.execute(_NOTE_EMPTY, place).fetchone() is not None:
        connection.execute(
            "UPDATE etl_processing_log SET status = 'COMPLETED_WITH_ISSUES' WHERE id = %(id)s AND status = 'COMPLETED'", place
        )
