"""Accounts that change their currency: a sub-period between values in two currencies has no return without a rate."""

import polars as pl

from advisory_perf.contracts.enums import ReturnStatus
from advisory_perf.contracts.tables import WHO_AND_WHEN
from advisory_perf.performance.ordering import begins_account


def with_previous_currency(positions: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """``positions`` by account and day, with previous_currency, that of the account's valuation before; null at its first one.

    ``before`` has each account's last valuation before these rows; where its currency is null, it is not known.
    """
    rows = positions.sort(WHO_AND_WHEN)
    earlier = pl.lit(None, pl.String())
    if before is not None:
        rows = rows.join(before.select("account_id", _known="currency"), on="account_id", how="left", maintain_order="left")
        earlier = pl.col("_known")
    previous = pl.when(begins_account()).then(earlier).otherwise(pl.col("currency").shift(1))
    return rows.with_columns(previous_currency=previous).drop("_known", strict=False)


def _has_changed() -> pl.Expr:
    return pl.col("previous_currency") != pl.col("currency")


def currency_changes(positions: pl.DataFrame) -> pl.DataFrame:
    """Of ``with_previous_currency`` the valuations in another currency than the account's valuation before, by day and account."""
    return (
        positions.filter(_has_changed())
        .select(*WHO_AND_WHEN, "delivery_id", "previous_currency", "currency")
        .sort("as_of_date", "account_id")
    )


def without_changed_currencies(returns: pl.DataFrame) -> pl.DataFrame:
    """``returns`` of ``with_previous_currency`` without those over a change of currency, whose status is CURRENCY_CHANGE."""
    has_changed = _has_changed().fill_null(value=False)
    return returns.with_columns(
        pl.when(~has_changed).then(pl.col("calculated_twrr", "growth_factor")),
        return_status=pl.when(has_changed).then(pl.lit(ReturnStatus.CURRENCY_CHANGE.value)).otherwise("return_status"),
    )
