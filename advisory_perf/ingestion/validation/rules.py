"""What a dataset asks of its rows beyond single cells: the rules across columns and rows that ``rows.validate`` calls in its order.

Every rule gets rows that have been typed, as a frame with the feed's fields and the raw cells beside them, and takes none away in
silence: what leaves the good rows is handed on as refused, with code and text, or counted. A dataset's own rules override those of
``RowRules``, which ask nothing.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.unit_doubts import doubtful_unit

F = TypeVar("F", bound=Feed)


@dataclass(frozen=True, slots=True)
class Screened:
    """The rows that a rule leaves, those that it refuses (``refused`` in this module), and what a person should know."""

    good: pl.DataFrame
    refused: pl.DataFrame
    notices: tuple[Notice, ...] = ()


class RowRules(Generic[F]):
    """Rules that ask nothing; each method says when it is called."""

    def completed(self, rows: pl.DataFrame, feed: F) -> pl.DataFrame:  # noqa: ARG002 - others use it
        """Typed rows, good or not, with the fields that are made of others."""
        return rows

    def sums_of_others(self, rows: pl.DataFrame, called_total: pl.Series) -> pl.Series:  # noqa: ARG002
        """Which of the rows are the sum of others; ``called_total`` are those whose label says so. Asked of lines that a footer names."""
        return pl.Series(pl.repeat(value=False, n=rows.height, eager=True))

    def figures_say(self, last: pl.DataFrame, feed: F, field: str | None) -> bool | None:  # noqa: ARG002
        """Whether the row's figures show that its cell of ``field`` is whole, or contradict it (False); None where they say nothing.

        Asked of a last row that no line end closes.
        """
        return None

    def without_totals(self, good: pl.DataFrame, feed: F, file_name: str) -> tuple[pl.DataFrame, int, list[Notice]]:  # noqa: ARG002
        """The rows without those that only sum others, and how many these were, which count as footers; before control figures are held."""
        return good, 0, []

    def plausible(self, good: pl.DataFrame, feed: F, file_name: str) -> Screened:
        """The rows as they are meant; DeliveryRejectedError where figures contradict their columns: here, the unit of a column's name."""
        doubt = doubtful_unit(good, feed)
        if doubt is None:
            return Screened(good, good.clear())
        sentence = f"{feed.vendor}, {file_name}: {doubt}"
        if feed.plausibility.scale == "reject":
            raise DeliveryRejectedError("E_SCALE_AMBIGUOUS", sentence)
        return Screened(good, good.clear(), (Notice("W_SCALE", sentence),))

    def in_scale(self, good: pl.DataFrame, feed: F, file_name: str) -> Screened:  # noqa: ARG002
        """The rows without single ones that cannot be meant beside the others."""
        return Screened(good, good.clear())

    def refuse_contradictions(self, good: pl.DataFrame, conflicting: pl.DataFrame, feed: F, file_name: str) -> None:
        """DeliveryRejectedError where the rows of one key that differ show that the delivery as a whole is misread."""

    def refused_together(self, good: pl.DataFrame, others: pl.DataFrame, feed: F) -> tuple[pl.Series, str]:  # noqa: ARG002
        """Which of the rows cannot stand beside another of them or of the keys in ``others``, and the code for it."""
        return pl.Series(pl.repeat(value=False, n=good.height, eager=True)), ""


def refused(rows: pl.DataFrame, code: str, text: pl.Expr) -> pl.DataFrame:
    """Rows that are quarantined as a whole, for no single field."""
    return rows.with_columns(
        pl.lit(code).alias("code"),
        pl.lit(None, pl.String()).alias("field_name"),
        text.alias("text"),
        pl.lit(None, pl.String()).alias("sentence"),
    )
