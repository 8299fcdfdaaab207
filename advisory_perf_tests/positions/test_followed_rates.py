"""Returns in the reporting currency after rates were published: only what has other rates is made again, and it ends as if all had been."""

import random
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from psycopg import sql

from advisory_perf.contracts.tables import CURRENCY_RETURNS, EXCHANGE_RATES, PERFORMANCE_DATA, PUBLISHED_PERFORMANCE, PUBLISHED_RATES
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.positions import currency_returns
from advisory_perf.positions.accounts import account_register
from advisory_perf.positions.accounts_store import latest_positions, upsert_accounts
from advisory_perf.positions.currency_returns import follow_positions, follow_rates
from advisory_perf.positions.publication import publish_slices
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import names, queried
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.warehouse.scenarios import rows_of, valuation

pytestmark = pytest.mark.slow

FEED: PositionsFeed = a_feed(vendor="alpha")
FIRST, LAST = date(2024, 1, 15), date(2024, 4, 20)
CURRENCIES = {"E": "EUR", "G": "GBP", "U": "USD"}
Prices = dict[tuple[str, date], str]


def settings(home: Path, **changes: Any) -> Settings:
    return Settings(home=home, reporting_currency="USD", rates_source="fixings", **changes)


def days() -> list[date]:
    return [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]


def put_positions(warehouse: Warehouse, agreed: Settings, of: Iterable[date], *, first: date = FIRST, last: date = LAST) -> None:
    """Three accounts that earn one percent a day; the one in pounds is valued on every fifth day only."""
    rows = [
        valuation(
            account,
            day,
            101,
            currency=currency,
            beginning_market_value=Decimal(100),
            calculated_twrr=0.01,
        )
        for day in of
        for account, currency in CURRENCIES.items()
        if currency != "GBP" or day.day % 5 == 0
    ]

    def along(connection: psycopg.Connection) -> None:
        upsert_accounts(connection, account_register(latest_positions(connection, "alpha")))
        follow_positions(connection, agreed, FEED, first=first, last=last)

    slices = [(PUBLISHED_PERFORMANCE, rows_of(PERFORMANCE_DATA, *rows))]
    publish_slices(warehouse, slices, vendor="alpha", first=first, last=last, along=along)


def put_rates(
    warehouse: Warehouse, agreed: Settings, prices: Prices, *, first: date = FIRST, last: date = LAST, source: str = "fixings"
) -> None:
    of = {"quote_currency": "USD", "data_source": source, "file_name": "fx.csv", "delivery_id": "fx"}
    rows = [{"base_currency": base, "as_of_date": day, "rate": Decimal(price), **of} for (base, day), price in prices.items()]

    def along(connection: psycopg.Connection) -> None:
        follow_rates(connection, agreed, FEED, first=first, last=last)

    slices = [(PUBLISHED_RATES, rows_of(EXCHANGE_RATES, *rows))]
    publish_slices(warehouse, slices, vendor=source, first=first, last=last, along=along)


def stored(warehouse: Warehouse) -> pl.DataFrame:
    return warehouse.query("SELECT * FROM currency_returns ORDER BY account_id, as_of_date")


def made_anew(warehouse: Warehouse, agreed: Settings) -> pl.DataFrame:
    """What all days give at once; the warehouse stays as it was."""
    with warehouse.connect() as connection:
        connection.execute("DELETE FROM currency_returns")
        follow_positions(connection, agreed, FEED, first=FIRST, last=LAST)
        found = queried(connection, _ROWS)
        connection.rollback()
    assert found.height
    return found


def in_pieces(warehouse: Warehouse) -> pl.DataFrame:
    with warehouse.connect() as connection:
        return queried(connection, _ROWS)


_ROWS = sql.SQL("SELECT {} FROM currency_returns ORDER BY account_id, as_of_date").format(names(CURRENCY_RETURNS.column_names))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[pl.DataFrame]:
    """The positions of which returns were computed, a frame each time."""
    seen: list[pl.DataFrame] = []
    compute = currency_returns.currency_returns

    def counting(positions: pl.DataFrame, *of: Any, **said: Any) -> pl.DataFrame:
        seen.append(positions)
        return compute(positions, *of, **said)

    monkeypatch.setattr(currency_returns, "currency_returns", counting)
    return seen


def every_price() -> Prices:
    return {(base, day): f"1.{day.month}{day.day:02}" for base in ("EUR", "GBP") for day in days()}


def test_a_restated_rate_has_its_day_and_the_next_made_again_and_no_other(
    warehouse: Warehouse, tmp_path: Path, computed: list[pl.DataFrame]
) -> None:
    agreed, prices = settings(tmp_path), every_price()
    put_positions(warehouse, agreed, days())
    put_rates(warehouse, agreed, prices)
    before, day = stored(warehouse), date(2024, 2, 7)
    computed.clear()
    put_rates(warehouse, agreed, {**prices, ("EUR", day): "1.5"})
    assert pl.concat(computed)["as_of_date"].unique().sort().to_list() == [day, day + timedelta(days=1)]
    changed = stored(warehouse).join(before, on=["account_id", "as_of_date", "updated_at"], how="anti")
    assert changed.select("account_id", "as_of_date").rows() == [("E", day), ("E", day + timedelta(days=1))]
    assert changed["ending_rate"].to_list() == [Decimal("1.5"), Decimal("1.208")]
    assert changed["beginning_rate"].to_list() == [Decimal("1.206"), Decimal("1.5")]
    computed.clear()
    put_rates(warehouse, agreed, {**prices, ("EUR", day): "1.5"})
    assert computed == [], "a rerun computes nothing"


def test_a_rate_reaches_the_next_valuation_behind_its_windows_and_a_month_at_a_time_is_computed(
    warehouse: Warehouse, tmp_path: Path, computed: list[pl.DataFrame]
) -> None:
    agreed, prices = settings(tmp_path), every_price()
    put_positions(warehouse, agreed, days())
    computed.clear()
    put_rates(warehouse, agreed, prices)
    assert [frame["as_of_date"].dt.month().unique().to_list() for frame in computed] == [[1], [2], [3], [4]]
    assert sum(frame.height for frame in computed) == stored(warehouse).height
    last = date(2024, 1, 30)
    until_then = {place: price for place, price in prices.items() if place[1] <= last}
    put_rates(warehouse, agreed, {**until_then, ("GBP", last): "2"}, last=last)
    followed = stored(warehouse).filter(account_id="G", beginning_rate_date=last)
    assert followed.select("as_of_date", "beginning_rate").rows() == [(date(2024, 2, 5), Decimal(2))]
    assert in_pieces(warehouse).equals(made_anew(warehouse, agreed))


def test_what_is_published_is_the_same_in_whatever_pieces_rates_and_positions_come(warehouse: Warehouse, tmp_path: Path) -> None:
    chance, agreed, prices = random.Random(11), settings(tmp_path), every_price()
    for _ in range(25):
        first, last = sorted(chance.sample(days(), 2))
        if chance.random() < 0.5:
            put_positions(
                warehouse, agreed, (day for day in days() if first <= day <= last and chance.random() < 0.9), first=first, last=last
            )
            continue
        for place in chance.sample(sorted(prices), 3):
            prices[place] = f"1.{chance.randrange(1000, 9999)}"
        known = {place: price for place, price in prices.items() if first <= place[1] <= last and chance.random() < 0.9}
        put_rates(warehouse, agreed, known, first=first, last=last)
    assert stored(warehouse)["conversion_status"].unique().sort().to_list() == ["MISSING_DATE", "MISSING_RATE", "OK"]
    assert in_pieces(warehouse).equals(made_anew(warehouse, agreed))


def test_other_settings_have_every_row_made_again_by_the_rates(warehouse: Warehouse, tmp_path: Path) -> None:
    agreed, prices = settings(tmp_path), every_price()
    put_positions(warehouse, Settings(home=tmp_path), days())
    assert stored(warehouse).is_empty(), "nothing is set"
    put_rates(warehouse, agreed, prices)
    assert in_pieces(warehouse).equals(made_anew(warehouse, agreed))
    other = agreed.model_copy(update={"rates_source": "others"})
    put_rates(warehouse, other, {**prices, ("EUR", date(2024, 3, 3)): "1.9"}, source="others")
    assert in_pieces(warehouse).equals(made_anew(warehouse, other))
    assert Decimal("1.9") in stored(warehouse)["ending_rate"].to_list()
