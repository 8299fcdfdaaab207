"""Returns of accounts in the reporting currency of the installation, published by account and day.

They are computed from what is published already: the positions and returns of an account, and the exchange rates of the vendor that the
settings name, each of the very day. So a publication of positions and one of rates both bring them up to date, in their own transaction
and one at a time, and whichever comes first, the same is published. A row says with which rates it was made: one of rates looks for those
that are other rates now, and leaves the rest of the days as they are. A month is computed at a time, so that memory stays small.
"""

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from typing import Any, LiteralString

import polars as pl
import psycopg

from advisory_perf.analytics.currencies import returns_abroad
from advisory_perf.contracts.columns import MONEY, RATE
from advisory_perf.contracts.enums import ConversionStatus
from advisory_perf.contracts.tables import CURRENCY_RETURNS, PUBLISHED_CURRENCY_RETURNS
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.positions.conventions import conventions_of
from advisory_perf.positions.publication import lock_publication, replace_slice
from advisory_perf.settings import Settings
from advisory_perf.warehouse.copy import copied, queried

_RATE_DATES = {
    "beginning_market_value": "beginning_rate_date",
    "contributions": "as_of_date",
    "distributions": "as_of_date",
    "fees": "as_of_date",
    "ending_market_value": "as_of_date",
}
"""A beginning value takes the rate of the close that it was, all else that of its own day."""

_PUBLISHED = pl.Schema(
    {
        "data_source": pl.String(),
        "account_id": pl.String(),
        "as_of_date": pl.Date(),
        "currency": pl.String(),
        **dict.fromkeys(("beginning_market_value", "contributions", "distributions", "fees", "ending_market_value"), MONEY),
        "calculated_twrr": pl.Float64(),
        "return_status": pl.String(),
        "beginning_rate_date": pl.Date(),
    }
)
_FOLLOWING: LiteralString = """
    SELECT DISTINCT following.as_of_date FROM accounts AS account
    CROSS JOIN LATERAL (
        SELECT p.as_of_date FROM performance_data AS p
        WHERE p.data_source = account.data_source AND p.account_id = account.account_id AND p.as_of_date > %(last)s
        ORDER BY p.as_of_date LIMIT 1
    ) AS following
    WHERE account.data_source = %(vendor)s AND account.first_as_of_date <= %(last)s AND account.last_as_of_date > %(last)s
"""
"""The days of the first valuation of each account after the last one."""

_OTHER_RATES: LiteralString = """
    SELECT DISTINCT p.as_of_date FROM performance_data AS p
    LEFT JOIN currency_returns AS made USING (data_source, account_id, as_of_date)
    LEFT JOIN exchange_rates AS ending ON ending.data_source = %(rates)s AND ending.base_currency = p.currency
        AND ending.quote_currency = %(currency)s AND ending.as_of_date = p.as_of_date
    LEFT JOIN exchange_rates AS beginning ON beginning.data_source = %(rates)s AND beginning.base_currency = p.currency
        AND beginning.quote_currency = %(currency)s AND beginning.as_of_date = made.beginning_rate_date
    WHERE p.data_source = %(vendor)s AND p.as_of_date >= %(first)s
        AND (p.as_of_date <= %(last)s OR made.beginning_rate_date BETWEEN %(first)s AND %(last)s)
        AND (
            made.reporting_currency IS DISTINCT FROM %(currency)s OR p.currency <> %(currency)s
            AND (made.beginning_rate, made.ending_rate) IS DISTINCT FROM (beginning.rate, ending.rate)
        )
"""
"""The days from the first to the last, and those of the valuations after them, with a row that was made with other rates, or not at all."""

_POSITIONS: LiteralString = """
    SELECT p.data_source, p.account_id, p.as_of_date, p.currency, p.beginning_market_value, p.contributions, p.distributions, p.fees,
        p.ending_market_value, p.calculated_twrr, p.return_status,
        coalesce(lag(p.as_of_date) OVER (PARTITION BY p.account_id ORDER BY p.as_of_date), (
            SELECT max(q.as_of_date) FROM performance_data AS q
            WHERE q.data_source = p.data_source AND q.account_id = p.account_id AND q.as_of_date < p.as_of_date
        )) AS beginning_rate_date
    FROM performance_data AS p WHERE p.data_source = %(vendor)s AND p.as_of_date BETWEEN %(first)s AND %(last)s
"""
_RATES: LiteralString = """
    SELECT as_of_date, base_currency AS from_currency, quote_currency AS to_currency, rate FROM exchange_rates
    WHERE data_source = %(rates)s AND quote_currency = %(currency)s AND as_of_date = ANY(%(days)s)
"""


def follow_positions(connection: psycopg.Connection, settings: Settings, feed: PositionsFeed, *, first: date, last: date) -> None:
    """Makes CURRENCY_RETURNS of the feed's vendor right from ``first`` to the first valuation of each account after ``last``.

    In the transaction of a publication of positions of these days; nothing where no reporting currency is set.
    """
    if (place := _place(settings, feed, first, last)) is not None:
        following = _days(connection, _FOLLOWING, place)
        _recompute(connection, feed, place, [*pl.date_range(first, last, eager=True), *following])


def follow_rates(connection: psycopg.Connection, settings: Settings, feed: PositionsFeed, *, first: date, last: date) -> None:
    """The same in the transaction of a publication of rates: of the days only those on which a row is to have other rates than it has."""
    if (place := _place(settings, feed, first, last)) is not None:
        _recompute(connection, feed, place, _days(connection, _OTHER_RATES, place))


def _place(settings: Settings, feed: PositionsFeed, first: date, last: date) -> dict[str, Any] | None:
    """None where no returns in a reporting currency are wanted."""
    if settings.reporting_currency is None or settings.rates_source is None:
        return None
    of_settings = {"rates": settings.rates_source, "currency": settings.reporting_currency}
    return {"vendor": feed.vendor, "first": first, "last": last, **of_settings}


def _days(connection: psycopg.Connection, statement: LiteralString, place: dict[str, Any]) -> list[date]:
    lock_publication(connection, "currency returns")  # so that of two transactions the second sees what the first has written
    return [day for (day,) in connection.execute(statement, place).fetchall()]


def _recompute(connection: psycopg.Connection, feed: PositionsFeed, place: dict[str, Any], days: Iterable[date]) -> None:
    """Replaces the rows of the days; within a month also those of the days between, which stay what they are."""
    for _, of_month in groupby(sorted(days), key=lambda day: (day.year, day.month)):
        first, *others = of_month
        part = {**place, "first": first, "last": others[-1] if others else first}
        positions = copied(connection, _POSITIONS, _PUBLISHED, part)
        needed = pl.concat([positions["as_of_date"], positions["beginning_rate_date"]]).drop_nulls().unique().sort().to_list()
        rates = queried(connection, _RATES, {**part, "days": needed})
        rows = currency_returns(positions, rates, feed, to=part["currency"])
        replace_slice(connection, PUBLISHED_CURRENCY_RETURNS, rows, part)


def currency_returns(positions: pl.DataFrame, rates: pl.DataFrame, feed: PositionsFeed, *, to: str) -> pl.DataFrame:
    """CURRENCY_RETURNS of published positions, by the conventions of their feed.

    ``positions`` has the published calculated_twrr and return_status, and beginning_rate_date besides; ``rates`` is as for ``converted``.
    The return in account currency is the published one, and so the currency effect is (1 + reporting_return) / (1 + that) - 1; in the
    reporting currency it is both. Where the account has no return of its own, it has none in another currency; where a rate is missing,
    reporting return and effect are null.
    """
    if positions.is_empty():
        return CURRENCY_RETURNS.empty()
    amounts = [pl.col(name).cast(MONEY) for name in _RATE_DATES]
    own, own_growth = pl.col("calculated_twrr"), (1 + pl.col("calculated_twrr")).alias("growth_factor")
    found = returns_abroad(
        positions.with_columns(*amounts, own_growth),
        rates.with_columns(pl.col("rate").cast(RATE)),
        to=to,
        rate_dates=_RATE_DATES,
        conventions=conventions_of(feed),
    )
    is_ok = own.is_not_null() & (pl.col("conversion_status") == ConversionStatus.OK.value)
    is_home = pl.col("currency") == to
    return found.with_columns(
        pl.when(is_home).then(own).when(is_ok).then("reporting_return").alias("reporting_return"),
        pl.when(is_home & (own_growth > 0)).then(0.0).when(is_ok).then("currency_effect").alias("currency_effect"),
        reporting_status=pl.when(is_home | own.is_null()).then("return_status").otherwise("reporting_status"),
        beginning_rate=pl.col("rate_of_beginning_rate_date").cast(RATE),
        ending_rate=pl.col("rate_of_as_of_date").cast(RATE),
    ).select(CURRENCY_RETURNS.column_names)
