"""Composites: which portfolios count in which month, and the composite's return of it.

A portfolio is in a composite for whole calendar months only, between the dates that its declaration gives. One that should be there and has
no return leaves the month without one: a composite never leaves a member out in silence.
"""

from dataclasses import replace
from datetime import date

import polars as pl

from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.analytics.months import BASES
from advisory_perf.analytics.portfolios import portfolio_returns
from advisory_perf.contracts.enums import FeeBasis, RollUpStatus, TransferNetting
from advisory_perf.performance.coverage import month_number
from advisory_perf.performance.ordering import require
from advisory_perf.performance.risk import monthly_returns

_MONTH = ["composite", "month"]
_MEMBER = ["composite", "account_id", "month"]


def member_months(membership: pl.DataFrame, months: pl.DataFrame) -> pl.DataFrame:
    """One row for each composite, account and whole month of its membership, with the account's figures of the month; sorted.

    ``membership`` has composite, account_id, from_date (its first day in the composite) and to_date (its last; null: none yet), one row a
    stay. ``months`` is as ``account_months`` gives it. A month counts where the stay covers it from the first to the last calendar day, up
    to the last month that ``months`` has of any account. Where the account has no row for it, all its figures are null.

    Raises ValueError where a column is missing, a stay ends before it begins, or two stays of an account in one composite overlap.
    Source: GIPS Standards 2020, section 3.A (portfolios are included for the full periods under management only).
    """
    require(membership, "a composite", "composite", "account_id", "from_date", "to_date")
    require(months, "a composite", "account_id", "month", "beginning_market_value", "ending_market_value", "currency", *BASES.values())
    _check(membership)
    last = months.select(pl.col("month").max().fill_null(date.min)).item()
    first_day, last_day = pl.col("from_date"), pl.col("to_date").fill_null(last)
    begins = month_number(first_day) + (first_day != first_day.dt.month_start()).cast(pl.Int64())
    ends = pl.min_horizontal(
        month_number(last_day) + (last_day == last_day.dt.month_end()).cast(pl.Int64()), month_number(pl.lit(last)) + 1
    )
    number = pl.col("number")
    return (
        membership.select("composite", "account_id", number=pl.int_ranges(begins, pl.max_horizontal(begins, ends)))
        .explode("number", empty_as_null=False)
        .select("composite", "account_id", month=pl.date(number // 12, number % 12 + 1, 1).dt.month_end())
        .join(months, on=["account_id", "month"], how="left")
        .sort(_MEMBER)
    )


def weighted_months(members: pl.DataFrame) -> pl.DataFrame:
    """One row for each composite and month with members: returns weighted by beginning value, count, assets; sorted.

    ``members`` is as ``member_months`` gives it. Each of gross_return and net_return is sum of (beginning value · return) / sum of
    beginning values (Float64, 0.01 is 1 %). members counts the portfolios, missing_members those of them without a net return;
    beginning_assets and composite_assets (at the month's end) are exact sums in ``currency``. composite_status says why a month has no
    returns and no assets: MISSING_MEMBERS, SEVERAL_CURRENCIES, or MISSING_VALUE where the beginning values are not above zero. gross_return
    alone is null where a member has none.

    Source: GIPS Standards 2020, section 2.A (composite returns: asset-weighting the portfolios by beginning-of-period values, monthly).
    """
    begin = pl.col("beginning_market_value")
    weight = begin.cast(pl.Float64())
    means = [
        pl.when(pl.col(name).null_count() == 0).then((weight * pl.col(name)).sum() / begin.sum().cast(pl.Float64())).alias(name)
        for name in BASES.values()
    ]
    rows = members.sort(_MEMBER).group_by(_MONTH, maintain_order=True).agg(*_counts(), *means)
    return _with_status(rows)


def aggregate_months(
    positions: pl.DataFrame, members: pl.DataFrame, *, conventions: ReturnConventions, transfers: TransferNetting
) -> pl.DataFrame:
    """As ``weighted_months``, with the returns of the members' money added up: the composite as one portfolio.

    ``positions`` are those that ``members`` was made of. In each month the rows of its members are rolled up (``rolled_up``), and the
    return of the sum is computed day by day and linked over the month; a portfolio that comes or goes does so between two months. Both fee
    bases are computed. MISSING_MEMBERS also where a member has no valuation on a day on which another has one; MISSING_VALUE also in the
    first month after one without members, since there is no valuation of the composite at its start.

    Source: GIPS Standards 2020, section 2.A (composite returns: the aggregate method).
    """
    rows = members.sort(_MEMBER).group_by(_MONTH, maintain_order=True).agg(*_counts())
    days, departures = _days_of(positions, members)
    for basis, name in BASES.items():
        if basis is FeeBasis.GROSS and "fees" not in positions.columns:
            rows = rows.with_columns(pl.lit(None, pl.Float64()).alias(name))
            continue
        said = replace(conventions, fee_basis=basis)
        series = portfolio_returns(days, group="composite", conventions=said, transfers=transfers, departures=departures)
        lost = series.filter(pl.col("roll_up_status") == RollUpStatus.MISSING_MEMBERS.value)
        lost = lost.select("composite", month=pl.col("as_of_date").dt.month_end(), _is_short=pl.lit(value=True)).unique()
        as_account = series.rename({"composite": "account_id"}).with_columns(benchmark_return=pl.lit(None, pl.Float64()))
        returns = monthly_returns(as_account, schedule=conventions.schedule).select(
            "month", composite="account_id", **{name: pl.col("monthly_return")}
        )
        rows = rows.join(returns, on=_MONTH, how="left", maintain_order="left")
        if basis is FeeBasis.NET:
            rows = rows.join(lost, on=_MONTH, how="left", maintain_order="left")
    missing = pl.when("_is_short").then(pl.max_horizontal("missing_members", 1)).otherwise("missing_members")
    return _with_status(rows.with_columns(missing_members=missing).drop("_is_short"))


def _check(membership: pl.DataFrame) -> None:
    stays = membership.sort("composite", "account_id", "from_date")
    backwards = stays.filter(pl.col("to_date") < pl.col("from_date"))
    if backwards.height:
        row = backwards.row(0, named=True)
        raise ValueError(
            f"account {row['account_id']} leaves {row['composite']} on {row['to_date']}, before it joins on {row['from_date']}"
        )
    key = ["composite", "account_id"]
    is_same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in key)
    before = pl.col("to_date").shift(1)
    twice = stays.filter(is_same & (before.is_null() | (before >= pl.col("from_date"))))
    if twice.height:
        row = twice.row(0, named=True)
        raise ValueError(f"account {row['account_id']} joins {row['composite']} on {row['from_date']}, while it is a member; end its stay")


def _counts() -> list[pl.Expr]:
    return [
        pl.len().cast(pl.Int64()).alias("members"),
        pl.col("net_return").null_count().cast(pl.Int64()).alias("missing_members"),
        pl.col("beginning_market_value").sum().alias("beginning_assets"),
        pl.col("ending_market_value").sum().alias("composite_assets"),
        pl.col("currency").drop_nulls().n_unique().alias("_currencies"),
        pl.col("currency").null_count().alias("_without_currency"),
        pl.col("currency").min(),
    ]


def _with_status(rows: pl.DataFrame) -> pl.DataFrame:
    status = (
        pl.when(pl.col("_currencies") > 1)
        .then(pl.lit(RollUpStatus.SEVERAL_CURRENCIES.value))
        .when(pl.col("missing_members") > 0)
        .then(pl.lit(RollUpStatus.MISSING_MEMBERS.value))
        .when(pl.col("_without_currency") > 0)
        .then(pl.lit(RollUpStatus.SEVERAL_CURRENCIES.value))
        .when((pl.col("beginning_assets") <= 0) | pl.col("net_return").is_null())
        .then(pl.lit(RollUpStatus.MISSING_VALUE.value))
        .otherwise(pl.lit(RollUpStatus.OK.value))
    )
    figures = ["gross_return", "net_return", "beginning_assets", "composite_assets"]
    is_ok = pl.col("composite_status") == RollUpStatus.OK.value
    return (
        rows.with_columns(composite_status=status)
        .with_columns(pl.when(is_ok).then(pl.col(figures)), pl.when(pl.col("_currencies") == 1).then("currency"))
        .select(*_MONTH, "currency", *figures, "members", "missing_members", "composite_status")
        .sort(_MONTH)
    )


def _days_of(positions: pl.DataFrame, members: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The valuations of the members' months, an account of two composites as two, and each member's last day before it leaves."""
    # a name of its own for each composite that an account is in, so that it may be in several
    name = pl.concat_str("composite", "account_id", separator="\x1f").alias("account_id")
    days = (
        positions.with_columns(month=pl.col("as_of_date").dt.month_end())
        .join(members.select(_MEMBER), on=["account_id", "month"], how="inner")
        .with_columns(name)
    )
    goes_on = members.select("composite", "account_id", pl.col("month").dt.month_start().dt.offset_by("-1d"), _goes_on=pl.lit(value=True))
    ends = members.select(_MEMBER).join(goes_on, on=_MEMBER, how="anti").with_columns(name)
    last = days.group_by("composite", "account_id", "month").agg(pl.col("as_of_date").max())
    return days, last.join(ends, on=_MEMBER, how="semi").select("account_id", "composite", "as_of_date")
