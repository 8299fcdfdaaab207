"""A published table as it stood at an instant: what is published of it, and the superseded rows that its history keeps.

A row stands from the beginning of the transaction that published it to the beginning of the one that superseded or withdrew it.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from psycopg import sql

from advisory_perf.errors import AdvisoryPerfError


def instant_of(text: str) -> datetime:
    """The instant that a person means by a day, whose last microsecond in UTC it is, or by an ISO 8601 instant with its offset."""
    try:
        if len(text) == len("2025-03-31"):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise AdvisoryPerfError(
            f"{text!r} is neither a day nor an instant; write 2025-03-31 for the end of that day in UTC, or 2025-03-31T17:00:00+00:00"
        ) from error
    if instant.tzinfo is None:
        raise AdvisoryPerfError(f"{text!r} is an instant in no time zone; write its offset, such as {text}+00:00")
    try:
        return in_utc(instant)
    except ValueError as error:
        raise AdvisoryPerfError(str(error)) from error


def in_utc(instant: datetime) -> datetime:
    """The same instant in UTC: PostgreSQL takes offsets of less than 16 hours only. ValueError where the calendar has no such day there."""
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{instant.isoformat()} is on no day that there is in UTC; write one from 0001-01-02 to 9999-12-30") from error


def why_nobody_knows(instant: datetime, now: datetime) -> str | None:
    """A sentence where the instant is to come; the day of ``now`` may be asked for, which gives what stands so far."""
    if instant <= max(now, datetime.combine(now.date(), time.max, UTC)):
        return None
    return f"what will be reported by {instant:%Y-%m-%d} nobody knows yet; name a day that has come"


def rows_as_reported(relation: str, names: Sequence[str], instant: sql.Composable) -> sql.Composed:
    """A WITH clause under the relation's own name, of the columns ``names``; ``instant`` is a timestamptz or its place."""
    return sql.SQL(
        "WITH {relation} AS NOT MATERIALIZED (SELECT {names} FROM {table} WHERE updated_at <= {instant} UNION ALL "
        "SELECT {names} FROM {history} WHERE updated_at <= {instant} AND superseded_at > {instant})"
    ).format(
        relation=sql.Identifier(relation),
        names=sql.SQL(", ").join(sql.Identifier(name) for name in names),
        table=sql.Identifier("public", relation),
        history=sql.Identifier("public", f"{relation}_history"),
        instant=instant,
    )
