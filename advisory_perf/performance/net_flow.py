"""Which row counts for an account-date, and what crossed the account's boundary on it."""

import polars as pl

from advisory_perf.contracts.columns import MONEY
from advisory_perf.performance.ordering import Frame, finite, require

_COMPONENTS = {"beginning_market_value": 1, "income": 1, "appreciation": 1, "fees": -1, "other_adjustments": 1}
"""What adds up with the net flow to the ending market value, and its sign."""


def current_positions(delivered: pl.DataFrame, precedence: pl.DataFrame, *, slot: pl.Expr | None = None) -> pl.DataFrame:
    """Of all delivered positions, the one that counts for each account-date, by account and date.

    ``precedence`` has one row a delivery: ``delivery_id`` and ``rank`` (the higher one counts). One delivery never holds
    an account-date twice, so the choice is always between deliveries and total. With ``slot``, such as the window of a day, one
    position counts for each account and slot: that of the delivery that counts most, whatever its day, and of one delivery the latest.
    """
    key = ["as_of_date", "account_id"]
    day = pl.col("as_of_date")
    chosen = day if slot is None else slot
    has_several_days = slot is not None and delivered.select(chosen.n_unique() < day.n_unique()).item()
    if delivered["delivery_id"].n_unique() > 1 or has_several_days:
        ranked = delivered.join(precedence.select("delivery_id", "rank"), on="delivery_id", how="left", validate="m:1")
        ranked = ranked.sort("rank", "as_of_date").with_columns(chosen.alias("slot"))
        delivered = ranked.unique(["slot", "account_id"], keep="last").drop("rank", "slot")
    return delivered.sort(key)


def has_own_timing(positions: pl.DataFrame | pl.LazyFrame) -> bool:
    """Whether the frame says itself what crossed at the start and at the end of the day; ValueError where it says only one."""
    found = [name for name in ("bod_flow", "eod_flow") if name in positions.collect_schema().names()]
    if len(found) == 1:
        raise ValueError(f"the frame has {found[0]} alone; bod_flow and eod_flow go together, with 0 where nothing crossed")
    return bool(found)


def net_flow_of(positions: pl.DataFrame | pl.LazyFrame, what: str) -> pl.Expr:
    """The flow: bod_flow + eod_flow where the frame has them, else contributions - distributions; ValueError for neither."""
    if has_own_timing(positions):
        return finite("bod_flow", positions) + finite("eod_flow", positions)
    require(positions, what, "contributions", "distributions")
    return finite("contributions", positions) - finite("distributions", positions)


def net_flows(positions: Frame) -> Frame:
    """Adds ``net_flow`` and ``calculated_ending_market_value`` to each row of an eager or lazy frame, in account currency.

    net flow = contributions - distributions (or bod_flow + eod_flow); calculated ending market value = beginning + net flow +
    income + appreciation - fees + other adjustments (the market value identity); exact where the input is Decimal. A component
    that is null, or whose column is missing, makes the calculated value null: what a vendor does not say is not taken as zero.
    NaN and infinity in a frame of floats count as null. ValueError where a frame has no flows at all.
    """
    columns = positions.collect_schema().names()
    net_flow = calculated = net_flow_of(positions, "net_flows")
    for name, sign in _COMPONENTS.items():
        calculated = calculated + sign * finite(name, positions) if name in columns else pl.lit(None, MONEY)
    return positions.with_columns(net_flow.alias("net_flow"), calculated.alias("calculated_ending_market_value"))
