"""Closed accounts: emptied by their owner, or never funded yet, with no valuation due until money is there (again).

A total loss by the market closes nothing: it is a return, and ends the episode (see linking). What was taken out to empty the account
is the state that is carried: beside it a cent that is left, or interest that is booked late, counts as nothing.
"""

import polars as pl

from advisory_perf.performance.ordering import begins_account
from advisory_perf.performance.shares import Share

_OPEN = -1
"""Stands for no flow that emptied the account, where null would be filled from above."""


def with_closures(rows: pl.DataFrame, residual: Share, *, episodes: bool) -> pl.DataFrame:
    """Adds emptied_by, is_closed, is_idle, is_quiet and reopens to rows by account and day; idle rows get no return.

    ``rows`` has what linking needs of each return (flow, beginning and ending market value, is_ok, factor), and states of earlier ones with
    known_emptied_by. An amount counts as nothing where it is at most the ``residual`` share of a flow; an unknown one does not.

    - An account is closed by a net outflow beside which the ending value is nothing, unless everything was lost to the market.
      emptied_by is that outflow, null while the account is open; is_closed, whether there is one after the row.
    - It stays closed while beginning and ending value are nothing beside it and no net flow comes in: such a row is_idle. It is_quiet
      where its net flow is nothing as well; what is paid out of nothing is not. Interest that is paid out later leaves emptied_by as
      it is, since what counts as nothing is measured by the account and not by its last cents.
    - With any other row it is open again; such a row ``reopens`` it, where that begins an episode.
    - An account that begins with nothing at all, neither value nor flow, is closed in the same way, emptied by 0, until something is
      there: vendors list accounts before they are funded. What comes then always begins its episode.
    """
    flow, ending, beginning = (pl.col(name) for name in ("flow", "ending_market_value", "beginning_market_value"))
    empties = ~pl.col("is_state") & (flow < 0) & residual.covers(ending, -flow) & (pl.col("factor") > 0)
    starts_empty = ~pl.col("is_state") & begins_account() & (flow == 0) & (ending == 0) & (beginning == 0)
    rows = rows.with_columns(empties=empties.fill_null(value=False), starts_empty=starts_empty.fill_null(value=False))
    found = _with_emptied(rows, residual, rows["empties"] | rows["starts_empty"])
    # a payment of a closed account closes nothing, which only the row that closed it tells: one more pass for each in a row
    counted = pl.col("starts_empty") | (pl.col("empties") & ~pl.col("is_idle"))
    while (counts := found.select(counted).to_series()).ne(found["closes"]).any():
        found = _with_emptied(rows, residual, counts)
    begins_episode = (pl.col("emptied_before") == 0) | pl.lit(episodes)
    return found.with_columns(
        is_quiet=pl.col("starts_empty") | (pl.col("is_idle") & residual.covers(flow, pl.col("emptied_before"))).fill_null(value=False),
        reopens=pl.col("closed_before") & pl.col("opens") & begins_episode,
        is_closed=pl.col("emptied_by") >= 0,
        emptied_by=pl.when(pl.col("emptied_by") >= 0).then("emptied_by"),
        is_ok=pl.col("is_ok") & ~pl.col("is_idle"),
        factor=pl.when("is_idle").then(1.0).otherwise("factor"),
    ).drop("empties", "starts_empty", "closes", "emptied_before", "opens", "closed_before", "known_emptied_by", strict=False)


def _with_emptied(rows: pl.DataFrame, residual: Share, closes: pl.Series) -> pl.DataFrame:
    """Adds what follows where the rows that ``closes`` says close their account: emptied_by, emptied_before, is_idle and the like."""
    flow, ending, beginning = (pl.col(name) for name in ("flow", "ending_market_value", "beginning_market_value"))
    is_state, before = pl.col("is_state"), pl.col("emptied_before")
    known = pl.col("known_emptied_by").fill_null(_OPEN) if "known_emptied_by" in rows.columns else pl.lit(None)
    stays = residual.covers(beginning, before) & (residual.covers(ending, before) | pl.col("empties"))
    return (
        rows.with_columns(closes.alias("closes"))
        .with_columns(emptied_before=pl.when("is_state").then(known).when("closes").then(-flow).forward_fill().shift(1))
        .with_columns(opens=~(stays & (flow <= 0)).fill_null(value=False) & ~is_state)
        .with_columns(
            emptied_by=pl.when("is_state")
            .then(known)
            .when("closes")
            .then(-flow)
            .when(pl.col("opens") | begins_account())
            .then(_OPEN)
            .forward_fill()
        )
        .with_columns(closed_before=(pl.col("emptied_by").shift(1) >= 0).fill_null(value=False) & ~begins_account() & ~is_state)
        .with_columns(is_idle=pl.col("starts_empty") | (pl.col("closed_before") & ~pl.col("opens")))
    )


def without_closures(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of ``with_closures`` where nothing counts as closed."""
    none = pl.lit(value=False)
    return rows.with_columns(
        pl.lit(None, rows.schema["flow"]).alias("emptied_by"), is_closed=none, is_idle=none, is_quiet=none, reopens=none
    ).drop("known_emptied_by", strict=False)
