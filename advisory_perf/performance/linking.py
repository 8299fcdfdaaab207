"""Geometric linking: sub-period returns to growth index, cumulative and period returns, in one vectorised pass.

The frame is sorted by account and day; an account's state before it goes in as a row of its own, whose factor is the
growth index so far. Multiplication then runs in the same order however the history is cut, so pieces give the bits that the
whole gives. An *episode* is an account's life between total losses; each starts at an index of 1. Everything but the
product itself is done with shifts and forward fills on the sorted frame, which needs no grouping.
"""

import polars as pl

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.conventions import ReturnStatus

STATE = (
    "account_id",
    "as_of_date",
    "ending_market_value",
    "growth_index",
    "cumulative_net_flow",
    "linked_over_gap",
    "inception_date",
    "mtd_base",
    "qtd_base",
    "ytd_base",
)
"""The columns of a state frame: what has to be known of an account to link on from a valuation."""

TRAILING_YEARS = (1, 3, 5)
_PERIODS = {"mtd": "month", "qtd": "quarter", "ytd": "year"}


def twrr_series(returns: pl.DataFrame, *, opening_state: pl.DataFrame | None = None) -> pl.DataFrame:
    """Links sub-period returns (account_id, as_of_date, net_flow, ending_market_value, calculated_twrr, return_status).

    Adds growth_index, cumulative_twrr, cumulative_net_flow (since the first valuation, also across episodes), twrr_mtd, _qtd,
    _ytd, _1y, _3y, _5y (none annualised), linked_over_gap, inception_date and the bases of the periods to date; sorted by
    account and day. index(t) = index(t-1) · (1 + r(t)), GIPS 2020 glossary "geometric linking".

    - An undefined return leaves the index as it is and sets linked_over_gap on this and every later row of the account.
    - A return of -1 makes the index 0 and ends the episode; the next defined return starts a new one at its own day.
      Until then the periods to date are null.
    - A trailing period starts from the latest valuation on or before the anniversary, and is null where the episode has none.

    ``opening_state`` holds state rows (see STATE) from before these returns: of each account the latest one is linked on
    from, and any earlier ones serve trailing periods.
    """
    opening = latest_states(opening_state) if opening_state is not None else None
    rows = _linked(_rows(returns, opening))
    valuations = rows.filter(~pl.col("is_opening")).drop("is_opening")
    history = valuations.select(STATE) if opening_state is None else pl.concat([opening_state.select(STATE), valuations.select(STATE)])
    for years in TRAILING_YEARS:
        valuations = _with_trailing(valuations, history, years)
    return valuations


def latest_states(state: pl.DataFrame) -> pl.DataFrame:
    """Of each account the latest state row, by account."""
    return state.sort("account_id", "as_of_date").unique("account_id", keep="last", maintain_order=True)


def _rows(returns: pl.DataFrame, opening: pl.DataFrame | None) -> pl.DataFrame:
    """Returns and opening rows together, sorted; opening rows carry their state in place of a flow and a factor."""
    is_ok = pl.col("return_status") == ReturnStatus.OK.value
    rows = returns.with_columns(
        is_opening=pl.lit(value=False),
        is_ok=is_ok,
        is_gap=~is_ok,
        factor=pl.when(is_ok).then(1.0 + pl.col("calculated_twrr")).otherwise(1.0),
        flow=pl.col("net_flow").cast(MONEY),
    )
    if opening is None:
        return rows.sort("account_id", "as_of_date")
    known = opening.join(returns.select("account_id").unique(), on="account_id", how="semi").select(
        "account_id",
        "as_of_date",
        pl.lit(value=True).alias("is_opening"),
        pl.lit(value=False).alias("is_ok"),
        pl.col("linked_over_gap").alias("is_gap"),
        pl.col("growth_index").alias("factor"),
        pl.col("cumulative_net_flow").alias("flow"),
        pl.col("inception_date").alias("opening_inception"),
        *(pl.col(f"{period}_base").alias(f"opening_{period}_base") for period in _PERIODS),
    )
    return pl.concat([known, rows], how="diagonal").sort("account_id", "as_of_date")


def _linked(rows: pl.DataFrame) -> pl.DataFrame:
    has_opening = "opening_inception" in rows.columns
    opened = pl.col("is_opening") if has_opening else pl.lit(value=False)
    begins_account = pl.col("account_id").ne_missing(pl.col("account_id").shift(1))
    # an episode begins with the account, and after a row whose factor is zero
    rows = rows.with_columns(begins_account=begins_account).with_columns(
        begins_again=(pl.col("factor").shift(1) == 0).fill_null(value=False) & ~pl.col("begins_account")
    )
    rows = rows.with_columns(
        begins=pl.col("begins_account") | pl.col("begins_again"), oks=pl.col("is_ok").cast(pl.Int32()).cum_sum()
    ).with_columns(episode=pl.col("begins").cast(pl.Int32()).cum_sum())
    oks_before = pl.when("begins").then(pl.col("oks") - pl.col("is_ok")).forward_fill()
    oks_here = pl.col("oks") - oks_before
    again = pl.when("begins").then("begins_again").forward_fill()
    rows = rows.with_columns(
        product=pl.col("factor").cum_prod().over("episode"),
        waits=again & (oks_here == 0),
        restarts=again & (oks_here == 1) & pl.col("is_ok"),
    ).with_columns(growth_index=pl.when("waits").then(0.0).otherwise("product"))
    # a waiting row has the bases of an episode to come, whatever was lost before it
    rows = rows.with_columns(is_anew=pl.col("begins") | pl.col("restarts") | pl.col("waits"))
    before = pl.when("is_anew").then(1.0).otherwise(pl.col("growth_index").shift(1))
    inception = (
        pl.when(opened)
        .then(pl.col("opening_inception") if has_opening else None)
        .when((pl.col("begins") & ~pl.col("begins_again")) | pl.col("restarts"))
        .then("as_of_date")
        .forward_fill()
    )
    bases = [_base(period, unit, before, has_opening=has_opening).alias(f"{period}_base") for period, unit in _PERIODS.items()]
    rows = rows.with_columns(
        _since_account_began(pl.col("flow")).alias("cumulative_net_flow"),
        (_since_account_began(pl.col("is_gap").cast(pl.Int32())) > 0).alias("linked_over_gap"),
        inception.alias("inception_date"),
        (pl.col("growth_index") - 1).alias("cumulative_twrr"),
        *bases,
    )
    waits = pl.col("waits")
    rows = rows.with_columns(
        pl.when(~waits).then(pl.col("growth_index") / pl.col(f"{period}_base") - 1).alias(f"twrr_{period}") for period in _PERIODS
    )
    scratch = ["is_ok", "is_gap", "factor", "flow", "begins_account", "begins_again", "begins", "oks", "episode", "product", "waits"]
    return rows.drop(*scratch, "restarts", "is_anew", *(name for name in rows.columns if name.startswith("opening_")))


def _since_account_began(value: pl.Expr) -> pl.Expr:
    """Running sum that starts anew with each account of the sorted frame; exact for whole numbers and Decimal."""
    total = value.cum_sum()
    return total - pl.when("begins_account").then(total - value).forward_fill()


def _base(period: str, unit: str, before: pl.Expr, *, has_opening: bool) -> pl.Expr:
    """The growth index at the end of the previous month, quarter or year, or where the episode began since."""
    day = pl.col("as_of_date")
    number = day.dt.year() * 12 + (day.dt.month() if unit == "month" else 0) + (day.dt.quarter() if unit == "quarter" else 0)
    is_first = pl.col("is_anew") | (number != number.shift(1))
    if not has_opening:
        return pl.when(is_first).then(before).forward_fill()
    return pl.when("is_opening").then(f"opening_{period}_base").when(is_first).then(before).forward_fill()


def _with_trailing(valuations: pl.DataFrame, history: pl.DataFrame, years: int) -> pl.DataFrame:
    """Adds the return since the latest valuation on or before ``years`` years ago, within the same episode."""
    name = f"twrr_{years}y"
    latest, earliest = valuations["as_of_date"].max(), history["as_of_date"].min()
    anniversary = pl.col("as_of_date").dt.offset_by(f"-{years}y")
    if latest is None or pl.select(pl.lit(latest).dt.offset_by(f"-{years}y") < pl.lit(earliest)).item():
        return valuations.with_columns(pl.lit(None, pl.Float64()).alias(name))
    bases = history.select(
        "account_id", pl.col("as_of_date").alias("anniversary"), pl.col("growth_index").alias("base"), pl.col("inception_date").alias("of")
    ).sort("anniversary")
    found = (
        valuations.with_columns(anniversary=anniversary)
        .with_row_index("row")
        .sort("anniversary")
        .join_asof(bases, on="anniversary", by="account_id", strategy="backward", check_sortedness=False)
        .sort("row")
    )
    applies = (pl.col("of") == pl.col("inception_date")) & (pl.col("base") > 0)
    return found.with_columns(pl.when(applies).then(pl.col("growth_index") / pl.col("base") - 1).alias(name)).drop(
        "row", "anniversary", "base", "of"
    )
