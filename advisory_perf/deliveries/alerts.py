"""The alerts about deliveries, written and resolved in the very transaction in which the ledger's entry changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

import psycopg
from psycopg import sql

from advisory_perf.alerts.model import DELIVERY_WITH_ISSUES, INCOMPLETE_DELIVERY, RESTATED, Alert
from advisory_perf.alerts.outbox import hold_alerts, write_alerts
from advisory_perf.contracts.enums import DeliveryStatus, Severity
from advisory_perf.contracts.issue_codes import COMPLETENESS_CODES, INCOMPLETE, SHORT_RESTATEMENT

_DIGEST = 12
_FIELDS = sql.SQL("id, feed, vendor, file_name, delivery_id, sha256, received_at")
"""Those of ``_Delivery``, in its order."""
_REPORTED = 3
"""So many of a delivery's issues stand in its alert."""
_ALERTED = [INCOMPLETE.name, SHORT_RESTATEMENT.name]
_OF_PUBLICATIONS = [DELIVERY_WITH_ISSUES.name, INCOMPLETE_DELIVERY.name, RESTATED.name]
_WITH_THEIR_REMEDY = {"E_POISONED", "E_UNKNOWN_VENDOR"}

_OF_DELIVERIES: LiteralString = "etl_log_id = ANY(%(ids)s)"
_OF_THE_SAME_BYTES: LiteralString = """
    etl_log_id IN (
        SELECT affected.id FROM etl_processing_log AS affected JOIN etl_processing_log AS ingested USING (sha256) WHERE ingested.id = %(id)s
    )
"""
_RESOLVE_REJECTIONS: LiteralString = """
    UPDATE alerts SET resolved_at = now()
    FROM etl_processing_log AS affected, etl_processing_log AS ingested
    WHERE alerts.resolved_at IS NULL AND alerts.code <> ALL(%(others)s) AND affected.id = alerts.etl_log_id AND ingested.id = %(id)s
    AND affected.sha256 = ingested.sha256 AND affected.feed IN (ingested.feed, 'unknown')
"""

_ENDED: LiteralString = """
    SELECT status, records_failed, (
        SELECT t.pass_rate FROM delivery_pass_rates AS t
        WHERE t.data_source = log.vendor AND t.delivery_id = log.delivery_id
    ), {} FROM etl_processing_log AS log WHERE id = ANY(%s) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What an alert says of the delivery that it is about, as the ledger has it."""

    etl_log_id: int
    feed: str
    vendor: str
    name: str
    delivery_id: str
    sha256: str
    since: datetime

    def key(self, code: str) -> str:
        """By what the file is, and not by its id, which another arrival of the same file changes."""
        return f"{code} {self.feed} {self.name} {self.sha256[:_DIGEST]}"

    def alert(self, code: str, severity: Severity, message: str) -> Alert:
        """The alert of that code, since the file came."""
        return Alert(
            key=self.key(code),
            code=code,
            severity=severity,
            feed=self.feed,
            vendor=self.vendor,
            since=self.since,
            subject=f"{code} {self.feed}: {self.name}",
            message=message,
            delivery_id=self.delivery_id,
            etl_log_id=self.etl_log_id,
        )


def alert_rejection(connection: psycopg.Connection, etl_log_id: int, *, code: str, sentence: str) -> None:
    """The delivery was rejected or abandoned: one alert a file and code, however often its ingestion is tried again."""
    statement = sql.SQL("SELECT {} FROM etl_processing_log WHERE id = %s").format(_FIELDS)
    (fields,) = connection.execute(statement, [etl_log_id]).fetchall()
    rejected = _Delivery(*fields)
    remedy = (
        ""
        if code in _WITH_THEIR_REMEDY
        else f"; it lies in error/{rejected.feed}/{rejected.delivery_id}/: ask the vendor for the right file, or fix the feed and run "
        f"`advisory-perf quarantine replay --delivery {rejected.delivery_id}`"
    )
    hold_alerts(connection, _OF_DELIVERIES, {"ids": [etl_log_id]})
    connection.execute(
        "UPDATE alerts SET resolved_at = now() WHERE resolved_at IS NULL AND etl_log_id = %s AND code <> ALL(%s)",
        [etl_log_id, [code, RESTATED.name]],  # what was reported differs all the same
    )
    write_alerts(connection, raised=[rejected.alert(code, Severity.CRITICAL, f"{sentence}{remedy}")])


def resolve_rejection(connection: psycopg.Connection, etl_log_id: int) -> None:
    """The delivery has been ingested, or had been ingested before: its rejection is over, and that of the same bytes in no feed's folder.

    A file of the same name with other bytes resolves nothing: some vendors give every day's file the same name.
    """
    hold_alerts(connection, _OF_THE_SAME_BYTES, {"id": etl_log_id})
    connection.execute(_RESOLVE_REJECTIONS, {"id": etl_log_id, "others": _OF_PUBLICATIONS})


def follow_issues(
    connection: psycopg.Connection, etl_log_ids: Sequence[int], *, raised: Sequence[Alert] = (), resolved: Sequence[str] = ()
) -> None:
    """An alert for each of the deliveries that ended with issues; what was said of the others is over.

    One that is incomplete has an alert of that, and another only where rows are in quarantine besides. ``raised`` and ``resolved`` (by key)
    are alerts of the same publication about other things: all are held at once, so that no two wait for each other in a ring.
    """
    statement = sql.SQL(_ENDED).format(_FIELDS)
    found = connection.execute(statement, [list(etl_log_ids)]).fetchall()
    incomplete = {
        etl_log_id: ("; ".join(says[:_REPORTED]) + (f"; and {len(says) - _REPORTED} more" if len(says) > _REPORTED else ""), is_alerted)
        for etl_log_id, says, is_alerted in connection.execute(
            "SELECT etl_log_id, array_agg(issue_description ORDER BY id), bool_or(issue_type = ANY(%(alerted)s))"
            " FROM data_quality_issues WHERE etl_log_id = ANY(%(ids)s) AND issue_type = ANY(%(codes)s) GROUP BY etl_log_id",
            {"ids": list(etl_log_ids), "alerted": _ALERTED, "codes": [code.name for code in COMPLETENESS_CODES]},
        ).fetchall()
    }
    keys = [*(alert.key for alert in raised), *resolved]
    hold_alerts(connection, _OF_DELIVERIES + " OR alert_key = ANY(%(keys)s)", {"ids": list(etl_log_ids), "keys": keys})
    good, found_now = [*resolved], [*raised]
    for status, quarantined, share, *fields in found:
        one = _Delivery(*fields)
        says, is_alerted = incomplete.get(one.etl_log_id, (None, False))
        if is_alerted:
            found_now.append(one.alert(INCOMPLETE_DELIVERY.name, INCOMPLETE_DELIVERY.severity, f"{one.vendor}, {one.name}: {says}"))
        else:
            good.append(one.key(INCOMPLETE_DELIVERY.name))
        if status != DeliveryStatus.COMPLETED_WITH_ISSUES or (is_alerted and not quarantined):
            good.append(one.key(DELIVERY_WITH_ISSUES.name))
            continue
        look = f"export reconciliation_results --where \"data_source = '{one.vendor}'\""
        if quarantined:
            why, look = f"{quarantined:,} of its rows are in quarantine", f"quarantine list --delivery {one.delivery_id}"
        else:
            why = says or f"of its compared figures only {share:.2%} are within tolerance of the vendor's"
        message = f"{one.vendor}, {one.name}: {why}; look at them by `advisory-perf {look}`"
        found_now.append(one.alert(DELIVERY_WITH_ISSUES.name, DELIVERY_WITH_ISSUES.severity, message))
    write_alerts(connection, raised=found_now, resolved=good)
