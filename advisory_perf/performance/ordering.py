"""The order of rows that linking works in, and what a frame has to have."""

from typing import TypeVar

import polars as pl

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import WITH_RETURN

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
    """The column as Decimal or Float64, null where a float is NaN or infinite; ValueError where it holds no numbers.

    Whole numbers become Decimal, since they would wrap around, and Float32 becomes Float64.
    """
    column, dtype = pl.col(name), frame.collect_schema()[name]
    if isinstance(dtype, pl.Decimal):
        return column
    if dtype.is_float():
        return finite_or_null(column)
    if dtype.is_integer() or dtype == pl.Null():
        return column.cast(MONEY)
    raise ValueError(f"the column {name} holds {dtype}; amounts and returns are Decimal or Float64")


def has_return(status: pl.Expr) -> pl.Expr:
    """Whether a row of this return_status has a return."""
    return status.is_in([each.value for each in WITH_RETURN])


def is_return(value: pl.Expr) -> pl.Expr:
    """Whether the value can be a return: a finite number, and no loss of more than everything."""
    return (value.is_finite() & (value >= -1)).fill_null(value=False)


def finite_or_null(figure: pl.Expr) -> pl.Expr:
    """The figure as Float64, null where it is NaN or infinite."""
    number = figure.cast(pl.Float64())
    return pl.when(number.is_finite()).then(number)


def check_keys(rows: pl.DataFrame | pl.LazyFrame) -> None:
    """ValueError where as_of_date is no Date, or where a row of an eager frame has no account or no day."""
    dtype = rows.collect_schema()["as_of_date"]
    if dtype != pl.Date():
        raise ValueError(f"as_of_date holds {dtype}; a valuation belongs to a day, so cast it to Date")
    if isinstance(rows, pl.LazyFrame):
        return
    for name in KEY:
        if rows[name].null_count():
            raise ValueError(f"a row has no {name}: every return belongs to an account and a day")


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """``rows`` by account and day; ValueError where an account has two rows on one day, or a row has no account or no day.

    Rows that come in order stay where they are, and rows that come day by day need no sort but a gather by account.
    """
    check_keys(rows)
    if is_in_order(rows):
        return rows
    if rows["as_of_date"].is_sorted():
        rows = rows.rechunk()  # of many files, each a chunk, a gather takes eight times as long
        by_account = rows.lazy().select("account_id", pl.row_index().alias("row")).group_by("account_id", maintain_order=True).agg("row")
        ordered = rows.select(
            pl.all().gather(by_account.sort("account_id").select("row").explode("row").collect(engine="in-memory")["row"])
        )
    else:
        ordered = rows.sort(KEY)
    if not is_in_order(ordered):
        twice = ordered.filter(pl.struct(KEY).is_duplicated()).row(0, named=True)
        raise ValueError(f"account {twice['account_id']} has two rows on {twice['as_of_date']}; an account has one return a day")
    return ordered


def begins_account() -> pl.Expr:
    """Whether a row of a frame in order is the first of its account."""
    return pl.col("account_id").ne_missing(pl.col("account_id").shift(1))


def is_by_account(rows: pl.DataFrame, begins: pl.Series) -> bool:
    """Whether each account's rows come together, by ascending day; ``begins`` says which rows are the first of their account."""
    ascends = rows.select((begins | (pl.col("as_of_date") > pl.col("as_of_date").shift(1))).all()).item()
    return bool(ascends) and rows["account_id"].filter(begins).n_unique() == begins.sum()


def is_in_order(rows: pl.DataFrame) -> bool:
    """Whether the rows come by account and, within each, by ascending day."""
    account, day = (pl.col(name) for name in KEY)
    follows = (account > account.shift(1)) | ((account == account.shift(1)) & (day > day.shift(1)))
    return bool(rows.select(follows.all()).item())
