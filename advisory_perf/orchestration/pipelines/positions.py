"""The stages of positions: which rows go in, which pure function runs, which rules its result has to keep.

A stage computes over a range of windows, one or thousands; it knows nothing of runs, partitions or stores beyond the platform
it reads from. How a stage becomes an asset is in ``assets.pipeline``.
"""

from collections.abc import Sequence

import polars as pl

from advisory_perf.contracts.datasets import POSITIONS
from advisory_perf.contracts.enums import Cause, ReconciledField
from advisory_perf.contracts.tables import (
    DELIVERED_POSITIONS,
    NET_FLOWS,
    NORMALIZED_POSITIONS,
    PERFORMANCE_DATA,
    PORTFOLIO_PERFORMANCE,
    QUARANTINED_ROWS,
    RECONCILIATION_RESULTS,
    TWRR_SERIES,
    WHO_AND_WHEN,
    Table,
)
from advisory_perf.contracts.windows import WindowRange, window_expr
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.ingestion_writes import refuse_unknown_ingestions
from advisory_perf.deliveries.precedence import by_precedence, replacing, versions_of_the_same
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.orchestration.asset_checks import Finding, Rule
from advisory_perf.orchestration.pipelines.model import Computed, Inputs, Pipeline, Stage
from advisory_perf.orchestration.pipelines.positions_across import ACROSS_RULES
from advisory_perf.orchestration.pipelines.positions_portfolios import PORTFOLIOS_HAVE_SUMS, portfolios
from advisory_perf.orchestration.pipelines.positions_publication import ROWS_PUBLISHED, figures, jumps, publication, stale, with_flows
from advisory_perf.performance.currencies import currency_changes, with_previous_currency, without_changed_currencies
from advisory_perf.performance.net_flow import current_positions, net_flows
from advisory_perf.platform import Platform
from advisory_perf.positions.closing_states import with_carried_states
from advisory_perf.positions.conventions import conventions_of
from advisory_perf.positions.full_deliveries import without_withdrawn
from advisory_perf.positions.openings import flows_before, linking_states, opening_states
from advisory_perf.positions.versions import without_replaced
from advisory_perf.quality.rules import (
    accounts_in_two_cases,
    breaks,
    implausible_returns,
    large_flows,
    market_value_failures,
    net_flow_failures,
    pass_rate,
    roll_forward_failures,
    rolled_forward,
    undefined_returns,
    with_unchanged_since,
)
from advisory_perf.reconciliation.causes import Before, common_causes
from advisory_perf.reconciliation.compare import incomparable, reconcile
from advisory_perf.reconciliation.delivery_factors import common_factors, comparisons, gathered, roll_forwards, scaled

NOTHING_COMPARED = "nothing compared"
_SENTENCES = 3
"""That stand with a check; its failing rows have them all."""

ONE_VALUATION = Rule("one_valuation_a_window", "no valuation is set aside for one of another day of its window", hard=False)
ROLL_FORWARD = Rule("roll_forward", "each beginning market value is the ending market value of the valuation before", hard=False)
NET_FLOW_IDENTITY = Rule("net_flow_identity", "net flow is contributions - distributions, exactly", hard=True)
MARKET_VALUE_IDENTITY = Rule("market_value_identity", "the calculated ending market value is the vendor's", hard=False)
VALUES_RENEWED = Rule("values_renewed", "no ending market value stays the same beyond the agreed days while nothing flows", hard=False)
VALUES_CONTINUE = Rule(
    "values_continue", "no value is hundreds of times the account's last one without a flow, or as small a part", hard=False
)
ACCOUNTS_DISTINCT = Rule("account_numbers_distinct", "no two account numbers differ by case only", hard=False)
RETURNS_IN_BOUNDS = Rule("returns_in_bounds", "no sub-period return lies beyond plus or minus 100 %", hard=False)
RETURNS_DEFINED = Rule("returns_defined", "every valuation of an account that is not closed has a return", hard=False)
CURRENCY_KEPT = Rule("currency_kept", "no account has another currency than at its valuation before", hard=False)
FLOWS_IN_BOUNDS = Rule("flows_in_bounds", "no flow is larger than the agreed share of the base of its return", hard=False)
PASS_RATE = Rule("reconciliation_pass_rate", "the share of compared figures within tolerance exceeds the agreed rate", hard=False)
NO_KEY_CLOSES = Rule("no_key_closes_most_breaks", "no change of one key of the feed would close most breaks of a figure", hard=False)
FIGURES_COMPARED = Rule("figures_compared", "no more of the vendor's figures than agreed compare with nothing", hard=False)


def normalize(platform: Platform, feed: PositionsFeed, windows: WindowRange, _inputs: Inputs) -> Computed:
    """Of all deliveries that touch the windows, the row that counts for each account-date, or for each account and window."""
    entries = platform.ledger.touching(feed.name, windows.first_day, windows.last_day)
    order = by_precedence(feed, entries)
    precedence = pl.DataFrame(
        {"delivery_id": [entry.delivery_id for entry in order], "rank": range(len(order))},
        schema={"delivery_id": pl.String(), "rank": pl.Int64()},
    )
    if not order:
        return Computed(NORMALIZED_POSITIONS.empty(), [Finding(ONE_VALUATION, NORMALIZED_POSITIONS.empty(), 0)])
    in_range = pl.col("as_of_date").is_between(windows.first_day, windows.last_day)
    slot = window_expr(pl.col("as_of_date"), feed.cadence) if feed.has_one_valuation_a_window else pl.col("as_of_date")
    delivered = _of_deliveries(platform, feed, DELIVERED_POSITIONS, precedence["delivery_id"], in_range)
    delivered = _without_replaced(platform, feed, delivered, entries, slot)
    if feed.delivers == "full":
        quarantined = _of_deliveries(platform, feed, QUARANTINED_ROWS, precedence["delivery_id"], in_range | pl.col("as_of_date").is_null())
        delivered = without_withdrawn(delivered, quarantined, precedence, slot=slot)
    read = entries if feed.files.version is None else platform.ledger.ingested_of(feed.name)
    refuse_unknown_ingestions(platform.warehouse, feed.vendor, [entry.delivery_id for entry in read])
    if not feed.has_one_valuation_a_window:
        whole = current_positions(delivered, precedence)
        return Computed(whole, [Finding(ONE_VALUATION, NORMALIZED_POSITIONS.empty(), delivered.height)])
    current = current_positions(delivered, precedence, slot=slot)
    set_aside = delivered.select(*WHO_AND_WHEN, "file_name").join(current, on=WHO_AND_WHEN, how="anti").sort(WHO_AND_WHEN)
    return Computed(current, [Finding(ONE_VALUATION, set_aside, delivered.height)])


def _without_replaced(
    platform: Platform, feed: PositionsFeed, delivered: pl.DataFrame, entries: Sequence[LedgerEntry], slot: pl.Expr
) -> pl.DataFrame:
    """Without the rows of files of which a higher version has been ingested, also one of other days."""
    if not replacing(feed, entries):
        return delivered
    others = versions_of_the_same(feed, platform.ledger.ingested_of(feed.name), [entry.file_name for entry in entries])
    known = replacing(feed, [*entries, *others])
    columns = zip(*((delivery_id, *of_file) for delivery_id, of_file in known.items()), strict=True)
    versions = pl.DataFrame(dict(zip(("delivery_id", "file", "version", "names_its_day"), map(list, columns), strict=True)))
    highest = versions.filter(pl.col("version") > pl.col("version").min().over("file"))["delivery_id"]
    if highest.is_empty():
        return delivered
    return without_replaced(delivered, _of_deliveries(platform, feed, QUARANTINED_ROWS, highest, pl.lit(value=True)), versions, slot=slot)


def _of_deliveries(platform: Platform, feed: PositionsFeed, table: Table, delivery_ids: pl.Series, where: pl.Expr) -> pl.DataFrame:
    deliveries, schema = delivery_ids.to_list(), table.polars_schema
    return platform.lake.read_partitions(table.name, feed.name, "delivery", deliveries, where=where, schema=schema)


def flows(_platform: Platform, feed: PositionsFeed, _windows: WindowRange, inputs: Inputs) -> Computed:
    """Net flow and calculated ending market value."""
    full = net_flows(inputs["normalized_positions"])
    allowance = feed.tolerances.of(ReconciledField.ENDING_MARKET_VALUE)
    findings = [
        Finding(NET_FLOW_IDENTITY, net_flow_failures(full), full.height),
        Finding(MARKET_VALUE_IDENTITY, market_value_failures(full, allowance), full["calculated_ending_market_value"].count()),
    ]
    return Computed(full.select(NET_FLOWS.column_names), findings)


def series(platform: Platform, feed: PositionsFeed, windows: WindowRange, inputs: Inputs) -> Computed:
    """Sub-period returns linked on from the closing cross-section before the windows."""
    opening = opening_states(platform, feed, windows)
    positions = with_previous_currency(with_unchanged_since(with_flows(inputs), opening), opening)
    conventions = conventions_of(feed)
    returns = without_changed_currencies(conventions.returns(positions))
    linked = conventions.linked(returns, linking_states(platform, feed, windows, opening))
    carried = with_carried_states(
        linked.select(name for name in TWRR_SERIES.column_names if name not in {"window", "is_valuation"}),
        opening,
        cadence=feed.cadence,
        first=windows.first,
        last=windows.last,
    ).select(TWRR_SERIES.column_names)
    findings = [
        _rolls_forward(positions, opening),
        Finding(VALUES_RENEWED, stale(feed, positions, carried), positions.height),
        Finding(CURRENCY_KEPT, currency_changes(positions), positions.height),
        Finding(FLOWS_IN_BOUNDS, large_flows(carried), positions.height),
        Finding(VALUES_CONTINUE, jumps(feed, positions, opening), positions.height),
        Finding(ACCOUNTS_DISTINCT, _in_two_cases(feed, positions, opening), positions["account_id"].n_unique()),
        Finding(RETURNS_IN_BOUNDS, implausible_returns(carried), positions.height),
        Finding(RETURNS_DEFINED, undefined_returns(carried), positions.height),
    ]
    return Computed(carried.sort("window", "account_id", "as_of_date"), findings)


def _rolls_forward(positions: pl.DataFrame, before: pl.DataFrame | None) -> Finding:
    """One row for a delivery that one factor puts off, in place of its accounts'."""
    shown = failures = roll_forward_failures(positions, before)
    if failures.height:
        compared = roll_forwards(rolled_forward(positions, before))
        own = failures.join(scaled(compared), on=WHO_AND_WHEN, how="anti", maintain_order="left")
        shown = gathered(own, common_factors(compared))
    return Finding(ROLL_FORWARD, shown, positions.height, failed=failures.height)


def _in_two_cases(feed: PositionsFeed, positions: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Accounts whose numbers differ by case only, where the feed does not say what they are."""
    return accounts_in_two_cases(positions if feed.columns["account_id"].case is None else positions.clear(), before)


def reconciliation(platform: Platform, feed: PositionsFeed, windows: WindowRange, inputs: Inputs) -> Computed:
    """Our figures against those that the feed says the vendor gives; an ending value only where every part of it is given."""
    components = ("income", "appreciation", "fees", "other_adjustments")
    given = {
        ReconciledField.ENDING_MARKET_VALUE: all(name in feed.columns for name in components),
        ReconciledField.NET_FLOW: "vendor_net_flow" in feed.columns,
        ReconciledField.TWRR: "vendor_twrr" in feed.columns,
    }
    allowances = {field: feed.tolerances.of(field) for field, has in given.items() if has}
    full = figures(inputs)
    results = reconcile(
        full,
        allowances,
        timing=feed.conventions.flow_timing,
        fee_basis=feed.conventions.fee_basis,
        weight=feed.conventions.weight,
        residual_base=feed.conventions.residual_base,
        period=feed.return_period,
        cadence=feed.cadence,
        before=lambda: Before(opening_states(platform, feed, windows), flows_before(platform, feed, windows)),
    )
    found, rate = breaks(results), pass_rate(results)
    rates = {f"pass_rate_{field.value}": pass_rate(results, field) for field in allowances}
    least = platform.settings.pass_rate
    agreed = Finding(
        PASS_RATE,
        gathered(found.filter(pl.col("likely_cause") != Cause.SYSTEMATIC.value), common_factors(comparisons(results, full))),
        results.height - results["within_tolerance"].null_count(),
        failed=found.height,
        passed=results.is_empty() if rate is None else rate > least or rate == 1,
        metadata={
            "agreed_rate": least,
            **{name: NOTHING_COMPARED if value is None else value for name, value in rates.items()},
            **({} if rate is not None else {"says": NOTHING_COMPARED}),
        },
    )
    unmet = incomparable(results, platform.settings.incomparable_share)
    compared = Finding(FIGURES_COMPARED, unmet, results.height, failed=int(unmet["not_compared"].sum()))
    changes = common_causes(results)
    says = "; ".join(changes["sentence"].head(_SENTENCES))
    closing = Finding(NO_KEY_CLOSES, changes, found.height, failed=changes.height, metadata={"says": says} if says else {})
    return Computed(results, [agreed, compared, closing])


POSITIONS_PIPELINE = Pipeline(
    POSITIONS,
    POSITION_RULES,
    across=("accounts",),
    stages=(
        Stage(NORMALIZED_POSITIONS, (), (ONE_VALUATION,), normalize),
        Stage(NET_FLOWS, (NORMALIZED_POSITIONS,), (NET_FLOW_IDENTITY, MARKET_VALUE_IDENTITY), flows),
        Stage(
            TWRR_SERIES,
            (NORMALIZED_POSITIONS, NET_FLOWS),
            (
                ROLL_FORWARD,
                VALUES_RENEWED,
                VALUES_CONTINUE,
                ACCOUNTS_DISTINCT,
                CURRENCY_KEPT,
                FLOWS_IN_BOUNDS,
                RETURNS_IN_BOUNDS,
                RETURNS_DEFINED,
            ),
            series,
            looks_back=True,
        ),
        Stage(
            RECONCILIATION_RESULTS,
            (NORMALIZED_POSITIONS, NET_FLOWS, TWRR_SERIES),
            (PASS_RATE, FIGURES_COMPARED, NO_KEY_CLOSES),
            reconciliation,
            kinds=frozenset({"polars", "parquet", "postgres"}),
            is_published=True,
        ),
        Stage(
            PORTFOLIO_PERFORMANCE,
            (NORMALIZED_POSITIONS, TWRR_SERIES),
            (PORTFOLIOS_HAVE_SUMS,),
            portfolios,  # looks back too, in the run of twrr_series: a second dependency of the kind would cut backfills into three runs
            kinds=frozenset({"polars", "parquet", "postgres"}),
            is_published=True,
        ),
        Stage(
            PERFORMANCE_DATA,
            (NORMALIZED_POSITIONS, NET_FLOWS, TWRR_SERIES, RECONCILIATION_RESULTS, PORTFOLIO_PERFORMANCE),
            (ROWS_PUBLISHED, *ACROSS_RULES),
            publication,
            kinds=frozenset({"polars", "parquet", "postgres"}),
            is_published=True,
        ),
    ),
)
