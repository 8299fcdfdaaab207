"""What each stage of a pipeline stores: its columns, in order, and its natural key.

A table is a view of the data dictionary. Two kinds of column differ from their entry: a key column is never null, and
``also_nullable`` names those that a particular table may leave empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from advisory_perf.contracts.column_groups import LINKED, PERIOD_RETURNS, POSITION
from advisory_perf.contracts.columns import COLUMNS, Column, Kind
from advisory_perf.contracts.enums import GroupLevel


@dataclass(frozen=True, slots=True)
class Table:
    """One stage's columns and key; ``dictionary`` is where its columns are described."""

    name: str
    meaning: str
    column_names: tuple[str, ...]
    key: tuple[str, ...]
    also_nullable: frozenset[str] = frozenset()
    dictionary: Mapping[str, Column] = field(default_factory=lambda: COLUMNS, compare=False, repr=False)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The entries of the data dictionary, in the table's order."""
        return tuple(self.dictionary[name] for name in self.column_names)

    @property
    def polars_schema(self) -> pl.Schema:
        """Name and type of each column, in order."""
        return pl.Schema({column.name: column.kind.polars for column in self.columns})

    def is_nullable(self, column: Column) -> bool:
        """Whether this table may leave the column empty."""
        return (column.nullable or column.name in self.also_nullable) and column.name not in self.key

    def without(self, *names: str) -> "Table":
        """The same table without some of its columns."""
        left, key = (tuple(name for name in all_of if name not in names) for all_of in (self.column_names, self.key))
        return replace(self, column_names=left, key=key)

    def empty(self) -> pl.DataFrame:
        """A frame of this table without rows."""
        return self.polars_schema.to_frame()


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A stage's table as the warehouse has it: by month of ``as_of_date``, one vendor's days replaced at a time.

    ``history`` is the relation that keeps the rows that were replaced; ``renewed`` a column of the warehouse's own that says when a row
    was last found to be so. ``restated`` are the columns in which a replaced row differs where it is restated. Where a row is of one
    delivery, ``delivered`` are those that the delivery fills: one that comes with others there restates the row of the one before.
    Where ``is_noted``, a publication notes of which accounts, or portfolios and clients, it has changed rows, for what is computed of
    many days; where the rows name portfolios and clients by the way (``group_columns``, each after its level), also of which of these it
    has changed or taken accounts.
    A table that is not ``by_month`` has no partitions.
    """

    table: Table
    history: str | None = None
    renewed: str | None = None
    restated: tuple[str, ...] = ()
    delivered: tuple[str, ...] = ()
    is_noted: bool = False
    group_columns: tuple[tuple[str, str], ...] = ()
    by_month: bool = True

    @property
    def name(self) -> str:
        """The relation's name, which is the stage's."""
        return self.table.name


WHO_AND_WHEN = ("account_id", "as_of_date")

RAW_VENDOR_FILE = "raw_vendor_file"
"""The stage of a delivery's rows as they came, which has the columns of the file and no table of its own."""

DELIVERED_POSITIONS = Table(
    "delivered_positions", "the rows of one delivery that became positions", POSITION, ("delivery_id", *WHO_AND_WHEN)
)

QUARANTINED_ROWS = Table(
    "quarantined_rows",
    "the rows of one delivery that failed validation, whole",
    ("delivery_id", "line_number", "code", "field_name", "reason", "severity", "account_id", "as_of_date", "raw_row"),
    ("delivery_id", "line_number"),
    also_nullable=frozenset({"field_name", "account_id", "as_of_date"}),
)

NORMALIZED_POSITIONS = Table("normalized_positions", "of all deliveries, the row that counts for each account-date", POSITION, WHO_AND_WHEN)

NET_FLOWS = Table(
    "net_flows",
    "net flow and calculated ending market value of each account-date",
    (*WHO_AND_WHEN, "net_flow", "calculated_ending_market_value"),
    WHO_AND_WHEN,
)

TWRR_SERIES = Table(
    "twrr_series",
    "each valuation's sub-period return and linked figures, and the closing cross-section of every window",
    (
        "window",
        *WHO_AND_WHEN,
        "is_valuation",
        "portfolio_id",
        "client_id",
        "currency",
        "ending_market_value",
        "value_unchanged_since",
        *LINKED,
    ),
    ("window", *WHO_AND_WHEN),
    also_nullable=frozenset({"currency"}),
)

RECONCILIATION_RESULTS = Table(
    "reconciliation_results",
    "our figures against the vendor's, one row a figure",
    (
        *WHO_AND_WHEN,
        "data_source",
        "field_name",
        "calculated_value",
        "vendor_value",
        "variance",
        "tolerance_threshold",
        "within_tolerance",
        "likely_cause",
        "explained_value",
        "explained_by",
        "other_causes",
        "notes",
    ),
    ("data_source", *WHO_AND_WHEN, "field_name"),
)

DELIVERY_FACTORS = Table(
    "delivery_factors",
    "figures of a delivery that are off by one factor on a day, with how many accounts break because of it",
    ("data_source", "delivery_id", "as_of_date", "field_name", "factor", "accounts", "accounts_compared"),
    ("data_source", "as_of_date", "field_name", "delivery_id"),
)

RECONCILIATION_TOTALS = Table(
    "reconciliation_totals",
    "how many figures of a delivery's day were compared with the vendor's, and how many break",
    ("data_source", "as_of_date", "field_name", "delivery_id", "results", "compared", "breaks"),
    ("data_source", "as_of_date", "field_name", "delivery_id"),
)

PERFORMANCE_DATA = Table(
    "performance_data",
    "the published performance of each account-date",
    (
        *(name for name in POSITION if not name.endswith("_half_unit")),
        "net_flow",
        "cumulative_net_flow",
        "calculated_ending_market_value",
        "calculated_twrr",
        "return_status",
        "cumulative_twrr",
        *PERIOD_RETURNS,
        "linked_over_gap",
        "windows_missing",
        "linked_over_missing",
        "inception_date",
        "performance_start_date",
        "starts_within_window",
        "is_closed",
        "twrr_variance",
        "twrr_tolerance_check",
        "reconciliation_status",
    ),
    ("data_source", *WHO_AND_WHEN),
)

_SUMS = ("beginning_market_value", "contributions", "distributions", "net_flow", "fees", "ending_market_value")

PORTFOLIO_PERFORMANCE = Table(
    "portfolio_performance",
    "each portfolio's and client's sums and return of a day; in the lake also the closing cross-section of every window",
    (
        "window",
        "data_source",
        "level",
        "group_id",
        "as_of_date",
        "is_valuation",
        "currency",
        *_SUMS,
        "internal_transfers",
        "ambiguous_transfers",
        "joined_value",
        "left_value",
        "members",
        "missing_members",
        "roll_up_status",
        *LINKED,
        "last_currency",
        "waiting_left_value",
    ),
    ("window", "data_source", "level", "group_id", "as_of_date"),
    also_nullable=frozenset({*_SUMS, "currency", "cumulative_net_flow"}),
)

_OF_ACCOUNTS = {
    **COLUMNS,
    "inception_date": Column(
        "inception_date",
        Kind.DATE,
        "the first valuation with money in the account; null before there is one",
        nullable=True,
        derived_from=("beginning_market_value", "contributions", "ending_market_value"),
    ),
}
"""An account has one inception; a return has that of its episode."""

ACCOUNTS = Table(
    "accounts",
    "every account of every vendor, as its latest position has it",
    (
        "data_source",
        "account_id",
        "account_name",
        "account_type",
        "portfolio_id",
        "client_id",
        "currency",
        "first_as_of_date",
        "last_as_of_date",
        "is_open",
        "inception_date",
        "status",
        "status_date",
    ),
    ("data_source", "account_id"),
    dictionary=_OF_ACCOUNTS,
)

_RATE = ("base_currency", "quote_currency", "as_of_date", "rate", "data_source", "file_name", "delivery_id", "line_number")
_PAIR_AND_DAY = ("base_currency", "quote_currency", "as_of_date")

DELIVERED_RATES = Table("delivered_rates", "the rows of one delivery that became exchange rates", _RATE, ("delivery_id", *_PAIR_AND_DAY))

NORMALIZED_RATES = Table("normalized_rates", "of all deliveries, the rate that counts for each pair and day", _RATE, _PAIR_AND_DAY)

EXCHANGE_RATES = Table("exchange_rates", "the published rate of each pair of currencies and day", _RATE, ("data_source", *_PAIR_AND_DAY))

CURRENCY_RETURNS = Table(
    "currency_returns",
    "each account-date's return in account currency and in the reporting currency, and what the currency did",
    (
        "data_source",
        *WHO_AND_WHEN,
        "currency",
        "reporting_currency",
        "beginning_rate_date",
        "beginning_rate",
        "ending_rate",
        "calculated_twrr",
        "return_status",
        "reporting_return",
        "reporting_status",
        "currency_effect",
        "conversion_status",
    ),
    ("data_source", *WHO_AND_WHEN),
)

PUBLISHED_CURRENCY_RETURNS = PublishedTable(CURRENCY_RETURNS, by_month=False)
PUBLISHED_RATES = PublishedTable(EXCHANGE_RATES, history="exchange_rates_history", restated=("rate",), delivered=("rate",), by_month=False)
PUBLISHED_RESULTS = PublishedTable(RECONCILIATION_RESULTS, renewed="reconciliation_date")
RESTATED_BY_DELIVERIES = (
    "beginning_market_value",
    "contributions",
    "distributions",
    "income",
    "appreciation",
    "fees",
    "other_adjustments",
    "ending_market_value",
    "vendor_net_flow",
    "vendor_twrr",
    "benchmark_return",
    "currency",
)
"""What a delivery says of an account-date beside names; a row that has another of these restates it."""

PUBLISHED_PERFORMANCE = PublishedTable(
    PERFORMANCE_DATA,
    history="performance_data_history",
    restated=(*RESTATED_BY_DELIVERIES, "net_flow", "calculated_twrr", "cumulative_net_flow", "cumulative_twrr"),
    delivered=RESTATED_BY_DELIVERIES,
    is_noted=True,
    group_columns=tuple((level.value, level.column) for level in GroupLevel),
)
PUBLISHED_PORTFOLIOS = PublishedTable(
    PORTFOLIO_PERFORMANCE.without(
        "window",
        "is_valuation",
        "last_gap_date",
        "last_missing_date",
        *(f"{period}_base{part}" for period in ("mtd", "qtd", "ytd") for part in ("", "_date")),
        "emptied_by",
        "last_currency",
        "waiting_left_value",
    ),
    history="portfolio_performance_history",
    is_noted=True,
)
PUBLISHED = (PUBLISHED_RESULTS, PUBLISHED_PORTFOLIOS, PUBLISHED_PERFORMANCE)
"""Every published table of positions, in the order in which a publication writes them."""

PUBLISHED_ROWS = (PUBLISHED_PERFORMANCE, PUBLISHED_RATES)
"""Of each dataset the published table whose rows are of one delivery each."""

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        DELIVERED_POSITIONS,
        QUARANTINED_ROWS,
        NORMALIZED_POSITIONS,
        NET_FLOWS,
        TWRR_SERIES,
        RECONCILIATION_RESULTS,
        PORTFOLIO_PERFORMANCE,
        PERFORMANCE_DATA,
        ACCOUNTS,
    )
}

RATE_TABLES: dict[str, Table] = {table.name: table for table in (DELIVERED_RATES, NORMALIZED_RATES, EXCHANGE_RATES, CURRENCY_RETURNS)}
