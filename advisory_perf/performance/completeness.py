"""Whether a window holds what the windows before it did: the accounts that were there, and as many of them as usual.

Windows are compared and not files, since a vendor may send several partial files for one. The latest one is compared only once it
has as many files as usual, so that the first of them is not taken for a short delivery.
"""

from typing import NamedTuple

import polars as pl

LOOKED_BACK = 5
"""With the median of so many windows a window is compared, or of as many as are known."""

_ACCOUNT_AND_WINDOW = ["account_id", "window"]

_LEAST_WINDOWS, _LEAST_ACCOUNTS = 2, 5
"""A single window of fewer accounts says nothing of how many are usual."""


class Incomplete(NamedTuple):
    """``missing``: account_id, window, last_as_of_date and ending_market_value, by window and account.

    ``short``: the windows that lack more than the allowed share, with accounts, usual_accounts (as were to be expected) and missing.
    """

    missing: pl.DataFrame
    short: pl.DataFrame


def incomplete_windows(valued: pl.DataFrame, quarantined: pl.DataFrame, *, allowed_share: float, is_latest_over: bool) -> Incomplete:
    """What is missing from the windows of ``valued``.

    That has one row an account and window: account_id, window, as_of_date, ending_market_value and file.

    An account is missing from a window where it was in the two before it (or in the one, if that is the first known) and had a value;
    one that was emptied is closed. A window is short where more than the allowed share of the accounts of the window before is missing,
    or its number of accounts lies by more than that below the median of those before it, less what was closed in these. Accounts with
    a row in ``quarantined`` (account_id, window) are there, and a row whose account cannot be read (null) may be any that is missing.
    The first known window has nothing to be compared with, and one window of fewer than five accounts tells no number.

    ``is_latest_over``: more files for the latest window are not to be expected, whatever their number.
    """
    ordinal = (pl.col("window").rank("dense").cast(pl.Int64()) - 1).alias("ordinal")
    rows = (
        valued.with_columns(ordinal)
        .sort("account_id", "ordinal")
        .with_columns(pl.col("ordinal").shift(by).over("account_id").alias(name) for name, by in (("before", 1), ("after", -1)))
    )
    totals = _with_usual(_totals(rows, quarantined), _closed(rows))
    gone = _missing(rows, totals, quarantined)
    lacking = gone.group_by("window").agg(pl.len().cast(pl.Int64()).alias("missing"))
    validated = totals.join(lacking, on="window", how="left").sort("window")
    validated = validated.with_columns((pl.col("missing").fill_null(0) - pl.col("unreadable")).clip(lower_bound=0))
    is_over = (pl.col("ordinal") < pl.col("ordinal").max()) | is_latest_over | (pl.col("files") >= pl.col("usual_files").floor())
    validated = validated.filter(is_over & pl.col("usual_accounts").is_not_null())
    is_short = (pl.col("usual_accounts") - pl.col("accounts") > allowed_share * pl.col("usual_accounts")) | (
        pl.col("missing") > allowed_share * pl.col("open_before")
    )
    tells = (pl.col("ordinal") >= _LEAST_WINDOWS) | (pl.col("usual_accounts") >= _LEAST_ACCOUNTS)
    return Incomplete(
        gone.join(validated.filter(pl.col("missing") > 0), on="window", how="semi").sort("window", "account_id"),
        validated.filter(tells & is_short).select("window", "accounts", "usual_accounts", "missing"),
    )


def _totals(rows: pl.DataFrame, quarantined: pl.DataFrame) -> pl.DataFrame:
    """By window its accounts, in quarantine or not, those of them with a value, and its files."""
    readable = quarantined.drop_nulls("account_id").unique()
    others = readable.join(rows, on=_ACCOUNT_AND_WINDOW, how="anti").group_by("window").agg(pl.len().cast(pl.Int64()).alias("others"))
    unreadable = quarantined.filter(pl.col("account_id").is_null()).group_by("window").agg(pl.len().cast(pl.Int64()).alias("unreadable"))
    return (
        rows.group_by("window", "ordinal")
        .agg(
            pl.len().cast(pl.Int64()).alias("accounts"),
            (pl.col("ending_market_value") != 0).sum().cast(pl.Int64()).alias("open_accounts"),
            pl.col("file").n_unique().alias("files"),
        )
        .join(others, on="window", how="left")
        .join(unreadable, on="window", how="left")
        .with_columns(pl.col("others", "unreadable").fill_null(0))
        .with_columns(pl.col("accounts", "open_accounts") + pl.col("others") + pl.col("unreadable"))
        .sort("ordinal")
    )


def _closed(rows: pl.DataFrame) -> pl.DataFrame:
    """How many accounts of the windows looked back on were closed before a window, and are not in it, by ordinal."""
    until = pl.min_horizontal(pl.col("ordinal") + LOOKED_BACK, pl.col("after").fill_null(pl.col("ordinal").max() + 1) - 1)
    return (
        rows.with_columns(until.alias("until"))
        .filter(pl.col("ending_market_value") == 0, pl.col("until") > pl.col("ordinal"))
        .select(pl.int_ranges(pl.col("ordinal") + 1, pl.col("until") + 1).alias("ordinal"))
        .explode("ordinal")
        .group_by("ordinal")
        .agg(pl.len().alias("closed"))
    )


def _with_usual(totals: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
    before = {name: pl.col(name).shift(1).rolling_median(LOOKED_BACK, min_samples=1) for name in ("accounts", "files")}
    return totals.join(closed, on="ordinal", how="left", maintain_order="left").with_columns(
        (before["accounts"] - pl.col("closed").fill_null(0)).alias("usual_accounts"),
        before["files"].alias("usual_files"),
        pl.col("open_accounts").shift(1).alias("open_before"),
    )


def _missing(rows: pl.DataFrame, totals: pl.DataFrame, quarantined: pl.DataFrame) -> pl.DataFrame:
    was_there = (pl.col("ordinal") == 0) | (pl.col("before") == pl.col("ordinal") - 1)
    following = totals.select(pl.col("ordinal") - 1, pl.col("window").alias("following"))
    return (
        rows.filter(was_there & (pl.col("ending_market_value") != 0) & pl.col("after").ne_missing(pl.col("ordinal") + 1))
        .join(following, on="ordinal")
        .select("account_id", pl.col("following").alias("window"), pl.col("as_of_date").alias("last_as_of_date"), "ending_market_value")
        .join(quarantined, on=_ACCOUNT_AND_WINDOW, how="anti")
    )
