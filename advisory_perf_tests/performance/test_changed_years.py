"""Which published figures the month-end rule changed: of an account valued on business month ends, against the rule before it.

Before, every row started from the latest valuation on or before the anniversary. Where the anniversary's month ended on an earlier
weekday of the calendar, that was the month end before, and a year had thirteen months. docs/returns.md has the list.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl

from advisory_perf.performance import twrr_series
from advisory_perf_tests.performance.scenarios import a_return, a_schedule, returns
from advisory_perf_tests.performance.test_month_ends import business, last_days

HOLIDAYS = (date(2018, 3, 30), date(2021, 5, 31), date(2024, 3, 29))
"""Of the days on which New York's exchange was closed from 2015 to 2024, those on the last weekday of a month."""

VALUED = [business(day, HOLIDAYS) for day in last_days(2014, 11) if day >= date(2014, 12, 31)]
YEARS = (1, 3, 5)
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
PAGE = Path(__file__).parents[2] / "docs" / "returns.md"


def series() -> pl.DataFrame:
    """An account that earns one percent a month, from the end of 2014 on."""
    rows = [a_return(day, 0.0 if day == VALUED[0] else 0.01, beginning="0" if day == VALUED[0] else "100") for day in VALUED]
    return twrr_series(returns(*rows), schedule=a_schedule(holidays=HOLIDAYS)).series


def before(day: date, years: int) -> date | None:
    """What the rule before started from."""
    anniversary = date(day.year - years, day.month, 28 if (day.month, day.day) == (2, 29) else day.day)
    return max((each for each in VALUED if each <= anniversary), default=None)


def months_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def changed(years: int) -> Iterator[tuple[date, date, date]]:
    """Day, where its figure started before and where it starts now, of each figure that is another one."""
    for row in series().iter_rows(named=True):
        was, now = before(row["as_of_date"], years), row[f"twrr_{years}y_from"]
        if was is not None and now is not None and was != now:
            yield row["as_of_date"], was, now


def table() -> str:
    """The list as docs/returns.md has it."""
    lines = ["| figure | figures | changed | months they spanned | of the month ends | had none |", "|---|---|---|---|---|---|"]
    for years in YEARS:
        found = list(changed(years))
        spans = sorted({months_between(was, day) for day, was, _ in found})
        by_year = {
            year: [MONTHS[day.month - 1] for day, _, _ in found if day.year == year] for year in sorted({day.year for day, _, _ in found})
        }
        days = "; ".join(f"{year} {', '.join(months)}" for year, months in by_year.items())
        figures = series().drop_nulls(f"twrr_{years}y")["as_of_date"].to_list()
        none = ", ".join(f"{day.year} {MONTHS[day.month - 1]}" for day in figures if before(day, years) is None)
        lines.append(f"| {years}Y | {len(figures)} | {len(found)} | {', '.join(map(str, spans))} | {days} | {none or '-'} |")
    return "\n".join(lines)


def test_the_page_lists_the_figures_that_the_rule_changed() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), table()


def test_each_changed_figure_spanned_a_month_more_and_no_other_changed() -> None:
    for years in YEARS:
        figures = {row["as_of_date"]: row for row in series().iter_rows(named=True)}
        of_changed = {day for day, _, _ in changed(years)}
        for day, was, now in changed(years):
            assert (months_between(was, day), months_between(now, day)) == (12 * years + 1, 12 * years)
        for day, row in figures.items():
            figure = row[f"twrr_{years}y"]
            assert figure is None or abs(figure - (1.01 ** (12 * years) - 1)) < 1e-12
            assert (figure is None) == (months_between(VALUED[0], day) < 12 * years)
            assert day in of_changed or figure is None or before(day, years) in {row[f"twrr_{years}y_from"], None}
