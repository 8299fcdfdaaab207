"""Explanations of an ending market value or a net flow that breaks: a flow, fee or income that is missing or there twice, another value."""

import polars as pl

from advisory_perf.contracts.columns import FIGURE, MONEY
from advisory_perf.contracts.enums import Cause
from advisory_perf.reconciliation.explanations import Explanation, chosen, of

_TERMS = 8
"""Amounts of the market value identity, each of which the vendor may have rounded."""
_LEAST_TIMES = 1000
"""From so many times the tolerance on, two equal amounts are no coincidence."""
_FAR = 10
"""A value so many times ours, or so small a part of it, is of another order."""
_ITSELF_AND_ONE = 2
_FEWEST_OF_A_CURRENCY, _MOST_OF_A_CURRENCY, _SAME_RATE = 3, 0.8, 0.00001
_OURS, _THEIRS, _LIMIT = pl.col("calculated_value"), pl.col("vendor_value"), pl.col("tolerance_threshold")
_UNEXPLAINED = pl.lit(Cause.UNEXPLAINED.value)


def of_values(breaks: pl.DataFrame, figures: pl.DataFrame) -> pl.DataFrame:
    """KEY and EXPLAINED of breaks of ending market values, with what ``causes`` puts beside them; ``figures`` has all of their days."""
    rows = _with_rate(_with_flows_of_others(breaks, figures), figures)
    income, fees, into, out, net = (pl.col(name) for name in ("income", "fees", "contributions", "distributions", "net_flow"))
    begin, before = pl.col("beginning_market_value"), pl.col("previous_ending_market_value")
    rounded = pl.max_horizontal(2 * _LIMIT, _TERMS * pl.col("vendor_value_half_unit").cast(FIGURE))
    explanations = [
        _money(Cause.ROUNDING, "amounts that the vendor has rounded", _THEIRS, (_OURS - _THEIRS).abs() <= rounded),
        _money(Cause.SIGN, "ours with the other sign: columns.ending_market_value.sign", -_OURS),
        _money(Cause.STALE, "the ending market value of the valuation before", before),
        _money(Cause.ROLL_FORWARD, "the ending market value of the valuation before as the beginning one", _OURS - begin + before),
        _money(Cause.MISSING_FLOW, "without the day's contributions and distributions", _OURS - net),
        _money(Cause.MISSING_FLOW, "without the day's contributions", _OURS - into),
        _money(Cause.MISSING_FLOW, "without the day's distributions", _OURS + out),
        _money(Cause.DOUBLED_FLOW, "with twice the day's contributions and distributions", _OURS + net),
        _money(Cause.DOUBLED_FLOW, "with twice the day's contributions", _OURS + into),
        _money(Cause.DOUBLED_FLOW, "with twice the day's distributions", _OURS - out),
        _money(Cause.DOUBLED_FEES, "with the fees taken twice", _OURS - fees),
        _money(Cause.FEE_BASIS, "without the fees", _OURS + fees),
        _money(Cause.INCOME, "without the income", _OURS - income),
        _money(Cause.SIGN, "with the day's net flow the other way round", _OURS - 2 * net),
        *_of_elsewhere(),
        _money(Cause.MISSING_FLOW, "the whole value, which came without a flow", _THEIRS, _OURS == 0),
        _money(Cause.CURRENCY_RATE, pl.format("{} times ours, as of others of its currency", "rate"), _OURS * pl.col("rate").cast(FIGURE)),
    ]
    ratio = _THEIRS.cast(pl.Float64()) / _OURS.cast(pl.Float64())
    is_far = ((ratio >= _FAR) | ((ratio > 0) & (ratio <= 1 / _FAR))).fill_null(value=False) & (_OURS != 0)
    return chosen(rows, explanations, pl.when(is_far).then(pl.lit(Cause.OUTLIER.value)).otherwise(_UNEXPLAINED))


def of_net_flows(breaks: pl.DataFrame, figures: pl.DataFrame) -> pl.DataFrame:
    """KEY and EXPLAINED of breaks of net flows, with what ``causes`` puts beside them; ``figures`` are all rows of their days."""
    into, out = pl.col("contributions"), pl.col("distributions")
    explanations = [
        _money(Cause.ROUNDING, "the last digit that the vendor prints", _THEIRS, (_OURS - _THEIRS).abs() <= 2 * _LIMIT),
        _money(Cause.SIGN, "ours with the other sign: columns.vendor_net_flow.sign", -_OURS),
        _money(Cause.MISSING_FLOW, "a flow that the row does not have", _THEIRS, _OURS == 0),
        _money(Cause.MISSING_FLOW, "without the day's contributions and distributions", pl.lit(0)),
        _money(Cause.MISSING_FLOW, "without the day's distributions", into),
        _money(Cause.MISSING_FLOW, "without the day's contributions", -out),
        _money(Cause.DOUBLED_FLOW, "with twice the day's contributions and distributions", 2 * _OURS),
        _money(Cause.DOUBLED_FLOW, "with twice the day's contributions", _OURS + into),
        _money(Cause.DOUBLED_FLOW, "with twice the day's distributions", _OURS - out),
        _money(Cause.DAY_SHIFT, "the net flow of the day before", pl.col("previous_net_flow"), pl.col("previous_net_flow") != 0),
        *_of_elsewhere(),
    ]
    return chosen(_with_flows_of_others(breaks, figures), explanations, _UNEXPLAINED)


def _money(cause: Cause, by: str | pl.Expr, value: pl.Expr, applies: pl.Expr | None = None) -> Explanation:
    return of(cause, by, value, close=_LIMIT, applies=applies)


def _of_elsewhere() -> list[Explanation]:
    """Ours with a flow that stands in another row: the account's own of the day before, or another account's of the same day."""
    own, other = pl.col("previous_net_flow"), pl.col("flow_of_other")
    by = pl.format("with the flow of {} that {} has on the day", other, "other_account")
    return [
        _money(
            Cause.MISSING_FLOW, pl.format("with the flow of {} of the day before", own), _OURS + own, own.abs() >= _LEAST_TIMES * _LIMIT
        ),
        _money(Cause.MISSING_FLOW, by, _OURS + other, other.abs() >= _LEAST_TIMES * _LIMIT),
    ]


def _with_flows_of_others(breaks: pl.DataFrame, figures: pl.DataFrame) -> pl.DataFrame:
    """Adds flow_of_other and other_account: what the row lacks, where it is one other account's net flow of the day, in or out.

    Null where there is none, or several have such a flow: which of them is meant nothing tells.
    """
    flows = figures.filter(pl.col("net_flow") != 0).join(breaks.select("as_of_date").unique(), on="as_of_date", how="semi")
    both = pl.concat([flows.select("as_of_date", "account_id", lacking=sign * pl.col("net_flow").cast(MONEY)) for sign in (1, -1)])
    account = pl.col("account_id")
    by_amount = both.group_by("as_of_date", "lacking").agg(
        account.n_unique().alias("flowing"), account.min().alias("first_flowing"), account.max().alias("last_flowing")
    )
    rows = breaks.with_columns(lacking=(_THEIRS - _OURS).cast(MONEY)).join(
        by_amount, on=["as_of_date", "lacking"], how="left", maintain_order="left", validate="m:1"
    )
    first, last = pl.col("first_flowing"), pl.col("last_flowing")
    is_own = (account == first) | (account == last)
    other = (
        pl.when((pl.col("flowing") == 1) & ~is_own)
        .then(first)
        .when((pl.col("flowing") == _ITSELF_AND_ONE) & is_own)
        .then(pl.when(account == first).then(last).otherwise(first))
    )
    return rows.with_columns(other_account=other, flow_of_other=pl.when(other.is_not_null()).then("lacking"))


def _with_rate(breaks: pl.DataFrame, figures: pl.DataFrame) -> pl.DataFrame:
    """Adds rate: the vendor's value over ours, where most accounts of one of a day's currencies are off by the same; null elsewhere.

    Counted are all accounts of the currency on the day that have a value, so that a rate is the currency's and not one account's. On a
    day of one currency nothing tells a rate from a unit.
    """
    several = figures.group_by("as_of_date").agg(pl.col("currency").n_unique().alias("currencies")).filter(pl.col("currencies") > 1)
    group = ["as_of_date", "currency"]
    quotient = _THEIRS.cast(pl.Float64()) / _OURS.cast(pl.Float64())
    quotients = (
        breaks.join(several, on="as_of_date", how="semi")
        .filter(_OURS != 0, _THEIRS != 0)
        .select(*group, quotient.alias("rate"), _OURS.abs().alias("size"))
    )
    by_size = quotients.sort("size").with_columns(pl.col("rate").last().over(group).alias("common"))
    agreeing = ((pl.col("rate") / pl.col("common") - 1).abs() <= _SAME_RATE).sum()
    of_the_largest = (
        by_size.group_by(group)
        .agg(pl.col("common").first().alias("rate"), agreeing.alias("agree"))
        .filter(pl.col("agree") >= _FEWEST_OF_A_CURRENCY)
    )
    of_these = figures.filter(pl.col("ending_market_value") != 0).join(of_the_largest, on=group, how="semi")
    counted = of_these.group_by(group).len("accounts")
    rates = (
        of_the_largest.join(counted, on=group).filter(pl.col("agree") >= _MOST_OF_A_CURRENCY * pl.col("accounts")).select(*group, "rate")
    )
    return breaks.join(rates, on=group, how="left", maintain_order="left")
