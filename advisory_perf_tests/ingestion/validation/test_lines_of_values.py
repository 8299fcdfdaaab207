"""A number in a line of a name and a value is what its name says it is: an amount, an identifier or a return, in every format.

The same figures in a column each are the truth: what they become there they become as lines too, in every notation.
"""

import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest

from advisory_perf.ingestion.validation.rows import Validated
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, validated
from advisory_perf_tests.ingestion.workbook_files import a_book

pytestmark = pytest.mark.slow

NAMES = [*HEADER.split(","), "pf", "ret"]
AMOUNTS = [12.125, 1000.5, 0.1 + 0.2, 50000.000000000007, 1e15, 123456789012345.67, 12345678.91, 7.0]
NUMBERS: list[dict[str, Any]] = [
    {},
    {"decimal_mark": ",", "grouping": "."},
    {"decimal_mark": "auto"},
    {"round_to": 2},
]
FIELDS = {"portfolio_id": {"from": "pf", "blank": "null"}, "vendor_twrr": {"from": "ret", "scale": "percent"}}


def written(file_format: str, names: Sequence[str], rows: Sequence[Sequence[Any]], dtype: pa.DataType | None = None) -> bytes:
    if file_format == "excel":
        return a_book(("Data", [list(names), *map(list, rows)]))
    if file_format == "json":
        return json.dumps([dict(zip(names, row, strict=True)) for row in rows]).encode()
    columns = [pa.array(column, dtype if isinstance(column[0], float) else None) for column in zip(*rows, strict=True)]
    content = io.BytesIO()
    arrow_parquet.write_table(pa.table(columns, names=list(names)), content)
    return content.getvalue()


def ends(result: Validated) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The codes of the quarantined row, or what the position holds."""
    fields = ("account_id", "portfolio_id", "beginning_market_value", "ending_market_value", "vendor_twrr")
    return result.quarantined["code"].to_list(), result.accepted.select(fields).rows()


def as_columns(file_format: str, row: dict[str, Any], numbers: dict[str, Any], dtype: pa.DataType | None = None) -> Validated:
    feed = a_feed(FIELDS, files={"patterns": ["acme_*"], "format": file_format}, numbers=numbers)
    return validated(written(file_format, list(row), [list(row.values())], dtype), feed)


def as_lines(file_format: str, row: dict[str, Any], numbers: dict[str, Any], dtype: pa.DataType | None = None) -> Validated:
    """The row as lines; in Parquet, whose columns have one type, account and day stand beside each."""
    key = {name: row[name] for name in ("id", "day")} if file_format == "parquet" else {"k": "1"}
    lines = [[*key.values(), name, value] for name, value in row.items() if name not in key]
    files = {"patterns": ["acme_*"], "format": file_format, "pivot": {"by": [*key], "names": "item", "values": "value"}}
    feed = a_feed(FIELDS, files=files, numbers=numbers, plausibility={"scale": "warn"})
    return validated(written(file_format, [*key, "item", "value"], lines, dtype), feed)


@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
@pytest.mark.parametrize("value", AMOUNTS)
@pytest.mark.parametrize(
    ("file_format", "dtype"), [("excel", None), ("json", None), ("parquet", pa.float64()), ("parquet", pa.float32())], ids=str
)
def test_an_amount_in_a_line_is_the_one_in_a_column(
    file_format: str, dtype: pa.DataType | None, value: float, numbers: dict[str, Any]
) -> None:
    row = {"id": "A1", "day": "2024-06-28", "bmv": value, "in": 0.0, "out": 0.0, "emv": value, "pf": 4711.0, "ret": 1.125}
    if file_format != "parquet":
        row["pf"] = "P1"
    columns, lines = (ends(shape(file_format, row, numbers, dtype)) for shape in (as_columns, as_lines))
    assert lines == columns


@pytest.mark.parametrize("value", [12345678901234567, 1234567890123456.0, 1.5, 4711, True, "00123", "1.5"], ids=repr)
@pytest.mark.parametrize("name", ["id", "pf"])
@pytest.mark.parametrize("file_format", ["excel", "json"])
def test_an_identifier_in_a_line_is_the_one_in_a_column(file_format: str, name: str, value: Any) -> None:
    row = {"id": "A1", "day": "2024-06-28", "bmv": 1, "in": 0, "out": 0, "emv": 1, "pf": "P1", "ret": "", name: value}
    columns, lines = (ends(shape(file_format, row, {})) for shape in (as_columns, as_lines))
    assert lines == columns
