"""Geometric linking: sub-period returns to growth index, cumulative and period returns, in one vectorised pass.

The frame is sorted by account and day. What is known of an account from before goes in as rows of its own, whose factor is the
growth index so far: multiplication then runs in the same order however the history is cut, so pieces give the bits that the
whole gives. An *episode* is an account's life between total losses; each starts at an index of 1. All but the running product
and sum are shifts and forward fills on the sorted frame, which need no grouping.
"""

from datetime import date
from decimal import Decimal
from typing import Generic, NamedTuple, overload

import polars as pl

from advisory_perf.contracts.enums import Reopening, ReturnStatus
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.contracts.windows import window_expr
from advisory_perf.performance.closing import with_closures, without_closures
from advisory_perf.performance.coverage import month_number, with_coverage
from advisory_perf.performance.net_flow import net_flow_of
from advisory_perf.performance.ordering import KEY, Frame, begins_account, finite, has_return, in_order, is_return, require
from advisory_perf.performance.shares import Share
from advisory_perf.performance.trailing import still_needed, trailing_returns

_MONTHS = {"mtd": 1, "qtd": 3, "ytd": 12}
_MAY_BE_NEVER = ("last_gap_date", "last_missing_date", *(f"{period}_base_date" for period in _MONTHS))
_KNOWN = (
    *_MAY_BE_NEVER,
    "inception_date",
    "performance_start_date",
    "starts_within_window",
    *(f"{period}_base" for period in _MONTHS),
    "emptied_by",
)

STATE = (*KEY, "ending_market_value", "growth_index", "cumulative_net_flow", *_KNOWN)
"""The columns of a state frame: what has to be known of an account to link on from a valuation."""

_LINKED = (
    "growth_index",
    "cumulative_twrr",
    "cumulative_net_flow",
    *(f"twrr_{period}{part}" for period in _MONTHS for part in ("", "_from", "_over_gap", "_over_missing")),
    "linked_over_gap",
    "is_closed",
    "windows_missing",
    "linked_over_missing",
    *_KNOWN,
)

_SCRATCH = (*KEY, "ending_market_value", "is_state", "waits", "factor", "month", "is_month_end", "is_near_month_end")

_NEVER = date.min

_LARGEST_CONTRADICTION = 1e-9


class LinkedSeries(NamedTuple, Generic[Frame]):
    """What linking gives: a row a valuation, and what the valuations to come have to know of these."""

    series: Frame
    closing_state: Frame


@overload
def twrr_series(
    returns: pl.DataFrame,
    *,
    schedule: Schedule,
    opening_state: pl.DataFrame | None = None,
    reopening: Reopening | None = None,
    residual_base: Decimal | None = None,
) -> LinkedSeries[pl.DataFrame]: ...
@overload
def twrr_series(
    returns: pl.LazyFrame,
    *,
    schedule: Schedule,
    opening_state: pl.DataFrame | pl.LazyFrame | None = None,
    reopening: Reopening | None = None,
    residual_base: Decimal | None = None,
) -> LinkedSeries[pl.LazyFrame]: ...
def twrr_series(
    returns: pl.DataFrame | pl.LazyFrame,
    *,
    schedule: Schedule,
    opening_state: pl.DataFrame | pl.LazyFrame | None = None,
    reopening: Reopening | None = None,
    residual_base: Decimal | None = None,
) -> LinkedSeries[pl.DataFrame] | LinkedSeries[pl.LazyFrame]:
    """Links the sub-period returns of each account: index(t) = index(t-1) · (1 + r(t)).

    ``returns`` has one row an account and day: account_id, as_of_date, beginning_market_value, ending_market_value, calculated_twrr,
    return_status and net_flow (or contributions and distributions), and growth_factor = 1 + calculated_twrr if that is at hand with
    more digits. Further columns stay. A lazy frame is collected, since linking needs every row of an account; the result is then lazy
    too. Returns ``(series, closing_state)``. ``series`` is sorted by account and day and adds, as fractions (0.01 is 1 %):

    - growth_index (1 before the first valuation), and cumulative_twrr = growth_index - 1, inception to date;
    - cumulative_net_flow since the first valuation, also across episodes; null from an unknown flow on;
    - twrr_mtd, twrr_qtd, twrr_ytd: since the last valuation before the month, quarter, year, or since a start within it;
    - twrr_1y, twrr_3y, twrr_5y, none annualised: of a month end since the month end n years earlier, of other days since the latest
      valuation on or before the anniversary; null where the episode has none, never since inception (see trailing);
    - twrr_<period>_from: the close that the period starts from (null where the period's return is);
    - inception_date of the episode, its first valuation; performance_start_date, the close that its first sub-period starts from (see
      coverage), and starts_within_window, whether that sub-period, a month, began without a value, or with one that is nothing beside
      its net flow, so that the account was funded somewhere within it;
    - last_gap_date, the account's latest valuation without a return, and linked_over_gap, whether there is one;
      twrr_<period>_over_gap, whether one lies in the period (null where the period's return is);
    - windows_missing, how many windows, or due days, lie between a valuation and the one before it that left a value;
      last_missing_date, linked_over_missing and twrr_<period>_over_missing say the same of these as of gaps. Where a period starts
      before the end of the month before it, though the account held a value there, it is over_missing;
    - mtd_base, qtd_base, ytd_base: the index that those periods start from, and mtd_base_date, qtd_base_date, ytd_base_date, the
      close that had it, both also where the period's return is null;
    - is_closed, whether the account is empty after the row because its owner took everything out, and emptied_by, that outflow.

    An undefined return (null, NaN, infinite, below -1, or with a status that has none) leaves the index as it is. A return of
    -1 makes the index 0 and ends the episode; the next defined return starts a new one on its own day. Until then the index
    stays 0 and all periods are null.

    With ``reopening`` a net outflow beside which the ending value is nothing, at most the share ``residual_base`` of it (zero where
    None), closes the account. While it is empty it has no return: return_status is CLOSED, or UNDEFINED_BASE where something is paid
    out of nothing, and only the latter is a gap; the index stays, all periods are null, and no window is missing. New money starts a
    new episode on its own day (NEW_EPISODE) or links on (LINK). Without ``reopening`` no account counts as closed.

    Where the status is CURRENCY_CHANGE, cumulative_net_flow begins again with the row, in its currency.

    ``schedule`` says which windows there are and which days are month ends. A monthly feed's months come whole, in one piece each.

    ``closing_state`` has the columns of STATE: each account's latest row, and those that trailing periods may still start from.
    Given as ``opening_state`` of later returns, it makes them come out bit for bit as if all had been linked at once.

    Raises ValueError where a column is missing, an account has two returns on one day, a state lies after a return or in its month's
    window, or a linked figure passes what a Float64 holds.

    Source: GIPS Standards 2020, section 2.A (time-weighted returns, geometrically linked).
    """
    if isinstance(returns, pl.LazyFrame):
        known = None if opening_state is None else opening_state.lazy().collect()
        linked = twrr_series(returns.collect(), schedule=schedule, opening_state=known, reopening=reopening, residual_base=residual_base)
        return LinkedSeries(linked.series.lazy(), linked.closing_state.lazy())
    ordered = in_order(returns)
    rows = _with_known(_returns(ordered), None if opening_state is None else opening_state.lazy().collect(), schedule)
    residual = Share.residual(residual_base)
    if reopening is None:
        rows = without_closures(rows)
    else:
        rows = with_closures(rows, residual, episodes=Reopening(reopening) is Reopening.NEW_EPISODE)
    rows = _linked(with_coverage(rows, schedule), schedule, residual)
    rows = rows.hstack(trailing_returns(rows))
    _refuse_beyond_float(rows)
    added = (rows if opening_state is None else rows.filter(~pl.col("is_state"))).drop(*_SCRATCH)
    series = ordered.drop(added.columns, strict=False).hstack(added)
    return LinkedSeries(_without_idle_returns(series).drop("is_idle", "is_quiet"), still_needed(rows.select(STATE)))


def _without_idle_returns(series: pl.DataFrame) -> pl.DataFrame:
    """Of an account that is empty throughout a row, no return and why."""
    if not series["is_idle"].any():
        return series
    why = pl.when("is_quiet").then(pl.lit(ReturnStatus.CLOSED.value)).otherwise(pl.lit(ReturnStatus.UNDEFINED_BASE.value))
    values = [name for name in ("calculated_twrr", "growth_factor") if name in series.columns]
    return series.with_columns(
        pl.when(~pl.col("is_idle")).then(pl.col(values)), return_status=pl.when("is_idle").then(why).otherwise("return_status")
    )


def _returns(ordered: pl.DataFrame) -> pl.DataFrame:
    """What linking needs of each return; one that is undefined becomes a gap, with a factor of 1."""
    values = ("beginning_market_value", "ending_market_value")
    columns = require(ordered, "twrr_series", *KEY, *values, "calculated_twrr", "return_status")
    flow = finite("net_flow", ordered) if "net_flow" in columns else net_flow_of(ordered, "twrr_series, where there is no net_flow,")
    value = finite("calculated_twrr", ordered).cast(pl.Float64())
    is_ok = has_return(pl.col("return_status")) & is_return(value)
    factor = pl.col("growth_factor").fill_null(1.0 + value) if "growth_factor" in columns else 1.0 + value
    rows = ordered.select(
        *KEY,
        *(finite(name, ordered).alias(name) for name in values),
        is_state=pl.lit(value=False),
        is_ok=is_ok.fill_null(value=False),
        value=value,
        factor=factor,
        flow=flow,
        changes=(pl.col("return_status") == ReturnStatus.CURRENCY_CHANGE.value).fill_null(value=False),
    )
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
        "changes",
        *values,
        factor=pl.when("is_ok").then("factor").otherwise(1.0),
        flow=pl.col("flow").cast(pl.Decimal(38, flow_type.scale)) if isinstance(flow_type, pl.Decimal) else "flow",
    )


def _with_known(rows: pl.DataFrame, known: pl.DataFrame | None, schedule: Schedule) -> pl.DataFrame:
    """Returns and states together, by account and day; a state carries its figures in place of a factor and a flow."""
    if known is None:
        return rows
    require(known, "opening_state", *STATE)
    if known["growth_index"].null_count() or not known["growth_index"].is_finite().all():
        raise ValueError("a row of opening_state has no growth_index; give the closing state of twrr_series as it came")
    states = known.select(
        *KEY,
        "ending_market_value",
        is_state=pl.lit(value=True),
        is_ok=pl.lit(value=False),
        factor=pl.col("growth_index"),
        flow=pl.col("cumulative_net_flow"),
        **{f"known_{name}": pl.col(name) for name in _KNOWN},
        changes=pl.lit(value=False),
    ).with_columns(pl.col(f"known_{name}").fill_null(_NEVER) for name in _MAY_BE_NEVER)
    together = in_order(pl.concat([states, rows], how="diagonal_relaxed"))
    late = together.filter(pl.col("is_state") & ~begins_account() & ~pl.col("is_state").shift(1))
    if late.height:
        account, day = late.row(0)[:2]
        raise ValueError(f"opening_state holds account {account} on {day}, after a return to be linked; it has to end before the returns")
    window = window_expr(pl.col("as_of_date"), schedule.cadence)
    cut = together.filter(~pl.col("is_state") & ~begins_account() & pl.col("is_state").shift(1) & (window == window.shift(1)))
    if cut.height:
        account, day = cut.row(0)[:2]
        raise ValueError(f"opening_state holds account {account} in the month of its return of {day}; a month is linked in one piece")
    return together


def _linked(rows: pl.DataFrame, schedule: Schedule, residual: Share) -> pl.DataFrame:
    """_LINKED of each row, and ``waits``: everything was lost or taken out, and nothing has come in since.

    A chain is what is multiplied through: one begins with the account, one after each total loss, one with each state.
    """
    day, is_state, is_ok, begins = (pl.col(name) for name in ("as_of_date", "is_state", "is_ok", "begins_account"))
    has_known = f"known_{_KNOWN[0]}" in rows.columns
    restarts, missing = pl.col("restarts") | pl.col("reopens"), pl.col("windows_missing")

    def since(name: str, is_here: pl.Expr, value: pl.Expr) -> pl.Expr:
        """The value of the latest row that is_here, or of the latest state."""
        here = pl.when(is_here).then(value)
        return (pl.when(is_state).then(f"known_{name}").otherwise(here) if has_known else here).forward_fill().alias(name)

    before = pl.when("is_anew").then(1.0).otherwise(pl.col("growth_index").shift(1))
    close_before = pl.when("is_anew").then("performance_start_date").otherwise(day.shift(1))
    start = pl.when(begins).then("previous_close").otherwise(pl.max_horizontal("previous_close", day.shift(1)))
    beginning = pl.col("beginning_market_value")
    is_residual = residual.covers(beginning, pl.col("flow")).fill_null(value=False)
    holds_more = ((beginning > 0) & (~pl.col("reopens") | (beginning > pl.col("flow")))).fill_null(value=False) & ~is_residual
    starts_within = pl.lit(schedule.is_monthly) & ~holds_more
    linked = (
        rows.lazy()
        .with_columns(begins_account=begins_account())
        .with_columns(begins_again=(pl.col("factor").shift(1) == 0).fill_null(value=False) & ~(begins | is_state | pl.col("reopens")))
        .with_columns(begins_chain=begins | pl.col("begins_again") | pl.col("reopens") | is_state, oks=is_ok.cast(pl.UInt32()).cum_sum())
        .with_columns(
            chain=_number(pl.col("begins_chain")),
            is_again=pl.when("begins_chain").then("begins_again").forward_fill(),
            oks_of_chain=pl.col("oks") - pl.when("begins_chain").then(pl.col("oks") - is_ok).forward_fill(),
            sum=_number(begins | is_state | pl.col("changes")),
        )
        .with_columns(
            product=pl.col("factor").cum_prod().over("chain"),
            waits=pl.col("is_again") & (pl.col("oks_of_chain") == 0),
            restarts=pl.col("is_again") & (pl.col("oks_of_chain") == 1) & is_ok,
        )
        .with_columns(
            _running_sum(rows["flow"].null_count() > 0),
            since("inception_date", begins | restarts, day),
            since("performance_start_date", begins | restarts, start),
            since("starts_within_window", begins | restarts, starts_within),
            since("last_gap_date", begins | ~(is_ok | pl.col("is_quiet")), pl.when(is_ok | pl.col("is_quiet")).then(_NEVER).otherwise(day)),
            since("last_missing_date", begins | (missing > 0), pl.when(missing > 0).then(day).otherwise(_NEVER)),
            growth_index=pl.when("waits").then(0.0).otherwise("product"),
            is_anew=begins | restarts | pl.col("waits"),
            waits=pl.col("waits") | pl.col("is_idle"),
        )
        .with_columns(
            *(since(f"{period}_base", pl.col("is_anew") | _locks(months), before) for period, months in _MONTHS.items()),
            *(since(f"{period}_base_date", pl.col("is_anew") | _locks(months), close_before) for period, months in _MONTHS.items()),
            cumulative_twrr=pl.col("growth_index") - 1,
        )
        .with_columns(pl.when(pl.col(name) > _NEVER).then(name) for name in _MAY_BE_NEVER)
        .with_columns(
            *(_to_date(period) for period in _MONTHS),
            linked_over_gap=pl.col("last_gap_date").is_not_null(),
            linked_over_missing=pl.col("last_missing_date").is_not_null(),
        )
        .with_columns(
            _of_period(period, figure)
            for period, months in _MONTHS.items()
            for figure in (
                pl.col(f"{period}_base_date").alias(f"twrr_{period}_from"),
                _lies_in(months, "last_gap_date").alias(f"twrr_{period}_over_gap"),
                _lies_in(months, "last_missing_date").alias(f"twrr_{period}_over_missing"),
            )
        )
        .select(*_SCRATCH, "is_idle", "is_quiet", *_LINKED)
    )
    return linked.collect(engine="in-memory")  # streaming would split the frame, and round by where it was split


def _number(begins: pl.Expr) -> pl.Expr:
    return begins.cast(pl.UInt32()).cum_sum().set_sorted()


def _running_sum(has_unknown: bool) -> pl.Expr:  # noqa: FBT001 - one fact of one column
    total = pl.col("flow").cum_sum().over("sum")
    if has_unknown:
        total = pl.when(pl.col("flow").is_null().cum_max().over("sum")).then(None).otherwise(total)
    return total.alias("cumulative_net_flow")


def _locks(months: int) -> pl.Expr:
    number = pl.col("month") // months
    return number != number.shift(1)


def _to_date(period: str) -> pl.Expr:
    base = pl.col(f"{period}_base")
    return pl.when(~pl.col("waits") & (base > 0)).then(pl.col("growth_index") / base - 1).alias(f"twrr_{period}")


def _of_period(period: str, figure: pl.Expr) -> pl.Expr:
    """Null where the period's return is."""
    return pl.when(pl.col(f"twrr_{period}").is_not_null()).then(figure)


def _lies_in(months: int, name: str) -> pl.Expr:
    """Whether the day lies in the row's month, quarter or year, and in its episode."""
    day = pl.col(name)
    in_period = month_number(day) // months == pl.col("month") // months
    return (in_period & (day >= pl.col("inception_date"))).fill_null(value=False)


def _refuse_beyond_float(rows: pl.DataFrame) -> None:
    """ValueError where a figure is too large for a Float64, or an index too small although nothing was lost altogether."""
    is_beyond = pl.any_horizontal(
        ~pl.selectors.float().is_finite(), (pl.col("growth_index") == 0) & (pl.col("factor") != 0) & ~pl.col("waits")
    )
    beyond = rows.select(is_beyond).to_series()
    if beyond.any():
        account, day = rows.filter(beyond).row(0)[:2]
        raise ValueError(f"a linked figure of account {account} passes what a Float64 holds on {day}; look at its returns up to then")
