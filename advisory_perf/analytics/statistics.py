"""What is published of each account and month end: annualised returns gross and net, against the benchmark, and how far they vary.

All accounts at once: the valuations are reduced to months by ``performance.risk``, and everything else is computed on the months.
"""

from dataclasses import replace

import polars as pl

from advisory_perf.analytics.annualised import annualised, years_between
from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.analytics.months import BASES
from advisory_perf.contracts.columns import TRAILING_YEARS
from advisory_perf.contracts.enums import DayCount, Deviation, FeeBasis
from advisory_perf.performance.coverage import month_number
from advisory_perf.performance.growth import growth_of_accounts
from advisory_perf.performance.ordering import begins_account, finite_or_null, has_return, in_order, require
from advisory_perf.performance.risk import excess_returns, monthly_returns, tracking_error, volatility

_OF_RISK = (
    "account_id",
    "as_of_date",
    "beginning_market_value",
    "ending_market_value",
    "calculated_twrr",
    "return_status",
    "benchmark_return",
    "cumulative_twrr",
    "growth_index",
    "inception_date",
    "performance_start_date",
    "starts_within_window",
    "is_closed",
    "twrr_mtd",
    "linked_over_gap",
    "linked_over_missing",
)
_OF_RETURNS = (
    "account_id",
    "as_of_date",
    "inception_date",
    "beginning_market_value",
    "contributions",
    "distributions",
    "bod_flow",
    "eod_flow",
    "ending_market_value",
    "fees",
    "calculated_twrr",
    "growth_factor",
    "return_status",
)
_EPISODE = ["account_id", "inception_date"]
_MONTH = ["account_id", "month"]
_RETURNS = (*BASES.values(), "benchmark_return")
PERIODS = (*(f"{years}y" for years in TRAILING_YEARS), "si")
FIGURES = tuple(f"{what}_{period}" for period in PERIODS for what in ("gross", "net", "benchmark", "gross_excess", "net_excess"))
"""The annualised figures of ``account_statistics``."""


def account_statistics(series: pl.DataFrame, *, conventions: ReturnConventions, deviation: Deviation, day_count: DayCount) -> pl.DataFrame:
    """One row for each account and calendar month with a valuation: account_id, month (its last day) and figures; sorted by both.

    ``series`` holds all valuations of each account, as ``twrr_series`` gives them by ``conventions``, with benchmark_return, and for the
    other fee basis the amounts that ``sub_period_returns`` needs, with fees. as_of_date is the account's last valuation of the month.
    Figures are fractions (0.01 is 1 %), Float64:

    - gross_return, net_return, benchmark_return: of the month, as ``monthly_returns`` has them: null where the month is cut short or a
      sub-period has none. The basis that the series is not of differs from it by the days with fees only; it is null where fees are unknown
      or not given, from there on since inception;
    - gross_1y, net_1y, benchmark_1y: over 12 whole months; those of 3y and 5y over 36 and 60, (1 + return)^(1 / years) - 1. Null where one
      of the months has no return. ..._si: since the account's inception, over exactly the same sub-periods, years by ``day_count`` from
      performance_start_date; null for a year or less (GIPS 2.A.12), where the benchmark lacks a sub-period, and where the account was
      funded on an unknown day of its first month;
    - gross_excess_…, net_excess_…: annualised return - annualised benchmark return of the same period;
    - volatility, benchmark_volatility, tracking_error: of 36 monthly returns of the series' own basis, by ``deviation``;
    - information_ratio: excess_3y of that basis / tracking_error; null where that is 0;
    - max_drawdown: the deepest fall of the growth index below its highest value since inception, 1 at first, up to the row, over all
      valuations (-0.2 is a fall by 20 %; 0 where it never fell);
    - linked_over_gap: a sub-period without a return, or a missing valuation, lies somewhere since inception.

    Errors as in ``excess_returns`` and ``sub_period_returns``. Sources: GIPS Standards 2020, provisions 2.A.12 (annualising) and 4.A.1.j
    (deviation); Bacon, Practical Portfolio Performance Measurement and Attribution, ch. 3 and 4 (excess return, tracking error,
    information ratio, maximum drawdown).
    """
    require(series, "statistics of accounts", *_OF_RISK)
    ordered = in_order(series)
    own, other = _own_and_other(conventions)
    # accounts as numbers, which are grouped faster than text; and what risk needs, no more, since it carries every column along
    rows = ordered.with_columns(account_id=begins_account().cast(pl.UInt32()).cum_sum().set_sorted())
    slim, is_last = rows.select(_OF_RISK), rows.select(_is_last_of_month()).to_series()
    monthly = monthly_returns(slim, schedule=conventions.schedule)
    months = (
        monthly.rename({"monthly_return": own, "benchmark_monthly_return": "benchmark_return"})
        .hstack(_at_month_ends(slim, is_last, conventions))
        .pipe(_with_other_basis, rows, conventions, own, other)
    )
    months = months.with_columns(_trailing(months)).with_columns(_since_inception(DayCount(day_count)))
    excess = [
        (pl.col(f"{basis}_{period}") - pl.col(f"benchmark_{period}")).alias(f"{basis}_excess_{period}")
        for basis in ("gross", "net")
        for period in PERIODS
    ]
    deviated = tracking_error(volatility(monthly, deviation=deviation), deviation=deviation)
    ratio = pl.when(pl.col("tracking_error") > 0).then(pl.col(f"{own.removesuffix('_return')}_excess_3y") / pl.col("tracking_error"))
    return (
        months.with_columns(*excess, account_id=ordered["account_id"].filter(is_last))
        .hstack(deviated.select("volatility", "benchmark_volatility", "tracking_error"))
        .with_columns(information_ratio=finite_or_null(ratio))
        .select(
            *_MONTH,
            "as_of_date",
            *_RETURNS,
            *FIGURES,
            "volatility",
            "benchmark_volatility",
            "tracking_error",
            "information_ratio",
            "max_drawdown",
            "linked_over_gap",
        )
    )


def _own_and_other(conventions: ReturnConventions) -> tuple[str, str]:
    gross, net = BASES[FeeBasis.GROSS], BASES[FeeBasis.NET]
    return (gross, net) if conventions.fee_basis is FeeBasis.GROSS else (net, gross)


def _at_month_ends(rows: pl.DataFrame, is_last: pl.Series, conventions: ReturnConventions) -> pl.DataFrame:
    """What is known at each account's last valuation of a month, in the order of ``monthly_returns``."""
    begins_episode = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in _EPISODE)
    peak = pl.max_horizontal(pl.col("growth_index").cum_max().over("episode"), pl.lit(1.0))
    drawn = (
        rows.select(*_EPISODE, "growth_index")
        .with_columns(episode=begins_episode.cast(pl.UInt32()).cum_sum().set_sorted())
        .with_columns(fall=pl.col("growth_index") / peak - 1)
        .select(max_drawdown=pl.col("fall").cum_min().over("episode"))
    )
    ends = rows.filter(is_last).hstack(drawn.filter(is_last))
    if rows["benchmark_return"].null_count() < rows.height:
        since = excess_returns(rows, schedule=conventions.schedule).select("benchmark_cumulative_return").filter(is_last)
    else:
        since = ends.select(benchmark_cumulative_return=pl.repeat(None, pl.len(), dtype=pl.Float64()))
    return ends.select(
        "as_of_date",
        "inception_date",
        "performance_start_date",
        "starts_within_window",
        "max_drawdown",
        "cumulative_twrr",
        linked_over_gap=pl.col("linked_over_gap") | pl.col("linked_over_missing"),
    ).hstack(since)


def _is_last_of_month() -> pl.Expr:
    """Whether a sorted row is its account's last of a calendar month."""
    month = month_number(pl.col("as_of_date"))
    return begins_account().shift(-1, fill_value=True) | month.ne_missing(month.shift(-1))


def _with_other_basis(months: pl.DataFrame, rows: pl.DataFrame, conventions: ReturnConventions, own: str, other: str) -> pl.DataFrame:
    """Adds the month's return and the cumulative return of the other fee basis, own_si and other_si.

    A day without fees has one factor under both bases, so only the days with fees are computed again: the month's factor of the other basis
    is that of its own times the ratios of these days.
    """
    si, other_si = f"_{own}_si", f"_{other}_si"
    months = months.with_columns(pl.col("cumulative_twrr").alias(si))
    if "fees" not in rows.columns:
        return months.with_columns(pl.lit(None, pl.Float64()).alias(name) for name in (other, other_si))
    with_fees = rows.select(name for name in _OF_RETURNS if name in rows.columns)
    # the few days with fees first: a status, which is text, is looked at for them alone
    with_fees = with_fees.filter(pl.col("fees").ne_missing(0)).filter(has_return(pl.col("return_status")))
    computed = replace(conventions, fee_basis=FeeBasis.NET if conventions.fee_basis is FeeBasis.GROSS else FeeBasis.GROSS)
    own_factor = with_fees.select(pl.col("growth_factor") if "growth_factor" in rows.columns else 1 + pl.col("calculated_twrr")).to_series()
    ratio = (
        computed.returns(with_fees.drop("growth_factor", strict=False))
        .select(finite_or_null(pl.col("growth_factor") / own_factor))
        .to_series()
    )
    by_month = (
        with_fees.select(*_EPISODE, month=pl.col("as_of_date").dt.month_end(), ratio=ratio)
        .group_by(*_EPISODE, "month", maintain_order=True)
        .agg(pl.col("ratio").product().alias("_ratio"), pl.col("ratio").null_count().alias("_unknown"))
    )
    of_month = by_month.group_by(_MONTH, maintain_order=True).agg(
        pl.col("_ratio").product().alias("_ratio_of_month"), pl.col("_unknown").sum().alias("_unknown_of_month")
    )
    ratio_since, unknown = (
        pl.col("_ratio").fill_null(1.0).cum_prod().over(_EPISODE),
        pl.col("_unknown").fill_null(0).cum_sum().over(_EPISODE),
    )
    return (
        months.join(by_month, on=[*_EPISODE, "month"], how="left", maintain_order="left")
        .join(of_month, on=_MONTH, how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("_unknown_of_month").fill_null(0) == 0)
            .then((1 + pl.col(own)) * pl.col("_ratio_of_month").fill_null(1.0) - 1)
            .alias(other),
            pl.when(unknown == 0).then((1 + pl.col(si)) * ratio_since - 1).alias(other_si),
        )
    )


def _trailing(months: pl.DataFrame) -> list[pl.Series]:
    """The annualised returns over whole months up to each row's: sorted rows of one account that are n months apart have all between."""
    number = months.select(pl.col("month").dt.year() * 12 + pl.col("month").dt.month()).to_series()
    found = []
    for name in _RETURNS:
        value = pl.col(name)
        of_month = months.select("account_id", as_of_date="month", calculated_twrr=value.fill_null(0.0), _unknown=value.is_null())
        linked = growth_of_accounts(1.0, of_month).with_columns(_number=number)
        for years in TRAILING_YEARS:
            back = 12 * years
            # from the end of the month before the first: where the account has no row there, its index was 1
            follows = pl.col("account_id") == pl.col("account_id").shift(back - 1)
            is_whole = follows & (pl.col("_number") - pl.col("_number").shift(back - 1) == back - 1)
            unknown = pl.col("_unknown").cast(pl.Int32()).rolling_sum(back) if back > 1 else pl.col("_unknown").cast(pl.Int32())
            base = pl.when(pl.col("account_id") == pl.col("account_id").shift(back)).then(pl.col("growth").shift(back)).otherwise(1.0)
            total = pl.when(is_whole & (unknown == 0)).then(pl.col("growth") / base - 1)
            figure = annualised(total, pl.lit(float(years))).alias(f"{name.removesuffix('_return')}_{years}y")
            found.append(linked.select(figure).to_series())
    return found


def _since_inception(day_count: DayCount) -> list[pl.Expr]:
    years = years_between(pl.col("performance_start_date"), pl.col("as_of_date"), day_count)
    starts = ~pl.col("starts_within_window").fill_null(value=True)
    totals = {"gross": "_gross_return_si", "net": "_net_return_si", "benchmark": "benchmark_cumulative_return"}
    return [pl.when(starts).then(annualised(pl.col(total), years)).alias(f"{what}_si") for what, total in totals.items()]
