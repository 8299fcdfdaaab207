"""How old a break is by its feed's calendar, whether it matters, and what came and went today. Pure."""

from collections.abc import Mapping
from datetime import date, datetime

import polars as pl

from advisory_perf.contracts.columns import FIGURE
from advisory_perf.contracts.enums import BreakStatus, ReconciledField
from advisory_perf.contracts.materiality import Materiality
from advisory_perf.contracts.schedules import Schedule

_OVER = (BreakStatus.RESOLVED.value, BreakStatus.RESOLVED_BY_RESTATEMENT.value)


def with_measures(breaks: pl.DataFrame, schedules: Mapping[str, Schedule], materiality: Materiality, now: datetime) -> pl.DataFrame:
    """Adds business_days, is_material, is_new_today and is_closed_today to rows of ``reconciliation_breaks``.

    - business_days (Int64): business days of the feed's calendar from the first valuation that breaks up to today, or up to the valuation
      that ended it; a break of today has 0. A vendor without a schedule here has Monday to Friday.
    - is_material: the variance reaches what is agreed; one without a figure of ours has no size and is, and so is one of a whole delivery.
    - is_new_today, is_closed_today: it was found, or was over, on the day of ``now``, in the time zone of ``now``.
    """
    today = pl.lit(now.date())
    end = pl.when(pl.col("status").is_in(_OVER)).then(pl.coalesce("resolved_on", "last_as_of_date")).otherwise(today)
    ages = pl.lit(None, pl.Int64())
    for vendor in breaks["data_source"].unique(maintain_order=True):
        age = _business_days(pl.col("first_as_of_date"), end, schedules.get(vendor))
        ages = pl.when(pl.col("data_source") == vendor).then(age).otherwise(ages)
    is_return = pl.col("field_name") == ReconciledField.TWRR.value
    zone = str(now.tzinfo) if now.tzinfo is not None else "UTC"
    return breaks.with_columns(
        business_days=ages,
        is_material=materiality.is_material(pl.col("variance").cast(FIGURE), is_return),
        is_new_today=pl.col("created_at").dt.convert_time_zone(zone).dt.date() == today,
        is_closed_today=(pl.col("closed_at").dt.convert_time_zone(zone).dt.date() == today).fill_null(value=False),
    )


def _business_days(start: pl.Expr, end: pl.Expr, schedule: Schedule | None) -> pl.Expr:
    holidays: list[date] = sorted(schedule.holidays) if schedule is not None else []
    on_weekends = schedule is not None and schedule.weekends
    counted = pl.business_day_count(start, end, week_mask=(*([True] * 5), on_weekends, on_weekends), holidays=holidays)
    return pl.max_horizontal(counted.cast(pl.Int64()), pl.lit(0, pl.Int64()))
