"""The figures of a composite by calendar year, as the standard lists them, each with its provision.

What the standard wants in words (definitions, fees, the claim of compliance) stands in no table, and is for people to write.
"""

from dataclasses import dataclass

import polars as pl

from advisory_perf.analytics.dispersion import DISPERSION, dispersion
from advisory_perf.analytics.linked import linked_over
from advisory_perf.analytics.months import BASES
from advisory_perf.contracts.enums import Deviation, FeeBasis
from advisory_perf.contracts.firm_tables import COMPOSITE_REPORT
from advisory_perf.performance.coverage import month_number
from advisory_perf.performance.ordering import require
from advisory_perf.performance.risk import volatility

FIVE = 5
"""With so many portfolios or fewer, the standard asks for no number of portfolios and no dispersion."""

_YEAR = ["composite", "year"]
_MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """A column of the report, what it means, and the provision of the GIPS Standards 2020 for firms that asks for it."""

    name: str
    meaning: str
    provision: str


_PROVISIONS = {
    "composite": "4.A.1",
    "year": "4.A.1.a, 4.A.3.a",
    "period_start": "4.A.1.c, 4.A.3.a",
    "period_end": "4.A.1.d, 4.A.3.a",
    "months": "4.A.3.a",
    "currency": "4.C.9",
    "gross_return": "4.A.1.b, 4.A.3.b",
    "net_return": "4.A.1.b, 4.A.3.b",
    "benchmark_return": "4.A.1.e",
    "portfolios": "4.A.1.f",
    "composite_assets": "4.A.1.g",
    "firm_assets": "4.A.1.h",
    "percentage_of_firm_assets": "4.A.1.h",
    "dispersion_members": "4.A.1.i",
    **dict.fromkeys(DISPERSION, "4.A.1.i"),
    "three_year_deviation": "4.A.1.j",
    "benchmark_three_year_deviation": "4.A.1.j",
}
"""By the text of the GIPS Standards 2020 for firms, section 4. Percentages are what 4.A.1.h asked for up to 2020."""

REPORT = tuple(
    ReportColumn(column.name, column.meaning, _PROVISIONS[column.name]) for column in COMPOSITE_REPORT.columns if column.name != "fee_basis"
)
"""The columns of ``composite_report`` in their order; docs/composites.md has them as a table."""


def composite_report(
    months: pl.DataFrame,
    members: pl.DataFrame,
    *,
    benchmark: pl.DataFrame | None,
    firm_assets: pl.DataFrame | None,
    basis: FeeBasis,
    deviation: Deviation,
) -> pl.DataFrame:
    """One row for each composite and calendar year, with the columns of ``REPORT``; sorted.

    ``months`` is as ``weighted_months`` or ``aggregate_months`` gives it, of whole histories, and ``members`` as ``member_months`` does.
    ``benchmark`` has composite, month (its last day) and benchmark_return; ``firm_assets`` month, currency and firm_assets (Decimal). What
    is not given (None) is null. Returns and deviations are fractions (0.01 is 1 %), money is exact.

    - A year's returns are linked over the year's months of the composite, and null where one of them has none or is missing in between.
    - Dispersion is that of the portfolios which are in the composite for all twelve months, by their returns of ``basis``, null where there
      are five or fewer, or one has no return; weights are their values at the year's start.
    - The deviations are those of the 36 months up to the period's end, by returns of ``basis`` with the divisor of ``deviation``, null
      where one of them has no return.
    - percentage_of_firm_assets is composite assets / firm assets (0.01 is 1 %), of the same currency and day.

    Raises ValueError where a column is missing, or a benchmark or firm has two rows for a month. Source: GIPS Standards 2020 for firms,
    provision 4.A.1; each column's in ``REPORT``.
    """
    require(months, "a report of composites", "composite", "month", "currency", *BASES.values(), "composite_assets", "members")
    of_basis = BASES[FeeBasis(basis)]
    rows = _with_benchmark(months.sort("composite", "month"), benchmark).with_columns(year=pl.col("month").dt.year())
    number = month_number(pl.col("month"))
    years = rows.group_by(_YEAR, maintain_order=True).agg(
        period_start=pl.col("month").first().dt.month_start(),
        period_end=pl.col("month").last(),
        months=pl.len().cast(pl.Int64()),
        is_whole=number.last() - number.first() + 1 == pl.len(),
        currency=pl.col("currency").last(),
        portfolios=pl.col("members").last(),
        composite_assets=pl.col("composite_assets").last(),
    )
    returns = ("gross_return", "net_return", "benchmark_return")
    deviations = _deviations(rows, of_basis, deviation)
    found = (
        years.join(linked_over(rows, _YEAR, *returns), on=_YEAR, how="left")
        .with_columns(pl.when("is_whole").then(pl.col(returns)))
        .join(_dispersions(members, of_basis), on=_YEAR, how="left")
        .with_columns(pl.col("dispersion_members").fill_null(0))
        .join(deviations, left_on=["composite", "period_end"], right_on=["composite", "month"], how="left")
    )
    assets = _firm_assets(firm_assets, found)
    share = pl.col("composite_assets").cast(pl.Float64()) / pl.col("firm_assets").cast(pl.Float64())
    return (
        found.join(assets, left_on=["period_end", "currency"], right_on=["month", "currency"], how="left")
        .with_columns(percentage_of_firm_assets=pl.when(pl.col("firm_assets") > 0).then(share))
        .sort(_YEAR)
        .select(column.name for column in REPORT)
    )


def _with_benchmark(months: pl.DataFrame, benchmark: pl.DataFrame | None) -> pl.DataFrame:
    if benchmark is None:
        return months.with_columns(benchmark_return=pl.lit(None, pl.Float64()))
    require(benchmark, "a benchmark", "composite", "month", "benchmark_return")
    key = ["composite", "month"]
    _once(benchmark, key, "the benchmark of")
    return months.join(benchmark.select(*key, "benchmark_return"), on=key, how="left", maintain_order="left")


def _firm_assets(given: pl.DataFrame | None, found: pl.DataFrame) -> pl.DataFrame:
    if given is None:
        return pl.DataFrame(schema={"month": pl.Date(), "currency": pl.String(), "firm_assets": found.schema["composite_assets"]})
    require(given, "a report of composites", "month", "currency", "firm_assets")
    _once(given, ["month", "currency"], "firm assets of")
    return given.select("month", "currency", "firm_assets")


def _once(rows: pl.DataFrame, key: list[str], what: str) -> None:
    twice = rows.filter(pl.struct(key).is_duplicated()).sort(key)
    if twice.height:
        raise ValueError(f"{what} {', '.join(str(value) for value in twice.select(key).row(0))} stands twice; give one row for each")


def _deviations(rows: pl.DataFrame, of_basis: str, deviation: Deviation) -> pl.DataFrame:
    monthly = rows.select("month", account_id="composite", monthly_return=of_basis, benchmark_monthly_return="benchmark_return")
    return volatility(monthly, deviation=deviation).select(
        "month", composite="account_id", three_year_deviation="volatility", benchmark_three_year_deviation="benchmark_volatility"
    )


def _dispersions(members: pl.DataFrame, of_basis: str) -> pl.DataFrame:
    key = ["composite", "account_id", "year"]
    rows = members.sort("composite", "account_id", "month").with_columns(year=pl.col("month").dt.year())
    whole = rows.group_by(key).agg(weight=pl.col("beginning_market_value").first(), months=pl.len())
    whole = whole.filter(pl.col("months") == _MONTHS_A_YEAR)
    returns = linked_over(rows, key, of_basis).rename({of_basis: "member_return"})
    return dispersion(whole.join(returns, on=key, how="left"), _YEAR, more_than=FIVE).select(*_YEAR, "dispersion_members", *DISPERSION)
