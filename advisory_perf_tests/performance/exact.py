"""The returns of an account once more, row by row in rational arithmetic: what the platform's figures are held against.

Written from the rules (docs/returns.md) and not from the platform's code, with which it shares nothing but the conventions' names.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from advisory_perf.contracts.enums import Cadence, FeeBasis, FlowTiming, Reopening
from advisory_perf.contracts.schedules import Schedule

Row = dict[str, Any]

LIMIT = Fraction(1, 10**12)
"""The largest error of a figure; beyond a figure of 1 it is this part of the figure, since a float has no more digits."""


@dataclass(frozen=True)
class Conventions:
    timing: FlowTiming
    fee_basis: FeeBasis
    weight: Decimal | None = None
    minimum_base: Decimal | None = None
    residual_base: Decimal = Decimal(0)
    large_flow: Decimal | None = None
    reopening: Reopening | None = None


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
    nothing = Fraction(conventions.residual_base) * abs(flow)
    funds = flow > 0 and abs(begin) <= nothing
    closes = flow < 0 and abs(Fraction(row["ending_market_value"])) <= nothing
    keeps_sides = conventions.timing is FlowTiming.INFLOW_START_OUTFLOW_END
    if funds and not keeps_sides:
        at_start = flow
    elif flow < 0 and (closes or (row["ending_market_value"] >= 0 and abs(begin + at_start) <= nothing)) and not keeps_sides:
        at_start = Fraction(0)
    base = begin + at_start
    crossed = max(inflow, outflow) if keeps_sides else abs(flow)
    if base <= Fraction(conventions.residual_base) * crossed:
        return None, "UNDEFINED_BASE"
    if base < Fraction(conventions.minimum_base or 0):
        return None, "BELOW_MINIMUM_BASE"
    wealth = end - (flow - at_start)
    if wealth < 0:
        return None, "BEYOND_TOTAL_LOSS"
    asked = [amount for amount, is_exempt in ((inflow, funds), (outflow, closes)) if not is_exempt]
    is_large = conventions.large_flow is not None and any(amount > Fraction(conventions.large_flow) * base for amount in asked)
    return wealth / base - 1, "LARGE_FLOW" if is_large else "OK"


@dataclass
class ExactAccount:
    """One account, linked valuation by valuation.

    ``days`` are all days on which it is valued, of which those of a monthly window and of the month after a base are looked at.
    """

    schedule: Schedule
    days: Sequence[date]
    index: Fraction = Fraction(1)
    flow: Fraction = Fraction(0)
    inception: date | None = None
    last_gap: date | None = None
    is_lost: bool = False
    reopening: Reopening | None = None
    residual: Fraction = Fraction(0)
    emptied_by: Fraction | None = None
    was_closed: bool = False
    start: date = date.min
    is_start_known: bool = False
    last_missing: date | None = None
    last_ending: Fraction | None = Fraction(0)
    past: list[tuple[date, Fraction, date]] = field(default_factory=list)

    def closing(self, row: Row, value: Fraction | None) -> str | None:
        """Before the row is linked: the status of one in which the account is empty throughout, or None."""
        if self.reopening is None:
            return None
        flow, begin, end = row["net_flow"], row["beginning_market_value"], row["ending_market_value"]
        self.was_closed, nothing = self.emptied_by is not None, self.residual * (self.emptied_by or 0)
        is_emptied = end is not None and flow < 0 and abs(end) <= self.residual * -flow
        is_left_alone = None not in (begin, end) and flow <= 0 and abs(begin) <= nothing and (abs(end) <= nothing or is_emptied)
        starts_empty = not self.past and begin == end == flow == 0
        is_idle = (self.was_closed and is_left_alone) or starts_empty
        begins_episode = self.reopening is Reopening.NEW_EPISODE or self.emptied_by == 0
        if starts_empty:
            self.emptied_by = Fraction(0)
        if not is_idle:
            self.emptied_by = -flow if is_emptied and value != -1 else None
        if self.was_closed and not is_idle and begins_episode:
            self._begin(row["as_of_date"], holds_value=begin is not None and begin > 0 and begin > flow and begin > self.residual * flow)
        if not is_idle:
            return None
        return "CLOSED" if abs(flow) <= nothing else "UNDEFINED_BASE"

    def _begin(self, day: date, *, holds_value: bool) -> None:
        """A new episode, from the close before the day, or from the valuation before where that is later."""
        self.inception, self.index, self.is_lost = day, Fraction(1), False
        self.start = max([self._close_before(day), *(entry[0] for entry in self.past[-1:])])
        self.is_start_known = self.schedule.cadence is Cadence.DAILY or holds_value

    def link(
        self, day: date, flow: Fraction, value: Fraction | None, begin: Fraction | None, end: Fraction | None, idle: str | None = None
    ) -> Row:
        self.flow += flow
        if idle is not None:
            value = None
        if value is None and idle != "CLOSED":
            self.last_gap = day
        holds_value = self.last_ending != 0 and not self.was_closed
        missing = self._windows_between(self.past[-1][0], day) if self.past and holds_value else 0
        if missing:
            self.last_missing = day
        self.last_ending = end
        if self.inception is None or (self.is_lost and value is not None):
            self._begin(day, holds_value=begin is not None and begin > 0 and begin > self.residual * flow)
        inception = self.inception or day
        waits = self.is_lost or idle is not None
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
            "is_closed": self.emptied_by is not None,
            "windows_missing": missing,
            "last_missing_date": self.last_missing,
            "linked_over_missing": self.last_missing is not None,
            "performance_start_date": self.start,
            "starts_within_window": not self.is_start_known,
        }
        for period, first in starts.items():
            before = [entry for entry in self.past if entry[0] < first and entry[2] == self.inception]
            before_period = (before[-1][0], before[-1][1]) if before else (self.start, Fraction(1))
            linked |= self._period(period, None if waits else before_period, max(first, inception))
        for years in (1, 3, 5):
            base = None if waits else self._base(day, years_before(day, years))
            linked |= self._period(f"{years}y", base, day_after(base[0]) if base else day)
        self.past.append((day, self.index, inception))
        return linked

    def _period(self, name: str, base: tuple[date, Fraction] | None, first_day: date) -> Row:
        """The return over a period from a base, where it starts, and whether a gap or missing valuations lie in it from a day on."""
        if base is None:
            return {f"twrr_{name}{what}": None for what in ("", "_from", "_over_gap", "_over_missing")}
        return {
            f"twrr_{name}": self.index / base[1] - 1,
            f"twrr_{name}_from": base[0],
            f"twrr_{name}_over_gap": self.last_gap is not None and self.last_gap >= first_day,
            f"twrr_{name}_over_missing": self.last_missing is not None and self.last_missing >= first_day,
        }

    def _base(self, day: date, anniversary: date) -> tuple[date, Fraction] | None:
        """What a trailing period starts from: day and index."""
        last = month_end(anniversary)
        at_month_end = self._latest(last, since=anniversary.replace(day=1), only_month_ends=True)
        if self._is_month_end(day):
            return at_month_end
        latest = self._latest(anniversary)
        is_near = (month_end(day) - day).days <= 4
        if is_near and at_month_end and (latest is None or latest[0] < anniversary.replace(day=1)):
            return at_month_end
        return latest

    def _latest(self, until: date, *, since: date = date.min, only_month_ends: bool = False) -> tuple[date, Fraction] | None:
        """The latest valuation of the episode on or before a day, the first beginning value among them."""
        valuations = [(valued, index, self._stands_for_month_end(valued)) for valued, index, of in self.past if of == self.inception]
        if self.is_start_known:
            valuations.insert(0, (self.start, Fraction(1), not valuations or valuations[0][0] > until))
        found = [each for each in valuations if each[0] <= until]
        if not found or found[-1][0] < since or found[-1][1] <= 0 or (only_month_ends and not found[-1][2]):
            return None
        return found[-1][:2]

    def _stands_for_month_end(self, day: date) -> bool:
        later = [each for each in self.days if each > day]
        has_next = bool(later) and month_number(later[0]) == month_number(day) + 1
        return self._is_month_end(day) or (has_next and (month_end(day) - day).days <= 4)

    def _is_month_end(self, day: date) -> bool:
        if self.schedule.cadence is Cadence.MONTHLY and [month_number(each) for each in self.days].count(month_number(day)) == 1:
            return True
        rest = [date.fromordinal(each) for each in range(day.toordinal() + 1, month_end(day).toordinal() + 1)]
        return not rest or not any(self._is_due(each) for each in rest)

    def _is_due(self, day: date) -> bool:
        return day not in self.schedule.holidays and (self.schedule.weekends or day.weekday() < 5)

    def _windows_between(self, day: date, later: date) -> int:
        if self.schedule.cadence is Cadence.MONTHLY:
            return max(month_number(later) - month_number(day) - 1, 0)
        return sum(self._is_due(date.fromordinal(each)) for each in range(day.toordinal() + 1, later.toordinal()))

    def _close_before(self, day: date) -> date:
        """The end of the window before."""
        if self.schedule.cadence is Cadence.MONTHLY:
            return date.fromordinal(day.replace(day=1).toordinal() - 1)
        before = date.fromordinal(day.toordinal() - 1)
        while self._is_due(day) and not self._is_due(before):
            before = date.fromordinal(before.toordinal() - 1)
        return before


def month_number(day: date) -> int:
    return day.year * 12 + day.month


def month_end(day: date) -> date:
    in_next = day.replace(day=28) + timedelta(days=4)
    return in_next - timedelta(days=in_next.day)


def years_before(day: date, years: int) -> date:
    is_leap_day = (day.month, day.day) == (2, 29)
    year = day.year - years
    return date(year, 2, 28) if is_leap_day and year % 4 else day.replace(year=year)


def day_after(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


def exact_accounts(rows: Iterable[Row], schedule: Schedule) -> dict[str, ExactAccount]:
    """The accounts of some rows, none of which is linked yet."""
    days: dict[str, list[date]] = {}
    for row in rows:
        days.setdefault(row["account_id"], []).append(row["as_of_date"])
    return {account: ExactAccount(schedule, sorted(of_account)) for account, of_account in days.items()}


def exact_series(rows: Sequence[Row], conventions: Conventions, schedule: Schedule) -> list[Row]:
    """Every row with its return, status and linked figures, by account and day."""
    accounts = exact_accounts(rows, schedule)
    series = []
    for row in sorted(rows, key=lambda row: (row["account_id"], row["as_of_date"])):
        value, status = exact_return(row, conventions)
        flow = Fraction(row["contributions"]) - Fraction(row["distributions"])
        begin, end = (None if row[name] is None else Fraction(row[name]) for name in ("beginning_market_value", "ending_market_value"))
        account = accounts[row["account_id"]]
        account.reopening, account.residual = conventions.reopening, Fraction(conventions.residual_base)
        idle = account.closing({**row, "net_flow": flow}, value)
        if idle is not None:
            value, status = None, idle
        linked = account.link(row["as_of_date"], flow, value, begin, end, idle)
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
