"""Full deliveries: one that holds a day says all of that day, so that what it does not repeat no longer counts."""

import polars as pl

_LATER = "later_delivery_id"


def without_withdrawn(delivered: pl.DataFrame, quarantined: pl.DataFrame, precedence: pl.DataFrame) -> pl.DataFrame:
    """The delivered positions without those that a later full delivery withdraws.

    A delivery states the days on which it has a position, and no others. On these it withdraws each account-date of the deliveries
    before it that it does not repeat. A row that it holds in quarantine may be such a repetition: one that names account and day
    keeps that account-date; where the account cannot be read, any account of the day; where the day cannot, any day of the account;
    where neither can, the delivery withdraws nothing.

    ``delivered`` and ``quarantined`` are rows of the deliveries that ``precedence`` ranks by ``delivery_id`` and ``rank`` (the higher
    one counts). The result depends on the ranks alone, not on the order of rows; of the positions that are left,
    ``current_positions`` says which one counts.
    """
    ranked = delivered.join(precedence.select("delivery_id", "rank"), on="delivery_id", how="left", validate="m:1")
    states = ranked.select("as_of_date", "rank", "delivery_id").unique()
    older = ranked.filter(pl.col("rank") < pl.col("rank").max().over("as_of_date")).select("account_id", "as_of_date", "rank")
    withdrawn = older.join(
        states.rename({"rank": "later_rank", "delivery_id": _LATER}), on="as_of_date", how="inner", maintain_order="none"
    ).filter(pl.col("later_rank") > pl.col("rank"))
    for names in (["account_id", "as_of_date"], ["account_id"], ["as_of_date"], []):
        withdrawn = withdrawn.join(_quarantined_with(quarantined, names), on=[_LATER, *names], how="anti")
    kept = ranked.join(withdrawn.select("account_id", "as_of_date", "rank").unique(), on=["account_id", "as_of_date", "rank"], how="anti")
    return kept.drop("rank")


def _quarantined_with(quarantined: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """The quarantined rows of which just these two, one or none of account and day can be read."""
    readable = [pl.col(name).is_not_null() if name in names else pl.col(name).is_null() for name in ("account_id", "as_of_date")]
    return quarantined.filter(*readable).select(pl.col("delivery_id").alias(_LATER), *names).unique()
