"""Vendors as they are served: what of their deliveries, and of the figures compared with theirs, is counted; what is open."""

from advisory_perf.warehouse.reading.snapshot import Row, Snapshot


def vendor_counts(snapshot: Snapshot) -> dict[str, Row]:
    """Of each vendor with deliveries: their counts by status, rows, latest day and arrival, figures compared, breaks, and what is open."""
    rows = snapshot.rows(
        "SELECT d.*, coalesce(b.open_breaks, 0) AS open_breaks, coalesce(a.open_alerts, 0) AS open_alerts"
        " FROM data_quality_dashboard AS d"
        " LEFT JOIN (SELECT data_source, count(*) AS open_breaks FROM reconciliation_breaks WHERE status = 'OPEN' GROUP BY 1) AS b"
        " ON b.data_source = d.vendor"
        " LEFT JOIN (SELECT vendor, count(*) AS open_alerts FROM alerts WHERE resolved_at IS NULL GROUP BY 1) AS a ON a.vendor = d.vendor"
        " ORDER BY d.vendor"
    )
    return {row["vendor"]: row for row in rows}


def feeds_with_missing_files(snapshot: Snapshot) -> set[str]:
    """The feeds of which a window's file is missing now, as the alerts have it."""
    return {row["feed"] for row in snapshot.rows("SELECT DISTINCT feed FROM alerts WHERE code = 'MISSING_FILE' AND resolved_at IS NULL")}


def latest_days(snapshot: Snapshot) -> dict[str, Row]:
    """Of each feed the latest as-of day that was ingested."""
    rows = snapshot.rows(
        "SELECT feed, max(last_as_of_date) AS latest_as_of_date FROM etl_processing_log"
        " WHERE status IN ('PROCESSING', 'COMPLETED', 'COMPLETED_WITH_ISSUES') GROUP BY feed"
    )
    return {row["feed"]: row for row in rows}
