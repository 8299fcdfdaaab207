"""Accounts and their valuations, from which the tests of this room are built."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import Cadence, ReturnStatus
from advisory_perf.contracts.schedules import Schedule

_MONEY = (
    "beginning_market_value",
    "contributions",
    "distributions",
    "income",
    "appreciation",
    "fees",
    "other_adjustments",
    "ending_market_value",
    "vendor_net_flow",
    "vendor_value_half_unit",
    "net_flow",
    "calculated_ending_market_value",
)
_DEFAULTS: Mapping[str, Any] = {
    "account_id": "A1",
    "as_of_date": date(2024, 6, 28),
    "beginning_market_value": 100,
    "contributions": 0,
    "distributions": 0,
    "income": 0,
    "appreciation": 0,
    "fees": 0,
    "other_adjustments": 0,
    "ending_market_value": 100,
    "data_source": "acme",
    "delivery_id": "d1",
    "currency": "USD",
    "vendor_value_half_unit": None,
}

DAY = date(2024, 6, 28)


def frame_of(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame whose money is exact; amounts may be given as whole numbers or text."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = []
    for name in names:
        values = [row.get(name) for row in rows]
        if name in _MONEY:
            columns.append(pl.Series(name, [None if value is None else Decimal(value) for value in values], MONEY))
        else:
            columns.append(pl.Series(name, values))
    return pl.DataFrame(columns)


def positions(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Positions of which only what differs from a quiet account of 100 has to be said."""
    return frame_of([{**_DEFAULTS, **row} for row in rows])


def a_schedule(cadence: Cadence = Cadence.DAILY, *, holidays: Collection[date] = (), weekends: bool = False) -> Schedule:
    """Weekdays, unless something else is said."""
    return Schedule(cadence, frozenset(holidays), weekends)


def a_return(day: date, value: float | None, *, account: str = "A1", net_flow: str = "0", beginning: str = "100") -> dict[str, Any]:
    """A sub-period return as the linking needs it; None is an undefined one, and a loss of everything leaves nothing."""
    return {
        "account_id": account,
        "as_of_date": day,
        "net_flow": net_flow,
        "beginning_market_value": beginning,
        "ending_market_value": "0" if value == -1 else "100",
        "calculated_twrr": value,
        "return_status": (ReturnStatus.OK if value is not None else ReturnStatus.UNDEFINED_BASE).value,
    }


def returns(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Sub-period returns, typed as ``sub_period_returns`` gives them."""
    return frame_of(rows).with_columns(pl.col("calculated_twrr").cast(pl.Float64()))
