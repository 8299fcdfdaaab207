"""The rules that a pipeline's rows have to keep beyond their types: each gives the rows that break it.

Identity and conservation are hard: a row that breaks them would publish a wrong number. The others are findings about the
vendor's data, to be seen and not to be hidden.
"""

import polars as pl

from advisory_perf.contracts.enums import ReconciledField, ReturnStatus
from advisory_perf.contracts.tables import WHO_AND_WHEN
from advisory_perf.contracts.tolerance import CENT, Allowance, is_within

LARGEST_PLAUSIBLE_RETURN = 1.0
"""A sub-period return beyond plus or minus 100 % deserves a look."""

LEAST_TELLING_VALUE = 100
"""A few units are a rest or a fee, whose multiples say nothing."""

_ROLLED = (pl.col("previous_ending_market_value"), pl.col("beginning_market_value"))


def net_flow_failures(flows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose net flow is not contributions - distributions, exactly."""
    expected = pl.col("contributions") - pl.col("distributions")
    return flows.filter(pl.col("net_flow").ne_missing(expected)).select(*WHO_AND_WHEN, "contributions", "distributions", "net_flow")


def market_value_holds(allowance: Allowance) -> pl.Expr:
    """Whether the calculated ending market value of a row is the vendor's, as reconciliation finds it; null where there is none."""
    ours, theirs = pl.col("calculated_ending_market_value"), pl.col("ending_market_value")
    return is_within(ours, theirs, allowance.threshold(ours, theirs, pl.col("vendor_value_half_unit")))


def market_value_failures(flows: pl.DataFrame, allowance: Allowance) -> pl.DataFrame:
    """Rows whose calculated ending market value is not the vendor's; without a calculated one none."""
    difference = pl.col("calculated_ending_market_value") - pl.col("ending_market_value")
    return flows.filter(~market_value_holds(allowance)).select(
        *WHO_AND_WHEN, "calculated_ending_market_value", "ending_market_value", difference.alias("difference")
    )


def rolled_forward(positions: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """``positions`` with previous_ending_market_value, that of the account's valuation before; null at its first one.

    ``before`` has each account's last valuation before these rows.
    """
    rows = positions.with_columns(pl.lit(value=True).alias("is_new"))
    if before is not None:
        known = before.select(name for name in before.columns if name in positions.columns)
        rows = pl.concat([known.with_columns(pl.lit(value=False).alias("is_new")), rows], how="diagonal")
    previous = pl.col("ending_market_value").shift(1).over("account_id", order_by="as_of_date")
    return rows.with_columns(previous.alias("previous_ending_market_value")).filter("is_new").drop("is_new")


def roll_forward_threshold() -> pl.Expr:
    """The largest difference between a row's beginning market value and the ending one before it that passes."""
    return CENT.threshold(*_ROLLED, pl.col("vendor_value_half_unit"))


def rolls_forward() -> pl.Expr:
    """Whether a row of ``rolled_forward`` begins with the ending value before it; null where either is not known."""
    return is_within(*_ROLLED, roll_forward_threshold())


def roll_forward_failures(positions: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Rows whose beginning market value is not the account's ending market value at its valuation before.

    ``before`` is as for ``rolled_forward``; an account's first valuation has nothing to roll from.
    """
    rows = positions.select(*WHO_AND_WHEN, "beginning_market_value", "ending_market_value", "vendor_value_half_unit")
    return (
        rolled_forward(rows, before)
        .filter(~rolls_forward())
        .select(*WHO_AND_WHEN, "previous_ending_market_value", "beginning_market_value")
    )


def value_jumps(positions: pl.DataFrame, before: pl.DataFrame | None, *, factor: float) -> pl.DataFrame:
    """Rows with a value that is half ``factor`` times the account's last one or more, or the inverse, while no flow explains it.

    The beginning market value is held against the ending one of the valuation before, with and without the row's flows, and the ending
    against the beginning, likewise; debits against debits, since a sign that reverses is no unit. What grows from less than
    LEAST_TELLING_VALUE tells nothing; what shrinks to less does where it is about one part in ``factor``, or in its square. ``before``
    is as for ``rolled_forward``. Gives delivery_id, field_name, value and previous_value; where both of a row jump, the beginning one.
    """
    inflow, outflow = (pl.col(name).cast(pl.Float64()) for name in ("contributions", "distributions"))
    begin, end, previous = (
        pl.col(name).cast(pl.Float64()) for name in ("beginning_market_value", "ending_market_value", "previous_ending_market_value")
    )

    def jumps(value: pl.Expr, reference: pl.Expr) -> pl.Expr:
        sign = pl.when(value < 0).then(-1.0).otherwise(1.0)
        explained = [sign * each for each in (reference, reference + inflow, reference - outflow, reference + inflow - outflow)]
        most, least, size = pl.max_horizontal(explained), pl.min_horizontal(explained), sign * value
        up = (most >= LEAST_TELLING_VALUE) & (size * 2 >= most * factor)
        is_unit = pl.any_horizontal((least / size).is_between(unit / 2, unit * 2) for unit in (factor, factor**2))
        down = (least * 2 >= size * factor) & (least >= LEAST_TELLING_VALUE) & ((size >= LEAST_TELLING_VALUE) | ((size > 0) & is_unit))
        return (reference.is_not_null() & (up | down)).fill_null(value=False)

    rows = rolled_forward(positions, before)
    at_begin, at_end = jumps(begin, previous), jumps(end, begin)

    def chosen(of_begin: pl.Expr, of_end: pl.Expr, name: str) -> pl.Expr:
        return pl.when(at_begin).then(of_begin).otherwise(of_end).alias(name)

    return (
        rows.filter(at_begin | at_end)
        .select(
            *WHO_AND_WHEN,
            "delivery_id",
            chosen(pl.lit("beginning_market_value"), pl.lit("ending_market_value"), "field_name"),
            chosen(pl.col("beginning_market_value"), pl.col("ending_market_value"), "value"),
            chosen(pl.col("previous_ending_market_value"), pl.col("beginning_market_value"), "previous_value"),
        )
        .sort("as_of_date", "account_id")
    )


def accounts_in_two_cases(positions: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """The accounts of the rows whose number differs by case only from that of another account, and which that is."""
    own = positions.select("account_id").unique()
    every = own if before is None else pl.concat([own, before.select("account_id")]).unique()
    folded = pl.col("account_id").str.to_lowercase().alias("folded")
    pairs = own.with_columns(folded).join(every.select(folded, other_account_id="account_id"), on="folded")
    return pairs.filter(pl.col("account_id") != pl.col("other_account_id")).drop("folded").sort("account_id", "other_account_id")


def with_unchanged_since(positions: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """``positions`` by account and day, with value_unchanged_since: the day from which on the ending market value has been the same.

    Nothing has flowed in or out since then, whatever the rows say of income and appreciation; a value of zero is always a new one.
    ``before`` has each account's last valuation before these rows, with its own value_unchanged_since, so that pieces of a history
    say what the whole of it does; where that is null, the account's values are looked at from that valuation on.
    """
    flows = ("contributions", "distributions")
    rows = positions.with_columns(pl.lit(value=True).alias("is_new"), pl.col("as_of_date").alias("since"))
    if before is not None:
        since = pl.coalesce("value_unchanged_since", "as_of_date").alias("since")
        known = before.select(*WHO_AND_WHEN, pl.col("ending_market_value"), since, is_new=pl.lit(value=False))
        rows = pl.concat([known, rows], how="diagonal")
    is_same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in ("account_id", "ending_market_value"))
    is_unchanged = is_same & pl.col("is_new") & (pl.sum_horizontal(*flows) == 0) & (pl.col("ending_market_value") != 0)
    since = pl.when(~is_unchanged.fill_null(value=False)).then("since").forward_fill()  # an account begins with a value of its own
    return rows.sort(WHO_AND_WHEN).with_columns(since.alias("value_unchanged_since")).filter("is_new").drop("is_new", "since")


def stale_values(positions: pl.DataFrame, *, after_days: int) -> pl.DataFrame:
    """Of ``with_unchanged_since`` the valuations whose ending market value has been the same for so many days or more.

    That is what a price that nobody renewed looks like. Gives delivery_id, ending_market_value and value_unchanged_since.
    """
    return (
        positions.filter((pl.col("as_of_date") - pl.col("value_unchanged_since")).dt.total_days() >= after_days)
        .select(*WHO_AND_WHEN, "delivery_id", "ending_market_value", "value_unchanged_since")
        .sort("as_of_date", "account_id")
    )


def large_flows(series: pl.DataFrame) -> pl.DataFrame:
    """Valuations whose return depends on the day of a flow that is large beside its base."""
    return series.filter(pl.col("is_valuation") & (pl.col("return_status") == ReturnStatus.LARGE_FLOW.value)).select(
        *WHO_AND_WHEN, "calculated_twrr"
    )


def implausible_returns(series: pl.DataFrame) -> pl.DataFrame:
    """Valuations whose sub-period return lies beyond plus or minus 100 %."""
    return series.filter(pl.col("is_valuation") & (pl.col("calculated_twrr").abs() > LARGEST_PLAUSIBLE_RETURN)).select(
        *WHO_AND_WHEN, "calculated_twrr"
    )


def undefined_returns(series: pl.DataFrame) -> pl.DataFrame:
    """Valuations without a return, and why; a closed account owes none."""
    is_owed = pl.col("is_valuation") & (pl.col("return_status") != ReturnStatus.CLOSED.value)
    return series.filter(is_owed & pl.col("calculated_twrr").is_null()).select(*WHO_AND_WHEN, "return_status")


def breaks(results: pl.DataFrame) -> pl.DataFrame:
    """Comparisons outside their tolerance, the largest first within each figure, each with its cause beside it."""
    return (
        results.filter(~pl.col("within_tolerance"))
        .sort("field_name", pl.col("variance").abs(), descending=[False, True])
        .select(
            *WHO_AND_WHEN,
            "field_name",
            "variance",
            "likely_cause",
            "explained_by",
            "calculated_value",
            "vendor_value",
            "tolerance_threshold",
        )
    )


def pass_rate(results: pl.DataFrame, field: ReconciledField | None = None) -> float | None:
    """The share of comparisons within tolerance, 0 to 1; null where nothing was compared."""
    compared = results["within_tolerance"] if field is None else results.filter(field_name=field.value)["within_tolerance"]
    return None if compared.null_count() == compared.len() else float(compared.cast(pl.Float64()).mean())  # type: ignore[arg-type]
