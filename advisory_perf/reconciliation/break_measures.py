"""How old a break is by its feed's calendar, whether it matters, and what came and went today. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from advisory_perf.contracts.columns import FIGURE
from advisory_perf.contracts.datasets import POSITIONS
from advisory_perf.contracts.enums import BreakStatus, ReconciledField
from advisory_perf.contracts.materiality import Materiality
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.feeds.feed import Feed

MEASURES = ("business_days", "is_material", "is_new_today", "is_closed_today")
_NEEDED = pl.Schema(
    {
        "data_source": pl.String(),
        "field_name": pl.String(),
        "status": pl.String(),
        "first_as_of_date": pl.Date(),
        "last_as_of_date": pl.Date(),
        "resolved_on": pl.Date(),
        "variance": FIGURE,
        "created_at": pl.Datetime("us", "UTC"),
        "closed_at": pl.Datetime("us", "UTC"),
    }
)
_OVER = (BreakStatus.RESOLVED.value, BreakStatus.RESOLVED_BY_RESTATEMENT.value)


@dataclass(frozen=True, slots=True)
class Measuring:
    """By what ages and sizes of breaks are measured: each vendor's calendar, what is material, and what time it is."""

    schedules: Mapping[str, Schedule]
    materiality: Materiality
    now: datetime

    @classmethod
    def by(cls, feeds: Iterable[Feed], materiality: Materiality, now: datetime) -> "Measuring":
        """By the calendars of feeds of positions."""
        return cls({feed.vendor: feed.schedule for feed in feeds if feed.dataset == POSITIONS.name}, materiality, now)

    def measured(self, breaks: pl.DataFrame) -> pl.DataFrame:
        """The breaks with their measures."""
        return with_measures(breaks, self.schedules, self.materiality, self.now)

    def measured_rows(self, breaks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The same of rows by column name, which keep what else they have."""
        frame = pl.DataFrame([[row[name] for name in _NEEDED] for row in breaks], schema=_NEEDED, orient="row")
        measures = self.measured(frame).select(MEASURES).to_dicts()
        return [{**row, **measure} for row, measure in zip(breaks, measures, strict=True)]

    def ages(self, spans: pl.DataFrame) -> pl.Series:
        """business_days of ``spans``: data_source, and first and last (Date), the day up to which each break is counted."""
        return spans.with_columns(business_days=_ages(spans["data_source"], "first", pl.col("last"), self.schedules))["business_days"]


def with_measures(breaks: pl.DataFrame, schedules: Mapping[str, Schedule], materiality: Materiality, now: datetime) -> pl.DataFrame:
    """Adds business_days, is_material, is_new_today and is_closed_today to rows of ``reconciliation_breaks``.

    - business_days (Int64): business days of the feed's calendar from the first valuation that breaks up to today, or up to the valuation
      that ended it; a break of today has 0. A vendor without a schedule here has Monday to Friday.
    - is_material: the variance reaches what is agreed; one without a figure of ours has no size and is, and so is one of a whole delivery.
    - is_new_today, is_closed_today: it was found, or was over, on the day of ``now``, in the time zone of ``now``.
    """
    today = pl.lit(now.date())
    end = pl.when(pl.col("status").is_in(_OVER)).then(pl.coalesce("resolved_on", "last_as_of_date")).otherwise(today)
    ages = _ages(breaks["data_source"], "first_as_of_date", end, schedules)
    is_return = pl.col("field_name") == ReconciledField.TWRR.value
    zone = str(now.tzinfo) if now.tzinfo is not None else "UTC"
    return breaks.with_columns(
        business_days=ages,
        is_material=materiality.is_material(pl.col("variance").cast(FIGURE), is_return),
        is_new_today=pl.col("created_at").dt.convert_time_zone(zone).dt.date() == today,
        is_closed_today=(pl.col("closed_at").dt.convert_time_zone(zone).dt.date() == today).fill_null(value=False),
    )


def _ages(vendors: pl.Series, first: str, end: pl.Expr, schedules: Mapping[str, Schedule]) -> pl.Expr:
    """By the calendar of the vendor in data_source, which is one of ``vendors``."""
    ages = pl.lit(None, pl.Int64())
    for vendor in vendors.unique(maintain_order=True):
        age = _business_days(pl.col(first), end, schedules.get(vendor))
        ages = pl.when(pl.col("data_source") == vendor).then(age).otherwise(ages)
    return ages


def _business_days(start: pl.Expr, end: pl.Expr, schedule: Schedule | None) -> pl.Expr:
    holidays: list[date] = sorted(schedule.holidays) if schedule is not None else []
    on_weekends = schedule is not None and schedule.weekends
    counted = pl.business_day_count(start, end, week_mask=(*([True] * 5), on_weekends, on_weekends), holidays=holidays)
    return pl.max_horizontal(counted.cast(pl.Int64()), pl.lit(0, pl.Int64()))
