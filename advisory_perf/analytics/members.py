"""Which accounts of a group are there on which of its days, who joins and leaves, and whose valuation is missing.

A group is what a column of the positions names: a portfolio, a client, a composite. Its days are those on which any of its accounts is
valued. Everything is counted by a day's place among them, so that no grid of accounts and days is made. What is said of a day follows
from that day and those before it: no later one changes it, so that days may come in any pieces.
"""

from dataclasses import dataclass

import polars as pl

from advisory_perf.performance.ordering import begins_account, in_order, require

_DAY = "as_of_date"


@dataclass(frozen=True, slots=True)
class GroupsBefore:
    """What has to be known of accounts and groups before the days that are rolled up; all of it lies before the first of them.

    - ``members``: each account's latest row, with account_id, the column of the group, as_of_date, ending_market_value, and is_closed if
      the positions have it.
    - ``days``: each group's latest day: the group, as_of_date, last_currency (of its latest day with one), and waiting_left_value: the
      value of accounts that are known to have left since that day. It counts as left on the group's next day.
    - ``states``: the linking states of the groups (``linking.STATE`` with the group in place of account_id), where returns are linked.
    """

    members: pl.DataFrame
    days: pl.DataFrame
    states: pl.DataFrame | None = None


def with_presence(positions: pl.DataFrame, *, group: str, departures: pl.DataFrame | None, before: GroupsBefore | None) -> pl.DataFrame:
    """Adds place, joins, leaves, left_place, known_on, next_place and is_missed_after to the rows of groups, by account and day.

    - place: the number of the row's day among the days of its group, from 0; rows without a group are left out.
    - joins: the group has an earlier day, and the account was no member on the day before.
    - leaves: the account is no member any more at some time after the row, though it holds a value, which went out with it. It left
      by the group's day of left_place, and the account's next row is of the day known_on (null: there is none yet).
    - is_missed_after: the account holds a value, is a member still, and has no valuation on the group's next day. It is missed until
      the day of next_place, where it is valued again or is known to be elsewhere (null: nowhere yet).

    An account is a member from its first row with the group's name on. It leaves with its next row of another name, or none: on the
    group's first day on or after that row's day. On the days in between it is missing, since nobody could know on them where it would
    come up again. ``departures`` (account_id, the group, as_of_date: its last day) say that it leaves right after a day. Where it holds
    nothing (ending value 0), or is_closed, if there is such a column, says that its owner has emptied it, it is closed: it may stay away,
    and is missed by nobody. One that just stops holds a value still: it is missed on every later day, until it comes back or
    ``departures`` have it. Nothing is carried forward.

    The rows of ``before`` come along, with is_before; the group's last day before has the place 0 then, and earlier rows -1.

    ValueError where a departure is of an account that has no valuation on its day in the group, where ``before`` does not lie before
    the rows or does not know the group of a member, and where ``in_order`` raises one.
    """
    rows = in_order(_together(positions, before, group))
    by, is_before = pl.col(group), pl.col("is_before")
    if rows.select((is_before & ~begins_account()).any()).item():
        raise ValueError("an account has a row before the days that are rolled up that is not before its first one; give earlier rows")
    rows = rows.with_columns(_departs=pl.lit(value=False)) if departures is None else _with_departures(rows, departures, group)
    days = _days(rows, before, group)
    begins = begins_account() | by.ne_missing(by.shift(1)) | pl.col("_departs").shift(1)
    holds_nothing = (pl.col("ending_market_value") == 0).fill_null(value=False)
    is_closed = holds_nothing | pl.col("is_closed").fill_null(value=False) if "is_closed" in rows.columns else holds_nothing
    rows = (
        rows.with_columns(
            _begins=begins,
            _is_last=begins_account().shift(-1, fill_value=True),
            _is_closed=is_closed,
            known_on=pl.when(~begins_account().shift(-1, fill_value=True)).then(pl.col(_DAY).shift(-1)),
        )
        .join(days, on=[group, _DAY], how="left", maintain_order="left")
        .with_columns(place=pl.when(is_before & by.is_not_null()).then(pl.col("place").fill_null(-1)).otherwise("place"))
        .with_columns(_follows=~pl.col("_begins").shift(-1, fill_value=True))
        .with_columns(_goes=by.is_not_null() & ~(pl.col("_follows") | pl.col("_is_last") | pl.col("_departs")))
    )
    elsewhere = _first_places(rows, days, group)
    return (
        rows.with_columns(next_place=pl.when("_follows").then(pl.col("place").shift(-1)).otherwise(elsewhere))
        .with_columns(
            joins=(pl.col("place") > 0)
            & (pl.col("_begins") | (pl.col("_is_closed").shift(1) & (pl.col("place").shift(1) < pl.col("place") - 1))),
            leaves=(pl.col("_goes") | pl.col("_departs")) & ~holds_nothing,
            left_place=pl.when("_departs").then(pl.col("place") + 1).when("_goes").then("next_place"),
            is_missed_after=~pl.col("_is_closed")
            & ~pl.col("_departs")
            & (pl.col("next_place").is_null() | (pl.col("next_place") > pl.col("place") + 1)),
        )
        .filter(by.is_not_null())
        .drop("_begins", "_is_last", "_is_closed", "_departs", "_follows", "_goes")
    )


def missing_members(present: pl.DataFrame, days: pl.DataFrame, *, group: str) -> pl.Series:
    """Of each of the groups' ``days`` (the group, place; by both) how many members are missing.

    An account that is missed counts from the day after its last row up to the day before it is valued again, or known to be elsewhere:
    a count goes up there and down again, and is added up.
    """
    missed = present.filter("is_missed_after")
    first = pl.when("is_before").then(1).otherwise(pl.col("place") + 1)
    changes = pl.concat(
        [
            missed.select(group, place=first.cast(pl.Int64()), change=pl.lit(1, pl.Int64())),
            missed.filter(pl.col("next_place").is_not_null()).select(group, place="next_place", change=pl.lit(-1, pl.Int64())),
        ]
    )
    by_day = changes.group_by(group, "place").agg(pl.col("change").sum())
    counted = days.join(by_day, on=[group, "place"], how="left", maintain_order="left")
    return counted.select(missing_members=pl.col("change").fill_null(0).cum_sum().over(group)).to_series()


def _together(positions: pl.DataFrame, before: GroupsBefore | None, group: str) -> pl.DataFrame:
    rows = positions.with_columns(is_before=pl.lit(value=False))
    if before is None:
        return rows
    own = ["account_id", group, _DAY, "ending_market_value", *(["is_closed"] if "is_closed" in rows.columns else [])]
    require(before.members, "what is known of accounts before", *own)
    earlier = before.members.select(*own, is_before=pl.lit(value=True))
    return pl.concat([earlier.sort(_DAY), rows], how="diagonal").select(rows.columns)  # day by day, which in_order is quick with


def _days(rows: pl.DataFrame, before: GroupsBefore | None, group: str) -> pl.DataFrame:
    """The days of each group with their places, by both."""
    own = (
        rows.filter(pl.col(group).is_not_null() & ~pl.col("is_before"))
        .select(group, _DAY)
        .unique()
        .with_columns(_is_own=pl.lit(value=True))
    )
    if before is not None:
        own = pl.concat([before.days.select(group, _DAY, _is_own=pl.lit(value=False)), own])
    days = own.sort(group, _DAY).with_columns(place=pl.int_range(pl.len(), dtype=pl.Int64()).over(group))
    is_again = (pl.col(group) == pl.col(group).shift(-1)) & (pl.col(_DAY) == pl.col(_DAY).shift(-1))
    late = days.filter(~pl.col("_is_own") & ((pl.col("place") > 0) | is_again))
    if late.height:
        raise ValueError(
            f"{late[group][0]} has a day before those that are rolled up which is not before the first of them; give an earlier one"
        )
    if before is not None:
        unknown = rows.filter("is_before", pl.col(group).is_not_null()).join(before.days, on=group, how="anti")
        if unknown.height:
            raise ValueError(
                f"account {unknown['account_id'][0]} was in {unknown[group][0]}, of which no day before is given; give its latest"
            )
    return days.drop("_is_own")


def _first_places(rows: pl.DataFrame, days: pl.DataFrame, group: str) -> pl.Series:
    """Of each row after which its account goes elsewhere: the place of its group's first day on or after the day on which that is known."""
    found = pl.repeat(None, rows.height, dtype=pl.Int64(), eager=True)
    goes = rows["_goes"].arg_true()
    if goes.is_empty():
        return found
    known = rows[goes].select(group, "known_on", _row=goes).sort("known_on")
    by_day = days.select(group, _DAY, _place="place").sort(_DAY)
    first = known.join_asof(by_day, left_on="known_on", right_on=_DAY, by=group, strategy="forward", check_sortedness=False)
    return found.scatter(first["_row"], first["_place"])


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
