"""Versions of one file: a higher one stands in the place of the lower ones, so that their rows no longer count."""

import polars as pl

from advisory_perf.positions.full_deliveries import LATER, SLOT, not_quarantined

_ROW = ["delivery_id", "account_id", SLOT]


def without_replaced(delivered: pl.DataFrame, quarantined: pl.DataFrame, versions: pl.DataFrame, *, slot: pl.Expr) -> pl.DataFrame:
    """The delivered positions without those of files of which there is a higher version.

    ``versions`` has of each delivery ``delivery_id``, ``file`` (what all versions of a file share), ``version`` and ``names_its_day``. A
    file whose name holds its day is replaced whole, also on days that the higher version does not have, since a day may be what was
    corrected. Other names come again for other days, so that there a version replaces the slots in which it has a position; ``slot``
    is the day, or the window where an account has one valuation a window.

    A row that the higher version holds in quarantine may be meant to replace one, and withdraws nothing: of a file that names its day no
    row of its account, or none at all where the account cannot be read; of others what it does in full deliveries.
    """
    rows = delivered.with_columns(slot.alias(SLOT)).join(versions, on="delivery_id", how="left", validate="m:1", maintain_order="left")
    highest = versions.group_by("file").agg(pl.col("version").max().alias("highest"))
    lower = rows.join(highest, on="file", how="left", maintain_order="left").filter(pl.col("version") < pl.col("highest"))
    if lower.is_empty():
        return delivered
    later = {"version": "later_version", "delivery_id": LATER}
    stated = rows.select("file", SLOT, "version", "delivery_id").unique().rename(later)
    by_slot = lower.filter(~pl.col("names_its_day")).join(stated, on=["file", SLOT])
    whole = lower.filter("names_its_day").join(versions.select("file", "version", "delivery_id").rename(later), on="file")
    in_slots = quarantined.with_columns(slot.alias(SLOT))
    withdrawn = pl.concat(
        not_quarantined(found.filter(pl.col("later_version") > pl.col("version")).select(*_ROW, LATER), kept)
        for found, kept in ((by_slot, in_slots), (whole, in_slots.with_columns(pl.lit(None, pl.Date()).alias(SLOT))))
    )
    return rows.join(withdrawn, on=_ROW, how="anti", maintain_order="left").select(delivered.columns)
