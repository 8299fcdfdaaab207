"""Models of rows, made from the data dictionary: a column of the warehouse is answered under its name, with its meaning."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel, Field, create_model

from advisory_perf.api.envelope import Body, Instant, Money
from advisory_perf.contracts.columns import Kind
from advisory_perf.contracts.stored_tables import StoredTable
from advisory_perf.contracts.tables import Table

_TYPES: Mapping[str, Any] = {
    "text": str,
    "date": date,
    "double precision": float,
    "boolean": bool,
    "bigint": int,
    "integer": int,
    "timestamp with time zone": Instant,
    "jsonb": dict[str, Any],
}
"""By the type in PostgreSQL; every numeric is exact, and a text."""

Fields = Mapping[str, tuple[Any, str]]
"""Further columns by name: type and meaning."""


def row_model(name: str, table: Table | StoredTable, *, without: Collection[str] = (), more: Fields | None = None) -> type[BaseModel]:
    """A model of the table's rows; ``more`` are columns that it answers with besides."""
    fields: dict[str, Any] = {}
    for column in table.columns:
        if column.name not in without:
            sql = column.kind.sql if isinstance(table, Table) and isinstance(column.kind, Kind) else column.sql  # type: ignore[union-attr]
            nullable = table.is_nullable(column) if isinstance(table, Table) else column.nullable  # type: ignore[arg-type]
            fields[column.name] = _field(_TYPES.get(sql, Money), column.meaning, nullable=nullable)
    for more_name, (kind, meaning) in (more or {}).items():
        fields[more_name] = (kind, Field(description=meaning))
    return create_model(name, __base__=Body, __doc__=table.meaning, **fields)


def columns_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The columns that the model's rows have, for the statement that reads them."""
    return tuple(model.model_fields)


def only(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each row these columns."""
    return [{name: row[name] for name in names} for row in rows]


def _field(kind: Any, meaning: str, *, nullable: bool) -> tuple[Any, Any]:
    return (kind | None if nullable else kind, Field(description=meaning))
