"""What accounts tell of each other: new ones, renumbered ones, and those that are valued on another day than their portfolio.

Each function gives the rows of the run's own windows that a person should look at, and looks back only: what depends on a later
window, such as an account that is gone from then on, is said of that window. So the result is the same whichever way windows are put
into runs, and in every order of arrival.

*Rows across accounts* have one row a valuation, in any order: the columns of ROWS. ``ordinal`` numbers the windows of the feed
in which it has delivered positions, without a gap; ``is_own`` says whether the window is the run's or was only looked back on.
"""

import polars as pl

from advisory_perf.contracts.enums import Cadence

ROWS = (
    "account_id",
    "account_name",
    "portfolio_id",
    "client_id",
    "currency",
    "as_of_date",
    "window",
    "ordinal",
    "is_own",
    "delivery_id",
    "beginning_market_value",
    "contributions",
    "distributions",
    "ending_market_value",
    "vendor_value_half_unit",
    "is_emptied",
)

_BESIDES = ("account_name", "portfolio_id", "client_id")
"""What an account that was renumbered may have kept; evidence, and no condition."""

_BEHIND = 3
"""So many windows an account may lie behind the last day of its delivery; further back it ended."""


def by_window(rows: pl.DataFrame, *, several: bool) -> pl.DataFrame:
    """One row an account and window, with ``before``: the place of the account's row before it, null at its first one.

    Where there may be several valuations, a row has its first one's beginning value, the flows of all, and the rest of the last.
    """
    if several:
        key, summed = ["account_id", "ordinal"], ("contributions", "distributions")
        last = (pl.col(name).last() for name in rows.columns if name not in (*key, "beginning_market_value", *summed))
        first, flows = pl.col("beginning_market_value").first(), pl.col(summed).sum()
        rows = rows.sort("account_id", "as_of_date").group_by(key, maintain_order=True).agg(first, flows, *last).select(rows.columns)
    code = pl.col("account_id").cast(pl.Categorical).to_physical().cast(pl.Int64())  # numbers sort in a fraction of the time
    keys = rows.select(code=code, key=code * _WINDOWS + pl.col("ordinal"))
    order = keys["key"].arg_sort().cast(pl.Int64())
    codes = keys["code"].gather(order)
    before = pl.repeat(None, rows.height, dtype=pl.Int64(), eager=True)
    return rows.with_columns(before.scatter(order, order.shift(1).zip_with(codes == codes.shift(1), before)).alias("before"))


_WINDOWS = 1 << 24
"""More windows than any feed has, so that an account's number and a window's make one key."""


def new_accounts(rows: pl.DataFrame, known: pl.DataFrame | None) -> pl.DataFrame:
    """The first row of each account that the feed has not had before, though it goes back further, by day and account.

    ``rows`` is as ``by_window`` gives it; ``known`` has the account_id of every account from before the run, None where nothing was before
    it, so that the feed's first window has no new accounts.
    """
    begins = rows.filter(pl.col("before").is_null() & pl.col("is_own"))
    if known is None:
        begins = begins.filter(pl.col("ordinal") > pl.lit(rows["ordinal"].min(), pl.Int64()))
    else:
        begins = begins.join(known, on="account_id", how="anti", maintain_order="left")
    return begins.sort("as_of_date", "account_id")


def renumbered_accounts(rows: pl.DataFrame, new: pl.DataFrame, quarantined: pl.DataFrame) -> pl.DataFrame:
    """New accounts that begin with the very value of one that is gone: other_account_id is likely to be the same under another number.

    OLD has a row in the feed's window before, is not emptied by it, and has none in this one, neither accepted nor in ``quarantined``
    (account_id, window). NEW begins in this one. NEW's beginning value is OLD's ending value, exactly and not zero, in one currency;
    where more than one OLD or NEW has the value in the window, none is named. ``kept`` says which of name, portfolio and client are
    the same. ``rows`` is as ``by_window`` gives it, ``new`` as ``new_accounts``. By day and account, with other_as_of_date, OLD's last day.
    """
    value, place = ["_value", "currency"], ["account_id", "ordinal"]
    wanted = new.filter(pl.col("beginning_market_value") != 0).with_columns(_value="beginning_market_value")
    gone = (
        rows.filter(_in_one_of(wanted["ordinal"] - 1))
        .filter(~pl.col("is_emptied") & (pl.col("ending_market_value") != 0))
        .with_columns(pl.col("ordinal") + 1, _value="ending_market_value")
        .join(wanted, on=["ordinal", *value], how="semi", nulls_equal=True)
        .join(rows.filter(_in_one_of(wanted["ordinal"])).select(place), on=place, how="anti")
        .join(wanted.select("ordinal", in_window="window").unique(), on="ordinal")
        .join(quarantined, left_on=["account_id", "in_window"], right_on=["account_id", "window"], how="anti")
    )
    alone = pl.len().over("ordinal", *value) == 1
    pairs = wanted.filter(alone).join(gone.filter(alone), on=["ordinal", *value], nulls_equal=True, suffix="_of_old")
    kept = pl.concat_list(
        pl.when(pl.col(name) == pl.col(f"{name}_of_old")).then(pl.lit(name.split("_")[-1 if name == "account_name" else 0]))
        for name in _BESIDES
    ).list.drop_nulls()
    return pairs.select(
        "account_id",
        "as_of_date",
        "delivery_id",
        "beginning_market_value",
        other_account_id="account_id_of_old",
        other_as_of_date="as_of_date_of_old",
        kept=kept.list.join(", "),
    ).sort("as_of_date", "account_id")


def _in_one_of(ordinals: pl.Series) -> pl.Expr:
    return pl.col("ordinal").is_in(ordinals.unique().implode())


def days_apart(rows: pl.DataFrame, last_days: pl.DataFrame, quarantined: pl.DataFrame, *, cadence: Cadence) -> pl.DataFrame:
    """Accounts that are valued on another day than most of their portfolio: usual_date is that of the portfolio.

    Within a window, an account's last day against the day of most accounts (the latest of several). Of a daily feed, whose windows have
    one day, within a delivery: an account that it has only up to some windows before its last day, and that nothing has on that day,
    while the delivery has at least as many others of the portfolio there. ``last_days`` has delivery_id and last_as_of_date of those with
    several days. Accounts that are emptied, or in quarantine on the day (``quarantined``, as for ``renumbered_accounts``), are not behind.
    ``rows`` is as ``by_window`` gives it. By day and account; as_of_date is the account's own day within a window, and the delivery's last
    within a delivery.
    """
    is_held = pl.col("portfolio_id").is_not_null() & ~pl.col("is_emptied")
    if cadence is Cadence.MONTHLY:
        return _apart_in_window(rows.filter(is_held & pl.col("is_own")))
    if last_days.is_empty():
        return rows.clear().with_columns(own_date="as_of_date", usual_date="as_of_date").select(_APART)
    may_be = is_held & pl.col("delivery_id").is_in(last_days["delivery_id"].to_list())
    return _behind_in_delivery(rows.filter(may_be), rows, last_days, quarantined)


_APART = ("account_id", "as_of_date", "delivery_id", "portfolio_id", "own_date", "usual_date")


def _apart_in_window(held: pl.DataFrame) -> pl.DataFrame:
    place = ["portfolio_id", "window"]
    days = held.group_by(*place, "as_of_date").agg(pl.len().alias("accounts"))
    usual = days.sort("accounts", "as_of_date").group_by(place, maintain_order=True).agg(pl.col("as_of_date").last().alias("usual_date"))
    several = usual.join(days.group_by(place).len().filter(pl.col("len") > 1), on=place, how="semi")
    apart = held.join(several, on=place).filter(pl.col("as_of_date") != pl.col("usual_date"))
    return apart.with_columns(own_date="as_of_date").select(_APART).sort("as_of_date", "account_id")


def _behind_in_delivery(held: pl.DataFrame, rows: pl.DataFrame, last_days: pl.DataFrame, quarantined: pl.DataFrame) -> pl.DataFrame:
    place = ["delivery_id", "portfolio_id"]
    of_delivery = held.join(last_days, on="delivery_id")
    at_end = of_delivery.filter(pl.col("is_own") & (pl.col("as_of_date") == pl.col("last_as_of_date")))
    ends = at_end.group_by(place).agg(pl.len().alias("there"), pl.col("ordinal").first().alias("last_ordinal"))
    near = of_delivery.join(ends, on=place).filter((pl.col("last_ordinal") - pl.col("ordinal")).is_between(0, _BEHIND))
    latest = near.sort("account_id", "as_of_date").unique(["delivery_id", "account_id"], keep="last", maintain_order=True)
    behind = latest.filter(pl.col("ordinal") < pl.col("last_ordinal"))
    behind = behind.join(rows, left_on=["account_id", "last_ordinal"], right_on=["account_id", "ordinal"], how="anti")
    behind = behind.join(quarantined, left_on=["account_id", "last_as_of_date"], right_on=["account_id", "window"], how="anti")
    return (
        behind.filter(pl.len().over(place) <= pl.col("there"))
        .with_columns(own_date="as_of_date", usual_date="last_as_of_date", as_of_date="last_as_of_date")
        .select(_APART)
        .sort("as_of_date", "account_id")
    )
