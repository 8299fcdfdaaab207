"""Wide tables to raw rows: a file with a column for every period becomes one with a row for every period.

The feed says with a regular expression which columns these are; what its groups find in the header become columns of their own,
with the text as it is printed there. Nothing else is read out of a header.
"""

from functools import reduce

import polars as pl

from advisory_perf.feeds.names import folded, visible
from advisory_perf.feeds.reshaping import Unpivot
from advisory_perf.feeds.sources import Numbers
from advisory_perf.feeds.units import unit_in
from advisory_perf.ingestion.limits import cells_allowed
from advisory_perf.ingestion.parsing.numbers import is_blank
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MARK, MISFIT, Reading, bare, cell, cell_columns
from advisory_perf.ingestion.unit_doubts import tell_of_unit

_ROWS_A_CELL = 16


def unpivoted(raw: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """The raw rows as they are, or where the feed says so one for each line and period that has a value.

    ``line_number`` is the line's for all of its rows. DeliveryRejectedError: E_HEADER_DUPLICATE where two columns are for one
    period, E_TOO_LARGE.
    """
    layout = reading.feed.files.unpivot
    if layout is None:
        return raw
    periods = _periods(raw, layout, reading)
    spread = {name for columns in periods.values() for name in columns.values()}
    kept = [name for name in raw.columns if name not in spread]
    height = raw.height * len(periods)
    if height > reading.bounds.rows:
        raise reading.too_large(f"has {height:,} cells that become rows", "ROWS")
    if height * len(kept) > cells_allowed(raw.height * raw.width, _ROWS_A_CELL):
        raise reading.refused("E_TOO_LARGE", "has too many periods beside too many other columns; send a row a period")
    rows, others = raw.filter(pl.col(MISFIT).is_null()), raw.filter(pl.col(MISFIT).is_not_null())
    last = next(reversed(periods))
    parts = [
        _of_period(
            rows.select(*kept, *columns.values()),
            dict(zip(layout.period_columns, period, strict=True)),
            columns,
            reading.feed.numbers,
            is_last=period == last,
        )
        for period, columns in periods.items()
    ]
    return pl.concat([*parts, others.select(kept)], how="diagonal").sort(LINE_NUMBER, maintain_order=True)


def _periods(raw: pl.DataFrame, layout: Unpivot, reading: Reading) -> dict[tuple[str, ...], dict[str, str]]:
    """What the groups found, and which column of the raw frame then holds each value, in the file's order."""
    periods: dict[tuple[str, ...], dict[str, str]] = {}
    printed: dict[tuple[str, ...], tuple[str, ...]] = {}
    for name in cell_columns(raw):
        target, period = layout.found_in(name.removeprefix(cell("")))
        if target is None:
            continue
        period = printed.setdefault(tuple(map(folded, period)), period)
        columns = periods.setdefault(period, {})
        if target in columns:
            raise reading.refused(
                "E_HEADER_DUPLICATE", f"has two columns of {target} for {', '.join(period)}; which one is meant is ambiguous"
            )
        columns[target] = name
        _ask_for_scale(name.removeprefix(cell("")), target, period, reading)
    return periods


def _ask_for_scale(column: str, target: str, period: tuple[str, ...], reading: Reading) -> None:
    """E_SCALE_AMBIGUOUS, or a notice, where the name of a period's column has a unit and the feed no scale for its amounts."""
    feed = reading.feed
    field, source = next(((field, source) for field, source in feed.columns.items() if source.from_ == target), ("", None))
    rest = reduce(lambda name, text: name.replace(text, " ") if text else name, period, visible(column))
    unit = unit_in(rest) if source is not None and source.scale is None and field in feed.contract.money else None
    if unit is not None:
        tell_of_unit(column, unit, field, reading)


def _of_period(rows: pl.DataFrame, period: dict[str, str], columns: dict[str, str], numbers: Numbers, *, is_last: bool) -> pl.DataFrame:
    """The rows of one period that have a value in it; only the last one's cells are those that a cut of the file would hit.

    A text that means no value is none, as an empty cell is, but for one that may be the beginning of a number that was cut.
    """
    may_be_cut = pl.col(MARK).is_not_null() if is_last else pl.lit(value=False)
    has_value = pl.any_horizontal(
        ~is_blank(bare(pl.col(name)), numbers) | (may_be_cut & (pl.col(name).fill_null("") != "")) for name in columns.values()
    )
    return (
        rows.filter(has_value)
        .with_columns(
            *([] if is_last else [pl.lit(None, pl.String()).alias(MARK)]),
            *(pl.lit(text).alias(cell(name)) for name, text in period.items()),
        )
        .rename({name: cell(target) for target, name in columns.items()})
    )
