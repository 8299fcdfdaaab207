"""What a delivery looks like, column by column: kept with it, so that the next ones of its feed can be held against it.

The size of a profile is bounded, whatever the file holds: so many columns, so many values of each, cut texts. Blanks, sums, days and
counts are exact and of all rows. Shapes and frequent values are of a sample of rows spread evenly over the file, which ``sampled`` says
the size of: looking at every cell of a million rows would cost more than reading them.
"""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from math import gcd
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from advisory_perf.contracts.datasets import Dataset
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.names import folded
from advisory_perf.ingestion.raw_frame import CELL, MISFIT, cell_columns
from advisory_perf.ingestion.validation.rows import Validated
from advisory_perf.showing import shown

MOST_COLUMNS = 200
"""Columns of a file that are looked at: those that the feed maps, and the first of the others."""
MOST_VALUES = 5
"""Frequent values of a column that are kept."""
LONGEST_TEXT = 60
"""Characters of a value or a name that are kept."""
SAMPLED_ROWS = 10_000
"""Rows whose cells are looked at one by one."""

_DATE = (
    r"^(\d{1,4}([-/. ])\d{1,2}[-/. ]\d{1,4}|\d{1,2}[-/. ]?[A-Za-z]{3,9}[-/., ]*\d{2,4}|(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01]))"
    r"([T ]\d.*)?$"
)
_NUMBER = r"^[-+(]?\s?[^\sA-Za-z0-9.,]{0,3}\s?[-+]?([0-9][0-9.,'\u2019\s]*|[.,][0-9]+)([eE][-+]?\d+)?\s?(%|[A-Z]{2,3}|-|\))?$"


class ColumnProfile(BaseModel):
    """One column of the file; ``field`` is what the feed reads from it.

    ``blanks`` are its null and empty cells. ``types`` counts the sampled cells by the shape of their text: number, date, text, blank.
    ``distinct`` is how many texts there are beside blank: ``count`` of all rows, which is exact; an ``estimate`` of all rows where there
    are more than are sampled, within a few percent; of the amounts and returns of such a file only those of the ``sample``. ``least``,
    ``most`` and ``total`` are of the accepted rows' values where the field has a type: an amount's are exact, a return and a day have no
    total. ``top`` has the sampled values that occur most often, with how often.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    field: str | None
    blanks: int
    types: dict[str, int]
    distinct: int
    distinct_by: Literal["count", "estimate", "sample"]
    least: str | None
    most: str | None
    total: Decimal | None
    top: tuple[tuple[str, int], ...]


class DeliveryProfile(BaseModel):
    """A delivery: what became of its rows, the days it covers, and its columns; ``cells`` is how many rows have cells."""

    model_config = ConfigDict(frozen=True)

    read: int
    accepted: int
    quarantined: int
    duplicate: int
    footer: int
    cells: int
    sampled: int
    first_day: date | None
    last_day: date | None
    days: int
    columns: tuple[ColumnProfile, ...]
    columns_left_out: int

    @property
    def rows(self) -> int:
        """Rows that say something: those read but for footers."""
        return self.read - self.footer


def profile_of(raw: pl.DataFrame, validated: Validated, feed: Feed) -> DeliveryProfile:
    """The profile of a delivery from its raw rows and what became of them."""
    cells = raw.select(cell_columns(raw)) if raw[MISFIT].null_count() == raw.height else raw.filter(pl.col(MISFIT).is_null())
    fields = _fields_of(raw, feed)
    names = _looked_at(cell_columns(raw), fields)
    sample = cells.select(names)[_spread(cells.height)]
    numbers = {name for name in names if fields.get(name) in feed.contract.numbers}
    blanks, distinct = _blanks(cells, names), _distinct(cells, sample, names, numbers)
    shapes, typed = _shapes(sample), _typed(validated.accepted, feed.contract)
    columns = []
    for name in names:
        field = fields.get(name)
        least, most, total = typed.get(field or "", (None, None, None))
        of_column = {"name": _cut(name.removeprefix(CELL)), "field": field, "blanks": blanks[name], "types": shapes[name]}
        of_values = {"least": least, "most": most, "total": total, "top": _top(sample[name])}
        columns.append(ColumnProfile(**of_column, **distinct[name], **of_values))
    days = validated.accepted[feed.contract.day]
    return DeliveryProfile(
        read=validated.read,
        accepted=validated.accepted.height,
        quarantined=validated.quarantined.height,
        duplicate=validated.duplicate,
        footer=validated.footer,
        cells=cells.height,
        sampled=sample.height,
        first_day=days.min(),
        last_day=days.max(),
        days=days.n_unique(),
        columns=tuple(columns),
        columns_left_out=len(cell_columns(raw)) - len(names),
    )


def _fields_of(raw: pl.DataFrame, feed: Feed) -> dict[str, str]:
    """The field that is read from each cell column; of several the first in the dataset's order."""
    sources = {folded(source.from_): name for name, source in reversed(feed.columns.items())}
    of_columns = ((name, sources.get(folded(name.removeprefix(CELL)))) for name in cell_columns(raw))
    return {name: field for name, field in of_columns if field is not None}


def _looked_at(names: Sequence[str], fields: dict[str, str]) -> list[str]:
    """At most so many columns, in the file's order; those that the feed maps before others."""
    chosen = set(sorted(names, key=lambda name: name not in fields)[:MOST_COLUMNS])
    return [name for name in names if name in chosen]


def _spread(height: int) -> pl.Series:
    """The places of the sampled rows: by steps of the golden section, which no order of accounts and days in a file goes along with."""
    step = next(step for step in range(max(int(height * 0.6180339887), 1), height + 2) if gcd(step, height) == 1)
    return (pl.int_range(min(height, SAMPLED_ROWS), eager=True) * step % max(height, 1)).sort()


def _blanks(cells: pl.DataFrame, names: Sequence[str]) -> dict[str, int]:
    nulls = cells.select(pl.col(name).null_count() for name in names).row(0)
    empty = cells.select((pl.col(name) == "").sum() for name in names).row(0)
    return dict(zip(names, map(sum, zip(nulls, empty, strict=True)), strict=True))


def _distinct(cells: pl.DataFrame, sample: pl.DataFrame, names: Sequence[str], numbers: Collection[str]) -> dict[str, dict[str, Any]]:
    """How many texts each column has, and by what they were counted; an estimate costs as much as reading a column."""
    is_whole = cells.height <= SAMPLED_ROWS
    estimated = [name for name in names if not is_whole and name not in numbers]
    of_sample = sample.select(pl.col(name).replace("", None).drop_nulls().n_unique() for name in names).row(0, named=True)
    of_all = cells.select(pl.col(name).approx_n_unique() for name in estimated).row(0, named=True) if estimated else {}
    counted = {name: {"distinct": count, "distinct_by": "count" if is_whole else "sample"} for name, count in of_sample.items()}
    return counted | {name: {"distinct": count, "distinct_by": "estimate"} for name, count in of_all.items()}


def _typed(accepted: pl.DataFrame, contract: Dataset) -> dict[str, tuple[str, str, Decimal | None]]:
    """Least, most and total of each typed field that the accepted rows have a value of."""
    typed = [name for name in (*contract.numbers, contract.day) if name in accepted.columns]
    names = [name for name in typed if accepted[name].null_count() < accepted.height]
    least = accepted.select(pl.col(name).min() for name in names).row(0) if names else ()
    most = accepted.select(pl.col(name).max() for name in names).row(0) if names else ()
    amounts = [name for name in names if name in contract.money]
    total = accepted.select(pl.col(name).sum() for name in amounts).row(0, named=True) if amounts else {}
    return {name: (str(low), str(high), total.get(name)) for name, low, high in zip(names, least, most, strict=True)}


def _shapes(sample: pl.DataFrame) -> dict[str, dict[str, int]]:
    shapes = sample.select(_shape(name) for name in sample.columns)
    return {name: dict(sorted(shapes[name].value_counts().iter_rows())) for name in shapes.columns}


def _shape(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars()
    kinds = pl.when(text.is_null() | (text == "")).then(pl.lit("blank")).when(text.str.contains(_DATE)).then(pl.lit("date"))
    return kinds.when(text.str.contains(_NUMBER)).then(pl.lit("number")).otherwise(pl.lit("text")).alias(name)


def _top(values: pl.Series) -> tuple[tuple[str, int], ...]:
    counted = values.drop_nulls().value_counts(name="times").filter(pl.col(values.name) != "")
    first = counted.sort("times", values.name, descending=[True, False]).head(MOST_VALUES)
    return tuple((_cut(text), times) for text, times in first.iter_rows())


def _cut(text: str) -> str:
    return shown(text[:LONGEST_TEXT])[:LONGEST_TEXT]
