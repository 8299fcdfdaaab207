"""Portfolios and clients of a feed from whole histories, by the library alone: what pieces of any kind have to come to."""

import polars as pl

from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.analytics.portfolios import portfolio_returns
from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.tables import PUBLISHED_PORTFOLIOS
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.warehouse.connection import Warehouse

OF_GROUPS = PUBLISHED_PORTFOLIOS.table
_POSITION = "account_id, portfolio_id, client_id, as_of_date, currency"
_AMOUNTS = ("beginning_market_value", "contributions", "distributions", "fees", "ending_market_value")


def all_at_once(feed: PositionsFeed, positions: pl.DataFrame) -> pl.DataFrame:
    """What is to be published of the feed's groups, by its key."""
    agreed = feed.conventions
    conventions = ReturnConventions(
        agreed.flow_timing,
        agreed.fee_basis,
        agreed.weight,
        agreed.minimum_base,
        agreed.residual_base,
        agreed.large_flow,
        feed.reopening,
        feed.schedule,
    )
    parts = [OF_GROUPS.empty()]
    for level, name in (("CLIENT", "client_id"), ("PORTFOLIO", "portfolio_id")):
        is_declared = pl.any_horizontal(
            pl.lit(value=False), *((pl.col("account_id") == one) & (pl.col("as_of_date") == day) for one, day in feed.departures.items())
        )
        left = positions.filter(is_declared, pl.col(name).is_not_null())
        found = portfolio_returns(positions, group=name, conventions=conventions, transfers=feed.transfers, departures=left)
        named = found.rename({name: "group_id"}).with_columns(level=pl.lit(level), data_source=pl.lit(feed.vendor))
        parts.append(named.select(OF_GROUPS.column_names))
    return pl.concat(parts).sort(OF_GROUPS.key)


def of_published_positions(warehouse: Warehouse, feed: PositionsFeed) -> pl.DataFrame:
    """The same of all account-dates that are published of the feed's vendor."""
    statement = f"SELECT {_POSITION}, is_closed, {', '.join(_AMOUNTS)} FROM performance_data WHERE data_source = %s"
    positions = warehouse.query(statement, [feed.vendor]).with_columns(pl.col(_AMOUNTS).cast(MONEY))
    return all_at_once(feed, positions)


def published_groups(warehouse: Warehouse, feed: PositionsFeed) -> pl.DataFrame:
    """What is published of the groups, by its key."""
    rows = warehouse.query(f"SELECT {', '.join(OF_GROUPS.column_names)} FROM portfolio_performance WHERE data_source = %s", [feed.vendor])
    return rows.cast(OF_GROUPS.polars_schema).sort(OF_GROUPS.key)
