"""What is published of each account and month end: annualised returns gross and net, against the benchmark, and how far they vary.

All accounts at once: the valuations are reduced to months by ``performance.risk``, and everything else is computed on the months.
"""

from dataclasses import replace

import polars as pl

from advisory_perf.analytics.annualised import annualised, years_between
from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.analytics.months import BASES, month_values
from advisory_perf.contracts.columns import TRAILING_YEARS
from advisory_perf.contracts.enums import DayCount, Deviation, FeeBasis
from advisory_perf.contracts.firm_tables import STATISTICS_PERIODS
from advisory_perf.performance.growth import growth_of_accounts
from advisory_perf.performance.ordering import begins_account, finite_or_null, has_return, in_order, require
from advisory_perf.performance.risk import (
    begins_month,
    benchmark_since_inception,
    deviations,
    linked_rows,
    returns_of_months,
    run_number,
)

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
_PLACE = ["_episode", "_run"]
"""The numbers of a row's episode and of its account's month."""
_MONTH = ["account_id", "month"]
_RETURNS = (*BASES.values(), "benchmark_return")
PERIODS = STATISTICS_PERIODS
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
    - linked_over_gap: a sub-period without a return, or a missing valuation, lies somewhere since inception;
    - beginning_market_value, ending_market_value, currency: as ``month_values`` has them.

    Errors as in ``excess_returns`` and ``sub_period_returns``. Sources: GIPS Standards 2020, provisions 2.A.12 (annualising) and 4.A.1.j
    (deviation); Bacon, Practical Portfolio Performance Measurement and Attribution, ch. 3 and 4 (excess return, tracking error,
    information ratio, maximum drawdown).
    """
    require(series, "statistics of accounts", *_OF_RISK, "currency")
    ordered = in_order(series)
    own, other = _own_and_other(conventions)
    # accounts as numbers, which are grouped faster than text; and what is linked, once for all that is made of it
    rows = ordered.with_columns(account_id=run_number(ordered.select(begins_account()).to_series()))
    begins, linked = begins_month(rows), linked_rows(rows, conventions.schedule)
    is_last = begins.shift(-1, fill_value=True)
    monthly = returns_of_months(rows, linked, begins, conventions.schedule)
    months = (
        monthly.rename({"monthly_return": own, "benchmark_monthly_return": "benchmark_return"})
        .hstack(_at_month_ends(rows, linked, begins))
        .pipe(_with_other_basis, rows.hstack([linked["_episode"], run_number(begins).alias("_run")]), conventions, own, other)
    )
    months = months.with_columns(_trailing(months)).with_columns(_since_inception(DayCount(day_count)))
    excess = [
        (pl.col(f"{basis}_{period}") - pl.col(f"benchmark_{period}")).alias(f"{basis}_excess_{period}")
        for basis in ("gross", "net")
        for period in PERIODS
    ]
    deviated = deviations(monthly, deviation=deviation)
    ratio = pl.when(pl.col("tracking_error") > 0).then(pl.col(f"{own.removesuffix('_return')}_excess_3y") / pl.col("tracking_error"))
    return (
        months.with_columns(*excess, account_id=ordered["account_id"].filter(is_last))
        .hstack(deviated.select("volatility", "benchmark_volatility", "tracking_error"))
        .with_columns(information_ratio=finite_or_null(ratio))
        .hstack(month_values(rows, begins))
        .select(
            *_MONTH,
            "as_of_date",
            "currency",
            "beginning_market_value",
            "ending_market_value",
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


def _at_month_ends(rows: pl.DataFrame, linked: pl.DataFrame, begins: pl.Series) -> pl.DataFrame:
    """What is known at each account's last valuation of a month, in the order of ``returns_of_months``."""
    is_last, episode = begins.shift(-1, fill_value=True), linked["_episode"]
    part = run_number(begins | episode.ne_missing(episode.shift(1)))  # a month in which an account is opened again has two
    peak = pl.max_horizontal(pl.col("growth_index").cum_max().over("episode"), pl.lit(1.0))
    fallen = (
        pl.DataFrame([rows["growth_index"], episode.alias("episode"), part.alias("part"), is_last.alias("is_last")])
        .select("episode", "part", "is_last", fall=pl.col("growth_index") / peak - 1)
        .group_by("part", maintain_order=True)
        .agg(pl.col("fall").min(), pl.col("episode", "is_last").last())
        .with_columns(max_drawdown=pl.col("fall").cum_min().over("episode"))
        .filter("is_last")
    )
    found = rows.select(
        "as_of_date",
        "inception_date",
        "performance_start_date",
        "starts_within_window",
        "cumulative_twrr",
        linked_over_gap=pl.col("linked_over_gap") | pl.col("linked_over_missing"),
    ).filter(is_last)
    if rows["benchmark_return"].null_count() < rows.height:
        since = benchmark_since_inception(linked, rows["cumulative_twrr"])["benchmark_cumulative_return"].filter(is_last)
    else:
        since = pl.Series("benchmark_cumulative_return", [None] * found.height, pl.Float64())
    return found.hstack([fallen["max_drawdown"], since, episode.filter(is_last), run_number(begins).filter(is_last).alias("_run")])


def _with_other_basis(months: pl.DataFrame, rows: pl.DataFrame, conventions: ReturnConventions, own: str, other: str) -> pl.DataFrame:
    """Adds the month's return and the cumulative return of the other fee basis, own_si and other_si.

    A day without fees has one factor under both bases, so only the days with fees are computed again: the month's factor of the other basis
    is that of its own times the ratios of these days.
    """
    si, other_si = f"_{own}_si", f"_{other}_si"
    months = months.with_columns(pl.col("cumulative_twrr").alias(si))
    if "fees" not in rows.columns or rows["fees"].null_count() == rows.height:
        return months.with_columns(pl.lit(None, pl.Float64()).alias(name) for name in (other, other_si))
    # the few days with fees first: a status, which is text, is looked at for them alone
    with_fees = rows.select(*(name for name in _OF_RETURNS if name in rows.columns), *_PLACE).filter(pl.col("fees").ne_missing(0))
    with_fees = with_fees.filter(has_return(pl.col("return_status")))
    computed = replace(conventions, fee_basis=FeeBasis.NET if conventions.fee_basis is FeeBasis.GROSS else FeeBasis.GROSS)
    own_factor = with_fees.select(pl.col("growth_factor") if "growth_factor" in rows.columns else 1 + pl.col("calculated_twrr")).to_series()
    ratio = (
        computed.returns(with_fees.drop("growth_factor", strict=False))
        .select(finite_or_null(pl.col("growth_factor") / own_factor))
        .to_series()
    )
    by_day = with_fees.select(*_PLACE, _ratio=ratio.fill_null(1.0), _unknown=ratio.is_null().cast(pl.UInt32()))
    by_month = _multiplied(by_day, _PLACE)
    of_month = _multiplied(by_month.drop("_episode"), ["_run"]).rename({"_ratio": "_ratio_of_month", "_unknown": "_unknown_of_month"})
    ratio_since, unknown = (
        pl.col("_ratio").fill_null(1.0).cum_prod().over("_episode"),
        pl.col("_unknown").fill_null(0).cum_sum().over("_episode"),
    )
    return (
        months.join(by_month, on=_PLACE, how="left", maintain_order="left")
        .join(of_month, on="_run", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("_unknown_of_month").fill_null(0) == 0)
            .then(finite_or_null((1 + pl.col(own)) * pl.col("_ratio_of_month").fill_null(1.0) - 1))
            .alias(other),
            pl.when(unknown == 0).then(finite_or_null((1 + pl.col(si)) * ratio_since - 1)).alias(other_si),
        )
    )


def _multiplied(ratios: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The product of the ratios of each run of the key, and how many are unknown; mostly there is one ratio a run, and nothing to group."""
    begins = ratios.select(pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in key)).to_series()
    if begins.all():
        return ratios
    return ratios.group_by(key, maintain_order=True).agg(pl.col("_ratio").product(), pl.col("_unknown").sum())


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
