"""Returns of accounts in the reporting currency of the installation, published by account and day.

They are computed from what is published already: the positions and returns of an account, and the exchange rates of the vendor that the
settings name, each of the very day. So a publication of positions and one of rates both bring them up to date, in their own transaction
and one at a time, and whichever comes first, the same is published.
"""

from datetime import date
from typing import Any, LiteralString

import polars as pl
import psycopg

from advisory_perf.analytics.currencies import returns_in_both_currencies
from advisory_perf.contracts.columns import MONEY, RATE
from advisory_perf.contracts.enums import ConversionStatus
from advisory_perf.contracts.tables import CURRENCY_RETURNS, PUBLISHED_CURRENCY_RETURNS
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.positions.conventions import conventions_of
from advisory_perf.positions.publication import lock_publication, replace_slice
from advisory_perf.settings import Settings
from advisory_perf.warehouse.copy import copied, queried

_RATE_DATES = {
    "beginning_market_value": "previous_date",
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
        "published_return": pl.Float64(),
        "published_status": pl.String(),
        "previous_date": pl.Date(),
    }
)
_LAST: LiteralString = """
    SELECT greatest(%(last)s, max(following.as_of_date)) FROM accounts AS account
    CROSS JOIN LATERAL (
        SELECT p.as_of_date FROM performance_data AS p
        WHERE p.data_source = account.data_source AND p.account_id = account.account_id AND p.as_of_date > %(last)s
        ORDER BY p.as_of_date LIMIT 1
    ) AS following
    WHERE account.data_source = %(vendor)s AND account.first_as_of_date <= %(last)s
"""
_POSITIONS: LiteralString = """
    SELECT p.data_source, p.account_id, p.as_of_date, p.currency, p.beginning_market_value, p.contributions, p.distributions, p.fees,
        p.ending_market_value, p.calculated_twrr AS published_return, p.return_status AS published_status,
        coalesce(lag(p.as_of_date) OVER (PARTITION BY p.account_id ORDER BY p.as_of_date), (
            SELECT max(q.as_of_date) FROM performance_data AS q
            WHERE q.data_source = p.data_source AND q.account_id = p.account_id AND q.as_of_date < p.as_of_date
        )) AS previous_date
    FROM performance_data AS p WHERE p.data_source = %(vendor)s AND p.as_of_date BETWEEN %(first)s AND %(last)s
"""
_RATES: LiteralString = """
    SELECT as_of_date, base_currency AS from_currency, quote_currency AS to_currency, rate FROM exchange_rates
    WHERE data_source = %(rates)s AND quote_currency = %(currency)s AND as_of_date = ANY(%(days)s)
"""


def refresh_currency_returns(connection: psycopg.Connection, settings: Settings, feed: PositionsFeed, *, first: date, last: date) -> None:
    """Makes CURRENCY_RETURNS of the feed's vendor right from ``first`` to the first valuation of each account after ``last``.

    In the transaction of a publication of these days, of positions or of rates; nothing where no reporting currency is set.
    """
    if settings.reporting_currency is None or settings.rates_source is None:
        return
    lock_publication(connection, "currency returns")  # so that of two transactions the second sees what the first has written
    place: dict[str, Any] = {"vendor": feed.vendor, "first": first, "last": last}
    place["last"] = (connection.execute(_LAST, place).fetchone() or (None,))[0] or last
    positions = copied(connection, _POSITIONS, _PUBLISHED, place)
    days = sorted({*positions["as_of_date"], *positions["previous_date"].drop_nulls()}) if positions.height else []
    wanted = {"rates": settings.rates_source, "currency": settings.reporting_currency, "days": days}
    rows = currency_returns(positions, queried(connection, _RATES, wanted), feed, to=settings.reporting_currency)
    replace_slice(connection, PUBLISHED_CURRENCY_RETURNS, rows, place)


def currency_returns(positions: pl.DataFrame, rates: pl.DataFrame, feed: PositionsFeed, *, to: str) -> pl.DataFrame:
    """CURRENCY_RETURNS of published positions, by the conventions of their feed.

    ``positions`` has published_return, published_status and previous_date besides; ``rates`` is as for ``returns_in_both_currencies``.
    Where the account has no return of its own, it has none in another currency; where a rate is missing, reporting return and effect are
    null.
    """
    if positions.is_empty():
        return CURRENCY_RETURNS.empty()
    amounts = [pl.col(name).cast(MONEY) for name in _RATE_DATES]
    conventions = conventions_of(feed)
    found = returns_in_both_currencies(
        positions.with_columns(amounts),
        rates.with_columns(pl.col("rate").cast(RATE)),
        to=to,
        rate_dates=_RATE_DATES,
        conventions=conventions,
    )
    is_ok = pl.col("published_return").is_not_null() & (pl.col("conversion_status") == ConversionStatus.OK.value)
    return found.with_columns(
        pl.when(is_ok).then(pl.col("reporting_return", "currency_effect")),
        calculated_twrr="published_return",
        return_status="published_status",
        reporting_status=pl.when(pl.col("published_return").is_null()).then("published_status").otherwise("reporting_status"),
    ).select(CURRENCY_RETURNS.column_names)
