"""The stages of a lane: which rows go in, which pure function runs, which rules its result has to keep.

A stage computes over a range of windows, one or thousands; it knows nothing of runs, partitions or stores beyond the platform
it reads from. How a stage becomes an asset is in ``lanes``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from advisory_perf.contracts.conventions import Cause, ReconciledField
from advisory_perf.contracts.tables import (
    DELIVERED_POSITIONS,
    NET_FLOWS,
    NORMALIZED_POSITIONS,
    PERFORMANCE_DATA,
    QUARANTINED_ROWS,
    RECONCILIATION_RESULTS,
    TWRR_SERIES,
    WHO_AND_WHEN,
    Table,
)
from advisory_perf.orchestration.before import linking_states, opening_states
from advisory_perf.orchestration.checks import Finding, Rule
from advisory_perf.orchestration.decisions import by_precedence
from advisory_perf.orchestration.partitions import WindowRange
from advisory_perf.orchestration.platform import Platform
from advisory_perf.performance.cross_sections import with_carried_states
from advisory_perf.performance.flows import current_positions, net_flows
from advisory_perf.performance.full_deliveries import without_withdrawn
from advisory_perf.performance.linking import twrr_series
from advisory_perf.performance.quality import (
    breaks,
    implausible_returns,
    market_value_failures,
    net_flow_failures,
    pass_rate,
    roll_forward_failures,
    rolled_forward,
    stale_values,
    undefined_returns,
    with_unchanged_since,
)
from advisory_perf.performance.reconciliation import Allowance, published, reconcile
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.performance.systematic import common_factors, comparisons, gathered, put_off, roll_forwards
from advisory_perf.vendors.feed import Feed

Inputs = Mapping[str, pl.DataFrame]
Computed = tuple[pl.DataFrame, list[Finding]]


@dataclass(frozen=True, slots=True)
class Stage:
    """One asset of a lane."""

    table: Table
    inputs: tuple[Table, ...]
    rules: tuple[Rule, ...]
    compute: Callable[[Platform, Feed, WindowRange, Inputs], Computed]
    kinds: frozenset[str] = frozenset({"polars", "parquet"})
    looks_back: bool = False
    is_published: bool = False


ROLL_FORWARD = Rule("roll_forward", "each beginning market value is the ending market value of the valuation before", hard=False)
NET_FLOW_IDENTITY = Rule("net_flow_identity", "net flow is contributions - distributions, exactly", hard=True)
MARKET_VALUE_IDENTITY = Rule("market_value_identity", "the calculated ending market value is the vendor's", hard=False)
VALUES_RENEWED = Rule("values_renewed", "no ending market value stays the same beyond the agreed days while nothing flows", hard=False)
RETURNS_IN_BOUNDS = Rule("returns_in_bounds", "no sub-period return lies beyond plus or minus 100 %", hard=False)
RETURNS_DEFINED = Rule("returns_defined", "every valuation has a return", hard=False)
PASS_RATE = Rule("reconciliation_pass_rate", "the share of compared figures within tolerance exceeds the agreed rate", hard=False)
ROWS_PUBLISHED = Rule("every_position_is_published", "one published row for each normalized position, and no other", hard=True)


def normalize(platform: Platform, feed: Feed, windows: WindowRange, _inputs: Inputs) -> Computed:
    """Of all deliveries that touch the windows, the row that counts for each account-date."""
    entries = platform.ledger.touching(feed.vendor, windows.first_day, windows.last_day)
    order = by_precedence(feed, entries)
    precedence = pl.DataFrame(
        {"delivery_id": [entry.delivery_id for entry in order], "rank": range(len(order))},
        schema={"delivery_id": pl.String(), "rank": pl.Int64()},
    )
    if not order:
        return NORMALIZED_POSITIONS.empty(), []
    in_range = pl.col("as_of_date").is_between(windows.first_day, windows.last_day)
    delivered = _of_deliveries(platform, feed, DELIVERED_POSITIONS, precedence, in_range)
    if feed.delivers == "full":
        quarantined = _of_deliveries(platform, feed, QUARANTINED_ROWS, precedence, in_range | pl.col("as_of_date").is_null())
        delivered = without_withdrawn(delivered, quarantined, precedence)
    return current_positions(delivered, precedence), []


def _of_deliveries(platform: Platform, feed: Feed, table: Table, precedence: pl.DataFrame, where: pl.Expr) -> pl.DataFrame:
    return platform.lake.read_partitions(table.name, feed.vendor, "delivery", precedence["delivery_id"].to_list(), where=where)


def flows(_platform: Platform, feed: Feed, _windows: WindowRange, inputs: Inputs) -> Computed:
    """Net flow and calculated ending market value."""
    full = net_flows(inputs["normalized_positions"])
    tolerance = feed.tolerances.ending_market_value.absolute
    findings = [
        Finding(NET_FLOW_IDENTITY, net_flow_failures(full), full.height),
        Finding(MARKET_VALUE_IDENTITY, market_value_failures(full, tolerance), full["calculated_ending_market_value"].count()),
    ]
    return full.select(NET_FLOWS.column_names), findings


def series(platform: Platform, feed: Feed, windows: WindowRange, inputs: Inputs) -> Computed:
    """Sub-period returns linked on from the closing cross-section before the windows."""
    opening = opening_states(platform, feed, windows)
    positions = with_unchanged_since(_with_flows(inputs), opening)
    conventions = feed.conventions
    returns = sub_period_returns(
        positions,
        timing=conventions.flow_timing,
        fee_basis=conventions.fee_basis,
        weight=conventions.weight,
        minimum_base=conventions.minimum_base,
    )
    linked = twrr_series(returns, opening_state=linking_states(platform, feed, windows, opening)).series
    carried = with_carried_states(
        linked.select(name for name in TWRR_SERIES.column_names if name not in {"window", "is_valuation"}),
        opening,
        cadence=feed.cadence,
        first=windows.first,
        last=windows.last,
    ).select(TWRR_SERIES.column_names)
    findings = [
        _rolls_forward(positions, opening),
        Finding(VALUES_RENEWED, stale(feed, positions), positions.height),
        Finding(RETURNS_IN_BOUNDS, implausible_returns(carried), positions.height),
        Finding(RETURNS_DEFINED, undefined_returns(carried), positions.height),
    ]
    return carried.sort("window", "account_id", "as_of_date"), findings


def _rolls_forward(positions: pl.DataFrame, before: pl.DataFrame | None) -> Finding:
    """One row for a delivery that one factor puts off, in place of its accounts'."""
    shown = failures = roll_forward_failures(positions, before)
    if failures.height:
        compared = roll_forwards(rolled_forward(positions, before))
        own = failures.join(put_off(compared), on=WHO_AND_WHEN, how="anti", maintain_order="left")
        shown = gathered(own, common_factors(compared))
    return Finding(ROLL_FORWARD, shown, positions.height, failed=failures.height)


def stale(feed: Feed, positions: pl.DataFrame) -> pl.DataFrame:
    """Values that have not changed for as many days as the feed says, of ``with_unchanged_since``."""
    return stale_values(positions.clear() if feed.stale_days is None else positions, after_days=feed.stale_days or 1)


def _with_flows(inputs: Inputs) -> pl.DataFrame:
    return inputs["normalized_positions"].join(inputs["net_flows"], on=WHO_AND_WHEN, how="left", maintain_order="left")


def figures(inputs: Inputs) -> pl.DataFrame:
    """Position, flows and returns of each account-date in one frame."""
    valuations = inputs["twrr_series"].filter("is_valuation").drop("window", "is_valuation", "ending_market_value")
    return _with_flows(inputs).join(valuations, on=WHO_AND_WHEN, how="left", maintain_order="left")


def reconciliation(platform: Platform, feed: Feed, _windows: WindowRange, inputs: Inputs) -> Computed:
    """Our figures against those that the feed says the vendor gives; an ending value only where every part of it is given."""
    components = ("income", "appreciation", "fees", "other_adjustments")
    given = {
        ReconciledField.ENDING_MARKET_VALUE: all(name in feed.columns for name in components),
        ReconciledField.NET_FLOW: "vendor_net_flow" in feed.columns,
        ReconciledField.TWRR: "vendor_twrr" in feed.columns,
    }
    allowances = {
        field: Allowance(feed.tolerances.of(field).absolute, feed.tolerances.of(field).relative) for field, has in given.items() if has
    }
    full = figures(inputs)
    results = reconcile(
        full,
        allowances,
        timing=feed.conventions.flow_timing,
        fee_basis=feed.conventions.fee_basis,
        weight=feed.conventions.weight,
    )
    found, rate = breaks(results), pass_rate(results)
    rates = {f"pass_rate_{field.value}": pass_rate(results, field) for field in allowances}
    least = platform.settings.pass_rate
    finding = Finding(
        PASS_RATE,
        gathered(found.filter(pl.col("likely_cause") != Cause.SYSTEMATIC.value), common_factors(comparisons(results, full))),
        results.height - results["within_tolerance"].null_count(),
        failed=found.height,
        passed=rate is None or rate > least or rate == 1,
        metadata={"agreed_rate": least, **{name: value for name, value in rates.items() if value is not None}},
    )
    return results, [finding]


def publication(_platform: Platform, _feed: Feed, _windows: WindowRange, inputs: Inputs) -> Computed:
    """Everything that is said of an account-date, as it is published."""
    rows = published(figures(inputs), inputs["reconciliation_results"]).select(PERFORMANCE_DATA.column_names)
    positions = inputs["normalized_positions"].select(WHO_AND_WHEN)
    strangers = pl.concat(
        [positions.join(rows, on=WHO_AND_WHEN, how="anti"), rows.select(WHO_AND_WHEN).join(positions, on=WHO_AND_WHEN, how="anti")]
    )
    return rows, [Finding(ROWS_PUBLISHED, strangers, positions.height)]


@dataclass(frozen=True, slots=True)
class Found:
    """What is published of the windows besides their rows: DELIVERY_FACTORS, and values that have not changed."""

    factors: pl.DataFrame
    stale: pl.DataFrame


def found_in_windows(platform: Platform, vendor: str, windows: WindowRange, keys: Sequence[str], results: pl.DataFrame) -> Found:
    """What the checks of the windows have found that outlives the run."""
    feed = platform.feeds[vendor]
    names = (*WHO_AND_WHEN, "data_source", "delivery_id", "beginning_market_value", "contributions", "distributions")
    values = ("ending_market_value", "vendor_value_half_unit")
    positions = platform.lake.read_partitions(NORMALIZED_POSITIONS.name, vendor, "window", keys, columns=[*names, *values])
    before = opening_states(platform, feed, windows)
    compared = [comparisons(results, positions), roll_forwards(rolled_forward(positions, before))]
    return Found(common_factors(pl.concat(compared)), stale(feed, with_unchanged_since(positions, before)))


STAGES: Sequence[Stage] = (
    Stage(NORMALIZED_POSITIONS, (), (), normalize),
    Stage(NET_FLOWS, (NORMALIZED_POSITIONS,), (NET_FLOW_IDENTITY, MARKET_VALUE_IDENTITY), flows),
    Stage(
        TWRR_SERIES,
        (NORMALIZED_POSITIONS, NET_FLOWS),
        (ROLL_FORWARD, VALUES_RENEWED, RETURNS_IN_BOUNDS, RETURNS_DEFINED),
        series,
        looks_back=True,
    ),
    Stage(
        RECONCILIATION_RESULTS,
        (NORMALIZED_POSITIONS, NET_FLOWS, TWRR_SERIES),
        (PASS_RATE,),
        reconciliation,
        kinds=frozenset({"polars", "parquet", "postgres"}),
        is_published=True,
    ),
    Stage(
        PERFORMANCE_DATA,
        (NORMALIZED_POSITIONS, NET_FLOWS, TWRR_SERIES, RECONCILIATION_RESULTS),
        (ROWS_PUBLISHED,),
        publication,
        kinds=frozenset({"polars", "parquet", "postgres"}),
        is_published=True,
    ),
)
