"""What the UI shows of a frame: schema, lineage, preview, and row counts and sums partition by partition."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import dagster as dg
import polars as pl
from dagster_pandera import pandera_schema_to_dagster_type

from advisory_perf.contracts.enums import ReturnStatus
from advisory_perf.contracts.figures import shown_difference, shown_figure
from advisory_perf.contracts.schemas import pandera_schema
from advisory_perf.contracts.tables import Table
from advisory_perf.performance.ordering import has_return
from advisory_perf.showing import inert, shown

_SHOWN_ROWS = 20
_PREVIEW_ROWS = 5
_ROW_COUNT = "dagster/partition_row_count"


def definition_metadata(table: Table) -> dict[str, Any]:
    """The table's schema, for the asset's definition, each derived column with its derivation."""
    schema = pandera_schema_to_dagster_type(pandera_schema(table)).metadata["schema"].value
    if not isinstance(schema, dg.TableSchema):
        raise TypeError("dagster-pandera describes a schema as a TableSchema")
    described = [
        dg.TableColumn(column.name, column.type, f"{column.description}{_derivation(table, column.name)}", column.constraints)
        for column in schema.columns
    ]
    return {"dagster/column_schema": dg.TableSchema(described), "key": ", ".join(table.key)}


def _derivation(table: Table, name: str) -> str:
    sources = table.dictionary[name].derived_from
    return f"; from {', '.join(sources)}" if sources else ""


def lineage(table: Table, upstream: Iterable[tuple[dg.AssetKey, Table]]) -> dg.TableColumnLineage:
    """Which upstream columns each column comes from: those it is derived from, else the one of its own name."""
    parents = list(upstream)
    deps = {}
    for column in table.columns:
        same_name = [(key, column.name) for key, parent in parents if column.name in parent.column_names]
        sources = [(key, name) for name in column.derived_from for key, parent in parents if name in parent.column_names]
        deps[column.name] = [dg.TableColumnDep(asset_key=key, column_name=name) for key, name in (same_name or sources)]
    return dg.TableColumnLineage(deps_by_column=deps)


def output_metadata(frame: pl.DataFrame) -> dict[str, Any]:
    """Row count, preview and sums of a frame that is one partition, or an asset without any."""
    return {"dagster/row_count": frame.height, **range_metadata(frame), **_sums(frame)}


def range_metadata(frame: pl.DataFrame) -> dict[str, Any]:
    """Preview of a range's frame. Dagster repeats it on every partition of the run, so numbers are said window by window."""
    return {"preview": _markdown(frame.head(_PREVIEW_ROWS))}


def add_partition_metadata(
    context: dg.AssetExecutionContext, frame: pl.DataFrame, window: pl.Expr, keys: Iterable[str], numbers: pl.DataFrame | None = None
) -> None:
    """Row counts and sums of each window, so that the UI plots them over time; a window without rows says 0. ``numbers`` as they are."""
    totals = frame.group_by(window.alias("window")).agg(pl.len().alias(_ROW_COUNT), *_sum_expressions(frame))
    if numbers is not None:
        totals = totals.join(numbers, on="window", how="left")
    by_key = {str(row.pop("window")): row for row in totals.iter_rows(named=True)}
    nothing = {_ROW_COUNT: 0, **_sums(frame.clear())}
    for key in keys:
        of_window = by_key.get(key, nothing)
        context.add_asset_metadata({name: value for name, value in of_window.items() if value is not None}, partition_key=key)


def _sum_expressions(frame: pl.DataFrame) -> list[pl.Expr]:
    """Sums of flows and values, and how many rows are undefined, carried or breaks."""
    amounts = (
        ("beginning_market_value", "ending_market_value", "net_flow") if "level" not in frame.columns else ()
    )  # each stands there twice
    names = [name for name in amounts if name in frame.columns]
    sums = [pl.col(name).sum().cast(pl.Float64()).alias(f"sum_{name}") for name in names]
    if "return_status" in frame.columns:
        owes_none = has_return(pl.col("return_status")) | (pl.col("return_status") == ReturnStatus.CLOSED.value)
        sums.append((~owes_none).sum().alias("undefined_returns"))
    if "is_valuation" in frame.columns:
        sums.append(pl.col("is_valuation").sum().alias("valuations"))
    if "within_tolerance" in frame.columns:
        sums.append((~pl.col("within_tolerance")).sum().alias("breaks"))
        sums.append(pl.col("within_tolerance").mean().alias("pass_rate"))
    return sums


def _sums(frame: pl.DataFrame) -> dict[str, Any]:
    expressions = _sum_expressions(frame)
    if not expressions:
        return {}
    return {name: value for name, value in frame.select(expressions).row(0, named=True).items() if value is not None}


def cases_table(failures: pl.DataFrame) -> dg.TableMetadataValue:
    """The first failing rows, as text, for the check's metadata; compared figures by what figure they are."""
    texts = failures.head(_SHOWN_ROWS).select(pl.all().cast(pl.String()))
    cases = failures.head(_SHOWN_ROWS)
    rows = zip(texts.iter_rows(named=True), cases.iter_rows(named=True), strict=True)
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: shown(_said(name, row) or text or "") for name, text in said.items()}) for said, row in rows],
        schema=dg.TableSchema([dg.TableColumn(name) for name in cases.columns]),
    )


_FIGURES, _DIFFERENCES = ("calculated_value", "vendor_value", "explained_value"), ("variance", "tolerance_threshold")


def _said(name: str, row: Mapping[str, object]) -> str | None:
    """A figure of a comparison as a person reads it; None where it is none."""
    value, of = row[name], row.get("field_name")
    if not isinstance(value, Decimal) or of is None or row.get("factor") is not None:
        return None
    if name in _DIFFERENCES:
        return shown_difference(value, of)
    return shown_figure(value, of) if name in _FIGURES else None


def _markdown(frame: pl.DataFrame) -> dg.MarkdownMetadataValue:
    shown_rows = frame.select(pl.col(name).cast(pl.String()) for name in frame.columns)
    lines = ["| " + " | ".join(map(inert, shown_rows.columns)) + " |", "|" + " --- |" * shown_rows.width]
    lines += ["| " + " | ".join(inert(value or "") for value in row) + " |" for row in shown_rows.iter_rows()]
    return dg.MetadataValue.md("\n".join(lines))
