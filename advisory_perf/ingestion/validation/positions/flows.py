"""Both flows of a position, where a vendor prints a net flow or reverses one flow by a negative other."""

import polars as pl

from advisory_perf.contracts.columns import MONEY
from advisory_perf.feeds.fields import FLOWS, NET_FLOW


def split_flows() -> list[pl.Expr]:
    """Both flows of rows that have the net flow: what comes in where it is positive, what goes out where it is negative."""
    net = pl.col(NET_FLOW)
    return [pl.when(part > 0).then(part).when(part <= 0).then(0).alias(flow) for flow, part in zip(FLOWS, (net, -net), strict=True)]


def moved_flows() -> list[pl.Expr]:
    """Both flows with what is negative of each on the other side: what reverses a contribution goes out, and the other way round."""
    positive = {flow: pl.when(pl.col(flow) > 0).then(flow).otherwise(0) for flow in FLOWS}
    negative = {flow: pl.when(pl.col(flow) < 0).then(-pl.col(flow)).otherwise(0) for flow in FLOWS}
    return [(positive[one] + negative[other]).cast(MONEY).alias(one) for one, other in (FLOWS, FLOWS[::-1])]
