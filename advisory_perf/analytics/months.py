"""The calendar months of accounts: what composites are made of."""

from dataclasses import replace

import polars as pl

from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.contracts.enums import FeeBasis
from advisory_perf.performance.ordering import in_order, require
from advisory_perf.performance.risk import monthly_returns

BASES = {FeeBasis.GROSS: "gross_return", FeeBasis.NET: "net_return"}
"""The columns of both fee bases, side by side."""


def account_months(positions: pl.DataFrame, *, conventions: ReturnConventions) -> pl.DataFrame:
    """One row for each account and calendar month with a valuation: account_id, month (its last day), money and returns; sorted.

    ``positions`` holds whole histories, one row an account and day, as ``sub_period_returns`` needs them, with currency, and fees where
    they are known. The fee basis of ``conventions`` is not looked at: both are computed.

    - beginning_market_value: that of the month's first valuation; ending_market_value: that of its last;
    - gross_return, net_return: the month's linked returns before and after fees (0.01 is 1 %), null where ``monthly_returns`` has none: a
      sub-period without a return, or a month that is cut short. gross_return is null throughout where fees are not given;
    - currency: null where the month has several.

    Errors as in ``sub_period_returns`` and ``twrr_series``. Source: GIPS Standards 2020, section 2.A (monthly returns; gross- and
    net-of-fees returns).
    """
    columns = require(positions, "a month of an account", "currency")
    rows = in_order(positions)
    money = (
        rows.group_by("account_id", month=pl.col("as_of_date").dt.month_end())
        .agg(
            pl.col("beginning_market_value").first(),
            pl.col("ending_market_value").last(),
            pl.when(pl.col("currency").n_unique() == 1).then(pl.col("currency").first()),
        )
        .sort("account_id", "month")
    )
    for basis, name in BASES.items():
        if basis is FeeBasis.GROSS and "fees" not in columns:
            money = money.with_columns(pl.lit(None, pl.Float64()).alias(name))
            continue
        of_basis = replace(conventions, fee_basis=basis)
        series = of_basis.linked(of_basis.returns(rows)).with_columns(benchmark_return=pl.lit(None, pl.Float64()))
        returns = monthly_returns(series, schedule=conventions.schedule).select(
            "account_id", "month", monthly_return=pl.col("monthly_return")
        )
        money = money.join(returns.rename({"monthly_return": name}), on=["account_id", "month"], how="left", maintain_order="left")
    return money


def month_values(rows: pl.DataFrame, begins: pl.Series) -> pl.DataFrame:
    """Of ``rows`` in order (by account and day) the money of each account's month, one row each, in that order.

    ``begins`` says which rows are the first of a month. beginning_market_value is that of the month's first valuation,
    ending_market_value of its last, and currency null where the month has several.
    """
    is_last = begins.shift(-1, fill_value=True)
    found = pl.DataFrame(
        [
            rows["beginning_market_value"].filter(begins),
            rows["ending_market_value"].filter(is_last),
            rows["currency"].filter(is_last),
        ]
    )
    several = rows.select(pl.col("currency").ne_missing(pl.col("currency").shift(1))).to_series() & ~begins
    if not several.any():
        return found
    of_several = (begins.cast(pl.UInt32()).cum_sum().filter(several) - 1).unique()
    is_one = ~pl.int_range(pl.len(), dtype=pl.UInt32()).is_in(of_several.implode())
    return found.with_columns(pl.when(is_one).then("currency"))
