"""The closing cross-section of each window: the state of every account that has ever been valued, as of the window's end.

Windows with a valuation close with it; into the others the last state is carried, so that the state before any day is
one window's rows: O(accounts), never O(history).
"""

from datetime import date

import polars as pl

from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.windows import number_expr, window_expr, window_number, window_of_number


def latest_states(states: pl.DataFrame) -> pl.DataFrame:
    """Of each account the latest state row, by account."""
    return states.sort("account_id", "as_of_date").unique("account_id", keep="last", maintain_order=True)


def with_carried_states(series: pl.DataFrame, opening: pl.DataFrame | None, *, cadence: Cadence, first: date, last: date) -> pl.DataFrame:
    """Adds ``window`` and ``is_valuation``, and a carried row for every account in every window from first to last that has none.

    ``first`` and ``last`` are windows. ``opening`` is the closing cross-section before ``first`` in the layout of the result.
    A carried row repeats the account's latest one, day included.
    """
    valued = series.with_columns(window_expr(pl.col("as_of_date"), cadence).alias("window"), pl.lit(value=True).alias("is_valuation"))
    known = valued if opening is None else pl.concat([opening.with_columns(window=pl.lit(None, pl.Date())).select(valued.columns), valued])
    number = number_expr(pl.col("window"), cadence)
    from_number = pl.when(pl.col("window").is_null()).then(window_number(first, cadence)).otherwise(number + 1)
    latest_of_window = known.sort("account_id", "as_of_date").unique(["account_id", "window"], keep="last", maintain_order=True)
    until = number.shift(-1).over("account_id").fill_null(window_number(last, cadence) + 1)
    carried = (
        latest_of_window.with_columns(numbers=pl.int_ranges(from_number, until))
        .filter(pl.col("numbers").list.len() > 0)
        .explode("numbers")
        .with_columns(window=window_of_number(pl.col("numbers"), cadence), is_valuation=pl.lit(value=False))
        .drop("numbers")
    )
    return pl.concat([valued, carried])
