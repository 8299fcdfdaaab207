"""Composites as they are published: months, members and the yearly report of all of a firm's composites at once.

Made of the months of accounts, which are known by vendor and number. Where declarations and months lie is the caller's matter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from advisory_perf.analytics.composite_file import Composite, benchmarks_of
from advisory_perf.analytics.composite_report import composite_report
from advisory_perf.analytics.composites import aggregate_months, member_months, weighted_months
from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.contracts.enums import Deviation, FeeBasis, RollUpStatus, TransferNetting, Weighting
from advisory_perf.contracts.firm_tables import COMPOSITE_MEMBERS, COMPOSITE_PERFORMANCE, COMPOSITE_REPORT

_BETWEEN = "\x1f"
"""Between vendor and number of an account, where one column has to be both; no identifier has it."""
_FIGURES = ("beginning_market_value", "ending_market_value", "currency", "gross_return", "net_return")
_OF_OK = ["gross_return", "net_return", "beginning_assets", "composite_assets"]


@dataclass(frozen=True, slots=True)
class Aggregated:
    """The days of the members of a composite of the aggregate method, with data_source, and the conventions that all of them have."""

    days: pl.DataFrame
    conventions: ReturnConventions


@dataclass(frozen=True, slots=True)
class CompositeTables:
    """The rows of COMPOSITE_PERFORMANCE, COMPOSITE_MEMBERS and COMPOSITE_REPORT, each by its key."""

    performance: pl.DataFrame
    members: pl.DataFrame
    report: pl.DataFrame


def composite_tables(
    composites: Sequence[Composite],
    stays: pl.DataFrame,
    months: pl.DataFrame,
    *,
    firm_assets: pl.DataFrame,
    aggregated: Mapping[str, Aggregated],
    deviation: Deviation,
) -> CompositeTables:
    """Months, members and report of all composites.

    ``stays`` is the membership with a vendor in each row (``with_vendors``). ``months`` are rows of ACCOUNT_STATISTICS, at least those of
    the members. ``firm_assets`` is as the function of that name gives it. ``aggregated`` has what a composite of the aggregate method is
    made of. A composite ends with the latest month of which a member has a net return: later ones are not over. Where its members have
    another currency than it declares, the month has the status SEVERAL_CURRENCIES, since money of a currency is no other's.

    Errors as in ``member_months``. Source: GIPS Standards 2020 for firms, sections 2.A, 3.A and 4.A.
    """
    members = _until_the_latest(member_months(_known_by_one(stays), _known_by_one(months).select("account_id", "month", *_FIGURES)))
    benchmark = benchmarks_of(composites)
    rows = _in_their_currency(_months_of(composites, members, aggregated), composites)
    reports = [
        composite_report(
            rows, members, benchmark=benchmark, firm_assets=firm_assets, basis=basis, deviation=Deviation(deviation)
        ).with_columns(pl.col("year").cast(pl.Int64()), fee_basis=pl.lit(basis.value))
        for basis in FeeBasis
    ]
    performance = rows.join(benchmark, on=["composite", "month"], how="left", maintain_order="left")
    return CompositeTables(
        performance.select(COMPOSITE_PERFORMANCE.column_names).sort(COMPOSITE_PERFORMANCE.key),
        _by_vendor(members).select(COMPOSITE_MEMBERS.column_names).sort(COMPOSITE_MEMBERS.key),
        pl.concat(reports).select(COMPOSITE_REPORT.column_names).sort(COMPOSITE_REPORT.key),
    )


def firm_assets(sums: pl.DataFrame, vendors: Iterable[str]) -> pl.DataFrame:
    """What all accounts of the firm are worth at each month end: month, currency and firm_assets (exact), by both.

    ``sums`` has data_source, month, currency and ending_market_value, the values of a vendor's accounts in that currency; ``vendors`` those
    that deliver. A month of which one of them, having delivered before, has nothing has no sum, nor has one with accounts in several
    currencies, which are never added: a part of the firm is never shown as the whole. Source: GIPS Standards 2020 for firms, provision
    4.A.1.h.
    """
    months = sums.select("month").unique()
    delivering = sums.filter(pl.col("data_source").is_in(list(vendors))).group_by("data_source").agg(began=pl.col("month").min())
    due = delivering.join(months, how="cross").filter(pl.col("month") >= pl.col("began"))
    lacking = due.join(sums, on=["data_source", "month"], how="anti").select("month").unique()
    is_one = (pl.col("currency").n_unique() == 1) & pl.col("currency").is_not_null().all()
    return (
        sums.join(lacking, on="month", how="anti")
        .filter(is_one.over("month"))
        .group_by("month", "currency")
        .agg(firm_assets=pl.col("ending_market_value").sum())
        .sort("month", "currency")
    )


def _known_by_one(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(account_id=pl.concat_str("data_source", "account_id", separator=_BETWEEN))


def _by_vendor(rows: pl.DataFrame) -> pl.DataFrame:
    parts = pl.col("account_id").str.splitn(_BETWEEN, 2)
    return rows.with_columns(data_source=parts.struct.field("field_0"), account_id=parts.struct.field("field_1"))


def _until_the_latest(members: pl.DataFrame) -> pl.DataFrame:
    latest = pl.col("month").filter(pl.col("net_return").is_not_null()).max().over("composite")
    return members.filter((pl.col("month") <= latest).fill_null(value=False))


def _months_of(composites: Sequence[Composite], members: pl.DataFrame, aggregated: Mapping[str, Aggregated]) -> pl.DataFrame:
    by_sum = [one.composite for one in composites if one.weighting is Weighting.AGGREGATE]
    found = [weighted_months(members.filter(~pl.col("composite").is_in(by_sum)))]
    for name in by_sum:
        own = members.filter(pl.col("composite") == name)
        if own.height:
            # a flow between two members is external to each of them, and so it stays one of their sum
            found.append(
                aggregate_months(
                    _known_by_one(aggregated[name].days),
                    own,
                    conventions=aggregated[name].conventions,
                    transfers=TransferNetting.NONE,
                )
            )
    return pl.concat(found).sort("composite", "month")


def _in_their_currency(rows: pl.DataFrame, composites: Sequence[Composite]) -> pl.DataFrame:
    declared = pl.DataFrame(
        [(one.composite, one.currency) for one in composites], schema={"composite": pl.String(), "_declared": pl.String()}, orient="row"
    )
    is_other = (pl.col("currency") != pl.col("_declared")).fill_null(value=False)
    several = pl.lit(RollUpStatus.SEVERAL_CURRENCIES.value)
    return (
        rows.join(declared, on="composite", how="left", maintain_order="left")
        .with_columns(
            pl.when(~is_other).then(pl.col(_OF_OK)),
            composite_status=pl.when(is_other).then(several).otherwise("composite_status"),
        )
        .drop("_declared")
    )
