"""Periods of one, three and five years: from month end to month end, else from the latest valuation on or before the anniversary.

Accounts and days become one ascending number, so that the valuation on or before a day is found by merging two sorted columns.
"""

import polars as pl

from advisory_perf.contracts.columns import TRAILING_YEARS
from advisory_perf.performance.coverage import stands_for_month_end
from advisory_perf.performance.ordering import begins_account

_DAYS_BITS = 23
"""Bits that hold every day before and after 1970, so that one account's days never reach the next account's."""

_OF_ROW = (
    "_key",
    "as_of_date",
    "growth_index",
    "inception_date",
    "performance_start_date",
    "starts_within_window",
    "last_gap_date",
    "last_missing_date",
    "waits",
    "is_month_end",
    "is_near_month_end",
)


def trailing_returns(rows: pl.DataFrame) -> pl.DataFrame:
    """twrr_<n>y (0.01 is 1 %), twrr_<n>y_from (the close it starts from), twrr_<n>y_over_gap and twrr_<n>y_over_missing of each row.

    A month end starts from the account's last valuation of the month n · 12 months earlier, if that stands for its month's end. Any
    other row starts from the latest valuation on or before the anniversary. Where that would lie in an earlier month, a row of its
    month's last four days, which a holiday that nobody listed may have made a month end, starts from the month end instead. The close
    that the episode's first sub-period starts from is a valuation as well, unless the account was funded later in that window.

    All are null where there is none in the episode, and where the row waits for new funding. ``rows`` has the state columns (see
    linking), ``waits``, and what ``with_coverage`` adds, sorted by account and day; earlier states are found in it too.
    """
    if not rows.height:
        return pl.DataFrame(schema={name: dtype for years in TRAILING_YEARS for name, dtype in _types(years).items()})
    key = begins_account().cast(pl.Int64()).cum_sum() * (1 << _DAYS_BITS) + (1 << (_DAYS_BITS - 1))
    keyed = rows.with_columns(_key=key)
    bases = keyed.select(
        (pl.col("_key") + pl.col("as_of_date").to_physical()).set_sorted().alias("_found"),
        pl.col("_key").alias("_account"),
        pl.col("as_of_date").alias("base_date"),
        pl.col("growth_index").alias("base_index"),
        pl.col("inception_date").alias("base_inception"),
        stands_for_month_end().alias("base_is_month_end"),
    )
    wanting = keyed.select(*_OF_ROW)
    return pl.concat([_trailing(wanting, bases, years) for years in TRAILING_YEARS], how="horizontal")


def _types(years: int) -> dict[str, pl.DataType]:
    name = f"twrr_{years}y"
    return {name: pl.Float64(), f"{name}_from": pl.Date(), f"{name}_over_gap": pl.Boolean(), f"{name}_over_missing": pl.Boolean()}


def _trailing(wanting: pl.DataFrame, bases: pl.DataFrame, years: int) -> pl.DataFrame:
    rows = wanting.hstack(_anniversaries(wanting["as_of_date"], years))
    if rows.select(pl.col("month_end_then").max() < pl.col("performance_start_date").min()).item():
        return rows.select(pl.repeat(None, pl.len(), dtype=dtype).alias(column) for column, dtype in _types(years).items())
    is_month_end = pl.col("is_month_end")
    found = _based(rows, bases, pl.when(is_month_end).then("month_end_then").otherwise("then"), is_month_end)
    is_of_earlier_month = (pl.col("from") < pl.col("month_then")).fill_null(pl.col("month_end_then") >= pl.col("performance_start_date"))
    doubtful = found.select((~is_month_end & pl.col("is_near_month_end") & is_of_earlier_month).arg_true()).to_series()
    if doubtful.len():
        at_month_end = _based(rows[doubtful], bases, pl.col("month_end_then"), pl.lit(value=True))
        better = at_month_end.select(pl.col("from").is_not_null()).to_series()
        for name in ("from", "base") if better.any() else ():
            found = found.with_columns(found[name].scatter(doubtful.filter(better), at_month_end[name].filter(better)))
    figures = (
        pl.col("growth_index") / pl.col("base") - 1,
        pl.col("from"),
        (pl.col("last_gap_date") > pl.col("from")).fill_null(value=False),
        (pl.col("last_missing_date") > pl.col("from")).fill_null(value=False),
    )
    is_found = pl.col("from").is_not_null()
    return found.select(pl.when(is_found).then(figure).alias(column) for column, figure in zip(_types(years), figures, strict=True))


def _anniversaries(day: pl.Series, years: int) -> pl.DataFrame:
    """Of each day the anniversary before, then, with first and last of its month; worked out once a day, not once a row."""
    first, last = day.to_frame().select(first=pl.col("as_of_date").min(), last=pl.col("as_of_date").max()).row(0)
    then = pl.date_range(first, last, eager=True).dt.offset_by(f"-{years}y").alias("then")
    months = pl.DataFrame([then, then.dt.month_start().alias("month_then"), then.dt.month_end().alias("month_end_then")])
    return months.select(pl.all().gather((day - first).dt.total_days()))


def _based(rows: pl.DataFrame, bases: pl.DataFrame, wanted: pl.Expr, at_month_end: pl.Expr) -> pl.DataFrame:
    """Adds what a period starts from on or before the day ``wanted``: from, and base, the growth index there.

    Where ``at_month_end``, only what stands for the end of the month of that day.
    """
    found = rows.with_columns((pl.col("_key") + wanted.to_physical()).set_sorted().alias("_wanted")).join_asof(
        bases, left_on="_wanted", right_on="_found", strategy="backward", check_sortedness=False
    )
    in_episode = (
        (pl.col("_account") == pl.col("_key")) & (pl.col("base_inception") == pl.col("inception_date")) & (pl.col("base_index") > 0)
    ).fill_null(value=False)
    starts_there = in_episode & (~at_month_end | (pl.col("base_is_month_end") & (pl.col("base_date") >= pl.col("month_then"))))
    start = pl.col("performance_start_date")
    begins_later = (pl.col("inception_date") > wanted) & ~pl.col("starts_within_window")
    starts_with_episode = begins_later & (start <= wanted) & (~at_month_end | (start >= pl.col("month_then")))
    chosen = [
        pl.when(pl.col("waits")).then(None).when(starts_there).then(of_row).when(starts_with_episode).then(of_episode).alias(column)
        for column, of_row, of_episode in (("from", pl.col("base_date"), start), ("base", pl.col("base_index"), pl.lit(1.0)))
    ]
    return found.lazy().select(*rows.columns, *chosen).collect(engine="in-memory")


def still_needed(states: pl.DataFrame) -> pl.DataFrame:
    """Of states by account and day, each account's latest and those that a trailing period of a later day may start from."""
    is_last = pl.col("account_id").ne_missing(pl.col("account_id").shift(-1))
    anniversary = pl.when(is_last).then("as_of_date").backward_fill().dt.offset_by(f"-{max(TRAILING_YEARS)}y")
    is_needed = is_last | (pl.col("as_of_date").shift(-1) > anniversary) | (pl.col("as_of_date") >= anniversary.dt.month_start())
    needed = states.select(is_needed).to_series()
    return states if needed.all() else states.filter(needed)
