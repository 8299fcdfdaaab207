"""Which row counts for an account-date, and what crossed the account's boundary on it."""

import polars as pl

from advisory_perf.performance.frames import Frame


def current_positions(delivered: pl.DataFrame, precedence: pl.DataFrame) -> pl.DataFrame:
    """Of all delivered positions, the one that counts for each account-date, by account and date.

    ``precedence`` has one row a delivery: ``delivery_id`` and ``rank`` (the higher one counts). One delivery never holds
    an account-date twice, so the choice is always between deliveries and total.
    """
    key = ["as_of_date", "account_id"]
    if delivered["delivery_id"].n_unique() > 1:
        ranked = delivered.join(precedence.select("delivery_id", "rank"), on="delivery_id", how="left", validate="m:1")
        delivered = ranked.sort("rank").unique(key, keep="last").drop("rank")
    return delivered.sort(key)


def net_flows(positions: Frame) -> Frame:
    """Adds ``net_flow`` and ``calculated_ending_market_value``, in account currency, exact where the input is Decimal.

    net flow = contributions - distributions; calculated ending market value = beginning + net flow + income +
    appreciation - fees + other adjustments (the market value identity). A null component makes the calculated value
    null: what a vendor does not say is not taken as zero.
    """
    net_flow = pl.col("contributions") - pl.col("distributions")
    calculated = (
        pl.col("beginning_market_value")
        + net_flow
        + pl.col("income")
        + pl.col("appreciation")
        - pl.col("fees")
        + pl.col("other_adjustments")
    )
    return positions.with_columns(net_flow.alias("net_flow"), calculated.alias("calculated_ending_market_value"))
