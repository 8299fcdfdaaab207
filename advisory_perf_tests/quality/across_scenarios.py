"""A month of several hundred accounts in portfolios, made apart from the platform, in which cases of every kind are planted.

Amounts are whole cents and every value rolls forward, so that what is found was planted. Flows are of random and of round amounts.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from advisory_perf.contracts.columns import MONEY
from advisory_perf.quality.across_accounts import ROWS, by_window

CENT = Decimal("0.01")
FIRST = date(2025, 3, 3)
NOBODY = pl.DataFrame(schema={"account_id": pl.String(), "window": pl.Date()})
NO_LAST_DAYS = pl.DataFrame(schema={"delivery_id": pl.String(), "last_as_of_date": pl.Date()})
_MONEY = ("beginning_market_value", "contributions", "distributions", "ending_market_value", "vendor_value_half_unit")
_TYPES = {
    "as_of_date": pl.Date(),
    "window": pl.Date(),
    "ordinal": pl.Int64(),
    "is_own": pl.Boolean(),
    "is_emptied": pl.Boolean(),
}
_ROUND = (500, 1_000, 2_500, 5_000, 10_000, 20_000)


def days(count: int, first: date = FIRST) -> list[date]:
    """So many business days."""
    every = (first + timedelta(days=number) for number in range(2 * count + 7))
    return [day for day in every if day.weekday() < 5][:count]


@dataclass
class Month:
    """Rows by account and place of the day, to be changed before they become a frame."""

    rows: dict[tuple[str, int], dict[str, Any]]
    dates: Sequence[date]
    random: random.Random

    def value_from(self, account: str, place: int) -> None:
        """Rolls the account's values on from the day, each day's growth as it is."""
        for later in range(place, len(self.dates)):
            if (account, later) not in self.rows:
                continue
            row = self.rows[account, later]
            if (account, later - 1) in self.rows:
                row["beginning_market_value"] = self.rows[account, later - 1]["ending_market_value"]
            base = row["beginning_market_value"] + row["contributions"] - row["distributions"]
            row["ending_market_value"] = (base * (1 + row["growth"])).quantize(CENT)

    def flow(self, account: str, place: int, amount: Decimal) -> None:
        """A contribution, or where it is negative a distribution, beside what flows there already."""
        row = self.rows[account, place]
        row["contributions" if amount > 0 else "distributions"] += abs(amount)
        self.value_from(account, place)

    def frame(self, *, own_from: int = 0, known_from: int = 0) -> pl.DataFrame:
        """Rows across accounts of the days from ``known_from`` on, of which those from ``own_from`` on are the run's own."""
        kept = [
            {**row, "ordinal": place, "is_own": place >= own_from} for (_, place), row in sorted(self.rows.items()) if place >= known_from
        ]
        return frame_of(kept)


def frame_of(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows across accounts with their returns, flows at the start of the day, in any order."""
    schema = {name: MONEY if name in _MONEY else _TYPES.get(name, pl.String()) for name in ROWS}
    frame = pl.DataFrame([{name: row[name] for name in ROWS} for row in rows], schema=schema, orient="row")
    begin, into, out, end = (pl.col(name).cast(pl.Float64()) for name in _MONEY[:4])
    base = begin + into - out
    return frame.with_columns(calculated_twrr=pl.when(base > 0).then(end / base - 1), slot="window")


def across(*rows: Mapping[str, Any] | pl.DataFrame, several: bool = False) -> pl.DataFrame:
    """A frame, or rows, as ``by_window`` gives them."""
    frame = rows[0] if rows and isinstance(rows[0], pl.DataFrame) else frame_of([row for row in rows if not isinstance(row, pl.DataFrame)])
    return by_window(frame, several=several)


def a_row(account: str, place: int, begin: Any, end: Any, **changes: Any) -> dict[str, Any]:
    """One valuation on the day of a place, of the run's own unless said otherwise."""
    day = days(place + 1)[-1]
    row = {
        "account_id": account,
        "account_name": "Trust",
        "portfolio_id": "P",
        "client_id": "C",
        "currency": "USD",
        "as_of_date": day,
        "window": day,
        "ordinal": place,
        "is_own": True,
        "delivery_id": f"d{place}",
        "contributions": 0,
        "distributions": 0,
        "vendor_value_half_unit": None,
        "is_emptied": False,
        **changes,
        "beginning_market_value": begin,
        "ending_market_value": end,
    }
    return {name: Decimal(value) if name in _MONEY and value is not None else value for name, value in row.items()}


def a_month(seed: int, *, accounts: int = 400, count: int = 21, portfolio_of: int = 10, flows: float = 0.02) -> Month:
    """A clean month: a market that moves all accounts, and fat tails of each of them; of a flow one in two has a round amount."""
    chance = random.Random(seed)
    dates = days(count)
    market = [chance.gauss(0.0003, 0.008) for _ in dates]
    month = Month({}, dates, chance)
    for number in range(accounts):
        account, portfolio = f"A{number:04}", f"P{number // portfolio_of:03}"
        currency = "EUR" if number // portfolio_of % 4 == 0 else "USD"
        scale = chance.choice([0.002, 0.003, 0.005])
        value = Decimal(chance.randrange(5_000_000, 500_000_000)) * CENT
        for place, day in enumerate(dates):
            tail = chance.gauss(0, 1) / (sum(chance.gauss(0, 1) ** 2 for _ in range(5)) / 5) ** 0.5  # Student's t with five degrees
            month.rows[account, place] = {
                "account_id": account,
                "account_name": f"Trust {number}",
                "portfolio_id": portfolio,
                "client_id": f"C{number // portfolio_of // 2:03}",
                "currency": currency,
                "as_of_date": day,
                "window": day,
                "delivery_id": f"d{place:02}",
                "beginning_market_value": value,
                "contributions": Decimal(0),
                "distributions": Decimal(0),
                "ending_market_value": value,
                "vendor_value_half_unit": None,
                "is_emptied": False,
                "growth": Decimal(round(market[place] + scale * tail, 6)).quantize(Decimal("0.000001")),
            }
            if chance.random() < flows:
                amount = Decimal(chance.choice(_ROUND)) if chance.random() < 0.5 else Decimal(chance.randrange(10_000, 5_000_000)) * CENT
                side = "contributions" if chance.random() < 0.5 else "distributions"
                month.rows[account, place][side] = min(amount, value / 4).quantize(CENT)
        month.value_from(account, 0)
    return month
