"""The register of accounts across all vendors."""

import polars as pl

from advisory_perf.contracts.enums import AccountStatus
from advisory_perf.contracts.tables import ACCOUNTS


def account_register(latest: pl.DataFrame) -> pl.DataFrame:
    """ACCOUNTS from ``accounts_store.latest_positions``: what is known of each account by its published rows, with its status.

    An account is ACTIVE while it holds assets. Without any it is CLOSED where its owner has emptied it, and EMPTY where there never was
    any money in it, or where everything was lost to the market.
    """
    was_emptied = pl.col("is_closed").fill_null(value=False) & pl.col("inception_date").is_not_null()
    status = (
        pl.when("is_open")
        .then(pl.lit(AccountStatus.ACTIVE.value))
        .when(was_emptied)
        .then(pl.lit(AccountStatus.CLOSED.value))
        .otherwise(pl.lit(AccountStatus.EMPTY.value))
    )
    return latest.with_columns(status=status).select(ACCOUNTS.column_names)
