"""What an account's valuations are shown as: points with the benchmark beside them, and years of months. Computed in ``performance``."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from advisory_perf.contracts.columns import COLUMNS
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.errors import RequestError
from advisory_perf.performance.calendar import NEEDED as OF_CALENDAR
from advisory_perf.performance.calendar import calendar_returns
from advisory_perf.performance.risk import excess_returns
from advisory_perf.warehouse.reading.snapshot import Row

_OF_BENCHMARK = (
    "account_id",
    "as_of_date",
    "beginning_market_value",
    "ending_market_value",
    "calculated_twrr",
    "return_status",
    "benchmark_return",
    "cumulative_twrr",
    "inception_date",
    "starts_within_window",
    "is_closed",
)
_SHOWN = (
    "as_of_date",
    "ending_market_value",
    "net_flow",
    "calculated_twrr",
    "return_status",
    "cumulative_twrr",
    "benchmark_return",
    "vendor_twrr",
    "delivery_id",
    "line_number",
)
OF_POINTS = tuple(dict.fromkeys((*_SHOWN, *_OF_BENCHMARK)))
"""The columns of valuations that ``points`` needs, and ``years`` those of ``OF_CALENDAR``."""
_CELL = {
    "value": "linked_return",
    "over_gap": "over_gap",
    "over_missing": "over_missing",
    "partial": "is_partial",
    "benchmark": "benchmark_return",
    "excess": "excess_return",
}
_MONTHS = range(1, 13)

MOST_POINTS = 5_000

__all__ = ["OF_CALENDAR", "OF_POINTS", "few", "points", "years"]


def few(series: list[Row], relation: str) -> list[Row]:
    """The series; RequestError where it is too long for an answer."""
    if len(series) > MOST_POINTS:
        raise RequestError(
            f"the series has {len(series):,} points, more than {MOST_POINTS:,}; narrow it by date_range, or export {relation}"
        )
    return series


def points(rows: Sequence[Row], schedule: Schedule | None) -> list[Row]:
    """A point a valuation: all of an account's come in, since the benchmark is linked from the base that its return has.

    Without ``schedule``, of a vendor that has no feed, nobody knows over what the benchmark is to be linked.
    """
    shown = [{name: row[name] for name in _SHOWN} for row in rows]
    if schedule is None:
        nothing = {"cumulative_benchmark": None, "benchmark_over_gap": None, "benchmark_covers_more": None}
        return [row | nothing for row in shown]
    found = excess_returns(_frame(rows, _OF_BENCHMARK), schedule=schedule).select(
        cumulative_benchmark="benchmark_cumulative_return",
        benchmark_over_gap="benchmark_linked_over_gap",
        benchmark_covers_more="benchmark_covers_more",
    )
    return [row | beside for row, beside in zip(shown, found.to_dicts(), strict=True)]


def years(rows: Sequence[Row], schedule: Schedule) -> list[Row]:
    """The calendar of returns by year, with a cell a month and a total."""
    cells: dict[int, dict[int | None, Row]] = {}
    for row in calendar_returns(_frame(rows, OF_CALENDAR), schedule=schedule).to_dicts():
        cells.setdefault(row["year"], {})[row["month"]] = {name: row[column] for name, column in _CELL.items()}
    return [{"year": year, "months": [of_year.get(month) for month in _MONTHS], "total": of_year[None]} for year, of_year in cells.items()]


def _frame(rows: Sequence[Row], names: Sequence[str]) -> pl.DataFrame:
    schema: dict[str, Any] = {name: COLUMNS[name].kind.polars for name in names}
    return pl.DataFrame([{name: row[name] for name in names} for row in rows], schema=schema)
