"""Full deliveries: one that holds a day says all of that day, so that what it does not repeat no longer counts."""

import polars as pl

LATER = "later_delivery_id"
SLOT = "slot"
_SLOTS = ["account_id", SLOT]


def without_withdrawn(
    delivered: pl.DataFrame, quarantined: pl.DataFrame, precedence: pl.DataFrame, *, slot: pl.Expr | None = None
) -> pl.DataFrame:
    """The delivered positions without those that a later full delivery withdraws.

    A delivery states the days on which it has a position, and no others. On these it withdraws each account-date of the deliveries
    before it that it does not repeat. A row that it holds in quarantine may be such a repetition: one that names account and day
    keeps that account-date; where the account cannot be read, any account of the day; where the day cannot, any day of the account;
    where neither can, the delivery withdraws nothing.

    ``delivered`` and ``quarantined`` are rows of the deliveries that ``precedence`` ranks by ``delivery_id`` and ``rank`` (the higher
    one counts). ``slot`` says what is a day here: by default as_of_date, or its window where an account has one valuation a window.
    The result depends on the ranks alone, not on the order of rows; of the positions that are left, ``current_positions`` says which
    one counts.
    """
    day = pl.col("as_of_date") if slot is None else slot
    ranked = delivered.with_columns(day.alias(SLOT)).join(
        precedence.select("delivery_id", "rank"), on="delivery_id", how="left", validate="m:1"
    )
    states = ranked.select(SLOT, "rank", "delivery_id").unique()
    older = ranked.filter(pl.col("rank") < pl.col("rank").max().over(SLOT)).select("delivery_id", *_SLOTS, "rank")
    withdrawn = older.join(states.rename({"rank": "later_rank", "delivery_id": LATER}), on=SLOT, how="inner", maintain_order="none").filter(
        pl.col("later_rank") > pl.col("rank")
    )
    left = not_quarantined(withdrawn, quarantined.with_columns(day.alias(SLOT)))
    return ranked.join(left, on=["delivery_id", *_SLOTS], how="anti", maintain_order="left").drop("rank", SLOT)


def not_quarantined(withdrawn: pl.DataFrame, quarantined: pl.DataFrame) -> pl.DataFrame:
    """Of the withdrawn slots those of which ``later_delivery_id`` holds no row in quarantine that may mean them.

    Both have ``account_id`` and ``slot``, and ``quarantined`` its ``delivery_id``; null is what cannot be read, and may be anything.
    """
    for names in (_SLOTS, ["account_id"], [SLOT], []):
        withdrawn = withdrawn.join(_quarantined_with(quarantined, names), on=[LATER, *names], how="anti")
    return withdrawn


def _quarantined_with(quarantined: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """The quarantined rows of which just these two, one or none of account and day can be read."""
    readable = [pl.col(name).is_not_null() if name in names else pl.col(name).is_null() for name in _SLOTS]
    return quarantined.filter(*readable).select(pl.col("delivery_id").alias(LATER), *names).unique()
