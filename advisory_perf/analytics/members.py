"""Which accounts of a group are there on which of its days, who joins and leaves, and whose valuation is missing.

A group is what a column of the positions names: a portfolio, a client, a composite. Its days are those on which any of its accounts is
valued. Everything is counted by a day's place among them, so that no grid of accounts and days is made.
"""

import polars as pl

from advisory_perf.performance.ordering import begins_account, in_order, require

_DAY = "as_of_date"


def with_presence(positions: pl.DataFrame, *, group: str, departures: pl.DataFrame | None) -> pl.DataFrame:
    """Adds place, joins, leaves, next_place and is_missed_after to the rows of groups, by account and day.

    - place: the number of the row's day among the days of its group, from 0; rows without a group are left out.
    - joins: the group has an earlier day, and the account was no member on the day before.
    - leaves: the account is no member after the row, though it holds a value; its value went out with it.
    - is_missed_after: the account holds a value, is a member still, and has no valuation on the group's next day; next_place is where it
      is valued again (null: nowhere).

    An account is a member from its first row with the group's name on. It leaves where its next row has another name, or none, and where
    ``departures`` (account_id, the group, as_of_date: its last day) say so. Where it holds nothing (ending value 0) it is closed: it may
    stay away, and is missed by nobody. One that just stops holds a value still: it is missed on every later day, until it comes back or
    ``departures`` have it. Nothing is carried forward.

    ValueError where a departure is of an account that has no valuation on its day in the group, and where ``in_order`` raises one.
    """
    rows = in_order(positions)
    by, holds_nothing = pl.col(group), (pl.col("ending_market_value") == 0).fill_null(value=False)
    rows = rows.with_columns(_departs=pl.lit(value=False)) if departures is None else _with_departures(rows, departures, group)
    days = rows.filter(by.is_not_null()).select(group, _DAY).unique().sort(group, _DAY)
    days = days.with_columns(place=pl.int_range(pl.len(), dtype=pl.Int64()).over(group))
    begins = begins_account() | by.ne_missing(by.shift(1)) | pl.col("_departs").shift(1)
    is_last = begins_account().shift(-1, fill_value=True)
    return (
        rows.with_columns(_begins=begins, _is_last=is_last, _is_closed=holds_nothing)
        .join(days, on=[group, _DAY], how="left", maintain_order="left")
        .with_columns(_follows=~pl.col("_begins").shift(-1, fill_value=True))
        .with_columns(next_place=pl.when("_follows").then(pl.col("place").shift(-1)))
        .with_columns(
            joins=(pl.col("place") > 0)
            & (pl.col("_begins") | (pl.col("_is_closed").shift(1) & (pl.col("place").shift(1) < pl.col("place") - 1))),
            leaves=~pl.col("_follows") & ~pl.col("_is_closed") & (pl.col("_departs") | ~pl.col("_is_last")),
            is_missed_after=~pl.col("_is_closed")
            & ((pl.col("next_place") > pl.col("place") + 1) | (pl.col("_is_last") & ~pl.col("_departs"))).fill_null(value=False),
        )
        .filter(by.is_not_null())
        .drop("_begins", "_is_last", "_is_closed", "_departs", "_follows")
    )


def missing_members(present: pl.DataFrame, days: pl.DataFrame, *, group: str) -> pl.Series:
    """Of each of the groups' ``days`` (the group, place; by both) how many members are missing.

    An account that is missed counts from the day after its last row up to the day before it is valued again: a count goes up there
    and down again, and is added up.
    """
    missed = present.filter("is_missed_after")
    changes = pl.concat(
        [
            missed.select(group, pl.col("place") + 1, change=pl.lit(1, pl.Int64())),
            missed.filter(pl.col("next_place").is_not_null()).select(group, place="next_place", change=pl.lit(-1, pl.Int64())),
        ]
    )
    by_day = changes.group_by(group, "place").agg(pl.col("change").sum())
    counted = days.join(by_day, on=[group, "place"], how="left", maintain_order="left")
    return counted.select(missing_members=pl.col("change").fill_null(0).cum_sum().over(group)).to_series()


def _with_departures(rows: pl.DataFrame, departures: pl.DataFrame, group: str) -> pl.DataFrame:
    key = ["account_id", group, _DAY]
    require(departures, "a frame of departures", *key)
    declared = departures.select(key).unique()
    unknown = declared.join(rows, on=key, how="anti").sort(key)
    if unknown.height:
        account, of_group, day = unknown.row(0)
        raise ValueError(
            f"account {account} is to leave {of_group} after {day}, and has no valuation there on that day; give the day of its last one"
        )
    return rows.join(declared.with_columns(_departs=pl.lit(value=True)), on=key, how="left", maintain_order="left").with_columns(
        pl.col("_departs").fill_null(value=False)
    )
