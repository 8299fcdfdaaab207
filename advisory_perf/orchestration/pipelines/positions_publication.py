"""What is published of positions: the rows of an account-date, and what is to be known of them besides.

Computed from what the stages before it have made, so that no figure is searched for, and nothing read, while the warehouse waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import psycopg

from advisory_perf.contracts.issue_codes import CURRENCY_CHANGE, LARGE_FLOW, STALE_VALUE, VALUE_JUMP, Code
from advisory_perf.contracts.tables import (
    NORMALIZED_POSITIONS,
    PERFORMANCE_DATA,
    PORTFOLIO_PERFORMANCE,
    PUBLISHED_PERFORMANCE,
    PUBLISHED_PORTFOLIOS,
    PUBLISHED_RESULTS,
    RECONCILIATION_RESULTS,
    TWRR_SERIES,
    WHO_AND_WHEN,
)
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.deliveries.alerts_of_feeds import quality_alerts, restatement_alerts
from advisory_perf.deliveries.completeness import publish_missing
from advisory_perf.deliveries.issues import publish_found
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.orchestration.asset_checks import Finding, Rule
from advisory_perf.orchestration.pipelines.closing import close_publication
from advisory_perf.orchestration.pipelines.model import Computed, Inputs, Publication
from advisory_perf.orchestration.pipelines.positions_across import found_across
from advisory_perf.orchestration.pipelines.positions_portfolios import published as published_groups
from advisory_perf.orchestration.pipelines.positions_quality import counted_of_days, plotted, publish_scores
from advisory_perf.performance.currencies import currency_changes, with_previous_currency
from advisory_perf.platform import Platform
from advisory_perf.positions.accounts import account_register
from advisory_perf.positions.accounts_store import latest_positions, upsert_accounts
from advisory_perf.positions.completeness import found_missing
from advisory_perf.positions.currency_returns import follow_positions
from advisory_perf.positions.looked_back import look_back
from advisory_perf.positions.openings import opening_states
from advisory_perf.positions.publication import refresh_daily_totals
from advisory_perf.quality.rules import large_flows, rolled_forward, stale_values, value_jumps, with_unchanged_since
from advisory_perf.reconciliation.breaks import publish_breaks
from advisory_perf.reconciliation.compare import published
from advisory_perf.reconciliation.delivery_factors import common_factors, comparisons, roll_forwards
from advisory_perf.reconciliation.totals import publish_totals, totals

ROWS_PUBLISHED = Rule("every_position_is_published", "one published row for each normalized position, and no other", hard=True)


def publication(platform: Platform, feed: PositionsFeed, windows: WindowRange, inputs: Inputs) -> Computed:
    """Everything that is said of an account-date, as it is published, with what belongs to it."""
    results = inputs[RECONCILIATION_RESULTS.name]
    full = figures(inputs)
    rows = published(full, results, period=feed.return_period).select(PERFORMANCE_DATA.column_names)
    groups = published_groups(inputs[PORTFOLIO_PERFORMANCE.name])
    positions = inputs[NORMALIZED_POSITIONS.name].select(WHO_AND_WHEN)
    strangers = pl.concat(
        [positions.join(rows, on=WHO_AND_WHEN, how="anti"), rows.select(WHO_AND_WHEN).join(positions, on=WHO_AND_WHEN, how="anti")]
    )
    found = found_in_windows(platform, feed, windows, inputs)
    looked = look_back(platform, feed, windows)
    missing = found_missing(platform, feed, windows, inputs[NORMALIZED_POSITIONS.name], inputs[TWRR_SERIES.name], looked)
    compared = totals(results, inputs[NORMALIZED_POSITIONS.name])
    counted = counted_of_days(platform, feed, windows, compared, full, missing)
    across = found_across(platform, feed, windows, full, looked, found.factors)
    days = {"first": windows.first_day, "last": windows.last_day}

    def along(connection: psycopg.Connection) -> None:
        upsert_accounts(connection, account_register(latest_positions(connection, feed.vendor)))
        touched = publish_missing(connection, feed.name, missing)
        publish_totals(connection, feed.vendor, compared, **days)
        publish_breaks(connection, feed.vendor, found.factors, **days)
        publish_found(connection, feed.name, found.of_valuations, **days)
        publish_scores(connection, platform, feed, counted, windows)
        follow_positions(connection, platform.settings, feed, **days)
        refresh_daily_totals(connection)
        raised, over = quality_alerts(connection, feed.name, feed.vendor, platform.settings.least_quality)
        raised += restatement_alerts(connection, feed.name, feed.vendor, platform.materiality)
        close_publication(
            connection,
            platform,
            feed,
            windows,
            inputs,
            rows=PUBLISHED_PERFORMANCE,
            across=across.issues,
            also=touched,
            raised=raised,
            resolved=over,
        )

    return Computed(
        rows,
        [Finding(ROWS_PUBLISHED, strangers, positions.height), *across.findings],
        Publication([(PUBLISHED_RESULTS, results), (PUBLISHED_PORTFOLIOS, groups), (PUBLISHED_PERFORMANCE, rows)], along),
        plotted(platform, feed, counted, windows),
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What is published of the windows besides their rows: DELIVERY_FACTORS, and by code what is to be known of single valuations."""

    factors: pl.DataFrame
    of_valuations: Mapping[Code, pl.DataFrame]


def found_in_windows(platform: Platform, feed: PositionsFeed, windows: WindowRange, inputs: Inputs) -> Found:
    """What the checks of the windows have found that outlives the run."""
    positions, before = inputs[NORMALIZED_POSITIONS.name], opening_states(platform, feed, windows)
    compared = [comparisons(inputs[RECONCILIATION_RESULTS.name], positions), roll_forwards(rolled_forward(positions, before))]
    valued = inputs[TWRR_SERIES.name].select(*WHO_AND_WHEN, "is_valuation", "is_closed", "return_status", "calculated_twrr")
    of_valuations = {
        STALE_VALUE: stale(feed, with_unchanged_since(positions, before), valued),
        LARGE_FLOW: positions.join(large_flows(valued), on=WHO_AND_WHEN, how="inner", maintain_order="left"),
        CURRENCY_CHANGE: currency_changes(with_previous_currency(positions, before)),
        VALUE_JUMP: jumps(feed, positions, before),
    }
    return Found(common_factors(pl.concat(compared)), of_valuations)


def stale(feed: PositionsFeed, positions: pl.DataFrame, valued: pl.DataFrame) -> pl.DataFrame:
    """Values that have not changed for as many days as the feed says, of ``with_unchanged_since``.

    Without those of accounts that are closed by ``valued``, in which nothing is left to renew.
    """
    found = stale_values(positions.clear() if feed.stale_days is None else positions, after_days=feed.stale_days or 1)
    return found.join(valued.filter("is_valuation", "is_closed"), on=WHO_AND_WHEN, how="anti", maintain_order="left")


def jumps(feed: PositionsFeed, positions: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Values that no flow explains, by the feed's factor."""
    return value_jumps(positions, before, factor=float(feed.plausibility.jump_factor))


def with_flows(inputs: Inputs) -> pl.DataFrame:
    """Position and flows of each account-date in one frame."""
    return inputs["normalized_positions"].join(inputs["net_flows"], on=WHO_AND_WHEN, how="left", maintain_order="left")


def figures(inputs: Inputs) -> pl.DataFrame:
    """Position, flows and returns of each account-date in one frame."""
    of_position = ("portfolio_id", "client_id", "currency", "ending_market_value")
    valuations = inputs["twrr_series"].filter("is_valuation").drop("window", "is_valuation", *of_position, strict=False)
    return with_flows(inputs).join(valuations, on=WHO_AND_WHEN, how="left", maintain_order="left")
