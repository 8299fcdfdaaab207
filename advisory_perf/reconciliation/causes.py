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
)
_NAMES_A_KEY = r"(?:^|: |, )(?:columns|conventions)\."
_EARLIER = ("ending_market_value", "calculated_twrr")


@dataclass(frozen=True, slots=True)
class Before:
    """What was valued before the days that are explained; None where nothing was.

    ``states`` has the latest valuation of each account: account_id, ending_market_value, calculated_twrr. ``flows`` has the rows of the
    last window that holds any: account_id, net_flow.
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
    """Changes of the feed that would close most breaks of a figure: field_name, explained_by, closes, breaks, sentence; the largest first.

    At least ``FEWEST`` breaks; those of one factor for a whole delivery and of figures of ours that are undefined are no key's.
    """
    breaks = results.filter(~pl.col("within_tolerance"))
    total = breaks.group_by("field_name").agg(pl.len().alias("breaks"))
    by_key = breaks.filter(pl.col("explained_by").str.contains(_NAMES_A_KEY)).group_by("field_name", "explained_by").agg(closes=pl.len())
    return (
        by_key.join(total, on="field_name")
        .filter(pl.col("closes") >= FEWEST, 2 * pl.col("closes") > pl.col("breaks"))
        .with_columns(
            sentence=pl.format("{} of {} breaks of {} close with {}", "closes", "breaks", "field_name", "explained_by"),
        )
        .select("field_name", "explained_by", "closes", "breaks", "sentence")
        .sort("closes", "field_name", descending=[True, False])
    )


def _with_context(breaks: pl.DataFrame, figures: pl.DataFrame, before: Before) -> pl.DataFrame:
    """The breaks with what their figures are computed from, and what was valued before them."""
    concerned = figures.join(breaks.select("account_id").unique(), on="account_id", how="semi")
    rows = concerned.select(*WHO_AND_WHEN, *_FROM_ROWS, "calculated_twrr").sort(WHO_AND_WHEN)
    earlier = pl.col(*_EARLIER).shift(1).over("account_id").name.prefix("previous_")
    found = breaks.select(*KEY, "calculated_value", "vendor_value", "variance", "tolerance_threshold").join(
        rows.with_columns(earlier).drop("calculated_twrr"), on=WHO_AND_WHEN, how="left", maintain_order="left"
    )
    if before.states is not None:
        stated = before.states.select("account_id", pl.col(*_EARLIER).name.prefix("stated_"))
        found = found.join(stated, on="account_id", how="left", maintain_order="left").with_columns(
            pl.coalesce(f"previous_{name}", f"stated_{name}").alias(f"previous_{name}") for name in _EARLIER
        )
    flows = _flows_before(figures.select("as_of_date"), concerned, before)
    return found.join(flows, on=WHO_AND_WHEN, how="left", maintain_order="left")


def _flows_before(days: pl.DataFrame, figures: pl.DataFrame, before: Before) -> pl.DataFrame:
    """For each account and day its net flow of the last earlier day on which the feed has any row: previous_net_flow."""
    following = days.unique().sort("as_of_date").with_columns(pl.col("as_of_date").shift(-1).alias("following"))
    own = figures.select("account_id", "as_of_date", "net_flow").join(following, on="as_of_date").drop_nulls("following")
    moved = own.select("account_id", as_of_date="following", previous_net_flow="net_flow")
    if before.flows is None or following.is_empty():
        return moved
    first = before.flows.select("account_id", pl.lit(following["as_of_date"][0]).alias("as_of_date"), previous_net_flow="net_flow")
    return pl.concat([moved, first])
