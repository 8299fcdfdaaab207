"""The data dictionary: every column once, with its type, unit, meaning and derivation.

Pandera models, Dagster table schemas, column lineage and the test of the warehouse schema are all made from here.
What a *table* is made of stands in ``tables``; a bound here is a hard one, whose breach means a wrong row.
"""

from dataclasses import dataclass
from enum import Enum

import polars as pl

from advisory_perf.contracts.enums import (
    AccountStatus,
    Cause,
    ConversionStatus,
    GroupLevel,
    ReconciliationStatus,
    ReturnStatus,
    RollUpStatus,
    Severity,
)
from advisory_perf.contracts.issue_codes import ROW_CODES

MONEY_SCALE = 4
"""Decimal places that money carries from text to table."""

MONEY_INTEGER_DIGITS = 20
"""Integer digits that sums of money may have; NUMERIC(24, 4) in the warehouse."""

DELIVERED_INTEGER_DIGITS = 18
"""Integer digits that a delivered amount may have, so that the sums made of it always fit."""

LARGEST_RETURN = 1e6
"""A delivered return beyond a million (100,000,000 %) is no return."""

TRAILING_YEARS = (1, 3, 5)

TRAILING_PERIODS = tuple(f"{years}y" for years in TRAILING_YEARS)

PERIODS = ("mtd", "qtd", "ytd", *TRAILING_PERIODS)
"""The periods that returns are linked over, besides since inception."""

MONEY = pl.Decimal(38, MONEY_SCALE)

RATE_SCALE = 10
"""Decimal places that an exchange rate may have, so that an amount times its rate is exact."""

RATE_INTEGER_DIGITS = 10
"""Integer digits of one; a currency of which so much makes a unit of another is none."""

RATE = pl.Decimal(38, RATE_SCALE)

FIGURE = pl.Decimal(38, 12)
"""Holds either money, exactly, or a return to twelve places, so that both can stand in one column."""


class Kind(Enum):
    """The type of a column as (Polars type, PostgreSQL type)."""

    TEXT = (pl.String(), "text")
    DATE = (pl.Date(), "date")
    MONEY = (MONEY, f"numeric({MONEY_INTEGER_DIGITS + MONEY_SCALE},{MONEY_SCALE})")
    RATE = (RATE, f"numeric({RATE_INTEGER_DIGITS + RATE_SCALE},{RATE_SCALE})")
    RETURN = (pl.Float64(), "double precision")
    FIGURE = (pl.Decimal(38, 12), "numeric(38,12)")
    FLAG = (pl.Boolean(), "boolean")
    COUNT = (pl.Int64(), "bigint")
    INSTANT = (pl.Datetime("us", "UTC"), "timestamp with time zone")

    @property
    def polars(self) -> pl.DataType:
        """The type in a frame."""
        dtype: pl.DataType = self.value[0]
        return dtype

    @property
    def sql(self) -> str:
        """The type in the warehouse, as ``format_type`` prints it."""
        name: str = self.value[1]
        return name


@dataclass(frozen=True, slots=True)
class Column:
    """One entry of the data dictionary."""

    name: str
    kind: Kind
    meaning: str
    nullable: bool = False
    derived_from: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    at_least: float | None = None


def _money(name: str, meaning: str, *, nullable: bool = False, derived_from: tuple[str, ...] = ()) -> Column:
    return Column(name, Kind.MONEY, f"{meaning}, in account currency", nullable, derived_from)


def _return(name: str, meaning: str, derived_from: tuple[str, ...] = ()) -> Column:
    return Column(name, Kind.RETURN, f"{meaning} (0.01 is 1 %)", nullable=True, derived_from=derived_from)


_LINKED = ("calculated_twrr", "return_status", "as_of_date")

_NOT_KEPT = "null in rows stored before it was kept"

_ENTRIES = (
    # who and when
    Column("account_id", Kind.TEXT, "the vendor's account number, as text"),
    Column("account_name", Kind.TEXT, "the account's name", nullable=True),
    Column("account_type", Kind.TEXT, "what kind of account it is, in the vendor's words", nullable=True),
    Column("portfolio_id", Kind.TEXT, "the portfolio the account belongs to", nullable=True),
    Column("client_id", Kind.TEXT, "the client or household that owns the account", nullable=True),
    Column("as_of_date", Kind.DATE, "the day at whose end the values hold"),
    Column("currency", Kind.TEXT, "ISO 4217 code of the account currency"),
    # rates
    Column("base_currency", Kind.TEXT, "ISO 4217 code of the currency of which a rate prices one unit"),
    Column("quote_currency", Kind.TEXT, "ISO 4217 code of the currency that a rate is in"),
    Column("rate", Kind.RATE, "price of one unit of base_currency in quote_currency at the end of the day", at_least=0),
    Column(
        "beginning_rate_date", Kind.DATE, "the account's valuation before, whose day's rate converts its beginning value", nullable=True
    ),
    Column(
        "beginning_rate",
        Kind.RATE,
        "that rate: the price of one unit of currency in reporting_currency; null where there is none, 1 where they are the same",
        nullable=True,
        at_least=0,
    ),
    Column("ending_rate", Kind.RATE, "likewise the rate of as_of_date, which converts all other amounts", nullable=True, at_least=0),
    Column("reporting_currency", Kind.TEXT, "ISO 4217 code of the currency that the installation reports in"),
    _return("reporting_return", "sub-period return of the amounts in the reporting currency", ("calculated_twrr",)),
    Column(
        "reporting_status",
        Kind.TEXT,
        "why that return is what it is: return_status of the converted amounts",
        allowed=tuple(ReturnStatus),
    ),
    _return(
        "currency_effect", "what the currency did to the return: (1 + reporting_return) / (1 + calculated_twrr) - 1", ("calculated_twrr",)
    ),
    Column("conversion_status", Kind.TEXT, "whether rates of the very days are there", allowed=tuple(ConversionStatus)),
    # the vendor's money
    _money("beginning_market_value", "market value at the start of the sub-period"),
    Column("contributions", Kind.MONEY, "external flows into the account, in account currency", at_least=0),
    Column("distributions", Kind.MONEY, "external flows out of the account, as a positive amount", at_least=0),
    _money("income", "dividends and interest earned", nullable=True),
    _money("appreciation", "realised and unrealised gain or loss", nullable=True),
    _money("fees", "fees charged, positive when they lower the value", nullable=True),
    _money("other_adjustments", "anything else that changed the value", nullable=True),
    _money("ending_market_value", "market value at the end of the sub-period"),
    _money("vendor_net_flow", "the vendor's own net flow", nullable=True),
    _return("vendor_twrr", "the vendor's own return of the sub-period, or of the longer period that the feed says"),
    _return("benchmark_return", "the benchmark's return over the sub-period"),
    _money("vendor_value_half_unit", "half a unit of the last digit the vendor prints in ending market values"),
    _return("vendor_twrr_half_unit", "half a unit of the last digit the vendor prints in returns"),
    # provenance
    Column("data_source", Kind.TEXT, "the vendor"),
    Column("file_name", Kind.TEXT, "the delivery's name as the vendor gave it"),
    Column("delivery_id", Kind.TEXT, "the delivery the row came in"),
    Column("line_number", Kind.COUNT, "line (CSV), sheet row (Excel) or ordinal (JSON, Parquet) in the delivery", at_least=1),
    # calculated
    _money("net_flow", "contributions - distributions", derived_from=("contributions", "distributions")),
    _money(
        "calculated_ending_market_value",
        "beginning + net flow + income + appreciation - fees + other adjustments",
        nullable=True,
        derived_from=("beginning_market_value", "net_flow", "income", "appreciation", "fees", "other_adjustments"),
    ),
    _return(
        "calculated_twrr",
        "our return of the sub-period, by the feed's flow timing and fee basis",
        ("beginning_market_value", "contributions", "distributions", "fees", "ending_market_value"),
    ),
    Column(
        "return_status",
        Kind.TEXT,
        "OK; LARGE_FLOW, a return that depends on the day of its flow; or why calculated_twrr is null",
        derived_from=("beginning_market_value", "contributions", "distributions", "ending_market_value"),
        allowed=tuple(ReturnStatus),
    ),
    Column(
        "growth_index",
        Kind.RETURN,
        "linked wealth of 1 since inception; 0 after a total loss",
        derived_from=_LINKED,
        at_least=0,
    ),
    _money("cumulative_net_flow", "net flows since the first valuation", derived_from=("net_flow",)),
    _return("cumulative_twrr", "growth index - 1, since inception", ("growth_index",)),
    _return("twrr_mtd", "linked since the end of the previous month", _LINKED),
    _return("twrr_qtd", "linked since the end of the previous quarter", _LINKED),
    _return("twrr_ytd", "linked since the end of the previous year", _LINKED),
    _return("twrr_1y", "linked over one year; null where the account has no valuation to start from", _LINKED),
    _return("twrr_3y", "linked over three years, not annualised; null where the account has no valuation to start from", _LINKED),
    _return("twrr_5y", "linked over five years, not annualised; null where the account has no valuation to start from", _LINKED),
    *(
        Column(
            f"twrr_{period}_over_gap",
            Kind.FLAG,
            f"a return within twrr_{period} was undefined and linked as 0; null where twrr_{period} is",
            nullable=True,
            derived_from=(f"twrr_{period}", "last_gap_date"),
        )
        for period in PERIODS
    ),
    *(
        Column(
            f"twrr_{period}_over_missing",
            Kind.FLAG,
            f"valuations are missing within twrr_{period}, or right before it; null where twrr_{period} is",
            nullable=True,
            derived_from=(f"twrr_{period}", "last_missing_date"),
        )
        for period in PERIODS
    ),
    *(
        Column(
            f"twrr_{period}_from",
            Kind.DATE,
            f"the close that twrr_{period} starts from; null where twrr_{period} is",
            nullable=True,
            derived_from=("as_of_date",),
        )
        for period in PERIODS
    ),
    Column("last_gap_date", Kind.DATE, "the account's latest valuation without a return", nullable=True, derived_from=_LINKED),
    Column("linked_over_gap", Kind.FLAG, "a return at or before this row was undefined and linked as 0", derived_from=_LINKED),
    Column(
        "windows_missing",
        Kind.COUNT,
        f"windows without a valuation since the one before, which left a value in the account; {_NOT_KEPT}",
        nullable=True,
        derived_from=("as_of_date", "ending_market_value"),
        at_least=0,
    ),
    Column(
        "last_missing_date",
        Kind.DATE,
        "the account's latest valuation with windows missing before it",
        nullable=True,
        derived_from=("windows_missing",),
    ),
    Column(
        "linked_over_missing",
        Kind.FLAG,
        f"valuations are missing between the account's first and this row; {_NOT_KEPT}",
        nullable=True,
        derived_from=("windows_missing",),
    ),
    Column("inception_date", Kind.DATE, "first valuation of the present episode", derived_from=_LINKED),
    Column(
        "performance_start_date",
        Kind.DATE,
        f"the close that cumulative_twrr starts from: the end of the window before the episode's first valuation; {_NOT_KEPT}",
        nullable=True,
        derived_from=_LINKED,
    ),
    Column(
        "starts_within_window",
        Kind.FLAG,
        f"the episode's first window is a month that began without a value: the account was funded later in it; {_NOT_KEPT}",
        nullable=True,
        derived_from=("beginning_market_value", "inception_date"),
    ),
    Column(
        "is_closed",
        Kind.FLAG,
        "its owner has emptied the account, and nothing has come in since; null where published before it was kept",
        nullable=True,
        derived_from=("net_flow", "ending_market_value", "return_status"),
    ),
    _money(
        "emptied_by",
        "the net outflow that emptied the account; null while it is open",
        nullable=True,
        derived_from=("net_flow", "is_closed"),
    ),
    Column("mtd_base", Kind.RETURN, "growth index at the end of the previous month", derived_from=_LINKED),
    Column("qtd_base", Kind.RETURN, "growth index at the end of the previous quarter", derived_from=_LINKED),
    Column("ytd_base", Kind.RETURN, "growth index at the end of the previous year", derived_from=_LINKED),
    *(
        Column(
            f"{period}_base_date",
            Kind.DATE,
            f"the close that had {period}_base, also where the period has no return; null where nobody knows it",
            nullable=True,
            derived_from=_LINKED,
        )
        for period in ("mtd", "qtd", "ytd")
    ),
    Column(
        "value_unchanged_since",
        Kind.DATE,
        "from this valuation on the ending market value is the same and nothing has flowed; null where stored before it was kept",
        nullable=True,
        derived_from=("ending_market_value", "contributions", "distributions"),
    ),
    Column("window", Kind.DATE, "first day of the pipeline's partition the row is stored in"),
    Column("is_valuation", Kind.FLAG, "false where the row only carries an account's state into a window without its valuation"),
    # groups of accounts, whose amounts are sums over their members
    Column("level", Kind.TEXT, "what the accounts are rolled up to", allowed=tuple(GroupLevel)),
    Column("group_id", Kind.TEXT, "the portfolio or client, as its accounts name it", derived_from=("portfolio_id", "client_id")),
    Column("members", Kind.COUNT, "the group's accounts that are valued on the day", at_least=1),
    Column("missing_members", Kind.COUNT, "its accounts that hold a value and have no valuation on the day", at_least=0),
    Column(
        "roll_up_status",
        Kind.TEXT,
        "OK, or why the day has no sum: no amount of the group is shown then",
        derived_from=("missing_members", "currency"),
        allowed=tuple(RollUpStatus),
    ),
    _money(
        "internal_transfers",
        "flows between members, netted on either side",
        nullable=True,
        derived_from=("contributions", "distributions"),
    ),
    Column(
        "ambiguous_transfers",
        Kind.COUNT,
        "amounts on both sides that may be a transfer, and stay flows; null where none is looked for",
        nullable=True,
        derived_from=("contributions", "distributions"),
        at_least=0,
    ),
    _money("joined_value", "beginning values of accounts that were no members on the group's day before", nullable=True),
    _money(
        "left_value", "ending values, on their last day in the group, of accounts that have left it since the day before", nullable=True
    ),
    Column("last_currency", Kind.TEXT, "the currency of the group's latest day with one", nullable=True, derived_from=("currency",)),
    _money(
        "waiting_left_value",
        "ending values of accounts that have left since the group's latest day, which count as left on its next",
        derived_from=("ending_market_value",),
    ),
    # against the vendor
    _return("twrr_variance", "our return of the period that vendor_twrr covers - vendor_twrr", ("calculated_twrr", "vendor_twrr")),
    Column("twrr_tolerance_check", Kind.FLAG, "the return is within tolerance; null if not compared", nullable=True),
    Column(
        "reconciliation_status",
        Kind.TEXT,
        "COMPLETED_WITH_ISSUES where a figure breaks, PENDING where none could be compared",
        derived_from=("within_tolerance",),
        allowed=tuple(ReconciliationStatus),
    ),
    Column("field_name", Kind.TEXT, "the figure compared, or the field that could not be read"),
    Column("calculated_value", Kind.FIGURE, "our figure", nullable=True),
    Column("vendor_value", Kind.FIGURE, "the vendor's figure", nullable=True),
    Column("variance", Kind.FIGURE, "calculated_value - vendor_value", nullable=True),
    Column("tolerance_threshold", Kind.FIGURE, "the largest variance that passes", at_least=0),
    Column("within_tolerance", Kind.FLAG, "passes; null where the vendor gives no figure", nullable=True),
    Column("likely_cause", Kind.TEXT, "why it breaks, as far as is known", nullable=True, allowed=tuple(Cause)),
    Column("explained_value", Kind.FIGURE, "what our figure would be if the likely cause were put right", nullable=True),
    Column("explained_by", Kind.TEXT, "the likely cause in words, or the key of the feed that would close the break", nullable=True),
    Column("other_causes", Kind.TEXT, "further causes that would give the vendor's figure too, the simplest first", nullable=True),
    Column(
        "factor",
        Kind.FIGURE,
        "the vendor's figure over ours, the same for the whole delivery",
        derived_from=("vendor_value", "calculated_value"),
    ),
    Column("accounts", Kind.COUNT, "how many accounts break because of the factor", at_least=1),
    Column("accounts_compared", Kind.COUNT, "how many accounts of the delivery have both figures", at_least=1),
    Column("results", Kind.COUNT, "figures that the vendor's feed gives", at_least=1),
    Column("compared", Kind.COUNT, "of these, figures that could be compared", at_least=0),
    Column("breaks", Kind.COUNT, "of these, figures outside their tolerance", at_least=0),
    Column("notes", Kind.TEXT, "what a person should know about the comparison", nullable=True),
    # quarantine
    Column("code", Kind.TEXT, "why the row could not become a position", allowed=tuple(sorted(ROW_CODES))),
    Column("reason", Kind.TEXT, "the same as a sentence: column, value, what would make it right"),
    Column("raw_row", Kind.TEXT, "the row as it came: a JSON object of its cells, or the line itself where it did not fit"),
    Column("severity", Kind.TEXT, "how much it matters", allowed=tuple(Severity)),
    Column("first_as_of_date", Kind.DATE, "first day with a position", nullable=True),
    Column("last_as_of_date", Kind.DATE, "last day with a position", nullable=True),
    Column("is_open", Kind.FLAG, "the account held assets at its last valuation"),
    Column(
        "status",
        Kind.TEXT,
        "ACTIVE while it holds assets; CLOSED once its owner has emptied it; EMPTY where it was never funded, or everything was lost",
        derived_from=("ending_market_value", "is_closed"),
        allowed=tuple(AccountStatus),
    ),
    Column("status_date", Kind.DATE, "the valuation since which it holds assets, or none", nullable=True, derived_from=("is_open",)),
)

COLUMNS: dict[str, Column] = {column.name: column for column in _ENTRIES}
if len(COLUMNS) != len(_ENTRIES):
    raise AssertionError("the data dictionary names a column twice")
