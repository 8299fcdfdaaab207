"""The outbox: alerts wait in the warehouse until a channel has taken them, at least once each.

An alert is written in the transaction of what it is about, so that a crash loses none and invents none. A sender leases alerts:
the attempt is counted and the next one set before anything is sent, in a transaction that ends before the network is used, so
that no load ever waits for a channel, two senders do not take the same alert, and one that is killed is followed by another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from advisory_perf.alerts.model import Alert, severities_from
from advisory_perf.contracts.enums import Severity
from advisory_perf.warehouse.auditing import Origin, acted
from advisory_perf.warehouse.connection import Warehouse

FIRST_WAIT = timedelta(seconds=30)
"""How long an alert waits after its first failed attempt; twice as long after each further one."""

LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class KeptAlert:
    """One row of ``alerts``, as far as it is reported to a person."""

    id: int
    code: str
    severity: str
    feed: str
    vendor: str
    delivery_id: str | None
    window_start: date | None
    since: datetime
    subject: str
    message: str
    created_at: datetime
    resolved_at: datetime | None
    sent_at: datetime | None
    attempts: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many alerts wait to be sent, since when, and why the latest attempt failed that did."""

    count: int
    since: datetime | None
    last_error: str | None


_COLUMNS = sql.SQL(", ").join(sql.Identifier(column.name) for column in fields(KeptAlert))
_INSERT: LiteralString = """
    INSERT INTO alerts (
        alert_key, code, severity, feed, vendor, etl_log_id, delivery_id, window_start, since, subject, message, resolved_at
    )
    SELECT %(key)s, %(code)s, %(severity)s, %(feed)s, %(vendor)s, %(etl_log_id)s, %(delivery_id)s, %(window)s, %(since)s, %(subject)s,
    %(message)s, CASE WHEN %(is_over)s THEN now() END
"""
_WHILE_OPEN: LiteralString = """
    ON CONFLICT (alert_key) WHERE resolved_at IS NULL DO UPDATE
    SET delivery_id = excluded.delivery_id, subject = excluded.subject, message = excluded.message
    WHERE (alerts.delivery_id, alerts.subject, alerts.message) IS DISTINCT FROM (excluded.delivery_id, excluded.subject, excluded.message)
"""
_ONCE: LiteralString = """
    WHERE NOT EXISTS (
        SELECT FROM alerts WHERE alert_key = %(key)s AND (resolved_at IS NULL OR resolved_by_person OR %(is_over)s)
    )
"""
_LEASE: LiteralString = """
    UPDATE alerts SET attempts = attempts + 1,
    next_attempt_at = %(now)s + least(%(longest)s::interval, %(first)s::interval * power(2, least(attempts, 20)))
    WHERE id IN (
        SELECT id FROM alerts WHERE sent_at IS NULL AND next_attempt_at <= %(now)s AND severity = ANY(%(severities)s)
        ORDER BY created_at, id LIMIT %(at_most)s FOR UPDATE SKIP LOCKED
    )
    RETURNING {columns}
"""
_ALERTS: LiteralString = "SELECT {columns} FROM alerts WHERE resolved_at IS NULL OR %(all)s ORDER BY id"
_WAITING: LiteralString = """
    SELECT count(*), min(created_at),
    (array_agg(last_error ORDER BY next_attempt_at DESC, id DESC) FILTER (WHERE last_error IS NOT NULL))[1]
    FROM alerts WHERE sent_at IS NULL AND severity = ANY(%s)
"""


def hold_alerts(connection: psycopg.Connection, which: LiteralString, place: Mapping[str, Any]) -> None:
    """Locks the open alerts that the condition names, in the order of their ids, until the transaction ends.

    Whoever changes alerts holds all of them first, by this or one by one, so that of two who do none waits for the other in a ring.
    """
    statement: LiteralString = "SELECT FROM alerts WHERE resolved_at IS NULL AND " + which + " ORDER BY id FOR UPDATE"
    connection.execute(statement, place)


def write_alerts(connection: psycopg.Connection, *, raised: Sequence[Alert] = (), resolved: Sequence[str] = ()) -> None:
    """Raises alerts, and resolves those with the keys, with the transaction.

    While an alert with its key is open that one stays, with the latest words. New ones are written in the order given, by which two who
    write the same could wait in a ring: a feed's publications and ``Outbox.update`` each run one at a time.
    """
    keys = [*(alert.key for alert in raised), *resolved]
    if not keys:
        return
    hold_alerts(connection, "alert_key = ANY(%(keys)s)", {"keys": keys})
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT + _WHILE_OPEN, [_place(alert) for alert in raised])
    connection.execute("UPDATE alerts SET resolved_at = now() WHERE resolved_at IS NULL AND alert_key = ANY(%s)", [list(resolved)])


class Outbox:
    """The alerts in a warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def update(self, *, raised: Sequence[Alert] = (), once: Sequence[Alert] = (), resolved: Sequence[str] = ()) -> list[str]:
        """Raises alerts, and resolves those with the keys, in one transaction; gives the messages of those ``once`` that are new.

        Of those ``once`` none is reported again while it is open or after a person resolved it; what has passed already is reported once
        for all time.
        """
        with self._warehouse.connect() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('alerts that are reported once', 0))")
            reported = [alert.message for alert in once if connection.execute(_INSERT + _ONCE, _place(alert)).rowcount]
            write_alerts(connection, raised=raised, resolved=resolved)
        return reported

    def open_windows(self, feed: str, code: str) -> list[date]:
        """The windows of the feed about which an alert of the code is open."""
        with self._warehouse.connect() as connection:
            found = connection.execute(
                "SELECT window_start FROM alerts WHERE resolved_at IS NULL AND feed = %s AND code = %s AND window_start IS NOT NULL"
                " ORDER BY window_start",
                [feed, code],
            )
            return [window for (window,) in found]

    def lease(self, *, now: datetime, least: Severity, at_most: int) -> list[KeptAlert]:
        """The alerts of that severity or more that are to be sent now, the oldest first; nobody else gets them until their next attempt.

        The waits double from ``FIRST_WAIT`` to ``LONGEST_WAIT`` and never end.
        """
        place = {
            "now": now,
            "first": FIRST_WAIT,
            "longest": LONGEST_WAIT,
            "severities": severities_from(least),
            "at_most": at_most,
        }
        return sorted(self._alerts(_LEASE, place), key=lambda alert: (alert.created_at, alert.id))

    def open_keys(self, code: str) -> list[str]:
        """The keys of the open alerts of the code, whichever feed's."""
        with self._warehouse.connect() as connection:
            found = connection.execute("SELECT alert_key FROM alerts WHERE resolved_at IS NULL AND code = %s ORDER BY id", [code])
            return [key for (key,) in found]

    def sent(self, ids: Sequence[int], *, to: str, but: str | None = None) -> None:
        """The channel has taken the alerts; ``but`` says for whom it has not."""
        with self._warehouse.connect() as connection:
            _hold_rows(connection, ids)
            connection.execute("UPDATE alerts SET sent_at = now(), sent_to = %s, last_error = %s WHERE id = ANY(%s)", [to, but, list(ids)])

    def failed(self, ids: Sequence[int], *, why: str) -> None:
        """The channel has not taken them; they are due again when their wait is over."""
        with self._warehouse.connect() as connection:
            _hold_rows(connection, ids)
            connection.execute("UPDATE alerts SET last_error = %s WHERE id = ANY(%s) AND sent_at IS NULL", [why, list(ids)])

    def waiting(self, least: Severity) -> Waiting:
        """What of that severity or more has not been sent."""
        with self._warehouse.connect() as connection:
            return Waiting(*(connection.execute(_WAITING, [severities_from(least)]).fetchone() or (0, None, None)))

    def alerts(self, *, only_open: bool) -> list[KeptAlert]:
        """Every alert, or the open ones, the oldest first."""
        return self._alerts(_ALERTS, {"all": not only_open})

    def _alerts(self, statement: LiteralString, place: dict[str, Any]) -> list[KeptAlert]:
        with self._warehouse.connect() as connection, connection.cursor(row_factory=class_row(KeptAlert)) as cursor:
            return cursor.execute(sql.SQL(statement).format(columns=_COLUMNS), place).fetchall()


def resolve_alert(desk: Warehouse, alert_id: int, *, by: str, origin: Origin) -> None:
    """A person says that an incident is over; the SQL function ``resolve_alert`` does it, which notes who.

    Raises ``NotFoundError`` where there is no such alert, and ``ConflictError`` where it is over already.
    """
    acted(desk, origin, lambda connection: connection.execute("SELECT resolve_alert(%s, %s)", [alert_id, by]))


def _hold_rows(connection: psycopg.Connection, ids: Sequence[int]) -> None:
    """Open or not: in the order in which everybody locks them."""
    connection.execute("SELECT FROM alerts WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [list(ids)])


def _place(alert: Alert) -> dict[str, Any]:
    return {
        "key": alert.key,
        "code": alert.code,
        "severity": alert.severity,
        "feed": alert.feed,
        "vendor": alert.vendor,
        "etl_log_id": alert.etl_log_id,
        "delivery_id": alert.delivery_id,
        "window": alert.window,
        "since": alert.since,
        "subject": alert.subject,
        "message": alert.message,
        "is_over": alert.is_over,
    }
