"""Totals of portfolios, and of the vendor by currency, against the window before: pure, and exact.

The total of a group (a portfolio in one currency, or the whole feed in one) begins a window with the sum of its accounts' beginning
values. Expected is the sum of the ending values of the window before, plus what accounts begin with that have joined since, less what
those ended with that have left. An account *stays* where it was in the group in the window before; only those that stay can differ.
What each of them may differ by because of rounding adds up like errors of chance, with the root of their number.

All of it takes rows across accounts as ``across_accounts.by_window`` gives them, and gives one row a group and window:
as_of_date, delivery_id (that of most of its rows), portfolio_id (null for the vendor's total) and currency.
"""

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from advisory_perf.contracts.columns import MONEY
from advisory_perf.quality.rules import LEAST_TELLING_VALUE

_CENT = Decimal("0.01")
_HALF_UNIT = Decimal("0.005")
_ERRORS_OF_CHANCE = 4
"""A difference of two rounded amounts has a deviation of 0.82 half units; so many half units are five of them."""

_LEAST_ACCOUNTS, _LEAST_GROUPS, _MOST = 2, 5, 0.5
"""The total of one account is the account's own, which other rules look at. Where most portfolios differ, and at least so many, it is
the vendor's total that tells."""

_LEAST_FLOAT = 1e-9
"""What sums of floats may be off by."""

_LEVELS: tuple[tuple[str, ...], ...] = (("portfolio_id", "currency"), ("currency",))


def with_previous(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds previous_ending_market_value, of the account in the feed's window before, null where it was not there in its currency.

    And stays_in_portfolio: whether it was in the same portfolio there, too.
    """
    was_there = pl.col("ordinal") == pl.col("ordinal").gather("before") + 1
    currency, portfolio = (pl.col(name).cast(pl.Categorical).to_physical() for name in ("currency", "portfolio_id"))
    stays = was_there & currency.eq_missing(currency.gather("before"))
    return rows.with_columns(
        previous_ending_market_value=pl.when(stays).then(pl.col("ending_market_value").gather("before")),
        stays_in_portfolio=(stays & (portfolio == portfolio.gather("before"))).fill_null(value=False),
    )


def total_breaks(rows: pl.DataFrame) -> pl.DataFrame:
    """Groups whose beginning total is not the one expected: adds total, previous_total, joined, left and expected_total.

    A group of one account that stays has none, since that is the account's own difference. ``rows`` is as ``with_previous`` gives it.
    """
    differs = pl.col("beginning_market_value") != pl.col("previous_ending_market_value")
    off = rows.filter(pl.col("is_own") & _stays() & differs)
    difference = (pl.col("beginning_market_value") - pl.col("previous_ending_market_value")).sum().cast(pl.Float64())
    unit = pl.max_horizontal(pl.col("vendor_value_half_unit").max(), pl.lit(_HALF_UNIT, MONEY)).cast(pl.Float64())
    allowed = float(_CENT) + _ERRORS_OF_CHANCE * unit * pl.len().sqrt() + _LEAST_FLOAT
    found = [
        off.filter(_in_group(level)).group_by("ordinal", *level).agg(is_off=difference.abs() > allowed).filter("is_off").drop("is_off")
        for level in _LEVELS
    ]
    looked_at = rows if off.height else rows.clear()
    return _of_both([_totals(looked_at, groups, level) for groups, level in zip(found, _LEVELS, strict=True)], looked_at)


def _totals(rows: pl.DataFrame, found: pl.DataFrame, level: Sequence[str]) -> pl.DataFrame:
    """What a total is made of, for some groups and windows."""
    begin, before, stays = (
        pl.col("beginning_market_value"),
        pl.col("previous_ending_market_value"),
        pl.col("stays"),
    )
    key = ["ordinal", *level]
    of_now = (
        rows.join(found, on=key, how="semi", nulls_equal=True)
        .with_columns(stays=_stays() & _in_group(level))
        .group_by(key)
        .agg(
            *_PLACE,
            total=begin.sum(),
            joined=begin.filter(~stays).sum(),
            stayed=before.filter(stays).sum(),
            accounts=stays.sum(),
        )
        .filter(pl.col("accounts") >= _LEAST_ACCOUNTS)
    )
    earlier = rows.with_columns(pl.col("ordinal") + 1).join(found, on=key, how="semi", nulls_equal=True)
    ended = earlier.group_by(key).agg(previous_total=pl.col("ending_market_value").sum())
    return of_now.join(ended, on=key, nulls_equal=True).with_columns(
        left=pl.col("previous_total") - pl.col("stayed"), expected_total=pl.col("stayed") + pl.col("joined")
    )


def total_moves(rows: pl.DataFrame, *, bound: Decimal) -> pl.DataFrame:
    """Groups whose accounts that stay earn more than ``bound`` (a fraction) of what they had and took in, or lose it.

    Earned is ending less beginning total (the ending one of the window before) less net flow. Adds previous_total, net_flow and total of
    the accounts that stay, and move. A group of one account that stays has none, nor one that had less than LEAST_TELLING_VALUE.
    ``rows`` is as ``with_previous`` gives it.
    """
    before, into, out, after = (
        pl.col(name) for name in ("previous_ending_market_value", "contributions", "distributions", "ending_market_value")
    )
    is_staying = pl.col("is_own") & _stays()
    base, earned = before + into, after - before - into + out
    share = float(bound) * (1 - _LEAST_FLOAT)
    moving = rows.filter(
        is_staying & ((base <= 0) | (earned.cast(pl.Float64()).abs() > share * base.cast(pl.Float64())))
    )  # else no total of them does
    looked_at = rows if moving.height else rows.clear()
    found = []
    for level in _LEVELS:
        key, members = ["ordinal", *level], _in_group(level)
        sums = (
            looked_at.join(moving.filter(members), on=key, how="semi", nulls_equal=True)
            .filter(is_staying & members)
            .group_by(key)
            .agg(*_PLACE, previous_total=before.sum(), net_flow=(into - out).sum(), total=after.sum(), base=base.sum(), accounts=pl.len())
        )
        tells = (pl.col("accounts") >= _LEAST_ACCOUNTS) & (pl.col("base") >= LEAST_TELLING_VALUE)
        gained = pl.col("total") - pl.col("previous_total") - pl.col("net_flow")
        move = gained.cast(pl.Float64()) / pl.col("base").cast(pl.Float64())
        found.append(sums.filter(tells).with_columns(move=move).filter(pl.col("move").abs() > float(bound)))
    return _of_both(found, looked_at)


_PLACE = (pl.col("as_of_date").max(), pl.col("delivery_id").mode().sort().first())


def _stays() -> pl.Expr:
    return pl.col("previous_ending_market_value").is_not_null()


def _in_group(level: Sequence[str]) -> pl.Expr:
    """Whether an account that stays in the currency stays in the group."""
    return pl.col("stays_in_portfolio") if "portfolio_id" in level else pl.lit(value=True)


def _of_both(found: Sequence[pl.DataFrame], rows: pl.DataFrame) -> pl.DataFrame:
    """Portfolios and the vendor's totals in one frame, without portfolios where most of them are found beside the vendor's total."""
    of_portfolios, of_vendor = found
    if of_portfolios.is_empty() and of_vendor.is_empty():
        return _both(of_portfolios, of_vendor)
    place = ["ordinal", "currency"]
    portfolios = (
        rows.join(of_vendor, on=place, how="semi", nulls_equal=True)
        .filter(pl.col("portfolio_id").is_not_null())
        .group_by(place)
        .agg(pl.col("portfolio_id").n_unique().alias("portfolios"))
    )
    counted = of_portfolios.group_by(place).agg(pl.len().alias("found")).join(portfolios, on=place, nulls_equal=True)
    most = counted.filter((pl.col("found") >= _LEAST_GROUPS) & (pl.col("found") > _MOST * pl.col("portfolios")))
    return _both(of_portfolios.join(most, on=place, how="anti", nulls_equal=True), of_vendor)


def _both(single: pl.DataFrame, of_vendor: pl.DataFrame) -> pl.DataFrame:
    whole = of_vendor.with_columns(portfolio_id=pl.lit(None, pl.String()))
    return pl.concat([single, whole.select(single.columns)]).drop("ordinal").sort("as_of_date", "portfolio_id", "currency", nulls_last=True)
