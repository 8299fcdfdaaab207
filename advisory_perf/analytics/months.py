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
