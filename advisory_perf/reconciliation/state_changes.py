"""What differs between two states of what is known and published of a feed: as it stands, and as it would be. Pure.

A state is some frames; where they come from is in ``operations.feed_state``. Which tables are compared is data: every published one is.
Nothing is rounded and no difference is too small to be named: an amount is compared as Decimal, a return by its bits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from advisory_perf.contracts.enums import BreakStatus, DeliveryStatus
from advisory_perf.contracts.stored_tables import BREAKS, ISSUES, LEDGER, QUALITY_SCORES, StoredTable
from advisory_perf.contracts.tables import ACCOUNTS, PUBLISHED, RECONCILIATION_RESULTS, WHO_AND_WHEN, Table

_POLARS: Mapping[str, pl.DataType] = {
    "text": pl.String(),
    "date": pl.Date(),
    "bigint": pl.Int64(),
    "integer": pl.Int64(),
    "boolean": pl.Boolean(),
    "double precision": pl.Float64(),
    "numeric(38,12)": pl.Decimal(38, 12),
    "timestamp with time zone": pl.Datetime("us", "UTC"),
}


def _schema(table: StoredTable, names: Sequence[str] | None = None, *, without: Sequence[str] = ()) -> pl.Schema:
    """The named columns, or all but some; one of another type, such as jsonb, as PostgreSQL's text of it."""
    columns = {column.name: _POLARS.get(column.sql, pl.String()) for column in table.columns if column.name not in without}
    return pl.Schema(columns if names is None else {name: columns[name] for name in names})


@dataclass(frozen=True, slots=True)
class ComparedTable:
    """A table of the warehouse that is compared row by row; ``whose`` is the column that has the vendor or the feed."""

    name: str
    key: tuple[str, ...]
    schema: pl.Schema
    whose: str = "data_source"

    @property
    def values(self) -> list[str]:
        """The columns that may change in a row which stays."""
        return [name for name in self.schema.names() if name not in (*self.key, self.whose)]

    @property
    def shown_key(self) -> list[str]:
        """The key within the vendor or feed."""
        return [name for name in self.key if name != self.whose]


def _compared(table: Table) -> ComparedTable:
    return ComparedTable(table.name, table.key, table.polars_schema)


_SCORES = _schema(QUALITY_SCORES, without=["updated_at"])
COMPARED: tuple[ComparedTable, ...] = (
    *(_compared(published.table) for published in PUBLISHED if "data_source" in published.table.column_names),
    _compared(ACCOUNTS),
    ComparedTable(QUALITY_SCORES.name, ("feed", "as_of_date", "dimension"), _SCORES, "feed"),
)
"""Every published table of a vendor, what follows from them, and the scores."""

_OF_DELIVERIES = ("status", "error_code", "error_message", "first_as_of_date", "last_as_of_date")
_COUNTS = ("records_read", "records_processed", "records_failed", "records_duplicate", "records_footer")
DELIVERIES = _schema(LEDGER, ("delivery_id", "file_name", *_OF_DELIVERIES, *_COUNTS))
"""Of each delivery where it stands and what became of its rows."""

ISSUES_FOUND = pl.Schema(
    {"delivery_id": pl.String(), **_schema(ISSUES, without=["id", "etl_log_id", "line_number", "raw_row", "created_at"])}
)
"""What the pipeline has found in the deliveries, apart from their quarantined rows."""

BREAK_STATES = _schema(BREAKS, without=["data_source", "created_at", "updated_at", "closed_at"])
"""The breaks of the vendor."""

LINES = pl.Schema(
    {
        "delivery_id": pl.String(),
        "line_number": pl.Int64(),
        "account_id": pl.String(),
        "as_of_date": pl.Date(),
        "code": pl.String(),
        "reason": pl.String(),
    }
)
"""One row a line that was accepted, or quarantined with a code and why; a line that is a duplicate or a footer has none."""


@dataclass(frozen=True, slots=True)
class State:
    """DELIVERIES, LINES, ISSUES_FOUND and BREAK_STATES; the rows of the compared tables are apart, since they may be many."""

    deliveries: pl.DataFrame
    lines: pl.DataFrame
    issues: pl.DataFrame
    breaks: pl.DataFrame


_PAIR = ("before", "after", "difference")


@dataclass(frozen=True, slots=True)
class ChangedColumn:
    """The rows of a table that stay and have another value in one column: key, ``before``, ``after``, ``difference``.

    The difference is after - before of two numbers, exact for amounts, and null for everything else.
    """

    table: str
    column: str
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True)
class NewRows:
    """The rows of a table that only one state has, as ``kind`` says: row_published or row_withdrawn, with ``values``."""

    table: str
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs; each frame begins with ``kind`` and has one row a change."""

    deliveries: pl.DataFrame
    lines: pl.DataFrame
    issues: pl.DataFrame
    breaks: pl.DataFrame
    results: pl.DataFrame
    figures: tuple[ChangedColumn, ...]
    rows: tuple[NewRows, ...]

    def frames(self) -> Iterator[pl.DataFrame]:
        """All changes, a frame for each of those that have the same columns."""
        yield from (self.deliveries, self.lines, self.issues, self.breaks, self.results)
        for new in self.rows:
            yield new.rows.select("kind", pl.lit(new.table).alias("table"), pl.exclude("kind"))
        for changed in self.figures:
            labels = pl.lit("figure").alias("kind"), pl.lit(changed.table).alias("table")
            yield changed.rows.select(*labels, pl.exclude(_PAIR), pl.lit(changed.column).alias("column"), *_PAIR)

    @property
    def count(self) -> int:
        """How many changes there are."""
        return sum(frame.height for frame in self.frames())


Slices = Iterable[tuple[pl.DataFrame, pl.DataFrame]]
"""The rows of a table before and after, some days at a time, so that no more of them has to be in memory."""


def changes(before: State, after: State, tables: Iterable[tuple[ComparedTable, Slices]]) -> Changes:
    """Everything that differs between the states. Rows in any order; a null equals a null and nothing else."""
    named = pl.concat([after.deliveries, before.deliveries]).select("delivery_id", "file_name").unique("delivery_id", keep="first")
    results = [changed_results(_NO_RESULTS, _NO_RESULTS)]

    def noted(slices: Slices) -> Slices:
        for old, new in slices:
            results.append(changed_results(old, new))
            yield old, new

    compared = [changed_table(table, noted(slices) if table.name == RECONCILIATION_RESULTS.name else slices) for table, slices in tables]
    return Changes(
        changed_deliveries(before.deliveries, after.deliveries),
        _with_file_names(changed_lines(before.lines, after.lines), named),
        _with_file_names(changed_issues(before.issues, after.issues), named),
        changed_breaks(before.breaks, after.breaks),
        pl.concat(results).sort("kind", "field_name", *WHO_AND_WHEN),
        tuple(changed for figures, _ in compared for changed in figures),
        tuple(rows for _, rows in compared if rows.rows.height),
    )


def _with_file_names(frame: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    whole = frame.join(named, on="delivery_id", how="left", maintain_order="left")
    return whole.select("kind", "delivery_id", "file_name", pl.exclude("kind", "delivery_id", "file_name"))


_IS_CURRENT = [BreakStatus.OPEN.value, BreakStatus.SIGNED_OFF.value]
_REFUSED = [DeliveryStatus.FAILED.value, DeliveryStatus.RECEIVED.value]
_TAKEN = [DeliveryStatus.PROCESSING.value, DeliveryStatus.COMPLETED.value, DeliveryStatus.COMPLETED_WITH_ISSUES.value]


def changed_deliveries(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Of DELIVERIES: delivery_accepted that is refused now, delivery_refused that is not, delivery_changed in another way.

    ``before`` and ``after`` are structs of what differs or may; null where the delivery is unknown.
    """
    pairs = _paired(before, after, ["delivery_id"])
    was, becomes = (pl.col(side).struct.field("status") for side in ("before", "after"))
    kind = (
        pl.when(becomes.is_in(_TAKEN) & (was.is_in(_REFUSED) | was.is_null()))
        .then(pl.lit("delivery_accepted"))
        .when(was.is_in(_TAKEN) & becomes.is_in(_REFUSED))
        .then(pl.lit("delivery_refused"))
        .otherwise(pl.lit("delivery_changed"))
    )
    name = pl.coalesce(*(pl.col(side).struct.field("file_name") for side in ("after", "before"))).alias("file_name")
    return pairs.select(kind.alias("kind"), "delivery_id", name, *_sides([*_OF_DELIVERIES, *_COUNTS])).sort(
        "kind", "file_name", "delivery_id"
    )


def changed_lines(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Of LINES: row_accepted, row_quarantined, row_code_changed of another code, row_dropped that is neither now.

    One row a line of a delivery, with ``code_before`` and ``code_after``, which are null of a line that is not quarantined, and the
    reason of the latter. A line of which several positions come counts once, and as quarantined if any part of it is.
    """
    old, new = (_by_line(frame) for frame in (before, after))
    both = old.join(new, on=["delivery_id", "line_number"], how="full", coalesce=True, suffix="_after")
    changed = both.filter(pl.col("state").ne_missing(pl.col("state_after")) | pl.col("code").ne_missing(pl.col("code_after")))
    kind = (
        pl.when(pl.col("state_after").is_null())
        .then(pl.lit("row_dropped"))
        .when(pl.col("state_after") == _ACCEPTED)
        .then(pl.lit("row_accepted"))
        .when((pl.col("state") == _ACCEPTED) | pl.col("state").is_null())
        .then(pl.lit("row_quarantined"))
        .otherwise(pl.lit("row_code_changed"))
    )
    return changed.select(
        kind.alias("kind"),
        "delivery_id",
        "line_number",
        pl.coalesce("account_id_after", "account_id").alias("account_id"),
        pl.coalesce("as_of_date_after", "as_of_date").alias("as_of_date"),
        pl.col("code").alias("code_before"),
        "code_after",
        pl.col("reason_after").alias("reason"),
    ).sort("kind", "delivery_id", "line_number")


_ACCEPTED, _QUARANTINED = "accepted", "quarantined"


def _by_line(lines: pl.DataFrame) -> pl.DataFrame:
    """One row a line: what of it counts, its state."""
    ordered = lines.sort("delivery_id", "line_number", "code", "account_id", "as_of_date", nulls_last=True)
    state = pl.when(pl.col("code").is_null()).then(pl.lit(_ACCEPTED)).otherwise(pl.lit(_QUARANTINED)).alias("state")
    return ordered.unique(["delivery_id", "line_number"], keep="first").with_columns(state)


def changed_issues(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Of ISSUES_FOUND: issue_appeared and issue_gone; ``times`` where the very same is there more than once."""
    names = before.columns
    old, new = (frame.group_by(names).len() for frame in (before, after))
    both = old.join(new, on=names, how="full", coalesce=True, nulls_equal=True, suffix="_after").with_columns(
        (pl.col("len_after").fill_null(0).cast(pl.Int64()) - pl.col("len").fill_null(0).cast(pl.Int64())).alias("more")
    )
    kind = pl.when(pl.col("more") > 0).then(pl.lit("issue_appeared")).otherwise(pl.lit("issue_gone")).alias("kind")
    changed = both.filter(pl.col("more") != 0).select(kind, *names, pl.col("more").abs().alias("times"))
    return changed.sort(changed.columns, nulls_last=True)


def changed_breaks(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Of BREAK_STATES: break_opened, break_closed, break_changed in amount, cause, days or otherwise.

    A break is open here also where it is signed off. Beside account and figure ``before`` and ``after`` have all of it, and are null
    where there is no such break; so one that was resolved already and is gone now is break_changed.
    """
    pairs = _paired(before, after, ["break_id"])
    was, becomes = (pl.col(side).struct.field("status").is_in(_IS_CURRENT).fill_null(value=False) for side in ("before", "after"))
    kind = (pl.when(becomes & ~was).then(pl.lit("break_opened")).when(was & ~becomes).then(pl.lit("break_closed"))).otherwise(
        pl.lit("break_changed")
    )
    of_both = [
        pl.coalesce(*(pl.col(side).struct.field(name) for side in ("after", "before"))).alias(name) for name in ("account_id", "field_name")
    ]
    rest = [name for name in before.columns if name not in {"break_id", "account_id", "field_name"}]
    made = pairs.select(kind.alias("kind"), "break_id", *of_both, *_sides(rest))
    return made.sort("kind", "field_name", "account_id", "break_id")


_NO_RESULTS = RECONCILIATION_RESULTS.empty()


def changed_results(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Of RECONCILIATION_RESULTS at single valuations: result_closed that is outside its tolerance no more, or is no more; result_opened.

    result_changed is outside by another variance, or for another cause. ``variance`` and ``likely_cause`` are null within the tolerance.
    """
    keys = [*WHO_AND_WHEN, "field_name"]
    old, new = (
        frame.filter(~pl.col("within_tolerance")).select(*keys, "variance", "likely_cause", is_outside=True) for frame in (before, after)
    )
    both = old.join(new, on=keys, how="full", coalesce=True, suffix="_after")
    values = ("variance", "likely_cause")
    changed = both.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_after")) for name in ("is_outside", *values)))
    kind = (pl.when(pl.col("is_outside_after").is_null()).then(pl.lit("result_closed")).when(pl.col("is_outside").is_null())).then(
        pl.lit("result_opened")
    )
    pairs = [column for name in values for column in (pl.col(name).alias(f"{name}_before"), pl.col(f"{name}_after"))]
    return changed.select(kind.otherwise(pl.lit("result_changed")).alias("kind"), *keys, *pairs)


def _paired(before: pl.DataFrame, after: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """What differs by key: ``before`` and ``after`` are structs of the values, whose fields are all null where there is no such row."""
    values = [name for name in before.columns if name not in key]
    renamed = after.rename({name: f"{name} after" for name in values})
    both = before.with_columns(pl.lit(value=True).alias("in before")).join(
        renamed.with_columns(pl.lit(value=True).alias("in after")), on=key, how="full", coalesce=True
    )
    differs = [pl.col(name).ne_missing(pl.col(f"{name} after")) for name in values]
    changed = both.filter(pl.any_horizontal(pl.col("in before").ne_missing(pl.col("in after")), *differs))
    return changed.select(
        *key,
        pl.struct(values).alias("before"),
        pl.struct(pl.col(f"{name} after").alias(name) for name in values).alias("after"),
        pl.col("in before").is_not_null().alias("is_before"),
        pl.col("in after").is_not_null().alias("is_after"),
    )


def _sides(names: Sequence[str]) -> list[pl.Expr]:
    """Both structs with these fields only, null where there is no such row."""
    return [
        pl.when(f"is_{side}").then(pl.struct(pl.col(side).struct.field(name) for name in names)).alias(side) for side in ("before", "after")
    ]


def changed_table(table: ComparedTable, slices: Slices) -> tuple[list[ChangedColumn], NewRows]:
    """The columns of a table that changed, each with its rows by key, and the rows that only one state has; what is equal is left out."""
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in table.values}
    only = [_only_in_one(table, table.schema.to_frame(), table.schema.to_frame())]
    for before, after in slices:
        for name, rows in _changed_columns(table, before, after):
            found[name].append(rows)
        only.append(_only_in_one(table, before, after))
    changed = [ChangedColumn(table.name, name, pl.concat(parts).sort(table.shown_key)) for name, parts in found.items() if parts]
    return changed, NewRows(table.name, pl.concat(only).sort("kind", *table.shown_key))


def _changed_columns(table: ComparedTable, before: pl.DataFrame, after: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    both = before.join(after, on=list(table.key), how="inner", suffix=" after")
    for name in table.values:
        old, new = pl.col(name), pl.col(f"{name} after")
        difference = new - old if table.schema[name].is_numeric() else pl.lit(None, pl.Float64())
        pair = (old.alias("before"), new.alias("after"), difference.alias("difference"))
        rows = both.filter(old.ne_missing(new)).select(*table.shown_key, *pair)
        if rows.height:
            yield name, rows


def _only_in_one(table: ComparedTable, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    sides = (("row_published", after, before), ("row_withdrawn", before, after))
    values = pl.struct(table.values).alias("values")
    return pl.concat(
        has.join(other, on=list(table.key), how="anti").select(pl.lit(kind).alias("kind"), *table.shown_key, values)
        for kind, has, other in sides
    )
