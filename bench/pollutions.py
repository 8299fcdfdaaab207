"""The polluted deliveries of the tests through this platform and through Polars, pyarrow, pandas and DuckDB: who says what.

Each of the other readers is called as its documentation does for a CSV file, with all cells as text, so that no inference of types
counts against it; what cannot be taken for a day or a number after that counts as refused. ``python -m bench.pollutions [STEP]``
takes every STEP-th variant.
"""

import io
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from advisory_perf_tests.ingestion.pollutions import HEADER, Variant, as_positions, outcome, outcome_here, variants

Rows = list[tuple[str, ...]]
REFUSALS = (ValueError, KeyError, pl.exceptions.PolarsError, pa.ArrowException, duckdb.Error)
OUTCOMES = ("equal", "conserved", "refused", "silent", "crash")


def by_polars(content: bytes) -> Rows:
    """All cells as text; blank lines are rows of nulls."""
    return _texts(pl.read_csv(io.BytesIO(content), infer_schema=False).select(HEADER).rows())


def by_pyarrow(content: bytes) -> Rows:
    """With line ends in cells, as some hold them."""
    table = arrow_csv.read_csv(
        pa.BufferReader(content),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(HEADER, pa.string()), include_columns=list(HEADER)),
    )
    return _texts(list(zip(*(column.to_pylist() for column in table.columns), strict=True)))


def by_pandas(content: bytes) -> Rows:
    """All cells as text, and no text of them is a missing value but the empty one."""
    frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, index_col=False)[list(HEADER)]
    return _texts(list(frame.itertuples(index=False, name=None)))


def by_duckdb(content: bytes) -> Rows:
    """By its sniffer, which is its default."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        Path(file.name).write_bytes(content)
        names = ", ".join(f'"{name}"' for name in HEADER)
        return _texts(duckdb.sql(f"SELECT {names} FROM read_csv('{file.name}', all_varchar = true)").fetchall())  # noqa: S608 - a name made here


READERS: dict[str, Callable[[bytes], Rows]] = {"Polars": by_polars, "pyarrow": by_pyarrow, "pandas": by_pandas, "DuckDB": by_duckdb}


def _texts(rows: list[tuple[str | None, ...]]) -> Rows:
    return [tuple(cell or "" for cell in row) for row in rows]


def outcome_by(reader: Callable[[bytes], Rows], variant: Variant) -> str:
    """What becomes of a variant in another reader; what it loses, nobody is reported."""
    try:
        return outcome(as_positions(reader(variant.content)), variant.style, noticed=False)
    except REFUSALS:
        return "refused"
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return "crash"


def main(step: int) -> None:
    """Prints a line for each reader."""
    warnings.simplefilter("ignore", pd.errors.ParserWarning)  # that it drops cells, which nobody sees in a load
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("advisory_perf", *READERS)}
    for variant in islice(variants(), 0, None, step):
        counts["advisory_perf"][outcome_here(variant)] += 1
        for name, reader in READERS.items():
            counts[name][outcome_by(reader, variant)] += 1
    print("| reader |", " | ".join(OUTCOMES), "|")
    print("|---" * (len(OUTCOMES) + 1) + "|")
    for name, count in counts.items():
        print(f"| {name} |", " | ".join(f"{count[one]:,}" for one in OUTCOMES), "|")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
