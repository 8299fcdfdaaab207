"""The order of rows that linking works in, and what a frame has to have."""

from typing import TypeVar

import polars as pl

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
"""A frame, eager or lazy: what goes in as one comes out as one."""

KEY = ("account_id", "as_of_date")


def require(frame: pl.DataFrame | pl.LazyFrame, what: str, *names: str) -> list[str]:
    """The frame's columns; ValueError where one of ``names`` is not among them."""
    columns = frame.collect_schema().names()
    missing = [name for name in names if name not in columns]
    if missing:
        raise ValueError(f"{what} needs the column {missing[0]}; the frame has {', '.join(columns)}")
    return columns


def finite(name: str, frame: pl.DataFrame | pl.LazyFrame) -> pl.Expr:
    """The column, null where a float is NaN or infinite."""
    column = pl.col(name)
    return pl.when(column.is_finite()).then(column) if frame.collect_schema()[name].is_float() else column


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """``rows`` by account and day; ValueError where an account has two rows on one day, or a row has no account or no day.

    Rows that come in order stay where they are, and rows that come day by day need no sort but a gather by account.
    """
    for name in KEY:
        if rows[name].null_count():
            raise ValueError(f"a row has no {name}: every return belongs to an account and a day")
    if is_in_order(rows):
        return rows
    if rows["as_of_date"].is_sorted():
        by_account = rows.lazy().select("account_id", pl.row_index().alias("row")).group_by("account_id", maintain_order=True).agg("row")
        ordered = rows.select(pl.all().gather(by_account.sort("account_id").select("row").explode("row").collect()["row"]))
    else:
        ordered = rows.sort(KEY)
    if not is_in_order(ordered):
        twice = ordered.filter(pl.struct(KEY).is_duplicated()).row(0, named=True)
        raise ValueError(f"account {twice['account_id']} has two rows on {twice['as_of_date']}; an account has one return a day")
    return ordered


def begins_account() -> pl.Expr:
    """Whether a row of a frame in order is the first of its account."""
    return pl.col("account_id").ne_missing(pl.col("account_id").shift(1))


def is_in_order(rows: pl.DataFrame) -> bool:
    """Whether the rows come by account and, within each, by ascending day."""
    account, day = (pl.col(name) for name in KEY)
    follows = (account > account.shift(1)) | ((account == account.shift(1)) & (day > day.shift(1)))
    return bool(rows.select(follows.all()).item())
