"""What explaining breaks costs: a million rows compared, with none, few and many breaks, as a share of the run from file to published."""

import time
from datetime import date
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import polars as pl

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReconciledField
from advisory_perf.contracts.tolerance import Allowance
from advisory_perf.performance.net_flow import net_flows
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.reconciliation import compare
from advisory_perf.reconciliation.causes import explained

_ALLOWANCES = {
    ReconciledField.ENDING_MARKET_VALUE: Allowance(Decimal("0.01")),
    ReconciledField.NET_FLOW: Allowance(Decimal("0.01")),
    ReconciledField.TWRR: Allowance(Decimal("0.0001")),
}
_SHARES = (0.0, 0.01, 0.03, 0.2)


def figures(accounts: int, days: int, share: float) -> pl.DataFrame:
    """Positions with flows and returns, of which so many have another ending value and another return than the vendor says."""
    dates = pl.DataFrame({"as_of_date": pl.date_range(date(2025, 1, 1), date(2035, 1, 1), "1d", eager=True).head(days)})
    rows = pl.DataFrame({"account_id": [f"A{number:06}" for number in range(accounts)]}).join(dates, how="cross")
    place = pl.int_range(pl.len(), dtype=pl.Int64())
    cents = (place * 7_919 % 90_000_000 + 1_000_000).cast(MONEY)
    begin = (cents / 100).cast(MONEY)
    flow = pl.when(place % 8 == 0).then((cents / 2_000).cast(MONEY)).otherwise(pl.lit(0, MONEY))
    is_off = (place * 104_729 % 1_000_003) < share * 1_000_003
    rows = rows.with_columns(beginning_market_value=begin, contributions=flow, is_off=is_off).with_columns(
        distributions=pl.lit(0, MONEY),
        income=(pl.col("beginning_market_value") / 5_000).cast(MONEY),
        appreciation=(pl.col("beginning_market_value") / 900).cast(MONEY),
        fees=(pl.col("beginning_market_value") / 10_000).cast(MONEY),
        other_adjustments=pl.lit(0, MONEY),
    )
    gain = pl.col("contributions") + pl.col("income") + pl.col("appreciation") - pl.col("fees")
    right = (pl.col("beginning_market_value") + gain).cast(MONEY)
    wrong = pl.when(place % 2 == 0).then(right - pl.col("income")).otherwise(right + pl.lit(Decimal("123.45"), MONEY))
    return net_flows_with_returns(rows.with_columns(ending_market_value=pl.when("is_off").then(wrong).otherwise(right).cast(MONEY)))


def net_flows_with_returns(rows: pl.DataFrame) -> pl.DataFrame:
    """What a pipeline has when it reconciles."""
    full = sub_period_returns(net_flows(rows), timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.NET)
    return full.with_columns(
        vendor_net_flow="net_flow",
        vendor_twrr=pl.col("calculated_twrr").round(6) + pl.when("is_off").then(0.004).otherwise(0.0),
        vendor_value_half_unit=pl.lit("0.005").cast(MONEY),
        vendor_twrr_half_unit=pl.lit(5e-7),
        currency=pl.lit("USD"),
        data_source=pl.lit("bench"),
        delivery_id=pl.col("as_of_date").cast(pl.String()),
    )


def explaining(rows: pl.DataFrame) -> tuple[float, float, int]:
    """Seconds of a reconciliation, of which those that explain its breaks, and how many breaks there are."""
    spent: list[float] = []

    def timed(*arguments: Any) -> pl.DataFrame:
        begin = time.perf_counter()
        found = explained(*arguments)
        spent.append(time.perf_counter() - begin)
        return found

    with patch.object(compare, "explained", timed):
        begin = time.perf_counter()
        results = compare.reconcile(rows, _ALLOWANCES, timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.NET)
        return time.perf_counter() - begin, sum(spent), int(results["within_tolerance"].not_().sum())


def compare_causes(accounts: int, days: int, run_seconds: float | None = None) -> None:
    """Prints a line for each share of breaks; ``run_seconds`` is what the run from file to published took beside it."""
    print(f"\n{f'{accounts * days:,} rows reconciled':<28}{'breaks':>10}{'all':>9}{'explained':>11}{'of the run':>12}")
    for share in _SHARES:
        rows = figures(accounts, days, share)
        explaining(rows)
        whole, causes, breaks = min(explaining(rows) for _ in range(3))
        of_the_run = "" if run_seconds is None else f"{causes / run_seconds:.1%}"
        print(f"{'':<28}{breaks:>10,}{whole:>8.2f}s{causes:>10.2f}s{of_the_run:>12}")


if __name__ == "__main__":
    compare_causes(10_000, 100)
