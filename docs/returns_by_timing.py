"""Draws docs/returns_by_timing.svg: one account's cumulative return under every flow timing, by the platform's own functions.

`make docs` runs it. The account is made up: two years of month ends, a gain of about one per cent a month, and large flows.
"""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import matplotlib as mpl
import polars as pl
from matplotlib.figure import Figure

from advisory_perf.performance import Cadence, FeeBasis, FlowTiming, Schedule, net_flows, sub_period_returns, twrr_series

PICTURE = Path(__file__).with_name("returns_by_timing.svg")

MONTHLY_RETURNS = (4, -3, 2, 5, -6, 7, -2, 3, -5, 4, 6, -4)
"""In per cent, of what the account holds all month; they come twice."""

MONTHLY = Schedule(Cadence.MONTHLY, frozenset(), weekends=False)

FLOWS = {2: 40_000, 5: -30_000, 8: 60_000, 11: -50_000, 14: 80_000, 17: -60_000, 20: 70_000, 22: -90_000}
"""By month: what comes in, or goes out, halfway through it."""


def an_account() -> pl.DataFrame:
    """Twenty-four month ends of an account that begins with 100,000; flows take half a month's return."""
    rows = []
    value = Decimal(100_000)
    for month, percent in enumerate(MONTHLY_RETURNS * 2):
        flow = Decimal(FLOWS.get(month, 0))
        end = (value + flow + (value + flow / 2) * percent / 100).quantize(Decimal("0.01"))
        rows.append(
            {
                "account_id": "A-1001",
                "as_of_date": date(2023 + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1),
                "beginning_market_value": value,
                "contributions": max(flow, Decimal(0)),
                "distributions": max(-flow, Decimal(0)),
                "ending_market_value": end,
            }
        )
        value = end
    money = pl.Decimal(38, 4)
    frame = pl.DataFrame(rows).with_columns(pl.col(pl.Decimal()).cast(money))
    return frame.with_columns(pl.lit(0).cast(money).alias(name) for name in ("income", "appreciation", "fees", "other_adjustments"))


def cumulative_returns(timing: FlowTiming) -> pl.DataFrame:
    """as_of_date and cumulative_twrr of the account under one timing; a weighted flow counts for a quarter of the month."""
    weight = Decimal("0.25") if timing is FlowTiming.WEIGHTED else None
    returns = sub_period_returns(net_flows(an_account()), timing=timing, fee_basis=FeeBasis.NET, weight=weight)
    return twrr_series(returns, schedule=MONTHLY).series.select("as_of_date", "cumulative_twrr")


def draw(path: Path) -> None:
    """Writes the picture; the same code writes the same bytes."""
    with mpl.rc_context({"svg.hashsalt": "advisory_perf", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=(8, 4.2), layout="constrained")
        axes = figure.subplots()
        for timing, style in zip(FlowTiming, ("-", "--", "-", "-.", ":"), strict=True):
            series = cumulative_returns(timing)
            label = timing.value.replace("_", " ") + (" (0.25)" if timing is FlowTiming.WEIGHTED else "")
            axes.plot(series["as_of_date"].to_list(), (series["cumulative_twrr"] * 100).to_list(), style, linewidth=1.6, label=label)
        axes.set_title("One account, the same values and flows, under every flow timing", loc="left", fontsize=11)
        axes.set_ylabel("cumulative TWRR, %")
        axes.axhline(0, color="0.7", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(b=False)
        axes.legend(frameon=False, fontsize=9)
        figure.savefig(path, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    draw(PICTURE)
