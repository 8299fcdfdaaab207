"""Pandera schemas made from the data dictionary, and what a validation found.

Only hard rules are made here: type, nullability, allowed values, lower bounds, finiteness and the natural key. A frame is
always collected before it is validated, since Pandera looks only at the schema of a LazyFrame. Pandera asks the frame anew for each
column and check, some 25 ms for a table of 60 columns without a row, and is therefore only asked to name what is wrong: whether
anything is, one expression says for all columns at once.
"""

from functools import cache

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from advisory_perf.contracts.columns import Column, Kind
from advisory_perf.contracts.tables import Table

_CASES = {"column": pl.String(), "check": pl.String(), "failure_case": pl.String(), "row": pl.Int64()}


@cache
def pandera_schema(table: Table) -> pa.DataFrameSchema:
    """The table's columns as a Pandera schema, named and described as in the data dictionary."""
    return pa.DataFrameSchema(
        {
            column.name: pa.Column(
                column.kind.polars,
                checks=_checks(column),
                nullable=table.is_nullable(column),
                required=True,
                description=column.meaning,
            )
            for column in table.columns
        },
        name=table.name,
        description=table.meaning,
        strict=True,
        ordered=True,
    )


def _checks(column: Column) -> list[pa.Check]:
    checks = []
    if column.allowed:
        checks.append(pa.Check.isin([str(value) for value in column.allowed]))
    if column.at_least is not None:
        checks.append(pa.Check.ge(column.at_least))
    if column.kind is Kind.RETURN:
        checks.append(pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).is_finite()), name="is_finite"))
    return checks


@cache
def _keeps_all(table: Table) -> pl.Expr:
    """Whether every row keeps what the columns are checked for, in a frame of the table's types."""
    kept = [pl.lit(value=True)]
    for column in table.columns:
        values = pl.col(column.name)
        if not table.is_nullable(column):
            kept.append(values.is_not_null().all())
        if column.allowed:
            kept.append(values.is_in([str(value) for value in column.allowed]).all())
        if column.at_least is not None:
            kept.append((values >= column.at_least).all())
        if column.kind is Kind.RETURN:
            kept.append(values.is_finite().all())
    return pl.all_horizontal(kept)


def is_sound(frame: pl.DataFrame, table: Table) -> bool:
    """Whether Pandera would find nothing wrong with the frame; of the key nothing is said."""
    return list(frame.schema.items()) == list(table.polars_schema.items()) and bool(frame.select(_keeps_all(table)).item())


def schema_failures(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """What breaks the table's schema: column, check, failure_case (as text) and row; no rows where nothing does."""
    cases = pl.DataFrame(schema=_CASES) if is_sound(frame, table) else named_failures(frame, table)
    return pl.concat([cases, _repeated_keys(frame, table)])


def named_failures(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """What Pandera finds in the frame's columns, in the form of ``schema_failures``."""
    try:
        pandera_schema(table).validate(frame, lazy=True)
    except SchemaErrors as errors:
        found = pl.DataFrame(errors.failure_cases)
        return found.select(
            pl.col("column").cast(pl.String()),
            pl.col("check").cast(pl.String()),
            pl.col("failure_case").cast(pl.String()),
            pl.col("index").cast(pl.Int64()).alias("row"),
        )
    return pl.DataFrame(schema=_CASES)


def _repeated_keys(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    if not set(table.key) <= set(frame.columns):
        return pl.DataFrame(schema=_CASES)
    is_repeated = frame.select(pl.struct(table.key).is_duplicated()).to_series()
    return (
        frame.with_row_index("row")
        .filter(is_repeated)
        .select(
            pl.lit(", ".join(table.key)).alias("column"),
            pl.lit("is_unique").alias("check"),
            pl.struct(table.key).struct.json_encode().alias("failure_case"),
            pl.col("row").cast(pl.Int64()),
        )
    )
