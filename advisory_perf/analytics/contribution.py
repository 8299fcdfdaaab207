"""What each account contributed to the return of its portfolio: day by day, and linked over a period without a residual."""

import polars as pl

from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.analytics.linked import linked_over
from advisory_perf.analytics.portfolios import portfolio_returns
from advisory_perf.contracts.enums import FeeBasis, LinkStatus, ReturnPeriod, TransferNetting
from advisory_perf.performance.ordering import Frame, has_return, require
from advisory_perf.performance.returns import with_gain_and_base

_EVERY = {ReturnPeriod.MONTH: "1mo", ReturnPeriod.QUARTER: "1q", ReturnPeriod.YEAR: "1y"}


def contributions(
    positions: Frame, *, group: str, conventions: ReturnConventions, transfers: TransferNetting, departures: pl.DataFrame | None
) -> Frame:
    """One row for each account and valuation: what it contributed to its group's sub-period return; by group, account and day.

    ``positions``, ``group``, ``transfers`` and ``departures`` are as for ``rolled_up``. The result has the group, account_id, as_of_date,

    - gain: ending value - beginning value - contributions + distributions of the account, exact; gross adds its fees back;
    - contribution: gain / base of the group, the base that the group's own return is divided by (Float64; 0.01 is 1 % of the portfolio);
    - portfolio_return: the group's return of the sub-period, which is the sum of its accounts' contributions; return_status is its
      status, and where that has no return both are null.

    An internal transfer is a gain of neither account, and the base is that of the whole group, so that the sum has no residual under any
    flow timing. Errors as in ``portfolio_returns``. Source: Bacon, Practical Portfolio Performance Measurement and Attribution
    (contribution of a part: its gain by the base of the whole).
    """
    series = portfolio_returns(positions, group=group, conventions=conventions, transfers=transfers, departures=departures).lazy().collect()
    days = with_gain_and_base(
        series,
        timing=conventions.timing,
        fee_basis=conventions.fee_basis,
        weight=conventions.weight,
        residual_base=conventions.residual_base,
    ).select(group, "as_of_date", "base", "return_status", portfolio_return="calculated_twrr")
    gain = pl.col("ending_market_value") - pl.col("beginning_market_value") - pl.col("contributions") + pl.col("distributions")
    if conventions.fee_basis is FeeBasis.GROSS:
        gain = gain + pl.col("fees")
    contribution = pl.col("gain").cast(pl.Float64()) / pl.col("base")
    rows = (
        positions.lazy()
        .filter(pl.col(group).is_not_null())
        .select(group, "account_id", "as_of_date", gain=gain)
        .collect()
        .join(days, on=[group, "as_of_date"], how="left")
        .sort(group, "account_id", "as_of_date")
        .with_columns(contribution=pl.when(has_return(pl.col("return_status"))).then(contribution))
        .select(group, "account_id", "as_of_date", "gain", "contribution", "portfolio_return", "return_status")
    )
    return rows.lazy() if isinstance(positions, pl.LazyFrame) else rows


def linked_contributions(daily: Frame, *, group: str, period: ReturnPeriod) -> Frame:
    """One row for each group, account and calendar period: its contribution to the linked return, by Carino; sorted by all three.

    ``daily`` is as ``contributions`` gives it. ``period`` is a calendar month, quarter or year, or all there is (INCEPTION). The result has
    the group, account_id, period_start and period_end (of INCEPTION the group's first and last valuation), contribution (Float64; 0.01 is
    1 % of the portfolio at the period's start), portfolio_return, linked over the period, and contribution_status.

    With R(t) the return and c(t) an account's contribution of a sub-period, R the linked return of the period:

    - k(t) = ln(1 + R(t)) / R(t), k = ln(1 + R) / R, each 1 where the return is 0;
    - linked contribution = sum of c(t) · k(t) / k. Over all accounts they add up to R, without a residual.

    contribution is null, with UNDEFINED_RETURN, where a sub-period of the period has no return (portfolio_return is then null too), and
    with TOTAL_LOSS where one has -1, which has no logarithm. An account that was a member for a part of the period contributes by that
    part. A period that is cut short is linked as far as its sub-periods go.

    Raises ValueError where a column is missing. Source: Carino, Combining Attribution Effects Over Time, Journal of Performance
    Measurement 3 (1999), no. 4.
    """
    needed = (group, "account_id", "as_of_date", "contribution", "portfolio_return", "return_status")
    require(daily, "linked contributions", *needed)
    chosen = ReturnPeriod(period)
    day = pl.col("as_of_date")
    whole = chosen is ReturnPeriod.INCEPTION
    start = day.min().over(group) if whole else day.dt.truncate(_EVERY[chosen])
    end = day.max().over(group) if whole else start.dt.offset_by(_EVERY[chosen]).dt.offset_by("-1d")
    rows = daily.lazy().select(needed).with_columns(period_start=start, period_end=end).collect().sort(group, "account_id", "as_of_date")
    key = [group, "period_start"]
    days = rows.select(*key, "as_of_date", "portfolio_return").unique().sort(*key, "as_of_date")
    linked = linked_over(days, key, "portfolio_return").rename({"portfolio_return": "linked_return"})
    lost = days.group_by(key).agg(is_lost=(pl.col("portfolio_return") == -1).any())
    of_day, of_period = pl.col("portfolio_return"), pl.col("linked_return")
    found = (
        rows.with_columns(scaled=pl.col("contribution") * _carino(of_day))
        .group_by(group, "account_id", "period_start", maintain_order=True)
        .agg(pl.col("period_end").first(), pl.col("scaled").sum())
        .join(linked, on=key, how="left", maintain_order="left")
        .join(lost, on=key, how="left", maintain_order="left")
        .with_columns(contribution_status=_status())
        .with_columns(
            contribution=pl.when(pl.col("contribution_status") == LinkStatus.OK.value).then(pl.col("scaled") / _carino(of_period)),
            portfolio_return=of_period,
        )
        .sort(group, "account_id", "period_start")
        .select(group, "account_id", "period_start", "period_end", "contribution", "portfolio_return", "contribution_status")
    )
    return found.lazy() if isinstance(daily, pl.LazyFrame) else found


def _carino(value: pl.Expr) -> pl.Expr:
    """ln(1 + R) / R, and 1 for a return of 0."""
    return pl.when(value == 0).then(1.0).otherwise(value.log1p() / value)


def _status() -> pl.Expr:
    return (
        pl.when(pl.col("linked_return").is_null())
        .then(pl.lit(LinkStatus.UNDEFINED_RETURN.value))
        .when(pl.col("is_lost"))
        .then(pl.lit(LinkStatus.TOTAL_LOSS.value))
        .otherwise(pl.lit(LinkStatus.OK.value))
    )
