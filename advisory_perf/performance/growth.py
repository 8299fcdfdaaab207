"""Nothing but linking: the returns of a whole book of accounts multiplied through, as fast as the columns can be read.

``measures`` has the same for the returns of one account. What a report needs besides (gaps, episodes, periods) is in ``linking``.
"""

import polars as pl

from advisory_perf.performance.ordering import Frame, begins_account, check_keys, finite_or_null, is_by_account, is_return, require


def growth_of_accounts(amount: float, returns: Frame) -> Frame:
    """Adds ``growth``: what ``amount`` has become of each account's returns up to the row; rows stay, in their order.

    Needs account_id, as_of_date and calculated_twrr (a fraction: 0.01 is 1 %), one row an account and day, which is not checked. From
    an account's first undefined return on (null, NaN, infinite, below -1) its growth is null, and where a Float64 cannot hold it.
    """
    require(returns, "growth_of", "account_id", "as_of_date", "calculated_twrr")
    check_keys(returns)
    if isinstance(returns, pl.DataFrame):
        begins = returns.select(begins_account()).to_series()
        by_day = returns["as_of_date"].is_sorted()
        by_account = not by_day and is_by_account(returns, begins)
        numbers = begins.cast(pl.UInt32()).cum_sum().set_sorted() if by_account else _numbers(returns["account_id"])
        rows = returns.select(account=numbers, day="as_of_date", factor=_factor())
        wealth = pl.col("factor").cum_prod().over("account", order_by=None if by_day or by_account else "day") * amount
        return returns.with_columns(rows.select(growth=wealth).select(finite_or_null(pl.col("growth")).alias("growth")).to_series())
    return returns.with_columns(growth=finite_or_null(_factor().cum_prod().over("account_id", order_by="as_of_date") * amount))


def _numbers(account: pl.Series) -> pl.Series:
    """Accounts as whole numbers, which are grouped faster than text."""
    return account.cast(pl.Categorical()).to_physical() if account.dtype == pl.String() else account


def linked_by_account(returns: Frame) -> Frame:
    """One row an account, by account_id: ``linked_return``, (1 + r1) · (1 + r2) · … - 1 over all its rows.

    Null where any return of the account is undefined, or where a Float64 cannot hold the result. Needs account_id and
    calculated_twrr.
    """
    require(returns, "link_returns", "account_id", "calculated_twrr")
    factor = pl.col("factor")
    linked = pl.when((factor == 0).any() & ~factor.is_nan().any()).then(-1.0).otherwise(finite_or_null(factor.product() - 1))
    rows = returns.select("account_id", factor=_factor())
    return rows.group_by("account_id").agg(linked_return=linked).sort("account_id")


def _factor() -> pl.Expr:
    """1 + the return; NaN where it is undefined, which no product gets rid of."""
    value = pl.col("calculated_twrr").cast(pl.Float64())
    return pl.when(is_return(value)).then(1.0 + value).otherwise(float("nan"))
