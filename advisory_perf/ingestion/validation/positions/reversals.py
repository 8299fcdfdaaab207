"""Negative contributions and distributions where the feed says that they reverse earlier ones: ``negative_flows: net``.

They go to the other side, and the net flow stays. A vendor that prints all outflows negative is not meant: a row whose figures say
so is E_SIGN, and so is a delivery without the figures to ask, in which most of a column is negative.
"""

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.fields import FLOWS
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.raw_frame import LINE_NUMBER
from advisory_perf.ingestion.validation.positions.flows import moved_flows
from advisory_perf.ingestion.validation.positions.plausibility import COMPONENTS, identity_holds
from advisory_perf.ingestion.validation.rules import Screened

_LEAST_NEGATIVE = 3
"""One reversal or two are all the flows of many a day."""


def netted(good: pl.DataFrame, feed: PositionsFeed, file_name: str) -> Screened:
    """The rows with no negative flow; those whose figures say that the sign is the vendor's are refused.

    DeliveryRejectedError E_SIGN where most amounts of a flow are negative and the feed does not map what would explain it.
    """
    negative = pl.any_horizontal(pl.col(name) < 0 for name in FLOWS)
    if feed.negative_flows != "net":
        return Screened(good, good.clear())
    places = good.select(negative.arg_true()).to_series()
    if places.is_empty():
        return Screened(good, good.clear())
    suspects = good[places]
    if feed.filled_fields >= set(COMPONENTS):
        as_printed, turned = (
            frame.select(identity_holds().fill_null(value=False)).to_series()
            for frame in (suspects, suspects.with_columns(pl.col(*FLOWS).abs()))
        )
        is_turned = turned & ~as_printed
    else:
        _refuse_a_turned_column(good, feed, file_name)
        is_turned = pl.repeat(value=False, n=len(places), eager=True)
    name = pl.when(pl.col(FLOWS[0]) < 0).then(pl.lit(FLOWS[0])).otherwise(pl.lit(FLOWS[1]))
    amount = pl.when(pl.col(FLOWS[0]) < 0).then(FLOWS[0]).otherwise(FLOWS[1]).cast(pl.String())
    bad = suspects.filter(is_turned).with_columns(pl.lit("E_SIGN").alias("code"), name.alias("field_name"), amount.alias("text"))
    is_bad = pl.Series(pl.repeat(value=False, n=good.height, eager=True)).scatter(places.filter(is_turned), values=True)
    lines: list[int] = suspects.filter(~is_turned)[LINE_NUMBER].to_list()
    where = f"{feed.vendor}, {file_name}"
    notices = tuple(
        Notice("W_NEGATIVE_FLOW", f"{where}: {len(lines)} rows have a negative flow on the other side, such as line {line}")
        for line in lines[:1]
    )
    return Screened(good.with_columns(moved_flows()).filter(~is_bad), bad, notices)


def _refuse_a_turned_column(good: pl.DataFrame, feed: PositionsFeed, file_name: str) -> None:
    for name in FLOWS:
        negative = good.filter(pl.col(name) < 0).height
        if negative >= _LEAST_NEGATIVE and negative * 2 > good.filter(pl.col(name) != 0).height:
            source = feed.columns[name]
            raise DeliveryRejectedError(
                "E_SIGN",
                f"{feed.vendor}, {file_name}: most amounts of {source.from_} are negative, so that they are no reversals;"
                f" set sign: {-source.sign} for {name} in the feed",
            )
