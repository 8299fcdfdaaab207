"""Nothing but linking: the returns of a whole book of accounts multiplied through, as fast as the columns can be read.

``measures`` has the same for the returns of one account. What a report needs besides (gaps, episodes, periods) is in ``linking``.
"""

import polars as pl

from advisory_perf.performance.frames import Frame, begins_account, is_in_order, require


def growth_of_accounts(amount: float, returns: Frame) -> Frame:
    """Adds ``growth``: what ``amount`` has become of each account's returns up to the row; rows stay, in their order.

    Needs account_id, as_of_date and calculated_twrr (a fraction: 0.01 is 1 %). From an account's first undefined return on (null, NaN,
    infinite, below -1) its growth is null, and where a Float64 cannot hold it.
    """
    require(returns, "growth_of", "account_id", "as_of_date", "calculated_twrr")
    factors = _factor().cum_prod()
    if isinstance(returns, pl.DataFrame) and is_in_order(returns):
        numbered = returns.select(begins_account().cast(pl.UInt32()).cum_sum().set_sorted().alias("account"), _return())
        growth = numbered.select(_finite(factors.over("account") * amount)).to_series()
        return returns.with_columns(growth.alias("growth"))
    return returns.with_columns(_finite(factors.over("account_id", order_by="as_of_date") * amount).alias("growth"))


def linked_by_account(returns: Frame) -> Frame:
    """One row an account, by account_id: ``linked_return``, (1 + r1) · (1 + r2) · … - 1 over all its rows.

    Null where any return of the account is undefined, or where a Float64 cannot hold the result. Needs account_id and
    calculated_twrr.
    """
    require(returns, "link_returns", "account_id", "calculated_twrr")
    linked = _finite(_factor().product() - 1).alias("linked_return")
    return returns.group_by("account_id").agg(linked).sort("account_id")


def _return() -> pl.Expr:
    return pl.col("calculated_twrr").cast(pl.Float64())


def _factor() -> pl.Expr:
    """1 + the return; NaN where it is undefined, which no product gets rid of."""
    value = _return()
    return pl.when(value.is_finite() & (value >= -1)).then(1.0 + value).otherwise(float("nan"))


def _finite(figure: pl.Expr) -> pl.Expr:
    return pl.when(figure.is_finite()).then(figure)
