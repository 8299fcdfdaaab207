"""The stages of exchange rates: the rate that counts for each pair and day, and what is published of them."""

from datetime import timedelta

import polars as pl
import psycopg

from advisory_perf.contracts.datasets import RATES
from advisory_perf.contracts.issue_codes import RATE_INVERSE, RATE_JUMP
from advisory_perf.contracts.tables import DELIVERED_RATES, EXCHANGE_RATES, NORMALIZED_RATES, PUBLISHED_RATES
from advisory_perf.contracts.windows import WindowRange, ordinal_expr, window_expr, window_number
from advisory_perf.deliveries.delivered_days import windows_before
from advisory_perf.deliveries.ingestion_writes import refuse_unknown_ingestions
from advisory_perf.deliveries.precedence import by_precedence
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.feeds.rates_feed import RatesFeed
from advisory_perf.ingestion.validation.rates import RATE_RULES
from advisory_perf.orchestration.asset_checks import Finding, Rule
from advisory_perf.orchestration.pipelines.closing import close_publication
from advisory_perf.orchestration.pipelines.model import Computed, Inputs, Pipeline, Publication, Stage
from advisory_perf.platform import Platform
from advisory_perf.positions.currency_returns import follow_rates
from advisory_perf.quality.rates import RATES_BACK, contradicting_inverses, rate_jumps

RATES_CONTINUE = Rule("rates_continue", "no rate is another than the one before by more than the agreed factor", hard=False)
RATES_AGREE = Rule("rates_agree", "a pair that is given in both directions has one price", hard=False)

_KEY = ["base_currency", "quote_currency", "as_of_date"]


def normalize(platform: Platform, feed: RatesFeed, windows: WindowRange, _inputs: Inputs) -> Computed:
    """Of all deliveries that touch the windows, the rate that counts for each pair and day: that of the last, or of the higher version."""
    entries = platform.ledger.touching(feed.name, windows.first_day, windows.last_day)
    order = [entry.delivery_id for entry in by_precedence(feed, entries)]
    in_range = pl.col("as_of_date").is_between(windows.first_day, windows.last_day)
    if not order:
        return Computed(NORMALIZED_RATES.empty(), [])
    rows = platform.lake.read_partitions(DELIVERED_RATES.name, feed.name, "delivery", order, where=in_range)
    refuse_unknown_ingestions(platform.warehouse, feed.vendor, order)
    rank = pl.col("delivery_id").replace_strict({each: place for place, each in enumerate(order)}, return_dtype=pl.Int64())
    return Computed(rows.sort(rank).unique(_KEY, keep="last").sort("as_of_date", *_KEY[:2]), [])


def publication(platform: Platform, feed: RatesFeed, windows: WindowRange, inputs: Inputs) -> Computed:
    """The rates as they are published, and what they tell of each other and of those before."""
    rows = inputs[NORMALIZED_RATES.name].select(EXCHANGE_RATES.column_names)
    jumps = rate_jumps(_with_earlier(platform, feed, windows, rows), factor=feed.rate_jump)
    inverses = contradicting_inverses(rows)

    def along(connection: psycopg.Connection) -> None:
        for other in platform.feeds.values():
            if feed.vendor == platform.settings.rates_source and isinstance(other, PositionsFeed):
                follow_rates(connection, platform.settings, other, first=windows.first_day, last=windows.last_day)
        across = {RATE_JUMP: jumps, RATE_INVERSE: inverses}
        close_publication(connection, platform, feed, windows, inputs, rows=PUBLISHED_RATES, across=across)

    findings = [Finding(RATES_CONTINUE, jumps, rows.height), Finding(RATES_AGREE, inverses, rows.height)]
    return Computed(rows, findings, Publication([(PUBLISHED_RATES, rows)], along))


def _with_earlier(platform: Platform, feed: RatesFeed, windows: WindowRange, rows: pl.DataFrame) -> pl.DataFrame:
    """The rates of the run and of the RATES_BACK windows of the feed before it, with ``ordinal`` and ``is_own``."""
    count = window_number(windows.last, feed.cadence) - window_number(windows.first, feed.cadence) + 1
    delivered = sorted(
        windows_before(platform.warehouse, feed.name, windows.last_day + timedelta(days=1), feed.cadence, count + RATES_BACK)
    )
    stored = {*platform.lake.partition_keys(NORMALIZED_RATES.name, feed.name, "window")}
    keys = [each.isoformat() for each in delivered if each < windows.first and each.isoformat() in stored][-RATES_BACK:]
    window = window_expr(pl.col("as_of_date"), feed.cadence)
    if keys:
        earlier = platform.lake.read_partitions(NORMALIZED_RATES.name, feed.name, "window", keys)
        rows = pl.concat([earlier.select(rows.columns), rows])
    numbers = {each: number for number, each in enumerate(sorted({*delivered, *rows.select(window.unique()).to_series().to_list()}))}
    return rows.with_columns(ordinal=ordinal_expr(window, numbers), is_own=window >= windows.first)


RATES_PIPELINE = Pipeline(
    RATES,
    RATE_RULES,
    stages=(
        Stage(NORMALIZED_RATES, (), (), normalize),
        Stage(
            EXCHANGE_RATES,
            (NORMALIZED_RATES,),
            (RATES_CONTINUE, RATES_AGREE),
            publication,
            kinds=frozenset({"polars", "parquet", "postgres"}),
            is_published=True,
        ),
    ),
)
