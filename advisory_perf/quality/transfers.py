"""Internal transfers whose other side stands on another day, or with another amount.

Money that moves between two accounts of a portfolio or client is a distribution of the one and a contribution of the other, on one day
and with one amount. Of a flow without its other side nothing tells that it is internal, except a flow that looks like that side. Many
flows have round amounts, so that equal ones meet by chance: only an amount that the whole feed has just twice within some windows, once
in and once out, tells; and a round one only where nothing else flows, since among many flows some are equal.
"""

import polars as pl

from advisory_perf.contracts.enums import Cadence
from advisory_perf.quality.rules import LEAST_TELLING_VALUE

NEIGHBOURS = {Cadence.DAILY: 3, Cadence.MONTHLY: 1}
"""So many windows of the feed the two sides may lie apart."""

NEARLY = 0.001
"""A share of the larger amount by which both sides of one day may differ, as by a fee."""

_SIDES = {"contributions": "in", "distributions": "out"}
_SAME_AMOUNT = ("currency", "amount")
_SIDE = ("account_id", "as_of_date", "delivery_id", "field_name", "amount", "other_account_id", "other_as_of_date", "other_amount")
_ROUND = 100


def transfers_apart(rows: pl.DataFrame, *, neighbours: int) -> pl.DataFrame:
    """The later side of each transfer that looks internal and has its other side on an earlier day, or with nearly its amount.

    *Another day*: a contribution and a distribution of one amount, LEAST_TELLING_VALUE or more, of two accounts with one portfolio or one
    client, on two days at most ``neighbours`` windows apart; and the feed has no other flow of that amount and currency from as many
    windows before the later one up to it; of a multiple of 100, the portfolio (or client) has no other flow at all in them. *Nearly*: on
    one day, the amounts differ by a thousandth of the larger at most, and no other flow of the portfolio on the day is as near to either;
    named at the contribution.

    ``rows`` are rows across accounts, one a valuation. By day and account: field_name (contributions or distributions), amount, and
    other_account_id, other_as_of_date and other_amount of the side that it seems to belong to.
    """
    sides = [
        rows.filter(pl.col(field) >= LEAST_TELLING_VALUE).select(
            "account_id", "portfolio_id", "client_id", "currency", "as_of_date", "ordinal", "is_own", "delivery_id",
            pl.lit(field).alias("field_name"), pl.col(field).alias("amount"),
        )
        for field in _SIDES
    ]  # fmt: skip
    flows = pl.concat(sides)
    return pl.concat([_on_another_day(flows, neighbours), _nearly(flows)]).sort("as_of_date", "account_id", "field_name")


def _on_another_day(flows: pl.DataFrame, neighbours: int) -> pl.DataFrame:
    ordered = flows.sort(*_SAME_AMOUNT, "ordinal", "as_of_date", "account_id", "field_name", nulls_last=True)
    is_same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in _SAME_AMOUNT)
    is_third = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(2)) for name in _SAME_AMOUNT)
    ordinal = pl.col("ordinal")
    is_near, third_is_near = (ordinal - ordinal.shift(by) <= neighbours for by in (1, 2))
    is_pair = is_same & is_near & ~(is_third & third_is_near).fill_null(value=False)
    follows = (is_same & (ordinal == ordinal.shift(1))).shift(-1).fill_null(value=False)  # one more in the later one's window
    pairs = _pairs(ordered, is_pair & ~follows & (pl.col("as_of_date") != pl.col("as_of_date").shift(1)))
    return _without_chance(pairs, flows, neighbours).select(_SIDE)


def _without_chance(pairs: pl.DataFrame, flows: pl.DataFrame, neighbours: int) -> pl.DataFrame:
    """Without pairs of a round amount beside which anything else flows in their portfolio, or client, in the windows looked at."""
    is_round = pl.col("amount") % _ROUND == 0
    kept = [pairs.filter(~is_round)]
    for name, is_its in (("portfolio_id", pl.col("in_portfolio")), ("client_id", ~pl.col("in_portfolio"))):
        round_ones = pairs.filter(is_round & is_its)
        others = round_ones.join(flows.select(name, other_ordinal="ordinal"), on=name)
        beside = others.filter((pl.col("ordinal") - pl.col("other_ordinal")).is_between(0, neighbours))
        key = ["account_id", "as_of_date", "field_name", "amount"]
        kept.append(round_ones.join(beside.group_by(key).len().filter(pl.col("len") == 2), on=key, how="semi"))  # noqa: PLR2004
    return pl.concat(kept)


def _nearly(flows: pl.DataFrame) -> pl.DataFrame:
    place = ["portfolio_id", "currency", "as_of_date"]
    ordered = flows.filter(pl.col("portfolio_id").is_not_null()).sort(*place, "amount", "account_id", "field_name", nulls_last=True)
    is_same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in place)
    amount = pl.col("amount").cast(pl.Float64())
    is_near = (is_same & (amount - amount.shift(1) <= NEARLY * amount)).fill_null(value=False)
    alone = ~is_near.shift(1).fill_null(value=False) & ~is_near.shift(-1).fill_null(value=False)
    return _pairs(ordered, is_near & alone & (pl.col("amount") != pl.col("amount").shift(1)), at_contribution=True).select(_SIDE)


def _pairs(ordered: pl.DataFrame, is_pair: pl.Expr, *, at_contribution: bool = False) -> pl.DataFrame:
    """Of each chosen row and the one before it the two sides, where they are one in and one out of a portfolio or client."""
    other = {f"other_{name}": pl.col(name).shift(1) for name in ("account_id", "as_of_date", "amount", "field_name", "delivery_id")}
    same = {name: (pl.col(name) == pl.col(name).shift(1)).fill_null(value=False) for name in ("portfolio_id", "client_id")}
    is_related = same["portfolio_id"] | same["client_id"]
    differs = pl.all_horizontal(pl.col(name) != pl.col(name).shift(1) for name in ("account_id", "field_name"))
    pairs = ordered.with_columns(**other, in_portfolio=same["portfolio_id"], is_pair=is_pair & is_related & differs).filter(
        pl.col("is_pair") & pl.col("is_own")
    )
    if at_contribution:  # both have one day, so that both are the run's own
        names = ("account_id", "amount", "field_name", "delivery_id")
        is_out = pl.col("field_name") == "distributions"
        pairs = pairs.with_columns(
            *(pl.when(is_out).then(f"other_{name}").otherwise(name).alias(name) for name in names),
            *(pl.when(is_out).then(name).otherwise(f"other_{name}").alias(f"other_{name}") for name in names),
        )
    return pairs
