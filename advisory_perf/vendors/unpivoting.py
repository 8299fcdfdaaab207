"""Wide tables to raw rows: a file with a column for every period becomes one with a row for every period.

The feed says with a regular expression which columns these are; what its groups find in the header become columns of their own,
with the text as it is printed there. Nothing else is read out of a header.
"""

import polars as pl

from advisory_perf.vendors.bounds import cells_allowed
from advisory_perf.vendors.layouts import Unpivot
from advisory_perf.vendors.raw import LINE_NUMBER, MARK, MISFIT, Reading, cell, cell_columns

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
        _of_period(rows.select(*kept, *columns.values()), period, columns, layout, is_last=period == last)
        for period, columns in periods.items()
    ]
    return pl.concat([*parts, others.select(kept)], how="diagonal").sort(LINE_NUMBER, maintain_order=True)


def _periods(raw: pl.DataFrame, layout: Unpivot, reading: Reading) -> dict[tuple[str, ...], dict[str, str]]:
    """What the groups found, and which column of the raw frame then holds each value, in the file's order."""
    periods: dict[tuple[str, ...], dict[str, str]] = {}
    for name in cell_columns(raw):
        target, period = layout.found_in(name.removeprefix(cell("")))
        if target is None:
            continue
        columns = periods.setdefault(period, {})
        if target in columns:
            raise reading.refused(
                "E_HEADER_DUPLICATE", f"has two columns of {target} for {', '.join(period)}; which one is meant cannot be told"
            )
        columns[target] = name
    return periods


def _of_period(rows: pl.DataFrame, period: tuple[str, ...], columns: dict[str, str], layout: Unpivot, *, is_last: bool) -> pl.DataFrame:
    """The rows of one period; only the last one's cells are those that a cut of the file would hit."""
    has_value = pl.any_horizontal(pl.col(name).is_not_null() & (pl.col(name) != "") for name in columns.values())
    return (
        rows.filter(has_value)
        .with_columns(
            *([] if is_last else [pl.lit(None, pl.String()).alias(MARK)]),
            *(pl.lit(text).alias(cell(name)) for name, text in zip(layout.period_columns, period, strict=True)),
        )
        .rename({name: cell(target) for target, name in columns.items()})
    )
