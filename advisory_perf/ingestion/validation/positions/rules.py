"""The rules of positions across columns and rows, in one place for validation: see the modules beside this one."""

import polars as pl

from advisory_perf.feeds.fields import NET_FLOW
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.validation.positions.flows import split_flows
from advisory_perf.ingestion.validation.positions.jumps import without_jumps
from advisory_perf.ingestion.validation.positions.plausibility import figures_say, plausibility_notices, refuse_one_account
from advisory_perf.ingestion.validation.positions.reversals import netted
from advisory_perf.ingestion.validation.positions.subtotals import subtotals, without_subtotals
from advisory_perf.ingestion.validation.positions.valuations import with_several_valuations
from advisory_perf.ingestion.validation.rules import RowRules, Screened


class PositionRules(RowRules[PositionsFeed]):
    """Sums, identities, returns and jumps of positions."""

    def completed(self, rows: pl.DataFrame, feed: PositionsFeed) -> pl.DataFrame:  # noqa: ARG002
        """The rows with both flows, where the feed has the net flow."""
        return rows.with_columns(split_flows()) if NET_FLOW in rows.columns else rows

    def sums_of_others(self, rows: pl.DataFrame, called_total: pl.Series) -> pl.Series:
        """Which of the rows are subtotals of others on their day."""
        return subtotals(rows, called_total)

    def figures_say(self, last: pl.DataFrame, feed: PositionsFeed, field: str | None) -> bool | None:
        """What the market value identity and the return say of the row's last cell."""
        return figures_say(last, feed, field)

    def without_totals(self, good: pl.DataFrame, feed: PositionsFeed, file_name: str) -> tuple[pl.DataFrame, int, list[Notice]]:
        """The rows as the feed wants its subtotals."""
        return without_subtotals(good, feed, file_name)

    def plausible(self, good: pl.DataFrame, feed: PositionsFeed, file_name: str) -> Screened:
        """The rows with flows on the side they are meant; refused as a whole where figures contradict their columns."""
        screened = netted(good, feed, file_name)
        notices = plausibility_notices(screened.good, feed, file_name)
        return Screened(screened.good, screened.refused, (*screened.notices, *notices))

    def in_scale(self, good: pl.DataFrame, feed: PositionsFeed, file_name: str) -> Screened:
        """The rows without values that jump by a unit."""
        return without_jumps(good, feed, file_name)

    def refuse_contradictions(self, good: pl.DataFrame, conflicting: pl.DataFrame, feed: PositionsFeed, file_name: str) -> None:
        """Refuses a delivery in which all rows are of one account and contradict each other."""
        refuse_one_account(good, conflicting, feed, file_name)

    def refused_together(self, good: pl.DataFrame, others: pl.DataFrame, feed: PositionsFeed) -> tuple[pl.Series, str]:
        """The rows of accounts with several valuations in one window."""
        return with_several_valuations(good, others, feed), "E_SEVERAL_VALUATIONS"


POSITION_RULES = PositionRules()
