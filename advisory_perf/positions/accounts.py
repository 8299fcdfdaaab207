"""The register of accounts across all vendors."""

import polars as pl

from advisory_perf.contracts.tables import ACCOUNTS


def account_register(latest: pl.DataFrame) -> pl.DataFrame:
    """ACCOUNTS from each account's latest published position.

    An account is open while it holds assets: its last value is not zero, and its owner has not emptied it but for a residual.
    """
    is_closed = pl.col("is_closed").fill_null(value=False)
    return latest.with_columns(is_open=(pl.col("ending_market_value") != 0) & ~is_closed).select(ACCOUNTS.column_names)
