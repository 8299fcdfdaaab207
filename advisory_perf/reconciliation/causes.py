"""Why a figure breaks: each explanation is computed, and the simplest one that gives the vendor's figure is the likely cause.

Of returns it has to come out to the digits that the vendor prints, since among a dozen explanations one comes within the tolerance of any
figure by chance; within the tolerance alone it counts where it closes most breaks of the day that it bears on. Money has to come out to
the tolerance. Only the day itself and what was valued before it is looked at, so that a cause is the same in every order of arrival.
"""

from dataclasses import dataclass

import polars as pl

from advisory_perf.contracts.enums import ReconciledField
from advisory_perf.contracts.tables import WHO_AND_WHEN
from advisory_perf.reconciliation.explanations import EXPLAINED, FEWEST, KEY
from advisory_perf.reconciliation.money_causes import of_net_flows, of_values
from advisory_perf.reconciliation.return_causes import Conventions, of_returns

_FROM_ROWS = (
    "beginning_market_value",
    "contributions",
    "distributions",
    "income",
    "fees",
    "ending_market_value",
    "net_flow",
    "calculated_ending_market_value",
    "currency",
    "vendor_value_half_unit",
    "vendor_twrr_half_unit",
    "return_status",
)
_NAMES_A_KEY = r"(?:^|: |, )(?:columns|conventions)\."
_EARLIER = ("ending_market_value", "calculated_twrr")


@dataclass(frozen=True, slots=True)
class Before:
    """What was valued before the days that are explained; None where nothing was.

    ``states`` has the latest valuation of each account: account_id, ending_market_value, calculated_twrr. ``flows`` has the rows of the
    last day on which the feed has any, one an account: account_id, net_flow.
    """

    states: pl.DataFrame | None = None
    flows: pl.DataFrame | None = None


NOTHING_BEFORE = Before()


def explained(
    breaks: pl.DataFrame, figures: pl.DataFrame, conventions: Conventions | None, before: Before = NOTHING_BEFORE
) -> pl.DataFrame:
    """KEY and EXPLAINED of each break: the cause, the figure that it gives, how it is said in a feed or in words, and other causes.

    ``breaks`` are rows of RECONCILIATION_RESULTS that fail; ``figures`` all rows of their days, as in ``reconcile``. ``conventions`` is
    None where the returns cover more than the rows' own sub-periods, which no single row computes anew. ``other_causes`` are further ones
    that give the vendor's figure too, the simplest first, divided by commas; null where there is none. UNEXPLAINED, OUTLIER and
    UNDEFINED_BASE give no figure.
    """
    if breaks.is_empty():
        return breaks.select(KEY).with_columns(pl.lit(None, dtype).alias(name) for name, dtype in EXPLAINED.items())
    rows = _with_context(breaks, figures, before)
    of_field = {field: rows.filter(field_name=field.value) for field in ReconciledField}
    return pl.concat(
        [
            of_values(of_field[ReconciledField.ENDING_MARKET_VALUE], figures),
            of_net_flows(of_field[ReconciledField.NET_FLOW], figures),
            of_returns(of_field[ReconciledField.TWRR], conventions),
        ]
    )


def common_causes(results: pl.DataFrame) -> pl.DataFrame:
    """Changes of the feed that would close most breaks of a figure on a day, the latest day and the largest first.

    as_of_date, field_name, explained_by, closes, breaks, sentence. At least ``FEWEST`` breaks; those of one factor for a whole delivery
    and of figures of ours that are undefined are no key's. Counted by day, so that it is the same however days are put into runs.
    """
    breaks = results.filter(~pl.col("within_tolerance"))
    figure = ("as_of_date", "field_name")
    total = breaks.group_by(figure).agg(pl.len().alias("breaks"))
    by_key = breaks.filter(pl.col("explained_by").str.contains(_NAMES_A_KEY)).group_by(*figure, "explained_by").agg(closes=pl.len())
    sentence = pl.format("on {}, {} of {} breaks of {} close with {}", "as_of_date", "closes", "breaks", "field_name", "explained_by")
    return (
        by_key.join(total, on=figure)
        .filter(pl.col("closes") >= FEWEST, 2 * pl.col("closes") > pl.col("breaks"))
        .select(*figure, "explained_by", "closes", "breaks", sentence.alias("sentence"))
        .sort("as_of_date", "closes", "field_name", descending=[True, True, False])
    )


def _with_context(breaks: pl.DataFrame, figures: pl.DataFrame, before: Before) -> pl.DataFrame:
    """The breaks with what their figures are computed from, and what was valued before them."""
    keys = breaks.select(WHO_AND_WHEN).unique()
    own = figures.join(keys, on=WHO_AND_WHEN, how="semi").select(*WHO_AND_WHEN, *_FROM_ROWS)
    rows = _with_flows_before(_with_values_before(own, figures, before), figures, before)
    return breaks.select(*KEY, "calculated_value", "vendor_value", "variance", "tolerance_threshold").join(
        rows, on=WHO_AND_WHEN, how="left", maintain_order="left", validate="m:1"
    )


def _with_values_before(own: pl.DataFrame, figures: pl.DataFrame, before: Before) -> pl.DataFrame:
    """Adds what the account's valuation before had: previous_ending_market_value and previous_calculated_twrr."""
    earlier = figures.select(*WHO_AND_WHEN, pl.col("as_of_date").alias("valued_before"), pl.col(*_EARLIER).name.prefix("previous_")).sort(
        "as_of_date"
    )
    rows = own.sort("as_of_date").join_asof(
        earlier,
        on="as_of_date",
        by="account_id",
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,  # both are sorted just above, which Polars cannot see within groups
    )
    if before.states is None:
        return rows
    stated = before.states.select("account_id", pl.col(*_EARLIER).name.prefix("stated_"))
    return rows.join(stated, on="account_id", how="left", validate="m:1").with_columns(
        pl.when(pl.col("valued_before").is_null()).then(f"stated_{name}").otherwise(f"previous_{name}").alias(f"previous_{name}")
        for name in _EARLIER
    )


def _with_flows_before(own: pl.DataFrame, figures: pl.DataFrame, before: Before) -> pl.DataFrame:
    """Adds previous_net_flow: the account's net flow of the last earlier day on which the feed has any row; null where that is none."""
    days = figures.select("as_of_date").unique().sort("as_of_date").with_columns(pl.col("as_of_date").shift(1).alias("previous_day"))
    flowing = figures.filter(pl.col("net_flow") != 0).select("account_id", previous_day="as_of_date", previous_net_flow="net_flow")
    if before.flows is not None and days.height:
        eve = pl.lit(days["as_of_date"][0]).dt.offset_by("-1d")  # stands for whatever day it was
        days = days.with_columns(pl.coalesce("previous_day", eve).alias("previous_day"))
        flowing = pl.concat([flowing, before.flows.select("account_id", eve.alias("previous_day"), previous_net_flow="net_flow")])
    return own.join(days, on="as_of_date", how="left").join(flowing, on=["account_id", "previous_day"], how="left", validate="m:1")
