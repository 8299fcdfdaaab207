"""Composites as they are served: a list, and one with its yearly report, its months and the members of its latest month."""

from datetime import date

from advisory_perf.warehouse.reading.snapshot import Row, Snapshot


def composites_of(snapshot: Snapshot) -> list[Row]:
    """Every composite with its first month and the figures of its latest, by name."""
    return snapshot.rows(
        "SELECT DISTINCT ON (composite) *, min(month) OVER (PARTITION BY composite) AS first_month FROM composite_performance"
        " ORDER BY composite, month DESC"
    )


def months_of_composite(snapshot: Snapshot, composite: str) -> list[Row]:
    """The composite's months, the earliest first; none of one that is not there."""
    return snapshot.rows("SELECT * FROM composite_performance WHERE composite = %s ORDER BY month", [composite])


def report_of_composite(snapshot: Snapshot, composite: str) -> list[Row]:
    """Its yearly figures, the earliest first."""
    return snapshot.rows("SELECT * FROM composite_report WHERE composite = %s ORDER BY year, fee_basis", [composite])


def members_of_composite(snapshot: Snapshot, composite: str, month: date) -> list[Row]:
    """Its members of a month, by vendor and account."""
    return snapshot.rows(
        "SELECT * FROM composite_members WHERE composite = %s AND month = %s ORDER BY data_source, account_id", [composite, month]
    )
