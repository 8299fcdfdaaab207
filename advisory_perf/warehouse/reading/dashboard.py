"""What a dashboard shows of some as-of days: counts from the ledger, kept totals, breaks and alerts. Nothing here reads published rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import LiteralString

import polars as pl
from psycopg import sql

from advisory_perf.warehouse.reading.fragments import LATENCY, SHARE_WITHIN
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

_DAYS_SHOWN = timedelta(days=29)
_AGES = {"age_0_1": (0, 1), "age_2_5": (2, 5), "age_6_30": (6, 30), "age_over_30": (31, 2**31)}
"""Business days that an open break has lasted, from and to."""
_OF_A_FILE: LiteralString = (
    "coalesce(last_as_of_date, received_at::date) >= %(first)s AND coalesce(first_as_of_date, received_at::date) <= %(last)s"
    " AND (%(vendor)s::text IS NULL OR vendor = %(vendor)s)"
)
_OF_A_DAY: LiteralString = "as_of_date BETWEEN %(first)s AND %(last)s AND (%(vendor)s::text IS NULL OR data_source = %(vendor)s)"
_OF_A_BREAK: LiteralString = "(%(vendor)s::text IS NULL OR data_source = %(vendor)s)"
_OF_A_VENDOR: LiteralString = "(%(vendor)s::text IS NULL OR vendor = %(vendor)s)"
_PARTS: dict[str, LiteralString] = {
    "of_file": _OF_A_FILE,
    "of_day": _OF_A_DAY,
    "of_break": _OF_A_BREAK,
    "of_vendor": _OF_A_VENDOR,
    "latency": LATENCY,
    "share_within": SHARE_WITHIN,
}


def _narrowed(statement: LiteralString) -> sql.Composed:
    """The statement for the days and the vendor shown, in which conditions and figures have their names."""
    return sql.SQL(statement).format(**{name: sql.SQL(part) for name, part in _PARTS.items()})


@dataclass(frozen=True, slots=True)
class Shown:
    """Days from first to last, of one vendor or of all (None); ``is_open`` where no last day was asked for, and it is the latest."""

    first: date
    last: date
    vendor: str | None = None
    is_open: bool = False

    @property
    def place(self) -> dict[str, object]:
        """As parameters."""
        return {"first": self.first, "last": self.last, "vendor": self.vendor, "is_open": self.is_open}


def days_shown(snapshot: Snapshot, vendor: str | None, first: date | None, last: date | None, today: date) -> Shown:
    """The days that are asked for; an open end is the latest day that is published, and an open start 30 days before the end."""
    is_open = last is None
    if last is None:
        latest = snapshot.value(
            "SELECT max(last_as_of_date) FROM accounts WHERE (%(vendor)s::text IS NULL OR data_source = %(vendor)s)", {"vendor": vendor}
        )
        last = max(first or date.min, latest or today)
    return Shown(first or max(last, date.min + _DAYS_SHOWN) - _DAYS_SHOWN, last, vendor, is_open)


def deliveries_by_day(snapshot: Snapshot, shown: Shown) -> list[Row]:
    """By the latest day of each file, or the day it arrived, and status: how many files, and how many rows became of them what."""
    return snapshot.rows(
        _narrowed(
            "SELECT coalesce(last_as_of_date, received_at::date) AS day, status, count(*) AS deliveries,"
            " sum(records_read)::bigint AS rows_read, sum(records_processed)::bigint AS rows_accepted,"
            " sum(records_failed)::bigint AS rows_quarantined, sum(records_restated)::bigint AS rows_restated"
            " FROM etl_processing_log WHERE {of_file} GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        shown.place,
    )


def market_values(snapshot: Snapshot, shown: Shown) -> list[Row]:
    """By day and currency, and never over two: accounts, beginning and ending market value, net flow."""
    return snapshot.rows(
        _narrowed(
            "SELECT as_of_date, currency, sum(accounts)::bigint AS accounts, sum(beginning_market_value) AS beginning_market_value,"
            " sum(ending_market_value) AS ending_market_value, sum(net_flow) AS net_flow"
            " FROM daily_vendor_totals WHERE {of_day} GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        shown.place,
    )


def pass_rates_by_day(snapshot: Snapshot, shown: Shown) -> list[Row]:
    """By day and figure: compared, breaks, and the share within tolerance."""
    return snapshot.rows(
        _narrowed(
            "SELECT as_of_date, field_name, sum(compared)::bigint AS compared, sum(breaks)::bigint AS breaks,"
            " {share_within} AS pass_rate"
            " FROM reconciliation_totals WHERE {of_day} GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        shown.place,
    )


def breaks_now(snapshot: Snapshot, shown: Shown, ages: Callable[[pl.DataFrame], pl.Series], today: date) -> Row:
    """Breaks by status now; found and over in the days shown; the open ones by age and by cause.

    ``ages`` gives the business days (Int64) of a frame of data_source, first and last, which is ``today``.
    """
    found = snapshot.row(
        _narrowed(
            "SELECT count(*) FILTER (WHERE status = 'OPEN') AS open, count(*) FILTER (WHERE status = 'SIGNED_OFF') AS signed_off,"
            " count(*) FILTER (WHERE first_as_of_date BETWEEN %(first)s AND %(last)s) AS new,"
            " count(*) FILTER (WHERE resolved_on BETWEEN %(first)s AND %(last)s) AS resolved"
            " FROM reconciliation_breaks WHERE {of_break}"
        ),
        shown.place,
    )
    by_cause = snapshot.rows(
        _narrowed(
            "SELECT coalesce(likely_cause, 'UNEXPLAINED') AS cause, count(*) AS breaks FROM reconciliation_breaks"
            " WHERE status = 'OPEN' AND {of_break} GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        shown.place,
    )
    return {**(found or {}), **_open_by_age(snapshot, shown, ages, today), "by_cause": by_cause}


def _open_by_age(snapshot: Snapshot, shown: Shown, ages: Callable[[pl.DataFrame], pl.Series], today: date) -> dict[str, int]:
    """Calendars are no matter of SQL, which counts the open breaks by vendor and first day."""
    rows = snapshot.rows(
        _narrowed(
            "SELECT data_source, first_as_of_date AS first, count(*) AS breaks FROM reconciliation_breaks"
            " WHERE status = 'OPEN' AND {of_break} GROUP BY 1, 2"
        ),
        shown.place,
    )
    schema = pl.Schema({"data_source": pl.String(), "first": pl.Date(), "breaks": pl.Int64()})
    counts = pl.DataFrame(rows, schema=schema).with_columns(last=pl.lit(today))
    counts = counts.with_columns(age=ages(counts.select("data_source", "first", "last")))
    return {name: int(counts.filter(pl.col("age").is_between(least, most))["breaks"].sum()) for name, (least, most) in _AGES.items()}


def alerts_now(snapshot: Snapshot, shown: Shown) -> Row:
    """Open alerts by severity, and how many of them are about files that are late or missing."""
    return (
        snapshot.row(
            _narrowed(
                "SELECT count(*) FILTER (WHERE severity = 'CRITICAL') AS critical, count(*) FILTER (WHERE severity = 'HIGH') AS high,"
                " count(*) FILTER (WHERE severity = 'MEDIUM') AS medium, count(*) FILTER (WHERE severity = 'LOW') AS low,"
                " count(*) FILTER (WHERE code = 'MISSING_FILE') AS missing_files, count(*) FILTER (WHERE code = 'LATE_FILE') AS late_files"
                " FROM alerts WHERE resolved_at IS NULL AND {of_vendor}"
            ),
            shown.place,
        )
        or {}
    )


def processing(snapshot: Snapshot, shown: Shown) -> Row:
    """Of the files: completed, failed, and the 95th percentiles of seconds from arrival, and from ingestion, to published."""
    return (
        snapshot.row(
            _narrowed(
                "SELECT count(*) FILTER (WHERE status IN ('COMPLETED', 'COMPLETED_WITH_ISSUES')) AS completed,"
                " count(*) FILTER (WHERE status = 'FAILED') AS failed,"
                " percentile_cont(0.95) WITHIN GROUP (ORDER BY {latency})"
                "  FILTER (WHERE status IN ('COMPLETED', 'COMPLETED_WITH_ISSUES')) AS latency_p95,"
                " percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM processing_end_time - processing_start_time))"
                "  FILTER (WHERE status IN ('COMPLETED', 'COMPLETED_WITH_ISSUES')) AS time_per_file_p95"
                " FROM etl_processing_log WHERE {of_file}"
            ),
            shown.place,
        )
        or {}
    )


def seconds_to_resolve(snapshot: Snapshot, shown: Shown) -> float | None:
    """Mean seconds that alerts of HIGH and CRITICAL lasted which were over in the days shown; None where there was none.

    As-of days lie behind the clock by which an incident is over: where no last day was asked for, all since the first day count.
    """
    found: float | None = snapshot.value(
        _narrowed(
            "SELECT avg(extract(epoch FROM resolved_at - since))::float8 FROM alerts WHERE severity IN ('HIGH', 'CRITICAL')"
            " AND resolved_at >= %(first)s::date AND (%(is_open)s OR resolved_at < %(last)s::date + 1) AND {of_vendor}"
        ),
        shown.place,
    )
    return found


def delivered_windows(snapshot: Snapshot, shown: Shown) -> dict[str, tuple[date, date, list[date]]]:
    """By feed its first and its latest day ever, and its days among those shown that were ingested."""
    rows = snapshot.rows(
        _narrowed(
            "SELECT log.feed, min(day.as_of_date) AS first_day, max(day.as_of_date) AS latest_day,"
            " coalesce(array_agg(DISTINCT day.as_of_date) FILTER (WHERE day.as_of_date BETWEEN %(first)s AND %(last)s), '{{}}') AS days"
            " FROM delivered_days AS day JOIN etl_processing_log AS log ON log.id = day.etl_log_id"
            " WHERE {of_vendor} GROUP BY log.feed"
        ),
        shown.place,
    )
    return {row["feed"]: (row["first_day"], row["latest_day"], row["days"]) for row in rows}


def quality_shares(snapshot: Snapshot, shown: Shown, feeds: list[str] | None) -> pl.DataFrame:
    """By feed, day and dimension what quality scores are counted from: numerator and denominator."""
    rows = snapshot.rows(
        "SELECT feed, as_of_date, dimension, sum(numerator)::bigint AS numerator, sum(denominator)::bigint AS denominator"
        " FROM delivery_quality_shares WHERE as_of_date BETWEEN %(first)s AND %(last)s"
        " AND (%(feeds)s::text[] IS NULL OR feed = ANY(%(feeds)s))"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        {**shown.place, "feeds": feeds},
    )
    schema = {"feed": pl.String(), "as_of_date": pl.Date(), "dimension": pl.String(), "numerator": pl.Int64(), "denominator": pl.Int64()}
    return pl.DataFrame(rows, schema=schema)
