"""Accounts rolled up to the portfolio or client that they belong to: money added exactly, and one return of the whole.

The return of a group is that of its money, by the one return equation (``performance.returns``) and the one linking; it is no mean of
its accounts' returns. Money is added within one currency only: amounts in several are converted first (``currencies``), or have no sum.
"""

from typing import NamedTuple

import polars as pl

from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.analytics.members import GroupsBefore, missing_members, with_presence
from advisory_perf.contracts.enums import FeeBasis, RollUpStatus, TransferNetting
from advisory_perf.performance.currencies import with_previous_currency, without_changed_currencies
from advisory_perf.performance.net_flow import has_own_timing
from advisory_perf.performance.ordering import Frame, finite, require

_AMOUNTS = ("beginning_market_value", "contributions", "distributions", "ending_market_value")


class GroupSeries(NamedTuple):
    """``series``: a row a group and day. ``leavers``: what accounts took along that left (see ``group_series``)."""

    series: pl.DataFrame
    leavers: pl.DataFrame


def rolled_up(positions: Frame, *, group: str, transfers: TransferNetting, departures: pl.DataFrame | None) -> Frame:
    """One row for each group and day on which any of its accounts is valued, sorted by both: the members' money, added up exactly.

    ``positions`` has one row an account and day: account_id, the column named by ``group``, as_of_date, beginning_market_value,
    contributions, distributions, ending_market_value (Decimal, in ``currency``), currency, fees if there are, and is_closed where more than
    an ending value of 0 may say that nothing is left. Rows without a group belong to none. A lazy frame is collected, and comes out lazy
    again. The result has the group, as_of_date and

    - beginning_market_value, ending_market_value, and fees where they are given: sums over the members valued on the day;
    - contributions, distributions: sums of the members' own, without internal transfers; net_flow = contributions - distributions;
    - internal_transfers: what was netted on either side. With MATCHED a transfer is an amount that exactly one account of the group has
      as its contributions and exactly one other as its distributions of the same day. ambiguous_transfers counts the amounts that stand
      on both sides otherwise (twice on one side, say): these stay flows. With NONE nothing is netted, and the count is null;
    - joined_value: beginning values of accounts that were no members on the group's day before; left_value: ending values, there, of
      accounts that are members no more. Both are external flows at the boundary between two days, after one valuation and before
      the next: beginning value = ending value of the day before + joined_value - left_value, as far as the accounts roll forward. Since
      the joining money is in the beginning value, it is at work for the whole day under every flow timing. 0 on a group's first day;
    - members, the accounts that are valued, and missing_members, those that should be (see ``members.with_presence``);
    - currency, and roll_up_status: OK, or why there is no sum (``RollUpStatus``), as where a value that left is not known. Then all
      amounts are null: a part of the members is never shown as the whole, no value is carried forward, and no two currencies are added.

    ``departures`` (account_id, the group, as_of_date of its last valuation in it) says which accounts have left while they held a value.

    Raises ValueError where a column is missing, an amount is no Decimal, a row has no currency, an account has two rows on one day, a
    departure has no valuation, or the frame says by bod_flow and eod_flow when money crossed, which a sum of accounts cannot.
    Source: GIPS Standards 2020, section 2.A (external cash flows: what enters or leaves the portfolio).
    """
    rows = positions.lazy().collect()
    found, _ = _rolled(rows, group=group, transfers=transfers, departures=departures, before=None)
    return found.lazy() if isinstance(positions, pl.LazyFrame) else found


def portfolio_returns(
    positions: Frame, *, group: str, conventions: ReturnConventions, transfers: TransferNetting, departures: pl.DataFrame | None
) -> Frame:
    """``rolled_up``, with the return of each group and day and all that ``twrr_series`` adds: growth index, MTD, …, since inception.

    Whole histories of the groups go in. Returns are fractions (0.01 is 1 %), by the declared flow timing on the group's own amounts. Null,
    with return_status MISSING_VALUE, on a day without a sum (roll_up_status says why): such a day is a gap, linked_over_gap is set from
    then on, and the next valuation does not cover it. CURRENCY_CHANGE where a group's currency is another than at its last valuation
    with one. cumulative_net_flow adds up net_flow, not joined_value and left_value.

    Errors as in ``rolled_up`` and ``sub_period_returns``; a gross return needs fees. Source: GIPS Standards 2020, section 2.A
    (time-weighted returns, adjusted for external cash flows, geometrically linked).
    """
    rows = positions.lazy().collect()
    series = group_series(rows, group=group, conventions=conventions, transfers=transfers, departures=departures, before=None).series
    return series.lazy() if isinstance(positions, pl.LazyFrame) else series


def group_series(
    positions: pl.DataFrame,
    *,
    group: str,
    conventions: ReturnConventions,
    transfers: TransferNetting,
    departures: pl.DataFrame | None,
    before: GroupsBefore | None,
) -> GroupSeries:
    """``portfolio_returns`` of days that may follow on others: with what is known ``before`` them, as if all had been computed at once.

    Besides the columns of ``portfolio_returns`` the series has last_currency, the currency of the group's latest day with one, which
    the days to come have to know. leavers has the group, known_on, taken_on and ending_market_value: the value that an account which
    left took along, the day of its next row (null where there is none yet, so that only a declaration says so; of what waited before, the
    group's day before), and the day of the group at which it counts as left (null where there is none yet).

    Errors as in ``portfolio_returns`` and ``with_presence``.
    """
    if conventions.fee_basis is FeeBasis.GROSS:
        require(positions, "a gross return", "fees")
    days, leavers = _rolled(positions, group=group, transfers=transfers, departures=departures, before=before)
    as_accounts = with_previous_currency(days.rename({group: "account_id"}), None)
    known = pl.lit(None, pl.String())
    if before is not None:
        latest = before.days.select(account_id=group, _known="last_currency")
        as_accounts, known = as_accounts.join(latest, on="account_id", how="left", maintain_order="left"), pl.col("_known")
    so_far = pl.coalesce(pl.col("currency").forward_fill().over("account_id"), known)
    earlier = pl.coalesce(pl.col("currency").forward_fill().shift(1).over("account_id"), known)
    returns = conventions.returns(as_accounts.with_columns(previous_currency=earlier, last_currency=so_far))
    states = None if before is None or before.states is None else before.states.rename({group: "account_id"})
    linked = conventions.linked(without_changed_currencies(returns).drop("previous_currency", "_known", strict=False), states)
    return GroupSeries(linked.rename({"account_id": group}), leavers)


def _rolled(
    positions: pl.DataFrame, *, group: str, transfers: TransferNetting, departures: pl.DataFrame | None, before: GroupsBefore | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``rolled_up``, and the leavers of ``group_series``."""
    netting = TransferNetting(transfers)
    columns: list[str] = require(positions, "a roll-up", "account_id", group, "as_of_date", *_AMOUNTS, "currency")
    if has_own_timing(positions):
        raise ValueError("a roll-up adds contributions and distributions; of bod_flow and eod_flow make these, and drop both columns")
    amounts: list[str] = [*_AMOUNTS, *(["fees"] if "fees" in columns else [])]
    more = ["currency", *(["is_closed"] if "is_closed" in columns else [])]
    rows = positions.select("account_id", group, "as_of_date", *(_exact(name, positions) for name in amounts), *more)
    if rows["currency"].null_count():
        raise ValueError("a row has no currency; amounts are added within one currency only, so each row has to say its own")
    everyone = with_presence(rows, group=group, departures=departures, before=before)
    present = everyone if before is None else everyone.filter(~pl.col("is_before"))
    key = [group, "as_of_date"]
    sums = present.group_by(key).agg(
        pl.col("place").first(),
        pl.col("currency").min(),
        *(_sum(name) for name in amounts),
        joined_value=_sum("beginning_market_value", where="joins"),
        members=pl.len().cast(pl.Int64()),
        _currencies=pl.col("currency").n_unique(),
    )
    leavers = _leavers(everyone, before, group)
    went = leavers.group_by(group, "place").agg(left_value=_sum("ending_market_value"), _went=pl.lit(value=True))
    days = (
        sums.join(went, on=[group, "place"], how="left")
        .join(_transfers(present, key, netting), on=key, how="left")
        .sort(key)
        .with_columns(pl.when("_went").then("left_value").otherwise(0), pl.col("internal_transfers").fill_null(0))
    )
    if netting is TransferNetting.MATCHED:
        days = days.with_columns(pl.col("ambiguous_transfers").fill_null(0))
    days = days.with_columns(missing_members(everyone, days.select(group, "place"), group=group))
    flows = (pl.col("contributions", "distributions") - pl.col("internal_transfers")).name.keep()
    has_sum = pl.col("roll_up_status") == RollUpStatus.OK.value
    summed = [*amounts, "net_flow", "internal_transfers", "joined_value", "left_value"]
    found = (
        days.with_columns(flows, roll_up_status=_status(amounts))
        .with_columns(net_flow=pl.col("contributions") - pl.col("distributions"))
        .with_columns(pl.when(has_sum).then(pl.col(summed)), currency=pl.when(pl.col("_currencies") == 1).then("currency"))
        .select(*key, "currency", *summed, "ambiguous_transfers", "members", "missing_members", "roll_up_status")
    )
    taken = leavers.join(days.select(group, "place", taken_on="as_of_date"), on=[group, "place"], how="left")
    return found, taken.select(group, "known_on", "taken_on", "ending_market_value")


def _leavers(everyone: pl.DataFrame, before: GroupsBefore | None, group: str) -> pl.DataFrame:
    """group, place at which they count as left, known_on and ending_market_value of accounts that left, also before."""
    is_over = (pl.col("is_before") & (pl.col("left_place") < 1)).fill_null(value=False)
    left = everyone.filter(pl.col("leaves") & ~is_over).select(group, "known_on", "ending_market_value", place="left_place")
    if before is None:
        return left
    value = pl.col("waiting_left_value").cast(left.schema["ending_market_value"])
    waiting = before.days.filter((value != 0).fill_null(value=True))
    first = pl.lit(1, pl.Int64()).alias("place")
    return pl.concat([left, waiting.select(group, pl.col("as_of_date").alias("known_on"), value.alias("ending_market_value"), first)])


def _exact(name: str, frame: pl.DataFrame | pl.LazyFrame) -> pl.Expr:
    if frame.collect_schema()[name].is_float():
        raise ValueError(f"the column {name} holds floats, which do not add up exactly; cast it to Decimal where it is read")
    return finite(name, frame)


def _sum(name: str, *, where: str | None = None) -> pl.Expr:
    """Null where any amount is."""
    amount = pl.col(name) if where is None else pl.col(name).filter(pl.col(where))
    return pl.when(amount.null_count() == 0).then(amount.sum()).alias(name)


def _status(amounts: list[str]) -> pl.Expr:
    return (
        pl.when(pl.col("_currencies") > 1)
        .then(pl.lit(RollUpStatus.SEVERAL_CURRENCIES.value))
        .when(pl.col("missing_members") > 0)
        .then(pl.lit(RollUpStatus.MISSING_MEMBERS.value))
        .when(pl.any_horizontal(pl.col(name).is_null() for name in (*amounts, "left_value") if name != "fees"))
        .then(pl.lit(RollUpStatus.MISSING_VALUE.value))
        .otherwise(pl.lit(RollUpStatus.OK.value))
    )


def _transfers(present: pl.DataFrame, key: list[str], netting: TransferNetting) -> pl.DataFrame:
    """internal_transfers and ambiguous_transfers of each day that has amounts on both sides."""
    sides = [
        present.filter(pl.col(name) > 0).select(*key, "account_id", amount=name, is_into=pl.lit(name == "contributions"))
        for name in ("contributions", "distributions")
    ]
    money = present.schema["contributions"]
    if netting is TransferNetting.NONE:
        schema = {**{name: present.schema[name] for name in key}, "internal_transfers": money, "ambiguous_transfers": pl.Int64()}
        return pl.DataFrame(schema=schema)
    amounts = (
        pl.concat(sides)
        .group_by(*key, "amount")
        .agg(into=pl.col("is_into").sum(), out=(~pl.col("is_into")).sum(), accounts=pl.col("account_id").n_unique())
    )
    on_both_sides = amounts.filter((pl.col("into") > 0) & (pl.col("out") > 0) & (pl.col("accounts") > 1))
    is_transfer = (pl.col("into") == 1) & (pl.col("out") == 1)
    return on_both_sides.group_by(key).agg(
        internal_transfers=pl.col("amount").filter(is_transfer).sum(), ambiguous_transfers=(~is_transfer).sum().cast(pl.Int64())
    )
