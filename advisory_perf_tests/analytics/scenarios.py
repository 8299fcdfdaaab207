"""Groups of accounts and their valuations, from which the tests of this room are built."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.contracts.enums import Cadence, FeeBasis, FlowTiming
from advisory_perf_tests.performance.scenarios import a_schedule, positions

FIRST = date(2024, 6, 3)
"""A Monday."""


def day(place: int) -> date:
    return FIRST + timedelta(days=place)


def conventions(timing: FlowTiming = FlowTiming.START_OF_DAY, **said: Any) -> ReturnConventions:
    """Net, daily, every day due, nothing small or large, unless something else is said."""
    quiet: dict[str, Any] = {
        "fee_basis": FeeBasis.NET,
        "weight": None,
        "minimum_base": None,
        "residual_base": None,
        "large_flow": None,
        "reopening": None,
        "schedule": a_schedule(Cadence.DAILY, weekends=True),
    }
    return ReturnConventions(timing, **{**quiet, **said})


def row(account: str, place: int, begin: Any, end: Any, *, into: Any = 0, out: Any = 0, **more: Any) -> dict[str, Any]:
    """A valuation of an account of portfolio P, in euros, on the day of that place."""
    return {
        "account_id": account,
        "portfolio_id": "P",
        "as_of_date": day(place),
        "beginning_market_value": begin,
        "contributions": into,
        "distributions": out,
        "ending_market_value": end,
        "currency": "EUR",
        **more,
    }


def book(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Such valuations as a frame, money as exact decimals."""
    return positions(*rows).drop("income", "appreciation", "other_adjustments", "data_source", "delivery_id", "vendor_value_half_unit")
