"""Explanations of a break: figures that ours would be if something else were true, and the simplest that gives the vendor's figure."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from advisory_perf.contracts.columns import FIGURE
from advisory_perf.contracts.enums import Cause
from advisory_perf.contracts.tables import WHO_AND_WHEN

KEY = (*WHO_AND_WHEN, "field_name")
EXPLAINED = pl.Schema({"likely_cause": pl.String(), "explained_value": FIGURE, "explained_by": pl.String(), "other_causes": pl.String()})
FEWEST = 5
"""Breaks of a day that one explanation has to close, where it does not come out to the digits that are printed."""
_OURS, _THEIRS = pl.col("calculated_value"), pl.col("vendor_value")


@dataclass(frozen=True, slots=True)
class Explanation:
    """A cause with the figure that it gives, and how it is said in the feed or in words.

    It closes a break where the figure is the vendor's to ``close``. Where it is so to ``loose`` only, it closes it if it does so for most
    breaks of the day that it bears on; null for none. ``applies`` is false where it means nothing.
    """

    cause: Cause
    by: pl.Expr
    value: pl.Expr
    close: pl.Expr
    loose: pl.Expr | None = None
    applies: pl.Expr | None = None


def of(
    cause: Cause,
    by: str | pl.Expr,
    value: pl.Expr,
    *,
    close: pl.Expr,
    loose: pl.Expr | None = None,
    applies: pl.Expr | None = None,
) -> Explanation:
    """An explanation whose words may be plain text."""
    return Explanation(cause, pl.lit(by) if isinstance(by, str) else by, value.cast(FIGURE), close, loose, applies)


def chosen(rows: pl.DataFrame, explanations: Sequence[Explanation], otherwise: pl.Expr, why: pl.Expr | None = None) -> pl.DataFrame:
    """KEY and EXPLAINED of the rows: of the explanations that close a break the first, and the causes of the others in their order.

    ``rows`` are breaks with calculated_value, vendor_value and what the explanations ask for. ``otherwise`` is the cause where none
    does, and ``why`` its words.
    """
    figures = rows.with_columns(one.value.alias(f"value_{place}") for place, one in enumerate(explanations))
    marked = figures.with_columns(_closes(one, f"value_{place}").alias(f"closes_{place}") for place, one in enumerate(explanations))
    causes = (
        pl.concat_list(pl.when(f"closes_{place}").then(pl.lit(one.cause.value)) for place, one in enumerate(explanations))
        .list.drop_nulls()
        .list.unique(maintain_order=True)
    )
    first = pl.coalesce(
        pl.when(f"closes_{place}").then(
            pl.struct(likely_cause=pl.lit(one.cause.value), explained_value=pl.col(f"value_{place}"), explained_by=one.by)
        )
        for place, one in enumerate(explanations)
    )
    words = pl.lit(None, pl.String()) if why is None else why
    found = marked.select(*KEY, first.alias("first"), causes.alias("causes"), otherwise.alias("otherwise"), words.alias("why"))
    return found.select(
        *KEY,
        pl.coalesce(pl.col("first").struct.field("likely_cause"), "otherwise").alias("likely_cause"),
        pl.col("first").struct.field("explained_value"),
        pl.coalesce(pl.col("first").struct.field("explained_by"), "why").alias("explained_by"),
        pl.when(pl.col("causes").list.len() > 1).then(pl.col("causes").list.slice(1).list.join(", ")).alias("other_causes"),
    )


def _closes(one: Explanation, value: str) -> pl.Expr:
    """Whether the explanation closes the row's break. A figure that is ours to the tolerance explains nothing, nor one that we lack."""
    off = (pl.col(value) - _THEIRS).abs()
    bears = ((pl.col(value) - _OURS).abs() > pl.col("tolerance_threshold")).fill_null(value=False)
    counts = bears if one.applies is None else bears & one.applies.fill_null(value=False)
    closes = (off <= one.close) & counts
    if one.loose is not None:
        nearly = (off <= one.loose) & counts
        of_the_day = nearly.sum().over("as_of_date")
        is_common = (of_the_day >= FEWEST) & (2 * of_the_day > bears.sum().over("as_of_date"))
        closes |= nearly & is_common
    return closes.fill_null(value=False)
