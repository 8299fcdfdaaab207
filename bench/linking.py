"""Linking beside NumPy and pandas: 5 M rows that come by account, 25 M rows that come day by day.

Each contender runs in a process of its own, on rows made from the same seed, and multiplies 1 + the return through for every account,
in the order of the rows. NumPy and pandas get the accounts as whole numbers; ours get the frame as it is, with account numbers as
text, and find the accounts themselves. Times are the best of three; memory is what a contender takes at its peak beyond its input.
"""

import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl

from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.performance import growth_of, twrr_series

DAYS = 2_500
EVERY_DAY = Schedule(Cadence.DAILY, frozenset(), weekends=True)
CASES = {"5 M rows by account": (2_000, "account"), "25 M rows by day": (10_000, "day")}


@dataclass(frozen=True)
class Rows:
    """The same returns as arrays (account as a whole number) and as a frame."""

    account: np.ndarray
    value: np.ndarray
    frame: pl.DataFrame


def make_rows(accounts: int, order: str) -> Rows:
    """Returns of ``accounts`` on DAYS days, by account or by day."""
    numbers, days = np.arange(accounts, dtype=np.int32), np.arange(DAYS, dtype=np.int32)
    account, day = (
        (np.repeat(numbers, DAYS), np.tile(days, accounts)) if order == "account" else (np.tile(numbers, DAYS), np.repeat(days, accounts))
    )
    value = np.random.default_rng(1).normal(0.0003, 0.01, len(account))
    names = pl.Series([f"ACC{number:06d}" for number in numbers])
    dates = pl.date_range(date(2015, 1, 1), date(2015, 1, 1) + timedelta(days=DAYS - 1), eager=True)
    return Rows(
        account, value, pl.DataFrame({"account_id": names.gather(account), "as_of_date": dates.gather(day), "calculated_twrr": value})
    )


def by_numpy(rows: Rows) -> np.ndarray:
    """np.cumprod over each account's slice; rows that come by day are brought together by a stable sort and back again."""
    is_sorted = bool((np.diff(rows.account) >= 0).all())
    place = slice(None) if is_sorted else np.argsort(rows.account, kind="stable")
    factors, account = 1 + rows.value[place], rows.account[place]
    edges = [0, *(np.flatnonzero(np.diff(account)) + 1), len(account)]
    for first, last in itertools.pairwise(edges):
        np.cumprod(factors[first:last], out=factors[first:last])
    if is_sorted:
        return factors
    growth = np.empty_like(factors)
    growth[place] = factors
    return growth


def by_pandas(rows: Rows) -> np.ndarray:
    """groupby().cumprod()."""
    return pd.Series(1 + rows.value).groupby(rows.account, sort=False).cumprod().to_numpy()


def by_growth_of(rows: Rows) -> np.ndarray:
    """Our linking alone."""
    return growth_of(1, rows.frame)["growth"].to_numpy()


def by_twrr_series(rows: Rows) -> np.ndarray:
    """Everything that is linked: growth index, flows, six periods and their gaps, inception, closing state; by account."""
    flow, value = (pl.lit(amount).cast(pl.Decimal(38, 4)) for amount in (0, 100))
    frame = rows.frame.with_columns(return_status=pl.lit("OK"), net_flow=flow, beginning_market_value=value, ending_market_value=value)
    series = twrr_series(frame, schedule=EVERY_DAY).series
    return series.sort("as_of_date", "account_id", maintain_order=True)["growth_index"].to_numpy()


CONTENDERS: dict[str, Callable[[Rows], np.ndarray]] = {
    "NumPy cumprod": by_numpy,
    "pandas groupby": by_pandas,
    "growth_of": by_growth_of,
    "twrr_series": by_twrr_series,
}


def run(case: str, contender: str) -> dict[str, float]:
    """Best seconds of three, peak memory beyond the input, the input's size (both in MB), and a figure that all must agree on."""
    accounts, order = CASES[case]
    rows = make_rows(accounts, order)
    link = CONTENDERS[contender]
    before, seconds = _peak_mb(), []
    for _ in range(1 if contender == "twrr_series" else 3):
        begin = time.perf_counter()
        growth = link(rows)
        seconds.append(time.perf_counter() - begin)
        total = float(growth.sum())
    return {"seconds": min(seconds), "memory": _peak_mb() - before, "input": rows.frame.estimated_size("mb"), "total": total}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def compare() -> None:
    """Runs every contender on every case and prints seconds and ratios."""
    for case in CASES:
        results = {name: _in_a_process(case, name) for name in CONTENDERS}
        totals = [result["total"] for result in results.values()]
        if max(totals) - min(totals) > 1e-9 * max(totals):
            raise SystemExit(f"the contenders disagree: {totals}")
        numpy_seconds = results["NumPy cumprod"]["seconds"]
        print(f"\n{case:<24}{'seconds':>9}{'to NumPy':>10}{'memory beyond the input':>26}")
        for name, result in results.items():
            share = result["memory"] / result["input"]
            print(f"{name:<24}{result['seconds']:>9.2f}{result['seconds'] / numpy_seconds:>10.2f}{share:>18.1f} x input")
    print("\naim for growth_of: at most 2.00 of NumPy on both, and 2 x the input")


def _in_a_process(case: str, contender: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-m", "bench.linking", case, contender], stdout=subprocess.PIPE, check=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(run(sys.argv[1], sys.argv[2])))
    else:
        compare()
