"""A large clean file in vendor A's columns, with a row a calendar day, for the benchmark.

Made column by column: a million rows take a few seconds. Ending values follow a random path that stays positive; the
appreciation is what makes the identity hold, so that it holds to the cent.
"""

import io
from datetime import date, timedelta

import polars as pl

from advisory_perf.samples.vendor_a import CSV_COLUMNS

_TWRR_SCALE = 10**8
_MONEY_COLUMNS = (
    "beginning_mv",
    "deposits",
    "withdrawals",
    "dividend",
    "unrealized_gl",
    "management_fee",
    "adjustments",
    "ending_mv",
)


def bulk_csv(*, accounts: int, days: int, last_day: date, seed: int) -> bytes:
    """One CSV file of ``accounts`` x ``days`` rows without a defect; the same arguments give the same bytes.

    The dates are the calendar days up to ``last_day``, weekends included. Every beginning is the ending before it, and
    ``twr`` is the mid-day return as a fraction with eight decimals. ValueError unless both counts are at least 1.
    """
    if accounts < 1 or days < 1:
        raise ValueError(f"a file of {accounts} accounts and {days} days cannot be made; ask for at least 1 of each")
    frame = _identity(_values(accounts, days, last_day, seed))
    buffer = io.BytesIO()
    frame.select(CSV_COLUMNS).write_csv(buffer, line_terminator="\r\n")
    return buffer.getvalue()


def _values(accounts: int, days: int, last_day: date, seed: int) -> pl.DataFrame:
    """Every account-date with its beginning, ending, flows, income, fees and adjustments, in cents."""
    rows = accounts * days
    first_day = last_day - timedelta(days=days - 1)
    draws = pl.DataFrame(
        {
            "market": _draw(rows, -900_000, 950_000, seed),
            "flow_chance": _draw(rows, 0, 99, seed + 1),
            "flow_ppm": _draw(rows, 1_000, 40_000, seed + 2),
            "income_ppm": _draw(rows, 0, 150, seed + 3),
            "adjustment_chance": _draw(rows, 0, 99, seed + 4),
            "adjustment": _draw(rows, -5_000, 5_000, seed + 5),
        }
    )
    openings = _draw(accounts, 50_000, 3_000_000, seed + 6) * 100 + _draw(accounts, 0, 99, seed + 7)
    contributes, distributes = pl.col("flow_chance") < 2, pl.col("flow_chance") >= 98
    flow = pl.when(contributes).then("flow_ppm").when(distributes).then(-pl.col("flow_ppm")).otherwise(0)
    return (
        draws.with_columns(
            number=pl.int_range(rows) // days,
            report_date=pl.lit(first_day) + pl.duration(days=pl.int_range(rows) % days),
            growth=(pl.col("market") / 100_000_000 + flow / 1_000_000).log1p(),
        )
        .with_columns(opening=openings.gather(pl.int_range(rows, eager=True) // days))
        .with_columns(ending_mv=(pl.col("opening") * pl.col("growth").cum_sum().over("number").exp()).round().cast(pl.Int64))
        .with_columns(beginning_mv=pl.col("ending_mv").shift(1).over("number").fill_null(pl.col("opening")))
        .with_columns(
            deposits=pl.when(contributes).then(_part("flow_ppm")).otherwise(0),
            withdrawals=pl.when(distributes).then(_part("flow_ppm")).otherwise(0),
            dividend=_part("income_ppm"),
            management_fee=pl.col("beginning_mv") * 28 // 1_000_000,
            adjustments=pl.when(pl.col("adjustment_chance") < 2).then("adjustment").otherwise(0),
            bmk_return=pl.lit("0.000250"),
        )
    )


def _identity(values: pl.DataFrame) -> pl.DataFrame:
    """The columns of the file: the appreciation that closes the identity, the return, names, and money in dollars."""
    net_flow = pl.col("deposits") - pl.col("withdrawals")
    gain = pl.col("ending_mv") - pl.col("beginning_mv") - net_flow
    twice_base = 2 * pl.col("beginning_mv") + net_flow
    number = pl.col("number").cast(pl.String)
    return values.with_columns(
        unrealized_gl=gain - pl.col("dividend") + pl.col("management_fee") - pl.col("adjustments"),
        # In whole numbers, because a quotient of floats may fall on the other side of a half: 2 x gain / (2 x base),
        # scaled, plus a half, rounded down.
        twr=(4 * _TWRR_SCALE * gain + twice_base) // (2 * twice_base),
        acct_id=pl.lit("ACC") + number.str.zfill(6),
        acct_name=pl.lit("Trust ") + number + pl.lit(", Family"),
        port_id=pl.lit("ACCP") + (pl.col("number") // 4).cast(pl.String).str.zfill(4),
    ).with_columns(
        *(_shifted(pl.col(name), 2).alias(name) for name in _MONEY_COLUMNS),
        twr=_shifted(pl.col("twr"), 8),
    )


def _draw(count: int, low: int, high: int, seed: int) -> pl.Series:
    """So many whole numbers from ``low`` to ``high``, both included, each as likely as the other.

    The whole range is laid out in memory: keep it to some millions.
    """
    return pl.int_range(low, high + 1, eager=True).sample(count, with_replacement=True, seed=seed)


def _part(ppm: str) -> pl.Expr:
    """So many parts per million of the beginning value, in whole cents."""
    return pl.col("beginning_mv") * pl.col(ppm) // 1_000_000


def _shifted(whole: pl.Expr, places: int) -> pl.Expr:
    """The whole number with its decimal point moved left, exactly."""
    return whole.cast(pl.Decimal(38, places)) * pl.lit(f"1e-{places}").str.to_decimal(scale=places)
