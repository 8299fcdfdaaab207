"""What the dashboard and the key figures are put together from, for the API and for pages."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import polars as pl

from advisory_perf.analytics.kpis import measured
from advisory_perf.api.service import Service
from advisory_perf.contracts.enums import QualityDimension, ReconciledField
from advisory_perf.contracts.windows import last_day_of, next_window, window_of
from advisory_perf.feeds.feed import Feed
from advisory_perf.quality.scores import scores, weights_of
from advisory_perf.warehouse.reading import dashboard
from advisory_perf.warehouse.reading.dashboard import Shown
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot


def summary(snapshot: Snapshot, service: Service, shown: Shown) -> Row:
    """Everything of ``/api/dashboard/summary``."""
    rates = dashboard.pass_rates_by_day(snapshot, shown)
    return {
        "first": shown.first,
        "last": shown.last,
        "vendor": shown.vendor,
        "kpis": _figures(snapshot, service, shown, rates),
        "deliveries": dashboard.deliveries_by_day(snapshot, shown),
        "market_values": dashboard.market_values(snapshot, shown),
        "pass_rates": rates,
        "breaks": dashboard.breaks_now(snapshot, shown, service.measuring().ages, service.clock().date()),
        "alerts": dashboard.alerts_now(snapshot, shown),
    }


def key_figures(snapshot: Snapshot, service: Service, shown: Shown) -> list[dict[str, object]]:
    """Every key figure of the days shown."""
    return _figures(snapshot, service, shown, dashboard.pass_rates_by_day(snapshot, shown))


def _figures(snapshot: Snapshot, service: Service, shown: Shown, rates: Sequence[Row]) -> list[dict[str, object]]:
    """The same where ``rates``, the pass rates of the days, are read already."""
    files = dashboard.processing(snapshot, shown)
    of_twrr = [row for row in rates if row["field_name"] == ReconciledField.TWRR]
    whole = _scored(_shares(snapshot, service, shown), service, []).filter(dimension=QualityDimension.TOTAL.value)
    return measured(
        {
            "success_rate": _share(files["completed"], files["completed"] + files["failed"]),
            "quality_score": whole["score"].item() if whole.height else None,
            "twrr_pass_rate": _share(sum(row["compared"] - row["breaks"] for row in of_twrr), sum(row["compared"] for row in of_twrr)),
            "tolerance_violations": _share(sum(row["breaks"] for row in rates), sum(row["compared"] for row in rates)),
            "completeness": _share(*_windows(service.feeds, dashboard.delivered_windows(snapshot, shown), shown, service.clock())),
            "latency_p95": files["latency_p95"],
            "time_per_file_p95": files["time_per_file_p95"],
            "mttr": dashboard.seconds_to_resolve(snapshot, shown),
            "query_response_p95": service.metrics.percentile(0.95),
        }
    )


def quality(snapshot: Snapshot, service: Service, shown: Shown) -> Row:
    """Everything of ``/api/quality/score``: over all days, by vendor, and day by day."""
    shares = _shares(snapshot, service, shown)
    whole, by_feed, by_day = (_scored(shares, service, by) for by in ([], ["feed"], ["as_of_date"]))
    total = whole.filter(dimension=QualityDimension.TOTAL.value)
    weights = {dimension.value: weight for dimension, weight in weights_of(service.settings).items()}
    return {
        "first": shown.first,
        "last": shown.last,
        "vendor": shown.vendor,
        "score": total["score"].item() if total.height else None,
        "dimensions": [
            {**row, "weight": weights[row["dimension"]]} for row in whole.to_dicts() if row["dimension"] != QualityDimension.TOTAL.value
        ],
        "by_feed": by_feed.to_dicts(),
        "by_day": by_day.select("as_of_date", "dimension", "score").to_dicts(),
    }


def _shares(snapshot: Snapshot, service: Service, shown: Shown) -> pl.DataFrame:
    """Of a vendor's feeds, or under its own name where it has none, as deliveries of before are kept."""
    feeds = None if shown.vendor is None else [feed.name for feed in service.feeds_of(shown.vendor)] or [shown.vendor]
    return dashboard.quality_shares(snapshot, shown, feeds)


def _scored(shares: pl.DataFrame, service: Service, by: list[str]) -> pl.DataFrame:
    """Every dimension and the total by these columns; of all together without any."""
    if not by:
        return scores(shares.with_columns(whole=pl.lit(0)), weights_of(service.settings), ["whole"]).drop("whole")
    return scores(shares, weights_of(service.settings), by)


def _windows(
    feeds: Mapping[str, Feed], delivered: Mapping[str, tuple[date, date, list[date]]], shown: Shown, now: datetime
) -> tuple[int, int]:
    """How many windows among the days shown came, of those that were due: from the first one ever, whole, with their deadline over.

    A feed without a deadline owes what lies between its first and its latest day.
    """
    there = due = 0
    for name, (first_day, latest_day, days) in delivered.items():
        feed = feeds.get(name)
        if feed is None:
            continue
        came = {window_of(day, feed.cadence) for day in days}
        window, last = window_of(max(first_day, shown.first), feed.cadence), min(shown.last, max(latest_day, now.date()))
        while window <= last and last_day_of(window, feed.cadence) <= last:
            is_over = window <= latest_day if feed.deadline is None else feed.deadline.instant(window, feed.schedule) <= now
            if feed.schedule.expects(window) and is_over:
                due += 1
                there += window in came
            window = next_window(window, feed.cadence)
    return there, due


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
