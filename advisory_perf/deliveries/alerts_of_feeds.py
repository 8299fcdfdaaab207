"""Alerts about what a publication finds of a feed: its quality, and published figures that have changed. In its transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from hashlib import sha256
from typing import LiteralString

import psycopg
from psycopg.rows import class_row

from advisory_perf.alerts.model import LOW_QUALITY, RESTATED, Alert
from advisory_perf.contracts.columns import COLUMNS, Kind
from advisory_perf.contracts.materiality import Materiality
from advisory_perf.contracts.tables import RESTATED_BY_DELIVERIES

WITHDRAWN = "withdrawn"
_REPORTED, _DIGEST = 3, 12
"""So many figures stand in an alert."""

_LATEST: LiteralString = """
    SELECT as_of_date, score, (
        SELECT min(run.as_of_date) FROM data_quality_scores AS run
        WHERE run.feed = day.feed AND run.dimension = 'TOTAL' AND run.score < %(least)s AND run.as_of_date > coalesce((
            SELECT max(good.as_of_date) FROM data_quality_scores AS good
            WHERE good.feed = day.feed AND good.dimension = 'TOTAL' AND good.score >= %(least)s
        ), '-infinity')
    )
    FROM data_quality_scores AS day
    WHERE feed = %(feed)s AND dimension = 'TOTAL' AND score IS NOT NULL ORDER BY as_of_date DESC LIMIT 1
"""
_WORST: LiteralString = """
    SELECT dimension, score, numerator, denominator FROM data_quality_scores
    WHERE feed = %s AND as_of_date = %s AND dimension <> 'TOTAL' AND score < %s ORDER BY score, dimension
"""
_RESTATED: LiteralString = """
    SELECT r.delivery_id, log.id AS etl_log_id, log.file_name, r.field_name, r.first_as_of_date, r.accounts, r.largest_change,
        r.largest_account_id, r.largest_as_of_date, r.published_at
    FROM restatements AS r LEFT JOIN etl_processing_log AS log ON log.delivery_id = r.delivery_id
    WHERE r.data_source = %s AND r.published_at = now() ORDER BY r.id
"""


def quality_alerts(connection: psycopg.Connection, feed: str, vendor: str, least: float) -> tuple[list[Alert], list[str]]:
    """An alert while the latest day of the feed with a score has one below ``least``, and the key of one that is over: it reaches it."""
    key = f"{LOW_QUALITY.name} {feed}"
    found = connection.execute(_LATEST, {"feed": feed, "least": least}).fetchone()
    if found is None or found[1] >= least:
        return [], [key]
    day, score, since = found
    worst = connection.execute(_WORST, [feed, day, least]).fetchall()
    says = ", ".join(f"{dimension} {value:.1f} ({good:,} of {of:,})" for dimension, value, good, of in worst[:_REPORTED])
    alert = Alert(
        key=key,
        code=LOW_QUALITY.name,
        severity=LOW_QUALITY.severity,
        feed=feed,
        vendor=vendor,
        since=datetime.combine(since, time(), UTC),
        subject=f"{LOW_QUALITY.name} {feed}: {score:.1f}",
        message=f"{vendor}, {day}: the quality score is {score:.1f}, and {least:g} is agreed: {says}; look at the days by "
        f"`advisory-perf export data_quality_trend --where \"feed = '{feed}'\"`",
    )
    return [alert], []


@dataclass(frozen=True, slots=True)
class _Restated:
    """One row of ``restatements``, with the delivery's entry in the ledger if it has one."""

    delivery_id: str | None
    etl_log_id: int | None
    file_name: str | None
    field_name: str
    first_as_of_date: date
    accounts: int
    largest_change: Decimal | None
    largest_account_id: str
    largest_as_of_date: date
    published_at: datetime

    @property
    def says(self) -> str:
        """The field, how many accounts, and the largest change."""
        if self.field_name == WITHDRAWN:
            return f"{self.accounts:,} accounts are withdrawn ({self.largest_account_id} on {self.largest_as_of_date} first)"
        by = "no amount before or since" if self.largest_change is None else f"{self.largest_change.normalize():+f}"
        return f"{self.field_name} of {self.accounts:,} accounts (largest: {by}, {self.largest_account_id} on {self.largest_as_of_date})"


def restatement_alerts(connection: psycopg.Connection, feed: str, vendor: str, materiality: Materiality) -> list[Alert]:
    """An alert for each delivery by which the transaction changes a published figure materially, and one where no delivery is the reason.

    What follows from a restated figure, such as a linked return, alerts of nothing besides.
    """
    with connection.cursor(row_factory=class_row(_Restated)) as cursor:
        found = cursor.execute(_RESTATED, [vendor]).fetchall()
    material = [one for one in found if one.field_name in _ALERTED and _is_material(one, materiality)]
    deliveries = dict.fromkeys(one.delivery_id for one in material)
    return [_alert(feed, vendor, [one for one in material if one.delivery_id == by]) for by in deliveries]


_ALERTED = {*RESTATED_BY_DELIVERIES, "calculated_twrr", WITHDRAWN} - {"vendor_net_flow", "vendor_twrr"}
"""What the firm reports; that a vendor puts its own figure right shows in the breaks."""


def _is_material(one: _Restated, materiality: Materiality) -> bool:
    is_return = one.field_name != WITHDRAWN and COLUMNS[one.field_name].kind is Kind.RETURN
    return materiality.reached(one.largest_change, is_return=is_return)


def _alert(feed: str, vendor: str, changes: Sequence[_Restated]) -> Alert:
    first = changes[0]
    says = "; ".join(one.says for one in changes[:_REPORTED]) + (
        f"; and {len(changes) - _REPORTED} more" if len(changes) > _REPORTED else ""
    )
    who = f"{vendor}, {first.file_name}" if first.delivery_id else f"{vendor}, without a new delivery, by feed, program or withdrawal"
    where = f"delivery_id = '{first.delivery_id}'" if first.delivery_id else f"data_source = '{vendor}' AND delivery_id IS NULL"
    return Alert(
        key=f"{RESTATED.name} {feed} {first.delivery_id or sha256(says.encode()).hexdigest()[:_DIGEST]}",  # by what changed
        code=RESTATED.name,
        severity=RESTATED.severity,
        feed=feed,
        vendor=vendor,
        since=first.published_at,
        subject=f"{RESTATED.name} {feed}: {first.file_name or first.first_as_of_date}",
        message=f"{who}: published figures changed materially: {says}; look at them by `advisory-perf export restatements --where "
        f'"{where}"`, inform whoever has reported them, and resolve the alert',
        delivery_id=first.delivery_id,
        etl_log_id=first.etl_log_id,
    )
