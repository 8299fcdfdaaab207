"""What is published above the account by month end: statistics of accounts, their contributions to portfolios and clients, and composites.

Tables of the warehouse like those of ``tables``, but of the whole firm: nothing of them belongs to one feed, delivery or window. Their
columns are described here, since most names mean something of a month or a year that they do not mean of a day.
"""

from collections.abc import Iterable

from advisory_perf.contracts.columns import COLUMNS, TRAILING_PERIODS, Column, Kind
from advisory_perf.contracts.enums import FeeBasis, LinkStatus, RollUpStatus
from advisory_perf.contracts.tables import Table

STATISTICS_PERIODS = (*TRAILING_PERIODS, "si")
"""What returns are annualised over: 12, 36 and 60 whole months, and since inception."""

_RETURNS = {"gross": "before fees", "net": "after fees", "benchmark": "of the benchmark"}
_EXCESS = {"gross_excess": "gross", "net_excess": "net"}


def _dictionary(*entries: Column) -> dict[str, Column]:
    return {**COLUMNS, **{entry.name: entry for entry in entries}}


def _figure(name: str, meaning: str, *derived_from: str) -> Column:
    return Column(name, Kind.RETURN, f"{meaning} (0.01 is 1 %)", nullable=True, derived_from=derived_from)


def _money(name: str, meaning: str) -> Column:
    return Column(name, Kind.MONEY, meaning, nullable=True)


def _annualised() -> Iterable[Column]:
    for period in STATISTICS_PERIODS:
        over = "since inception, of more than a year" if period == "si" else f"over {12 * int(period[:-1])} whole months"
        for name, what in _RETURNS.items():
            yield _figure(f"{name}_{period}", f"annualised return {what} {over}", f"{name}_return")
        for name, of in _EXCESS.items():
            yield _figure(f"{name}_{period}", f"{of}_{period} - benchmark_{period}", f"{of}_{period}", f"benchmark_{period}")


_MONTH = Column("month", Kind.DATE, "the last day of the calendar month", derived_from=("as_of_date",))
_LINKED_MONTH = ("calculated_twrr", "return_status", "fees")

_OF_STATISTICS = _dictionary(
    _MONTH,
    Column("as_of_date", Kind.DATE, "the account's last valuation of the month"),
    Column("currency", Kind.TEXT, "ISO 4217 code of the account currency; null where the month has several", nullable=True),
    _money("beginning_market_value", "market value at the start of the month's first sub-period, in account currency"),
    _money("ending_market_value", "market value at the month's last valuation, in account currency"),
    _figure("gross_return", "return of the month before fees; null where it is cut short, lacks one, or fees are unknown", *_LINKED_MONTH),
    _figure("net_return", "return of the month after fees; null where it is cut short or lacks one", *_LINKED_MONTH),
    _figure("benchmark_return", "the benchmark's return over the sub-periods of the month", "benchmark_return"),
    *_annualised(),
    _figure("volatility", "annualised standard deviation of the 36 monthly returns up to here, of the feed's fee basis", "net_return"),
    _figure("benchmark_volatility", "the same of the benchmark", "benchmark_return"),
    _figure("tracking_error", "annualised standard deviation of the 36 monthly excess returns", "net_return", "benchmark_return"),
    Column(
        "information_ratio",
        Kind.RETURN,
        "annualised excess return of three years / tracking error; null where that is 0",
        nullable=True,
        derived_from=("net_excess_3y", "tracking_error"),
    ),
    _figure("max_drawdown", "the deepest fall below the highest value since inception, over all valuations", "calculated_twrr"),
    Column(
        "linked_over_gap",
        Kind.FLAG,
        "a return is undefined or a valuation missing somewhere since inception; null where it was published before that was kept",
        nullable=True,
        derived_from=("linked_over_gap", "linked_over_missing"),
    ),
)

ACCOUNT_STATISTICS = Table(
    "account_statistics",
    "each account at each month end: annualised returns gross and net, against the benchmark, and how far they vary",
    (
        "data_source",
        "account_id",
        "month",
        "as_of_date",
        "currency",
        "beginning_market_value",
        "ending_market_value",
        "gross_return",
        "net_return",
        "benchmark_return",
        *(column.name for column in _annualised()),
        "volatility",
        "benchmark_volatility",
        "tracking_error",
        "information_ratio",
        "max_drawdown",
        "linked_over_gap",
    ),
    ("data_source", "account_id", "month"),
    dictionary=_OF_STATISTICS,
)

_TO_DATE = {"mtd": "month", "qtd": "quarter", "ytd": "year"}


def _contributions() -> Iterable[Column]:
    for period, name in _TO_DATE.items():
        contribution, value, status = f"contribution_{period}", f"twrr_{period}", f"status_{period}"
        yield _figure(contribution, f"the account's part in {value}, linked by Carino; null unless {status} is OK", value)
        yield _figure(value, f"the group's return since the {name} began, on as_of_date, as in portfolio_performance", "calculated_twrr")
        yield Column(status, Kind.TEXT, f"OK, or why {contribution} is null", allowed=tuple(LinkStatus), derived_from=(value,))


PORTFOLIO_CONTRIBUTIONS = Table(
    "portfolio_contributions",
    "what each account contributed to the returns to date of its portfolio and client, at each month end",
    ("data_source", "level", "group_id", "month", "account_id", "as_of_date", *(column.name for column in _contributions())),
    ("data_source", "level", "group_id", "month", "account_id"),
    dictionary=_dictionary(_MONTH, Column("as_of_date", Kind.DATE, "the group's last valuation of the month"), *_contributions()),
)

_COMPOSITE = Column("composite", Kind.TEXT, "the composite")

_OF_COMPOSITES = _dictionary(
    _COMPOSITE,
    _MONTH,
    Column("currency", Kind.TEXT, "ISO 4217 code of the members' currency; null where they have several", nullable=True),
    _figure("gross_return", "asset-weighted return of the month before fees; null where a member's is not known", "gross_return"),
    _figure("net_return", "asset-weighted return of the month after fees; null unless composite_status is OK", "net_return"),
    _figure("benchmark_return", "the benchmark's return of the month, as the composite's file has it"),
    _money("beginning_assets", "the members' market value at the start of the month, in the currency"),
    _money("composite_assets", "the members' market value at the end of the month, in the currency"),
    Column("members", Kind.COUNT, "portfolios that belong to the composite for the whole month", at_least=1),
    Column("missing_members", Kind.COUNT, "those of them without a net return of the month", at_least=0),
    Column("composite_status", Kind.TEXT, "whether the month has a return, or why not", allowed=tuple(RollUpStatus)),
)

COMPOSITE_PERFORMANCE = Table(
    "composite_performance",
    "each composite's return of each month, with its benchmark, members and assets",
    (
        "composite",
        "month",
        "currency",
        "gross_return",
        "net_return",
        "benchmark_return",
        "beginning_assets",
        "composite_assets",
        "members",
        "missing_members",
        "composite_status",
    ),
    ("composite", "month"),
    dictionary=_OF_COMPOSITES,
)

_OF_MEMBERS = _dictionary(
    _COMPOSITE,
    _MONTH,
    Column("data_source", Kind.TEXT, "the vendor; unknown where no vendor has delivered the account"),
    Column("currency", Kind.TEXT, "ISO 4217 code of the account currency; null where the month has several, or no row", nullable=True),
    _money("beginning_market_value", "the account's market value at the start of the month, in account currency"),
    _money("ending_market_value", "the account's market value at the end of the month, in account currency"),
    _figure("gross_return", "the account's return of the month before fees", "gross_return"),
    _figure("net_return", "the account's return of the month after fees", "net_return"),
)

COMPOSITE_MEMBERS = Table(
    "composite_members",
    "which account belongs to which composite in which whole month, with its figures of the month",
    (
        "composite",
        "data_source",
        "account_id",
        "month",
        "currency",
        "beginning_market_value",
        "ending_market_value",
        "gross_return",
        "net_return",
    ),
    ("composite", "data_source", "account_id", "month"),
    dictionary=_OF_MEMBERS,
)

_OF_REPORT = _dictionary(
    _COMPOSITE,
    Column("fee_basis", Kind.TEXT, "which returns dispersion and deviations are of", allowed=tuple(FeeBasis)),
    Column("year", Kind.COUNT, "the calendar year; all years since inception, of which a report shows at least five, then ten"),
    Column("period_start", Kind.DATE, "first day of the year's composite months: later than 1 January in a first year"),
    Column("period_end", Kind.DATE, "last day of the year's composite months: earlier than 31 December in a last year"),
    Column("months", Kind.COUNT, "the months between both", at_least=1),
    Column("currency", Kind.TEXT, "in which the amounts are", nullable=True),
    _figure("gross_return", "linked over these months, before fees; never annualised", "gross_return"),
    _figure("net_return", "linked over these months, after fees; never annualised", "net_return"),
    _figure("benchmark_return", "the benchmark linked over the same months", "benchmark_return"),
    Column("portfolios", Kind.COUNT, "portfolios in the composite at the period's end; five or fewer need not be shown", at_least=1),
    _money("composite_assets", "their market value at the period's end"),
    _money("firm_assets", "the firm's total assets at the period's end, in the currency"),
    _figure("percentage_of_firm_assets", "composite assets / firm assets", "composite_assets", "firm_assets"),
    Column("dispersion_members", Kind.COUNT, "portfolios in the composite for all twelve months, of which dispersion is made", at_least=0),
    _figure("dispersion_equal_population", "equal-weighted standard deviation of their returns, divisor n"),
    _figure("dispersion_equal_sample", "equal-weighted standard deviation, divisor n - 1"),
    _figure("dispersion_asset_population", "standard deviation weighted by the values at the year's start, divisor n"),
    _figure("dispersion_asset_sample", "standard deviation weighted by the values at the year's start, divisor n - 1"),
    _figure("high", "highest of their returns"),
    _figure("low", "lowest of their returns"),
    _figure("upper_quartile", "return above which a quarter of them lies"),
    _figure("median", "the middle of their returns"),
    _figure("lower_quartile", "return below which a quarter of them lies"),
    _figure("three_year_deviation", "annualised ex post standard deviation of 36 monthly returns, at the period's end"),
    _figure("benchmark_three_year_deviation", "the benchmark's, of the same months"),
)

COMPOSITE_REPORT = Table(
    "composite_report",
    "the yearly figures of each composite as the GIPS standards list them",
    (
        "composite",
        "fee_basis",
        "year",
        "period_start",
        "period_end",
        "months",
        "currency",
        "gross_return",
        "net_return",
        "benchmark_return",
        "portfolios",
        "composite_assets",
        "firm_assets",
        "percentage_of_firm_assets",
        "dispersion_members",
        "dispersion_equal_population",
        "dispersion_equal_sample",
        "dispersion_asset_population",
        "dispersion_asset_sample",
        "high",
        "low",
        "upper_quartile",
        "median",
        "lower_quartile",
        "three_year_deviation",
        "benchmark_three_year_deviation",
    ),
    ("composite", "fee_basis", "year"),
    dictionary=_OF_REPORT,
)

COMPOSITE_TABLES = (COMPOSITE_PERFORMANCE, COMPOSITE_MEMBERS, COMPOSITE_REPORT)
FIRM_TABLES = (ACCOUNT_STATISTICS, PORTFOLIO_CONTRIBUTIONS, *COMPOSITE_TABLES)
"""Every table above the account."""
