"""Groups, contributions, composites and currencies once more, account by account in rational arithmetic.

Written from the rules (docs/portfolios.md, docs/composites.md) and not from the platform's code, with which it shares nothing but the names
of conventions. The return of one sub-period and the linking of one account have their own in ``performance.exact``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from advisory_perf_tests.performance.exact import Conventions, exact_return

Row = dict[str, Any]

LIMIT = Fraction(1, 10**12)
AMOUNTS = ("beginning_market_value", "contributions", "distributions", "ending_market_value", "fees")


class ExactBook:
    """All rows of some accounts, by account and day."""

    def __init__(self, rows: Sequence[Row], *, group: str, departures: Sequence[tuple[str, str, date]] = ()) -> None:
        self.group, self.departures = group, set(departures)
        self.of: dict[str, list[Row]] = {}
        for row in sorted(rows, key=lambda row: (row["account_id"], row["as_of_date"])):
            self.of.setdefault(row["account_id"], []).append(row)
        names = {row[group] for row in rows if row[group] is not None}
        self.days = {name: sorted({row["as_of_date"] for row in rows if row[group] == name}) for name in sorted(names)}

    def _is_closed(self, row: Row) -> bool:
        return row["ending_market_value"] == 0 or bool(row.get("is_closed"))

    def _departs(self, row: Row) -> bool:
        return (row["account_id"], row[self.group], row["as_of_date"]) in self.departures

    def _left_on(self, name: str, row: Row, following: Row | None) -> date | None:
        """The group's day at which the account of a row has left, by its next row."""
        if self._departs(row):
            return next((day for day in self.days[name] if day > row["as_of_date"]), None)
        if following is None or following[self.group] == name:
            return None
        return next((day for day in self.days[name] if day >= following["as_of_date"]), None)

    def days_of(self, name: str) -> list[Row]:
        """The group day by day: sums, members, missing members, what joined and what left."""
        found = []
        for place, day in enumerate(self.days[name]):
            before = self.days[name][place - 1] if place else None
            valued, missing, joined, left = [], 0, Fraction(0), Fraction(0)
            for rows in self.of.values():
                last = next((row for row in reversed(rows) if row["as_of_date"] < day), None)
                today = next((row for row in rows if row["as_of_date"] == day), None)
                is_member = last is not None and last[self.group] == name and not self._departs(last)
                for row, following in zip(rows, [*rows[1:], None], strict=True):
                    if row[self.group] == name and self._left_on(name, row, following) == day:
                        left += Fraction(row["ending_market_value"])
                if today is not None and today[self.group] == name:
                    valued.append(today)
                    was_there = is_member and last is not None and (not self._is_closed(last) or last["as_of_date"] == before)
                    if before is not None and not was_there:
                        joined += Fraction(today["beginning_market_value"])
                elif today is None and is_member and last is not None and not self._is_closed(last):
                    missing += 1
            found.append(self._sums(name, day, valued, missing, joined, left))
        return found

    def _sums(self, name: str, day: date, valued: Sequence[Row], missing: int, joined: Fraction, left: Fraction) -> Row:
        sums: Row = {amount: sum((Fraction(row[amount]) for row in valued), Fraction(0)) for amount in AMOUNTS}
        into = Counter(row["contributions"] for row in valued if row["contributions"])
        out = Counter(row["distributions"] for row in valued if row["distributions"])
        netted = sum(
            (
                Fraction(amount)
                for amount in into
                if into[amount] == out[amount] == 1 and not any(row["contributions"] == row["distributions"] == amount for row in valued)
            ),
            Fraction(0),
        )
        sums["contributions"] -= netted
        sums["distributions"] -= netted
        sums |= {"internal_transfers": netted, "joined_value": joined, "left_value": left}
        sums["net_flow"] = sums["contributions"] - sums["distributions"]
        status = "MISSING_MEMBERS" if missing else "OK"
        if len({row["currency"] for row in valued}) > 1:
            status = "SEVERAL_CURRENCIES"
        if status != "OK":
            sums = dict.fromkeys(sums)
        key = {self.group: name, "as_of_date": day}
        return {**key, **sums, "members": len(valued), "missing_members": missing, "roll_up_status": status}


def linked_group(days: Sequence[Row], conventions: Conventions) -> list[Row]:
    """A group's days with their returns, and the growth index that they make."""
    index, found = Fraction(1), []
    for day in days:
        value, status = (None, "MISSING_VALUE") if day["roll_up_status"] != "OK" else exact_return(day, conventions)
        index *= 1 + (value or 0)
        found.append({**day, "calculated_twrr": value, "return_status": status, "growth_index": index})
    return found


def logarithm(value: Fraction) -> Fraction:
    """The natural logarithm, to fifty digits."""
    with localcontext() as context:
        context.prec = 60
        return Fraction((Decimal(value.numerator) / Decimal(value.denominator)).ln())


def carino_factor(value: Fraction) -> Fraction:
    """ln(1 + R) / R, and 1 for no return."""
    return logarithm(1 + value) / value if value else Fraction(1)


def deviation(values: Sequence[Fraction], *, lost: int, weights: Sequence[Fraction] | None = None) -> Fraction:
    """The standard deviation of values, by their number less ``lost``, or by weights that add up to one."""
    shares = [Fraction(1, len(values))] * len(values) if weights is None else weights
    mean = sum((share * value for share, value in zip(shares, values, strict=True)), Fraction(0))
    variance = sum((share * (value - mean) ** 2 for share, value in zip(shares, values, strict=True)), Fraction(0))
    if weights is None:
        variance = variance * len(values) / (len(values) - lost)
    with localcontext() as context:
        context.prec = 60
        return Fraction((Decimal(variance.numerator) / Decimal(variance.denominator)).sqrt())


def wrong(found: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> list[str]:
    """What of ``found`` is not what it should be: figures beyond LIMIT (of a figure beyond 1, that part), and anything unequal."""
    assert len(found) == len(expected)
    return [
        f"{name} is {row[name]}, not {float(value) if isinstance(value, Fraction) else value}, in {right}"
        for row, right in zip(found, expected, strict=True)
        for name, value in right.items()
        if not _is_close(row[name], value)
    ]


def _is_close(found: Any, expected: Any) -> bool:
    if not isinstance(expected, Fraction) or found is None:
        return bool(found == expected)
    if isinstance(found, Decimal):
        return Fraction(found) == expected
    return abs(Fraction(found) - expected) <= LIMIT * max(Fraction(1), abs(expected))
