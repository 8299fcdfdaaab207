"""Geometric linking: sub-period returns to growth index, cumulative and period returns, in one vectorised pass.

The frame is sorted by account and day. What is known of an account from before goes in as rows of its own, whose factor is the
growth index so far: multiplication then runs in the same order however the history is cut, so pieces give the bits that the
whole gives. An *episode* is an account's life between total losses; each starts at an index of 1. All but the running product
and sum are shifts and forward fills on the sorted frame, which need no grouping.
"""

from datetime import date
from typing import Generic, NamedTuple, overload

import polars as pl

from advisory_perf.contracts.conventions import ReturnStatus
from advisory_perf.performance.flows import net_flow_of
from advisory_perf.performance.frames import KEY, Frame, begins_account, finite, in_order, is_return, require
from advisory_perf.performance.trailing import still_needed, trailing_returns

_MONTHS = {"mtd": 1, "qtd": 3, "ytd": 12}
_KNOWN = ("last_gap_date", "inception_date", *(f"{period}_base" for period in _MONTHS))

STATE = (*KEY, "growth_index", "cumulative_net_flow", *_KNOWN)
"""The columns of a state frame: what has to be known of an account to link on from a valuation."""

_LINKED = (
    "growth_index",
    "cumulative_twrr",
    "cumulative_net_flow",
    *(f"twrr_{period}{over_gap}" for period in _MONTHS for over_gap in ("", "_over_gap")),
    "linked_over_gap",
    *_KNOWN,
)

_NEVER = date.min

_LARGEST_CONTRADICTION = 1e-9


class LinkedSeries(NamedTuple, Generic[Frame]):
    """What linking gives: a row a valuation, and what the valuations to come have to know of these."""

    series: Frame
    closing_state: Frame


@overload
def twrr_series(returns: pl.DataFrame, *, opening_state: pl.DataFrame | None = None) -> LinkedSeries[pl.DataFrame]: ...
@overload
def twrr_series(returns: pl.LazyFrame, *, opening_state: pl.DataFrame | pl.LazyFrame | None = None) -> LinkedSeries[pl.LazyFrame]: ...
def twrr_series(
    returns: pl.DataFrame | pl.LazyFrame, *, opening_state: pl.DataFrame | pl.LazyFrame | None = None
) -> LinkedSeries[pl.DataFrame] | LinkedSeries[pl.LazyFrame]:
    """Links the sub-period returns of each account: index(t) = index(t-1) · (1 + r(t)).

    ``returns`` has one row an account and day: account_id, as_of_date, calculated_twrr, return_status and net_flow (or
    contributions and distributions), and growth_factor = 1 + calculated_twrr if that is at hand with more digits. Further columns
    stay. A lazy frame is collected, since linking needs every row of an account; the result is then lazy too. Returns
    ``(series, closing_state)``. ``series`` is sorted by account and day and adds, as fractions (0.01 is 1 %):

    - growth_index (1 before the first valuation), and cumulative_twrr = growth_index - 1, inception to date;
    - cumulative_net_flow since the first valuation, also across episodes; null from an unknown flow on;
    - twrr_mtd, twrr_qtd, twrr_ytd: since the end of the previous month, quarter, year, or since an inception within it;
    - twrr_1y, twrr_3y, twrr_5y, none annualised: since the latest valuation on or before the anniversary; null where the
      episode has none, never since inception; twrr_<n>y_from is that valuation;
    - inception_date of the episode; last_gap_date, the account's latest valuation without a return, and linked_over_gap,
      whether there is one; twrr_<period>_over_gap, whether one lies in the period (null where the period's return is);
    - mtd_base, qtd_base, ytd_base: the index that those periods start from.

    An undefined return (null, NaN, infinite, below -1, or with a status other than OK) leaves the index as it is. A return of
    -1 makes the index 0 and ends the episode; the next defined return starts a new one on its own day. Until then the index
    stays 0 and all periods are null.

    ``closing_state`` has the columns of STATE: each account's latest row, and those that trailing periods may still start from.
    Given as ``opening_state`` of later returns, it makes them come out bit for bit as if all had been linked at once.

    Raises ValueError where a column is missing, an account has two returns on one day, a state lies after a return, or a
    linked figure passes what a Float64 holds. Source: GIPS Standards 2020, section 2.A (time-weighted returns, geometrically linked).
    """
    if isinstance(returns, pl.LazyFrame):
        linked = twrr_series(returns.collect(), opening_state=None if opening_state is None else opening_state.lazy().collect())
        return LinkedSeries(linked.series.lazy(), linked.closing_state.lazy())
    ordered = in_order(returns)
    rows = _linked(_with_known(_returns(ordered), None if opening_state is None else opening_state.lazy().collect()))
    rows = rows.hstack(trailing_returns(rows))
    _refuse_beyond_float(rows)
    added = (rows if opening_state is None else rows.filter(~pl.col("is_state"))).drop(*KEY, "is_state", "waits", "factor")
    return LinkedSeries(ordered.drop(added.columns, strict=False).hstack(added), still_needed(rows.select(STATE)))


def _returns(ordered: pl.DataFrame) -> pl.DataFrame:
    """What linking needs of each return; one that is undefined becomes a gap, with a factor of 1."""
    columns = require(ordered, "twrr_series", *KEY, "calculated_twrr", "return_status")
    flow = finite("net_flow", ordered) if "net_flow" in columns else net_flow_of(ordered, "twrr_series, where there is no net_flow,")
    value = finite("calculated_twrr", ordered).cast(pl.Float64())
    is_ok = (pl.col("return_status") == ReturnStatus.OK.value) & is_return(value)
    factor = pl.col("growth_factor").fill_null(1.0 + value) if "growth_factor" in columns else 1.0 + value
    rows = ordered.select(*KEY, is_state=pl.lit(value=False), is_ok=is_ok.fill_null(value=False), value=value, factor=factor, flow=flow)
    difference = (pl.col("factor") - 1 - pl.col("value")).abs()
    agrees = (difference <= _LARGEST_CONTRADICTION * (2 + pl.col("value"))) & (pl.col("factor") >= 0)
    if rows.select((pl.col("is_ok") & ~agrees).any()).item():
        account, day = rows.filter(pl.col("is_ok") & ~agrees).row(0)[:2]
        raise ValueError(f"growth_factor is not 1 + calculated_twrr for account {account} on {day}; drop the column or compute both anew")
    flow_type = rows.schema["flow"]
    return rows.select(
        *KEY,
        "is_state",
        "is_ok",
        factor=pl.when("is_ok").then("factor").otherwise(1.0),
        flow=pl.col("flow").cast(pl.Decimal(38, flow_type.scale)) if isinstance(flow_type, pl.Decimal) else "flow",
    )


def _with_known(rows: pl.DataFrame, known: pl.DataFrame | None) -> pl.DataFrame:
    """Returns and states together, by account and day; a state carries its figures in place of a factor and a flow."""
    if known is None:
        return rows
    require(known, "opening_state", *STATE)
    if known["growth_index"].null_count() or not known["growth_index"].is_finite().all():
        raise ValueError("a row of opening_state has no growth_index; give the closing state of twrr_series as it came")
    states = known.select(
        *KEY,
        is_state=pl.lit(value=True),
        is_ok=pl.lit(value=False),
        factor=pl.col("growth_index"),
        flow=pl.col("cumulative_net_flow"),
        **{f"known_{name}": pl.col(name) for name in _KNOWN},
    ).with_columns(pl.col("known_last_gap_date").fill_null(_NEVER))
    together = in_order(pl.concat([states, rows], how="diagonal_relaxed"))
    late = together.filter(pl.col("is_state") & ~begins_account() & ~pl.col("is_state").shift(1))
    if late.height:
        account, day = late.row(0)[:2]
        raise ValueError(f"opening_state holds account {account} on {day}, after a return to be linked; it has to end before the returns")
    return together


def _linked(rows: pl.DataFrame) -> pl.DataFrame:
    """_LINKED of each row, and ``waits``: everything was lost and nothing has come in since.

    A chain is what is multiplied through: one begins with the account, one after each total loss, one with each state.
    """
    day, is_state, is_ok, begins = (pl.col(name) for name in ("as_of_date", "is_state", "is_ok", "begins_account"))
    has_known = f"known_{_KNOWN[0]}" in rows.columns
    month = day.dt.year() * 12 + day.dt.month() - 1

    def since(name: str, is_here: pl.Expr, value: pl.Expr) -> pl.Expr:
        """The value of the latest row that is_here, or of the latest state."""
        here = pl.when(is_here).then(value)
        return (pl.when(is_state).then(f"known_{name}").otherwise(here) if has_known else here).forward_fill().alias(name)

    before = pl.when("is_anew").then(1.0).otherwise(pl.col("growth_index").shift(1))
    linked = (
        rows.lazy()
        .with_columns(begins_account=begins_account())
        .with_columns(begins_again=(pl.col("factor").shift(1) == 0).fill_null(value=False) & ~begins & ~is_state)
        .with_columns(begins_chain=begins | pl.col("begins_again") | is_state, oks=is_ok.cast(pl.UInt32()).cum_sum())
        .with_columns(
            chain=_number(pl.col("begins_chain")),
            is_again=pl.when("begins_chain").then("begins_again").forward_fill(),
            oks_of_chain=pl.col("oks") - pl.when("begins_chain").then(pl.col("oks") - is_ok).forward_fill(),
            sum=_number(begins | is_state),
        )
        .with_columns(
            product=pl.col("factor").cum_prod().over("chain"),
            waits=pl.col("is_again") & (pl.col("oks_of_chain") == 0),
            restarts=pl.col("is_again") & (pl.col("oks_of_chain") == 1) & is_ok,
        )
        .with_columns(
            _running_sum(rows["flow"].null_count() > 0),
            since("inception_date", begins | pl.col("restarts"), day),
            since("last_gap_date", begins | ~is_ok, pl.when(is_ok).then(_NEVER).otherwise(day)),
            growth_index=pl.when("waits").then(0.0).otherwise("product"),
            is_anew=begins | pl.col("restarts") | pl.col("waits"),
            month=month,
        )
        .with_columns(
            *(since(f"{period}_base", pl.col("is_anew") | _turns(months), before) for period, months in _MONTHS.items()),
            cumulative_twrr=pl.col("growth_index") - 1,
            last_gap_date=pl.when(pl.col("last_gap_date") > _NEVER).then("last_gap_date"),
        )
        .with_columns(*(_to_date(period) for period in _MONTHS), linked_over_gap=pl.col("last_gap_date").is_not_null())
        .with_columns(*(_over_gap(period, months) for period, months in _MONTHS.items()))
        .select(*KEY, "is_state", "waits", "factor", *_LINKED)
    )
    return linked.collect(engine="in-memory")  # streaming would split the frame, and round by where it was split


def _number(begins: pl.Expr) -> pl.Expr:
    return begins.cast(pl.UInt32()).cum_sum().set_sorted()


def _running_sum(has_unknown: bool) -> pl.Expr:  # noqa: FBT001 - one fact of one column
    total = pl.col("flow").cum_sum().over("sum")
    if has_unknown:
        total = pl.when(pl.col("flow").is_null().cum_max().over("sum")).then(None).otherwise(total)
    return total.alias("cumulative_net_flow")


def _turns(months: int) -> pl.Expr:
    number = pl.col("month") // months
    return number != number.shift(1)


def _to_date(period: str) -> pl.Expr:
    base = pl.col(f"{period}_base")
    return pl.when(~pl.col("waits") & (base > 0)).then(pl.col("growth_index") / base - 1).alias(f"twrr_{period}")


def _over_gap(period: str, months: int) -> pl.Expr:
    gap = pl.col("last_gap_date")
    lies_in_period = (gap.dt.year() * 12 + gap.dt.month() - 1) // months == pl.col("month") // months
    is_of_episode = gap >= pl.col("inception_date")
    over_gap = (lies_in_period & is_of_episode).fill_null(value=False)
    return pl.when(pl.col(f"twrr_{period}").is_not_null()).then(over_gap).alias(f"twrr_{period}_over_gap")


def _refuse_beyond_float(rows: pl.DataFrame) -> None:
    """ValueError where a figure is too large for a Float64, or an index too small although nothing was lost altogether."""
    is_beyond = pl.any_horizontal(
        ~pl.selectors.float().is_finite(), (pl.col("growth_index") == 0) & (pl.col("factor") != 0) & ~pl.col("waits")
    )
    beyond = rows.select(is_beyond).to_series()
    if beyond.any():
        account, day = rows.filter(beyond).row(0)[:2]
        raise ValueError(f"a linked figure of account {account} passes what a Float64 holds on {day}; look at its returns up to then")
