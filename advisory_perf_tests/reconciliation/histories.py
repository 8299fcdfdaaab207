"""Random histories of what a vendor's publications hold: accounts, figures, deliveries, factors and sign-offs, in any order of days."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import psycopg
from hypothesis import strategies as st

from advisory_perf.contracts.tables import (
    DELIVERY_FACTORS,
    PERFORMANCE_DATA,
    PUBLISHED_PERFORMANCE,
    PUBLISHED_RESULTS,
    RECONCILIATION_RESULTS,
)
from advisory_perf.positions.publication import publish_slices
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import copy_frame
from advisory_perf_tests.warehouse.scenarios import rows_of, valuation

DAYS = [date(2024, 1, 30) + timedelta(days=offset) for offset in (0, 1, 2, 5, 32, 33, 70)]
ACCOUNTS = ["A", 'Konto "Ä",\t1']
FIELDS = ["ending_market_value", "twrr"]
DELIVERIES = ["first", "second", "third"]
UNDEFINED, SYSTEMATIC = "undefined", "systematic"
OUTCOMES = ["0", "0.01", "7", "7.01", "7.02", "-7", None, UNDEFINED, SYSTEMATIC]
FACTORS = ["1.08", "1.080005", "0.000000000007", "-1", "98765432109876.543210987654"]

Outcome = str | None
"""A variance as text, which breaks beyond 0.01; None without comparison, UNDEFINED without our figure, SYSTEMATIC with its delivery."""


@dataclass(frozen=True)
class Valued:
    """An account on a day: the delivery that it came in, and the outcome of each figure that has a row."""

    delivery: str
    outcomes: dict[str, Outcome]


@dataclass(frozen=True)
class Factor:
    """One factor of a delivery on a day, and how many accounts break because of it."""

    field_name: str
    delivery: str
    factor: str
    accounts: int


@dataclass(frozen=True)
class Step:
    """What the days from one to another hold now, and which of the open breaks is signed off afterwards."""

    first: date
    last: date
    valued: dict[tuple[str, date], Valued]
    factors: dict[date, list[Factor]]
    signed: int | None


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Mostly one day, and mostly outcomes that break."""
    first = draw(st.integers(0, len(DAYS) - 1))
    last = draw(st.one_of(st.just(first), st.integers(first, len(DAYS) - 1)))
    days = DAYS[first : last + 1]
    valued = st.builds(
        Valued,
        st.sampled_from(DELIVERIES),
        st.fixed_dictionaries({FIELDS[0]: st.sampled_from(OUTCOMES)}, optional={FIELDS[1]: st.sampled_from(OUTCOMES)}),
    )
    factor = st.builds(
        Factor, st.sampled_from(FIELDS[:1]), st.sampled_from(DELIVERIES), st.sampled_from(FACTORS), st.sampled_from([10, 20])
    )
    others = {(account, day): valued for account in ACCOUNTS[1:] for day in days}
    return Step(
        days[0],
        days[-1],
        draw(st.fixed_dictionaries({(ACCOUNTS[0], day): valued for day in days[1:]}, optional={(ACCOUNTS[0], days[0]): valued, **others})),
        {day: draw(st.one_of(st.just([]), st.lists(factor, max_size=2, unique_by=lambda one: one.delivery))) for day in days},
        draw(st.one_of(st.none(), st.integers(0, 5))),
    )


@dataclass
class Published:
    """A vendor in the warehouse as its history goes on; ``follow`` makes the breaks follow, in the publication's transaction."""

    warehouse: Warehouse
    name: str
    follow: Callable[[psycopg.Connection, str, date, date], object]
    valued: dict[tuple[str, date], Valued] = field(default_factory=dict)
    factors: dict[date, list[Factor]] = field(default_factory=dict)

    def publish(self, step: Step) -> None:
        """The days of the step hold what it says and nothing else."""

        def is_within(day: date) -> bool:
            return step.first <= day <= step.last

        self.valued = {key: one for key, one in self.valued.items() if not is_within(key[1])} | step.valued
        self.factors = {day: some for day, some in self.factors.items() if not is_within(day)} | step.factors
        positions = rows_of(
            PERFORMANCE_DATA,
            *(valuation(account, day, data_source=self.name, delivery_id=one.delivery) for (account, day), one in step.valued.items()),
        )
        results = rows_of(
            RECONCILIATION_RESULTS,
            *(
                {"data_source": self.name, "account_id": account, "as_of_date": day, "field_name": name, **columns_of(outcome)}
                for (account, day), one in step.valued.items()
                for name, outcome in one.outcomes.items()
            ),
        )
        publish_slices(
            self.warehouse,
            [(PUBLISHED_RESULTS, results), (PUBLISHED_PERFORMANCE, positions)],
            vendor=self.name,
            first=step.first,
            last=step.last,
            along=lambda connection: self._along(connection, step),
        )

    def _along(self, connection: psycopg.Connection, step: Step) -> None:
        connection.execute(
            "DELETE FROM delivery_factors WHERE data_source = %s AND as_of_date BETWEEN %s AND %s", [self.name, step.first, step.last]
        )
        copy_frame(connection, DELIVERY_FACTORS.name, rows_of(DELIVERY_FACTORS, *self._factor_rows(step)))
        self.follow(connection, self.name, step.first, step.last)

    def _factor_rows(self, step: Step) -> list[dict[str, Any]]:
        return [
            {
                "data_source": self.name,
                "delivery_id": one.delivery,
                "as_of_date": day,
                "field_name": one.field_name,
                "factor": Decimal(one.factor),
                "accounts": one.accounts,
                "accounts_compared": 20,
            }
            for day, some in step.factors.items()
            for one in some
        ]

    def breaks(self) -> pl.DataFrame:
        """The vendor's breaks, by name."""
        return self.warehouse.query("SELECT * FROM reconciliation_breaks WHERE data_source = %s ORDER BY break_id", [self.name])


def columns_of(outcome: Outcome) -> dict[str, Any]:
    """The columns of a comparison with the outcome."""
    columns: dict[str, Any] = {
        "calculated_value": None,
        "vendor_value": Decimal(100),
        "variance": None,
        "tolerance_threshold": Decimal("0.01"),
        "within_tolerance": None,
        "likely_cause": None,
    }
    if outcome is None:
        return columns
    if outcome == UNDEFINED:
        return columns | {"within_tolerance": False, "likely_cause": "UNDEFINED_BASE"}
    variance = Decimal(8) if outcome == SYSTEMATIC else Decimal(outcome)
    is_within = abs(variance) <= Decimal("0.01")
    cause = None if is_within else "SYSTEMATIC" if outcome == SYSTEMATIC else "UNEXPLAINED"
    return columns | {"calculated_value": 100 + variance, "variance": variance, "within_tolerance": is_within, "likely_cause": cause}
