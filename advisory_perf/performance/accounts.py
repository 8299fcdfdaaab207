"""The register of accounts across all vendors."""

import polars as pl

from advisory_perf.contracts.tables import ACCOUNTS


def account_register(latest: pl.DataFrame) -> pl.DataFrame:
    """ACCOUNTS from each account's latest published position; an account whose last value is zero is closed."""
    return latest.with_columns((pl.col("ending_market_value") != 0).alias("is_open")).select(ACCOUNTS.column_names)
