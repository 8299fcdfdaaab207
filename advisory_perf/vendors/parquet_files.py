"""Parquet bytes to raw rows: typed cells become their exact text again, so that every format is judged alike."""

import io

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.feed import Feed
from advisory_perf.vendors.raw import LINE_NUMBER, MISFIT, cell, column_names, folded, missing_columns, without_blank_lines

_MIDNIGHT = r"^(\d{4}-\d\d-\d\d) 00:00:00(?:\.0+)?$"
"""A day that was written as an instant, as pandas does; one with a time zone or another hour is no day."""


def read_parquet(content: bytes, feed: Feed, file_name: str) -> pl.DataFrame:
    """Raw rows of a Parquet file; ``line_number`` is the row's ordinal, from 1."""
    if not content.endswith(b"PAR1"):
        raise DeliveryRejectedError(
            "E_TORN", f"{feed.vendor}, {file_name}: ends without Parquet's closing mark, so it was cut short; send it again"
        )
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DeliveryRejectedError(
            "E_FORMAT", f"{feed.vendor}, {file_name}: cannot be read as Parquet ({' '.join(str(error).split())[:160]}); send it again"
        ) from error
    names = column_names([folded(name) for name in frame.columns], frame.columns, feed, file_name)
    missing = [name for name in feed.source_names if name not in names]
    if missing:
        raise missing_columns(feed, file_name, missing, where="the file")
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested() or dtype == pl.Binary()]
    if nested:
        raise DeliveryRejectedError(
            "E_TYPE", f"{feed.vendor}, {file_name}: the column {', '.join(nested)} is nested or binary; send it as plain columns"
        )
    return without_blank_lines(
        frame.select(
            pl.int_range(1, pl.len() + 1, dtype=pl.Int64()).alias(LINE_NUMBER),
            pl.lit(None, pl.String()).alias(MISFIT),
            *(
                pl.col(old).cast(pl.String()).str.replace(_MIDNIGHT, "$1").alias(cell(new))
                for old, new in zip(frame.columns, names, strict=True)
            ),
        )
    )
