"""Published comparisons of a made-up vendor, month by month, from which the tests of breaks are built."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from advisory_perf.contracts.tables import (
    DELIVERY_FACTORS,
    PERFORMANCE_DATA,
    PUBLISHED_PERFORMANCE,
    PUBLISHED_RESULTS,
    RECONCILIATION_RESULTS,
)
from advisory_perf.positions.publication import publish_slices
from advisory_perf.reconciliation.breaks import publish_breaks
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.warehouse.scenarios import rows_of, valuation

MAY, JUNE, JULY, AUGUST = date(2024, 5, 31), date(2024, 6, 30), date(2024, 7, 31), date(2024, 8, 31)
TOLERANCE = Decimal("0.01")

Outcome = str | None
"""A variance as text, which breaks where it exceeds the tolerance, or None where nothing was compared."""


@dataclass
class Vendor:
    """One account's outcomes by day, and the deliveries that they came in; ``publish`` brings the warehouse up to them."""

    warehouse: Warehouse
    name: str = "alpha"
    outcomes: dict[date, Outcome] = field(default_factory=dict)
    deliveries: dict[date, str] = field(default_factory=dict)
    factors: dict[date, str] = field(default_factory=dict)
    others: int = 0
    """Accounts that never break; their rows come in a delivery of their own."""
    figures: tuple[str, ...] = ("ending_market_value",)
    """The figures that are compared, all with the same outcome."""

    def deliver(self, outcomes: Mapping[date, Outcome], delivery: str | None = None) -> None:
        """Says the days anew, and publishes from the first of them to the last that is known; by default each in a file of its own."""
        self.outcomes |= outcomes
        self.deliveries |= {day: delivery or f"file of {day}" for day in outcomes}
        self.publish(min(outcomes), max(self.outcomes))

    def withdraw(self, day: date) -> None:
        """The day is no longer delivered."""
        del self.outcomes[day]
        self.publish(day, day)

    def publish(self, first: date, last: date) -> None:
        """Both published tables and the breaks of the days."""
        days = sorted(day for day in self.outcomes if first <= day <= last)
        positions = rows_of(
            PERFORMANCE_DATA,
            *(valuation("A", day, data_source=self.name, delivery_id=self.deliveries[day]) for day in days),
            *(valuation(f"B{n}", day, data_source=self.name, delivery_id="of the others") for day in days for n in range(self.others)),
        )
        factors = rows_of(
            DELIVERY_FACTORS,
            *(
                {
                    "data_source": self.name,
                    "delivery_id": self.deliveries[day],
                    "as_of_date": day,
                    "field_name": "ending_market_value",
                    "factor": Decimal(factor),
                    "accounts": 5000,
                    "accounts_compared": 5000,
                }
                for day, factor in self.factors.items()
                if first <= day <= last
            ),
        )
        results = rows_of(RECONCILIATION_RESULTS, *(self._result(day, figure) for day in days for figure in self.figures))
        publish_slices(
            self.warehouse,
            [(PUBLISHED_RESULTS, results), (PUBLISHED_PERFORMANCE, positions)],
            vendor=self.name,
            first=first,
            last=last,
            along=lambda connection: publish_breaks(connection, self.name, factors, first=first, last=last),
        )

    def _result(self, day: date, figure: str) -> dict[str, Any]:
        outcome = self.outcomes[day]
        breaks = is_break(outcome)
        variance = None if outcome is None else Decimal(outcome)
        return {
            "data_source": self.name,
            "account_id": "A",
            "as_of_date": day,
            "field_name": figure,
            "vendor_value": Decimal(100),
            "variance": variance,
            "tolerance_threshold": TOLERANCE,
            "within_tolerance": None if outcome is None else not breaks,
            "likely_cause": ("SYSTEMATIC" if day in self.factors else "UNEXPLAINED") if breaks else None,
        }

    def breaks(self, *names: str) -> list[tuple[Any, ...]]:
        """The vendor's breaks in the order of their first days."""
        frame = self.warehouse.query(
            "SELECT * FROM reconciliation_breaks WHERE data_source = %s ORDER BY first_as_of_date, break_id", [self.name]
        )
        return frame.select(names or pl.all()).rows()


def is_break(outcome: Outcome) -> bool:
    """Whether the outcome lies outside the tolerance."""
    return outcome is not None and abs(Decimal(outcome)) > TOLERANCE


def runs(outcomes: Mapping[date, Outcome]) -> list[tuple[date, date, int, date | None, Decimal]]:
    """First and last day, valuations, the day that ended it, and latest variance of each break, reported by walking along the days."""
    found: list[tuple[date, date, int, date | None, Decimal]] = []
    is_running = False
    for day in sorted(outcomes):
        outcome = outcomes[day]
        if outcome is None:
            continue
        if not is_break(outcome):
            if is_running:
                found[-1] = (*found[-1][:3], day, found[-1][4])
            is_running = False
        elif is_running:
            found[-1] = (found[-1][0], day, found[-1][2] + 1, None, Decimal(outcome))
        else:
            found.append((day, day, 1, None, Decimal(outcome)))
            is_running = True
    return found


def days_from(first: date, count: int) -> list[date]:
    """So many days, twenty apart, so that they lie in several months."""
    return [first + timedelta(days=20 * number) for number in range(count)]


def live(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows of first, last, valuations, resolved on, … without those whose own last valuation was restated or withdrawn."""
    return [row for row in rows if row[3] is None or row[3] > row[1]]
