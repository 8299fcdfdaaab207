"""What each account contributed to the return of its portfolio: day by day, and linked over a period without a residual."""

import polars as pl

from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.analytics.linked import linked_over
from advisory_perf.analytics.portfolios import portfolio_returns
from advisory_perf.contracts.enums import FeeBasis, LinkStatus, ReturnPeriod, TransferNetting
from advisory_perf.performance.ordering import Frame, has_return, in_order, require
from advisory_perf.performance.returns import with_gain_and_base

_EVERY = {ReturnPeriod.MONTH: "1mo", ReturnPeriod.QUARTER: "1q", ReturnPeriod.YEAR: "1y"}
TO_DATE = {"mtd": "1mo", "qtd": "1q", "ytd": "1y"}
"""The periods to date, each with what its start is cut to."""
OF_ACCOUNT = ("beginning_market_value", "contributions", "distributions", "ending_market_value", "fees")
"""The amounts of an account's day, and of its group's."""
OF_GROUP = (
    *OF_ACCOUNT,
    "calculated_twrr",
    "return_status",
    "inception_date",
    *(f"twrr_{period}{part}" for period in TO_DATE for part in ("", "_over_gap")),
)
"""What contributions to date ask of a group's day beside its name."""


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
    rows = positions.lazy().collect()
    series = portfolio_returns(rows, group=group, conventions=conventions, transfers=transfers, departures=departures)
    found = _of_days(rows, series, group=group, conventions=conventions)
    return found.lazy() if isinstance(positions, pl.LazyFrame) else found


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
    of_period = pl.col("linked_return")
    status = _status(of_period.is_null(), pl.col("is_lost"))
    found = (
        rows.with_columns(scaled=_scaled())
        .group_by(group, "account_id", "period_start", maintain_order=True)
        .agg(pl.col("period_end").first(), pl.col("scaled").sum())
        .join(linked, on=key, how="left", maintain_order="left")
        .join(lost, on=key, how="left", maintain_order="left")
        .select(
            group,
            "account_id",
            "period_start",
            "period_end",
            contribution=_unscaled(pl.col("scaled"), of_period, status),
            portfolio_return=of_period,
            contribution_status=status,
        )
        .sort(group, "account_id", "period_start")
    )
    return found.lazy() if isinstance(daily, pl.LazyFrame) else found


def contributions_to_date(accounts: pl.DataFrame, days: pl.DataFrame, *, group: str, conventions: ReturnConventions) -> pl.DataFrame:
    """What each account contributed to its group's returns to date at each month end, by Carino; by group, month and account.

    ``days`` are the groups' days as they are published, with the group, as_of_date and OF_GROUP (amounts Decimal), whole calendar years of
    each; ``accounts`` the accounts' days in them, with the group, account_id, as_of_date and OF_ACCOUNT. A row of the result is a month in
    which the group is valued and an account that was a member on a day of the year up to then:

    - month, the calendar month's last day, and as_of_date, the group's last valuation in it;
    - contribution_mtd, …_qtd, …_ytd (Float64): the account's part, as in ``linked_contributions``, in the group's returns up to
      as_of_date since the month, the quarter and the year began, or since its episode did within them;
    - twrr_mtd, …_qtd, …_ytd: these returns of the group as ``days`` have them, to which the contributions of all its accounts add up;
    - status_mtd, …_qtd, …_ytd: OK, or why the contribution is null: NOT_A_MEMBER where the account was none on any day of the period,
      UNDEFINED_RETURN where the group has no return to date or one over a gap, TOTAL_LOSS where everything was lost.

    A day on which the group is empty since its owner took everything out is no gap, and earns nothing. Raises ValueError where a column
    is missing or an account has two rows on one day. Source: as for ``linked_contributions``.
    """
    require(days, "contributions to date", group, "as_of_date", *OF_GROUP)
    require(accounts, "contributions to date", group, "account_id", "as_of_date", *OF_ACCOUNT)
    month, who = pl.col("as_of_date").dt.month_end(), [group, "account_id"]
    daily = _of_days(accounts, days, group=group, conventions=conventions, also=("inception_date",))
    sums = _month_sums(daily.with_columns(month=month), group)
    ends = days.sort(group, "as_of_date").with_columns(month=month).unique([group, "month"], keep="last", maintain_order=True)
    year = pl.col("month").dt.truncate("1y").alias("_year")
    first = sums.group_by(*who, year).agg(_first=pl.col("month").min())
    to_date = [name for name in OF_GROUP if name.startswith("twrr_")]
    grid = _of_values(
        ends.select(group, "month", year, "as_of_date", "inception_date", *to_date)
        .join(first, on=[group, "_year"], how="inner")
        .filter(pl.col("month") >= pl.col("_first"))
        .join(sums, on=[*who, "month", "inception_date"], how="left")
        .sort(*who, "month")
        .with_columns(
            pl.col(f"_{period}").forward_fill().over(*who, "inception_date", pl.col("month").dt.truncate(every))
            for period, every in TO_DATE.items()
        )
    )
    figures = [figure for period in TO_DATE for figure in _figures(period)]
    return grid.select(group, "month", "account_id", "as_of_date", *figures).sort(group, "month", "account_id")


def _of_days(
    accounts: pl.DataFrame, days: pl.DataFrame, *, group: str, conventions: ReturnConventions, also: tuple[str, ...] = ()
) -> pl.DataFrame:
    """``contributions`` of accounts whose group's days are known, with some more columns of these."""
    of_group = (
        with_gain_and_base(
            days,
            timing=conventions.timing,
            fee_basis=conventions.fee_basis,
            weight=conventions.weight,
            residual_base=conventions.residual_base,
        )
        .select(group, "as_of_date", "base", "return_status", *also, portfolio_return="calculated_twrr")
        .join(days.select(pl.col(group).unique().sort()).with_row_index("_number"), on=group, how="left")
    )
    gain = pl.col("ending_market_value") - pl.col("beginning_market_value") - pl.col("contributions") + pl.col("distributions")
    if conventions.fee_basis is FeeBasis.GROSS:
        gain = gain + pl.col("fees")
    contribution = pl.col("gain").cast(pl.Float64()) / pl.col("base")
    members = accounts.filter(pl.col(group).is_not_null()).select(group, "account_id", "as_of_date", gain=gain)
    rows = in_order(members).join(of_group, on=[group, "as_of_date"], how="left", maintain_order="left")
    return (
        _of_values(rows)
        .sort("_number", maintain_order=True)
        .with_columns(contribution=pl.when(has_return(pl.col("return_status"))).then(contribution))
        .select(group, "account_id", "as_of_date", "gain", "contribution", "portfolio_return", "return_status", *also)
    )


def _of_values(rows: pl.DataFrame) -> pl.DataFrame:
    """The same with every value of every column in memory.

    Of a column that a join took from a single row Polars keeps the one value, and where it divides by that it multiplies by the reciprocal,
    which rounds otherwise: a group by itself would have other bits than beside another.
    """
    return pl.DataFrame(rows.get_columns())


def _month_sums(daily: pl.DataFrame, group: str) -> pl.DataFrame:
    """Of each account, month and episode of its group what is to be divided by the period's k: _mtd, _qtd and _ytd, up to the month.

    Each account's days are added one after the other and each of its months then, so that the bits are the same beside any others.
    """
    key = [group, "account_id", "inception_date", "month"]
    begins = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in key)
    return (
        daily.select(*key, scaled=_scaled().fill_null(0.0), _run=begins.cast(pl.UInt32()).cum_sum().set_sorted())
        .with_columns(_mtd=pl.col("scaled").cum_sum().over("_run"))
        .filter(pl.col("_run").ne_missing(pl.col("_run").shift(-1)))
        .select(
            *key,
            "_mtd",
            *(
                pl.col("_mtd").cum_sum().over(*key[:-1], pl.col("month").dt.truncate(TO_DATE[period])).alias(f"_{period}")
                for period in ("qtd", "ytd")
            ),
        )
    )


def _figures(period: str) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Contribution, return and status of a period to date."""
    sum_, value = pl.col(f"_{period}"), pl.col(f"twrr_{period}")
    has_none = value.is_null() | pl.col(f"twrr_{period}_over_gap").fill_null(value=True)
    status = pl.when(sum_.is_null()).then(pl.lit(LinkStatus.NOT_A_MEMBER.value)).otherwise(_status(has_none, value == -1))
    return _unscaled(sum_, value, status).alias(f"contribution_{period}"), value, status.alias(f"status_{period}")


def _scaled() -> pl.Expr:
    """c(t) · k(t)."""
    return pl.col("contribution") * _carino(pl.col("portfolio_return"))


def _unscaled(total: pl.Expr, linked: pl.Expr, status: pl.Expr) -> pl.Expr:
    """The sum of c(t) · k(t), divided by k; null unless the status is OK."""
    return pl.when(status == LinkStatus.OK.value).then(total / _carino(linked))


def _carino(value: pl.Expr) -> pl.Expr:
    """ln(1 + R) / R, and 1 for a return of 0."""
    return pl.when(value == 0).then(1.0).otherwise(value.log1p() / value)


def _status(has_no_return: pl.Expr, is_lost: pl.Expr) -> pl.Expr:
    return (
        pl.when(has_no_return)
        .then(pl.lit(LinkStatus.UNDEFINED_RETURN.value))
        .when(is_lost)
        .then(pl.lit(LinkStatus.TOTAL_LOSS.value))
        .otherwise(pl.lit(LinkStatus.OK.value))
    )
