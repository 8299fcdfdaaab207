"""Published worked examples of returns, each run through the public functions and checked to its own tolerance.

What stands here locks an example's rows into arguments, and nothing else; a row or an expected figure that it does not know fails.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.enums import DayCount, FeeBasis, FlowTiming
from advisory_perf.performance.measures import annual_rate, annualised_return, growth_of, link_returns
from advisory_perf.performance.money_weighted import internal_rate_of_return, modified_dietz
from advisory_perf.performance.returns import sub_period_returns

Example = Mapping[str, Any]
Row = Mapping[str, Any]

EXAMPLES: list[Example] = json.loads(Path(__file__).with_name("worked_returns.json").read_text(encoding="utf-8"))["examples"]

TIMINGS = {
    "start": FlowTiming.START_OF_DAY,
    "end": FlowTiming.END_OF_DAY,
    "mid": FlowTiming.MID_DAY,
    "inflow_start_outflow_end": FlowTiming.INFLOW_START_OUTFLOW_END,
    "bod_eod": FlowTiming.END_OF_DAY,  # the flow columns say it themselves
    "modified_dietz": FlowTiming.END_OF_DAY,
}
BALANCES = {"bmv": "beginning_market_value", "emv": "ending_market_value"}
FLOWS = {"contributions": "contributions", "distributions": "distributions"}
DAY_FLOWS = {"bod_flow": "bod_flow", "eod_flow": "eod_flow"}
SAYS_NOTHING_NEW = {"gain", "date"}
A_DAY = date(2001, 12, 31)
A_YEAR = 365


def amount(text: str) -> Decimal:
    """A number, or a fraction of two."""
    ratio = Fraction(text)
    return Decimal(ratio.numerator) / Decimal(ratio.denominator)


def day_count(example: Example) -> DayCount:
    said = example.get("note", "") + example["description"]
    return DayCount.ACTUAL_365_25 if "365.25" in said else DayCount.ACTUAL_365


def knows(row: Row, *names: str) -> Row:
    unknown = row.keys() - set(names)
    assert not unknown, f"rows with {unknown} are not understood"
    return row


def sub_periods(example: Example) -> list[float | Decimal | None]:
    rows = example["rows"]
    if all("return" in row for row in rows):
        return [amount(knows(row, "return", "date")["return"]) for row in rows]
    flows = DAY_FLOWS if example["flow_timing"] == "bod_eod" else FLOWS
    named = BALANCES | flows
    for row in rows:
        knows(row, *named, *SAYS_NOTHING_NEW, "income_paid_out")
    # income that is paid out at the end of the day is worth what it would be if it still lay in the account
    held = [{**row, "emv": amount(row["emv"]) + amount(row.get("income_paid_out", "0"))} for row in rows]
    positions = pl.DataFrame({column: [amount(row.get(name, "0")) for row in held] for name, column in named.items()})
    returns = sub_period_returns(positions, timing=TIMINGS[example["flow_timing"]], fee_basis=FeeBasis.NET)
    assert set(returns["return_status"]) == {"OK"}
    return returns["calculated_twrr"].to_list()


def figures_of_sub_periods(example: Example) -> Mapping[str, Callable[[], Any]]:
    periods = sub_periods(example)
    return {
        "periods": lambda: periods,
        "cumulative": lambda: [link_returns(periods[: place + 1]) for place in range(len(periods))],
        "unit_price": lambda: growth_of(100, periods).to_list(),
        "quarters": lambda: [link_returns(periods[place : place + 3]) for place in range(0, len(periods), 3)],
        "twr": lambda: link_returns(periods),
        "annualized": lambda: annualised(link_returns(periods), years(example)),
        "mwr": lambda: internal_rate_of_return(yearly_flows(example), day_count=DayCount.ACTUAL_365),
    }


def years(example: Example) -> Fraction:
    """Each row is a year, or what the description says."""
    said = re.search(r"(\d+) periods a year", example["description"])
    return Fraction(len(example["rows"]), int(said[1]) if said else 1)


def annualised(total: float | None, length: Fraction) -> float:
    if length <= 1:
        return annual_rate(total, years=length)
    return annualised_return(total, A_DAY, A_DAY + timedelta(days=float(length * A_YEAR)), day_count=DayCount.ACTUAL_365)


def yearly_flows(example: Example) -> list[tuple[date, Decimal]]:
    """The investor's flows where each row is a year."""
    rows: Sequence[Row] = example["rows"]
    into, out = {"start": (0, 0), "end": (1, 1), "inflow_start_outflow_end": (0, 1)}[example["flow_timing"]]
    flows = [(0, -amount(rows[0]["bmv"])), (len(rows), amount(rows[-1]["emv"]))]
    for year, row in enumerate(rows):
        flows += [(year + into, -amount(row.get("contributions", "0"))), (year + out, amount(row.get("distributions", "0")))]
        flows.append((year + 1, amount(row.get("income_paid_out", "0"))))
    return [(A_DAY + timedelta(days=year * A_YEAR), value) for year, value in flows]


def figures_of_dated_flows(example: Example) -> Mapping[str, Callable[[], Any]]:
    flows = [(day_of_flow(row), amount(row["amount"])) for row in example["rows"]]
    return {"mwr": lambda: internal_rate_of_return(flows, day_count=day_count(example))}


def day_of_flow(row: Row) -> date:
    """Its date, or the day that lies ``t`` years of 365 days before the end."""
    if "date" in row:
        return date.fromisoformat(knows(row, "date", "amount")["date"])
    days = Fraction(knows(row, "t", "amount")["t"]) * A_YEAR
    assert days.denominator == 1
    return A_DAY - timedelta(days=int(days))


def figures_of_weighted_flows(example: Example) -> Mapping[str, Callable[[], Any]]:
    timing = TIMINGS[example["flow_timing"]]
    rows = example["rows"]
    return {
        "modified_dietz": lambda: link_returns([dietz(row, timing) for row in rows]),
        # the return grows by a part of the base for each unit of ending value
        "denominator": lambda: 1 / (dietz(rows[0], timing, more=1) - dietz(rows[0], timing)),
    }


def dietz(row: Row, timing: FlowTiming, *, more: int = 0) -> float:
    """Modified Dietz of one row; without days, over one day, whose middle weighs its flows by one half."""
    knows(row, "bmv", "emv", "flows", "period_days", "start", "date")
    start = date.fromisoformat(row["start"]) if "start" in row else A_DAY
    end = date.fromisoformat(row["date"]) if "date" in row else start + timedelta(days=row.get("period_days", 1))
    flows = [
        (date.fromisoformat(flow["date"]) if "date" in flow else start + timedelta(days=flow.get("day", 1)), amount(flow["amount"]))
        for flow in row.get("flows", [])
    ]
    return modified_dietz(amount(row["bmv"]), amount(row["emv"]) + more, flows, start, end, flow_day=timing)


def figures_of_windows(example: Example) -> Mapping[str, Callable[[], Any]]:
    """The linked internal rate of return of the Bank Administration Institute: the rate of each window, not annualised, linked."""
    return {"twr": lambda: link_returns([window_return(row, day_count(example)) for row in example["rows"]])}


def window_return(row: Row, convention: DayCount) -> float | Decimal:
    if "return" in row:
        return amount(knows(row, "window", "return")["return"])
    knows(row, "window", "start", "date", "bmv", "emv", "flows")
    start, end = date.fromisoformat(row["start"]), date.fromisoformat(row["date"])
    flows = [(date.fromisoformat(flow["date"]), -amount(flow["amount"])) for flow in row["flows"]]
    rate = internal_rate_of_return([(start, -amount(row["bmv"])), *flows, (end, amount(row["emv"]))], day_count=convention)
    return annual_rate(rate, years=1 / convention.years(start, end))


METHODS: Mapping[str, Callable[[Example], Mapping[str, Callable[[], Any]]]] = {
    "twr": figures_of_sub_periods,
    "link_only": figures_of_sub_periods,
    "irr": figures_of_dated_flows,
    "irr_remaining_days": figures_of_dated_flows,
    "modified_dietz": figures_of_weighted_flows,
    "bai_linked_irr": figures_of_windows,
}


def named(example: Example) -> str:
    return f"{example['id']} ({example['source']['ref']}, {example['source']['locator']})"


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_a_published_example_comes_out_as_printed(example: Example) -> None:
    figures = METHODS[example["method"]](example)
    tolerance = example["tolerance"]
    assert example["expected"]
    for name, expected in example["expected"].items():
        assert figures[name]() == pytest.approx(expected, abs=tolerance.get(name, tolerance.get("default")), rel=0), name
