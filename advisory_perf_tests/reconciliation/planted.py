"""A month of accounts as a vendor sends them, in which each break has one known cause.

Written apart from the platform: returns are computed here with plain floats from the same definition, amounts with whole cents. Each
plant says in which rows the vendor's figure is what another method, or another book-keeping, would give.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

CENT = Decimal("0.01")
DIGITS = 6
"""Decimals of the vendor's returns."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Planted:
    """Positions of a month, and the cause of each break that was planted by account, day and figure."""

    rows: list[Row]
    causes: dict[tuple[str, date, str], str]


def days(first: date, count: int) -> list[date]:
    every = (first + timedelta(days=number) for number in range(2 * count))
    return [day for day in every if day.weekday() < 5][:count]


def quiet(random: Random, accounts: int, on: list[date]) -> dict[str, list[Row]]:
    """What is true of each account: values that roll forward, income and fees, a flow on one day in eight."""
    found: dict[str, list[Row]] = {}
    for number in range(accounts):
        name, value, rows = f"A{number:05}", Decimal(random.randint(5_000_000, 500_000_000)) / 100, []
        for day in on:
            into = out = Decimal(0)
            if random.random() < 1 / 8:
                amount = (value * Decimal(random.randint(200, 2_000)) / 10_000).quantize(CENT) + CENT
                into, out = random.choice([(amount, Decimal(0)), (Decimal(0), amount), (amount, (amount / 3).quantize(CENT))])
            income = (value * Decimal(random.randint(1_000, 400_000)) / 1_000_000_000).quantize(CENT) + CENT
            fees = (value * Decimal(random.randint(1_000, 200_000)) / 1_000_000_000).quantize(CENT) + CENT
            gain = (value * Decimal(random.randint(-4_000, 4_000)) / 100_000).quantize(CENT)
            end = value + into - out + income + gain - fees
            amounts = {"contributions": into, "distributions": out, "income": income, "appreciation": gain, "fees": fees}
            rows.append({"account_id": name, "as_of_date": day, "beginning_market_value": value, **amounts, "ending_market_value": end})
            value = end
        found[name] = rows
    return found


def a_return(row: Row, *, timing: str = "end", fees: int = 0, into: int = 1, out: int = 1) -> float:
    """The sub-period return of a row; timing is end, start or mid."""
    begin, end = float(row["beginning_market_value"]), float(row["ending_market_value"]) + fees * float(row["fees"])
    net = into * float(row["contributions"]) - out * float(row["distributions"])
    if timing == "start":
        return end / (begin + net) - 1
    return (end - net) / begin - 1 if timing == "end" else (end - begin - net) / (begin + net / 2)


def money_weighted(row: Row) -> float:
    """By bisection: BMV (1 + r) + NF sqrt(1 + r) = EMV."""
    begin, end = float(row["beginning_market_value"]), float(row["ending_market_value"])
    net, low, high = float(row["contributions"] - row["distributions"]), 0.0, 4.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if begin * middle + net * middle**0.5 < end else (low, middle)
    return low - 1


Plant = Callable[[Row, Row, Random], dict[str, Any] | None]
"""Of a row and the one before it what the vendor says otherwise; None where it cannot be planted there."""


def _has_flow(row: Row) -> bool:
    return bool(row["contributions"] or row["distributions"])


def _net(row: Row) -> Decimal:
    net: Decimal = row["contributions"] - row["distributions"]
    return net


def _twrr(value: float | None) -> dict[str, Any] | None:
    return None if value is None else {"vendor_twrr": round(value, DIGITS)}


def _on_flow(value: Callable[[Row], float]) -> Plant:
    return lambda row, _before, _random: _twrr(value(row)) if _has_flow(row) else None


def _emv(value: Callable[[Row, Row], Decimal | None]) -> Plant:
    def plant(row: Row, before: Row, _random: Random) -> dict[str, Any] | None:
        found = value(row, before)
        return None if found is None else {"vendor_value": found}

    return plant


def _money_weighted(row: Row, _before: Row, _random: Random) -> dict[str, Any] | None:
    """Only where it is another figure than that of flows at mid day, to the digits that are printed."""
    value = money_weighted(row)
    return _twrr(value) if abs(value - a_return(row, timing="mid")) > 10**-5 else None


RETURNS: dict[str, list[Plant]] = {
    "FLOW_TIMING": [_on_flow(lambda row: a_return(row, timing="start")), _on_flow(lambda row: a_return(row, timing="mid"))],
    "FEE_BASIS": [lambda row, _before, _random: _twrr(a_return(row, fees=1))],
    "PERCENT_SCALE": [lambda row, _before, _random: _twrr(100 * a_return(row))],
    "SIGN": [lambda row, _before, _random: _twrr(-a_return(row))],
    "MONEY_WEIGHTED": [_money_weighted],
    "MISSING_FLOW": [_on_flow(lambda row: a_return(row, into=0, out=0))],
    "DOUBLED_FLOW": [_on_flow(lambda row: a_return(row, into=2, out=2))],
    "STALE": [lambda _row, _before, _random: {"vendor_twrr": 0.0}],
    "DAY_SHIFT": [lambda _row, before, _random: _twrr(a_return(before))],
}
VALUES: dict[str, list[Plant]] = {
    "ROUNDING": [_emv(lambda row, _: row["ending_market_value"] + Decimal("0.02"))],
    "SIGN": [_emv(lambda row, _: -row["ending_market_value"])],
    "STALE": [_emv(lambda _, before: before["ending_market_value"])],
    "MISSING_FLOW": [_emv(lambda row, _: row["ending_market_value"] - _net(row) if _has_flow(row) else None)],
    "DOUBLED_FLOW": [_emv(lambda row, _: row["ending_market_value"] + _net(row) if _has_flow(row) else None)],
    "DOUBLED_FEES": [_emv(lambda row, _: row["ending_market_value"] - row["fees"])],
    "INCOME": [_emv(lambda row, _: row["ending_market_value"] - row["income"])],
    "OUTLIER": [_emv(lambda row, _: row["ending_market_value"] * 100)],
}


def planted(plants: dict[str, list[Plant]], *, accounts: int, seed: int) -> Planted:
    """A month in which every account has one row of a planted cause, where it can be; the other rows are right."""
    random = Random(seed)
    on, found = days(date(2025, 3, 3), 21), Planted([], {})
    for name, rows in quiet(random, accounts, on).items():
        cause = random.choice(list(plants))
        plant, places = random.choice(plants[cause]), random.sample(range(1, len(rows)), len(rows) - 1)
        possible = ((place, plant(rows[place], rows[place - 1], random)) for place in places)
        place, changed = next(((place, changed) for place, changed in possible if changed), (0, None))
        for number, row in enumerate(rows):
            says = {"vendor_twrr": round(a_return(row), DIGITS), "vendor_value": row["ending_market_value"]}
            found.rows.append({**row, **says, **(changed or {} if number == place else {})})
        if changed:
            field = "twrr" if "vendor_twrr" in changed else "ending_market_value"
            found.causes[name, rows[place]["as_of_date"], field] = cause
    return found
