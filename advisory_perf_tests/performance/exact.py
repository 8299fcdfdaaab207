"""The returns of an account once more, row by row in rational arithmetic: what the platform's figures are held against.

Written from the rules (docs/returns.md) and not from the platform's code, with which it shares nothing but the conventions' names.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from advisory_perf.contracts.conventions import FeeBasis, FlowTiming

Row = dict[str, Any]

LIMIT = Fraction(1, 10**12)
"""The largest error of a figure; beyond a figure of 1 it is this part of the figure, since a float has no more digits."""


@dataclass(frozen=True)
class Conventions:
    timing: FlowTiming
    fee_basis: FeeBasis
    weight: Decimal | None = None
    minimum_base: Decimal | None = None


def exact_return(row: Row, conventions: Conventions) -> tuple[Fraction | None, str]:
    """The sub-period return of a row, or None, and its status."""
    names = ("beginning_market_value", "contributions", "distributions", "ending_market_value")
    used = [*names, "fees"] if conventions.fee_basis is FeeBasis.GROSS else names
    if any(row[name] is None for name in used):
        return None, "MISSING_VALUE"
    begin, inflow, outflow, end = (Fraction(row[name]) for name in names)
    if conventions.fee_basis is FeeBasis.GROSS:
        end += Fraction(row["fees"])
    flow = inflow - outflow
    at_start = {
        FlowTiming.START_OF_DAY: flow,
        FlowTiming.END_OF_DAY: Fraction(0),
        FlowTiming.MID_DAY: flow / 2,
        FlowTiming.INFLOW_START_OUTFLOW_END: inflow,
        FlowTiming.WEIGHTED: Fraction(conventions.weight or 0) * flow,
    }[conventions.timing]
    if begin == 0 and flow > 0 and conventions.timing is not FlowTiming.INFLOW_START_OUTFLOW_END:
        at_start = flow
    base = begin + at_start
    if base <= 0:
        return None, "UNDEFINED_BASE"
    if base < Fraction(conventions.minimum_base or 0):
        return None, "BELOW_MINIMUM_BASE"
    wealth = end - (flow - at_start)
    if wealth < 0:
        return None, "BEYOND_TOTAL_LOSS"
    return wealth / base - 1, "OK"


@dataclass
class ExactAccount:
    """One account, linked valuation by valuation."""

    index: Fraction = Fraction(1)
    flow: Fraction = Fraction(0)
    inception: date | None = None
    last_gap: date | None = None
    is_lost: bool = False
    past: list[tuple[date, Fraction, date]] = field(default_factory=list)

    def link(self, day: date, flow: Fraction, value: Fraction | None) -> Row:
        self.flow += flow
        if value is None:
            self.last_gap = day
        if self.inception is None or (self.is_lost and value is not None):
            self.inception, self.index, self.is_lost = day, Fraction(1), False
        waits = self.is_lost
        if value is not None:
            self.index *= 1 + value
            self.is_lost = self.index == 0
        starts = {"mtd": day.replace(day=1), "qtd": date(day.year, 3 * ((day.month - 1) // 3) + 1, 1), "ytd": date(day.year, 1, 1)}
        linked: Row = {
            "growth_index": self.index,
            "cumulative_twrr": self.index - 1,
            "cumulative_net_flow": self.flow,
            "inception_date": self.inception,
            "last_gap_date": self.last_gap,
            "linked_over_gap": self.last_gap is not None,
        }
        for period, start in starts.items():
            before = [entry for entry in self.past if entry[0] < start and entry[2] == self.inception]
            of_period = (before[-1][1] if before else Fraction(1), max(start, self.inception))
            linked |= self._period(period, None if waits else of_period)
        for years in (1, 3, 5):
            before = [entry for entry in self.past if entry[0] <= years_before(day, years)]
            is_found = bool(before) and before[-1][2] == self.inception and before[-1][1] > 0 and not waits
            linked |= self._period(f"{years}y", (before[-1][1], day_after(before[-1][0])) if is_found else None)
            linked[f"twrr_{years}y_from"] = before[-1][0] if is_found else None
        self.past.append((day, self.index, self.inception))
        return linked

    def _period(self, name: str, of_period: tuple[Fraction, date] | None) -> Row:
        """The return over a period that starts from a base and whose first day is known, and whether a gap lies in it."""
        if of_period is None:
            return {f"twrr_{name}": None, f"twrr_{name}_over_gap": None}
        base, first_day = of_period
        return {
            f"twrr_{name}": self.index / base - 1,
            f"twrr_{name}_over_gap": self.last_gap is not None and self.last_gap >= first_day,
        }


def years_before(day: date, years: int) -> date:
    is_leap_day = (day.month, day.day) == (2, 29)
    year = day.year - years
    return date(year, 2, 28) if is_leap_day and year % 4 else day.replace(year=year)


def day_after(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


def exact_series(rows: Iterable[Row], conventions: Conventions) -> list[Row]:
    """Every row with its return, status and linked figures, by account and day."""
    accounts: dict[str, ExactAccount] = {}
    series = []
    for row in sorted(rows, key=lambda row: (row["account_id"], row["as_of_date"])):
        value, status = exact_return(row, conventions)
        account = accounts.setdefault(row["account_id"], ExactAccount())
        flow = Fraction(row["contributions"]) - Fraction(row["distributions"])
        linked = account.link(row["as_of_date"], flow, value)
        key = {"account_id": row["account_id"], "as_of_date": row["as_of_date"]}
        series.append({**key, "calculated_twrr": value, "return_status": status, **linked})
    return series


def differences(found: Iterable[Row], expected: Iterable[Row]) -> list[str]:
    """What of ``found`` is not what it should be: figures beyond LIMIT, and anything else that is not equal."""
    wrong = []
    for row, right in zip(found, expected, strict=True):
        for name, value in right.items():
            if not _is_close(row[name], value):
                should_be = float(value) if isinstance(value, Fraction) else value
                wrong.append(f"{right['account_id']} on {right['as_of_date']}: {name} is {row[name]}, not {should_be}")
    return wrong


def _is_close(found: Any, expected: Any) -> bool:
    if not isinstance(expected, Fraction) or found is None:
        return bool(found == expected)
    if isinstance(found, Decimal):
        return Fraction(found) == expected
    return abs(Fraction(found) - expected) <= LIMIT * max(Fraction(1), abs(expected))
