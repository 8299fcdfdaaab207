"""Our figures against the vendor's own, field by field, and why they break.

What passes is decided by ``contracts.tolerance``. A vendor's null is not compared; our null against a figure of theirs is a break, except
where nothing was invested, or the account is closed, and the vendor says that it earned nothing. A return that covers more than the
row's own sub-period is compared with ours of that period, where all of it is known: vendors print the month of a closed account to its
end, where we have none.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import polars as pl

from advisory_perf.contracts.columns import FIGURE
from advisory_perf.contracts.enums import (
    Cadence,
    Cause,
    FeeBasis,
    FlowTiming,
    ReconciledField,
    ReconciliationStatus,
    ReturnPeriod,
    ReturnStatus,
)
from advisory_perf.contracts.tables import RECONCILIATION_RESULTS, WHO_AND_WHEN
from advisory_perf.contracts.tolerance import Allowance, is_within
from advisory_perf.contracts.windows import window_expr
from advisory_perf.reconciliation.causes import NOTHING_BEFORE, Before, explained
from advisory_perf.reconciliation.delivery_factors import comparisons, scaled
from advisory_perf.reconciliation.explanations import EXPLAINED, KEY
from advisory_perf.reconciliation.return_causes import Conventions

_BY_FACTOR = "one factor for the whole delivery: see delivery_factors"

NOT_COMPARED = "not compared: the vendor gives no figure"
NOTHING_INVESTED = "not compared: nothing was invested"
OVER_GAP = "not compared: the period reaches over a valuation without a return"
LATE_START = "not compared: the account's history begins within the period"


def reconcile(  # noqa: PLR0913 - what the vendor's return and ours are computed by
    figures: pl.DataFrame,
    allowances: Mapping[ReconciledField, Allowance],
    *,
    timing: FlowTiming,
    fee_basis: FeeBasis | None = None,
    weight: Decimal | None = None,
    residual_base: Decimal | None = None,
    period: ReturnPeriod | None = None,
    cadence: Cadence = Cadence.DAILY,
    before: Callable[[], Before] = lambda: NOTHING_BEFORE,
) -> pl.DataFrame:
    """RECONCILIATION_RESULTS for every field in ``allowances``, by field, account and day.

    ``figures`` has one row an account-date: position, net_flow, calculated_ending_market_value, calculated_twrr and return_status. Money is
    compared exactly. ``timing``, ``fee_basis``, ``weight`` and ``residual_base`` are the feed's, so that a break can be tried under
    others; a fee basis of None is taken as net there. With ``period`` the vendor's returns cover so much, and ``figures`` has our
    linked ones with their gaps, inception_date and performance_start_date. They are compared where the latter, or the end of the window
    before the inception by ``cadence``, is the close before the period. ``before`` gives what was valued
    before ``figures``, and is asked where something breaks only.
    """
    ours = {
        ReconciledField.ENDING_MARKET_VALUE: ("calculated_ending_market_value", "ending_market_value", "vendor_value_half_unit"),
        ReconciledField.NET_FLOW: ("net_flow", "vendor_net_flow", "vendor_value_half_unit"),
        ReconciledField.TWRR: (_our_return(period), "vendor_twrr", "vendor_twrr_half_unit"),
    }
    reasons = {ReconciledField.TWRR: _why_no_return_compares(period, cadence)}
    compared = [_compare(figures, field, *ours[field], allowance, reasons.get(field, {})) for field, allowance in allowances.items()]
    results = pl.concat([RECONCILIATION_RESULTS.empty().drop(EXPLAINED.names()), *compared], how="diagonal")
    conventions = Conventions(timing, fee_basis or FeeBasis.NET, weight, residual_base) if period is None else None
    breaks = results.filter(~pl.col("within_tolerance"))
    causes = explained(breaks, figures, conventions, before() if breaks.height else NOTHING_BEFORE)
    if causes.height:
        causes = _with_systematic(causes, results, figures, conventions)
    return results.join(causes, on=KEY, how="left", maintain_order="left", validate="m:1").select(RECONCILIATION_RESULTS.column_names)


def _our_return(period: ReturnPeriod | None) -> str:
    return "calculated_twrr" if period is None else period.figure


def _why_no_return_compares(period: ReturnPeriod | None, cadence: Cadence) -> dict[str, pl.Expr]:
    """Where a return of the vendor's compares with nothing of ours, by the note that says so."""
    ours_is_null, earned_nothing = pl.col(_our_return(period)).is_null(), pl.col("vendor_twrr") == 0
    amounts = ("beginning_market_value", "net_flow", "ending_market_value")
    is_empty = pl.all_horizontal(pl.col(name) == 0 for name in amounts).fill_null(value=False)
    is_empty |= (pl.col("return_status") == ReturnStatus.CLOSED.value).fill_null(value=False)
    if period is None:
        return {NOTHING_INVESTED: is_empty & ours_is_null & earned_nothing}
    reasons = {
        OVER_GAP: pl.col(period.over_gap).fill_null(value=False) | (ours_is_null & ~is_empty),
        NOTHING_INVESTED: is_empty & (ours_is_null | earned_nothing),
    }
    if period is not ReturnPeriod.INCEPTION:
        length = {ReturnPeriod.MONTH: "1mo", ReturnPeriod.QUARTER: "1q", ReturnPeriod.YEAR: "1y"}[period]
        first = pl.col("as_of_date").dt.truncate(length)
        begins_later = window_expr(pl.col("inception_date"), cadence) > first.dt.add_business_days(0, roll="forward")
        reasons[LATE_START] = begins_later & (pl.col("performance_start_date") >= first)
    return reasons


def _with_systematic(causes: pl.DataFrame, results: pl.DataFrame, figures: pl.DataFrame, conventions: Conventions | None) -> pl.DataFrame:
    """SYSTEMATIC for what one factor puts off in a whole delivery, and for the returns that agree with our ending values instead."""
    money = scaled(comparisons(results, figures))
    if money.is_empty():
        return causes
    if conventions is None or not conventions.are_known:
        return _said_systematic(causes, money)
    values = money.filter(field_name=ReconciledField.ENDING_MARKET_VALUE.value).select(WHO_AND_WHEN)
    returns = results.filter(pl.col("field_name") == ReconciledField.TWRR.value, ~pl.col("within_tolerance")).join(
        values, on=WHO_AND_WHEN, how="semi"
    )
    rows = returns.join(figures, on=WHO_AND_WHEN, how="left", suffix="_of_figures")
    ours = pl.lit(conventions.returns(rows.with_columns(ending_market_value="calculated_ending_market_value"))).cast(FIGURE)
    agrees = is_within(ours, pl.col("vendor_value"), pl.col("tolerance_threshold")).fill_null(value=False)
    of_returns = rows.with_columns(ours.alias("explained_value")).filter(agrees).select(*KEY, "explained_value")
    return _said_systematic(causes, pl.concat([money.select(*KEY, "explained_value"), of_returns]))


def _said_systematic(causes: pl.DataFrame, explained_by_factor: pl.DataFrame) -> pl.DataFrame:
    marked = causes.join(explained_by_factor.rename({"explained_value": "of_factor"}), on=KEY, how="left", maintain_order="left")
    is_systematic = pl.col("of_factor").is_not_null()
    return marked.select(
        *KEY,
        pl.when(is_systematic).then(pl.lit(Cause.SYSTEMATIC.value)).otherwise("likely_cause").alias("likely_cause"),
        pl.when(is_systematic).then("of_factor").otherwise("explained_value").alias("explained_value"),
        pl.when(is_systematic).then(pl.lit(_BY_FACTOR)).otherwise("explained_by").alias("explained_by"),
        pl.when(~is_systematic).then("other_causes").alias("other_causes"),
    )


def _compare(
    figures: pl.DataFrame,
    field: ReconciledField,
    our_name: str,
    vendor_name: str,
    half_unit: str,
    allowance: Allowance,
    reasons: Mapping[str, pl.Expr],
) -> pl.DataFrame:
    """The comparison of one figure; ``reasons`` say where it is not compared although the vendor gives one."""
    calculated, vendor = pl.col(our_name), pl.col(vendor_name)
    values = figures.select(
        *WHO_AND_WHEN,
        "data_source",
        pl.lit(field.value).alias("field_name"),
        calculated.cast(FIGURE).alias("calculated_value"),
        vendor.cast(FIGURE).alias("vendor_value"),
        (calculated - vendor).cast(FIGURE).alias("variance"),
        allowance.threshold(calculated, vendor, pl.col(half_unit)).alias("tolerance_threshold"),
        pl.coalesce(
            pl.when(vendor.is_null()).then(pl.lit(NOT_COMPARED)),
            *(pl.when(applies).then(pl.lit(note)) for note, applies in reasons.items()),
        ).alias("notes"),
    )
    within = is_within(pl.col("calculated_value"), pl.col("vendor_value"), pl.col("tolerance_threshold"))
    return values.with_columns(pl.when(pl.col("notes").is_null()).then(within.fill_null(value=False)).alias("within_tolerance"))


def incomparable(results: pl.DataFrame, allowed_share: float) -> pl.DataFrame:
    """The figures of which more than the allowed share compared with nothing, with how many did.

    A return of an account in which nothing was invested does not count, since it had nothing to compare with.
    """
    return (
        results.filter(pl.col("notes").ne_missing(NOTHING_INVESTED))
        .group_by("field_name")
        .agg(pl.col("within_tolerance").count().alias("compared"), pl.col("within_tolerance").null_count().alias("not_compared"))
        .filter(pl.col("not_compared") > allowed_share * (pl.col("compared") + pl.col("not_compared")))
        .sort("field_name")
    )


def published(figures: pl.DataFrame, results: pl.DataFrame, *, period: ReturnPeriod | None = None) -> pl.DataFrame:
    """``figures`` with the outcome of their reconciliation: twrr_variance, twrr_tolerance_check, reconciliation_status.

    A row of which nothing could be compared stays PENDING. ``period`` is what the vendor's returns cover, as in ``reconcile``.
    """
    compared = results.filter(pl.col("within_tolerance").is_not_null())
    twrr = compared.filter(pl.col("field_name") == ReconciledField.TWRR.value).select(
        *WHO_AND_WHEN, pl.col("within_tolerance").alias("twrr_tolerance_check")
    )
    breaks = compared.filter(~pl.col("within_tolerance")).select(*WHO_AND_WHEN).unique().with_columns(has_break=pl.lit(value=True))
    rows = figures.join(twrr, on=WHO_AND_WHEN, how="left", maintain_order="left").join(
        breaks, on=WHO_AND_WHEN, how="left", maintain_order="left"
    )
    if compared.group_by("field_name").len().filter(pl.col("len") == figures.height).is_empty():
        any_compared = compared.select(*WHO_AND_WHEN).unique().with_columns(is_compared=pl.lit(value=True))
        rows = rows.join(any_compared, on=WHO_AND_WHEN, how="left", maintain_order="left")
    else:
        rows = rows.with_columns(is_compared=pl.lit(value=True))
    status = (
        pl.when("has_break")
        .then(pl.lit(ReconciliationStatus.COMPLETED_WITH_ISSUES.value))
        .when("is_compared")
        .then(pl.lit(ReconciliationStatus.COMPLETED.value))
        .otherwise(pl.lit(ReconciliationStatus.PENDING.value))
    )
    return rows.with_columns(
        (pl.col(_our_return(period)) - pl.col("vendor_twrr")).alias("twrr_variance"), status.alias("reconciliation_status")
    ).drop("has_break", "is_compared")
